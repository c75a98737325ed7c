"""The simulated venue: a world that runs in real time behind a socket of this machine.

Many may listen to the feed, and one may trade. A listener that is too slow misses messages, which the numbers tell it; a session that is
too slow, says nothing for long or says nonsense is ended with a reason. What is due happens before what a desk sends.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from time import monotonic

from flatbook.live.venue_codec import (
    COMMANDS_MOST_BYTES,
    VERSION,
    Alive,
    Asked,
    Cleared,
    Closed,
    Commands,
    Fault,
    Hello,
    ProtocolError,
    Refused,
    Reported,
    ResendWanted,
    SnapshotWanted,
    ToDesk,
    ToVenue,
    Welcome,
    answered,
    bodies,
    framed,
    from_desk,
    quoted,
    table_hash,
)
from flatbook.live.venue_market import RunningMarket
from flatbook.model.facts import Fact, Told
from flatbook.sim.desk_side import Answer, Question
from flatbook.sim.feed import FeedMessage
from flatbook.sim.stage import Stage
from flatbook.sim.wire import Envelope

_S_NS = 1_000_000_000
_BUDGET_S = 0.02  # of work on the world before others have their turn
_NAP_S = 0.02  # at most, until the clock is read again
_WATCH_S = 1.0
FEED_BACKLOG_BYTES = 4 * 1024 * 1024
SESSION_BACKLOG_BYTES = 64 * 1024 * 1024


class _Line:
    """One connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.role, self.name = "", ""
        self.heard_s = monotonic()
        self.missed = 0  # feed messages that it was too slow for

    @property
    def backlog_bytes(self) -> int:
        """What it has not read yet."""
        return self.writer.transport.get_write_buffer_size()

    def say(self, frame: bytes) -> None:
        """Without waiting; nothing where it is gone."""
        if not self.writer.is_closing():
            self.writer.write(frame)

    def end(self, reason: str = "") -> None:
        """Hang up, with a reason if there is one."""
        if reason:
            self.say(framed(Refused(reason=reason[:500])))
        self.writer.close()


