"""One simulated day: the market moves, everybody else requotes, customers come, the desk hears of it, decides and sends.

Everything happens at an instant, in order of time and then of when it was planned; nothing depends on a clock or on the machine. What the
desk does not know yet it cannot act on: its facts come over the wire and the feed.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from msgspec.structs import replace

from flatbook.engine.cycle import Cycle
from flatbook.model.facts import Fact
from flatbook.model.order_events import KillSet
from flatbook.sim.desk_process import DeskProcess, restarted
from flatbook.sim.desk_side import Answer, DeskSide, Question
from flatbook.sim.exchange.clearing import Expired
from flatbook.sim.exchange.ledger import DESK
from flatbook.sim.experiments.record import DayRecord
from flatbook.sim.faults import Disconnect, StorageFault
from flatbook.sim.feed import FeedMessage
from flatbook.sim.messages import Busted, Cancel, Command, Corrected, NewOrder, Report, Traded
from flatbook.sim.moment import CustomerOrder, DayMarket, Moment
from flatbook.sim.policies import UNBOUND, Policy, desk_under, limits_under
from flatbook.sim.recorder import Recorder, watched_row
from flatbook.sim.stage import Stage
from flatbook.sim.storage import Killed, NoStorage, Storage
from flatbook.sim.timeline import Timeline
from flatbook.sim.trade_log import TradeLog, exercise_facts
from flatbook.sim.venue_world import World
from flatbook.sim.watch import Watch
from flatbook.sim.wire import Envelope

_S_NS, _MS_NS = 1_000_000_000, 1_000_000
_LISTEN_NS = 60 * _S_NS  # between two looks for silent feeds, heartbeats and what is missing
_TIMEOUT_NS = 3 * _S_NS  # without a heartbeat, until a session counts as lost
_BACK_NS = 5 * _S_NS  # from a process's end until the next one begins


class Day:
    """A day under one policy at one seed."""

    def __init__(
        self,
        stage: Stage,
        policy: Policy,
        seed: int,
        market: DayMarket,
        orders: Sequence[CustomerOrder],
        *,
        storage: Storage | None = None,
        watch: Watch | None = None,
    ) -> None:
        scenario = stage.scenario
        self.stage, self.policy, self.seed, self.market = stage, policy, seed, market
        self.timeline = Timeline(int(market.at_ns[0]))
        self.world = World(stage, seed, market, self.timeline, self, stage.desk.orders.venue)
        self.table, self.open_ns, self.close_ns = self.world.table, self.world.open_ns, self.world.close_ns
        self.plan, self.wire, self.feed = self.world.plan, self.world.wire, self.world.feed
        self.exchange, self.settlements = self.world.exchange, self.world.settlements
        self.storage = storage
        self.watch = watch
        desk = desk_under(policy, stage.desk)
        process = DeskProcess(None if storage is None else storage.begin(), self._heard)
        self.desk = DeskSide(process, self.table, desk, scenario.wire, self.open_ns)
        self.alive = True
        self.cycles = 0
        self.last_cycle: Cycle | None = None
        self.recorder = Recorder(
            table=self.table,
            market=market,
            watch=watched_row(scenario.watch, self.table, self.moment),
            unbound=1.0 if policy.obeys_limits else UNBOUND,
            markout_ns=round(scenario.markout_s * _S_NS),
        )
        self.trades = TradeLog(self.table, frozenset(order.order_id for order in orders if order.informed))
        self._orders = orders
        self._at = self.timeline.at
        self._moves, self._refit = 0, True
        self._last_ns = self.open_ns  # of the last cycle
        self._due_ns: int | None = None  # of the next cycle that is planned
        self._leaves_ns = self.open_ns  # of the commands that left last, or will

    def run(self) -> DayRecord:
        """Run it to its end."""
        self._open()
        while self._taken():
            if self.watch is not None:
                self.watch.happened(self)
        return self._close()

    @property
    def now_ns(self) -> int:
        """The instant at which the day stands."""
        return self.timeline.now_ns

    @property
    def moment(self) -> Moment:
        """The market as it stands."""
        return self.world.moment

    def clock_ns(self) -> int:
        """What the desk's clock shows now."""
        return self.plan.clock_ns(self.now_ns)

    def _heard(self, facts: tuple[Fact, ...]) -> None:
        if self.watch is not None:
            self.watch.heard(self, facts)

    # What is planned.

    def _taken(self) -> bool:
        """Take the next action of the day; False where there is none."""
        try:
            return self.timeline.take(self.close_ns)
        except (Killed, NoStorage) as fault:
            self._die(fault)
            return True

    def _open(self) -> None:
        limits = limits_under(self.policy, self.stage.limits)
        self.exchange.open_session(self.open_ns)
        self.desk.open(self.market.opening(), limits, self.open_ns, self.close_ns)
        listed = self.desk.process.state.table.instruments
        assert [each.symbol for each in listed] == [each.symbol for each in self.table.instruments], (
            "the desk lists other contracts than the market"
        )
        self._at(self.open_ns + _LISTEN_NS, self._listen)
        self.world.begin(self._orders)
        for broken in self.plan.disconnects:
            self._at(broken.from_ns, self._disconnect, broken)
            self._at(broken.to_ns, self._reconnect, broken)
        for fault in (*self.plan.kills, *self.plan.full_disks):
            self._at(fault.at_ns, self._fail_storage, fault)
        self._at(self.plan.calm_from_ns, self._calm_down)

    def _close(self) -> DayRecord:
        self.timeline.now_ns = self.close_ns
        end = self.market.moment(len(self.market.at_ns) - 1)
        self.world.tell(self.exchange.close_session(self.close_ns))
        self._assign_early(end)
        ledger = self.exchange.ledger
        unit = self.table.multiplier / self.table.ticks_per_unit
        cash = float(np.sum(ledger.cash_ticks[DESK] * unit)) - ledger.fees_paid
        cash += float(np.sum(ledger.settled_cash(DESK) * self.table.multiplier))
        quoted = self.exchange.quoted_time(self.close_ns)
        covered = self.table.is_option & (quoted.open_ns > 0)
        duty_met = float(np.mean(quoted.share[covered])) if covered.any() else float("nan")
        counts = self.recorder.counts
        counts |= {"facts": self.desk.process.facts, "late_fills": self.trades.late_fills}
        return self.recorder.record(
            self.stage.scenario.name,
            self.policy.name,
            self.seed,
            end,
            self.exchange.positions(),
            cash,
            duty_met,
            self.trades.rows,
        )

    def _assign_early(self, end: Moment) -> None:
        """After the close: early exercise of what the desk is short of."""
        for exercise in self.exchange.assign_early(end, self.close_ns):
            self.trades.exercised(exercise, end, self.close_ns)
            facts = exercise_facts(exercise, self.table, self.clock_ns())
            self.settlements.extend(facts)
            if self.alive:
                self.desk.process.take(facts)

    # What the exchange tells, and the desk hears.

    def expired(self, expired: Expired) -> None:
        """A contract has ended, by the exchange's account."""
        self.trades.settle(expired, self.moment, self.now_ns)

    def clear(self, facts: Sequence[Fact]) -> None:
        """What the clearing house tells; it says so again until somebody hears it."""
        if not self.alive:
            self._at(self.now_ns + _LISTEN_NS, self.clear, facts)
            return
        try:
            self.desk.process.take([replace(fact, received_ns=self.clock_ns()) for fact in facts])
        except (Killed, NoStorage):
            self._at(self.now_ns + _LISTEN_NS, self.clear, facts)
            raise
        self._soon()

    def reported(self, reports: Sequence[Report]) -> None:
        """Every trade is recorded as the exchange counts it."""
        for report in reports:
            self._remember(report)

    def deliver(self, sent: Sequence[tuple[int, Envelope]]) -> None:
        """Reports that are on their way."""
        for at_ns, some in groupby(sent, key=_read_ns):
            self._at(at_ns, self.receive, [envelope for _, envelope in some])

    def _remember(self, report: Report) -> None:
        if isinstance(report, Traded | Busted | Corrected):
            self.trades.see(report, self.moment, self.now_ns)
        else:
            self.recorder.count(type(report).__name__.lower())

    def hear(self, message: FeedMessage) -> None:
        """A move of the market: the desk decides on it."""
        if self.alive:
            self._refit |= self._moves % self.stage.scenario.refit_every == 0
            self._moves += 1
            self.desk.hear(message, self.now_ns, self.clock_ns())
            self._soon()

    def hear_again(self, message: FeedMessage) -> None:
        """Nobody has to decide because of it."""
        if self.alive:
            self.desk.hear(message, self.now_ns, self.clock_ns())

    def receive(self, envelopes: Sequence[Envelope]) -> None:
        """Reports that arrived together."""
        if not self.alive or self.plan.is_down(self.now_ns, self.now_ns):
            return
        self.desk.receive(envelopes, self.clock_ns())
        if any(isinstance(each.report, Traded) and each.report.maker for each in envelopes):
            self._soon(after_s=self.stage.scenario.react_s)
        after = self.desk.session.resend_after(self.now_ns)
        if after is not None and (at_ns := self.wire.reach_venue_ns(self.now_ns)) is not None:
            self._at(at_ns, self._resend, after)

    def _resend(self, after: int) -> None:
        for at_ns, envelope in self.wire.resend(self.now_ns, after):
            self._at(at_ns, self.receive, [envelope])

    def _listen(self, _: None) -> None:
        """Heartbeats, silent feeds, and questions that want an answer."""
        self._at(self.now_ns + _LISTEN_NS, self._listen)
        self.world.look_around()
        if not self.alive:
            return
        self._release_kills()
        self.desk.listen(self.now_ns, self.clock_ns())
        for source in self.desk.feed.wanted(self.now_ns):
            for at_ns, message in self.feed.snapshot(self.now_ns, source):
                self._at(at_ns, self.hear, message)
        unsure = not self.desk.reconciled or self.desk.is_overdue(self.now_ns)
        if self.desk.asked_ns is not None or (self.desk.up and unsure):
            self._ask()
        if self.last_cycle is None or self.now_ns - self._last_ns >= round(
            self.stage.scenario.cycle_s * _S_NS
        ):
            self._soon()

    def _release_kills(self) -> None:
        """A person lets trading go on once a kill is old enough and no limit is beyond its hard level."""
        patience_ns = round(self.stage.scenario.release_kills_minutes * 60 * _S_NS)
        cycle, now_ns = self.last_cycle, self.clock_ns()
        if cycle is None or any(not one.utilisation <= 1.0 for one in cycle.standing.limits):
            return
        for (scope, name), kill in tuple(self.desk.process.state.outbox.kills.on.items()):
            if now_ns - kill.since_ns >= patience_ns:
                self.recorder.count("kills_released")
                reason = "the limits hold again"
                told = KillSet(
                    received_ns=now_ns, scope=scope, name=name, on=False, owner="risk", reason=reason
                )
                self.desk.process.take((told,))

    # The desk decides.

    def _soon(self, after_s: float = 0.0) -> None:
        """Decide once everything of this instant has been heard; `after_s` the last decision at the earliest."""
        at_ns = max(self.now_ns, self._last_ns + round(after_s * _S_NS))
        if self._due_ns is None or at_ns < self._due_ns:
            self._due_ns = at_ns
            self._at(at_ns, self._decide)

    def _decide(self, _: None) -> None:
        if not self.alive or self._due_ns != self.now_ns:
            return  # it was done before, for a better reason
        self._due_ns = None
        refit, self._refit = self._refit, False
        self.cycles += 1
        cycle, commands = self.desk.decide(self.now_ns, self.clock_ns(), "moved", refit=refit)
        self.last_cycle, self._last_ns = cycle, self.now_ns
        self.recorder.sample(self.now_ns, self.moment, self.exchange.positions(), cycle, self.trades)
        if self.watch is not None:
            self.watch.decided(self, cycle, commands)
        self.trades.sent(commands)
        leaves_ns = self.wire.decided_ns(self.now_ns) + round(self.policy.slow_s * _S_NS)
        self._leaves_ns = leaves_ns = max(leaves_ns, self._leaves_ns)
        self._at(leaves_ns, self._send, (self.desk.process, commands))

    def _send(self, sent_by: tuple[DeskProcess, Sequence[Command]]) -> None:
        process, commands = sent_by
        if not self.alive or process is not self.desk.process:
            return  # the process ended before they left
        self.recorder.count("orders", sum(isinstance(each, NewOrder) for each in commands))
        sent = self.wire.to_venue(self.now_ns, commands)
        for at_ns, some in groupby(sent, key=_read_ns):
            self._at(at_ns, self._arrive, [command for _, command in some])

    def _arrive(self, commands: Sequence[Command]) -> None:
        self.world.tell(self.exchange.take(commands, self.now_ns))

    # What goes wrong.

    def _disconnect(self, broken: Disconnect) -> None:
        self.world.tell(self.exchange.disconnect(broken.cancels, self.now_ns))
        self._at(self.now_ns + _TIMEOUT_NS, self._lost)

    def _lost(self, _: None) -> None:
        if self.alive and self.desk.up and self.plan.is_down(self.now_ns, self.now_ns):
            self.desk.lose_session(self.clock_ns())
            self._soon()

    def _reconnect(self, broken: Disconnect) -> None:
        self.exchange.reconnect()
        if self.alive:
            self._session_up(cancelled=broken.cancels)

    def _session_up(self, *, cancelled: bool) -> None:
        self.desk.find_session(self.clock_ns(), cancelled=cancelled)
        self._ask()

    def _ask(self) -> None:
        """Ask for open orders and positions, behind what is about to leave; again at the next look around if no answer came."""
        question = self.desk.ask(self.now_ns, self.clock_ns())
        self._at(max(self.now_ns, self._leaves_ns), self._put_question, question)

    def _put_question(self, question: Question) -> None:
        if (at_ns := self.wire.reach_venue_ns(self.now_ns)) is not None:
            self._at(at_ns, self._asked, question)

    def _asked(self, question: Question) -> None:
        answer = Answer(
            question,
            self.exchange.open_orders(),
            self.exchange.positions(),
            len(self.exchange.ledger.executions),
            self.now_ns,
        )
        if (at_ns := self.wire.reach_desk_ns(self.now_ns)) is not None:
            self._at(at_ns, self._answered, answer)

    def _answered(self, answer: Answer) -> None:
        if self.alive and self.desk.told(answer, received_ns=self.clock_ns()):
            self._soon()

    def _fail_storage(self, fault: StorageFault) -> None:
        if self.storage is not None and self.alive:
            self.storage.plan(fault, is_full=fault in self.plan.full_disks)

    def _calm_down(self, _: None) -> None:
        """Nothing goes wrong any more."""
        self.world.calm_down()
        if self.storage is not None and self.alive:
            self.storage.mend()

    def _die(self, fault: Killed | NoStorage) -> None:
        """The process ends; where it still could, it took its orders out."""
        assert self.storage is not None, "a process without a journal does not die at a write"
        self.recorder.count("deaths")
        self.alive, self._due_ns = False, None
        if isinstance(fault, NoStorage):
            live = [
                Cancel(client_id=client_id)
                for client_id in self.desk.process.state.outbox.working.client_id.tolist()
            ]
            for at_ns, command in self.wire.to_venue(self.now_ns, live):
                self._at(at_ns, self._arrive, [command])
        self._at(self.now_ns + _BACK_NS, self._restart)

    def _restart(self, _: None) -> None:
        assert self.storage is not None, "what died had a journal"
        process = restarted(self.storage.recover(), self.clock_ns(), "the process ended", self._heard)
        self.alive = True
        self.desk.begin_anew(process, self.now_ns, self.clock_ns())
        if self.plan.is_down(self.now_ns, self.now_ns):
            self.desk.lose_session(self.clock_ns())
        else:
            self._session_up(cancelled=False)
        self._soon()


def _read_ns(arrival: tuple[int, object]) -> int:
    """Both ends read their line every millisecond: what came meanwhile is taken together."""
    return -(-arrival[0] // _MS_NS) * _MS_NS
