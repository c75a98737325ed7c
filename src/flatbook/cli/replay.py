"""`flatbook replay` and `flatbook journal replay`: prove a journal, decide everything again, compare byte for byte."""

from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flatbook.cli.replay_words import closed, written_by
from flatbook.journal.redecide import Redecided, redecide
from flatbook.journal.replay import verify
from flatbook.model.errors import JournalError


def replay_journal(path: Path, until: int | None = None) -> None:
    """Replay `path`, up to record `until` where that is given, and tell how it went.

    Raises
    ------
    JournalError
        The chain is broken, or a decision comes out differently.
    """
    proven = verify(path, until)
    again = _with_progress(path, until, proven.events + proven.decisions)
    if again.different:
        msg = (
            f"{path}: {len(again.different)} of {again.decisions} decisions come out differently, the first after event "
            f"{again.different[0]}; it was written by {written_by(proven)}: replay with the same build"
        )
        raise JournalError(msg)
    part = f"up to record {until}: " if until is not None else ""
    seal = "" if until is not None else f", {closed(proven)}"
    typer.echo(f"{path}: {part}{again.events} events and {again.decisions} decisions, chain holds{seal}")
    if again.undecided and until is None:
        causes = ", ".join(str(cause) for cause, _ in again.undecided[:5])
        more = ", …" if len(again.undecided) > 5 else ""
        typer.echo(
            f"cycles due without a decision: {len(again.undecided)} (events {causes}{more}); the writer stopped in between"
        )
    typer.echo(f"every decision comes out the same to the byte; head {proven.head.hex()}")


def _with_progress(path: Path, until: int | None, count: int) -> Redecided:
    console = Console(stderr=True)
    columns = TextColumn("deciding again"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=count)
        return redecide(path, until=until, told=lambda record: bar.update(task, completed=record))
