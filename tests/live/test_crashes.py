"""Desks that are killed beside a venue that lives on: the short form of `python -m benchmarks.crash_report`, and that it finds what it looks for."""

import msgspec
import pytest
from benchmarks.crash_checks import Seen, counted
from benchmarks.crash_desk import ACTION
from benchmarks.crash_kills import kills
from benchmarks.crash_report import page
from benchmarks.crash_stand import Stand, VenueBooks

from flatbook.book.state import book_fill
from flatbook.engine.decision import Decision, OrderDecision
from flatbook.engine.state import State
from flatbook.journal.state_file import Kept, write_state
from flatbook.journal.store import Journal
from flatbook.live.recovery import state_beside
from flatbook.model.events import CycleDue, Fill
from flatbook.model.instruments import Side
from flatbook.model.operator_events import OperatorActed, Outcome
from flatbook.model.table import InstrumentTable
from flatbook.model.venue_events import PositionsTold, Restarted
from flatbook.orders.reconcile import Action
from flatbook.sim.messages import Traded
from tests.adapters.recordings import ITEMS

_KILLS = 3
_TABLE = InstrumentTable(version=1, instruments=ITEMS)
_NAME = ITEMS[0].symbol


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    """A few kills."""
    return kills(_KILLS, 1, tmp_path_factory.mktemp("crash"), 5.0, lambda _: None)


def test_a_few_kills_lose_nothing_double_nothing_and_use_no_number_twice(section):
    assert section.faults == []
    figures = section.figures
    assert figures["kills"] == _KILLS
    assert (figures["lost"], figures["doubled"], figures["old_numbers"], figures["backwards"]) == (0, 0, 0, 0)
    assert figures["acknowledged"] > 3
    assert figures["orders"] > 200
    assert figures["restarts"] >= 1


def test_the_page_tells_every_figure(section):
    text = page([section], 1, 5.0)
    assert "No fault was found." in text
    assert "| **acknowledged events lost** | 0 |" in text
    assert f"| kills | {_KILLS} |" in text


class Crashed:
    """A journal as a desk of this test wrote it, and what was seen of it."""

    def __init__(self, folder):
        self.stand = Stand(folder=folder, port=0, journal=folder / "desk.journal", speed=1.0)
        self.journal = Journal.create(self.stand.journal, {"world": "test"})
        self.state, self.seen = State(table=_TABLE), Seen()
        self.positions, self.fills, self.open = {}, {}, {}
        self.now_ns = 1_000

    def decide(self, *client_ids):
        due = self.journal.append(CycleDue(received_ns=self.tick(), reason="test"))
        orders = tuple(
            OrderDecision(
                action=Action.NEW, symbol=_NAME, side=1, price_ticks=5, quantity=9, client_id=each, replaces=0
            )
            for each in client_ids
        )
        columns = dict.fromkeys(
            ("limits", "hedges", "symbols", "bid_ticks", "ask_ticks", "bid_sizes", "ask_sizes", "exposure"),
            (),
        )
        decision = Decision(cause=due.sequence, orders=orders, **columns)
        self.journal.append_decision(msgspec.msgpack.encode(decision), due.sequence)

    def tick(self):
        self.now_ns += 1
        return self.now_ns

    def trade(self, fill_id, client_id, quantity=1, *, told=True, kept=True):
        """At the venue; told to the journal, and kept in the engine's book."""
        fill = Fill(
            received_ns=self.tick(), fill_id=fill_id, instrument=_NAME, side=Side.BUY, quantity=quantity, price_ticks=5,
            traded_ns=1, client_id=client_id,
        )  # fmt: skip
        if told:
            self.journal.append(fill)
        if kept:
            book_fill(self.state.book, 0, fill)
        self.fills[fill_id] = Traded(
            execution_id=fill_id, client_id=client_id, row=0, side=1, quantity=quantity, price_ticks=5, at_ns=1, fee=0.0,
            capacity="customer", order_id=0, maker=True,
        )  # fmt: skip
        self.positions[_NAME] = self.positions.get(_NAME, 0) + quantity

    def act(self, target, *, told=True):
        """Acknowledged to somebody."""
        acted = self.journal.append(
            OperatorActed(
                received_ns=self.tick(), action=ACTION, who="x", outcome=Outcome.DONE, target=target
            )
        )
        with self.stand.acks.open("a") as file:
            file.write(f"{acted.sequence + (not told)} {target}\n")

    def count(self):
        kept = Kept(self.state, 0, self.journal.sequence, self.journal.head)
        self.journal.close()
        write_state(state_beside(self.stand.journal), kept, {"world": "test"})()
        books = VenueBooks(orders=self.open, positions=self.positions, fills=self.fills, table=_TABLE)
        return counted(self.stand, self.seen, books)


