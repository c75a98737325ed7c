"""The desk's end of the simulated venue's socket: a feed and a session, as `live.ports` wants them.

A line is lost where the other end hangs up, says nonsense, or says nothing for some seconds in which this end was awake to hear it. A session
comes back by itself, each time after a wait that doubles and of which half is drawn, so that many callers do not come at once.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

from flatbook.live.ports import (
    ClockTerms,
    FeedEnded,
    FeedNews,
    Opening,
    PortLostError,
    Reports,
    SessionLost,
    SessionUp,
    Told,
    VenueNews,
)
from flatbook.live.supervision import Backoff
from flatbook.live.venue_codec import (
    FRAME_MOST_BYTES,
    VERSION,
    Alive,
    Answered,
    Asked,
    Cleared,
    Closed,
    Commands,
    Fault,
    FaultKind,
    Hello,
    ProtocolError,
    Quoted,
    Refused,
    Reported,
    ResendWanted,
    Role,
    SnapshotWanted,
    ToDesk,
    ToVenue,
    Welcome,
    answer_of,
    bodies,
    envelopes_of,
    feed_message,
    framed,
    from_venue,
    table_hash,
)
from flatbook.model.events import InstrumentsListed
from flatbook.model.table import InstrumentTable
from flatbook.sim.desk_side import Question
from flatbook.sim.messages import Command

_LOOKS = 4  # within the patience, at each of which something must have been heard since the last
_COMMANDS_AT_ONCE = 10_000
_BACKLOG_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the venue listens, and how long this end waits for it."""

    port: int
    host: str = "127.0.0.1"
    name: str = "desk"
    patience_s: float = 3.0  # without a word, until a line counts as lost
    retry_s: float = 0.1  # before the first attempt to come back
    retry_most_s: float = 5.0


