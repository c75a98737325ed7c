"""Protections in the quotes: the shadow trips first, a freeze takes quotes away, venues' words go first, nothing is forgotten on a listing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from flatbook.adapters.venue_rules.read import Venue, read_venue_rules
from flatbook.model.instruments import Right
from flatbook.model.protection_terms import (
    Counted,
    ProtectionRule,
    ScopeKind,
    Tally,
    Threshold,
    WindowKind,
)
from flatbook.model.quoting_events import ProtectionReset, ProtectionTripped
from flatbook.model.quoting_terms import FastMarketTerms, ProtectionTerms
from flatbook.quoting.propose import QuoteReason
from flatbook.quoting.protection import frozen, used
from flatbook.quoting.protections import proposed_thresholds
from flatbook.quoting.state import QuotingState, conditions_at, remember, see_fill, see_venue, up_to
from flatbook.quoting.ticks import NO_PRICE
from tests.quoting.worlds import RULES, flat_cycle, priced, quote
from tests.worlds import NOW_NS, fill, option

_S = 1_000_000_000


def rule(limit, *, scope=ScopeKind.CLASS, frozen_ms=0, tally=Tally.QUANTITY):
    """Sliding over 10 s."""
    return ProtectionRule(
        scope=scope, counted=Counted.ALL, window=WindowKind.SLIDING, interval_ms=10_000, frozen_ms=frozen_ms,
        thresholds=(Threshold(tally=tally, limit=limit),),
    )  # fmt: skip


def state_with(*protections, cycle=None, quoted=True, **rules):
    """A state with these protections that has decided a cycle."""
    cycle = cycle or flat_cycle()
    desk = changed(cycle.desk, protections=protections, quoting=changed(RULES, **rules))
    state = QuotingState()
    up_to(state, desk, cycle.table, NOW_NS)
    if quoted:
        sizes = np.full((2, len(cycle.table.instruments)), 10)
        remember(state, conditions_at(state, cycle.market), cycle.values, cycle.market, sizes)
    return state, cycle


def trade(number, quantity, *, venue="east", symbol="IDXW030C5000", at_s=0.0):
    """We are filled on the offer."""
    return changed(
        fill(number, symbol, "sell", quantity, 50.0), venue=venue, received_ns=NOW_NS + round(at_s * _S)
    )


def test_the_shadow_trips_before_any_venue_and_takes_every_quote_of_the_class():
    """Two venues of 50 each see 20; we have seen 40, eight tenths of the least."""
    state, cycle = state_with(
        ProtectionTerms(venue="east", name="class", rule=rule(50.0)),
        ProtectionTerms(venue="west", name="class", rule=rule(60.0)),
    )
    assert see_fill(state, trade(1, 20)) == ()
    (trip,) = see_fill(state, trade(2, 20, venue="west", at_s=5.0))

    assert (trip.scope, trip.at, trip.limit, trip.time_ns) == ("shadow/IDXW", 40.0, 40.0, NOW_NS + 5 * _S)
    now = replace(cycle.market, now_ns=NOW_NS + 6 * _S)
    conditions = conditions_at(state, now)
    quotes = quote(cycle, priced(cycle), RULES, conditions)
    live = cycle.table.is_option & np.isfinite(cycle.values.price)
    assert conditions.frozen_scopes == ("shadow/IDXW",)
    assert np.all(quotes.bid[live] == NO_PRICE)
    assert np.all(quotes.ask_size[live] == 0)
    assert np.all(quotes.reason[live] == QuoteReason.FROZEN)
    freed = conditions_at(state, replace(cycle.market, now_ns=NOW_NS + 36 * _S))
    assert not freed.frozen.any()


@given(
    fills=st.lists(
        st.tuples(st.sampled_from(("east", "west")), st.integers(1, 30), st.floats(0.0, 4.0)),
        min_size=1,
        max_size=12,
    )
)
def test_no_mirror_trips_before_the_shadow(fills):
    """Whatever is filled where and when."""
    state, _ = state_with(
        ProtectionTerms(venue="east", name="class", rule=rule(50.0)),
        ProtectionTerms(venue="west", name="class", rule=rule(60.0)),
        shadow_frozen_s=0.0,
    )
    now, scopes = 0.0, state.watched.protection.scopes
    mirrors = [n for n, scope in enumerate(scopes) if not scope.name.startswith("shadow")]
    for number, (venue, quantity, wait) in enumerate(fills):
        now += wait
        see_fill(state, trade(number, quantity, venue=venue, at_s=now))
        by_scope = frozen(state.watched.protection, NOW_NS + round(now * _S))
        assert not by_scope[mirrors].any() or by_scope[-1]


def test_what_a_venue_says_of_a_freeze_goes_before_the_mirror():
    state, cycle = state_with(ProtectionTerms(venue="east", name="class", rule=rule(50.0)))
    tripped = ProtectionTripped(received_ns=NOW_NS, scope="east/class/IDXW", until_ns=NOW_NS + 20 * _S)
    see_venue(state, tripped)
    assert conditions_at(state, cycle.market).frozen_scopes == ("east/class/IDXW",)
    assert not conditions_at(state, replace(cycle.market, now_ns=NOW_NS + 20 * _S)).frozen.any()
    see_venue(state, changed(tripped, until_ns=0))
    assert conditions_at(state, replace(cycle.market, now_ns=NOW_NS + 10**6 * _S)).frozen.any()
    see_venue(state, ProtectionReset(received_ns=NOW_NS, scope="east/class/IDXW"))
    assert not conditions_at(state, cycle.market).frozen.any()
    see_venue(state, changed(tripped, scope="elsewhere/class/IDXW"))  # not ours
    assert not conditions_at(state, cycle.market).frozen.any()


def test_a_fill_counts_only_at_its_venue_and_everywhere_where_nobody_tells_it():
    state, _ = state_with(
        ProtectionTerms(venue="east", name="class", rule=rule(50.0)),
        ProtectionTerms(venue="west", name="class", rule=rule(50.0)),
        shadow_share=1.0,
    )
    column = list(Tally).index(Tally.QUANTITY)
    see_fill(state, trade(1, 5))
    assert used(state.watched.protection, NOW_NS)[:, column].tolist() == [0.1, 0.0, 0.1]
    see_fill(state, trade(2, 5, venue=""))
    assert used(state.watched.protection, NOW_NS)[:, column].tolist() == [0.2, 0.1, 0.2]


def test_what_was_there_before_the_first_quotes_is_no_fill_of_theirs():
    state, _ = state_with(ProtectionTerms(venue="east", name="class", rule=rule(5.0)), quoted=False)

    assert see_fill(state, trade(1, 500)) == ()
    assert state.excitement == {}


def test_a_listing_forgets_nothing_and_guards_what_is_new():
    state, cycle = state_with(ProtectionTerms(venue="east", name="class", rule=rule(50.0)))
    see_fill(state, trade(1, 30))
    new = option("NEW", 5000.0, 60, Right.CALL, underlying="IDX", option_class="IDXN")
    table = cycle.table.listed((new,))
    up_to(state, state.desk, table, NOW_NS + _S)

    names = [scope.name for scope in state.watched.protection.scopes]
    assert names == ["east/class/IDXW", "east/class/IDXN", "shadow/IDXW", "shadow/IDXN"]
    (trip,) = see_fill(state, trade(2, 10, at_s=2.0))
    assert (trip.scope, trip.at) == ("shadow/IDXW", 40.0)
    see_venue(state, ProtectionTripped(received_ns=NOW_NS, scope="east/class/IDXN"))
    assert state.watched.scopes_of[table.row_of("NEW")].tolist() == [1, 3]


def test_greeks_of_the_last_cycle_count_and_an_unknown_one_counts_as_the_most():
    """Delta per unit of a linear option, as CME counts lots: 10 sold at delta d count 10 d."""
    state, cycle = state_with(
        ProtectionTerms(venue="east", name="class", rule=rule(100.0, tally=Tally.DELTA))
    )
    row = cycle.table.row_of("IDXW030C5000")
    see_fill(state, trade(1, 10))
    delta = abs(cycle.values.greeks[row, 1]) / cycle.table.multiplier[row]
    column = list(Tally).index(Tally.DELTA)

    assert used(state.watched.protection, NOW_NS)[0, column] == pytest.approx(10 * delta / 100.0, abs=1e-6)
    state.per_contract = replace(state.per_contract, delta=np.full_like(state.per_contract.delta, np.nan))
    trips = see_fill(state, trade(2, 1))
    assert {trip.scope for trip in trips} == {"east/class/IDXW", "shadow/IDXW"}


@pytest.mark.parametrize("venue", [each for each in Venue if read_venue_rules(each).protections], ids=str)
def test_every_protection_of_every_venue_can_be_watched(venue):
    """One scope each for what it counts by, and a shadow over all."""
    rules = read_venue_rules(venue).protections
    state, cycle = state_with(
        *(ProtectionTerms(venue=venue.value, name=name, rule=each) for name, each in rules.items())
    )

    assert not conditions_at(state, cycle.market).frozen.any()
    see_fill(state, trade(1, 1, venue=venue.value))
    counted = used(state.watched.protection, NOW_NS).any(axis=1)
    assert counted.any()


def test_trips_of_the_classes_count_at_their_parent():
    """One trip of a class is the limit of the firm: everything goes."""
    trips = rule(1.0, scope=ScopeKind.FIRM, tally=Tally.TRIPS)
    state, _ = state_with(
        ProtectionTerms(venue="east", name="class", rule=rule(5.0), parent="firm"),
        ProtectionTerms(venue="east", name="firm", rule=trips),
    )

    assert {trip.scope for trip in see_fill(state, trade(1, 5))} >= {"east/class/IDXW", "east/firm"}


def test_a_trip_is_a_sign_of_a_fast_market_and_so_is_a_burst_of_fills():
    watching = FastMarketTerms(watch=True, feed_gap_s=0.0, confidence_min=0.0, stale_share=0.0)
    cycle = flat_cycle()
    state = QuotingState()
    desk = changed(
        cycle.desk,
        protections=(ProtectionTerms(venue="east", name="class", rule=rule(1e6)),),
        fast_market=watching,
        quoting=RULES,
    )
    up_to(state, desk, cycle.table, NOW_NS)
    remember(
        state,
        conditions_at(state, cycle.market),
        cycle.values,
        cycle.market,
        np.full((2, len(cycle.table.instruments)), 10),
    )
    assert conditions_at(state, cycle.market).fast.level.tolist() == [0]
    for number in range(3):
        see_fill(state, trade(number, 1))
    burst = conditions_at(state, cycle.market)
    assert burst.fast.reasons == (("fills come in a burst",),)
    assert burst.burst_fills[0] > 0.3
    see_venue(state, ProtectionTripped(received_ns=NOW_NS, scope="east/class/IDXW"))
    assert conditions_at(state, cycle.market).fast.level.tolist() == [2]


def test_thresholds_are_proposed_where_the_desk_says_what_a_burst_may_cost():
    """The proposal is the library's for the loss of a contract: its delta in a move until it is hedged, and the fee."""
    state, cycle = state_with(
        ProtectionTerms(venue="east", name="class", rule=rule(500.0)),
        burst_loss_usd=3e3,
        fee_per_contract=1.0,
    )
    (told,) = proposed_thresholds(
        state.watched,
        state.desk,
        cycle.values,
        cycle.market,
        cycle.standing,
        np.array([0.16]),
        np.array([0.05]),
    )
    live = cycle.table.is_option & np.isfinite(cycle.values.price)
    move = 0.16 * np.sqrt(1.0 / (365.0 * 86_400.0)) * 4.0
    loss = float(np.median(np.abs(cycle.values.greeks[live, 2]))) * move + 1.0

    assert told.option_class == "IDXW"
    assert told.loss_usd_per_contract == pytest.approx(loss)
    assert told.in_force == 400.0
    assert told.proposal.units_bearable == int(3e3 / loss)
    assert told.proposal.probability < 0.01 <= told.proposal.probability_above
    silent, _ = state_with(ProtectionTerms(venue="east", name="class", rule=rule(500.0)))
    assert (
        proposed_thresholds(
            silent.watched,
            silent.desk,
            cycle.values,
            cycle.market,
            cycle.standing,
            np.array([0.16]),
            np.array([0.05]),
        )
        == ()
    )


