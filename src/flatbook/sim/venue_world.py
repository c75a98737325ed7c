"""The world around a desk: the market moves, everybody else requotes, customers come, contracts end, and the exchange tells the desk.

It plans what it does at instants of whoever runs it, and knows nothing of a clock: a simulated day takes them one after the other, a
venue behind a socket as its clock reaches them. What comes from the desk goes to `exchange` directly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace as replace_moment
from math import exp
from typing import Protocol

import numpy as np
from msgspec.structs import replace

from flatbook.model.facts import Fact
from flatbook.sim.chance import stream
from flatbook.sim.exchange.clearing import Expired
from flatbook.sim.exchange.exchange import Exchange
from flatbook.sim.faults import FaultPlan, SecondThought, fault_plan
from flatbook.sim.feed import Feed, FeedMessage
from flatbook.sim.messages import Report
from flatbook.sim.moment import CustomerOrder, DayMarket, Moment
from flatbook.sim.stage import Stage
from flatbook.sim.timeline import Timeline
from flatbook.sim.trade_log import settlement_facts
from flatbook.sim.wire import Envelope, Wire

_S_NS, _MS_NS = 1_000_000_000, 1_000_000


class Desk(Protocol):
    """Whoever stands on the other side."""

    def reported(self, reports: Sequence[Report]) -> None:
        """The exchange has said so; nobody else has heard it yet."""
        ...

    def deliver(self, sent: Sequence[tuple[int, Envelope]]) -> None:
        """Reports are on their way, each with the instant of its arrival, in order of time."""
        ...

    def receive(self, envelopes: Sequence[Envelope]) -> None:
        """Reports arrive now."""
        ...

    def hear(self, message: FeedMessage) -> None:
        """What the feed says of a move of the market arrives now."""
        ...

    def hear_again(self, message: FeedMessage) -> None:
        """What the feed says of a market that stands still arrives now."""
        ...

    def expired(self, expired: Expired) -> None:
        """A contract has ended; its reports come next."""
        ...

    def clear(self, facts: Sequence[Fact]) -> None:
        """What the clearing house says arrives now."""
        ...


class World:
    """One market, its exchange and both lines to the desk, from the open to the close."""

    def __init__(
        self, stage: Stage, seed: int, market: DayMarket, timeline: Timeline, desk: Desk, venue: str
    ) -> None:
        scenario = stage.scenario
        self.scenario, self.market, self.table = scenario, market, market.table
        self.open_ns, self.close_ns = int(market.at_ns[0]), int(market.at_ns[-1])
        self.plan: FaultPlan = fault_plan(scenario.faults, self.open_ns, self.close_ns, seed)
        self.wire = Wire(scenario.wire, scenario.faults, self.plan, seed)
        self.feed = Feed(self.table, scenario.wire, scenario.faults, self.plan, seed)
        rejects = max(scenario.exchange.reject_share, scenario.faults.rejects_share)
        terms = replace(scenario.exchange, reject_share=rejects)
        self.exchange = Exchange(self.table, terms, stream(seed, "exchange"))
        self.settlements: list[Fact] = []  # what the clearing house has told, or will tell
        self.moment: Moment = market.moment(0)
        self._timeline, self._desk, self._venue = timeline, desk, venue
        self._crowd = stream(seed, "crowd")
        self._every_row = np.arange(len(self.table.instruments))
        self._whole = False  # everybody else quotes as they mean to
        self._published_ns = self.open_ns
        self._ended_rows: set[int] = set()

    @property
    def now_ns(self) -> int:
        """The instant at which the world stands."""
        return self._timeline.now_ns

    def begin(self, orders: Iterable[CustomerOrder] = ()) -> None:
        """Plan the day: its moves, customers, and what goes wrong at the exchange."""
        at = self._timeline.at
        at(self.open_ns, self._move, 0)
        for order in orders:
            at(order.at_ns, self.customer, order)
        for shut in self.plan.hedge_closed:
            at(shut.from_ns, self._shut_hedges, True)
            at(shut.to_ns, self._shut_hedges, False)
        for thought in self.plan.busts:
            at(thought.at_ns, self._bust, thought)
        for thought in self.plan.corrections:
            at(thought.at_ns, self._correct, thought)

    def tell(self, reports: Sequence[Report]) -> None:
        """Reports of the exchange leave for the desk."""
        if not reports:
            return
        self._desk.reported(reports)
        self._desk.deliver(self.wire.to_desk(self.now_ns, reports))

    def customer(self, order: CustomerOrder) -> None:
        """A customer comes."""
        self.tell(self.exchange.customer(order, self.moment, self.now_ns))

    def look_around(self) -> None:
        """Heartbeats of both lines, and everybody else fills up what was traded away."""
        for at_ns, envelope in self.wire.heartbeat(self.now_ns):
            self._timeline.at(at_ns, self._desk.receive, [envelope])
        self._publish_again()
        if self._whole:
            self._requote(self.moment)

    def calm_down(self) -> None:
        """Nothing goes wrong at the exchange any more."""
        self.exchange.terms = replace(self.exchange.terms, reject_share=0.0)

    # The market and its customers.

    def _move(self, index: int) -> None:
        before, moment = self.moment, self.market.moment(index)
        self.moment, self._whole = moment, False
        self.exchange.see(moment)
        for underlying in np.flatnonzero(before.halted != moment.halted).tolist():
            on = bool(moment.halted[underlying])
            self.tell(self.exchange.halt(underlying, on, self.now_ns))
        self._expire(moment)
        self._published_ns = self.now_ns
        for at_ns, message in self.feed.publish(moment):
            self._timeline.at(at_ns, self._desk.hear, message)
        self._requote_around_desk(moment)
        self._timeline.at(self.now_ns + self._crowd_delay_ns(), self._requote, moment)
        if index + 1 < len(self.market.at_ns):
            self._timeline.at(int(self.market.at_ns[index + 1]), self._move, index + 1)

    def _requote_around_desk(self, moment: Moment) -> None:
        """Everybody else follows the market at once, but for what would trade with a quote of the desk: that comes after the delay."""
        desk_bid, desk_ask = self.exchange.best_of_desk()
        bid_size = np.where(moment.bid_ticks >= desk_ask, 0, moment.bid_size)
        ask_size = np.where(moment.ask_ticks <= desk_bid, 0, moment.ask_size)
        self._quote(moment, bid_size, ask_size)

    def _requote(self, moment: Moment) -> None:
        """Everybody else's quotes, whole again; nothing of a moment that is over."""
        if moment is not self.moment:
            return
        self._whole = True
        self._quote(moment, moment.bid_size, moment.ask_size)

    def _quote(self, moment: Moment, bid_size: np.ndarray, ask_size: np.ndarray) -> None:
        ticks = moment.bid_ticks, moment.ask_ticks
        self.tell(self.exchange.requote(self._every_row, *ticks, bid_size, ask_size, self.now_ns))

    def _crowd_delay_ns(self) -> int:
        """From a move until others trade with what the desk left standing: now quicker, now slower."""
        scenario = self.scenario
        return round(
            scenario.crowd_delay_ms * _MS_NS * exp(scenario.crowd_delay_sigma * self._crowd.normal())
        )

    def _publish_again(self) -> None:
        """The feed says again what stands still for long; nobody has to decide because of it."""
        if self.now_ns - self._published_ns < round(self.scenario.wire.quotes_retold_s * _S_NS):
            return
        self._published_ns = self.now_ns
        for at_ns, message in self.feed.publish(replace_moment(self.moment, at_ns=self.now_ns)):
            self._timeline.at(at_ns, self._desk.hear_again, message)

    def _expire(self, moment: Moment) -> None:
        ends = self.table.expiry_ns
        for row in np.flatnonzero((ends > 0) & (ends <= moment.at_ns)).tolist():
            if row in self._ended_rows:
                continue
            self._ended_rows.add(row)
            price = float(moment.spot[self.table.underlying_of[row]])
            expired = self.exchange.expire(row, price, self.now_ns)
            if expired is not None:
                self._settled(expired)

    def _settled(self, expired: Expired) -> None:
        self._desk.expired(expired)
        self.tell(list(expired.reports))
        told_ns = self.now_ns + round(self.scenario.wire.feed_ms * _MS_NS)
        facts = settlement_facts(expired, self.table, self._venue)
        self.settlements.extend(facts)
        self._timeline.at(told_ns, self._desk.clear, facts)

    # What goes wrong at the exchange.

    def _shut_hedges(self, on: bool) -> None:
        rows = np.flatnonzero(~self.table.is_option)
        self.tell(self.exchange.suspend(rows, on, self.now_ns))
        if not on:
            self._requote(self.moment)

    def _bust(self, thought: SecondThought) -> None:
        if trades := self.exchange.ledger.executions:
            self.tell(self.exchange.bust(trades[thought.of(len(trades))].execution_id, self.now_ns))

    def _correct(self, thought: SecondThought) -> None:
        if trades := self.exchange.ledger.executions:
            trade = trades[thought.of(len(trades))]
            price = max(trade.price_ticks + thought.ticks, 1)
            self.tell(self.exchange.correct(trade.execution_id, trade.quantity, price, self.now_ns))
