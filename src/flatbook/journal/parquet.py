"""A journal as Parquet: one table for each kind of fact and one of decisions, by day.

Everything is proven by the chain before anything is written, and what is written is the whole of what was asked for or nothing.
docs/journal-format.md tells the columns.
"""

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, get_args

import msgspec
import polars as pl

from flatbook.engine.decision import Decision as Decided
from flatbook.journal.export import DECISION_TYPE
from flatbook.journal.parquet_columns import Convert, columns_of
from flatbook.journal.replay import Decision, Verification, read_records, verify
from flatbook.model.errors import JournalError
from flatbook.model.facts import Fact

FORMAT = 1
MANIFEST = "manifest.json"
_ROWS, _CELLS = 50_000, 2_000_000  # of one file; a fact of many series has many cells
_DAY_NS = 86_400_000_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_HEXADECIMAL = "payload_hex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    rows: dict[str, int]  # by kind
    files: int
    head: str  # of the chain after the last record that was read, hexadecimal


@dataclass(slots=True)
class _Table:
    """The rows of one kind on one day that are not written yet."""

    columns: dict[str, list[Any]] = field(default_factory=dict)
    rows: int = 0
    cells: int = 0
    files: int = 0


def export_parquet(
    journal: Path,
    folder: Path,
    *,
    first: int = 1,
    last: int | None = None,
    types: Collection[str] = (),
    unsealed: bool = False,
) -> Exported:
    """Write records `first` to `last` of a journal to `folder`, which must not hold anything.

    Parameters
    ----------
    types : collection of str
        Names of facts, or `Decision`; empty: all.
    unsealed : bool, optional
        Also where the journal was not closed after its last record, or `last` comes before that: records may follow.

    Raises
    ------
    JournalError
        The journal is not what was written, or was not closed; the folder holds something; a number does not fit its column.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder}: it holds something already; name a new folder"
        raise JournalError(msg)
    proven = verify(journal, last)
    count = proven.events + proven.decisions
    if not (proven.sealed or unsealed):
        msg = (
            f"journal {journal}: it was not closed after record {count}, so more may follow; close it, "
            "or ask for what is there (--unsealed)"
        )
        raise JournalError(msg)
    draft = folder.with_name(folder.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        writer = _Writer(draft)
        for kind, day, row in _rows(journal, count):
            if row["sequence"] >= first and (not types or kind in types):
                writer.add(kind, day, row)
        written = writer.finish(proven, first, count)
        if folder.exists():
            folder.rmdir()
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return written


class _Writer:
    """Tables of a folder, each written out when it has grown."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables: dict[tuple[str, str], _Table] = {}
        self._rows: dict[str, int] = {}
        folder.mkdir(parents=True)

    def add(self, kind: str, day: str, row: dict[str, Any]) -> None:
        """Add a row."""
        table = self._tables.setdefault((kind, day), _Table())
        for name, value in row.items():
            table.columns.setdefault(name, []).append(value)
            table.cells += len(value) if isinstance(value, list) else 1
        table.rows += 1
        self._rows[kind] = self._rows.get(kind, 0) + 1
        if table.rows >= _ROWS or table.cells >= _CELLS:
            self._write(kind, day)

    def finish(self, proven: Verification, first: int, last: int) -> Exported:
        """Write what is left, and what all of it is."""
        for kind, day in self._tables:
            self._write(kind, day)
        rows = dict(sorted(self._rows.items()))
        told = {
            "format": FORMAT,
            "journal": proven.manifest,
            "head": proven.head.hex(),
            "sealed": proven.sealed,
            "first": first,
            "last": last,
            "rows": rows,
        }
        (self._folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
        return Exported(
            rows=rows, files=sum(table.files for table in self._tables.values()), head=proven.head.hex()
        )

    def _write(self, kind: str, day: str) -> None:
        table = self._tables[kind, day]
        if not table.rows:
            return
        path = self._folder / kind / f"day={day}" / f"{table.files:05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            frame = pl.DataFrame(table.columns, schema=schema_of(kind), strict=True)
        except (OverflowError, TypeError, pl.exceptions.PolarsError) as error:
            msg = f"{kind} of {day}: a value does not fit its column ({str(error)[:200]})"
            raise JournalError(msg) from error
        frame.write_parquet(path, compression="zstd", statistics=True)
        self._tables[kind, day] = _Table(files=table.files + 1)


def schema_of(kind: str) -> dict[str, pl.DataType]:
    """The columns of one kind with their types."""
    told = {name: type_ for name, (type_, _) in _COLUMNS[kind].items()}
    beside = {"sequence": pl.Int64(), "received_ns": pl.Int64()}
    if kind != DECISION_TYPE:
        return beside | told
    return beside | {"cause": pl.Int64()} | told | {_HEXADECIMAL: pl.String()}


def _rows(journal: Path, last: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Kind, day and columns of each record; the instant of a decision is that of the event before it that caused it."""
    instants: dict[int, int] = {}
    for record in read_records(journal, last):
        if isinstance(record, Decision):
            received_ns = instants.pop(record.sequence_of_cause, 0)
            yield DECISION_TYPE, _day(received_ns, record.sequence), _decided(record, received_ns)
            continue
        kind = type(record).__name__
        if kind.endswith("Due"):
            instants[record.sequence] = record.received_ns
        row = {name: convert(getattr(record, name)) for name, (_, convert) in _COLUMNS[kind].items()}
        beside = {"sequence": record.sequence, "received_ns": record.received_ns}
        yield kind, _day(record.received_ns, record.sequence), beside | row


def _decided(record: Decision, received_ns: int) -> dict[str, Any]:
    """A decision in columns; bytes that are none of this version, as hexadecimal digits."""
    row = {"sequence": record.sequence, "received_ns": received_ns, "cause": record.sequence_of_cause}
    columns = _COLUMNS[DECISION_TYPE]
    try:
        decided = _DECISION.decode(record.payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return row | dict.fromkeys(columns) | {_HEXADECIMAL: record.payload.hex()}
    told = {name: convert(getattr(decided, name)) for name, (_, convert) in columns.items()}
    return row | told | {_HEXADECIMAL: None}


def _day(instant_ns: int, sequence: int) -> str:
    try:
        return date.fromordinal(instant_ns // _DAY_NS + _EPOCH).isoformat()
    except (ValueError, OverflowError) as error:
        msg = f"record {sequence}: its instant {instant_ns} is on no day of a calendar"
        raise JournalError(msg) from error


def _of_record(kind: type[msgspec.Struct]) -> dict[str, tuple[pl.DataType, Convert]]:
    beside = {"sequence", "received_ns", "cause"}
    return {name: shape for name, shape in columns_of(kind).items() if name not in beside}


_DECISION = msgspec.msgpack.Decoder(Decided)
_COLUMNS: dict[str, dict[str, tuple[pl.DataType, Convert]]] = {
    kind.__name__: _of_record(kind) for kind in get_args(Fact)
} | {DECISION_TYPE: _of_record(Decided)}
