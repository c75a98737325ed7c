"""What the hedges of a cycle leave behind once they are done, held against the factor model.

Source: `exposure.residual_ledger`; basis by `hedging.cross`, execution by `hedging.execution`, events by full revaluation of the book that
is left at the move that the quotes imply, up and down alike (domain reference 4.14). The horizon is the desk's holding time. Entries are
taken as uncorrelated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.exposure.factor_prior import ONE_MONTH
from flatbook.exposure.factors import GAMMA, LEVELS, SPOT
from flatbook.exposure.residual_ledger import Entry, Ledger, Reconciliation, RiskKind, ledger_of, reconcile
from flatbook.exposure.slides import pnl_by_underlying
from flatbook.hedging.cross import held_proxies
from flatbook.hedging.execution import even_path_deviation_usd
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.view import EventMove
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import Floats

EXECUTION_S = 60.0  # a hedge that is crossed is done evenly over a minute unless somebody says otherwise
NO_EXPOSURE = "the exposure that is left cannot be told: see the same figure in residual"
_NO_VOL = "no volatility of the underlying is known"
_S_PER_DAY = 86_400.0
_MINUTES_PER_DAY = 1_440.0
_MEASURES = (Measure.DELTA_USD, Measure.VEGA_WEIGHTED_USD_PER_POINT, Measure.GAMMA_USD_PER_PCT)
_PER_MEASURE = np.array(
    [1.0, 1.0, 50.0]
)  # units of spot, of the 30-day level and of variance in a unit of each


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A ledger, and how it stands against the model."""

    ledger: Ledger
    against: Reconciliation


def left_behind(cycle: Cycle, *, execution_s: float = EXECUTION_S, model_usd2: float | None = None) -> Told:
    """The ledger of a cycle.

    Parameters
    ----------
    cycle : Cycle
    execution_s : float
        Seconds over which each proposed hedge that is crossed now is done; one that is worked says its own.
    model_usd2 : float, optional
        E'SE of the book that is left over the holding time; that of the risk price's own factors where it is not given.
    """
    entries = (
        *_direction_and_volatility(cycle),
        *_basis(cycle),
        *_execution(cycle, execution_s),
        *_events(cycle),
    )
    ledger = ledger_of(entries)
    return Told(ledger=ledger, against=reconcile(ledger, _model(cycle) if model_usd2 is None else model_usd2))


def _model(cycle: Cycle) -> float:
    """E'SE of each factor alone, by the deviations that the risk price knows."""
    left = _left(cycle)
    touched = (left != 0.0).any(axis=1)
    return float((left[touched] ** 2 * _variances(cycle)[touched]).sum())


def _variances(cycle: Cycle) -> Floats:
    """Of delta, weighted vega and gamma over the holding time, USD^2 per unit^2, [n_underlyings, 3]."""
    per_unit = cycle.price.deviation[:, (SPOT, LEVELS.start + ONE_MONTH, GAMMA)] * _PER_MEASURE
    return np.asarray(per_unit**2)


def _left(cycle: Cycle) -> Floats:
    """Size of what is left of each of these measures, [n_underlyings, 3]; series without a value count at their worst (decision 005)."""
    after = cycle.residual.exposure
    return np.asarray(np.abs(after.by_underlying[:, _MEASURES]) + after.bound.sum(axis=1)[:, _MEASURES])


def _owner(cycle: Cycle, underlying: str, measure: LimitMeasure) -> str:
    """Who answers for a limit of this measure: the underlying's own, else the desk's, else the desk itself."""
    limits = [one.limit for one in cycle.standing.limits if one.limit.measure is measure]
    for scope in (underlying, ""):
        for limit in limits:
            if limit.underlying == scope:
                return limit.owner
    return cycle.desk.name


