"""What goes through the simulated venue's socket in a second, and how long one order takes: `python -m benchmarks.venue_socket`.

The venue is a process of its own with the day to watch; the desk's end is here. Orders are bids that nobody meets, and each is cancelled
again, so that every command has one answer. Both directions are counted, by frames of one command and of a hundred.
"""

import asyncio
import platform
import sys
from collections.abc import AsyncIterator, Sequence
from time import perf_counter

import numpy as np

from flatbook.live.ports import Reports, VenueNews
from flatbook.live.venue_client import Address, VenueFeed, VenueSession
from flatbook.live.venue_process import VenueTerms, demo_stage, venue_of
from flatbook.sim.messages import Cancel, Command, NewOrder

_COMMANDS = 40_000
_AHEAD = 2_000  # commands that are on their way without an answer, at most
_ROUND_TRIPS = 500


def _commands(row: int, first: int, count: int) -> list[Command]:
    out: list[Command] = []
    for number in range(first, first + count // 2):
        out.append(NewOrder(client_id=number, row=row, side=1, price_ticks=25, quantity=1, is_quote=False))
        out.append(Cancel(client_id=number))
    return out


async def _answers(news: AsyncIterator[VenueNews]) -> AsyncIterator[int]:
    """How many have come, all in all."""
    count = 0
    async for each in news:
        if isinstance(each, Reports):
            count += sum(envelope.report is not None for envelope in each.envelopes)
            yield count


async def _through(
    session: VenueSession, news: AsyncIterator[VenueNews], some: Sequence[Command], size: int
) -> float:
    """Seconds until every command has its answer."""
    began, sent = perf_counter(), 0
    answers = _answers(news)
    got = 0
    while got < len(some):
        while sent < len(some) and sent - got < _AHEAD:
            session.send(some[sent : sent + size])
            sent += size
        got = await anext(answers)
    return perf_counter() - began


async def _measure(port: int) -> list[str]:
    address = Address(port=port)
    feed = VenueFeed(address)
    table = (await feed.opening()).table
    await feed.close()
    session = VenueSession(address, table)
    news = session.news()
    await anext(news)
    row, first, out = table.row_of("IDXH27"), 1, []
    for size in (100, 1):
        some = _commands(row, first, _COMMANDS)
        first += _COMMANDS
        took = await _through(session, news, some, size)
        rate = 2 * len(some) / took
        out.append(f"  {size:3d} to a frame: {rate:9,.0f} messages/s, commands and answers together")
    times = []
    for each in _commands(row, first, _ROUND_TRIPS):
        times.append(await _through(session, news, [each], 1))
        await asyncio.sleep(0.001)
    low, high = np.percentile(np.array(times) * 1e3, [50, 99])
    out.append(f"  one order and its answer: p50 {low:.2f} ms, p99 {high:.2f} ms")
    await session.close()
    await news.aclose()
    return out


def main() -> None:
    """Print them."""
    out = sys.stdout
    out.write(f"{platform.machine()}, Python {platform.python_version()}\n")
    for speed in (1.0, 50.0):
        out.write(f"the venue at {speed:g} times its speed\n")
        with venue_of(VenueTerms(stage=demo_stage(), speed=speed)) as port:
            out.write("\n".join(asyncio.run(_measure(port))) + "\n")


if __name__ == "__main__":
    main()
