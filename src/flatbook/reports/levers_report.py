"""From compared levers to a report: the table, limits under each, the joint plan with its reasons, slides before and after.

Nothing is computed here that decides anything: every figure is a room's, but for sums over the contracts that are traded, counts and sentences.
"""

import json
from dataclasses import dataclass

import msgspec
import numpy as np

from flatbook import __version__
from flatbook.engine.cycle import Cycle
from flatbook.engine.levers import Lever, Levers
from flatbook.exposure.slides import Slides
from flatbook.hedging.packages import OUTRIGHT, Package
from flatbook.model.instruments import Kind
from flatbook.model.measures import Measure
from flatbook.model.table import Floats, Ints
from flatbook.reports.columns import RIGHTS, iso
from flatbook.reports.decisions import LIMIT_UNITS
from flatbook.reports.exposures import grid_of
from flatbook.reports.levers_schema import (
    AlternativeRow,
    BookSlides,
    ExpectedFlow,
    ExpectedSeries,
    JointPlan,
    LeverRow,
    LeversHeader,
    LeversReport,
    LimitUse,
    MenuRow,
    PackageLeg,
    PlanLeg,
    PlanPackage,
)
from flatbook.reports.levers_story import headline_of, joint_wins, sentences_of
from flatbook.reports.missing import Missing
from flatbook.reports.schema import SlideGrid
from flatbook.reports.schema_parts import Number

MENU_LINES, SERIES_LINES = 15, 15  # of the menu, of the series that quotes are expected to bring
_UNKNOWN_RISK = "an exposure of the book or its covariance is not known"
_UNKNOWN_LIMIT = "the measure could not be computed, which counts as a breach"
_UNKNOWN_PNL = "a scenario could not be revalued: a held series has neither value nor bound"
_UNKNOWN_GREEK = "one of the contracts has no value"
_NO_LIMIT = "no limit is set"
_FREE = "it costs nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Where market and book came from."""

    market: str
    format: str
    book: str
    synthetic: bool
    notes: tuple[str, ...]


def levers_report(levers: Levers, cycle: Cycle, background: Background) -> LeversReport:
    """Report the levers on the book of `cycle`.

    Parameters
    ----------
    levers : Levers
        Of that cycle.
    cycle : Cycle
    background : Background

    Returns
    -------
    LeversReport
        Holds finite numbers only; each null has a reason.
    """
    missing = Missing()
    rows = tuple(_lever(one, cycle, missing) for one in levers.levers)
    limits = _limits(levers, missing)
    plan = _plan(levers, cycle, missing)
    slides = _slides(levers, cycle, missing)
    held = cycle.held.quantity
    return LeversReport(
        flatbook_version=__version__,
        header=LeversHeader(
            desk=cycle.desk.name,
            valued_at=iso(cycle.now_ns),
            market=background.market,
            format=background.format,
            book=background.book,
            synthetic=background.synthetic,
            underlyings=levers.offset.underlyings,
            series_held=int(np.count_nonzero(held)),
            contracts_held=int(np.abs(held).sum()),
            aversion_per_usd=cycle.desk.appetite.aversion_per_usd,
            holding_days=cycle.desk.appetite.holding_days,
            flow_expected=levers.flow_expected,
            joint_wins=joint_wins(rows),
            headline=headline_of(rows, len(limits)),
            sentences=sentences_of(rows, plan, cycle.desk.appetite.holding_days),
            notes=background.notes,
        ),
        levers=rows,
        limits=limits,
        plan=plan,
        slides=slides,
        reasons=missing.reasons(),
    )


