"""After a crash or a lost session nothing new leaves before the venue's open orders and positions agree with what we know."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.journal.codec import decode, encode
from flatbook.model.events import CycleDue, Fill, FillBusted, FillCorrected
from flatbook.model.instruments import Side
from flatbook.model.lifecycle_events import PositionAdjusted
from flatbook.model.order_events import KillScope, KillSet, OpenOrdersTold, OrderNews, OrdersAnswered
from flatbook.model.venue_events import PositionsTold, Restarted, VenueSession
from flatbook.orders.reconcile import Action
from flatbook.orders.reconciliation import venue_standing
from flatbook.orders.state import OrderState
from flatbook.quoting.conditions import Withheld
from flatbook.quoting.propose import QuoteReason
from tests.engine.test_sending import Venue, live, sending

_CALL = "IDXW030C5000"
_SECOND = 1_000_000_000


def restarted(*, unanswered=True):
    """A desk that traded, crashed once its orders were decided, and starts anew from what it had journaled."""
    before = sending()
    before.fill(_CALL, -1)
    before.due()
    before.fill(_CALL, -1)
    before.now_ns += _SECOND
    before.tell(CycleDue(received_ns=before.now_ns, reason="timer"))
    if not unanswered:
        before.answer()
    after = Venue(State(), now_ns=before.now_ns + 60 * _SECOND, trades=before.trades)
    after.tell(*[decode(encode(fact)) for fact in before.facts])
    assert after.decisions == before.decisions
    after.tell(Restarted(received_ns=after.now_ns, reason="crash"))
    return after


def told_orders(venue, *client_ids, asked_ns=None):
    """The venue's list of open orders, each with all that we think is open."""
    working = venue.state.outbox.working
    left = {
        int(one): int(size) for one, size in zip(working.client_id, working.open, strict=True) if size > 0
    }
    venue.tell(
        OpenOrdersTold(
            received_ns=venue.now_ns, venue="east", asked_ns=asked_ns or venue.now_ns, client_ids=client_ids,
            quantities=tuple(left.get(one, 1) for one in client_ids),
        )
    )  # fmt: skip


def positions(venue):
    """By symbol, without zeros."""
    table = venue.state.table
    held = venue.cycle.book.quantity
    return {table.instruments[row].symbol: int(held[row]) for row in np.flatnonzero(held).tolist()}


def told_positions(venue, held=None, *, asked_ns=None, executions=0, name="east"):
    """What the venue counts; what we hold where nothing else is said."""
    held = positions(venue) if held is None else held
    venue.tell(
        PositionsTold(
            received_ns=venue.now_ns, venue=name, asked_ns=asked_ns or venue.now_ns, executions=executions,
            symbols=tuple(held), quantities=tuple(held.values()),
        )
    )  # fmt: skip


def due(venue):
    """The actions of a cycle a second later, before anybody answers."""
    venue.now_ns += _SECOND
    venue.tell(CycleDue(received_ns=venue.now_ns, reason="timer"))
    return set(venue.cycle.outgoing.commands.action.tolist())


def standing(venue):
    """Of the desk's venue."""
    return venue_standing(venue.state.outbox.trading, "east")


def reconciled(venue):
    """Everything agrees, and quotes leave again."""
    told_orders(venue)
    told_positions(venue)
    assert due(venue) == {Action.NEW}
    venue.answer()
    return venue


@pytest.mark.parametrize("orders_first", [True, False])
@pytest.mark.parametrize("unanswered", [True, False])
def test_after_a_restart_nothing_leaves_but_cancels_until_both_lists_agree(orders_first, unanswered):
    venue = restarted(unanswered=unanswered)
    working = venue.state.outbox.working
    alive = int(working.n_alive)

    assert alive > 0
    assert set(working.state[working.alive].tolist()) == {int(OrderState.UNKNOWN)}
    assert due(venue) == {Action.CANCEL}
    assert venue.cycle.outgoing.commands.size == alive
    assert (venue.cycle.conditions.withheld == Withheld.UNRECONCILED).all()
    assert (venue.cycle.quotes.bid_size == 0).all()
    assert (venue.cycle.quotes.reason[venue.cycle.table.is_option] == QuoteReason.UNRECONCILED).any()
    (told_orders if orders_first else told_positions)(venue)
    assert due(venue) <= {Action.CANCEL}
    assert "not told" in venue.cycle.conditions.held_back[0].text
    (told_positions if orders_first else told_orders)(venue)
    assert due(venue) == {Action.NEW}
    assert venue.cycle.conditions.held_back == ()
    assert standing(venue).text == "RECONCILED"


def test_orders_that_the_venue_names_work_and_the_others_are_dead():
    venue = restarted()
    working = venue.state.outbox.working
    ids = working.client_id[working.alive].tolist()
    told_orders(venue, *ids[:2])

    assert working.client_id[working.alive].tolist() == ids[:2]
    assert (working.state[working.alive] == OrderState.LIVE).all()


