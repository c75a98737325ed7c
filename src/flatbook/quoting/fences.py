"""Where a quote may stand: on its own side of fair value, off the other side of the market, within the legal width.

All prices in ticks, NO_PRICE where a side is not quoted.
"""

from typing import NamedTuple

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks, step_ticks


class TwoSides(NamedTuple):
    """Bids and offers, int64[n] each."""

    bid: Ints
    ask: Ints


class Fences(NamedTuple):
    """The highest bid and the lowest offer each series allows, int64[n] each."""

    bid_most: Ints
    ask_least: Ints


def fences(theo: Floats, market: MarketView) -> Fences:
    """A bid stands at or below fair value and below the best offer; an offer the other way round.

    A crossed market fences nobody: it is not used for anything.
    """
    table = market.table
    bid_most, ask_least = bid_ticks(theo, table), ask_ticks(theo, table)
    ordered = ~(market.bid > market.ask)
    best_ask = np.where(np.isfinite(market.ask) & ordered, market.ask * table.ticks_per_unit, np.inf)
    best_bid = np.where(np.isfinite(market.bid) & ordered, market.bid * table.ticks_per_unit, -np.inf)
    below = _on_step(
        np.where(np.isfinite(best_ask), best_ask.round() - 1.0, 2.0**52).astype(np.int64), table, up=False
    )
    above = _on_step(
        np.where(np.isfinite(best_bid), best_bid.round() + 1.0, 0.0).astype(np.int64), table, up=True
    )
    bid_most = np.where((bid_most == NO_PRICE) | (below <= 0), NO_PRICE, np.minimum(bid_most, below))
    return Fences(bid_most, np.where(ask_least == NO_PRICE, NO_PRICE, np.maximum(ask_least, above)))


def inside(quote: TwoSides, fence: Fences) -> TwoSides:
    """Move a quote back behind its fences."""
    bid = np.where(
        (quote.bid == NO_PRICE) | (fence.bid_most == NO_PRICE),
        NO_PRICE,
        np.minimum(quote.bid, fence.bid_most),
    )
    return TwoSides(bid, np.where(quote.ask == NO_PRICE, NO_PRICE, np.maximum(quote.ask, fence.ask_least)))


def legal_width(
    quote: TwoSides, fence: Fences, widest: Ints, far_side_bid: Bools, stretch: Bools, table: InstrumentTable
) -> TwoSides:
    """Bring bid and offer within `widest` ticks of each other, as far as the fences let them.

    Parameters
    ----------
    quote, fence
    widest : int64[n]
    far_side_bid : bool[n]
        The bid moves first; the offer only where the bid's fence leaves it no other way. Otherwise the offer moves first.
    stretch : bool[n]
        The side that moves first goes to the widest legal price, also outward.
    table : InstrumentTable

    Returns
    -------
    TwoSides
        Wider than legal only where value and market are further apart than that.
    """
    both = (quote.bid != NO_PRICE) & (quote.ask != NO_PRICE)
    bid, ask = quote
    for first in (True, False):
        wide = both & (ask - bid > widest)
        move_bid = far_side_bid if first else ~far_side_bid
        out = both & stretch if first else np.zeros_like(both)
        if not (wide.any() or out.any()):
            continue
        to_bid = np.minimum(_on_step(np.maximum(ask - widest, 1), table, up=True), fence.bid_most)
        to_ask = np.maximum(_on_step(bid + widest, table, up=False), fence.ask_least)
        bid = np.where((wide | out) & move_bid, to_bid, bid)
        ask = np.where((wide | out) & ~move_bid, to_ask, ask)
    return TwoSides(bid, ask)


def _on_step(ticks: Ints, table: InstrumentTable, *, up: bool) -> Ints:
    step = step_ticks(ticks, table)
    return -(-ticks // step) * step if up else ticks // step * step
