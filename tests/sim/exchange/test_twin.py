"""The exchange against a slow one in which everything is an order of one list: same reports, same open orders, same positions."""

import numpy as np
import pytest

from flatbook.model.protection_terms import (
    Counted,
    ProtectionRule,
    ScopeKind,
    Tally,
    Threshold,
    WindowKind,
)
from flatbook.model.quoting_terms import ProtectionTerms
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.chance import Chance, stream
from flatbook.sim.exchange.ledger import CROWD, CUSTOMERS, DESK
from flatbook.sim.messages import Acknowledged, Cancelled, CancelRejected, Rejected, Traded, Tripped
from tests.naive.exchange import Exchange as NaiveExchange
from tests.sim.exchange import desks

DEPTH = (1.0, 1.5)
ROWS = (0, 1, 2, 4)
GUARDED = (0, 1, 2)
LIMIT, INTERVAL_MS, FROZEN_MS = 12, 500, 300


def _told(report):
    match report:
        case Acknowledged():
            return ("ack", report.client_id)
        case Rejected():
            return ("reject", report.client_id)
        case Cancelled():
            return ("cancel", report.client_id)
        case CancelRejected():
            return ("no cancel", report.client_id)
        case Tripped():
            return ("trip",)
        case Traded():
            other = "customer" if report.order_id else "crowd"
            return (
                "trade",
                report.client_id,
                report.row,
                report.side,
                report.quantity,
                report.price_ticks,
                other,
                report.maker,
            )
    raise AssertionError(report)


def _pair(window):
    rule = ProtectionRule(
        scope=ScopeKind.CLASS,
        counted=Counted.QUOTES,
        window=window,
        interval_ms=INTERVAL_MS,
        frozen_ms=FROZEN_MS,
        thresholds=(Threshold(tally=Tally.QUANTITY, limit=LIMIT),),
    )
    terms = ProtectionTerms(venue="sim", name="p", option_classes=("XYZ",), rule=rule)
    real = desks.exchange(protections=(terms,), hedge_depth_shares=DEPTH)
    naive = NaiveExchange(
        depth={4: DEPTH},
        guarded=GUARDED,
        rule={
            "window": window.value,
            "interval": INTERVAL_MS * 1_000_000,
            "frozen": FROZEN_MS * 1_000_000,
            "limits": {"quantity": ("gross", LIMIT, True)},
        },
    )
    return real, naive


class _Draw:
    """Whole numbers and choices."""

    def __init__(self, chance: Chance):
        self.chance = chance

    def random(self):
        return self.chance.share()

    def randint(self, low, high):
        return low + int(self.chance.share() * (high - low + 1))

    def choice(self, choices):
        return self.chance.one_of(choices)

    def sample(self, choices, count):
        return self.chance.some_of(count, choices)


