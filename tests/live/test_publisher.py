"""One writer, many readers; whoever is slow skips, and all are let go at the end."""

import asyncio
from types import SimpleNamespace

import pytest

from flatbook.live.publisher import DeskEndedError, Publisher


def test_a_slow_reader_skips_and_a_waiting_one_is_woken():
    async def run():
        publisher = Publisher()
        assert publisher.latest is None
        waits = asyncio.create_task(publisher.wait(0))
        await asyncio.sleep(0)
        for number in (1, 2, 3):
            publisher.publish(SimpleNamespace(number=number))
        assert (await waits).number == 3
        assert (await publisher.wait(2)).number == 3
        assert publisher.published == 3
        with pytest.raises(AssertionError):
            publisher.publish(SimpleNamespace(number=3))
        last = asyncio.create_task(publisher.wait(3))
        await asyncio.sleep(0)
        publisher.close()
        with pytest.raises(DeskEndedError):
            await last
        assert (await publisher.wait(0)).number == 3

    asyncio.run(run())
