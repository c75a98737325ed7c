"""The wire between a desk and its exchange: latency each way, and messages that are lost, repeated or late.

Executions, busts and corrections carry ascending numbers, and every report says how many there were by then, so that a desk
sees what it misses and asks for it again (FIX session protocol: MsgSeqNum and ResendRequest). An answer that is lost stays lost.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from flatbook.model.world_fault_terms import FaultTerms, WireTerms
from flatbook.sim.chance import stream
from flatbook.sim.channel import Channel, Line
from flatbook.sim.faults import FaultPlan
from flatbook.sim.messages import Busted, Cancel, Command, Corrected, Report, Traded, Whole

_MS_NS = 1_000_000
Execution = Traded | Busted | Corrected


class Envelope(Struct, frozen=True, kw_only=True, array_like=True):
    """A report on its way to the desk."""

    report: Report | None  # None: a heartbeat
    executions: Whole  # how many executions, busts and corrections the venue had sent, with this one

    @property
    def number(self) -> int:
        """Of an execution, bust or correction; 0 of anything else."""
        return self.executions if isinstance(self.report, Execution) else 0


class Wire:
    """Both directions of the session with the exchange; nothing goes through while the plan has it lost."""

    def __init__(self, terms: WireTerms, faults: FaultTerms, plan: FaultPlan, seed: int) -> None:
        self._terms, self._faults, self._plan = terms, faults, plan
        self._executions: list[Execution] = []
        self.slow_decisions = self.late_cancels = self.answers_lost = 0  # how often that happened
        self._answers_lost = stream(seed, "wire/answers_lost")
        self._late_cancels = stream(seed, "wire/late_cancels")
        self._decisions = stream(seed, "wire/decisions")
        self.there = Channel(
            Line(
                name="wire/to_venue",
                median_ms=terms.to_venue_ms,
                sigma=terms.latency_sigma,
                lost_share=faults.commands_lost_share,
                repeated_share=faults.commands_repeated_share,
                reordered_share=faults.commands_reordered_share,
                reorder_ms=faults.reorder_ms,
                calm_from_ns=plan.calm_from_ns,
            ),
            seed,
        )
        self.back = Channel(
            Line(
                name="wire/to_desk",
                median_ms=terms.to_desk_ms,
                sigma=terms.latency_sigma,
                lost_share=faults.reports_lost_share,
                repeated_share=faults.reports_repeated_share,
                reordered_share=faults.reports_reordered_share,
                reorder_ms=faults.reorder_ms,
                calm_from_ns=plan.calm_from_ns,
            ),
            seed,
        )

    @property
    def record(self) -> tuple[Execution, ...]:
        """Executions, busts and corrections in the sequence of their numbers."""
        return tuple(self._executions)

    @property
    def executions(self) -> int:
        """Executions, busts and corrections that the venue has sent, whether or not they arrived."""
        return len(self._executions)

    def decided_ns(self, now_ns: int) -> int:
        """When the commands of a cycle that began now leave the desk."""
        slow = self._faults.slow_decisions_share
        late_ms = 0.0
        if slow and now_ns < self._plan.calm_from_ns and self._decisions.share() < slow:
            self.slow_decisions += 1
            late_ms = self._decisions.wait(self._faults.slow_decision_ms)
        return now_ns + round((self._terms.decision_ms + late_ms) * _MS_NS)

    def to_venue(self, now_ns: int, commands: Sequence[Command]) -> list[tuple[int, Command]]:
        """When each command that leaves the desk now reaches the exchange, in order of time."""
        late = self._cancel_late_ns if self._faults.late_cancels_share else None
        sent = self.there.send(now_ns, commands, late)
        return [pair for pair in sent if not self._plan.is_down(now_ns, pair[0])]

    def to_desk(self, now_ns: int, reports: Iterable[Report]) -> list[tuple[int, Envelope]]:
        """When each report reaches the desk, in order of time.

        Every report of the exchange goes through here in its sequence, also while the session is lost: it is numbered, and then lost.
        """
        envelopes = [self._enveloped(report) for report in reports]
        lost = self._faults.answers_lost_share
        if lost and now_ns < self._plan.calm_from_ns:
            kept = [each for each in envelopes if each.number or self._answers_lost.share() >= lost]
            self.answers_lost += len(envelopes) - len(kept)
            envelopes = kept
        return self._sent_back(now_ns, envelopes)

    def heartbeat(self, now_ns: int) -> list[tuple[int, Envelope]]:
        """The exchange says how many executions there were, so that also the last one is missed."""
        return self._sent_back(now_ns, [Envelope(report=None, executions=len(self._executions))])

    def resend(self, now_ns: int, after: int) -> list[tuple[int, Envelope]]:
        """Executions, busts and corrections numbered above `after` once more, under their old numbers."""
        again = enumerate(self._executions[after:], start=after + 1)
        return self._sent_back(now_ns, [Envelope(report=each, executions=number) for number, each in again])

    def reach_venue_ns(self, now_ns: int) -> int | None:
        """When a question reaches the exchange; None while the session is lost. Nothing else happens to it."""
        return self._reached(now_ns, self.there)

    def reach_desk_ns(self, now_ns: int) -> int | None:
        """When an answer to a question reaches the desk; None while the session is lost."""
        return self._reached(now_ns, self.back)

    def _enveloped(self, report: Report) -> Envelope:
        if isinstance(report, Execution):
            self._executions.append(report)
        return Envelope(report=report, executions=len(self._executions))

    def _sent_back(self, now_ns: int, envelopes: list[Envelope]) -> list[tuple[int, Envelope]]:
        sent = self.back.send(now_ns, envelopes)
        return [pair for pair in sent if not self._plan.is_down(now_ns, pair[0])]

    def _reached(self, now_ns: int, channel: Channel) -> int | None:
        arrives = channel.arrival_ns(now_ns)
        return None if self._plan.is_down(now_ns, arrives) else arrives

    def _cancel_late_ns(self, command: Command) -> int:
        if not isinstance(command, Cancel) or self._late_cancels.share() >= self._faults.late_cancels_share:
            return 0
        self.late_cancels += 1
        return round(self._late_cancels.wait(self._faults.late_cancel_ms) * _MS_NS)
