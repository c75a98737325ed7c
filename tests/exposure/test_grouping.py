"""The book along every axis: any grouping sums to the whole, in whatever order and however split the holdings come."""

from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from flatbook.book.view import Holdings
from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.grouping import (
    DELTA_NAMES,
    UNKNOWN,
    Axis,
    bounds,
    by_position,
    grouping,
    total,
    total_crossed,
)
from flatbook.model.instruments import Right
from flatbook.model.measures import LINEAR_BUCKET, N_MEASURES, Measure
from flatbook.valuation.values import value
from tests.worlds import desk, option, share, view_by_hand

ACCOUNTS, STRATEGIES = ("", "house", "jbo"), ("", "box", "flow")
_STRIKES = (60.0, 80.0, 92.0, 95.0, 100.0, 105.0, 120.0, 150.0)
_BOOK = (
    *(
        option(
            f"{right.name[0]}{strike:.0f}D{days}", strike, days, right, option_class="XYZ" if days < 60 else "XYZQ"
        )
        for days in (3, 30, 90)
        for strike in _STRIKES
        for right in Right
    ),
    share(),
)  # fmt: skip


def _market(vol=0.25, unknown=()):
    vols = [float("nan") if item.symbol in unknown else vol for item in _BOOK[:-1]]
    return view_by_hand(_BOOK, spot=100.0, vols=[*vols, float("nan")])


MARKET = _market()
_lines = st.lists(
    st.tuples(
        st.integers(0, len(_BOOK) - 1), st.integers(0, 2), st.integers(0, 2), st.integers(-(10**6), 10**6)
    ),
    max_size=60,
)


def held(lines):
    """Holdings of (row, account, strategy, quantity)."""
    columns = np.array(lines, dtype=np.int64).reshape(-1, 4).T
    return Holdings(
        row=columns[0], account=columns[1], strategy=columns[2], quantity=columns[3],
        accounts=ACCOUNTS, strategies=STRATEGIES,
    )  # fmt: skip


def _per_row(seed=0, trailing=(3, 2)):
    return np.random.default_rng(seed).normal(size=(len(_BOOK), *trailing)) * 1e3


@pytest.mark.parametrize("axis", Axis)
@settings(max_examples=40)
@given(lines=_lines)
def test_any_grouping_sums_to_the_whole(axis, lines):
    """Against a plain sum over the lines, to 1e-12 of what is added up."""
    holdings, per_row = held(lines), _per_row()
    groups = grouping(axis, holdings, MARKET)
    found = total(groups, holdings, per_row)
    whole = sum((line[3] * per_row[line[0]] for line in lines), np.zeros((3, 2)))
    gross = sum((abs(line[3] * per_row[line[0]]) for line in lines), np.zeros((3, 2)))

    assert found.known.shape == (len(groups.labels), 3, 2)
    assert np.all(np.abs(found.known.sum(axis=0) - whole) <= 1e-12 * gross)
    assert not found.unvalued.any()
    for group in range(len(groups.labels)):
        mine = [line for line, of in zip(lines, groups.of, strict=True) if of == group]
        part = sum((line[3] * per_row[line[0]] for line in mine), np.zeros((3, 2)))
        assert np.all(np.abs(found.known[group] - part) <= 1e-12 * gross)


