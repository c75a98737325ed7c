"""Positions and cash: ours against what we were told, the exchange's against what it did, and at the end one against the other."""

import numpy as np

from flatbook.book.view import view
from flatbook.model.facts import Fact
from flatbook.model.table import Floats, InstrumentTable
from flatbook.sim.checks.naive_book import NaiveBook
from flatbook.sim.checks.violation import Invariant, Violated
from flatbook.sim.day import Day
from flatbook.sim.exchange.ledger import DESK

_USD = 1e-6  # by which two sums of the same amounts may differ, and as much of a millionth of them
_ARRIVES_NS = 2_000_000_000  # a report that is neither lost nor late is there by then


class Books:
    """Keeps both naive books."""

    def __init__(self, table: InstrumentTable) -> None:
        self.table = table
        self.told = NaiveBook(table)  # what became durable at the desk
        self.done = NaiveBook(table)  # at the exchange
        self._seen = self._settled = 0
        self._changed = False

    def heard(self, facts: tuple[Fact, ...]) -> None:
        """The desk was told."""
        for fact in facts:
            self._changed |= self.told.take(fact)

    def happened(self, day: Day) -> None:
        """Compare what has changed."""
        if self._take_record(day):
            self._check_exchange(day)
        if self._changed and day.alive:
            self._changed = False
            self._check_desk(day)

    def anew(self) -> None:
        """Another process: its book is compared as soon as something happens."""
        self._changed = True

    def ended(self, day: Day) -> None:
        """By the close all that the exchange did is known, but for what is still on its way."""
        self.happened(day)  # exercises at the close
        late = {name for name, each in self.done.trades.items() if each.at_ns >= day.now_ns - _ARRIVES_NS}
        missing = sorted(set(self.done.trades) - set(self.told.trades) - late)
        if missing:
            raise Violated(
                Invariant.RECOVERED, "every trade of the exchange in our book", f"{missing[:3]} missing"
            )
        for name in set(self.done.trades) - set(self.told.trades):
            del self.done.trades[name]
        ours, theirs = self.told.positions(), self.done.positions()
        if not np.array_equal(ours, theirs):
            raise Violated(
                Invariant.RECOVERED, f"positions as at the exchange, {theirs.tolist()}", ours.tolist()
            )
        _same(
            Invariant.RECOVERED,
            "cash as at the exchange",
            self.done.cash_usd() - self.done.fees(),
            self.told.cash_usd() - self.told.fees(),
        )

    def _take_record(self, day: Day) -> bool:
        if day.wire.executions == self._seen and len(day.settlements) == self._settled:
            return False
        for report in day.wire.record[self._seen :]:
            self.done.see(report)
        for fact in day.settlements[self._settled :]:
            self.done.take(fact)
        self._seen, self._settled = day.wire.executions, len(day.settlements)
        return True

    def _check_exchange(self, day: Day) -> None:
        ledger = day.exchange.ledger
        found, expected = day.exchange.positions(), self.done.positions()
        if not np.array_equal(found, expected):
            raise Violated(Invariant.POSITION, f"at the exchange {expected.tolist()}", found.tolist())
        if ledger.held.sum(axis=0).any() or ledger.cash_ticks.sum(axis=0).any():
            raise Violated(
                Invariant.CASH, "what one gains another loses", "contracts or cash that nobody has lost"
            )
        per_tick = self.table.multiplier / self.table.ticks_per_unit
        paid = ledger.cash_ticks[DESK] * per_tick + ledger.settled_cash(DESK) * self.table.multiplier
        _same(Invariant.CASH, "at the exchange", self.done.cash_usd(), paid)
        _same(
            Invariant.CASH, "fees at the exchange", np.array([self.done.fees()]), np.array([ledger.fees_paid])
        )

    def _check_desk(self, day: Day) -> None:
        book = view(day.desk.process.state.book, self.table)
        expected = self.told.positions()
        if not np.array_equal(book.quantity, expected):
            raise Violated(
                Invariant.POSITION, f"of distinct fills {expected.tolist()}", book.quantity.tolist()
            )
        _same(Invariant.CASH, "of distinct fills", self.told.cash_usd(), book.cash)
        _same(
            Invariant.CASH,
            "fees of distinct fills",
            np.array([self.told.fees()]),
            np.array([book.fees.sum()]),
        )
        strange = set(self.told.trades) - set(self.done.trades)
        if strange:
            raise Violated(Invariant.POSITION, "only trades that the exchange has done", sorted(strange)[:3])
        for name, trade in self.told.trades.items():
            if trade != self.done.trades[name]:
                raise Violated(Invariant.POSITION, f"{name} as {self.done.trades[name]}", trade)


def _same(invariant: Invariant, what: str, expected: Floats, found: Floats) -> None:
    bound = _USD * (1.0 + np.abs(expected))
    if not (np.abs(found - expected) <= bound).all():
        raise Violated(invariant, f"{what} {expected.tolist()} USD", found.tolist())
