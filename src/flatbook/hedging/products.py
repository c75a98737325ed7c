"""The instruments that can hedge one underlying now: what one contract moves, costs, may be traded, and how far it can be trusted.

Source: domain reference 4.9 and 4.11; for short sales 2.4: a sale beyond what is held needs a locate (Regulation SHO 203(b)(1)), and
where the price test of its rule 201 is on it may only be offered above the national best bid, so that it waits to be taken.
"""

import math
from dataclasses import dataclass

from flatbook.exposure.aggregate import Exposure
from flatbook.exposure.factor_prior import UNVERIFIED
from flatbook.hedging.cross import effectiveness
from flatbook.market.view import MarketView
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.parameters import Desk
from flatbook.riskprice.cost import cost_per_contract, hedges_of, tradable_contracts, usd_per_price_unit
from flatbook.valuation.values import Values

_EXACT = "the underlying itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One instrument, in USD of its delta."""

    terms: HedgeTerms
    row: int
    price: float
    delta_usd: float  # of one contract, above 0
    cost_usd: float  # half-spread and fee of one contract
    short_usd: (
        float  # more for one sold short: the other half of the spread where only a passive sale is allowed
    )
    carry_usd: float  # of one contract held long over the holding time; below 0 it earns
    borrow_usd: float  # of one contract sold short over the holding time
    held: int  # contracts
    most_bought: float  # contracts, whole lots; infinite: as many as it takes
    most_sold: float

    @property
    def lot_usd(self) -> float:
        """Delta of one lot."""
        return self.delta_usd * self.terms.lot

    @property
    def basis_share(self) -> float:
        """Share of the variance of a hedged delta that stays."""
        return max(1.0 - effectiveness(self.terms.correlation), 0.0)

    def sold_short(self, contracts: int) -> int:
        """How many of so many contracts (minus sells) are sold short, and not out of what is held."""
        return max(-contracts - max(self.held, 0), 0)

    def passive(self, contracts: int) -> bool:
        """Whether this trade may only be worked passively."""
        return self.terms.short_sale_restricted and self.sold_short(contracts) > 0

    def trade_usd(self, contracts: int) -> float:
        """Half-spread and fee of so many contracts, all of the spread where they may only be sold passively."""
        more = self.short_usd * self.sold_short(contracts) if contracts < 0 else 0.0
        return abs(contracts) * self.cost_usd + more

    def holding_usd(self, contracts: int) -> float:
        """What so many contracts more cost over the holding time; below 0 they earn."""
        return self.carry_usd * contracts + self.borrow_usd * self.sold_short(contracts)


def followed(terms: HedgeTerms) -> str:
    """What beta and correlation of an instrument are worth: their errors, or that nobody has verified them."""
    if terms.instrument.symbol == terms.instrument.underlying:
        return _EXACT
    beta = f"beta {terms.instrument.beta:.4g}{_error(terms.beta_error)}"
    return f"{beta}, correlation {terms.correlation:.5g}{_error(terms.correlation_error)}"


def _error(error: float | None) -> str:
    return f" ({UNVERIFIED})" if error is None else f" ± {error:.2g}"


def stressed_effectiveness(terms: HedgeTerms) -> float:
    """Share of the variance that a hedge removes in stress, were the underlying to move as it does now; NaN where nobody told."""
    if terms.basis_stress_ratio is None:
        return math.nan
    return 1.0 - terms.basis_stress_ratio * (1.0 - effectiveness(terms.correlation))


def products_of(
    name: str, exposure: Exposure, values: Values, market: MarketView, desk: Desk
) -> tuple[Product, ...]:
    """The instruments of `name` that have a price."""
    found = (_product(terms, exposure, values, market, desk) for terms in hedges_of(desk, name))
    return tuple(one for one in found if one is not None)


def _product(
    terms: HedgeTerms, exposure: Exposure, values: Values, market: MarketView, desk: Desk
) -> Product | None:
    row = market.table.row_of(terms.instrument.symbol)
    price, delta = float(values.price[row]), float(values.greeks[row, Measure.DELTA_USD])
    per_price = usd_per_price_unit(terms, price, float(values.spot[row]))
    cost = cost_per_contract(terms, per_price)
    if not (delta > 0.0 and math.isfinite(delta) and math.isfinite(cost)):
        return None
    held, lot = int(exposure.quantity[row]), terms.lot
    bought, sold = tradable_contracts(terms, held, passive=True)
    years = desk.appetite.holding_days / CALENDAR_DAYS
    value = per_price * price
    return Product(
        terms=terms,
        row=row,
        price=price,
        delta_usd=delta,
        cost_usd=cost,
        short_usd=0.5 * terms.spread * per_price if terms.short_sale_restricted else 0.0,
        carry_usd=terms.carry_rate * value * years,
        borrow_usd=terms.borrow_rate * value * years,
        held=held,
        most_bought=_whole(bought, lot),
        most_sold=_whole(sold, lot),
    )


def _whole(contracts: float, lot: int) -> float:
    return contracts // lot * lot if math.isfinite(contracts) else contracts
