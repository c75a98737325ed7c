"""The volatility that a European price implies, in tiles of 128 quotes: a closed-form start and two fixed steps.

Sources: the start inverts G. Polya's approximation of the normal probability, 1/2 +- sqrt(1 - exp(-2 d^2 / pi)) / 2,
("Remarks on computing the probability integral", Berkeley Symposium 1 (1949) 63-78), which leaves a quadratic
equation; D. Stefanica and R. Radoicic, "An explicit implied volatility formula", Int. J. Theoretical and Applied
Finance 20 (2017), solve it for the price; here it is solved in hyperbolic sines, whose sums lose no digits. The steps
are A. Householder's of third order on the logarithm of the price, or of what is left below its bound (P. Jaeckel,
"Let's be rational", Wilmott (2015) 40-53).
Holds: two steps for every quote; whoever is not settled then steps on alone, so a row never depends on its neighbours.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.arithmetic import (
    LN2,
    double_atanh,
    exponential,
    is_small_step,
    log_ratio,
    mills_drop,
    mills_pair,
    ratio_parts,
)
from flatbook.kernels.european_tile import TILE, is_number, load, store

Floats = NDArray[np.float64]
Reasons = NDArray[np.int8]

OK, BELOW_INTRINSIC, ABOVE_BOUND, NO_TIME_VALUE, EXPIRED, NOT_FINITE = range(6)

_PRICE, _FORWARD, _STRIKE, _YEARS, _DISCOUNT, _SIGN, _NOISE = (TILE * k for k in range(7))
_DISTANCE, _SHARE, _LOG_TARGET, _SIDE, _REASON, _DEVIATION, _STEP = (TILE * k for k in range(7, 14))
_NEAR, _FAR, _DENSITY, _TAIL_VALUE, _ABOVE = (TILE * k for k in range(14, 19))
_GROW_P, _GROW_M, _FALL_P, _FALL_M = (
    _NEAR,
    _FAR,
    _DENSITY,
    _TAIL_VALUE,
)  # of the start, before the first step
_ROWS = 19

_SHARE_MIN = 1e-300  # of its bound: a time value below has no logarithm
_SETTLED = 1e-4  # relative step after which the next, its fourth power, is below float64
_ROUNDS_MAX = 30
_FACTOR_MAX = 4.0  # a step changes the deviation no more than that
_TAIL = 1e12  # deviations; keeps powers finite
_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_HALF_PI = 0.5 * math.pi
_P = 0.5 - 1.0 / math.pi
_M = 2.0 / math.pi - 0.5
_DISTANCE_MAX = 300.0  # beyond it the start is scaled, so that no square overflows
_INFINITE = math.inf
_NAN = math.nan


@njit(cache=True, error_model="numpy", nogil=True)
def implied_vol_european(
    price: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    sign: Floats,
    noise: Floats,
) -> tuple[Floats, Reasons]:
    """Find the vol at which `european.price_european` meets each price.

    Parameters
    ----------
    price : float64[n]
        Price units.
    forward, strike, years, discount, sign : float64[n]
        As for `european.price_european`.
    noise : float64[n]
        Smallest difference in price that means something, 0 or above; half of it is the least time value inverted.

    Returns
    -------
    vol : float64[n]
        Annual decimal; NaN where the reason is not OK. Relative error about 1e-13 where the price holds that much.
    reason : int8[n]
        OK; BELOW_INTRINSIC and ABOVE_BOUND: an arbitrage; NO_TIME_VALUE: closer than noise/2 to the discounted
        intrinsic value, or than 1e-300 of the bound; EXPIRED: no time left; NOT_FINITE: NaN, or outside the model.
    """
    vol = np.empty(price.size)
    reason = np.empty(price.size, dtype=np.int8)
    tile = np.empty(_ROWS * TILE)
    for start in range(0, price.size, TILE):
        count = min(TILE, price.size - start)
        load(tile, _PRICE, price, start, count)
        load(tile, _FORWARD, forward, start, count)
        load(tile, _STRIKE, strike, start, count)
        load(tile, _YEARS, years, start, count)
        load(tile, _DISCOUNT, discount, start, count)
        load(tile, _SIGN, sign, start, count)
        load(tile, _NOISE, noise, start, count)
        _find_target(tile)
        _find_start(tile)
        _step(tile)
        _step(tile)
        for _ in range(_ROUNDS_MAX):
            if _count_unsettled(tile) == 0:
                break
            _step(tile)
        _annualise(tile)
        store(vol, start, tile, _DEVIATION, count)
        piece = reason[start : start + count]
        for i in range(count):
            piece[i] = np.int8(tile[_REASON + i])
    return vol, reason


@njit(cache=True, error_model="numpy")
def _find_target(tile: Floats) -> None:
    """SHARE: the time value as a share of its bound; SIDE: +1 to follow it, -1 what it leaves of the bound.

    A quote without a vol gets a target that is easily met, and its reason. No fused arithmetic here: a price at its
    intrinsic value must be found to be there.
    """
    for i in range(TILE):
        price = tile[_PRICE + i]
        forward = tile[_FORWARD + i]
        strike = tile[_STRIKE + i]
        years = tile[_YEARS + i]
        discount = tile[_DISCOUNT + i]
        sign = tile[_SIGN + i]
        least = 0.5 * tile[_NOISE + i]
        extra = price - discount * max(sign * (forward - strike), 0.0)
        bound = discount * min(forward, strike)
        share = extra / bound
        finite = (abs(price) < _INFINITE) & (years >= 0.0) & (years < _INFINITE) & (least >= 0.0)
        finite &= is_number(forward) & is_number(strike) & is_number(discount)
        finite &= (sign == 1.0) | (sign == -1.0)
        reason = float(ABOVE_BOUND) if extra >= bound else float(OK)
        reason = reason if (share >= _SHARE_MIN) & (extra >= least) else float(NO_TIME_VALUE)
        reason = float(BELOW_INTRINSIC) if extra < -least else reason
        reason = float(EXPIRED) if years == 0.0 else reason
        reason = reason if finite else float(NOT_FINITE)
        good = reason == float(OK)

        share = share if good else 0.25
        left = (bound - extra) / bound if good else 0.75
        upper = share > 0.5
        tile[_DISTANCE + i] = log_ratio(max(forward, strike), min(forward, strike)) if good else 0.0
        tile[_SHARE + i] = share
        tile[_LOG_TARGET + i] = log_ratio(left if upper else share, 1.0)
        tile[_SIDE + i] = -1.0 if upper else 1.0
        tile[_REASON + i] = reason
        tile[_STEP + i] = 1.0


@njit(cache=True, error_model="numpy")
def _find_start(tile: Floats) -> None:
    """DEVIATION from SHARE and DISTANCE under Polya's approximation: within an eighth of the answer."""
    _find_powers(tile)
    _solve_start(tile)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _find_powers(tile: Floats) -> None:
    for i in range(TILE):
        x = min(tile[_DISTANCE + i], _DISTANCE_MAX)
        grow_p = exponential(_P * x)
        grow_m = exponential(_M * x)
        shared = 1.0 / (grow_p * grow_m)  # one division for two quotients
        tile[_GROW_P + i] = grow_p
        tile[_GROW_M + i] = grow_m
        tile[_FALL_P + i] = shared * grow_m
        tile[_FALL_M + i] = shared * grow_p


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _solve_start(tile: Floats) -> None:
    """With G = h^2 + t^2 and E = exp(-2 G / pi) the quadratic is spread E^2 + 2 V E = U; its other form gives 1 - E."""
    for i in range(TILE):
        full = tile[_DISTANCE + i]
        share = tile[_SHARE + i]
        grow_p = tile[_GROW_P + i]
        grow_m = tile[_GROW_M + i]
        fall_p = tile[_FALL_P + i]
        fall_m = tile[_FALL_M + i]
        x = min(full, _DISTANCE_MAX)
        cosh_p = 0.5 * (grow_p + fall_p)
        cosh_m = 0.5 * (grow_m + fall_m)
        sinh_p = _sinh(_P * x, grow_p, fall_p)
        sinh_m = _sinh(_M * x, grow_m, fall_m)
        sinh_pm = sinh_p * cosh_m + cosh_p * sinh_m  # of x / pi
        sinh_half = sinh_pm * cosh_p + (cosh_p * cosh_m + sinh_p * sinh_m) * sinh_p  # of x / 2
        value = share * fall_p * fall_p * fall_m  # over the root of forward * strike
        w = 2.0 * value * (value + 2.0 * sinh_half)
        bend = 2.0 * sinh_p * sinh_p
        spread = bend * (2.0 + bend)
        u = w * (2.0 - w)
        v = 2.0 * sinh_half * sinh_m + w * (1.0 + bend)
        root = math.sqrt(v * v + spread * u)
        e = max(u / (v + root), _SHARE_MIN)
        rest = ((bend + w) * (bend + w) + 4.0 * sinh_pm * sinh_pm) / (spread + v + root)
        gap, total, twos = ratio_parts(e, 1.0)
        near_one = rest < 0.3
        gap = -rest if near_one else gap
        total = 2.0 - rest if near_one else total
        twos = 0.0 if near_one else twos
        g = -_HALF_PI * (twos * LN2 + double_atanh(gap / total))
        far = math.sqrt(g + x)
        near = math.sqrt(max(g - x, 0.0))
        fall_far = fall_p * fall_m * fall_p * fall_m
        middle = 0.5 - 0.5 * fall_m * fall_m / (1.0 + math.sqrt(max(1.0 - fall_far * fall_far, 0.0)))
        start = far + near if share > middle else 2.0 * x / (far + near)
        start = start if start > 0.0 else share * _ROOT_TWO_PI
        tile[_DEVIATION + i] = start * (full / x) if full > _DISTANCE_MAX else start


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def _sinh(x: float, grow: float, fall: float) -> float:
    square = x * x
    near_zero = x + x * square * (1.0 / 6.0 + square * (1.0 / 120.0 + square * (1.0 / 5040.0)))
    return near_zero if square < 1.0 else 0.5 * (grow - fall)


