"""One writer, many readers: the newest snapshot for whoever looks, and a wait for the next one.

A reader that is slow skips what it missed; it never holds up the desk or another reader.
"""

import asyncio

from flatbook.live.snapshot import Snapshot
from flatbook.model.errors import FlatbookError


class DeskEndedError(FlatbookError):
    """The desk ended: no more will be published."""


class Publisher:
    """The newest snapshot. `publish` and `wait` belong to one event loop; `latest` may be read from anywhere."""

    def __init__(self) -> None:
        self._latest: Snapshot | None = None
        self._changed = asyncio.Event()
        self._published = 0
        self._closed = False

    @property
    def latest(self) -> Snapshot | None:
        """The newest; None before the first."""
        return self._latest

    @property
    def published(self) -> int:
        """How many there were."""
        return self._published

    def publish(self, snapshot: Snapshot) -> None:
        """Show a snapshot to all who wait; its number is above that of the one before."""
        assert self._latest is None or snapshot.number > self._latest.number, "publications ascend"
        self._latest = snapshot
        self._published += 1
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()

    def close(self) -> None:
        """No more will come: all who wait are let go."""
        self._closed = True
        self._changed.set()

    async def wait(self, after: int) -> Snapshot:
        """The newest snapshot with a number above `after`, as soon as there is one.

        Raises
        ------
        DeskEndedError
            The desk ended, and no more will come.
        """
        while self._latest is None or self._latest.number <= after:
            if self._closed:
                msg = "the desk ended: no snapshot comes any more"
                raise DeskEndedError(msg)
            await self._changed.wait()
        return self._latest
