"""American prices from premium tables on a grid of scenarios: thirty-two pairs of a series and a vol at once.

Sources: those of `premium_tile` and `tick_lanes`, whose answers these are to the bit. All series of a table are laid
out beside each other at every shifted vol, so that a tile is of one table and nearly always full; what a vol decides is
found once and shared by all moves of the spot, and no slope is found at all.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import premium_tile as pt
from flatbook.kernels import tick_lanes as lanes
from flatbook.kernels.arithmetic import exponential, log_ratio
from flatbook.kernels.premium_table import NO_PREMIUM, READY
from flatbook.kernels.premium_tile import TILE

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_VOL_FLOOR = 0.001  # a shift takes a vol no lower, so that a large one stays inside the model
_EDGE = 1e-12  # of log vol: the ends of the range belong to the table
_NAN = math.nan

# Rows beside those of the tile of `premium_tile`, whose VOL, DEVIATION, DEPTH and POWERS are read.
_STRIKE, _PER_STRIKE, _LOG_STRIKE, _PER_DEVIATION, _SHIFT, _BOUNDARY, _PREMIUM, _VALUE, _SHARES, _ETA = (
    (pt.ROWS + k) * TILE for k in range(10)
)
_SIZE = (pt.ROWS + 10) * TILE


@njit(cache=True, error_model="numpy", nogil=True)
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
        As for `table_values.value_with_tables`; series of one table should stand together.
    moves : float64[n_moves]
        Relative, above -1.
    shifts : float64[n_shifts]
        Annual decimal, parallel; a shift takes a vol no lower than 0.001, or than itself where it was lower.
    out : float64[n, n_moves, n_shifts]
        Written, price units; NaN where the table does not reach.
    """
    block = np.zeros(_SIZE + 8)
    skip = (64 - block.ctypes.data % 64) % 64 // 8
    tile = block[skip : skip + _SIZE]
    prices = np.empty((moves.size, TILE))
    first = 0
    while first < index.size:
        last = first + 1
        while last < index.size and index[last] == index[first]:
            last += 1
        table, here = tables[index[first]], spot[index[first]]
        for start in range(0, (last - first) * shifts.size, TILE):
            _lay_out(table, here, first, last, start, strike, vol, shifts, tile)
            _settle(table, tile)
            for m in range(moves.size):
                _price_tile(table, here * (1.0 + moves[m]), tile, prices[m])
            _store(prices, first, last, start, out)
        first = last


@njit(cache=True, error_model="numpy")
def _lay_out(
    table: Floats,
    spot: float,
    first: int,
    last: int,
    start: int,
    strike: Floats,
    vol: Floats,
    shifts: Floats,
    tile: Floats,
) -> None:
    """Pairs from `start` on, all shifts of a series after each other; what cannot be answered gets a NaN strike."""
    state = table[pt.STATE]
    able = state in (READY, NO_PREMIUM, lanes.EUROPEAN) and 0.0 < spot < math.inf
    low = math.exp(table[pt.LOG_VOL_LOW] - _EDGE)
    high = math.exp(table[pt.LOG_VOL_LOW] + table[pt.PANELS] * table[pt.PANEL_WIDTH] + _EDGE)
    i, k = first + start // shifts.size, start % shifts.size
    for j in range(TILE):
        shifted, paid = _NAN, _NAN
        if i < last:
            shifted, paid = max(vol[i] + shifts[k], min(vol[i], _VOL_FLOOR)), strike[i]
        good = able and low <= shifted <= high and 0.0 < paid < math.inf and 0.0 < spot / paid < math.inf
        tile[pt.VOL * TILE + j] = shifted if good else low
        tile[_STRIKE + j] = paid if good else _NAN
        k += 1
        if k == shifts.size:
            i, k = i + 1, 0


