"""What it costs to trade delta away with each hedge instrument: half the spread and the fee, per USD of delta."""

import numpy as np

from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Payoff
from flatbook.model.measures import Measure
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, InstrumentTable
from flatbook.valuation.values import Values


def cost_per_contract(terms: HedgeTerms, notional_per_price: float) -> float:
    """Half-spread and fee of one contract in USD.

    `notional_per_price` is the USD value of one price unit: the multiplier of a linear contract, notional over price of a
    coin-settled one.
    """
    return 0.5 * terms.spread * notional_per_price + terms.fee_per_contract


def usd_per_price_unit(terms: HedgeTerms, price: float, spot: float) -> float:
    """USD value of one price unit of one contract; a coin-settled future is worth multiplier / price coins."""
    inverse = terms.instrument.payoff is Payoff.INVERSE
    return terms.instrument.multiplier * (spot / price**2 if inverse else 1.0)


def hedges_of(desk: Desk, underlying: str) -> tuple[HedgeTerms, ...]:
    """The hedge instruments the desk has for `underlying`."""
    return tuple(terms for terms in desk.hedges if terms.instrument.underlying == underlying)


def cheapest_costs(desk: Desk, table: InstrumentTable, values: Values) -> Floats:
    """float64[n_underlyings]: USD to trade one USD of delta with the cheapest hedge; inf where there is none."""
    return np.array([_cheapest(desk, table, values, name) for name in table.underlyings])


def cost_per_delta_usd(terms: HedgeTerms, table: InstrumentTable, values: Values) -> float:
    """USD to trade one USD of delta with this hedge; inf where it has no price."""
    row = table.row_of(terms.instrument.symbol)
    delta = abs(float(values.greeks[row, Measure.DELTA_USD]))
    if not delta > 0.0:
        return float("inf")
    per_price = usd_per_price_unit(terms, float(values.price[row]), float(values.spot[row]))
    return cost_per_contract(terms, per_price) / delta


def _cheapest(desk: Desk, table: InstrumentTable, values: Values, underlying: str) -> float:
    costs = [cost_per_delta_usd(terms, table, values) for terms in hedges_of(desk, underlying)]
    return min(costs, default=float("inf"))
