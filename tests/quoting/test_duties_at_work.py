"""Duties in the quotes: legal width and size never violated, headroom spent, collisions with hard limits, the clock that runs beside."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from flatbook.adapters.venue_rules.read import Venue, read_venue_rules
from flatbook.limits.ladder import Step
from flatbook.model.events import FastMarketSet, SessionsSeen
from flatbook.model.instruments import Right
from flatbook.model.obligation_terms import (
    Breadth,
    Exemptions,
    Measured,
    ObligationRule,
    Period,
    Pooled,
    Precedence,
    WidthBand,
)
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.quoting_events import DutySession, ProtectionTripped
from flatbook.model.quoting_terms import DutyTerms, FastMarketTerms, ProtectionTerms
from flatbook.quoting.fast_market import Level
from flatbook.quoting.legal_quotes import Ground, Response
from flatbook.quoting.propose import QuoteReason
from flatbook.quoting.state import QuotingState, conditions_at, remember, see_quotes_at_work, see_venue, up_to
from flatbook.quoting.ticks import NO_PRICE
from flatbook.riskprice.reservation import BID, OFFER
from tests.quoting.worlds import RULES, flat_cycle, priced, quote
from tests.worlds import NOW_NS, fill, option

_S = 1_000_000_000
_DAY = 23_400 * _S
_FIVE = ObligationRule(time_share=0.9, widths=(WidthBand(width=5.0),), size_min=3)
_BANDS = ObligationRule(
    time_share=0.6,
    widths=(
        WidthBand(width=0.8),
        WidthBand(from_bid=2.0, width=4.0, bid_pct=60.0),
        WidthBand(from_bid=20.0, bid_pct=15.0),
    ),
    size_min=4,
    size_ratio_min=0.5,
)


def desk_with(cycle, *rules, **terms):
    """The cycle's desk with a duty for each rule."""
    duties = tuple(
        DutyTerms(venue=f"venue{n}", role="maker", rule=rule, **terms) for n, rule in enumerate(rules)
    )
    return changed(cycle.desk, duties=duties, quoting=RULES)


def state_of(cycle, desk, *, session=None):
    """A state that has seen the cycle's table, and perhaps a session of every duty: (opens, closes) in seconds from now."""
    state = QuotingState()
    up_to(state, desk, cycle.table, NOW_NS)
    if session is not None:
        opens, closes = (NOW_NS + round(each * _S) for each in session)
        for terms in desk.duties:
            see_venue(
                state, DutySession(received_ns=NOW_NS, duty=terms.name, opens_ns=opens, closes_ns=closes)
            )
    return state


def legal_by_hand(rule, quotes, table, row):
    """Whether one quote meets a rule of plain bands, from the text of the rule."""
    bid, ask = quotes.bid[row] / table.ticks_per_unit[row], quotes.ask[row] / table.ticks_per_unit[row]
    band = [each for each in rule.widths if bid >= each.from_bid][-1]
    most = min(
        each
        for each in (band.width, None if band.bid_pct is None else band.bid_pct / 100.0 * bid)
        if each is not None
    )
    small, large = sorted((quotes.bid_size[row], quotes.ask_size[row]))
    return ask - bid <= most + 1e-9 and small >= rule.size_min and small >= rule.size_ratio_min * large


@given(
    inventory=st.floats(-2e4, 2e4),
    barrier=st.floats(0.0, 2e4),
    hard=st.sampled_from((0.0, 1.0, np.inf)),
    side=st.sampled_from((BID, OFFER)),
    rules=st.sampled_from(((_FIVE,), (_BANDS,), (_FIVE, _BANDS))),
    used=st.sampled_from((0.3, 0.8, 0.95, 1.2)),
)
def test_legal_width_and_size_are_never_violated_while_a_duty_binds(
    inventory, barrier, hard, side, rules, used
):
    """Nobody told of a session, so every duty binds: each two-sided quote is legal, and only a series without a bid is one-sided."""
    cycle = _short_vega(used)
    desk = desk_with(cycle, *rules)
    conditions = conditions_at(state_of(cycle, desk), cycle.market)
    charge = np.zeros((2, len(cycle.table.instruments)))
    charge[side] = barrier + (0.0 if hard == 0.0 else hard)
    quotes = quote(cycle, priced(cycle, inventory=inventory, barrier=charge), RULES, conditions)

    live = np.flatnonzero(cycle.table.is_option & np.isfinite(cycle.values.price))
    for row in live.tolist():
        if (
            quotes.reason[row] == QuoteReason.TOO_WIDE
        ):  # only where value and market are apart, and then one-sided
            assert not cycle.market.bid[row] < cycle.values.price[row] < cycle.market.ask[row]
            assert (quotes.bid[row] == NO_PRICE) != (quotes.ask[row] == NO_PRICE)
            continue
        if quotes.bid[row] == NO_PRICE or quotes.ask[row] == NO_PRICE:
            assert cycle.values.price[row] < 0.1  # nothing to bid
            continue
        for rule in rules:
            assert legal_by_hand(rule, quotes, cycle.table, row), cycle.table.instruments[row].symbol
    assert np.all(quotes.in_duty[live])


