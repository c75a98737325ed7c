"""A first guess of the exercise boundary of a put, good to a few thousandths, for the puts of a tile.

Source: M. Li, "Analytical approximations for the critical stock prices of American options", Review of Derivatives
Research 13 (2010) 75-99 (QD+), from the exponential guess of G. Barone-Adesi and R. Whaley, "Efficient analytic
approximation of American option values", J. Finance 42 (1987) 301-320.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.arithmetic import exponential, log_ratio, mills_ratio
from flatbook.kernels.exercise_tile import (
    DEEPEST,
    DEVIATION,
    DISCOUNT,
    FOREVER,
    GROWTH,
    LANES,
    LOG_CAP,
    NOW,
    PER_CAP,
    PER_DEVIATION,
    POWER,
    RATE,
    SPREAD,
    YIELD,
    YIELDED,
    ZERO,
    density_at,
)

Floats = NDArray[np.float64]

_TINY = 1e-300
_START_STEPS = 2
_GROWTH_MIN = 1e-8
_CORRECTION_MAX = 0.5  # of the exponent of QD+, beyond which its correction is not believed
_DEPTH_MIN = 1e-3  # of the deviation, so that a factor can correct it
_RATIO_MIN = 1e-8  # of the cap: a boundary below it is worth nothing, and hard to interpolate


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def set_caps(work: Floats) -> None:
    """Bounds of the boundary, once RATE, YIELD and DEVIATION are known: at expiry, and with forever to go."""
    for j in range(LANES):
        rate, dividend = work[RATE * LANES + j], work[YIELD * LANES + j]
        variance = work[DEVIATION * LANES + j] * work[DEVIATION * LANES + j]
        cap = rate / dividend if dividend > rate else 1.0
        drift = 2.0 * (rate - dividend) / variance - 1.0
        power = _decay(drift, 2.0 * rate / variance)
        forever = power / ((power - 1.0) * cap)
        forever = min(max(forever, _RATIO_MIN), 1.0)
        work[LOG_CAP * LANES + j] = log_ratio(cap, 1.0)
        work[PER_CAP * LANES + j] = 1.0 / cap
        work[FOREVER * LANES + j] = forever
        work[DEEPEST * LANES + j] = -log_ratio(forever, 1.0)
        work[ZERO * LANES + j] = 0.0
        work[PER_DEVIATION * LANES + j] = 1.0 / work[DEVIATION * LANES + j]


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def _decay(drift: float, growth: float) -> float:
    """The negative root of p * p + drift * p - growth."""
    spread = math.sqrt(drift * drift + 4.0 * growth)
    below = -2.0 * growth / (spread - drift)  # without cancellation where drift < 0
    return below if drift < 0.0 else -0.5 * (drift + spread)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def start_node(root: float, work: Floats) -> None:
    """QD+ depth into row NOW where the root of the share of time to go is `root`; `set_caps` comes first."""
    share = root * root
    for j in range(LANES):
        rate, dividend = work[RATE * LANES + j], work[YIELD * LANES + j]
        deviation = work[DEVIATION * LANES + j]
        variance = deviation * deviation
        growth = max(rate * share, _GROWTH_MIN)
        drift = 2.0 * (rate - dividend) / variance - 1.0
        speed = 2.0 * growth / (share * (1.0 - exponential(-growth)) * variance)
        forever = work[FOREVER * LANES + j]
        reach = ((rate - dividend) * share - 2.0 * deviation * root) / max(1.0 - forever, _TINY)
        work[NOW * LANES + j] = forever + (1.0 - forever) * exponential(min(reach, 0.0))
        work[GROWTH * LANES + j] = speed
        work[SPREAD * LANES + j] = math.sqrt(drift * drift + 4.0 * speed)
        work[POWER * LANES + j] = _decay(drift, speed)
        work[DISCOUNT * LANES + j] = exponential(-rate * share)
        work[YIELDED * LANES + j] = exponential(-dividend * share)
    believed = 0.0
    for _ in range(_START_STEPS):
        _step_node(root, believed, work)
        believed = _CORRECTION_MAX
    for j in range(LANES):
        least = _DEPTH_MIN * root * work[DEVIATION * LANES + j]
        work[NOW * LANES + j] = max(-log_ratio(work[NOW * LANES + j], 1.0), least)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _step_node(root: float, believed: float, work: Floats) -> None:
    """One Newton step on the equation of QD+ for boundary / cap, its correction c0 held and bounded by `believed`."""
    share = root * root
    for j in range(LANES):
        rate, dividend = work[RATE * LANES + j], work[YIELD * LANES + j]
        deviation, per_cap = work[DEVIATION * LANES + j], work[PER_CAP * LANES + j]
        power, spread, speed = (
            work[POWER * LANES + j],
            work[SPREAD * LANES + j],
            work[GROWTH * LANES + j],
        )
        discount, yielded = work[DISCOUNT * LANES + j], work[YIELDED * LANES + j]
        v = deviation * root
        spot = work[NOW * LANES + j] / per_cap
        d1 = (log_ratio(spot, 1.0) + (rate - dividend) * share) / v + 0.5 * v
        density = yielded * density_at(d1)
        above = mills_ratio(abs(d1))
        shares = density * above if d1 > 0.0 else yielded - density * above
        d2 = d1 - v
        above = (
            mills_ratio(abs(d2)) * spot * density
        )  # the density at d2, discounted, is spot times that at d1
        cash = above if d2 > 0.0 else discount - above
        gain = max(1.0 - spot - (cash - spot * shares), _TINY)
        aging = rate * cash - dividend * spot * shares - 0.5 * deviation * spot * density / root
        correction = discount * speed * (1.0 - speed / (spread * spread))
        correction = (correction - 2.0 * aging / (deviation * deviation * gain)) / spread
        bound = -believed * power
        power += min(max(correction, -bound), bound)
        gap = (1.0 - shares) * spot + power * gain
        slope = (1.0 - shares) * (1.0 - power) + density / v
        ratio = (spot - gap / slope) * per_cap
        work[NOW * LANES + j] = min(max(ratio, work[FOREVER * LANES + j]), 1.0)
