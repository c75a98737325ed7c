"""One desk between two commits: what arrived becomes facts, a cycle becomes commands; no task, no socket, no waiting.

Everything here is called by one task. What is taken is in the journal's batch before it is folded; the caller makes the batch durable
before any command leaves.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from flatbook.engine.cycle import Cycle
from flatbook.engine.state import State
from flatbook.engine.tick_sending import Prepared, preparation, ready_on, take_prepared
from flatbook.engine.ticking import ticked
from flatbook.live.clock import DeskClock
from flatbook.live.ports import Opening, Reports, SessionLost, SessionUp, Told, VenueNews
from flatbook.live.validity import refuse_unknown
from flatbook.model.errors import FlatbookError
from flatbook.model.facts import Fact
from flatbook.model.order_events import KillScope, KillSet, OrdersAnswered
from flatbook.model.parameters import Desk, Limit
from flatbook.model.world_fault_terms import WireTerms
from flatbook.orders.reconciliation import VenueStanding
from flatbook.orders.state import WorkingOrders
from flatbook.sim.desk_process import DeskProcess
from flatbook.sim.desk_side import Answer, DeskSide, Question
from flatbook.sim.feed import FeedMessage
from flatbook.sim.messages import Cancel, Command

SHUTDOWN = "service shutdown"  # owner of the kill that a stop sets, and that the next start releases
NOT_YET = "no session yet"  # reason of the session that a desk does not have before its venue spoke


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a desk begins with."""

    opening: Opening
    desk: Desk
    limits: tuple[Limit, ...]
    wire: WireTerms  # how long to wait for what is missing


@dataclass(slots=True, kw_only=True)
class Heard:
    """What was folded since somebody looked."""

    facts: list[Fact] = field(default_factory=list)

    def take(self) -> tuple[Fact, ...]:
        """All of it."""
        facts, self.facts = self.facts, []
        return tuple(facts)


