"""A mark: the market and every value at one instant, with what an option is worth at the very instant it expires.

Source: an option settles at its exercise value. The price of the underlying settles it only where the mark is of the instant of
expiry; of an expiry between two marks nobody here knows the settlement price, and its series have a reason in place of a value.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.valuation.spot_vol import Dynamics
from flatbook.valuation.values import Values, usd_per_quote, value


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What the book is held against at one instant."""

    market: MarketView
    values: Values

    @property
    def now_ns(self) -> int:
        """UTC nanoseconds."""
        return self.market.now_ns

    @cached_property
    def expired(self) -> Bools:
        """bool[n_rows]: options that have expired, at this instant or before it."""
        table = self.market.table
        return np.asarray(table.is_option & (table.expiry_ns <= self.now_ns))

    @cached_property
    def usd_per_quote(self) -> Floats:
        """float64[n_rows]: USD of a contract for one unit of quote currency; coins count at the index of this instant."""
        return usd_per_quote(self.values, self.market)

    def worth(self, price: Floats, rows: Ints) -> Floats:
        """`worth` of rows of this mark's table."""
        return worth(self.market.table, price, rows)


def worth(table: InstrumentTable, price: Floats, rows: Ints) -> Floats:
    """What a unit is worth in quote currency at `price`, float64[n]: the price, and -1 / price of a coin-settled future."""
    coin_future = table.inverse[rows] & ~table.is_option[rows]
    return np.where(coin_future, -1.0 / np.where(coin_future, price, 1.0), price)


def mark(market: MarketView, dynamics: Dynamics | None = None) -> Mark:
    """Value every contract, those that expire at this instant at their exercise value.

    Parameters
    ----------
    market : MarketView
    dynamics : Dynamics, optional
        As for `valuation.values.value`.
    """
    return mark_of(market, value(market, dynamics))


def mark_of(market: MarketView, values: Values) -> Mark:
    """The mark of values that are known already."""
    table = market.table
    settles = np.flatnonzero(table.is_option & (table.expiry_ns == market.now_ns) & np.isfinite(values.spot))
    if not settles.size:
        return Mark(market=market, values=values)
    spot, strike = values.spot[settles], table.strike[settles]
    intrinsic = np.maximum(table.sign[settles] * (spot - strike), 0.0)
    price, greeks = values.price.copy(), values.greeks.copy()
    price[settles] = np.where(table.inverse[settles], intrinsic / spot, intrinsic)
    greeks[settles] = 0.0
    now = set(settles.tolist())
    reasons = {row: reason for row, reason in values.reasons.items() if row not in now}
    return Mark(market=market, values=replace(values, price=price, greeks=greeks, reasons=reasons))