@njit(cache=True, error_model="numpy")
def _step(tile: Floats) -> None:
    """One step of third order for the quotes that are not settled; STEP: by what share of the deviation."""
    _measure_density(tile)
    _find_tail(tile)
    if _count_small_steps(tile) > 0:
        _refine_tail(tile)
    _improve(tile)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _measure_density(tile: Floats) -> None:
    """NEAR, FAR and the density at NEAR for the DEVIATION."""
    for i in range(TILE):
        s = tile[_DEVIATION + i]
        h = tile[_DISTANCE + i] / s
        t = 0.5 * s
        near = t - h
        tile[_NEAR + i] = near
        tile[_FAR + i] = t + h
        tile[_DENSITY + i] = exponential(-0.5 * near * near - _LOG_ROOT_TWO_PI)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _find_tail(tile: Floats) -> None:
    """TAIL_VALUE: the value over its density where NEAR is not above 0, else what the bound leaves; ABOVE, at FAR."""
    for i in range(TILE):
        near = tile[_NEAR + i]
        below, above, factor = mills_pair(min(abs(near), _TAIL), min(tile[_FAR + i], _TAIL))
        tile[_ABOVE + i] = factor * above
        tile[_TAIL_VALUE + i] = factor * (below - above if near <= 0.0 else below + above)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _refine_tail(tile: Floats) -> None:
    """TAIL_VALUE anew, the value, where a difference holds too few digits."""
    for i in range(TILE):
        far = min(tile[_FAR + i], _TAIL)
        s = tile[_DEVIATION + i]
        drop = mills_drop(far, tile[_ABOVE + i], s, 1.0)
        tile[_TAIL_VALUE + i] = drop if is_small_step(far, s) else tile[_TAIL_VALUE + i]


