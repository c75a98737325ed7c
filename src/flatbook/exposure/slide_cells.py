"""Slide cells: the P&L of one contract of each series in every cell of a ladder, by full revaluation, ready for any book.

Cells are found once; a book, the same book after its hedges or with its orders filled, and any grouping of it, are sums of
positions times cells. A series without a value has no cells: it loses in every one the most that an option can, as decision
005 says, whichever way it is held.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from flatbook.exposure.aggregate import worst_loss
from flatbook.kernels.grouped_sums import add_lines
from flatbook.market.view import MarketView
from flatbook.model.table import Floats, Ints
from flatbook.valuation.chain import Executor
from flatbook.valuation.revalue import Ready, revalue, valued
from flatbook.valuation.spot_vol import beta_moves
from flatbook.valuation.values import Values

_STEADY = 8  # lines that an axis stays in a group, on average, for its lines to be summed by run
_PAIRS_MAX = 256  # of groups, whose sums fit a cache


class Workspace:
    """Memory that one slide after another is written to: quicker than new memory, and the answers before are overwritten.

    For a caller that is done with one answer before it asks for the next; one thread at a time.
    """

    def __init__(self) -> None:
        self._kept = np.empty(0)

    def array(self, shape: tuple[int, ...]) -> Floats:
        """Room for float64[shape], with anything in it."""
        size = math.prod(shape)
        if self._kept.size < size:
            self._kept = np.empty(size)
        return self._kept[:size].reshape(shape)


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
        size = 1 + max(int(self.rows.max(initial=-1)), int(rows.max(initial=-1)))
        of_row = np.full(
            size, -1, dtype=np.int64
        )  # quicker than a search, one for each of the table's rows at most
        of_row[self.rows] = np.arange(self.rows.size)
        place = of_row[rows]
        assert (place >= 0).all(), "a book holds what the cells were not made for"
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
    executor: Executor | None = None,
    workspace: Workspace | None = None,
) -> Cells:
    """Revalue every row in every cell; parameters as for `revalue`, rows in any order; `workspace` as there it says."""
    if not (rows[1:] > rows[:-1]).all():
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
        executor=executor,
        out=None if workspace is None else workspace.array((rows.size, moves.size, shifts_points.size)),
    )
    worst = {
        place: _worst(int(rows[place]), values, market, moves, shifts_points)
        for place in np.flatnonzero(~valued(values, rows)).tolist()
    }
    return Cells(
        rows=rows, moves=moves, shifts_points=shifts_points, years_later=years_later, pnl=pnl, worst=worst
    )


def _worst(row: int, values: Values, market: MarketView, moves: Floats, shifts_points: Floats) -> Floats:
    """`worst_loss` of one contract in every cell, float64[m, v]; its vol follows spot by the dynamics."""
    followed = np.abs(beta_moves(market, values.dynamics, row, moves))[:, None] * 100.0
    return worst_loss(market, values, row, moves[:, None], followed + np.abs(shifts_points))


def pnl_by_groups(
    groups: Ints,
    sizes: tuple[int, ...],
    rows: Ints,
    quantity: Ints,
    cells: Cells,
    workspace: Workspace | None = None,
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
    workspace : Workspace, optional
        Other than that of the cells.

    Returns
    -------
    list of float64[groups, m, v]
        For each axis. A line without a value takes the most that it can lose from its groups; a cell that nobody
        knows is NaN.
    """
    k, m, v = cells.pnl.shape
    at, held = cells.at(rows), quantity != 0
    valued = held
    if cells.worst:
        valued = held & ~np.isin(at, np.fromiter(cells.worst, dtype=np.int64, count=len(cells.worst)))
    lines = np.flatnonzero(valued)
    out = _summed(
        groups[:, lines] if lines.size < at.size else groups,
        sizes,
        at[lines],
        quantity[lines].astype(np.float64),
        cells.pnl.reshape(k, m * v),
        workspace or Workspace(),
    )
    for line in np.flatnonzero(held & ~valued).tolist():
        worst = abs(int(quantity[line])) * cells.worst[int(at[line])].reshape(-1)
        for axis, totals in enumerate(out):
            totals[groups[axis, line]] -= worst
    return [totals.reshape(-1, m, v) for totals in out]


