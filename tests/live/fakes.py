"""A market and a venue in this process: they say what a test tells them to, and remember what they were sent."""

import asyncio
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from flatbook.adapters.scenario_file.read import read_scenario
from flatbook.cli.simulate import find_scenario
from flatbook.live.clock import DeskClock
from flatbook.live.core import Core, Start
from flatbook.live.desk import Lines, LiveDesk, Watch
from flatbook.live.log import silent
from flatbook.live.metrics import Metrics
from flatbook.live.picture import Picture
from flatbook.live.ports import ClockTerms, Opening, PortLostError, Reports, SessionLost, SessionUp
from flatbook.live.publisher import Publisher
from flatbook.live.recovery import begin, build_of, keeper, restarted
from flatbook.live.settings import LiveSettings
from flatbook.live.snapshot import Mode
from flatbook.model.world_fault_terms import FaultTerms, WireTerms
from flatbook.sim.desk_side import Answer
from flatbook.sim.faults import fault_plan
from flatbook.sim.feed import Feed
from flatbook.sim.messages import Acknowledged, Busted, Cancel, Cancelled, Corrected, NewOrder, Traded
from flatbook.sim.run import world_of
from flatbook.sim.stage import staged
from flatbook.sim.wire import Envelope

QUICK = LiveSettings(
    cycle_min_ms=1.0,
    cycle_max_ms=50.0,
    refit_s=0.2,
    publish_hz=50.0,
    ask_s=0.05,
    shutdown_s=1.0,
    keep_state_s=0.0,
)


@lru_cache(maxsize=1)
def stage():
    """A small chain on one index, and the desk that is shipped with it."""
    file = read_scenario(find_scenario("one-sided-calls"))
    return staged(file.scenario, file.desk.desk, file.desk.limits, None)


@lru_cache(maxsize=1)
def market():
    """Its market, of one seed."""
    return world_of(stage().scenario, 1, None, stage().desk.hedges)[0]


def opening():
    """What is known before the first message; the market's clock starts at its open, now."""
    first = int(market().at_ns[0])
    return Opening(
        table=market().table,
        facts=market().opening(),
        opens_ns=first,
        closes_ns=int(market().at_ns[-1]),
        clock=ClockTerms(market_ns=first, wall_ns=DeskClock().now_ns()),
        world="test",
    )


class FakeFeed:
    """Says the first moment at once, and whatever a test publishes."""

    name = "feed"

    def __init__(self):
        seen = stage().scenario
        at_ns = market().at_ns
        plan = fault_plan(FaultTerms(), int(at_ns[0]), int(at_ns[-1]), 1)
        self.feed = Feed(market().table, replace_wire(seen.wire), FaultTerms(), plan, 1)
        self.queue = asyncio.Queue()
        self.asked = []
        self.opened = 0
        self.say(0)

    def say(self, index, shift=0):
        """The market as it was at a moment, its quotes moved by some ticks."""
        moment = market().moment(index)
        if shift:
            moment = replace(moment, bid_ticks=moment.bid_ticks + shift, ask_ticks=moment.ask_ticks + shift)
        messages = [message for _, message in self.feed.publish(moment)]
        for message in messages:
            self.queue.put_nowait(message)
        return messages

    def break_line(self):
        """The line breaks after what was said so far."""
        self.queue.put_nowait(PortLostError("pulled out"))

    async def opening(self):
        return opening()

    async def messages(self):
        self.opened += 1
        while True:
            message = await self.queue.get()
            if isinstance(message, Exception):
                raise message
            yield message

    def ask_snapshot(self, source):
        self.asked.append(source)
        for _, message in self.feed.snapshot(int(market().at_ns[0]) + 1, source):
            self.queue.put_nowait(message)

    async def close(self):
        pass


