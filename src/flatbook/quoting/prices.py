"""From distances to prices in whole ticks that no duty, no market and no rule of the desk forbids.

Both sides are first brought within the legal width in proportion to what law leaves them: the further side gives way until it is as near as the
other, then both alike. So the side that removes risk is never the worse for it. Then they are rounded outward, kept behind fair value and
market (`fences`), and whatever still is too wide is moved inward. A side whose strongest response is the widest legal quote is moved there.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.quoting.conditions import Conditions
from flatbook.quoting.distances import Distances
from flatbook.quoting.duties import Around, around, legal_width_ticks, under_duty
from flatbook.quoting.fences import Fences, TwoSides, fences, inside, legal_width
from flatbook.quoting.sides import Sides
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks
from flatbook.riskprice.reservation import BID, OFFER


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """By row, for both sides, whether they are shown or not."""

    quote: TwoSides
    width_max_ticks: Ints  # the widest legal quote
    too_wide: Bools  # value and market are further apart than that; under a duty only the side at the market is left
    centre: Floats  # middle before rounding, quote currency


def prices_of(
    theo: Floats, made: Distances, sides: Sides, market: MarketView, conditions: Conditions, own_ticks: Floats
) -> Prices:
    """Prices of both sides.

    Parameters
    ----------
    theo : float64[n]
        Quote currency; NaN where there is no quote.
    made : Distances
    sides : Sides
    market, conditions
    own_ticks : float64[n]
        The desk's widest quote, whole ticks.
    """
    table, told = market.table, conditions.duties
    about = around(market, _venue_fast(market, conditions), conditions.underlying_spread) if told else None
    fence = fences(theo, market)
    wide = own_ticks / table.ticks_per_unit
    distance = np.where(made.parts.distance == np.inf, wide, made.parts.distance)
    distance = np.where(
        np.isnan(distance), 0.0, distance
    )  # that side is not shown, and takes no width from the other
    if about is None:
        most = own_ticks.astype(np.int64)
    else:
        bid = bid_ticks(theo - distance[BID], table)
        most = legal_width_ticks(conditions.duties, bid, own_ticks, about)
    distance = squeezed(distance, np.maximum(most / table.ticks_per_unit - 2.0 * made.step, 0.0))
    below, above = theo - distance[BID], theo + distance[OFFER]
    wanted = inside(TwoSides(bid_ticks(below, table), ask_ticks(above, table)), fence)
    stretch = sides.bid_widest | sides.ask_widest
    alone = sides.bid_widest != sides.ask_widest
    far_is_bid = np.where(alone, sides.bid_widest, distance[BID] > distance[OFFER])
    quote = legal_width(wanted, fence, most, far_is_bid, stretch, table)
    if about is not None:
        quote, most = _again(
            quote, wanted, fence, most, own_ticks, far_is_bid, stretch, conditions, about, table
        )
    too_wide = (quote.bid != NO_PRICE) & (quote.ask != NO_PRICE) & (quote.ask - quote.bid > most)
    if told and too_wide.any():
        quote = _without_far_side(quote, too_wide & under_duty(told, theo.size), market)
    return Prices(quote=quote, width_max_ticks=most, too_wide=too_wide, centre=0.5 * (below + above))


def squeezed(distance: Floats, width: Floats) -> Floats:
    """Both distances within `width` in sum, float64[2, n]: the further gives way until it is as near as the other, then both alike.

    Parameters
    ----------
    distance : float64[2, n]
        From 0.
    width : float64[n]
    """
    near, far = np.minimum(distance[0], distance[1]), np.maximum(distance[0], distance[1])
    near = np.minimum(near, 0.5 * width)
    far = np.minimum(far, width - near)
    bid_is_far = distance[0] > distance[1]
    return np.vstack((np.where(bid_is_far, far, near), np.where(bid_is_far, near, far)))


def _again(
    quote: TwoSides,
    wanted: TwoSides,
    fence: Fences,
    most: Ints,
    own_ticks: Floats,
    far_is_bid: Bools,
    stretch: Bools,
    conditions: Conditions,
    about: Around,
    table: InstrumentTable,
) -> tuple[TwoSides, Ints]:
    """Once more where a bid that was moved out may be no longer as wide: the width that its new place allows.

    A width that never narrows as the bid rises is then kept: the bid ends no lower than where the width was told.
    """
    now = legal_width_ticks(conditions.duties, quote.bid, own_ticks, about)
    narrower = now < most
    if not narrower.any():
        return quote, most
    most = np.minimum(now, most)
    again = legal_width(wanted, fence, most, far_is_bid, stretch, table)
    return TwoSides(np.where(narrower, again.bid, quote.bid), np.where(narrower, again.ask, quote.ask)), most


def _without_far_side(quote: TwoSides, rows: Bools, market: MarketView) -> TwoSides:
    """A two-sided quote that cannot be legal is no quote to a duty: without the side that is further from the market it breaks no width."""
    per_unit = market.table.ticks_per_unit
    bid, ask = market.bid * per_unit, market.ask * per_unit
    middle = 0.5 * (np.where(np.isnan(bid), ask, bid) + np.where(np.isnan(ask), bid, ask))
    bid_is_far = middle - quote.bid > quote.ask - middle
    return TwoSides(
        np.where(rows & bid_is_far, NO_PRICE, quote.bid), np.where(rows & ~bid_is_far, NO_PRICE, quote.ask)
    )


def _venue_fast(market: MarketView, conditions: Conditions) -> Bools:
    fast = conditions.fast
    return np.zeros(len(market.table.underlyings), dtype=np.bool_) if fast is None else fast.by_hand
