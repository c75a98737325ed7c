"""The comparison of levers on a console: the table, limits under each lever, the plan's packages, slides before and after."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flatbook.hedging.packages import OUTRIGHT
from flatbook.reports.console_table import print_table, signed, styled
from flatbook.reports.levers_schema import LeversReport, PlanPackage
from flatbook.reports.levers_story import days_told
from flatbook.reports.numbers import NOTHING, brief, contracts, magnitude, move, percent, tally
from flatbook.reports.schema import SlideGrid

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PACKAGES, SERIES, MENU = 12, 5, 5  # lines, before it says how many are left
LEGS = 3  # of a package
_MOVES = (-0.2, -0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1, 0.2)  # rows of the printed slides
_SHIFTS = (-5.0, 0.0, 5.0)
_SHORT = {
    "nothing": "nothing",
    "delta only": "delta",
    "underlying or proxy": "proxy",
    "options": "options",
    "quotes": "quotes",
    "joint plan": "joint",
}
_BROKEN = "bold red"
_FULL = 1.0


def print_levers(report: LeversReport, console: "Console") -> None:
    """Print `report`."""
    header = report.header
    console.print(
        styled(f"flatbook reduce · {header.desk} · {header.market} · {header.valued_at}")
        + styled("  SYNTHETIC" if header.synthetic else "", "bold yellow")
    )
    book = f"{header.book}: {tally(header.contracts_held, 'contract')} in {header.series_held} series"
    console.print(styled(f"book: {book}", "dim"))
    console.print()
    console.print(styled(header.headline, "bold"))
    for sentence in header.sentences:
        console.print(styled(sentence))
    for section in (_levers, _limits, _packages, _expected, _menu, _slides, _notes):
        section(report, console)


def _levers(report: LeversReport, console: "Console") -> None:
    titles = ("LEVERS, USD", "cost", "risk", "total", "SD", "hard", "worst", "gap", "legs")
    rows = []
    for at, one in enumerate(report.levers):
        style = "bold" if at == len(report.levers) - 1 else ""
        broken = f"{one.limits_broken}"
        rows.append(
            (
                styled(one.name, style),
                *(styled(magnitude(value), style) for value in (one.cost_usd, one.risk_usd, one.total_usd)),
                styled(magnitude(one.deviation_usd), style),
                styled(broken, _BROKEN if one.limits_broken else style),
                _used(one.worst_utilisation),
                styled(magnitude(one.gap_loss_usd), style),
                styled(f"{one.legs:,d}", style),
            )
        )
    print_table(console, "", titles, rows)
    days = days_told(report.header.holding_days)
    console.print(
        styled(
            f"  risk: price of what is left, with quotes of what their customers leave; SD: standard deviation of it over {days}, before "
            "quotes work; hard: limits at or beyond it; worst: share of the fullest that is used; gap: loss in the worst jump of spot",
            "dim",
        )
    )


def _used(utilisation: float | None) -> "Text":
    return styled(
        NOTHING if utilisation is None else percent(utilisation),
        _BROKEN if utilisation is None or utilisation >= _FULL else "",
    )


def _limits(report: LeversReport, console: "Console") -> None:
    if not report.limits:
        return
    titles = ("LIMITS", "hard", *(_SHORT.get(one.name, one.name) for one in report.levers))
    rows = [
        (one.name, magnitude(one.limit_hard), *(_used(used) for used in one.utilisation))
        for one in report.limits
    ]
    print_table(console, "", titles, rows)


def _packages(report: LeversReport, console: "Console") -> None:
    plan = report.plan
    if not plan.packages:
        return
    shown = sorted(plan.packages, key=lambda one: -one.cost_usd)[:PACKAGES]
    rows = [
        (
            one.kind,
            _legs(one),
            magnitude(one.cost_usd),
            signed(one.vega_usd_per_point),
            styled(one.reason if one.kind == OUTRIGHT else "", "dim"),
        )
        for one in shown
    ]
    titles = ("JOINT PLAN", "legs", "cost", "vega/pt", "why")
    print_table(console, "", titles, rows, left={0, 1, 4}, total=len(plan.packages))
    for kind, reason in {one.kind: one.reason for one in shown if one.kind != OUTRIGHT}.items():
        console.print(styled(f"  {kind}: {reason}", "dim"))


def _legs(package: PlanPackage) -> str:
    told = [f"{contracts(leg.contracts)} {leg.symbol}" for leg in package.legs[:LEGS]]
    more = len(package.legs) - len(told)
    return "\n".join(told) + (f"\n… {more} more" if more else "")


def _expected(report: LeversReport, console: "Console") -> None:
    series = report.plan.expected.series
    if not series:
        return
    title = f"QUOTES BRING in {days_told(report.plan.expected.over_days)}"
    rows = [
        (one.symbol, signed(one.contracts), contracts(one.held), signed(one.vega_usd_per_point))
        for one in series[:SERIES]
    ]
    titles = (title, "contracts", "held after trades", "vega/pt")
    print_table(console, "", titles, rows)


def _menu(report: LeversReport, console: "Console") -> None:
    plan = report.plan
    if not plan.menu:
        return
    rows = [
        (
            one.name,
            contracts(one.contracts),
            magnitude(one.cost_usd),
            brief(one.risk_removed_usd),
            f"{one.rows_mended}",
            magnitude(one.removed_per_usd),
        )
        for one in plan.menu[:MENU]
    ]
    titles = ("MENU, each alone", "contracts", "cost", "risk removed", "rows mended", "per USD")
    print_table(console, "", titles, rows, total=plan.menu_total)
    for other in plan.alternatives:
        console.print(styled(f"  {other.name}: {other.reason}", "dim"))


def _slides(report: LeversReport, console: "Console") -> None:
    """P&L of the desk: a line a move of spot, before and after side by side."""
    slides = report.slides
    before, after = slides.before[0], slides.after[0]
    shifts = [slides.shifts_points.index(shift) for shift in _SHIFTS]
    first, *others = [f"vol {shift:+g}" if shift else "vol 0" for shift in _SHIFTS]
    titles = ("SLIDES, spot", f"before {first}", *others, f"after {first}", *others)
    rows = [
        (
            move(spot),
            *_cells(before, slides.moves.index(spot), shifts),
            *_cells(after, slides.moves.index(spot), shifts),
        )
        for spot in _MOVES
        if spot in slides.moves
    ]
    print_table(console, "", titles, rows)
    console.print(
        styled(
            "  P&L of the desk, USD, by full revaluation; volatility follows spot by the dynamics of each underlying",
            "dim",
        )
    )


def _cells(grid: SlideGrid, at: int, shifts: Sequence[int]) -> list["Text"]:
    return [signed(grid.pnl_usd[at][shift]) for shift in shifts]


def _notes(report: LeversReport, console: "Console") -> None:
    told = (*report.plan.notes, *report.header.notes)
    if told:
        console.print()
    for note in told:
        console.print(styled(f"note: {note}", "dim"))
