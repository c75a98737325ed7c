"""American values of many series from premium tables: with their greeks, alone, and on a grid of scenarios.

Sources: those of `premium_tile`. A tile holds series that stand together and share a table, so series should be in
the order of their tables; a series' answer does not depend on that order, nor on its neighbours. Where a table cannot
answer, the answer is NaN and `standing` says why: those few go to `andersen_lake.value_american`.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import andersen_lake as al
from flatbook.kernels import premium_tile as pt
from flatbook.kernels.arithmetic import exponential, log_ratio
from flatbook.kernels.premium_table import NO_PREMIUM, READY
from flatbook.kernels.premium_tile import TILE

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Standings = NDArray[np.int8]

PRICE, DELTA, GAMMA, VEGA, THETA = range(5)  # rows of the answer

# Standing, after those of `andersen_lake` of which the first three occur here.
WAITS, EXERCISES, NEVER_EARLY = al.WAITS, al.EXERCISES, al.NEVER_EARLY
OUTSIDE_TABLE, WITHOUT_TABLE = 6, 7

SPOT, STRIKE, _ONE, _OUT = range(pt.FREE, pt.FREE + 4)  # _ONE is 1 or NaN; _OUT is the first of five rows
_FIRST_KEPT = pt.VOL  # of a settled chain: the vols and what they decide, STRIKE and _ONE, the powers
_KEPT_ALWAYS = pt.Z_PER_VOL - _FIRST_KEPT + 3
_KEPT_ROWS = _KEPT_ALWAYS + 2 * pt.ETA_POWERS_MAX
_VOL_FLOOR = 0.001  # a shift takes a vol no lower, so that a large one stays inside the model
_EDGE = 1e-12  # of log vol: the ends of the range belong to the table
_NAN = math.nan


@njit(cache=True, error_model="numpy")
def value_with_tables(
    tables: Floats,
    spot: Floats,
    index: Indices,
    strike: Floats,
    vol: Floats,
    out: Floats,
    standing: Standings,
) -> None:
    """Price each series and tell its delta, gamma, vega and theta.

    Parameters
    ----------
    tables : float64[m, premium_tile.WIDTH]
        As written by `premium_table.build_tables`: expiry, side, rates are theirs.
    spot : float64[m]
        Spot of each table's underlying, above zero.
    index : int64[n]
        Row of `tables` for each series.
    strike, vol : float64[n]
        Price units above zero; annual decimal.
    out : float64[5, n]
        Written: PRICE, DELTA, GAMMA per unit of spot, VEGA per 1.00 of vol, THETA per year of time passing. Where
        exercise is best price is intrinsic, delta the sign, the rest 0.
    standing : int8[n]
        Written: WAITS, EXERCISES, NEVER_EARLY; NaN with OUTSIDE_TABLE (vol, spot or strike), WITHOUT_TABLE.
    """
    tile = pt.new_tile()
    first = 0
    while first < index.size:
        count = count_together(index, first)
        table, now = tables[index[first]], spot[index[first]]
        some = load_tile(table, now, first, count, strike, vol, standing, tile)
        if some:
            pt.settle_vol(table, tile)
            _answer_tile(table, tile)
        _store_tile(table, some, tile, first, count, out, standing)
        first += count


@njit(cache=True, error_model="numpy")
def new_chain(index: Indices) -> Floats:
    """Room for all that the vols of a chain decide: float64, one dimension, for one `index`."""
    room, first = 0, 0
    while first < index.size:
        count = count_together(index, first)
        room += _KEPT_ROWS * _whole_vectors(count)
        first += count
    block = np.zeros(room + 8)
    skip = (64 - block.ctypes.data % 64) % 64 // 8
    return block[skip : skip + room]


@njit(cache=True, error_model="numpy")
def settle_chain(
    tables: Floats, index: Indices, strike: Floats, vol: Floats, chain: Floats, standing: Standings
) -> None:
    """Do once all that depends on the vols and not on the spot; then `value_chain` is a short polynomial each.

    Parameters
    ----------
    tables, index, strike, vol, standing
        As for `value_with_tables`.
    chain : float64[:]
        Written; from `new_chain` for the same `index`.
    """
    tile = pt.new_tile()
    first, at = 0, 0
    while first < index.size:
        count = count_together(index, first)
        table = tables[index[first]]
        if load_tile(table, 1.0, first, count, strike, vol, standing, tile):
            pt.settle_vol(table, tile)
        at = _pass_kept(table, tile, chain, at, _whole_vectors(count), True)
        first += count


@njit(cache=True, error_model="numpy")
def value_chain(
    tables: Floats, spot: Floats, index: Indices, chain: Floats, out: Floats, standing: Standings
) -> None:
    """Price a settled chain at new spots and tell its greeks, to the bit as `value_with_tables` does.

    Parameters
    ----------
    tables, spot, index, out
        As for `value_with_tables`.
    chain, standing
        As `settle_chain` left them; `standing` is brought up to date.
    """
    tile = pt.new_tile()
    first, at = 0, 0
    tile[:] = 1.0  # lanes beyond the last series
    while first < index.size:
        count = count_together(index, first)
        table, now = tables[index[first]], spot[index[first]]
        at = _pass_kept(table, tile, chain, at, _whole_vectors(count), False)
        some = table[pt.STATE] in (READY, NO_PREMIUM) and 0.0 < now < math.inf
        if some:
            for i in range(TILE):
                tile[SPOT * TILE + i] = now
            _answer_tile(table, tile)
        _store_tile(table, some, tile, first, count, out, standing)
        first += count


@njit(cache=True, error_model="numpy")
def _whole_vectors(count: int) -> int:
    return (count + 7) // 8 * 8


@njit(cache=True, error_model="numpy")
def _pass_kept(table: Floats, tile: Floats, chain: Floats, at: int, lanes: int, keep: bool) -> int:
    """Keep what the vols decide, or bring it back; say where the next tile is kept."""
    powers = int(table[pt.ETA_POWERS]) if table[pt.STATE] == READY else 0
    for k in range(_KEPT_ALWAYS + 2 * powers):
        row = _FIRST_KEPT + k
        if k >= pt.Z_PER_VOL + 1 - _FIRST_KEPT:
            row = STRIKE + k - (pt.Z_PER_VOL + 1 - _FIRST_KEPT)
        if k >= _KEPT_ALWAYS:
            row = pt.POWERS + k - _KEPT_ALWAYS
        if k >= _KEPT_ALWAYS + powers:
            row = pt.SLOPES + k - _KEPT_ALWAYS - powers
        here, there = tile[row * TILE : row * TILE + lanes], chain[at + k * lanes : at + (k + 1) * lanes]
        if keep:
            for i in range(here.size):
                there[i] = here[i]
        else:
            for i in range(here.size):
                here[i] = there[i]
    return at + _KEPT_ROWS * lanes


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _answer_tile(table: Floats, tile: Floats) -> None:
    measure_spots(table, tile)
    pt.find_european(table, tile)
    if table[pt.STATE] == READY:
        pt.find_premium(table, tile)
    _turn_back(table, tile)


@njit(cache=True, error_model="numpy")
def _store_tile(
    table: Floats, some: bool, tile: Floats, first: int, count: int, out: Floats, standing: Standings
) -> None:
    for row in range(5):
        into = out[row, first : first + count]
        for i in range(into.size):
            into[i] = tile[(_OUT + row) * TILE + i] * tile[_ONE * TILE + i]
    ready = table[pt.STATE] == READY
    for i in range(count):
        if standing[first + i] >= OUTSIDE_TABLE or not some:
            out[:, first + i] = _NAN
        elif ready:
            standing[first + i] = EXERCISES if tile[pt.ETA * TILE + i] < 0.0 else WAITS


@njit(cache=True, error_model="numpy")
def reprice_with_tables(
    tables: Floats,
    spot: Floats,
    index: Indices,
    strike: Floats,
    vol: Floats,
    moves: Floats,
    shifts: Floats,
    out: Floats,
) -> None:
    """Price each series at every spot * (1 + move) and vol + shift; what depends on the vol alone is shared by moves.

    Parameters
    ----------
    tables, spot, index, strike, vol
        As for `value_with_tables`.
    moves : float64[n_moves]
        Relative, above -1.
    shifts : float64[n_shifts]
        Annual decimal, parallel; a shift takes a vol no lower than 0.001, or than itself where it was lower.
    out : float64[n, n_moves, n_shifts]
        Written, price units; NaN where the table does not reach.
    """
    tile = pt.new_tile()
    standing = np.empty(TILE, dtype=np.int8)
    shifted = np.empty(TILE)
    first = 0
    while first < index.size:
        count = count_together(index, first)
        table = tables[index[first]]
        now = spot[index[first]]
        for k in range(shifts.size):
            for i in range(count):
                floor = min(vol[first + i], _VOL_FLOOR)
                shifted[i] = max(vol[first + i] + shifts[k], floor)
            some = load_tile(table, now, 0, count, strike[first : first + count], shifted, standing, tile)
            if some:
                pt.settle_vol(table, tile)
            for j in range(moves.size):
                inside = some and 0.0 < now * (1.0 + moves[j]) < math.inf
                if inside:
                    for i in range(TILE):
                        tile[SPOT * TILE + i] = now * (1.0 + moves[j])
                    _price_tile(table, tile)
                one = 1.0 if inside else _NAN
                for i in range(count):
                    out[first + i, j, k] = tile[_OUT * TILE + i] * one
        first += count


@njit(cache=True, error_model="numpy")
def count_together(index: Indices, first: int) -> int:
    """How many series from `first` share its table, up to a tile."""
    count = 1
    while count < TILE and first + count < index.size and index[first + count] == index[first]:
        count += 1
    return count


@njit(cache=True, error_model="numpy")
def load_tile(
    table: Floats,
    spot: float,
    first: int,
    count: int,
    strike: Floats,
    vol: Floats,
    standing: Standings,
    tile: Floats,
) -> bool:
    """Lay series of one table out; lanes that it cannot answer get a plain one. Say whether it can answer any."""
    state = table[pt.STATE]
    able = state in (READY, NO_PREMIUM) and 0.0 < spot < math.inf
    able_as = WAITS if state == READY else NEVER_EARLY
    low = math.exp(table[pt.LOG_VOL_LOW] - _EDGE)
    high = math.exp(table[pt.LOG_VOL_LOW] + table[pt.PANELS] * table[pt.PANEL_WIDTH] + _EDGE)
    some = False
    for j in range(TILE):
        i = first + j
        good = able and j < count
        if good:
            good = low <= vol[i] <= high and 0.0 < strike[i] < math.inf and 0.0 < spot / strike[i] < math.inf
        some = some or good
        tile[pt.VOL * TILE + j] = vol[i] if good else low
        tile[SPOT * TILE + j] = spot if good else 1.0
        tile[STRIKE * TILE + j] = strike[i] if good else 1.0
        tile[_ONE * TILE + j] = 1.0 if good else _NAN
        if j < count:
            standing[i] = able_as if good else (OUTSIDE_TABLE if able else WITHOUT_TABLE)
    return some


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def measure_spots(table: Floats, tile: Floats) -> None:
    """Spot over strike as the put of strike one sees it: for a call they have changed places."""
    called = table[pt.SIGN] > 0.0
    for j in range(TILE):
        spot, strike = tile[SPOT * TILE + j], tile[STRIKE * TILE + j]
        top, bottom = (strike, spot) if called else (spot, strike)
        tile[pt.LOG_SPOT * TILE + j] = log_ratio(top, bottom)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _price_tile(table: Floats, tile: Floats) -> None:
    """Price alone, into the first row of the answer."""
    measure_spots(table, tile)
    pt.find_european(table, tile)
    early = table[pt.STATE] == READY
    if early:
        pt.find_premium_alone(table, tile)
    sign = table[pt.SIGN]
    for j in range(TILE):
        spot, strike = tile[SPOT * TILE + j], tile[STRIKE * TILE + j]
        scale = spot if sign > 0.0 else strike
        value = scale * (tile[pt.EUROPEAN * TILE + j] + (tile[pt.PREMIUM * TILE + j] if early else 0.0))
        gain = sign * (spot - strike)
        exercised = early and tile[pt.ETA * TILE + j] < 0.0
        value = max(value, gain)
        tile[_OUT * TILE + j] = (gain if exercised else value) * tile[_ONE * TILE + j]


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _turn_back(table: Floats, tile: Floats) -> None:
    """Turn puts of strike one into the series they came from: the five rows of the answer."""
    sign, early = table[pt.SIGN], table[pt.STATE] == READY
    called = sign > 0.0
    rate = table[pt.YIELD] if called else table[pt.RATE]
    dividend = table[pt.RATE] if called else table[pt.YIELD]
    for j in range(TILE):
        spot, strike, vol = tile[SPOT * TILE + j], tile[STRIKE * TILE + j], tile[pt.VOL * TILE + j]
        ratio = exponential(tile[pt.LOG_SPOT * TILE + j])
        scale = spot if called else strike
        value = tile[pt.EUROPEAN * TILE + j] + (tile[pt.PREMIUM * TILE + j] if early else 0.0)
        slope = tile[pt.EUROPEAN_SLOPE * TILE + j] + (tile[pt.SLOPE * TILE + j] if early else 0.0)
        bend = tile[pt.EUROPEAN_BEND * TILE + j] + (tile[pt.BEND * TILE + j] if early else 0.0)
        per_vol = tile[pt.EUROPEAN_PER_VOL * TILE + j] + (tile[pt.PER_VOL * TILE + j] if early else 0.0)
        gain = sign * (spot - strike)
        price = max(scale * value, gain)
        delta = value - ratio * slope if called else slope
        gamma = ratio * ratio * bend / spot if called else bend / strike
        theta = rate * price - (rate - dividend) * spot * delta - 0.5 * vol * vol * spot * spot * gamma
        exercised = early and tile[pt.ETA * TILE + j] < 0.0
        tile[(_OUT + PRICE) * TILE + j] = gain if exercised else price
        tile[(_OUT + DELTA) * TILE + j] = sign if exercised else delta
        tile[(_OUT + GAMMA) * TILE + j] = 0.0 if exercised else gamma
        tile[(_OUT + VEGA) * TILE + j] = 0.0 if exercised else scale * per_vol
        tile[(_OUT + THETA) * TILE + j] = 0.0 if exercised else theta
