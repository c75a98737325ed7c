"""Slides: the book's P&L over spot moves and volatility shifts by full revaluation, and its gaps.

The zero cell is exactly 0. A held series that cannot be valued counts in every cell at the most it can lose: an option
moves no more than its underlying, and with volatility no more than the vega of an option at the money. Its volatility
follows spot by the beta of its dynamics.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.aggregate import reach, worst_case
from flatbook.market.view import MarketView
from flatbook.model.measures import Measure
from flatbook.model.table import Floats, Ints
from flatbook.valuation.revalue import revalue
from flatbook.valuation.spot_vol import beta_moves
from flatbook.valuation.values import Values

MOVES = np.array([-30, -20, -15, -10, -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30]) / 100.0
SHIFTS_POINTS = np.array([-10.0, -5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0, 10.0])
GAP_MOVES = np.array([-20, -10, -5, 5, 10, 20]) / 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slides:
    """P&L in USD over moves of spot and shifts of volatility."""

    moves: Floats  # [m] relative
    shifts_points: Floats  # [v]
    by_underlying: Floats  # [n_underlyings, m, v]; NaN where the underlying has no price
    desk: Floats  # [m, v]: every underlying moves alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """P&L in USD of a jump in spot, volatility following by the dynamics of the underlying."""

    moves: Floats
    by_underlying: Floats  # [n_underlyings, m]
    desk: Floats  # [m]

    @property
    def worst_by_underlying(self) -> Floats:
        """float64[n_underlyings]: the largest loss, 0 where no move loses; NaN where one is unknown."""
        return np.asarray(np.maximum(-self.by_underlying, 0.0).max(axis=1))

    @property
    def worst_desk(self) -> float:
        """The largest loss of the whole desk."""
        return float(np.maximum(-self.desk, 0.0).max())


def slide(
    quantity: Ints,
    values: Values,
    market: MarketView,
    moves: Floats = MOVES,
    shifts_points: Floats = SHIFTS_POINTS,
) -> Slides:
    """Revalue the book over a ladder of spot moves and volatility shifts.

    Parameters
    ----------
    quantity : int64[n_rows]
    values, market
        The base.
    moves, shifts_points : float64[m], float64[v]
    """
    by_underlying = pnl_by_underlying(quantity, values, market, moves, shifts_points)
    return Slides(
        moves=moves, shifts_points=shifts_points, by_underlying=by_underlying, desk=by_underlying.sum(axis=0)
    )


def gap(slides: Slides) -> Gaps:
    """The gap moves of a ladder that holds them, with no shift of volatility."""
    columns = [int(np.flatnonzero(slides.moves == move)[0]) for move in GAP_MOVES]
    flat = int(np.flatnonzero(slides.shifts_points == 0.0)[0])
    return Gaps(
        moves=GAP_MOVES, by_underlying=slides.by_underlying[:, columns, flat], desk=slides.desk[columns, flat]
    )


def pnl_by_underlying(
    quantity: Ints, values: Values, market: MarketView, moves: Floats, shifts_points: Floats
) -> Floats:
    """Sum the revaluations of the held rows, [n_underlyings, m, v]."""
    table = market.table
    rows = np.flatnonzero(quantity)
    pnl = revalue(market, values, rows, moves, shifts_points) * quantity[rows][:, None, None]
    for where, row in enumerate(rows):
        if int(row) in values.reasons:
            pnl[where] = _worst_pnl(int(row), int(quantity[row]), values, market, moves, shifts_points)
    out = np.zeros((len(table.underlyings), moves.size, shifts_points.size))
    for where, row in enumerate(rows):
        out[table.underlying_of[row]] += pnl[where]
    return out


def _worst_pnl(
    row: int, quantity: int, values: Values, market: MarketView, moves: Floats, shifts_points: Floats
) -> Floats:
    units = abs(quantity) * reach(market, values, row)
    worst = worst_case(units, float(values.spot[row]), float(market.years[row]))
    by_move = worst[Measure.DELTA_USD] * np.abs(moves)[:, None]
    followed = beta_moves(market, values.dynamics, row, moves) * 100.0
    points = np.abs(followed)[:, None] + np.abs(shifts_points)[None, :]
    return np.asarray(-(by_move + worst[Measure.VEGA_USD_PER_POINT] * points))
