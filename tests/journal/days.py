"""A journal written commit by commit, and what a reader must find of it afterwards."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from flatbook.journal.reading import beside
from flatbook.journal.replay import read_records
from flatbook.journal.store import Journal
from flatbook.model.events import CycleDue, UnderlyingQuoted

BATCHES = (1, 3, 1, 20, 1, 1, 7, 2, 40, 1, 5, 1, 11, 1, 1, 30, 2, 1, 9, 60)


@dataclass(frozen=True)
class Moment:
    """The bytes on disk just after a commit was acknowledged."""

    records: int
    file: bytes
    log: bytes


def facts(journal, count):
    """Append `count` records that differ, each told by its number: every sixth a cycle, followed by its decision."""
    for _ in range(count):
        number = journal.sequence + 1
        if number % 6 == 0:
            journal.append(CycleDue(received_ns=number, reason=f"timer {number}"))
        elif number % 6 == 1 and number > 1:
            journal.append_decision(b"decided %d " % number * (1 + number % 40), number - 1)
        else:
            journal.append(
                UnderlyingQuoted(received_ns=number, underlying="SPX" * (1 + number % 7), price=1.0 + number)
            )


def write_day(path, *, pages=4_000, batches=BATCHES, close=False):
    """Write the day; the bytes after each commit, and every record.

    Parameters
    ----------
    pages : int
        Of the log before SQLite moves it into the file.
    """
    journal, moments, total = Journal.create(path, {"flatbook": "test"}), [], 0
    journal.connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
    moments.append(Moment(0, path.read_bytes(), beside(path, "wal").read_bytes()))
    for count in batches:
        with journal.batch():
            facts(journal, count)
        total += count
        moments.append(Moment(total, path.read_bytes(), beside(path, "wal").read_bytes()))
    records = list(read_records(journal))
    assert len(records) == total
    if close:
        journal.close()
    else:
        journal.connection.close()  # as it falls: what was in the log goes into the file, no seal
    return moments, records


def lay(folder, file, log=b"", name="crashed"):
    """Put a crash image down where nothing of an earlier one remains."""
    path = Path(folder) / name
    for what in ("wal", "shm", "journal"):
        beside(path, what).unlink(missing_ok=True)
    path.write_bytes(file)
    if log:
        beside(path, "wal").write_bytes(log)
    return path


def frames_of(log):
    """Start of each frame that SQLite wrote, and the end of the last: 4,096-byte pages after a header of 32 bytes."""
    return range(32, len(log) + 1, 24 + 4096)


def valid_frames(path):
    """What SQLite itself takes of the log: the number of its last committed frame."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute("PRAGMA wal_checkpoint").fetchone()[1]
