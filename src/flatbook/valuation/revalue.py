"""Full revaluation under moves of spot and shifts of volatility: P&L per contract, never a Taylor expansion.

The volatility of each series follows spot by the dynamics of its underlying (`spot_vol`; unchanged under sticky strike) and is
shifted in points; forwards move in proportion to spot and cash dividends stay in cash. A coin-settled P&L arises in coin and
counts at the moved index.
"""

from dataclasses import replace

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.instruments import Kind
from flatbook.model.table import Floats, Ints
from flatbook.valuation.chain import Prepared, prepare, refreshed, reprice_into
from flatbook.valuation.chain_class import VOL_FLOOR
from flatbook.valuation.market_class import classes_of
from flatbook.valuation.spot_vol import vol_moves
from flatbook.valuation.values import Values

_NOW = np.zeros(1)


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
        Added to each series' volatility where the move takes it, in points of 0.01.

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
    options = np.flatnonzero(valued & table.is_option[rows])
    if options.size:
        out[options] = _options(market, values, rows[options], moves, shifts)
    return out


def _options(market: MarketView, values: Values, rows: Ints, moves: Floats, shifts: Floats) -> Floats:
    """P&L of option rows: every cell against the cell where nothing moves, by one engine."""
    table = market.table
    moved = np.empty((rows.size, moves.size, shifts.size))
    base = np.empty(rows.size)
    followed = vol_moves(market, values.dynamics, rows, moves)
    place = {row: at for at, row in enumerate(rows.tolist())}
    for some, option_class, tolerance in classes_of(market, rows):
        at = [place[row] for row in some.tolist()]
        uses = float((moves.size + 1) * (shifts.size + 1))
        prepared = prepare(option_class, tolerance=tolerance, uses=uses)
        moved[at], base[at] = _cells(prepared, moves, shifts, followed[at])
    inverse = table.inverse[rows]
    financed = np.where(inverse[:, None], 1.0 + moves, 1.0)  # a coin premium moves with the coin
    scale = np.where(inverse, values.spot[rows] / market.unit[rows], 1.0) * table.multiplier[rows]
    return np.asarray((moved - base[:, None, None] * financed[:, :, None]) * scale[:, None, None])


def _cells(prepared: Prepared, moves: Floats, shifts: Floats, followed: Floats) -> tuple[Floats, Floats]:
    """Prices of every cell, float64[n, m, v], and where nothing moves, float64[n]; vols change by `followed`, [n, m]."""
    vol = prepared.option_class.vol
    out = np.empty((vol.size, moves.size, shifts.size))
    still = np.flatnonzero((followed == 0.0).all(axis=0))
    grid = (
        np.append(moves[still], 0.0),
        np.append(shifts, 0.0),
    )  # for all of them: the still cell is exactly 0
    cells = np.empty((vol.size, grid[0].size, grid[1].size, 1))
    reprice_into(prepared, *grid, _NOW, cells)
    out[:, still] = cells[:, :-1, :-1, 0]
    for m in np.setdiff1d(np.arange(moves.size), still).tolist():
        at_move = np.maximum(vol + followed[:, m], np.minimum(vol, VOL_FLOOR))
        one = refreshed(prepared, replace(prepared.option_class, vol=at_move))
        cell = np.empty((vol.size, 1, shifts.size, 1))
        reprice_into(one, moves[m : m + 1], shifts, _NOW, cell)
        out[:, m] = cell[:, 0, :, 0]
    return out, cells[:, -1, -1, 0]


def _linear(market: MarketView, values: Values, row: int, moves: Floats) -> Floats:
    """A future or share moves by beta; a coin-settled future is linear in USD at the moved index."""
    item = market.table.instruments[row]
    assert item.kind is not Kind.OPTION, f"{item.symbol} is an option"
    notional = item.multiplier * (
        values.spot[row] / values.price[row] if market.table.inverse[row] else values.price[row]
    )
    return np.asarray(notional * item.beta * moves)
