"""What the desk wants to have at work: quotes by row, hedges by line."""

from dataclasses import dataclass

import numpy as np

from flatbook.hedging.propose import Hedge, trades
from flatbook.market.view import MarketView
from flatbook.model.table import Bools, Floats, Ints
from flatbook.quoting.propose import Quotes
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks
from flatbook.valuation.values import Values, usd_per_quote


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WantedQuotes:
    """One row a contract; NO_PRICE or a size of 0 where a side is not wanted."""

    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints
    bid_duty: Ints  # contracts that a duty asks at least of the side while it binds; 0: none
    ask_duty: Ints
    bid_unsafe: Bools  # whatever works on the side must go now
    ask_unsafe: Bools
    theo_ticks: Floats
    centre_ticks: Floats  # of the quote: fair value leaned by inventory
    half_spread_ticks: Floats  # neutral
    usd_per_tick: Floats  # of a contract
    usefulness: Floats  # whose quotes the gate takes first
    venue: Ints
    width_most_ticks: (
        Floats  # between bid and offer, by the duties that cover the series now; infinite: none does
    )
    size_least: Ints  # contracts that those duties ask of each side; 0: none


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WantedHedges:
    """One line a contract, no contract twice."""

    row: Ints
    side: Ints
    price_ticks: Ints
    quantity: Ints
    venue: Ints

    def take(self, which: Ints | Bools) -> "WantedHedges":
        """Some of them, as numpy selects."""
        return WantedHedges(**{name: getattr(self, name)[which] for name in self.__slots__})


def wanted_quotes(
    quotes: Quotes,
    values: Values,
    market: MarketView,
    *,
    duty: tuple[Ints, Ints] | None = None,
    unsafe: tuple[Bools, Bools] | None = None,
    usefulness: Floats | None = None,
    venue: Ints | None = None,
    legal: tuple[Floats, Ints] | None = None,
) -> WantedQuotes:
    """What `quoting.propose` proposes, as the orders room reads it.

    Parameters
    ----------
    quotes, values, market
        Of this cycle.
    duty : (int64[n], int64[n]), optional
        Contracts that a duty asks at least of bid and offer, where they stand at the legal minimum; none without it.
    unsafe : (bool[n], bool[n]), optional
        Sides that must go at once.
    usefulness : float64[n], optional
        The gate takes the greater first.
    venue : int64[n], optional
        Number of the venue; 0 without it.
    legal : (float64[n], int64[n]), optional
        Widest quote in ticks and least contracts of a side, by the duties that cover a series now; infinite and 0 where none does.
    """
    n, per_unit = quotes.bid.size, market.table.ticks_per_unit
    nothing, safe = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    duties, off = duty or (nothing, nothing), unsafe or (safe, safe)
    return WantedQuotes(
        bid=quotes.bid,
        ask=quotes.ask,
        bid_size=quotes.bid_size,
        ask_size=quotes.ask_size,
        bid_duty=duties[0],
        ask_duty=duties[1],
        bid_unsafe=off[0],
        ask_unsafe=off[1],
        theo_ticks=values.price * per_unit,
        centre_ticks=(values.price + quotes.lean) * per_unit,
        half_spread_ticks=quotes.half_spread * per_unit,
        usd_per_tick=usd_per_quote(values, market) / per_unit,
        usefulness=np.zeros(n) if usefulness is None else usefulness,
        venue=nothing if venue is None else venue,
        width_most_ticks=np.full(n, np.inf) if legal is None else legal[0],
        size_least=nothing if legal is None else legal[1],
    )


def wanted_hedges(
    hedges: tuple[Hedge, ...],
    values: Values,
    market: MarketView,
    venue: Ints | None = None,
    offset: Ints | None = None,
) -> WantedHedges:
    """The hedges that were chosen, and the legs of an option offset, at the other side of the market; at theoretical value where it has none, or is crossed.

    A hedge without any price is left out.

    Parameters
    ----------
    hedges : tuple of Hedge
    values, market
        Of this cycle.
    venue : int64[n], optional
        Number of the venue; 0 without it.
    offset : int64[n], optional
        Contracts by row of an option offset that is sent, plus buys.
    """
    table = market.table
    contracts = trades(hedges, len(table.instruments))
    if offset is not None:
        contracts = contracts + offset
    side = np.sign(contracts)
    other = np.where(market.bid > market.ask, np.nan, np.where(side > 0, market.ask, market.bid))
    price = np.where(np.isfinite(other), other, values.price)
    ticks = np.where(side > 0, ask_ticks(price, table), bid_ticks(price, table))
    row = np.flatnonzero((contracts != 0) & (ticks != NO_PRICE))
    return WantedHedges(
        row=row,
        side=side[row],
        price_ticks=ticks[row],
        quantity=np.abs(contracts[row]),
        venue=np.zeros(row.size, dtype=np.int64) if venue is None else venue[row],
    )
