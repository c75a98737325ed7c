"""LEAN archives: which zip holds quotes of what, by the names inside it.

Source: QuantConnect LEAN, data format of options, futures and equities: one headerless CSV per contract, named
[date_]root_[minute_]quote[_style_right_strike x 10,000_expiry].csv. New York time and prices x 10,000 for equities and
their options, UTC and plain prices for CME futures and the options on them.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from flatbook.adapters.files.faults import fault
from flatbook.adapters.files.fields import compact_day_of
from flatbook.adapters.files.tables import MAX_BYTES
from flatbook.model.errors import FaultsError

MAX_ARCHIVES = 10_000
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
)
_OPTION = re.compile(
    r"(?:(\d{8})_)?([a-z0-9.]+)_(?:minute_)?quote_(american|european)_(call|put)_(\d{1,12})_(\d{8})\.csv",
    re.ASCII,
)
_FUTURE = re.compile(r"(\d{8})_([a-z0-9]+)_minute_quote_(\d{4})(\d{2})(?:_\d{8})?\.csv", re.ASCII)
_EQUITY = re.compile(r"(\d{8})_([a-z0-9.]+)_minute_quote\.csv", re.ASCII)


class Content(StrEnum):
    """What an archive quotes."""

    OPTION = "options"
    FUTURE_OPTION = "options on futures"
    FUTURE = "futures"
    EQUITY = "stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One zip of quotes."""

    path: Path
    content: Content
    root: str  # in capitals
    day: date | None  # None: hourly bars of many days

    @property
    def name(self) -> str:
        """How faults call it."""
        return self.path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionEntry:
    """What the name of one option's CSV says."""

    root: str
    style: str
    right: str
    strike_ten_thousandths: int
    expiry: date


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureEntry:
    """What the name of one future's CSV says: its contract month."""

    root: str
    year: int
    month: int


def archives_in(path: Path) -> list[Archive]:
    """Every archive of quotes in a folder and below it, or beside a zip; zips of anything else are passed over.

    Raises
    ------
    FaultsError
        A zip that is unreadable or truncated, or more than `MAX_ARCHIVES`.
    """
    folder = path if path.is_dir() else path.parent
    zips = sorted(folder.rglob("*.zip") if path.is_dir() else folder.glob("*.zip"))
    if len(zips) > MAX_ARCHIVES:
        raise fault(
            where=folder.name,
            found=f"{len(zips)} zips",
            expected=f"at most {MAX_ARCHIVES}",
            action="name a narrower folder",
        )
    found = (archive_of(file) for file in zips)
    return [archive for archive in found if archive is not None]


def archive_of(path: Path) -> Archive | None:
    """What a zip quotes, by the first name inside it; None where it is no quote archive."""
    first = next(iter(names_of(path)), "")
    if match := _OPTION.fullmatch(first):
        on_future = path.name.startswith("fop_") or "futureoption" in path.parts
        content = Content.FUTURE_OPTION if on_future else Content.OPTION
    elif match := _FUTURE.fullmatch(first):
        content = Content.FUTURE
    elif match := _EQUITY.fullmatch(first):
        content = Content.EQUITY
    else:
        return None
    day = compact_day_of(match[1]) if match[1] else None
    return Archive(path=path, content=content, root=match[2].upper(), day=day)


def names_of(path: Path) -> list[str]:
    """The names in a zip.

    Raises
    ------
    FaultsError
        Not a zip, or a truncated one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def entries_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every name in a zip with its bytes, check sums verified.

    Raises
    ------
    FaultsError
        Unreadable, truncated, encrypted, beyond `MAX_BYTES`, or a check sum does not hold.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                msg = f"more than {MAX_BYTES >> 20} MiB unpacked"
                raise ValueError(msg)
            for entry in archive.infolist():
                yield entry.filename, archive.read(entry)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> FaultsError:
    return fault(
        where=path.name,
        found=f"a zip that cannot be read ({str(error)[:80]})",
        expected="a complete zip of LEAN quotes",
        action="fetch the file again",
    )


def days_in(archive: Archive) -> set[date]:
    """The days an archive quotes; of an hourly one, those in its rows."""
    if archive.day is not None:
        return {archive.day}
    stamps: set[str] = set()
    for _, raw in entries_of(archive.path):
        stamps.update(line[:8].decode("ascii", errors="replace") for line in raw.split(b"\n"))
    return {day for day in map(compact_day_of, stamps) if day is not None}


def option_entry(archive: str, name: str) -> OptionEntry:
    """The contract that an entry of an option archive quotes.

    Raises
    ------
    FaultsError
        The name is none.
    """
    match = _OPTION.fullmatch(name)
    expiry = compact_day_of(match[6]) if match else None
    if match is None or expiry is None or not 2000 <= expiry.year < 2100:
        raise _bad_name(archive, name, "20151224_goog_minute_quote_american_call_7500000_20160115.csv")
    return OptionEntry(
        root=match[2].upper(),
        style=match[3],
        right=match[4],
        strike_ten_thousandths=int(match[5]),
        expiry=expiry,
    )


def future_entry(archive: str, name: str) -> FutureEntry:
    """The contract that an entry of a future archive quotes.

    Raises
    ------
    FaultsError
        The name is none.
    """
    match = _FUTURE.fullmatch(name)
    if match is None or not (2000 <= int(match[3]) < 2100 and 1 <= int(match[4]) <= 12):
        raise _bad_name(archive, name, "20200106_es_minute_quote_202003.csv")
    return FutureEntry(root=match[2].upper(), year=int(match[3]), month=int(match[4]))


def _bad_name(archive: str, name: str, example: str) -> FaultsError:
    return fault(
        where=f"{archive} entry {name[:80]!r}",
        found="a name that names no contract",
        expected=f"a name such as {example}",
        action="remove the entry, or fetch the file again",
    )
