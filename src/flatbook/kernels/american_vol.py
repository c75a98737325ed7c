"""The volatility that an American price implies, the reason where it implies none, and how sure it is.

Sources: those of `vol_search`. Values come from premium tables, with their vega, or from the direct engine, with the
secant in its place.
Holds: the answer solves the price inside a bracket, or is NaN with a reason. Beside the exercise boundary there is no
vega: a time value within the noise of the price, or within the error of the engine, is not inverted.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import andersen_lake as al
from flatbook.kernels import exercise_boundary as eb
from flatbook.kernels import exercise_premium as ep
from flatbook.kernels import exercise_tile as et
from flatbook.kernels import premium_tile as pt
from flatbook.kernels import table_values as tv
from flatbook.kernels import vol_search as vs
from flatbook.kernels.arithmetic import exponential
from flatbook.kernels.exercise_tile import LANES
from flatbook.kernels.implied_vol import (
    ABOVE_BOUND,
    NO_TIME_VALUE,
    NOT_FINITE,
    OK,
)
from flatbook.kernels.premium_table import READY
from flatbook.kernels.premium_tile import TILE

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Reasons = NDArray[np.int8]

OUTSIDE_TABLE = 6  # one reason more: the vol is not in the table's range, or there is no table; ask directly

_ROUNDS_MAX = 60
_SETTLED = 1e-6  # step of log vol after which the next, quadratically smaller, is below float64
_SETTLED_SECANT = 1e-8
_VOL_MIN, _VOL_MAX = 1e-3, 20.0
_WITHIN_RANGE = 1.0 - 1e-9  # of the highest vol: a search that ends there has not found the price
_DRIFT_MAX = 100.0  # of the spot over the life, in deviations
_YEARS_MIN = 1e-12
_NAN = math.nan
_DEVIATION_MAX = 30.0


@njit(cache=True, error_model="numpy", nogil=True)
def implied_vol_with_tables(
    tables: Floats,
    spot: Floats,
    index: Indices,
    strike: Floats,
    price: Floats,
    noise: Floats,
    vol: Floats,
    doubt: Floats,
    reason: Reasons,
) -> None:
    """Find the vol at which `table_values.value_with_tables` meets each price.

    Parameters
    ----------
    tables, spot, index, strike
        As for `table_values.value_with_tables`; quotes that share a table should stand together.
    price : float64[n]
        Price units.
    noise : float64[n]
        Smallest difference in price that means something, 0 or above; half of it, and the error that the table found
        in itself, is the least time value inverted.
    vol : float64[n]
        Written: annual decimal; NaN where the reason is not OK.
    doubt : float64[n]
        Written: what half the noise and the error of the table amount to in vol; NaN with the vol.
    reason : int8[n]
        Written: as in `implied_vol`, and OUTSIDE_TABLE.
    """
    tile = pt.new_tile()
    search = np.zeros((vs.SEARCH_ROWS, TILE))
    option = np.empty(7)
    standing = np.empty(TILE, dtype=np.int8)
    guess = np.empty(TILE)
    first = 0
    while first < index.size:
        count = tv.count_together(index, first)
        table, now = tables[index[first]], spot[index[first]]
        middle = math.exp(table[pt.LOG_VOL_LOW] + 0.5 * table[pt.PANELS] * table[pt.PANEL_WIDTH])
        guess[:] = middle
        tv.load_tile(table, now, 0, count, strike[first : first + count], guess, standing, tile)
        vs.rest(search)
        for j in range(count):
            i = first + j
            reason[i] = OUTSIDE_TABLE
            if standing[j] < tv.OUTSIDE_TABLE:
                _option_of(table, now, strike[i], option)
                reason[i] = vs.begin(option, price[i], noise[i], table[pt.ERROR], search[:, j])
                end = table[pt.LOG_VOL_LOW] + table[pt.PANELS] * table[pt.PANEL_WIDTH]
                vs.bracket(table[pt.LOG_VOL_LOW], end, search[:, j])
                search[vs.BUSY, j] = vs.SEEKING if reason[i] == OK else vs.FOUND
            elif standing[j] == tv.OUTSIDE_TABLE:
                reason[i] = NOT_FINITE
        _search_tables(table, search, tile)
        for j in range(count):
            i = first + j
            vol[i], doubt[i] = vs.finish(search[:, j], reason[i])
            if reason[i] == OK and not vol[i] > 0.0:
                reason[i] = OUTSIDE_TABLE
        first += count


@njit(cache=True, error_model="numpy", nogil=True)
def implied_vol_american(
    options: Floats,
    price: Floats,
    noise: Floats,
    accuracy: float,
    preset: al.Preset,
    vol: Floats,
    doubt: Floats,
    reason: Reasons,
) -> None:
    """Find the vol at which the direct engine meets each price.

    Parameters
    ----------
    options : float64[7, n]
        As for `andersen_lake.value_american`; row VOL is not read.
    price, noise : float64[n]
        As for `implied_vol_with_tables`.
    accuracy : float
        Error of the engine relative to max(price, 1 % of the spot), 1e-5 for andersen_lake.ACCURATE.
    preset : andersen_lake.Preset
        Its finer rule is used.
    vol, doubt, reason
        As for `implied_vol_with_tables`; vols from 0.001 to 20, narrower where drift * sqrt(years) / vol or vol * sqrt(years) would pass 100 or 30. NOT_FINITE also
        where an option has two boundaries.
    """
    work = al.new_workspace()
    search = np.zeros((vs.SEARCH_ROWS, LANES))
    option = np.empty(7)
    few = np.empty((7, LANES))
    kinds = np.empty(LANES, dtype=np.int8)
    for first in range(0, price.size, LANES):
        count = min(LANES, price.size - first)
        vs.rest(search)
        for j in range(count):
            i = first + j
            for row in range(option.size):
                option[row] = options[row, i]
            reason[i] = vs.begin(option, price[i], noise[i], accuracy, search[:, j])
            low, high = _vol_range(option)
            vs.bracket(math.log(low), math.log(high), search[:, j])
            search[vs.BUSY, j] = vs.SEEKING if reason[i] == OK else vs.FOUND
        for round_ in range(_ROUNDS_MAX):
            if not vs.any_busy(search):
                break
            _load_search(options, first, count, search, few, kinds, work)
            eb.solve_boundary(preset.steep, work)
            ep.add_premium(preset.steep, work)
            _step_secant(few, count, round_, search, work)
        for j in range(count):
            i = first + j
            vol[i], doubt[i] = vs.finish(search[:, j], reason[i])
            if reason[i] == OK and not vol[i] > 0.0:
                reason[i] = ABOVE_BOUND if search[vs.BUSY, j] == vs.TOO_HIGH else NO_TIME_VALUE
            _, high = _vol_range(options[:, i])
            if vol[i] >= high * _WITHIN_RANGE:
                vol[i], doubt[i], reason[i] = _NAN, _NAN, ABOVE_BOUND


@njit(cache=True, error_model="numpy")
def _option_of(table: Floats, spot: float, strike: float, option: Floats) -> None:
    called = table[pt.SIGN] > 0.0
    option[al.SPOT], option[al.STRIKE], option[al.YEARS] = spot, strike, table[pt.YEARS]
    option[al.VOL] = 0.0
    option[al.RATE] = table[pt.YIELD] if called else table[pt.RATE]
    option[al.DIVIDEND_YIELD] = table[pt.RATE] if called else table[pt.YIELD]
    option[al.SIGN] = table[pt.SIGN]


@njit(cache=True, error_model="numpy")
def _vol_range(option: Floats) -> tuple[float, float]:
    """Vols that the direct engine answers for: drift and deviation within what its nodes resolve."""
    root = math.sqrt(max(option[al.YEARS], _YEARS_MIN))
    drift = abs(option[al.RATE] - option[al.DIVIDEND_YIELD]) * root
    return max(_VOL_MIN, drift / _DRIFT_MAX), min(_VOL_MAX, _DEVIATION_MAX / root)


@njit(cache=True, error_model="numpy")
def _search_tables(table: Floats, search: Floats, tile: Floats) -> None:
    ready, called = table[pt.STATE] == READY, table[pt.SIGN] > 0.0
    if vs.any_busy(search):
        tv.measure_spots(table, tile)
    for round_ in range(_ROUNDS_MAX):
        if not vs.any_busy(search):
            break
        for j in range(TILE):
            if search[vs.BUSY, j] > 0.0:
                tile[pt.VOL * TILE + j] = math.exp(search[vs.AT, j])
        pt.settle_vol(table, tile)
        pt.find_european(table, tile)
        if ready:
            pt.find_premium(table, tile)
        for j in range(TILE):
            if search[vs.BUSY, j] == 0.0:
                continue
            spot, strike = tile[tv.SPOT * TILE + j], tile[tv.STRIKE * TILE + j]
            scale = spot if called else strike
            value, slope = tile[pt.EUROPEAN * TILE + j], tile[pt.EUROPEAN_PER_VOL * TILE + j]
            if ready:
                value += tile[pt.PREMIUM * TILE + j]
                slope += tile[pt.PER_VOL * TILE + j]
                if tile[pt.ETA * TILE + j] < 0.0:
                    value, slope = 0.0, 0.0  # exercised: below any time value
            slope *= tile[pt.VOL * TILE + j]
            vs.advance(scale * value, scale * slope, round_, _SETTLED, search[:, j])


@njit(cache=True, error_model="numpy")
def _load_search(
    options: Floats, first: int, count: int, search: Floats, few: Floats, kinds: Reasons, work: Floats
) -> None:
    """Lay the quotes out at the vols that are tried."""
    members = np.empty(count, dtype=np.int64)
    for j in range(count):
        members[j] = j
        for row in range(few.shape[0]):
            few[row, j] = options[row, first + j]
        few[al.VOL, j] = math.exp(search[vs.AT, j]) if search[vs.BUSY, j] > 0.0 else math.nan
        kinds[j] = al.standing_of(few[:, j])
    al.load_tile(few, members, kinds, work)


@njit(cache=True, error_model="numpy")
def _step_secant(few: Floats, count: int, round_: int, search: Floats, work: Floats) -> None:
    for j in range(count):
        if not search[vs.BUSY, j] > 0.0:
            continue
        spot, strike, sign = few[al.SPOT, j], few[al.STRIKE, j], few[al.SIGN, j]
        early = work[ep.EARLY * LANES + j]
        value = work[ep.EUROPEAN * LANES + j]
        if early > 0.0:
            value = 0.0 if al.is_beyond(j, work) else value + max(work[ep.PREMIUM * LANES + j], 0.0)
        value *= spot if sign > 0.0 else strike
        v = work[et.DEVIATION * LANES + j]
        european_slope = strike if sign < 0.0 else spot
        european_slope *= work[ep.EUROPEAN_BEND * LANES + j] * v * v
        ratio = exponential(work[ep.LOG_SPOT * LANES + j])
        slope = vs.secant_slope(value - search[vs.BASE, j], european_slope * ratio * ratio, search[:, j])
        vs.advance(value, slope, round_, _SETTLED_SECANT, search[:, j])
