"""Recorded sessions of Deribit from disk as a recording: files of lines, replies of web requests among them."""

from collections.abc import Iterator
from datetime import date
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from flatbook.adapters.deribit.facts import Reader
from flatbook.adapters.deribit.parse import Book, Line, Listed, Listing, Ticker, parse_line
from flatbook.adapters.deribit.terms import instrument_of, listed_by_name
from flatbook.adapters.files.faults import fault
from flatbook.adapters.files.snapshot import Note, Progress, counted, silent
from flatbook.adapters.recording import Moment, Recording, bounds_of, in_order
from flatbook.model.errors import FaultsError
from flatbook.model.events import InstrumentsListed
from flatbook.model.instruments import Instrument
from flatbook.model.table import InstrumentTable

NAME = "deribit"
_HEAD_LINES = 3
_MARKS = (b'"jsonrpc"', b"deribit")
_Placed = tuple[str, Line]


def looks_like(path: Path) -> bool:
    """Whether `path` is a recorded session, or a folder that holds one."""
    return any(map(_is_recorded, _files(path)))


def read_recording(
    path: Path, *, day: date | None = None, underlying: str | None = None, progress: Progress = silent
) -> Recording:
    """All files of a folder, or one, as one session.

    Parameters
    ----------
    path : Path
        A file of recorded lines, or a folder of them.
    day : date, optional
        Only messages of this day in UTC; all where it is not given.
    underlying : str, optional
        Only this coin; all where it is not given.

    Raises
    ------
    FaultsError
        A line that is none, or nothing of the market in any of them.
    """
    files = [file for file in _files(path) if _is_recorded(file)]
    progress(f"reading {', '.join(file.name for file in files)}")
    found = _instruments(files, day)
    coin_settled = {name: item for name, item in found.items() if item is not None}
    chosen = {name: item for name, item in coin_settled.items() if underlying in (None, item.underlying)}
    first_ns = next((line.at_ns for _, line in _session(files, day)), 0)
    alive = {n: item for n, item in chosen.items() if not item.expiry_ns or item.expiry_ns > first_ns}

    def moments() -> Iterator[Moment]:
        reader = Reader(alive)
        told = (
            Moment(at_ns=line.at_ns, facts=reader.read(line, where)) for where, line in _session(files, day)
        )
        return in_order(moment for moment in told if moment.facts)

    begins_ns, ends_ns = bounds_of(moments())
    if not ends_ns:
        raise _nothing(path, underlying)
    instruments = tuple(alive.values())
    return Recording(
        format=NAME,
        source=f"Deribit's messages on {', '.join(sorted({item.underlying for item in instruments}))} in {path.name}",
        table=InstrumentTable(version=1, instruments=instruments),
        opening=(InstrumentsListed(received_ns=begins_ns, instruments=instruments),),
        begins_ns=begins_ns,
        ends_ns=ends_ns,
        opens_ns=begins_ns,
        closes_ns=ends_ns,
        moments=moments,
        notes=_notes(linear=len(found) - len(coin_settled), expired=len(chosen) - len(alive)),
    )


def _notes(*, linear: int, expired: int) -> tuple[Note, ...]:
    return (
        *counted("linear", linear, "instruments that do not settle in coin were left out"),
        *counted("expired", expired, "instruments had expired by then and were left out"),
    )


def _instruments(files: list[Path], day: date | None) -> dict[str, Instrument | None]:
    """What is quoted, by name; None where it does not settle in coin."""
    listings: list[tuple[Listed, ...]] = []
    quoted: dict[str, str] = {}
    for where, line in _session(files, None):
        if isinstance(line.message, Listing):
            listings.append(line.message.instruments)
        elif isinstance(line.message, Ticker | Book) and day in (None, _day_of(line.at_ns)):
            quoted.setdefault(line.message.instrument_name, where)
    listed = listed_by_name(listings)
    return {name: instrument_of(name, listed.get(name), quoted[name]) for name in sorted(quoted)}


def _session(files: list[Path], day: date | None) -> Iterator[_Placed]:
    """The messages of all files in order of time; of one instant, in the order of the files and their lines."""
    merged = merge(*map(_lines, files), key=lambda one: one[1].at_ns)
    return (one for one in merged if day in (None, _day_of(one[1].at_ns)))


def _lines(file: Path) -> Iterator[_Placed]:
    try:
        with file.open("rb") as lines:
            for number, raw in enumerate(lines, start=1):
                where = f"{file.name} line {number}"
                line = parse_line(raw, where)
                if line is not None:
                    yield where, line
    except OSError as error:
        raise fault(
            where=file.name,
            found=f"a file that cannot be read ({error})",
            expected="a recording",
            action="check it",
        ) from error


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.is_file() else []
    return sorted(file for file in path.iterdir() if file.is_file())


def _is_recorded(file: Path) -> bool:
    try:
        with file.open("rb") as lines:
            head = [line[:4096] for line in islice(_beginnings(lines), _HEAD_LINES)]
    except OSError:
        return False
    return any(all(mark in line for mark in _MARKS) for line in head) or any(map(_is_subscription, head))


def _beginnings(lines: BinaryIO) -> Iterator[bytes]:
    """Of lines; a file without line ends is not read to its end."""
    while line := lines.readline(1 << 16):
        yield line


def _is_subscription(line: bytes) -> bool:
    try:
        return parse_line(line.strip() + b"\n", "") is not None
    except FaultsError:
        return False


def _nothing(path: Path, underlying: str | None) -> FaultsError:
    of = "" if underlying is None else f" on {underlying}"
    return fault(
        where=path.name,
        found=f"no quotes of coin-settled instruments{of}",
        expected="recorded tickers or books of Deribit",
        action="name another file, day or coin",
    )


def _day_of(at_ns: int) -> date:
    return date.fromordinal(at_ns // 86_400_000_000_000 + date(1970, 1, 1).toordinal())
