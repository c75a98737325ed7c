"""The one writer: numbers each fact, binds it to all before it, and makes it durable.

One SQLite file in write-ahead-log mode, synced at each commit. The writer holds SQLite's write lock while it lives,
so a second writer is refused while readers stay welcome. After the first failure to write it refuses everything;
`resume` goes on where the last commit ended. It takes no lock of its own: one thread at a time, whichever that is.
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
from flatbook.journal.reading import End, last_proven, last_told, manifest_of, opened
from flatbook.model.errors import JournalError
from flatbook.model.events import Event

AnyEvent = TypeVar("AnyEvent", bound=Event)
Record = tuple[int, str, int, bytes, bytes]

RECORDS_PER_COMMIT = 10_000  # a larger batch commits on the way
BYTES_PER_COMMIT = 64 * 2**20
_CHECKPOINT_PAGES = 4_000  # 16 MiB of log before SQLite moves it into the file
_FRAME_HEADER_BYTES = 24  # of a page in the log
_WAIT_FOR_READERS_S = 5.0  # of a journal that was closed: none may be at it when its log begins anew
_INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?)"


class Journal:
    """An open journal. Use `create` or `resume`; every record between two commits becomes durable together."""

    def __init__(self, connection: sqlite3.Connection, end: End, path: Path | None) -> None:
        self._connection = connection
        self._path = path
        self._name = str(path or "in memory")
        self._sequence, self._link = end
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
            return cls(connection, End(0, first_link(told)), path)
        except (sqlite3.Error, UnicodeEncodeError) as e:
            if path is not None:
                path.unlink(missing_ok=True)
            msg = f"journal {path}: cannot be created: {e}; check the disk and the folder's permissions"
            raise JournalError(msg) from e

    @classmethod
    def resume(cls, path: Path, manifest: Mapping[str, str] | None = None) -> "Journal":
        """Go on with a journal after a crash or an orderly close: the next record follows the last one committed.

        Nothing in the file changes before the next record, and nothing at all where it is refused.

        Parameters
        ----------
        manifest : mapping of str to str, optional
            Entries that the journal's own must agree with, such as versions: one build writes a journal, so that its
            replay gives the same bytes.

        Raises
        ------
        JournalError
            A record is not what was written, the format or an entry of the manifest is another, or another writer
            lives.
        """
        with opened(path) as reader:
            _must_agree(path, manifest_of(reader), manifest or {})
            end = last_proven(reader, path)
        connection = None
        try:
            connection = _connect_again(path)
            if last_told(connection) == end:
                return cls(connection, end, path)
        except sqlite3.Error as e:
            if connection is not None:
                connection.close()
            msg = f"journal {path}: cannot be written: {e}; see whether another writer lives, and to the disk"
            raise JournalError(msg) from e
        connection.close()
        msg = f"journal {path}: another program wrote to it meanwhile; see which, and stop it"
        raise JournalError(msg)

    @property
    def sequence(self) -> int:
        """The number of the last record; 0 before the first."""
        return self._sequence

    @property
    def head(self) -> bytes:
        """32 bytes that stand for every record so far; written down elsewhere, they prove the file."""
        return self._link

    @property
    def waiting(self) -> int:
        """Records that are appended, and not durable yet."""
        return len(self._waiting)

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
        except BaseException:
            self._broken = self._broken or "writing was interrupted, nobody knows after which record"
            raise

    def reserve_log(self) -> None:
        """Give the log all the room that it takes between two checkpoints, so that no commit has to make its file longer.

        A file that grows takes its part of the file system's own journal with it to the disk, which others fill. A disk without that room is
        left as it is: commits are slower then.
        """
        if self._path is None:
            return
        page = int(self._connection.execute("PRAGMA page_size").fetchone()[0])
        size = _CHECKPOINT_PAGES * (page + _FRAME_HEADER_BYTES)
        log = self._path.with_name(self._path.name + "-wal")
        with suppress(OSError), log.open("r+b") as file:
            before = file.seek(0, os.SEEK_END)
            try:
                if before < size:
                    file.write(bytes(size - before))
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(before)

    def committed_copy(self) -> "Journal":
        """A journal in memory as a crash would leave it now: whole up to the last commit, without what waits for the next.

        This one goes on, unless it is broken or abandoned. Costs a copy of the bytes, no proof.

        Raises
        ------
        JournalError
            This journal is a file, which `resume` reads after a crash, or it is closed.
        """
        if self._path is not None or self._broken == "closed":
            msg = f"journal {self._name}: only an open one in memory can be copied; of a file, use `resume`"
            raise JournalError(msg)
        self._connection.rollback()
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.deserialize(self._connection.serialize())
        for each in (connection, *(() if self._broken else (self._connection,))):
            each.execute("BEGIN IMMEDIATE")
        return Journal(connection, last_told(connection), None)

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
        self._connection.execute("INSERT OR IGNORE INTO seal VALUES (?, ?)", (self._sequence, self._link))
        self._connection.execute("COMMIT")
        with suppress(
            sqlite3.OperationalError
        ):  # a reader is at it: the log stays beside the file, nothing is lost
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("PRAGMA journal_mode = DELETE")

    def _must_work(self) -> None:
        if self._broken:
            msg = f"journal {self._name} takes no more records: {self._broken}; stop, and resume it once that is mended"
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
        msg = f"journal {self._name}: {self._broken}; stop, mend the disk, then resume the journal"
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
    connection = sqlite3.connect(
        ":memory:" if path is None else path, isolation_level=None, timeout=0.0, check_same_thread=False
    )
    _set_up(connection)
    return connection


def _connect_again(path: Path) -> sqlite3.Connection:
    """The write lock on a journal that is there already, and an empty log to go on with."""
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        timeout=_WAIT_FOR_READERS_S,
        check_same_thread=False,
    )
    try:
        _set_up(connection)
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("BEGIN IMMEDIATE")  # a second writer is refused here, before it does anything
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _must_agree(path: Path, found: Mapping[str, str], expected: Mapping[str, str]) -> None:
    for key, value in sorted(expected.items()):
        if found.get(key) != value:
            msg = (
                f"journal {path}: {key} was {found.get(key)!r} and is {value!r} now; a journal is resumed by what wrote "
                "it: start a new one, or go back"
            )
            raise JournalError(msg)


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")


def _lay_out(connection: sqlite3.Connection, manifest: Mapping[str, str]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.executemany("INSERT INTO manifest VALUES (?, ?)", sorted(manifest.items()))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
