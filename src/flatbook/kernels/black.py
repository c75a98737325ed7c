"""European option values and greeks under Black (1976), one row per option.

Sources: F. Black, "The pricing of commodity contracts", J. Financial Economics 3 (1976) 167-179; R. Merton, "Theory
of rational option pricing", Bell J. Economics 4 (1973) 141-183, for the carry. Rates come from the discount factor
and the forward, so any carry (dividends, borrow) enters through the forward alone.
Arrays are C-contiguous float64; another layout or type compiles the kernel once more.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.normal import log_ratio, normal_between, normal_cdf, normal_density

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PRICE, DELTA, GAMMA, VEGA, THETA, RHO, VANNA, VOLGA, CHARM, DIVIDEND_RHO = range(10)
COLUMNS = 10

_DEVIATION_MAX = 1e3  # vol * sqrt(years) beyond which the model says nothing
_DEVIATION_MIN = 1e-100  # below it the outcome is certain; keeps 1 / deviation finite
_TAIL = 39.0  # deviations beyond which a normal probability is zero in float64
_CARRY_YEARS_MIN = (
    1e-9  # 30 ms: closer to expiry a rate cannot be told from the rounding of the discount factor
)
_INFINITE = math.inf
_NAN = math.nan


@njit(cache=True, error_model="numpy")
def price_european(
    forward: Floats, strike: Floats, years: Floats, vol: Floats, discount: Floats, sign: Floats
) -> Floats:
    """Price each option.

    Parameters
    ----------
    forward, strike : float64[n]
        Price units, above zero.
    years : float64[n]
        Time to expiry; 0 gives the discounted intrinsic value.
    vol : float64[n]
        Annual lognormal volatility as a decimal; 0 gives the discounted intrinsic value.
    discount : float64[n]
        Discount factor to payment, above zero.
    sign : float64[n]
        +1 call, -1 put.

    Returns
    -------
    float64[n]
        Price units; NaN outside the model. Relative accuracy holds far out of the money.
    """
    out = np.empty(strike.size)
    for i in range(strike.size):
        out[i] = price_one(forward[i], strike[i], years[i], vol[i], discount[i], sign[i])
    return out


@njit(cache=True, error_model="numpy")
def value_european(
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    discount: Floats,
    sign: Floats,
    forward_fixed: Bools,
) -> Floats:
    """Price each option and tell its first risks.

    Parameters
    ----------
    spot : float64[n]
        What delta refers to, above zero; the forward moves in proportion to it (dF/dS = F/S).
    forward, strike, years, vol, discount, sign : float64[n]
        As for `price_european`.
    forward_fixed : bool[n]
        True where the forward itself is the underlying (options on futures): time and rates leave it in place, so
        rho is -years * price and dividend rho 0. False where the forward carries with the spot.

    Returns
    -------
    float64[n, COLUMNS]
        Columns as named in this module, raw units: VEGA per 1.00 of vol, VOLGA per its square, THETA and CHARM per
        year of time passing, RHO and DIVIDEND_RHO per 1.00 of rate, DELTA and GAMMA per unit of spot, VANNA the
        change of DELTA per 1.00 of vol. At expiry and at zero vol they are limits: delta the step (half of it
        exactly at the strike), gamma, vega, vanna and volga 0. NaN, the whole row, outside the model.
    """
    out = np.empty((strike.size, COLUMNS))
    for i in range(strike.size):
        value_row(
            out[i], spot[i], forward[i], strike[i], years[i], vol[i], discount[i], sign[i], forward_fixed[i]
        )
    return out


@njit(cache=True, error_model="numpy")
def price_one(forward: float, strike: float, years: float, vol: float, discount: float, sign: float) -> float:
    """Price one option; units and NaN as for `price_european`."""
    if not inside_model(forward, strike, years, vol, discount, sign):
        return _NAN
    intrinsic = max(sign * (forward - strike), 0.0)
    return discount * (intrinsic + time_value(forward, strike, vol * math.sqrt(years)))


@njit(cache=True, error_model="numpy")
def value_row(
    row: Floats,
    spot: float,
    forward: float,
    strike: float,
    years: float,
    vol: float,
    discount: float,
    sign: float,
    forward_fixed: bool,
) -> None:
    """Write one row of `value_european` into `row`, float64[COLUMNS]."""
    row[:] = _NAN
    if not (0.0 < spot < _INFINITE and inside_model(forward, strike, years, vol, discount, sign)):
        return
    d1, d2, cdf1, cdf2, density, per_deviation = _normals(forward, strike, vol * math.sqrt(years), sign)
    per_vol = 1.0 / vol if per_deviation > 0.0 else 0.0
    per_year = 1.0 / years if years > _DEVIATION_MIN else 0.0
    timed = years > _CARRY_YEARS_MIN
    rate = -math.log(discount) * per_year if timed else 0.0
    carry = log_ratio(forward, spot) * per_year if timed and not forward_fixed else 0.0
    slope = discount * forward / spot  # of the discounted forward with spot
    worth = discount * forward
    dividend_yield = rate - carry

    price = price_one(forward, strike, years, vol, discount, sign)
    vega = worth * density * math.sqrt(years)
    row[PRICE] = price
    row[DELTA] = slope * sign * cdf1
    row[GAMMA] = slope * density * per_deviation / spot
    row[VEGA] = vega
    row[THETA] = -0.5 * vega * vol * per_year + sign * (
        dividend_yield * worth * cdf1 - rate * strike * discount * cdf2
    )
    row[VANNA] = -slope * density * d2 * per_vol
    row[VOLGA] = vega * d1 * d2 * per_vol
    row[CHARM] = dividend_yield * row[DELTA] - slope * density * (carry * per_deviation - 0.5 * d2 * per_year)
    row[RHO] = -years * price if forward_fixed else sign * strike * years * discount * cdf2
    row[DIVIDEND_RHO] = 0.0 if forward_fixed else -years * worth * sign * cdf1


@njit(cache=True, error_model="numpy")
def inside_model(
    forward: float, strike: float, years: float, vol: float, discount: float, sign: float
) -> bool:
    """Say whether Black's formula has an answer here; NaN anywhere says no."""
    return (
        0.0 < forward < _INFINITE
        and 0.0 < strike < _INFINITE
        and 0.0 <= years < _INFINITE
        and 0.0 <= vol < _INFINITE
        and 0.0 < discount < _INFINITE
        and (sign == 1.0 or sign == -1.0)  # noqa: PLR1714 - a tuple is slower to compile
        and vol * math.sqrt(years) < _DEVIATION_MAX
    )


