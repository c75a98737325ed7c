"""Two series near the money that would take gamma and vega to zero."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.aggregate import aggregate
from flatbook.hedging.neutral_choice import option_offset
from flatbook.market.quotes import QuoteStatus
from flatbook.model.instruments import Right
from flatbook.model.measures import Measure
from flatbook.valuation.values import value
from tests.worlds import desk, option, view_by_hand

STRIKES = (90.0, 100.0, 110.0)
DAYS = (3, 10, 15, 30, 90)
ITEMS = tuple(
    option(f"{day}d {right.name[0]}{strike:g}", strike, day, right)
    for day in DAYS
    for strike in STRIKES
    for right in Right
)
SYMBOLS = [item.symbol for item in ITEMS]


def _world(position, *, unusable=(), no_bid=()):
    """Flat 20 % volatility at spot 100, quotes a nickel wide, and what `position` holds."""
    market = view_by_hand(ITEMS, spot=100.0, vols=[0.2] * len(ITEMS))
    values = value(market)
    status = market.status.copy()
    status[[SYMBOLS.index(symbol) for symbol in unusable]] = QuoteStatus.STALE
    bid = values.price - 0.05
    bid[[SYMBOLS.index(symbol) for symbol in no_bid]] = 0.0
    market = replace(market, bid=bid, ask=values.price + 0.05, status=status)
    quantity = np.array([position.get(symbol, 0) for symbol in SYMBOLS])
    return aggregate(quantity, values, market, desk()), values, market


def test_the_near_leg_has_a_week_and_the_far_leg_twice_as_long():
    """Not the 3-day nor the 15-day expiry: 10 and 30 days, at the money."""
    found = option_offset(0, *_world({"30d C110": -50}))

    assert [10, 30] == [int(leg.symbol.split("d")[0]) for leg in found.legs]
    assert all(leg.symbol.endswith("100") for leg in found.legs)


def test_a_leg_without_a_usable_quote_is_passed_over():
    """A stale quote, or one without a bid, cannot be traded against."""
    found = option_offset(
        0, *_world({"90d C110": -50}, unusable=("10d C100", "10d P100"), no_bid=("30d C100", "30d P100"))
    )

    assert [15, 90] == [int(leg.symbol.split("d")[0]) for leg in found.legs]


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from(SYMBOLS), st.integers(-500, 500), min_size=1, max_size=6))
def test_the_exact_contracts_leave_neither_gamma_nor_vega(position):
    """Whole contracts leave less than half a contract of each leg."""
    exposure, values, market = _world(position)
    found = option_offset(0, exposure, values, market)
    if not found.legs:
        assert "no gamma and no vega to offset" == found.reason
        return

    for measure in (Measure.GAMMA_USD_PER_PCT, Measure.VEGA_USD_PER_POINT):
        book = exposure.by_underlying[0, measure]
        each = [leg.exact * values.greeks[leg.row, measure] for leg in found.legs]
        assert pytest.approx(0.0, abs=1e-6 * (abs(book) + sum(map(abs, each)) + 1.0)) == book + sum(each)
    assert all(abs(leg.quantity - leg.exact) <= 0.5 for leg in found.legs)


def test_what_is_left_is_the_book_and_the_whole_contracts():
    """Delta, gamma and vega after are sums; the cost is half the spread, times the multiplier."""
    exposure, values, market = _world({"30d C110": -50, "90d P90": 20})
    found = option_offset(0, exposure, values, market)
    traded = sum(leg.quantity * values.greeks[leg.row] for leg in found.legs)
    after = exposure.by_underlying[0] + traded

    assert pytest.approx(after[Measure.DELTA_USD]) == found.delta_after_usd
    assert pytest.approx(after[Measure.GAMMA_USD_PER_PCT]) == found.gamma_after_usd_per_pct
    assert pytest.approx(after[Measure.VEGA_USD_PER_POINT]) == found.vega_after_usd_per_point
    assert pytest.approx(traded[Measure.DELTA_USD]) == found.delta_added_usd
    assert pytest.approx(sum(abs(leg.quantity) for leg in found.legs) * 0.05 * 100.0) == found.cost_usd


def test_a_flat_book_needs_nothing():
    """No legs, and the reason."""
    found = option_offset(0, *_world({}))

    assert () == found.legs
    assert "no gamma and no vega to offset" == found.reason


def test_without_two_usable_expiries_it_says_so():
    """One expiry alone cannot tell gamma from vega."""
    others = [symbol for symbol in SYMBOLS if not symbol.startswith("10d")]
    found = option_offset(0, *_world({"10d C110": 5}, unusable=others))

    assert () == found.legs
    assert "no two usable quotes near the money" in found.reason


def test_a_held_series_without_a_value_forbids_an_offset():
    """Gamma and vega of the book are not known then."""
    items = (*ITEMS, option("dark", 100.0, 30, Right.CALL))
    market = view_by_hand(items, spot=100.0, vols=[0.2] * len(ITEMS) + [np.nan])
    values = value(market)
    quantity = np.zeros(len(items), dtype=np.int64)
    quantity[-1] = 3
    found = option_offset(0, aggregate(quantity, values, market, desk()), values, market)

    assert () == found.legs
    assert "has no value" in found.reason
