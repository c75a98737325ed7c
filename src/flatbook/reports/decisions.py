"""Sections 4 and 5: where the limits stand, worst first, and what to trade against the delta."""

import math

from flatbook.engine.cycle import Cycle
from flatbook.limits.check import LimitStanding
from flatbook.limits.ladder import ACTIONS
from flatbook.model.parameters import LimitMeasure
from flatbook.reports.columns import iso
from flatbook.reports.hedge_rows import hedge_row
from flatbook.reports.missing import Missing
from flatbook.reports.schema_decisions import Hedges, LimitOverride, LimitRow, ResponseRow

LIMIT_UNITS: dict[LimitMeasure, str] = {
    LimitMeasure.SERIES_CONTRACTS: "contracts",
    LimitMeasure.CLASS_CONTRACTS: "contracts",
    LimitMeasure.NET_CONTRACTS: "contracts",
    LimitMeasure.GROSS_CONTRACTS: "contracts",
    LimitMeasure.SAME_SIDE_CONTRACTS: "contracts",
    LimitMeasure.DELTA_USD: "USD",
    LimitMeasure.GAMMA_USD_PER_PCT: "USD per 1 %",
    LimitMeasure.VEGA_USD_PER_POINT: "USD per vol point",
    LimitMeasure.VEGA_WEIGHTED_USD_PER_POINT: "USD per 30-day vol point",
    LimitMeasure.SKEW_USD_PER_POINT: "USD per point of skew",
    LimitMeasure.THETA_USD_PER_DAY: "USD per calendar day",
    LimitMeasure.CONCENTRATION_PCT: "% of gross vega",
    LimitMeasure.CLASS_SHARE_PCT: "% of gap losses",
    LimitMeasure.UNDERLYING_SHARE_PCT: "% of gap losses",
    LimitMeasure.GAP_LOSS_USD: "USD",
    LimitMeasure.SLIDE_LOSS_USD: "USD",
    LimitMeasure.VAR_USD: "USD",
    LimitMeasure.ES_USD: "USD",
    LimitMeasure.CAPITAL_USD: "USD",
    LimitMeasure.MARGIN_PCT: "% of margin",
    LimitMeasure.DRAWDOWN_USD: "USD",
    LimitMeasure.BASIS_DEVIATION_USD: "USD",
    LimitMeasure.CAPITAL_DIFFERENCE_USD: "USD",
    LimitMeasure.ORDERS_PER_S: "orders per s",
    LimitMeasure.ORDERS_PER_MIN: "orders per min",
    LimitMeasure.FILLS_PER_S: "fills per s",
    LimitMeasure.FILLS_PER_MIN: "fills per min",
    LimitMeasure.UNUSABLE_QUOTES_PCT: "% of live series",
}


def limits_of(cycle: Cycle, missing: Missing) -> tuple[LimitRow, ...]:
    """Every limit by utilisation, worst first; one that could not be computed leads."""
    ordered = sorted(cycle.standing.limits, key=lambda one: (-_severity(one), one.limit.name))
    return tuple(_limit(one, missing) for one in ordered)


def _severity(standing: LimitStanding) -> float:
    return standing.utilisation if math.isfinite(standing.utilisation) else math.inf


def _limit(standing: LimitStanding, missing: Missing) -> LimitRow:
    limit = standing.limit
    path = f"limits[{limit.name}]"
    why = standing.reason or "the measure could not be computed, which counts as a breach"
    unbounded = "its series have neither value nor bound, which counts as a breach"
    return LimitRow(
        name=limit.name,
        measure=limit.measure.value,
        scope=limit.name.rsplit("/", 1)[0],
        unit=LIMIT_UNITS[limit.measure],
        value=missing.number(standing.value, f"{path}.value", why),
        unvalued_worst_case=missing.number(standing.unvalued, f"{path}.unvalued_worst_case", unbounded),
        limit_hard=standing.limit_hard,
        limit_hard_set=limit.limit_hard,
        tightened=standing.tightened,
        override=_override(standing),
        utilisation=missing.number(standing.utilisation, f"{path}.utilisation", why),
        step=standing.step.name,
        action=ACTIONS[standing.step],
        cool_down_until=iso(standing.cool_down_until_ns) if standing.cool_down_until_ns else "",
        where=standing.where,
        owner=limit.owner,
        reason=standing.reason,
    )


def _override(standing: LimitStanding) -> tuple[LimitOverride, ...]:
    one = standing.override
    if one is None:
        return ()
    told = LimitOverride(
        limit_hard=one.limit_hard, owner=one.owner, reason=one.reason, until=iso(one.until_ns)
    )
    return (told,)


def responses_of(cycle: Cycle) -> tuple[ResponseRow, ...]:
    """What the ladder asks of each side of each class, in the order of the table."""
    return tuple(
        ResponseRow(
            option_class=one.option_class,
            side=one.side.name.lower(),
            step=one.step.name,
            action=one.action,
            limit=one.limit,
            series=one.series,
            live=one.live,
        )
        for one in cycle.standing.responses
    )


def hedges_of(cycle: Cycle, missing: Missing) -> Hedges:
    """One decision for each underlying with a delta or a hedge."""
    return Hedges(rows=tuple(hedge_row(one, cycle, missing) for one in cycle.hedges))
