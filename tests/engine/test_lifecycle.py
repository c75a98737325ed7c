"""Halts, gaps of a feed, series that are over, hedges that a venue rejects, trades that nobody knows: each reaches the desk's decisions."""

import math

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.book.lifecycle import exercise
from flatbook.book.state import Book, book_fill
from flatbook.book.view import view as book_view
from flatbook.engine.state import State
from flatbook.limits.drawdown import totals_of
from flatbook.limits.measured import DESK
from flatbook.model.events import CycleDue, Fill, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Right, Side, Style
from flatbook.model.lifecycle_events import Exercised, SeriesSettled
from flatbook.model.order_events import KillScope, KillSet, OrderNews, OrdersAnswered
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.venue_events import FeedSuspect, Restarted, TradingHalted
from flatbook.orders.columns import Purpose, Reason
from flatbook.orders.reconcile import Action, Why
from flatbook.orders.rejections import BY_REJECTIONS
from flatbook.orders.state import OrderState
from flatbook.quoting.conditions import Withheld
from flatbook.quoting.propose import QuoteReason
from flatbook.reports.conditions_section import conditions_of
from flatbook.reports.missing import Missing
from flatbook.valuation.values import value
from tests.engine.test_sending import Venue, hedges_at_work, live, sending, sold_elsewhere
from tests.worlds import NOW_NS, fill, index_chain, index_facts, option, share, view_by_hand

_CALL = "IDXW030C5000"
_SECOND = 1_000_000_000


def due(venue, seconds=1.0):
    """A cycle later, before anybody answers."""
    venue.now_ns += round(seconds * _SECOND)
    venue.tell(CycleDue(received_ns=venue.now_ns, reason="timer"))
    return venue.cycle


@pytest.mark.parametrize("underlying", ["IDX", ""])
def test_in_a_halt_nothing_leaves_but_cancels_and_its_end_lets_it_go_on(underlying):
    """Hedges too; the first thing that goes are quotes at work."""
    venue = sending()
    sold_elsewhere(venue, 100)
    venue.due()
    assert hedges_at_work(venue)
    alive = venue.state.outbox.working.n_alive
    halt = TradingHalted(
        received_ns=venue.now_ns, underlying=underlying, on=True, reason="level 1 circuit breaker"
    )
    venue.tell(halt)
    left = due(venue).outgoing.commands

    assert venue.cycle.outgoing.wanted.size == left.size == alive
    assert (left.action == Action.CANCEL).all()
    assert (left.why == Why.HELD_BACK).all()
    assert (venue.cycle.conditions.withheld == Withheld.HALTED).all()
    assert venue.cycle.conditions.held_back[0].reason == "level 1 circuit breaker"
    assert (venue.cycle.quotes.reason[venue.cycle.table.is_option] == QuoteReason.HALTED).all()
    venue.answer()
    assert due(venue).outgoing.wanted.size == 0
    assert not venue.state.outbox.kills.on
    venue.tell(replace(halt, on=False, reason="over"))
    venue.due()
    assert hedges_at_work(venue)
    assert live(venue)


def test_a_halt_of_another_underlying_or_of_nobody_stops_nothing_and_says_so():
    venue = sending()
    before = live(venue)
    venue.tell(TradingHalted(received_ns=venue.now_ns, underlying="XYZ", on=True, reason="news"))
    due(venue)
    assert live(venue) == before
    assert "nothing is held back" in venue.cycle.conditions.held_back[0].text


def test_the_end_of_a_halt_of_all_leaves_one_that_was_told_by_name():
    venue = sending()
    one = TradingHalted(received_ns=venue.now_ns, underlying="IDX", on=True, reason="news")
    venue.tell(one, replace(one, underlying=""), replace(one, underlying="", on=False))
    assert (due(venue).conditions.withheld == Withheld.HALTED).all()
    venue.tell(replace(one, on=False))
    assert (due(venue).conditions.withheld == Withheld.NOTHING).all()


def test_a_gap_of_the_feed_pulls_quotes_and_leaves_hedges_that_only_reduce():
    """While quotes on their way out may still fill, a hedge could bring the delta past zero; once they are gone it leaves and stays."""
    venue = sending()
    gap = FeedSuspect(received_ns=venue.now_ns, underlyings=("IDX",), on=True, reason="7 is missing")
    venue.tell(gap)
    sold_elsewhere(venue, 100)
    outgoing = due(venue).outgoing

    assert set(outgoing.commands.why.tolist()) == {int(Why.HELD_BACK)}
    assert outgoing.verdicts.reason.tolist() == [int(Reason.SUSPECT)]
    assert (venue.cycle.quotes.bid_size == 0).all()
    assert (venue.cycle.quotes.reason[venue.cycle.table.is_option] == QuoteReason.SUSPECT).all()
    venue.answer()
    venue.due()
    (hedge,) = hedges_at_work(venue).items()
    assert not live(venue)
    venue.due()
    assert dict([hedge]) == hedges_at_work(venue)
    venue.tell(replace(gap, on=False, reason="filled"))
    venue.due()
    assert live(venue)


