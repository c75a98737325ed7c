"""Watched quotes: as long as no more of them fill than the desk says, no sequence of fills takes a limit beyond its hard one, and a
desk whose limits would not bear all its quotes at once keeps quoting.
"""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as changed

from flatbook.kernels.headroom import EVERY
from flatbook.limits.check import check
from flatbook.limits.measured import Activity, Supplied
from flatbook.limits.pretrade import PreTrade, prepare_pretrade
from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Right
from flatbook.model.measures import Measure
from flatbook.model.order_events import OrderNews
from flatbook.model.order_terms import OrderTerms
from flatbook.orders.burst import burst_fills, burst_rule, room_at_work
from flatbook.orders.burst_sizes import within_burst
from flatbook.orders.columns import Purpose, Reason, columns_of, joined
from flatbook.orders.gate import gate, prepare_gate
from flatbook.orders.kill import Kills, stopped_by
from flatbook.orders.rate import full_buckets
from flatbook.orders.reconcile import Action, Why, passed, reconcile, send
from flatbook.orders.state import OrderState, WorkingOrders, send_orders
from flatbook.orders.wanted import WantedHedges, WantedQuotes
from flatbook.quoting.ticks import NO_PRICE
from flatbook.valuation.values import value
from tests.naive.burst_limits import QUOTES, NaiveBurst
from tests.orders.desks import PER_DESK, TERMS, Desks, book, desks, limit, stand_quickly
from tests.orders.test_never_adds import SIDE_BY_SIDE, Sequences
from tests.worlds import NOW_NS, desk, option, view_by_hand

WORLDS, ROUNDS = 25, 8
BURST = changed(TERMS, burst_quotes=QUOTES)
_LAST_BITS = 1.0 + 1e-9


