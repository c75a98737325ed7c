"""Who follows the publications for the tape: one task, its sums in a thread beside the loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flatbook.dashboard.tape.markouts import MarkoutTape
from flatbook.dashboard.tape.pnl import PnlTape
from flatbook.live.publisher import DeskEndedError, Publisher
from flatbook.live.snapshot import Snapshot


class Tape:
    """P&L by source and markouts of one desk, for as long as the dashboard serves."""

    def __init__(self) -> None:
        self.pnl, self.markouts = PnlTape(), MarkoutTape()
        self.seen = -1  # number of the last publication that was taken
        self._task: asyncio.Task[None] | None = None

    @property
    def failure(self) -> str:
        """Why nothing is summed any more; empty: all is well."""
        task = self._task
        if task is None or not task.done() or task.cancelled() or task.exception() is None:
            return ""
        return f"the sums ended with an error: {task.exception()}"

    @asynccontextmanager
    async def following(self, publisher: Publisher) -> AsyncIterator[None]:
        """Around the life of the application."""
        self._task = asyncio.create_task(self._follow(publisher), name="tape")
        try:
            yield
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self, publisher: Publisher) -> None:
        while True:
            try:
                snapshot = await publisher.wait(self.seen)
            except DeskEndedError:
                return
            await self.take(snapshot)
            self.seen = snapshot.number

    async def take(self, snapshot: Snapshot) -> None:
        """One publication."""
        self.pnl.see(snapshot)
        self.markouts.see(snapshot)
        if self.pnl.is_due(snapshot):
            await asyncio.to_thread(self.pnl.mark, snapshot)
