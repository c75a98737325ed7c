"""What leaves after a tick is what a cycle of the same instant would send, of quotes that work; and a replay of it is what was live."""

import dataclasses

import numpy as np
import pytest
from benchmarks.tick_worlds import LIMITS, made_up_world
from msgspec.structs import replace

from flatbook.engine.step import step
from flatbook.engine.tick_sending import preparation, ready_on, take_prepared
from flatbook.engine.ticking import TickRecord, decode_decision, recorded
from flatbook.journal.redecide import redecide
from flatbook.journal.replay import Decision, read_records
from flatbook.journal.state_file import copy_of
from flatbook.journal.store import Journal
from flatbook.model.events import CycleDue, DeskSet, Fill, TickDue, UnderlyingQuoted
from flatbook.model.instruments import Side
from flatbook.model.order_events import OrderNews, OrdersAnswered
from flatbook.model.order_terms import OrderTerms
from flatbook.model.protection_terms import Counted, ProtectionRule, ScopeKind, Tally, Threshold, WindowKind
from flatbook.model.quoting_terms import ProtectionTerms
from flatbook.orders.columns import Reason
from flatbook.orders.moves import move_terms
from flatbook.orders.reconcile import Action
from flatbook.orders.state import OrderState
from flatbook.quoting.conditions import Withheld
from flatbook.sim.desk_process import DeskProcess

DAYS = (3, 14)
TERMS = OrderTerms(
    send=True, venue="X", messages_per_s=100_000, message_burst=100_000, cancel_reserve=10, notional_working_max_usd=1e12,
    notional_order_max_usd=1e9, collar_theo_pct=1e6, vol_distance_points=1e6, requote_edge_usd=1.0,
)  # fmt: skip
_RULE = ProtectionRule(
    scope=ScopeKind.CLASS, counted=Counted.ALL, window=WindowKind.SLIDING, interval_ms=1_000, frozen_ms=0,
    thresholds=(Threshold(tally=Tally.QUANTITY, limit=1e6),),
)  # fmt: skip
LOOSE = tuple(replace(one, limit_hard=1e3 * one.limit_hard) for one in LIMITS)


def sending(*, limits=LOOSE, **terms):
    """A desk whose quotes work at its venue; `burst_quotes` above 0 puts them under a protection."""
    world = made_up_world(days=DAYS, limits=limits)
    orders = replace(TERMS, **terms)
    watched = (ProtectionTerms(venue="X", name="class", rule=_RULE),) if orders.burst_quotes else ()
    desk = replace(world.state.told_desk, orders=orders, protections=watched)
    world.tell(DeskSet, desk=desk, by="test")
    world.cycle = world.due(refit=True)
    acknowledge(world)
    return world


def acknowledge(world):
    """The venue takes whatever is new."""
    working = world.state.outbox.working
    ids = tuple(working.client_id[working.state == OrderState.PENDING_NEW].tolist())
    if ids:
        world.tell(OrdersAnswered, client_ids=ids, news=(OrderNews.ACKNOWLEDGED,) * len(ids))


def ticked(world, price, *, seconds=0.2):
    """A tick at a price: what left."""
    world.price(price, seconds=seconds)
    assert world.tell(TickDue, reason="spot") is None, world.state.ticking.why_not
    return world.state.ticking.left


