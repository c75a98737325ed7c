"""Black's formula for 128 options at a time, in steps over one scratch array, so that each loop fills whole vectors.

Sources: F. Black, "The pricing of commodity contracts", J. Financial Economics 3 (1976) 167-179; R. Merton, "Theory
of rational option pricing", Bell J. Economics 4 (1973) 141-183, for the carry. With low and high the lesser and the
greater of forward and strike, s = vol * sqrt(years), h = ln(high/low) / s, t = s / 2 and M the Mills ratio, the
out-of-the-money option is worth low * density(h - t) * (M(h - t) - M(h + t)).
A tile is a float64[ROWS * TILE]: one array, places known to the compiler, so that it sees that nothing overlaps. Loops
run over all of it: an option has the same bits wherever it stands, and what fills the places after the last is not read.
Many short loops beat one long one: each keeps its coefficients in registers, and columns take the places of what is
no longer needed, so that the tile stays in the first cache.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from flatbook.kernels.arithmetic import (
    LARGEST,
    LN2,
    SMALLEST,
    double_atanh,
    exponential,
    is_small_step,
    log_ratio,
    mills_drop,
    mills_pair,
    ratio_parts,
)

Floats = NDArray[np.float64]

PRICE, DELTA, GAMMA, VEGA, THETA, RHO, VANNA, VOLGA, CHARM, DIVIDEND_RHO, SPEED = range(11)
COLUMNS = 11

TILE = 128
# Where each quantity starts. The first ten are what all series of an expiry share.
SPOT, FORWARD, YEARS, DISCOUNT, FREE = (TILE * k for k in range(5))
PER_SPOT, ROOT_YEARS, PER_YEAR, RATE, CARRY = (TILE * k for k in range(5, 10))
STRIKE, NEAR, FAR, DENSITY, PER_DEVIATION = (TILE * k for k in range(10, 15))
TIME_VALUE, LOW, DISTANCE, LOW_PART, HIGH_PART, VOL, SIGN = (TILE * k for k in range(15, 22))
OUT = TIME_VALUE  # the columns of the result, in their order: PRICE takes this place, the Greeks those that follow
MARKET_ROWS = 10
ROWS = 15 + COLUMNS

_DEVIATION_MAX = 1e3  # vol * sqrt(years) beyond which the model says nothing
_DEVIATION_MIN = 1e-100  # below it the outcome is certain; keeps 1 / deviation finite
_CARRY_YEARS_MIN = 1e-9  # 30 ms: closer to expiry a rate drowns in the rounding of the discount factor
_YEARS_MIN = 1e-100
_TAIL = 1e12  # deviations; keeps powers finite where the density is zero in float64 anyway
_LINE = 8  # numbers in a line of the cache
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


@njit(cache=True, error_model="numpy")
def fetch(column: Any, start: int) -> None:
    """Ask for the TILE entries from `start` on, or where they would be, while the processor computes."""
    for i in range(start, start + TILE, _LINE):
        fetch_line(column, i)


def fetch_line(column: Any, i: Any) -> None:
    """Ask for the line of the cache around an entry; nothing to do without the compiler."""


@overload(fetch_line, strict=False)
def _compiled_fetch_line(column: Any, i: Any) -> Callable[..., None]:  # noqa: ARG001
    return lambda column, i: _prefetch(column, i)  # type: ignore[call-arg]  # noqa: PLW0108


@intrinsic
def _prefetch(_typing: Any, column: Any, _i: Any) -> tuple[Any, Callable[..., Any]]:
    return types.void(column, types.intp), _emit_prefetch


def _emit_prefetch(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """To read, and into the second cache: into the first, or to write, costs more than it gains."""
    pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    place = builder.bitcast(builder.gep(start, [arguments[1]]), pointer)
    kind = ir.FunctionType(ir.VoidType(), (pointer, number, number, number))
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
    read, second_cache, of_data = 0, 2, 1
    builder.call(prefetch, [place, number(read), number(second_cache), number(of_data)])
    return context.get_dummy_value()


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def derive_market(tile: Floats) -> None:
    """From SPOT, FORWARD, YEARS, DISCOUNT, FREE to PER_SPOT, ROOT_YEARS, PER_YEAR, RATE, CARRY.

    A spot or discount outside the model makes DISCOUNT NaN, and with it every result.
    """
    for i in range(TILE):
        spot = tile[SPOT + i]
        years = tile[YEARS + i]
        discount = tile[DISCOUNT + i]
        held = max(years, _YEARS_MIN)
        gap, total, twos = ratio_parts(1.0, discount)
        shared = 1.0 / (held * total)  # one division for two quotients
        per_year = shared * total if years > _YEARS_MIN else 0.0
        rate_per_year = per_year if years > _CARRY_YEARS_MIN else 0.0
        tile[PER_SPOT + i] = 1.0 / spot
        tile[ROOT_YEARS + i] = np.sqrt(years)
        tile[PER_YEAR + i] = per_year
        tile[RATE + i] = (twos * LN2 + double_atanh(gap * (shared * held))) * rate_per_year
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


@njit(cache=True, error_model="numpy")
def find_time_value(tile: Floats) -> None:
    """From LOW, DISTANCE, VOL, ROOT_YEARS to the undiscounted value of the out-of-the-money option and its parts.

    TIME_VALUE = LOW_PART - HIGH_PART, each low or high times a probability; DENSITY is low times the density at NEAR,
    which is high times that at FAR, 0 where the outcome is certain; NEAR = t - h, FAR = t + h; PER_DEVIATION = 1 / s,
    0 where the outcome is certain. All NaN where the vol is outside the model.
    """
    measure_density(tile)
    split_value(tile)
    if _count_small_steps(tile) > 0:
        refine_small_steps(tile)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def measure_density(tile: Floats) -> None:
    """From LOW, DISTANCE, VOL, ROOT_YEARS to NEAR, FAR, PER_DEVIATION and DENSITY, here also of a certain outcome."""
    for i in range(TILE):
        vol = tile[VOL + i]
        deviation = vol * tile[ROOT_YEARS + i]
        inside = (vol >= 0.0) & (deviation < _DEVIATION_MAX)
        uncertain = deviation >= _DEVIATION_MIN
        held = max(deviation, _DEVIATION_MIN) if inside else _NAN
        per_deviation = 1.0 / held
        h = tile[DISTANCE + i] * per_deviation
        t = 0.5 * held
        near = t - h
        tile[DENSITY + i] = tile[LOW + i] * _PER_ROOT_TWO_PI * exponential(-0.5 * near * near)
        tile[NEAR + i] = near
        tile[FAR + i] = t + h
        tile[PER_DEVIATION + i] = per_deviation if uncertain else 0.0


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def split_value(tile: Floats) -> None:
    """From LOW, NEAR, FAR, DENSITY, PER_DEVIATION to LOW_PART, HIGH_PART and TIME_VALUE; DENSITY is then final."""
    for i in range(TILE):
        low = tile[LOW + i]
        near = tile[NEAR + i]
        density = tile[DENSITY + i]
        below, above, factor = mills_pair(min(abs(near), _TAIL), min(tile[FAR + i], _TAIL))
        factor *= density
        low_part = factor * below
        high_part = factor * above
        drop = factor * (below - above)
        passed = near > 0.0
        low_part = low - low_part if passed else low_part
        value = low_part - high_part if passed else drop
        value = max(value, 0.0)
        certain = tile[PER_DEVIATION + i] == 0.0
        tile[TIME_VALUE + i] = 0.0 * density if certain else value
        tile[LOW_PART + i] = low_part
        tile[HIGH_PART + i] = high_part
        tile[DENSITY + i] = 0.0 * density if certain else density


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def refine_small_steps(tile: Floats) -> None:
    """TIME_VALUE anew where its parts are so close that their difference holds too few digits."""
    for i in range(TILE):
        far = min(tile[FAR + i], _TAIL)
        step = tile[VOL + i] * tile[ROOT_YEARS + i]
        value = mills_drop(far, tile[HIGH_PART + i], step, tile[DENSITY + i])
        value = max(value, 0.0)
        applies = is_small_step(far, step) & (tile[PER_DEVIATION + i] > 0.0)
        tile[TIME_VALUE + i] = value if applies else tile[TIME_VALUE + i]


@njit(cache=True, error_model="numpy")
def _count_small_steps(tile: Floats) -> int:
    count = 0
    for i in range(TILE):
        count += is_small_step(tile[FAR + i], tile[VOL + i] * tile[ROOT_YEARS + i])
    return count


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
    """From all of the above to the columns from DELTA to VOLGA."""
    for i in range(TILE):
        forward = tile[FORWARD + i]
        strike = tile[STRIKE + i]
        sign = tile[SIGN + i]
        vol = tile[VOL + i]
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
        rho = years * (strike_worth if is_free else -price)

        tile[OUT + DELTA * TILE + i] = delta
        tile[OUT + GAMMA * TILE + i] = gamma
        tile[OUT + VEGA * TILE + i] = vega
        tile[OUT + THETA * TILE + i] = (
            dividend_yield * forward_worth - rate * strike_worth - 0.5 * vega * vol * per_year
        )
        tile[OUT + RHO * TILE + i] = rho
        tile[OUT + VANNA * TILE + i] = -slope_density * d2 * per_vol
        tile[OUT + VOLGA * TILE + i] = vega * d1 * d2 * per_vol


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def find_more_greeks(tile: Floats) -> None:
    """From the market, NEAR, FAR, DENSITY, PER_DEVIATION and the columns so far to CHARM, DIVIDEND_RHO and SPEED."""
    for i in range(TILE):
        up = tile[FORWARD + i] > tile[STRIKE + i]
        near = tile[NEAR + i]
        far = tile[FAR + i]
        d1 = far if up else near
        d2 = -near if up else -far
        per_spot = tile[PER_SPOT + i]
        per_deviation = tile[PER_DEVIATION + i]
        carry = tile[CARRY + i]
        delta = tile[OUT + DELTA * TILE + i]
        slope_density = tile[DISCOUNT + i] * tile[DENSITY + i] * per_spot
        dividend_rho = -tile[YEARS + i] * tile[SPOT + i] * delta
        tile[OUT + CHARM * TILE + i] = (tile[RATE + i] - carry) * delta - slope_density * (
            carry * per_deviation - 0.5 * d2 * tile[PER_YEAR + i]
        )
        tile[OUT + DIVIDEND_RHO * TILE + i] = dividend_rho if tile[FREE + i] > 0.0 else 0.0 * dividend_rho
        tile[OUT + SPEED * TILE + i] = -tile[OUT + GAMMA * TILE + i] * per_spot * (1.0 + d1 * per_deviation)


@njit(cache=True, error_model="numpy", forceinline=True)
def is_number(x: float) -> bool:
    """Whether `x` is from SMALLEST to LARGEST."""
    return (x >= SMALLEST) & (x <= LARGEST)
