"""Markouts on a console: a table by each key asked for, a line a name and horizon."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flatbook.reports.console_table import signed, styled
from flatbook.reports.markouts_report import SIGMAS
from flatbook.reports.markouts_schema import MarkoutLine, MarkoutReport, MarkoutTable
from flatbook.reports.numbers import magnitude, percent, tally

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NAMES = 10  # of a table, those with most contracts, before it says how many are left
_TITLES = (
    "", "s", "trades", "without", "contracts", "edge", "adverse", "realised", "given back", "a contract", "± error",
)  # fmt: skip


def print_markouts(report: MarkoutReport, keys: Sequence[str], console: "Console") -> None:
    """Print `report`.

    Parameters
    ----------
    report : MarkoutReport
    keys : sequence of str
        Which tables, in this order.
    console : rich.console.Console
    """
    header = report.header
    trades = tally(header.fills, "trade")
    console.print(styled(f"flatbook markouts · {header.journal} · {trades} · {header.start} to {header.end}"))
    console.print()
    console.print(styled(header.headline, "bold"))
    for sentence in header.sentences:
        console.print(styled(sentence))
    for key in keys:
        _print(report.table(key), console)
    console.print(
        styled(
            "USD, plus is ours; edge: value less price at the trade; adverse: what the value, hedged of direction, did after it; realised: "
            "both; a contract: mean adverse with its standard error, bold where beyond two of them",
            "dim",
        )
    )


def most_traded(table: MarkoutTable, most: int) -> tuple[str, ...]:
    """Names by their trades, with and without a value, the fullest first; at most `most`."""
    trades = {line.name: line.fills + line.fills_without for line in table.lines}
    return tuple(sorted(trades, key=lambda name: (-trades[name], name))[:most])


def _print(table: MarkoutTable, console: "Console") -> None:
    names = most_traded(table, NAMES)
    console.print()
    console.print(styled(f"By {table.name}", "bold"))
    out = _empty()
    for name in names:
        mine = [line for line in table.lines if line.name == name]
        for at, line in enumerate(mine):
            _row(out, line, first=at == 0, last=at == len(mine) - 1)
    console.print(out)
    more = len({line.name for line in table.lines}) - len(names)
    if more > 0:
        console.print(styled(f"  … and {more:,d} more in the HTML/JSON", "dim"))


def _empty() -> "Table":
    from rich import box  # noqa: PLC0415 - rich costs start-up time; only a console pays it
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for at, title in enumerate(_TITLES):
        table.add_column(styled(title), justify="right" if at else "left", overflow="fold")
    return table


def _row(out: "Table", line: MarkoutLine, *, first: bool, last: bool) -> None:
    mean, error = line.adverse_usd_per_contract, line.standard_error_usd_per_contract
    told = mean is not None and error is not None and abs(mean) > SIGMAS * error
    each = signed(mean)
    if told:
        each.stylize("bold")
    out.add_row(
        styled(line.name if first else ""),
        styled(f"{line.horizon_s:g}"),
        styled(f"{line.fills:,d}"),
        styled(f"{line.fills_without:,d}", "dim"),
        styled(f"{line.contracts:,d}"),
        signed(line.edge_usd),
        signed(line.adverse_usd),
        signed(line.realised_usd),
        styled(percent(line.give_back)),
        each,
        styled(magnitude(error)),
        end_section=last,
    )