class Core:
    """The desk's process and its ends of feed and session.

    Parameters
    ----------
    start : Start
    clock : DeskClock
    process : DeskProcess
        New, or as it came out of its journal.
    """

    def __init__(self, start: Start, clock: DeskClock, process: DeskProcess) -> None:
        self.start, self.clock, self.process = start, clock, process
        self.heard = Heard()
        process.heard = self._hear
        self.side = DeskSide(process, start.opening.table, start.desk, start.wire, clock.steady_ns())
        self.last_cycle: Cycle | None = None
        self._awaits_answers = True  # something waits for what the venue says of orders
        self.refused: deque[str] = deque(maxlen=100)  # facts that could not be folded: why

    @property
    def state(self) -> State:
        """Of the engine: to look at."""
        return self.process.state

    @property
    def orders(self) -> WorkingOrders:
        """Ours."""
        return self.process.state.outbox.working

    @property
    def venue(self) -> str:
        """Name of the venue."""
        return self.side.venue

    @property
    def venue_standing(self) -> VenueStanding | None:
        """Where the session with the venue stands; None before anything was told."""
        return self.process.state.outbox.trading.venues.get(self.side.venue)

    def begin(self) -> None:
        """Tell a new desk everything that it knows before its first message; it trusts no session until one is told."""
        opening = self.start.opening
        self.side.open(opening.facts, self.start.limits, opening.opens_ns, opening.closes_ns)
        self.side.lose_session(self.clock.now_ns(), NOT_YET)

    def begin_again(self) -> None:
        """The process came out of its journal: it trusts no feed and no session until they spoke."""
        now_ns = self.clock.now_ns()
        self.side.begin_anew(self.process, self.clock.steady_ns(), now_ns)
        self.side.lose_session(now_ns, NOT_YET)
        kill = self.state.outbox.kills.on.get((KillScope.DESK, ""))
        if kill is not None and kill.owner == SHUTDOWN:
            self.stop_all(on=False, reason="the desk runs again")

    def hear(self, messages: Sequence[FeedMessage | Told]) -> None:
        """Take market data."""
        for message in messages:
            if isinstance(message, Told):
                self.told(message)
            else:
                self.side.hear(message, self.clock.steady_ns(), self.clock.now_ns())

    def told(self, told: Told) -> None:
        """Take facts that somebody else has checked; one that the engine could not fold is left out, and kept for a person to see."""
        now_ns = self.clock.now_ns()
        for fact in told.facts:
            try:
                received = replace(fact, received_ns=now_ns)
                refuse_unknown(self.state, received)
            except FlatbookError as refused:
                self.refused.append(str(refused))
                continue
            self.process.take((received,))

    def listen(self, news: VenueNews) -> bool:
        """Take what the venue says; True where it should be asked for orders and positions."""
        now_ns = self.clock.now_ns()
        match news:
            case Reports(envelopes=envelopes):
                self.side.receive(envelopes, now_ns)
            case Answer():
                return not self.side.told(news, now_ns)
            case SessionUp(cancelled=cancelled):
                self.side.find_session(now_ns, cancelled=cancelled)
                return True
            case SessionLost():
                if self.side.up:
                    self.side.lose_session(now_ns)
            case Told():
                self.told(news)
        return False

    def say(self, fact: Fact) -> int:
        """Take what a person says; its sequence."""
        self.process.take((replace(fact, received_ns=self.clock.now_ns()),))
        return self.heard.facts[-1].sequence

    def stop_all(self, *, on: bool, reason: str) -> None:
        """The service's own kill switch of the desk."""
        self.process.take(
            (
                KillSet(
                    received_ns=self.clock.now_ns(),
                    scope=KillScope.DESK,
                    on=on,
                    owner=SHUTDOWN,
                    reason=reason,
                ),
            )
        )

    def look_around(self) -> None:
        """Look for feeds that say nothing."""
        self.side.listen(self.clock.steady_ns(), self.clock.now_ns())

    def doubt_feed(self, reason: str) -> None:
        """A line of market data broke: nothing of it is trusted until a snapshot came."""
        names = self.start.opening.table.underlyings
        self.process.take(self.side.trust.doubt("gap", names, reason, self.clock.now_ns()))

    def wants_answer(self) -> bool:
        """Whether the venue should be asked, because something is in doubt."""
        side = self.side
        unsure = not side.reconciled or side.is_overdue(self.clock.steady_ns())
        return side.up and (side.asked_ns is not None or unsure)

    def question(self) -> Question:
        """For open orders and positions."""
        return self.side.ask(self.clock.steady_ns(), self.clock.now_ns())

    def decide(self, reason: str, *, refit: bool) -> tuple[Cycle, list[Command]]:
        """One cycle, and what it sends."""
        cycle, commands = self.side.decide(self.clock.steady_ns(), self.clock.now_ns(), reason, refit=refit)
        self.last_cycle, self._awaits_answers = cycle, True
        return cycle, commands

    def tick(self, reason: str) -> tuple[Cycle | None, Callable[[], list[Command]]]:
        """One tick, on the cycle that is ready: the cycle that it was instead, where it was one, and what makes its commands."""
        on, at_ns = ready_on(self.state), self.clock.steady_ns()
        cycle, left = self.side.tick(self.clock.now_ns(), reason, on or 0)
        self._awaits_answers = cycle is not None or (left is not None and left.held_back > 0)
        self.last_cycle = cycle or self.last_cycle
        return cycle, lambda: self.side.sends(cycle, left, at_ns)

    @property
    def is_calm(self) -> bool:
        """Whether nothing but prices was told since the last cycle."""
        return ticked(self.state) is not None and not self.state.ticking.disturbed

    @property
    def is_ready(self) -> bool:
        """Whether a cycle is made ready for ticks: the last, or the one before it."""
        return ready_on(self.state) is not None

    @property
    def asks(self) -> bool:
        """Whether what was folded since somebody looked asks for a decision; answers alone do where something waits for them."""
        facts = self.heard.facts
        return bool(facts) and (
            self._awaits_answers or any(not isinstance(fact, OrdersAnswered) for fact in facts)
        )

    def preparation(self) -> Callable[[], Prepared] | None:
        """Makes the last cycle ready for ticks, in another thread; None where it need not be."""
        return preparation(self.state)

    def take_prepared(self, prepared: Prepared) -> None:
        """Tick on it from now on, unless another cycle was decided meanwhile."""
        take_prepared(self.state, prepared)

    def cancels(self) -> list[Command]:
        """What takes every order of ours out, for a desk that can decide nothing more."""
        orders = self.orders
        return [Cancel(client_id=client_id) for client_id in orders.client_id[orders.alive].tolist()]

    def _hear(self, facts: tuple[Fact, ...]) -> None:
        self.heard.facts.extend(facts)