def lines(commands):
    """Row, side, price, contracts and action of each."""
    orders = commands.orders
    columns = (orders.row, orders.side, orders.price_ticks, orders.quantity, commands.action)
    return set(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("burst_quotes", [0, 5], ids=["all count", "protected"])
def test_a_tick_sends_what_a_cycle_of_the_same_instant_would(burst_quotes):
    """But for the few quotes that a tick puts one step elsewhere; whatever works at that instant."""
    world, chance = sending(burst_quotes=burst_quotes), np.random.default_rng(11)
    spot, sent = world.cycle.market.spot[0], 0
    for _ in range(6):
        spot *= 1.0 + 4e-5 * chance.standard_normal()
        world.price(spot, seconds=0.2)
        twin = copy_of(world.state)
        cycle = step(
            twin,
            CycleDue(received_ns=world.now_ns, sequence=len(world.facts) + 1, reason="twin", refit=False),
        )
        assert world.tell(TickDue, reason="spot") is None
        mine, theirs = lines(world.state.ticking.left.commands), lines(cycle.outgoing.commands)
        assert len(mine ^ theirs) <= max(2, 0.03 * len(theirs))
        sent += len(mine)
        acknowledge(world)
    assert sent > 100


def test_a_quote_is_moved_at_what_is_open_of_it_and_once():
    world = sending(burst_quotes=5)
    working = world.state.outbox.working
    before = dict(zip(working.client_id.tolist(), working.open.tolist(), strict=True))
    left = ticked(world, 5000.0 * 1.0002)
    new = left.commands.take(left.commands.action == Action.REPLACE)
    again = ticked(world, 5000.0 * 1.0004)

    assert new.size > 50
    assert all(
        quantity <= before[client_id]
        for quantity, client_id in zip(new.orders.quantity.tolist(), new.client_id.tolist(), strict=True)
    )
    moved = again.commands.client_id[again.commands.action == Action.REPLACE]
    assert not np.isin(moved, left.commands.client_id).any()
    assert again.held_back > 0, "what has no answer yet waits"


def test_what_leaves_is_known_as_any_order_of_ours():
    world = sending(burst_quotes=5)
    left = ticked(world, 5000.0 * 1.0002)
    working = world.state.outbox.working
    new = working.client_id >= left.next_id

    assert new.sum() == (left.commands.action == Action.REPLACE).sum()
    assert (working.state[new] == OrderState.PENDING_NEW).all()
    replaced = np.isin(working.client_id, left.commands.orders.replaces)
    assert (working.state[replaced] == OrderState.PENDING_REPLACE).all()


def test_the_same_order_is_not_sent_twice_in_a_moment():
    """There and back within the window: what was sent at the open is held back, and leaves after it."""
    world = sending(burst_quotes=5, duplicate_window_ms=1_000)
    assert ticked(world, 5001.0, seconds=0.05).commands.size > 50
    acknowledge(world)
    back = ticked(world, 5000.0, seconds=0.05)
    assert (back.verdicts.reason == Reason.DUPLICATE).sum() > 50
    assert back.held_back >= (back.verdicts.reason == Reason.DUPLICATE).sum()
    assert ticked(world, 5000.0, seconds=1.0).commands.size > 50


def test_messages_are_counted():
    """With few left the most useful go, and the rest waits."""
    world = sending(burst_quotes=5, messages_per_s=100, message_burst=1_000)
    world.state.outbox.buckets = replace_credit(world.state.outbox.buckets, 30)
    left = ticked(world, 5000.0 * 1.0003, seconds=0.0)

    assert (left.commands.action == Action.REPLACE).sum() == 30 - TERMS.cancel_reserve
    assert (left.commands.action == Action.CANCEL).sum() <= TERMS.cancel_reserve
    assert (left.verdicts.reason == Reason.RATE).sum() == left.held_back > 0


def replace_credit(buckets, messages):
    """So many messages are left."""
    return type(buckets)(credit_ns=np.array([messages * 10_000_000]), at_ns=buckets.at_ns)


def test_what_counts_in_full_needs_room_for_the_old_and_the_new():
    """Under a tight limit a move is refused, as in a cycle, and the quote taken out."""
    world = sending(limits=LIMITS)
    left = ticked(world, 5000.0 * 1.0003)
    refused = left.verdicts.reason == Reason.WORST_CASE

    assert refused.any()
    assert (left.commands.action == Action.CANCEL).sum() >= refused.sum()


def test_where_quotes_stay_only_those_beyond_fair_value_go():
    """As on a side at a hard limit: the cycle decides there."""
    world = sending(burst_quotes=5)
    take_prepared(world.state, preparation(world.state)())
    world.state.ticking.last.moves.stays[:] = True
    left = ticked(world, 5000.0 * 1.0005)
    orders, theo = left.commands.orders, world.state.ticking.decided.theo
    over = orders.side * (orders.price_ticks - 100.0 * theo[orders.row])

    assert left.commands.size > 0
    assert (left.commands.action == Action.CANCEL).all()
    assert (over > 0.0).all()


def test_nothing_is_moved_where_it_is_killed_held_back_or_at_a_hard_limit():
    world = sending(burst_quotes=5)
    take_prepared(world.state, preparation(world.state)())
    prepared = world.state.ticking.last.moves
    n = prepared.usefulness.size
    zero, where = np.zeros(n), np.arange(n)
    options = world.state.table.is_option & prepared.gate.told
    gate = dataclasses.replace(
        prepared.gate, hard_buy=where == 20, hard_sell=where == 21, killed_rows=where == 22,
        withheld=np.where(where == 23, int(Withheld.SUSPECT), int(Withheld.NOTHING)),
    )  # fmt: skip

    def stays(*, still):
        made = move_terms(
            gate, lean=zero, half_spread_ticks=zero, width_most_ticks=zero, usefulness=zero, full=options, still=still
        )  # fmt: skip
        return set(np.flatnonzero(made.stays[:60]).tolist()) - set(
            np.flatnonzero(~np.repeat(options, 2)).tolist()
        )

    assert options[20:24].all()
    assert stays(still=False) == {40, 43, 44, 45, 46, 47}
    assert stays(still=True) == set(np.flatnonzero(np.repeat(options, 2)[:60]).tolist())


def test_a_desk_that_only_proposes_sends_nothing():
    world = made_up_world(days=DAYS)
    world.price(5001.0)
    assert world.tell(TickDue, reason="spot") is None
    assert world.state.ticking.left is None


def test_columns_made_beside_the_desk_are_those_made_by_the_tick():
    one, other = sending(burst_quotes=5), sending(burst_quotes=5)
    take_prepared(one.state, preparation(one.state)())
    assert ready_on(one.state) == one.cycle.sequence
    assert ready_on(other.state) is None
    bytes_of = []
    for world in (one, other):
        ticked(world, 5001.0)
        bytes_of.append(recorded(world.state, None))
    assert bytes_of[0] == bytes_of[1]
    assert preparation(one.state) is None


def test_ticks_go_on_from_the_cycle_before_while_the_last_is_made_ready():
    """Where only prices were told between them; by its number, so that a replay does the same."""
    world = sending(burst_quotes=5)
    take_prepared(world.state, preparation(world.state)())
    first = world.cycle.sequence
    world.price(5000.5)
    world.due()
    assert ready_on(world.state) == first
    world.price(5001.0)
    assert world.tell(TickDue, reason="spot", on=first) is None
    acknowledge(world)
    world.tell(
        Fill, fill_id="late", instrument=world.quoted[5], side=Side.BUY, quantity=1, price_ticks=100,
        traded_ns=world.now_ns,
    )  # fmt: skip
    world.due()
    assert ready_on(world.state) is None, "a fill was told between them"
    assert world.tell(TickDue, reason="spot", on=first) is not None
    assert world.state.ticking.why_not == "no cycle has been decided since more than prices was told"


def test_a_journal_of_ticks_is_decided_again_to_the_byte():
    """Live made columns ready at odd moments and ticked on the cycle before; the replay makes them when they are asked for."""
    world, chance = sending(burst_quotes=5), np.random.default_rng(3)
    journal = Journal.create(None)
    process = DeskProcess(journal)
    process.take(fact for fact in world.facts if not isinstance(fact, CycleDue | OrdersAnswered))
    now_ns, spot = world.now_ns, 5000.0
    process.decide(now_ns, "open", refit=True)
    for number in range(40):
        now_ns += 60_000_000
        spot *= 1.0 + 5e-5 * chance.standard_normal()
        process.take((UnderlyingQuoted(received_ns=now_ns, underlying="IDX", price=spot),))
        working = process.state.outbox.working
        ids = tuple(working.client_id[working.state == OrderState.PENDING_NEW].tolist())
        process.take(
            (OrdersAnswered(received_ns=now_ns, client_ids=ids, news=(OrderNews.ACKNOWLEDGED,) * len(ids)),)
        )
        if number % 10 == 9:
            process.decide(now_ns, "pace", refit=False)
            continue
        if number % 3 == 0 and (job := preparation(process.state)) is not None:
            take_prepared(process.state, job())
        process.tick(now_ns, "spot", ready_on(process.state) or 0)
    found = redecide(journal)
    ticks = [
        record
        for record in read_records(journal)
        if isinstance(record, Decision) and isinstance(decode_decision(record.payload), TickRecord)
    ]
    journal.close()

    assert found.different == ()
    assert found.undecided == ()
    assert found.decisions == 41
    assert len(ticks) >= 30
    assert sum(len(decode_decision(each.payload).orders) for each in ticks) > 200


def test_a_tick_without_its_decision_is_decided_when_the_journal_is_read():
    """The writer died between the two."""
    world = sending(burst_quotes=5)
    journal = Journal.create(None)
    process = DeskProcess(journal)
    process.take(fact for fact in world.facts if not isinstance(fact, CycleDue | OrdersAnswered))
    process.decide(world.now_ns, "open", refit=True)
    process.take((UnderlyingQuoted(received_ns=world.now_ns, underlying="IDX", price=5000.5),))
    due = journal.append(TickDue(received_ns=world.now_ns, reason="spot"))
    found = redecide(journal)
    journal.close()

    ((cause, payload),) = found.undecided
    assert cause == due.sequence
    assert isinstance(decode_decision(payload), TickRecord)


def test_a_state_that_is_copied_ticks_on_alike():
    """What was made ready is not in the copy, and is made again."""
    world = sending(burst_quotes=5)
    ticked(world, 5000.3)
    acknowledge(world)
    world.price(5000.9)
    twin = copy_of(world.state)
    due = TickDue(received_ns=world.now_ns, sequence=len(world.facts) + 1, reason="spot")
    for state in (world.state, twin):
        assert step(state, due) is None
    assert recorded(world.state, None) == recorded(twin, None)
    assert world.state.ticking.left.commands.size > 0
