"""Which quotes at work should stand elsewhere after a tick, and what else of ours stands in their way.

Source: `orders.reconcile` for when a quote is moved (domain reference A.12), `orders.checks` for the same order twice and trades with
ourselves, one row after the other. Keys are 2 row + (sells). Allocates nothing but what it hands out.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Orders = tuple[Ints, Ints, Ints, Ints, Ints, Ints, Ints, Ints, Ints]

NO_PRICE = -1
LIVE, DEAD = 1, 5  # states of an order
QUOTE = 1  # purpose
# Why a quote is moved or taken out.
UNWANTED, BEYOND, CENTRE, WIDTH = range(4)
WHYS = 4
# What else of ours says of an order.
NOTHING, DUPLICATE, CROSSES = range(3)
# Columns of the orders at work.
ROW, SIDE, PRICE, SENT, OPEN, STATE, PURPOSE, CANCEL_NS, SENT_NS = range(9)
ORDER_COLUMNS = 9
# Columns of the quotes as wanted, by row.
BID, ASK, SIZE_BID, SIZE_ASK = range(4)
# Columns of the series.
THEO, LEAN, PER_UNIT, HALF_TICKS, USD_PER_TICK, LINEAR_USD = range(6)  # price units; of an anchor; USD
SERIES_COLUMNS = 6
# Columns of the terms.
REQUOTE_TICKS, REQUOTE_EDGE_USD, REQUOTE_CENTRE = range(3)
_EDGE = 1e-9  # a price at fair value but for the last bits is not beyond it
_NEVER = np.iinfo(np.int64).max


@njit(cache=True, error_model="numpy", nogil=True)
def place_orders(
    orders: Orders, series: Floats, newest: Ints, count: Ints, lowest: Ints, highest: Ints
) -> float:
    """Sum up what may still fill; what it is worth in USD.

    Parameters
    ----------
    orders : ORDER_COLUMNS of int64[m]
    series : float64[SERIES_COLUMNS, n]
    newest, count : int64[2 n]
        Written, by key: the last quote at work, and how many there are.
    lowest, highest : int64[n]
        Written, by row: the lowest sale and the highest buy of anything, in ticks.
    """
    newest[:], count[:], lowest[:], highest[:] = -1, 0, _NEVER, -1
    worth = 0.0
    for i in range(orders[ROW].size):
        if orders[STATE][i] == DEAD:
            continue
        row, price = orders[ROW][i], orders[PRICE][i]
        each = series[LINEAR_USD, row]
        worth += orders[OPEN][i] * (each if each != 0.0 else price * series[USD_PER_TICK, row])
        if orders[SIDE][i] > 0:
            highest[row] = max(highest[row], price)
        else:
            lowest[row] = min(lowest[row], price)
        if orders[PURPOSE][i] == QUOTE:
            key = 2 * row + (0 if orders[SIDE][i] > 0 else 1)
            newest[key] = i
            count[key] += 1
    return worth


@njit(cache=True, error_model="numpy", nogil=True)
def find_moves(
    orders: Orders,
    anchors: Floats,
    quotes: Ints,
    series: Floats,
    terms: Floats,
    stays: Flags,
    newest: Ints,
    count: Ints,
    moves: Ints,
    gone: Ints,
) -> tuple[int, int, int]:
    """Quotes that are replaced at another price, and those that are taken out.

    Parameters
    ----------
    orders, anchors : ORDER_COLUMNS of int64[m], float64[m]
    quotes : int64[4, n]
        As wanted, NO_PRICE or a size of 0 where a side is not.
    series, terms : float64[SERIES_COLUMNS, n], float64[3]
    stays : bool[2 n]
        Keys of which nothing is moved; what stands beyond fair value there is taken out.
    newest, count : int64[2 n]
        As `place_orders` found them.
    moves, gone : int64[4, m], int64[2, m]
        Written: which order, price, contracts, why; which order, why.

    Returns
    -------
    moved, taken out, and held back because an answer is awaited.
    """
    moved, out, held = 0, 0, 0
    for i in range(orders[ROW].size):
        if orders[STATE][i] == DEAD or orders[PURPOSE][i] != QUOTE:
            continue
        row, side, price = orders[ROW][i], orders[SIDE][i], orders[PRICE][i]
        key = 2 * row + (0 if side > 0 else 1)
        want = quotes[BID, row] if side > 0 else quotes[ASK, row]
        size = quotes[SIZE_BID, row] if side > 0 else quotes[SIZE_ASK, row]
        theo = series[THEO, row] * series[PER_UNIT, row]
        single = count[key] == 1 and orders[STATE][i] == LIVE
        beyond = side * (price - theo) > _EDGE
        why = UNWANTED if want == NO_PRICE or size <= 0 else BEYOND
        if why == UNWANTED or (beyond and (not single or stays[key])):
            if orders[CANCEL_NS][i] == 0:
                gone[0, out], gone[1, out] = i, why
                out += 1
            continue
        if newest[key] != i or stays[key] or want == price:
            continue
        contracts = min(size, orders[OPEN][i])
        why = _why(want, price, contracts, theo, anchors[i], beyond, row, series, terms)
        if why < 0:
            continue
        if not single:
            held += 1
            continue
        moves[0, moved], moves[1, moved], moves[2, moved], moves[3, moved] = i, want, contracts, why
        moved += 1
    return moved, out, held


@njit(cache=True, error_model="numpy", forceinline=True)
def _why(
    want: int,
    price: int,
    contracts: int,
    theo: float,
    anchor: float,
    beyond: bool,
    row: int,
    series: Floats,
    terms: Floats,
) -> int:
    """Why it is moved; -1 where it stays."""
    ticks = abs(want - price)
    if beyond:
        return BEYOND
    worth = ticks * series[USD_PER_TICK, row] * contracts >= terms[REQUOTE_EDGE_USD]
    if not (ticks >= terms[REQUOTE_TICKS] and worth):
        return -1
    centre = theo + series[LEAN, row] * series[PER_UNIT, row]
    if abs(centre - anchor) > terms[REQUOTE_CENTRE] * series[HALF_TICKS, row]:
        return CENTRE
    return WIDTH if abs((want - centre) - (price - anchor)) >= terms[REQUOTE_TICKS] else -1


@njit(cache=True, error_model="numpy", nogil=True)
def hold_against_own(
    batch: Ints, orders: Orders, since_ns: int, lowest: Ints, highest: Ints, place: Ints, found: Ints
) -> None:
    """Hold orders against those of ours that were sent a moment ago, and that they would trade with.

    Parameters
    ----------
    batch : int64[4, k]
        Row, side, price, contracts, in their sequence; no key twice.
    orders : ORDER_COLUMNS of int64[m]
        Those that are dead by now are not forgotten.
    since_ns : int
        What was sent later counts as a moment ago.
    lowest, highest : int64[n]
        As `place_orders` found them; changed.
    place, found : int64[2 n], int64[k]
        Scratch; written: DUPLICATE, CROSSES or NOTHING.
    """
    place[:] = -1
    for j in range(batch.shape[1]):
        place[2 * batch[0, j] + (0 if batch[1, j] > 0 else 1)] = j
        found[j] = NOTHING
    for i in range(orders[ROW].size):
        if orders[SENT_NS][i] > since_ns:
            j = place[2 * orders[ROW][i] + (0 if orders[SIDE][i] > 0 else 1)]
            if j >= 0 and orders[PRICE][i] == batch[2, j] and orders[SENT][i] == batch[3, j]:
                found[j] = DUPLICATE
    for j in range(batch.shape[1]):
        row, price = batch[0, j], batch[2, j]
        buys = batch[1, j] > 0
        crosses = price >= lowest[row] if buys else price <= highest[row]
        if crosses and found[j] == NOTHING:
            found[j] = CROSSES
        if buys:
            highest[row] = max(highest[row], price)
        else:
            lowest[row] = min(lowest[row], price)
