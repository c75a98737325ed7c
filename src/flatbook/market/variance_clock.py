"""Variance time: the years that volatility has left, where a night, a weekend or a holiday counts less than a session.

Source: domain reference 0 (three clocks) and 4.14; K. French and R. Roll, "Stock return variances", J. Fin. Econ. 17
(1986) 5-26: per hour, variance is many times larger while the exchange is open. Carry stays with `market.clock`.

Time is cut at every open, close and closed day. Whole nanoseconds of each kind are counted as integers and weighted once
at the end, so a clock is additive, never runs backwards, and is exact to the nanosecond within a session however far
away the calendar begins. A night's hours lie half before and half after the closed days it surrounds. The scale makes
the years from the first close to the last equal to calendar years; dated events come on top of them, so that listing
an event changes nothing on any other day. Outside the calendar that was given, variance time is calendar time.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from flatbook.market.clock import NS_PER_DAY, NS_PER_YEAR
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats, Ints

_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0
_SATURDAY = 5

Kinds = NDArray[np.int8]


class TimeKind(IntEnum):
    """What the exchange does in a stretch of time."""

    SESSION = 0
    OVERNIGHT = 1
    WEEKEND = 2
    HOLIDAY = 3
    BEYOND = 4  # outside the calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceWeights:
    """Variance of an hour of each kind, where 1 is the average hour of a trading day; all ones is the calendar clock.

    So `weekend` and `holiday` are also the variance of such a day as a share of a trading day's. The defaults are those
    of a 6.5-hour session with 38 % of the variance in the night: SPY 2010 to 2021 by daily open and close, dividends
    added back, has 0.38 to 0.42 in the night, 0.11 to 0.22 in a weekend day (the lower numbers with the half percent
    of largest moves cut) and 0.04 to 0.08 in a midweek holiday (27 of them).
    """

    session: float = 0.62 * 24.0 / 6.5
    overnight: float = 0.38 * 24.0 / 17.5
    weekend: float = 0.15
    holiday: float = 0.10

    def __post_init__(self) -> None:
        """Refuse weights that no variance can have."""
        for name in ("session", "overnight", "weekend", "holiday"):
            weight = getattr(self, name)
            if not 0.0 <= weight < float("inf"):
                msg = f"variance weight {name}: must be 0 or above and finite, was {weight}"
                raise InvalidValueError(msg)


def weights_of_day(
    *, session_hours: float, overnight_share: float, weekend: float, holiday: float
) -> VarianceWeights:
    """The weights of a market whose night holds a share of a trading day's variance.

    Parameters
    ----------
    session_hours : float
        Length of a regular session, above 0 and below 24.
    overnight_share : float
        Share of a trading day's variance between close and open, 0 to 1.
    weekend, holiday : float
        Variance of a closed day as a share of a trading day's.

    Raises
    ------
    InvalidValueError
        A share or a length that cannot be.
    """
    if not (0.0 < session_hours < 24.0 and 0.0 <= overnight_share <= 1.0):
        msg = (
            f"variance weights: need 0 < session_hours < 24 and 0 <= overnight_share <= 1, "
            f"was {session_hours} and {overnight_share}"
        )
        raise InvalidValueError(msg)
    return VarianceWeights(
        session=(1.0 - overnight_share) * 24.0 / session_hours,
        overnight=overnight_share * 24.0 / (24.0 - session_hours),
        weekend=weekend,
        holiday=holiday,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedEvent:
    """Variance that comes with a known event, on top of the calendar's, in trading days.

    It accrues evenly from `start_ns` to `stop_ns`; where the two are equal it falls at once, and an expiry at that very
    instant still has it, while a valuation at that instant has it behind.
    """

    name: str
    start_ns: int
    stop_ns: int
    trading_days: float

    def __post_init__(self) -> None:
        """Refuse an event that ends before it begins or takes variance away."""
        if not (self.start_ns <= self.stop_ns and 0.0 <= self.trading_days < float("inf")):
            msg = (
                f"dated event {self.name}: need start_ns <= stop_ns and trading_days of 0 or above, "
                f"was {self.start_ns}, {self.stop_ns}, {self.trading_days}"
            )
            raise InvalidValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VarianceClock:
    """Variance time of one market; build it with `variance_clock`.

    Attributes
    ----------
    edges_ns : int64[m]
        Where the kind of time changes, ascending, UTC nanoseconds.
    kinds : int8[m + 1]
        `TimeKind` before the first edge, between edges, after the last.
    elapsed_ns : int64[m, 5]
        Nanoseconds of each kind from the first edge to each edge.
    rates : float64[5]
        Variance years per calendar year of each kind.
    event_start_ns, event_stop_ns : int64[e]
    event_years : float64[e]
        Variance years of each event.
    trading_day_years : float
        Variance years of a trading day of 24 hours.
    """

    edges_ns: Ints
    kinds: Kinds
    elapsed_ns: Ints
    rates: Floats
    event_start_ns: Ints
    event_stop_ns: Ints
    event_years: Floats
    trading_day_years: float

    def tau(self, now_ns: int, then_ns: Ints) -> Floats:
        """Years of variance time from `now_ns` to each instant; 0 for instants that have passed.

        Parameters
        ----------
        now_ns : int
            UTC nanoseconds.
        then_ns : int64[n]
            UTC nanoseconds.

        Returns
        -------
        float64[n]
        """
        then = np.maximum(np.asarray(then_ns, dtype=np.int64), now_ns)
        passed = self._count(then) - self._count(np.array([now_ns], dtype=np.int64))
        years = (passed * self.rates).sum(axis=1) / NS_PER_YEAR
        if self.event_years.size:
            years = years + self._share_of_events(now_ns, then) @ self.event_years
        return np.asarray(years)

    def kind_at(self, instant_ns: Ints) -> Kinds:
        """The `TimeKind` of each instant, int8[n]; an instant on an edge belongs to what follows."""
        return np.asarray(self.kinds[np.searchsorted(self.edges_ns, instant_ns, side="right")])

    def _count(self, instant_ns: Ints) -> Ints:
        """Nanoseconds of each kind from the first edge to each instant, int64[n, 5]; negative before it."""
        edge = np.searchsorted(self.edges_ns, instant_ns, side="right") - 1
        from_edge = np.maximum(edge, 0)
        counted = self.elapsed_ns[from_edge]
        counted[np.arange(instant_ns.size), self.kinds[edge + 1]] += instant_ns - self.edges_ns[from_edge]
        return np.asarray(counted)

    def _share_of_events(self, now_ns: int, then_ns: Ints) -> Floats:
        """Share of each event that falls in (now, then], float64[n, e]."""
        start, stop, then = self.event_start_ns, self.event_stop_ns, then_ns[:, None]
        at_once = (now_ns < start) & (start <= then)
        spread = np.maximum(np.minimum(then, stop) - np.maximum(now_ns, start), 0)
        return np.where(start == stop, at_once, spread / np.maximum(stop - start, 1))


def variance_clock(
    open_ns: Ints, close_ns: Ints, weights: VarianceWeights, events: tuple[DatedEvent, ...] = ()
) -> VarianceClock:
    """The clock of a market from its sessions.

    A session's day is that of its middle in UTC, which is the local day of every exchange between the Americas and
    Australia; the whole days between two sessions are closed days, Saturdays and Sundays of them weekend.

    Parameters
    ----------
    open_ns, close_ns : int64[n]
        Sessions, ascending, UTC nanoseconds; some years of them, so that the scale is that of a long run.
    weights : VarianceWeights
    events : tuple of DatedEvent

    Raises
    ------
    InvalidValueError
        Fewer than two sessions, sessions out of order, or weights that give the calendar no variance.
    """
    open_ns, close_ns = np.asarray(open_ns, dtype=np.int64), np.asarray(close_ns, dtype=np.int64)
    _refuse_disorder(open_ns, close_ns)
    edges, kinds = _edges(open_ns, close_ns)
    elapsed = np.zeros((edges.size, len(TimeKind)), dtype=np.int64)
    np.cumsum(
        np.diff(edges)[:, None] * (kinds[:-1, None] == np.arange(len(TimeKind))), axis=0, out=elapsed[1:]
    )
    hourly = np.array([weights.session, weights.overnight, weights.weekend, weights.holiday, 0.0])
    span = elapsed[-1] - elapsed[np.searchsorted(edges, close_ns[0])]
    weighted = float(span @ hourly)
    if not weighted > 0.0:
        msg = "variance clock: the weights give the whole calendar no variance; raise one of them above 0"
        raise InvalidValueError(msg)
    scale = float(span.sum()) / weighted
    rates = scale * hourly
    rates[TimeKind.BEYOND] = 1.0
    day = scale * NS_PER_DAY / NS_PER_YEAR
    return VarianceClock(
        edges_ns=edges,
        kinds=np.concatenate((np.array([TimeKind.BEYOND], dtype=np.int8), kinds)),
        elapsed_ns=elapsed,
        rates=rates,
        event_start_ns=np.array([event.start_ns for event in events], dtype=np.int64),
        event_stop_ns=np.array([event.stop_ns for event in events], dtype=np.int64),
        event_years=np.array([event.trading_days * day for event in events], dtype=np.float64),
        trading_day_years=day,
    )


def even_clock(events: tuple[DatedEvent, ...]) -> VarianceClock:
    """The clock of a market without a calendar: calendar time, and dated events in days of it."""
    day = NS_PER_DAY / NS_PER_YEAR
    rates = np.zeros(len(TimeKind))
    rates[TimeKind.BEYOND] = 1.0
    return VarianceClock(
        edges_ns=np.zeros(1, dtype=np.int64),
        kinds=np.full(2, TimeKind.BEYOND, dtype=np.int8),
        elapsed_ns=np.zeros((1, len(TimeKind)), dtype=np.int64),
        rates=rates,
        event_start_ns=np.array([event.start_ns for event in events], dtype=np.int64),
        event_stop_ns=np.array([event.stop_ns for event in events], dtype=np.int64),
        event_years=np.array([event.trading_days * day for event in events], dtype=np.float64),
        trading_day_years=day,
    )


def _refuse_disorder(open_ns: Ints, close_ns: Ints) -> None:
    in_order = (
        open_ns.ndim == 1
        and open_ns.shape == close_ns.shape
        and open_ns.size >= 2
        and bool((open_ns < close_ns).all())
        and bool((close_ns[:-1] <= open_ns[1:]).all())
    )
    if not in_order:
        msg = (
            f"variance clock: need two sessions or more in ascending order, each open before its close and none "
            f"before the last has ended; found {open_ns.size} opens and {close_ns.size} closes"
        )
        raise InvalidValueError(msg)


def _edges(open_ns: Ints, close_ns: Ints) -> tuple[Ints, Kinds]:
    """Every instant at which the kind of time changes, and the kind that follows it."""
    day = (open_ns + (close_ns - open_ns) // 2) // NS_PER_DAY
    closed = np.maximum(np.diff(day) - 1, 0)
    first = np.repeat(np.arange(closed.size), closed)
    number = np.arange(first.size) - np.repeat(np.cumsum(closed) - closed, closed)
    night = np.maximum(open_ns[1:] - close_ns[:-1] - closed * NS_PER_DAY, 0)
    starts = np.minimum(close_ns[:-1][first] + night[first] // 2 + number * NS_PER_DAY, open_ns[1:][first])
    weekend = (day[:-1][first] + 1 + number + _EPOCH_WEEKDAY) % 7 >= _SATURDAY
    last = number == closed[first] - 1
    after_closed = np.minimum(starts + NS_PER_DAY, open_ns[1:][first])[last]
    instants = np.concatenate((open_ns, close_ns, starts, after_closed))
    kinds = np.concatenate(
        (
            np.full(open_ns.size, TimeKind.SESSION),
            np.append(np.full(close_ns.size - 1, TimeKind.OVERNIGHT), TimeKind.BEYOND),
            np.where(weekend, TimeKind.WEEKEND, TimeKind.HOLIDAY),
            np.full(after_closed.size, TimeKind.OVERNIGHT),
        )
    ).astype(np.int8)
    rank = np.concatenate(
        (
            np.full(open_ns.size, 3),
            np.zeros(close_ns.size),
            np.full(starts.size, 1),
            np.full(after_closed.size, 2),
        )
    )
    order = np.lexsort((rank, instants))
    return instants[order], kinds[order]
