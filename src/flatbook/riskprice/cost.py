"""What it costs to trade delta away with each hedge instrument, half the spread and the fee per USD of delta, and how much may be traded."""

import math

from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Payoff
from flatbook.model.measures import Measure
from flatbook.model.parameters import Desk
from flatbook.model.table import InstrumentTable
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


def cost_per_delta_usd(terms: HedgeTerms, table: InstrumentTable, values: Values) -> float:
    """USD to trade one USD of delta with this hedge; inf where it has no price."""
    row = table.row_of(terms.instrument.symbol)
    delta = abs(float(values.greeks[row, Measure.DELTA_USD]))
    if not delta > 0.0:
        return float("inf")
    per_price = usd_per_price_unit(terms, float(values.price[row]), float(values.spot[row]))
    return cost_per_contract(terms, per_price) / delta


def tradable_contracts(terms: HedgeTerms, held: int, *, passive: bool) -> tuple[float, float]:
    """Contracts of a hedge that may be bought and sold by who holds `held`; infinite where nothing bounds them.

    What is not held is sold short only where it was located (Regulation SHO 203(b)(1)); under a short-sale restriction only by who waits
    for a price above the national best bid (rule 201): `passive`.
    """
    long = float(max(held, 0))
    located = math.inf if terms.locate_contracts is None else long + terms.locate_contracts
    short = long if terms.short_sale_restricted and not passive else located
    bought = math.inf if terms.most_bought is None else float(terms.most_bought)
    return bought, min(short, math.inf if terms.most_sold is None else float(terms.most_sold))