@njit(cache=True, error_model="numpy")
def _settle(table: Floats, tile: Floats) -> None:
    """What strike and vol decide, as `tick_lanes.keep_lane` has it."""
    if table[pt.STATE] == READY:
        pt.settle_levels(table, tile)
    _keep(table, tile)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _keep(table: Floats, tile: Floats) -> None:
    sign, years, root = table[pt.SIGN], table[pt.YEARS], table[pt.ROOT_YEARS]
    carry = table[pt.RATE] - table[pt.YIELD]
    early = table[pt.STATE] == READY
    cap = table[pt.LOG_CAP]
    for j in range(TILE):
        vol, strike = tile[pt.VOL * TILE + j], tile[_STRIKE + j]
        v = vol * root
        per_deviation = 1.0 / v
        tile[_PER_DEVIATION + j] = per_deviation
        tile[_SHIFT + j] = carry * years * per_deviation + 0.5 * v
        tile[_PER_STRIKE + j] = 1.0 / strike
        tile[_LOG_STRIKE + j] = sign * log_ratio(strike, 1.0)
        tile[_BOUNDARY + j] = cap - tile[pt.DEPTH * TILE + j] if early else -lanes.FAR
        tile[pt.DEVIATION * TILE + j] = v


@njit(cache=True, error_model="numpy")
def _price_tile(table: Floats, spot: float, tile: Floats, prices: Floats) -> None:
    """Prices of a tile at one spot, as `tick_lanes.value_lanes` finds them."""
    held = spot if 0.0 < spot < math.inf else _NAN
    _find_parts(table, held, log_ratio(held, 1.0), 1.0 / held, tile)
    if table[pt.STATE] == READY:
        _find_level(table, tile)
    _finish(table, held, tile, prices)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _finish(table: Floats, held: float, tile: Floats, prices: Floats) -> None:
    """Add the premium, or exercise."""
    way, early = -table[pt.SIGN], table[pt.STATE] == READY
    end = table[pt.ETA_MAX] if early else lanes.NO_END
    slack = lanes.NO_FLOOR if table[pt.STATE] == lanes.EUROPEAN else 0.0
    for j in range(TILE):
        eta, strike = tile[_ETA + j], tile[_STRIKE + j]
        level = tile[_PREMIUM + j] - (0.5 * (eta * eta - end * end) if eta > end else 0.0)
        value = tile[_VALUE + j] + (exponential(level) if early else 0.0)
        gain = way * (strike - held)
        price = (held if way < 0.0 else strike) * value
        price = max(price, way * (strike - held) - slack)
        prices[j] = gain if eta < 0.0 else price


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _find_parts(table: Floats, spot: float, log_spot: float, per_spot: float, tile: Floats) -> None:
    """The European part, and where the spot is in the table."""
    way, discount, yielded = -table[pt.SIGN], table[pt.DISCOUNT], table[pt.YIELDED]
    for j in range(TILE):
        per_deviation = tile[_PER_DEVIATION + j]
        level = way * log_spot + tile[_LOG_STRIKE + j]
        ratio = tile[_STRIKE + j] * per_spot if way < 0.0 else spot * tile[_PER_STRIKE + j]
        d1 = level * per_deviation + tile[_SHIFT + j]
        value, shares, _ = lanes.european_put(ratio, d1, tile[pt.DEVIATION * TILE + j], discount, yielded)
        tile[_VALUE + j] = value
        tile[_SHARES + j] = (
            shares  # a second use, or its product is fused into the value and the bits are others
        )
        tile[_ETA + j] = (level - tile[_BOUNDARY + j]) * per_deviation


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _find_level(table: Floats, tile: Floats) -> None:
    """The logarithm of the premium, four powers at a time."""
    per_end = 2.0 / table[pt.ETA_MAX]
    for j in range(TILE):
        tile[_PREMIUM + j] = 0.0
    for g in range(int(table[pt.ETA_POWERS]) // 4 - 1, -1, -1):
        rows = tile[(pt.POWERS + 4 * g) * TILE : (pt.POWERS + 4 * g + 4) * TILE]
        for j in range(TILE):
            u = min(max(tile[_ETA + j], 0.0) * per_end, 2.0) - 1.0
            p0 = tile[_PREMIUM + j] * u + rows[3 * TILE + j]
            p0 = (p0 * u + rows[2 * TILE + j]) * u + rows[TILE + j]
            tile[_PREMIUM + j] = p0 * u + rows[j]


@njit(cache=True, error_model="numpy")
def _store(prices: Floats, first: int, last: int, start: int, out: Floats) -> None:
    """The prices of a tile into the cells of their series."""
    shifts = out.shape[2]
    lane = 0
    i, k = first + start // shifts, start % shifts
    while lane < TILE and i < last:
        count = min(shifts - k, TILE - lane)
        for m in range(prices.shape[0]):
            into, line = out[i, m, k : k + count], prices[m, lane : lane + count]
            for c in range(count):
                into[c] = line[c]
        lane += count
        i, k = i + 1, 0
