"""LEAN zips from disk as a recording."""

from datetime import date
from pathlib import Path

from flatbook.adapters.files.faults import fault, some
from flatbook.adapters.files.lean import looks_like
from flatbook.adapters.files.lean_archive import Content, archives_in
from flatbook.adapters.files.lean_day import read_lean_day
from flatbook.adapters.files.snapshot import Progress, silent
from flatbook.adapters.lean_replay.parse import NAME, recording_of
from flatbook.adapters.recording import Recording

__all__ = ["NAME", "looks_like", "read_recording"]


def read_recording(
    path: Path, *, day: date | None = None, underlying: str | None = None, progress: Progress = silent
) -> Recording:
    """One day of one chain.

    Parameters
    ----------
    path : Path
        A folder of LEAN's zips.
    day : date, optional
        Of the session; the only one that has minute bars where it is not given.
    underlying : str, optional
        Needed where the folder holds several.

    Raises
    ------
    FaultsError
        Everything that is wrong with the bars, no day given where there are several, or none.
    """
    chosen = _only_day(path) if day is None else day
    return recording_of(read_lean_day(path, day=chosen, underlying=underlying, progress=progress))


def _only_day(path: Path) -> date:
    options = {Content.OPTION, Content.FUTURE_OPTION}
    days = {item.day for item in archives_in(path) if item.content in options and item.day is not None}
    if len(days) == 1:
        return days.pop()
    raise fault(
        where=path.name,
        found=f"minute bars of {some(sorted(days), 40)}" if days else "no minute bars of options",
        expected="a day to replay",
        action="give the day" if days else "name a folder with LEAN's minute bars of options",
    )