@njit(cache=True, error_model="numpy")
def _count_small_steps(tile: Floats) -> int:
    count = 0
    for i in range(TILE):
        count += is_small_step(tile[_FAR + i], tile[_DEVIATION + i])
    return count


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _improve(tile: Floats) -> None:
    for i in range(TILE):
        s = tile[_DEVIATION + i]
        side = tile[_SIDE + i]
        near = tile[_NEAR + i]
        far = tile[_FAR + i]
        density = tile[_DENSITY + i]
        tail = tile[_TAIL_VALUE + i]
        tail_is_value = (near <= 0.0) | is_small_step(min(far, _TAIL), s)  # else what the bound leaves
        tail_is_followed = (side if tail_is_value else -side) > 0.0
        found = max(tail if tail_is_followed else 1.0 - density * tail, _SHARE_MIN)
        gap, total, twos = ratio_parts(1.0, found)
        shared = 1.0 / (found * total)  # one division for two quotients
        per_found = shared * total
        found_log = -(twos * LN2 + double_atanh(gap * (shared * found)))
        found_log += -0.5 * near * near - _LOG_ROOT_TWO_PI if tail_is_followed else 0.0
        slope_found = side * s * (1.0 if tail_is_followed else max(density, _SHARE_MIN))
        slope = slope_found * per_found
        newton = (tile[_LOG_TARGET + i] - found_log) * found / slope_found

        bend = -near * far  # h^2 - t^2
        middle = 0.5 * (far + near)
        twist = bend * bend - 3.0 * bend - 4.0 * middle * middle
        bend_log = bend - slope
        twist_log = twist - 3.0 * bend * slope + 2.0 * slope * slope
        step = newton * (1.0 + 0.5 * newton * bend_log)
        step /= 1.0 + newton * (bend_log + newton * twist_log * (1.0 / 6.0))
        step = min(max(step, 1.0 / _FACTOR_MAX - 1.0), _FACTOR_MAX - 1.0)
        moves = abs(tile[_STEP + i]) > _SETTLED
        tile[_DEVIATION + i] = s + s * step if moves else s
        tile[_STEP + i] = step if moves else 0.0


@njit(cache=True, error_model="numpy")
def _count_unsettled(tile: Floats) -> int:
    count = 0
    for i in range(TILE):
        count += abs(tile[_STEP + i]) > _SETTLED
    return count


@njit(cache=True, error_model="numpy")
def _annualise(tile: Floats) -> None:
    for i in range(TILE):
        vol = tile[_DEVIATION + i] / np.sqrt(tile[_YEARS + i])
        tile[_DEVIATION + i] = vol if tile[_REASON + i] == float(OK) else _NAN