@pytest.mark.parametrize("axis", Axis)
@settings(max_examples=20)
@given(lines=_lines, random=st.randoms(use_true_random=False))
def test_order_and_splits_of_holdings_change_no_bit(axis, lines, random):
    """Whole contracts are netted before anything is multiplied."""
    split = [
        part
        for row, account, strategy, quantity in lines
        for part in ((row, account, strategy, quantity // 3), (row, account, strategy, quantity - quantity // 3))
    ]  # fmt: skip
    shuffled = random.sample(split, len(split))
    one, other = held(lines), held(shuffled)
    per_row = _per_row()
    before = total(grouping(axis, one, MARKET), one, per_row)
    after = total(grouping(axis, other, MARKET), other, per_row)

    assert np.array_equal(before.known, after.known)


@pytest.mark.parametrize("axis", Axis)
@settings(max_examples=20)
@given(lines=_lines, random=st.randoms(use_true_random=False))
def test_a_closed_book_is_exactly_nothing(axis, lines, random):
    """Bought and sold alike, in any order: 0, also in a series that has no value."""
    both = lines + [(row, account, strategy, -quantity) for row, account, strategy, quantity in lines]
    holdings = held(random.sample(both, len(both)))
    per_row = _per_row()
    per_row[5] = np.nan
    found = total(grouping(axis, holdings, MARKET), holdings, per_row)

    assert not found.known.any()
    assert not found.unvalued.any()


@settings(max_examples=20)
@given(lines=_lines)
def test_two_axes_at_once_sum_to_each_of_them(lines):
    """Rows and columns of a cross table are the two groupings."""
    holdings, per_row = held(lines), _per_row()
    first, second = grouping(Axis.DELTA, holdings, MARKET), grouping(Axis.ACCOUNT, holdings, MARKET)
    crossed = total_crossed(first, second, holdings, per_row).known
    gross = sum(abs(line[3]) for line in lines) * np.abs(per_row).max()

    assert crossed.sum(axis=1) == pytest.approx(total(first, holdings, per_row).known, abs=1e-12 * gross)
    assert crossed.sum(axis=0) == pytest.approx(total(second, holdings, per_row).known, abs=1e-12 * gross)


def test_the_groups_are_those_that_aggregate_sums():
    """Classes, underlyings, buckets and the desk agree with the exposure that limits read."""
    rng = np.random.default_rng(3)
    holdings = held([(row, row % 3, row % 2, int(rng.integers(-90, 90))) for row in range(len(_BOOK))])
    values = value(MARKET)
    exposure = aggregate(by_position(holdings, len(_BOOK)), values, MARKET, desk())

    def sums(axis):
        return total(grouping(axis, holdings, MARKET), holdings, values.greeks).known

    assert sums(Axis.DESK)[0] == pytest.approx(exposure.desk, rel=1e-12)
    assert sums(Axis.UNDERLYING) == pytest.approx(exposure.by_underlying, rel=1e-12)
    assert sums(Axis.BUCKET) == pytest.approx(exposure.by_bucket[0], rel=1e-12)
    assert sums(Axis.CLASS)[:-1] == pytest.approx(exposure.by_class, rel=1e-12)


def test_call_and_put_of_a_strike_share_a_delta_bucket():
    """By the delta of the side that is out of the money, whatever we hold; checked by the normal distribution itself."""
    holdings = held([(row, 0, 0, 1) for row in range(len(_BOOK))])
    groups = grouping(Axis.DELTA, holdings, MARKET)
    names = [groups.labels[of] for of in groups.of]
    for row, item in enumerate(_BOOK[:-1]):
        root = 0.25 * np.sqrt(MARKET.years[row])
        call = norm.cdf(np.log(100.0 / item.strike) / root + root / 2.0)
        out = min(call, 1.0 - call)
        nearest = "5" if out < 0.075 else "10" if out < 0.175 else "25" if out < 0.375 else "ATM"
        side = "" if nearest == "ATM" else "C" if call < 0.5 else "P"
        assert names[row] == side + nearest, (item.symbol, call)
    assert names[-1] == LINEAR_BUCKET
    assert set(DELTA_NAMES) <= set(names)


def test_deviations_count_the_distance_to_the_strike():
    """ln(K/F) over at-the-money volatility and the root of time."""
    holdings = held([(row, 0, 0, 1) for row in range(len(_BOOK))])
    groups = grouping(Axis.DEVIATIONS, holdings, MARKET)
    for row, item in enumerate(_BOOK[:-1]):
        far = np.log(item.strike / 100.0) / (0.25 * np.sqrt(MARKET.years[row]))
        name = (
            "below -3" if far < -3 else "3 and above" if far >= 3 else f"{np.floor(far):g} to {np.floor(far) + 1:g}"
        )  # fmt: skip
        assert groups.labels[groups.of[row]] == name


def test_expiries_stand_in_order_of_time_with_what_never_expires_last():
    """Each instant once, as it is written in every file."""
    holdings = held([(row, 0, 0, 1) for row in range(len(_BOOK))])
    groups = grouping(Axis.EXPIRY, holdings, MARKET)

    assert groups.labels == (
        "2023-11-17T22:13:20Z",
        "2023-12-14T22:13:20Z",
        "2024-02-12T22:13:20Z",
        "linear",
    )
    assert groups.of.tolist() == [0] * 16 + [1] * 16 + [2] * 16 + [3]


def test_a_series_without_a_value_stands_beside_the_totals_with_its_worst_case():
    """No number turns NaN, none is lost: contracts left out, and the bound of aggregate that limits add."""
    market = _market(unknown=("P95D30",))
    row = [item.symbol for item in _BOOK].index("P95D30")
    values = value(market)
    holdings = held([(row, 0, 0, -7), (row, 1, 0, 4), (0, 0, 0, 10)])
    groups = grouping(Axis.ACCOUNT, holdings, market)
    found = total(groups, holdings, values.greeks)
    exposure = aggregate(by_position(holdings, len(_BOOK)), values, market, desk())
    whole = grouping(Axis.DESK, holdings, market)
    worst = bounds(whole, holdings, values, market)[0]

    assert found.unvalued.tolist() == [7.0, 4.0, 0.0]
    assert found.known[0] == pytest.approx(10.0 * values.greeks[0])
    assert not found.known[1:].any()
    assert total(whole, holdings, values.greeks).unvalued.tolist() == [3.0]
    assert worst == pytest.approx(exposure.bound_of(0), nan_ok=True)
    by_account = bounds(groups, holdings, values, market)
    assert by_account[:, Measure.DELTA_SHARES].tolist() == [700.0, 400.0, 0.0]
    assert by_account.shape == (3, N_MEASURES)
    delta = grouping(Axis.DELTA, holdings, market)
    assert delta.labels[delta.of[0]] == UNKNOWN


def test_what_has_expired_has_no_moneyness():
    """The group of what cannot be told, not the one at the money."""
    market = replace(MARKET, years=np.where(MARKET.table.is_option, 0.0, np.inf))
    holdings = held([(5, 0, 0, 1)])
    for axis in (Axis.DELTA, Axis.DEVIATIONS):
        groups = grouping(axis, holdings, replace(market, forward=np.full(len(_BOOK), np.nan)))
        assert groups.labels[groups.of[0]] == UNKNOWN


def test_an_empty_book_is_nothing_everywhere():
    """Groups that every book has are there, with 0."""
    for axis in Axis:
        groups = grouping(axis, held([]), MARKET)
        found = total(groups, held([]), _per_row())
        assert found.known.shape == (len(groups.labels), 3, 2)
        assert not found.known.any()


def test_ten_thousand_holdings_of_whole_slides_take_milliseconds():
    """189 cells along 8 axes: the best of five, a tenth of a second for machines that are busy."""
    rng = np.random.default_rng(1)
    n = 10_000
    holdings = Holdings(
        row=rng.integers(0, len(_BOOK), n), account=rng.integers(0, 3, n), strategy=rng.integers(0, 3, n),
        quantity=rng.integers(-50, 50, n), accounts=ACCOUNTS, strategies=STRATEGIES,
    )  # fmt: skip
    wide = np.tile(_per_row(trailing=(21, 9)), (250, 1, 1))
    spread = replace(holdings, row=np.arange(n))
    axes = [axis for axis in Axis if axis not in (Axis.SERIES, Axis.EXPIRY)]
    groups = [replace(grouping(axis, holdings, MARKET)) for axis in axes]
    seconds = []
    for _ in range(5):
        started = perf_counter()
        for one in groups:
            total(one, spread, wide)
        seconds.append(perf_counter() - started)

    assert min(seconds) < 0.1, seconds
