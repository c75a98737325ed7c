"""The volatility that a price implies, and the reason where it implies none.

Sources: S. Manaster and G. Koehler, "The calculation of implied variances from the Black-Scholes model", J. Finance
37 (1982) 227-230, for a start from which Newton's steps cannot diverge; P. Jaeckel, "By implication", Wilmott (2006)
60-66, for the choice of objective on each side of the inflection; Halley's step. American prices are inverted by a
bracketed secant on the tree.
Holds: the answer solves the price inside a bracket, or is NaN with a reason.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.black import price_one as price_black
from flatbook.kernels.black import time_value
from flatbook.kernels.lattice import SCRATCH_ROWS, STEPS_MIN
from flatbook.kernels.normal import log_ratio, normal_cdf, normal_density
from flatbook.kernels.tree import price_one as price_tree
from flatbook.kernels.tree import star_of

Floats = NDArray[np.float64]
Reasons = NDArray[np.int8]

OK, BELOW_INTRINSIC, ABOVE_BOUND, NO_TIME_VALUE, EXPIRED, NOT_FINITE = range(6)

_INFINITE = math.inf
_NAN = math.nan
_ROUNDS_MAX = 60
_SETTLED = 1e-6  # relative step after which the next, cubically smaller, is below float64
_LAST_DIGIT = 1e-15
_DEVIATION_MAX = 100.0
_VOL_TOLERANCE = 1e-7
_VOL_START = 0.3
_VOL_MAX = 20.0
_TREE_DEVIATION_MAX = 30.0


@njit(cache=True, error_model="numpy")
def implied_vol_european(
    price: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    sign: Floats,
    noise: Floats,
) -> tuple[Floats, Reasons]:
    """Find the vol at which `black.price_european` meets each price.

    Parameters
    ----------
    price : float64[n]
        Price units.
    forward, strike, years, discount, sign : float64[n]
        As for `black.price_european`.
    noise : float64[n]
        Smallest difference in price that means something, 0 or above; half of it is the least time value inverted.

    Returns
    -------
    vol : float64[n]
        Annual decimal; NaN where the reason is not OK. Relative error about 1e-12 where the price holds that much.
    reason : int8[n]
        OK; BELOW_INTRINSIC and ABOVE_BOUND: an arbitrage; NO_TIME_VALUE: closer than noise/2 to the discounted
        intrinsic value; EXPIRED: no time left; NOT_FINITE: NaN, or outside the model.
    """
    vol = np.empty(price.size)
    reason = np.empty(price.size, dtype=np.int8)
    for i in range(price.size):
        vol[i], reason[i] = _european(
            price[i], forward[i], strike[i], years[i], discount[i], sign[i], noise[i]
        )
    return vol, reason


@njit(cache=True, error_model="numpy")
def implied_vol_american(
    price: Floats,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    sign: Floats,
    noise: Floats,
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
) -> tuple[Floats, Reasons]:
    """Find the vol at which `tree.price_american` meets each price.

    Parameters
    ----------
    price, noise : float64[n]
        As for `implied_vol_european`.
    spot, strike, years, rate, dividend_yield, sign, steps, dividend_years, dividend_amounts
        As for `tree.price_american`.

    Returns
    -------
    vol : float64[n]
        Annual decimal within 1e-7, at most 20; NaN where the reason is not OK. Deep in the money the tree is flat
        in vol, and it may wave by 1e-4 of the price at cash dividends: the answer is then one of the vols that fit.
    reason : int8[n]
        As for `implied_vol_european`; intrinsic means the best exercise at zero vol, now or later.
    """
    vol = np.empty(price.size)
    reason = np.empty(price.size, dtype=np.int8)
    scratch = np.empty((SCRATCH_ROWS, max(steps, STEPS_MIN) + 4))
    for i in range(price.size):
        option = (spot[i], strike[i], years[i], 0.0, rate[i], dividend_yield[i], sign[i])
        vol[i], reason[i] = _american(
            price[i], noise[i], option, steps, dividend_years, dividend_amounts, scratch
        )
    return vol, reason


@njit(cache=True, error_model="numpy")
def _european(
    price: float, forward: float, strike: float, years: float, discount: float, sign: float, noise: float
) -> tuple[float, int]:
    intrinsic = price_black(forward, strike, years, 0.0, discount, sign)  # NaN outside the model
    if not (abs(price) < _INFINITE and intrinsic < _INFINITE and noise >= 0.0):
        return _NAN, NOT_FINITE
    if years == 0.0:
        return _NAN, EXPIRED
    extra = price - intrinsic
    if extra < -0.5 * noise:
        return _NAN, BELOW_INTRINSIC
    if not extra > 0.0 or extra < 0.5 * noise:
        return _NAN, NO_TIME_VALUE
    if extra >= discount * min(forward, strike):
        return _NAN, ABOVE_BOUND
    deviation = _deviation(extra / discount, min(forward, strike), max(forward, strike))
    return deviation / math.sqrt(years), OK


@njit(cache=True, error_model="numpy")
def _deviation(target: float, low: float, high: float) -> float:
    """Total deviation s at which `time_value(low, high, s)` is `target`, which is above zero and below `low`.

    The value is convex in s up to sqrt(2 ln(high/low)) and concave above: left of it the logarithm of the value is
    followed, right of it the value, and near its bound the logarithm of what is left below the bound.
    """
    distance = -log_ratio(low, high)
    inflection = math.sqrt(2.0 * distance)
    middle = time_value(low, high, inflection)
    left = target < middle
    near_bound = target > 0.5 * (middle + low)
    if left:
        start, end = 0.0, inflection
        s = min(distance / math.sqrt(-2.0 * math.log(target / low)), inflection)
    else:
        start, end = inflection, _DEVIATION_MAX
        s = min(inflection + (target - middle) / _slope(low, high, distance, inflection), 0.5 * end)
    for _ in range(_ROUNDS_MAX):
        value = time_value(low, high, s)
        if value < target:
            start = s
        else:
            end = s
        step = _halley(s, value, target, low, high, left, near_bound)
        settled = abs(step) <= _SETTLED * s
        if not start <= s + step <= end:
            step = 0.5 * (start + end) - s
            settled = abs(step) <= _LAST_DIGIT * s
        s += step
        if settled:
            break
    return s


@njit(cache=True, error_model="numpy")
def _slope(low: float, high: float, distance: float, s: float) -> float:
    h = distance / s if distance > 0.0 else 0.0
    return math.sqrt(low) * math.sqrt(high) * normal_density(math.sqrt(h * h + 0.25 * s * s))


@njit(cache=True, error_model="numpy")
def _halley(
    s: float, value: float, target: float, low: float, high: float, left: bool, near_bound: bool
) -> float:
    distance = -log_ratio(low, high)
    slope = _slope(low, high, distance, s)
    bend = distance * distance / (s * s * s) - 0.25 * s  # of the value, over its slope
    if not (slope > 0.0 and value > 0.0):
        return s  # underflow: try twice the guess
    if left:
        newton = math.log(target / value) * value / slope
        bend -= slope / value
    elif near_bound:
        room = low * normal_cdf(distance / s - 0.5 * s) + high * normal_cdf(-distance / s - 0.5 * s)
        newton = math.log(room / (low - target)) * room / slope
        bend += slope / room
    else:
        newton = (target - value) / slope
    return newton / (1.0 + 0.5 * newton * bend)


@njit(cache=True, error_model="numpy")
def _american(
    price: float,
    noise: float,
    option: tuple[float, float, float, float, float, float, float],
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
    scratch: Floats,
) -> tuple[float, int]:
    years, rate, dividend_yield, sign = option[2], option[4], option[5], option[6]
    least = price_tree(option, steps, dividend_years, dividend_amounts, scratch)  # its vol is 0
    if not (abs(price) < _INFINITE and least < _INFINITE and noise >= 0.0):
        return _NAN, NOT_FINITE
    if years == 0.0:
        return _NAN, EXPIRED
    extra = price - least
    if extra < -0.5 * noise:
        return _NAN, BELOW_INTRINSIC
    if not extra > 0.0 or extra < 0.5 * noise:
        return _NAN, NO_TIME_VALUE

    star = star_of(option, steps, dividend_years, dividend_amounts)
    forward = star * math.exp((rate - dividend_yield) * years)
    start, reason = _european(price, forward, option[1], years, math.exp(-rate * years), sign, 0.0)
    highest = min(_VOL_MAX, _TREE_DEVIATION_MAX / math.sqrt(years))
    if reason != OK:
        start = min(_VOL_START, 0.5 * highest)
    if reason != OK or start >= highest:
        at_highest = _with_vol(option, highest)
        if price >= price_tree(at_highest, steps, dividend_years, dividend_amounts, scratch):
            return _NAN, ABOVE_BOUND
    start = min(start, 0.5 * highest)
    slope = _slope(min(forward, option[1]), max(forward, option[1]), 0.0, start * math.sqrt(years))
    return _secant(
        price,
        start,
        highest,
        slope * math.sqrt(years),
        option,
        steps,
        dividend_years,
        dividend_amounts,
        scratch,
    ), OK


@njit(cache=True, error_model="numpy")
def _with_vol(
    option: tuple[float, float, float, float, float, float, float], vol: float
) -> tuple[float, float, float, float, float, float, float]:
    return option[0], option[1], option[2], vol, option[4], option[5], option[6]


@njit(cache=True, error_model="numpy")
def _secant(
    price: float,
    vol: float,
    high: float,
    slope: float,
    option: tuple[float, float, float, float, float, float, float],
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
    scratch: Floats,
) -> float:
    low, width = 0.0, high
    vol_before, gap_before = vol, 0.0
    for round_ in range(_ROUNDS_MAX):
        gap = price_tree(_with_vol(option, vol), steps, dividend_years, dividend_amounts, scratch) - price
        if vol != vol_before and gap != gap_before:
            slope = (gap - gap_before) / (vol - vol_before)
        if gap < 0.0:
            low = vol
        else:
            high = vol
        vol_before, gap_before = vol, gap
        target = vol - gap / slope
        # Every third round the bracket must have halved, or it is halved here.
        stuck = round_ % 3 == 2 and high - low > 0.5 * width
        if round_ % 3 == 2:
            width = high - low
        if stuck or not low <= target <= high:
            target = math.sqrt(low * high) if low > 0.0 else 0.5 * high
        vol = target
        if abs(vol - vol_before) <= _VOL_TOLERANCE or high - low <= _VOL_TOLERANCE:
            break
    return vol