@pytest.fixture
def crashed(tmp_path):
    """A journal without fault so far."""
    found = Crashed(tmp_path)
    found.decide(1, 2)
    found.trade("a", 1)
    found.act("one")
    found.seen.heads.append((found.journal.sequence, found.journal.head))
    return found


def test_a_journal_without_fault_has_none(crashed):
    crashed.seen.open_orders.append((crashed.journal.sequence, frozenset({2})))
    counts = crashed.count()
    assert counts.faults == []
    assert (counts.fills, counts.orders, counts.acknowledged) == (1, 2, 1)


def test_a_fill_that_is_told_again_is_no_fault(crashed):
    crashed.trade("a", 1)
    crashed.positions[_NAME] = 1
    counts = crashed.count()
    assert counts.faults == []
    assert counts.fills_told_again == 1


def test_a_number_that_is_used_twice_is_found(crashed):
    crashed.decide(2)
    assert crashed.count().old_numbers == 1


def test_an_order_at_the_venue_without_a_durable_decision_is_found(crashed):
    crashed.seen.open_orders.append((crashed.journal.sequence, frozenset({3})))
    crashed.decide(3)
    assert crashed.count().old_numbers == 1


def test_a_fill_of_an_order_that_nobody_sent_is_found(crashed):
    crashed.trade("b", 77)
    assert crashed.count().old_numbers == 1


def test_an_acknowledged_action_that_is_not_there_is_found(crashed):
    crashed.act("two", told=False)
    assert crashed.count().lost == 1


def test_a_durable_record_that_is_another_one_is_found(crashed):
    crashed.seen.heads.append((1, b"x" * 32))
    assert crashed.count().lost == 1


def test_a_fill_that_the_journal_has_not_is_found(crashed):
    crashed.trade("b", 1, told=False, kept=False)
    counts = crashed.count()
    assert counts.lost == 1
    assert len(counts.faults) == 2


def test_a_fill_that_the_engine_counts_twice_is_found(crashed):
    crashed.trade("b", 2, told=False)
    del crashed.fills["b"]
    crashed.positions[_NAME] = 1
    assert crashed.count().doubled > 0


def test_orders_that_are_left_at_the_venue_are_found(crashed):
    crashed.open[2] = 9
    assert crashed.count().faults == ["1 orders are open at the venue after an orderly stop"]


def test_a_restart_that_never_had_an_answer_is_found(crashed):
    crashed.journal.append(Restarted(received_ns=crashed.tick(), reason="test"))
    crashed.decide(3)
    faults = crashed.count().faults
    assert "before the venue was asked" in faults[0]
    assert "never had the venue's answer" in faults[1]


def test_a_restart_that_asked_is_fine(crashed):
    crashed.journal.append(Restarted(received_ns=crashed.tick(), reason="test"))
    told = PositionsTold(
        received_ns=crashed.tick(), venue="v", asked_ns=1, executions=1, symbols=(_NAME,), quantities=(1,)
    )
    crashed.journal.append(told)
    crashed.decide(3)
    assert crashed.count().faults == []


def test_time_that_goes_back_is_found(crashed):
    crashed.now_ns -= 100
    crashed.decide(3)
    assert crashed.count().backwards == 1
