"""The option offset on a console: what to trade in place of the hedges, what it leaves, how pressing it is, and what lost."""

from typing import TYPE_CHECKING

from flatbook.reports.console_table import styled
from flatbook.reports.numbers import UNSIGNED, brief, magnitude, percent, plain, tally
from flatbook.reports.offset_section import pressing_told, tally_days, trades_told
from flatbook.reports.schema import PlanReport
from flatbook.reports.schema_offset import OffsetPlanOf, OffsetSection, OffsetTrade

if TYPE_CHECKING:
    from rich.console import Console

_PACKAGES, _LEGS, _MENU, _ALTERNATIVES, _BOUNDS = 5, 5, 2, 1, 3

_LABELS = {
    "delta_usd": "delta",
    "gamma_usd_per_pct": "gamma",
    "vega_usd_per_point": "vega",
    "gap_loss_usd": "gap loss",
    "capital_usd": "capital",
}


def print_offset(report: PlanReport, console: "Console") -> None:
    """Print the plan, its packages, its reasons and the best of the menu."""
    section = report.offset
    plan = section.plan
    console.print()
    if plan is None or not plan.legs:
        console.print(styled(f"OPTION OFFSET  {section.sentence}"))
        _print_notes(plan, console)
        return
    console.print(styled("OPTION OFFSET, instead of the hedges above", "bold"))
    done = (
        f"  {tally(len(plan.legs), 'leg')} for {plain(plan.cost_usd)} USD: SD {magnitude(plan.deviation_before_usd)} > "
        f"{magnitude(plan.deviation_after_usd)} USD over {tally_days(plan.over_days)}; {plan.status}"
    )
    console.print(styled(done))
    for told in (_after(section), *_pressing(section)):
        if told:
            console.print(styled(told, "dim"))
    for kind, legs in _packages(plan):
        console.print(styled(f"    {kind}: {trades_told(legs, _LEGS)}"))
    for bound in plan.bounds[:_BOUNDS]:
        told = f"    {bound.name}: {magnitude(bound.before)} > {magnitude(bound.after)}, kept within "
        console.print(styled(f"{told}{magnitude(bound.high if bound.high is not None else bound.low)}"))
    best = "; ".join(
        f"{trades_told((line,))} ({magnitude(line.removed_per_usd)})" for line in plan.menu[:_MENU]
    )
    console.print(styled(f"  menu, USD removed per USD: {best}", "dim"))
    for one in plan.alternatives[:_ALTERNATIVES]:
        console.print(styled(f"  {one.name} lost: {one.reason}", "dim"))
    _print_notes(plan, console)


def _pressing(section: OffsetSection) -> list[str]:
    """Underlyings whose limits ask for more than what pays, those that one limit presses together."""
    told: dict[str, list[str]] = {}
    for one in section.pressing:
        if one.step != "NORMAL":
            told.setdefault(pressing_told(one), []).append(one.underlying)
    return [f"  {', '.join(names)}: {text}" for text, names in told.items()]


def _packages(plan: OffsetPlanOf) -> list[tuple[str, list[OffsetTrade]]]:
    """Packages with their legs; those of one leg together."""
    out: list[tuple[str, list[OffsetTrade]]] = []
    singles: dict[str, list[OffsetTrade]] = {}
    for one in plan.packages:
        if len(one.legs) > 1:
            out.append((one.kind, [*one.legs]))
        else:
            singles.setdefault(one.kind, []).extend(one.legs)
    told = out[:_PACKAGES]
    if len(out) > _PACKAGES:
        told.append(
            (
                tally(len(out) - _PACKAGES, "more package"),
                [leg for _, legs in out[_PACKAGES:] for leg in legs],
            )
        )
    return [*told, *singles.items()]


def _after(section: OffsetSection) -> str:
    """The desk before and after the plan."""
    if section.after is None:
        return ""
    told = []
    for change in section.after.scopes[0].changes:
        if change.before is None or change.after is None:
            continue
        shown = magnitude if change.name in UNSIGNED else brief
        told.append(f"{_LABELS.get(change.name, change.name)} {shown(change.before)} > {shown(change.after)}")
    return f"  desk: {', '.join(told)}"


def _print_notes(plan: OffsetPlanOf | None, console: "Console") -> None:
    if plan is None:
        return
    notes = [f"not in the plan: {'; '.join(plan.notes)}"] if plan.notes else []
    if plan.gap_share is not None and plan.gap_share > 0.01:  # a plan closer to its bound needs no word
        notes.append(f"a better plan could save at most {percent(plan.gap_share)}")
    if notes:
        console.print(styled(f"  {'; '.join(notes)}", "dim"))
