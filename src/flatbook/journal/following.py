"""Read on in a journal that grows: each record is proven against the one before it, and nothing is held open in between.

A long look at the file would keep SQLite from emptying its log; each part is read in one short look of its own.
"""

import sqlite3
from pathlib import Path

from flatbook.journal.layout import first_link, next_link
from flatbook.journal.reading import End, Record, manifest_of, opened
from flatbook.model.errors import JournalError

_PART = (
    "SELECT sequence, kind, cause, payload, chain FROM records WHERE sequence > ? ORDER BY sequence LIMIT ?"
)


def beginning(path: Path) -> End:
    """Before the first record; raises JournalError where this is no journal."""
    with opened(path) as connection:
        return End(0, first_link(manifest_of(connection)))


def last_number(path: Path) -> int:
    """Of the last record that is durable, without proof; 0 where there is none."""
    with opened(path) as connection:
        (last,) = connection.execute("SELECT MAX(sequence) FROM records").fetchone()
    return int(last or 0)


class Follower:
    """Somebody's place in a journal.

    Parameters
    ----------
    path : Path
    end : End, optional
        Where it stands, as another follower came to it; without it, before the first record.
    """

    def __init__(self, path: Path, end: End | None = None) -> None:
        self.path = path
        self.end = beginning(path) if end is None else end

    def more(self, most: int) -> list[Record]:
        """The next records, none where no more are durable yet.

        Raises
        ------
        JournalError
            Naming the first record that is wrong; those before it were given, or are given by asking for fewer.
        """
        records: list[Record] = []
        end, wrong = self.end, ""
        with opened(self.path) as connection:
            try:
                for row in connection.execute(_PART, (end.sequence, most)):
                    record = Record(*row)
                    if not _follows(record, end):
                        wrong = "its content or its chain is not what was written"
                        break
                    end = End(record.sequence, record.chain)
                    records.append(record)
            except (sqlite3.Error, UnicodeDecodeError) as e:
                wrong = f"the file is damaged ({e})"
        if wrong and not records:
            msg = f"record {end.sequence + 1}: {wrong}; trust only what precedes it, and restore a copy"
            raise JournalError(msg)
        self.end = end
        return records


def _follows(record: Record, end: End) -> bool:
    types = (type(record.kind), type(record.cause), type(record.payload), type(record.chain))
    if record.sequence != end.sequence + 1 or types != (str, int, bytes, bytes):
        return False
    return 0 <= record.cause < record.sequence and record.chain == next_link(
        end.chain, record.sequence, record.kind, record.cause, record.payload
    )
