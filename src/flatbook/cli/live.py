"""`flatbook run`: a desk at work, with a venue beside it where nobody names another or a recording, and its dashboard."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import msgspec
import typer

from flatbook.adapters.desk_file.read import read_desk
from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.cli.foyer import Foyer
from flatbook.cli.live_door import Door, Page, door_of
from flatbook.cli.live_doors import Doors, Replay, replay_doors, replay_faults, replay_settings, socket_doors
from flatbook.cli.live_page import page_beside, serving
from flatbook.cli.live_warmup import compiled, compiling_the_rest
from flatbook.cli.simulate import find_scenario
from flatbook.live.health import PATHS
from flatbook.live.log import LogWriter
from flatbook.live.service import Service, Terms, run, service_of
from flatbook.live.settings import LiveSettings, document_of, table_of
from flatbook.live.snapshot import Mode
from flatbook.live.venue_client import Address
from flatbook.live.venue_process import venue_beside
from flatbook.model.errors import Fault, FaultsError, fail_on
from flatbook.model.parameters import Desk, Limit
from flatbook.sim.stage import Stage, staged

_MOST_SPEED = 1_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for; None: as the desk file says."""

    desk: Path | None
    scenario: str | None
    venue: str | None
    journal: Path | None
    host: str | None
    port: int | None
    dashboard: bool
    speed: float | None
    seed: int | None
    minutes: float | None
    log: Path | None
    replay: Replay | None = None
    behind_proxy: bool = False


def run_live(wanted: Wanted) -> int:
    """Run until Ctrl+C, SIGTERM or the end of the time; the exit code.

    Raises
    ------
    FaultsError
        Something in the inputs is wrong; nothing was started.
    """
    others = {"--venue": wanted.venue, "--scenario": wanted.scenario, "--seed": wanted.seed}
    fail_on([*_faults(wanted), *replay_faults(wanted.replay, others)])
    document = document_of(wanted.desk)
    name = "the command line" if wanted.desk is None else wanted.desk.name
    settings = _settings(wanted, table_of(document, "live", LiveSettings, name))
    page = Page(
        document=document, name=name, host=wanted.host, port=wanted.port, on=wanted.dashboard,
        behind_proxy=wanted.behind_proxy,
    )  # fmt: skip
    log_file = Path(settings.log) if settings.log else None
    if log_file is not None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
    with LogWriter(log_file, level=settings.log_level) as writer, contextlib.ExitStack() as stack:
        door = stack.enter_context(door_of(page))
        desk, limits, stage = _desk_of(wanted, settings)
        journal = Path(settings.journal)
        told = None
        if wanted.replay is not None:
            told = replay_doors(wanted.replay, desk.orders.venue)
            journal, settings = _free(journal), replay_settings(settings, wanted.replay)
        elif stage is not None:
            journal = _free(journal)
            typer.echo(
                f"SYNTHETIC exchange: {stage.scenario.title} (seed {settings.seed}, speed {settings.speed:g})"
            )
        typer.echo(f"journal   {journal}")

        def doors() -> Doors:
            if told is not None:
                return told
            if stage is None:
                host, port = settings.address
            else:
                beside = venue_beside(stage, settings.seed, settings.speed)
                host, port = "127.0.0.1", stack.enter_context(beside)
            return socket_doors(Address(host=host, port=port), desk.orders.venue)

        mode = Mode.SIMULATED if told is None else Mode.REPLAY
        terms = Terms(desk=desk, limits=limits, settings=settings, journal=journal, mode=mode)
        return asyncio.run(_main(terms, doors, door, wanted.minutes, writer))


async def _main(
    terms: Terms, doors: Callable[[], Doors], door: Door | None, minutes: float | None, writer: LogWriter
) -> int:
    stop, foyer, loop, log = asyncio.Event(), Foyer(), asyncio.get_running_loop(), writer.logger
    async with contextlib.AsyncExitStack() as standing:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
            standing.callback(loop.remove_signal_handler, number)
        if door is not None:
            await standing.enter_async_context(serving(foyer, door))
            typer.echo(f"dashboard {door.address}    {terms.mode}; Ctrl+C stops in order")
            log.info("dashboard listens", address=door.address, health=PATHS)
        if not await compiled(foyer, stop):
            typer.echo("stopped before anything was started")
            return 0
        await standing.enter_async_context(compiling_the_rest())
        foyer.told = "The venue is being connected and the journal is read."
        lines = await asyncio.to_thread(doors)
        service = await _unless(stop, service_of(terms, lines.feed, lines.venue_of, log))
        if service is None:
            typer.echo("stopped before the desk was there")
            return 0
        service.metrics.log_dropped.set_function(lambda: float(writer.dropped))
        lines.connect(service)
        if minutes is not None:
            loop.call_later(60.0 * minutes, stop.set)
        ended = asyncio.create_task(_stop_at_close(service, stop, lines.end))
        try:
            code = await run(service, stop, _beside(service, foyer, door, terms))
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)
        _say_goodbye(service, code)
        return code


