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
from flatbook.journal.layout import APPLICATION_ID, DECISION, EVENT, FORMAT_VERSION, first_link, next_link
from flatbook.journal.store import Journal
from flatbook.model.errors import JournalError
from flatbook.model.facts import Fact

Source = Path | Journal  # a file, or a journal still open here (also one in memory)
_DAMAGE = (sqlite3.Error, UnicodeDecodeError)
_COLUMNS = "SELECT sequence, kind, cause, payload, chain FROM records ORDER BY sequence"


class Decision(NamedTuple):
    """What was decided, and because of which event."""

    sequence: int
    sequence_of_cause: int
    payload: bytes


class _Record(NamedTuple):
    sequence: int
    kind: str
    cause: int
    payload: bytes
    chain: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A journal that holds together, in figures."""

    events: int
    decisions: int
    head: bytes  # 32 bytes that stand for every record
    sealed: bool  # closed in order; False after a crash, and while it is written
    manifest: dict[str, str]


def read_facts(source: Source) -> Iterator[Fact]:
    """Every fact in order, each proven by the chain before it is given.

    Raises
    ------
    JournalError
        Naming the first record that is wrong, after the facts before it were given.
    """
    for record in _proven(source):
        if record.kind == EVENT:
            yield _fact(record)


def read_decisions(source: Source) -> Iterator[Decision]:
    """Every decision in order, each proven by the chain; raises as `read_facts`."""
    for record in _proven(source):
        if record.kind == DECISION:
            yield Decision(record.sequence, record.cause, record.payload)


def read_manifest(source: Source) -> dict[str, str]:
    """What the writer said of itself; raises JournalError where this is no journal."""
    with _opened(source) as connection:
        return _manifest(connection)


def verify(source: Source) -> Verification:
    """Read everything and prove it; raises as `read_facts`."""
    counts = {EVENT: 0, DECISION: 0}
    with _opened(source) as connection:
        manifest = _manifest(connection)
        head = first_link(manifest)
        for record in _chained(connection, head):
            counts[record.kind] += 1
            head = record.chain
            if record.kind == EVENT:
                _fact(record)
        sealed = _is_sealed(connection, sum(counts.values()), head)
    return Verification(
        events=counts[EVENT], decisions=counts[DECISION], head=head, sealed=sealed, manifest=manifest
    )


def _proven(source: Source) -> Iterator[_Record]:
    with _opened(source) as connection:
        last, head = 0, first_link(_manifest(connection))
        for record in _chained(connection, head):
            last, head = record.sequence, record.chain
            yield record
        _is_sealed(connection, last, head)


def _chained(connection: sqlite3.Connection, link: bytes) -> Iterator[_Record]:
    expected = 1
    try:
        for row in connection.execute(_COLUMNS):
            record = _Record(*row)
            wrong = _what_is_wrong(record, expected, link)
            if wrong:
                msg = f"record {expected}: {wrong}; trust only what precedes it, and restore a copy"
                raise JournalError(msg)
            link, expected = record.chain, expected + 1
            yield record
    except _DAMAGE as e:
        msg = f"record {expected}: the file is damaged ({e}); trust only what precedes it, and restore a copy"
        raise JournalError(msg) from e


def _what_is_wrong(record: _Record, expected: int, link: bytes) -> str:
    kinds = (type(record.kind), type(record.cause), type(record.payload), type(record.chain))
    if record.sequence != expected:
        return f"missing, the next one in the file is {record.sequence}"
    if kinds != (str, int, bytes, bytes) or record.kind not in (EVENT, DECISION):
        return "not a record that flatbook writes"
    if not 0 <= record.cause < record.sequence or (record.kind == DECISION) != (record.cause > 0):
        return f"its cause cannot be record {record.cause}"
    if record.chain != next_link(link, record.sequence, record.kind, record.cause, record.payload):
        return "its content or its chain is not what was written"
    return ""


def _fact(record: _Record) -> Fact:
    try:
        fact = decode(record.payload)
    except JournalError as e:
        msg = f"record {record.sequence}: {e}"
        raise JournalError(msg) from e
    if fact.sequence != record.sequence:
        msg = f"record {record.sequence}: its event says it is number {fact.sequence}; this is no journal of flatbook"
        raise JournalError(msg)
    return fact


def _is_sealed(connection: sqlite3.Connection, last: int, head: bytes) -> bool:
    try:
        seals = connection.execute("SELECT sequence, chain FROM seal").fetchall()
    except _DAMAGE as e:
        msg = f"record {last + 1}: the file is damaged after record {last} ({e}); restore a copy"
        raise JournalError(msg) from e
    if seals and seals != [(last, head)]:
        msg = f"record {last + 1}: missing, the journal was closed after record {seals[0][0]}; restore a copy"
        raise JournalError(msg)
    return bool(seals)


@contextmanager
def _opened(source: Source) -> Iterator[sqlite3.Connection]:
    if isinstance(source, Journal):
        source.commit()
        yield source.connection
        return
    if not source.is_file():
        msg = f"journal {source}: no such file; check the name"
        raise JournalError(msg)
    connection = sqlite3.connect(
        f"{source.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5.0
    )
    try:
        connection.execute("BEGIN")  # one snapshot, though a writer goes on
        _check_format(connection, source)
        yield connection
    except _DAMAGE as e:
        msg = f"journal {source}: {e}; this is no journal of flatbook, or it is damaged before record 1"
        raise JournalError(msg) from e
    finally:
        connection.close()


def _check_format(connection: sqlite3.Connection, source: Path) -> None:
    found = tuple(
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if found != (APPLICATION_ID, FORMAT_VERSION):
        msg = (
            f"journal {source}: application and format were {found}, expected {(APPLICATION_ID, FORMAT_VERSION)}; "
            "this is no journal of flatbook, or one of another format"
        )
        raise JournalError(msg)


def _manifest(connection: sqlite3.Connection) -> dict[str, str]:
    manifest = dict(connection.execute("SELECT key, value FROM manifest").fetchall())
    if not all(isinstance(part, str) for entry in manifest.items() for part in entry):
        msg = "the manifest is damaged before record 1; restore a copy"
        raise JournalError(msg)
    return manifest
