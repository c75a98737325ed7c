"""All checkers together, as one who watches a day."""

from collections.abc import Sequence

from flatbook.engine.cycle import Cycle
from flatbook.model.facts import Fact
from flatbook.model.order_events import OrdersAnswered
from flatbook.sim.breaches import UNACCOUNTED
from flatbook.sim.checks.books import Books
from flatbook.sim.checks.bounds import Bounds
from flatbook.sim.checks.days import TestedDay
from flatbook.sim.checks.durability import Durability
from flatbook.sim.checks.freshness import Freshness
from flatbook.sim.checks.obligations import Obligations, settled_ns
from flatbook.sim.checks.venue import Venue
from flatbook.sim.checks.violation import Invariant, Violated
from flatbook.sim.day import Day
from flatbook.sim.desk_process import DeskProcess
from flatbook.sim.exchange.reasons import Refusal
from flatbook.sim.experiments.account import account_of
from flatbook.sim.experiments.record import DayRecord
from flatbook.sim.messages import Command

_LOOK_S = 61.0  # between two looks of the desk for silent feeds, and what a message takes


class Checker:
    """Raises `Violated` at the first thing that is wrong."""

    def __init__(self, tested: TestedDay, calm_ns: int, *, faults: bool) -> None:
        market, stage = tested.market, tested.stage
        self.events = self.rejected = 0
        self.books = Books(market.table)
        self.bounds = Bounds(market.table, stage.desk, stage.limits)
        self.freshness = Freshness(market.table, stage.scenario.wire.silence_s + _LOOK_S)
        self.durability = Durability()
        begins_ns = settled_ns(calm_ns, faults=faults, open_ns=int(market.at_ns[0]))
        self.obligations = Obligations(market.table, begins_ns)
        self.venue = Venue(has_room=not tested.is_tight)
        self._process: DeskProcess | None = None

    def heard(self, day: Day, facts: tuple[Fact, ...]) -> None:
        """Facts have become durable."""
        self.rejected += sum(
            isinstance(fact, OrdersAnswered) and fact.reason == Refusal.SYSTEM for fact in facts
        )
        self.durability.heard(facts)
        self.books.heard(facts)
        self.bounds.heard(facts)
        self.freshness.heard(facts, day.now_ns)
        self.obligations.heard(facts)
        self.venue.heard(facts)

    def decided(self, day: Day, cycle: Cycle, commands: Sequence[Command]) -> None:
        """A cycle's commands are about to leave."""
        self.durability.decided(cycle, commands)
        self.venue.decided(day, cycle, commands)
        self.freshness.decided(cycle, commands, day.now_ns)
        self.bounds.decided(cycle, commands, self.books.told.positions())
        self.obligations.decided(day, cycle, len(commands))

    def happened(self, day: Day) -> None:
        """After every event."""
        self.events += 1
        if day.alive and day.desk.process is not self._process:
            if self._process is not None and day.storage is not None:
                self.durability.check(day.storage.journal)
                self.books.anew()
            self._process = day.desk.process
        self.books.happened(day)
        self.venue.happened(day)

    def ended(self, day: Day, record: DayRecord) -> None:
        """The day is over."""
        _accounted(record)
        self.venue.ended(day)
        self.books.ended(day)
        if day.storage is not None:
            self.durability.check(day.storage.journal)
            self.durability.replay(day.storage.journal)
            if self.freshness.crossed:
                self.durability.replay_crossed(day.storage.journal)


def _accounted(record: DayRecord) -> None:
    """The identity V41, and a cause of each time beyond a hard limit."""
    try:
        account_of(record)
    except AssertionError as error:
        raise Violated(Invariant.ACCOUNT, "parts that add up to cash and worth", error) from error
    strange = [breach for breach in record.breaches if breach.cause == UNACCOUNTED]
    if strange:
        raise Violated(Invariant.BEYOND, "a gap or a late fill", strange[0])
