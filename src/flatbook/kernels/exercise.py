"""When exercising early may pay: cash dividends, and the option whose outcome is certain.

Source: R. Merton, "Theory of rational option pricing", Bell J. Economics 4 (1973) 141-183, theorems 1 to 3 and 13.
An option travels here as (spot, strike, years, vol, rate, dividend_yield, sign).
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def present_value(
    rate: float, now: float, start: float, end: float, dividend_years: Floats, dividend_amounts: Floats
) -> float:
    """Value at `now` of the dividends paid after `start` and before `end`, all in years."""
    total = 0.0
    for i in range(dividend_years.size):
        if start < dividend_years[i] < end:
            total += dividend_amounts[i] * math.exp(-rate * (dividend_years[i] - now))
    return total


@njit(cache=True, error_model="numpy")
def delayed(dividend_years: Floats, longer: float) -> Floats:
    """Times of dividends, those to come later by `longer` years."""
    times = dividend_years.copy()
    for i in range(times.size):
        if times[i] > 0.0:
            times[i] += longer
    return times


@njit(cache=True, error_model="numpy")
def never_early(rate: float, dividend_yield: float, sign: float, paying: bool) -> bool:
    """Say whether waiting always pays, so that American and European agree."""
    if sign > 0.0:
        return rate >= 0.0 and dividend_yield <= 0.0 and not paying
    return rate <= 0.0 and dividend_yield >= 0.0


@njit(cache=True, error_model="numpy")
def certain_exercise(
    option: tuple[float, float, float, float, float, float, float],
    star: float,
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
) -> tuple[float, float]:
    """Best discounted exercise, and its time, if the spot followed its forward for certain; 0 at expiry if none."""
    years, sign = option[2], option[6]
    best, when = 0.0, years
    for k in range(steps + 1):
        time = years * k / steps
        worth = _exercise_at(option, star, time, False, dividend_years, dividend_amounts)
        if worth > best:
            best, when = worth, time
    for i in range(dividend_years.size):
        time = dividend_years[i]
        if not 0.0 < time < years:
            continue
        worth = _exercise_at(option, star, time, sign > 0.0, dividend_years, dividend_amounts)
        if worth > best:
            best, when = worth, time
    return best, when


@njit(cache=True, error_model="numpy")
def _exercise_at(
    option: tuple[float, float, float, float, float, float, float],
    star: float,
    time: float,
    before_dividend: bool,
    dividend_years: Floats,
    dividend_amounts: Floats,
) -> float:
    _, strike, years, _, rate, dividend_yield, sign = option
    to_come = present_value(rate, 0.0, time, years, dividend_years, dividend_amounts)
    if before_dividend:
        for i in range(dividend_years.size):
            if dividend_years[i] == time:
                to_come += dividend_amounts[i] * math.exp(-rate * time)
    return sign * (star * math.exp(-dividend_yield * time) + to_come - strike * math.exp(-rate * time))
