"""A desk's book at new prices: where each price stands in its interval, what is linear, and whether a delta left its no-trade band.

Sources: `spot_proxy` for the intervals; `valuation.values` for shares and futures, `hedging.propose` for the band (domain reference 4.8,
4.9). Allocates nothing.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.spot_proxy import FIVE, weights_at

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Rows of what is linear.
CONTRACTS, MULTIPLIER, BETA, RATIO, INVERSE, IS_SHARE = range(6)
LINEAR_TERMS = 6
# Where a price stands.
FOUND, UNPRICED, OUT_OF_REACH, APART = range(4)
# What was decided of a hedge.
NO_HEDGE, INSIDE, HEDGED, DEAR = range(4)

_NS_PER_DAY = 86_400e9
_DEAR_SHARE = (
    0.1  # of a band: how far a delta whose hedge was not worth its cost moves before it is looked at again
)
_EDGE = 1e-9  # of an interval: its ends belong to it


@njit(cache=True, error_model="numpy", nogil=True)
def place_underlyings(spot: Floats, before: Floats, reach: Floats, weights: Floats, where: Ints) -> int:
    """Where the price of each underlying stands in its interval; why it stands nowhere, or FOUND.

    Parameters
    ----------
    spot, before : float64[u]
        Prices now, and of the middle.
    reach : float64[u]
        Half an interval, relative.
    weights : float64[u, FIVE]
        Written.
    where : int64[1]
        Written: which underlying.
    """
    for u in range(spot.size):
        move = 0.0 if math.isnan(spot[u]) and math.isnan(before[u]) else spot[u] / before[u] - 1.0
        where[0] = u
        if not abs(move) < math.inf:
            return UNPRICED
        if move != 0.0 and not abs(move) <= reach[u] * (1.0 + _EDGE):
            return OUT_OF_REACH
        weights_at(move / reach[u] if move != 0.0 else 0.0, weights[u])
    return FOUND


@njit(cache=True, error_model="numpy", nogil=True)
def place_expiries(
    spot: Floats,
    before: Floats,
    reach: Floats,
    of_expiry: Ints,
    future: Floats,
    future_before: Floats,
    apart_max: float,
    valued_ns: Ints,
    now_ns: int,
    moves: Floats,
    weights: Floats,
    days: Floats,
    where: Ints,
) -> int:
    """The same of each expiry: by its future where it stands on one, by its underlying otherwise.

    Parameters
    ----------
    spot, before, reach : float64[u]
        As for `place_underlyings`.
    of_expiry : int64[s]
        Its underlying.
    future, future_before : float64[s]
        NaN: it stands on the underlying.
    apart_max : float
        How far the moves of both may be apart.
    valued_ns : int64[u]
        When the middle was valued.
    now_ns : int
    moves : float64[s]
        Written: -1 to 1.
    weights : float64[s, FIVE]
        Written.
    days : float64[s]
        Written: calendar days since then; 0 where nothing has moved.
    where : int64[1]
        Written: which underlying.
    """
    for s in range(of_expiry.size):
        u = of_expiry[s]
        where[0] = u
        move = 0.0 if math.isnan(before[u]) else spot[u] / before[u] - 1.0
        moved = move != 0.0
        if not (math.isnan(future[s]) and math.isnan(future_before[s])):
            own = future[s] / future_before[s] - 1.0
            if not abs(own - move) <= apart_max:
                return APART
            moved, move = moved or own != 0.0, own
        if move != 0.0 and not abs(move) <= reach[u] * (1.0 + _EDGE):
            return OUT_OF_REACH
        moves[s] = move / reach[u] if move != 0.0 else 0.0
        days[s] = (now_ns - valued_ns[u]) / _NS_PER_DAY if moved else 0.0
        weights_at(moves[s], weights[s])
    return FOUND


@njit(cache=True, error_model="numpy", nogil=True)
def value_linear(
    rows: Ints,
    of: Ints,
    terms: Floats,
    spot: Floats,
    bid: Floats,
    ask: Floats,
    columns: Ints,
    price: Floats,
    out: Floats,
) -> None:
    """Price and measures of shares and futures as they are now, as `valuation.values` has them.

    Parameters
    ----------
    rows, of : int64[h]
        Of the table; underlyings.
    terms : float64[LINEAR_TERMS, h]
    spot : float64[u]
    bid, ask : float64[rows of the table]
        A price is the middle of both where they do not cross, the underlying's times the ratio otherwise.
    columns : int64[3, c]
        Measures that are worth in USD, delta in shares, delta in USD; below 0: no more.
    price : float64[rows of the table]
        Written at `rows`.
    out : float64[h, m]
        Written: contracts held times measure; 0 where nothing is held.
    """
    out[:] = 0.0
    for line in range(rows.size):
        row, at = rows[line], spot[of[line]]
        told = bid[row] <= ask[row]
        price[row] = 0.5 * (bid[row] + ask[row]) if told else at * terms[RATIO, line]
        units = at / price[row] if terms[INVERSE, line] > 0.0 else price[row]
        held = terms[CONTRACTS, line]
        if held == 0.0:
            continue
        notional = held * terms[MULTIPLIER, line] * units
        delta = notional * terms[BETA, line]
        worth = notional if terms[IS_SHARE, line] > 0.0 else 0.0 * notional
        for c in range(columns.shape[1]):
            if columns[0, c] >= 0:
                out[line, columns[0, c]] = worth
            if columns[1, c] >= 0:
                out[line, columns[1, c]] = delta / at
            if columns[2, c] >= 0:
                out[line, columns[2, c]] = delta


@njit(cache=True, error_model="numpy", nogil=True)
def hold_bands(
    weights: Floats,
    delta: Floats,
    least: Floats,
    centre: Floats,
    half_width: Floats,
    half_lot: Floats,
    stands: Ints,
    gap_before: Floats,
    told: Floats,
    band: Floats,
) -> int:
    """Hold each delta against its no-trade band; say which underlying's hedge is to be decided anew, -1 where none is.

    Parameters
    ----------
    weights : float64[u, FIVE]
    delta : float64[u]
        USD.
    least, centre, half_width : float64[u, FIVE]
        What is added to it for the delta of least variance; the band.
    half_lot : float64[u]
    stands : int64[u]
        NO_HEDGE, INSIDE, HEDGED (a hedge is decided) or DEAR (none was worth its cost).
    gap_before : float64[u]
        Delta less centre when that was decided.
    told, band : float64[u]
        Written: the delta of least variance, the half-width.
    """
    anew = -1
    for u in range(delta.size):
        told[u], middle, band[u] = delta[u], 0.0, 0.0
        for k in range(FIVE):
            told[u] += weights[u, k] * least[u, k]
            middle += weights[u, k] * centre[u, k]
            band[u] += weights[u, k] * half_width[u, k] if weights[u, k] != 0.0 else 0.0
        gap = told[u] - middle
        width = band[u] if stands[u] == INSIDE else half_lot[u]
        if stands[u] == DEAR:
            width = max(half_lot[u], _DEAR_SHARE * band[u])
        off = gap if stands[u] == INSIDE else gap - gap_before[u]
        if anew < 0 and stands[u] != NO_HEDGE and abs(off) > width:
            anew = u
    return anew