class _Connection:
    """One connection, from its `Hello` on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience_s: float) -> None:
        self._writer, self._patience_s = writer, patience_s
        self._heard = 0  # reads with something in them
        self._watching = asyncio.create_task(self._watch())
        self.messages = self._read(reader)  # what the venue says until the line is lost; `why` tells how
        self.why = "the venue hung up"

    @classmethod
    async def to(cls, address: Address, role: Role, table: str = "") -> tuple["_Connection", Welcome]:
        """Call, and be welcome; raises PortLostError where that fails."""
        try:
            async with asyncio.timeout(address.patience_s):
                reader, writer = await asyncio.open_connection(address.host, address.port)
        except (OSError, TimeoutError) as fault:
            msg = f"nobody answers at {address.host}:{address.port}: {str(fault) or 'no answer'}"
            raise PortLostError(msg) from fault
        found = cls(reader, writer, address.patience_s)
        try:
            found.say(Hello(version=VERSION, role=role, name=address.name, table_hash=table))
            first = await anext(found.messages, None)
        except BaseException:
            await found.close()
            raise
        if isinstance(first, Welcome):
            return found, first
        await found.close()
        raise PortLostError(found.why)

    @property
    def is_up(self) -> bool:
        """Whether what is said now may arrive."""
        return not self._writer.is_closing()

    @property
    def backlog_bytes(self) -> int:
        """What has not left yet."""
        return self._writer.transport.get_write_buffer_size()

    def say(self, message: ToVenue) -> None:
        """Without waiting; nothing where the line is down."""
        if self.is_up:
            self._writer.write(framed(message))

    def hang_up(self) -> None:
        """Whoever reads finds the end; what was said before still leaves."""
        self._writer.close()

    def give_up(self, why: str) -> None:
        """Cut the line: what has not left is lost, and whoever reads finds the end."""
        self.why = why
        self._writer.transport.abort()

    async def close(self) -> None:
        """Hang up."""
        self._watching.cancel()
        try:
            await asyncio.wait({self._watching})  # who is cancelled here stays cancelled
            await self.messages.aclose()
        finally:
            self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> AsyncGenerator[ToDesk, None]:
        try:
            async for found in bodies(reader, FRAME_MOST_BYTES):
                self._heard += 1
                for body in found:
                    message = from_venue(body)
                    if isinstance(message, Refused):
                        self.why = message.reason
                        return
                    if not isinstance(message, Alive):
                        yield message
        except (ProtocolError, ConnectionError) as fault:
            self.why = str(fault) or self.why

    async def _watch(self) -> None:
        """Say that we are there, and give the line up once so many looks in a row have found nothing new."""
        before, silent = self._heard, 0
        while silent < _LOOKS:
            self.say(Alive())
            await asyncio.sleep(self._patience_s / _LOOKS)
            silent = silent + 1 if self._heard == before else 0
            before = self._heard
        self.give_up(f"the venue said nothing for {self._patience_s:g} s")


class VenueFeed:
    """Market data of the venue: `live.ports.FeedPort`."""

    def __init__(self, address: Address) -> None:
        self.name = f"feed of {address.host}:{address.port}"
        self._address = address
        self._line: _Connection | None = None
        self._reading = False
        self._table: InstrumentTable | None = None

    async def opening(self) -> Opening:
        """Call, and hear what is known before the first message."""
        await self.close()
        self._line, welcome = await _Connection.to(self._address, "feed")
        listed = next((fact for fact in welcome.facts if isinstance(fact, InstrumentsListed)), None)
        if listed is None:
            await self.close()
            msg = "the venue lists nothing"
            raise PortLostError(msg)
        self._table = InstrumentTable(version=1, instruments=listed.instruments)
        if table_hash(self._table) != welcome.table_hash:
            await self.close()
            msg = "the venue's table of instruments is not what its listing makes"
            raise PortLostError(msg)
        clock = ClockTerms(market_ns=welcome.now_ns, wall_ns=time.time_ns(), speed=welcome.speed)
        return Opening(
            table=self._table,
            facts=welcome.facts,
            opens_ns=welcome.opens_ns,
            closes_ns=welcome.closes_ns,
            clock=clock,
            world=welcome.world,
        )

    async def messages(self) -> AsyncGenerator[FeedNews, None]:
        """What the feed says; it calls anew where the line was lost, and raises PortLostError where it is."""
        assert self._table is not None, "a feed is opened first"
        if self._line is None:
            self._line, _ = await _Connection.to(self._address, "feed", table_hash(self._table))
        line, self._reading = self._line, True
        try:
            async for message in line.messages:
                if isinstance(message, Quoted):
                    yield feed_message(message, self._table)
                elif isinstance(message, Closed):
                    yield FeedEnded()
                    return
        except ProtocolError as wrong:
            line.why = str(wrong)
        finally:
            self._reading = False
            asked = self._line is None
            self._line = None
            await line.close()
        if not asked:
            raise PortLostError(line.why)

    def ask_snapshot(self, source: int) -> None:
        """Ask for all that a source has said."""
        if self._line is not None:
            self._line.say(SnapshotWanted(source=source))

    async def close(self) -> None:
        """Hang up; who reads `messages` finds their end."""
        line, self._line = self._line, None
        if line is not None and self._reading:
            line.hang_up()
        elif line is not None:
            await line.close()


class VenueSession:
    """A session with the venue: `live.ports.VenuePort`. The table is that of the feed's opening."""

    def __init__(self, address: Address, table: InstrumentTable, name: str = "sim") -> None:
        self.name = name
        self.problem = ""  # why there is no session now
        self._address, self._table, self._hash = address, table, table_hash(table)
        self._backoff = Backoff(first_s=address.retry_s, most_s=address.retry_most_s)
        self._line: _Connection | None = None
        self._closed = asyncio.Event()

    async def news(self) -> AsyncGenerator[VenueNews, None]:
        """Everything the venue says, session after session, until `close`."""
        tries = 0
        try:
            while not self._closed.is_set():
                try:
                    self._line, welcome = await _Connection.to(self._address, "trading", self._hash)
                except PortLostError as lost:
                    self.problem = str(lost)
                    await self._wait(tries)
                    tries += 1
                    continue
                tries, self.problem = 0, ""
                yield SessionUp(cancelled=welcome.cancelled)
                async for news in self._said(self._line):
                    yield news
                await self._hang_up()
                if not self._closed.is_set():
                    yield SessionLost(reason=self.problem)
                    await self._wait(tries)
        finally:
            await self._hang_up()

    def send(self, commands: Sequence[Command]) -> None:
        """Let commands leave, all or none; a line that takes no more is cut, so that its end and the next session are told."""
        line = self._up()
        if line.backlog_bytes > _BACKLOG_BYTES:
            msg = f"{line.backlog_bytes:,d} bytes wait to leave; the venue does not read"
            line.give_up(msg)
            raise PortLostError(msg)
        for first in range(0, len(commands), _COMMANDS_AT_ONCE):
            line.say(Commands(commands=tuple(commands[first : first + _COMMANDS_AT_ONCE])))

    def ask(self, question: Question) -> None:
        """Ask for open orders and positions."""
        if self._line is not None:
            self._line.say(
                Asked(asked_ns=question.asked_ns, at_ns=question.at_ns, since_ns=question.since_ns)
            )

    def resend(self, after: int) -> None:
        """Ask for executions once more."""
        if self._line is not None:
            self._line.say(ResendWanted(after=after))

    async def close(self) -> None:
        """Hang up; `news` ends."""
        self._closed.set()
        if self._line is not None:
            self._line.hang_up()

    def _up(self) -> _Connection:
        if self._line is None or not self._line.is_up:
            msg = f"there is no session with {self.name}: {self.problem or 'it was not called yet'}"
            raise PortLostError(msg)
        return self._line

    async def _said(self, line: _Connection) -> AsyncIterator[VenueNews]:
        try:
            async for message in line.messages:
                match message:
                    case Reported():
                        yield Reports(envelopes=envelopes_of(message, self._table))
                    case Answered():
                        yield answer_of(message, self._table)
                    case Cleared():
                        yield Told(facts=message.facts)
                    case _:
                        pass
            self.problem = line.why
        except ProtocolError as wrong:
            self.problem = str(wrong)

    async def _wait(self, tries: int) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), self._backoff.wait_s(tries))

    async def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()


async def let_go_wrong(address: Address, kind: FaultKind, amount: float = 1.0) -> None:
    """Ask a venue that was started so to let something go wrong; raises PortLostError where it does not."""
    line, _ = await _Connection.to(address, "control")
    line.say(Fault(kind=kind, amount=amount))
    await line.close()
