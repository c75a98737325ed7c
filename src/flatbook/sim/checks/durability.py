"""The journal against what the desk was told and what left it: nothing that was acknowledged is missing, and nothing comes out differently."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from flatbook.engine.cycle import Cycle
from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.journal.codec import encode
from flatbook.journal.replay import Decision, read_records, verify
from flatbook.journal.store import Journal
from flatbook.model.events import Event, QuotesSeen
from flatbook.model.facts import Fact
from flatbook.sim.checks.violation import Invariant, Violated
from flatbook.sim.messages import Command, NewOrder


class Durability:
    """Keeps the bytes of every fact and decision that the process has acknowledged."""

    def __init__(self) -> None:
        self._facts: dict[int, bytes] = {}
        self._decisions: dict[int, bytes] = {}  # by cause
        self._last_id = 0

    def heard(self, facts: tuple[Fact, ...]) -> None:
        """They were acknowledged."""
        for fact in facts:
            if fact.sequence in self._facts:
                raise Violated(Invariant.DURABLE, f"one fact of number {fact.sequence}", fact)
            self._facts[fact.sequence] = encode(fact)

    def decided(self, cycle: Cycle, commands: Sequence[Command]) -> None:
        """A decision was acknowledged, and its commands are about to leave."""
        self._decisions[cycle.sequence] = encode_decision(decision_of(cycle))
        for order in commands:
            if isinstance(order, NewOrder):
                if order.client_id <= self._last_id:
                    raise Violated(Invariant.DURABLE, f"a client id above {self._last_id}", order)
                self._last_id = order.client_id

    def check(self, journal: Journal) -> None:
        """Hold a journal against all that was acknowledged so far.

        Raises
        ------
        Violated
            Something is missing, or is not what it was.
        """
        facts: dict[int, bytes] = {}
        decisions: dict[int, bytes] = {}
        for record in read_records(journal):
            if isinstance(record, Decision):
                decisions[record.sequence_of_cause] = record.payload
            else:
                facts[record.sequence] = encode(record)
        for what, kept, there in (("fact", self._facts, facts), ("decision of", self._decisions, decisions)):
            for number, content in kept.items():
                if there.get(number) != content:
                    how = (
                        "another one" if number in there else f"nothing; the last is {max(there, default=0)}"
                    )
                    raise Violated(Invariant.DURABLE, f"{what} {number} as it was acknowledged", how)

    def replay(self, journal: Journal) -> None:
        """Take every fact again in a fresh engine, and compare each decision to the byte; the chain of the journal is proven on the way."""
        again = _again(journal, lambda fact: fact)
        recorded = {
            each.sequence_of_cause: each.payload
            for each in read_records(journal)
            if isinstance(each, Decision)
        }
        for cause, payload in recorded.items():
            if again.get(cause) != payload:
                raise Violated(
                    Invariant.REPLAY, f"the decision of cycle {cause} again", "another one, or none"
                )
        if set(again) != set(recorded):
            raise Violated(
                Invariant.REPLAY, "a decision for each cycle", f"{set(again) ^ set(recorded)} without"
            )
        verify(journal)

    def replay_crossed(self, journal: Journal) -> None:
        """Nothing depends on what crossed quotes say: crossed otherwise, they lead to the same decisions."""
        again = _again(journal, _crossed_otherwise)
        for cause, payload in self._decisions.items():
            if again.get(cause) != payload:
                raise Violated(
                    Invariant.FRESH,
                    f"the decision of cycle {cause}, whatever crossed quotes say",
                    "another one where the crossed quotes of the day are crossed by more",
                )


def _again(journal: Journal, told: Callable[[Fact], Fact]) -> dict[int, bytes]:
    """Decisions by cause of a fresh engine."""
    state, out = State(), {}
    for record in read_records(journal):
        if isinstance(record, Event):
            cycle = step(state, told(record))
            if cycle is not None:
                out[cycle.sequence] = encode_decision(decision_of(cycle))
    return out


def _crossed_otherwise(fact: Fact) -> Fact:
    if not isinstance(fact, QuotesSeen):
        return fact
    crossed = [
        bid is not None and ask is not None and bid > ask
        for bid, ask in zip(fact.bid_ticks, fact.ask_ticks, strict=True)
    ]
    if not any(crossed):
        return fact
    bids = tuple(
        3 * bid + 100 if bid is not None and bad else bid
        for bid, bad in zip(fact.bid_ticks, crossed, strict=True)
    )
    return replace(fact, bid_ticks=bids)
