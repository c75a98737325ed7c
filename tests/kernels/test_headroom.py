"""The batch against every limit: the kernel is its slow twin, which measures every limit anew for each order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.kernels.headroom import EVERY, OPENING, ORDER, by_key, fit_batch

_ROWS = 3


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.floats(0.0, 1.0)), max_size=30))
def test_entries_are_sorted_by_key_and_keep_their_sequence(entries):
    """As a stable sort."""
    key, line, cost = (
        (np.array(column) for column in zip(*entries, strict=True)) if entries else (np.empty(0),) * 3
    )
    key, line = key.astype(np.int64), line.astype(np.int64)
    first, lines, costs = by_key(key, line, cost.astype(np.float64), 6)
    order = np.argsort(key, kind="stable")

    assert np.array_equal(lines, line[order])
    assert np.array_equal(costs, cost[order])
    assert first.tolist() == [int((key < k).sum()) for k in range(7)]


@st.composite
def _cases(draw):
    """Whole numbers, so that every sum is exact."""
    n_limits = draw(st.integers(1, 3))
    lines = draw(
        st.lists(
            st.tuples(
                st.sampled_from((EVERY, OPENING, ORDER)), st.integers(0, n_limits - 1), st.integers(0, 1),
                st.integers(-10, 30), st.lists(st.integers(0, 4), min_size=2 * _ROWS, max_size=2 * _ROWS),
            ),
            min_size=1,
            max_size=6,
        )
    )  # fmt: skip
    lines = [
        (
            counts,
            limit,
            group,
            level,
            [cost if (key >= 2) == bool(group) else 0 for key, cost in enumerate(costs)],
        )
        for counts, limit, group, level, costs in lines
    ]  # a contract moves one group of a limit: row 0 the first, the others the second
    hard = draw(st.lists(st.integers(0, 80), min_size=n_limits, max_size=n_limits))
    free = draw(st.lists(st.integers(0, 8), min_size=2 * _ROWS, max_size=2 * _ROWS))
    orders = draw(
        st.lists(
            st.tuples(st.integers(0, _ROWS - 1), st.sampled_from((1, -1)), st.integers(0, 15)),
            min_size=1,
            max_size=8,
        )
    )
    return lines, hard, free, orders


def _arguments(lines, hard, free, orders):
    """As the kernel takes them; a line's group is its limit's first or second."""
    entries = [
        (key, number, float(cost))
        for number, (*_, costs) in enumerate(lines)
        for key, cost in enumerate(costs)
        if cost
    ]
    key, line, cost = zip(*entries, strict=True) if entries else ((), (), ())
    shape = np.array(
        [(counts, 2 * limit + group, limit) for counts, limit, group, _, _ in lines], dtype=np.int64
    )
    level = np.array([float(level) for *_, level, _ in lines])
    tops = np.zeros(2 * len(hard))
    np.maximum.at(tops, shape[:, 1], level)
    room = np.array(hard, dtype=np.float64) - tops.reshape(-1, 2).sum(axis=1)
    sorted_entries = by_key(
        np.array(key, dtype=np.int64),
        np.array(line, dtype=np.int64),
        np.array(cost, dtype=np.float64),
        2 * _ROWS,
    )
    shared = np.zeros(len(hard), dtype=np.int64)
    return (
        *sorted_entries, shape, level, tops, room, shared, np.array(free, dtype=np.int64), np.array(orders, dtype=np.int64)
    )  # fmt: skip


def _totals(lines, n_limits, moved):
    """Each limit from the start: the sum over groups of the largest line, at least 0."""
    tops = np.zeros(2 * n_limits)
    for (_, limit, group, level, _), more in zip(lines, moved, strict=True):
        tops[2 * limit + group] = max(tops[2 * limit + group], level + more)
    return tops.reshape(-1, 2).sum(axis=1)


def _after(lines, moved, key, contracts, free):
    """How far each line has moved once `contracts` more were traded."""
    opened = max(contracts - free[key], 0)
    count = {EVERY: contracts, OPENING: opened, ORDER: int(contracts > 0)}
    return [was + costs[key] * count[counts] for was, (counts, *_, costs) in zip(moved, lines, strict=True)]


def _naive(lines, hard, free, orders):
    """Add one contract at a time while every limit still holds."""
    moved, free, out = [0.0] * len(lines), list(free), []
    for row, side, quantity in orders:
        key, allowed = 2 * row + (0 if side > 0 else 1), 0
        while (
            allowed < quantity
            and (_totals(lines, len(hard), _after(lines, moved, key, allowed + 1, free)) <= hard).all()
        ):
            allowed += 1
        moved = _after(lines, moved, key, allowed, free)
        free[key] -= min(free[key], allowed)
        out.append(allowed)
    return out


@settings(max_examples=300, deadline=None)
@given(_cases())
def test_the_kernel_allows_what_its_slow_twin_allows(case):
    """Where every limit holds at first."""
    lines, hard, free, orders = case
    start = _totals(lines, len(hard), [0.0] * len(lines))
    hard = [max(one, int(used)) for one, used in zip(hard, start, strict=True)]
    allowed, binding = fit_batch(*_arguments(lines, hard, free, orders))

    assert allowed.tolist() == _naive(lines, hard, free, orders)
    assert ((binding >= 0) == (allowed < np.array(orders)[:, 2])).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_fits_nowhere(wrong):
    """A cost, a level or a room."""
    line = (EVERY, 0, 0, 0, [1] * 6)
    for place in ("costs", "level", "room"):
        arguments = dict(
            zip(
                ("first", "lines", "costs", "shape", "level", "top", "room", "shared", "free", "orders"),
                _arguments([line], [100], [0] * 6, [(0, 1, 5), (1, -1, 5)]),
                strict=True,
            )
        )
        arguments[place] = np.full_like(arguments[place], -wrong if place == "room" else wrong)
        allowed, binding = fit_batch(*arguments.values())

        assert allowed.tolist() == [0, 0], place
        assert binding.tolist() == [0, 0]


def test_in_breach_of_a_sum_of_groups_one_may_move_below_its_top():
    """Two groups of 60 and 50 against 100: a line at 20 of the first has 40 left before it adds; the top itself has none."""
    lines = [
        (EVERY, 0, 0, 60, [1, 0, 0, 0, 0, 0]),
        (EVERY, 0, 0, 20, [0, 1, 0, 0, 0, 0]),
        (EVERY, 0, 1, 50, [0] * 6),
    ]
    arguments = list(_arguments(lines, [100], [0] * 6, [(0, 1, 5), (0, -1, 90)]))
    arguments[7] = np.array([1])
    allowed, _ = fit_batch(*arguments)
    arguments[7] = np.array([0])
    strict, _ = fit_batch(*arguments)

    assert allowed.tolist() == [0, 40]
    assert strict.tolist() == [0, 30]
