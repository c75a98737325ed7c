"""Scenario requirements with offsets: ranges, groups, minimum charges, exact marginal requirements, forecasts."""

from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.margin.requirement import Method
from flatbook.margin.tims import book_of, capital, points_of, requirement_at
from flatbook.margin.tims_groups import marginal, reliefs, tims_requirement, tree_of
from flatbook.margin.tims_parameters import MoveRange, OffsetGroup
from flatbook.model.errors import FaultsError, InvalidValueError
from tests.margin.tims_legs import PM, RBH, call, future, legs_of, put, sample_book, stock

_GROUPS = {
    "first": OffsetGroup(members=("U0", "U1", "elsewhere"), offset=0.95),
    "second": OffsetGroup(members=("U2", "U3"), offset=0.9),
    "both": OffsetGroup(members=("first", "second", "U4"), offset=0.75),
    "nothing held": OffsetGroup(members=("V", "W"), offset=0.5),
}
_NAMES = tuple(f"U{number}" for number in range(6))  # U5 stands alone
_TREE = tree_of(_NAMES, _GROUPS)
_ALONE = tree_of(_NAMES, {})


def _naive(pnl, quantity, class_of, minimum):
    """The requirement as one would tell it to a colleague: dictionaries, one point after the other."""

    def vector(name):
        if name in _GROUPS:
            members = [vector(member) for member in _GROUPS[name].members]
            share = _GROUPS[name].offset
            return [sum(x if x < 0 else share * x for x in point) for point in zip(*members, strict=True)]
        rows = [row for row in range(len(quantity)) if name == _NAMES[class_of[row]]]
        return [sum(quantity[row] * pnl[row][j] for row in rows) for j in range(len(pnl[0]))]

    total = 0.0
    for top, classes in (("both", _NAMES[:5]), ("U5", _NAMES[5:])):
        least = sum(
            abs(quantity[row]) * minimum[row]
            for row in range(len(quantity))
            if _NAMES[class_of[row]] in classes
        )
        total += max(*(-x for x in vector(top)), least)
    return total


@st.composite
def _books(draw):
    n = draw(st.integers(1, 8))
    money = st.integers(-5_000, 5_000).map(lambda cents: cents / 8)
    pnl = np.array(draw(st.lists(st.lists(money, min_size=4, max_size=4), min_size=n, max_size=n)))
    column = lambda of: np.array(draw(st.lists(of, min_size=n, max_size=n)))  # noqa: E731
    return (
        pnl,
        column(st.integers(-20, 20)).astype(np.float64),
        column(st.integers(0, 5)),
        column(st.sampled_from([0.0, 25.0, 37.5])),
    )


@given(_books())
def test_the_requirement_is_what_the_rules_say_in_words(book):
    assert tims_requirement(*book, _TREE).requirement == pytest.approx(_naive(*book), abs=1e-6)


@given(_books(), st.lists(st.sampled_from([0.5, 1.0, 7.0, 40.0]), min_size=8, max_size=8))
def test_marginal_is_the_difference_of_two_full_runs(book, clips):
    pnl, quantity, class_of, minimum = book
    result = tims_requirement(*book, _TREE)
    clip = np.array(clips[: quantity.size])

    bought, sold = marginal(result, *book, clip)

    for row in range(quantity.size):
        for side, told in ((1.0, bought), (-1.0, sold)):
            other = quantity.copy()
            other[row] += side * clip[row]
            full = tims_requirement(pnl, other, class_of, minimum, _TREE).requirement
            assert told[row] == pytest.approx(full - result.requirement, abs=1e-6)


@given(_books())
def test_offsets_never_cost_anything(book):
    with_offsets, without = tims_requirement(*book, _TREE), tims_requirement(*book, _ALONE)
    relief, class_relief = reliefs(with_offsets)

    assert with_offsets.requirement <= without.requirement + 1e-9
    assert without.requirement - with_offsets.requirement == pytest.approx(
        relief[np.flatnonzero(_TREE.parent < 0)].sum(), abs=1e-6
    )
    assert class_relief.min() >= -1e-9


@given(_books(), st.randoms(use_true_random=False))
def test_order_and_splits_change_nothing(book, random):
    pnl, quantity, class_of, minimum = book
    order = np.array(random.sample(range(quantity.size), quantity.size))
    share = np.array([random.choice([0.0, 0.25, 0.5]) for _ in order])
    split = [np.concatenate((column[order], column[order])) for column in (pnl, class_of, minimum)]
    halves = np.concatenate((quantity[order] * share, quantity[order] * (1.0 - share)))

    again = tims_requirement(split[0], halves, split[1], split[2], _TREE)

    assert again.requirement == pytest.approx(tims_requirement(*book, _TREE).requirement, abs=1e-6)


