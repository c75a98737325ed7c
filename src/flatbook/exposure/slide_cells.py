"""Slide cells: the P&L of one contract of each series in every cell of a ladder, by full revaluation, ready for any book.

Cells are found once; a book, the same book after its hedges or with its orders filled, and any grouping of it, are sums of
positions times cells. A series without a value has no cells: it loses in every one the most that an option can, as decision
005 says, whichever way it is held.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from flatbook.exposure.aggregate import worst_loss
from flatbook.kernels.grouped_sums import add_lines
from flatbook.market.view import MarketView
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
    unvalued = np.intersect1d(rows, np.array(list(values.reasons), dtype=np.int64))
    worst = {
        int(np.searchsorted(rows, row)): _worst(row, values, market, moves, shifts_points)
        for row in unvalued.tolist()
    }
    return Cells(
        rows=rows, moves=moves, shifts_points=shifts_points, years_later=years_later, pnl=pnl, worst=worst
    )


def _worst(row: int, values: Values, market: MarketView, moves: Floats, shifts_points: Floats) -> Floats:
    """`worst_loss` of one contract in every cell, float64[m, v]; its vol follows spot by the dynamics."""
    followed = np.abs(beta_moves(market, values.dynamics, row, moves))[:, None] * 100.0
    return worst_loss(market, values, row, moves[:, None], followed + np.abs(shifts_points))


def pnl_by_groups(
    groups: Ints, sizes: tuple[int, ...], rows: Ints, quantity: Ints, cells: Cells
) -> list[Floats]:
    """Sum a book's cells by the groups of several axes at once.

    Parameters
    ----------
    groups : int64[a, h]
        Of each line of the book on each axis, into its groups.
    sizes : tuple of int
        How many groups each axis has.
    rows, quantity : int64[h]
        Contracts, net, of a row of the table; each among those of the cells.
    cells : Cells

    Returns
    -------
    list of float64[groups, m, v]
        For each axis. A line without a value takes the most that it can lose from its groups; a cell that nobody
        knows is NaN.
    """
    k, m, v = cells.pnl.shape
    at, held = cells.at(rows), quantity != 0
    starts = np.cumsum((0, *sizes))
    groups = groups + starts[:-1, None]
    out = np.zeros((int(starts[-1]), m * v))
    valued = held
    if cells.worst:
        valued = held & ~np.isin(at, np.fromiter(cells.worst, dtype=np.int64, count=len(cells.worst)))
    add_lines(
        np.ascontiguousarray(groups[:, valued]),
        at[valued],
        quantity[valued].astype(np.float64),
        cells.pnl.reshape(k, m * v),
        out,
    )
    out = out.reshape(-1, m, v)
    for line in np.flatnonzero(held & ~valued).tolist():
        out[groups[:, line]] -= abs(int(quantity[line])) * cells.worst[int(at[line])]
    return [out[start:stop] for start, stop in pairwise(starts.tolist())]


def pnl_of_underlyings(quantity: Ints, cells: Cells, market: MarketView) -> Floats:
    """A book's cells by underlying, float64[n_underlyings, m, v]; `quantity` is int64[n_rows], net contracts."""
    held = np.flatnonzero(quantity)
    table = market.table
    (by_underlying,) = pnl_by_groups(
        table.underlying_of[None, held], (len(table.underlyings),), held, quantity[held], cells
    )
    return by_underlying
