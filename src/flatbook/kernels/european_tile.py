"""Black's formula for 128 options at a time, in steps over one scratch array, so that each loop fills whole vectors.

Sources: F. Black, "The pricing of commodity contracts", J. Financial Economics 3 (1976) 167-179; R. Merton, "Theory
of rational option pricing", Bell J. Economics 4 (1973) 141-183, for the carry. With low and high the lesser and the
greater of forward and strike, s = vol * sqrt(years), h = ln(high/low) / s, t = s / 2 and M the Mills ratio, the
out-of-the-money option is worth low * density(h - t) * (M(h - t) - M(h + t)).
A tile is a float64[ROWS * TILE]: one array, places known to the compiler, so that it sees that nothing overlaps. Loops
run over all of it: an option has the same bits wherever it stands, and what fills the places after the last is not read.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.arithmetic import (
    LARGEST,
    SMALLEST,
    exponential,
    is_small_step,
    log_ratio,
    mills_drop,
    mills_ratio,
)

Floats = NDArray[np.float64]

PRICE, DELTA, GAMMA, VEGA, THETA, RHO, VANNA, VOLGA, CHARM, DIVIDEND_RHO, SPEED = range(11)
COLUMNS = 11

TILE = 128
# Where each quantity starts. The first ten are what all series of an expiry share.
SPOT, FORWARD, YEARS, DISCOUNT, FREE = (TILE * k for k in range(5))
PER_SPOT, ROOT_YEARS, PER_YEAR, RATE, CARRY = (TILE * k for k in range(5, 10))
STRIKE, VOL, SIGN, LOW, DISTANCE = (TILE * k for k in range(10, 15))
TIME_VALUE, LOW_PART, HIGH_PART, DENSITY = (TILE * k for k in range(15, 19))
NEAR, FAR, PER_DEVIATION = (TILE * k for k in range(19, 22))
OUT = TILE * 22  # the columns of the result, in their order
MARKET_ROWS = 10
ROWS = 22 + COLUMNS

_DEVIATION_MAX = 1e3  # vol * sqrt(years) beyond which the model says nothing
_DEVIATION_MIN = 1e-100  # below it the outcome is certain; keeps 1 / deviation finite
_CARRY_YEARS_MIN = 1e-9  # 30 ms: closer to expiry a rate drowns in the rounding of the discount factor
_YEARS_MIN = 1e-100
_TAIL = 1e15  # deviations; keeps powers finite where the density is zero in float64 anyway
_PER_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)
_NAN = math.nan


@njit(cache=True, error_model="numpy", forceinline=True)
def load(tile: Floats, row: int, source: Floats, start: int, count: int) -> None:
    """Copy `count` entries of `source` from `start` on into a row; the places after them get 1."""
    piece = source[start : start + count]
    place = tile[row : row + TILE]
    for i in range(count):
        place[i] = piece[i]
    for i in range(count, TILE):
        place[i] = 1.0


@njit(cache=True, error_model="numpy", forceinline=True)
def store(target: Floats, start: int, tile: Floats, row: int, count: int) -> None:
    """Copy the first `count` entries of a row into `target` from `start` on."""
    piece = target[start : start + count]  # a slice: an index that might be negative keeps the loop scalar
    place = tile[row : row + TILE]
    for i in range(count):
        piece[i] = place[i]


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def derive_market(tile: Floats) -> None:
    """From SPOT, FORWARD, YEARS, DISCOUNT, FREE to PER_SPOT, ROOT_YEARS, PER_YEAR, RATE, CARRY.

    A spot or discount outside the model makes DISCOUNT NaN, and with it every result.
    """
    for i in range(TILE):
        spot = tile[SPOT + i]
        years = tile[YEARS + i]
        discount = tile[DISCOUNT + i]
        per_year = 1.0 / years if years > _YEARS_MIN else 0.0
        rate_per_year = per_year if years > _CARRY_YEARS_MIN else 0.0
        tile[PER_SPOT + i] = 1.0 / spot
        tile[ROOT_YEARS + i] = math.sqrt(years)
        tile[PER_YEAR + i] = per_year
        tile[RATE + i] = log_ratio(1.0, discount) * rate_per_year
        tile[CARRY + i] = log_ratio(tile[FORWARD + i], spot) * rate_per_year * tile[FREE + i]
        inside = is_number(spot) & is_number(discount)
        tile[DISCOUNT + i] = discount if inside else _NAN


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def measure_distance(tile: Floats) -> None:
    """From FORWARD, STRIKE to LOW and DISTANCE, the logarithm of high / low; NaN outside the model."""
    for i in range(TILE):
        forward = tile[FORWARD + i]
        strike = tile[STRIKE + i]
        low = min(forward, strike)
        high = max(forward, strike)
        tile[LOW + i] = low
        tile[DISTANCE + i] = log_ratio(high, low) if is_number(forward) & is_number(strike) else _NAN


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def find_time_value(tile: Floats) -> None:
    """From LOW, DISTANCE, VOL, ROOT_YEARS to the undiscounted value of the out-of-the-money option and its parts.

    TIME_VALUE = LOW_PART - HIGH_PART, each low or high times a probability; DENSITY is low times the density at NEAR,
    which is high times that at FAR, 0 where the outcome is certain; NEAR = t - h, FAR = t + h; PER_DEVIATION = 1 / s,
    0 where the outcome is certain. All NaN where the vol is outside the model.
    """
    for i in range(TILE):
        low = tile[LOW + i]
        vol = tile[VOL + i]
        deviation = vol * tile[ROOT_YEARS + i]
        inside = (vol >= 0.0) & (deviation < _DEVIATION_MAX)
        uncertain = deviation >= _DEVIATION_MIN
        held = max(deviation, _DEVIATION_MIN) if inside else _NAN
        per_deviation = 1.0 / held
        h = tile[DISTANCE + i] * per_deviation
        t = 0.5 * held
        near = t - h
        far = t + h
        end = min(far, _TAIL)
        below = mills_ratio(min(abs(near), _TAIL))
        above = mills_ratio(end)
        density = low * _PER_ROOT_TWO_PI * exponential(-0.5 * near * near)
        low_part = density * below
        low_part = low - low_part if near > 0.0 else low_part
        high_part = density * above
        by_drop = density * mills_drop(end, below, above, held)
        value = by_drop if (near <= 0.0) | is_small_step(far, held) else low_part - high_part
        tile[TIME_VALUE + i] = max(value, 0.0) if inside & uncertain else held - held
        tile[LOW_PART + i] = low_part
        tile[HIGH_PART + i] = high_part
        tile[DENSITY + i] = density if uncertain else held - held
        tile[NEAR + i] = near
        tile[FAR + i] = far
        tile[PER_DEVIATION + i] = per_deviation if uncertain else 0.0


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def find_price(tile: Floats) -> None:
    """From TIME_VALUE, FORWARD, STRIKE, DISCOUNT, SIGN to the column PRICE; a DISCOUNT outside the model to NaN."""
    for i in range(TILE):
        sign = tile[SIGN + i]
        discount = tile[DISCOUNT + i]
        inside = is_number(discount) & ((sign == 1.0) | (sign == -1.0))
        discount = discount if inside else _NAN
        tile[DISCOUNT + i] = discount
        intrinsic = max(sign * (tile[FORWARD + i] - tile[STRIKE + i]), 0.0)
        tile[OUT + PRICE * TILE + i] = discount * (intrinsic + tile[TIME_VALUE + i])


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def find_greeks(tile: Floats) -> None:
    """From all of the above to the other columns."""
    for i in range(TILE):
        forward = tile[FORWARD + i]
        strike = tile[STRIKE + i]
        sign = tile[SIGN + i]
        low_part = tile[LOW_PART + i]
        high_part = tile[HIGH_PART + i]
        near = tile[NEAR + i]
        far = tile[FAR + i]
        price = tile[OUT + PRICE * TILE + i]
        up = forward > strike
        in_the_money = (sign if up else -sign) > 0.0
        forward_part = high_part if up else low_part
        strike_part = low_part if up else high_part
        forward_part = forward - forward_part if in_the_money else forward_part
        strike_part = strike - strike_part if in_the_money else strike_part
        d1 = far if up else near
        d2 = -near if up else -far

        discount = tile[DISCOUNT + i]
        per_spot = tile[PER_SPOT + i]
        per_deviation = tile[PER_DEVIATION + i]
        per_year = tile[PER_YEAR + i]
        root_years = tile[ROOT_YEARS + i]
        rate = tile[RATE + i]
        carry = tile[CARRY + i]
        years = tile[YEARS + i]
        forward_worth = sign * discount * forward_part
        strike_worth = sign * discount * strike_part
        delta = forward_worth * per_spot
        density = discount * tile[DENSITY + i]
        slope_density = density * per_spot
        gamma = slope_density * per_spot * per_deviation
        vega = density * root_years
        per_vol = root_years * per_deviation
        dividend_yield = rate - carry
        is_free = tile[FREE + i] > 0.0
        rho = years * strike_worth if is_free else -years * price
        dividend_rho = -years * forward_worth

        tile[OUT + DELTA * TILE + i] = delta
        tile[OUT + GAMMA * TILE + i] = gamma
        tile[OUT + VEGA * TILE + i] = vega
        tile[OUT + THETA * TILE + i] = (
            dividend_yield * forward_worth - rate * strike_worth - 0.5 * vega * tile[VOL + i] * per_year
        )
        tile[OUT + RHO * TILE + i] = rho
        tile[OUT + VANNA * TILE + i] = -slope_density * d2 * per_vol
        tile[OUT + VOLGA * TILE + i] = vega * d1 * d2 * per_vol
        tile[OUT + CHARM * TILE + i] = dividend_yield * delta - slope_density * (
            carry * per_deviation - 0.5 * d2 * per_year
        )
        tile[OUT + DIVIDEND_RHO * TILE + i] = dividend_rho if is_free else 0.0 * dividend_rho
        tile[OUT + SPEED * TILE + i] = -gamma * per_spot * (1.0 + d1 * per_deviation)


@njit(cache=True, error_model="numpy", forceinline=True)
def is_number(x: float) -> bool:
    """Whether `x` is from SMALLEST to LARGEST."""
    return (x >= SMALLEST) & (x <= LARGEST)
