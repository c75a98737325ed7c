"""Duties, protections, fast markets, escalations and orders on a console: a line each, none where there is nothing to say."""

from typing import TYPE_CHECKING

from flatbook.reports.console_table import ROWS, styled
from flatbook.reports.numbers import percent, plain, tally
from flatbook.reports.schema import PlanReport
from flatbook.reports.schema_quoting import DutyRow, FastRow, OrdersOf, ThresholdRow

if TYPE_CHECKING:
    from rich.console import Console

_THRESHOLDS = 4
_RED, _AMBER = "bold red3", "bold yellow3"


def print_conditions(report: PlanReport, console: "Console") -> None:
    """Print what holds for quotes beside value, price and limits, and which orders leave."""
    at = report.quotes.conditions
    lines = [(f"{one.text}: {_series(one.symbols, one.series)}", _RED) for one in at.escalations]
    lines += [(_fast(one), _AMBER) for one in at.fast]
    if at.protections.frozen_scopes:
        scopes = ", ".join(at.protections.frozen_scopes)
        lines.append((f"frozen: {scopes}, {tally(at.protections.frozen_series, 'series', 'series')}", _AMBER))
    if at.killed_series and not any(one.ground == "killed" for one in at.escalations):
        lines.append((f"killed: {tally(at.killed_series, 'series', 'series')}", _RED))
    lines += [(f"duty {_duty(one)}", "") for one in at.duties[:ROWS]]
    lines += [(_threshold(one), "dim") for one in at.protections.thresholds[:_THRESHOLDS]]
    if lines:
        console.print()
        console.print(styled("QUOTING", "bold"))
    for text, style in lines:
        console.print(styled(f"  {text}", style))
    if report.orders is not None:
        _print_orders(report.orders, console)


def _fast(one: FastRow) -> str:
    signs = ", ".join(one.reasons) or "signs have gone, not for long enough"
    asked = [f"distances x {one.widen_factor:g}", f"sizes x {one.size_share:g}"]
    asked += ["wings pulled"] * one.wings_pulled + ["its delta hedged first"] * one.urgent
    return f"{one.underlying} fast, level {one.level}: {signs}; {', '.join(asked)}"


def _threshold(one: ThresholdRow) -> str:
    now = "none" if one.contracts_in_force is None else plain(one.contracts_in_force)
    proposed = (
        f"should trip at {tally(one.contracts, 'contract')}"
        if one.contracts
        else "has no threshold low enough: quote smaller, or be gone sooner"
    )
    return f"our protection of {one.option_class} {proposed}; in force: {now}"


def _series(symbols: tuple[str, ...], count: int) -> str:
    return f"{tally(count, 'series', 'series')}, {', '.join(symbols[:3])}{' …' if count > 3 else ''}"


def _duty(one: DutyRow) -> str:
    room = (
        "no session told, it always binds"
        if one.headroom_share is None
        else f"headroom {percent(one.headroom_share, 1)}, all off for {plain(one.all_off_s)} s"
    )
    return f"{one.name}: {one.quoted:,d} of {one.in_duty:,d} series quoted, {room}{'; clock stopped' * one.suspended}"


def _print_orders(orders: OrdersOf, console: "Console") -> None:
    console.print()
    leaving = sum(row.commands for row in orders.commands)
    where = f" for {orders.venue}" if orders.venue else ""
    console.print(
        styled(f"ORDERS, {tally(leaving, 'command')} leave{'s' if leaving == 1 else ''}{where}", "bold")
    )
    for kill in orders.kills:
        scope = " ".join(filter(None, (kill.scope, kill.name)))
        console.print(
            styled(f"  {kill.state} {scope}: {kill.reason} ({kill.owner}, since {kill.since})", "bold red3")
        )
    for row in orders.commands[:ROWS]:
        console.print(styled(f"  {row.action} {row.commands:,d}: {row.why}"))
    for refusal in orders.refused[:ROWS]:
        console.print(styled(f"  held back {refusal.orders:,d}: {refusal.reason}", "dim"))
