"""No sequence of fills, however one-sided, produces an order that adds to a breached hard limit, except the least that a duty
asks, and none beyond the kill limit: 10,000 seeded sequences against an exposure and limits of their own.
"""

import numpy as np
import pytest

from flatbook.limits.pretrade import check_batch
from flatbook.model.order_events import OrderNews, OrdersAnswered
from flatbook.orders.columns import Purpose
from flatbook.orders.gate import gate
from flatbook.orders.kill import Kills
from flatbook.orders.rate import full_buckets
from flatbook.orders.reconcile import Action, passed, reconcile, send
from flatbook.orders.state import WorkingOrders, answer_orders, fill_orders
from flatbook.orders.wanted import WantedHedges, WantedQuotes
from flatbook.quoting.ticks import NO_PRICE
from tests.naive.order_limits import Naive
from tests.orders.desks import PER_DESK, STOPS, TERMS, desks, greeks, limit, stand, stand_quickly

WORLDS, SIDE_BY_SIDE, ROUNDS = 100, 100, 4
_MEASURES = ("delta_usd", "vega_usd_per_point", "net_contracts", "gross_contracts")
_ROUND_NS = 20_000_000
_SERIES = 40.0


class Sequences:
    """Desks side by side, each with its own naive twin, at one venue that fills whatever hurts."""

    def __init__(self, the, seed):
        self.the, self.random = the, np.random.default_rng(seed)
        self.working, self.kills, self.limits = WorkingOrders(), Kills(), []
        self.buckets, self.now_ns = full_buckets(2, TERMS, 0), the.market.now_ns
        self.quantity = self.random.integers(-25, 26, the.rows)
        self.direction = self.random.choice([-1, 1], the.n)  # of a desk's customers
        self.open, self.replaced, self.late = {}, {}, []
        told = greeks(the)
        self.naive = [self._naive(u, told) for u in range(the.n)]
        self.limits = (limit("series_contracts", _SERIES), *self.limits)

    def _naive(self, u, told):
        rows = range(PER_DESK * u, PER_DESK * (u + 1))
        hard = {"series_contracts": _SERIES}
        for measure in self.random.choice(_MEASURES, 2, replace=False).tolist():
            scale = {
                "delta_usd": 1e5,
                "vega_usd_per_point": 400.0,
                "net_contracts": 30.0,
                "gross_contracts": 70.0,
            }[measure]
            hard[measure] = float(scale * self.random.uniform(0.3, 2.0))
            self.limits.append(limit(measure, hard[measure], u))
        stops = [measure for measure in hard if measure in STOPS]
        naive = Naive(hard, told, list(rows)[1:], TERMS.kill_share, stops)
        for row in rows:
            naive.trade(row, int(self.quantity[row]))
        return naive

    def facts(self):
        """The venue fills one side of each desk's orders, answers some messages and loses others."""
        fills, answers = {}, []
        for client_id, (row, side, left) in list(self.open.items()):
            dice, adverse = self.random.random(2)
            u = row // PER_DESK
            if (side == self.direction[u]) == (adverse < 0.9) and dice < 0.6:
                n = left if dice < 0.4 else max(left // 2, 1)
                if not self._may_fill(client_id, n):
                    continue
                fills[client_id] = n
                old = self.replaced.get(client_id, 0)
                if old in self.open:  # a venue that fills a replacement has ended what it replaced
                    self._leave(old, 0)
                self._trade(row, side * n)
                self._leave(client_id, left - n)
        for client_id, news in self.late:
            if self.random.random() < 0.8 and client_id not in fills:
                self._venue_does(client_id, news, answers)
        self.late = []
        ids = np.array(list(fills), dtype=np.int64)
        fill_orders(self.working, ids, np.array(list(fills.values()), dtype=np.int64))
        answer_orders(
            self.working,
            OrdersAnswered(
                received_ns=self.now_ns,
                client_ids=tuple(client_id for client_id, _ in answers),
                news=tuple(news for _, news in answers),
            ),
        )

    def _may_fill(self, client_id, n):
        """Every order may."""
        return True

    def _venue_does(self, client_id, news, answers):
        if news is OrderNews.CANCELLED:
            if client_id in self.open:
                self._leave(client_id, 0)
            answers.append((client_id, news))
        elif client_id in self.open and self.random.random() < 0.15:
            self._leave(client_id, 0)
            answers.append((client_id, OrderNews.REJECTED))
        else:
            old = self.replaced.get(client_id, 0)
            if old in self.open:
                self._leave(old, 0)
            answers.append((client_id, news))

    def _leave(self, client_id, left):
        row, side, _ = self.open[client_id]
        naive = self.naive[row // PER_DESK]
        if left:
            self.open[client_id] = naive.orders[client_id] = (row, side, left)
        else:
            del self.open[client_id], naive.orders[client_id]

    def _trade(self, row, contracts):
        self.quantity[row] += contracts
        self.naive[row // PER_DESK].trade(row, contracts)

    def shock(self):
        """Trades that no gate saw: an exercise, a manual trade."""
        for row in np.flatnonzero(self.random.random(self.the.rows) < 0.05).tolist():
            self._trade(row, int(self.random.integers(-40, 41)))

    def cycle(self):
        """Decide, send, and ask the twins what is wrong with what left."""
        self.now_ns += _ROUND_NS
        ready, stopped, _ = stand_quickly(
            self.the, self.quantity.copy(), self.limits, self.working, self.kills, now_ns=self.now_ns
        )
        commands = reconcile(self.working, self._quotes(), self._hedges(), stopped, TERMS, self.now_ns)
        cancels = commands.cancels
        verdicts = gate(commands.take(~cancels).orders, ready, self.buckets, commands.orders.venue[cancels])
        leaves, self.buckets = passed(commands, verdicts, TERMS)
        ids = send(self.working, leaves, self.now_ns)
        self.late += [(int(each), OrderNews.CANCELLED) for each in leaves.client_id[leaves.cancels]]
        return self._judge(leaves.take(~leaves.cancels), ids.tolist())

    def _judge(self, sent, ids):
        least, by_desk = set(), {}
        for at, client_id in enumerate(ids):
            row, n = int(sent.orders.row[at]), int(sent.orders.quantity[at])
            order = (row, int(sent.orders.side[at]), n)
            u = row // PER_DESK
            self.open[client_id] = self.naive[u].orders[client_id] = order
            by_desk.setdefault(u, []).append(client_id)
            if sent.orders.purpose[at] == Purpose.QUOTE and n <= sent.orders.duty[at]:
                least.add(client_id)
            if sent.action[at] == Action.REPLACE:
                self.replaced[client_id] = int(sent.client_id[at])
            self.late.append((client_id, OrderNews.ACKNOWLEDGED))
        self.sent, self.least = len(ids), len(least)
        wrong = [one for u, names in by_desk.items() for one in self.naive[u].wrong(names, least)]
        quotes = {client_id for at, client_id in enumerate(ids) if sent.orders.purpose[at] == Purpose.QUOTE}
        for u, names in by_desk.items():
            if self.naive[u].killed():
                wrong += [
                    (name, "beyond the kill limit", self.naive[u].orders[name])
                    for name in names
                    if name in quotes or not self.naive[u].reduces(self.naive[u].orders[name])
                ]
        return wrong

    def _quotes(self):
        n, random = self.the.rows, self.random
        theo = self.the.values.price * 100.0
        base = np.maximum(np.round(theo), 30).astype(np.int64)
        option = self.the.market.table.is_option
        duty = np.where(random.random((2, n)) < 0.2, 1, 0)
        size = np.where((duty == 1) & (random.random((2, n)) < 0.7), 1, random.integers(1, 25, (2, n)))
        wanted = option & (random.random((2, n)) < 0.4)
        return WantedQuotes(
            bid=np.where(wanted[0], base - random.integers(1, 25, n), NO_PRICE),
            ask=np.where(wanted[1], base + random.integers(1, 25, n), NO_PRICE),
            bid_size=size[0], ask_size=size[1], bid_duty=duty[0], ask_duty=duty[1],
            bid_unsafe=random.random(n) < 0.05, ask_unsafe=random.random(n) < 0.05,
            theo_ticks=theo, centre_ticks=theo + random.normal(0.0, 3.0, n), half_spread_ticks=np.full(n, 5.0),
            usd_per_tick=np.ones(n), usefulness=random.random(n), venue=np.zeros(n, dtype=np.int64),
            width_most_ticks=np.full(n, np.inf), size_least=np.zeros(n, dtype=np.int64),
        )  # fmt: skip

    def _hedges(self):
        row = np.flatnonzero(self.random.random(self.the.rows) < 0.15)
        side = self.random.choice([-1, 1], row.size)
        base = np.maximum(np.round(self.the.values.price[row] * 100.0), 30).astype(np.int64)
        size = np.where(
            row % PER_DESK == 0, self.random.integers(1, 800, row.size), self.random.integers(1, 30, row.size)
        )
        return WantedHedges(
            row=row, side=side, price_ticks=base, quantity=size, venue=np.ones(row.size, dtype=np.int64)
        )  # fmt: skip


@pytest.fixture(scope="module")
def the():
    """Values do not change: only fills do."""
    return desks(SIDE_BY_SIDE, bid_ask=0.05)


def test_no_sequence_of_fills_makes_an_order_that_adds_to_a_breach(the):
    """Books that begin within their limits, in breach or beyond the kill limit; one-sided fills, lost answers, trades from outside."""
    sent = least = killed = breached = 0
    for seed in range(WORLDS):
        one = Sequences(the, seed)
        for turn in range(ROUNDS):
            wrong = one.cycle()
            assert not wrong, f"seed {seed}, round {turn}: {wrong[:3]}"
            sent, least = sent + one.sent, least + one.least
            breached += sum(any(naive.used(m) >= 1.0 for m in naive.limits) for naive in one.naive)
            one.facts()
            if turn == 1:
                one.shock()
        killed += len(one.kills.on)
    told = f"{WORLDS * SIDE_BY_SIDE} sequences, {sent} sent, {least} for a duty, {breached} in breach, {killed} kills"

    assert min(sent, least, killed, breached) > 1000, told


def test_the_desks_stand_quickly_as_they_stand_by_the_limits_room(the):
    """What the sequences are held against is what `check` and `prepare_pretrade` say."""
    random = np.random.default_rng(3)
    for seed in range(3):
        one = Sequences(the, seed)
        quick, _, _ = stand_quickly(the, one.quantity, one.limits, one.working, Kills(), now_ns=one.now_ns)
        slow, _, _ = stand(the, one.quantity, one.limits, one.working, Kills(), now_ns=one.now_ns)
        row, side = random.integers(0, the.rows, 800), random.choice([-1, 1], 800)
        size = random.integers(1, 40, 800)
        for ours, theirs in ((quick.limits, slow.limits), (quick.kill_limits, slow.kill_limits)):
            for found, expected in zip(
                check_batch(ours, row, side, size), check_batch(theirs, row, side, size), strict=True
            ):
                assert found.tolist() == expected.tolist()
        for name in ("hard_buy", "hard_sell", "breached", "killed_rows", "blind"):
            assert getattr(quick, name).tolist() == getattr(slow, name).tolist(), name
