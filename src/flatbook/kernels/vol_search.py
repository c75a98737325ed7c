"""The search for the vol of one American quote: what is known of it, and one round.

Sources: Newton's step on the logarithm of the time value in the logarithm of vol, where both wings and the money are
nearly straight, inside a bracket that is halved when it shrinks too slowly (as in R. Brent, "Algorithms for
Minimization without Derivatives", 1973, ch. 4), so that it cannot diverge.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import andersen_lake as al
from flatbook.kernels.implied_vol import (
    ABOVE_BOUND,
    BELOW_INTRINSIC,
    EXPIRED,
    NO_TIME_VALUE,
    NOT_FINITE,
    OK,
)

Floats = NDArray[np.float64]

# What is known of one quote while its vol is sought; vols as logarithms.
TARGET, BASE, SURE, START, END, LOW, HIGH, AT, WIDTH, BUSY, SLOPE, AT_BEFORE, WORTH_BEFORE = range(13)
SEARCH_ROWS = 13
FOUND, SEEKING, TOO_LOW, TOO_HIGH = 0.0, 1.0, -1.0, -2.0  # what BUSY tells

_LAST_DIGIT = 1e-14
_PATIENCE = 4  # rounds in which the bracket must have halved
_NAN = math.nan
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


@njit(cache=True, error_model="numpy")
def begin(  # noqa: PLR0911 - a reason each
    option: Floats, price: float, noise: float, accuracy: float, search: Floats
) -> int:
    """Tell a price that has a vol from one that has not, and guess the vol."""
    option[al.VOL] = 0.0
    kind = al.standing_of(option)
    if kind != al.CERTAIN or not abs(price) < math.inf or not noise >= 0.0:
        return NOT_FINITE
    if option[al.YEARS] == 0.0:
        return EXPIRED
    option[al.VOL] = 1.0 / math.sqrt(option[al.YEARS])
    if al.standing_of(option) == al.TWO_BOUNDARIES:
        return NOT_FINITE
    spot, strike, years, sign = option[al.SPOT], option[al.STRIKE], option[al.YEARS], option[al.SIGN]
    when = al.best_certain_time(option)
    shares = spot * math.exp(-option[al.DIVIDEND_YIELD] * when)
    cash = strike * math.exp(-option[al.RATE] * when)
    base = max(sign * (shares - cash), 0.0)
    extra = price - base
    if extra < -0.5 * noise:
        return BELOW_INTRINSIC
    sure = 0.5 * noise + accuracy * max(price, 0.01 * spot)
    if not extra > sure:
        return NO_TIME_VALUE
    if price >= _bound(option):
        return ABOVE_BOUND
    search[TARGET], search[BASE], search[SURE] = extra, base, sure
    drift = (option[al.RATE] - option[al.DIVIDEND_YIELD]) * years
    share = min(extra / math.sqrt(spot * strike), 0.9)
    far = abs(math.log(spot / strike) + drift)
    deviation = _ROOT_TWO_PI * share + far / math.sqrt(-2.0 * math.log(share))
    search[AT] = math.log(deviation / math.sqrt(years))
    return OK


@njit(cache=True, error_model="numpy")
def _bound(option: Floats) -> float:
    """What no option of this kind can be worth."""
    if option[al.SIGN] > 0.0:
        return float(option[al.SPOT] * max(1.0, math.exp(-option[al.DIVIDEND_YIELD] * option[al.YEARS])))
    return float(option[al.STRIKE] * max(1.0, math.exp(-option[al.RATE] * option[al.YEARS])))


@njit(cache=True, error_model="numpy")
def bracket(low: float, high: float, search: Floats) -> None:
    """Set the range of log vols to search; a guess outside it becomes its middle."""
    search[START], search[END], search[WIDTH] = low, high, high - low
    search[LOW], search[HIGH] = low, high
    if not low < search[AT] < high:
        search[AT] = 0.5 * (low + high)
    search[SLOPE], search[WORTH_BEFORE] = 0.0, _NAN


@njit(cache=True, error_model="numpy")
def advance(value: float, slope: float, round_: int, settled: float, search: Floats) -> None:
    """One round for one quote: shrink the bracket, then step; `slope` is that of the value in log vol."""
    at = search[AT]
    worth = value - search[BASE]
    if worth < search[TARGET]:
        search[LOW] = at
    else:
        search[HIGH] = at
    width = search[HIGH] - search[LOW]
    search[SLOPE] = slope
    if width <= _LAST_DIGIT * max(1.0, abs(at)):
        search[BUSY] = FOUND
        search[BUSY] = TOO_LOW if at == search[START] else search[BUSY]
        search[BUSY] = TOO_HIGH if at == search[END] else search[BUSY]
        return
    step = _NAN
    if worth > 0.0 and slope > 0.0:
        step = math.log(search[TARGET] / worth) * worth / slope
    slow = False
    if round_ % _PATIENCE == _PATIENCE - 1:
        slow = width > 0.5 * search[WIDTH]
        search[WIDTH] = width
    to = at + step
    if to <= search[START]:
        to = search[START]  # is it there at all?
    elif to >= search[END]:
        to = search[END]
    elif abs(step) <= settled:
        search[BUSY] = FOUND
    elif slow or not search[LOW] < to < search[HIGH]:
        to = 0.5 * (search[LOW] + search[HIGH])
    search[AT] = to


@njit(cache=True, error_model="numpy")
def finish(search: Floats, reason: int) -> tuple[float, float]:
    """The vol and its doubt; NaN where the price was not met within the bracket."""
    if reason != OK or search[BUSY] != FOUND or not search[SLOPE] > 0.0:
        return _NAN, _NAN
    vol = math.exp(search[AT])
    return vol, search[SURE] * vol / search[SLOPE]


@njit(cache=True, error_model="numpy")
def secant_slope(worth: float, first_slope: float, search: Floats) -> float:
    """Slope of the value in log vol, from this round and the last."""
    at, before = search[AT], search[WORTH_BEFORE]
    run = at - search[AT_BEFORE]
    slope = first_slope
    if worth > 0.0 and before > 0.0 and run != 0.0 and worth != before:
        slope = worth * (math.log(worth) - math.log(before)) / run  # their ratio may leave float64
    search[AT_BEFORE], search[WORTH_BEFORE] = at, worth
    return slope


@njit(cache=True, error_model="numpy")
def any_busy(search: Floats) -> bool:
    """Whether any quote of the tile is still sought."""
    most = 0.0
    for j in range(search.shape[1]):
        most = max(most, search[BUSY, j])
    return most > 0.0


@njit(cache=True, error_model="numpy")
def rest(search: Floats) -> None:
    """Seek nothing, until told to."""
    for j in range(search.shape[1]):
        search[BUSY, j] = FOUND
