"""Daily closes of several underlyings as moves of the same days: what covariances and historical scenarios are made of.

All moves of a row span the same time: a day on which one underlying has no close though it trades before and after (a holiday
of its exchange, a weekend beside a coin) is left out for all, and the next move spans it for all. An underlying without a
close for longer than ten calendar days has no move over that hole, and the days of the others stand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from flatbook.market.clock import NS_PER_DAY
from flatbook.model.events import HistorySeen
from flatbook.model.table import Floats, Ints

HOLE_DAYS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Moves from one aligned day to the next, d rows, in order of time."""

    underlyings: tuple[str, ...]
    day_ns: Ints  # int64[d]: the day that a move ends on, as the instant at which it begins in UTC
    days: Floats  # float64[d]: calendar days that the move spans
    moves: Floats  # float64[d, U] relative: 0.01 is +1 %; NaN where not known
    vol_points: Floats  # float64[d, U]: change of 30-day volatility in points of 0.01; NaN where not known

    @property
    def count(self) -> Ints:
        """How many moves of each underlying are known, int64[U]."""
        return np.asarray(np.isfinite(self.moves).sum(axis=0))

    @property
    def vol_count(self) -> Ints:
        """How many changes of its volatility, int64[U]."""
        return np.asarray(np.isfinite(self.vol_points).sum(axis=0))

    def of(self, underlyings: tuple[str, ...]) -> "History":
        """The columns of these underlyings in their order; all NaN where nothing was seen of one."""
        at = [self.underlyings.index(name) if name in self.underlyings else -1 for name in underlyings]
        unknown = np.full((self.day_ns.size, 1), np.nan)
        return replace(
            self,
            underlyings=underlyings,
            moves=np.hstack((self.moves, unknown))[:, at],
            vol_points=np.hstack((self.vol_points, unknown))[:, at],
        )


def no_history(underlyings: tuple[str, ...] = ()) -> History:
    """The history of what nobody has seen."""
    none = np.empty((0, len(underlyings)))
    return History(
        underlyings=underlyings,
        day_ns=np.empty(0, dtype=np.int64),
        days=np.empty(0),
        moves=none,
        vol_points=none.copy(),
    )


def align(seen: Mapping[str, HistorySeen]) -> History:
    """The moves of all underlyings over the days that they share."""
    underlyings = tuple(seen)
    own = [np.array(one.day_ns, dtype=np.int64) for one in seen.values()]
    union = np.unique(np.concatenate(own)) if own else np.empty(0, dtype=np.int64)
    if union.size < 2:
        return no_history(underlyings)
    close, vol = (np.full((union.size, len(own)), np.nan) for _ in range(2))
    stretch = np.full((union.size, len(own)), -1)  # which stretch without a hole a day is in, -1 for none
    for u, (days, one) in enumerate(zip(own, seen.values(), strict=True)):
        at = np.searchsorted(union, days)
        close[at, u] = one.close
        vol[at, u] = [np.nan if value is None else value for value in one.vol] or np.nan
        stretch[:, u] = _stretches(union, days)
    shared = ~((stretch >= 0) & np.isnan(close)).any(axis=1)
    day_ns, close, vol, stretch = union[shared], close[shared], vol[shared], stretch[shared]
    joined = (stretch[1:] == stretch[:-1]) & (stretch[1:] >= 0)
    return History(
        underlyings=underlyings,
        day_ns=day_ns[1:],
        days=np.diff(day_ns) / NS_PER_DAY,
        moves=np.where(joined, close[1:] / close[:-1] - 1.0, np.nan),
        vol_points=np.where(joined, (vol[1:] - vol[:-1]) * 100.0, np.nan),
    )


def _stretches(union: Ints, days: Ints) -> Ints:
    """The number of the stretch without a hole that each day of `union` lies in, int64[D]; -1 outside all."""
    holes = np.flatnonzero(np.diff(days) > HOLE_DAYS * NS_PER_DAY)
    first = days[np.concatenate(([0], holes + 1))]
    last = days[np.concatenate((holes, [days.size - 1]))]
    number = np.searchsorted(first, union, side="right") - 1
    inside = (number >= 0) & (union <= last[np.maximum(number, 0)])
    return np.where(inside, number, -1)
