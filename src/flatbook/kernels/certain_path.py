"""What an option is worth when its spot follows a known path: no volatility, or no time left.

The discounted gain from exercise on a path that grows at rate less yield and falls at each dividend is smooth between
dividends, so its best is at an end of such a stretch or where its slope is zero, both in closed form. A dividend
larger than the spot takes it to 0.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def certain_value(
    option: tuple[float, float, float, float, float, float, bool],
    ends: Floats,
    amounts: Floats,
    segments: int,
) -> tuple[float, float, bool]:
    """Worth of an option on a certain path, its slope in the spot, and whether that worth is exercise now.

    `option` is (spot, strike, years, rate, dividend_yield, sign, american); `ends` and `amounts` are the ex-dates in
    years and the dividends, ascending, of the first `segments` - 1 stretches; the last stretch ends at expiry.
    """
    spot, strike, years, rate, dividend_yield, sign, american = option
    best, slope, now = 0.0, 0.0, False
    alive, start = 1.0, 0.0
    for k in range(segments):
        end = ends[k] if k < segments - 1 else years
        turning = _turning_point(spot, strike, rate, dividend_yield)
        for time in (start, start + turning, end):
            if not start <= time <= end or not (american or time == years):
                continue
            share = spot * math.exp(-dividend_yield * (time - start) - rate * start)
            gain = sign * (share - strike * math.exp(-rate * time))
            if gain > best:
                best, slope, now = gain, sign * alive * math.exp(-dividend_yield * time), time == 0.0
        if k < segments - 1:
            spot = spot * math.exp((rate - dividend_yield) * (end - start)) - amounts[k]
            alive = alive if spot > 0.0 else 0.0
            spot = max(spot, 0.0)
            start = end
    if best == 0.0 and years == 0.0 and spot == strike:
        slope = 0.5 * sign
    return best, slope, now and years > 0.0


@njit(cache=True, error_model="numpy")
def _turning_point(spot: float, strike: float, rate: float, dividend_yield: float) -> float:
    """Years until the discounted gain has no slope; NaN where it always has one."""
    return math.log(rate * strike / (dividend_yield * spot)) / (rate - dividend_yield)
