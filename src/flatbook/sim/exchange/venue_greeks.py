"""Deltas as the exchange reckons them, for its protections: Black's, at the volatility of the fair value, without carry.

Source: F. Black, "The pricing of commodity contracts", J. Fin. Econ. 3 (1976) 167-179, the forward being spot and the discount 1: an exchange's
own model, which need not be the desk's.
"""

import math

from flatbook.model.table import InstrumentTable
from flatbook.sim.moment import Moment

_DEVIATION_MOST = 8.0
_HALVINGS = 30


def delta_per_unit(table: InstrumentTable, moment: Moment, row: int) -> float:
    """Of an option per unit of the underlying, from its fair value alone; NaN where that tells none.

    Parameters
    ----------
    table : InstrumentTable
    moment : Moment
        Its fair value and spot are read.
    row : int
        An option.
    """
    spot, strike = float(moment.spot[table.underlying_of[row]]), float(table.strike[row])
    sign, price = float(table.sign[row]), float(moment.fair[row])
    if table.inverse[row]:
        price *= spot
    intrinsic = max(sign * (spot - strike), 0.0)
    if not (spot > 0.0 and price >= 0.0):
        return math.nan
    if price <= intrinsic:
        return sign if intrinsic > 0.0 else 0.0
    low, high = 0.0, _DEVIATION_MOST
    for _ in range(_HALVINGS):
        deviation = 0.5 * (low + high)
        up = math.log(spot / strike) / deviation + 0.5 * deviation
        value = sign * (spot * _below(sign * up) - strike * _below(sign * (up - deviation)))
        low, high = (deviation, high) if value < price else (low, deviation)
    deviation = 0.5 * (low + high)
    up = math.log(spot / strike) / deviation + 0.5 * deviation
    return sign * _below(sign * up)


def _below(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))
