"""What has arrived and is not taken yet: every queue is bounded, and what may not be lost makes its sender wait.

Market data is joined while nobody takes it: of each series the newest quote, of each underlying the newest price. What an operator, a
venue or a clearing house says stays whole and in its sequence; a reader that fills its queue waits, and the line behind it with it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter_ns
from typing import Generic, TypeVar

import numpy as np

from flatbook.sim.feed import FeedMessage

_T = TypeVar("_T")
VENUE_BOUND = 20_000  # messages of a session that wait before its reader does
OPERATOR_BOUND = 100
_JOINED_MOST = 64  # messages of one source that are kept apart before they are joined


@dataclass(slots=True)
class Arrivals:
    """When the oldest of what waits arrived, by a clock of the machine that never jumps."""

    oldest_ns: int | None = None

    def see(self) -> None:
        """Something arrived now."""
        if self.oldest_ns is None:
            self.oldest_ns = perf_counter_ns()

    def take(self) -> int | None:
        """The instant of the oldest, which waits no longer."""
        oldest, self.oldest_ns = self.oldest_ns, None
        return oldest


class Waiting(Generic[_T]):
    """A queue that loses nothing: who puts into a full one waits."""

    def __init__(self, most: int, woken: asyncio.Event, arrivals: Arrivals) -> None:
        self._items: deque[_T] = deque()
        self._most, self._woken, self._arrivals = most, woken, arrivals
        self._room = asyncio.Event()
        self._room.set()
        self.waits = 0  # how often somebody had to wait for room

    def __len__(self) -> int:
        """How many wait."""
        return len(self._items)

    @property
    def is_full(self) -> bool:
        """Whether who comes next has to wait."""
        return len(self._items) >= self._most

    async def put(self, item: _T) -> None:
        """Add an item, once there is room."""
        while self.is_full:
            self.waits += 1
            self._room.clear()
            await self._room.wait()
        self.put_now(item)

    def put_now(self, item: _T) -> None:
        """Add an item that is one too many at most, as news of a lost line."""
        self._arrivals.see()
        self._items.append(item)
        self._woken.set()

    def take(self, most: int) -> list[_T]:
        """The oldest, in their sequence."""
        taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
        if not self.is_full:
            self._room.set()
        return taken


class MarketData:
    """Messages of feeds. Nothing waits and nothing grows: what is not taken in time is joined, source by source."""

    def __init__(self, n_sources: int, woken: asyncio.Event, arrivals: Arrivals) -> None:
        self._waiting: list[list[FeedMessage]] = [[] for _ in range(n_sources)]
        self._woken, self._arrivals = woken, arrivals
        self.joined = 0  # messages that went into a newer one

    def __len__(self) -> int:
        """How many messages wait, joined ones as one."""
        return sum(map(len, self._waiting))

    def put(self, message: FeedMessage) -> None:
        """A message arrived."""
        waiting = self._waiting[message.source]
        waiting.append(message)
        if len(waiting) > _JOINED_MOST:
            self._join(message.source)
        self._arrivals.see()
        self._woken.set()

    def take(self) -> list[FeedMessage]:
        """Everything, by source and in its sequence, each run of consecutive messages as one."""
        for source, waiting in enumerate(self._waiting):
            if len(waiting) > 1:
                self._join(source)
        taken = [message for waiting in self._waiting for message in waiting]
        for waiting in self._waiting:
            waiting.clear()
        return taken

    def _join(self, source: int) -> None:
        waiting = self._waiting[source]
        runs = list(_runs(waiting))
        self.joined += len(waiting) - len(runs)
        if len(runs) > _JOINED_MOST:  # a line in tatters: what is older than its last gap proves nothing
            runs = runs[-1:]
        self._waiting[source] = [joined(run) for run in runs]


def joined(messages: Sequence[FeedMessage]) -> FeedMessage:
    """One message in the place of consecutive ones of a source: of everything the newest word."""
    last = messages[-1]
    if len(messages) == 1:
        return last
    rows = np.concatenate([each.rows for each in messages])
    quotes = np.concatenate([each.quotes for each in messages], axis=1)
    newest, at = np.unique(rows[::-1], return_index=True)
    prices = [each.price for each in messages if each.price is not None]
    halts = [each.halted for each in messages if each.halted is not None]
    return replace(
        last,
        price=prices[-1] if prices else None,
        halted=halts[-1] if halts else None,
        rows=newest,
        quotes=quotes[:, ::-1][:, at],
        covers=sum(each.covers for each in messages),
    )


def _runs(messages: Sequence[FeedMessage]) -> list[list[FeedMessage]]:
    """Messages that follow each other without a gap; a snapshot stands by itself."""
    runs: list[list[FeedMessage]] = []
    for each in messages:
        before = runs[-1][-1] if runs else None
        follows = (
            before is not None
            and not (each.snapshot or before.snapshot)
            and each.number - each.covers == before.number
        )
        if follows:
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs
