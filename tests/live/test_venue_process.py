"""The venue as a process: it starts, is there for a desk, and goes when the desk does."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time

import pytest

from flatbook.live.venue_client import Address, VenueFeed
from flatbook.live.venue_process import VenueTerms, demo_stage, venue_beside, venue_of
from flatbook.live.venue_server import VenueServer
from flatbook.model.errors import FlatbookError
from tests.live.venue_stages import venue_stage


async def _heard(port):
    feed = VenueFeed(Address(port=port))
    opening = await feed.opening()
    reading = feed.messages()
    message = await anext(reading)
    await feed.close()
    await reading.aclose()
    return opening, message


def test_it_runs_beside_a_desk_and_ends_with_it():
    """Its port answers within the context and nobody does after it."""
    with venue_beside(venue_stage(minutes=60.0), 3, 2.0) as port:
        opening, message = asyncio.run(_heard(port))
        assert opening.clock.speed == 2.0
        assert message.snapshot
    with pytest.raises(ConnectionError):
        asyncio.run(_heard(port))


def test_a_venue_that_cannot_start_says_why():
    """Its port is taken."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(FlatbookError, match=r"did not start: .*address"),
        venue_of(VenueTerms(stage=venue_stage(minutes=60.0), port=taken.getsockname()[1])),
    ):
        pass


def test_by_itself_it_says_where_it_listens_and_stops_when_it_is_told():
    """One line of JSON, the day to watch with its three underlyings, and an end without a fault."""
    asked = [sys.executable, "-W", "error", "-m", "flatbook.live.venue_process", "--speed", "10"]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as venue:
        try:
            port = json.loads(venue.stdout.readline())["port"]
            opening, _ = asyncio.run(_heard(port))
            assert opening.table.underlyings == ("IDX", "ACME", "GLOB")
        finally:
            venue.send_signal(signal.SIGTERM)
        _, said = venue.communicate(timeout=10)
        assert venue.returncode == 0, said


def test_the_day_to_watch_opens_within_three_seconds():
    """Of eight hours at half a second: kernels are warm, and nothing of the day is worked out before it is due."""
    VenueServer(demo_stage(), 0)
    began = time.process_time()
    venue = VenueServer(demo_stage(), 1)
    assert time.process_time() - began < 3.0
    assert len(venue.market.market.at_ns) == 57_601
    assert int(venue.market.world.table.is_option.sum()) == 248
