"""From estimates to a report: a row a number, the shapes of flow side by side, the rates they were fitted to, and what it comes to in words."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from flatbook import __version__
from flatbook.exposure.factor_prior import UNVERIFIED
from flatbook.model.flow_terms import FlowShape
from flatbook.model.table import Bools, Floats, Ints
from flatbook.reports.calibration import NO_BURSTS, Estimates, HedgeEstimate, UnderlyingEstimates
from flatbook.reports.calibration_schema import (
    CalibrationHeader,
    CalibrationParameter,
    CalibrationReport,
    FlowLine,
    RateLine,
    ShapeLine,
)
from flatbook.reports.calibration_toml import flow_toml
from flatbook.reports.columns import iso
from flatbook.reports.missing import Missing
from flatbook.reports.numbers import magnitude, plain, tally
from flatbook.riskprice.calibration import Calibrated
from flatbook.riskprice.flow_estimates import ShapeFit

_BINS = 12
_FEWEST = 5.0  # fills expected of a bin
_Z = 1.959964
_NO_KEY = "a desk file has no such key"
_NO_BURSTS = "the journal tells no bursts: fewer than 20 fills, or none that follow one another"
_NOT_LEFT = "the desk file leaves it to an estimate or does not have it"
_UNTOLD = f"{UNVERIFIED}: a default has no standard error"
_NO_FIT = "the fills do not tell this shape"
_NO_OFFSET = "an exponential has no offset"
_NOT_ASKED = "nobody asked for a target"
_VALUE, _ERROR, _DESK = (f"parameters[*].{name}" for name in ("value", "standard_error", "desk_value"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Where the numbers came from."""

    journal: str
    start_ns: int
    end_ns: int
    cycles: int
    fills_without_quote: int
    horizon_s: float
    standing_s: float
    target_deviation_usd: float | None
    hours_from: dict[str, str]  # by underlying: what told the hours of its trading day


def calibration_report(found: Estimates, background: Background) -> CalibrationReport:
    """Tell what was estimated, and what was not."""
    missing = Missing()
    target = background.target_deviation_usd
    rows = tuple(_parameters(found, missing))
    return CalibrationReport(
        flatbook_version=__version__,
        header=CalibrationHeader(
            journal=background.journal,
            start=iso(background.start_ns),
            end=iso(background.end_ns),
            cycles=background.cycles,
            fills=sum(each.fills for each in found.underlyings),
            fills_without_quote=background.fills_without_quote,
            horizon_s=background.horizon_s,
            standing_s=background.standing_s,
            target_deviation_usd=missing.number(
                float("nan") if target is None else target, "header.target_deviation_usd", _NOT_ASKED
            ),
            headline=_headline(rows, found),
            sentences=tuple(_sentences(found, background)),
        ),
        parameters=rows,
        flows=tuple(_flow(each, missing) for each in found.underlyings),
        toml=flow_toml(found, background.journal),
        reasons=missing.reasons(),
    )


