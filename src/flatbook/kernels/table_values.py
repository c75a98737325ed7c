"""American values of many series from premium tables, with their greeks; scenarios are in `table_slides`.

Sources: those of `premium_tile` and `tick_lanes`. Series that share a table should stand together: what their vols
decide is found for them at once; a series' answer does not depend on that order, nor on its neighbours. Where a table
cannot answer, the answer is NaN and `standing` says why: those few go to `andersen_lake.value_american`. European
series may stand among them, on tables that `write_european_tables` writes.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import andersen_lake as al
from flatbook.kernels import premium_tile as pt
from flatbook.kernels import tick_lanes as lanes
from flatbook.kernels.arithmetic import log_ratio
from flatbook.kernels.premium_table import (
    EXPIRY_RATE,
    EXPIRY_SIGN,
    EXPIRY_YEARS,
    EXPIRY_YIELD,
    NO_PREMIUM,
    NO_TABLE,
    READY,
)
from flatbook.kernels.premium_tile import TILE

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Standings = NDArray[np.int8]

PRICE, DELTA, GAMMA, VEGA, THETA = range(5)  # rows of the answer

# Standing, after those of `andersen_lake` of which the first three occur here.
WAITS, EXERCISES, NEVER_EARLY = al.WAITS, al.EXERCISES, al.NEVER_EARLY
OUTSIDE_TABLE, WITHOUT_TABLE = 6, 7

SPOT, STRIKE = range(pt.FREE, pt.FREE + 2)
_EDGE = 1e-12  # of log vol: the ends of the range belong to the table
_EUROPEAN_VOLS = (1e-4, 50.0)
_DEVIATION_MIN, _DEVIATION_MAX = 1e-9, 100.0
_NAN = math.nan


@njit(cache=True, error_model="numpy", nogil=True)
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
        As written by `premium_table.build_tables` or `write_european_tables`: expiry, side, rates are theirs.
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
    settling = pt.new_tile()
    block = lanes.new_lanes(1)
    tile, kept = block[: lanes.SCRATCH], block[lanes.SCRATCH :]
    for first in range(0, index.size, TILE):
        last = min(first + TILE, index.size)
        some = index[first:last]
        _keep_tile(
            tables, spot, some, strike[first:last], vol[first:last], standing[first:last], settling, kept
        )
        _spread_spots(spot, some, 0.0, tile)
        lanes.value_lanes(kept, tile)
        _store_tile(tile, out, first, last)
        _stand(tile, kept, standing[first:last])


@njit(cache=True, error_model="numpy")
def new_chain(index: Indices) -> Floats:
    """Room for all that the vols of a chain decide and for scratch: float64, one dimension, for one `index`."""
    return lanes.new_lanes((index.size + TILE - 1) // TILE)


@njit(cache=True, error_model="numpy", nogil=True)
def settle_chain(
    tables: Floats, index: Indices, strike: Floats, vol: Floats, chain: Floats, standing: Standings
) -> None:
    """Do once all that depends on the vols and not on the spot; then `value_chain` is a short polynomial each.

    Parameters
    ----------
    tables, index, strike, vol, standing
        As for `value_with_tables`.
    chain : float64[:]
        Written; from `new_chain` for the same `index`. It holds scratch, too: one thread at a time.
    """
    settling = pt.new_tile()
    plain = np.ones(tables.shape[0])
    for first in range(0, index.size, TILE):
        last = min(first + TILE, index.size)
        kept = kept_tile(chain, first)
        _keep_tile(
            tables,
            plain,
            index[first:last],
            strike[first:last],
            vol[first:last],
            standing[first:last],
            settling,
            kept,
        )


@njit(cache=True, error_model="numpy", nogil=True)
def value_chain(spot: Floats, index: Indices, chain: Floats, out: Floats, standing: Standings) -> None:
    """Price a settled chain at new spots and tell its greeks, to the bit as `value_with_tables` does.

    Parameters
    ----------
    spot, index, out
        As for `value_with_tables`.
    chain, standing
        As `settle_chain` left them; `standing` is brought up to date.
    """
    one_spot = share_spot(spot, chain[: lanes.SCRATCH])
    for first in range(0, index.size, TILE):
        value_kept(spot, index, first, min(first + TILE, index.size), one_spot, chain, out, standing)


@njit(cache=True, error_model="numpy")
def write_european_tables(expiries: Floats, tables: Floats) -> None:
    """Write tables of European series, which have no premium: the head alone.

    Parameters
    ----------
    expiries : float64[6, m]
        As for `premium_table.build_tables`; the range of vols is not read. With the dividend yield equal to the rate the
        spot stands for a forward that is the underlying.
    tables : float64[m, premium_tile.WIDTH]
        Written. Where no time is left, or outside the model, the series will stand WITHOUT_TABLE.
    """
    for t in range(expiries.shape[1]):
        table = tables[t]
        years, sign = expiries[EXPIRY_YEARS, t], expiries[EXPIRY_SIGN, t]
        rate, dividend = expiries[EXPIRY_RATE, t], expiries[EXPIRY_YIELD, t]
        if sign > 0.0:
            rate, dividend = dividend, rate
        root = math.sqrt(years)
        low, high = _EUROPEAN_VOLS
        low, high = max(low, _DEVIATION_MIN / root), min(high, _DEVIATION_MAX / root)
        inside = (
            0.0 < years < math.inf
            and abs(sign) == 1.0
            and abs(rate * years) + abs(dividend * years) < math.inf
        )
        table[:] = _NAN
        table[pt.STATE] = lanes.EUROPEAN if inside and low < high else NO_TABLE
        table[pt.ERROR], table[pt.ETA_POWERS] = 0.0, 0.0
        table[pt.YEARS], table[pt.RATE], table[pt.YIELD], table[pt.SIGN] = years, rate, dividend, sign
        table[pt.DISCOUNT], table[pt.YIELDED] = math.exp(-rate * years), math.exp(-dividend * years)
        table[pt.ROOT_YEARS] = root
        table[pt.LOG_VOL_LOW], table[pt.PANELS], table[pt.PANEL_WIDTH] = (
            math.log(low),
            1.0,
            math.log(high / low),
        )


@njit(cache=True, error_model="numpy", forceinline=True)
def value_kept(
    spot: Floats,
    index: Indices,
    first: int,
    last: int,
    one_spot: bool,
    chain: Floats,
    out: Floats,
    standing: Standings,
) -> None:
    """The step of `value_chain` for one tile, from `first` up to `last`; `out` may have more rows."""
    tile, kept = chain[: lanes.SCRATCH], kept_tile(chain, first)
    if not one_spot:
        _spread_spots(spot, index[first:last], 0.0, tile)
    lanes.value_lanes(kept, tile)
    _store_tile(tile, out, first, last)
    _stand(tile, kept, standing[first:last])


@njit(cache=True, error_model="numpy", inline="always")
def kept_tile(chain: Floats, first: int) -> Floats:
    """What is kept of the thirty-two series from `first` on."""
    at = lanes.SCRATCH + first // TILE * lanes.KEPT
    return chain[at : at + lanes.KEPT]


@njit(cache=True, error_model="numpy", forceinline=True)
def share_spot(spot: Floats, tile: Floats) -> bool:
    """Whether one spot serves all; if so, lay it out for every lane."""
    for g in range(1, spot.size):
        if spot[g] != spot[0]:
            return False
    if spot.size > 0:
        _fill_spot(spot[0], 0, TILE, tile)
    return True


@njit(cache=True, error_model="numpy", forceinline=True)
def _spread_spots(spot: Floats, index: Indices, move: float, tile: Floats) -> None:
    """Lay out the spot of each lane, moved; the lanes after the last get that of the last."""
    at = 0
    while at < index.size:
        count = count_together(index, at)
        end = TILE if at + count == index.size else at + count
        _fill_spot(spot[index[at]] * (1.0 + move), at, end, tile)
        at += count


@njit(cache=True, error_model="numpy", forceinline=True)
def _fill_spot(spot: float, start: int, end: int, tile: Floats) -> None:
    inside = 0.0 < spot < math.inf
    held = spot if inside else _NAN
    per_spot, log_spot = 1.0 / held, log_ratio(held, 1.0)
    for row, entry in ((lanes.SPOT, held), (lanes.PER_SPOT, per_spot), (lanes.LOG_SPOT, log_spot)):
        for j in range(start, end):
            tile[row + j] = entry


@njit(cache=True, error_model="numpy", forceinline=True)
def _store_tile(tile: Floats, out: Floats, first: int, last: int) -> None:
    for row in range(5):
        into = out[row, first:last]
        at = lanes.OUT + row * TILE
        piece = tile[at : at + TILE]
        for i in range(into.size):
            into[i] = piece[i]


@njit(cache=True, error_model="numpy", forceinline=True)
def _stand(tile: Floats, kept: Floats, standing: Standings) -> None:
    """Bring up to date who waits and who exercises."""
    if kept[lanes.GROUPS] == 0.0:
        return
    for i in range(standing.size):
        if standing[i] <= EXERCISES:
            standing[i] = EXERCISES if tile[lanes.ETA + i] < 0.0 else WAITS


@njit(cache=True, error_model="numpy")
def _keep_tile(
    tables: Floats,
    spot: Floats,
    index: Indices,
    strike: Floats,
    vol: Floats,
    standing: Standings,
    settling: Floats,
    kept: Floats,
) -> None:
    """Keep what the vols of up to thirty-two series decide; those that cannot be answered will be NaN."""
    lanes.clear_lanes(kept)
    at = 0
    while at < index.size:
        count = count_together(index, at)
        table = tables[index[at]]
        some = _lay_out(table, spot[index[at]], at, count, strike, vol, True, standing, settling)
        if some and table[pt.STATE] == READY:
            pt.settle_vol(table, settling)
        for j in range(count):
            if standing[at + j] < OUTSIDE_TABLE:
                lanes.keep_lane(table, settling, j, strike[at + j], vol[at + j], kept, at + j)
        at += count


@njit(cache=True, error_model="numpy", forceinline=True)
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
    return _lay_out(table, spot, first, count, strike, vol, False, standing, tile)


@njit(cache=True, error_model="numpy")
def _lay_out(
    table: Floats,
    spot: float,
    first: int,
    count: int,
    strike: Floats,
    vol: Floats,
    with_european: bool,
    standing: Standings,
    tile: Floats,
) -> bool:
    state = table[pt.STATE]
    able = state in (READY, NO_PREMIUM) or (with_european and state == lanes.EUROPEAN)
    able = able and 0.0 < spot < math.inf
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
