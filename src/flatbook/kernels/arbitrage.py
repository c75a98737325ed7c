"""Whether a smile or a pair of smiles can be arbitraged: the density's sign, and the order of total variances.

Sources: J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14 (2014) 59-71,
lemma 2.1 (calendar) and section 2.2 (g); R. Lee, "The moment formula for implied volatility at extreme strikes",
Mathematical Finance 14 (2004) 469-480 (wings).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.normal import normal_cdf, normal_density
from flatbook.kernels.smile_row import DEVIATION, INTERVALS, KNOT, STEP, smile_at
from flatbook.kernels.svi import M, S

Floats = NDArray[np.float64]

POINTS = 401
_NAN = math.nan
_G_MIN, _GAP_MIN = 5e-4, 1e-4  # what the space between grid points may take away
_ROUNDING = 1.0 - 1e-12


@njit(cache=True, error_model="numpy")
def butterfly_at(k: float, w: float, slope: float, bend: float) -> float:
    """g(k) from total variance and its derivatives in k; below zero the density is, NaN where w is not above zero."""
    if not w > 0.0:
        return _NAN
    ease = 1.0 - 0.5 * k * slope / w
    return ease * ease - 0.25 * slope * slope * (1.0 / w + 0.25) + 0.5 * bend


@njit(cache=True, error_model="numpy")
def butterfly(log_moneyness: Floats, w: Floats, slope: Floats, bend: Floats) -> Floats:
    """`butterfly_at` for each point, float64[n]."""
    out = np.empty(w.size)
    for i in range(w.size):
        out[i] = butterfly_at(log_moneyness[i], w[i], slope[i], bend[i])
    return out


@njit(cache=True, error_model="numpy")
def least_butterfly(row: Floats, low_k: float, high_k: float) -> float:
    """The least g of a smile row on POINTS even points; -inf where total variance is not above zero."""
    least = math.inf
    for i in range(POINTS):
        k = low_k + (high_k - low_k) * i / (POINTS - 1)
        w, slope, bend = smile_at(row, k)
        g = butterfly_at(k, w, slope, bend)
        if not g > -math.inf:
            return -math.inf
        least = min(least, g)
    return least


@njit(cache=True, error_model="numpy")
def least_calendar_gap(sooner: Floats, later: Floats, low_k: float, high_k: float) -> float:
    """The least rise of total variance between two smile rows on POINTS even points, relative to the sooner one's."""
    least = math.inf
    for i in range(POINTS):
        k = low_k + (high_k - low_k) * i / (POINTS - 1)
        before = smile_at(sooner, k)[0]
        gap = smile_at(later, k)[0] / before - 1.0
        if not gap > -math.inf:
            return -math.inf
        least = min(least, gap)
    return least


@njit(cache=True, error_model="numpy")
def wing_slopes(row: Floats) -> tuple[float, float]:
    """How steeply total variance rises in |k| far to the left and to the right: at most 2 (Lee 2004)."""
    return row[1] * (1.0 - row[2]), row[1] * (1.0 + row[2])


@njit(cache=True, error_model="numpy")
def call_slope(row: Floats, k: float) -> float:
    """Derivative of a call in its strike, forward and discount 1: -N(d2) + n(d2) d sqrt(w) / dk, from -1 to 0."""
    w, slope, _ = smile_at(row, k)
    if not w > 0.0:
        return _NAN
    root = math.sqrt(w)
    d2 = -k / root - 0.5 * root
    steepness = normal_density(d2) * 0.5 * slope / root
    return float(steepness - normal_cdf(d2) if d2 < 0.0 else steepness + normal_cdf(-d2) - 1.0)


@njit(cache=True, error_model="numpy")
def is_safe(row: Floats, floor: Floats, reach: tuple[float, float, float]) -> bool:
    """Whether a smile row has a density, wings that rise within Lee's bound, and no total variance under `floor`'s.

    A density to infinity needs call prices to fall, by no more than strikes rise, at either end. The rest is checked on
    POINTS even points of |k| up to reach[0] and up to reach[1], on as many up to reach[2] that are dense at the money,
    in units of either smile and at the vertex of SVI, and at the spline's knots, where its third derivative jumps.
    """
    left, right = wing_slopes(row)
    if not (0.0 <= left <= 2.0 and 0.0 <= right <= 2.0):
        return False
    has_floor = floor[DEVIATION] > 0.0
    if has_floor:
        floor_left, floor_right = wing_slopes(floor)
        if not (left >= floor_left * _ROUNDING and right >= floor_right * _ROUNDING):
            return False
    for edge in reach:
        if not (call_slope(row, -edge) + 1.0 >= 0.0 and call_slope(row, edge) <= 0.0):
            return False
    return _is_safe_on_grids(row, floor, reach)


@njit(cache=True, error_model="numpy")
def _is_safe_on_grids(row: Floats, floor: Floats, reach: tuple[float, float, float]) -> bool:
    own, pair, far = reach
    has_floor = floor[DEVIATION] > 0.0
    bent, sharp = math.asinh(far / row[DEVIATION]), math.asinh(far / row[S])
    for i in range(POINTS):
        at = 2.0 * i / (POINTS - 1) - 1.0
        dense, denser = row[DEVIATION] * math.sinh(bent * at), row[M] + row[S] * math.sinh(sharp * at)
        for k in (pair * at, dense, denser):
            if not _is_safe_at(row, floor, k):
                return False
        if own != pair and not _is_safe_at(row, floor, own * at):
            return False
        if has_floor and not _is_safe_at(row, floor, floor[DEVIATION] * math.sinh(bent * at)):
            return False
    for i in range(int(row[INTERVALS])):
        if not _is_safe_at(row, floor, row[DEVIATION] * math.sinh(row[KNOT] + row[STEP] * i)):
            return False
    return True


@njit(cache=True, error_model="numpy")
def _is_safe_at(row: Floats, floor: Floats, k: float) -> bool:
    w, slope, bend = smile_at(row, k)
    if not butterfly_at(k, w, slope, bend) >= _G_MIN:
        return False
    return not floor[DEVIATION] > 0.0 or w >= smile_at(floor, k)[0] * (1.0 + _GAP_MIN)
