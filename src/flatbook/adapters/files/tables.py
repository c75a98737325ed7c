"""Tables: CSV, gzipped CSV and Parquet as columns of text, with the line of every row.

Text, because a fault must show what stood in the file. CSV is read by the standard library: its 14,000 rows take less
time than importing polars, which is loaded for Parquet alone.
"""

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flatbook.adapters.files.faults import FaultList, fault, shown, some
from flatbook.adapters.files.instants import print_instant
from flatbook.model.errors import FaultsError

if TYPE_CHECKING:
    import polars as pl

MAX_BYTES = 1 << 29  # of a file once unpacked: beyond that it is no snapshot
PEEK_BYTES = 1 << 16
SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of text of equal length."""

    name: str
    columns: dict[str, tuple[str, ...]]
    lines: tuple[int, ...]  # where each row stands in the file, from 1
    counted_in: str = "line"

    def where(self, row: int, column: str = "") -> str:
        """Where a cell stands, as a fault tells it."""
        at = f"{self.name} {self.counted_in} {self.lines[row]}"
        return f"{at} column {column}" if column else at

    def optional(self, column: str) -> tuple[str, ...]:
        """The column, or empty text throughout where the file has none."""
        return self.columns.get(column) or ("",) * len(self.lines)


def read_table(path: Path, required: tuple[str, ...], faults: FaultList) -> Table:
    """The table in a `.csv`, `.csv.gz` or `.parquet` file; ragged rows go to `faults` and are left out.

    Raises
    ------
    FaultsError
        Unreadable, truncated, not UTF-8, no header, or a required column is missing.
    """
    if path.name.lower().endswith(".parquet"):
        table = _read_parquet(path)
    else:
        table = parse_csv(path.name, read_bytes(path), faults)
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise fault(
            where=f"{path.name} header",
            found=f"columns {some(tuple(table.columns), 30)}",
            expected=f"also {', '.join(missing)}",
            action="add the missing columns, or name the file's true format",
        )
    return table


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, unpacked where its name ends in `.gz`.

    Raises
    ------
    FaultsError
        No such file, unreadable, truncated, or larger than `MAX_BYTES`.
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise fault(
            where=path.name,
            found=f"a file that cannot be read ({error})",
            expected="a complete, readable file",
            action="check the path, or fetch the file again",
        ) from error
    if len(raw) > MAX_BYTES:
        raise fault(
            where=path.name,
            found=f"more than {MAX_BYTES >> 20} MiB",
            expected="a snapshot",
            action="cut the file to one snapshot",
        )
    return raw


def parse_csv(name: str, raw: bytes, faults: FaultList) -> Table:
    """The table in the bytes of a CSV file with a header line."""
    reader = csv.reader(io.StringIO(_decode(name, raw), newline=""), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    header: list[str] = []
    try:
        header = [column.strip() for column in next(reader, [])]
        _check_header(name, header)
        width = len(header)
        for row in reader:
            if len(row) == width:
                rows.append(row)
                lines.append(reader.line_num)
            elif row:
                _add_ragged(faults, f"{name} line {reader.line_num}", len(row), width)
    except csv.Error as error:
        raise fault(
            where=f"{name} line {reader.line_num}",
            found=f"text that is no CSV ({error})",
            expected="comma-separated values",
            action="mend the line, or fetch the file again",
        ) from error
    columns = tuple(zip(*rows, strict=True)) if rows else ((),) * len(header)
    return Table(name=name, columns=dict(zip(header, columns, strict=True)), lines=tuple(lines))


def peek(path: Path) -> dict[str, str]:
    """Header and first row of a CSV file, and nothing where there are none: enough to know a format."""
    try:
        with path.open("rb") as file:
            head = file.read(PEEK_BYTES)
        if path.name.lower().endswith(".gz"):
            head = zlib.decompressobj(wbits=31).decompress(
                head, PEEK_BYTES
            )  # a truncated file has a head too
        rows = csv.reader(io.StringIO(head.decode("utf-8-sig", errors="replace"), newline=""))
        header = [column.strip() for column in next(rows, [])]
        first = next(rows, [])
    except (OSError, zlib.error, csv.Error):
        return {}
    return dict(zip(header, first + [""] * (len(header) - len(first)), strict=False))


def csv_files(folder: Path) -> list[Path]:
    """The CSV files of a folder, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.name.lower().endswith((".csv", ".csv.gz")))


def _decode(name: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise fault(
            where=f"{name} line {line}",
            found=f"byte 0x{raw[error.start]:02x}, which is not UTF-8",
            expected="UTF-8 text",
            action="save the file as UTF-8, or fetch it again",
        ) from error


def _check_header(name: str, header: list[str]) -> None:
    if not any(header):
        raise fault(
            where=name,
            found="no header line",
            expected="a line of column names and rows below it",
            action="fetch the file again: it is empty or cut short",
        )
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise fault(
            where=f"{name} header",
            found=f"columns named twice: {', '.join(map(shown, repeated))}",
            expected="every column once",
            action="remove or rename the copies",
        )


def _add_ragged(faults: FaultList, where: str, found: int, width: int) -> None:
    faults.add(
        where=where,
        found=f"{found} values",
        expected=f"{width}, as many as the header names",
        action="mend the line; at the end of a file it was cut short: fetch it again",
    )


def _read_parquet(path: Path) -> Table:
    import polars as pl  # noqa: PLC0415 - 0.15 s that only Parquet pays

    raw = read_bytes(path)
    _check_parquet_ends(path.name, raw)
    try:
        frame = pl.read_parquet(io.BytesIO(raw))
        columns = {series.name: _texts(path.name, series) for series in frame}
    except FaultsError:
        raise
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise fault(
            where=path.name,
            found=f"bytes that are no Parquet file ({str(error)[:80]})",
            expected="a complete Parquet file",
            action="write or fetch the file again",
        ) from error
    return Table(name=path.name, columns=columns, lines=tuple(range(1, frame.height + 1)), counted_in="row")


def _check_parquet_ends(name: str, raw: bytes) -> None:
    """Refuse a truncated file by its magic numbers and the length of its footer, before polars sees it.

    Damage in the middle of a file is left to polars, and on some of it polars ends the process instead of raising.
    """
    footer = int.from_bytes(raw[-8:-4], "little")
    if raw[:4] == b"PAR1" == raw[-4:] and footer + 12 <= len(raw):
        return
    raise fault(
        where=name,
        found="bytes that do not begin and end as Parquet does",
        expected="a complete Parquet file",
        action="write or fetch the file again",
    )


def _texts(name: str, series: "pl.Series") -> tuple[str, ...]:
    import polars as pl  # noqa: PLC0415 - see above

    kind = series.dtype
    if kind.is_nested() or kind == pl.Binary:
        raise fault(
            where=f"{name} column {series.name}",
            found=f"values of type {kind}",
            expected="text, numbers or times",
            action="flatten the column",
        )
    if isinstance(kind, pl.Datetime) and kind.time_zone:
        epochs = series.dt.epoch("ns").to_list()
        return tuple("" if value is None else print_instant(value) for value in epochs)
    return tuple("" if value is None else str(value) for value in series.to_list())
