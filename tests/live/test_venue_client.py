"""The desk's end of the venue's socket where it has to let go: ended while it closes, and a venue that does not read."""

import asyncio

import pytest

from flatbook.live import venue_client
from flatbook.live.ports import PortLostError, SessionLost, SessionUp
from flatbook.live.venue_client import VenueSession
from flatbook.sim.messages import Cancel
from tests.live.venue_stages import running

WAIT_S = 5.0


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_who_is_cancelled_while_a_line_is_closed_stays_cancelled(turns):
    """Else a reader that is ended just as its line breaks would call again, for ever."""

    async def day():
        async with running() as (_, address):
            line, _ = await venue_client._Connection.to(address, "feed")

            async def closing():
                await line.close()
                await asyncio.Event().wait()

            task = asyncio.create_task(closing())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=1.0)
            assert done
            assert task.cancelled()

    asyncio.run(day())


def test_a_line_that_takes_no_more_is_cut_and_comes_back(monkeypatch):
    """The desk takes a send that fails for a lost session: one that nobody finds again would leave its orders alone for ever."""

    async def day():
        async with running() as (server, address):
            session = VenueSession(address, server.market.world.table)
            news = session.news()
            async with asyncio.timeout(WAIT_S):
                assert isinstance(await anext(news), SessionUp)
                with monkeypatch.context() as full:
                    full.setattr(venue_client, "_BACKLOG_BYTES", -1)
                    with pytest.raises(PortLostError, match="does not read"):
                        session.send([Cancel(client_id=1)])
                while not isinstance(found := await anext(news), SessionLost):
                    pass
                assert "does not read" in found.reason
                while not isinstance(found := await anext(news), SessionUp):
                    pass
                assert found.cancelled
                session.send([Cancel(client_id=1)])
            await session.close()
            await news.aclose()

    asyncio.run(day())
