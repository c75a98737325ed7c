"""The desk as a process: every fact goes to the journal and then to the engine, and what it decides leaves once all that is durable.

It may die at any write, and comes back from what its journal had committed.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec.structs import replace

from flatbook.engine.cycle import Cycle
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.engine.ticking import recorded
from flatbook.journal.replay import read_facts, undecided
from flatbook.journal.store import AnyEvent
from flatbook.model.events import CycleDue, TickDue
from flatbook.model.facts import Fact
from flatbook.model.venue_events import Restarted
from flatbook.sim.storage import Recording

Heard = Callable[[tuple[Fact, ...]], None]
"""Somebody who is told of facts once they are durable."""


class Journaling(Protocol):
    """A journal, or what stands before one."""

    def append(self, event: AnyEvent) -> AnyEvent:
        """Number and record a fact."""
        ...

    def append_decision(self, decision: bytes, sequence_of_cause: int) -> object:
        """Record what was decided."""
        ...

    def batch(self) -> AbstractContextManager[object]:
        """Everything inside becomes durable together; of a batch within a batch, with the outer one."""
        ...


class DeskProcess:
    """One run of the engine from one journal; without a journal nothing is kept."""

    def __init__(
        self,
        journal: Journaling | None = None,
        heard: Heard | None = None,
        *,
        state: State | None = None,
        facts: int = 0,
    ) -> None:
        self.state = State() if state is None else state
        self.journal, self.heard = journal, heard
        self.facts = facts
        self.decisions = 0

    def take(self, facts: Iterable[Fact]) -> None:
        """Record facts and fold them, in their order; all are durable on return."""
        if self.journal is None:
            taken = self._fold(facts)
        else:
            with self.journal.batch():
                taken = self._fold(facts)
        if self.heard is not None and taken:
            self.heard(taken)

    def decide(self, now_ns: int, reason: str, *, refit: bool) -> Cycle:
        """Run one cycle; once this returns it is durable, with its cause and every fact before it."""
        cycle = self._decided(CycleDue(received_ns=now_ns, reason=reason, refit=refit))
        assert cycle is not None, "a cycle that is due is decided"
        return cycle

    def tick(self, now_ns: int, reason: str, on: int = 0) -> Cycle | None:
        """Decide at the prices told by now on the cycle numbered `on`; the cycle that it was instead, where a tick could not. Durable as `decide`."""
        return self._decided(TickDue(received_ns=now_ns, reason=reason, on=on))

    def _decided(self, due: CycleDue | TickDue) -> Cycle | None:
        numbered = self._numbered(due)
        cycle = step(self.state, numbered)
        self.decisions += 1
        if self.journal is not None:
            decided = recorded(self.state, cycle)
            assert decided is not None, "what is due is decided"
            self.journal.append_decision(decided, numbered.sequence)
        if self.heard is not None:
            self.heard((numbered,))
        return cycle

    def _fold(self, facts: Iterable[Fact]) -> tuple[Fact, ...]:
        out: list[Fact] = []
        for fact in facts:
            out.append(self._numbered(fact))
            cycle = step(self.state, out[-1])
            assert cycle is None, "a cycle is due through decide"
        return tuple(out)

    def _numbered(self, fact: Fact) -> Fact:
        self.facts += 1
        if self.journal is not None:
            return self.journal.append(fact)
        return replace(fact, sequence=self.facts)


def restarted(recording: Recording, now_ns: int, reason: str, heard: Heard | None = None) -> DeskProcess:
    """The desk again, from what its journal holds: decisions that were not recorded are taken again, and then it begins anew."""
    desk = DeskProcess(heard=heard)
    missing = {due.sequence for due in undecided(recording.journal)}
    for fact in tuple(read_facts(recording.journal)):
        cycle = step(desk.state, fact)
        desk.facts += 1
        decided = recorded(desk.state, cycle) if fact.sequence in missing else None
        if decided is not None:
            recording.append_decision(decided, fact.sequence)
    desk.journal = recording
    desk.take((Restarted(received_ns=now_ns, reason=reason),))
    return desk