def test_marginal_of_rows_in_many_small_buffers_is_that_of_each_row():
    rng = np.random.default_rng(4)
    n = 2_500
    book = (
        rng.normal(0.0, 300.0, (n, 10)),
        rng.integers(-5, 6, n) * 1.0,
        rng.integers(0, 6, n),
        np.full(n, 25.0),
    )
    result = tims_requirement(*book, _TREE)
    bought, sold = marginal(result, *book, 3.0)
    for row in (0, 1_023, 1_024, 2_047, 2_499):
        one = [column[row : row + 1] for column in book]
        assert marginal(result, *one, 3.0) == (bought[row], sold[row])


def test_what_a_class_relieves_is_what_leaving_it_out_would_cost():
    long, short = np.array([[-100.0, 80.0]]), np.array([[90.0, -70.0]])
    pnl = np.concatenate((long, short))
    book = (pnl, np.ones(2), np.array([0, 1]), np.zeros(2))
    tree = tree_of(("U0", "U1"), {"first": OffsetGroup(members=("U0", "U1"), offset=0.5)})

    result = tims_requirement(*book, tree)
    relief, class_relief = reliefs(result)

    assert result.requirement == 55.0  # 100 - 0.5 * 90
    assert relief[2] == 115.0  # 100 + 70 - 55
    assert class_relief.tolist() == [115.0, 115.0]


def test_a_group_never_needs_less_than_the_minimum_charges_of_its_classes():
    book = (np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([10.0, 10.0]), np.array([0, 1]), np.full(2, 37.5))
    assert tims_requirement(*book, _TREE).requirement == 750.0


def test_a_row_without_profit_spoils_only_what_it_can_change():
    pnl = np.array([[1.0, -1.0], [np.nan, 1.0], [-2.0, 1.0]])
    class_of, minimum = np.array([0, 1, 5]), np.zeros(3)
    fine = tims_requirement(pnl, np.array([1.0, 0.0, 1.0]), class_of, minimum, _TREE)
    held = tims_requirement(pnl, np.array([1.0, 2.0, 1.0]), class_of, minimum, _TREE)

    assert fine.requirement == 3.0
    assert np.isnan(held.requirement)
    assert np.isnan(marginal(fine, pnl, np.array([1.0, 0.0, 1.0]), class_of, minimum)[0]).tolist() == [
        False,
        True,
        False,
    ]
    assert np.isnan(marginal(held, pnl, np.array([1.0, 2.0, 1.0]), class_of, minimum)[0]).tolist() == [
        True,
        True,
        False,
    ]


def test_points_are_equidistant_on_each_side_without_zero():
    points = points_of(MoveRange(down=-0.08, up=0.06), 5)
    assert points == pytest.approx([-0.08, -0.064, -0.048, -0.032, -0.016, 0.012, 0.024, 0.036, 0.048, 0.06])


def _moves(parameters, **row):
    book = book_of(legs_of(stock(1, **row)), parameters)
    return book.moves[0][0], book.moves[0][-1]


def test_ranges_by_product_account_and_leverage():
    dealer = msgspec.structs.replace(RBH, account="broker-dealer")
    for row, customer, maker, other in (
        ({}, (-0.15, 0.15), (-0.15, 0.15), (-0.15, 0.15)),
        ({"underlying": "SPX", "product_class": "broad-index"}, (-0.08, 0.06), (-0.08, 0.06), (-0.10, 0.10)),
        ({"underlying": "SPY"}, (-0.08, 0.06), (-0.08, 0.06), (-0.10, 0.10)),
        ({"underlying": "RUT", "product_class": "broad-index"}, (-0.10, 0.10), (-0.10, 0.10), (-0.15, 0.15)),
        ({"product_class": "broad-index"}, (-0.10, 0.10), (-0.10, 0.10), (-0.15, 0.15)),
        ({"product_class": "narrow-index"}, (-0.15, 0.15), (-0.15, 0.15), (-0.15, 0.15)),
        ({"underlying": "XDE"}, (-0.06, 0.06), (-0.045, 0.045), (-0.06, 0.06)),
        ({"product_class": "leveraged-etf", "leverage": 2}, (-0.30, 0.30), (-0.30, 0.30), (-0.30, 0.30)),
        (
            {"underlying": "SDS", "product_class": "leveraged-etf", "leverage": -2},
            (0.16, -0.12),
            (0.16, -0.12),
            (0.20, -0.20),
        ),
    ):
        for parameters, expected in ((PM, customer), (RBH, maker), (dealer, other)):
            assert _moves(parameters, **row) == pytest.approx(expected), (row, parameters.account)


