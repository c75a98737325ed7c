"""How much of the wanted hedges may leave now: never past the delta that they are for, and never more than an order may be.

While hedges at work that nobody wants any more are not proven dead they may fill, and so take up what is wanted in their place. A hedge
beyond the largest order leaves in parts, the next one once the last has filled.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.table import Floats, Ints
from flatbook.orders.columns import OrderColumns, Purpose, Reason
from flatbook.orders.gate import Gate, Verdicts
from flatbook.orders.wanted import WantedHedges

_LAST_BITS = 1e-9
_REPEATED = 3  # cycles in a row


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedHedge:
    """A hedge that the gate does not let through."""

    row: int
    side: int
    reason: Reason
    since_ns: int
    cycles: int  # in a row

    @property
    def escalated(self) -> bool:
        """It was refused again and again: a person must know."""
        return self.cycles >= _REPEATED


def fit_hedges(hedges: WantedHedges, prepared: Gate) -> WantedHedges:
    """The same hedges, no larger than may leave now; those of which nothing may are left out.

    Parameters
    ----------
    hedges : WantedHedges
        One line a contract.
    prepared : Gate
        Of this cycle.
    """
    if not hedges.row.size:
        return hedges
    key, n = _key(hedges.row, hedges.side), 2 * prepared.quantity.size
    working = prepared.working
    at = working.alive & (working.purpose == Purpose.HEDGE)
    whose = _key(working.row[at], working.side[at])
    works = np.bincount(whose, weights=working.open[at], minlength=n)[key].astype(np.int64)
    begun = np.bincount(whose, weights=working.filled[at], minlength=n)[key] > 0.0
    quantity = np.where(hedges.quantity > works, works + _room(hedges, works, prepared), hedges.quantity)
    most = _most(hedges, prepared)
    part = np.where(begun, np.minimum(works, most), most)
    quantity = np.where(quantity > most, part, quantity)
    return replace(hedges, quantity=quantity).take(quantity > 0)


def refused_hedges(
    before: tuple[RefusedHedge, ...], batch: OrderColumns, verdicts: Verdicts, market: MarketView
) -> tuple[RefusedHedge, ...]:
    """Hedges of this batch that the gate refused, each with the cycles in a row that it did so.

    Parameters
    ----------
    before : tuple of RefusedHedge
        Of the last cycle.
    batch : OrderColumns
    verdicts : Verdicts
        Of the batch.
    market : MarketView
    """
    held = {(one.row, one.side): one for one in before}
    out = []
    for at in np.flatnonzero((batch.purpose == Purpose.HEDGE) & ~verdicts.passes).tolist():
        row, side, reason = int(batch.row[at]), int(batch.side[at]), Reason(int(verdicts.reason[at]))
        last = held.get((row, side))
        repeats = reason is Reason.DUPLICATE  # the same a moment ago is no refusal of its own
        if last is None and repeats:
            continue
        out.append(
            RefusedHedge(
                row=row,
                side=side,
                reason=reason if last is None or not repeats else last.reason,
                since_ns=market.now_ns if last is None else last.since_ns,
                cycles=(0 if last is None else last.cycles) + (not repeats),
            )
        )
    return tuple(out)


def _room(hedges: WantedHedges, works: Ints, prepared: Gate) -> Ints:
    """Contracts beyond those at work that still bring the delta of their underlying no further than all that is wanted, int64[k]."""
    delta, of = prepared.delta_usd, prepared.table.underlying_of
    n = 2 * prepared.delta_held_usd.size
    each, group = _moves(hedges.row, hedges.side, delta, of)
    left = np.bincount(group, weights=np.nan_to_num(each) * (hedges.quantity - works), minlength=n)
    working = prepared.working
    at = np.flatnonzero(working.alive & (working.purpose == Purpose.HEDGE))
    at = at[~np.isin(_key(working.row[at], working.side[at]), _key(hedges.row, hedges.side))]
    moves, whose = _moves(working.row[at], working.side[at], delta, of)
    unknown = np.isnan(moves)
    left -= np.bincount(whose, weights=np.where(unknown, np.inf, moves * working.open[at]), minlength=n)
    left[whose[unknown] ^ 1] = -np.inf
    out = np.zeros(hedges.row.size, dtype=np.int64)
    for line in np.flatnonzero(hedges.quantity > works).tolist():
        here, unit = group[line], each[line]
        wanted = int(hedges.quantity[line] - works[line])
        fits = left[here] / unit + _LAST_BITS * wanted if unit > 0.0 else np.nan
        out[line] = wanted if not fits < wanted else max(int(np.floor(max(fits, 0.0))), 0)
        left[here] -= out[line] * unit
    return out


def _moves(row: Ints, side: Ints, delta: Floats, of: Ints) -> tuple[Floats, Ints]:
    """USD of delta that a contract moves, and the underlying and the direction of it as one number."""
    return np.abs(delta[row]), np.asarray(2 * of[row] + (side * delta[row] < 0.0))


def _most(hedges: WantedHedges, prepared: Gate) -> Ints:
    """The largest order of each, int64[k]; a contract that is worth more than an order may be is left for the gate to refuse."""
    terms, prices, row = prepared.terms, prepared.prices, hedges.row
    option = prices.is_option[row]
    most = np.where(option, terms.size_max_contracts, terms.hedge_size_max_contracts)
    price = hedges.price_ticks / prices.ticks_per_unit[row]
    each = np.where(option, price * prices.usd[row], prices.linear_usd[row])
    told = each > 0.0
    by_worth = np.floor(terms.notional_order_max_usd / np.where(told, each, 1.0))
    bounds = told & (by_worth >= 1.0)
    return np.where(bounds, np.minimum(most, by_worth), most).astype(np.int64)


def _key(row: Ints, side: Ints) -> Ints:
    return np.asarray(2 * row + (side < 0))
