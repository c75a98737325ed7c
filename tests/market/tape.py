"""A chain of index options quoted again and again through the market room: spot, smile and time as a test wants them."""

import numpy as np

from flatbook.kernels.black import price_european
from flatbook.market.build import view
from flatbook.market.clock import tau
from flatbook.market.state import (
    MarketState,
    grow,
    remember_quotes,
    remember_surfaces,
    see_quotes,
    see_underlying,
)
from flatbook.model.events import QuotesSeen, UnderlyingQuoted
from flatbook.model.table import InstrumentTable
from tests.worlds import NOW_NS, desk, index_chain, smile

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND


class Tape:
    """The market room of one desk on IDX; rates and dividends are 0."""

    def __init__(self, the_desk=None, **chain):
        self.desk = the_desk or desk()
        listed, _, _ = index_chain(**chain)
        self.table = InstrumentTable(version=1, instruments=listed)
        self.state = MarketState()
        grow(self.state, len(listed))

    def quote(self, now_ns=NOW_NS, **how):
        """New quotes, as `facts` makes them."""
        spot, quotes = self.facts(now_ns, **how)
        see_underlying(self.state, spot)
        see_quotes(self.state, self.table, quotes)

    def facts(self, now_ns, *, spot=5000.0, vol=smile, ticks=None):
        """Spot, and quotes at `vol(k, years)` half a percent of the premium or a nickel either way; both sides moved by `ticks`."""
        table = self.table
        years = tau(now_ns, table.expiry_ns)
        at = vol(np.log(table.strike / spot), years)
        one = np.ones(years.size)
        price = price_european(spot * one, table.strike, years, at, one, table.sign)
        half = np.maximum(0.05, 0.005 * price)
        shift = np.zeros(years.size, dtype=np.int64) if ticks is None else ticks
        bid = np.floor((price - half) * 100.0 + 1e-9).astype(np.int64) + shift
        ask = np.ceil((price + half) * 100.0 - 1e-9).astype(np.int64) + shift
        quotes = QuotesSeen(
            received_ns=now_ns,
            symbols=tuple(item.symbol for item in self.table.instruments),
            bid_ticks=tuple(b if b > 0 else None for b in bid.tolist()),
            ask_ticks=tuple(ask.tolist()),
        )
        return UnderlyingQuoted(received_ns=now_ns, underlying="IDX", price=spot), quotes

    def cycle(self, now_ns=NOW_NS):
        """A view, remembered as the engine does; the surface that it publishes or keeps."""
        seen = view(self.state, self.table, now_ns, self.desk)
        remember_quotes(self.state, self.table, seen.status, now_ns)
        remember_surfaces(self.state, seen, self.desk)
        return seen.surfaces[0]
