"""The one writer: numbers each fact, binds it to all before it, and makes it durable.

One SQLite file in write-ahead-log mode, synced at each commit. The writer holds SQLite's write lock while it lives,
so a second writer is refused while readers stay welcome. After the first failure to write it refuses everything.
Source: sqlite.org/wal.html, sqlite.org/pragma.html.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from flatbook.journal.codec import encode
from flatbook.journal.layout import (
    APPLICATION_ID,
    DECISION,
    EVENT,
    FORMAT_VERSION,
    SCHEMA,
    first_link,
    next_link,
)
from flatbook.model.errors import JournalError
from flatbook.model.events import Event

AnyEvent = TypeVar("AnyEvent", bound=Event)
Record = tuple[int, str, int, bytes, bytes]

RECORDS_PER_COMMIT = 10_000  # a larger batch commits on the way
BYTES_PER_COMMIT = 64 * 2**20
_CHECKPOINT_PAGES = 4_000  # 16 MiB of log before SQLite moves it into the file
_INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?)"


class Journal:
    """An open journal. Use `create`; every record between two commits becomes durable together."""

    def __init__(self, connection: sqlite3.Connection, link: bytes, name: str) -> None:
        self._connection = connection
        self._name = name
        self._link = link
        self._sequence = 0
        self._waiting: list[Record] = []
        self._waiting_bytes = 0
        self._batches = 0
        self._broken = ""
        self._data_version = self._read_data_version()

    @classmethod
    def create(cls, path: Path | None, manifest: Mapping[str, str] | None = None) -> "Journal":
        """Start a new journal.

        Parameters
        ----------
        path : Path or None
            A file that does not exist yet; None keeps the journal in memory.
        manifest : mapping of str to str, optional
            What a later reader should know: versions of flatbook, python, numpy and numba, the processor, the hash
            of the configuration. The format's version is added here.

        Raises
        ------
        JournalError
            The file exists already, or cannot be written.
        """
        told = dict(manifest or {}) | {"format": str(FORMAT_VERSION)}
        if path is not None:
            _claim(path)
        try:
            connection = _connect(path)
            _lay_out(connection, told)
            return cls(connection, first_link(told), str(path or "in memory"))
        except (sqlite3.Error, UnicodeEncodeError) as e:
            if path is not None:
                path.unlink(missing_ok=True)
            msg = f"journal {path}: cannot be created: {e}; check the disk and the folder's permissions"
            raise JournalError(msg) from e

    @property
    def sequence(self) -> int:
        """The number of the last record; 0 before the first."""
        return self._sequence

    @property
    def head(self) -> bytes:
        """32 bytes that stand for every record so far; written down elsewhere, they prove the file."""
        return self._link

    @property
    def connection(self) -> sqlite3.Connection:
        """The open database, for those who read what is committed."""
        return self._connection

    def append(self, event: AnyEvent) -> AnyEvent:
        """Number the event and record it; durable on return, or at the end of the batch around it.

        Raises
        ------
        JournalError
            The event cannot be written: nothing was recorded. Or the disk failed: stop.
        """
        self._must_work()
        numbered = msgspec.structs.replace(event, sequence=self._sequence + 1)
        self._record(EVENT, 0, encode(numbered))
        return numbered

    def append_decision(self, decision: bytes, sequence_of_cause: int) -> int:
        """Record what was decided because of an event, and return the record's own number.

        Raises
        ------
        JournalError
            No record has the number `sequence_of_cause`; or the disk failed.
        """
        self._must_work()
        if not 1 <= sequence_of_cause <= self._sequence:
            msg = f"journal {self._name}: a decision cannot follow from record {sequence_of_cause}; the last is {self._sequence}"
            raise JournalError(msg)
        self._record(DECISION, sequence_of_cause, decision)
        return self._sequence

    @contextmanager
    def batch(self) -> Iterator["Journal"]:
        """Commit once for all that is appended inside.

        Facts have happened: those appended before an exception inside the batch are committed too.
        """
        self._must_work()
        self._batches += 1
        try:
            yield self
        finally:
            self._batches -= 1
            if not self._batches and not self._broken:
                self.commit()

    def commit(self) -> None:
        """Make everything appended so far durable.

        Raises
        ------
        JournalError
            The disk failed, or another program wrote to the file. The journal then refuses everything.
        """
        self._must_work()
        if not self._waiting:
            return
        try:
            self._connection.executemany(_INSERT, self._waiting)
            self._connection.execute("COMMIT")
            self._waiting.clear()
            self._waiting_bytes = 0
            self._connection.execute("BEGIN IMMEDIATE")
            self._check_alone()
        except sqlite3.Error as e:
            self._break(str(e), e)

    def close(self) -> None:
        """Commit, seal with the number and link of the last record, and leave a single file."""
        if self._broken == "closed":
            return
        try:
            if not self._broken:
                self.commit()
                self._seal()
        except sqlite3.Error as e:
            self._break(str(e), e)
        finally:
            self._connection.close()
            self._broken = self._broken or "closed"

    def _record(self, kind: str, cause: int, payload: bytes) -> None:
        sequence = self._sequence + 1
        link = next_link(self._link, sequence, kind, cause, payload)
        self._waiting.append((sequence, kind, cause, payload, link))
        self._waiting_bytes += len(payload)
        self._sequence, self._link = sequence, link
        full = len(self._waiting) >= RECORDS_PER_COMMIT or self._waiting_bytes >= BYTES_PER_COMMIT
        if full or not self._batches:
            self.commit()

    def _seal(self) -> None:
        self._connection.execute("INSERT INTO seal VALUES (?, ?)", (self._sequence, self._link))
        self._connection.execute("COMMIT")
        with suppress(
            sqlite3.OperationalError
        ):  # a reader is at it: the log stays beside the file, nothing is lost
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("PRAGMA journal_mode = DELETE")

    def _must_work(self) -> None:
        if self._broken:
            msg = f"journal {self._name} takes no more records: {self._broken}; start a new journal and replay this one"
            raise JournalError(msg)

    def _check_alone(self) -> None:
        if self._read_data_version() != self._data_version:
            self._break("another program wrote to it", None)

    def _read_data_version(self) -> int:
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _break(self, why: str, cause: Exception | None) -> None:
        self._broken = f"writing failed ({why})"
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")
        msg = f"journal {self._name}: {self._broken}; stop, mend the disk, replay what is there"
        raise JournalError(msg) from cause


def _claim(path: Path) -> None:
    """Take the name before anybody else can."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError as e:
        msg = f"journal {path}: the file exists already; a journal is never written over: choose another name"
        raise JournalError(msg) from e
    except OSError as e:
        msg = f"journal {path}: cannot be created: {e.strerror}; check the folder and its permissions"
        raise JournalError(msg) from e
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _connect(path: Path | None) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:" if path is None else path, isolation_level=None, timeout=0.0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    return connection


def _lay_out(connection: sqlite3.Connection, manifest: Mapping[str, str]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.executemany("INSERT INTO manifest VALUES (?, ?)", sorted(manifest.items()))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
