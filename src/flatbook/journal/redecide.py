"""Decide again what a journal tells: for `flatbook replay`, and for a desk that starts again after a crash."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.engine.ticking import recorded
from flatbook.journal.reading import End
from flatbook.journal.replay import Decision, Source, read_on, read_records
from flatbook.journal.state_file import Kept
from flatbook.journal.store import Journal
from flatbook.model.errors import JournalError
from flatbook.model.facts import Fact

_RECORDS_BETWEEN_TOLD = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Redecided:
    """What came out when every fact was taken again."""

    state: State  # of the engine after the last fact
    events: int
    decisions: int  # recorded, each compared
    different: tuple[int, ...]  # causes of those that come out differently, or follow from no cycle
    undecided: tuple[tuple[int, bytes], ...]  # cause and decision of cycles and ticks that have none recorded


def redecide(
    source: Source,
    *,
    until: int | None = None,
    told: Callable[[int], object] = lambda _: None,
    kept: Kept | None = None,
) -> Redecided:
    """Take every fact again in a fresh engine and compare each decision to the byte.

    Parameters
    ----------
    until : int, optional
        The last record to take.
    told : callable
        Called with the number of a record now and then, and after each cycle.
    kept : Kept, optional
        A state to go on from, which is used up: only what follows its record is taken.

    Raises
    ------
    JournalError
        The chain is broken.
    FlatbookError
        The engine refuses a fact, as it did when the journal was written.
    """
    state = State() if kept is None else kept.state
    waiting: dict[int, bytes] = {}
    different: list[int] = []
    events = decisions = 0
    for record in _records(source, until, kept):
        if isinstance(record, Decision):
            decisions += 1
            if waiting.pop(record.sequence_of_cause, None) != record.payload:
                different.append(record.sequence_of_cause)
            continue
        events += 1
        cycle = step(state, record)
        decided = recorded(state, cycle)
        if decided is not None:
            waiting[record.sequence] = decided
        if cycle is not None or not record.sequence % _RECORDS_BETWEEN_TOLD:
            told(record.sequence)
    return Redecided(
        state=state,
        events=events,
        decisions=decisions,
        different=tuple(different),
        undecided=tuple(waiting.items()),
    )


def _records(source: Source, until: int | None, kept: Kept | None) -> Iterator[Fact | Decision]:
    """What is to be taken; of a journal that is open, what precedes `kept` was proven when it was resumed."""
    if kept is not None and until is None and isinstance(source, Journal):
        return read_on(source, End(kept.sequence, kept.head))
    return read_records(source, until, 0 if kept is None else kept.sequence)


def restore(journal: Journal, kept: Kept | None = None) -> Redecided:
    """Bring a resumed journal and an engine to where they stood, from `kept` on, and record what the crash left undecided.

    Orders of a decision that is recorded only now never left for a venue, those of the last one before it may have:
    ask each venue for its open orders before quoting again.

    Raises
    ------
    JournalError
        The chain is broken, the disk failed, or a decision comes out differently: another build wrote it.
    """
    found = redecide(journal, kept=kept)
    if found.different:
        msg = (
            f"{len(found.different)} of {found.decisions} decisions come out differently, the first after event "
            f"{found.different[0]}; restart with the build that wrote the journal"
        )
        raise JournalError(msg)
    with journal.batch():
        for cause, decision in found.undecided:
            journal.append_decision(decision, cause)
    return found
