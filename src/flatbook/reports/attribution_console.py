"""An attribution on a console: a column a step, a line a term, like a statement; the identity and the waterfall below."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flatbook.reports.attribution_schema import AttributionReport, ScopeAttribution
from flatbook.reports.attribution_story import BLOCK_LABELS, LABELS, term
from flatbook.reports.console_table import signed, styled
from flatbook.reports.numbers import day, percent, tally
from flatbook.reports.schema_parts import Number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

IDENTITY_LABELS: dict[str, str] = {
    "edge_usd": "Edge at trade",
    "inventory_usd": "Inventory",
    "hedge_usd": "Hedges",
    "fees_usd": "Fees",
    "corrections_usd": "Corrections",
    "realised_usd": "Realised",
}
HALF_CENT = 0.005  # a line that is less in every column says nothing
_LABEL_WIDTH, _COLUMN_WIDTH = 18, 9
Figure = Callable[[ScopeAttribution], Number]


def print_attribution(report: AttributionReport, console: "Console") -> None:
    """Print `report`: the desk's statement; where the console is narrow, its last steps and the total.

    Parameters
    ----------
    report : AttributionReport
    console : rich.console.Console
    """
    header = report.header
    chains = f"{len(header.sources.chains)} chains · {header.sources.format}"
    console.print(
        styled(
            f"flatbook attribute · {header.desk} · {chains} · {header.start} to {header.end}"
            + " · SYNTHETIC" * header.sources.synthetic
        )
    )
    console.print()
    console.print(styled(header.headline, "bold"))
    for sentence in header.sentences:
        console.print(styled(sentence))
    for note in header.sources.notes:
        console.print(styled(f"note: {note}", "dim"))
    _print(report, console, "P&L by what moved, USD", _explain_lines())
    _print(report, console, "The same P&L by what was done, USD", _identity_lines())
    _print(report, console, "Positions held, revalued in full: symmetric split, USD", _block_lines())
    console.print(
        styled(
            "unexplained: of the step's gross, all other terms without signs; vega: apart from what came with spot; new trades: edge and "
            "what they made until the end of their step; the JSON has every underlying and the ordered waterfall",
            "dim",
        )
    )


def _explain_lines() -> dict[str, Figure]:
    lines: dict[str, Figure] = {
        label: (lambda one, name=name: term(one.explain, name))  # type: ignore[misc]
        for name, label in LABELS.items()
    }
    return lines | {"Realised": lambda one: one.explain.realised_usd}


def _identity_lines() -> dict[str, Figure]:
    return {
        label: (lambda one, name=name: getattr(one.identity, name))  # type: ignore[misc]
        for name, label in IDENTITY_LABELS.items()
    }


def _block_lines() -> dict[str, Figure]:
    lines: dict[str, Figure] = {
        label: (lambda one, name=name: getattr(one.waterfall.symmetric, name))  # type: ignore[misc]
        for name, label in BLOCK_LABELS.items()
    }
    return lines | {"Held, in all": lambda one: one.waterfall.symmetric.total_usd}


def _print(report: AttributionReport, console: "Console", title: str, lines: dict[str, Figure]) -> None:
    room = max((console.width - _LABEL_WIDTH) // (_COLUMN_WIDTH + 1) - 1, 1)
    shown = report.steps[-room:]
    console.print()
    more = len(report.steps) - len(shown)
    console.print(
        styled(
            title + (f" ({tally(more, 'earlier step')} in the total and the JSON)" if more else ""), "bold"
        )
    )
    table = _table([day(step.end)[2:] for step in shown] + ["total"])
    columns = [step.scopes[0] for step in shown] + [report.total[0]]
    for label, figure in lines.items():
        values = [figure(each) for each in columns]
        if any(value is None or abs(value) >= HALF_CENT for value in values):
            table.add_row(styled(label), *(signed(value) for value in values))
    if "Unexplained" in lines:
        shares = [percent(each.explain.unexplained_share, 1) for each in columns]
        table.add_row(styled("of gross", "dim"), *(styled(share, "dim") for share in shares))
    console.print(table)


def _table(heads: list[str]) -> "Table":
    from rich import box  # noqa: PLC0415 - rich costs start-up time; only a console pays it
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(styled("to"), min_width=_LABEL_WIDTH, no_wrap=True)
    for head in heads:
        table.add_column(styled(head), justify="right", no_wrap=True)
    return table