class FakeVenue:
    """Acknowledges orders, cancels what it is asked to, trades what a test trades, and answers questions."""

    name = "VENUE"

    def __init__(self, on_send=None):
        self.queue = asyncio.Queue()
        self.open, self.rows, self.sides, self.prices = {}, {}, {}, {}
        self.positions = np.zeros(len(market().table.instruments), dtype=np.int64)
        self.sent, self.executions = [], []
        self.cancels_confirmed = True
        self.up = True
        self.on_send = on_send
        self.questions = 0
        self.queue.put_nowait(SessionUp(cancelled=False))

    def envelope(self, report):
        if isinstance(report, Traded | Busted | Corrected):
            self.executions.append(report)
        return Envelope(report=report, executions=len(self.executions))

    def tell(self, *reports):
        """Reports, in one message."""
        self.queue.put_nowait(Reports(envelopes=tuple(self.envelope(each) for each in reports)))

    def trade(self, client_id, quantity=1):
        """A customer trades with an order; the report of it."""
        left = self.open[client_id] - quantity
        assert left >= 0
        if left:
            self.open[client_id] = left
        else:
            del self.open[client_id]
        row, side = self.rows[client_id], self.sides[client_id]
        self.positions[row] += side * quantity
        number = len(self.executions) + 1
        return Traded(
            execution_id=f"x{number}", client_id=client_id, row=row, side=side, quantity=quantity,
            price_ticks=self.prices[client_id], at_ns=int(market().at_ns[0]) + number, fee=0.0,
            capacity="customer", order_id=number, maker=True,
        )  # fmt: skip

    def lose(self):
        self.up = False
        self.queue.put_nowait(SessionLost(reason="test"))

    def find(self):
        self.up = True
        self.queue.put_nowait(SessionUp(cancelled=False))

    async def news(self):
        while True:
            yield await self.queue.get()

    def send(self, commands):
        if self.on_send is not None:
            self.on_send(commands)
        if not self.up:
            raise PortLostError("down")
        self.sent.extend(commands)
        reports = []
        for each in commands:
            if isinstance(each, Cancel):
                if self.cancels_confirmed and self.open.pop(each.client_id, None) is not None:
                    reports.append(Cancelled(client_id=each.client_id, reason="asked"))
                continue
            self.open.pop(each.replaces, None)
            self.rows[each.client_id], self.sides[each.client_id] = each.row, each.side
            self.prices[each.client_id] = each.price_ticks
            if each.immediate:
                reports.append(Cancelled(client_id=each.client_id, reason="immediate"))
                continue
            self.open[each.client_id] = each.quantity
            reports.append(Acknowledged(client_id=each.client_id))
        if reports:
            self.tell(*reports)

    def ask(self, question):
        self.questions += 1
        answer = Answer(
            question, tuple(self.open.items()), self.positions.copy(), len(self.executions), question.asked_ns
        )
        self.queue.put_nowait(answer)

    def resend(self, after):
        again = enumerate(self.executions[after:], start=after + 1)
        self.queue.put_nowait(
            Reports(envelopes=tuple(Envelope(report=each, executions=number) for number, each in again))
        )

    async def close(self):
        pass

    def quotes(self):
        """New quotes that were sent."""
        return [each for each in self.sent if isinstance(each, NewOrder) and each.is_quote]


def replace_wire(wire):
    return msgspec.structs.replace(wire, feed_ms=0.0, latency_sigma=0.0)


def start():
    return Start(
        opening=opening(),
        desk=stage().desk,
        limits=stage().limits,
        wire=WireTerms(silence_s=3_600.0, resend_after_ms=20.0),
    )


def desk_of(path: Path | None, feed, venue, settings=QUICK, log=None):
    """A desk on a new journal, or on the one that is there."""
    log = log or silent()
    first = start()
    build = build_of("test")
    begun = begin(path, build, log)
    clock = DeskClock(first.opening.clock, not_before_ns=begun.last_ns)
    core = Core(first, clock, begun.process)
    if begun.again:
        restarted(begun.process, clock.now_ns(), "test")
        core.begin_again()
    else:
        core.begin()
    watch = Watch(log=log, metrics=Metrics(), publisher=Publisher(), picture=Picture(Mode.SIMULATED))
    keep = None if begun.journal is None else keeper(begun.process, begun.journal, path, build, log)
    return LiveDesk(core, begun.journal, Lines(feed=feed, venue=venue), settings, watch, keep)


async def until(condition, seconds=5.0):
    """Wait until something holds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert loop.time() < end, "it never happened"
        await asyncio.sleep(0.002)


class Running:
    """A desk at work, in a test."""

    def __init__(self, desk):
        self.desk, self.stop = desk, asyncio.Event()

    async def __aenter__(self):
        self.task = asyncio.create_task(self.desk.run(self.stop))
        return self

    async def __aexit__(self, *_):
        if not self.task.done():
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        if self.desk.journal is not None:
            self.desk.journal.close()

    async def end(self):
        self.stop.set()
        return await asyncio.wait_for(self.task, 10.0)
