"""The live desk: tasks around the core. Readers fill bounded queues, one task takes them, and nothing leaves before it is durable.

A round of that one task: take what has arrived, in one batch of the journal; where a cycle is due, decide within the same batch; make the
batch durable, beside the loop so that lines are read on; only then let commands leave, answer operators and publish. A line that breaks is
tried again; a core or a journal that fails ends the desk: what can be cancelled is, and the process ends with an error.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter_ns

from msgspec.structs import replace

from flatbook.engine.cycle import Cycle
from flatbook.engine.tick_sending import Prepared
from flatbook.journal.store import Journal
from flatbook.live.core import Core
from flatbook.live.inbound import OPERATOR_BOUND, VENUE_BOUND, Arrivals, MarketData, Waiting
from flatbook.live.log import Logger
from flatbook.live.metrics import Metrics
from flatbook.live.pace import Due, Pace
from flatbook.live.picture import Picture
from flatbook.live.ports import FeedEnded, FeedPort, PortLostError, SessionLost, Told, VenueNews, VenuePort
from flatbook.live.publisher import Publisher
from flatbook.live.settings import LiveSettings
from flatbook.live.snapshot import DeskStanding
from flatbook.live.supervision import keep_alive
from flatbook.live.validity import refuse_misnamed
from flatbook.model.errors import FlatbookError
from flatbook.model.facts import Fact
from flatbook.sim.messages import Cancel, Command

_BATCH_MOST = 5_000  # messages of a session in one batch
_SWITCH_S = (
    2e-4  # that another thread may keep the interpreter from the loop: columns for ticks are made beside it
)
_LOOK_S = 1.0  # between two looks for silent feeds and open questions
_S_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spoken:
    """What a person says, and who waits for its number."""

    fact: Fact
    done: "asyncio.Future[int]"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lines:
    """The two doors."""

    feed: FeedPort
    venue: VenuePort


@dataclass(slots=True, kw_only=True, eq=False)
class Watch:
    """Who is told of what happens."""

    log: Logger
    metrics: Metrics
    publisher: Publisher
    picture: Picture


@dataclass(slots=True)
class _Round:
    """What one round came to."""

    cycle: Cycle | None = None
    ticked: bool = False
    commands: list[Command] = field(default_factory=list)
    sends: Callable[[], list[Command]] | None = None  # makes those of a tick
    heard: list[Spoken] = field(default_factory=list)
    spoken: list[tuple[Spoken, int]] = field(default_factory=list)  # of them, what was folded
    ask: bool = False
    since_ns: int | None = None  # when the oldest of it arrived


class LiveDesk:
    """One desk at work.

    Parameters
    ----------
    core : Core
        Begun, new or again.
    journal : Journal or None
        That the core writes to; None keeps nothing.
    lines : Lines
    settings : LiveSettings
    watch : Watch
    keep_state : callable, optional
        Copies the engine's state at once, and returns what writes the copy beside the journal, in another thread.
    """

    def __init__(
        self,
        core: Core,
        journal: Journal | None,
        lines: Lines,
        settings: LiveSettings,
        watch: Watch,
        keep_state: Callable[[], Callable[[], None]] | None = None,
    ) -> None:
        self.core, self.journal, self.lines, self.settings, self.watch = core, journal, lines, settings, watch
        self._woken, self._arrivals = asyncio.Event(), Arrivals()
        n_sources = len(core.start.opening.table.underlyings)
        self.market = MarketData(n_sources, self._woken, self._arrivals)
        self.feed_facts: Waiting[Told | str] = Waiting(VENUE_BOUND, self._woken, self._arrivals)
        self.venue_news: Waiting[VenueNews] = Waiting(VENUE_BOUND, self._woken, self._arrivals)
        self.spoken: Waiting[Spoken] = Waiting(OPERATOR_BOUND, self._woken, self._arrivals)
        self._keep_state = keep_state
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._preparer = ThreadPoolExecutor(1, thread_name_prefix="ticks")
        self._preparing = False
        self.pace = Pace(settings)
        self._stopping = self._ended = False
        self.feed_ended = asyncio.Event()  # a file was played to its end
        self.standing = DeskStanding.STARTING
        now = perf_counter_ns()
        self._looked_at = self._asked_at = self._published_at = 0
        self._state_kept_at = now
        self._counted = (0, 0)  # fills and rejects that are in the metrics
        self._round = _Round()  # the last

    # Its life.

    async def run(self, stop: asyncio.Event) -> int:
        """Run until `stop` is set; the exit code of the process: 0 after an orderly end, 1 where orders may be left, 3 after a failure."""
        switch_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        readers = [
            asyncio.create_task(
                keep_alive("feed", self._read_feed, self.watch.log, lost=self._feed_lost), name="feed"
            ),
            asyncio.create_task(
                keep_alive("venue", self._read_venue, self.watch.log, lost=self._venue_lost), name="venue"
            ),
        ]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        core = asyncio.create_task(self._work(), name="core")
        try:
            await asyncio.wait({core, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if core.done():
                return await self._fail(core.exception())
            return await self._stop_in_order(core)
        finally:
            self._ended = True
            for task in (*readers, stopped, core):
                task.cancel()
            await asyncio.gather(*readers, stopped, core, return_exceptions=True)
            await self.lines.feed.close()
            await self.lines.venue.close()
            sys.setswitchinterval(switch_s)
            self._writer.shutdown()
            self._preparer.shutdown()
            self.standing = DeskStanding.STOPPED
            self.watch.publisher.close()

    async def say(self, fact: Fact) -> int:
        """Put what a person says through journal and core; its sequence once it is durable.

        Raises
        ------
        FlatbookError
            The desk takes no more.
        """
        if self._ended or self._stopping or self.spoken.is_full:
            msg = "the desk takes no more of operators: it is stopping, or too much waits; try again"
            raise FlatbookError(msg)
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        await self.spoken.put(Spoken(fact=fact, done=done))
        return await done

    @property
    def queues(self) -> dict[str, int]:
        """Depths by name."""
        return {
            "market data": len(self.market),
            "feed facts": len(self.feed_facts),
            "venue": len(self.venue_news),
            "operator": len(self.spoken),
        }

    # Readers.

    async def _read_feed(self) -> bool:
        async for news in self.lines.feed.messages():
            if isinstance(news, FeedEnded):
                self.feed_ended.set()
                return True
            if isinstance(news, Told):
                await self.feed_facts.put(news)
            else:
                self.market.put(news)
        return self._ended

    async def _read_venue(self) -> bool:
        async for news in self.lines.venue.news():
            await self.venue_news.put(news)
        return self._ended or self._stopping

    async def _feed_lost(self, why: str) -> None:
        self.watch.metrics.line_losses.labels("feed").inc()
        self.feed_facts.put_now(why)

    async def _venue_lost(self, why: str) -> None:
        self.watch.metrics.line_losses.labels("venue").inc()
        self.venue_news.put_now(SessionLost(reason=why))

    # The one task that takes.

    async def _work(self) -> None:
        while not self._stopping:
            await self._wait()
            await self._one_round()

    async def _wait(self) -> None:
        """Until something arrived that is taken at once, a cycle may be, or something is due anyway."""
        while not (self._stopping or self._is_ready):
            self._woken.clear()
            wait_s = self._timer_s()
            if self.pace.moved or len(self.market):
                wait_s = min(wait_s, self._decision_wait_s())
            try:
                async with asyncio.timeout(max(wait_s, 0.0)):
                    await self._woken.wait()
            except TimeoutError:
                return
        await asyncio.sleep(0)  # readers fill the queues meanwhile

    async def _one_round(self) -> None:
        loop = asyncio.get_running_loop()
        found = self._round = _Round()
        stack = ExitStack()
        if self.journal is not None:
            stack.enter_context(self.journal.batch())
        try:
            self._take(found)
            self._decide_if_due(found)
        finally:
            began = perf_counter_ns()
            if self.journal is None or not self.core.heard.facts:
                stack.close()
                self._make_commands(found)
            else:
                durable = loop.run_in_executor(self._writer, stack.close)
                self._make_commands(found)  # while the disk works
                await durable
                self.watch.metrics.commit.observe((perf_counter_ns() - began) / 1e9)
        self._leave(found)
        self._tell(found)
        self._prepare()

    def _make_commands(self, found: _Round) -> None:
        if found.sends is not None:
            found.commands = found.sends()

    @property
    def _is_ready(self) -> bool:
        """Whether there is something to take: market data is joined until the next decision may be, all else is not."""
        if self.venue_news or self.spoken or self.feed_facts:
            return True
        return bool((self.pace.moved or len(self.market)) and self._decision_wait_s() <= 0.0)

    def _decision_wait_s(self) -> float:
        """Until what moves may be decided."""
        return self.pace.wait_s(calm=self._is_calm, ready=self.core.is_ready, preparing=self._preparing)

    @property
    def _is_calm(self) -> bool:
        """Whether a tick can be decided, once it is ready."""
        return self.settings.ticks and self.core.is_calm

    def _timer_s(self) -> float:
        """Until something is due though nothing arrives."""
        due = min(self._looked_at + _LOOK_S * _S_NS, self._published_at + _S_NS / self.settings.publish_hz)
        return min((due - perf_counter_ns()) / 1e9, self.pace.idle_s())

    def _prepare(self) -> None:
        """Make the last cycle ready for ticks, beside the loop."""
        job = None if self._preparing or not self._is_calm else self.core.preparation()
        if job is not None:
            self._preparing = True
            made = asyncio.get_running_loop().run_in_executor(self._preparer, job)
            made.add_done_callback(self._prepared)

    def _prepared(self, made: "asyncio.Future[Prepared]") -> None:
        if made.cancelled():
            return
        self._preparing = False
        if (fault := made.exception()) is not None:
            self.watch.log.error("no cycle can be made ready for ticks", error=repr(fault), exc_info=fault)
            self.settings = replace(self.settings, ticks=False)
        else:
            self.core.take_prepared(made.result())
        self._woken.set()

    def _take(self, found: _Round) -> None:
        """Operators first, then the venue, then the market."""
        core = self.core
        found.heard = self.spoken.take(OPERATOR_BOUND)
        for spoken in found.heard:
            try:
                refuse_misnamed(core.state, spoken.fact)
            except FlatbookError as refused:
                _refuse(spoken, refused)
                continue
            found.spoken.append((spoken, core.say(spoken.fact)))
            self.pace.urgent = True
        for news in self.venue_news.take(_BATCH_MOST):
            found.ask |= core.listen(news)
        for told in self.feed_facts.take(_BATCH_MOST):
            if isinstance(told, str):
                core.doubt_feed(f"the line broke: {told}")
            else:
                core.told(told)
        if self._decision_wait_s() <= 0.0:
            core.hear(self.market.take())
        if perf_counter_ns() - self._looked_at >= _LOOK_S * _S_NS:
            self._looked_at = perf_counter_ns()
            core.look_around()
            found.ask |= core.wants_answer()
        self.pace.moved |= core.asks
        if not (self.pace.moved or len(self.market)):
            self._arrivals.take()  # it asks for no decision

    def _decide_if_due(self, found: _Round) -> None:
        began_ns, pace = perf_counter_ns(), self.pace
        due = pace.due(calm=self._is_calm, ready=self.core.is_ready, preparing=self._preparing)
        if due is Due.NOTHING:
            return
        reason = "moved" if pace.moved else "nothing moved for long"
        found.since_ns = pace.since_ns(self._arrivals.take(), due)
        if due is Due.TICK:
            found.cycle, found.sends = self.core.tick(reason)
            found.ticked = found.cycle is None
        else:
            found.cycle, found.commands = self.core.decide(reason, refit=pace.fit_is_due)
        fitted = found.cycle is not None and found.cycle.refit
        pace.decided(cycle=found.cycle is not None, fitted=fitted, began_ns=began_ns)

    def _leave(self, found: _Round) -> None:
        """What is durable now may act."""
        venue, metrics = self.lines.venue, self.watch.metrics
        if found.commands:
            try:
                venue.send(found.commands)
                cancels = sum(isinstance(each, Cancel) for each in found.commands)
                metrics.commands.labels("cancel").inc(cancels)
                metrics.commands.labels("order").inc(len(found.commands) - cancels)
            except PortLostError as lost:
                metrics.held_back.inc(len(found.commands))
                self.venue_news.put_now(SessionLost(reason=str(lost)))
        if found.since_ns is not None:
            took_ns = perf_counter_ns() - found.since_ns
            self.watch.picture.latency.see(took_ns)
            metrics.tick_to_decision.observe(took_ns / 1e9)
        for spoken, sequence in found.spoken:
            if not spoken.done.done():
                spoken.done.set_result(sequence)
        self._ask(found)

    def _ask(self, found: _Round) -> None:
        """Put the questions that are open: for executions, snapshots, and what the venue counts."""
        core, now = self.core, perf_counter_ns()
        after = core.side.session.resend_after(core.clock.steady_ns()) if core.side.up else None
        if after is not None:
            self.lines.venue.resend(after)
        for source in core.side.feed.wanted(core.clock.steady_ns()):
            self.lines.feed.ask_snapshot(source)
        again = now - self._asked_at >= self.settings.ask_s * _S_NS
        if core.side.up and (found.ask or (core.side.asked_ns is not None and again)):
            self._asked_at = now
            self.lines.venue.ask(core.question())

    def _tell(self, found: _Round) -> None:
        """Everybody who reads."""
        core, watch, now = self.core, self.watch, perf_counter_ns()
        facts = core.heard.take()
        watch.metrics.facts.inc(len(facts))
        if found.cycle is not None:
            watch.metrics.cycles.labels("refit" if found.cycle.refit else "reprice").inc()
        if found.ticked:
            watch.metrics.cycles.labels("tick").inc()
        watch.picture.see(facts, found.cycle, core.clock.now_ns())
        if core.last_cycle is not None and now - self._published_at >= _S_NS / self.settings.publish_hz:
            self._published_at = now
            self._publish()
        keep_s = self.settings.keep_state_s
        if self._keep_state is not None and keep_s and now - self._state_kept_at >= keep_s * _S_NS:
            self._state_kept_at = now
            self._writer.submit(self._keep_state())  # in line before the next commit

    def _publish(self) -> None:
        if self.core.last_cycle is None:
            return
        snapshot = self.watch.picture.snapshot(
            self.core,
            queues=self.queues,
            journal_sequence=0 if self.journal is None else self.journal.sequence,
            stopping=self._stopping,
        )
        self.standing = snapshot.standing
        self.watch.publisher.publish(snapshot)
        metrics = self.watch.metrics
        metrics.see(snapshot)
        picture = self.watch.picture
        metrics.fills.inc(picture.fills - self._counted[0])
        metrics.rejects.inc(picture.alerts.rejects - self._counted[1])
        self._counted = (picture.fills, picture.alerts.rejects)
        metrics.joined.set(self.market.joined)
        metrics.clock_jumps.set(self.core.clock.jumps)
        metrics.clock_offset.set(self.core.clock.wall_offset_ns / 1e9)

    # Its end.

    async def _stop_in_order(self, core: asyncio.Task[None]) -> int:
        """Take every order out, wait until the venue has confirmed it, and seal the journal."""
        self._stopping = True
        self.watch.log.info("stopping", orders=self.core.orders.n_alive)
        self._woken.set()
        await asyncio.wait({core})  # what it decided has left
        if (failed := core.exception()) is not None:
            return await self._fail(failed)
        loop = asyncio.get_running_loop()
        until = loop.time() + self.settings.shutdown_s
        try:
            if self.spoken:  # a kill of a person outlives the one that the next start releases
                await self._one_round()
            self._kill("stopped in order")
            while True:
                self.pace.urgent = True
                await self._one_round()
                if not self.core.orders.n_alive or loop.time() >= until:
                    break
                await asyncio.sleep(0.01)
            left = self.core.orders.n_alive
            self._publish()
            if self._keep_state is not None:
                await loop.run_in_executor(self._writer, self._keep_state())  # behind those in line
            if self.journal is not None:
                self.journal.close()
        except Exception as error:
            return await self._fail(error)
        if left:
            self.watch.log.error("stopped with orders that nobody confirmed dead", orders=left)
            return 1
        self.watch.log.info("stopped", sequence=0 if self.journal is None else self.journal.sequence)
        return 0

    def _kill(self, why: str) -> None:
        with ExitStack() as stack:
            if self.journal is not None:
                stack.enter_context(self.journal.batch())
            self.core.stop_all(on=True, reason=why)

    async def _fail(self, error: BaseException | None) -> int:
        """The core or the journal failed: cancel what works, without a record where none can be made, and end."""
        self._stopping = True
        cancels = self.core.cancels()
        self.watch.log.error(
            "the desk failed; its orders are cancelled",
            error=repr(error),
            orders=len(cancels),
            exc_info=error,
        )
        try:
            if cancels:
                self.lines.venue.send(cancels)
                await asyncio.sleep(0.2)  # until the line has taken them
        except PortLostError as lost:
            self.watch.log.warning("the line is down: orders stay as the venue's rules say", why=str(lost))
        for spoken in self._round.heard:
            _refuse(spoken, FlatbookError("the desk failed while it took what was said; its journal tells"))
        for spoken in self.spoken.take(OPERATOR_BOUND):
            _refuse(spoken, FlatbookError("the desk failed before it took what was said"))
        return 3


def _refuse(spoken: Spoken, why: FlatbookError) -> None:
    """Tell who still waits."""
    if not spoken.done.done():
        spoken.done.set_exception(why)
