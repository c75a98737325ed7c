"""European option values and greeks under Black (1976): rows, chains, prices alone, and grids of scenarios.

Sources: those of `european_tile`, whose arithmetic all of them share, so that they agree to the bit. A row never
depends on its neighbours or on its place. Prices, strikes and discounts outside SMALLEST to LARGEST (`arithmetic`) are
outside the model. Arrays are C-contiguous float64 unless said otherwise.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import european_tile as part
from flatbook.kernels.european_tile import (
    COLUMNS,
    TILE,
    derive_market,
    fetch,
    find_greeks,
    find_more_greeks,
    find_price,
    find_time_value,
    load,
    measure_distance,
    store,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.int32]
Integers = NDArray[np.int64]

PRICE, DELTA, GAMMA, VEGA, THETA, RHO, VANNA, VOLGA, CHARM, DIVIDEND_RHO, SPEED = range(COLUMNS)
EXPIRY_SPOT, EXPIRY_FORWARD, EXPIRY_YEARS, EXPIRY_DISCOUNT, EXPIRY_FIXED = range(5)
EXPIRY_ROWS = 5

_AHEAD = 2 * TILE  # how far before its use a column is asked for
_LONG = 8  # series of one expiry side by side, from which vectors pay
_VOL_FLOOR = 0.001  # a shift takes a vol no lower, so that a large one stays inside the model


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
    """Price each option and tell its risks; parameters and result as for `value_european_into`."""
    out = np.empty((COLUMNS, strike.size))
    value_european_into(out, spot, forward, strike, years, vol, discount, sign, forward_fixed)
    return out


@njit(cache=True, error_model="numpy", nogil=True)
def value_european_into(
    out: Floats,
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    discount: Floats,
    sign: Floats,
    forward_fixed: Bools,
) -> None:
    """Price each option and tell its risks, into the rows of `out`, one per column.

    Parameters
    ----------
    out : float64[COLUMNS, n], or fewer rows for the first columns only
        Written. Columns as named in this module, raw units: VEGA per 1.00 of vol, VOLGA per its square, THETA and
        CHARM per year of time passing, RHO and DIVIDEND_RHO per 1.00 of rate, DELTA and GAMMA per unit of spot,
        VANNA the change of DELTA per 1.00 of vol, SPEED that of GAMMA per unit of spot. At expiry and at zero vol
        they are limits: delta the step (half of it exactly at the strike), gamma, vega, vanna, volga, speed 0. NaN
        in every column outside the model.
    spot : float64[n]
        What delta refers to, above zero; the forward moves in proportion to it (dF/dS = F/S).
    forward, strike : float64[n]
        Price units, above zero.
    years : float64[n]
        Time to expiry; 0 gives the discounted intrinsic value.
    vol : float64[n]
        Annual lognormal volatility as a decimal; 0 gives the discounted intrinsic value. vol * sqrt(years) of 1000
        and more is outside the model.
    discount : float64[n]
        Discount factor to payment, above zero.
    sign : float64[n]
        +1 call, -1 put.
    forward_fixed : bool[n]
        True where the forward itself is the underlying (options on futures): time and rates leave it in place, so
        rho is -years * price and dividend rho 0. False where the forward carries with the spot.
    """
    tile = np.empty(part.ROWS * TILE)
    for start in range(0, strike.size, TILE):
        count = min(TILE, strike.size - start)
        load(tile, part.SPOT, spot, start, count)
        load(tile, part.FORWARD, forward, start, count)
        load(tile, part.YEARS, years, start, count)
        load(tile, part.DISCOUNT, discount, start, count)
        _load_free(tile, forward_fixed, start, count)
        fetch(spot, start + _AHEAD)
        fetch(forward, start + _AHEAD)
        fetch(years, start + _AHEAD)
        fetch(discount, start + _AHEAD)
        derive_market(tile)
        _value_tile(out, tile, strike, vol, sign, start, count)


def value_chain(expiries: Floats, expiry_index: Indices, strike: Floats, vol: Floats, sign: Floats) -> Floats:
    """Price each series of a chain and tell its risks; parameters and result as for `value_chain_into`."""
    out = np.empty((COLUMNS, strike.size))
    value_chain_into(out, expiries, expiry_index, strike, vol, sign)
    return out


@njit(cache=True, error_model="numpy", nogil=True)
def value_chain_into(
    out: Floats, expiries: Floats, expiry_index: Indices, strike: Floats, vol: Floats, sign: Floats
) -> None:
    """Price each series of a chain and tell its risks, with the bits of `value_european_into`.

    Parameters
    ----------
    out : float64[COLUMNS, n], or fewer rows
        Written, as for `value_european_into`.
    expiries : float64[EXPIRY_ROWS, n_expiries]
        Rows as named in this module, each an argument of `value_european_into`; EXPIRY_FIXED is 1 where the forward
        is fixed and 0 where it carries with the spot.
    expiry_index : int32[n]
        Column of `expiries` that each series belongs to; where there is no such column, its row is NaN.
    strike, vol, sign : float64[n]
        As for `value_european_into`.
    """
    tile = np.empty(part.ROWS * TILE)
    market = _derive_markets(expiries, tile)
    nowhere = expiries.shape[1]
    for start in range(0, strike.size, TILE):
        count = min(TILE, strike.size - start)
        first = 0
        while first < count:
            index = expiry_index[start + first]
            end = first + 1
            while end < count and expiry_index[start + end] == index:
                end += 1
            _load_market(tile, market[index if 0 <= index < nowhere else nowhere], first, end)
            first = end
        _value_tile(out, tile, strike, vol, sign, start, count)


def price_european(
    forward: Floats, strike: Floats, years: Floats, vol: Floats, discount: Floats, sign: Floats
) -> Floats:
    """Price each option; parameters as for `value_european_into`. Relative accuracy holds far out of the money."""
    out = np.empty(strike.size)
    price_european_into(out, forward, strike, years, vol, discount, sign)
    return out


@njit(cache=True, error_model="numpy", nogil=True)
def price_european_into(
    out: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    discount: Floats,
    sign: Floats,
) -> None:
    """Price each option into `out`, float64[n]: the column PRICE of `value_european_into`, to the bit."""
    tile = np.empty(part.ROWS * TILE)
    for start in range(0, strike.size, TILE):
        count = min(TILE, strike.size - start)
        _load_options(tile, forward, strike, years, discount, sign, start, count)
        load(tile, part.VOL, vol, start, count)
        measure_distance(tile)
        find_time_value(tile)
        find_price(tile)
        store(out, start, tile, part.OUT, count)


def reprice_european(
    forward: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    discount: Floats,
    sign: Floats,
    moves: Floats,
    shifts: Floats,
) -> Floats:
    """Price each option on a grid of scenarios; parameters and result as for `reprice_european_into`."""
    out = np.empty((strike.size, moves.size, shifts.size))
    reprice_european_into(out, forward, strike, years, vol, discount, sign, moves, shifts)
    return out


@njit(cache=True, error_model="numpy", nogil=True)
def reprice_european_into(
    out: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    discount: Floats,
    sign: Floats,
    moves: Floats,
    shifts: Floats,
) -> None:
    """Price each option at every forward * (1 + move) and vol + shift.

    Parameters
    ----------
    out : float64[n, n_moves, n_shifts]
        Written, price units; NaN outside the model. Without move and shift it is `price_european_into`, to the bit.
        A call and a put of one strike and vol that stand together share the work.
    forward, strike, years, vol, discount, sign : float64[n]
        As for `value_european_into`.
    moves : float64[n_moves]
        Relative; -0.1 is a fall of 10 %. A move of -1 or below leaves the model.
    shifts : float64[n_shifts]
        Annual decimal, parallel. A shift takes a vol no lower than 0.001, or than itself where it was lower.
    """
    tile = np.empty(part.ROWS * TILE)
    cells = np.empty((2, shifts.size, TILE))
    rows, twins = _ones_and_twins(forward, strike, years, vol, discount, sign)
    base, time_value = np.empty((2, TILE)), np.empty(TILE)
    for start in range(0, rows.size, TILE):
        some, twin = rows[start : start + TILE], twins[start : start + TILE]
        paired = twin.max() >= 0
        for i in range(TILE):
            row = some[min(i, some.size - 1)]
            base[0, i], base[1, i] = forward[row], vol[row]
            tile[part.STRIKE + i], tile[part.ROOT_YEARS + i] = strike[row], np.sqrt(years[row])
            tile[part.DISCOUNT + i], tile[part.SIGN + i] = discount[row], sign[row]
        for j in range(moves.size):
            for i in range(TILE):
                tile[part.FORWARD + i] = base[0, i] * (1.0 + moves[j])
            measure_distance(tile)
            for k in range(shifts.size):
                tile[part.VOL : part.VOL + TILE] = base[1]
                _shift_vol(tile, shifts[k])
                find_time_value(tile)
                store(time_value, 0, tile, part.TIME_VALUE, TILE)  # the price takes its place
                find_price(tile)
                store(cells[0, k], 0, tile, part.OUT, TILE)
                if paired:
                    _turn(tile)
                    load(tile, part.TIME_VALUE, time_value, 0, TILE)
                    find_price(tile)
                    store(cells[1, k], 0, tile, part.OUT, TILE)
                    _turn(tile)
            for i in range(some.size):
                for k in range(shifts.size):
                    out[some[i], j, k] = cells[0, k, i]
                if twin[i] >= 0:
                    for k in range(shifts.size):
                        out[twin[i], j, k] = cells[1, k, i]


@njit(cache=True, error_model="numpy")
def _ones_and_twins(
    forward: Floats, strike: Floats, years: Floats, vol: Floats, discount: Floats, sign: Floats
) -> tuple[Integers, Integers]:
    """Rows to find a time value for, and beside each the row after it where that is its call or put; -1 otherwise."""
    rows, twins = np.empty(strike.size, dtype=np.int64), np.full(strike.size, -1, dtype=np.int64)
    count, i = 0, 0
    while i < strike.size:
        rows[count] = i
        j = i + 1
        if (
            j < strike.size
            and strike[j] == strike[i]
            and vol[j] == vol[i]
            and forward[j] == forward[i]
            and years[j] == years[i]
            and discount[j] == discount[i]
            and sign[j] == -sign[i]
        ):
            twins[count] = j
            i += 1
        count, i = count + 1, i + 1
    return rows[:count], twins[:count]


@njit(cache=True, error_model="numpy")
def _turn(tile: Floats) -> None:
    """Calls become puts, and puts calls."""
    for i in range(TILE):
        tile[part.SIGN + i] = -tile[part.SIGN + i]


@njit(cache=True, error_model="numpy")
def _load_free(tile: Floats, forward_fixed: Bools, start: int, count: int) -> None:
    piece = forward_fixed[start : start + count]
    place = tile[part.FREE : part.FREE + TILE]
    for i in range(count):
        place[i] = 0.0 if piece[i] else 1.0
    for i in range(count, TILE):
        place[i] = 1.0


@njit(cache=True, error_model="numpy")
def _load_market(tile: Floats, market: Floats, first: int, end: int) -> None:
    """The market rows of one expiry for the series from `first` to before `end`."""
    if end - first < _LONG:
        for i in range(first, end):
            for row in range(part.MARKET_ROWS):
                tile[row * TILE + i] = market[row]
    else:
        for row in range(part.MARKET_ROWS):
            tile[row * TILE + first : row * TILE + end] = market[row]


@njit(cache=True, error_model="numpy")
def _shift_vol(tile: Floats, shift: float) -> None:
    for i in range(TILE):
        vol = tile[part.VOL + i]
        shifted = max(vol + shift, min(vol, _VOL_FLOOR))  # a NaN shift stays NaN: the first of the two
        tile[part.VOL + i] = shifted if vol >= 0.0 else vol  # outside the model before, so after


@njit(cache=True, error_model="numpy")
def _load_options(
    tile: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    sign: Floats,
    start: int,
    count: int,
) -> None:
    load(tile, part.FORWARD, forward, start, count)
    load(tile, part.STRIKE, strike, start, count)
    load(tile, part.ROOT_YEARS, years, start, count)
    load(tile, part.DISCOUNT, discount, start, count)
    load(tile, part.SIGN, sign, start, count)
    for i in range(TILE):
        tile[part.ROOT_YEARS + i] = np.sqrt(tile[part.ROOT_YEARS + i])


@njit(cache=True, error_model="numpy")
def _derive_markets(expiries: Floats, tile: Floats) -> Floats:
    """The market rows of each expiry, and a last one that is NaN."""
    market = np.empty((expiries.shape[1] + 1, part.MARKET_ROWS))
    for start in range(0, expiries.shape[1], TILE):
        count = min(TILE, expiries.shape[1] - start)
        load(tile, part.SPOT, expiries[EXPIRY_SPOT], start, count)
        load(tile, part.FORWARD, expiries[EXPIRY_FORWARD], start, count)
        load(tile, part.YEARS, expiries[EXPIRY_YEARS], start, count)
        load(tile, part.DISCOUNT, expiries[EXPIRY_DISCOUNT], start, count)
        load(tile, part.FREE, expiries[EXPIRY_FIXED], start, count)
        for i in range(TILE):
            tile[part.FREE + i] = 1.0 - tile[part.FREE + i]
        derive_market(tile)
        for i in range(count):
            for row in range(part.MARKET_ROWS):
                market[start + i, row] = tile[row * TILE + i]
    market[expiries.shape[1]] = np.nan
    return market


@njit(cache=True, error_model="numpy")
def _value_tile(
    out: Floats, tile: Floats, strike: Floats, vol: Floats, sign: Floats, start: int, count: int
) -> None:
    load(tile, part.STRIKE, strike, start, count)
    load(tile, part.VOL, vol, start, count)
    load(tile, part.SIGN, sign, start, count)
    ahead = start + _AHEAD
    fetch(strike, ahead)
    fetch(vol, ahead)
    fetch(sign, ahead)
    columns = min(COLUMNS, out.shape[0])
    for column in range(min(3, columns)):  # a few at a time, or they would stand in the way of the tile
        fetch(out[column], ahead)
    measure_distance(tile)
    for column in range(3, min(6, columns)):
        fetch(out[column], ahead)
    find_time_value(tile)
    find_price(tile)
    for column in range(6, columns):
        fetch(out[column], ahead)
    find_greeks(tile)
    if columns > CHARM:
        find_more_greeks(tile)
    for column in range(columns):
        store(out[column], start, tile, part.OUT + column * TILE, count)