def test_an_inverse_fund_gains_where_its_index_falls():
    """Half the index against a fund of twice its inverse: same market, same point, next to nothing left."""
    both = [
        stock(200, underlying="SPY"),
        stock(100, underlying="SDS", product_class="leveraged-etf", leverage=-2),
    ]
    assert capital(legs_of(*both), PM).requirement == pytest.approx(0.0, abs=1e-9)
    assert capital(legs_of(both[1]), PM).requirement == pytest.approx(0.12 * 10_000)


def test_index_and_small_capitalisation_offset_by_the_portfolio_group():
    """Gains of the S&P count 90 % in their product group and 75 % of that beside the Russell."""
    legs = legs_of(stock(-100, underlying="SPY"), stock(100, underlying="IWM"))
    found = capital(legs, PM)
    assert found.requirement == pytest.approx(1_000.0 - 0.75 * 0.9 * 800.0)
    assert found.found["offsets"][0]["without_offsets"] == pytest.approx(1_600.0)
    assert found.found["groups"][0]["group"] == "broad indexes"
    assert found.found["groups"][0]["worst_moves"] == {"SPY": -0.08, "IWM": -0.10}


def test_underlyings_in_no_group_stand_alone():
    found = capital(legs_of(stock(-100, underlying="AAA"), stock(100, underlying="BBB")), PM)
    assert found.requirement == pytest.approx(3_000.0)
    assert found.found["offsets"] == []


def test_legs_of_one_class_offset_in_full_with_futures_among_them():
    legs = legs_of(
        stock(-5_000, underlying="SPY", underlying_price=500.0),
        future(1, underlying="ES", underlying_price=5_000.0, multiplier=500.0, years=0.0, rate=0.0),
    )
    found = capital(legs, PM)
    assert found.requirement == pytest.approx(0.375 * 500.0)
    assert capital(legs, RBH).requirement == pytest.approx(0.0, abs=1e-6)


def test_marginal_requirements_of_legs_are_differences_of_full_runs():
    legs = sample_book()
    found = capital(legs, RBH)
    for row in range(len(legs)):
        for side, told in ((1.0, found.marginal_buy), (-1.0, found.marginal_sell)):
            quantity = legs.quantity.copy()
            quantity[row] += side
            other = capital(replace(legs, quantity=quantity), RBH)
            assert told[row] == pytest.approx(other.requirement - found.requirement, abs=1e-6)


def test_rows_of_one_series_are_one_position():
    rows = [call(105.0, -20, vol=0.2), call(105.0, 30, vol=0.2)]
    found = capital(legs_of(*rows), PM)
    alone = capital(legs_of(call(105.0, 10, vol=0.2)), PM)
    assert found.requirement == pytest.approx(alone.requirement)
    assert found.marginal_buy.tolist() == pytest.approx([alone.marginal_buy[0]] * 2)


@pytest.mark.parametrize("american", [False, True])
def test_a_long_option_needs_no_more_than_it_is_worth(american):
    legs = legs_of(
        *(call(strike, 100, price=price) for strike, price in ((80.0, 21.0), (100.0, 3.0), (120.0, 0.05))),
        american=american,
    )
    for row in range(len(legs)):
        one = legs.take(np.array([row]))
        assert capital(one, PM).requirement <= max(100 * 100.0 * legs.price[row], 100 * 37.5) + 1e-6


def test_the_requirement_at_a_move_is_that_of_legs_marked_there():
    legs, moves, shifts = sample_book(), np.array([-0.1, 0.0, 0.05]), np.array([-0.02, 0.0, 0.03])
    found = requirement_at(legs, moves, shifts, PM)
    for at, move in enumerate(moves):
        for beside, shift in enumerate(shifts):
            moved = replace(legs, underlying_price=legs.underlying_price * (1.0 + move), vol=legs.vol + shift)
            assert found[at, beside] == pytest.approx(capital(moved, PM).requirement, rel=1e-9)


def test_the_forecast_of_a_price_that_is_given_keeps_its_volatility():
    legs = legs_of(put(100.0, -10, price=3.0), american=True)
    found = requirement_at(legs, np.array([0.0, -0.05]), np.zeros(1), PM)
    assert found[0, 0] == pytest.approx(capital(legs, PM).requirement, rel=1e-4)
    assert found[1, 0] > found[0, 0]