class Bursts(Sequences):
    """Every option but the last of each desk is watched; the venue fills at most so many of them in a burst, and whatever else hurts."""

    def __init__(self, the, seed, *, duties):
        super().__init__(the, seed)
        self.steady = None
        self.duties, self.bursts = duties, [NaiveBurst(naive) for naive in self.naive]
        self.watched = the.market.table.is_option & (np.arange(the.rows) % PER_DESK != PER_DESK - 1)

    def _may_fill(self, client_id, n):
        burst = self.bursts[self.open[client_id][0] // PER_DESK]
        if client_id not in burst.watched:
            return True
        if burst.worth(client_id, n) > QUOTES * _LAST_BITS:
            return False
        burst.filled[client_id] = burst.filled.get(client_id, 0) + n
        return True

    def _quotes(self):
        """Wanted again as they were in two cycles of three."""
        if self.steady is None or self.random.random() < 0.34:
            self.steady = super()._quotes()
            if not self.duties:
                none = np.zeros(self.the.rows, dtype=np.int64)
                self.steady = replace(self.steady, bid_duty=none, ask_duty=none)
        return self.steady

    def cycle(self):
        """As without bursts; sizes are kept within the rule first."""
        self.now_ns += 20_000_000
        for burst in self.bursts:
            burst.watched &= set(burst.naive.orders) | set(burst.filled)
            if burst.is_over():
                burst.filled = {}
        ready, stopped, _ = stand_quickly(
            self.the, self.quantity.copy(), self.limits, self.working, self.kills, now_ns=self.now_ns, terms=BURST,
            watched=self.watched,
        )  # fmt: skip
        hedges = self._hedges()
        quotes = within_burst(self._quotes(), hedges, ready)
        commands = reconcile(self.working, quotes, hedges, stopped, BURST, self.now_ns)
        cancels = commands.cancels
        verdicts = gate(commands.take(~cancels).orders, ready, self.buckets, commands.orders.venue[cancels])
        leaves, self.buckets = passed(commands, verdicts, BURST)
        ids = send(self.working, leaves, self.now_ns)
        self.late += [(int(each), OrderNews.CANCELLED) for each in leaves.client_id[leaves.cancels]]
        self.smaller = int((commands.why == Why.SIZE_CHANGED).sum())
        return self._judge(leaves.take(~leaves.cancels), ids.tolist())

    def _judge(self, sent, ids):
        least, by_desk = set(), {}
        for at, client_id in enumerate(ids):
            row, n = int(sent.orders.row[at]), int(sent.orders.quantity[at])
            u, quote = row // PER_DESK, sent.orders.purpose[at] == Purpose.QUOTE
            self.open[client_id] = self.naive[u].orders[client_id] = (row, int(sent.orders.side[at]), n)
            by_desk.setdefault(u, []).append((client_id, quote))
            if quote and n <= sent.orders.duty[at]:
                least.add(client_id)
            if quote and self.watched[row]:
                self.bursts[u].watched.add(client_id)
            if sent.action[at] == Action.REPLACE:
                self.replaced[client_id] = int(sent.client_id[at])
            self.late.append((client_id, OrderNews.ACKNOWLEDGED))
        self.sent, self.least = len(ids), len(least)
        return [one for u, sends in by_desk.items() for one in self._wrong(u, sends, least)]

    def _wrong(self, u, sends, least):
        """Orders of one desk that just left and may not be."""
        naive, burst, found = self.naive[u], self.bursts[u], []
        killed = naive.killed()
        for name, quote in sends:
            order = naive.orders[name]
            found += [
                (name, measure, "adds to a limit in breach")
                for measure in naive.limits
                if naive.used(measure) >= 1.0 and naive.adds(measure, order) and name not in least
            ]
            if killed and (quote or not naive.reduces(order)):
                found.append((name, "beyond the kill limit", order))
            if name in burst.watched:
                bound = TERMS.kill_share if name in least else 1.0
                large = [m for m in burst.too_large(name, bound) if name not in least or m in naive.stops]
                found += [(name, measure, "takes more than its share") for measure in large]
        return found


@pytest.fixture(scope="module")
def the():
    """Values do not change: only fills do."""
    return desks(SIDE_BY_SIDE, bid_ask=0.05)


def test_no_burst_of_watched_fills_takes_a_limit_beyond_its_hard_one(the):
    """Books that begin within their limits or in breach; every measure of every desk after each round of fills."""
    sent = smaller = filled = near = 0
    for seed in range(WORLDS):
        one = Bursts(the, seed, duties=False)
        for turn in range(ROUNDS):
            wrong = one.cycle()
            assert not wrong, f"seed {seed}, round {turn}: {wrong[:3]}"
            before = [{m: naive.used(m) for m in naive.limits} for naive in one.naive]
            one.facts()
            for u, naive in enumerate(one.naive):
                for measure, used in before[u].items():
                    told = f"seed {seed}, round {turn}, desk {u}: {measure} {used} -> {naive.used(measure)}"
                    assert naive.used(measure) <= max(used, 1.0) * _LAST_BITS, told
            sent, smaller = sent + one.sent, smaller + one.smaller
            filled += sum(len(burst.filled) for burst in one.bursts)
            near += sum(0.9 < naive.used(m) <= _LAST_BITS for naive in one.naive for m in naive.limits)

    assert min(sent, filled, near) > 1_000, (sent, smaller, filled, near)
    assert smaller > 300, (sent, smaller, filled, near)


def test_what_leaves_after_trades_from_outside_adds_to_no_breach(the):
    """With duties and with trades that no gate saw: no order adds to a breach but the least of a duty, and that not beyond the kill limit."""
    sent = least = killed = 0
    for seed in range(WORLDS):
        one = Bursts(the, 1000 + seed, duties=True)
        for turn in range(4):
            wrong = one.cycle()
            assert not wrong, f"seed {1000 + seed}, round {turn}: {wrong[:3]}"
            sent, least = sent + one.sent, least + one.least
            one.facts()
            if turn == 1:
                one.shock()
        killed += len(one.kills.on)

    assert min(sent, least, killed) > 500, (sent, least, killed)


def chain(n_underlyings=3, strikes=50):
    """Calls and puts at `strikes` of each underlying, two-sided quotes of ten, and a desk's limits."""
    listed = [
        option(
            f"U{u:03d}{right.name[0]}{k}",
            76.0 + k,
            45,
            right,
            underlying=f"U{u:03d}",
            option_class=f"U{u:03d}",
        )
        for u in range(n_underlyings)
        for k in range(strikes)
        for right in Right
    ]
    market = view_by_hand(listed, spot=100.0, vols=[0.25] * len(listed))
    values = value(market)
    return Desks(
        len(listed) // PER_DESK,
        replace(market, bid=values.price - 0.05, ask=values.price + 0.05),
        values,
        desk(),
    )


LIMITS = (
    limit("delta_usd", 3e6), limit("vega_usd_per_point", 10_000.0), limit("gross_contracts", 2_000.0), limit("series_contracts", 100.0),
    *(limit("delta_usd", 1.5e6, u) for u in range(3)), *(limit("vega_usd_per_point", 5_000.0, u) for u in range(3)),
)  # fmt: skip


def two_sided(made, size=10, *, only=None):
    """A bid and an offer of each series a tick behind its market."""
    row = np.flatnonzero(made.values.price > 0.5) if only is None else np.array(only)
    theo = np.round(made.values.price[row] * 100.0).astype(np.int64)
    ones = np.ones(row.size, dtype=np.int64)
    full = size * ones if np.isscalar(size) else np.asarray(size)
    return joined(columns_of(row, ones, theo - 6, full), columns_of(row, -ones, theo + 6, full))


def ready_for(made, held=None, limits=LIMITS, *, working=None, watched=None, supplied=None, **terms):
    """A gate with K = 5 unless said."""
    terms = changed(TERMS, **{"burst_quotes": 5, **terms})
    measured = book(made, np.zeros(made.rows, dtype=np.int64) if held is None else held)
    measured = measured if supplied is None else replace(measured, supplied=supplied)
    standing = check(measured, limits, {})
    stopped = stopped_by(Kills(), made.market.table, ("X", "Y"))
    everything = np.ones(made.rows, dtype=np.bool_) if watched is None else watched
    return prepare_gate(
        made.values, made.market, measured.exposure, np.full(made.rows, 0.05), standing, prepare_pretrade(standing, measured),
        working or WorkingOrders(), stopped, terms, everything,
    )  # fmt: skip


def pass_of(ready, batch):
    """What the gate says."""
    return gate(batch, ready, full_buckets(2, ready.terms, ready.now_ns))


def test_a_desk_of_300_series_keeps_quoting():
    """426 quotes of ten that are worth bidding for, of which limits would bear a fraction were all of them to fill at once."""
    made = chain()
    batch = two_sided(made)
    share = {
        k: float(pass_of(ready_for(made, burst_quotes=k), batch).quantity.sum() / batch.quantity.sum())
        for k in (0, 5)
    }

    assert batch.size > 400
    assert share[5] == 1.0
    assert share[0] < 0.35, share


def test_what_one_watched_quote_may_have_is_the_same_in_any_sequence_and_in_any_company():
    """But for the prices of others nothing of the batch matters."""
    made, random = chain(), np.random.default_rng(8)
    batch = two_sided(made, 400)
    ready = ready_for(made, size_max_contracts=500)
    found = pass_of(ready, batch).quantity
    order = random.permutation(batch.size)

    assert (found > 0).all()
    assert (found < 400).all()
    assert pass_of(ready, batch.take(order)).quantity.tolist() == found[order].tolist()
    for at in order[:20].tolist():
        assert pass_of(ready, batch.take(np.array([at]))).quantity.tolist() == [found[at]]


def test_a_limit_of_several_underlyings_bears_the_bursts_of_all_of_them():
    """Five of each of three underlyings: a fifteenth of the room; a limit of one underlying a fifth."""
    made = chain()
    one = two_sided(made, 500, only=[np.argmax(made.values.greeks[:, Measure.VEGA_USD_PER_POINT])])
    vega = float(made.values.greeks[one.row[0], Measure.VEGA_USD_PER_POINT])
    for hard, u, times in (
        (6_000.0, None, 15),
        (6_000.0, int(made.market.table.underlying_of[one.row[0]]), 5),
    ):
        ready = ready_for(made, limits=(limit("vega_usd_per_point", hard, u),))
        assert pass_of(ready, one).quantity.tolist() == [int(hard / vega / times)] * 2


def test_hedges_and_unwatched_quotes_count_in_full_before_watched_ones():
    """Of a room of 100 contracts 40 are at work and 10 leave: five watched quotes share 50."""
    made = chain(1)
    working = WorkingOrders()
    send_orders(
        working,
        columns_of(np.array([20]), np.array([1]), np.array([900]), np.array([40]), purpose=Purpose.HEDGE),
        np.zeros(1),
        1,
    )
    watched = np.ones(made.rows, dtype=np.bool_)
    watched[30] = False
    ready = ready_for(made, limits=(limit("net_contracts", 100.0),), working=working, watched=watched)
    bids = two_sided(made, 10, only=[30]).take(np.array([0]))
    few = two_sided(made, 99, only=[40, 42]).take(np.array([0, 1]))
    found = pass_of(ready, joined(few, bids))

    assert found.quantity.tolist() == [10, 10, 10]
    assert found.reason.tolist() == [Reason.CUT, Reason.CUT, Reason.ACCEPTED]


def test_watched_quotes_at_work_count_as_often_as_the_largest_of_them_may_fill():
    """Twenty watched bids of 1 to 8 contracts at work: a hedge finds 100 - 5 x 8 left, and 100 - 156 were all of them to fill."""
    made = chain(1)
    n = 20
    for quotes, left in ((5, 60), (0, 10)):
        working = WorkingOrders()
        send_orders(
            working,
            columns_of(np.arange(n), np.ones(n, dtype=np.int64), np.full(n, 50), 1 + np.arange(n) % 8),
            np.zeros(n),
            1,
        )
        ready = ready_for(made, limits=(limit("net_contracts", 100.0),), working=working, burst_quotes=quotes)
        hedge = columns_of(
            np.array([60]),
            np.array([1]),
            np.round(made.values.price[60:61] * 100).astype(np.int64),
            np.array([90]),
            purpose=Purpose.HEDGE,
        )
        at_work = int(working.open.sum())
        assert pass_of(ready, hedge).quantity.tolist() == [left if quotes else 100 - at_work]


def test_a_rate_of_orders_counts_every_quote_and_one_of_fills_as_many_as_fill():
    """Room for 40 in a second: orders leave until there are so many; of fills come five of each of three underlyings."""
    made = chain()
    batch, quiet = (
        two_sided(made),
        Activity(orders_per_s=0.0, orders_per_min=0.0, fills_per_s=0.0, fills_per_min=0.0),
    )
    for measure, passing in (("orders_per_s", 40), ("fills_per_s", batch.size)):
        ready = ready_for(made, limits=(limit(measure, 40.0),), supplied=Supplied(activity={"": quiet}))
        assert int((pass_of(ready, batch).quantity > 0).sum()) == passing


def test_what_limits_bear_no_longer_is_made_smaller_at_once():
    """Bids of ten stand; the book has bought 60 of 100 since: five of them would bring 50, so each comes down to 8."""
    made = chain(1)
    held = np.zeros(made.rows, dtype=np.int64)
    held[99] = 60
    rows = np.arange(40, 48)
    batch = two_sided(made, 10, only=rows).take(np.arange(8))
    working = WorkingOrders()
    send_orders(working, batch, made.values.price[rows] * 100.0, NOW_NS - 1_000_000_000)
    working.state[:] = OrderState.LIVE
    ready = ready_for(made, held, limits=(limit("net_contracts", 100.0),), working=working)
    wanted = wanted_bids(made, batch)
    stopped = stopped_by(Kills(), made.market.table, ("X", "Y"))
    commands = reconcile(
        working, within_burst(wanted, NO_HEDGES, ready), NO_HEDGES, stopped, ready.terms, NOW_NS
    )

    assert commands.action.tolist() == [Action.REPLACE] * 8
    assert commands.why.tolist() == [Why.SIZE_CHANGED] * 8
    assert commands.orders.quantity.tolist() == [8] * 8
    assert pass_of(ready, commands.orders).quantity.tolist() == [8] * 8
    assert reconcile(working, wanted, NO_HEDGES, stopped, ready.terms, NOW_NS).size == 0


def wanted_bids(made, batch):
    """What works, wanted as it is."""
    n = made.rows
    none, safe = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    bid, size = np.full(n, NO_PRICE), none.copy()
    bid[batch.row], size[batch.row] = batch.price_ticks, batch.quantity
    theo = made.values.price * 100.0
    return WantedQuotes(
        bid=bid, ask=np.full(n, NO_PRICE), bid_size=size, ask_size=none, bid_duty=none, ask_duty=none, bid_unsafe=safe,
        ask_unsafe=safe, theo_ticks=theo, centre_ticks=theo, half_spread_ticks=np.full(n, 5.0), usd_per_tick=np.ones(n),
        usefulness=np.zeros(n), venue=none, width_most_ticks=np.full(n, np.inf), size_least=none,
    )  # fmt: skip


NO_HEDGES = WantedHedges(**{name: np.empty(0, dtype=np.int64) for name in WantedHedges.__slots__})


def test_more_fills_than_promised_are_told_and_a_burst_lasts_until_the_rest_is_gone():
    """Six quotes' worth of five; while quotes that limits bear no longer are on their way out, the count goes on."""
    made = chain(1)
    working = WorkingOrders()
    ids = send_orders(working, two_sided(made, 10, only=range(40, 50)).take(np.arange(10)), np.zeros(10), 1)
    working.state[:] = OrderState.LIVE
    table = made.market.table
    told, nothing = np.ones(made.rows, dtype=np.bool_), np.empty(0, dtype=np.int64)

    def after(contracts, hard, changing=nothing):
        filled = dict(zip(ids.tolist(), contracts, strict=False))
        working.open[:] = 10
        working.open[: len(contracts)] -= np.array(contracts)
        ready = ready_for(made, limits=(limit("net_contracts", hard),), working=working)
        return burst_fills(filled, working, ready.room, told, changing, table)

    five, six = after([10] * 5, 1e6), after([10] * 5 + [1], 1e6)
    assert (five.filled, five.beyond, five.goes_on) == ({"U000": 5.0}, (), {})
    assert (six.beyond, six.goes_on) == (("U000",), {})
    assert six.filled["U000"] == pytest.approx(5.1)
    assert after([10, 10], 40.0).goes_on == {}  # too large, but nobody changes them: the least of a duty
    assert after([10, 10], 40.0, ids[5:6]).goes_on == {int(ids[0]): 10, int(ids[1]): 10}
    assert after([10, 10], 1e6, ids[5:6]).goes_on == {}


def test_terms_refuse_less_than_none():
    with pytest.raises(InvalidValueError, match="burst_quotes"):
        OrderTerms(burst_quotes=-1)


def test_a_limit_that_is_a_sum_of_parts_is_shared_by_all_of_them():
    """Three parts of one limit, each moved by one underlying: fills of each add up, so each quote has a fifteenth of what is left, not a half."""
    made, n = chain(3, 1), 6
    bought = PreTrade(
        first=np.repeat(np.arange(n + 1), 2)[1:], lines=np.arange(n) // 2, costs=np.ones(n),
        shape=np.array([[EVERY, u, 0] for u in range(3)]), level=np.zeros(3), top=np.zeros(3), room=np.array([90.0]),
        shared=np.ones(1, dtype=np.int64), free=np.zeros(2 * n, dtype=np.int64),
    )  # fmt: skip
    rule = burst_rule(
        bought,
        check(book(made, np.zeros(n, dtype=np.int64)), (limit("delta_usd", 1.0),), {}),
        made.market.table,
        np.ones(n, dtype=np.bool_),
        5,
    )
    room = room_at_work(bought, rule, WorkingOrders(), np.ones(n, dtype=np.bool_))
    rows, ones = np.arange(n), np.ones(n, dtype=np.int64)

    assert rule.factor.tolist() == [15.0] * 3
    assert room.bearable(rows, ones, 50 * ones).tolist() == [6] * n


def test_quotes_make_room_for_the_hedges_that_are_wanted_and_not_at_work_yet():
    """Of 100 contracts a hedge wants 60, 20 of which are at work: five quotes share 40."""
    made = chain(1)
    batch = two_sided(made, 30, only=[40]).take(np.array([0]))
    working = WorkingOrders()
    hedge = columns_of(np.array([60]), np.array([1]), np.array([100]), np.array([20]), purpose=Purpose.HEDGE)
    send_orders(working, hedge, np.zeros(1), 1)
    ready = ready_for(made, limits=(limit("net_contracts", 100.0),), working=working)
    one = np.ones(1, dtype=np.int64)
    hedges = WantedHedges(row=60 * one, side=one, price_ticks=100 * one, quantity=60 * one, venue=0 * one)

    assert within_burst(wanted_bids(made, batch), hedges, ready).bid_size[40] == 8
    assert within_burst(wanted_bids(made, batch), NO_HEDGES, ready).bid_size[40] == 16