class VenueServer:
    """One venue for one day.

    Parameters
    ----------
    stage : Stage
    seed : int
    speed : float
        Market seconds in a second.
    host, port : str, int
        Where it listens; port 0: any that is free.
    cancels : bool
        Open orders go with the session that sent them.
    faults : bool
        It lets go wrong what a connection for control asks for.
    patience_s : float
        After which a connection that says nothing is ended.
    """

    def __init__(
        self,
        stage: Stage,
        seed: int,
        *,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        cancels: bool = True,
        faults: bool = False,
        patience_s: float = 10.0,
    ) -> None:
        assert speed > 0.0, "the market's time goes forward"
        self.speed, self.patience_s = speed, patience_s
        self.market = RunningMarket(stage, seed, self, look_around_s=speed)
        self.world_name = f"{stage.scenario.name}, seed {seed}, run {secrets.token_hex(4)}"
        self.lag_s = 0.0  # how far the world is behind its clock, in real seconds
        self.commands = self.envelopes = self.quotes = 0  # that went through
        self._host, self._port, self._cancels, self._faults = host, port, cancels, faults
        self._hash = table_hash(self.market.world.table)
        self._lines: set[_Line] = set()
        self._session: _Line | None = None
        self._cancelled = False  # with the last session
        self._ahead_ns = 0  # by jumps
        self._from_s = monotonic()
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None, "a venue listens once it has started"
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen; the market opens now."""
        self._server = await asyncio.start_server(self._serve, self._host, self._port)
        self._from_s = monotonic()
        self._tasks = [asyncio.create_task(self._drive()), asyncio.create_task(self._watch())]

    async def wait(self) -> None:
        """Until the day is over, or something in the world has failed, which is raised here."""
        await self._tasks[0]

    async def stop(self) -> None:
        """Hang up on everybody."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert self._server is not None, "it was started"
        self._server.close()
        for line in list(self._lines):
            line.end("the venue stops")
        await self._server.wait_closed()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def clock_ns(self) -> int:
        """The instant at which the market should stand."""
        passed = round((monotonic() - self._from_s) * self.speed * _S_NS)
        return self.market.world.open_ns + passed + self._ahead_ns

    # What goes out: `live.venue_market.Outlet`.

    def quoted(self, message: FeedMessage) -> None:
        """To all who listen and keep up."""
        self.quotes += 1
        frame = framed(quoted(message))
        for line in self._lines:
            if line.role != "feed":
                continue
            if line.backlog_bytes > FEED_BACKLOG_BYTES:
                line.missed += 1
            else:
                line.say(frame)

    def reported(self, envelopes: Sequence[Envelope]) -> None:
        """To the session."""
        self.envelopes += len(envelopes)
        self._to_session(Reported(envelopes=tuple(envelopes)))

    def answered(self, answer: Answer) -> None:
        """To the session."""
        question = answer.question
        self._to_session(
            answered(
                Asked(asked_ns=question.asked_ns, at_ns=question.at_ns, since_ns=question.since_ns), answer
            )
        )

    def cleared(self, facts: Sequence[Fact]) -> None:
        """To the session; the next one hears of it too."""
        self._to_session(Cleared(facts=_told(facts)))

    def closed(self, at_ns: int) -> None:
        """To everybody."""
        for line in self._lines:
            line.say(framed(Closed(at_ns=at_ns)))

    def _to_session(self, message: ToDesk) -> None:
        line = self._session
        if line is None:
            return
        line.say(framed(message))
        if line.backlog_bytes > SESSION_BACKLOG_BYTES:
            self._lose(line, "the session does not read what it is told")

    # What comes in.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, task = _Line(writer), asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        self._serving.add(task)
        self._lines.add(line)
        try:
            async for found in bodies(reader, COMMANDS_MOST_BYTES):
                line.heard_s = monotonic()
                for body in found:
                    self._hear(line, from_desk(body))
                await asyncio.sleep(0)
        except ProtocolError as wrong:
            line.end(str(wrong))
        except ConnectionError:
            pass
        finally:
            self._gone(line)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._serving.discard(task)

    def _hear(self, line: _Line, message: ToVenue) -> None:
        self.market.run(self.clock_ns(), _BUDGET_S)
        match line.role, message:
            case "", Hello():
                self._welcome(line, message)
            case (("feed" | "trading" | "control"), Alive()):
                pass
            case "feed", SnapshotWanted():
                self._snapshot(line, message.source)
            case "trading", Commands() if line is self._session:
                self.commands += len(message.commands)
                self.market.take(message.commands)
            case "trading", Asked() if line is self._session:
                self.market.ask(Question(message.asked_ns, message.at_ns, message.since_ns))
            case "trading", ResendWanted() if line is self._session:
                self.market.resend(message.after)
            case "control", Fault():
                self._fault(message)
            case _:
                what = type(message).__name__
                msg = f"{what} from {'a caller that has not said hello' if not line.role else 'a connection for ' + line.role}"
                raise ProtocolError(msg)

    def _welcome(self, line: _Line, hello: Hello) -> None:
        if hello.version != VERSION:
            msg = f"version {hello.version} of the protocol; this venue speaks version {VERSION}"
            raise ProtocolError(msg)
        if hello.table_hash not in ("", self._hash):
            msg = f"another table of instruments, {hello.table_hash}; here it is {self._hash}"
            raise ProtocolError(msg)
        if hello.role == "control" and not self._faults:
            msg = "this venue lets nothing go wrong on demand; start it so that it does"
            raise ProtocolError(msg)
        if hello.role == "trading":
            self._refuse_second()
        cancelled, feed = hello.role == "trading" and self._cancelled, hello.role == "feed"
        line.say(
            framed(
                Welcome(
                    version=VERSION,
                    venue=self.market.venue,
                    world=self.world_name,
                    table_hash=self._hash,
                    now_ns=self.market.now_ns,
                    opens_ns=self.market.world.open_ns,
                    closes_ns=self.market.world.close_ns,
                    speed=self.speed,
                    cancelled=cancelled,
                    facts=_told(self.market.market.opening()) if feed else (),
                )
            )
        )
        line.role, line.name = hello.role, hello.name
        if feed:
            for source in range(len(self.market.world.table.underlyings)):
                self._snapshot(line, source)
        if hello.role == "trading":
            self._session, self._cancelled = line, False
            self.market.connect()
            if self.market.settled:
                self.cleared(self.market.settled)
        if not self.market.is_open:
            line.say(framed(Closed(at_ns=self.market.now_ns)))

    def _refuse_second(self) -> None:
        if self._session is not None:
            msg = f"{self._session.name} has the session already; there is one"
            raise ProtocolError(msg)
        if self.market.world.plan.is_down(self.market.now_ns, self.market.now_ns):
            msg = "the venue takes no session now"
            raise ProtocolError(msg)

    def _snapshot(self, line: _Line, source: int) -> None:
        if not 0 <= source < len(self.market.world.table.underlyings):
            msg = f"a snapshot of source {source}; there are {len(self.market.world.table.underlyings)}"
            raise ProtocolError(msg)
        for message in self.market.snapshot(source):
            line.say(framed(quoted(message)))

    def _lose(self, line: _Line, reason: str = "") -> None:
        """Hang up on somebody."""
        line.end(reason)
        self._gone(line)

    def _gone(self, line: _Line) -> None:
        self._lines.discard(line)
        if line is self._session:
            self._session = None
            self._cancelled = self._cancels
            self.market.disconnect(cancels=self._cancels)

    def _fault(self, fault: Fault) -> None:
        match fault.kind:
            case "drop":
                if self._session is not None:
                    self._session.writer.transport.abort()
                    self._gone(self._session)
            case "silence":
                self.market.silent_until_ns = self.market.now_ns + round(fault.amount * self.speed * _S_NS)
            case "jump":
                self._ahead_ns += round(fault.amount * _S_NS)
            case kind:
                self.market.troubles.extend([kind] * int(fault.amount))

    # Its clock.

    async def _drive(self) -> None:
        while self.market.is_open:
            now_ns = self.clock_ns()
            if not self.market.run(now_ns, _BUDGET_S):
                self.lag_s = (now_ns - self.market.now_ns) / (self.speed * _S_NS)
                await asyncio.sleep(0)
                continue
            self.lag_s = 0.0
            left_s = (self.market.next_ns - self.clock_ns()) / (self.speed * _S_NS)
            await asyncio.sleep(min(max(left_s, 0.0), _NAP_S))

    async def _watch(self) -> None:
        """Say that the venue is there, and look for who is not."""
        while True:
            await asyncio.sleep(min(_WATCH_S, self.patience_s / 2.0))
            alive = framed(Alive(now_ns=self.market.now_ns))
            for line in list(self._lines):
                if monotonic() - line.heard_s > self.patience_s:
                    self._lose(line, f"nothing was heard for {self.patience_s:g} s")
                else:
                    line.say(alive)


def _told(facts: Sequence[Fact]) -> tuple[Told, ...]:
    return tuple(fact for fact in facts if isinstance(fact, Told))
