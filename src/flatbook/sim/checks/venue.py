"""The desk and its venue: what may leave, what is at work, and whether all is well again at the close."""

from collections.abc import Sequence

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.model.facts import Fact
from flatbook.model.order_events import KillScope, OpenOrdersTold
from flatbook.model.venue_events import PositionsTold, Restarted, VenueSession
from flatbook.sim.checks.violation import Invariant, Violated
from flatbook.sim.day import Day
from flatbook.sim.messages import Command, NewOrder

_STRAINED = 0.9  # of a hard limit: from where on only what a duty demands is left of the adding side
_LATELY_NS = 300_000_000_000  # before the close


class Venue:
    """Keeps what was told of the session."""

    def __init__(self, *, has_room: bool) -> None:
        self._has_room = has_room  # for a quote, whatever is held: limits are wide
        self._up = self._orders = self._positions = True
        self._since = "the open"
        self._frozen_ns = 0  # when a protection kept quotes away last
        self._open: set[int] = set()  # client ids at the exchange, after the last event
        self._quoted_ns: dict[int, int] = {}  # by underlying: when a quote was open at the exchange last

    def heard(self, facts: tuple[Fact, ...]) -> None:
        """News of the session, in the sequence in which they came."""
        for fact in facts:
            match fact:
                case VenueSession():
                    self._up, self._since = fact.up, f"fact {fact.sequence}, {fact}"
                    self._orders = self._positions = False
                case Restarted():
                    self._since = f"fact {fact.sequence}, {fact}"
                    self._orders = self._positions = False
                case OpenOrdersTold():
                    self._orders = True
                case PositionsTold():
                    self._positions = True

    def decided(self, day: Day, cycle: Cycle, commands: Sequence[Command]) -> None:
        """Nothing new leaves before the venue has told both its lists, and nothing at all while its session is down."""
        if cycle.conditions.frozen.any():
            self._frozen_ns = day.now_ns
        new = [each for each in commands if isinstance(each, NewOrder)]
        if not self._up and commands:
            raise Violated(Invariant.RECONCILED, f"no command since {self._since}", commands[0])
        if new and not (self._orders and self._positions):
            raise Violated(Invariant.RECONCILED, f"no order before both lists, since {self._since}", new[0])

    def happened(self, day: Day) -> None:
        """Every order that is open at the exchange may still fill by our own account."""
        if not day.alive:
            return
        working = day.desk.process.state.outbox.working
        alive = working.alive
        ours = dict(zip(working.client_id[alive].tolist(), working.row[alive].tolist(), strict=True))
        strange = set()
        self._open = {client_id for client_id, _ in day.exchange.open_orders()}
        for client_id in self._open:
            row = ours.get(client_id, -1)
            if row < 0:
                strange.add(client_id)
            elif day.table.is_option[row]:
                self._quoted_ns[int(day.table.underlying_of[row])] = day.now_ns
        if strange:
            found = f"{sorted(strange)[:3]} taken for dead"
            raise Violated(Invariant.RECONCILED, "every open order counted", found)

    def ended(self, day: Day) -> None:
        """The desk is up, agrees with its venue, doubts nothing, and quotes what it may."""
        state = day.desk.process.state if day.alive else None
        standing = None if state is None else state.outbox.trading.venues.get(day.desk.venue)
        agrees = (
            standing is None or standing.reconciled or standing.compare
        )  # a cycle would compare: `Books` does
        if state is None or not (day.desk.up and agrees):
            raise Violated(
                Invariant.RECOVERED,
                "a desk that is reconciled",
                "no process" if state is None else standing.text if standing else "a session that is down",
            )
        if day.desk.session.missing or state.outbox.trading.suspect:
            found = f"{day.desk.session.missing} executions missing, {state.outbox.trading.suspect}"
            raise Violated(Invariant.RECOVERED, "nothing missing, no feed in doubt", found)
        self._stuck(day)
        if self._has_room:
            self._quotes(day)

    def _stuck(self, day: Day) -> None:
        """No order counts that the exchange does not have, but for what is on its way; one in what has expired counts nothing."""
        working = day.desk.process.state.outbox.working
        lately_ns = day.clock_ns() - _LATELY_NS
        expiry_ns = day.table.expiry_ns[working.row]
        old = working.alive & ~((expiry_ns > 0) & (expiry_ns <= day.now_ns))
        old &= (working.sent_ns < lately_ns) & (working.cancel_ns < lately_ns)
        gone = [each for each in working.client_id[old].tolist() if each not in self._open]
        if gone:
            raise Violated(Invariant.RECOVERED, "no order counted that is gone", f"{gone[:3]}")

    def _quotes(self, day: Day) -> None:
        cycle, table = day.last_cycle, day.table
        assert cycle is not None, "a day has cycles"
        kills = day.desk.process.state.outbox.kills.on
        for number, name in enumerate(table.underlyings):
            rows = (table.underlying_of == number) & table.is_option
            if {
                (KillScope.DESK, ""),
                (KillScope.UNDERLYING, name),
                (KillScope.VENUE, day.desk.venue),
            } & kills.keys():
                continue
            if any(one.utilisation >= _STRAINED and name in one.underlyings for one in cycle.standing.limits):
                continue
            killed = cycle.conditions.killed
            if killed.size and killed[rows].any():
                continue  # released since
            if day.now_ns - self._frozen_ns < 2 * _LATELY_NS:
                continue
            able = rows & np.isfinite(cycle.values.price)
            last_ns = self._quoted_ns.get(number, day.now_ns)  # never: no limit leaves room for one contract
            if able.any() and last_ns < day.now_ns - _LATELY_NS:
                raise Violated(Invariant.RECOVERED, f"a quote on {name} in the last minutes", "none")
