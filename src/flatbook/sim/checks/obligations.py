"""The time under obligation by the desk's clock beside the exchange's, in stretches in which both know the same.

A stretch begins at a cycle of a desk that is reconciled, once faults have been over for long enough that every lost answer has been asked
for, and lasts while it is the same process and no protection trips (our own goes off before the venue's, and then we claim less). After a
clock that was ahead none begins until our time has caught up with what was counted. In it the
two differ only by what is on its way: the desk learns of an acknowledgement, a fill or a cancel later than it happens, and takes a quote
off its count when its cancel is decided, not when it arrives. So each command and each report moves the count of one series by at most the
time that it takes, and that is all that is tolerated. Of open time nothing is.
"""

from flatbook.engine.cycle import Cycle
from flatbook.model.events import Fill
from flatbook.model.facts import Fact
from flatbook.model.order_events import OrdersAnswered
from flatbook.model.quoting_events import ProtectionTripped
from flatbook.model.table import InstrumentTable
from flatbook.sim.checks.violation import Invariant, Violated
from flatbook.sim.day import Day
from flatbook.sim.desk_process import DeskProcess

_SETTLED_NS = (
    320_000_000_000  # after the last fault: by then the desk has asked for its open orders, whatever it knew
)
_ON_ITS_WAY_NS = 30_000_000  # decision, wire and grid, tenfold medians


class Obligations:
    """Compares both clocks at every cycle of a stretch."""

    def __init__(self, table: InstrumentTable, calm_ns: int) -> None:
        self._options, self._from_ns = table.is_option, calm_ns
        self.compared_s = 0.0  # of stretches, for whoever doubts that there were any
        self._process: DeskProcess | None = None
        self._trips: tuple[object, ...] = ()
        self._start: tuple[int, int, int, int] | None = None
        self._at_ns = 0
        self._moves = 0

    def heard(self, facts: tuple[Fact, ...]) -> None:
        """Reports, each of which moves a count."""
        for fact in facts:
            match fact:
                case OrdersAnswered():
                    self._moves += len(fact.client_ids)
                case Fill():
                    self._moves += 1
                case ProtectionTripped():
                    self._start = None

    def decided(self, day: Day, cycle: Cycle, commands: int) -> None:
        """Compare since the stretch began, or begin one."""
        duties, process = cycle.conditions.duties, day.desk.process
        if not duties or day.now_ns < self._from_ns:
            return
        trips = process.state.quoting.trips
        if process is not self._process or trips != self._trips or not day.desk.reconciled:
            self._start = None
        self._process, self._trips = process, trips
        duty, counted = duties[0].duty, day.exchange.quoted_time(day.now_ns)
        now = (
            int(duty.quoted_ns.sum()),
            int(duty.open_ns.sum()),
            int(counted.quoted_ns[self._options].sum()),
            int(counted.open_ns[self._options].sum()),
        )
        if duty.as_of_ns > cycle.now_ns:
            self._start = None  # our clock was ahead, and this time was counted already
        elif self._start is None:
            self._start, self._moves = now, 0
        else:
            self._compare(*(each - before for each, before in zip(now, self._start, strict=True)))
            self.compared_s += (day.now_ns - self._at_ns) / 1e9
        self._at_ns = day.now_ns
        self._moves += (
            2 * commands
        )  # one leaves a count when it is decided, one joins when it is acknowledged

    def _compare(self, ours: int, our_open: int, theirs: int, their_open: int) -> None:
        if our_open != their_open:
            raise Violated(
                Invariant.DUTY, f"{their_open / 1e9} series-seconds open in this stretch", our_open / 1e9
            )
        bound = self._moves * _ON_ITS_WAY_NS
        if abs(ours - theirs) > bound:
            raise Violated(
                Invariant.DUTY,
                f"{theirs / 1e9} series-seconds quoted in this stretch, give or take {bound / 1e9} s",
                ours / 1e9,
            )


def settled_ns(calm_ns: int, *, faults: bool, open_ns: int) -> int:
    """From when on stretches may begin."""
    return calm_ns + _SETTLED_NS if faults else open_ns
