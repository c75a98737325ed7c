"""The wire: latency as told, nobody overtakes, trouble as often as told, and nothing that was executed stays unknown."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.model.events import Capacity, Fill, FillBusted, FillCorrected
from flatbook.model.instruments import Right, Side
from flatbook.model.order_events import OrderNews, OrdersAnswered
from flatbook.model.quoting_events import ProtectionTripped
from flatbook.model.table import InstrumentTable
from flatbook.model.venue_events import FeedSuspect
from flatbook.model.world_fault_terms import FaultTerms, WireTerms
from flatbook.sim.faults import NO_FAULTS, Disconnect, FaultPlan, fault_plan
from flatbook.sim.messages import (
    Acknowledged,
    Busted,
    Cancel,
    Cancelled,
    CancelRejected,
    Corrected,
    NewOrder,
    Rejected,
    Traded,
    Tripped,
)
from flatbook.sim.session import SessionReader, facts_of
from flatbook.sim.trust import Trust
from flatbook.sim.wire import Envelope, Wire
from tests.worlds import NOW_NS, option

_MS = 1_000_000
_TABLE = InstrumentTable(
    version=1,
    instruments=(
        option("C100", 100.0, 30, Right.CALL),
        option("P100", 100.0, 30, Right.PUT),
        option("B", 50.0, 30, Right.CALL, underlying="ABC", option_class="ABC"),
    ),
)


def _wire(terms=None, faults=None, plan=NO_FAULTS, seed=11):
    return Wire(terms or WireTerms(), faults or FaultTerms(), plan, seed)


def _order(number):
    return NewOrder(client_id=number, row=0, side=1, price_ticks=100, quantity=1, is_quote=True)


def _trade(number, **more):
    said = {
        "client_id": 5,
        "row": 1,
        "side": -1,
        "quantity": 2,
        "price_ticks": 310,
        "at_ns": NOW_NS,
        "fee": -0.5,
    }
    return Traded(execution_id=f"X{number}", capacity="customer", order_id=9, maker=True, **(said | more))


def test_latencies_are_lognormal_about_their_median():
    """2,000 messages far apart: median and the deviation of the logarithm, within five standard errors; seed 11."""
    wire = _wire(WireTerms(to_venue_ms=4.0, latency_sigma=0.5))
    second = 10**9
    took = [wire.to_venue(NOW_NS + k * second, [_order(1)])[0][0] - NOW_NS - k * second for k in range(2000)]
    logs = np.log(np.array(took) / (4.0 * _MS))

    assert abs(logs.mean()) < 5.0 * 0.5 / np.sqrt(2000)
    assert abs(logs.std() - 0.5) < 5.0 * 0.5 / np.sqrt(4000)


def test_nobody_overtakes_and_a_batch_arrives_as_it_left():
    wire = _wire(WireTerms(to_venue_ms=5.0, latency_sigma=1.0))
    arrived = [
        pair
        for k in range(300)
        for pair in wire.to_venue(NOW_NS + k * _MS, [_order(2 * k + 1), _order(2 * k + 2)])
    ]
    times = [at for at, _ in arrived]

    assert times == sorted(times)
    assert [order.client_id for _, order in arrived] == list(range(1, 601))
    assert all(one == two for one, two in zip(times[::2], times[1::2], strict=True))


def test_directions_and_seeds_draw_for_themselves():
    """More of one direction, or of one trouble, shifts nothing of another."""
    quiet, busy = _wire(), _wire(faults=FaultTerms(reports_lost_share=0.5, answers_lost_share=0.5))
    for k in range(50):
        busy.to_desk(NOW_NS + k * _MS, [Acknowledged(client_id=k + 1)] * 3)
    there = [[wire.to_venue(NOW_NS + k * 10**9, [_order(1)]) for k in range(50)] for wire in (quiet, busy)]
    other = _wire(seed=12).to_venue(NOW_NS, [_order(1)])

    assert there[0] == there[1]
    assert there[0][0] != other


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_commands_are_lost_and_repeated_as_often_as_told(share):
    """4,000 commands; within five standard errors; seed 11."""
    orders = [_order(k + 1) for k in range(4000)]
    lost = _wire(faults=FaultTerms(commands_lost_share=share)).to_venue(NOW_NS, orders)
    twice = _wire(faults=FaultTerms(commands_repeated_share=share)).to_venue(NOW_NS, orders)
    most = 5.0 * np.sqrt(share * (1.0 - share) / 4000)

    assert abs(1.0 - len(lost) / 4000 - share) < most
    assert abs(len(twice) / 4000 - 1.0 - share) < most
    assert len({order.client_id for _, order in lost}) == len(lost)
    assert {order.client_id for _, order in twice} == {order.client_id for order in orders}


def test_reordered_commands_come_late_but_no_later_than_told_and_the_rest_keep_their_place():
    faults = FaultTerms(commands_reordered_share=0.3, reorder_ms=20.0)
    orders = [_order(k + 1) for k in range(1000)]
    arrived = _wire(faults=faults).to_venue(NOW_NS, orders)
    on_time = arrived[0][0]
    late = [at - on_time for at, _ in arrived if at > on_time]
    ids = [order.client_id for at, order in arrived if at == on_time]

    assert len(arrived) == 1000
    assert abs(len(late) / 1000 - 0.3) < 5.0 * np.sqrt(0.21 / 1000)
    assert max(late) <= 20 * _MS
    assert ids == sorted(ids)
    assert [order.client_id for _, order in arrived] != sorted(order.client_id for _, order in arrived)


def test_only_cancels_are_late_and_they_hold_up_nobody():
    faults = FaultTerms(late_cancels_share=1.0, late_cancel_ms=100.0)
    wire = _wire(WireTerms(latency_sigma=0.0, to_venue_ms=1.0), faults)
    arrived = wire.to_venue(NOW_NS, [Cancel(client_id=1), _order(2)])

    assert [type(command) for _, command in arrived] == [NewOrder, Cancel]
    assert arrived[0][0] == NOW_NS + _MS
    assert arrived[1][0] > NOW_NS + _MS
    assert wire.to_venue(NOW_NS, [_order(3)])[0][0] == NOW_NS + _MS


def test_nothing_goes_through_a_lost_session_and_what_is_under_way_is_lost_too():
    gone = Disconnect(from_ns=NOW_NS + 10 * _MS, to_ns=NOW_NS + 20 * _MS)
    wire = _wire(
        WireTerms(latency_sigma=0.0, to_venue_ms=2.0, to_desk_ms=2.0), plan=FaultPlan(disconnects=(gone,))
    )
    there = {at: bool(wire.to_venue(NOW_NS + at * _MS, [_order(1)])) for at in (7, 8, 9, 15, 19, 20)}
    back = {at: bool(wire.to_desk(NOW_NS + at * _MS, [_trade(at)])) for at in (7, 8, 9, 15, 19, 20)}
    asked = {at: wire.reach_venue_ns(NOW_NS + at * _MS) is not None for at in (25, 30)}

    assert there == back == {7: True, 8: False, 9: False, 15: False, 19: False, 20: True}
    assert asked == {25: True, 30: True}
    assert wire.executions == 6


def test_slow_decisions_are_as_often_and_as_slow_as_told():
    """4,000 cycles; within five standard errors; seed 11."""
    wire = _wire(WireTerms(decision_ms=3.0), FaultTerms(slow_decisions_share=0.2, slow_decision_ms=50.0))
    took = np.array([wire.decided_ns(NOW_NS) - NOW_NS for _ in range(4000)]) / _MS
    slow = took[took > 3.0]

    assert took.min() == 3.0
    assert abs(slow.size / 4000 - 0.2) < 5.0 * np.sqrt(0.16 / 4000)
    assert abs(slow.mean() - 53.0) < 5.0 * 50.0 / np.sqrt(slow.size)
    assert _wire(WireTerms(decision_ms=0.0)).decided_ns(NOW_NS) == NOW_NS


def test_answers_are_lost_and_executions_are_not():
    wire = _wire(faults=FaultTerms(answers_lost_share=1.0))
    arrived = wire.to_desk(
        NOW_NS, [Acknowledged(client_id=1), _trade(1), Cancelled(client_id=1, reason="asked")]
    )

    assert [envelope.report for _, envelope in arrived] == [_trade(1)]


def test_reports_become_facts_in_their_sequence():
    reports = [
        Acknowledged(client_id=1),
        Acknowledged(client_id=2),
        Rejected(client_id=3, reason="halted"),
        _trade(7),
        Cancelled(client_id=1, reason="asked"),
        CancelRejected(client_id=2, reason="unknown"),
        Busted(bust_id="B1", execution_id="X7", at_ns=NOW_NS + 1),
        Corrected(correction_id="K1", execution_id="X7", quantity=1, price_ticks=300, at_ns=NOW_NS + 2),
        Tripped(scope="sim/burst/XYZ", until_ns=9),
    ]
    facts = facts_of(reports, _TABLE, "sim", NOW_NS + 5)
    answers = [fact for fact in facts if isinstance(fact, OrdersAnswered)]

    assert [(fact.client_ids, fact.news, fact.reason) for fact in answers] == [
        ((1, 2), (OrderNews.ACKNOWLEDGED,) * 2, ""),
        ((3,), (OrderNews.REJECTED,), "halted"),
        ((1,), (OrderNews.CANCELLED,), "asked"),
        ((2,), (OrderNews.CANCEL_REJECTED,), "unknown"),
    ]
    assert facts[2] == Fill(
        received_ns=NOW_NS + 5, fill_id="X7", instrument="P100", side=Side.SELL, quantity=2, price_ticks=310,
        traded_ns=NOW_NS, capacity=Capacity.CUSTOMER, venue="sim", client_id=5, fee=-0.5,
    )  # fmt: skip
    assert facts[5:] == (
        FillBusted(received_ns=NOW_NS + 5, bust_id="B1", fill_id="X7", busted_ns=NOW_NS + 1),
        FillCorrected(
            received_ns=NOW_NS + 5,
            correction_id="K1",
            fill_id="X7",
            quantity=1,
            price_ticks=300,
            corrected_ns=NOW_NS + 2,
        ),
        ProtectionTripped(received_ns=NOW_NS + 5, scope="sim/burst/XYZ", until_ns=9),
    )


def test_an_order_that_was_sent_twice_is_not_taken_for_dead():
    """The copy is refused because its id was used: that says nothing of the order itself."""
    facts = facts_of([Rejected(client_id=3, reason="duplicate")], _TABLE, "sim", NOW_NS)

    assert facts == ()


def _reader(trust=None):
    return SessionReader(_TABLE, "sim", trust or Trust(), resend_after_ms=100.0)


def _of(number, count=None):
    return Envelope(report=_trade(number), executions=count or number)


def test_a_missing_execution_is_seen_at_the_next_message_and_doubted_until_it_came():
    reader = _reader()
    reader.read([_of(1)], NOW_NS)
    (doubt, fill) = reader.read([_of(3)], NOW_NS + 1)
    asked = [reader.resend_after(NOW_NS + at * _MS) for at in (1, 100, 101)]
    again, trusted = reader.read([_of(2)], NOW_NS + 2)

    assert isinstance(doubt, FeedSuspect)
    assert doubt.on
    assert doubt.underlyings == ("XYZ", "ABC")
    assert (fill.fill_id, again.fill_id) == ("X3", "X2")
    assert asked == [1, None, 1]
    assert not trusted.on
    assert (reader.missing, reader.whole, reader.resend_after(NOW_NS + 102 * _MS)) == (0, 3, None)
    reader.read([_of(5)], NOW_NS + 3)
    assert reader.resend_after(NOW_NS + 103 * _MS) == 3


def test_the_last_execution_is_missed_too_once_the_venue_says_how_many_there_were():
    reader = _reader()
    reader.read([_of(1)], NOW_NS)

    assert reader.read([Envelope(report=Acknowledged(client_id=4), executions=2)], NOW_NS)[0].on
    assert reader.resend_after(NOW_NS) == 1
    other = _reader()
    assert other.read([Envelope(report=None, executions=1)], NOW_NS)[0].on
    assert other.resend_after(NOW_NS) == 0


def test_what_is_told_twice_goes_through_twice():
    reader = _reader()
    facts = [fact for _ in range(2) for fact in reader.read([_of(1), _of(1)], NOW_NS)]

    assert [fact.fill_id for fact in facts] == ["X1"] * 4
    assert reader.missing == 0


def test_doubt_ends_with_its_last_reason():
    """A feed that is whole again does not end the doubt of a missing execution."""
    trust = Trust()
    reader = _reader(trust)
    reader.read([_of(2)], NOW_NS)

    assert trust.doubt("gap", ("XYZ",), "gap", NOW_NS) == ()
    assert trust.restore("gap", ("XYZ",), "whole", NOW_NS) == ()
    (over,) = (fact for fact in reader.read([_of(1)], NOW_NS) if isinstance(fact, FeedSuspect))
    assert (over.on, over.underlyings) == (False, ("XYZ", "ABC"))


@pytest.mark.parametrize("seed", range(25))
def test_every_execution_reaches_the_desk_whatever_goes_wrong(seed):
    """A desk that asks when it should gets every execution, bust and correction at least once, and knows when it has not.

    Trouble at 10 to 30 % of the messages, and a session lost for seconds; after each arrival the reader's count of what is missing is
    held against the set of what came.
    """
    faults = replace(
        FaultTerms.all_on(), reports_lost_share=0.3, reports_repeated_share=0.1, reports_reordered_share=0.3,
        disconnects_per_day=200.0, disconnect_s=3.0,
    )  # fmt: skip
    day_ns = 600 * 10**9
    plan = fault_plan(faults, NOW_NS, NOW_NS + day_ns, seed)
    wire, reader = _wire(faults=faults, plan=plan, seed=seed), _reader()
    due, came, told, resends = [], set(), 0, 0
    for step in range(1500):
        now = NOW_NS + step * 10**9 // 2
        if step < 1000:
            due += wire.to_desk(now, [_trade(step)] if step % 3 else [Acknowledged(client_id=1)])
        due += wire.heartbeat(now)
        if (after := reader.resend_after(now)) is not None and (
            asked := wire.reach_venue_ns(now)
        ) is not None:
            resends += 1
            due += wire.resend(asked, after)
        due.sort(key=lambda pair: pair[0])
        while due and due[0][0] <= now + 10**9 // 2:
            _, envelope = due.pop(0)
            facts = reader.read([envelope], now)
            came |= {fact.fill_id for fact in facts if isinstance(fact, Fill)}
            told = max(told, envelope.executions)
            assert reader.missing == told - len(came), f"seed {seed}"

    assert len(came) == wire.executions == 666, f"seed {seed}"
    assert reader.missing == 0
    assert resends > 20
