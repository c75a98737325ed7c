"""A start: a new journal, or one that is there already, proven and taken again from the last state that was kept beside it.

What follows that state is decided again and compared to the byte. A state that cannot be used, or decides otherwise, is put aside, and the
whole journal is taken instead: it alone is the truth.
"""

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numba
import numpy as np

from flatbook import __version__
from flatbook.journal.codec import decode
from flatbook.journal.redecide import restore
from flatbook.journal.state_file import Kept, StateFileError, read_state, write_state
from flatbook.journal.store import Journal
from flatbook.live.log import Logger
from flatbook.model.errors import JournalError
from flatbook.model.venue_events import Restarted
from flatbook.sim.desk_process import DeskProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A process and its journal."""

    process: DeskProcess
    journal: Journal | None
    again: bool  # it came out of a journal
    last_ns: int = 0  # received_ns of the last fact
    records: int = 0  # that were taken again
    from_state: bool = False
    seconds: float = 0.0


def build_of(world: str) -> dict[str, str]:
    """What writes a live journal: one build, for one world."""
    return {
        "flatbook": __version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "numba": numba.__version__,
        "processor": platform.machine(),
        "world": world,
    }


def state_beside(journal: Path) -> Path:
    """Where the state of a journal is kept."""
    return journal.with_name(journal.name + ".state")


def begin(path: Path | None, build: dict[str, str], log: Logger) -> Begun:
    """A process with a new journal at `path`, or the one that stopped there; None keeps no journal.

    Raises
    ------
    JournalError
        The journal is not what was written, another build or world wrote it, or another process writes it.
    """
    if path is None:
        return Begun(process=DeskProcess(None), journal=None, again=False)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        state_beside(path).unlink(missing_ok=True)
        journal = Journal.create(path, build)
        journal.reserve_log()
        return Begun(process=DeskProcess(journal), journal=journal, again=False)
    began = perf_counter()
    journal = Journal.resume(path, build)
    try:
        begun = _recovered(journal, path, build, log, began)
    except BaseException:
        journal.close()
        raise
    journal.reserve_log()
    return begun


def restarted(process: DeskProcess, now_ns: int, reason: str) -> None:
    """Let a process that came out of its journal know that it did."""
    process.take((Restarted(received_ns=now_ns, reason=reason),))


def keeper(
    process: DeskProcess, journal: Journal, path: Path, build: dict[str, str], log: Logger
) -> Callable[[], Callable[[], None]]:
    """Copies the state of a process at once, and returns what writes the copy; called when everything is durable."""

    def keep() -> Callable[[], None]:
        began = perf_counter()
        write = write_state(
            state_beside(path),
            Kept(process.state, process.facts, journal.sequence, journal.head),
            build,
        )
        log.info("state copied", sequence=journal.sequence, ms=round(1e3 * (perf_counter() - began), 1))

        def write_or_tell() -> None:
            try:
                write()
            except OSError as e:  # the next start takes more of the journal again, and nothing else
                log.warning("the state could not be written", why=str(e))

        return write_or_tell

    return keep


def _recovered(journal: Journal, path: Path, build: dict[str, str], log: Logger, began: float) -> Begun:
    kept = _kept(journal, path, build, log)
    try:
        found = restore(journal, kept)
    except JournalError as e:
        if kept is None:
            raise
        log.warning("the whole journal is taken again", why=str(e))
        kept, found = None, restore(journal)
    process = DeskProcess(
        journal, state=found.state, facts=found.events + (0 if kept is None else kept.facts)
    )
    return Begun(
        process=process,
        journal=journal,
        again=True,
        last_ns=_last_ns(journal),
        records=found.events + found.decisions,
        from_state=kept is not None,
        seconds=perf_counter() - began,
    )


def _last_ns(journal: Journal) -> int:
    """When the last fact was received; 0 where there is none."""
    row = journal.connection.execute(
        "SELECT payload FROM records WHERE kind = 'event' ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    return 0 if row is None else decode(row[0]).received_ns


def _kept(journal: Journal, path: Path, build: dict[str, str], log: Logger) -> Kept | None:
    """The state beside a journal; None where it cannot be used.

    Raises
    ------
    JournalError
        It stood after a record that the journal has no more.
    """
    try:
        kept = read_state(state_beside(path), build)
        _must_belong(kept, journal)
    except StateFileError as e:
        log.warning("the whole journal is taken again", why=str(e))
        return None
    return kept


def _must_belong(kept: Kept, journal: Journal) -> None:
    if 0 < journal.sequence < kept.sequence:
        msg = (
            f"the journal ends at record {journal.sequence}, and the state beside it stood after record {kept.sequence}: records are missing; restore a "
            "copy, or where there is none remove the state, and see to what the venue tells"
        )
        raise JournalError(msg)
    row = journal.connection.execute(
        "SELECT chain FROM records WHERE sequence = ?", (kept.sequence,)
    ).fetchone()
    if row is None or row[0] != kept.head:
        msg = f"the state is of another journal: record {kept.sequence} has another link there"
        raise StateFileError(msg)
