"""The numbers of a desk file, estimated from a journal: flow, adverse selection, bursts, spreads of hedges, and the aversion for a target.

Source: domain reference 4.20 and 8.4; estimators of `flatbook.riskprice`. What the journal does not tell keeps the desk's own number, as a default
that nobody has verified.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot, sqrt

import msgspec
import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.exposure.factors import LEVELS, TENORS
from flatbook.model.flow_terms import FlowShape, FlowTerms
from flatbook.model.instruments import Side
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats
from flatbook.reports.calibration_watch import Met, QuoteWatch
from flatbook.reports.markouts import Track, markouts
from flatbook.riskprice.bursts import BurstTerms, fitted_bursts
from flatbook.riskprice.calibration import (
    Calibrated,
    adverse_selection,
    aversion_for_target,
    estimated_or,
    mean_half_spread,
)
from flatbook.riskprice.desk_flow import desk_flow
from flatbook.riskprice.flow_estimates import (
    FlowEstimate,
    QuoteTimes,
    estimated_flow,
    inventory_flow,
)

_BURST_FILLS = 5_000  # the last so many tell bursts: each costs time at every step of the fit
_FILLS_MIN = 3
_NS = 1e9
_MONTH = next(n for n, (_, days) in enumerate(TENORS) if days == 30.0)
NO_BURSTS = BurstTerms(
    base=Calibrated(value=0.0), jump=Calibrated(value=0.0), decay=Calibrated(value=1.0)
)  # what a journal that tells none leaves


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnderlyingEstimates:
    """Of the options of one underlying."""

    underlying: str
    default: FlowTerms  # what the desk says of all its tiers together
    tiers: int  # that the desk tells apart; 0: it says nothing of flow
    day_hours: float  # of trading
    watched_days: float  # trading days in which cycles told our quotes
    seen: QuoteTimes
    flow: FlowEstimate
    contracts: Calibrated  # of a trade
    adverse_points: Calibrated
    bursts: BurstTerms
    fills: int  # with quotes of ours
    valued: int  # of them with a markout


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeEstimate:
    """Of one hedge instrument."""

    symbol: str
    underlying: str
    spread: Calibrated  # bid to ask, price units
    now: float  # what the desk says
    impact_temporary: float  # what the desk says


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """Everything that a journal tells of a desk's numbers."""

    underlyings: tuple[UnderlyingEstimates, ...]
    hedges: tuple[HedgeEstimate, ...]
    aversion: Calibrated | None  # None: nobody asked, or no flow reaches vega
    aversion_now: float


def told_flow(desk: Desk, underlying: str) -> tuple[FlowTerms, int]:
    """What the desk says of all tiers of an underlying together, weighted by requests as `desk_flow` does, and how many tiers there are.

    Errors stay where there is one tier; a decay that is left out is 1 / half-spread, as everywhere.
    """
    own = {terms.tier: terms for terms in desk.flow if terms.underlying == underlying}
    tiers = tuple(({terms.tier: terms for terms in desk.flow if not terms.underlying} | own).values())
    usual = 1.0 / max(desk.quoting.half_spread_vol_points, 1e-6)
    if not tiers:
        return FlowTerms(underlying=underlying, decay_per_point=usual), 0
    if len(tiers) == 1:
        (one,) = tiers
        decay = usual if one.decay_per_point is None else one.decay_per_point
        return msgspec.structs.replace(one, underlying=underlying, tier="", decay_per_point=decay), 1
    weight = np.array([max(terms.requests_per_day, 1e-12) for terms in tiers])

    def mean(name: str) -> float:
        each = [usual if (found := getattr(terms, name)) is None else found for terms in tiers]
        return float(weight @ np.array(each) / weight.sum())

    logistic = float(weight @ np.array([terms.shape is FlowShape.LOGISTIC for terms in tiers])) > 0.5 * float(
        weight.sum()
    )
    return FlowTerms(
        underlying=underlying,
        shape=FlowShape.LOGISTIC if logistic else FlowShape.EXPONENTIAL,
        requests_per_day=sum(terms.requests_per_day for terms in tiers),
        customers_buy_share=mean("customers_buy_share"),
        decay_per_point=mean("decay_per_point"),
        offset=mean("offset"),
        contracts=mean("contracts"),
        adverse_selection_points=mean("adverse_selection_points"),
    ), len(tiers)


