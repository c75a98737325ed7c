"""From a price that leaves the venue to the quotes that answer it, through real sockets and the journal: `python -m benchmarks.wire_to_wire`.

The venue is a process of its own (`benchmarks.wire_venue`), the desk is `live.service` with its journal on a disk. Beside it: what one
commit takes here, and a minute of 20,000 events a second with fills among them, of which none may be lost.
"""

import argparse
import asyncio
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import numpy as np
from msgspec.structs import replace

from benchmarks.wire_venue import Heard, Plan, planned_venue, wire_stage
from flatbook.engine.ticking import decode_decision
from flatbook.journal.redecide import redecide
from flatbook.journal.replay import Decision, read_facts, read_records
from flatbook.journal.store import Journal
from flatbook.live.log import silent
from flatbook.live.service import Service, Terms, service_of
from flatbook.live.settings import LiveSettings
from flatbook.live.snapshot import Mode
from flatbook.live.venue_client import Address, VenueFeed, VenueSession
from flatbook.model.events import Fill, UnderlyingQuoted

SETTINGS = LiveSettings(reprice_ms=1_000.0, refit_s=30.0, silence_s=600.0, keep_state_s=0.0)
_COMMITS = 300


def commits_ms(folder: Path) -> tuple[float, float]:
    """Median and 99th percentile of a commit of ten small facts."""
    took = []
    journal = Journal.create(folder / "commits.journal")
    for number in range(_COMMITS):
        start = perf_counter()
        with journal.batch():
            for _ in range(10):
                journal.append(UnderlyingQuoted(received_ns=number, underlying="IDX", price=5000.0))
        took.append(1e3 * (perf_counter() - start))
    journal.close()
    return tuple(np.percentile(took, (50.0, 99.0)).tolist())  # type: ignore[return-value]


async def _desk(
    port: int, journal: Path, settings: LiveSettings, venue: Connection
) -> tuple[Heard, Service, dict]:
    stage, address = wire_stage(), Address(port=port, patience_s=60.0)
    terms = Terms(
        desk=stage.desk, limits=stage.limits, settings=settings, journal=journal, mode=Mode.SIMULATED
    )
    service = await service_of(
        terms, VenueFeed(address), lambda opening: VenueSession(address, opening.table), silent()
    )
    stop, depth = asyncio.Event(), Counter()
    running = asyncio.create_task(service.desk.run(stop))
    while not venue.poll():
        await asyncio.sleep(0.02)
        for name, count in service.desk.queues.items():
            depth[name] = max(depth[name], count)
        if running.done():
            msg = f"the desk ended: {running.result()}"
            raise SystemExit(msg)
    heard = venue.recv()
    stop.set()
    await running
    return heard, service, dict(depth)


def run(plan: Plan, settings: LiveSettings) -> Iterator[str]:
    """Play a plan, and say what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "desk.journal"
        with planned_venue(plan) as (port, venue):
            heard, service, depth = asyncio.run(_desk(port, journal, settings, venue))
        yield from _answers(heard, unmoved(journal))
        yield from _desk_lines(service, depth)
        fills = [fact.fill_id for fact in read_facts(journal) if isinstance(fact, Fill)]
        yield (
            f"  fills:      {heard.executions} at the venue, {len(fills)} in the journal, {len(set(fills))} of them different; "
            f"{heard.executions - len(set(fills))} lost"
        )
        start = perf_counter()
        again = redecide(journal)
        yield (
            f"  replay:     {again.decisions} decisions, {len(again.different)} different, {len(again.undecided)} undecided, "
            f"{perf_counter() - start:.0f} s for {journal.stat().st_size / 2**20:.0f} MiB"
        )


def unmoved(journal: Path) -> int:
    """Decisions on a price that no quote had to follow."""
    count, priced = 0, False
    for record in read_records(journal):
        if isinstance(record, Decision):
            count += priced and not decode_decision(record.payload).orders
            priced = False
        priced |= isinstance(record, UnderlyingQuoted)
    return count


def _answers(heard: Heard, still: int) -> Iterator[str]:
    """What is answered after the next price only, and was no price that moved nothing, counts as later than anything else."""
    late = max(heard.passed - still, 0)
    took = np.append(1e3 * np.array(heard.answers_s), np.full(late, np.inf))
    if took.size:
        half, most, top = np.percentile(took, (50.0, 99.0, 99.9), method="higher")
        yield (
            f"  wire to wire: p50 {half:.2f} ms, p99 {most:.2f} ms, p99.9 {top:.1f} ms of {took.size} prices that moved quotes; "
            f"{100.0 * np.mean(took < 3.0):.1f} % below 3 ms; {still} moved none, {late} were answered after the next one"
        )
    yield (
        f"  venue:      {heard.events:,d} events said, {heard.commands:,d} commands heard, {heard.missed} feed messages dropped, "
        f"its plan late by {1e3 * heard.lag_s:.0f} ms at most"
    )


def _desk_lines(service: Service, depth: dict) -> Iterator[str]:
    metrics, market = service.metrics, service.desk.market
    kinds = {kind: int(metrics.cycles.labels(kind)._value.get()) for kind in ("tick", "reprice", "refit")}
    half, most = service.desk.watch.picture.latency.percentiles_us()
    commits, total = _histogram(metrics.commit)
    yield (
        f"  desk:       {kinds['tick']} ticks, {kinds['reprice']} reprices, {kinds['refit']} fits; arrival to commands p50 {half / 1e3:.2f} ms, "
        f"p99 {most / 1e3:.2f} ms; {commits} commits, {1e3 * total / max(commits, 1):.2f} ms on average"
    )
    yield (
        f"  queues:     at most {', '.join(f'{name} {count}' for name, count in depth.items())}; {market.joined:,d} feed messages joined; "
        f"the venue's line waited {service.desk.venue_news.waits} times"
    )


def _histogram(metric) -> tuple[int, float]:
    told = {sample.name.rsplit("_", 1)[1]: sample.value for one in metric.collect() for sample in one.samples}
    return int(told["count"]), float(told["sum"])


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", choices=("ticks", "sustained"))
    told = parser.parse_args()
    out = sys.stdout
    out.write(f"{platform.machine()}, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as folder:
        half, most = commits_ms(Path(folder))
    out.write(f"a commit of ten facts: p50 {half:.2f} ms, p99 {most:.2f} ms\n")
    if told.only != "sustained":
        out.write("20 prices a second, nothing else\n")
        for line in run(Plan(seconds=told.seconds, ticks_per_s=20.0), SETTINGS):
            out.write(f"{line}\n")
    if told.only != "ticks":
        out.write("20,000 events a second: quotes in frames of 20, 20 prices, 20 customers\n")
        plan = Plan(
            seconds=told.seconds, ticks_per_s=20.0, frames_per_s=999.0, rows_per_frame=20, fills_per_s=20.0
        )
        for line in run(plan, replace(SETTINGS, reprice_ms=200.0)):
            out.write(f"{line}\n")


if __name__ == "__main__":
    main()
