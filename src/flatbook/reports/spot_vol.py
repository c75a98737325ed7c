"""How volatility follows spot: what the desk file says, beside what published surfaces told and how surely."""

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.market.dynamics_estimate import DynamicsEstimate
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.reports.missing import Missing
from flatbook.reports.schema_market import SpotVolRow, SpotVolTenor

_FEW = "three moves of spot and volatility or fewer were seen"
_NO_BETA = "no tenor's move of volatility with spot stands clear of its error"
_NO_EXPONENT = "fewer than two tenors' moves of volatility with spot stand clear of their errors"


def spot_vol_of(cycle: Cycle, missing: Missing) -> tuple[SpotVolRow, ...]:
    """Every underlying, in the order of the table."""
    rows = zip(cycle.table.underlyings, cycle.spot_vol, strict=True)
    return tuple(_row(cycle, missing, name, estimate) for name, estimate in rows)


def _row(cycle: Cycle, missing: Missing, name: str, estimate: DynamicsEstimate) -> SpotVolRow:
    path, terms, line = f"market_health.spot_vol[{name}]", cycle.desk.terms_of(name), estimate.tenor_line
    beta_told, exponent_told = (bool(np.isfinite(error)) for error in (line.level_error, line.exponent_error))
    numbers = {
        field: missing.number(value if told else float("nan"), f"{path}.{field}", why)
        for field, value, told, why in (
            ("beta_estimate", estimate.beta[0], beta_told, _NO_BETA),
            ("beta_error", estimate.beta[1], beta_told, _NO_BETA),
            ("tenor_exponent_estimate", estimate.tenor_exponent[0], exponent_told, _NO_EXPONENT),
            ("tenor_exponent_error", estimate.tenor_exponent[1], exponent_told, _NO_EXPONENT),
        )
    }
    return SpotVolRow(
        underlying=name,
        estimate_used=terms.spot_vol_estimate,
        beta=terms.spot_vol_beta,
        tenor_exponent=terms.spot_vol_tenor_exponent,
        tenors=_tenors(missing, path, estimate),
        **numbers,
    )


def _tenors(missing: Missing, path: str, estimate: DynamicsEstimate) -> tuple[SpotVolTenor, ...]:
    prior, (ratio, error) = estimate.prior.dynamics, estimate.stickiness
    told = np.isfinite(estimate.on_skew.error)
    out = []
    for at, years in enumerate(prior.tenor_years):
        days = round(years * CALENDAR_DAYS, 9)
        name = f"{days:g}d"
        mine = f"{path}.tenors[{name}]"
        found = [float(column[at]) if told[at] else float("nan") for column in (ratio, error)]
        out.append(
            SpotVolTenor(
                name=name,
                days=days,
                stickiness=prior.stickiness[at],
                stickiness_estimate=missing.number(found[0], f"{mine}.stickiness_estimate", _FEW),
                stickiness_error=missing.number(found[1], f"{mine}.stickiness_error", _FEW),
                moves_seen=float(estimate.on_skew.count[at]),
            )
        )
    return tuple(out)
