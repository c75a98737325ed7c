"""Marginal capital against full runs of all positions, one series at a time."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.margin.marginal import (
    MINIMUM,
    NONE,
    UNKNOWN,
    ScenarioBook,
    ScenarioSeries,
    changes,
    class_book,
    held_book,
    marginal,
    requirement,
    slopes,
    top_legs,
    top_pairs,
    with_trades,
)
from flatbook.model.errors import InvalidValueError
from tests.naive import marginal as naive

_CONTRACTS = st.integers(-30, 30).map(float)
_PROFIT = st.integers(-4000, 4000).map(lambda cents: cents / 4.0)  # exact in binary
_RATE = st.sampled_from([0.0, 25.0, 37.5])


@st.composite
def worlds(draw):
    """Series, classes and groups; the sizes that methods have are in the timing test."""
    n, c, m = draw(st.integers(1, 7)), draw(st.integers(1, 4)), draw(st.integers(1, 6))
    groups = draw(st.integers(1, 3))
    series = ScenarioSeries(
        pnl=np.array(
            draw(st.lists(st.lists(_PROFIT, min_size=m, max_size=m), min_size=n, max_size=n))
        ).reshape(n, m),
        class_of=np.array(draw(st.lists(st.integers(0, c - 1), min_size=n, max_size=n))),
        quantity=np.array(draw(st.lists(_CONTRACTS, min_size=n, max_size=n))),
        minimum_long=np.array(draw(st.lists(_RATE, min_size=n, max_size=n))),
        minimum_short=np.array(draw(st.lists(_RATE, min_size=n, max_size=n))),
    )
    group_of_class = np.array(draw(st.lists(st.integers(0, groups - 1), min_size=c, max_size=c)))
    share = np.array(draw(st.lists(st.sampled_from([0.0, 0.5, 0.875, 1.0]), min_size=c, max_size=c)))
    return series, group_of_class, share, groups


def _book(world):
    return held_book(*world)


def _full(world, quantity):
    series, group_of_class, share, groups = world
    return naive.requirement(
        quantity.tolist(),
        series.pnl.tolist(),
        series.class_of.tolist(),
        group_of_class.tolist(),
        share.tolist(),
        np.column_stack((series.minimum_long, series.minimum_short)).tolist(),
        groups,
    )


def _total(world, quantity):
    return sum(needed for needed, _ in _full(world, quantity))


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_the_requirement_is_the_naive_one_and_never_below_zero(world):
    """Every group, with what decides it."""
    found = requirement(_book(world))
    expected = _full(world, world[0].quantity)

    assert found.by_group == pytest.approx([needed for needed, _ in expected], abs=1e-9)
    assert (found.by_group >= 0.0).all()
    assert (found.gap >= 0.0).all()
    for worst, (_, scenario) in zip(found.worst.tolist(), expected, strict=True):
        assert worst == (MINIMUM if scenario is None else scenario)


@settings(max_examples=200, deadline=None)
@given(worlds(), st.integers(1, 400).map(lambda eighths: eighths / 8.0))
def test_a_clip_costs_the_difference_of_two_full_runs(world, clip):
    """Any size, both sides, every series."""
    series = world[0]
    found = marginal(_book(world), series, clip)
    before = _total(world, series.quantity)
    for i in range(series.quantity.size):
        for side, change in ((clip, found.buy[i]), (-clip, found.sell[i])):
            after = series.quantity.copy()
            after[i] += side
            assert change == pytest.approx(_total(world, after) - before, abs=1e-7)


@settings(max_examples=100, deadline=None)
@given(worlds(), st.lists(_CONTRACTS, min_size=1, max_size=4), st.integers(0, 6))
def test_a_trade_costs_the_same_in_parts(world, parts, which):
    """The changes of the parts, one after another, add up to the change of the whole."""
    series = world[0]
    row = which % series.quantity.size
    book, spent = _book(world), 0.0
    held = series.quantity.copy()
    for part in parts:
        now = replace(series, quantity=held)
        trade = np.zeros(held.size)
        trade[row] = part
        spent += changes(book, now, trade)[row]
        book = with_trades(book, now, trade)
        held = held + trade
    whole = changes(_book(world), series, np.full(held.size, sum(parts)))[row]

    assert spent == pytest.approx(whole, abs=1e-7)
    assert requirement(book).by_group == pytest.approx([n for n, _ in _full(world, held)], abs=1e-7)


@settings(max_examples=100, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_order_and_splitting_of_series_change_nothing(world, chance):
    """Rows shuffled, each held in two halves of which one row is traded."""
    series, *rest = world
    rows = np.arange(series.quantity.size)
    chance.shuffle(shuffled := rows.tolist())
    doubled = series.take(np.concatenate((shuffled, shuffled)).astype(np.int64))
    # the minimum charge of one series in two rows of one sign is the charge of the whole
    doubled = replace(doubled, quantity=doubled.quantity / 2.0)

    assert requirement(held_book(doubled, *rest)).by_group == pytest.approx(
        requirement(_book(world)).by_group, abs=1e-9
    )
    moved = marginal(_book(world), series.take(np.array(shuffled)), 3.0)
    plain = marginal(_book(world), series, 3.0)
    assert moved.buy.tolist() == plain.buy[shuffled].tolist()


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_slopes_hold_up_to_the_kink_and_not_beyond(world):
    """A requirement is convex in the contracts of one series: its slope is exact to the kink and too low after it."""
    series, book = world[0], _book(world)
    found = slopes(book, series)
    for slope, until, following, side in (
        (found.buy, found.buy_until, found.buy_next, 1.0),
        (found.sell, found.sell_until, found.sell_next, -1.0),
    ):
        reach = np.where(np.isinf(until), 1e4, until)
        assert changes(book, series, side * reach) == pytest.approx(slope * reach, abs=1e-4, rel=1e-9)
        assert changes(book, series, side * reach / 3.0) == pytest.approx(
            slope * reach / 3.0, abs=1e-4, rel=1e-9
        )
        beyond = changes(book, series, side * (reach + 8.0))
        kinked = np.isfinite(until)
        assert (beyond[kinked] > (slope * (reach + 8.0))[kinked]).all()
        assert (following[~kinked] == NONE).all()
        assert (following[kinked] >= MINIMUM).all()


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_offsets_between_classes_never_ask_for_more_than_none(world):
    """Counting gains in part asks for at least what counting them whole does, and at most what counting none does."""
    series, group_of_class, share, groups = world
    asked = [
        requirement(held_book(series, group_of_class, counted, groups)).total
        for counted in (np.ones(share.size), share, np.zeros(share.size))
    ]

    assert np.diff(asked).min() > -1e-9


def test_a_covered_call_by_hand():
    """Long 100 shares, short one call: the next call written changes which side is the worse."""
    pnl = np.array([[-15.0, -5.0, 5.0, 15.0], [-1.0, -0.75, 2.0, 10.0]]) * [[1.0], [100.0]]
    series = ScenarioSeries(
        pnl=pnl,
        class_of=np.zeros(2, dtype=np.int64),
        quantity=np.array([100.0, -1.0]),
        minimum_long=np.array([0.0, 37.5]),
        minimum_short=np.array([0.0, 37.5]),
    )
    book = held_book(series, np.zeros(1, dtype=np.int64), np.ones(1), 1)
    found = requirement(book)

    assert book.pnl.tolist() == [[-1400.0, -425.0, 300.0, 500.0]]
    assert (found.total, found.worst[0], found.second[0], found.gap[0]) == (1400.0, 0, 1, 975.0)
    assert marginal(book, series, 1.0).sell[1] == -100.0
    kinks = slopes(book, series)
    assert kinks.sell[1] == -100.0
    # 1400 - 100 z = -500 + 1000 z
    assert kinks.sell_until[1] == pytest.approx(1900.0 / 1100.0)
    assert kinks.sell_next[1] == 3
    assert top_legs(book, series, 1.0, 5)[0].legs == ((1, -1.0),)
    assert top_legs(book, series, 1.0, 5)[0].released_per_lot == 100.0


def test_closing_gives_back_the_minimum_charge_and_crossing_zero_takes_it_again():
    """A short of two at 25 each: bought back one, two, and three."""
    series = ScenarioSeries(
        pnl=np.full((1, 3), 0.0),
        class_of=np.zeros(1, dtype=np.int64),
        quantity=np.array([-2.0]),
        minimum_long=np.array([25.0]),
        minimum_short=np.array([25.0]),
    )
    book = held_book(series, np.zeros(1, dtype=np.int64), np.ones(1), 1)

    assert [float(marginal(book, series, size).buy[0]) for size in (1.0, 2.0, 3.0)] == [-25.0, -50.0, -25.0]
    assert marginal(book, series, 1.0).sell.tolist() == [25.0]
    kinks = slopes(book, series)
    assert (kinks.buy[0], kinks.buy_until[0]) == (-25.0, 2.0)


def test_pairs_are_found_where_neither_leg_releases():
    """Two scenarios equally bad: each wing alone leaves the other, both together release."""
    series = ScenarioSeries(
        pnl=np.array([[100.0, -10.0], [-10.0, 100.0], [1.0, 1.0]]),
        class_of=np.zeros(3, dtype=np.int64),
        quantity=np.zeros(3),
        minimum_long=np.zeros(3),
        minimum_short=np.zeros(3),
    )
    book = class_book(np.array([[-1000.0, -1000.0]]), np.zeros(1))

    assert marginal(book, series, 1.0).buy.tolist() == [10.0, 10.0, -1.0]
    best = top_pairs(book, series, 1.0, 3)[0]
    assert best.legs == ((0, 1.0), (1, 1.0))
    assert (best.released, best.released_per_lot) == (90.0, 45.0)


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_pairs_release_what_full_runs_say(world):
    """Best first, none missed."""
    series, book = world[0], _book(world)
    found = top_pairs(book, series, 2.0, 10_000)
    before = _total(world, series.quantity)
    released = {}
    for a in range(series.quantity.size):
        for b in range(a + 1, series.quantity.size):
            for x in (2.0, -2.0):
                for y in (2.0, -2.0):
                    after = series.quantity.copy()
                    after[a] += x
                    after[b] += y
                    released[((a, x), (b, y))] = before - _total(world, after)
    for pair in found:
        assert pair.released == pytest.approx(released[pair.legs], abs=1e-7)
        assert pair.released > 0.0
    alone = [leg.released_per_lot for leg in top_legs(book, series, 2.0, 1)]
    if released and max(released.values()) / 4.0 > max(alone, default=0.0) + 1e-6:
        assert found[0].released == pytest.approx(max(released.values()), abs=1e-7)
    assert [pair.released for pair in found] == sorted((pair.released for pair in found), reverse=True)


def test_what_is_unknown_stays_unknown():
    """A NaN of one group leaves the others; of one series, the others."""
    pnl = np.array([[-10.0, 5.0], [math.nan, 5.0]])
    book = class_book(pnl, np.array([0.0, 3.0]))
    found = requirement(book)
    assert found.by_group[0] == 10.0
    assert np.isnan(found.by_group[1])
    assert np.isnan(found.total)
    assert found.worst.tolist() == [0, UNKNOWN]

    series = ScenarioSeries(
        pnl=np.array([[-1.0, 1.0], [math.nan, 1.0], [-1.0, 1.0]]),
        class_of=np.array([0, 0, 1]),
        quantity=np.zeros(3),
        minimum_long=np.zeros(3),
        minimum_short=np.zeros(3),
    )
    change = marginal(book, series, 2.0)
    assert change.buy[0] == 2.0
    assert np.isnan(change.buy[1:]).all()
    assert np.isnan(change.sell[1:]).all()
    kinks = slopes(book, series)
    assert np.isnan(kinks.buy[1:]).all()
    assert kinks.buy_next[1:].tolist() == [UNKNOWN, UNKNOWN]
    assert np.isnan(requirement(class_book(np.zeros((1, 2)), np.array([math.nan]))).total)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"minimum": np.array([-1.0])}, "minimum charge"),
        ({"gain_counted": np.array([1.5])}, "gain_counted"),
        ({"gain_counted": np.array([math.nan])}, "gain_counted"),
        ({"group_of_class": np.array([1])}, "group_of_class"),
        ({"pnl": np.zeros((1, 0))}, "scenario"),
    ],
)
def test_a_book_that_cannot_be_is_refused(wrong, why):
    """By the name of what is wrong."""
    right = {
        "pnl": np.zeros((1, 2)),
        "group_of_class": np.zeros(1, dtype=np.int64),
        "gain_counted": np.ones(1),
        "minimum": np.zeros(1),
    }
    with pytest.raises(InvalidValueError, match=why):
        ScenarioBook(**(right | wrong))


def test_series_that_do_not_fit_the_book_are_refused():
    """Other scenarios, a class that is not there, a charge that the book lacks, no clip."""
    book = class_book(np.zeros((1, 2)), np.zeros(1))
    right = ScenarioSeries(
        pnl=np.zeros((1, 2)),
        class_of=np.zeros(1, dtype=np.int64),
        quantity=np.ones(1),
        minimum_long=np.zeros(1),
        minimum_short=np.zeros(1),
    )
    for wrong, why in (
        ({"pnl": np.zeros((1, 3))}, "scenarios"),
        ({"class_of": np.ones(1, dtype=np.int64)}, "class_of"),
        ({"minimum_long": np.ones(1)}, "row 0"),
    ):
        with pytest.raises(InvalidValueError, match=why):
            marginal(book, replace(right, **wrong))
    with pytest.raises(InvalidValueError, match="clip"):
        marginal(book, right, 0.0)
    with pytest.raises(InvalidValueError, match="minimum charge"):
        replace(right, minimum_short=np.array([-1.0]))


@pytest.mark.parametrize("scenarios", [10, 16, 35])
def test_five_thousand_series_both_sides_take_milliseconds(scenarios):
    """5 ms on a core of one's own; three times that here, where other tests run beside it. The best of many runs."""
    rng = np.random.default_rng(20 + scenarios)
    n, c = 5000, 50
    series = ScenarioSeries(
        pnl=rng.normal(size=(n, scenarios)) * 100.0,
        class_of=rng.integers(0, c, n),
        quantity=rng.integers(-50, 50, n).astype(np.float64),
        minimum_long=np.full(n, 25.0),
        minimum_short=np.full(n, 25.0),
    )
    book = held_book(series, np.arange(c) // 5, np.full(c, 0.9), 10)
    took = []
    for _ in range(20):
        start = time.perf_counter()
        marginal(book, series, 10.0)
        took.append(time.perf_counter() - start)

    assert min(took) < 15e-3
