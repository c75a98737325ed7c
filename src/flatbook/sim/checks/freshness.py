"""What the desk knew of each underlying when it quoted: by the facts that reached it, and by time that never jumps."""

from collections.abc import Sequence

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.model.events import QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.table import InstrumentTable
from flatbook.model.venue_events import FeedSuspect, TradingHalted
from flatbook.sim.checks.violation import Invariant, Violated
from flatbook.sim.messages import Command, NewOrder

_S_NS = 1_000_000_000


class Freshness:
    """Keeps when each price and quote came, and who was halted or in doubt."""

    def __init__(self, table: InstrumentTable, oldest_s: float) -> None:
        self.table, self._oldest_ns = table, round(oldest_s * _S_NS)
        self.crossed = 0  # quotes that came so
        self._price_ns: dict[str, int] = {}
        self._halted: set[str] = set()
        self._suspect: set[str] = set()

    def heard(self, facts: tuple[Fact, ...], at_ns: int) -> None:
        """The desk was told at an instant."""
        for fact in facts:
            match fact:
                case UnderlyingQuoted():
                    self._price_ns[fact.underlying] = at_ns
                case TradingHalted():
                    (self._halted.add if fact.on else self._halted.discard)(fact.underlying)
                case FeedSuspect():
                    (self._suspect.update if fact.on else self._suspect.difference_update)(fact.underlyings)
                case QuotesSeen():
                    self.crossed += sum(
                        bid is not None and ask is not None and bid > ask
                        for bid, ask in zip(fact.bid_ticks, fact.ask_ticks, strict=True)
                    )

    def decided(self, cycle: Cycle, commands: Sequence[Command], at_ns: int) -> None:
        """Refuse quotes of what is in doubt, halted, old, over, or without a value."""
        for order in commands:
            if not isinstance(order, NewOrder):
                continue
            item = self.table.instruments[order.row]
            name = item.underlying
            if "" in self._halted or name in self._halted:
                raise Violated(Invariant.FRESH, f"no order while {name} is halted", order)
            if 0 < item.expiry_ns <= min(at_ns, cycle.now_ns):
                raise Violated(Invariant.FRESH, "no order in a contract that has expired", order)
            if not order.is_quote:
                continue
            if name in self._suspect:
                raise Violated(Invariant.FRESH, f"no quote while the feed of {name} is in doubt", order)
            age_ns = at_ns - self._price_ns.get(name, -(2**62))
            if age_ns > self._oldest_ns:
                raise Violated(
                    Invariant.FRESH, f"no quote on a price of {name} that is {age_ns / 1e9:,.0f} s old", order
                )
            worth = cycle.values.price[order.row], *cycle.values.greeks[order.row]
            if not np.isfinite(worth).all():
                raise Violated(Invariant.FRESH, f"no quote of {item.symbol}, which has no value", order)
