"""The normal distribution and a logarithm that stays accurate near one.

Source: the complementary error function of the C library (ISO C99, 7.12.8), a few units in the last place.
"""

import math

from numba import njit

_ROOT_TWO = math.sqrt(2.0)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


@njit(cache=True, error_model="numpy")
def normal_cdf(x: float) -> float:
    """Probability that a standard normal falls below `x`; relative accuracy holds in the left tail."""
    return 0.5 * math.erfc(-x / _ROOT_TWO)


@njit(cache=True, error_model="numpy")
def normal_between(low: float, high: float) -> float:
    """Probability between two points near zero, without the cancellation of two `normal_cdf`."""
    return 0.5 * (math.erf(high / _ROOT_TWO) - math.erf(low / _ROOT_TWO))


@njit(cache=True, error_model="numpy")
def normal_density(x: float) -> float:
    """Density of a standard normal at `x`."""
    return math.exp(-0.5 * x * x) / _ROOT_TWO_PI


@njit(cache=True, error_model="numpy")
def log_ratio(top: float, bottom: float) -> float:
    """Logarithm of top / bottom, both above zero, with full relative accuracy where they are close."""
    ratio = top / bottom
    if 0.5 < ratio < 2.0:
        return math.log1p((top - bottom) / bottom)
    return math.log(top) - math.log(bottom)
