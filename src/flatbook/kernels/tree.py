"""American option values and greeks, one row per option: Black plus the early-exercise premium of the trees.

Sources: those of `lattice` and `black`; escrowed cash dividends as in J. Hull, "Options, Futures and Other
Derivatives", chapter on binomial trees. Theta follows from the Black-Scholes equation, so price, delta, gamma and
theta agree with each other; the other greeks re-solve the premium at bumped inputs.
Holds: never below the European value, the intrinsic value or that of certain exercise at the best step.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import black
from flatbook.kernels.black import price_one as price_black
from flatbook.kernels.exercise import certain_exercise, delayed, never_early, present_value
from flatbook.kernels.lattice import SCRATCH_ROWS, STEPS_MIN, early_exercise_premium

Floats = NDArray[np.float64]

_DEVIATION_MIN = 1e-7  # vol * sqrt(years) below which the path is taken as certain
_DEVIATION_MAX = 40.0  # above it the leaves of a tree leave float64
_RATE_YEARS_MAX = 50.0
# Wide, because the exercise boundary moves between nodes: its noise is divided by the bump.
_VOL_BUMP = 0.1  # of the vol itself
_RATE_BUMP = 0.008
_TIME_BUMP = 0.04  # of the time to expiry
_NAN = math.nan


@njit(cache=True, error_model="numpy")
def price_american(
    spot: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    rate: Floats,
    dividend_yield: Floats,
    sign: Floats,
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
) -> Floats:
    """Price each option that may be exercised at any time.

    Parameters
    ----------
    spot, strike : float64[n]
        Price units, above zero.
    years : float64[n]
        Time to expiry; 0 gives intrinsic value.
    vol : float64[n]
        Annual lognormal volatility, as a decimal, of the spot less the present value of dividends.
    rate, dividend_yield : float64[n]
        Continuous annual decimals; either may be negative.
    sign : float64[n]
        +1 call, -1 put.
    steps : int
        Steps of the finer tree, 5 or more; an even number means the next odd one.
    dividend_years, dividend_amounts : float64[m]
        Cash dividends per unit of spot, shared by all rows; a row counts those strictly between now and its expiry.

    Returns
    -------
    float64[n]
        Price units; NaN outside the model, which includes dividends worth more than the spot.
    """
    out = np.empty(strike.size)
    scratch = np.empty((SCRATCH_ROWS, max(steps, STEPS_MIN) + 4))
    for i in range(strike.size):
        option = (spot[i], strike[i], years[i], vol[i], rate[i], dividend_yield[i], sign[i])
        out[i] = price_one(option, steps, dividend_years, dividend_amounts, scratch)
    return out


@njit(cache=True, error_model="numpy")
def value_american(
    spot: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    rate: Floats,
    dividend_yield: Floats,
    sign: Floats,
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
) -> Floats:
    """Price each option that may be exercised at any time, and tell its first risks.

    Parameters are those of `price_american`.

    Returns
    -------
    float64[n, black.COLUMNS]
        Columns and raw units of `black`. Where exercise now is best, price is intrinsic, delta the sign and the
        rest 0. Below the resolution of the tree, delta and gamma keep the bounds that convexity sets.
    """
    out = np.empty((strike.size, black.COLUMNS))
    scratch = np.empty((SCRATCH_ROWS, max(steps, STEPS_MIN) + 4))
    for i in range(strike.size):
        option = (spot[i], strike[i], years[i], vol[i], rate[i], dividend_yield[i], sign[i])
        _value_row(out[i], option, steps, dividend_years, dividend_amounts, scratch)
    return out


@njit(cache=True, error_model="numpy")
def price_one(
    option: tuple[float, float, float, float, float, float, float],
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
    scratch: Floats,
) -> float:
    """Price one option given as (spot, strike, years, vol, rate, dividend_yield, sign)."""
    spot, strike, years, vol, rate, dividend_yield, sign = option
    star = star_of(option, steps, dividend_years, dividend_amounts)
    if not star > 0.0:
        return _NAN
    intrinsic = max(sign * (spot - strike), 0.0)
    if years == 0.0:
        return intrinsic
    discount = math.exp(-rate * years)
    european = price_black(
        star * math.exp((rate - dividend_yield) * years), strike, years, vol, discount, sign
    )
    if vol * math.sqrt(years) < _DEVIATION_MIN:
        certain, _ = certain_exercise(option, star, steps, dividend_years, dividend_amounts)
        return max(european, certain)
    premium, _, _, now = early_exercise_premium(
        star, strike, years, vol, rate, dividend_yield, sign, steps, dividend_years, dividend_amounts, scratch
    )
    return intrinsic if now else max(european + premium, intrinsic)


@njit(cache=True, error_model="numpy")
def star_of(
    option: tuple[float, float, float, float, float, float, float],
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
) -> float:
    """Spot less the present value of its dividends before expiry; NaN where the model has no answer."""
    spot, strike, years, vol, rate, dividend_yield, sign = option
    inside = (
        black.inside_model(spot, strike, years, vol, 1.0, sign)
        and vol * math.sqrt(years) <= _DEVIATION_MAX
        and abs(rate) * years <= _RATE_YEARS_MAX
        and abs(dividend_yield) * years <= _RATE_YEARS_MAX
        and steps >= STEPS_MIN
    )
    if not inside:
        return _NAN
    star = spot - present_value(rate, 0.0, 0.0, years, dividend_years, dividend_amounts)
    return star if star > 0.0 else _NAN


@njit(cache=True, error_model="numpy")
def _value_row(
    row: Floats,
    option: tuple[float, float, float, float, float, float, float],
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
    scratch: Floats,
) -> None:
    spot, strike, years, vol, rate, dividend_yield, sign = option
    row[:] = _NAN
    star = star_of(option, steps, dividend_years, dividend_amounts)
    if not star > 0.0:
        return
    forward = star * math.exp((rate - dividend_yield) * years)
    black.value_row(row, star, forward, strike, years, vol, math.exp(-rate * years), sign, False)
    if years == 0.0:
        return
    _move_dividends(row, option, dividend_years, dividend_amounts)
    intrinsic = max(sign * (spot - strike), 0.0)
    if vol * math.sqrt(years) < _DEVIATION_MIN:
        certain, when = certain_exercise(option, star, steps, dividend_years, dividend_amounts)
        if certain > row[black.PRICE]:
            row[:] = 0.0
            row[black.PRICE] = certain
            row[black.DELTA] = sign * math.exp(-dividend_yield * when)
            row[black.RHO] = sign * strike * when * math.exp(-rate * when)
            row[black.DIVIDEND_RHO] = -star * when * row[black.DELTA]
            row[black.THETA] = _theta(row, option, star) if when > 0.0 else 0.0
        return
    if never_early(rate, dividend_yield, sign, star < spot):
        return
    premium, slope, bend, now = early_exercise_premium(
        star, strike, years, vol, rate, dividend_yield, sign, steps, dividend_years, dividend_amounts, scratch
    )
    if now or row[black.PRICE] + premium < intrinsic:
        row[:] = 0.0
        row[black.PRICE] = intrinsic
        row[black.DELTA] = sign
        return
    _add_premium(row, option, star, premium, slope, bend)
    _add_bumps(row, option, steps, dividend_years, dividend_amounts, scratch)


@njit(cache=True, error_model="numpy")
def _move_dividends(
    row: Floats,
    option: tuple[float, float, float, float, float, float, float],
    dividend_years: Floats,
    dividend_amounts: Floats,
) -> None:
    """Turn greeks in the spot less dividends into greeks in the spot: the present value of dividends moves too."""
    years, rate = option[2], option[4]
    for i in range(dividend_years.size):
        if 0.0 < dividend_years[i] < years:
            worth = dividend_amounts[i] * math.exp(-rate * dividend_years[i])
            row[black.THETA] -= row[black.DELTA] * rate * worth
            row[black.CHARM] -= row[black.GAMMA] * rate * worth
            row[black.RHO] += row[black.DELTA] * dividend_years[i] * worth


@njit(cache=True, error_model="numpy")
def _theta(row: Floats, option: tuple[float, float, float, float, float, float, float], star: float) -> float:
    spot, _, _, vol, rate, dividend_yield, _ = option
    spread = 0.5 * vol * vol * star * star * row[black.GAMMA]
    return float(rate * row[black.PRICE] - (rate * spot - dividend_yield * star) * row[black.DELTA] - spread)


@njit(cache=True, error_model="numpy")
def _add_premium(
    row: Floats,
    option: tuple[float, float, float, float, float, float, float],
    star: float,
    premium: float,
    slope: float,
    bend: float,
) -> None:
    years, dividend_yield, sign = option[2], option[5], option[6]
    steepest = max(math.exp(-dividend_yield * years), 1.0)
    row[black.PRICE] += premium
    row[black.DELTA] = sign * min(max(sign * (row[black.DELTA] + slope), 0.0), steepest)
    row[black.GAMMA] = max(row[black.GAMMA] + bend, 0.0)
    row[black.THETA] = _theta(row, option, star)


@njit(cache=True, error_model="numpy")
def _add_bumps(
    row: Floats,
    option: tuple[float, float, float, float, float, float, float],
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
    scratch: Floats,
) -> None:
    spot, strike, years, vol, rate, dividend_yield, sign = option
    trees = (steps, dividend_years, dividend_amounts, scratch)
    base, slope = _premium(option, *trees)

    wide = _VOL_BUMP * vol
    high, high_slope = _premium((spot, strike, years, vol + wide, rate, dividend_yield, sign), *trees)
    low, low_slope = _premium((spot, strike, years, vol - wide, rate, dividend_yield, sign), *trees)
    row[black.VEGA] += (high - low) / (2.0 * wide)
    row[black.VANNA] += (high_slope - low_slope) / (2.0 * wide)
    row[black.VOLGA] += (high - 2.0 * base + low) / (wide * wide)

    high, _ = _premium((spot, strike, years, vol, rate + _RATE_BUMP, dividend_yield, sign), *trees)
    low, _ = _premium((spot, strike, years, vol, rate - _RATE_BUMP, dividend_yield, sign), *trees)
    row[black.RHO] += (high - low) / (2.0 * _RATE_BUMP)
    high, _ = _premium((spot, strike, years, vol, rate, dividend_yield + _RATE_BUMP, sign), *trees)
    low, _ = _premium((spot, strike, years, vol, rate, dividend_yield - _RATE_BUMP, sign), *trees)
    row[black.DIVIDEND_RHO] += (high - low) / (2.0 * _RATE_BUMP)

    longer = _TIME_BUMP * years
    _, past_slope = _premium(
        (spot, strike, years + longer, vol, rate, dividend_yield, sign),
        steps,
        delayed(dividend_years, longer),
        dividend_amounts,
        scratch,
    )
    row[black.CHARM] += (slope - past_slope) / longer


@njit(cache=True, error_model="numpy")
def _premium(
    option: tuple[float, float, float, float, float, float, float],
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
    scratch: Floats,
) -> tuple[float, float]:
    _, strike, years, vol, rate, dividend_yield, sign = option
    star = star_of(option, steps, dividend_years, dividend_amounts)
    if not star > 0.0:
        return _NAN, _NAN
    premium, slope, _, _ = early_exercise_premium(
        star, strike, years, vol, rate, dividend_yield, sign, steps, dividend_years, dividend_amounts, scratch
    )
    return premium, slope