def test_client_ids_are_never_used_again():
    venue = restarted()
    used = venue.state.outbox.working.next_id
    reconciled(venue)

    assert venue.state.outbox.working.client_id[venue.state.outbox.working.alive].min() >= used


def test_a_fill_that_was_missed_keeps_quotes_off_until_it_is_told():
    """The venue counts five more; the fill comes late and makes them equal. Trades since the venue counted do not matter."""
    venue = restarted()
    due(venue)
    told_orders(venue)
    theirs = positions(venue) | {_CALL: positions(venue)[_CALL] - 5}
    asked_ns = venue.now_ns
    told_positions(venue, theirs)
    for _ in range(3):
        assert due(venue) <= {Action.CANCEL}
        assert f"{_CALL} ours" in venue.cycle.conditions.held_back[0].text
    missing = Fill(
        received_ns=venue.now_ns, fill_id="missed", instrument=_CALL, side=Side.SELL, quantity=5, price_ticks=9700,
        traded_ns=asked_ns - 1, venue="east",
    )  # fmt: skip
    venue.tell(replace(missing, fill_id="other", traded_ns=asked_ns + 1))
    assert due(venue) <= {Action.CANCEL}
    venue.tell(replace(missing, fill_id="elsewhere", venue="west"))
    assert due(venue) <= {Action.CANCEL}
    venue.tell(missing)
    assert Action.NEW in due(venue)


def test_a_person_may_accept_a_difference_and_a_fill_that_comes_after_all_stops_quotes_again():
    venue = restarted()
    due(venue)
    told_orders(venue)
    held = positions(venue)[_CALL]
    told_positions(venue, {_CALL: held - 5})
    due(venue)
    accepted = PositionAdjusted(
        received_ns=venue.now_ns, adjustment_id="a-1", instrument=_CALL, quantity=-5, price_ticks=9700, owner="anna",
        reason="the venue shows it",
    )  # fmt: skip
    venue.tell(accepted)
    assert Action.NEW in due(venue)
    assert positions(venue)[_CALL] == held - 5
    venue.answer()
    late = Fill(
        received_ns=venue.now_ns, fill_id="missed", instrument=_CALL, side=Side.SELL, quantity=5, price_ticks=9700,
        traded_ns=1, venue="east",
    )  # fmt: skip
    venue.tell(late)
    assert due(venue) == {Action.CANCEL}
    venue.tell(replace(accepted, adjustment_id="a-2", quantity=5, reason="the fill has come"))
    venue.answer()
    assert Action.NEW in due(venue)


def test_a_bust_and_a_correction_count_as_of_when_the_venue_counted():
    """A fill that was told and busted later still is in what the venue counted before the bust."""
    venue = restarted()
    due(venue)
    told_orders(venue)
    asked_ns, fill = venue.now_ns, next(fact for fact in venue.facts if isinstance(fact, Fill))
    told_positions(venue)
    venue.tell(
        FillBusted(received_ns=venue.now_ns, bust_id="b", fill_id=fill.fill_id, busted_ns=asked_ns + 1)
    )
    assert Action.NEW in due(venue)
    venue.answer()
    correction = FillCorrected(
        received_ns=venue.now_ns, correction_id="c", fill_id=fill.fill_id, quantity=fill.quantity + 1,
        price_ticks=fill.price_ticks, corrected_ns=asked_ns - 1,
    )  # fmt: skip
    venue.tell(correction)
    assert due(venue) == {Action.CANCEL}


def test_a_position_that_the_venue_does_not_name_is_none_there():
    venue = restarted()
    due(venue)
    told_orders(venue)
    told_positions(venue, {})
    assert due(venue) <= {Action.CANCEL}
    assert f"{_CALL} ours {positions(venue)[_CALL]}, theirs 0" in standing(venue).text


def test_two_trades_that_net_to_nothing_are_missed_by_the_count_of_executions():
    venue = restarted()
    due(venue)
    told_orders(venue)
    told_positions(venue, executions=4)
    assert due(venue) <= {Action.CANCEL}
    assert "executions ours 2, theirs 4" in standing(venue).text
    told_positions(venue, executions=2)
    assert Action.NEW in due(venue)


def test_an_order_there_that_is_none_of_ours_keeps_quotes_off_until_it_is_gone():
    venue = restarted()
    due(venue)
    told_orders(venue, 999_999)
    told_positions(venue)
    assert due(venue) <= {Action.CANCEL}
    assert "none of ours (999999)" in standing(venue).text
    assert 999_999 in venue.cycle.outgoing.strange
    told_orders(venue)
    assert Action.NEW in due(venue)


