"""Slide cells: the P&L of one contract of each series in every cell of a ladder, by full revaluation, ready for any book.

Cells are found once; a book, the same book after its hedges or with its orders filled, and any grouping of it, are sums of
positions times cells. A series without a value has no cells: it loses in every one the most that an option can, as decision
005 says, whichever way it is held.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.aggregate import reach, worst_case
from flatbook.kernels.grouped_sums import add_by_group
from flatbook.market.view import MarketView
from flatbook.model.measures import Measure
from flatbook.model.table import Floats, Ints
from flatbook.valuation.revalue import Ready, revalue
from flatbook.valuation.spot_vol import beta_moves
from flatbook.valuation.values import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """USD of one contract bought: k rows, m moves of spot, v shifts of volatility."""

    rows: Ints  # int64[k]: of the table, ascending
    moves: Floats  # [m] relative
    shifts_points: Floats  # [v]
    years_later: float
    pnl: Floats  # [k, m, v]; NaN where the row has no value
    worst: dict[
        int, Floats
    ]  # by place in `rows`: what one contract of a row without a value can lose, [m, v]

    def at(self, rows: Ints) -> Ints:
        """Where each row of the table stands here.

        Parameters
        ----------
        rows : int64[n]
            Each among `rows` of the cells.
        """
        place = np.minimum(np.searchsorted(self.rows, rows), max(self.rows.size - 1, 0))
        assert rows.size == 0 or (self.rows.size and np.array_equal(self.rows[place], rows)), (
            "a book holds what the cells were not made for"
        )
        return place


def cells_of(
    rows: Ints,
    values: Values,
    market: MarketView,
    moves: Floats,
    shifts_points: Floats,
    *,
    years_later: float = 0.0,
    shift_weight: Floats | None = None,
    followed: Floats | None = None,
    ready: Ready | None = None,
) -> Cells:
    """Revalue every row in every cell; parameters as for `revalue`, rows in any order."""
    rows = np.unique(rows)
    pnl = revalue(
        market,
        values,
        rows,
        moves,
        shifts_points,
        years_later=years_later,
        shift_weight=shift_weight,
        followed=followed,
        ready=ready,
    )
    worst = {
        place: worst_loss(row, values, market, moves, shifts_points)
        for place, row in enumerate(rows.tolist())
        if row in values.reasons
    }
    return Cells(
        rows=rows, moves=moves, shifts_points=shifts_points, years_later=years_later, pnl=pnl, worst=worst
    )


def worst_loss(row: int, values: Values, market: MarketView, moves: Floats, shifts_points: Floats) -> Floats:
    """The most that one contract of a row without a value can lose, float64[m, v]; its vol follows spot by the dynamics."""
    worst = worst_case(reach(market, values, row), float(values.spot[row]), float(market.variance_years[row]))
    by_move = worst[Measure.DELTA_USD] * np.abs(moves)[:, None]
    points = np.abs(beta_moves(market, values.dynamics, row, moves))[:, None] * 100.0 + np.abs(shifts_points)
    return np.asarray(by_move + worst[Measure.VEGA_USD_PER_POINT] * points)


def pnl_by_group(group: Ints, n_groups: int, rows: Ints, quantity: Ints, cells: Cells) -> Floats:
    """Sum a book's cells by group.

    Parameters
    ----------
    group : int64[h]
        Of each line of the book, into the groups.
    n_groups : int
    rows, quantity : int64[h]
        Contracts, net, of a row of the table; each among those of the cells.
    cells : Cells

    Returns
    -------
    float64[n_groups, m, v]
        A line without a value takes the most that it can lose from its group.
    """
    k, m, v = cells.pnl.shape
    at = cells.at(rows)
    out, left_out = np.zeros((n_groups, m * v)), np.zeros(n_groups)
    valued = ~np.isin(at, np.fromiter(cells.worst, dtype=np.int64, count=len(cells.worst)))
    held = valued & (quantity != 0)
    flat = cells.pnl.reshape(k, m * v)
    add_by_group(group[held], at[held], quantity[held].astype(np.float64), flat, out, left_out)
    out[left_out > 0.0] = np.nan
    out = out.reshape(n_groups, m, v)
    for line in np.flatnonzero(~valued & (quantity != 0)).tolist():
        out[group[line]] -= abs(int(quantity[line])) * cells.worst[int(at[line])]
    return out


def pnl_of_underlyings(quantity: Ints, cells: Cells, market: MarketView) -> Floats:
    """A book's cells by underlying, float64[n_underlyings, m, v]; `quantity` is int64[n_rows], net contracts."""
    held = np.flatnonzero(quantity)
    table = market.table
    return pnl_by_group(table.underlying_of[held], len(table.underlyings), held, quantity[held], cells)
