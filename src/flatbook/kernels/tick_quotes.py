"""Theoretical value, delta and two-sided quotes of every series of a desk at new spots, one row after the other.

Sources: `spot_proxy` for values and distances between spots at which they are known; `quoting.prices`, `quoting.fences` and
`quoting.ticks` for what makes a quote of a value and two distances (domain reference A.12, 8.1), line by line: at the spot of the cycle
that the columns come from the same quotes come out. Rows are independent. Allocates nothing.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.int64]

NO_PRICE = -1
PRICE, DELTA = range(2)  # of what is interpolated, and of the values
CURVES = 2
# Rows of the series.
TICKS_PER_UNIT, WIDE, DECAY = range(3)  # price units: the desk's widest quote; what a calendar day takes
SERIES_ROWS = 3
# Rows of the whole numbers of the series.
ROW, BAND, MOST, BID_SIZE, ASK_SIZE, FLAGS = range(6)  # of the table; of the bands; widest quote in ticks
WHOLE_ROWS = 6
# Flags.
LIVE, BID_OFF, ASK_OFF, BID_WIDEST, ASK_WIDEST, IN_DUTY = 1, 2, 4, 8, 16, 32
# Rows of the quotes.
BID, ASK, SIZE_BID, SIZE_ASK = range(4)
QUOTE_ROWS = 4

_ROUNDING = 1e-9  # of a tick: a price that is a tick but for the last bits stays on it
_FAR_TICKS = 2.0**52


@njit(cache=True, error_model="numpy", nogil=True)
def quote_series(
    starts: Ints,
    moves: Floats,
    weights: Floats,
    days: Floats,
    curves: Floats,
    distances: Floats,
    series: Floats,
    whole: Flags,
    bands: Ints,
    market_bid: Floats,
    market_ask: Floats,
    before: Ints,
    values: Floats,
    quotes: Ints,
    changed: Ints,
) -> int:
    """Value and quote all series; say how many quotes are not what they were.

    Parameters
    ----------
    starts : int64[s + 1]
        Where the series of each expiry begin.
    moves, weights, days : float64[s], float64[s, FIVE], float64[s]
        Of each expiry: its move, as `spot_proxy.weights_at` tells of it, calendar days since the values were found.
    curves : float64[CURVES, FIVE, n]
        PRICE (quote currency) and DELTA.
    distances : float64[2, THREE, n]
        Of bids and offers from fair value at the ends and the middle; infinite and NaN as in `quoting.distances`.
    series, whole : float64[SERIES_ROWS, n], int64[WHOLE_ROWS, n]
        Sizes are those of sides that are shown.
    bands : int64[g, 2, b]
        Tick tables: from how many ticks on, and the step there.
    market_bid, market_ask, before : float64[n_rows], float64[n_rows], int64[QUOTE_ROWS, n_rows]
        NaN where a side is missing; what was decided last.
    values, quotes, changed : float64[CURVES, n_rows], int64[QUOTE_ROWS, n_rows], int64[n + 1]
        Written: NO_PRICE where a side is not quoted; rows whose quote is new, as many as is returned.
    """
    count = 0
    for s in range(moves.size):
        _mix(weights[s], days[s], starts[s], starts[s + 1], curves, series, whole, values)
        t = moves[s]
        low, high = 0.5 * t * (t - 1.0), 0.5 * t * (t + 1.0)
        for i in range(starts[s], starts[s + 1]):
            row = whole[ROW, i]
            near = _between(distances, 0, i, low, high), _between(distances, 1, i, low, high)
            bid, ask = _quote(
                values[PRICE, row], near[0], near[1], series[TICKS_PER_UNIT, i], series[WIDE, i], whole[MOST, i],
                whole[FLAGS, i], bands[whole[BAND, i]], market_bid[row], market_ask[row],
            )  # fmt: skip
            bid_size = 0 if bid == NO_PRICE else whole[BID_SIZE, i]
            ask_size = 0 if ask == NO_PRICE else whole[ASK_SIZE, i]
            quotes[BID, row], quotes[ASK, row] = bid, ask
            quotes[SIZE_BID, row], quotes[SIZE_ASK, row] = bid_size, ask_size
            same = (bid == before[BID, row]) & (ask == before[ASK, row])
            same &= (bid_size == before[SIZE_BID, row]) & (ask_size == before[SIZE_ASK, row])
            changed[count] = row
            count += 0 if same else 1
    return count


@njit(cache=True, error_model="numpy", forceinline=True)
def _mix(
    weights: Floats,
    days: float,
    first: int,
    last: int,
    curves: Floats,
    series: Floats,
    whole: Flags,
    values: Floats,
) -> None:
    """Value and delta of one expiry."""
    w0, w1, w2, w3, w4 = weights[0], weights[1], weights[2], weights[3], weights[4]
    for column in range(CURVES):
        nodes = curves[column]
        n0, n1, n2, n3, n4 = nodes[0], nodes[1], nodes[2], nodes[3], nodes[4]
        for i in range(first, last):
            mixed = w0 * n0[i] + w1 * n1[i] + w2 * n2[i] + w3 * n3[i] + w4 * n4[i]
            if column == PRICE:
                mixed += days * series[DECAY, i]
            values[column, whole[ROW, i]] = mixed


@njit(cache=True, error_model="numpy", forceinline=True)
def _between(distances: Floats, side: int, i: int, low: float, high: float) -> float:
    """A distance by its parabola; where it is infinite or unknown somewhere, what it is in the middle."""
    middle = distances[side, 1, i]
    curve = low * (distances[side, 0, i] - middle) + high * (distances[side, 2, i] - middle)
    distance: float = middle + (curve if abs(curve) < np.inf else 0.0)
    return distance


@njit(cache=True, error_model="numpy", forceinline=True)
def _quote(
    value: float,
    bid_distance: float,
    ask_distance: float,
    per_unit: float,
    wide: float,
    most: int,
    flags: int,
    bands: Ints,
    market_bid: float,
    market_ask: float,
) -> tuple[int, int]:
    """Bid and offer in ticks: `quoting.prices.prices_of`, then what is off."""
    if not ((flags & LIVE) != 0 and abs(value) < np.inf):
        return NO_PRICE, NO_PRICE
    below, above = _within(bid_distance, ask_distance, value, per_unit, wide, most, bands)
    bid_most, ask_least = _fences(value, per_unit, bands, market_bid, market_ask)
    bid = _down((value - below) * per_unit, bands)
    ask = _up((value + above) * per_unit, bands)
    bid = min(bid, bid_most)  # none is the lowest
    ask = max(ask, ask_least)
    bid_widest, ask_widest = (flags & BID_WIDEST) != 0, (flags & ASK_WIDEST) != 0
    far_is_bid = bid_widest if bid_widest != ask_widest else below > above
    if bid != NO_PRICE:
        stretch = bid_widest or ask_widest
        bid, ask = _legal(bid, ask, bid_most, ask_least, most, far_is_bid, stretch, bands)
        if ask - bid > most and (flags & IN_DUTY) != 0:
            bid, ask = _without_far_side(bid, ask, market_bid * per_unit, market_ask * per_unit)
    bid = NO_PRICE if (flags & BID_OFF) != 0 else bid
    ask = NO_PRICE if (flags & ASK_OFF) != 0 else ask
    return bid, ask


@njit(cache=True, error_model="numpy", forceinline=True)
def _within(
    bid: float, ask: float, value: float, per_unit: float, wide: float, most: int, bands: Ints
) -> tuple[float, float]:
    """Both distances within the legal width less two steps: `quoting.prices.squeezed`."""
    bid = wide if bid == np.inf else (0.0 if np.isnan(bid) else bid)
    ask = wide if ask == np.inf else (0.0 if np.isnan(ask) else ask)
    step = _step(int((value + wide) * per_unit), bands) / per_unit
    width = max(most / per_unit - 2.0 * step, 0.0)
    near = min(bid, ask, 0.5 * width)
    far = min(max(bid, ask), width - near)
    return (far, near) if bid > ask else (near, far)


@njit(cache=True, error_model="numpy", forceinline=True)
def _fences(
    value: float, per_unit: float, bands: Ints, market_bid: float, market_ask: float
) -> tuple[int, int]:
    """The highest bid and the lowest offer: fair value, and the market where it is not crossed."""
    bid_most, ask_least = _down(value * per_unit, bands), _up(value * per_unit, bands)
    if market_bid > market_ask:
        return bid_most, ask_least
    if abs(market_ask) < np.inf:
        below = _on_step_down(int(np.rint(market_ask * per_unit) - 1.0), bands)
        bid_most = NO_PRICE if bid_most == NO_PRICE or below <= 0 else min(bid_most, below)
    if abs(market_bid) < np.inf:
        ask_least = max(ask_least, _on_step_up(int(np.rint(market_bid * per_unit) + 1.0), bands))
    return bid_most, ask_least


@njit(cache=True, error_model="numpy", forceinline=True)
def _legal(
    bid: int, ask: int, bid_most: int, ask_least: int, most: int, far_is_bid: bool, stretch: bool, bands: Ints
) -> tuple[int, int]:
    """Bid and offer within the widest legal quote, the further side first: `quoting.fences.legal_width`."""
    if stretch or ask - bid > most:
        if far_is_bid:
            bid = min(_on_step_up(max(ask - most, 1), bands), bid_most)
        else:
            ask = max(_on_step_down(bid + most, bands), ask_least)
    if ask - bid > most:
        if far_is_bid:
            ask = max(_on_step_down(bid + most, bands), ask_least)
        else:
            bid = min(_on_step_up(max(ask - most, 1), bands), bid_most)
    return bid, ask


@njit(cache=True, error_model="numpy", forceinline=True)
def _without_far_side(bid: int, ask: int, market_bid: float, market_ask: float) -> tuple[int, int]:
    """Under a duty only the side at the market is left of what cannot be legal."""
    low = market_ask if np.isnan(market_bid) else market_bid
    high = market_bid if np.isnan(market_ask) else market_ask
    middle = 0.5 * (low + high)
    if middle - bid > ask - middle:
        return NO_PRICE, ask
    return bid, NO_PRICE


@njit(cache=True, error_model="numpy", forceinline=True)
def _down(exact: float, bands: Ints) -> int:
    """The highest quotable price at or below, in ticks; NO_PRICE where there is none above zero."""
    ticks = _on_step_down(int(np.floor(exact + _ROUNDING)), bands)
    return ticks if ticks > 0 else NO_PRICE


@njit(cache=True, error_model="numpy", forceinline=True)
def _up(exact: float, bands: Ints) -> int:
    """The lowest quotable price at or above, at least one step."""
    ticks = int(np.ceil(exact - _ROUNDING))
    return max(_on_step_up(ticks, bands), _step(ticks, bands))


@njit(cache=True, error_model="numpy", forceinline=True)
def _on_step_down(ticks: int, bands: Ints) -> int:
    step = _step(ticks, bands)
    return ticks if step == 1 else ticks // step * step


@njit(cache=True, error_model="numpy", forceinline=True)
def _on_step_up(ticks: int, bands: Ints) -> int:
    step = _step(ticks, bands)
    return ticks if step == 1 else -(-ticks // step) * step


@njit(cache=True, error_model="numpy", forceinline=True)
def _step(ticks: int, bands: Ints) -> int:
    """The quoting step at a price in ticks."""
    step: int = bands[1, 0]
    for band in range(1, bands.shape[1]):
        step = bands[1, band] if ticks >= bands[0, band] else step
    return step