def estimates(
    watch: QuoteWatch,
    track: Track,
    last: Cycle,
    *,
    day_hours: Mapping[str, float],
    horizon_s: float,
    target_deviation_usd: float | None = None,
) -> Estimates:
    """Estimate everything.

    Parameters
    ----------
    watch : QuoteWatch
        After the end of the journal.
    track : Track
        Theoretical values of the series that traded.
    last : Cycle
    day_hours : mapping of str to float
        Hours of a trading day, by underlying with options.
    horizon_s : float
        Of the markouts that tell adverse selection.
    target_deviation_usd : float, optional
        Standard deviation of the desk's 30-day vega, USD a point, that quotes alone shall settle at.
    """
    found = tuple(
        _underlying(name, hours, watch, track, last, horizon_s) for name, hours in day_hours.items()
    )
    aversion = None if target_deviation_usd is None else _aversion(found, last, target_deviation_usd)
    return Estimates(
        underlyings=found,
        hedges=tuple(_hedges(watch, last)),
        aversion=aversion,
        aversion_now=last.desk.appetite.aversion_per_usd,
    )


def terms_of(found: UnderlyingEstimates) -> FlowTerms:
    """What a desk file would say: the best shape, each number with its error where somebody estimated it."""
    best = found.flow.best
    logistic = best.shape is FlowShape.LOGISTIC
    return FlowTerms(
        underlying=found.underlying,
        shape=best.shape if best.told else found.default.shape,
        requests_per_day=best.requests_per_day.value,
        requests_error=best.requests_per_day.standard_error,
        customers_buy_share=best.customers_buy_share.value,
        decay_per_point=best.decay_per_point.value,
        decay_error=best.decay_per_point.standard_error,
        offset=best.offset.value if logistic or not best.told else 0.0,
        contracts=found.contracts.value,
        adverse_selection_points=found.adverse_points.value,
        adverse_selection_error=found.adverse_points.standard_error,
    )


def _underlying(
    name: str, hours: float, watch: QuoteWatch, track: Track, last: Cycle, horizon_s: float
) -> UnderlyingEstimates:
    default, tiers = told_flow(last.desk, name)
    seen = watch.times(name, hours * 3600.0)
    met = [each for each in watch.met if each.underlying == name]
    adverse, valued = _adverse(met, track, last, horizon_s, default.adverse_selection_points)
    watched = watch.watched_s.get(name, 0.0)
    return UnderlyingEstimates(
        underlying=name,
        default=default,
        tiers=tiers,
        day_hours=hours,
        watched_days=watched / (hours * 3600.0),
        seen=seen,
        flow=estimated_flow(seen, default),
        contracts=_contracts(met, default.contracts),
        adverse_points=adverse,
        bursts=_bursts(met, watched),
        fills=len(met),
        valued=valued,
    )


def _contracts(met: list[Met], default: float) -> Calibrated:
    size = np.array([each.fill.quantity for each in met], dtype=np.float64)
    if size.size < _FILLS_MIN:
        return Calibrated(value=default)
    error = float(size.std(ddof=1)) / sqrt(size.size)
    return Calibrated(value=float(size.mean()), standard_error=error, source=f"mean of {size.size} fills")


def _adverse(
    met: list[Met], track: Track, last: Cycle, horizon_s: float, default: float
) -> tuple[Calibrated, int]:
    """In vol points: USD that fills lost over the vega that they traded, each side by itself, since the moves that fills share change sign with it."""
    if not met:
        return Calibrated(value=default), 0
    done = markouts([each.fill for each in met], last.table, track, (horizon_s,))
    vega = np.array([each.vega_usd_per_point * each.fill.quantity for each in met])
    traded = np.array([each.fill.traded_ns for each in met], dtype=np.int64)
    bought = np.array([each.fill.side is Side.BUY for each in met])
    usd = done.adverse_usd[:, 0]
    valued = int(np.isfinite(usd).sum())
    sides = [
        (adverse_selection(usd[mine], vega[mine], traded[mine], horizon_s, default), float(vega[mine].sum()))
        for mine in (bought, ~bought)
        if np.isfinite(usd[mine]).any()
    ]
    total = sum(weight for _, weight in sides)
    if not sides or any(one.standard_error is None for one, _ in sides):
        return Calibrated(value=default), valued
    errors = [weight * (one.standard_error or 0.0) for one, weight in sides]
    return estimated_or(
        default,
        sum(one.value * weight for one, weight in sides) / total,
        hypot(*errors) / total,
        f"markouts of {valued} fills at {horizon_s:g} s",
    ), valued


