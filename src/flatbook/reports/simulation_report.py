"""From a summary of days to a report: figures with intervals, limits, breaches, days to draw. Nothing is computed here that decides anything."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

import msgspec

from flatbook import __version__
from flatbook.reports.columns import iso
from flatbook.reports.missing import Missing
from flatbook.reports.schema_parts import Number
from flatbook.reports.simulation_schema import (
    BreachRow,
    DayCurves,
    FigureRow,
    Interval,
    LimitRow,
    Mark,
    PolicyTold,
    RunRow,
    SimulationHeader,
    SimulationReport,
)
from flatbook.reports.simulation_story import headline_of, sentences_of
from flatbook.sim.experiments.outcome import Outcome
from flatbook.sim.experiments.statistics import CONFIDENCE, Estimate
from flatbook.sim.experiments.summary import Row, Summary

SEEDS_TOLD = 5  # of a breach
_NO_VALUE = "not known on at least one of the days, or there is none"
_NO_ENDS = "too few days, or a day is not known, or nothing varies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the scenario and the policies say of themselves."""

    text: str
    policies: dict[str, str]
    synthetic: bool
    notes: tuple[str, ...] = ()


def simulation_report(summary: Summary, told: Told) -> SimulationReport:
    """Report an experiment.

    Parameters
    ----------
    summary : Summary
    told : Told

    Returns
    -------
    SimulationReport
        Holds finite numbers only; each null has a reason.
    """
    missing = Missing()
    figures = tuple(_figure(row, summary, missing) for row in summary.rows)
    limits = _limits(summary, missing)
    breaches = _breaches(summary, missing)
    return SimulationReport(
        flatbook_version=__version__,
        synthetic=told.synthetic,
        header=SimulationHeader(
            scenario=summary.scenario,
            text=told.text,
            policies=summary.policies,
            reference=summary.reference,
            seeds=summary.seeds,
            confidence=CONFIDENCE,
            aversion_per_usd=summary.aversion_per_usd,
            headline=headline_of(summary.policies, summary.reference, figures, len(summary.seeds)),
            sentences=sentences_of(summary.policies, summary.reference, figures, breaches),
            notes=told.notes,
        ),
        policies=tuple(PolicyTold(name=name, text=told.policies.get(name, "")) for name in summary.policies),
        figures=figures,
        limits=limits,
        breaches=breaches,
        runs=_runs(summary, missing),
        days=_days(summary, missing),
        reasons=missing.reasons(),
    )


