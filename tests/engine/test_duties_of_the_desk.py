"""A desk that sends, under a duty and a protection: the clock follows what the venue shows, and so does the mirror."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.model.events import CycleDue, DeskSet, OrdersWorking, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Side
from flatbook.model.obligation_terms import ObligationRule, WidthBand
from flatbook.model.order_events import OpenOrdersTold, OrderNews, OrdersAnswered
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import QuotingRules
from flatbook.model.protection_terms import Counted, ProtectionRule, ScopeKind, Tally, Threshold, WindowKind
from flatbook.model.quoting_events import DutySession, ProtectionTripped
from flatbook.model.quoting_terms import DutyTerms, ProtectionTerms
from flatbook.orders.columns import Purpose
from flatbook.orders.state import OrderState
from flatbook.quoting.protection import used
from tests.engine.test_sending import Venue
from tests.worlds import NOW_NS, index_chain, index_desk, index_facts

_SECOND = 1_000_000_000
_CALL = "IDXW030C5000"
_LEGAL = 50.0
_FILLED = ProtectionRule(
    scope=ScopeKind.CLASS, counted=Counted.ALL, window=WindowKind.SLIDING, interval_ms=10_000, frozen_ms=0,
    thresholds=(Threshold(tally=Tally.FILLED_PCT, limit=100.0),),
)  # fmt: skip
_RULES = QuotingRules(
    half_spread_vol_points=0.3, half_spread_min=0.05, size=10, inventory_full_contracts=500, width_max=_LEGAL
)


def under_duty(rules=_RULES, **more):
    """A venue whose session of the duty has just begun, with all quotes acknowledged."""
    rule = ObligationRule(time_share=0.9, widths=(WidthBand(width=_LEGAL),), size_min=1)
    desk = replace(
        index_desk(quoting=rules),
        orders=OrderTerms(send=True, venue="east"),
        duties=(DutyTerms(venue="east", role="maker", rule=rule),),
        **more,
    )
    venue = Venue(State())
    *facts, due = index_facts(the_desk=desk)
    session = DutySession(
        received_ns=NOW_NS, duty="east/maker", opens_ns=NOW_NS, closes_ns=NOW_NS + 23_400 * _SECOND
    )
    venue.tell(*facts, session, due)
    venue.answer()
    return venue


def market_at(venue, spot):
    """The whole chain moves."""
    listed, *prices = index_chain(spot=spot)
    bid, ask = (tuple(round(price * 100) if price > 0 else None for price in side) for side in prices)
    symbols = tuple(item.symbol for item in listed)
    venue.tell(
        UnderlyingQuoted(received_ns=venue.now_ns, underlying="IDX", price=spot),
        QuotesSeen(received_ns=venue.now_ns, symbols=symbols, bid_ticks=bid, ask_ticks=ask),
    )


def clock(venue):
    """The duty as it counts."""
    return venue.state.quoting.duties[0].duty


def two_sided(venue):
    """Rows that the venue shows on both sides, no wider than legal, from the orders themselves."""
    working = venue.state.outbox.working
    shown = {}
    for at in np.flatnonzero(working.purpose == Purpose.QUOTE).tolist():
        if working.state[at] in (OrderState.LIVE, OrderState.PENDING_REPLACE):
            shown.setdefault(int(working.row[at]), {})[int(working.side[at])] = int(working.price_ticks[at])
    per_unit, in_duty = venue.state.table.ticks_per_unit, clock(venue).in_duty
    return {
        row
        for row, sides in shown.items()
        if len(sides) == 2 and in_duty[row] and sides[-1] - sides[1] <= _LEGAL * per_unit[row]
    }


def quoted(venue):
    """Rows that count."""
    return set(np.flatnonzero(clock(venue).quoted).tolist())


def test_quotes_that_are_moved_count_all_the_while_they_stand():
    """Spot moves each second, a venue answers after a quarter of one: series-seconds by hand, from the orders alone."""
    venue = under_duty()
    by_hand, at_ns = 0, venue.now_ns
    start, moved = int(clock(venue).quoted_ns[0]), 0
    assert len(quoted(venue)) > 200
    for turn in range(5):
        stands = len(two_sided(venue))
        venue.now_ns += _SECOND
        market_at(venue, 5000.0 + 8.0 * (1 - turn % 2))
        venue.tell(CycleDue(received_ns=venue.now_ns, reason="timer"))
        by_hand += stands * (venue.now_ns - at_ns)
        at_ns, stands = venue.now_ns, len(two_sided(venue))
        assert quoted(venue) == two_sided(venue)
        moved += int((venue.state.outbox.working.state == OrderState.PENDING_REPLACE).sum())
        venue.now_ns += _SECOND // 4
        venue.answer()
        by_hand += stands * (venue.now_ns - at_ns)
        at_ns = venue.now_ns
        assert quoted(venue) == two_sided(venue)

    assert moved > 100
    assert int(clock(venue).quoted_ns[0]) - start == by_hand


def _cancelled(venue, client_id):
    return OrdersAnswered(received_ns=venue.now_ns, client_ids=(client_id,), news=(OrderNews.CANCELLED,))


def _not_on_the_list(venue, client_id):
    working = venue.state.outbox.working
    others = working.alive & (working.client_id != client_id)
    return OpenOrdersTold(
        received_ns=venue.now_ns, venue="east", asked_ns=venue.now_ns,
        client_ids=tuple(working.client_id[others].tolist()), quantities=tuple(working.open[others].tolist()),
    )  # fmt: skip


@pytest.mark.parametrize("gone", ["fill", _cancelled, _not_on_the_list])
def test_a_quote_that_is_gone_counts_no_longer_from_then_on(gone):
    """Not from the next cycle on: 2 s before it."""
    venue = under_duty()
    row = venue.state.table.row_of(_CALL)
    working = venue.state.outbox.working
    offer = int(working.client_id[working.alive & (working.row == row) & (working.side < 0)][0])
    before = quoted(venue)
    venue.now_ns += _SECOND
    if gone == "fill":
        venue.fill(_CALL, -1)
    else:
        venue.tell(gone(venue, offer))
    assert quoted(venue) == before - {row}

    at = int(clock(venue).quoted_ns[0])
    venue.now_ns += 2 * _SECOND
    venue.tell(CycleDue(received_ns=venue.now_ns, reason="timer"))
    assert int(clock(venue).quoted_ns[0]) - at == 2 * _SECOND * (len(before) - 1)


def test_quotes_of_a_desk_that_does_not_send_count_as_somebody_tells_them():
    """Two offers and a bid of ours, told between two cycles."""
    venue = under_duty()
    desk = replace(venue.state.told_desk, orders=OrderTerms())
    again = Venue(State())
    again.tell(*[replace(fact, desk=desk) if isinstance(fact, DeskSet) else fact for fact in venue.facts])
    assert not quoted(again)
    again.now_ns += _SECOND
    symbols, other = (_CALL, _CALL, "IDXW030P4900"), again.state.table.row_of(_CALL)
    told = OrdersWorking(
        received_ns=again.now_ns, symbols=symbols, sides=(Side.BUY, Side.SELL, Side.SELL),
        quantities=(5, 5, 5), price_ticks=(9_400, 9_800, 9_800),
    )  # fmt: skip
    again.tell(told)
    assert quoted(again) == {other}
    again.tell(replace(told, symbols=(), sides=(), quantities=(), price_ticks=()))
    assert not quoted(again)


def test_what_a_protection_takes_away_counts_no_longer_from_then_on():
    venue = under_duty(protections=(ProtectionTerms(venue="east", name="class", rule=_FILLED),))
    assert quoted(venue)
    venue.tell(ProtectionTripped(received_ns=venue.now_ns + 1, scope="east/class/IDXW"))
    assert not quoted(venue)


def test_a_fill_counts_as_a_share_of_the_quote_that_works():
    """The desk wants 20 where 12 work: all of them filled is 100 % at the venue, whatever was wanted."""
    protections = (ProtectionTerms(venue="east", name="class", rule=_FILLED),)
    sizes = [replace(_RULES, size=size, shadow_share=1.0) for size in (12, 20)]
    venue = under_duty(sizes[0], protections=protections)
    told = replace(venue.state.told_desk, quoting=sizes[1])
    venue.tell(DeskSet(received_ns=venue.now_ns, desk=told, by="anna"))
    venue.due()
    working = venue.state.outbox.working
    row = venue.state.table.row_of(_CALL)
    (offered,) = working.open[working.alive & (working.row == row) & (working.side < 0)].tolist()
    assert offered < int(venue.cycle.quotes.ask_size[row]) == 20
    venue.fill(_CALL, -1)

    assert {trip.scope for trip in venue.state.quoting.trips} == {"east/class/IDXW", "shadow/IDXW"}
    watched = venue.state.quoting.watched.protection
    assert used(watched, venue.now_ns).max() == pytest.approx(1.0, abs=1e-6)