def test_a_list_that_fills_have_overtaken_is_explained():
    """Asked while the order was open, told once its fill was."""
    venue = restarted(unanswered=False)
    working = venue.state.outbox.working
    at = np.flatnonzero(working.alive)[0]
    client_id, symbol = int(working.client_id[at]), venue.state.table.instruments[int(working.row[at])].symbol
    asked_ns = venue.now_ns
    venue.tell(
        Fill(
            received_ns=venue.now_ns + 1, fill_id="last", instrument=symbol, side=Side(int(working.side[at])),
            quantity=int(working.open[at]), price_ticks=int(working.price_ticks[at]), traded_ns=asked_ns + 1,
            client_id=client_id,
        )
    )  # fmt: skip
    told_orders(venue, client_id, asked_ns=asked_ns)
    due(venue)
    told_positions(venue)
    assert standing(venue).unexplained == ()
    assert Action.NEW in due(venue)


@pytest.mark.parametrize(("stale", "fresh"), [(told_orders, told_positions), (told_positions, told_orders)])
def test_what_was_asked_before_or_told_by_another_venue_proves_nothing(stale, fresh):
    venue = restarted()
    since = venue.now_ns
    due(venue)
    stale(venue, asked_ns=since - 1)
    fresh(venue)
    told_positions(venue, name="west")
    assert due(venue) <= {Action.CANCEL}
    assert len(venue.cycle.conditions.held_back) == 1
    stale(venue, asked_ns=since)
    assert Action.NEW in due(venue)


def test_a_second_restart_asks_for_everything_again():
    venue = reconciled(restarted())
    venue.tell(Restarted(received_ns=venue.now_ns, reason="again"))
    assert due(venue) == {Action.CANCEL}
    venue.answer()
    reconciled(venue)


def test_a_kill_and_the_messages_that_are_left_survive_a_restart():
    venue = sending(message_burst=400, cancel_reserve=100, messages_per_s=1)
    venue.tell(
        KillSet(
            received_ns=venue.now_ns, scope=KillScope.CLASS, name="IDXW", on=True, owner="anna", reason="x"
        )
    )
    due(venue)
    left = venue.state.outbox.buckets.credit_ns.tolist()
    venue.answer()
    venue.tell(Restarted(received_ns=venue.now_ns, reason="crash"))
    assert venue.state.outbox.buckets.credit_ns.tolist() == left
    told_orders(venue)
    told_positions(venue)
    assert due(venue) <= {Action.CANCEL}
    assert [one.text for one in venue.cycle.outgoing.kills] == ["KILLED"]
    assert not live(venue)


@pytest.mark.parametrize("orders_cancelled", [True, False])
def test_a_session_that_is_down_sends_nothing_and_assumes_nothing(orders_cancelled):
    """Whatever the venue says that it cancelled. Cancels leave as soon as it stands again, and are not lost."""
    venue = sending()
    working = venue.state.outbox.working
    alive = working.n_alive
    down = VenueSession(
        received_ns=venue.now_ns, venue="east", up=False, orders_cancelled=orders_cancelled, reason="heartbeat"
    )  # fmt: skip
    venue.tell(down)
    left = venue.state.outbox.buckets
    for _ in range(2):
        assert due(venue) == set()
        assert venue.state.outbox.buckets is left  # no message is spent
        assert venue.cycle.outgoing.wanted.cancels.sum() == alive
        assert (venue.cycle.held.exposure.quantity == venue.cycle.book.quantity).all()
    assert working.n_alive == alive
    assert (working.state[working.alive] == OrderState.UNKNOWN).all()
    assert "SESSION DOWN" in venue.cycle.conditions.held_back[0].text
    told_orders(venue)
    told_positions(venue)
    assert due(venue) == set()
    assert (venue.cycle.quotes.bid_size == 0).all()
    venue.tell(replace(down, up=True, received_ns=venue.now_ns))
    assert due(venue) <= {Action.CANCEL}
    told_orders(venue)
    told_positions(venue)
    assert Action.NEW in due(venue)


def test_an_order_of_unknown_fate_counts_in_full_and_may_still_fill():
    venue = sending()
    before = venue.cycle
    venue.tell(VenueSession(received_ns=venue.now_ns, venue="east", up=False))
    due(venue)
    assert int(venue.state.outbox.working.open[venue.state.outbox.working.alive].sum()) == int(
        before.outgoing.commands.orders.quantity.sum()
    )
    venue.fill(_CALL, -1)
    due(venue)
    assert venue.cycle.book.quantity[venue.state.table.row_of(_CALL)] < 0
    assert not venue.cycle.outgoing.strange


def test_a_session_of_another_venue_holds_nothing_back():
    venue = sending()
    venue.tell(VenueSession(received_ns=venue.now_ns, venue="west", up=False))
    assert due(venue) == set()
    assert venue.cycle.conditions.held_back == ()
    assert (venue.cycle.quotes.bid_size > 0).any()


def test_a_cancel_that_the_venue_rejects_after_a_restart_is_tried_again():
    venue = restarted()
    due(venue)
    working = venue.state.outbox.working
    ids = working.client_id[working.alive].tolist()
    venue.tell(
        OrdersAnswered(
            received_ns=venue.now_ns, client_ids=tuple(ids), news=(OrderNews.CANCEL_REJECTED,) * len(ids)
        )
    )
    assert due(venue) == {Action.CANCEL}
    assert venue.cycle.outgoing.commands.size == len(ids)
