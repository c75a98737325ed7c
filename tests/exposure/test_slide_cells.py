"""Sums of slide cells by group, whichever way an axis is summed, against one line added after another."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.slide_cells import Workspace, cells_of, pnl_by_groups
from flatbook.exposure.slides import MOVES, SHIFTS_POINTS
from flatbook.model.instruments import Right, Style
from flatbook.valuation.values import value
from tests.worlds import option, view_by_hand


def _world(n):
    items = [
        option(
            f"{n}-{k}",
            80.0 + k // 2,
            30 + 60 * (k % 4 == 0),
            Right.CALL if k % 2 else Right.PUT,
            style=Style.AMERICAN if k % 3 else Style.EUROPEAN,
        )
        for k in range(n)
    ]
    market = view_by_hand(items, spot=100.0, vols=[0.2 + 0.001 * (k // 2) for k in range(n)])
    return market, value(market)


_MARKET, _VALUES = _world(40)
_CELLS = cells_of(np.arange(40), _VALUES, _MARKET, MOVES, SHIFTS_POINTS)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    lines=st.integers(1, 90),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
)
def test_every_way_of_summing_is_line_by_line(seed, lines, sizes):
    """Axes in runs, in pairs, alone, and with a group a line, in one call; written over an earlier answer, too."""
    random = np.random.default_rng(seed)
    row = random.integers(0, 40, lines)
    quantity = random.integers(-50, 51, lines)
    quantity[quantity == 0] = 1
    groups = [
        np.sort(random.integers(0, size, lines)) if k % 2 else random.integers(0, size, lines)
        for k, size in enumerate(sizes)
    ]
    groups.append(random.permutation(lines))
    counts = (*sizes, lines)
    workspace = Workspace()
    workspace.array((50_000,))[:] = np.nan
    found = pnl_by_groups(np.array(groups), counts, row, quantity, _CELLS, workspace)

    for of, size, mine in zip(groups, counts, found, strict=True):
        expected = np.zeros((size, MOVES.size, SHIFTS_POINTS.size))
        np.add.at(expected, of, quantity[:, None, None] * _CELLS.pnl[row])
        assert mine == pytest.approx(expected, rel=1e-12, abs=1e-9 * np.abs(expected).max() + 1e-300)


def test_neither_threads_nor_old_memory_change_a_bit():
    """The cells of a book on two threads, into memory that held another slide."""
    workspace = Workspace()
    cells_of(np.arange(39), _VALUES, _MARKET, 2.0 * MOVES, SHIFTS_POINTS, workspace=workspace)
    with ThreadPoolExecutor(2) as threads:
        again = cells_of(
            np.arange(40), _VALUES, _MARKET, MOVES, SHIFTS_POINTS, executor=threads, workspace=workspace
        )

    assert np.array_equal(again.pnl, _CELLS.pnl)


def test_rows_may_come_in_any_order_and_twice():
    mixed = cells_of(np.array([7, 3, 7, 39]), _VALUES, _MARKET, MOVES, SHIFTS_POINTS)

    assert mixed.rows.tolist() == [3, 7, 39]
    assert mixed.pnl == pytest.approx(_CELLS.pnl[[3, 7, 39]], rel=1e-6, abs=1e-3)
