"""The simulated world as a clock moves it: what is due happens, one after the other, and what the desk is to hear goes out at once.

It has no socket: who runs it says how far the market's time has come, and is told through an `Outlet`. The same terms and seed give the
same world as `sim.day` does as long as nobody trades with it; what a desk sends acts at the instant at which it comes.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from time import perf_counter
from typing import Protocol

from flatbook.model.facts import Fact
from flatbook.sim.customers.orders import orders_as_they_come
from flatbook.sim.desk_side import Answer, Question
from flatbook.sim.exchange.clearing import Expired
from flatbook.sim.feed import FeedMessage
from flatbook.sim.messages import Command, Report
from flatbook.sim.moment import CustomerOrder, DayMarket
from flatbook.sim.prices.market import simulated_market
from flatbook.sim.stage import Stage
from flatbook.sim.timeline import Action, Timeline
from flatbook.sim.trade_log import exercise_facts
from flatbook.sim.venue_world import World
from flatbook.sim.wire import Envelope

_S_NS = 1_000_000_000


class Outlet(Protocol):
    """Where everything goes that a desk is to hear."""

    def quoted(self, message: FeedMessage) -> None:
        """A message of the feed, to all who listen."""
        ...

    def reported(self, envelopes: Sequence[Envelope]) -> None:
        """Reports to the session, if there is one."""
        ...

    def answered(self, answer: Answer) -> None:
        """An answer to the session that asked."""
        ...

    def cleared(self, facts: Sequence[Fact]) -> None:
        """What the clearing house says."""
        ...

    def closed(self, at_ns: int) -> None:
        """The day is over."""
        ...


class RunningMarket:
    """A world from its open on.

    Parameters
    ----------
    stage : Stage
        Of a market that is made up.
    seed : int
        0 or above.
    outlet : Outlet
    look_around_s : float
        Market seconds between two heartbeats, at which everybody else also fills up what was traded away.
    """

    def __init__(self, stage: Stage, seed: int, outlet: Outlet, *, look_around_s: float) -> None:
        prices = stage.scenario.prices
        assert prices is not None, "a market that runs is made up"
        self.stage, self.venue = stage, stage.scenario.exchange.venue
        self.market: DayMarket = simulated_market(prices, seed)
        self.timeline = Timeline(int(self.market.at_ns[0]))
        self.world = World(stage, seed, self.market, self.timeline, self, self.venue)
        self.settled: list[Fact] = []  # everything that the clearing house has said
        self.silent_until_ns = 0  # until when the feed says nothing, by a fault
        self.troubles: deque[str] = (
            deque()
        )  # what happens to the next reports, each to one: lose, repeat, reorder, or nothing (empty)
        self.is_open = True
        self._held: list[Envelope] = []  # reports that others overtake
        self._outlet = outlet
        self._look_ns = round(look_around_s * _S_NS)
        self._orders: Iterator[CustomerOrder] = orders_as_they_come(stage.scenario.flow, self.market, seed)
        self.world.exchange.open_session(self.timeline.now_ns)
        self.world.begin()
        self.timeline.at(self.timeline.now_ns + self._look_ns, self._look_around)
        self._expect()

    @property
    def now_ns(self) -> int:
        """The instant at which the market stands."""
        return self.timeline.now_ns

    @property
    def next_ns(self) -> int:
        """When something happens next; the close at the latest."""
        planned = self.timeline.next_ns
        return self.world.close_ns if planned is None else min(planned, self.world.close_ns)

    def run(self, until_ns: int, budget_s: float = float("inf")) -> bool:
        """Let everything happen until an instant, that one counted; False where the budget was spent before."""
        until_ns = min(until_ns, self.world.close_ns)
        stop = perf_counter() + budget_s
        while self.is_open and self.timeline.take(until_ns):
            if perf_counter() > stop:
                return False
        if self.is_open:
            self.timeline.now_ns = max(self.timeline.now_ns, until_ns)
            if until_ns == self.world.close_ns:
                self._close()
        return True

    # What comes from a desk.

    def take(self, commands: Sequence[Command]) -> None:
        """Commands reach the exchange."""
        for at_ns, some in groupby(self.world.wire.to_venue(self.now_ns, commands), key=itemgetter(0)):
            self._at(at_ns, self._arrive, [command for _, command in some])

    def ask(self, question: Question) -> None:
        """A question for open orders and positions reaches the exchange, behind every command that was sent before it."""
        if (at_ns := self.world.wire.reach_venue_ns(self.now_ns)) is not None:
            self._at(at_ns, self._asked, question)

    def resend(self, after: int) -> None:
        """Executions numbered above `after` once more."""
        self.deliver(self.world.wire.resend(self.now_ns, min(after, self.world.wire.executions)))

    def snapshot(self, source: int) -> list[FeedMessage]:
        """All that a source has said."""
        return [message for _, message in self.world.feed.snapshot(self.now_ns, source)]

    def disconnect(self, *, cancels: bool) -> None:
        """The session is gone, and with it its orders where the exchange cancels them."""
        self._held.clear()
        self.world.tell(self.world.exchange.disconnect(cancels, self.now_ns))

    def connect(self) -> None:
        """The session stands; it is told first how many executions there were."""
        self.world.exchange.reconnect()
        self._outlet.reported([Envelope(report=None, executions=self.world.wire.executions)])

    # What goes to one: `sim.venue_world.Desk`.

    def reported(self, reports: Sequence[Report]) -> None:
        """Nobody keeps an account beside the exchange's."""

    def deliver(self, sent: Sequence[tuple[int, Envelope]]) -> None:
        """What arrives now goes out together."""
        for at_ns, some in groupby(sent, key=itemgetter(0)):
            self._at(at_ns, self.receive, [envelope for _, envelope in some])

    def receive(self, envelopes: Sequence[Envelope]) -> None:
        """Out to the session, but for what comes to grief."""
        if not self.troubles and not self._held:
            self._outlet.reported(envelopes)
            return
        out: list[Envelope] = []
        overtaken, self._held = self._held, []
        for each in envelopes:
            trouble = self.troubles.popleft() if self.troubles and each.report is not None else ""
            if trouble == "reorder":
                self._held.append(each)
            elif trouble != "lose":
                out += [each] * (2 if trouble == "repeat" else 1)
        if out or overtaken:
            self._outlet.reported(out + overtaken)

    def hear(self, message: FeedMessage) -> None:
        """Out to all who listen, but while the feed is silent."""
        if self.now_ns >= self.silent_until_ns:
            self._outlet.quoted(message)

    hear_again = hear

    def expired(self, expired: Expired) -> None:
        """The exchange's own account is enough."""

    def clear(self, facts: Sequence[Fact]) -> None:
        """Said once, and kept for who comes later."""
        self.settled.extend(facts)
        self._outlet.cleared(facts)

    # Its own plans.

    def _at(self, at_ns: int, action: Action, payload: object) -> None:
        """Now, or when it is due."""
        if at_ns <= self.now_ns:
            action(payload)
        else:
            self.timeline.at(at_ns, action, payload)

    def _arrive(self, commands: Sequence[Command]) -> None:
        self.world.tell(self.world.exchange.take(commands, self.now_ns))

    def _asked(self, question: Question) -> None:
        exchange = self.world.exchange
        counted = len(exchange.ledger.executions)
        answer = Answer(question, exchange.open_orders(), exchange.positions(), counted, self.now_ns)
        if (at_ns := self.world.wire.reach_desk_ns(self.now_ns)) is not None:
            self._at(at_ns, self._outlet.answered, answer)

    def _expect(self) -> None:
        order = next(self._orders, None)
        if order is not None:
            self.timeline.at(order.at_ns, self._customer, order)

    def _customer(self, order: CustomerOrder) -> None:
        self.world.customer(order)
        self._expect()

    def _look_around(self, _: None) -> None:
        self.timeline.at(self.now_ns + self._look_ns, self._look_around)
        self.world.look_around()

    def _close(self) -> None:
        self.is_open = False
        close_ns = self.world.close_ns
        self.world.tell(self.world.exchange.close_session(close_ns))
        end = self.market.moment(len(self.market.at_ns) - 1)
        for exercise in self.world.exchange.assign_early(end, close_ns):
            self.clear(exercise_facts(exercise, self.world.table, close_ns))
        self._outlet.closed(close_ns)
