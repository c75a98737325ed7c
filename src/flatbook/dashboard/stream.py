"""One stream for all who look: every topic is encoded once for a publication and handed to each reader as it is ready for it.

A slow reader keeps the newest frame of each of its topics and misses those between; it never makes the hub or another reader wait.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import Frame, encode
from flatbook.live.publisher import DeskEndedError, Publisher
from flatbook.live.snapshot import Snapshot

TOPICS_MOST = 16  # of one reader
READERS_OF_ONE = 32  # connections of one user
READERS_MOST = 256
View = Callable[[Snapshot, str], Frame]
"""A frame of a snapshot; the text is what stands behind the colon of the topic."""


@dataclass(slots=True, eq=False)
class Reader:
    """One connection: its topics, and the newest frame of each that it has not been sent."""

    who: str = ""  # user
    topics: frozenset[str] = frozenset()
    waiting: dict[str, bytes] = field(default_factory=dict)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    skipped: int = 0  # frames that a newer one replaced

    def offer(self, topic: str, raw: bytes) -> None:
        """The newest frame of a topic."""
        self.skipped += topic in self.waiting
        self.waiting[topic] = raw
        self.ready.set()

    async def take(self) -> list[bytes]:
        """All that waits, as soon as something does."""
        await self.ready.wait()
        self.ready.clear()
        out = list(self.waiting.values())
        self.waiting.clear()
        return out


class Hub:
    """Readers of a publisher. Everything happens in one event loop."""

    def __init__(self, publisher: Publisher, views: dict[str, View]) -> None:
        self._publisher, self._views = publisher, views
        self._readers: set[Reader] = set()
        self._task: asyncio.Task[None] | None = None
        self._encoded: dict[str, tuple[int, bytes]] = {}  # by topic: number of the publication
        self.encodings = 0
        self.ended = asyncio.Event()

    def start(self) -> None:
        """Follow the publisher from now on."""
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="stream hub")

    async def stop(self) -> None:
        """Follow no more, and let all readers go."""
        self.ended.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @property
    def readers(self) -> int:
        """How many there are."""
        return len(self._readers)

    def is_full(self, who: str) -> bool:
        """Whether there is no room for one more reader of this user."""
        own = sum(each.who == who for each in self._readers)
        return own >= READERS_OF_ONE or len(self._readers) >= READERS_MOST

    def join(self, who: str = "") -> Reader:
        """A new reader, of nothing yet."""
        reader = Reader(who=who)
        self._readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """A reader is gone."""
        self._readers.discard(reader)

    def subscribe(self, reader: Reader, topics: list[str]) -> None:
        """Let a reader have these topics and no others, beginning with what is known of those that are new to it.

        Raises
        ------
        UnknownTopicError
            There is no such topic, or there are too many.
        """
        wanted = frozenset(topics)
        if len(wanted) > TOPICS_MOST:
            msg = f"{len(wanted)} topics are more than the {TOPICS_MOST} that one reader may have"
            raise UnknownTopicError(msg)
        for topic in sorted(wanted):
            if topic.partition(":")[0] not in self._views:
                msg = f"no topic {topic[:80]!r}; there are {', '.join(sorted(self._views))}"
                raise UnknownTopicError(msg)
        fresh, reader.topics = wanted - reader.topics, wanted
        for gone in set(reader.waiting) - wanted:
            del reader.waiting[gone]
        if snapshot := self._publisher.latest:
            for topic in sorted(fresh):
                reader.offer(topic, self._frame(snapshot, topic))

    async def _follow(self) -> None:
        number = -1
        while True:
            try:
                snapshot = await self._publisher.wait(number)
            except DeskEndedError:
                self.ended.set()
                return
            number = snapshot.number
            for topic in sorted({topic for reader in self._readers for topic in reader.topics}):
                raw = self._frame(snapshot, topic)
                for reader in self._readers:
                    if topic in reader.topics:
                        reader.offer(topic, raw)
                await asyncio.sleep(0)

    def _frame(self, snapshot: Snapshot, topic: str) -> bytes:
        known = self._encoded.get(topic)
        if known is not None and known[0] == snapshot.number:
            return known[1]
        kind, _, of = topic.partition(":")
        try:
            frame = self._views[kind](snapshot, of)
        except UnknownTopicError as e:
            frame = _problem(snapshot, topic, str(e))
        raw = encode(frame)
        self.encodings += 1
        if len(self._encoded) > 4 * TOPICS_MOST:
            self._encoded.clear()
        self._encoded[topic] = (snapshot.number, raw)
        return raw


def _problem(snapshot: Snapshot, topic: str, text: str) -> Frame:
    """What a topic of something that is not there tells."""
    return Frame(
        kind="problem",
        topic=topic,
        number=snapshot.number,
        cycle=snapshot.cycle.sequence,
        at_ns=snapshot.at_ns,
        data={"problem": text},
    )
