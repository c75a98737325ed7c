"""What a customer pays at most: each leg's limit, and the net limit of a package.

Prices meet in money of one package: price times side, ratio and multiplier, over all legs.
"""

import math

from flatbook.model.table import InstrumentTable
from flatbook.sim.moment import CustomerOrder, Moment

_ROUNDING = 1e-9  # of a tick
_SHARE = 1e-12  # of the money of a package


def limit_ticks(order: CustomerOrder, leg: int, moment: Moment, table: InstrumentTable) -> int | None:
    """The worst price of one leg, whole ticks; None where nobody knows what it is worth.

    Fair value plus side times reach times vega, unless the order tells its limit.
    """
    if order.limit_ticks:
        return order.limit_ticks[leg]
    row, side = order.legs[leg].row, order.legs[leg].side
    price = _limit(order, row, side, moment) * float(table.ticks_per_unit[row])
    if not math.isfinite(price):
        return None
    return math.floor(price + _ROUNDING) if side > 0 else math.ceil(price - _ROUNDING)


def net_limit(order: CustomerOrder, moment: Moment, table: InstrumentTable) -> float:
    """The most that a customer pays for one package, currency; below 0 is received; NaN where nobody knows what a leg is worth."""
    out = 0.0
    for number, leg in enumerate(order.legs):
        if order.limit_ticks:
            price = order.limit_ticks[number] / float(table.ticks_per_unit[leg.row])
        else:
            price = _limit(order, leg.row, leg.side, moment)
        out += leg.side * leg.ratio * float(table.multiplier[leg.row]) * price
    return out


def within(order: CustomerOrder, net: float, cost: float) -> bool:
    """Whether all packages together cost no more than their limit, rounding aside."""
    most = order.quantity * net
    return cost <= most + _SHARE * max(abs(most), abs(cost), 1.0)


def _limit(order: CustomerOrder, row: int, side: int, moment: Moment) -> float:
    return float(moment.fair[row]) + side * order.reach_points * float(moment.vega[row])