def _short_vega(used):
    """200 calls short, of a vega limit that they use so much of."""
    fills = (fill(1, "IDXW090C5200", "sell", 200, 50.0),)
    vega = abs(flat_cycle(fills=fills).exposure.desk[4])
    limit = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=float(vega / used))
    return flat_cycle(limits=(limit,), fills=fills)


@pytest.mark.parametrize(
    ("precedence", "session", "killed", "response", "ground"),
    [
        (Precedence.LEGAL_MINIMUM, None, False, Response.WIDEST, Ground.COLLISION),
        (Precedence.LIMIT_FIRST, None, False, Response.OFF, Ground.BROKEN),
        (Precedence.LEGAL_MINIMUM, (-1.0, 23_399.0), False, Response.OFF, Ground.HEADROOM),
        (Precedence.LEGAL_MINIMUM, (-20_000.0, -10_000.0), False, Response.OFF, Ground.NO_DUTY),
        (Precedence.LEGAL_MINIMUM, None, True, Response.OFF, Ground.KILLED),
    ],
)
def test_where_a_hard_limit_and_a_duty_collide_the_precedence_decides(
    precedence, session, killed, response, ground
):
    """The default keeps the widest legal quote of the least size and escalates; headroom, the end of the session and the kill limit free it."""
    cycle = _short_vega(1.2)
    desk = desk_with(cycle, changed(_FIVE, precedence=precedence, time_share=0.01))
    state = state_of(cycle, desk, session=session)
    if session is not None:
        full = np.ones(len(cycle.table.instruments), np.int64)
        see_quotes_at_work(state, cycle.market, 100 * full, 101 * full, 5 * full, 5 * full, NOW_NS)
    conditions = conditions_at(state, cycle.market, killed=np.full(len(cycle.table.instruments), killed))
    quotes = quote(cycle, priced(cycle), RULES, conditions)
    row = cycle.table.row_of("IDXW030C5000")

    assert cycle.standing.worst is Step.HARD
    assert (quotes.response[OFFER, row], quotes.ground[row]) == (response, ground)
    assert (quotes.ask[row] == NO_PRICE) == (response is Response.OFF)
    assert quotes.escalated[row] == (ground >= Ground.COLLISION)
    if response is Response.WIDEST:
        assert (quotes.ask[row] - quotes.bid[row], quotes.ask_size[row]) == (500, 3)
        assert quotes.reason[row] == QuoteReason.LEGAL_MINIMUM
        assert (quotes.bid[row], quotes.bid_size[row]) == (quotes.neutral_bid[row], 20)  # the side that helps
    if killed:
        assert np.all(quotes.bid == NO_PRICE)


def test_the_legal_quote_of_a_pulled_side_is_the_widest_there_is_in_bands_too():
    """A bid that is moved out may leave its band: the width is then that of its new place."""
    cycle = _short_vega(1.2)
    desk = desk_with(cycle, changed(_BANDS, size_ratio_min=0.0))
    conditions = conditions_at(state_of(cycle, desk), cycle.market)
    barrier = np.zeros((2, len(cycle.table.instruments)))
    barrier[BID] = np.inf
    quotes = quote(cycle, priced(cycle, barrier=barrier), RULES, conditions)
    shown = (quotes.bid != NO_PRICE) & (quotes.ask != NO_PRICE) & (quotes.reason != QuoteReason.TOO_WIDE)

    assert shown.sum() > 50
    assert all(legal_by_hand(_BANDS, quotes, cycle.table, row) for row in np.flatnonzero(shown).tolist())
    assert np.all(quotes.bid_size[shown] == 4)


