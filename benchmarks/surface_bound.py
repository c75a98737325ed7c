"""How many bids and offers any surface without arbitrage could lie between: a mixed-integer linear programme.

Calls on a forward of 1 are convex in the strike, fall by no more than strikes rise from 1 at strike 0, and at equal
moneyness never fall with time (P. Carr and D. Madan, "A note on sufficient conditions for no arbitrage", Finance
Research Letters 2 (2005) 125-130). Every such surface has prices at all quoted strikes that meet these linear
conditions, so the largest number of bands met under them, or SciPy's bound on that number where its time is up, is met
by no surface by more. SciPy solves by HiGHS, to its tolerance of 1e-6 in the units of prices here.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix
from scipy.special import ndtr

from flatbook.market.surface import SmilePointsTable
from flatbook.model.table import Bools, Floats, Ints

JOINT_MOST = 1_200  # quotes of a surface: beyond, each expiry is taken alone, which bounds less tightly
_SECONDS = 15.0
_GAP = 1e-3
_UNIT = 1e3  # prices are counted in thousandths of the forward


@dataclass(slots=True)
class _Rows:
    """A sparse matrix under construction."""

    number: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, columns: list[int], values: list[float], low: float, high: float) -> None:
        """One more row: low <= values . x[columns] <= high."""
        self.number += [len(self.low)] * len(columns)
        self.column += columns
        self.value += values
        self.low.append(low)
        self.high.append(high)


def most_met(points: SmilePointsTable) -> tuple[int, int, bool]:
    """An upper bound on the two-sided quotes that one surface meets, their number, and whether it minds the calendar."""
    two_sided = (points.vol_bid >= 0.0) & (points.vol_ask >= points.vol_bid)
    two_sided &= points.years[points.slice_index] > 0.0
    count = int(two_sided.sum())
    if count <= JOINT_MOST:
        return _bound(points, two_sided), count, True
    return (
        sum(_bound(points, two_sided & (points.slice_index == s)) for s in range(points.years.size)),
        count,
        False,
    )


def _bound(points: SmilePointsTable, used: Bools) -> int:
    count = int(used.sum())
    if count < 2:
        return count
    strikes, at = np.unique(np.round(np.exp(points.log_moneyness[used]), 12), return_inverse=True)
    in_time = [s for s in np.argsort(points.years).tolist() if (used & (points.slice_index == s)).any()]
    rows = _Rows()
    for j in range(len(in_time)):
        _add_no_arbitrage(rows, strikes, j)
    _add_bands(rows, points, used, strikes, at, in_time)
    prices = len(in_time) * strikes.size
    least = np.concatenate([np.tile(np.maximum(1.0 - strikes, 0.0) * _UNIT, len(in_time)), np.zeros(count)])
    most = np.concatenate([np.full(prices, _UNIT), np.ones(count)])
    is_band = np.arange(prices + count) >= prices
    found = milp(
        -is_band.astype(np.float64),
        constraints=LinearConstraint(
            csr_matrix((rows.value, (rows.number, rows.column)), shape=(len(rows.low), prices + count)),
            rows.low,
            rows.high,
        ),
        integrality=is_band.astype(np.float64),
        bounds=Bounds(least, most),
        options={"time_limit": _SECONDS, "mip_rel_gap": _GAP},
    )
    bound = found.get("mip_dual_bound")
    return count if bound is None else min(count, int(np.floor(-bound + 1e-6)))


def _add_no_arbitrage(rows: _Rows, strikes: Floats, j: int) -> None:
    """Convexity in the strike, also with the forward itself at strike 0, and no fall since the expiry before."""
    start, n = j * strikes.size, strikes.size
    wide = np.diff(strikes)
    if n > 1:
        lean = wide[0] / strikes[0]
        rows.add([start + 1, start], [1.0, -1.0 - lean], -lean * _UNIT, np.inf)
        rows.add([start + n - 1, start + n - 2], [1.0, -1.0], -np.inf, 0.0)
    for i in range(1, n - 1):
        lean = wide[i - 1] / wide[i]
        rows.add([start + i + 1, start + i, start + i - 1], [lean, -lean - 1.0, 1.0], 0.0, np.inf)
    if j > 0:
        for i in range(n):
            rows.add([start + i, start - n + i], [1.0, -1.0], 0.0, np.inf)


def _add_bands(
    rows: _Rows, points: SmilePointsTable, used: Bools, strikes: Floats, at: Ints, in_time: list[int]
) -> None:
    """Each quote's price between its bid and its offer where its own number is 1, anything where it is 0."""
    years = points.years[points.slice_index[used]]
    k = points.log_moneyness[used]
    low, high = (_call(k, vol[used] ** 2 * years) for vol in (points.vol_bid, points.vol_ask))
    place = {s: j for j, s in enumerate(in_time)}
    first = len(in_time) * strikes.size
    for i, s in enumerate(points.slice_index[used].tolist()):
        column, exercise = place[s] * strikes.size + int(at[i]), max(1.0 - float(strikes[at[i]]), 0.0)
        rows.add([column, first + i], [1.0, (exercise - low[i]) * _UNIT], exercise * _UNIT, np.inf)
        rows.add([column, first + i], [1.0, (1.0 - high[i]) * _UNIT], -np.inf, _UNIT)


def _call(k: Floats, variance: Floats) -> Floats:
    """Black's call on a forward of 1."""
    root = np.sqrt(np.maximum(variance, 1e-16))
    d1 = -k / root + 0.5 * root
    return np.asarray(ndtr(d1) - np.exp(k) * ndtr(d1 - root))
