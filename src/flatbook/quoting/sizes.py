"""How many contracts each side shows: full size, less what limits, inventory, headroom, bursts of fills and fast markets take.

Source: domain reference 8.1, A.12. Never more than can be filled before a limit is reached, with the fills that a burst brings until
quotes are gone: of series that a protection watches at least as many as the desk says (`orders.burst_quotes`); never less than the desk's and the duties' least size, whatever the headroom: there only going off helps.
"""

import numpy as np

from flatbook.limits.check import Standing
from flatbook.limits.ladder import THRESHOLDS, Step
from flatbook.market.view import MarketView
from flatbook.model.instruments import Side
from flatbook.model.parameters import QuotingRules
from flatbook.model.table import Floats, Ints
from flatbook.quoting.conditions import Conditions
from flatbook.quoting.duties import legal_sizes
from flatbook.quoting.fences import TwoSides
from flatbook.quoting.sides import Sides
from flatbook.quoting.strain import Strain
from flatbook.quoting.ticks import NO_PRICE

_TAPER = [THRESHOLDS[Step.NOTIFY], THRESHOLDS[Step.ALERT]]


def sizes_of(
    shown: TwoSides,
    quantity: Ints,
    pull: Strain,
    sides: Sides,
    standing: Standing,
    market: MarketView,
    rules: QuotingRules,
    conditions: Conditions,
) -> Ints:
    """Contracts of bids and offers, int64[2, n]; 0 where a side is not shown.

    By limits: full below NOTIFY, then linear to half the size, the least size from ALERT on. By inventory: linear to the least size at
    `inventory_full_contracts`. Where a duty asks for comparable sizes the larger side comes down to what the smaller one allows.

    Parameters
    ----------
    shown : TwoSides
    quantity : int64[n]
        Net contracts held.
    pull, sides, standing, market, rules, conditions
    """
    n, of = quantity.size, market.table.underlying_of
    least, ratio = legal_sizes(conditions.duties, n, rules.size_min)
    full = np.full(n, float(rules.size))
    if conditions.fast is not None:
        full *= conditions.fast.size_share[of]
    fills = 1.0 + conditions.burst_fills[of] if conditions.burst_fills.size else np.ones(n)
    if conditions.burst_quotes and conditions.watched.size:
        fills = np.where(conditions.watched, np.maximum(fills, float(conditions.burst_quotes)), fills)
    bid = _size(
        Side.BUY, full, quantity, pull.bid_utilisation, pull.bid_step, standing.buy_room / fills, rules
    )
    ask = _size(
        Side.SELL, full, quantity, pull.ask_utilisation, pull.ask_step, standing.sell_room / fills, rules
    )
    bid = np.where(sides.bid_widest, least, np.maximum(bid, least))
    ask = np.where(sides.ask_widest, least, np.maximum(ask, least))
    if ratio.any():
        with np.errstate(divide="ignore"):
            most = np.where(ratio > 0.0, np.floor(np.minimum(bid, ask) / ratio + 1e-9), np.inf)
        bid, ask = np.minimum(bid, most), np.minimum(ask, most)
    out = np.vstack((np.where(shown.bid == NO_PRICE, 0, bid), np.where(shown.ask == NO_PRICE, 0, ask)))
    return out.astype(np.int64)


def _size(
    side: Side,
    full: Floats,
    quantity: Ints,
    utilisation: Floats,
    step: Ints,
    room: Floats,
    rules: QuotingRules,
) -> Floats:
    shares = full
    if step.any():
        by_limit = np.interp(utilisation, _TAPER, [1.0, 0.5])
        shares = full * np.where(step >= Step.ALERT, 0.0, np.where(step >= Step.NOTIFY, by_limit, 1.0))
    same_side = np.maximum(int(side) * quantity, 0)
    by_inventory = full * np.clip(1.0 - same_side / rules.inventory_full_contracts, 0.0, 1.0)
    size = np.floor(np.minimum(shares, by_inventory) + 1e-9)
    return np.minimum(size, np.floor(room))
