"""The options of a market view as classes that the engines can value: which tolerance each is held to.

Europeans stand on their forward, whatever dividends made it. Americans stand on the price of their underlying; cash
dividends fall from it (the market's model). They are held to a coarser tolerance there, because grids are dear.
"""

from collections.abc import Iterator

import numpy as np

from flatbook.market.dividends import schedules
from flatbook.market.view import MarketView
from flatbook.model.table import Ints
from flatbook.valuation.chain_class import OptionClass

TOLERANCE = 1e-4  # of a price, relative to max(price, 1 % of spot)
TOLERANCE_WITH_DIVIDENDS = 1e-3


def classes_of(market: MarketView, rows: Ints) -> Iterator[tuple[Ints, OptionClass, float]]:
    """Rows that share a tolerance, these rows as a class, and the tolerance.

    Parameters
    ----------
    market : MarketView
    rows : int64[n]
        Options.
    """
    table = market.table
    whole = _class_of(market, rows)
    grids = table.american[rows] & np.append(whole.pays, False)[table.slice_of[rows]]
    for where, tolerance in ((~grids, TOLERANCE), (grids, TOLERANCE_WITH_DIVIDENDS)):
        if where.all():
            yield rows, whole, tolerance
        elif where.any():
            yield rows[where], _class_of(market, rows[where]), tolerance


def _class_of(market: MarketView, rows: Ints) -> OptionClass:
    table = market.table
    underlying = table.underlying_of_slice
    fixed = np.zeros(len(table.slices), dtype=np.bool_)
    fixed[table.slice_of[rows]] = market.forward_fixed[rows]
    years, amounts, met = schedules(
        market.dividend_years, market.dividend_amount, underlying, np.isfinite(market.slice_future)
    )
    return OptionClass(
        spot=market.spot[underlying],
        standing=market.slice_spot,
        forward=market.slice_forward,
        years=market.slice_years,
        discount=market.slice_discount,
        rate=market.slice_rate,
        dividend_yield=market.slice_yield,
        forward_fixed=fixed,
        dividend_rows=met,
        dividend_years=years,
        dividend_amounts=amounts,
        expiry_index=table.slice_of[rows],
        strike=table.strike[rows],
        sign=table.sign[rows],
        american=table.american[rows],
        vol=market.vol[rows],
        spot_model=table.american[rows],
        variance_time=market.variance_time,
    )
