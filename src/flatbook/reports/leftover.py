"""Section 7: risk before and after the hedges, the basis they leave, and the risk price."""

import math

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.residual import left_behind
from flatbook.exposure.factor_prior import ONE_MONTH
from flatbook.exposure.factors import GAMMA, LEVELS, SPOT
from flatbook.hedging.cross import HeldProxy, effectiveness, held_proxies
from flatbook.hedging.products import followed, stressed_effectiveness
from flatbook.reports.changes import changes_of
from flatbook.reports.columns import Columns
from flatbook.reports.factor_sections import name_and_unit
from flatbook.reports.hedge_rows import NOT_TOLD
from flatbook.reports.ledger import residual_ledger_of
from flatbook.reports.missing import Missing
from flatbook.reports.price_sections import parameters_of
from flatbook.reports.schema_decisions import (
    BasisRisk,
    FactorPrice,
    Residual,
    RiskPriceOf,
)

_NO_PRICE = "the underlying has no price, or no expiry of it has a volatility"
_NO_EXPOSURE = (
    "series without a value are exposed to it; `factors` tells what is known, and how many contracts are not"
)


def residual_of(cycle: Cycle, columns: Columns, missing: Missing) -> Residual:
    """What is left once the proposed hedges are done."""
    names = cycle.table.underlyings
    touched = [hedge.underlying for hedge in cycle.hedges]
    return Residual(
        scopes=changes_of(cycle, columns, cycle.residual, touched, "residual.scopes", missing),
        basis=_basis(cycle, missing),
        risk_price=tuple(_risk_price(cycle, missing, u) for u in range(len(names))),
        price_parameters=parameters_of(cycle, missing),
        ledger=residual_ledger_of(
            left_behind(cycle, model_usd2=cycle.residual.risk.deviation_usd**2), missing
        ),
    )


def _basis(cycle: Cycle, missing: Missing) -> tuple[BasisRisk, ...]:
    """Of every proxy in the book once the proposed hedges are done: what is held already and what is added."""
    held = held_proxies(cycle.residual.exposure, cycle.price.spot_vol, cycle.table, cycle.desk)
    return tuple(_basis_of(one, cycle.desk.appetite.holding_days, missing) for one in held)


def _basis_of(one: HeldProxy, days: float, missing: Missing) -> BasisRisk:
    terms = one.terms
    path, ratio = f"residual.basis[{terms.instrument.symbol}]", terms.basis_stress_ratio
    stressed = math.nan if ratio is None else one.deviation_usd * math.sqrt(ratio)
    return BasisRisk(
        underlying=terms.instrument.underlying,
        symbol=terms.instrument.symbol,
        deviation_usd=missing.number(
            one.deviation_usd, f"{path}.deviation_usd", "no volatility of the underlying is known"
        ),
        over_days=days,
        deviation_stress_usd=missing.number(stressed, f"{path}.deviation_stress_usd", NOT_TOLD),
        effectiveness=effectiveness(terms.correlation),
        effectiveness_stress=missing.number(
            stressed_effectiveness(terms), f"{path}.effectiveness_stress", NOT_TOLD
        ),
        followed=followed(terms),
    )


def _risk_price(cycle: Cycle, missing: Missing, u: int) -> RiskPriceOf:
    price, name = cycle.price, cycle.table.underlyings[u]
    path = f"residual.risk_price[{name}]"
    return RiskPriceOf(
        underlying=name,
        spot_vol=missing.number(
            float(price.spot_vol[u]), f"{path}.spot_vol", "no expiry of it has a volatility"
        ),
        hedge_cost_usd_per_usd=missing.number(
            float(price.hedge_cost[u]),
            f"{path}.hedge_cost_usd_per_usd",
            "no hedge instrument with a price is configured",
        ),
        factors=tuple(_factor(cycle, missing, u, kind, path) for kind in _priced_kinds(cycle, u)),
    )


def _priced_kinds(cycle: Cycle, u: int) -> tuple[int, ...]:
    """Factors that the book is exposed to, and those of direction, volatility and gamma whatever it is."""
    always = {SPOT, GAMMA, LEVELS.start + ONE_MONTH}
    touched = np.flatnonzero(cycle.held.factors.known[u] + cycle.held.factors.unvalued[u]).tolist()
    return tuple(sorted(always | set(touched)))


def _factor(cycle: Cycle, missing: Missing, u: int, kind: int, path: str) -> FactorPrice:
    price, of = cycle.price, cycle.basis.factors
    name, unit = name_and_unit(of, u, kind)
    path = f"{path}.factors[{name}]"
    return FactorPrice(
        factor=name,
        unit=unit,
        exposure=missing.number(
            float(cycle.held.factors.complete[u, kind]), f"{path}.exposure", _NO_EXPOSURE
        ),
        deviation_per_unit_usd=missing.number(
            float(price.deviation[u, kind]), f"{path}.deviation_per_unit_usd", _NO_PRICE
        ),
        price_usd_per_unit=missing.number(
            float(price.price[u, kind]), f"{path}.price_usd_per_unit", _NO_PRICE
        ),
    )