def encode_calibration(report: CalibrationReport) -> bytes:
    """The bytes of a report file: UTF-8, indented by two, the same every time.

    Raises
    ------
    ValueError
        A number is not finite: only finite numbers and None belong in a report.
    """
    text = json.dumps(msgspec.to_builtins(report), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _headline(rows: tuple[CalibrationParameter, ...], found: Estimates) -> str:
    told = sum(row.verified for row in rows)
    fills = sum(each.fills for each in found.underlyings)
    return f"{told} of {tally(len(rows), 'number')} estimated from {tally(fills, 'fill')}; {len(rows) - told} {UNVERIFIED}"


def _sentences(found: Estimates, background: Background) -> Iterator[str]:
    for each in found.underlyings:
        yield f"{each.underlying}: {_shape_told(each)}"
    for each in found.underlyings:
        yield (
            f"{each.underlying}: {tally(each.fills, 'fill')} with our quotes in {plain(each.watched_days, 2)} trading days of "
            f"{each.day_hours:g} hours ({background.hours_from[each.underlying]})."
        )
    if background.fills_without_quote:
        yield (
            f"{tally(background.fills_without_quote, 'trade')} in options counted as no customer's: no quote of ours stood there, or the price was worse "
            "than our quote."
        )
    if any(each.tiers > 1 for each in found.underlyings):
        yield "Tiers of clients are not told apart: what the desk file says of them is shown together."
    if background.target_deviation_usd is not None and found.aversion is None:
        yield "No aversion for the target: no flow is expected in a series with vega, or the variance of volatility is not known."


def _shape_told(each: UnderlyingEstimates) -> str:
    flow = each.flow
    if not (flow.exponential.told or flow.logistic.told):
        return "neither shape is told: too few fills, or all of them at one distance; the desk's own numbers stand."
    if not flow.bend_told:
        return (
            "exponential; the bend of a logistic is not told: quotes stood too far from fair value, or too few traded, to see requests "
            "level off."
        )
    straight, bent = flow.akaike
    if not flow.exponential.told:
        return "logistic; an exponential does not fit at all."
    return f"logistic; it fits better than an exponential, by {magnitude(straight - bent)} in Akaike's criterion."


def _parameters(found: Estimates, missing: Missing) -> Iterator[CalibrationParameter]:
    for each in found.underlyings:
        yield from _of_flow(each, missing)
        yield from _of_bursts(each, missing)
    for hedge in found.hedges:
        yield from _of_hedge(hedge, missing)
    if found.aversion is not None:
        yield _row(
            missing, "", "risk_aversion_per_usd", "1/USD", found.aversion, found.aversion_now, "desk.risk_aversion_per_usd"
        )  # fmt: skip


def _of_flow(each: UnderlyingEstimates, missing: Missing) -> Iterator[CalibrationParameter]:
    best, now = each.flow.best, each.default
    rows = [
        ("requests_per_day", "trades a trading day", best.requests_per_day, now.requests_per_day),
        ("customers_buy_share", "share", best.customers_buy_share, now.customers_buy_share),
        ("decay_per_point", "1/vol point", best.decay_per_point, now.decay_per_point),
        ("offset", "", best.offset, now.offset),
        ("contracts", "contracts", each.contracts, now.contracts),
        ("adverse_selection_points", "vol points", each.adverse_points, now.adverse_selection_points),
    ]
    for name, unit, part, desk in rows:
        if name == "offset" and best.shape is FlowShape.EXPONENTIAL and now.shape is FlowShape.EXPONENTIAL:
            continue
        yield _row(missing, each.underlying, name, unit, part, desk, f"flow.{name}")


def _of_bursts(each: UnderlyingEstimates, missing: Missing) -> Iterator[CalibrationParameter]:
    terms = each.bursts
    for name in ("base", "jump", "decay"):
        part = getattr(terms, name)
        unit = f"{'fills a second' if name != 'decay' else '1/second'}"
        yield _row(
            missing, each.underlying, f"burst_{name}_per_s", unit, part, None, "", none=terms is NO_BURSTS
        )
    share = Calibrated(value=0.0)
    if terms.jump.standard_error is not None and terms.decay.standard_error is not None:
        apart = np.hypot(
            terms.jump.standard_error / terms.jump.value, terms.decay.standard_error / terms.decay.value
        )
        share = Calibrated(
            value=terms.branching,
            standard_error=terms.branching * float(apart),
            source=f"jump over decay, {terms.jump.source}; error as if the two were independent",
        )
    yield _row(
        missing, each.underlying, "burst_branching", "fills a fill", share, None, "", none=not share.verified
    )


def _of_hedge(hedge: HedgeEstimate, missing: Missing) -> Iterator[CalibrationParameter]:
    name = f"{hedge.symbol} spread"
    yield _row(missing, hedge.underlying, name, "price units", hedge.spread, hedge.now, "hedge.spread")
    impact = Calibrated(value=hedge.impact_temporary)
    yield _row(
        missing, hedge.underlying, f"{hedge.symbol} impact_temporary", "USD/contract²", impact, hedge.impact_temporary,
        "hedge.impact_temporary",
    )  # fmt: skip


def _row(
    missing: Missing,
    underlying: str,
    name: str,
    unit: str,
    part: Calibrated,
    desk: float | None,
    key: str,
    *,
    none: bool = False,
) -> CalibrationParameter:
    """`none`: there is not even a default."""
    nan = float("nan")
    return CalibrationParameter(
        underlying=underlying,
        name=name,
        unit=unit,
        value=missing.number(nan if none else part.value, _VALUE, _NO_BURSTS),
        standard_error=missing.number(
            nan if part.standard_error is None else part.standard_error, _ERROR, _UNTOLD
        ),
        verified=part.verified,
        source=part.source,
        desk_value=missing.number(nan if desk is None else desk, _DESK, _NOT_LEFT if key else _NO_KEY),
        key=key,
    )


def _flow(each: UnderlyingEstimates, missing: Missing) -> FlowLine:
    flow = each.flow
    shapes = zip((flow.exponential, flow.logistic), flow.akaike, strict=True)
    return FlowLine(
        underlying=each.underlying,
        shape=flow.best.shape.value if flow.best.told else "",
        bend_told=flow.bend_told,
        tiers=each.tiers,
        fills=each.fills,
        fills_valued=each.valued,
        watched_days=each.watched_days,
        day_hours=each.day_hours,
        shapes=tuple(_shape(fit, akaike, missing) for fit, akaike in shapes),
        rates=tuple(_rates(each)),
    )


def _shape(fit: ShapeFit, akaike: float, missing: Missing) -> ShapeLine:
    logistic = fit.shape is FlowShape.LOGISTIC
    numbers = {
        "requests_per_day": fit.requests_per_day.value,
        "decay_per_point": fit.decay_per_point.value,
        "offset": fit.offset.value if logistic else float("nan"),
        "customers_buy_share": fit.customers_buy_share.value,
        "log_likelihood": fit.log_likelihood,
        "akaike": akaike,
        "dispersion": fit.dispersion,
    }
    return ShapeLine(
        shape=fit.shape.value,
        told=fit.told,
        **{
            name: missing.number(
                value if fit.told else float("nan"),
                f"flows[*].shapes.{name}",
                _NO_OFFSET if name == "offset" and fit.told else _NO_FIT,
            )
            for name, value in numbers.items()
        },
    )


def _rates(each: UnderlyingEstimates) -> Iterable[RateLine]:
    """Bins of about as many expected fills each, of both sides together and of each; of equal time where no shape is told."""
    seen, best = each.seen, each.flow.best
    share = best.customers_buy_share.value
    time = seen.days * np.where(seen.side < 0, share, 1.0 - share)
    weight = time * best.intensity.per_second(seen.distance) if best.told else seen.days
    for side, mine in (("both", seen.side != 0), ("bid", seen.side > 0), ("offer", seen.side < 0)):
        told = mine & (time > 0.0)
        for cells in _bins(seen.distance, weight, told, float(seen.fills[told].sum())):
            yield _rate(side, seen.distance[cells], time[cells], float(seen.fills[cells].sum()))


def _bins(distance: Floats, weight: Floats, mine: Bools, fills: float) -> Iterator[Ints]:
    order = np.flatnonzero(mine)
    order = order[np.argsort(distance[order], kind="stable")]
    total = float(weight[order].sum())
    if not total > 0.0:
        return
    count = int(min(_BINS, max(fills // _FEWEST, 1.0)))
    number = np.minimum((np.cumsum(weight[order]) - 0.5 * weight[order]) / total * count, count - 1.0)
    for each in np.unique(number.astype(np.int64)).tolist():
        yield order[number.astype(np.int64) == each]


def _rate(side: str, distance: Floats, days: Floats, fills: float) -> RateLine:
    """With the interval of a Poisson count by the cube roots of E. Wilson and M. Hilferty (PNAS 17 (1931) 684-688)."""
    total, more = float(days.sum()), fills + 1.0
    low = fills * (1.0 - 1.0 / (9.0 * fills) - _Z / (3.0 * fills**0.5)) ** 3 if fills else 0.0
    high = more * (1.0 - 1.0 / (9.0 * more) + _Z / (3.0 * more**0.5)) ** 3
    return RateLine(
        side=side,
        distance_points=float(days @ distance) / total,
        days=total,
        fills=int(fills),
        fills_per_day=fills / total,
        low=max(low, 0.0) / total,
        high=high / total,
    )
