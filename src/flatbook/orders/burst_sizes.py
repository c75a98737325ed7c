"""Sizes of watched quotes that the rule for bursts of fills bears: what is at work beyond it becomes smaller at once."""

from dataclasses import replace

import numpy as np

from flatbook.model.table import Ints
from flatbook.orders.columns import Purpose
from flatbook.orders.gate import Gate
from flatbook.orders.wanted import WantedHedges, WantedQuotes
from flatbook.quoting.ticks import NO_PRICE


def within_burst(quotes: WantedQuotes, hedges: WantedHedges, prepared: Gate) -> WantedQuotes:
    """The same quotes, watched ones no larger than `orders.burst` allows; the least of a duty stays for the gate to judge.

    Parameters
    ----------
    quotes : WantedQuotes
    hedges : WantedHedges
        That quotes make room for, as far as they are not at work yet.
    prepared : Gate
        Of this cycle.
    """
    rule = prepared.room.rule
    if rule is None:
        return quotes
    room = prepared.room.without(hedges.row, hedges.side, _not_at_work(hedges, prepared))
    watched = rule.watched & prepared.told
    sizes = []
    for side, price, size, duty in (
        (1, quotes.bid, quotes.bid_size, quotes.bid_duty),
        (-1, quotes.ask, quotes.ask_size, quotes.ask_duty),
    ):
        row = np.flatnonzero(watched & (price != NO_PRICE) & (size > 0))
        allowed = room.bearable(row, np.full(row.size, side), size[row])
        borne = size.copy()
        borne[row] = np.maximum(allowed, np.minimum(size[row], duty[row]))
        sizes.append(borne)
    return replace(quotes, bid_size=sizes[0], ask_size=sizes[1])


def _not_at_work(hedges: WantedHedges, prepared: Gate) -> Ints:
    """Contracts of hedges beyond what works of them."""
    working = prepared.working
    at = working.alive & (working.purpose == Purpose.HEDGE)
    key = 2 * working.row[at] + (working.side[at] < 0)
    works = np.bincount(key, weights=working.open[at], minlength=2 * prepared.quantity.size)
    left = hedges.quantity - works[2 * hedges.row + (hedges.side < 0)].astype(np.int64)
    return np.maximum(left, 0)