def test_a_series_is_watched_where_a_protection_counts_its_fills():
    """Of its venue, and so our own; one that counts trips of others watches nothing by itself."""
    state, cycle = state_with(
        ProtectionTerms(venue="east", name="class", rule=rule(50.0)),
        ProtectionTerms(venue="east", name="firm", rule=rule(2.0, scope=ScopeKind.FIRM, tally=Tally.TRIPS)),
    )
    options = cycle.table.is_option
    assert conditions_at(state, cycle.market).watched[options].all()
    alone, cycle = state_with(
        ProtectionTerms(venue="east", name="firm", rule=rule(2.0, scope=ScopeKind.FIRM, tally=Tally.TRIPS))
    )
    assert not conditions_at(alone, cycle.market).watched.any()
    assert not conditions_at(state_with()[0], cycle.market).watched.any()


def test_no_watched_quote_is_larger_than_its_share_of_the_room():
    """Room for 24 contracts: each of four quotes that may fill shows 6; where nobody watches all are full."""
    protected = ProtectionTerms(venue="east", name="class", rule=rule(50.0))
    for protections, shown in (((protected,), 6), ((), RULES.size)):
        state, cycle = state_with(*protections)
        desk = changed(state.desk, orders=changed(state.desk.orders, burst_quotes=4))
        up_to(state, desk, cycle.table, NOW_NS)
        conditions = conditions_at(state, cycle.market)
        cycle = replace(
            cycle, standing=replace(cycle.standing, buy_room=np.full(len(cycle.table.instruments), 24.0))
        )
        quotes = quote(cycle, priced(cycle), RULES, conditions)
        bids = quotes.bid != NO_PRICE
        assert set(quotes.bid_size[bids].tolist()) == {shown}


@given(
    fills=st.lists(st.tuples(st.sampled_from(("east", "west")), st.integers(1, 10)), min_size=1, max_size=12),
    promised=st.integers(1, 6),
)
def test_the_shadow_trips_no_later_than_the_promised_quotes_have_filled(fills, promised):
    """Thresholds of K quotes of ten: whatever fills where, quotes are frozen once K quotes' worth are filled."""
    state, _ = state_with(
        ProtectionTerms(venue="east", name="class", rule=rule(10.0 * promised)),
        ProtectionTerms(venue="west", name="class", rule=rule(10.0 * promised)),
        shadow_share=1.0,
        shadow_frozen_s=0.0,
    )
    filled = 0
    for number, (venue, quantity) in enumerate(fills):
        see_fill(state, trade(number, quantity, venue=venue, at_s=0.01 * number))
        filled += quantity
        frozen_now = frozen(state.watched.protection, NOW_NS + number * _S // 100)[-1]
        assert frozen_now == (filled >= 10 * promised)
