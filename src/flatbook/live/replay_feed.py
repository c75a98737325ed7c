"""A recording as market data: told at the speed it was recorded, faster, or as fast as the desk takes it.

What is due at once is told as one, so that a desk that is slow sees the newest and misses no halt. Quotes that stand are told again now
and then, as a venue does, but only while the recording itself speaks. Pausing and seeking move the clock of the market; time that was
told never comes back.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isinf

from flatbook.adapters.recording import Conflated, Moment, Recording, check_speed
from flatbook.live.ports import ClockTerms, FeedEnded, FeedNews, Opening
from flatbook.live.replay_messages import Sources
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Ints

HEARTBEAT_S = 0.5  # of the wall: that the line stands is said so often, also while it is paused
_SLICE_NS = 5_000_000  # of the wall: reading on for longer would hold up the desk
_MARKET_QUEUES = ("market data", "feed facts")
_LOOK_S = 0.0005
_S_NS = 1_000_000_000


def taken_by(queues: Callable[[], Mapping[str, int]]) -> Callable[[], Awaitable[None]]:
    """Returns once the queues of a desk, by name, hold nothing of the market's."""

    async def taken() -> None:
        await asyncio.sleep(0)
        while any(depth for name, depth in queues().items() if name in _MARKET_QUEUES):
            await asyncio.sleep(_LOOK_S)

    return taken


