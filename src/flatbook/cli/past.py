"""`flatbook dashboard`: the pages of a journal, at any of its moments, without a desk at work."""

import asyncio
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import typer
from rich.console import Console

from flatbook.cli.live_door import Door, Page, door_of
from flatbook.cli.live_page import serving
from flatbook.cli.warmup import warm_up
from flatbook.dashboard.app import create_app
from flatbook.dashboard.past.asked import Step
from flatbook.dashboard.past.nobody import Nobody
from flatbook.dashboard.past.process import PastProcess
from flatbook.journal.following import beginning, last_number
from flatbook.live.publisher import Publisher
from flatbook.live.settings import document_of
from flatbook.model.errors import FlatbookError


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for; None: as the desk file says."""

    journal: Path
    desk: Path | None
    host: str | None
    port: int | None


def show_journal(wanted: Wanted) -> None:
    """Serve until Ctrl+C or SIGTERM.

    Raises
    ------
    JournalError
        This is no journal.
    FaultsError
        The desk file or the address is wrong.
    """
    beginning(wanted.journal)
    name = "the command line" if wanted.desk is None else wanted.desk.name
    page = Page(document=document_of(wanted.desk), name=name, host=wanted.host, port=wanted.port, on=True)
    with door_of(page) as door:
        assert door is not None, "a page is wanted"
        warm_up(Console(stderr=True))
        asyncio.run(_serve(wanted.journal, door))


async def _serve(journal: Path, door: Door) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    publisher = Publisher()
    with PastProcess(journal) as past:
        app = create_app(publisher, Nobody(), door.users, door.settings, archive=past)
        async with serving(app, door):
            typer.echo(
                f"dashboard {door.address}    REPLAY of {journal}, {last_number(journal):,d} records; Ctrl+C stops"
            )
            showing = asyncio.create_task(_show(past, journal, publisher))
            await stop.wait()
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)


async def _show(past: PastProcess, journal: Path, publisher: Publisher) -> None:
    """The first decision as soon as it was taken again, and the last one once that was."""
    try:
        for asked in (Step(sequence=0), Step(sequence=last_number(journal) + 1, back=True)):
            sequence = await _decision(past, asked)
            snapshot = await past.snapshot_at(sequence)
            number = 1 if publisher.latest is None else publisher.latest.number + 1
            publisher.publish(replace(snapshot, number=number))
    except FlatbookError as e:
        typer.echo(f"flatbook: {e}", err=True)


async def _decision(past: PastProcess, asked: Step) -> int:
    while True:
        answer = await past.ask(asked)
        told = msgspec.json.decode(answer.body)
        if answer.status == 200:
            return int(told["sequence"])
        if answer.status == 409:
            raise FlatbookError(told["message"])
        await asyncio.sleep(0.2)
