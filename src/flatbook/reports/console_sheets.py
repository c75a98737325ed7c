"""The sheets on a console: expiries at hand, early exercise, dated events, historical risk. What is empty is left out."""

from typing import TYPE_CHECKING

from flatbook.reports.console_table import ROWS, print_table, signed, styled
from flatbook.reports.numbers import brief, contracts, magnitude, percent, plain, tally
from flatbook.reports.schema_sheets import Sheets

if TYPE_CHECKING:
    from rich.console import Console


def print_sheets(sheets: Sheets, console: "Console") -> None:
    """Print every sheet that has a line."""
    for section in (_expiries, _exercises, _events, _history):
        section(sheets, console)


def _expiries(sheets: Sheets, console: "Console") -> None:
    if not sheets.expiries:
        return
    rows = [
        (
            f"{one.option_class} {one.expiry[:16]}",
            "shares" if one.delivers else f"cash, {one.settlement}",
            signed(one.expected_shares),
            magnitude(one.deviation_shares),
            signed(one.worst_shares),
            plain(one.worst_price, 2),
            magnitude(one.assigned),
            magnitude(one.assignment_deviation_usd if one.delivers else one.opening_deviation_usd),
        )
        for one in sheets.expiries
    ]
    titles = (
        "EXPIRIES",
        "brings",
        "shares\nexpected",
        "SD",
        "worst\n2 SD",
        "from",
        "assigned\nexpected",
        "overnight\nSD USD",
    )
    print_table(console, "", titles, rows, left={0, 1})
    for one in sheets.expiries:
        pins = sorted(one.strikes, key=lambda each: -(each.within_pin or 0.0) * abs(each.jump_shares))
        for each in pins[:3]:
            told = (
                f"  {one.option_class} {each.strike:g}: {contracts(each.calls)} calls, {contracts(each.puts)} puts, "
                f"jumps {brief(each.jump_shares)} shares, pin {percent(each.within_pin, 1)}"
            )
            console.print(styled(told, "dim"))
        if one.reason:
            console.print(styled(f"  {one.option_class} {one.expiry[:16]}: {one.reason}", "bold"))


def _exercises(sheets: Sheets, console: "Console") -> None:
    if not sheets.exercises:
        return
    console.print()
    console.print(styled("EARLY EXERCISE", "bold"))
    for one in sheets.exercises[:ROWS]:
        console.print(styled(f"  {one.sentence}", "" if one.loss_usd is not None else "bold"))
    if len(sheets.exercises) > ROWS:
        console.print(styled(f"  … and {len(sheets.exercises) - ROWS} more in the HTML/JSON", "dim"))


def _events(sheets: Sheets, console: "Console") -> None:
    if not sheets.events:
        return
    rows = [
        (
            f"{one.name}, {one.underlying}",
            one.at[:10],
            percent(one.move_sd, 1),
            *(signed(one.jumps[at].pnl_usd if at < len(one.jumps) else None) for at in range(3)),
            signed(one.calm_usd),
            signed(one.expected_usd),
            magnitude(one.deviation_usd),
            signed(one.worst_usd),
        )
        for one in sheets.events
    ]
    titles = (
        "EVENTS, USD",
        "at",
        "move\nSD",
        "-1 SD",
        "+1 SD",
        "2.5 SD",
        "nothing\nmoves",
        "expected",
        "SD",
        "worst",
    )
    print_table(console, "", titles, rows, left={0, 1})
    for one in sheets.events:
        if one.reason:
            console.print(styled(f"  {one.name}, {one.underlying}: {one.reason}", "bold"))


def _history(sheets: Sheets, console: "Console") -> None:
    history = sheets.history
    if history is None:
        return
    levels = history.scopes[0].levels
    rows = [
        (
            one.scope,
            f"{one.days:,d}",
            *(
                magnitude(value)
                for each in one.levels
                for value in (each.value_at_risk_usd, each.shortfall_usd)
            ),
            magnitude(one.levels[-1].shortfall_error_usd),
            signed(one.levels[-1].component_shortfall_usd),
        )
        for one in history.scopes[: 1 if len(history.scopes) == 2 else None]
    ]
    titles = (
        "PAST DAYS, USD",
        "days",
        *(name for each in levels for name in (f"VaR\n{each.level:.0%}", f"ES\n{each.level:.0%}")),
        "± error",
        f"share of ES\n{levels[-1].level:.0%}",
    )
    print_table(console, "", titles, rows)
    for one in history.scopes[:1]:
        worst = "; ".join(f"{each.day} {brief(each.pnl_usd)}" for each in one.worst_days)
        left = f"; {tally(one.days_left_out, 'day')} left out" if one.days_left_out else ""
        console.print(styled(f"  worst days: {worst}{left}", "dim"))
        if one.reason:
            console.print(styled(f"  {one.reason}", "bold"))
