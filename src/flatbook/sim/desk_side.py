"""The desk's side of a simulated day: what arrives becomes facts, a cycle becomes commands, and questions to the venue are asked."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.model.events import DeskSet, LimitsSet
from flatbook.model.facts import Fact
from flatbook.model.order_events import OpenOrdersTold
from flatbook.model.parameters import Desk, Limit
from flatbook.model.quoting_events import DutySession
from flatbook.model.table import InstrumentTable, Ints
from flatbook.model.venue_events import PositionsTold, VenueSession
from flatbook.model.world_fault_terms import WireTerms
from flatbook.orders.columns import Purpose
from flatbook.orders.moves import Moves
from flatbook.orders.reconcile import Commands
from flatbook.sim.desk_process import DeskProcess
from flatbook.sim.exchange.reasons import Refusal
from flatbook.sim.feed import FeedMessage
from flatbook.sim.feed_reader import FeedReader
from flatbook.sim.messages import (
    Acknowledged,
    Cancel,
    Cancelled,
    CancelRejected,
    Command,
    NewOrder,
    Rejected,
    Report,
)
from flatbook.sim.session import SessionReader
from flatbook.sim.trust import Trust
from flatbook.sim.wire import Envelope

_WHO = "simulation"
_GAP = "gap"
_GRACE_NS = (
    100_000_000  # an order that left so lately may still be on its way: no list of open orders judges it
)
_OVERDUE_NS = 10_000_000_000  # without an answer to an order or a cancel


class Question(NamedTuple):
    """Which orders are open, and what we hold."""

    asked_ns: int  # by the desk's clock
    at_ns: int  # time that never jumps
    since_ns: int  # of the session, by the desk's clock


class Answer(NamedTuple):
    """What the venue counts."""

    question: Question
    orders: Sequence[tuple[int, int]]  # client ids and open contracts
    positions: Ints  # [n_rows]
    executions: int
    counted_ns: int


class DeskSide:
    """One desk, its readers and its session with the venue."""

    def __init__(
        self, process: DeskProcess, table: InstrumentTable, desk: Desk, terms: WireTerms, at_ns: int
    ) -> None:
        self.process, self.desk, self._table, self._terms = process, desk, table, terms
        self.venue = desk.orders.venue
        self.up = True
        self.asked_ns: int | None = (
            None  # by the desk's clock, when it last asked what it has; None: it need not
        )
        self._unanswered: dict[tuple[int, bool], int] = {}  # client id, whether it is a cancel: when sent
        self._since_ns = 0  # by the desk's clock, when it learned last that the session stands
        self._begin(at_ns)

    def open(self, facts: Sequence[Fact], limits: tuple[Limit, ...], opens_ns: int, closes_ns: int) -> None:
        """Everything that a desk is told before the open."""
        before = opens_ns
        self.process.take(
            (
                *facts[:1],
                DeskSet(received_ns=before, desk=self.desk, by=_WHO),
                LimitsSet(received_ns=before, limits=limits, by=_WHO),
                *facts[1:],
                *(
                    DutySession(received_ns=before, duty=duty.name, opens_ns=opens_ns, closes_ns=closes_ns)
                    for duty in self.desk.duties
                ),
            )
        )

    def begin_anew(self, process: DeskProcess, at_ns: int, received_ns: int) -> None:
        """The process is another one, from the same journal: it trusts no feed and no session until they spoke."""
        self.process = process
        self.up = False
        self._begin(at_ns)
        names = self._table.underlyings
        process.take(self.trust.doubt(_GAP, names, "the process began anew", received_ns))

    def hear(self, message: FeedMessage, at_ns: int, received_ns: int) -> None:
        """A message of the feed."""
        self.process.take(self.feed.read(message, at_ns=at_ns, received_ns=received_ns))

    def listen(self, at_ns: int, received_ns: int) -> None:
        """Look for feeds that say nothing; a session that was found by a clock that has gone back since is found again."""
        self.process.take(self.feed.listen(at_ns=at_ns, received_ns=received_ns))
        if self.up and received_ns < self._since_ns:
            self.find_session(received_ns, cancelled=False)

    @property
    def reconciled(self) -> bool:
        """Whether the venue and the desk agree, as the engine sees it."""
        standing = self.process.state.outbox.trading.venues.get(self.venue)
        return standing is None or standing.reconciled

    def ask(self, at_ns: int, received_ns: int) -> Question:
        """A question for open orders and positions is put; `at_ns` is time that never jumps."""
        self.asked_ns = received_ns
        return Question(asked_ns=received_ns, at_ns=at_ns, since_ns=self._since_ns)

    def is_overdue(self, at_ns: int) -> bool:
        """Whether an order or a cancel has had no answer for long, or one is unknown, or nobody asked for long; by time that never jumps."""
        doubt = self._doubtful or self.process.state.outbox.working.n_unknown > 0
        again_ns = round(self._terms.ask_again_s * 1e9)  # the end of an order may have been told in vain
        doubt |= 0 < again_ns < at_ns - self._told_at_ns
        return doubt or any(at_ns - sent_ns > _OVERDUE_NS for sent_ns in self._unanswered.values())

    def receive(self, envelopes: Sequence[Envelope], received_ns: int) -> None:
        """Reports of the exchange."""
        for each in envelopes:
            self._answered(each.report)
        self.process.take(self.session.read(envelopes, received_ns))

    def lose_session(self, received_ns: int, reason: str = "lost") -> None:
        """The session with the venue is lost, or there was none yet."""
        self.up = False
        self.process.take((VenueSession(received_ns=received_ns, venue=self.venue, up=False, reason=reason),))

    def find_session(self, received_ns: int, *, cancelled: bool) -> None:
        """The session stands again; what became of orders is asked for next."""
        self.up, self._since_ns = True, received_ns
        self.process.take(
            (VenueSession(received_ns=received_ns, venue=self.venue, up=True, orders_cancelled=cancelled),)
        )

    def told(self, answer: Answer, received_ns: int) -> bool:
        """Take the venue's answer; False where it answers what was asked before the session was found last, or by a clock that was ahead."""
        question, positions = answer.question, answer.positions
        if question.since_ns != self._since_ns or question.asked_ns > received_ns:
            return False
        judged_ns = question.at_ns - _GRACE_NS
        self._told_at_ns, self._doubtful = question.at_ns, False
        self._unanswered = {
            each: sent_ns for each, sent_ns in self._unanswered.items() if sent_ns >= judged_ns
        }
        rows = np.flatnonzero(positions)
        self.process.take(
            (
                OpenOrdersTold(
                    received_ns=received_ns,
                    venue=self.venue,
                    asked_ns=max(question.asked_ns - _GRACE_NS, self._since_ns),
                    client_ids=tuple(client_id for client_id, _ in answer.orders),
                    quantities=tuple(left for _, left in answer.orders),
                ),
                PositionsTold(
                    received_ns=received_ns,
                    venue=self.venue,
                    asked_ns=answer.counted_ns,
                    executions=answer.executions,
                    symbols=tuple(self._table.instruments[row].symbol for row in rows.tolist()),
                    quantities=tuple(positions[rows].tolist()),
                ),
            )
        )
        if self.asked_ns == question.asked_ns:
            self.asked_ns = None
        return True

    def decide(
        self, at_ns: int, received_ns: int, reason: str, *, refit: bool
    ) -> tuple[Cycle, list[Command]]:
        """One cycle, and what it sends."""
        cycle = self.process.decide(received_ns, reason, refit=refit)
        return cycle, self._sent(commands_of(cycle), at_ns)

    def tick(self, received_ns: int, reason: str, on: int) -> tuple[Cycle | None, Moves | None]:
        """One tick on the cycle numbered `on`: what leaves after it, or the cycle that it was instead; `sends` makes commands of either."""
        cycle = self.process.tick(received_ns, reason, on)
        return cycle, self.process.state.ticking.left

    def sends(self, cycle: Cycle | None, left: Moves | None, at_ns: int) -> list[Command]:
        """The commands of a tick."""
        if cycle is not None:
            return self._sent(commands_of(cycle), at_ns)
        return [] if left is None else self._sent(_messages(left.commands, left.next_id), at_ns)

    def _sent(self, commands: list[Command], at_ns: int) -> list[Command]:
        """They leave now, and an answer is awaited."""
        for command in commands:
            self._unanswered.setdefault((command.client_id, isinstance(command, Cancel)), at_ns)
        return commands

    def _answered(self, report: Report | None) -> None:
        match report:
            case Rejected() if report.reason == Refusal.DUPLICATE:
                pass  # of a copy: it says nothing of the order
            case Rejected() if report.reason == Refusal.UNKNOWN:
                self._unanswered.pop((report.client_id, False), None)
                self._doubtful = True  # what it was to replace is not there
            case Acknowledged() | Rejected():
                self._unanswered.pop((report.client_id, False), None)
            case Cancelled() | CancelRejected():
                self._unanswered.pop((report.client_id, False), None)
                self._unanswered.pop((report.client_id, True), None)
            case _:
                pass

    def _begin(self, at_ns: int) -> None:
        self._unanswered.clear()
        self._told_at_ns, self._doubtful = at_ns, False
        self.trust = Trust()
        self.feed = FeedReader(self._table, self._terms, self.trust, at_ns)
        self.session = SessionReader(
            self._table, self.venue, self.trust, resend_after_ms=self._terms.resend_after_ms
        )


def commands_of(cycle: Cycle) -> list[Command]:
    """What a cycle sends, in its sequence; hedges and offsets trade at once or not at all."""
    left = cycle.outgoing
    return [] if left is None else _messages(left.commands, left.next_id)


def _messages(commands: Commands, next_id: int) -> list[Command]:
    """Commands as the venue hears them; `next_id` is the client id of the first that is new."""
    orders = commands.orders
    columns = (
        commands.ids_from(next_id),
        ~commands.cancels,
        orders.row,
        orders.side,
        orders.price_ticks,
        orders.quantity,
        orders.purpose,
        orders.replaces,
    )
    return [
        NewOrder(
            client_id=client_id,
            row=row,
            side=side,
            price_ticks=price,
            quantity=quantity,
            is_quote=purpose == Purpose.QUOTE,
            replaces=replaces,
            immediate=purpose != Purpose.QUOTE,
        )
        if is_new
        else Cancel(client_id=client_id)
        for client_id, is_new, row, side, price, quantity, purpose, replaces in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]
