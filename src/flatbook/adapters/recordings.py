"""Recorded markets from disk: finds the format, opens the recording."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from flatbook.adapters.dbn import read as dbn
from flatbook.adapters.deribit import read as deribit
from flatbook.adapters.files.faults import fault
from flatbook.adapters.files.snapshot import Progress, silent
from flatbook.adapters.lean_replay import read as lean
from flatbook.adapters.recording import Recording


class _ReadRecording(Protocol):
    def __call__(
        self, path: Path, *, day: date | None, underlying: str | None, progress: Progress
    ) -> Recording: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingReader:
    """One format: how it is called, how it is known, how it is read."""

    name: str
    text: str
    looks_like: Callable[[Path], bool]
    read: _ReadRecording


READERS: dict[str, RecordingReader] = {
    reader.name: reader
    for reader in (
        RecordingReader(
            name=dbn.NAME,
            text="DBN files of US options, packed or not, or a folder of them",
            looks_like=dbn.looks_like,
            read=dbn.read_recording,
        ),
        RecordingReader(
            name=lean.NAME,
            text="a folder of LEAN's minute bars",
            looks_like=lean.looks_like,
            read=lean.read_recording,
        ),
        RecordingReader(
            name=deribit.NAME,
            text="recorded lines of Deribit's socket, or a folder of them",
            looks_like=deribit.looks_like,
            read=deribit.read_recording,
        ),
    )
}


def open_recording(
    path: Path,
    *,
    day: date | None = None,
    underlying: str | None = None,
    format: str | None = None,  # noqa: A002 - the word every user of it says
    progress: Progress = silent,
) -> Recording:
    """Open a recorded market.

    Parameters
    ----------
    path : Path
        A file or folder in one of `READERS`.
    day : date, optional
        Which day; the only one where it is not given.
    underlying : str, optional
        Which underlying; needed where LEAN's or DBN files hold several.
    format : str, optional
        Name of the format; found by looking where it is not given.
    progress : callable, optional
        Told one line per step.

    Raises
    ------
    FaultsError
        Everything that is wrong with it, at once.
    InvalidValueError
        A library that it needs is not installed.
    """
    if not path.exists():
        raise fault(where=str(path), found="nothing there", expected="a recording", action="check the path")
    found = [reader for reader in READERS.values() if format in (None, reader.name)]
    chosen = next((reader for reader in found if format is not None or reader.looks_like(path)), None)
    if chosen is None:
        raise fault(
            where=str(path) if format is None else "format",
            found="no recording that is known" if format is None else repr(format),
            expected="; or ".join(f"{reader.name}: {reader.text}" for reader in READERS.values()),
            action="see docs/replay-feeds.md for what is read of each",
        )
    return chosen.read(path, day=day, underlying=underlying, progress=progress)
