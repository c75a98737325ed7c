"""The desk's end of a feed: messages become facts, and a source that missed one is in doubt until a snapshot came."""

import numpy as np

from flatbook.model.events import QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.table import InstrumentTable
from flatbook.model.venue_events import TradingHalted
from flatbook.model.world_fault_terms import WireTerms
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.feed import FeedMessage
from flatbook.sim.trust import Trust

_GAP, _SILENCE = "gap", "silence"
_MS_NS = 1_000_000


class FeedReader:
    """Takes what arrives of every source.

    `at_ns` is time that never jumps, by which it waits; `received_ns` is by the desk's clock, and stands in the facts.
    """

    def __init__(self, table: InstrumentTable, terms: WireTerms, trust: Trust, at_ns: int) -> None:
        n_sources = len(table.underlyings)
        self._table, self._trust = table, trust
        self._symbols = np.array([item.symbol for item in table.instruments], dtype=object)
        self._patience_ns = round(terms.resend_after_ms * _MS_NS)
        self._silence_ns = round(terms.silence_s * 1_000 * _MS_NS)
        self._seen = [0] * n_sources  # number of the last message
        self._heard_ns = [at_ns] * n_sources
        self._asked_ns: list[int | None] = [None] * n_sources

    def read(self, message: FeedMessage, *, at_ns: int, received_ns: int) -> tuple[Fact, ...]:
        """Facts of a message; none of one that is old. Doubt comes before them, and its end after them."""
        source, name = message.source, self._table.underlyings[message.source]
        self._heard_ns[source] = at_ns
        before = self._seen[source]
        missed = 0 if message.snapshot else max(message.number - before - message.covers, 0)
        news: list[Fact] = []
        if missed:
            reason = (
                f"{missed} messages on {name} are missing before number {message.number - message.covers + 1}"
            )
            news.extend(self._trust.doubt(_GAP, (name,), reason, received_ns))
        news.extend(self._trust.restore(_SILENCE, (name,), f"the feed of {name} speaks again", received_ns))
        if message.number < before or (message.number == before and not message.snapshot):
            return tuple(news)
        self._seen[source] = message.number
        news.extend(self._facts(message, name, received_ns))
        if message.snapshot:
            self._asked_ns[source] = None
            reason = f"the feed of {name} is whole again"
            news.extend(self._trust.restore(_GAP, (name,), reason, received_ns))
        return tuple(news)

    def listen(self, *, at_ns: int, received_ns: int) -> tuple[Fact, ...]:
        """Doubt of sources that said nothing for long."""
        out: list[Fact] = []
        for source, name in enumerate(self._table.underlyings):
            silent_ns = at_ns - self._heard_ns[source]
            if silent_ns > self._silence_ns and not self._trust.doubted(_SILENCE, name):
                reason = f"the feed of {name} said nothing for {silent_ns / 1e9:,.0f} s"
                out.extend(self._trust.doubt(_SILENCE, (name,), reason, received_ns))
        return tuple(out)

    def wanted(self, at_ns: int) -> tuple[int, ...]:
        """Sources of which to ask for a snapshot now: those with a gap that nobody asked about just now."""
        out: list[int] = []
        for source, name in enumerate(self._table.underlyings):
            asked = self._asked_ns[source]
            if self._trust.doubted(_GAP, name) and (asked is None or at_ns - asked >= self._patience_ns):
                self._asked_ns[source] = at_ns
                out.append(source)
        return tuple(out)

    def _facts(self, message: FeedMessage, name: str, received_ns: int) -> list[Fact]:
        out: list[Fact] = []
        if message.halted is not None:
            reason = "the exchange halted it" if message.halted else "the exchange opened it again"
            out.append(
                TradingHalted(received_ns=received_ns, underlying=name, on=message.halted, reason=reason)
            )
        if message.price is not None:
            out.append(UnderlyingQuoted(received_ns=received_ns, underlying=name, price=message.price))
        if message.rows.size:
            out.append(self._quotes(message, received_ns))
        return out

    def _quotes(self, message: FeedMessage, received_ns: int) -> QuotesSeen:
        bid, ask, bid_size, ask_size = message.quotes.tolist()
        return QuotesSeen(
            received_ns=received_ns,
            symbols=tuple(self._symbols[message.rows].tolist()),
            bid_ticks=tuple([None if ticks == NO_PRICE else ticks for ticks in bid]),
            ask_ticks=tuple([None if ticks == NO_PRICE else ticks for ticks in ask]),
            bid_sizes=tuple(
                [None if ticks == NO_PRICE else size for ticks, size in zip(bid, bid_size, strict=True)]
            ),
            ask_sizes=tuple(
                [None if ticks == NO_PRICE else size for ticks, size in zip(ask, ask_size, strict=True)]
            ),
            source_ns=message.at_ns,
        )