def _summed(
    groups: Ints, sizes: tuple[int, ...], at: Ints, quantity: Floats, pnl: Floats, workspace: Workspace
) -> list[Floats]:
    """Sums of each axis, float64[groups, cells].

    Axes whose groups run on from line to line are summed by run; small ones are summed together, by pairs of their groups; one
    on which every line is a group is not summed at all.
    """
    plan = _planned(groups, sizes)
    pairs = [
        (a, b, groups[a] * sizes[b] + groups[b]) for a, b in plan.pairs
    ]  # a pair's groups are told as one
    summed = [*plan.runs, *plan.alone]
    spans = [sizes[axis] for axis in summed] + [sizes[a] * sizes[b] for a, b in plan.pairs]
    starts = np.cumsum((0, *spans))
    n_totals, n_products = int(starts[-1]), len(plan.own) * at.size
    room = workspace.array((n_totals + n_products, pnl.shape[1]))
    totals, products = room[:n_totals], room[n_totals:]
    totals[:] = 0.0
    placed = [groups[axis] + start for axis, start in zip(summed, starts, strict=False)]
    placed += [told + start for (_, _, told), start in zip(pairs, starts[len(summed) :], strict=False)]
    own = [groups[axis] + n * at.size for n, axis in enumerate(plan.own)]
    add_lines(
        _lines(placed[: len(plan.runs)], at.size),
        _lines(placed[len(plan.runs) :], at.size),
        _lines(own, at.size),
        at,
        quantity,
        pnl,
        totals,
        products,
    )
    parts = [totals[start:stop] for start, stop in pairwise(starts.tolist())]
    found = dict(zip(summed, parts, strict=False))
    for n, axis in enumerate(plan.own):
        found[axis] = products[n * at.size : (n + 1) * at.size]
    for (a, b), part in zip(plan.pairs, parts[len(summed) :], strict=True):
        block = part.reshape(sizes[a], sizes[b], -1)
        found[a], found[b] = block.sum(axis=1), block.sum(axis=0)
    return [found[axis] for axis in range(len(sizes))]


class _Plan(NamedTuple):
    """How each axis is summed."""

    runs: list[int]
    own: list[int]
    pairs: list[tuple[int, int]]
    alone: list[int]


def _planned(groups: Ints, sizes: tuple[int, ...]) -> _Plan:
    lines = groups.shape[1]
    changes = (groups[:, 1:] != groups[:, :-1]).sum(axis=1)
    runs, own, waiting = [], [], []
    for axis in sorted(range(len(sizes)), key=lambda axis: sizes[axis]):
        if changes[axis] * _STEADY <= lines:
            runs.append(axis)
        elif sizes[axis] == lines and np.bincount(groups[axis], minlength=1).max() == 1:
            own.append(axis)
        else:
            waiting.append(axis)
    pairs = []
    while len(waiting) > 1 and sizes[waiting[0]] * sizes[waiting[1]] <= _PAIRS_MAX:
        pairs.append((waiting[0], waiting[1]))
        waiting = waiting[2:]
    return _Plan(runs, own, pairs, waiting)


def _lines(of: list[Ints], size: int) -> Ints:
    return np.array(of, dtype=np.int64).reshape(len(of), size)


def pnl_of_underlyings(quantity: Ints, cells: Cells, market: MarketView) -> Floats:
    """A book's cells by underlying, float64[n_underlyings, m, v]; `quantity` is int64[n_rows], net contracts."""
    held = np.flatnonzero(quantity)
    table = market.table
    (by_underlying,) = pnl_by_groups(
        table.underlying_of[None, held], (len(table.underlyings),), held, quantity[held], cells
    )
    return by_underlying
