"""Open a journal's file for reading, and follow its chain from the first record to the last.

At the end the file itself is proven: every orderly close finds its record, the pages hold together, and the log beside
it was not damaged where it had been safe.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from flatbook.journal.layout import (
    APPLICATION_ID,
    DECISION,
    EVENT,
    FORMAT_VERSION,
    SCHEMA,
    first_link,
    next_link,
)
from flatbook.journal.write_ahead_log import damage_in
from flatbook.model.errors import JournalError

_DAMAGE = (sqlite3.Error, UnicodeDecodeError)
_COLUMNS = "SELECT sequence, kind, cause, payload, chain FROM records WHERE sequence >= ? AND sequence <= ? ORDER BY sequence"
_NONE, _ALL = -(2**63), 2**63 - 1  # numbers that no record is before or after
_WAIT_S = 5.0  # for a writer that is closing


class Record(NamedTuple):
    """One row of the table `records`."""

    sequence: int
    kind: str
    cause: int
    payload: bytes
    chain: bytes


class End(NamedTuple):
    """The last record of a journal: its number, 0 where there is none, and its link."""

    sequence: int
    chain: bytes


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """One snapshot of the file, though a writer goes on.

    Raises
    ------
    JournalError
        No such file, no journal of this format, or damaged before its first record.
    """
    if not path.is_file():
        msg = f"journal {path}: no such file; check the name"
        raise JournalError(msg)
    # A writer that died while it closed leaves a rollback journal, which only who may write can undo.
    mode = "rw" if beside(path, "journal").exists() else "ro"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=_WAIT_S
    )
    try:
        connection.execute("BEGIN")
        _check_format(connection, path)
        yield connection
    except _DAMAGE as e:
        msg = f"journal {path}: {e}; this is no journal of flatbook, or it is damaged before record 1"
        raise JournalError(msg) from e
    finally:
        connection.close()


def beside(path: Path, what: str) -> Path:
    """The file that SQLite keeps beside a journal: `wal`, `shm` or `journal`."""
    return path.with_name(f"{path.name}-{what}")


def manifest_of(connection: sqlite3.Connection) -> dict[str, str]:
    """What the writer said of itself."""
    manifest = dict(connection.execute("SELECT key, value FROM manifest").fetchall())
    if not all(isinstance(part, str) for entry in manifest.items() for part in entry):
        msg = "the manifest is damaged before record 1; restore a copy"
        raise JournalError(msg)
    return manifest


def proven(connection: sqlite3.Connection, path: Path | None, until: int | None = None) -> Iterator[Record]:
    """Every record up to number `until`, each proven by the chain; without `until` the end of the file too.

    Parameters
    ----------
    path : Path or None
        The file, whose log is looked at; None: in memory.

    Raises
    ------
    JournalError
        Naming the first record that is wrong, after those before it were given.
    """
    end = End(0, first_link(manifest_of(connection)))
    for record in proven_from(connection, end, until):
        end = End(record.sequence, record.chain)
        yield record
    if until is None:
        _prove_end(connection, path, end)


def proven_from(connection: sqlite3.Connection, end: End, until: int | None = None) -> Iterator[Record]:
    """Every record after `end`, which is proven already, up to number `until`; raises as `proven`."""
    link, expected = end.chain, end.sequence + 1
    try:
        first = expected if end.sequence else _NONE
        for row in connection.execute(_COLUMNS, (first, _ALL if until is None else until)):
            record = Record(*row)
            wrong = _what_is_wrong(record, expected, link)
            if wrong:
                msg = f"record {expected}: {wrong}; trust only what precedes it, and restore a copy"
                raise JournalError(msg)
            link, expected = record.chain, expected + 1
            yield record
    except _DAMAGE as e:
        msg = f"record {expected}: the file is damaged ({e}); trust only what precedes it, and restore a copy"
        raise JournalError(msg) from e


def last_proven(connection: sqlite3.Connection, path: Path) -> End:
    """Prove all and tell the last record; raises as `proven`."""
    end = End(0, first_link(manifest_of(connection)))
    for record in proven(connection, path):
        end = End(record.sequence, record.chain)
    return end


def last_told(connection: sqlite3.Connection) -> End:
    """The last record as the file has it, without proof."""
    rows = connection.execute("SELECT sequence, chain FROM records ORDER BY sequence DESC LIMIT 1").fetchall()
    return End(*rows[0]) if rows else End(0, first_link(manifest_of(connection)))


def is_sealed(connection: sqlite3.Connection, last: int) -> bool:
    """Whether the journal was closed in order after record `last`."""
    return connection.execute("SELECT 1 FROM seal WHERE sequence = ?", (last,)).fetchone() is not None


def _what_is_wrong(record: Record, expected: int, link: bytes) -> str:
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


def _prove_end(connection: sqlite3.Connection, path: Path | None, end: End) -> None:
    try:
        seals = connection.execute(
            "SELECT seal.sequence, seal.chain, records.chain FROM seal LEFT JOIN records USING (sequence) ORDER BY 1"
        ).fetchall()
        pages = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except _DAMAGE as e:
        seals, pages = [], str(e)
    first = first_link(manifest_of(connection))
    if any((type(sequence), type(told)) != (int, bytes) for sequence, told, _ in seals):
        seals, pages = [], "a seal is not one that flatbook writes"
    for sequence, told, found in seals:
        if sequence > end.sequence:
            msg = f"record {end.sequence + 1}: missing, the journal was closed after record {sequence}; restore a copy"
            raise JournalError(msg)
        if told != (found if sequence else first):
            msg = (
                f"record {sequence + 1}: the journal was closed before it with another chain; restore a copy"
            )
            raise JournalError(msg)
    log = "" if path is None else _log_damage(beside(path, "wal"))
    if pages != "ok" or log:
        what = f"its log: {log}" if pages == "ok" else pages
        msg = f"record {end.sequence + 1}: the file is damaged after record {end.sequence} ({what}); restore a copy"
        raise JournalError(msg)


def _log_damage(log: Path) -> str:
    """What is told twice: a writer at work moves on, damage stays."""
    told = damage_in(log)
    return told if told and told == damage_in(log) else ""


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    found = tuple(
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if found == (0, 0) and not connection.execute("SELECT 1 FROM sqlite_schema").fetchall():
        msg = (
            f"journal {path}: the file is empty; this is no journal of flatbook, or its writer was interrupted before "
            "the first record: remove it and create one"
        )
        raise JournalError(msg)
    if found != (APPLICATION_ID, FORMAT_VERSION):
        msg = (
            f"journal {path}: application and format were {found}, expected {(APPLICATION_ID, FORMAT_VERSION)}; "
            "this is no journal of flatbook, or one of another format"
        )
        raise JournalError(msg)
    tables = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_schema").fetchall()}
    if tables != {statement.strip() for statement in SCHEMA.split(";") if statement.strip()}:
        msg = f"journal {path}: its tables are not those of a journal; it is damaged before record 1: restore a copy"
        raise JournalError(msg)
