"""Bids and offers of the made-up market around what each contract is worth, with the blemishes of a real chain.

Every quote holds its fair value, so put-call parity holds within the half-spreads; the few crossed, missing and
one-sided quotes are made so on purpose.
"""

from itertools import groupby

import numpy as np

from flatbook.model.events import QuotesSeen
from flatbook.model.instruments import Instrument
from flatbook.model.table import Floats, InstrumentTable
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks
from flatbook.sim.chance import Chance
from flatbook.sim.world import AT_NS, ISSUERS, fair

CROSSED, MISSING, NO_OFFER = 4, 5, 2  # how many series are blemished in each way
_LEAN = 0.4  # how far, in half-spreads, the middle of a quote may stand from fair
Ticks = tuple[int | None, int | None]


def quote(items: tuple[Instrument, ...], now_ns: int, spot: float, lean: Floats) -> list[Ticks]:
    """Bid and offer of options of one underlying, in ticks; None where nobody bids.

    Parameters
    ----------
    items : tuple of Instrument
        Of one underlying.
    now_ns, spot
        The moment.
    lean : float64[n]
        Middle of the quote less fair, in half-spreads; between -1 and 1.
    """
    worth = fair(items, now_ns, spot)
    table = InstrumentTable(version=1, instruments=items)
    bid = bid_ticks(worth.price - worth.half_spread * (1.0 - lean), table).tolist()
    ask = ask_ticks(worth.price + worth.half_spread * (1.0 + lean), table).tolist()
    return [(None if low == NO_PRICE else low, high) for low, high in zip(bid, ask, strict=True)]


def chain(items: tuple[Instrument, ...], chance: Chance) -> QuotesSeen:
    """The quotes of every series at the time of the snapshot."""
    quotes: list[Ticks] = []
    for name, group in groupby(items, key=lambda item: item.underlying):
        mine = tuple(group)
        lean = np.array([chance.between(-_LEAN, _LEAN) for _ in mine])
        quotes += quote(mine, AT_NS, ISSUERS[name].spot, lean)
    quotes = _blemished(quotes, chance)
    sizes = [_sizes(ticks, chance) for ticks in quotes]
    return QuotesSeen(
        received_ns=AT_NS,
        symbols=tuple(item.symbol for item in items),
        bid_ticks=tuple(bid for bid, _ in quotes),
        ask_ticks=tuple(ask for _, ask in quotes),
        bid_sizes=tuple(bid for bid, _ in sizes),
        ask_sizes=tuple(ask for _, ask in sizes),
    )


def _blemished(quotes: list[Ticks], chance: Chance) -> list[Ticks]:
    two_sided = [
        row for row, (bid, ask) in enumerate(quotes) if bid is not None and ask is not None and bid < ask
    ]
    picked = chance.some_of(CROSSED + MISSING + NO_OFFER, two_sided)
    out = list(quotes)
    for row in picked[:CROSSED]:
        out[row] = quotes[row][::-1]
    for row in picked[CROSSED : CROSSED + MISSING]:
        out[row] = (None, None)
    for row in picked[CROSSED + MISSING :]:
        out[row] = (quotes[row][0], None)
    return out


def _sizes(ticks: Ticks, chance: Chance) -> Ticks:
    bid, ask = (1 + int(chance.wait(25.0)) for _ in ticks)
    return (None if ticks[0] is None else bid, None if ticks[1] is None else ask)
