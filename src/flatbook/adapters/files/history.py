"""Daily history from a file: closes of underlyings, and their 30-day implied volatility where the file has it.

Columns, units and what counts as complete: docs/file-formats.md.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.fields import number_of, read_column, read_positive
from flatbook.adapters.files.rows import add_repeat, refuse_empty
from flatbook.adapters.files.snapshot import Note, counted
from flatbook.adapters.files.tables import Table, read_table
from flatbook.model.events import HistorySeen

COLUMNS = ("date", "underlying", "close")
VOL_COLUMN = "vol30"
_NS_PER_DAY = 86_400 * 1_000_000_000
_VOL_MAX = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFile:
    """What a history file says, read and checked."""

    events: tuple[HistorySeen, ...]  # one an underlying
    notes: tuple[Note, ...]


def read_history(path: Path, *, at_ns: int, underlyings: Collection[str]) -> HistoryFile:
    """The history of these underlyings up to the last day that was over at `at_ns`.

    A day is over at midnight UTC: its close may have come later than a snapshot of the same day.

    Raises
    ------
    FaultsError
        Everything that is wrong with the file, at once.
    """
    faults = FaultList(path.name)
    table = read_table(path, COLUMNS, faults)
    refuse_empty(table, faults, "a row for each underlying and day")
    days = read_column(
        table,
        "date",
        faults,
        parse=_day_of,
        expected="a day as 2019-05-03",
        action="write year, month and day",
    )
    closes = read_positive(table, "close", faults)
    vols = _vols(table, faults)
    names = table.columns["underlying"]
    _refuse_repeats(table, names, days, faults)
    faults.raise_all()
    by_name: dict[str, dict[int, tuple[float, float | None]]] = {}
    late = 0
    for name, day, close, vol in zip(names, days, closes, vols, strict=True):
        assert day is not None, "a file without faults has a day in every row"
        assert close is not None, "and a close"
        if name in underlyings and day + _NS_PER_DAY <= at_ns:
            by_name.setdefault(name, {})[day] = (close, vol)
        late += day + _NS_PER_DAY > at_ns
    unused = len({name for name in names if name not in underlyings})
    return HistoryFile(
        events=tuple(_event(name, dict(sorted(rows.items())), at_ns) for name, rows in by_name.items()),
        notes=(
            *counted(
                "later",
                late,
                "days of the history were not over at the time of the snapshot and were left out",
            ),
            *counted("unused", unused, "underlyings of the history are not in the market and were left out"),
        ),
    )


def _event(name: str, rows: dict[int, tuple[float, float | None]], at_ns: int) -> HistorySeen:
    vols = tuple(vol for _, vol in rows.values())
    return HistorySeen(
        received_ns=at_ns,
        underlying=name,
        day_ns=tuple(rows),
        close=tuple(close for close, _ in rows.values()),
        vol=vols if any(vol is not None for vol in vols) else (),
    )


def _day_of(text: str) -> int | None:
    """UTC nanoseconds at which the day begins, or None."""
    try:
        day = date.fromisoformat(text) if len(text) == len("2019-05-03") else None
    except ValueError:
        return None
    if day is None or not 1971 <= day.year <= 2261:
        return None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000_000


def _vols(table: Table, faults: FaultList) -> list[float | None]:
    """Annual decimals; None where a cell is empty or the file has no such column."""
    out: list[float | None] = []
    for row, text in enumerate(table.optional(VOL_COLUMN)):
        value = number_of(text) if text else None
        if text and not (value is not None and 0.0 < value <= _VOL_MAX):
            faults.add(
                where=table.where(row, VOL_COLUMN),
                found=shown(text),
                expected=f"an annual decimal above 0 and at most {_VOL_MAX:g}, or nothing",
                action="write 20 % as 0.20, or leave the cell empty",
            )
        out.append(value)
    return out


def _refuse_repeats(table: Table, names: tuple[str, ...], days: list[int | None], faults: FaultList) -> None:
    first: dict[tuple[str, int], int] = {}
    for row, (name, day) in enumerate(zip(names, days, strict=True)):
        if day is not None and first.setdefault((name, day), row) != row:
            add_repeat(table, "date", row, first[name, day], faults)