def expired(limits=()):
    """A desk that is short a call as its series expires; a cycle a minute later, with all else quoted."""
    venue = Venue(State())
    venue.tell(*index_facts(fills=(fill(1, "IDXW007C5000", "sell", 10, 60.0, fee=1.0),), limits=limits))
    requoted(venue, venue.state.table.instruments[venue.state.table.row_of("IDXW007C5000")].expiry_ns)
    return venue


def requoted(venue, at_ns, spot=5000.0):
    """The chain again, as it stood, and a cycle."""
    listed, bid, ask = index_chain()
    venue.now_ns = at_ns + 60 * _SECOND
    venue.tell(
        UnderlyingQuoted(received_ns=venue.now_ns, underlying="IDX", price=spot),
        QuotesSeen(
            received_ns=venue.now_ns, symbols=tuple(one.symbol for one in listed),
            bid_ticks=tuple(round(each * 100) if each > 0 else None for each in bid),
            ask_ticks=tuple(round(each * 100) if each > 0 else None for each in ask),
        ),
        CycleDue(received_ns=venue.now_ns, reason="timer"),
    )  # fmt: skip


def test_once_an_expired_series_is_settled_the_drawdown_is_known_again():
    """Sold at 60, over at 5012.34: 12.34 is paid; the rest is kept."""
    limits = (Limit(measure=LimitMeasure.DRAWDOWN_USD, limit_hard=1e9),)
    venue = expired(limits)
    row = venue.state.table.row_of("IDXW007C5000")
    assert venue.cycle.book.quantity[row] == -10
    assert math.isnan(venue.cycle.basis.day.drawdown_usd[DESK])
    venue.tell(
        SeriesSettled(
            received_ns=venue.now_ns, settlement_id="s", instrument="IDXW007C5000", settlement_price=5012.34,
            settled_ns=venue.now_ns,
        )
    )  # fmt: skip
    assert venue.state.running.exposure.quantity[row] == 0
    due(venue)

    assert venue.cycle.book.quantity[row] == 0
    assert venue.cycle.held.exposure.unvalued == {}
    assert venue.cycle.book.cash[row] == pytest.approx(10 * 100 * (60.0 - 12.34), rel=1e-12)
    assert math.isfinite(venue.cycle.basis.day.drawdown_usd[DESK])
    assert venue.cycle.basis.day.last["IDX"].usd == pytest.approx(10 * 100 * (60.0 - 12.34) - 1.0)
    assert venue.cycle.quotes.reason[row] == QuoteReason.SETTLED


def test_a_trade_that_is_told_after_the_settlement_settles_too():
    venue = expired()
    over = SeriesSettled(
        received_ns=venue.now_ns, settlement_id="s", instrument="IDXW007C5000", settlement_price=5012.34,
        settled_ns=venue.now_ns,
    )  # fmt: skip
    venue.tell(over, fill(2, "IDXW007C5000", "buy", 4, 70.0), over)
    due(venue)
    row = venue.state.table.row_of("IDXW007C5000")

    assert venue.cycle.book.quantity[row] == 0
    assert venue.cycle.book.cash[row] == pytest.approx(1000 * (60.0 - 12.34) - 400 * (70.0 - 12.34))


def test_the_same_facts_give_the_same_decisions_whatever_happened():
    """Halts, gaps and settlements are in the journal."""
    venue = sending()
    venue.fill(_CALL, -1)
    venue.tell(TradingHalted(received_ns=venue.now_ns, on=True, reason="x"))
    venue.due()
    venue.tell(TradingHalted(received_ns=venue.now_ns, on=False, reason="x"))
    venue.due()
    venue.tell(
        SeriesSettled(
            received_ns=venue.now_ns,
            settlement_id="s",
            instrument=_CALL,
            settlement_price=5100.0,
            settled_ns=1,
        )
    )
    venue.due()
    again = Venue(State())
    again.tell(*venue.facts)
    assert again.decisions == venue.decisions
    assert not any(row == venue.state.table.row_of(_CALL) for row, _ in live(venue))


