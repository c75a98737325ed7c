"""Quotes under every inventory: outward, ordered, legal, honest about why."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.limits.ladder import Step
from flatbook.model.instruments import Right
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure, QuotingRules
from flatbook.quoting.propose import REASON_TEXT, QuoteReason, propose
from flatbook.quoting.ticks import NO_PRICE, step_ticks
from tests.engine.test_step import run
from tests.worlds import NOW_NS, fill, index_desk, index_facts, option

_RULES = QuotingRules(
    half_spread_vol_points=0.3, half_spread_min=0.05, size=20, inventory_full_contracts=100, width_max=12.0
)
_SYMBOLS = ("IDXW030C5000", "IDXW030P4900", "IDXW090C5200", "IDXW090P5000")


def quoted(positions, limits=(), rules=_RULES, aversion=2e-6):
    """The cycle of a book of positions."""
    fills = [fill(n, s, "buy" if q > 0 else "sell", abs(q), 50.0) for n, (s, q) in enumerate(positions) if q]
    return run(
        index_facts(
            fills=tuple(fills),
            limits=tuple(limits),
            the_desk=index_desk(quoting=rules, aversion=aversion),
            days=(30, 90),
            width=0.06,
        )
    )


@settings(max_examples=15, deadline=None)
@given(
    positions=st.lists(st.tuples(st.sampled_from(_SYMBOLS), st.integers(-300, 300)), max_size=4),
    vega=st.floats(2e4, 1e7),
    gap=st.floats(1e5, 1e8),
    aversion=st.floats(1e-8, 1e-3),
    lean=st.floats(0.0, 5.0),
    width=st.floats(0.5, 20.0),
)
def test_every_quote_is_ordered_on_the_grid_legal_and_off_fair_value_and_the_market(
    positions, vega, gap, aversion, lean, width
):
    """bid < offer around value, multiples of the step, no wider than allowed, never taking, sizes within bounds."""
    limits = (
        Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=vega),
        Limit(measure=LimitMeasure.GAP_LOSS_USD, underlying="IDX", limit_hard=gap),
        Limit(measure=LimitMeasure.SERIES_CONTRACTS, limit_hard=150.0),
    )
    rules = QuotingRules(
        half_spread_vol_points=0.3,
        half_spread_min=0.05,
        size=20,
        inventory_full_contracts=100,
        width_max=width,
        lean_max_half_spreads=lean,
    )
    cycle = quoted(positions, limits, rules=rules, aversion=aversion)
    quotes, table, market, theo = cycle.quotes, cycle.table, cycle.market, cycle.values.price
    bid, ask = quotes.bid != NO_PRICE, quotes.ask != NO_PRICE
    both = bid & ask

    assert np.all(quotes.bid[both] < quotes.ask[both])
    assert np.all(quotes.bid[bid] / 100.0 <= theo[bid] + 1e-9)
    assert np.all(quotes.ask[ask] / 100.0 >= theo[ask] - 1e-9)
    wide = (quotes.ask - quotes.bid)[both] > np.floor(width * 100 + 1e-9)
    assert np.all(
        quotes.reason[both][wide] >= QuoteReason.ONE_SIDED
    )  # illegal only where value leaves no other way
    assert np.all(np.isin(quotes.reason[both][wide], [QuoteReason.TOO_WIDE]))
    assert np.all(quotes.bid[bid] % step_ticks(quotes.bid, table)[bid] == 0)
    assert np.all(quotes.ask[ask] % step_ticks(quotes.ask - 1, table)[ask] == 0)
    assert np.all(quotes.bid[bid] / 100.0 < np.where(np.isfinite(market.ask), market.ask, np.inf)[bid])
    assert np.all(quotes.ask[ask] / 100.0 > np.where(np.isfinite(market.bid), market.bid, -np.inf)[ask])
    assert np.all((quotes.bid_size[bid] >= 1) & (quotes.bid_size[bid] <= 20))
    assert np.all(quotes.bid_size[~bid] == 0)
    assert np.all(quotes.ask_size[~ask] == 0)
    live = table.is_option & np.isfinite(theo)
    assert np.all((bid | ask)[live])  # the desk keeps quoting


@settings(max_examples=10, deadline=None)
@given(contracts=st.integers(-99, 99))
def test_more_of_a_series_moves_its_quotes_down_and_less_up(contracts):
    """Monotone in inventory."""
    less, more = quoted([("IDXW030C5000", contracts)]), quoted([("IDXW030C5000", contracts + 100)])
    row = less.table.row_of("IDXW030C5000")

    assert more.quotes.lean[row] <= less.quotes.lean[row] + 1e-12
    assert more.quotes.ask[row] <= less.quotes.ask[row]
    assert more.quotes.bid[row] <= less.quotes.bid[row]


def test_the_lean_stays_within_its_cap():
    """However large the position and the aversion."""
    cycle = quoted([("IDXW030C5000", -300)], aversion=1e-2)
    live = np.isfinite(cycle.quotes.lean)

    assert np.all(np.abs(cycle.quotes.lean[live]) <= cycle.quotes.half_spread[live] + 1e-12)


def test_a_flat_book_quotes_nearly_neutral_at_full_size():
    """Only the curvature of its own first contract moves a quote, by less than a step."""
    cycle = quoted([])
    both = (cycle.quotes.neutral_bid != NO_PRICE) & (cycle.quotes.bid != NO_PRICE)

    assert np.all(np.abs(cycle.quotes.bid - cycle.quotes.neutral_bid)[both] <= 30)
    assert np.all(cycle.quotes.bid_size[both] == 20)


def test_a_breached_limit_pulls_one_side_and_says_so():
    """Short vega at the hard limit: no offers, and the bids stay at full size."""
    cycle = quoted(
        [("IDXW090C5200", -200)],
        [Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=1e4)],
    )
    row = cycle.table.row_of("IDXW090C5200")

    assert cycle.standing.worst is Step.HARD
    assert (cycle.quotes.ask[row], cycle.quotes.ask_size[row]) == (NO_PRICE, 0)
    assert cycle.quotes.bid_size[row] == 20
    assert cycle.quotes.reason[row] == QuoteReason.ONE_SIDED


def test_an_empty_book_is_quoted_neutral_even_where_the_legal_width_is_narrow():
    """Deep in the money half a percent of value is more than the law allows: the spread shrinks, around value."""
    rules = QuotingRules(half_spread_vol_points=3.0, half_spread_min=0.05, half_spread_pct=5.0, width_max=5.0)
    cycle = quoted([], rules=rules)
    quotes, theo = cycle.quotes, cycle.values.price
    both = (quotes.bid != NO_PRICE) & (quotes.ask != NO_PRICE)
    neutral = both & (quotes.neutral_bid != NO_PRICE)

    assert both.sum() >= 90
    assert np.all((quotes.neutral_ask - quotes.neutral_bid)[neutral] <= 500)
    assert np.all(
        (quotes.bid[both] / 100.0 <= theo[both] + 1e-9) & (quotes.ask[both] / 100.0 >= theo[both] - 1e-9)
    )


def test_each_side_answers_for_the_limits_that_it_would_worsen():
    """Long vega breached pulls the bids; short delta nearly breached thins the offers of calls all the same."""
    free = quoted([("IDXW090C5200", 400), ("IDXW090P5000", 400)])
    vega, delta = (abs(free.exposure.desk[m]) for m in (Measure.VEGA_USD_PER_POINT, Measure.DELTA_USD))
    limits = (
        Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=vega / 1.01),
        Limit(measure=LimitMeasure.DELTA_USD, underlying="IDX", limit_hard=delta / 0.97),
    )
    cycle = quoted([("IDXW090C5200", 400), ("IDXW090P5000", 400)], limits)
    short = free.exposure.desk[Measure.DELTA_USD] < 0.0
    row = cycle.table.row_of("IDXW030C5000" if short else "IDXW030P4900")

    assert [one.step for one in cycle.standing.limits] == [Step.HARD, Step.ESCALATE]
    assert cycle.quotes.bid[row] == NO_PRICE
    assert cycle.quotes.ask_size[row] == 1
    assert cycle.quotes.ask[row] > free.quotes.ask[row]


def test_no_size_is_larger_than_the_room_to_the_limit():
    """A flat book with a small vega limit: one fill of the full size must not breach it."""
    limit = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=5_000.0)
    cycle = quoted([], [limit])
    per_contract = np.abs(cycle.values.greeks[:, Measure.VEGA_USD_PER_POINT])
    bid = cycle.quotes.bid != NO_PRICE

    assert np.all(
        (cycle.quotes.bid_size * per_contract)[bid] <= np.maximum(5_000.0, per_contract[bid]) + 1e-6
    )
    assert cycle.quotes.bid_size[bid].min() < 20 == cycle.quotes.bid_size[bid].max()


def test_a_limit_decided_by_series_without_a_value_pulls_both_sides():
    """Nobody knows which direction would help."""
    facts = index_facts(
        fills=(fill(1, "LOST", "sell", 1000, 5.0),),
        limits=(Limit(measure=LimitMeasure.DELTA_USD, underlying="IDX", limit_hard=1e6),),
        days=(30,),
        width=0.03,
    )
    lost = option(
        "LOST", 5000.0, -1, Right.CALL, underlying="IDX", option_class="IDXW"
    )  # expired, not booked out
    cycle = run([type(facts[0])(received_ns=NOW_NS, instruments=(*facts[0].instruments, lost)), *facts[1:]])

    assert cycle.exposure.unvalued
    assert "direction" in cycle.standing.limits[0].reason
    assert np.all(cycle.quotes.bid == NO_PRICE)
    assert np.all(cycle.quotes.ask == NO_PRICE)


def test_two_breached_limits_that_disagree_leave_one_side_quoted():
    """Short vega wants puts bought; the upward gap wants them not bought."""
    limits = (
        Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=1e4),
        Limit(measure=LimitMeasure.GAP_LOSS_USD, underlying="IDX", limit_hard=1e5),
    )
    cycle = quoted([("IDXW090C5200", -200)], limits)
    row = cycle.table.row_of("IDXW030P4900")

    assert [one.step for one in cycle.standing.limits] == [Step.HARD, Step.HARD]
    assert (cycle.quotes.bid[row] == NO_PRICE) != (cycle.quotes.ask[row] == NO_PRICE)


@pytest.mark.parametrize("reason", QuoteReason, ids=lambda reason: reason.name)
def test_every_reason_has_words(reason):
    """What a trader reads."""
    assert REASON_TEXT[reason]


def test_where_the_surface_is_less_to_be_trusted_quotes_are_wider():
    """Twice as wide where it cannot be trusted at all, and half of that way at half the confidence."""
    cycle = quoted(())
    options = cycle.table.is_option & np.isfinite(cycle.values.price)
    price = cycle.price

    def half_at(confidence):
        market = replace(
            cycle.market, slice_confidence=np.full(cycle.market.slice_confidence.size, confidence)
        )
        rules = QuotingRules(
            half_spread_vol_points=0.3, half_spread_min=0.0, half_spread_pct=0.0, width_max=1e6
        )
        quotes = propose(cycle.values, price, cycle.standing, cycle.book.quantity, market, rules)
        return quotes.half_spread[options]

    assert half_at(0.0) == pytest.approx(2.0 * half_at(1.0))
    assert half_at(0.5) == pytest.approx(1.5 * half_at(1.0))
    assert half_at(1.0).max() > 0.0