def test_a_leg_without_value_makes_the_requirement_unknown_and_names_its_row():
    found = capital(legs_of(call(100.0, -1, vol=0.2), call(100.0, -1, price=150.0)), PM)
    assert np.isnan(found.requirement)
    assert found.notes[0].startswith("book.csv line 3: ")
    assert "the requirement cannot be told" in found.notes[0]
    assert found.found["classes"][0]["worst_point"] is None


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([stock(1), future(1, underlying="CL")], "line 3 column product_class: found future on CL"),
        ([call(1.0, 1, price=0.1, product_class="crypto", underlying="BTC")], "use method pme"),
        ([stock(1), stock(1, product_class="broad-index")], "line 3.*equity times 1, as book.csv line 2"),
        ([stock(1, product_class="leveraged-etf", leverage=7)], "line 2.*leverage 7 on range equity"),
        ([stock(1), call(100.0, 1)], "line 3 column price: found nothing"),
        ([stock(1, underlying_price=-1.0)], "line 2 column underlying_price"),
    ],
)
def test_a_row_that_cannot_be_margined_is_named(rows, words):
    with pytest.raises(FaultsError, match=words):
        capital(legs_of(*rows), PM)


def test_a_future_on_a_class_with_a_range_moves_with_it():
    legs = legs_of(stock(100), future(-1, underlying_price=101.0, multiplier=100.0, years=0.1))
    assert capital(legs, RBH).requirement == pytest.approx(
        0.15 * 100.0 * abs(100.0 - 101.0 * np.exp(0.0)), abs=1.0
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"account": "nobody"}, "account 'nobody' has no ranges"),
        ({"points_a_side": 0}, "points_a_side"),
        ({"method": Method.SPAN}, "method must be"),
        ({"currency": ""}, "currency"),
        ({"product_classes": {"equity": "wide"}}, "range 'wide'"),
        ({"product_classes": {"crypto": "equity"}}, "method pme"),
        ({"groups": {"a": {"members": ["X", "X"], "offset": 1}}}, "stands twice"),
        (
            {"groups": {"a": {"members": ["X"], "offset": 1}, "b": {"members": ["X"], "offset": 1}}},
            "two groups",
        ),
        (
            {"groups": {"a": {"members": ["b"], "offset": 1}, "b": {"members": ["a"], "offset": 1}}},
            "holds itself",
        ),
        ({"groups": {"a": {"members": ["b"], "offset": float("nan")}}}, "offset must be"),
        ({"minimum": {"option": -1, "future": 0}}, "minimum option"),
        ({"underlyings": {"X": {"range": "equity", "ratio": 0}}}, "ratio"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(change, words):
    told = msgspec.to_builtins(PM) | msgspec.to_builtins(change)
    with pytest.raises(InvalidValueError, match=words):
        msgspec.convert(told, type(PM), str_keys=True)


def test_a_group_with_the_name_of_an_underlying_is_refused():
    with pytest.raises(InvalidValueError, match="both called 'U0'"):
        tree_of(_NAMES, {"U0": OffsetGroup(members=("U1",), offset=1.0)})


def test_more_offset_never_needs_more():
    rng = np.random.default_rng(7)
    book = (
        rng.normal(0.0, 100.0, (30, 10)),
        rng.integers(-9, 10, 30) * 1.0,
        rng.integers(0, 6, 30),
        np.full(30, 5.0),
    )
    needs = [
        tims_requirement(
            *book, tree_of(_NAMES, {"all": OffsetGroup(members=_NAMES, offset=offset)})
        ).requirement
        for offset in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert all(less <= more + 1e-9 for more, less in pairwise(needs))


def test_a_vol_that_nothing_rests_on_does_not_split_a_series():
    """Long and short of one option at one price are nothing, although one row has a vol beside its price."""
    legs = legs_of(call(105.0, -5, price=2.0), call(105.0, 5, price=2.0, vol=0.3))
    found = capital(legs, PM)

    assert found.requirement == 0.0
    assert (
        found.marginal_buy[0]
        == found.marginal_buy[1]
        == capital(legs_of(call(105.0, 0, price=2.0)), PM).marginal_buy[0]
    )
    apart = legs_of(call(105.0, -5, vol=0.25), call(105.0, 5, vol=0.3))
    assert capital(apart, PM).requirement > 0.0
