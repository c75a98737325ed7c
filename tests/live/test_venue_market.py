"""The world that a clock moves is the world of a simulated day: same feed, same customers, same reports, however its time is cut."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.live.venue_market import RunningMarket
from flatbook.model.world_fault_terms import FaultTerms
from flatbook.sim.chance import Chance
from flatbook.sim.customers.orders import customer_orders, orders_as_they_come
from flatbook.sim.desk_side import Question
from flatbook.sim.messages import NewOrder, Traded
from flatbook.sim.prices.market import simulated_market
from flatbook.sim.timeline import Timeline
from flatbook.sim.venue_world import World
from flatbook.sim.wire import Envelope
from tests.live.venue_stages import FLOW, takes, venue_stage
from tests.sim.small_days import index_prices, options_of, share_prices, small_stage

LOOK_NS = 1_000_000_000
SECOND_NS = 1_000_000_000


class Heard:
    """Everything that a desk hears, with its instant where `clock` tells it; both ends of a world may be this."""

    def __init__(self):
        self.feed, self.envelopes, self.settled, self.answers, self.ends = [], [], [], [], []

    def quoted(self, message):
        """Kept, columns as bytes."""
        self.feed.append(
            (message.source, message.number, message.at_ns, message.price, message.halted, message.rows.tobytes(),
             message.quotes.tobytes(), message.snapshot)
        )  # fmt: skip

    hear = hear_again = quoted

    def reported(self, envelopes):
        """Kept, each by itself."""
        self.envelopes += envelopes

    def cleared(self, facts):
        """Kept."""
        self.settled += facts

    clear = cleared

    def answered(self, answer):
        """Kept."""
        self.answers.append(answer)

    def closed(self, at_ns):
        """Kept."""
        self.ends.append(at_ns)


class Virtual(Heard):
    """The same world without any clock: one action after the other, as a day takes them."""

    def __init__(self, stage, seed, commands=()):
        super().__init__()
        market = simulated_market(stage.scenario.prices, seed)
        self.timeline = Timeline(int(market.at_ns[0]))
        self.world = World(stage, seed, market, self.timeline, self, stage.scenario.exchange.venue)
        self.world.exchange.open_session(self.timeline.now_ns)
        self.world.begin(customer_orders(stage.scenario.flow, market, seed))
        self.timeline.at(self.timeline.now_ns + LOOK_NS, self._look)
        for at_ns, some in commands:
            self.timeline.at(at_ns, self._send, some)
        while self.timeline.take(self.world.close_ns):
            pass
        self.world.tell(self.world.exchange.close_session(self.world.close_ns))
        self.timeline.take(self.world.close_ns)

    def reported(self, reports):
        """They come through `deliver`."""

    def deliver(self, sent):
        """At their instants."""
        for at_ns, envelope in sent:
            if at_ns <= self.timeline.now_ns:
                self.receive([envelope])
            else:
                self.timeline.at(at_ns, self.receive, [envelope])

    def receive(self, envelopes):
        """Kept."""
        self.envelopes += envelopes

    def expired(self, expired):
        """Its reports come next."""

    def _look(self, _):
        self.timeline.at(self.timeline.now_ns + LOOK_NS, self._look)
        self.world.look_around()

    def _send(self, some):
        for at_ns, command in self.world.wire.to_venue(self.timeline.now_ns, some):
            assert at_ns == self.timeline.now_ns
            self.world.tell(self.world.exchange.take(command, at_ns))


def _quotes_of_a_desk(market, every_s, rng):
    """Now and then a bid and an offer within the market, in one series after the other, which customers meet."""
    rows, out, number = options_of(market.table), [], 0
    for index in range(1, len(market.at_ns) - 1, max(round(every_s / 0.2), 1)):
        at_ns = int(market.at_ns[index]) + int(rng.between(1.0, 1e8))
        moment, row = market.moment(index), rows[index % len(rows)]
        some = []
        for side, price in ((1, int(moment.bid_ticks[row])), (-1, int(moment.ask_ticks[row]))):
            number += 1
            some.append(
                NewOrder(client_id=number, row=row, side=side, price_ticks=price, quantity=3, is_quote=True)
            )
        out.append((at_ns, some))
    return out


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("desk", [False, True])
def test_the_running_world_is_the_virtual_one(seed, desk):
    """A minute of 0.2 s moves, an expiry within it, and customers; with and without quotes of a desk; time cut at random instants."""
    stage = small_stage(
        index_prices(session_minutes=1.0, spacing_seconds=0.2), wire=venue_stage().scenario.wire, flow=FLOW
    )
    rng = Chance(seed)
    market = simulated_market(stage.scenario.prices, seed)
    commands = _quotes_of_a_desk(market, 0.4, rng) if desk else []
    expected = Virtual(stage, seed, commands)
    heard = Heard()
    running = RunningMarket(stage, seed, heard, look_around_s=1.0)
    left, at_ns = list(commands), running.now_ns
    while running.is_open:
        at_ns += int(rng.between(1.0, 3e9))
        while left and left[0][0] <= at_ns:
            when, some = left.pop(0)
            running.run(when)
            assert running.now_ns == when
            running.take(some)
        running.run(at_ns)
    assert heard.feed == expected.feed
    assert len(heard.feed) > 290
    assert heard.envelopes == expected.envelopes
    assert heard.ends == [running.world.close_ns]
    trades = sum(isinstance(each.report, Traded) for each in heard.envelopes)
    assert (trades > 10) == desk
    np.testing.assert_array_equal(running.world.exchange.positions(), expected.world.exchange.positions())


def test_an_expiry_within_the_day_is_told_and_kept():
    """Options of minute 1 of two: the clearing house says so once, and what comes later can be told again."""
    stage = small_stage(
        share_prices(session_minutes=2.0, spacing_seconds=1.0, expiry_minutes=(1,)),
        wire=venue_stage().scenario.wire, flow=FLOW.__class__(),
    )  # fmt: skip
    heard = Heard()
    running = RunningMarket(stage, 4, heard, look_around_s=1.0)
    running.run(running.now_ns + 30 * SECOND_NS)
    row = options_of(running.world.table)[0]
    running.take([takes(1, row, quantity=2)])
    assert isinstance(heard.envelopes[-1].report, Traded)
    running.run(running.world.close_ns)
    ended = {fact.instrument for fact in heard.settled if hasattr(fact, "settlement_price")}
    assert running.world.table.instruments[row].symbol in ended
    assert heard.settled == running.settled
    assert not running.is_open


@pytest.mark.parametrize("informed", [0.0, 0.3])
def test_customers_one_by_one_are_those_of_the_whole_day(informed):
    """Two crowds, packages, and some who know what comes."""
    one = FLOW.customers[0]
    terms = replace(
        FLOW,
        customers=(
            replace(one, packages=replace(one.packages, share=0.4), informed=replace(one.informed, share=informed)),
            replace(one, tier="others", orders_per_day=100.0, branching=0.4),
        ),
    )  # fmt: skip
    prices = index_prices(session_minutes=10.0, spacing_seconds=0.5)
    whole = customer_orders(terms, simulated_market(prices, 9), 9)
    come = tuple(orders_as_they_come(terms, simulated_market(prices, 9), 9))
    assert come == whole
    assert len(whole) > 300
    assert {len(order.legs) for order in whole} >= {1, 2}
    assert any(order.informed for order in whole) == (informed > 0.0)


def test_a_day_of_eight_hours_begins_at_once():
    """Its customers and moments are worked out when they are due: of 1,000 orders none is, before the first."""
    terms = replace(FLOW, customers=(replace(FLOW.customers[0], orders_per_day=1_000.0),))
    market = simulated_market(index_prices(session_minutes=480.0, spacing_seconds=1.0), 1)
    asked = []
    moment = market.moment
    market.moment = lambda index: asked.append(index) or moment(index)
    orders = orders_as_they_come(terms, market, 1)
    first = next(orders)
    assert len(set(asked)) <= 2
    assert max(asked) == np.searchsorted(market.at_ns, first.at_ns, side="right") - 1


def test_reports_come_to_grief_as_they_are_told_to():
    """Lost, told twice, and overtaken; heartbeats are not counted, and the numbers show what is missing."""
    stage, heard = venue_stage(flow=FLOW.__class__()), Heard()
    running = RunningMarket(stage, 1, heard, look_around_s=100.0)
    row = running.world.table.row_of("IDXFUT")
    running.run(running.now_ns + SECOND_NS)
    running.take([takes(1, row)])
    heard.envelopes.clear()
    running.troubles.extend(["", "lose", "", "repeat", "", "reorder"])  # answers come through
    for number in range(2, 6):
        running.run(running.now_ns + SECOND_NS // 5)
        running.take([takes(number, row)])
    told = [(each.number, each.executions) for each in heard.envelopes if each.report is not None]
    numbers = [number for number, _ in told if number]
    assert running.world.wire.executions == 5
    assert numbers == [3, 3, 5, 4]
    heard.envelopes.clear()
    running.resend(0)
    assert [each.number for each in heard.envelopes] == list(range(1, running.world.wire.executions + 1))
    heard.envelopes.clear()
    running.resend(10**9)
    assert heard.envelopes == []


def test_a_question_is_answered_behind_the_commands_before_it():
    """Where commands take their time, so does the question."""
    wire = replace(venue_stage().scenario.wire, to_venue_ms=20.0, to_desk_ms=5.0)
    heard = Heard()
    running = RunningMarket(venue_stage(wire=wire), 1, heard, look_around_s=10.0)
    running.run(running.now_ns + SECOND_NS)
    row = running.world.table.row_of("IDXFUT")
    running.take([takes(1, row, quantity=3)])
    running.ask(Question(asked_ns=1, at_ns=2, since_ns=3))
    assert heard.answers == []
    asked_ns = running.now_ns
    running.run(running.now_ns + SECOND_NS)
    (answer,) = heard.answers
    assert answer.positions[row] == 3
    assert answer.counted_ns == asked_ns + 20_000_000
    assert any(isinstance(each.report, Traded) for each in heard.envelopes)


def test_a_spent_budget_leaves_the_rest_for_later():
    """Nothing is skipped: the market stands where it came to."""
    heard, other = Heard(), Heard()
    whole = RunningMarket(venue_stage(), 5, heard, look_around_s=1.0)
    parts = RunningMarket(venue_stage(), 5, other, look_around_s=1.0)
    until_ns = whole.now_ns + 10 * SECOND_NS
    assert whole.run(until_ns)
    turns = 0
    while not parts.run(until_ns, budget_s=0.0):
        turns += 1
        assert parts.now_ns <= until_ns
    assert turns > 10
    assert other.feed == heard.feed
    assert parts.now_ns == whole.now_ns == until_ns


def test_faults_of_the_scenario_act_on_the_running_world():
    """Commands that are lost never arrive: nobody hears of them."""
    stage, heard = venue_stage(faults=FaultTerms(commands_lost_share=1.0)), Heard()
    running = RunningMarket(stage, 1, heard, look_around_s=10.0)
    running.run(running.now_ns + SECOND_NS)
    running.take([takes(1, running.world.table.row_of("IDXFUT"))])
    running.run(running.now_ns + SECOND_NS)
    assert [each for each in heard.envelopes if each.report is not None] == []
    assert Envelope(report=None, executions=0) not in heard.envelopes