def encode_levers(report: LeversReport) -> bytes:
    """The bytes of a report file: UTF-8, indented by two, the same every time.

    Raises
    ------
    ValueError
        A number is not finite: only finite numbers and None belong in a report.
    """
    text = json.dumps(msgspec.to_builtins(report), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _lever(one: Lever, cycle: Cycle, missing: Missing) -> LeverRow:
    path = f"levers[{one.name}]"
    fullest = max(one.standing.limits, key=lambda each: each.utilisation, default=None)
    worst = one.worst_utilisation if fullest is not None else float("nan")
    options = one.trades[cycle.table.is_option]
    deviation = one.traded.risk.deviation_usd
    alone = 0.5 * cycle.desk.appetite.aversion_per_usd * deviation**2
    slide_loss = float(np.maximum(-one.traded.slides.desk, 0.0).max())
    return LeverRow(
        name=one.name,
        cost_usd=missing.number(one.cost_usd, f"{path}.cost_usd", "a cost of trading is not known"),
        risk_usd=missing.number(one.risk_usd, f"{path}.risk_usd", _UNKNOWN_RISK),
        total_usd=missing.number(one.total_usd, f"{path}.total_usd", _UNKNOWN_RISK),
        deviation_usd=missing.number(deviation, f"{path}.deviation_usd", _UNKNOWN_RISK),
        risk_without_quotes_usd=missing.number(alone, f"{path}.risk_without_quotes_usd", _UNKNOWN_RISK),
        limits_broken=one.breached,
        worst_utilisation=missing.number(
            worst, f"{path}.worst_utilisation", _NO_LIMIT if fullest is None else _UNKNOWN_LIMIT
        ),
        worst_limit="" if fullest is None else fullest.limit.name,
        gap_loss_usd=missing.number(one.traded.gaps.worst_desk, f"{path}.gap_loss_usd", _UNKNOWN_PNL),
        slide_loss_usd=missing.number(slide_loss, f"{path}.slide_loss_usd", _UNKNOWN_PNL),
        legs=int(np.count_nonzero(one.trades)),
        option_legs=int(np.count_nonzero(options)),
        option_contracts=int(np.abs(options).sum()),
        expected_contracts=float(np.abs(one.expected).sum()),
        note=one.note,
    )


def _limits(levers: Levers, missing: Missing) -> tuple[LimitUse, ...]:
    """Each limit under every lever; the fullest before first."""
    standings = [one.standing.limits for one in levers.levers]
    order = sorted(range(len(standings[0])), key=lambda at: (-standings[0][at].utilisation, at))
    out = []
    for at in order:
        each = [limits[at] for limits in standings]
        path = f"limits[{each[0].limit.name}]"
        out.append(
            LimitUse(
                name=each[0].limit.name,
                measure=each[0].limit.measure.value,
                unit=LIMIT_UNITS[each[0].limit.measure],
                limit_hard=each[0].limit_hard,
                value=tuple(missing.number(one.value, f"{path}.value", _UNKNOWN_LIMIT) for one in each),
                utilisation=tuple(
                    missing.number(one.utilisation, f"{path}.utilisation", one.reason or _UNKNOWN_LIMIT)
                    for one in each
                ),
            )
        )
    return tuple(out)


def _plan(levers: Levers, cycle: Cycle, missing: Missing) -> JointPlan:
    offset, plan = levers.offset, levers.offset.plan
    return JointPlan(
        status=plan.status,
        candidates=len(offset.problem.series),
        rows=len(offset.question.every_row.names),
        rows_broken_before=sum(one.before > 0.0 for one in plan.breaches),
        rows_broken_after=sum(one.after > 0.0 for one in plan.breaches),
        gap_usd=plan.gap_usd,
        legs=_legs(levers, cycle, missing),
        packages=_packages(levers, cycle, missing),
        expected=_expected(levers.levers[-1], cycle, missing),
        menu=tuple(
            MenuRow(
                name=one.name,
                contracts=one.contracts,
                cost_usd=one.cost_usd,
                risk_removed_usd=one.risk_removed_usd,
                rows_mended=one.rows_mended,
                removed_per_usd=missing.number(one.removed_per_usd, f"plan.menu[{one.name}]", _FREE),
            )
            for one in offset.menu[:MENU_LINES]
            if one.contracts
        ),
        menu_total=sum(one.contracts != 0 for one in offset.menu),
        alternatives=tuple(
            AlternativeRow(
                name=one.name,
                legs=tuple(PackageLeg(symbol=name, contracts=count) for name, count in one.legs),
                cost_usd=one.cost_usd,
                risk_usd=one.risk_usd,
                rows_broken=one.rows_broken,
                worse_by_usd=one.worse_by_usd,
                reason=one.reason,
            )
            for one in plan.alternatives
        ),
        notes=offset.question.notes,
    )


def _legs(levers: Levers, cycle: Cycle, missing: Missing) -> tuple[PlanLeg, ...]:
    table, greeks = cycle.table, cycle.values.greeks
    out = []
    for leg in levers.offset.plan.legs:
        row = table.row_of(leg.name)
        item = table.instruments[row]
        delta, gamma, vega = (
            missing.number(leg.contracts * float(greeks[row, of]), f"plan.legs[{leg.name}]", _UNKNOWN_GREEK)
            for of in (Measure.DELTA_USD, Measure.GAMMA_USD_PER_PCT, Measure.VEGA_USD_PER_POINT)
        )
        out.append(
            PlanLeg(
                symbol=leg.name,
                kind=RIGHTS[item.right] if item.kind is Kind.OPTION else item.kind.value,
                underlying=item.underlying,
                contracts=leg.contracts,
                held_before=int(cycle.held.quantity[row]),
                cost_usd=leg.cost_usd,
                delta_usd=delta,
                gamma_usd_per_pct=gamma,
                vega_usd_per_point=vega,
            )
        )
    return tuple(out)


def _packages(levers: Levers, cycle: Cycle, missing: Missing) -> tuple[PlanPackage, ...]:
    """The structures of the plan; a leg's cost is shared by its contracts."""
    plan, greeks = levers.offset.plan, cycle.values.greeks
    each = {leg.name: leg.cost_usd / abs(leg.contracts) for leg in plan.legs}
    out = []
    path = "plan.packages"
    for package in plan.packages:
        delta, vega = (
            sum(count * float(greeks[cycle.table.row_of(name), of]) for name, count in package.legs)
            for of in (Measure.DELTA_USD, Measure.VEGA_USD_PER_POINT)
        )
        out.append(
            PlanPackage(
                kind=package.kind,
                legs=tuple(PackageLeg(symbol=name, contracts=count) for name, count in package.legs),
                cost_usd=sum(abs(count) * each[name] for name, count in package.legs),
                delta_usd=missing.number(delta, f"{path}.delta_usd", _UNKNOWN_GREEK),
                vega_usd_per_point=missing.number(vega, f"{path}.vega_usd_per_point", _UNKNOWN_GREEK),
                reason=_reason(package, cycle),
            )
        )
    return tuple(out)


def _reason(package: Package, cycle: Cycle) -> str:
    """Why it is in the plan; of a contract alone, whether it takes back what is held."""
    name, count = package.legs[0]
    held = int(cycle.held.quantity[cycle.table.row_of(name)])
    if len(package.legs) == 1 and held * count < 0:
        was, more = "sold" if held < 0 else "bought", abs(count) - abs(held)
        if more > 0:
            return f"closes the {abs(held):,d} {was}, {more:,d} more"
        return f"closes {abs(count):,d} of {abs(held):,d} {was}"
    if package.kind == OUTRIGHT:
        return "volatility the book is short of" if count > 0 else "volatility the book has too much of"
    return package.reason


def _expected(joint: Lever, cycle: Cycle, missing: Missing) -> ExpectedFlow:
    wanted, greeks = joint.expected, cycle.values.greeks
    rows = np.flatnonzero(wanted)
    most = rows[np.argsort(-np.abs(wanted[rows]), kind="stable")][:SERIES_LINES]
    path = "plan.expected"

    def brought(of: Measure, name: str) -> Number:
        """By all of them."""
        return missing.number(float(wanted[rows] @ greeks[rows, of]), f"{path}.{name}", _UNKNOWN_GREEK)

    return ExpectedFlow(
        over_days=cycle.desk.appetite.holding_days,
        bought=float(np.maximum(wanted, 0.0).sum()),
        sold=float(np.maximum(-wanted, 0.0).sum()),
        delta_usd=brought(Measure.DELTA_USD, "delta_usd"),
        gamma_usd_per_pct=brought(Measure.GAMMA_USD_PER_PCT, "gamma_usd_per_pct"),
        vega_usd_per_point=brought(Measure.VEGA_USD_PER_POINT, "vega_usd_per_point"),
        series=tuple(_series(row, joint.traded.quantity, wanted, cycle, missing) for row in most.tolist()),
    )


def _series(row: int, held: Ints, wanted: Floats, cycle: Cycle, missing: Missing) -> ExpectedSeries:
    symbol = cycle.table.instruments[row].symbol
    vega = float(wanted[row] * cycle.values.greeks[row, Measure.VEGA_USD_PER_POINT])
    return ExpectedSeries(
        symbol=symbol,
        contracts=float(wanted[row]),
        held=int(held[row]),
        vega_usd_per_point=missing.number(vega, f"plan.expected.series[{symbol}]", _UNKNOWN_GREEK),
    )


def _slides(levers: Levers, cycle: Cycle, missing: Missing) -> BookSlides:
    before, after = cycle.held.slides, levers.levers[-1].traded.slides
    at = [cycle.table.underlyings.index(name) for name in levers.offset.underlyings]
    return BookSlides(
        moves=tuple(before.moves.tolist()),
        shifts_points=tuple(before.shifts_points.tolist()),
        before=_grids(before, levers.offset.underlyings, at, "slides.before", missing),
        after=_grids(after, levers.offset.underlyings, at, "slides.after", missing),
    )


def _grids(
    slides: Slides, names: tuple[str, ...], at: list[int], path: str, missing: Missing
) -> tuple[SlideGrid, ...]:
    grids = [
        ("desk", slides.desk),
        *((name, slides.by_underlying[u]) for name, u in zip(names, at, strict=True)),
    ]
    return tuple(
        SlideGrid(scope=scope, pnl_usd=grid_of(grid, f"{path}[{scope}].pnl_usd", missing))
        for scope, grid in grids
    )