async def _unless(stop: asyncio.Event, starting: Coroutine[None, None, Service]) -> Service | None:
    """The service, once it is there; None where somebody stops it before."""
    stopped, begun = asyncio.create_task(stop.wait()), asyncio.create_task(starting)
    try:
        await asyncio.wait({stopped, begun}, return_when=asyncio.FIRST_COMPLETED)
        return begun.result() if begun.done() else None
    finally:
        for task in (stopped, begun):
            task.cancel()
        await asyncio.gather(stopped, begun, return_exceptions=True)


def _beside(service: Service, foyer: Foyer, door: Door | None, terms: Terms) -> Callable[[], Awaitable[None]]:
    async def show() -> None:
        if door is not None:
            await page_beside(service, foyer, door, terms)

    return show


async def _stop_at_close(service: Service, stop: asyncio.Event, words: str) -> None:
    await service.desk.feed_ended.wait()
    typer.echo(words)
    stop.set()


def _say_goodbye(service: Service, code: int) -> None:
    picture, core = service.desk.watch.picture, service.desk.core
    half, most = picture.latency.percentiles_us()
    words = {
        0: "stopped in order",
        1: "stopped; orders may be left at the venue",
        3: "FAILED; orders were cancelled as far as the line took them",
    }
    typer.echo(
        f"{words[code]}: {core.process.facts:,d} facts, {core.process.decisions:,d} cycles, {picture.fills:,d} fills; "
        f"tick to decision p50 {half / 1e3:,.2f} ms, p99 {most / 1e3:,.2f} ms"
    )


def _desk_of(wanted: Wanted, settings: LiveSettings) -> tuple[Desk, tuple[Limit, ...], Stage | None]:
    """The desk and its limits, and the stage of a venue of our own."""
    if settings.venue or wanted.replay is not None:
        if wanted.desk is None:
            fault = Fault(
                where="DESK",
                found="nothing",
                expected=f"a desk file beside --{'replay' if wanted.replay else 'venue'}",
                action="name the desk file",
            )
            raise FaultsError([fault])
        file = read_desk(wanted.desk)
        return file.desk, file.limits, None
    world = read_scenario(world_file(settings.scenario))
    mine = world.desk if wanted.desk is None else read_desk(wanted.desk)
    stage = staged(world.scenario, mine.desk, mine.limits, world.recording())
    return stage.desk, stage.limits, stage


def world_file(name: str) -> Path:
    """The file of a shipped world, those that are only run in real time too, or of a path."""
    shipped = Path(str(files("flatbook.sim") / "scenarios" / f"{Path(name).name}.toml"))
    return shipped if Path(name).name == name and shipped.is_file() else find_scenario(name)


def _settings(wanted: Wanted, settings: LiveSettings) -> LiveSettings:
    told = {
        "scenario": wanted.scenario,
        "venue": wanted.venue,
        "journal": None if wanted.journal is None else str(wanted.journal),
        "speed": wanted.speed if wanted.replay is None else None,
        "seed": wanted.seed,
        "log": None if wanted.log is None else str(wanted.log),
    }
    changes = {key: value for key, value in told.items() if value is not None}
    return msgspec.structs.replace(settings, **changes)


def _free(path: Path) -> Path:
    """A world of our own begins anew, and so does its journal: the first name that no file has."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _faults(wanted: Wanted) -> list[Fault]:
    checks = (
        ("--speed", wanted.speed, wanted.speed is None or wanted.replay is not None or 0.0 < wanted.speed <= _MOST_SPEED, f"above 0, at most {_MOST_SPEED:g}"),
        ("--minutes", wanted.minutes, wanted.minutes is None or 0.0 < wanted.minutes < float("inf"), "above 0"),
        ("--seed", wanted.seed, wanted.seed is None or 0 <= wanted.seed < 2**62, "0 or above"),
        ("--port", wanted.port, wanted.port is None or 0 <= wanted.port < 65_536, "0 to 65535"),
        (
            "--venue",
            wanted.venue,
            wanted.venue is None or wanted.venue.rpartition(":")[2].isdigit(),
            "host:port",
        ),
    )  # fmt: skip
    return [
        Fault(where=where, found=f"{found}", expected=expected, action="correct it")
        for where, found, fine, expected in checks
        if not fine
    ]
