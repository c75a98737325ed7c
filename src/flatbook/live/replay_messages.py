"""Facts of a recording as the messages of a feed: one source for each underlying, numbered without a gap.

Every moment has a message of every source, if only as a heartbeat. What a message cannot say, as a forward or a halt of all, stays a fact.
"""

from collections.abc import Iterable

import numpy as np

from flatbook.live.ports import Told
from flatbook.model.events import QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.table import Bools, InstrumentTable, Ints
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.feed import FeedMessage

_NO_ROWS = np.empty(0, dtype=np.int64)
_NO_QUOTES = np.empty((4, 0), dtype=np.int64)


class Sources:
    """What each underlying's source has said; quotes and prices that stand are told again after `retell_ns`."""

    def __init__(self, table: InstrumentTable, retell_ns: int) -> None:
        n_rows, n_sources = len(table.instruments), len(table.underlyings)
        self._table, self._retell_ns = table, retell_ns
        self._rows = [np.flatnonzero(table.underlying_of == source) for source in range(n_sources)]
        self._source_of = {name: source for source, name in enumerate(table.underlyings)}
        self.quotes = np.full((4, n_rows), NO_PRICE, dtype=np.int64)
        self.quotes[2:] = 0
        self._told_ns = np.full(n_rows, -1, dtype=np.int64)  # -1: never
        self._price: list[float | None] = [None] * n_sources
        self._price_ns = [-1] * n_sources
        self._number = [0] * n_sources

    def messages(self, facts: Iterable[Fact], at_ns: int) -> list[FeedMessage | Told]:
        """What became known at `at_ns`: other facts first, then one message of each source."""
        others: list[Fact] = []
        changed = np.zeros(self._told_ns.size, dtype=np.bool_)
        moved: set[int] = set()
        for fact in facts:
            match fact:
                case QuotesSeen():
                    changed[self._take(fact)] = True
                case UnderlyingQuoted() if fact.underlying in self._source_of:
                    source = self._source_of[fact.underlying]
                    self._price[source] = fact.price
                    moved.add(source)
                case _:
                    others.append(fact)
        self._add_old(changed, at_ns)
        told: list[FeedMessage | Told] = [Told(facts=tuple(others))] if others else []
        for source, mine in enumerate(self._rows):
            told.append(self._message(source, mine[changed[mine]], at_ns, moved=source in moved))
        return told

    def told_at(self, at_ns: int) -> Ints:
        """Rows whose quotes were told at an instant."""
        return np.flatnonzero(self._told_ns == at_ns)

    def heartbeats(self, at_ns: int) -> list[FeedMessage]:
        """That every source is there, and nothing is new."""
        return [
            self._numbered(source, at_ns, None, _NO_ROWS, _NO_QUOTES) for source in range(len(self._rows))
        ]

    def snapshot(self, source: int, at_ns: int) -> FeedMessage | None:
        """All that stands of a source; None where it has said nothing, or there is no such source."""
        if not 0 <= source < len(self._rows) or not self._number[source]:
            return None
        rows = self._rows[source][self._told_ns[self._rows[source]] >= 0]
        return FeedMessage(
            source=source,
            number=self._number[source],
            at_ns=at_ns,
            price=self._price[source],
            rows=rows,
            quotes=self.quotes[:, rows],
            snapshot=True,
        )

    def _take(self, fact: QuotesSeen) -> Ints:
        rows = self._table.rows_of(fact.symbols)
        unknown = (0,) * rows.size
        sides = ((fact.bid_ticks, fact.bid_sizes or unknown), (fact.ask_ticks, fact.ask_sizes or unknown))
        for side, (ticks, sizes) in enumerate(sides):
            self.quotes[side, rows] = [NO_PRICE if each is None else each for each in ticks]
            self.quotes[2 + side, rows] = [each or 0 for each in sizes]
        return rows

    def _add_old(self, changed: Bools, at_ns: int) -> None:
        """Quotes of contracts that live and were told long ago."""
        expiry_ns = self._table.expiry_ns
        alive = (expiry_ns == 0) | (expiry_ns > at_ns)
        changed |= alive & (self._told_ns >= 0) & (at_ns - self._told_ns >= self._retell_ns)

    def _message(self, source: int, rows: Ints, at_ns: int, *, moved: bool) -> FeedMessage:
        self._told_ns[rows] = at_ns
        price = self._price[source]
        if not moved and at_ns - self._price_ns[source] < self._retell_ns:
            price = None
        if price is not None:
            self._price_ns[source] = at_ns
        return self._numbered(source, at_ns, price, rows, self.quotes[:, rows])

    def _numbered(
        self, source: int, at_ns: int, price: float | None, rows: Ints, quotes: Ints
    ) -> FeedMessage:
        self._number[source] += 1
        return FeedMessage(
            source=source, number=self._number[source], at_ns=at_ns, price=price, rows=rows, quotes=quotes
        )
