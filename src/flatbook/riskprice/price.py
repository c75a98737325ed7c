"""One price per factor from one value function v(E) = -E'AE of the book's factor exposures.

Source: Stoikov and Saglam (2009), theorem 4, generalised from one option to a book (domain reference 4.3 and 4.5): over the
holding time tau the residual variance is D^2 s^2 tau + V^2 a^2 tau + (100 G)^2 s^4 tau^2 / 2, with D delta in USD, V
weighted vega in USD per point, G gamma in USD per percent, s the volatility of spot and a that of 30-day volatility in
points. A = aversion / 2 times the factor variances; the price is g = 2AE. Delta costs at most what a hedge costs
(Barzykin, Bergault and Gueant 2021: internalise only while that is cheaper; domain reference 4.8).
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.aggregate import Exposure
from flatbook.exposure.reference_vol import reference_vols
from flatbook.market.view import MarketView
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats
from flatbook.valuation.values import Values

FACTORS = (Measure.DELTA_USD, Measure.VEGA_WEIGHTED_USD_PER_POINT, Measure.GAMMA_USD_PER_PCT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPrice:
    """Factor axis as in FACTORS: delta, weighted vega, gamma."""

    spot_vol: Floats  # [n_underlyings] annual, at 30 days
    variance: Floats  # [n_underlyings, 3] of each factor over the holding time, in USD^2 per unit^2
    price: Floats  # [n_underlyings, 3] USD per unit of exposure; plus: another unit costs us
    hedge_cost: Floats  # [n_underlyings] USD to trade a USD of delta
    marginal_usd: Floats  # [n_rows] cost of owning one more contract
    own_usd: Floats  # [n_rows] half the curvature: what a contract adds to its own cost


def risk_price(
    exposure: Exposure, values: Values, market: MarketView, desk: Desk, hedge_cost: Floats
) -> RiskPrice:
    """Price the factors of every underlying.

    Parameters
    ----------
    exposure, values, market, desk
    hedge_cost : float64[n_underlyings]
        Cost of the cheapest hedge in USD per USD of delta; inf where there is none.
    """
    appetite = desk.appetite
    tau = appetite.holding_days / CALENDAR_DAYS
    vol = reference_vols(market)
    points = appetite.vol_of_vol * vol * 100.0
    variance = np.column_stack((vol**2 * tau, points**2 * tau, 0.5 * 1e4 * vol**4 * tau**2))
    held = exposure.by_underlying[:, FACTORS]
    price = appetite.aversion_per_usd * variance * held
    price[:, 0] = np.clip(price[:, 0], -hedge_cost, hedge_cost)
    of = market.table.underlying_of
    per_contract = values.greeks[:, FACTORS]
    own = 0.5 * appetite.aversion_per_usd * variance[of] * per_contract**2
    own[:, 0] = 0.0  # the delta of a fill is hedged, not held
    return RiskPrice(
        spot_vol=vol,
        variance=variance,
        price=price,
        hedge_cost=hedge_cost,
        marginal_usd=(price[of] * per_contract).sum(axis=1),
        own_usd=own.sum(axis=1),
    )
