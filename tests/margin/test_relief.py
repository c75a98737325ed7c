"""Margin relief against scipy's own integer programme of another form, and against full runs of the book."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from flatbook.margin.marginal import MINIMUM, ScenarioBook, ScenarioSeries, class_book, held_book
from flatbook.margin.relief import Candidates, ReliefStatus, free, menu, most
from flatbook.model.errors import InvalidValueError
from tests.naive import marginal as naive


def _candidates(series, cost, buy_most, sell_most, premium=None, names=None):
    n = series.quantity.size
    cost = np.asarray(cost, dtype=np.float64)
    return Candidates(
        name=names or tuple(f"series {i}" for i in range(n)),
        series=series,
        buy_most=np.asarray(buy_most, dtype=np.float64),
        sell_most=np.asarray(sell_most, dtype=np.float64),
        half_spread=cost * 0.75,
        fee=cost * 0.25,
        premium=np.zeros(n) if premium is None else np.asarray(premium),
    )


def _series(pnl, class_of=None, quantity=None, long_=0.0, short=0.0):
    pnl = np.asarray(pnl, dtype=np.float64)
    n = len(pnl)
    return ScenarioSeries(
        pnl=pnl,
        class_of=np.zeros(n, dtype=np.int64) if class_of is None else np.asarray(class_of),
        quantity=np.zeros(n) if quantity is None else np.asarray(quantity, dtype=np.float64),
        minimum_long=np.full(n, long_),
        minimum_short=np.full(n, short),
    )


def _naive_total(world, quantity):
    series, group_of_class, share, groups = world
    return naive.total(
        list(quantity),
        series.pnl.tolist(),
        series.class_of.tolist(),
        group_of_class.tolist(),
        share.tolist(),
        np.column_stack((series.minimum_long, series.minimum_short)).tolist(),
        groups,
    )


@st.composite
def worlds(draw):
    """A held book in up to two groups, two candidates or three, small sizes: every answer can be tried."""
    n, c, m = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    groups = draw(st.integers(1, 2))
    profit = st.integers(-200, 200).map(float)
    series = _series(
        draw(st.lists(st.lists(profit, min_size=m, max_size=m), min_size=n, max_size=n)),
        draw(st.lists(st.integers(0, c - 1), min_size=n, max_size=n)),
        draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n)),
        draw(st.sampled_from([0.0, 3.0])),
        draw(st.sampled_from([0.0, 5.0])),
    )
    group_of_class = np.array(draw(st.lists(st.integers(0, groups - 1), min_size=c, max_size=c)))
    share = np.array(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=c, max_size=c)))
    sizes = st.lists(st.integers(0, 3), min_size=n, max_size=n)
    cost = draw(st.lists(st.integers(0, 8).map(float), min_size=n, max_size=n))
    return (series, group_of_class, share, groups), _candidates(series, cost, draw(sizes), draw(sizes))


@settings(max_examples=80, deadline=None)
@given(worlds(), st.sampled_from([0.2, 0.5, 1.0, 1.5]))
def test_it_is_the_cheapest_of_all_that_could_be_tried(world_and_candidates, share):
    """Every whole number of contracts of every candidate, by full runs of all positions."""
    world, candidates = world_and_candidates
    held = world[0].quantity
    before = _naive_total(world, held)
    ranges = [
        range(-int(sell), int(buy) + 1)
        for buy, sell in zip(candidates.buy_most, candidates.sell_most, strict=True)
    ]
    cost = candidates.half_spread + candidates.fee
    tried = [
        (before - _naive_total(world, held + np.array(trade)), float(np.abs(trade) @ cost), trade)
        for trade in product(*ranges)
    ]
    possible = max(freed for freed, _, _ in tried)
    asked = share * possible if possible > 0.0 else 10.0
    found = free(held_book(*world), candidates, asked)
    trade = np.zeros(held.size)
    for line in found.trades:
        trade[line.row] = line.quantity

    assert found.freed == pytest.approx(before - _naive_total(world, held + trade), abs=1e-6)
    assert sum(line.freed for line in found.trades) == pytest.approx(found.freed, abs=1e-6)
    for line in found.trades:
        without = trade.copy()
        without[line.row] = 0.0
        assert line.freed_without == pytest.approx(before - _naive_total(world, held + without), abs=1e-6)
    if possible <= 1e-9:
        assert found.status is ReliefStatus.NOTHING
        assert found.trades == ()
        return
    cheapest = min(price for freed, price, _ in tried if freed >= min(asked, possible) - 1e-6)
    if share <= 1.0:
        assert found.status is ReliefStatus.FREED
        assert found.freed >= asked * (1.0 - 1e-8)
        assert found.cost == pytest.approx(cheapest, abs=1e-6)  # in whole units: a gap of 1e-3 leaves none
        assert found.cost_at_least <= found.cost + 1e-6
    else:
        assert found.status is ReliefStatus.MOST
        assert found.freed >= possible - 1e-3 * before  # as near as it is told
        assert found.cost <= cheapest + 1e-6


def _market(n, m, seed):
    """A short strangle book and options around it, as profits by spot move, convex as options are."""
    rng = np.random.default_rng(seed)
    moves = np.linspace(-0.2, 0.2, m)
    strikes = rng.uniform(0.8, 1.2, n)
    sign = np.where(strikes > 1.0, 1.0, -1.0)
    width = 0.03
    payoff = width * np.logaddexp(0.0, sign[:, None] * (1.0 + moves - strikes[:, None]) / width)
    mark = width * np.logaddexp(0.0, sign * (1.0 - strikes) / width)
    pnl = 10_000.0 * (payoff - mark[:, None])
    series = _series(pnl, quantity=-rng.integers(0, 30, n), long_=25.0, short=25.0)
    cost = np.round(100.0 * mark * 0.05 + 1.0 + rng.uniform(0.0, 2.0, n), 2)
    return series, _candidates(series, cost, rng.integers(0, 60, n), rng.integers(0, 20, n), 10_000.0 * mark)


def _reference(series, candidates, at_most, whole):
    """Cheapest trades by scipy in another form: one net requirement, positions split at zero instead of two lines."""
    n, m = series.pnl.shape
    held = series.quantity
    # columns: bought, sold, long part, short part, requirement
    cost = np.concatenate((*(2 * [candidates.half_spread + candidates.fee]), np.zeros(2 * n), [0.0]))
    loss = np.concatenate((-series.pnl.T, series.pnl.T, np.zeros((m, 2 * n)), -np.ones((m, 1))), axis=1)
    charge = np.concatenate((np.zeros(2 * n), series.minimum_long, series.minimum_short, [-1.0]))
    parts = np.concatenate((-np.eye(n), np.eye(n), np.eye(n), -np.eye(n), np.zeros((n, 1))), axis=1)
    top = np.concatenate((candidates.buy_most, candidates.sell_most, np.full(2 * n, np.inf), [at_most]))
    upper = np.concatenate((loss, charge[None, :]))
    room = np.append(held @ series.pnl, 0.0)
    if whole:
        integer = np.concatenate((np.ones(2 * n), np.zeros(2 * n + 1)))
        answer = milp(
            cost,
            constraints=[LinearConstraint(upper, ub=room), LinearConstraint(parts, held, held)],
            bounds=Bounds(0.0, top),
            integrality=integer,
            options={"mip_rel_gap": 1e-6},
        )
    else:
        answer = linprog(cost, upper, room, parts, held, bounds=np.column_stack((np.zeros(top.size), top)))
    return answer.fun if answer.status == 0 else math.inf


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_it_costs_what_scipy_says(seed, share):
    """Twelve series, 16 scenarios, whole contracts; the relaxation costs no more."""
    series, candidates = _market(12, 16, seed)
    book = held_book(series, np.zeros(1, dtype=np.int64), np.ones(1), 1)
    possible = most(book, candidates)
    asked = share * possible.freed
    found = free(book, candidates, asked)
    target = found.before.total - asked

    assert found.status is ReliefStatus.FREED
    cheapest = _reference(series, candidates, target, whole=True)
    assert found.cost_at_least <= cheapest * (1.0 + 1e-6)
    assert cheapest * (1.0 - 1e-6) <= found.cost <= cheapest * (1.0 + 1e-3)  # the gap that is stated
    assert _reference(series, candidates, target, whole=False) <= found.cost
    more = 1.001e-3 * found.before.total
    beyond = found.before.total - possible.freed - more
    assert _reference(series, candidates, beyond, whole=True) == math.inf


def test_the_menu_costs_more_the_more_it_frees():
    """25, 50, 75 and 100 % of what is possible; and the same answer twice."""
    series, candidates = _market(20, 35, 7)
    book = held_book(series, np.zeros(1, dtype=np.int64), np.ones(1), 1)
    points = menu(book, candidates)

    assert [point.asked for point in points[:-1]] == [share * points[-1].freed for share in (0.25, 0.5, 0.75)]
    assert all(point.freed >= point.asked * (1.0 - 1e-8) for point in points[:-1])
    assert [point.cost for point in points] == sorted(point.cost for point in points)
    assert points[-1].status is ReliefStatus.MOST
    assert menu(book, candidates)[1].trades == points[1].trades
    assert points[0].before.total - points[0].after.total == pytest.approx(points[0].freed)


def test_lines_add_up_and_name_what_remains():
    """A short strangle with a wing on each side: one alone frees nothing, both free what both say."""
    series = _series([[-50.0, 0.0, 900.0], [900.0, 0.0, -50.0]], quantity=[0, 0])
    book = class_book(np.array([[-10_000.0, 0.0, -10_000.0]]), np.zeros(1))
    candidates = _candidates(series, [4.0, 4.0], [5, 5], [0, 0], [60.0, 70.0], ("call wing", "put wing"))
    found = free(book, candidates, 4_000.0)

    assert found.status is ReliefStatus.FREED
    assert {(line.name, line.quantity) for line in found.trades} == {("call wing", 5.0), ("put wing", 5.0)}
    assert found.freed == 4_250.0
    assert (found.cost, found.premium) == (40.0, 650.0)
    assert found.cost_per_freed == 40.0 / 4_250.0
    assert [line.freed for line in found.trades] == [-250.0, 4_500.0]
    assert [line.cost_per_freed for line in found.trades] == [math.inf, 20.0 / 4_500.0]
    assert [line.freed_without for line in found.trades] == [-250.0, -250.0]
    assert [line.worst for line in found.trades] == [0, 0]
    beyond = free(book, candidates, 9_000.0)
    assert beyond.status is ReliefStatus.MOST
    assert (beyond.freed, beyond.asked) == (4_250.0, 9_000.0)


def test_the_minimum_charge_is_what_remains():
    """Losses can all be bought away, at a charge for each contract that no trade takes away."""
    series = _series([[100.0, -1.0]], long_=2.0)
    book = class_book(np.array([[-1_000.0, 0.0]]), np.array([30.0]))
    found = most(book, _candidates(series, [1.0], [50], [0]))

    # 1000 - 100 z = 30 + 2 z at z = 9.5
    assert found.after.total == 50.0
    assert found.after.worst.tolist() == [MINIMUM]
    assert found.trades[0].quantity == 10.0


def test_gains_that_count_in_part_buy_less_relief():
    """Half of a gain counts: 400 of a class that is held take 200 off, a contract of 100 another 50."""
    pnl = np.array([[-1_000.0, 0.0], [400.0, 0.0], [0.0, 0.0]])
    book = ScenarioBook(
        pnl=pnl, group_of_class=np.zeros(3, dtype=np.int64), gain_counted=np.full(3, 0.5), minimum=np.zeros(1)
    )
    found = free(book, _candidates(_series([[100.0, -10.0]], class_of=[2]), [1.0], [50], [0]), 210.0)

    assert (found.before.total, found.after.total) == (800.0, 550.0)
    assert [(line.quantity, line.freed, line.cost) for line in found.trades] == [(5.0, 250.0, 5.0)]


def test_what_is_unknown_is_left_out_and_said():
    """A candidate without profits or cost, and a group that is unknown."""
    series = _series([[math.nan, 1.0], [100.0, 1.0], [100.0, 1.0], [100.0, 1.0]], class_of=[0, 0, 0, 1])
    book = class_book(np.array([[-500.0, 0.0], [math.nan, 0.0]]), np.zeros(2))
    candidates = _candidates(series, [1.0, math.nan, 1.0, 1.0], [9, 9, 2, 9], [0, 0, 0, 0])
    found = free(book, candidates, 150.0)

    assert [(line.row, line.quantity) for line in found.trades] == [(2, 2.0)]
    assert found.freed == 200.0
    assert math.isnan(found.before.total)
    assert found.notes == (
        "group 1 left as it is: its requirement is unknown",
        "series 3 left out: the requirement of its group is unknown",
        "series 0 left out: its profits are unknown",
        "series 1 left out: its cost is unknown",
    )
    nothing = free(book, replace(candidates, buy_most=np.zeros(4)), 150.0)
    assert (nothing.status, nothing.freed, nothing.trades) == (ReliefStatus.NOTHING, 0.0, ())
    assert math.isnan(nothing.cost_per_freed)
    assert menu(book, replace(candidates, buy_most=np.zeros(4)))[0].status is ReliefStatus.NOTHING


@pytest.mark.parametrize("asked", [0.0, -5.0, math.nan, math.inf])
def test_asking_for_nothing_is_refused(asked):
    """An amount is above 0."""
    book = class_book(np.zeros((1, 2)), np.zeros(1))
    with pytest.raises(InvalidValueError, match="above 0"):
        free(book, _candidates(_series([[1.0, 1.0]]), [1.0], [1], [1]), asked)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"buy_most": np.array([-1.0])}, "size"),
        ({"sell_most": np.array([math.inf])}, "size"),
        ({"half_spread": np.array([-1.0])}, "half spread"),
        ({"fee": np.array([-1.0])}, "cost"),
        ({"fee": np.zeros(2)}, "one number"),
    ],
)
def test_candidates_that_cannot_be_are_refused(wrong, why):
    """By name."""
    right = _candidates(_series([[1.0, 1.0]]), [1.0], [1], [1])
    with pytest.raises(InvalidValueError, match=why):
        replace(right, **wrong)
