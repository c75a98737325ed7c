"""Full revaluation under moves of spot and shifts of volatility: P&L per contract, never a Taylor expansion.

Each series keeps its own volatility, shifted in points (sticky strike); forwards move in proportion to spot and cash
dividends stay in cash. A coin-settled P&L arises in coin and counts at the moved index.
"""

import numpy as np

from flatbook.kernels.scenarios import reprice_american, reprice_european
from flatbook.market.view import MarketView
from flatbook.model.instruments import Kind
from flatbook.model.table import Floats, Ints
from flatbook.valuation.values import TREE_STEPS, Values, american_slices, cash_dividends, tree_inputs

_NONE = np.zeros(1)


def revalue(market: MarketView, values: Values, rows: Ints, moves: Floats, shifts_points: Floats) -> Floats:
    """P&L of one contract of each row, in USD.

    Parameters
    ----------
    market, values
        The base.
    rows : int64[n]
    moves : float64[m]
        Relative moves of spot, 0.05 is +5 %.
    shifts_points : float64[v]
        Added to each series' volatility, in points of 0.01.

    Returns
    -------
    float64[n, m, v]
        Exactly 0 where both are 0; NaN where a row has no value.
    """
    table = market.table
    out = np.full((rows.size, moves.size, shifts_points.size), np.nan)
    valued = np.array([int(row) not in values.reasons for row in rows], dtype=np.bool_)
    shifts = shifts_points / 100.0
    for where in np.flatnonzero(valued & ~table.is_option[rows]):
        out[where] = _linear(market, values, int(rows[where]), moves)[:, None]
    european = np.flatnonzero(valued & table.is_option[rows] & ~table.american[rows])
    if european.size:
        out[european] = _european(market, values, rows[european], moves, shifts)
    where_american = np.flatnonzero(valued & table.american[rows])
    position = {int(rows[where]): where for where in where_american}
    for s, group in american_slices(market, rows[where_american]):
        out[[position[int(row)] for row in group]] = _american(market, s, group, moves, shifts)
    return out


def _european(market: MarketView, values: Values, rows: Ints, moves: Floats, shifts: Floats) -> Floats:
    table = market.table
    columns = (
        market.forward[rows],
        table.strike[rows],
        market.years[rows],
        market.vol[rows],
        market.discount[rows],
        table.sign[rows],
    )
    moved = reprice_european(*columns, moves, shifts)
    base = reprice_european(*columns, _NONE, _NONE)
    inverse = table.inverse[rows]
    financed = np.where(inverse[:, None], 1.0 + moves, 1.0)  # a coin premium moves with the coin
    scale = np.where(inverse, values.spot[rows] / market.unit[rows], 1.0) * table.multiplier[rows]
    return (moved - base * financed[:, :, None]) * scale[:, None, None]


def _american(market: MarketView, s: int, rows: Ints, moves: Floats, shifts: Floats) -> Floats:
    inputs, dividends = tree_inputs(market, s, rows), cash_dividends(market, s)
    moved: Floats = reprice_american(*inputs, TREE_STEPS, *dividends, moves, shifts)
    base: Floats = reprice_american(*inputs, TREE_STEPS, *dividends, _NONE, _NONE)
    return (moved - base) * market.table.multiplier[rows][:, None, None]


def _linear(market: MarketView, values: Values, row: int, moves: Floats) -> Floats:
    """A future or share moves by beta; a coin-settled future is linear in USD at the moved index."""
    item = market.table.instruments[row]
    assert item.kind is not Kind.OPTION, f"{item.symbol} is an option"
    notional = item.multiplier * (
        values.spot[row] / values.price[row] if market.table.inverse[row] else values.price[row]
    )
    return np.asarray(notional * item.beta * moves)