async def at_once() -> None:
    """Let whoever waits have a turn, and go on."""
    await asyncio.sleep(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTerms:
    """How a recording is told.

    Without limit on its speed it waits for the desk alone: `taken` returns once all that was told is taken, so every moment has a cycle
    of its own and two runs decide the same.
    """

    speed: float = 1.0  # inf: as fast as it is taken
    from_ns: int | None = None  # UTC; None: from its beginning
    until_ns: int | None = None  # UTC, the last instant; None: to its end
    retell_s: float = 60.0  # of the market, after which what stands is told again
    taken: Callable[[], Awaitable[None]] = at_once
    wall: Callable[[], int] = time.time_ns

    def __post_init__(self) -> None:
        """Refuse what cannot be told."""
        check_speed(self.speed)
        if not self.retell_s > 0.0:
            msg = f"replay: retell_s must be above 0, was {self.retell_s}"
            raise InvalidValueError(msg)


class ReplayFeed:
    """A `FeedPort` on a recording.

    `on_clock`, where it is set, is told the terms of the market's clock each time they change; `on_told` the rows whose quotes were told.
    """

    name = "replay"

    def __init__(self, recording: Recording, terms: ReplayTerms | None = None) -> None:
        self._recording, self._terms = recording, terms or ReplayTerms()
        self._begins_ns = _begins(recording, self._terms)
        self._ends_ns = min(recording.ends_ns, self._terms.until_ns or recording.ends_ns)
        self._speed = self._terms.speed
        self._paused = self._running = self._closed = False
        self._clock = ClockTerms(market_ns=self._begins_ns, wall_ns=self._terms.wall(), speed=self._pace())
        self._changed = asyncio.Event()
        self._asked: list[int] = []
        self._moments: Iterator[Moment] = recording.moments()
        self._next: Moment | None = None
        self._told_ns = recording.begins_ns  # of the last moment that was told
        self._sources = Sources(recording.table, round(self._terms.retell_s * _S_NS))
        self.on_clock: Callable[[ClockTerms], None] | None = None
        self.on_told: Callable[[Ints], None] | None = None
        self.taken = self._terms.taken
        self.moments_told = 0
        self.moments_joined = 0  # into a later one, as they were due at once

    @property
    def clock(self) -> ClockTerms:
        """How market time follows the wall, as of now; at no limit on speed it stands at the last moment."""
        return self._clock

    @property
    def paused(self) -> bool:
        """Whether market time stands still."""
        return self._paused

    @property
    def standing(self) -> Ints:
        """int64[4, n_rows]: bid and ask in ticks, or NO_PRICE, and their sizes, as they were told."""
        return self._sources.quotes

    def market_ns(self) -> int:
        """Market time now, at most the end of the recording."""
        passed = round((self._terms.wall() - self._clock.wall_ns) * self._clock.speed)
        return min(max(self._clock.market_ns + passed, self._told_ns), self._ends_ns)

    async def opening(self) -> Opening:
        """What is known before the first moment; the clock stands until then, where somebody follows it."""
        recording = self._recording
        clock = self._clock if self.on_clock is None else replace(self._clock, speed=0.0)
        return Opening(
            table=recording.table,
            facts=recording.opening,
            opens_ns=recording.opens_ns,
            closes_ns=recording.closes_ns,
            clock=clock,
            world=f"replay of {recording.source} from {self._begins_ns}",
        )

    async def messages(self) -> AsyncIterator[FeedNews]:
        """Everything from the first moment, or from where a call before it was left, to `FeedEnded`."""
        self._begin()
        while not self._closed:
            due = self._due()
            for news in self._news(due):
                yield news
            if self._next is None and not due:
                yield FeedEnded()
                return
            if due:
                await (self.taken() if self._free else at_once())
            elif not await self._wait():
                for heartbeat in self._sources.heartbeats(self.market_ns()):
                    yield heartbeat

    def ask_snapshot(self, source: int) -> None:
        """Ask for all that stands of an underlying, by its number in the table."""
        self._asked.append(source)
        self._changed.set()

    async def close(self) -> None:
        """Stop telling."""
        self._closed = True
        self._changed.set()

    def pause(self) -> None:
        """Let market time stand still; what was due by now is still told."""
        self._paused = True
        self._turn(self.market_ns())

    def resume(self) -> None:
        """Let market time go on."""
        self._paused = False
        self._turn(self.market_ns())

    def set_speed(self, speed: float) -> None:
        """From now on at `speed`; raises InvalidValueError where it is not above 0."""
        now_ns = self.market_ns()
        self._speed = check_speed(speed)
        self._turn(now_ns)

    def seek(self, at_ns: int) -> None:
        """Go on at a later instant: what lies between is told as one.

        Raises
        ------
        InvalidValueError
            It has passed, or lies behind the end: what a desk was told it cannot forget.
        """
        now_ns = self.market_ns()
        if not now_ns <= at_ns <= self._ends_ns:
            msg = (
                f"seek: found {at_ns}, expected an instant from {now_ns}, where the replay stands, to {self._ends_ns}, its end; "
                "start the desk anew to go back"
            )
            raise InvalidValueError(msg)
        self._turn(at_ns)

    def _begin(self) -> None:
        """The clock starts with the first message, where somebody follows it."""
        if not self._running and self.on_clock is not None:
            self._turn(self._clock.market_ns)
        self._running = True

    def _news(self, due: Conflated) -> Iterator[FeedNews]:
        if due:
            if self._free:
                self._turn(max(self._clock.market_ns, self._told_ns))
            messages = self._sources.messages(due.told(self._told_ns), self._told_ns)
            if self.on_told is not None:
                self.on_told(self._sources.told_at(self._told_ns))
            yield from messages
        asked, self._asked = self._asked, []
        snapshots = (self._sources.snapshot(source, self.market_ns()) for source in sorted(set(asked)))
        yield from (snapshot for snapshot in snapshots if snapshot is not None)

    @property
    def _free(self) -> bool:
        return isinf(self._speed) and not self._paused

    def _due(self) -> Conflated:
        """What to tell now: the next moment, or all of those whose time has come."""
        out = Conflated()
        now_ns, begun_ns, joined = self.market_ns(), time.perf_counter_ns(), 0
        while True:
            if self._next is None:
                self._next = next(self._moments, None)
            if self._next is None or self._next.at_ns > self._ends_ns:
                self._next = None
                break
            if self._next.at_ns > now_ns and not (self._free and not joined):
                break
            out.add(self._next.facts)
            self._told_ns, self._next = self._next.at_ns, None
            joined += 1
            if time.perf_counter_ns() - begun_ns > _SLICE_NS:
                break
        self.moments_told += joined
        self.moments_joined += max(joined - 1, 0)
        if joined and self._next is None:
            self._next = next(self._moments, None)
        return out

    async def _wait(self) -> bool:
        """Until the next moment is due or something was asked; False where only a heartbeat is."""
        wait_s = HEARTBEAT_S
        if self._next is not None and not self._paused:
            wait_s = min(wait_s, (self._next.at_ns - self.market_ns()) / self._speed / _S_NS)
        self._changed.clear()
        if self._asked or self._closed:
            return True
        try:
            await asyncio.wait_for(self._changed.wait(), max(wait_s, 0.0))
        except TimeoutError:
            return wait_s < HEARTBEAT_S
        return True

    def _pace(self) -> float:
        return 0.0 if self._paused or self._free else self._speed

    def _turn(self, market_ns: int) -> None:
        """Market time is `market_ns` now and goes on at our pace."""
        self._clock = ClockTerms(market_ns=market_ns, wall_ns=self._terms.wall(), speed=self._pace())
        self._changed.set()
        if self.on_clock is not None:
            self.on_clock(self._clock)


def _begins(recording: Recording, terms: ReplayTerms) -> int:
    begins_ns = recording.begins_ns if terms.from_ns is None else terms.from_ns
    ends_ns = recording.ends_ns if terms.until_ns is None else terms.until_ns
    if recording.begins_ns <= begins_ns <= min(ends_ns, recording.ends_ns):
        return begins_ns
    msg = (
        f"replay from {begins_ns} to {ends_ns}: expected instants within the recording, "
        f"{recording.begins_ns} to {recording.ends_ns}"
    )
    raise InvalidValueError(msg)