def _direction_and_volatility(cycle: Cycle) -> Iterator[Entry]:
    left, variances, days = _left(cycle), _variances(cycle), cycle.desk.appetite.holding_days
    for u, name in enumerate(cycle.table.underlyings):
        if not (left[u] != 0.0).any():
            continue
        delta, vega, gamma = (left[u] ** 2 * variances[u]).tolist()
        symbols = [leg.symbol for one in cycle.hedges if one.underlying == name for leg in one.legs]
        source = symbols[0] if symbols else f"{name} book"
        for kind, variance, measure in (
            (RiskKind.DIRECTION, delta + gamma, LimitMeasure.DELTA_USD),
            (RiskKind.VOLATILITY, vega, LimitMeasure.VEGA_USD_PER_POINT),
        ):
            yield Entry(
                kind=kind,
                underlying=name,
                source=source,
                owner=_owner(cycle, name, measure),
                variance_usd2=variance,
                expected_cost_usd=0.0,
                horizon_days=days,
                reason="" if isfinite(variance) else _NO_VOL,
            )


def _basis(cycle: Cycle) -> Iterator[Entry]:
    """Of every proxy in the book once the proposed hedges are done."""
    days = cycle.desk.appetite.holding_days
    for one in held_proxies(cycle.residual.exposure, cycle.price.spot_vol, cycle.table, cycle.desk):
        yield _hedge_entry(cycle, one.terms, RiskKind.BASIS, one.deviation_usd, 0.0, days)


def _execution(cycle: Cycle, seconds: float) -> Iterator[Entry]:
    """The path while each proposed hedge is worked, and what trading it costs."""
    terms_of = {terms.instrument.symbol: terms for terms in cycle.desk.hedges}
    days = seconds / _S_PER_DAY
    legs = ((leg, way) for hedge in cycle.hedges for leg, way in zip(hedge.legs, hedge.schedule, strict=True))
    for leg, way in legs:
        crossed = even_path_deviation_usd(
            traded_usd=leg.delta_usd,
            vol=float(cycle.price.spot_vol[cycle.table.underlying_of[leg.row]]),
            years=days / CALENDAR_DAYS,
        )
        yield _hedge_entry(
            cycle,
            terms_of[leg.symbol],
            RiskKind.EXECUTION,
            crossed if way.now else way.deviation_usd,
            leg.cost_usd,
            days if way.now else way.minutes / _MINUTES_PER_DAY,
        )


def _hedge_entry(
    cycle: Cycle, terms: HedgeTerms, kind: RiskKind, deviation: float, cost: float, days: float
) -> Entry:
    name = terms.instrument.underlying
    return Entry(
        kind=kind,
        underlying=name,
        source=terms.instrument.symbol,
        owner=_owner(cycle, name, LimitMeasure.DELTA_USD),
        variance_usd2=deviation**2,
        expected_cost_usd=cost,
        horizon_days=days,
        reason="" if isfinite(deviation) and isfinite(cost) else _NO_VOL,
    )


def _events(cycle: Cycle) -> Iterator[Entry]:
    """Dated events that fall within the holding time of a book that is not flat."""
    until = cycle.now_ns + cycle.desk.appetite.holding_days * NS_PER_DAY
    left = cycle.residual.exposure.by_underlying
    names = cycle.table.underlyings
    for event in cycle.market.term.events:
        if event.underlying not in names or not cycle.now_ns < event.at_ns <= until:
            continue
        u = names.index(event.underlying)
        if not (left[u] != 0.0).any():
            continue
        pnl = _event_pnl(cycle, event, u)
        known = bool(np.isfinite(pnl).all())
        yield Entry(
            kind=RiskKind.EVENT,
            underlying=event.underlying,
            source=event.name,
            owner=_owner(cycle, event.underlying, LimitMeasure.GAP_LOSS_USD),
            variance_usd2=float(pnl.var()) if known else nan,
            expected_cost_usd=-float(pnl.mean()) if known else nan,
            horizon_days=(event.at_ns - cycle.now_ns) / NS_PER_DAY,
            reason="" if known else event.reason or NO_EXPOSURE,
        )


def _event_pnl(cycle: Cycle, event: EventMove, u: int) -> Floats:
    """P&L of what is left at the implied move down and up, USD."""
    if not isfinite(event.move_sd):
        return np.full(2, nan)
    moves = np.expm1(np.array([-event.move_sd, event.move_sd]))
    quantity = cycle.residual.exposure.quantity
    mine = np.where(cycle.table.underlying_of == u, quantity, 0)
    pnl = pnl_by_underlying(mine, cycle.values, cycle.market, moves, np.zeros(1))
    return np.asarray(pnl[u, :, 0])
