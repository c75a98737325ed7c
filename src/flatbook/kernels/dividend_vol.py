"""The volatility that the price of an option with cash dividends implies, on the grids of `dividend_grid`.

Sources: those of `vol_search` and `dividend_grid`. All rows that are still sought step together, so that the grid's
lanes stay full; the secant stands in for vega.
Holds: the answer solves the price inside a bracket, or is NaN with a reason; a row's answer does not depend on its
neighbours.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import vol_search as vs
from flatbook.kernels.dividend_grid import solve_points
from flatbook.kernels.grid_reading import P_EXERCISED, P_PRICE
from flatbook.kernels.grid_tile import Columns, Dividends, Floats, Ints
from flatbook.kernels.implied_vol import (
    ABOVE_BOUND,
    BELOW_INTRINSIC,
    EXPIRED,
    NO_TIME_VALUE,
    NOT_FINITE,
    OK,
)

Reasons = NDArray[np.int8]

_ROUNDS_MAX = 60
_SETTLED = 1e-8  # step of log vol
_VOL_MIN, _VOL_MAX = 1e-3, 5.0
_DEVIATION_MAX = 11.9  # the grid's own limit is 12
_SHARE_MAX = 0.9
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_NAN = math.nan


@njit(cache=True, error_model="numpy", nogil=True)
def implied_vol_cash_dividends(
    price: Floats,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    sign: Floats,
    american: Floats,
    dividend_years: Floats,
    dividend_amounts: Floats,
    schedule: Ints,
    noise: Floats,
    accuracy: float,
    nodes: int,
    steps: int,
) -> tuple[Floats, Reasons]:
    """Find the vol at which `dividend_grid.price_cash_dividends` meets each price.

    Parameters
    ----------
    price : float64[n]
        Price units.
    spot, strike, years, rate, dividend_yield, sign, american, dividend_years, dividend_amounts, schedule, nodes, steps
        As for `dividend_grid.price_cash_dividends`.
    noise : float64[n]
        Smallest difference in price that means something, 0 or above.
    accuracy : float
        Error of a grid of this size relative to max(price, 1 % of the spot); it and half the noise are the least time
        value inverted.

    Returns
    -------
    vol : float64[n]
        Annual decimal, between 0.001 and 5; NaN where the reason is not OK.
    reason : int8[n]
        As in `implied_vol`.
    """
    columns = (spot, strike, years, np.zeros(price.size), rate, dividend_yield, sign, american)
    dividends = (dividend_years, dividend_amounts, schedule)
    certain = solve_points(columns, (columns[3], rate, dividend_yield), dividends, nodes, steps)
    search = np.zeros((price.size, vs.SEARCH_ROWS))
    vol, reason = np.full(price.size, _NAN), np.empty(price.size, dtype=np.int8)
    for i in range(price.size):
        reason[i] = _begin(columns, i, price[i], noise[i], accuracy, certain[i, P_PRICE], search[i])
        search[i, vs.BUSY] = vs.SEEKING if reason[i] == OK else vs.FOUND
    for round_ in range(_ROUNDS_MAX):
        if not _step_all(columns, dividends, nodes, steps, round_, search):
            break
    for i in range(price.size):
        vol[i], _ = vs.finish(search[i], reason[i])
        if reason[i] == OK and not vol[i] > 0.0:
            reason[i] = ABOVE_BOUND if search[i, vs.BUSY] == vs.TOO_HIGH else NO_TIME_VALUE
    return vol, reason


@njit(cache=True, error_model="numpy")
def _step_all(
    columns: Columns, dividends: Dividends, nodes: int, steps: int, round_: int, search: Floats
) -> bool:
    """One round of every row that is still sought; say whether there was one."""
    busy = np.flatnonzero(search[:, vs.BUSY] > 0.0)
    if busy.size == 0:
        return False
    tried = np.exp(search[busy, vs.AT])
    spot, strike, years, _, rate, dividend_yield, sign, american = columns
    some = (
        spot[busy], strike[busy], years[busy], tried, rate[busy], dividend_yield[busy], sign[busy], american[busy],
    )  # fmt: skip
    points = solve_points(
        some, (tried, some[4], some[5]), (dividends[0], dividends[1], dividends[2][busy]), nodes, steps
    )
    for k in range(busy.size):
        _advance(points[k], some[0][k], tried[k] * math.sqrt(some[2][k]), round_, search[busy[k]])
    return True


@njit(cache=True, error_model="numpy")
def _begin(
    columns: Columns, i: int, price: float, noise: float, accuracy: float, certain: float, search: Floats
) -> int:
    """Tell a price that has a vol from one that has not, and guess the vol."""
    spot, strike, years, rate, sign = (
        columns[0][i],
        columns[1][i],
        columns[2][i],
        columns[4][i],
        columns[6][i],
    )
    if not (abs(price) < math.inf and noise >= 0.0 and certain >= 0.0):
        return NOT_FINITE
    if years == 0.0:
        return EXPIRED
    extra, sure = price - certain, 0.5 * noise + accuracy * max(price, 0.01 * spot)
    if extra < -sure:
        return BELOW_INTRINSIC
    if not extra > sure:
        return NO_TIME_VALUE
    most = spot * max(1.0, math.exp(-columns[5][i] * years))
    if sign < 0.0:
        most = strike * max(1.0, math.exp(-rate * years))
    if price >= most:
        return ABOVE_BOUND
    search[vs.TARGET], search[vs.BASE], search[vs.SURE] = extra, certain, sure
    share = min(extra / math.sqrt(spot * strike), _SHARE_MAX)
    far = abs(math.log(spot / strike) + (rate - columns[5][i]) * years)
    deviation = _ROOT_TWO_PI * share + far / math.sqrt(-2.0 * math.log(share))
    root = math.sqrt(years)
    search[vs.AT] = math.log(deviation / root)
    vs.bracket(math.log(_VOL_MIN), math.log(min(_VOL_MAX, _DEVIATION_MAX / root)), search)
    return OK


@njit(cache=True, error_model="numpy")
def _advance(point: Floats, spot: float, deviation: float, round_: int, search: Floats) -> None:
    """One round of one row; where exercise is best there is no time value."""
    value = search[vs.BASE] if point[P_EXERCISED] > 0.0 else point[P_PRICE]
    worth = value - search[vs.BASE]
    guess = min(
        worth, spot * deviation
    )  # at the money a time value is in proportion to vol: its slope in log vol
    vs.advance(value, vs.secant_slope(worth, guess, search), round_, _SETTLED, search)
