"""A live desk's day in a journal, with what was published of it."""

import asyncio

from msgspec.structs import replace

from tests.live.fakes import QUICK, FakeFeed, FakeVenue, Running, desk_of, until


def live_day(path):
    """Write the journal of a desk that trades, stops, comes back and trades on; what it published, by the sequence of its cycle."""
    published = {}

    async def run(venue, moments, *, again):
        feed = FakeFeed()
        desk = desk_of(path, feed, venue, replace(QUICK, shutdown_s=8.0))
        publish = desk.watch.publisher.publish

        def kept(snapshot):
            published[snapshot.cycle.sequence] = snapshot
            publish(snapshot)

        desk.watch.publisher.publish = kept
        async with Running(desk) as running:
            if again:
                venue.tell()
                venue.resend(0)
            await until(lambda: len(venue.open) > 10, 30.0)
            for index in moments:
                feed.say(index)
                client_id = next(iter(venue.open), None)
                if client_id is not None:
                    venue.tell(venue.trade(client_id))
                await asyncio.sleep(0.05)
            assert await running.end() == 0

    venue, later = FakeVenue(), FakeVenue()
    asyncio.run(run(venue, range(1, 6), again=False))
    for name in ("open", "rows", "sides", "prices", "positions", "executions"):
        setattr(later, name, getattr(venue, name))
    asyncio.run(run(later, range(6, 11), again=True))
    return published