class _Driver:
    """Draws an operation and does it at both."""

    def __init__(self, seed, window):
        self.draw, self.real, self.naive = _Draw(stream(seed, "twin")), *_pair(window)
        self.now, self.last, self.live = desks.OPEN_NS, 0, []

    def step(self):
        """One operation; what both say."""
        self.now += self.draw.choice((0, 1, 20_000_000, 100_000_000))
        kind = self.draw.chance.weighted(
            (self.new, self.replace, self.cancel, self.requote, self.customer, self.package),
            (6, 3, 2, 5, 5, 2),
        )
        return kind()

    def _price(self):
        return 500 + self.draw.randint(-4, 4)

    def _send(self, name, row, side, replaces=0):
        price, quantity = self._price(), self.draw.randint(1, 12)
        quote, immediate = self.draw.random() < 0.7, self.draw.random() < 0.15
        command = desks.order(
            name, row, side, price, quantity, quote=quote, replaces=replaces, immediate=immediate
        )
        theirs = self.naive.new(self.now, name, row, side, price, quantity, quote, replaces, immediate)
        return self.real.take(command, self.now), theirs

    def new(self):
        """Sometimes with an id that was used before."""
        self.last += self.draw.random() < 0.97 or not self.last
        return self._send(self.last, self.draw.choice(ROWS), self.draw.choice((1, -1)))

    def replace(self):
        """Of an order that may be gone, at times of the same price."""
        self.last += 1
        found = [o for o in self.naive.orders if o.owner == "desk" and o.left]
        if not found or self.draw.random() < 0.1:
            return self._send(self.last, 0, 1, self.draw.randint(1, self.last))
        old = self.draw.choice(found)
        if self.draw.random() < 0.5:
            return self._send(self.last, old.row, old.side, old.name)
        less = max(1, old.left + self.draw.randint(-3, 1))
        command = desks.order(
            self.last, old.row, old.side, old.price, less, quote=old.quote, replaces=old.name
        )
        theirs = self.naive.new(self.now, self.last, old.row, old.side, old.price, less, old.quote, old.name)
        return self.real.take(command, self.now), theirs

    def cancel(self):
        """Of an order that may be gone."""
        name = self.draw.randint(max(1, self.last - 12), max(1, self.last))
        return self.real.take(desks.cancel(name), self.now), self.naive.cancel(name)

    def requote(self):
        """Of some rows; the crowd's own sides do not cross."""
        rows = sorted(self.draw.sample(ROWS, self.draw.randint(1, len(ROWS))))
        quotes = {}
        for row in rows:
            bid = self._price() - 2
            ask = bid + self.draw.randint(1, 5)
            bid, ask = (None if self.draw.random() < 0.08 else each for each in (bid, ask))
            quotes[row] = (bid, self.draw.randint(0, 20), ask, self.draw.randint(0, 20))
        columns = [
            np.array([NO_PRICE if quotes[row][at] is None else quotes[row][at] for row in rows])
            for at in (0, 2, 1, 3)
        ]
        return self.real.requote(np.array(rows), *columns, self.now), self.naive.requote(self.now, quotes)

    def customer(self):
        """One leg."""
        row, side, quantity = self.draw.choice(ROWS), self.draw.choice((1, -1)), self.draw.randint(1, 25)
        limit = self._price() + side
        taker = desks.customer((row, side), quantity=quantity, limits=(limit,))
        theirs = self.naive.customer(self.now, row, side, limit, quantity)
        return self.real.customer(taker, desks.moment(), self.now), theirs

    def package(self):
        """Two options of one multiplier."""
        (a, b), quantity = self.draw.sample((0, 1, 2), 2), self.draw.randint(1, 6)
        sides = self.draw.choice((1, -1)), self.draw.choice((1, -1))
        ratio = self.draw.randint(1, 2)
        limits = [self._price() + side for side in sides]
        taker = desks.customer((a, sides[0]), (b, sides[1], ratio), quantity=quantity, limits=limits)
        most = sides[0] * limits[0] + sides[1] * ratio * limits[1]
        legs = [(a, sides[0], 1), (b, sides[1], ratio)]
        theirs = self.naive.package(self.now, legs, quantity, most)
        return self.real.customer(taker, desks.moment(), self.now), theirs


@pytest.mark.parametrize("window", [WindowKind.SLIDING, WindowKind.FIXED, WindowKind.TUMBLING])
@pytest.mark.parametrize("seed", range(6))
def test_thousands_of_operations_say_the_same_as_one_sorted_list(seed, window):
    """Same trades in the same order, same refusals, same trips, same open orders, and nothing comes from nowhere."""
    driver, seen = _Driver(seed, window), {}

    for step in range(2_000):
        ours, theirs = driver.step()

        assert [_told(each) for each in ours] == theirs, (seed, window, step)
        assert sorted(driver.real.open_orders()) == driver.naive.open_orders(), (seed, window, step)
        for each in theirs:
            seen[each[0]] = seen.get(each[0], 0) + 1
    held, cash = driver.real.ledger.held, driver.real.ledger.cash_ticks
    for party, name in ((DESK, "desk"), (CROWD, "crowd"), (CUSTOMERS, "customer")):
        assert dict(enumerate(held[party].tolist())) == {
            row: driver.naive.held[name].get(row, 0) for row in range(6)
        }
        assert int(cash[party].sum()) == driver.naive.cash[name]
    assert (held.sum(axis=0) == 0).all()
    assert (cash.sum(axis=0) == 0).all()
    assert (
        min(seen.get(kind, 0) for kind in ("ack", "reject", "cancel", "no cancel", "trade", "trip")) >= 3
    ), seen
