"""Where a simulated desk keeps its journal: in memory or in a file, on a disk that fails when it is told to.

A process that is killed leaves what its journal had committed; of a file the first half of what it was writing may be on the disk too.
A disk that is full refuses a write: the journal breaks, and the process has to end by itself.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import SEEK_END
from pathlib import Path

from flatbook.journal.store import AnyEvent, Journal
from flatbook.model.errors import JournalError
from flatbook.sim.faults import StorageFault

_LOG = "-wal"
_MOST_PAGES = 1_073_741_823  # SQLite's own bound, sqlite.org/pragma.html
_BEGUN_BYTES = 2_000  # of a write of which nothing but empty space arrived: half a page


class Killed(Exception):  # noqa: N818 - no error: somebody pulled the plug
    """The process ended at a write."""


class NoStorage(Exception):  # noqa: N818
    """The disk took no more."""


class Recording:
    """A journal on a disk that may fail."""

    def __init__(self, journal: Journal, storage: "Storage") -> None:
        self.journal, self._storage = journal, storage

    def append(self, event: AnyEvent) -> AnyEvent:
        """Number and record a fact."""
        self._storage.write()
        with self._refused():
            return self.journal.append(event)

    def append_decision(self, decision: bytes, sequence_of_cause: int) -> None:
        """Record what was decided."""
        self._storage.write()
        with self._refused():
            self.journal.append_decision(decision, sequence_of_cause)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Everything inside becomes durable together."""
        with self._refused(), self.journal.batch():
            yield

    @contextmanager
    def _refused(self) -> Iterator[None]:
        """A journal that cannot write ends the process."""
        try:
            yield
        except JournalError as e:
            self._storage.refusals += 1
            raise NoStorage(str(e)) from e


class Storage:
    """One desk's disk. Without a folder everything is in memory, and no record is ever torn."""

    def __init__(self, folder: Path | None = None, manifest: Mapping[str, str] | None = None) -> None:
        self._folder, self._manifest = folder, dict(manifest or {})
        self._journals = 0
        self._now: Journal | None = None
        self._left: Journal | None = None  # by a process that was killed
        self._path: Path | None = None
        self._faults: list[
            tuple[int, StorageFault, bool]
        ] = []  # writes that are left, the fault, a full disk
        self.deaths: list[int] = []  # last durable record at each
        self.kills = self.torn = self.refusals = (
            0  # how often the process was killed, a write torn, one refused
        )

    @property
    def journal(self) -> Journal:
        """Of the process that runs."""
        assert self._now is not None, "no process began"
        return self._now

    def begin(self) -> Recording:
        """A new journal."""
        self._path = self._next_path()
        self._now = Journal.create(self._path, self._manifest)
        return Recording(self._now, self)

    def plan(self, fault: StorageFault, *, is_full: bool) -> None:
        """Fail at the fault's write from now on."""
        self._faults.append((fault.writes, fault, is_full))

    def mend(self) -> None:
        """No write fails any more."""
        self._faults.clear()
        if self._now is not None:
            self._now.connection.execute(f"PRAGMA max_page_count = {_MOST_PAGES}")

    def write(self) -> None:
        """Something is written; raises where it is the last."""
        due = [each for each in self._faults if each[0] <= 1]
        self._faults = [(left - 1, fault, full) for left, fault, full in self._faults if left > 1]
        for _, fault, is_full in due:
            if is_full:
                pages = self.journal.connection.execute("PRAGMA page_count").fetchone()[0]
                self.journal.connection.execute(f"PRAGMA max_page_count = {pages}")
            else:
                self._leave(torn=fault.torn)
                self.kills += 1
                raise Killed

    def recover(self) -> Recording:
        """What the next process finds."""
        self._faults.clear()
        if self._left is None:
            self._leave(torn=False)
        assert self._left is not None, "something is always left"
        self._now, self._left = self._left, None
        self.deaths.append(self._now.sequence)
        return Recording(self._now, self)

    def _leave(self, *, torn: bool) -> None:
        """Keep what is durable at this moment."""
        if self._path is None:
            self._left = self.journal.committed_copy()
            return
        copy = self._next_path()
        assert copy is not None, "a file beside a file"
        before = _bytes_of(_log_of(self._path))
        if torn:
            with suppress(JournalError):  # a full disk tears nothing
                self.journal.commit()  # what the process was writing: its first half is kept
        for suffix in ("", _LOG):
            source = self._path.with_name(self._path.name + suffix)
            if source.exists():
                shutil.copyfile(source, copy.with_name(copy.name + suffix))
        if torn:
            self.torn += 1
            _tear(_log_of(copy), before)
        self._path = copy
        self._left = Journal.resume(copy, self._manifest)

    def _next_path(self) -> Path | None:
        if self._folder is None:
            return None
        self._journals += 1
        return self._folder / f"desk-{self._journals}.journal"


def _tear(log: Path, before: int) -> None:
    """Cut what was written past `before` bytes in half; the frame that commits it is the last."""
    written = _bytes_of(log) - before
    with log.open("r+b" if log.exists() else "wb") as file:
        if written > 0:
            file.truncate(before + written // 2)
        else:
            file.seek(0, SEEK_END)
            file.write(b"\0" * _BEGUN_BYTES)


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + _LOG)


def _bytes_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