def test_shares_that_an_assignment_brought_are_in_the_pnl():
    """Nobody ever traded them: assigned at 100, worth 97."""
    put = option("P", 100.0, 30, Right.PUT, style=Style.AMERICAN)
    market = view_by_hand((put, share()), spot=97.0, vols=[0.2, math.nan])
    book = Book()
    book_fill(book, 0, fill(1, "P", "sell", 2, 4.0))
    assigned = Exercised(
        received_ns=1, exercise_id="e", instrument="P", quantity=-2, exercised_ns=1, delivered="XYZ"
    )
    exercise(book, market.table, assigned)
    total = totals_of(book_view(book, market.table), value(market), market)["XYZ"]

    assert total.usd == pytest.approx(200 * 4.0 + 200 * (97.0 - 100.0))


def rejecting(**terms):
    """A desk whose hedge the venue has just rejected."""
    venue = sending(hedging={"policy": "fixed_band", "band_usd": 1.0}, **terms)
    sold_elsewhere(venue, 100)
    due(venue)
    reject(venue)
    return venue


def reject(venue, reason="margin"):
    """The venue wants none of the hedges that are on their way; how many."""
    working = venue.state.outbox.working
    new = working.state == OrderState.PENDING_NEW
    hedge = new & (working.purpose == Purpose.HEDGE)
    ids = working.client_id[hedge].tolist()
    others = working.client_id[new & ~hedge].tolist()
    venue.tell(
        OrdersAnswered(received_ns=venue.now_ns, client_ids=tuple(others), news=(OrderNews.ACKNOWLEDGED,) * len(others)),
        OrdersAnswered(
            received_ns=venue.now_ns, client_ids=tuple(ids), news=(OrderNews.REJECTED,) * len(ids), reason=reason
        ),
    )  # fmt: skip
    return len(ids)


def sends(venue, until_s, every_s=0.5, reason="margin"):
    """Seconds after which a hedge was sent again, each rejected at once."""
    began, out = venue.now_ns, []
    while venue.now_ns < began + until_s * _SECOND:
        due(venue, every_s)
        if reject(venue, reason):
            out.append((venue.now_ns - began) / _SECOND)
    return out


def test_a_hedge_that_is_rejected_waits_twice_as_long_each_time_up_to_the_most():
    venue = rejecting(hedge_rejects_most=1000, reject_backoff_most_ms=5_000)
    assert sends(venue, 25) == [1.0, 3.0, 7.0, 12.0, 17.0, 22.0]


def test_another_reason_begins_anew_and_a_hedge_that_works_forgets():
    venue = rejecting(hedge_rejects_most=1000)
    assert sends(venue, 8) == [1.0, 3.0, 7.0]
    assert due(venue, 8.5).outgoing.commands.size
    reject(venue, "price")
    assert len(sends(venue, 1, reason="price")) == 1
    venue.now_ns += 20 * _SECOND
    venue.due()
    assert hedges_at_work(venue)
    assert not venue.state.outbox.rejections.waits
    assert not venue.state.outbox.rejections.of_hedge


def test_a_hedge_that_waits_is_told():
    venue = rejecting()
    for _ in range(3):
        due(venue, 0.2)
    (refused,) = venue.cycle.outgoing.refused_hedges
    assert refused.reason is Reason.BACKOFF
    assert refused.escalated


def test_a_hedge_that_is_rejected_too_often_stops_its_underlying_until_a_person_releases_it():
    """Five times within a minute; quotes go, the hedge is still tried."""
    venue = rejecting()
    assert sends(venue, 20) == [1.0, 3.0, 7.0, 15.0]
    kill = venue.state.outbox.kills.on[KillScope.UNDERLYING, "IDX"]
    assert kill.owner == BY_REJECTIONS
    assert "IDXH1 rejected 5 times" in kill.reason
    assert "margin" in kill.reason
    venue.answer()
    assert not live(venue)
    venue.now_ns += 120 * _SECOND
    due(venue)
    assert hedges_at_work(venue)
    venue.tell(
        KillSet(
            received_ns=venue.now_ns, scope=KillScope.UNDERLYING, name="IDX", on=False, owner="anna", reason="margin paid"
        )
    )  # fmt: skip
    venue.due()
    assert live(venue)
    assert not venue.state.outbox.kills.on


def test_a_storm_of_rejections_stops_the_venue():
    """Quotes too: more than the most within the window."""
    venue = sending(rejects_most=50)
    working = venue.state.outbox.working
    venue.tell(KillSet(received_ns=1, scope=KillScope.CLASS, name="IDXW", on=True, owner="a", reason="b"))
    venue.due()
    venue.tell(KillSet(received_ns=1, scope=KillScope.CLASS, name="IDXW", on=False, owner="a", reason="b"))
    due(venue)
    ids = working.client_id[working.state == OrderState.PENDING_NEW].tolist()
    for some, killed in ((ids[:49], False), (ids[49:50], True)):
        venue.tell(
            OrdersAnswered(
                received_ns=venue.now_ns, client_ids=tuple(some), news=(OrderNews.REJECTED,) * len(some), reason="busy"
            )
        )  # fmt: skip
        due(venue)
        assert ((KillScope.VENUE, "east") in venue.state.outbox.kills.on) == killed
    assert (venue.cycle.outgoing.commands.action == Action.CANCEL).all()
    venue.tell(KillSet(received_ns=1, scope=KillScope.VENUE, name="east", on=False, owner="a", reason="b"))
    due(venue)
    assert not venue.state.outbox.kills.on


