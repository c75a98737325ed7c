"""Market snapshots from disk: finds the format, reads the file, tells what was left out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flatbook.adapters.files import cboe_eod, deribit_chain, flatbook_tables, lean
from flatbook.adapters.files.faults import fault
from flatbook.adapters.files.snapshot import MarketFile, Note, Progress, ReadSnapshot, silent

__all__ = ["READERS", "MarketFile", "Note", "Reader", "detect_format", "read_market"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One format: how it is called, how it is known, how it is read."""

    name: str
    text: str
    looks_like: Callable[[Path], bool]
    read: ReadSnapshot


READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader(
            name=flatbook_tables.NAME,
            text="a folder with instruments, quotes and underlyings as CSV or Parquet",
            looks_like=flatbook_tables.looks_like,
            read=flatbook_tables.read,
        ),
        Reader(
            name=cboe_eod.NAME,
            text="a CSV of one end-of-day chain, or a folder of them",
            looks_like=cboe_eod.looks_like,
            read=cboe_eod.read,
        ),
        Reader(
            name=deribit_chain.NAME,
            text="a CSV of one Deribit chain snapshot, or a folder of them",
            looks_like=deribit_chain.looks_like,
            read=deribit_chain.read,
        ),
        Reader(
            name=lean.NAME,
            text="a folder of LEAN quote zips, or one of its option zips",
            looks_like=lean.looks_like,
            read=lean.read,
        ),
    )
}


def detect_format(path: Path) -> str:
    """The name of the format of a file or folder.

    Raises
    ------
    FaultsError
        There is nothing at `path`, or no format fits.
    """
    if not path.exists():
        raise fault(
            where=str(path),
            found="nothing there",
            expected="a market file or folder",
            action="check the path",
        )
    for reader in READERS.values():
        if reader.looks_like(path):
            return reader.name
    raise fault(
        where=str(path),
        found="no format that is known",
        expected="; or ".join(f"{reader.name}: {reader.text}" for reader in READERS.values()),
        action="see docs/file-formats.md for the columns of each, or name the format",
    )


def read_market(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the word every user of it says
    at_ns: int | None = None,
    underlying: str | None = None,
    progress: Progress | None = None,
) -> MarketFile:
    """Read one snapshot of a market.

    Parameters
    ----------
    path : Path
        A file or folder in one of `READERS`.
    format : str, optional
        Name of the format; found by looking where it is not given.
    at_ns : int, optional
        Time of the snapshot, UTC nanoseconds; the file's own where it has one.
    underlying : str, optional
        Which underlying to read where the file holds several.
    progress : callable, optional
        Told one line per step.

    Raises
    ------
    FaultsError
        Everything that is wrong with the input, at once.
    """
    name = detect_format(path) if format is None else format
    if name not in READERS:
        raise fault(
            where="format",
            found=repr(name),
            expected=f"one of {', '.join(READERS)}",
            action="correct the name, or leave it out to have it found",
        )
    return READERS[name].read(path, at_ns=at_ns, underlying=underlying, progress=progress or silent)