@njit(cache=True, error_model="numpy")
def time_value(forward: float, strike: float, deviation: float) -> float:
    """Undiscounted value of the out-of-the-money option; a call and a put at one strike share it.

    `deviation` is vol * sqrt(years). Near the money the difference of the two probabilities is taken from the error
    function directly, so that short-dated values keep their digits.
    """
    low = min(forward, strike)
    high = max(forward, strike)
    if deviation < _DEVIATION_MIN:
        return 0.0
    d1 = log_ratio(low, high) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    if d1 < -_TAIL:
        return 0.0
    if d2 > -1.0:
        both = normal_cdf(d1) + normal_cdf(d2)
        value = 0.5 * ((low + high) * normal_between(d2, d1) - (high - low) * both)
    else:
        value = low * normal_cdf(d1) - high * normal_cdf(d2)
    return max(value, 0.0)


@njit(cache=True, error_model="numpy")
def _normals(
    forward: float, strike: float, deviation: float, sign: float
) -> tuple[float, float, float, float, float, float]:
    moneyness = log_ratio(forward, strike)
    if deviation >= _DEVIATION_MIN:
        d1 = moneyness / deviation + 0.5 * deviation
        d2 = d1 - deviation
        if d1 >= -_TAIL and d2 <= _TAIL:
            return d1, d2, normal_cdf(sign * d1), normal_cdf(sign * d2), normal_density(d1), 1.0 / deviation
    step = 0.5 if moneyness == 0.0 else (1.0 if sign * moneyness > 0.0 else 0.0)
    return 0.0, 0.0, step, step, 0.0, 0.0
