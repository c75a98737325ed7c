"""The desk's capital: offsets between underlyings, leveraged funds, scopes, what one lot more changes, and what a move would ask for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from flatbook.margin.capital import capital_of, forecast, marginal_of, points_of, requirement
from flatbook.margin.desk_capital import point_terms
from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Right
from flatbook.model.parameters import HaircutRange, ProductGroup, UnderlyingTerms
from flatbook.valuation.values import value
from tests.limits.books import measured, quantities
from tests.worlds import desk, option, share, view_by_hand

_NAMES = ("SPX", "SPY", "QQQ", "SDS", "ABC")
_LISTED = [
    *(
        option(f"{name}{right.name[0]}{strike:g}", strike, days, right, underlying=name, option_class=name)
        for name in _NAMES
        for strike, days in ((95.0, 30), (105.0, 60))
        for right in Right
    ),
    share("SPY", underlying="SPY"),
]
_N = len(_LISTED)
_MARKET = view_by_hand(
    _LISTED, spot=100.0, vols=[0.2 + 0.01 * k for k in range(_N - 1)] + [np.nan], rate=0.03
)
_VALUES = value(_MARKET)
_DESK = changed(
    desk(
        underlyings=(
            UnderlyingTerms(symbol="SPX", haircut=HaircutRange.BROAD_INDEX),
            UnderlyingTerms(symbol="SPY", haircut=HaircutRange.BROAD_INDEX),
            UnderlyingTerms(symbol="QQQ", haircut=HaircutRange.OTHER_INDEX),
            UnderlyingTerms(symbol="SDS", haircut=HaircutRange.BROAD_INDEX, leverage=-2.0),
        )
    ),
    groups=(ProductGroup(name="US", underlyings=("SPX", "SPY", "SDS"), capital_offset=0.9),),
)
_ALONE = changed(_DESK, groups=())
_BOOKS = st.lists(st.integers(-40, 40), min_size=_N, max_size=_N).map(np.array)


def _capital(quantity, the_desk=_DESK, values=_VALUES, market=_MARKET):
    return requirement(quantity, values, market, the_desk)


@settings(max_examples=40, deadline=None)
@given(quantity=_BOOKS)
def test_offsets_never_cost_and_are_what_the_group_says(quantity):
    """Losses in full and nine tenths of gains at the same point, written out; others add up."""
    with_offsets, without = _capital(quantity), _capital(quantity, _ALONE)
    pnl = with_offsets.pnl[[_NAMES.index(name) for name in ("SPX", "SPY", "SDS")]]
    group = (np.minimum(pnl, 0.0) + 0.9 * np.maximum(pnl, 0.0)).sum(axis=0)
    least = with_offsets.minimum_by_underlying
    expected = max(-group.min(), least[0] + least[1] + least[3]) + with_offsets.by_underlying[[2, 4]].sum()

    assert with_offsets.desk == pytest.approx(expected, abs=1e-6)
    assert with_offsets.desk <= without.desk + 1e-6
    assert np.array_equal(with_offsets.by_underlying, without.by_underlying)
    assert with_offsets.offsets == pytest.approx(without.desk - with_offsets.desk, abs=1e-6)


def test_an_inverse_fund_gains_where_its_index_loses():
    """Twice the range of the index, turned round."""
    moves = _capital(np.zeros(_N, dtype=np.int64)).moves

    assert moves[3] == pytest.approx(-2.0 * moves[0])
    assert moves[2, [0, -1]] == pytest.approx([-0.10, 0.10])


@settings(max_examples=25, deadline=None)
@given(quantity=_BOOKS, row=st.integers(0, _N - 1))
def test_one_contract_more_is_the_difference_of_two_runs(quantity, row):
    """Of every series, either side, with offsets and minimum charges; and a scope is the run of its underlyings."""
    terms = point_terms(_DESK, _MARKET.table)
    points = points_of(np.arange(_N), _VALUES, _MARKET, terms)
    base = capital_of(quantity, points, terms)
    lots = marginal_of(base, quantity, points, terms)
    for side, found in ((1, lots.bought), (-1, lots.sold)):
        after = quantity.copy()
        after[row] += side
        assert found[row] == pytest.approx(_capital(after).desk - base.desk, abs=1e-6)
    some = np.array([0, 1, 3, 4])
    inside = np.isin(_MARKET.table.underlying_of, some)
    assert sum(part.charge for part in base.parts_of(some)) == pytest.approx(
        _capital(np.where(inside, quantity, 0)).desk, abs=1e-6
    )


@settings(max_examples=15, deadline=None)
@given(quantity=_BOOKS, move=st.sampled_from([-0.2, -0.05, 0.0, 0.1]))
def test_the_forecast_is_the_requirement_of_the_moved_market(quantity, move):
    """Every spot and forward moved, volatilities kept."""
    moved = replace(
        _MARKET,
        **{
            name: getattr(_MARKET, name) * (1.0 + move)
            for name in ("spot", "slice_spot", "slice_forward", "forward")
        },
    )
    found = forecast(quantity, _VALUES, _MARKET, point_terms(_DESK, _MARKET.table), np.array([move]))
    there = _capital(quantity, values=value(moved), market=moved)
    gained = quantity @ (value(moved).price - _VALUES.price) * 100.0
    shares = quantity[-1] * (value(moved).price[-1] - _VALUES.price[-1])

    assert found.required[0] == pytest.approx(there.desk, rel=1e-9, abs=1e-6)
    assert found.pnl[0] == pytest.approx(gained - 99.0 * shares, rel=1e-9, abs=1e-6)


def test_what_has_no_value_is_never_zero():
    """It loses at every point the most that an option can; without a price of its underlying nobody knows."""
    blind = view_by_hand(_LISTED, spot=100.0, vols=[np.nan] + [0.2] * (_N - 2) + [np.nan])
    one = np.zeros(_N, dtype=np.int64)
    one[0] = -3
    lost = _capital(one, values=value(blind), market=blind)
    priceless = replace(blind, spot=np.where(np.arange(5) == 0, np.nan, blind.spot))
    unknown = _capital(one, values=value(priceless), market=priceless)
    ahead = forecast(one, value(blind), blind, point_terms(_DESK, blind.table), np.array([-0.1]))

    assert lost.desk > 3 * 100.0 * 5.0
    assert np.isnan(unknown.desk)
    assert np.isnan(unknown.by_underlying[0])
    assert np.isnan(ahead.required[0])


def test_nobody_offsets_twice():
    """An underlying in two groups with offsets would lend its gains twice."""
    with pytest.raises(InvalidValueError, match="SPX has a capital_offset in two groups: US and other"):
        changed(
            _DESK,
            groups=(*_DESK.groups, ProductGroup(name="other", underlyings=("SPX",), capital_offset=0.5)),
        )


def test_a_group_offsets_within_one_settlement_currency_only():
    """A surplus in coin pays no loss in dollars: XYZ and BTC add up, XYZ and ABC of the same group still offset."""
    quantity = quantities(XYZC100D60=-300, ABCC100D60=300, BTCC100D60=300)
    groups = (ProductGroup(name="mix", underlyings=("XYZ", "ABC", "BTC"), capital_offset=1.0),)
    mixed = measured(quantity, groups=groups).capital
    two = (ProductGroup(name="mix", underlyings=("XYZ", "BTC"), capital_offset=1.0),)
    apart = measured(quantity, groups=two).capital
    of_dollars = measured(
        quantity, groups=(ProductGroup(name="usd", underlyings=("XYZ", "ABC"), capital_offset=1.0),)
    ).capital

    assert apart.desk == pytest.approx(apart.by_underlying.sum())
    assert mixed.desk == pytest.approx(of_dollars.desk)
    assert mixed.desk < mixed.by_underlying.sum()
    assert {"group mix in USD", "group mix in BTC"} <= set(mixed.result.tree.names)