def _bursts(met: list[Met], watched_s: float) -> BurstTerms:
    """On a clock that runs while quotes are watched, so that nights are not quiet times."""
    at = np.array([round(each.watched_s * _NS) for each in met], dtype=np.int64)
    start = 0 if at.size <= _BURST_FILLS else int(at[-_BURST_FILLS - 1])
    at = at[-_BURST_FILLS:]
    return fitted_bursts(at, start, max(round(watched_s * _NS), int(at[-1]) if at.size else 0), NO_BURSTS)


def _hedges(watch: QuoteWatch, last: Cycle) -> list[HedgeEstimate]:
    out = []
    for terms in last.desk.hedges:
        seen = watch.spreads.get(terms.instrument.symbol)
        spread, seconds = (np.array(seen.spread), np.array(seen.seconds)) if seen else (np.zeros(0),) * 2
        half = mean_half_spread(0.5 * spread, seconds, 0.5 * terms.spread)
        error = half.standard_error
        out.append(
            HedgeEstimate(
                symbol=terms.instrument.symbol,
                underlying=terms.instrument.underlying,
                spread=Calibrated(
                    value=2.0 * half.value,
                    standard_error=None if error is None else 2.0 * error,
                    source=half.source,
                ),
                now=terms.spread,
                impact_temporary=terms.impact_temporary,
            )
        )
    return out


def _aversion(found: tuple[UnderlyingEstimates, ...], last: Cycle, target: float) -> Calibrated | None:
    """One factor an underlying, its level of volatility at 30 days; direction is hedged. None where no flow reaches a known variance."""
    names = last.table.underlyings
    mine = tuple(terms_of(each) for each in found)
    flow = desk_flow(msgspec.structs.replace(last.desk, flow=mine), last.market, last.values).flow
    level, relative = _level_covariance(last)
    known = np.isfinite(np.diag(level))
    vega = np.nan_to_num(last.values.greeks[:, Measure.VEGA_WEIGHTED_USD_PER_POINT])
    e = np.zeros((vega.size, len(names)))
    e[np.arange(vega.size), last.table.underlying_of] = vega
    inventory = inventory_flow(flow, e[:, known], level[np.ix_(known, known)])
    reached = np.diag(inventory.curvature) > 0.0
    if not reached.any():
        return None
    fits = [
        each.flow.best for each in found if names.index(each.underlying) in np.flatnonzero(known)[reached]
    ]
    errors = relative[known][reached]
    return aversion_for_target(
        inventory,
        reached.astype(np.float64),
        target,
        intensity_error=_worst([_relative(fit.requests_per_day) for fit in fits]),
        decay_error=_worst([_relative(fit.decay_per_point) for fit in fits]),
        covariance_error=float(errors.max()) if np.isfinite(errors).all() else None,
    )


def _level_covariance(last: Cycle) -> tuple[Floats, Floats]:
    """Of the 30-day levels of volatility, points squared a year, float64[n, n], and the relative error of each variance; NaN where not estimated."""
    covariance, kinds = last.basis.covariance, last.basis.factors.e.shape[1]
    at = np.arange(len(last.table.underlyings)) * kinds + LEVELS.start + _MONTH
    years = last.desk.appetite.holding_days / CALENDAR_DAYS
    level = covariance.matrix[np.ix_(at, at)]
    variance, error = np.diag(level), covariance.standard_error[at, at]
    relative = np.divide(error, variance, out=np.full(at.size, np.nan), where=variance > 0.0)
    return level / years, relative


def _relative(one: Calibrated) -> float | None:
    return None if one.standard_error is None or not one.value else one.standard_error / abs(one.value)


def _worst(errors: list[float | None]) -> float | None:
    known = [error for error in errors if error is not None]
    return max(known) if known and len(known) == len(errors) else None
