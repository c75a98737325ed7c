"""Desks on many underlyings, each a small index chain of its own."""

import numpy as np
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.model.events import (
    CycleDue,
    DeskSet,
    Fill,
    InstrumentsListed,
    LimitsSet,
    QuotesSeen,
    UnderlyingQuoted,
)
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Side
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import Limit, LimitMeasure, UnderlyingTerms
from tests.worlds import NOW_NS, desk, index_chain, share

SECOND = 1_000_000_000


class World:
    """A state, its journal, and facts of chains that are all alike."""

    def __init__(self, count=3, *, days=(30,), width=0.03, send=False, limits=None):
        chain, self.bids, self.asks = index_chain(days=days, width=width)
        self.names = tuple(f"U{number:02d}" for number in range(count))
        self.chains = {
            name: tuple(
                replace(one, symbol=one.symbol.replace("IDX", name), underlying=name, option_class=name)
                for one in chain
            )
            for name in self.names
        }
        self.state, self.facts, self.cycles, self.now_ns = State(), [], [], NOW_NS
        hedges = tuple(
            HedgeTerms(
                instrument=share(f"{name}F", underlying=name, multiplier=50.0),
                spread=0.25,
                fee_per_contract=1.0,
            )
            for name in self.names
        )
        terms = tuple(UnderlyingTerms(symbol=name) for name in self.names)
        the_desk = desk(hedges=hedges, aversion=2e-6, underlyings=terms)
        if send:
            the_desk = replace(the_desk, orders=OrderTerms(send=True, venue="east"))
        hard = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, limit_hard=50_000.0)
        self.tell(InstrumentsListed, instruments=sum(self.chains.values(), ()))
        self.tell(DeskSet, desk=the_desk, by="test")
        self.tell(LimitsSet, limits=(hard,) if limits is None else limits, by="test")
        for name in self.names:
            self.price(name, 5000.0)
            self.quote(name)

    def tell(self, kind, **fields):
        """A fact of this instant; what the cycle was, where it was one."""
        fact = kind(received_ns=self.now_ns, sequence=len(self.facts) + 1, **fields)
        self.facts.append(fact)
        cycle = step(self.state, fact)
        if cycle is not None:
            self.cycles.append(cycle)
        return cycle

    def price(self, name, price):
        """The underlying trades."""
        self.tell(UnderlyingQuoted, underlying=name, price=price)

    def quote(self, name, shift=0.0):
        """The whole chain is quoted, `shift` above where it began."""
        ticks = [
            tuple(round(price * 100) for price in np.maximum(column + shift, 0.05).tolist())
            for column in (self.bids, self.asks)
        ]
        symbols = tuple(one.symbol for one in self.chains[name])
        self.tell(QuotesSeen, symbols=symbols, bid_ticks=ticks[0], ask_ticks=ticks[1])

    def fill(self, name, at=4, *, quantity=5, side=Side.SELL):
        """A trade of ours in one series."""
        self.tell(
            Fill, fill_id=f"F{len(self.facts)}", instrument=self.chains[name][at].symbol, side=side, quantity=quantity,
            price_ticks=5000, traded_ns=self.now_ns,
        )  # fmt: skip

    def due(self, *, refit=False, seconds=1.0):
        """A cycle some time later."""
        self.now_ns += round(seconds * SECOND)
        return self.tell(CycleDue, reason="test", refit=refit)

    def rows(self, name):
        """Of the table: everything of one underlying, bool[n_rows]."""
        table = self.state.table
        return table.underlying_of == table.underlyings.index(name)