def test_the_clock_counts_quotes_that_are_legal_and_forgets_those_that_go():
    """10 s with all series quoted, 5 s with half of them too wide: counted by hand."""
    cycle = flat_cycle()
    desk = desk_with(cycle, _FIVE)
    state = state_of(cycle, desk, session=(0.0, 100.0))
    rows = np.flatnonzero(cycle.table.is_option)
    n = len(cycle.table.instruments)
    bid, ask, size = np.full(n, 1_000), np.full(n, 1_400), np.full(n, 3)
    see_quotes_at_work(state, cycle.market, bid, ask, size, size, NOW_NS)
    half = rows[: rows.size // 2]
    ask = ask.copy()
    ask[half] = 1_501
    see_quotes_at_work(state, cycle.market, bid, ask, size, size, NOW_NS + 10 * _S)
    duty = conditions_at(state, replace(cycle.market, now_ns=NOW_NS + 15 * _S)).duties[0]

    assert duty.duty.open_ns[0] == 15 * _S * rows.size
    assert duty.duty.quoted_ns[0] == (10 * rows.size + 5 * (rows.size - half.size)) * _S
    required = 0.9 * 100 * rows.size
    to_come = 85 * rows.size + (10 * rows.size + 5 * (rows.size - half.size))
    assert duty.headroom.spare_ns[0] / _S == pytest.approx(to_come - required)


def test_a_snapshot_changes_nothing():
    """Deciding is pure: the same conditions give the same quotes, and the state stays as it was."""
    cycle = _short_vega(0.95)
    state = state_of(cycle, desk_with(cycle, _FIVE), session=(-100.0, 1_000.0))
    before = deepcopy(state)
    conditions = conditions_at(state, cycle.market)
    first, second = (quote(cycle, priced(cycle), RULES, conditions) for _ in range(2))

    np.testing.assert_array_equal(first.bid, second.bid)
    for name in ("open_ns", "quoted_ns", "as_of_ns", "quoted", "n_quoted"):
        np.testing.assert_array_equal(
            getattr(state.duties[0].duty, name), getattr(before.duties[0].duty, name)
        )


def test_sessions_of_a_calendar_open_one_after_another_and_a_month_holds_them_all():
    """Two sessions, the second unseen until it is nearly over: what nobody quoted of it is missed."""
    cycle = flat_cycle()
    monthly = changed(_FIVE, period=Period.MONTH, exempt=Exemptions())
    desk = desk_with(cycle, monthly, calendar="XNYS")
    day = 86_400 * _S
    start = NOW_NS - 3_600 * _S
    opens = tuple(start + n * day for n in range(3))
    state = QuotingState()
    see_venue(
        state,
        SessionsSeen(
            received_ns=NOW_NS,
            calendar="XNYS",
            underlyings=("IDX",),
            open_ns=opens,
            close_ns=tuple(each + _DAY for each in opens),
        ),
    )
    up_to(state, desk, cycle.table, NOW_NS)
    series = int(cycle.table.is_option.sum())
    first = conditions_at(state, cycle.market).duties[0]
    assert first.told
    assert first.duty.open_ns[0] == 3_600 * _S * series
    later = NOW_NS + day
    up_to(state, desk, cycle.table, later)
    second = conditions_at(state, replace(cycle.market, now_ns=later)).duties[0]

    assert second.duty.open_ns[0] == (_DAY + 3_600 * _S) * series
    assert second.duty.quoted_ns[0] == 0
    closed = conditions_at(state, replace(cycle.market, now_ns=start + day + _DAY)).duties[0]
    assert not closed.duty.in_duty.any()


def test_series_that_are_listed_belong_to_the_duty_unless_it_spares_them_on_their_first_day():
    cycle = flat_cycle()
    sparing = changed(_FIVE, exempt=Exemptions(listed_today=True), pooled=Pooled.CLASS)
    desk = desk_with(cycle, _FIVE, sparing)
    state = state_of(cycle, desk, session=(-10.0, 100.0))
    new = option("NEW", 5000.0, 60, Right.CALL, underlying="IDX", option_class="IDXN")
    table = cycle.table.listed((new,))
    up_to(state, desk, table, NOW_NS)
    row = table.row_of("NEW")

    assert [bool(held.duty.in_duty[row]) for held in state.duties] == [True, False]
    assert state.duties[1].duty.n_duty.tolist() == [int(cycle.table.is_option.sum()), 0]


def test_deltas_and_adjusted_contracts_exempt_after_a_cycle():
    """Far wings leave the duty once a cycle has told their delta."""
    cycle = flat_cycle()
    desk = desk_with(cycle, changed(_FIVE, exempt=Exemptions(delta_below=0.2)))
    state = state_of(cycle, desk)
    conditions = conditions_at(state, cycle.market)
    remember(
        state, conditions, cycle.values, cycle.market, np.ones((2, len(cycle.table.instruments)), np.int64)
    )
    delta = np.abs(cycle.values.greeks[:, 1]) / cycle.table.multiplier

    options = cycle.table.is_option
    assert 0 < (delta[options] < 0.2).sum() < options.sum()
    np.testing.assert_array_equal(state.duties[0].duty.in_duty[options], ~(delta[options] < 0.2))


def test_a_market_called_fast_eases_widths_and_stops_the_clock_where_the_rule_says_so():
    cycle = flat_cycle()
    eased = changed(_FIVE, widths=(WidthBand(width=0.5),), fast_width_factor=2.0)
    stopped = changed(eased, exempt=Exemptions(fast_market=True))
    desk = desk_with(cycle, eased, stopped)
    state = state_of(cycle, desk, session=(-10.0, 100.0))
    calm = quote(cycle, priced(cycle), RULES, conditions_at(state, cycle.market))
    see_venue(state, FastMarketSet(received_ns=NOW_NS, underlying="", on=True, reason="news"))
    fast = quote(cycle, priced(cycle), RULES, conditions_at(state, cycle.market))
    row = cycle.table.row_of("IDXW030C5000")

    assert (calm.width_max_ticks[row], fast.width_max_ticks[row]) == (50, 100)
    assert [held.duty.suspended for held in state.duties] == [False, True]


def test_a_duty_of_breadth_leaves_the_most_pressing_series_off():
    """All but two: of three that hit a hard limit two go and one stays at the legal minimum."""
    cycle = flat_cycle()
    rule = changed(_FIVE, measured=Measured.BREADTH_SECONDS, breadth=Breadth(share=0.99, all_but=2))
    state = state_of(cycle, desk_with(cycle, rule))
    n = len(cycle.table.instruments)
    full = np.ones(n, np.int64)
    see_quotes_at_work(state, cycle.market, 100 * full, 101 * full, 5 * full, 5 * full, NOW_NS)
    barrier = np.zeros((2, n))
    rows = [cycle.table.row_of(name) for name in ("IDXW030C5000", "IDXW030P4900", "IDXW090C5200")]
    barrier[BID, rows] = np.inf
    quotes = quote(cycle, priced(cycle, barrier=barrier), RULES, conditions_at(state, cycle.market))

    assert sorted(quotes.response[BID, rows].tolist()) == [Response.WIDEST, Response.OFF, Response.OFF]


def test_a_quote_that_cannot_be_legal_keeps_only_its_side_at_the_market():
    """Worth 30 more than the market pays, legal width 5: the bid at the market stays, the offer at value goes."""
    cycle = flat_cycle()
    row = cycle.table.row_of("IDXW090C5200")
    price = cycle.values.price.copy()
    price[row] += 30.0
    lifted = replace(cycle, values=replace(cycle.values, price=price))
    without = quote(lifted, priced(cycle), RULES)
    conditions = conditions_at(state_of(cycle, desk_with(cycle, _FIVE)), cycle.market)
    under = quote(lifted, priced(cycle), RULES, conditions)

    assert without.reason[row] == under.reason[row] == QuoteReason.TOO_WIDE
    assert without.ask[row] - without.bid[row] > 500
    assert (under.bid[row], under.ask[row]) == (without.bid[row], NO_PRICE)


def test_what_was_told_before_the_first_cycle_is_not_lost():
    """A session, a freeze and a fast market, told before anybody knew of a desk."""
    cycle = flat_cycle()
    desk = changed(
        desk_with(cycle, changed(_FIVE, exempt=Exemptions(fast_market=True))),
        protections=(
            ProtectionTerms(
                venue="east", name="class", rule=read_venue_rules(Venue.MIAX).protections["class"]
            ),
        ),
    )
    state = QuotingState()
    session = DutySession(
        received_ns=NOW_NS, duty="venue0/maker", opens_ns=NOW_NS - _S, closes_ns=NOW_NS + _S
    )
    see_venue(state, session)
    see_venue(state, ProtectionTripped(received_ns=NOW_NS, scope="east/class/IDXW"))
    see_venue(state, FastMarketSet(received_ns=NOW_NS, underlying="IDX", on=True, reason="news"))
    up_to(state, desk, cycle.table, NOW_NS)
    conditions = conditions_at(state, cycle.market)

    assert conditions.duties[0].told
    assert conditions.frozen.any()
    assert conditions.duties[0].duty.suspended


def test_of_two_duties_the_one_that_binds_decides():
    """Headroom of the one is no help where nobody told the other of a session."""
    cycle = _short_vega(1.2)
    free, binds = changed(_FIVE, time_share=0.01), changed(_FIVE, time_share=0.5)
    desk = desk_with(cycle, free, binds)
    state = state_of(cycle, desk)
    session = DutySession(
        received_ns=NOW_NS, duty="venue0/maker", opens_ns=NOW_NS - _S, closes_ns=NOW_NS + 20_000 * _S
    )
    see_venue(state, session)
    full = np.ones(len(cycle.table.instruments), np.int64)
    see_quotes_at_work(state, cycle.market, 100 * full, 101 * full, 5 * full, 5 * full, NOW_NS)
    row = cycle.table.row_of("IDXW030C5000")
    both = quote(cycle, priced(cycle), RULES, conditions_at(state, cycle.market))
    see_venue(state, changed(session, duty="venue1/maker"))
    see_quotes_at_work(state, cycle.market, 100 * full, 101 * full, 5 * full, 5 * full, NOW_NS)
    neither = quote(cycle, priced(cycle), RULES, conditions_at(state, cycle.market))

    assert (both.response[OFFER, row], both.ground[row]) == (Response.WIDEST, Ground.COLLISION)
    assert (neither.response[OFFER, row], neither.ground[row]) == (Response.OFF, Ground.HEADROOM)


def test_a_wing_of_a_fast_market_stays_at_the_legal_minimum_while_a_duty_binds():
    """Both sides want to go; the law leaves them wide and small."""
    cycle = flat_cycle()
    desk = changed(
        desk_with(cycle, _FIVE), fast_market=FastMarketTerms(wing_delta_below=0.3, wing_delta_above=0.7)
    )
    state = state_of(cycle, desk)
    state.fast = {"IDX": Level(level=2, since_ns=NOW_NS)}
    quotes = quote(cycle, priced(cycle), RULES, conditions_at(state, cycle.market))
    delta = np.abs(cycle.values.greeks[:, 1]) / cycle.table.multiplier
    live = cycle.table.is_option & np.isfinite(cycle.values.price)
    wing = live & ((delta < 0.3) | (delta > 0.7))

    assert np.all(quotes.response[:, wing] == Response.WIDEST)
    assert np.all(quotes.response[:, live & ~wing] == Response.QUOTED)
    shown = wing & (quotes.bid != NO_PRICE)
    assert np.all(quotes.bid_size[shown] == 3)
    assert np.all(quotes.ask_size[shown] == 3)


def test_a_frozen_quote_counts_for_no_duty():
    cycle = flat_cycle()
    rule = read_venue_rules(Venue.MIAX).protections["class"]
    desk = changed(
        desk_with(cycle, _FIVE), protections=(ProtectionTerms(venue="east", name="class", rule=rule),)
    )
    state = state_of(cycle, desk, session=(0.0, 100.0))
    full = np.ones(len(cycle.table.instruments), np.int64)
    quotes = (1_000 * full, 1_400 * full, 3 * full, 3 * full)
    see_quotes_at_work(state, cycle.market, *quotes, NOW_NS)
    assert state.duties[0].duty.n_quoted.tolist() == [int(cycle.table.is_option.sum())]
    see_venue(state, ProtectionTripped(received_ns=NOW_NS, scope="east/class/IDXW"))
    see_quotes_at_work(state, cycle.market, *quotes, NOW_NS)

    assert state.duties[0].duty.n_quoted.tolist() == [0]