def test_a_hedge_at_work_stays_while_the_larger_one_in_its_place_waits():
    """The venue rejected the replacement alone."""
    venue = sending(hedging={"policy": "fixed_band", "band_usd": 1.0})
    sold_elsewhere(venue, 10)
    venue.due()
    (first,) = hedges_at_work(venue)
    venue.tell(_more(venue))
    due(venue)
    assert reject(venue) == 1
    again = due(venue, 0.3).outgoing
    assert Reason.BACKOFF in again.verdicts.reason
    assert list(hedges_at_work(venue)) == [first]
    assert first not in again.commands.client_id


def _more(venue):
    """Ten more calls sold."""
    return Fill(
        received_ns=venue.now_ns, fill_id="more", instrument=_CALL, side=Side.SELL, quantity=10, price_ticks=9700,
        traded_ns=venue.now_ns,
    )  # fmt: skip


def test_a_fill_of_an_order_that_nobody_knows_reaches_exposure_and_is_told():
    venue = sending()
    venue.tell(
        Fill(
            received_ns=venue.now_ns, fill_id="manual", instrument=_CALL, side=Side.SELL, quantity=3, price_ticks=9700,
            traded_ns=venue.now_ns, client_id=77_777,
        )
    )  # fmt: skip
    due(venue)
    row = venue.state.table.row_of(_CALL)
    assert venue.cycle.held.exposure.quantity[row] == -3
    assert venue.cycle.outgoing.strange == (77_777,)


def test_an_overfill_reaches_exposure_and_is_told_and_counts_until_the_venue_is_asked():
    venue = sending()
    working, row = venue.state.outbox.working, venue.state.table.row_of(_CALL)
    at = int(np.flatnonzero(working.alive & (working.row == row) & (working.side < 0))[0])
    client_id, sent = int(working.client_id[at]), int(working.quantity[at])
    venue.tell(
        Fill(
            received_ns=venue.now_ns, fill_id="over", instrument=_CALL, side=Side.SELL, quantity=sent + 2, price_ticks=9700,
            traded_ns=venue.now_ns, client_id=client_id,
        )
    )  # fmt: skip
    due(venue)
    assert venue.cycle.held.exposure.quantity[row] == -sent - 2
    assert venue.cycle.outgoing.strange == (client_id,)
    assert working.state[at] in (OrderState.UNKNOWN, OrderState.PENDING_CANCEL)


def test_one_id_with_two_contents_counts_as_first_told_and_is_kept_for_a_person():
    venue = sending()
    sold_elsewhere(venue, 3)
    again = replace(venue.facts[-1], quantity=30)
    venue.tell(again)
    due(venue)
    assert venue.cycle.held.exposure.quantity[venue.state.table.row_of(_CALL)] == -3
    assert [each.refused for each in venue.cycle.book.conflicts] == [again]


def test_a_desk_that_only_proposes_is_held_back_too():
    venue = Venue(State())
    venue.tell(*index_facts()[:-1], TradingHalted(received_ns=NOW_NS, on=True, reason="x"), index_facts()[-1])
    assert venue.cycle.outgoing is None
    assert (venue.cycle.quotes.ask_size == 0).all()


def test_a_desk_that_only_proposes_needs_no_venue_to_agree_after_a_restart():
    venue = Venue(State())
    venue.tell(*index_facts()[:-1], Restarted(received_ns=NOW_NS), index_facts()[-1])
    assert (venue.cycle.quotes.ask_size > 0).any()


def test_what_is_held_back_and_what_nobody_knows_is_in_the_report():
    venue = sending()
    venue.tell(
        TradingHalted(received_ns=venue.now_ns, underlying="IDX", on=True, reason="news pending"),
        OrdersAnswered(received_ns=venue.now_ns, client_ids=(77_777,), news=(OrderNews.ACKNOWLEDGED,)),
    )
    due(venue)
    halted, strange = conditions_of(venue.cycle, Missing()).escalations[:2]
    assert halted.ground == "halted"
    assert halted.text == "HALTED: IDX: news pending"
    assert halted.series == int(venue.cycle.table.is_option.sum())
    assert strange.ground == "strange order"
    assert strange.text.endswith("77777")
