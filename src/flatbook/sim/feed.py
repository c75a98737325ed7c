"""The market data a desk gets: what changed from one moment to the next, over a line that loses, repeats, delays and freezes it.

Each underlying is a source of its own: its price, its halts, and the quotes of every contract on it, in messages with ascending
numbers. A message comes at every moment, if only as a heartbeat, so that a lost one is seen at the next. Quotes are everybody's but
the desk's.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.table import Bools, InstrumentTable, Ints
from flatbook.model.world_fault_terms import FaultTerms, WireTerms
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.chance import stream
from flatbook.sim.channel import Channel, Line
from flatbook.sim.faults import FaultPlan, Window
from flatbook.sim.moment import Moment

_SECOND_NS = 1_000_000_000
_BID, _ASK, _BID_SIZE, _ASK_SIZE = range(4)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeedMessage:
    """What one source says at one instant."""

    source: int  # underlying
    number: int  # ascending by 1; a snapshot has that of the last message before it
    at_ns: int  # of the market
    price: float | None = None  # None: as before
    halted: bool | None = None  # None: as before
    rows: Ints  # whose quotes are told
    quotes: Ints  # int64[4, len(rows)]: bid and ask in ticks, or NO_PRICE, and their sizes
    snapshot: bool = False
    covers: int = 1  # messages that it stands for, itself the last: a reader that was slow has joined them


class Feed:
    """The sending end. `publish` is called at every moment, in order of time."""

    def __init__(
        self, table: InstrumentTable, terms: WireTerms, faults: FaultTerms, plan: FaultPlan, seed: int
    ) -> None:
        n_rows, n_sources = len(table.instruments), len(table.underlyings)
        self._table, self._terms, self._plan = table, terms, plan
        self._quotes = np.full((4, n_rows), NO_PRICE, dtype=np.int64)  # as told
        self._quotes[_BID_SIZE:] = 0
        self._told_ns = np.full(n_rows, -1, dtype=np.int64)  # -1: never
        self._price = np.full(n_sources, np.nan)
        self._price_ns = np.full(n_sources, -1, dtype=np.int64)
        self._halted = np.zeros(n_sources, dtype=np.bool_)
        self._was_halted = np.zeros(n_sources, dtype=np.bool_)
        self._number = [0] * n_sources
        self._crossed_share, self._crossings = faults.feed_crossed_share, stream(seed, "feed/crossed")
        self.crossed = 0  # quotes that were told so
        self._rows = [np.flatnonzero(table.underlying_of == source) for source in range(n_sources)]
        self.lines = tuple(
            Channel(
                Line(
                    name=f"feed/{name}",
                    median_ms=terms.feed_ms,
                    sigma=terms.latency_sigma,
                    lost_share=faults.feed_lost_share,
                    repeated_share=faults.feed_repeated_share,
                    reordered_share=faults.feed_reordered_share,
                    reorder_ms=faults.reorder_ms,
                    calm_from_ns=plan.calm_from_ns,
                ),
                seed,
            )
            for name in table.underlyings
        )

    def publish(self, moment: Moment) -> list[tuple[int, FeedMessage]]:
        """What is said of a moment, and when each message arrives; those of a gap never do."""
        changed = self._changed(moment)
        out: list[tuple[int, FeedMessage]] = []
        for source in range(len(self._rows)):
            if self._hit(self._plan.stale_feeds, source, moment.at_ns):
                continue
            mine = self._rows[source]
            message = self._message(source, moment, mine[changed[mine]])
            if not self._in_gap(source, moment.at_ns):
                out.extend(self.lines[source].send(moment.at_ns, [message]))
        return out

    def snapshot(self, now_ns: int, source: int) -> list[tuple[int, FeedMessage]]:
        """All that a source has said, to a desk that asks now; nothing while its feed has a gap."""
        if self._in_gap(source, now_ns) or not self._number[source]:
            return []
        told = self._rows[source][self._told_ns[self._rows[source]] >= 0]
        price = float(self._price[source])
        message = FeedMessage(
            source=source,
            number=self._number[source],
            at_ns=now_ns,
            price=price if np.isfinite(price) else None,
            halted=bool(self._halted[source]) if self._was_halted[source] else None,
            rows=told,
            quotes=self._quotes[:, told],
            snapshot=True,
        )
        return [(self.lines[source].arrival_ns(now_ns), message)]

    def _changed(self, moment: Moment) -> Bools:
        """bool[n_rows]: its quote is another than told, or was told long ago; not where it stands still by a fault."""
        now = (moment.bid_ticks, moment.ask_ticks, moment.bid_size, moment.ask_size)
        changed = self._told_ns < 0
        for told, column in zip(self._quotes, now, strict=True):
            changed |= told != column
        changed |= moment.at_ns - self._told_ns >= round(self._terms.quotes_retold_s * _SECOND_NS)
        for fault in self._plan.stale_series:
            if fault.holds(moment.at_ns):
                changed[fault.of(changed.size)] = False
        return changed

    def _message(self, source: int, moment: Moment, rows: Ints) -> FeedMessage:
        self._number[source] += 1
        price = self._told_price(source, moment)
        halted = bool(moment.halted[source])
        turned = halted != bool(self._halted[source])
        self._halted[source], self._was_halted[source] = halted, halted or bool(self._was_halted[source])
        now = (moment.bid_ticks, moment.ask_ticks, moment.bid_size, moment.ask_size)
        quotes = self._crossed(np.stack([column[rows] for column in now]), moment.at_ns)
        self._quotes[:, rows] = quotes
        self._told_ns[rows] = moment.at_ns
        return FeedMessage(
            source=source,
            number=self._number[source],
            at_ns=moment.at_ns,
            price=price,
            halted=halted if turned else None,
            rows=rows,
            quotes=quotes,
        )

    def _crossed(self, quotes: Ints, at_ns: int) -> Ints:
        """The quotes, of which one may be told with bid and offer in each other's place, until it is told again."""
        share, two_sided = self._crossed_share, np.flatnonzero((quotes[:2] != NO_PRICE).all(axis=0))
        if not share or not two_sided.size or at_ns >= self._plan.calm_from_ns:
            return quotes
        if self._crossings.share() < share:
            hit = two_sided[min(int(self._crossings.share() * two_sided.size), two_sided.size - 1)]
            quotes[[_BID, _ASK], hit] = quotes[[_ASK, _BID], hit]
            self.crossed += 1
        return quotes

    def _told_price(self, source: int, moment: Moment) -> float | None:
        """The price where it moved, or stood still for long; while it is frozen, the one told before at every moment."""
        told, now = float(self._price[source]), float(moment.spot[source])
        known = np.isfinite(told)
        if known and self._hit(self._plan.frozen_prices, source, moment.at_ns):
            return told
        due_ns = self._price_ns[source] + round(self._terms.price_retold_s * _SECOND_NS)
        if not np.isfinite(now) or (known and now == told and moment.at_ns < due_ns):
            return None
        self._price[source], self._price_ns[source] = now, moment.at_ns
        return now

    def _in_gap(self, source: int, at_ns: int) -> bool:
        sources = len(self._rows)
        return any(
            gap.holds(at_ns) and (gap.every or gap.of(sources) == source) for gap in self._plan.feed_gaps
        )

    def _hit(self, faults: tuple[Window, ...], source: int, at_ns: int) -> bool:
        return any(fault.holds(at_ns) and fault.of(len(self._rows)) == source for fault in faults)
