"""Watched quotes: as long as no more of them fill than the desk says, no sequence of fills takes a limit beyond its hard one, and a
desk whose limits would not bear all its quotes at once keeps quoting.
"""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as changed

from flatbook.limits.check import check
from flatbook.limits.measured import Activity, Supplied
from flatbook.limits.pretrade import prepare_pretrade
from flatbook.model.errors import InvalidValueError
from flatbook.model.order_events import OrderNews
from flatbook.model.order_terms import OrderTerms
from flatbook.orders.burst import burst_fills
from flatbook.orders.burst_sizes import within_burst
from flatbook.orders.columns import Purpose, Reason, columns_of, joined
from flatbook.orders.gate import gate, prepare_gate
from flatbook.orders.kill import Kills, stopped_by
from flatbook.orders.rate import full_buckets
from flatbook.orders.reconcile import Action, Why, passed, reconcile, send
from flatbook.orders.state import OrderState, WorkingOrders, send_orders
from flatbook.orders.wanted import WantedHedges
from tests.naive.burst_limits import QUOTES, NaiveBurst
from tests.orders.desks import PER_DESK, TERMS, book, desks, limit, stand, stand_quickly
from tests.orders.test_never_adds import SIDE_BY_SIDE, Sequences

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
            for measure in naive.limits:
                if naive.used(measure) >= 1.0 and naive.adds(measure, order) and name not in least:
                    found.append((name, measure, "adds to a limit in breach"))
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

    assert min(sent, smaller, filled, near) > 1_000, (sent, smaller, filled, near)


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
