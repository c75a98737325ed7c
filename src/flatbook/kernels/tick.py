"""One tick of one underlying: values and greeks of its whole class, its risk, two-sided quotes, and what changed.

Sources: those of `tick_lanes` for the values. The reservation value is the value less the price of the risk that one
more lot brings: the gradient of a value function of inventory, quadratic in its factors (P. Bergault, D. Evangelista,
O. Gueant, D. Vieira, "Closed-form approximations in multi-asset market making", Applied Mathematical Finance 28 (2021)
101-142), taken at delta, gamma and vega. A tick allocates nothing and writes where the last one wrote.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import table_values as tv
from flatbook.kernels import tick_lanes as lanes
from flatbook.kernels.premium_tile import TILE

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Ticks = NDArray[np.int64]
Standings = NDArray[np.int8]

# Rows of the series: the first five are written, the others are the desk's.
PRICE, DELTA, GAMMA, VEGA, THETA = tv.PRICE, tv.DELTA, tv.GAMMA, tv.VEGA, tv.THETA
POSITION, MULTIPLIER, HALF_WIDTH, TICKS_PER_UNIT = range(5, 9)
SERIES_ROWS = 9

# Columns of the risk; its price has the first three.
RISK_DELTA, RISK_GAMMA, RISK_VEGA, RISK_THETA = range(4)
RISKS = 4

BID, ASK, CHANGED = range(3)  # rows of the quotes
QUOTE_ROWS = 3
NO_QUOTE = -1

_ROUNDING = 1e-9  # of a tick: a price that is a tick but for the last bits stays on it
_TICKS_MAX = 2.0**50
_WHOLE_BITS = np.int64(0x4338000000000000)
_WHOLE = 6755399441055744.0  # 1.5 * 2**52: what is added to it is rounded to a whole number
# Rows of the scratch that are free once the values are told.
_WANTED_BID, _WANTED_ASK = lanes.FREE, lanes.FREE + TILE
_HELD = lanes.ETA + TILE  # four rows
_DESK = lanes.VALUE  # four rows, as those of the series from POSITION on
_NO_QUOTE = float(NO_QUOTE)


@njit(cache=True, error_model="numpy", nogil=True)
def reprice_class(
    spot: Floats,
    risk_price: Floats,
    index: Indices,
    chain: Floats,
    series: Floats,
    risk: Floats,
    quotes: Ticks,
    standing: Standings,
) -> int:
    """Take a class to new spots: values, risk, quotes; say how many quotes changed.

    Parameters
    ----------
    spot : float64[m]
        Spot of each expiry and side, that is, of each table; above zero.
    risk_price : float64[3]
        What one more unit of the class's delta, gamma and vega costs us, in currency; `RISK_DELTA` to `RISK_VEGA`.
    index : int64[n]
        Expiry and side of each series, as `table_values.settle_chain` had it.
    chain : float64[:]
        As `table_values.settle_chain` left it.
    series : float64[SERIES_ROWS, n]
        Rows PRICE to THETA are written as by `table_values.value_chain`, to the bit. Read: POSITION (lots held, minus
        when short), MULTIPLIER (units of the underlying in one lot), HALF_WIDTH (from the reservation value to either
        quote, price units, 0 or above), TICKS_PER_UNIT (one over the tick, per price unit).
    risk : float64[m + 1, RISKS]
        Written: POSITION * MULTIPLIER * greek, summed by expiry and side, and in total in the last row. A series that is
        not held adds nothing, whatever is known of it; one that is held without a value makes its sums NaN.
    quotes : int64[QUOTE_ROWS, n]
        BID and ASK in whole ticks, read and written: what was shown, what is to be shown. The bid rounds down, the
        offer up; the bid is never above the value, nor the offer below it or at the bid. NO_QUOTE stands on both sides
        where value, risk price, width or tick is not known, and on the bid where it would be below one tick. CHANGED: rows of the series whose bid or ask is new, ascending;
        as many as is returned.
    standing : int8[n]
        As `table_values.value_chain` does.

    Returns
    -------
    int
        How many quotes changed.
    """
    tile = chain[: lanes.SCRATCH]
    one_spot = tv.share_spot(spot, tile)
    risk[:] = 0.0
    changed = 0
    for first in range(0, index.size, TILE):
        last = min(first + TILE, index.size)
        tv.value_kept(spot, index, first, last, one_spot, chain, series, standing)
        _load_desk(series, first, last, tile)
        _weigh(tile)
        _add_risk(index[first:last], tile, risk)
        _round_outward(risk_price[RISK_DELTA], risk_price[RISK_GAMMA], risk_price[RISK_VEGA], tile)
        changed = _show(first, last, changed, quotes, tile)
    _add_up(risk)
    return changed


@njit(cache=True, error_model="numpy", forceinline=True)
def _load_desk(series: Floats, first: int, last: int, tile: Floats) -> None:
    for row in range(SERIES_ROWS - POSITION):
        source, into = series[POSITION + row, first:last], tile[_DESK + row * TILE : _DESK + (row + 1) * TILE]
        for i in range(source.size):
            into[i] = source[i]


@njit(cache=True, error_model="numpy", forceinline=True)
def _weigh(tile: Floats) -> None:
    """The risk of what is held of each series."""
    for j in range(TILE):
        position = tile[_DESK + j]
        units = position * tile[_DESK + TILE + j]
        for row in range(RISKS):
            greek = tile[lanes.OUT + (DELTA + row) * TILE + j]
            tile[_HELD + row * TILE + j] = 0.0 if position == 0.0 else units * greek


@njit(cache=True, error_model="numpy", forceinline=True)
def _add_risk(index: Indices, tile: Floats, risk: Floats) -> None:
    """Add what stands together of one expiry and side, then to its sums, in the order of the series."""
    delta, gamma, vega, theta = 0.0, 0.0, 0.0, 0.0
    for j in range(index.size):
        delta += tile[_HELD + j]
        gamma += tile[_HELD + TILE + j]
        vega += tile[_HELD + 2 * TILE + j]
        theta += tile[_HELD + 3 * TILE + j]
        group = index[j]
        if j + 1 == index.size or index[j + 1] != group:
            risk[group, RISK_DELTA] += delta
            risk[group, RISK_GAMMA] += gamma
            risk[group, RISK_VEGA] += vega
            risk[group, RISK_THETA] += theta
            delta, gamma, vega, theta = 0.0, 0.0, 0.0, 0.0


@njit(cache=True, error_model="numpy", forceinline=True)
def _add_up(risk: Floats) -> None:
    total = risk[risk.shape[0] - 1]
    for group in range(risk.shape[0] - 1):
        for row in range(RISKS):
            total[row] += risk[group, row]


@njit(cache=True, error_model="numpy", forceinline=True)
def _round_outward(per_delta: float, per_gamma: float, per_vega: float, tile: Floats) -> None:
    """Bid and offer in ticks, outward from the reservation value.

    The multiplier cancels: it scales the risk of a lot and the worth of a price alike.
    """
    for j in range(TILE):
        value = tile[lanes.OUT + PRICE * TILE + j]
        lean = per_delta * tile[lanes.OUT + DELTA * TILE + j] + per_gamma * tile[lanes.OUT + GAMMA * TILE + j]
        reservation = value - (lean + per_vega * tile[lanes.OUT + VEGA * TILE + j])
        half_width, ticks_per_unit = tile[_DESK + 2 * TILE + j], tile[_DESK + 3 * TILE + j]
        fair = value * ticks_per_unit
        low, high = (reservation - half_width) * ticks_per_unit, (reservation + half_width) * ticks_per_unit
        known = (half_width >= 0.0) & (ticks_per_unit > 0.0) & (abs(fair) < _TICKS_MAX)
        known &= (low > -_TICKS_MAX) & (high < _TICKS_MAX)
        low, high = min(fair, low) + _ROUNDING, max(fair, high) - _ROUNDING
        down, up = (low + _WHOLE) - _WHOLE, (high + _WHOLE) - _WHOLE  # to nearest
        down -= 1.0 if down > low else 0.0
        up += 1.0 if up < high else 0.0
        up = max(up, max(down, 0.0) + 1.0)
        tile[_WANTED_BID + j] = down if known & (down >= 1.0) else _NO_QUOTE
        tile[_WANTED_ASK + j] = up if known else _NO_QUOTE


@njit(cache=True, error_model="numpy", forceinline=True)
def _show(first: int, last: int, changed: int, quotes: Ticks, tile: Floats) -> int:
    """Write bids and offers; list where either is new."""
    bid, ask, rows = quotes[BID, first:last], quotes[ASK, first:last], quotes[CHANGED]
    wanted_bid, wanted_ask = tile[_WANTED_BID : _WANTED_BID + TILE], tile[_WANTED_ASK : _WANTED_ASK + TILE]
    for i in range(bid.size):
        new_bid = np.float64(wanted_bid[i] + _WHOLE).view(np.int64) - _WHOLE_BITS
        new_ask = np.float64(wanted_ask[i] + _WHOLE).view(np.int64) - _WHOLE_BITS
        wanted_bid[i] = 1.0 if (new_bid != bid[i]) | (new_ask != ask[i]) else 0.0
        bid[i], ask[i] = new_bid, new_ask
    for i in range(bid.size):
        rows[changed] = first + i
        changed += 1 if wanted_bid[i] > 0.0 else 0
    return changed
