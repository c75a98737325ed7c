"""The simulated venue as a process of its own: beside a desk that starts and ends it, or by itself for a desk that is killed and comes back.

By itself: `python -m flatbook.live.venue_process --port 7001 --speed 1 --seed 1`, which says where it listens on one line of JSON.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.live.venue_server import VenueServer
from flatbook.model.errors import FlatbookError
from flatbook.sim.stage import Stage, staged

SCENARIO = "live-demo.toml"
_START_S = 300.0  # kernels may have to be compiled first
_END_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTerms:
    """Which world, and how it is run; fields as of `VenueServer`."""

    stage: Stage
    seed: int = 1
    speed: float = 1.0
    port: int = 0
    cancels: bool = True
    faults: bool = False


@contextmanager
def venue_beside(stage: Stage, seed: int, speed: float) -> Iterator[int]:
    """A venue in a process of its own, for as long as the context is entered; yields the port on which it listens on this machine.

    It ends with this process, however that ends. An interrupt from the keyboard leaves it running, so that the desk can take its orders out.

    Raises
    ------
    FlatbookError
        It did not start, and why.
    """
    with venue_of(VenueTerms(stage=stage, seed=seed, speed=speed)) as port:
        yield port


@contextmanager
def venue_of(terms: VenueTerms) -> Iterator[int]:
    """`venue_beside` with every choice."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_beside, args=(terms, theirs), name="simulated venue", daemon=True)
    process.start()
    theirs.close()
    try:
        yield _started(ours)
    finally:
        ours.close()
        process.join(_END_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def _started(venue: Connection) -> int:
    try:
        told = venue.recv() if venue.poll(_START_S) else f"it said nothing for {_START_S:g} s"
    except EOFError:
        told = "its process ended"
    if not isinstance(told, int):
        msg = f"the simulated venue did not start: {told}"
        raise FlatbookError(msg)
    return told


def _beside(terms: VenueTerms, desk: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_serve(terms, desk))
    except (FlatbookError, OSError) as fault:
        desk.send(str(fault))


async def _serve(terms: VenueTerms, desk: Connection) -> None:
    gone, loop = asyncio.Event(), asyncio.get_running_loop()
    venue = _server(terms)
    await venue.start()
    desk.send(venue.port)
    loop.add_reader(desk.fileno(), gone.set)
    await _until(venue, gone)
    loop.remove_reader(desk.fileno())
    await venue.stop()


def _server(terms: VenueTerms) -> VenueServer:
    return VenueServer(
        terms.stage,
        terms.seed,
        speed=terms.speed,
        port=terms.port,
        cancels=terms.cancels,
        faults=terms.faults,
    )


async def _alone(terms: VenueTerms, minutes: float | None) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    venue = _server(terms)
    await venue.start()
    sys.stdout.write(json.dumps({"port": venue.port, "world": venue.world_name}) + "\n")
    sys.stdout.flush()
    if minutes is not None:
        loop.call_later(60.0 * minutes, stop.set)
    await _until(venue, stop)
    await venue.stop()


async def _until(venue: VenueServer, stop: asyncio.Event) -> None:
    """Until it is told to stop, also after the day is over, when somebody may ask what became of it; a world that fails is raised."""
    day, told = asyncio.create_task(venue.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait((day, told), return_when=asyncio.FIRST_COMPLETED)
    if day.done():
        told.cancel()
        day.result()
        await stop.wait()
    day.cancel()


def demo_stage() -> Stage:
    """The stage of the day to watch, with its desk."""
    with as_file(files("flatbook.sim") / "scenarios") as folder:
        return _stage_at(Path(folder) / SCENARIO)


def _stage_at(path: Path) -> Stage:
    read = read_scenario(path)
    return staged(read.scenario, read.desk.desk, read.desk.limits)


def main(asked: list[str] | None = None) -> None:
    """Run a venue by itself until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m flatbook.live.venue_process", description=__doc__)
    parser.add_argument("--scenario", type=Path, help="a scenario file; without it, the day to watch")
    parser.add_argument("--seed", type=int, default=1, help="0 or above")
    parser.add_argument("--speed", type=float, default=1.0, help="market seconds in a second")
    parser.add_argument("--port", type=int, default=0, help="on this machine; 0: any that is free")
    parser.add_argument("--minutes", type=float, help="stop by itself after so many")
    parser.add_argument("--keeps-orders", action="store_true", help="open orders stay when a session ends")
    parser.add_argument("--faults", action="store_true", help="let go wrong what a connection asks for")
    told = parser.parse_args(asked)
    terms = VenueTerms(
        stage=demo_stage() if told.scenario is None else _stage_at(told.scenario),
        seed=told.seed,
        speed=told.speed,
        port=told.port,
        cancels=not told.keeps_orders,
        faults=told.faults,
    )
    asyncio.run(_alone(terms, told.minutes))


if __name__ == "__main__":
    main()
