"""The desk's capital on a console: what is needed now and after a move, what one contract more changes, what others say."""

from typing import TYPE_CHECKING

from flatbook.reports.capital_chart import amount, shown_moves
from flatbook.reports.console_table import print_table, signed, styled
from flatbook.reports.numbers import brief, magnitude, move
from flatbook.reports.schema import PlanReport
from flatbook.reports.schema_capital import CapitalPart, MarginalRow

if TYPE_CHECKING:
    from rich.console import Console

_SERIES = 2  # of those that free or ask for most
_RELIEFS = 3  # of underlyings
_REPORTS = 2  # of others


def print_capital(report: PlanReport, console: "Console") -> None:
    """Print the desk's capital where something is held."""
    capital = report.capital
    if not capital.parts:
        return
    ahead, places = capital.forecast, shown_moves(report)
    rows: list[tuple[object, ...]] = [
        ("needed", *(magnitude(ahead.required_usd[at]) for at in places)),
        ("P&L on the way", *(signed(ahead.pnl_usd[at]) for at in places)),
    ]
    if capital.net_capital_usd is not None:
        rows.append(("net capital then", *(amount(ahead.net_capital_usd[at]) for at in places)))
    if any(usd is not None for usd in ahead.required_usd):
        titles = ("CAPITAL, USD; spot", *(move(ahead.moves[at]) for at in places))
        print_table(console, "", titles, rows)
    else:
        console.print()
        console.print(styled("CAPITAL, USD", "bold"))
    notes = [capital.sentence, _made_of(capital.parts)]
    notes += [_marginals("frees most", capital.frees), _marginals("asks for most", capital.asks)]
    notes += [
        f"{one.name}: reported {magnitude(one.reported_usd)}, own {magnitude(one.own_usd)}, "
        + (one.reason or f"difference {brief(one.difference_usd)}")
        for one in capital.reported[:_REPORTS]
    ]
    for note in notes:
        if note:
            console.print(styled(f"  {note}", "dim"))


def _made_of(parts: tuple[CapitalPart, ...]) -> str:
    """The largest parts where there are several, and the underlyings whose offsets are worth most."""
    relieved = [one for part in parts for one in part.members if one.relief_usd]
    relieved.sort(key=lambda one: -(one.relief_usd or 0.0))
    told = [f"{part.name} {magnitude(part.required_usd)}" for part in parts[:_RELIEFS] if len(parts) > 1]
    told += [f"relief by {one.underlying} {magnitude(one.relief_usd)}" for one in relieved[:_RELIEFS]]
    return ", ".join(told)


def _marginals(what: str, rows: tuple[MarginalRow, ...]) -> str:
    told = [f"{row.side} {row.symbol} {brief(row.marginal_capital_usd)}" for row in rows[:_SERIES]]
    return f"{what}, a contract: {', '.join(told)}" if told else ""
