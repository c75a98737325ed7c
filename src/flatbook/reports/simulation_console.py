"""An experiment on a console: what each policy came to, where it came from, what it risked, which limits it exceeded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flatbook.reports.console_table import ROWS, print_table, styled
from flatbook.reports.numbers import NOTHING, brief, magnitude, percent, tally
from flatbook.reports.schema_parts import Number
from flatbook.reports.simulation_schema import FigureRow, Interval, SimulationReport
from flatbook.reports.simulation_story import UNACCOUNTED

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_TABLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("RESULT, USD a day", ("pnl_usd", "pnl_deviation_usd", "shortfall_95_usd", "shortfall_97_5_usd", "objective_usd")),
    ("FROM, USD a day", ("spread_usd", "adverse_usd", "inventory_usd", "hedge_pnl_usd", "offset_pnl_usd", "hedge_cost_usd")),
    (
        "EXPOSURE, SD",
        ("inventory_deviation", "delta_usd_deviation", "gamma_usd_per_pct_deviation", "vega_usd_per_point_deviation", "inventory_reversion"),
    ),
    ("KEPT", ("over_share", "worst_utilisation", "duty_met", "capital_mean_usd", "quoted_contracts")),
)  # fmt: skip
_RESIDUAL = "residual_"


def print_simulation(report: SimulationReport, console: "Console") -> None:
    """Print `report`."""
    header = report.header
    console.print(
        styled(f"flatbook simulate · {header.scenario} · {tally(len(header.seeds), 'seed')}")
        + styled("  SYNTHETIC" if report.synthetic else "", "bold yellow")
    )
    if header.text:
        console.print(styled(header.text, "dim"))
    console.print()
    console.print(styled(header.headline, "bold"))
    for sentence in header.sentences:
        console.print(styled(sentence))
    for title, names in _TABLES:
        _table(report, console, title, [row for name in names if (row := report.figure(name)) is not None])
    left = [row for row in report.figures if row.name.startswith(_RESIDUAL)]
    if left:
        _table(report, console, "LEFT, SD in USD", left)
    _against(report, console)
    _breaches(report, console)
    console.print(
        styled(
            f"  below each figure its {percent(header.confidence)} interval: Student's t for means, bootstrap over days otherwise; "
            f"mean-variance: mean less half of {header.aversion_per_usd:g} per USD times the variance",
            "dim",
        )
    )
    for note in header.notes:
        console.print(styled(f"note: {note}", "dim"))


def _table(report: SimulationReport, console: "Console", title: str, figures: Sequence[FigureRow]) -> None:
    """A line a policy, its intervals below."""
    titles = (title, *(row.label for row in figures))
    cells = [
        (styled(name), *(_cell(row.values[at], row) for row in figures))
        for at, name in enumerate(report.header.policies)
    ]
    for start in range(0, len(cells), ROWS):
        print_table(console, "", titles, cells[start : start + ROWS])


def _cell(one: Interval, row: FigureRow) -> "Text":
    told = _plain(one.value, row)
    if one.low is None or one.high is None:
        return styled(told)
    return styled(told) + styled(f"\n{_plain(one.low, row)} to {_plain(one.high, row)}", "dim")


def _plain(value: Number, row: FigureRow) -> str:
    if row.unit == "share":
        return percent(value, 1)
    signed = row.better >= 0 and row.unit.startswith("USD")
    return (
        brief(value)
        if signed
        else NOTHING
        if value is None
        else ("-" if value < 0.0 else "") + magnitude(value)
    )


def _against(report: SimulationReport, console: "Console") -> None:
    """Mean-variance outcome and variances against the reference."""
    header = report.header
    objective, pnl = report.figure("objective_usd"), report.figure("pnl_usd")
    ratios = [
        row
        for name in ("pnl_deviation_usd", "direction_deviation_usd", "delta_usd_deviation", "vega_usd_per_point_deviation")
        if (row := report.figure(name)) is not None and row.variance_ratios
    ]  # fmt: skip
    if len(header.policies) < 2 or objective is None or pnl is None:
        return
    titles = (
        f"AGAINST {header.reference}",
        "P&L",
        "Mean-variance",
        *(f"Var ratio: {row.label[6:]}" for row in ratios),
    )
    cells = [
        (
            styled(name),
            _cell(pnl.differences[at], pnl),
            _cell(objective.differences[at], objective),
            *(_ratio(row.variance_ratios[at]) for row in ratios),
        )
        for at, name in enumerate(header.policies)
        if name != header.reference
    ]
    print_table(console, "", titles, cells)


def _ratio(one: Interval) -> "Text":
    if one.value is None:
        return styled(NOTHING)
    told = styled(f"{one.value:.3g}")
    return (
        told
        if one.low is None or one.high is None
        else told + styled(f"\n{one.low:.3g} to {one.high:.3g}", "dim")
    )


def _breaches(report: SimulationReport, console: "Console") -> None:
    if not report.breaches:
        return
    rows = [
        (
            one.policy,
            one.limit,
            styled(one.cause, "bold red" if one.cause == UNACCOUNTED else ""),
            f"{one.times:,d}",
            percent(one.worst),
            ", ".join(f"{seed}" for seed in one.seeds),
        )
        for one in sorted(report.breaches, key=lambda one: (one.cause != UNACCOUNTED, -one.times))
    ]
    titles = ("LIMITS EXCEEDED", "limit", "by", "times", "worst", "first seeds")
    print_table(console, "", titles, rows, left={0, 1, 2})