def encode_simulation(report: SimulationReport) -> bytes:
    """The bytes of a report file: UTF-8, indented by two, the same every time.

    Raises
    ------
    ValueError
        A number is not finite: only finite numbers and None belong in a report.
    """
    text = json.dumps(msgspec.to_builtins(report), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _figure(row: Row, summary: Summary, missing: Missing) -> FigureRow:
    path = f"figures[{row.figure.name}]"

    def told(estimates: Iterable[Estimate], name: str) -> tuple[Interval, ...]:
        return tuple(
            _interval(one, policy, f"{path}.{name}[{policy}]", missing)
            for policy, one in zip(summary.policies, estimates, strict=True)
        )

    return FigureRow(
        name=row.figure.name,
        label=row.figure.label,
        unit=row.figure.unit,
        text=row.figure.text,
        better=row.figure.better,
        method=row.method,
        values=told(row.values, "values"),
        differences=told(row.differences, "differences"),
        variance_ratios=told(row.variance_ratios, "variance_ratios") if row.variance_ratios else (),
    )


def _interval(one: Estimate, policy: str, path: str, missing: Missing) -> Interval:
    if not isfinite(one.value):
        missing.note(path, _NO_VALUE)
        return Interval(name=policy, value=None, low=None, high=None)
    return Interval(
        name=policy,
        value=missing.number(one.value, path, _NO_VALUE),
        low=missing.number(one.low, path, _NO_ENDS),
        high=missing.number(one.high, path, _NO_ENDS),
    )


def _limits(summary: Summary, missing: Missing) -> tuple[LimitRow, ...]:
    names = dict.fromkeys(one.name for runs in summary.outcomes for day in runs for one in day.limits)
    rows = []
    for name in names:
        path = f"limits[{name}]"
        found = [[one for day in runs for one in day.limits if one.name == name] for runs in summary.outcomes]
        first = next(one for some in found for one in some)
        most: list[Number] = []
        for some in found:
            used = [one.most for one in some if one.most is not None]
            if len(used) < len(some) or not used:
                missing.note(
                    f"{path}.most", "could not be computed at times, or the policy has no such limit"
                )
            most.append(max(used) if used and len(used) == len(some) else None)
        over: list[Number] = [
            sum(one.over_share for one in some) / len(some) if some else None for some in found
        ]
        if None in over:
            missing.note(f"{path}.over_share", "the policy has no such limit")
        rows.append(
            LimitRow(
                name=name,
                measure=first.measure,
                underlying=first.underlying,
                whole=first.whole,
                hard=first.hard,
                over_share=tuple(over),
                days_over=tuple(sum(one.over_share > 0.0 for one in some) for some in found),
                most=tuple(most),
            )
        )
    return tuple(rows)


def _breaches(summary: Summary, missing: Missing) -> tuple[BreachRow, ...]:
    found: dict[tuple[str, str, str], list[tuple[int, Number]]] = {}
    for runs in summary.outcomes:
        for day in runs:
            for one in day.breaches:
                key = (day.policy, one.limit, one.cause)
                found.setdefault(key, []).append((day.seed, one.utilisation))
    rows = []
    for (policy, limit, cause), times in found.items():
        known = [used for _, used in times if used is not None]
        if len(known) < len(times):
            missing.note(f"breaches[{policy} {limit} {cause}].worst", "the measure could not be computed")
        rows.append(
            BreachRow(
                name=f"{policy} {limit} {cause}",
                policy=policy,
                limit=limit,
                cause=cause,
                times=len(times),
                seeds=tuple(sorted({seed for seed, _ in times})[:SEEDS_TOLD]),
                worst=max(known) if len(known) == len(times) else None,
            )
        )
    return tuple(rows)


def _runs(summary: Summary, missing: Missing) -> tuple[RunRow, ...]:
    rows = []
    for runs in summary.outcomes:
        mean = sum(day.figure("pnl_usd") for day in runs) / len(runs)
        for day in runs:
            pnl, path = day.figure("pnl_usd"), f"runs[{day.policy} {day.seed}]"
            own = pnl - 0.5 * summary.aversion_per_usd * (pnl - mean) ** 2
            rows.append(
                RunRow(
                    name=f"{day.policy} {day.seed}",
                    policy=day.policy,
                    seed=day.seed,
                    pnl_usd=missing.number(pnl, path, _NO_VALUE),
                    objective_usd=missing.number(own, path, _NO_VALUE),
                )
            )
    return tuple(rows)


def _days(summary: Summary, missing: Missing) -> tuple[DayCurves, ...]:
    drawn = [day for runs in summary.outcomes for day in runs if day.curves is not None]
    if drawn:
        missing.note("days[*]", "not known at that moment, or the desk showed no quote")
    return tuple(_day(day) for day in drawn)


def _day(day: Outcome) -> DayCurves:
    curves = day.curves
    assert curves is not None, day.seed
    lines = {name: getattr(curves, name) for name in curves.__struct_fields__ if name != "open_ns"}
    marks = {
        name: tuple(Mark(**msgspec.structs.asdict(one)) for one in lines[name])
        for name in ("hedges", "fills")
    }
    name = f"{day.policy} {day.seed}"
    return DayCurves(
        name=name, policy=day.policy, seed=day.seed, open_at=iso(curves.open_ns), **(lines | marks)
    )
