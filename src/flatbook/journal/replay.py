"""Read a journal back, and prove on the way that it is what was written.

Every reader follows the chain from the first record, so a gap, an edit or a torn file is told by the first record
that is wrong. Records cut off a journal that was never closed leave a shorter whole one: compare its head with one
written down elsewhere.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from flatbook.journal.codec import decode
from flatbook.journal.layout import DECISION, EVENT, first_link
from flatbook.journal.reading import End, Record, is_sealed, manifest_of, opened, proven, proven_from
from flatbook.journal.store import Journal
from flatbook.model.errors import JournalError
from flatbook.model.events import CycleDue, TickDue
from flatbook.model.facts import Fact

Source = Path | Journal  # a file, or a journal still open here (also one in memory)


class Decision(NamedTuple):
    """What was decided, and because of which event."""

    sequence: int
    sequence_of_cause: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A journal that holds together, in figures."""

    events: int
    decisions: int
    head: bytes  # 32 bytes that stand for every record
    sealed: bool  # closed in order after its last record; False after a crash, and once more is written
    manifest: dict[str, str]


def read_records(source: Source, until: int | None = None, after: int = 0) -> Iterator[Fact | Decision]:
    """Every fact and decision in order, each proven by the chain before it is given.

    Parameters
    ----------
    until : int, optional
        Stop after the record of this number, and prove nothing beyond it.
    after : int
        Records up to this number are proven, and not given.

    Raises
    ------
    JournalError
        Naming the first record that is wrong, after those before it were given.
    """
    for record in _proven(source, until):
        if record.sequence > after:
            yield _fact(record) if record.kind == EVENT else _decision(record)


def read_on(journal: Journal, end: End) -> Iterator[Fact | Decision]:
    """Every fact and decision after `end` of a journal that was proven when it was resumed, in order; raises as `read_records`."""
    journal.commit()
    for record in proven_from(journal.connection, end):
        yield _fact(record) if record.kind == EVENT else _decision(record)


def read_facts(source: Source) -> Iterator[Fact]:
    """Every fact in order, each proven by the chain; raises as `read_records`."""
    for record in _proven(source):
        if record.kind == EVENT:
            yield _fact(record)


def read_decisions(source: Source) -> Iterator[Decision]:
    """Every decision in order, each proven by the chain; raises as `read_records`."""
    for record in _proven(source):
        if record.kind == DECISION:
            yield _decision(record)


def undecided(source: Source) -> tuple[CycleDue | TickDue, ...]:
    """Cycles and ticks that were due and have no decision: the writer died in between. Raises as `read_records`."""
    due: dict[int, CycleDue | TickDue] = {}
    for record in read_records(source):
        if isinstance(record, CycleDue | TickDue):
            due[record.sequence] = record
        elif isinstance(record, Decision):
            due.pop(record.sequence_of_cause, None)
    return tuple(due.values())


def read_manifest(source: Source) -> dict[str, str]:
    """What the writer said of itself; raises JournalError where this is no journal."""
    with _opened(source) as connection:
        return manifest_of(connection)


def verify(source: Source, until: int | None = None) -> Verification:
    """Read everything and prove it, or up to record `until` only; raises as `read_records`."""
    counts = {EVENT: 0, DECISION: 0}
    with _opened(source) as connection:
        manifest = manifest_of(connection)
        head = first_link(manifest)
        for record in proven(connection, _file_of(source), until):
            counts[record.kind] += 1
            head = record.chain
            if record.kind == EVENT:
                _fact(record)
        sealed = is_sealed(connection, sum(counts.values()))
    return Verification(
        events=counts[EVENT], decisions=counts[DECISION], head=head, sealed=sealed, manifest=manifest
    )


def sequence_of_head(source: Source, head: bytes) -> int | None:
    """The record after which `head` stood for the journal; 0: before the first, None: never. Proves nothing."""
    with _opened(source) as connection:
        if head == first_link(manifest_of(connection)):
            return 0
        found = connection.execute("SELECT sequence FROM records WHERE chain = ?", (head,)).fetchone()
    return None if found is None else int(found[0])


def _proven(source: Source, until: int | None = None) -> Iterator[Record]:
    with _opened(source) as connection:
        yield from proven(connection, _file_of(source), until)


def _decision(record: Record) -> Decision:
    return Decision(record.sequence, record.cause, record.payload)


def _fact(record: Record) -> Fact:
    try:
        fact = decode(record.payload)
    except JournalError as e:
        msg = f"record {record.sequence}: {e}"
        raise JournalError(msg) from e
    if fact.sequence != record.sequence:
        msg = f"record {record.sequence}: its event says it is number {fact.sequence}; this is no journal of flatbook"
        raise JournalError(msg)
    return fact


def _file_of(source: Source) -> Path | None:
    return None if isinstance(source, Journal) else source


@contextmanager
def _opened(source: Source) -> Iterator[sqlite3.Connection]:
    if isinstance(source, Journal):
        source.commit()
        yield source.connection
        return
    with opened(source) as connection:
        yield connection
