"""What a strike's volatility does when its expiry's smile moves by one point of level, of skew, or of curvature.

Level is the volatility at ln(K/F) = 0, skew the 25-delta risk reversal (call less put), curvature the 25-delta butterfly (mean of
call and put less the level); each is bumped alone, at the strikes that have those deltas before the bump. The bump is one
of the fitted parameters: total variance w = a + b (rho (k - m) + sqrt((k - m)^2 + s^2)) + spline is linear in a, b rho and b, so
what they can do at fixed m, s and spline is the span of 1, k and sqrt((k - m)^2 + s^2), and three of them make the three
factors. An expiry read from two rows has both bumped alike. Source: domain reference 1.2.4; A.1 for the delta, of the forward
and not discounted; `kernels.smile_row` for the smile.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from flatbook.kernels import svi
from flatbook.market.surface import NO_KEY, Surface
from flatbook.market.view import MarketView
from flatbook.model.table import Floats, Ints

LEVEL, SKEW, CURVATURE = range(3)
SMILE_NAMES = ("level", "skew", "curvature")
NO_SURFACE = (
    "no surface speaks of its expiry: skew and curvature are unknown, the level moves all strikes alike"
)
NO_QUARTER_DELTA = "its smile has no strikes of 25 delta, or no parameters that move them apart"

_QUARTER = -NormalDist().inv_cdf(0.25)
_TURNS = 60
_STILL = 1e-12  # in ln(K/F)
_CONDITION_MAX = 1e8


@dataclass(frozen=True, slots=True, kw_only=True)
class SmileShapes:
    """Change of volatility at the strike of each row, points per point of its own expiry's factor."""

    shape: Floats  # float64[n, 3]: LEVEL, SKEW, CURVATURE; NaN with a reason
    reasons: dict[int, str]  # position in the rows asked for: why skew and curvature are NaN


def quarter_deltas(surface: Surface) -> tuple[Floats, Floats]:
    """ln(K/F) of the 25-delta put and call of each slice, float64[s] each; NaN where the smile has none.

    With v = vol(k) sqrt(T), the call's is where d1 = -k / v + v / 2 is the quantile of a quarter: k = z v + v^2 / 2; by iteration.
    """
    slices, out = np.arange(surface.years.size), []
    for z in (-_QUARTER, _QUARTER):
        k, step = np.zeros(slices.size), np.full(slices.size, np.inf)
        for _ in range(_TURNS):
            deviation = surface.vol(slices, k) * np.sqrt(surface.years)
            fresh = z * deviation + 0.5 * deviation**2
            still = np.array_equal(fresh, k, equal_nan=True)
            step, k = np.abs(fresh - k), fresh
            if still:  # to the bit: further turns change nothing
                break
        out.append(np.where(step < _STILL, k, np.nan))
    return out[0], out[1]


def smile_shapes(market: MarketView, rows: Ints) -> SmileShapes:
    """How the volatility of each option follows its expiry's three factors.

    Parameters
    ----------
    market : MarketView
    rows : int64[n]
        Options.
    """
    table = market.table
    shape = np.column_stack((np.ones(rows.size), np.full((rows.size, 2), np.nan)))
    reasons: dict[int, str] = {}
    at = np.append(market.slice_in_surface, NO_KEY)[table.slice_of[rows]]
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.log(table.strike[rows] / market.forward[rows])
    for u in np.unique(table.underlying_of[rows]).tolist():
        mine = np.flatnonzero(table.underlying_of[rows] == u)
        surface = market.surfaces[u]
        if surface is None:
            reasons |= dict.fromkeys(mine.tolist(), NO_SURFACE)
            continue
        low, high = quarter_deltas(surface)
        for s in np.unique(at[mine]).tolist():
            here = mine[at[mine] == s]
            solved = None if s == NO_KEY else _factors(surface, s, float(low[s]), float(high[s]))
            if solved is None:
                reason = NO_SURFACE if s == NO_KEY else NO_QUARTER_DELTA
                reasons |= dict.fromkeys(here.tolist(), reason)
                continue
            shape[here] = _vol_change(surface, s, k[here]) @ solved
    return SmileShapes(shape=shape, reasons=reasons)


def _factors(surface: Surface, s: int, low: float, high: float) -> Floats | None:
    """The parameters that make one point of each factor alone, as columns; None where there are none."""
    at = _vol_change(surface, s, np.array([0.0, low, high]))
    told = np.vstack(
        (at[0], at[2] - at[1], 0.5 * (at[1] + at[2]) - at[0])
    )  # level, skew, curvature of each parameter
    if not np.isfinite(told).all() or np.linalg.cond(told) > _CONDITION_MAX:
        return None
    return np.asarray(np.linalg.inv(told))


def _vol_change(surface: Surface, s: int, k: Floats) -> Floats:
    """Change of volatility at each `k` for one unit of each parameter of total variance, float64[n, 3].

    The parameters are in units of one standard deviation, so that they are alike in size.
    """
    vol = surface.vol(np.full(k.size, s), np.ascontiguousarray(k))
    unit = surface.vol(np.array([s]), np.zeros(1))[0] * np.sqrt(surface.years[s])
    bend = np.zeros(k.size)
    for row, share in zip(surface.of[s].tolist(), surface.share[s].tolist(), strict=True):
        if share > 0.0:
            parameters = surface.rows[row]
            bend += share * np.hypot(k - parameters[svi.M], parameters[svi.S])
    basis = np.column_stack((np.ones(k.size), k / unit, bend / unit))
    return np.asarray(basis / (2.0 * vol * surface.years[s])[:, None])
