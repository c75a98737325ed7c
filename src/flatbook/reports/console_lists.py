"""The longer lists of a console: what is left, the risk price, quotes, inventory, and how good the market was."""

import math
from typing import TYPE_CHECKING

from flatbook.reports.chains import decimals_of
from flatbook.reports.console_table import ROWS, print_table, signed, styled
from flatbook.reports.numbers import brief, contracts, day, full, magnitude, percent, plain, tally
from flatbook.reports.schema import PlanReport
from flatbook.reports.schema_decisions import QuoteRow, ResidualLedger, ResidualOf, RiskPriceOf
from flatbook.reports.schema_parts import Number
from flatbook.reports.schema_price import QuoteShift

if TYPE_CHECKING:
    from rich.console import Console

_LEDGER_ENTRIES = 4  # the largest
_SHIFTED = 3  # series whose shifts are told
_CENT = 0.01


def print_residual(report: PlanReport, console: "Console") -> None:
    """Print risk before and after the hedges, and the ledger of what they leave."""
    _print_changes("WHAT IS LEFT", report.residual.scopes, console)
    for basis in report.residual.basis:
        told = f"  {basis.underlying}: basis risk of {basis.symbol} {magnitude(basis.deviation_usd)} USD SD"
        console.print(styled(f"{told} over {basis.over_days:g} days", "dim"))
    _print_ledger(report.residual.ledger, console)


def _print_ledger(ledger: ResidualLedger, console: "Console") -> None:
    """The sum, what the factor model says of the same book, and the largest entries."""
    if not ledger.entries:
        return
    totals, many = ledger.totals, tally(len(ledger.entries), "entry", "entries")
    told = (
        f"  left behind, {many}: {magnitude(totals.deviation_usd)} USD SD "
        f"(factor model {magnitude(_root(totals.model_usd2))}), cost {brief(totals.expected_cost_usd)} USD"
    )
    console.print(styled(told, "dim"))
    largest = "; ".join(
        f"{row.name} {magnitude(row.deviation_usd)} ({percent(row.share_of_variance)})"
        for row in ledger.entries[:_LEDGER_ENTRIES]
    )
    console.print(styled(f"    {largest}", "dim"))


def _root(usd2: Number) -> Number:
    return None if usd2 is None else math.sqrt(usd2)


def _print_changes(title: str, scopes: tuple[ResidualOf, ...], console: "Console") -> None:
    """Before and after, the desk first; one underlying alone is the desk."""
    titles = [title, "delta\nUSD", "gamma\nUSD/1 %", "vega\nUSD/pt", "gap loss\nUSD", "capital\nUSD"]
    signs = (brief, brief, brief, magnitude, magnitude)
    rows = [
        (
            scope.scope,
            *(
                f"{told(each.before)} > {told(each.after)}"
                for each, told in zip(scope.changes, signs, strict=True)
            ),
        )
        for at, scope in enumerate(scopes[: 1 if len(scopes) == 2 else None])
        if at == 0 or any(each.before is not None or each.after is not None for each in scope.changes)
    ]
    print_table(console, "", titles, rows)


def print_what_ifs(report: PlanReport, console: "Console") -> None:
    """Print the book after orders at work, or after trades that somebody asked about."""
    for one in report.what_if:
        _print_changes(f"IF: {one.name}", one.scopes, console)
        contracts_told = sum(each.contracts for each in one.trades)
        console.print(styled(f"  {tally(contracts_told, 'contract')} in {len(one.trades)} series", "dim"))
        for limit in one.limits[:ROWS]:
            told = f"{percent(limit.utilisation_before, 0)} > {percent(limit.utilisation_after, 0)}"
            steps = (
                "" if limit.step_before == limit.step_after else f", {limit.step_before} > {limit.step_after}"
            )
            console.print(styled(f"  {limit.name}: {told}{steps}", "dim" if not steps else ""))


def print_risk_price(report: PlanReport, console: "Console") -> None:
    """Print what one more unit of each risk costs."""
    rows = [
        (
            row.underlying,
            percent(row.spot_vol, 1),
            plain(_in_bp(row.hedge_cost_usd_per_usd), 2),
            full(_in_bp(_price_of(row, "spot")), 3),
            brief(_thousand(_price_of(row, "level_1m"))),
            brief(_in_bp(_price_of(row, "gamma"))),
        )
        for row in report.residual.risk_price
        if row.spot_vol is not None or len(report.residual.risk_price) == 1
    ]
    titles = (
        "RISK PRICE",
        "30d vol",
        "hedge cost\nbp",
        "delta\nbp",
        "30d vega\nUSD per 1k",
        "variance\nbp",
    )
    print_table(console, "", titles, rows)


def _price_of(row: RiskPriceOf, factor: str) -> Number:
    return next(each.price_usd_per_unit for each in row.factors if each.factor == factor)


def _thousand(value: Number) -> Number:
    return None if value is None else value * 1e3


def _in_bp(value: Number) -> Number:
    return None if value is None else value * 1e4


def print_quotes(report: PlanReport, console: "Console") -> None:
    """Print the quotes of what is held, then those nearest the money."""
    spots = {one.underlying: one.spot for one in report.exposure.by_underlying}
    worth = sorted(report.quotes.series, key=lambda row: _telling(row, spots[row.underlying]))
    told = [row for row in worth if row.position or row.bid is not None or row.ask is not None]
    decimals = decimals_of(report)
    rows = [_quote(row, decimals[row.option_class, row.expiry]) for row in told[:ROWS]]
    titles = (
        "QUOTES",
        "pos",
        "theo",
        "market\nbid / ask",
        "neutral\nbid / ask",
        "ours\nbid / ask",
        "size",
        "lean",
    )
    print_table(console, "", titles, rows, total=len(worth))


def _quote(row: QuoteRow, decimals: int) -> tuple[object, ...]:
    return (
        row.symbol,
        contracts(row.position),
        plain(row.theo, decimals),
        _pair(row.market_bid, row.market_ask, decimals),
        _pair(row.neutral_bid, row.neutral_ask, decimals),
        _pair(row.bid, row.ask, decimals),
        f"{row.bid_size} x {row.ask_size}",
        full(row.lean, decimals),
    )


def print_shifts(report: PlanReport, console: "Console") -> None:
    """Print what a fill costs beside the distance of its quote, of the quoted series with the largest shifts, and what makes most of it."""
    by_symbol: dict[str, list[QuoteShift]] = {}
    quoted = {row.symbol for row in report.quotes.series if row.bid is not None or row.ask is not None}
    for row in report.quotes.shifts:
        if row.symbol in quoted:
            by_symbol.setdefault(row.symbol, []).append(row)
    largest = sorted(by_symbol.values(), key=lambda sides: -max(_size(side) for side in sides))[:_SHIFTED]
    lines = [
        f"    {sides[0].symbol}: {', '.join(_shift(side) for side in sides)}"
        for sides in largest
        if max(_size(side) for side in sides) >= _CENT
    ]
    if lines:
        console.print(styled("  a fill costs, USD a contract beside the quote's own distance:", "dim"))
    for line in lines:
        console.print(styled(line, "dim"))


def _size(side: QuoteShift) -> float:
    """The magnitude of a shift; one that nobody knows or that a limit forbids leads."""
    return math.inf if side.shift_usd is None else abs(side.shift_usd)


def _shift(side: QuoteShift) -> str:
    if side.shift_usd is None:
        return f"{side.side} {'limit' if side.limits_usd is None else 'not known'}"
    parts = (
        ("inventory", side.inventory_usd),
        ("flow", side.flow_usd),
        ("own risk", side.own_usd),
        ("limits", side.limits_usd),
        ("capital", side.capital_usd),
        ("adverse selection", side.adverse_selection_usd),
        ("hedge", side.hedge_usd),
    )
    name, most = max(parts, key=lambda part: abs(part[1] or 0.0))
    return f"{side.side} {brief(side.shift_usd)} ({name} {brief(most)})"


def _telling(row: QuoteRow, spot: Number) -> tuple[int, float]:
    """The largest positions, then what is nearest the money."""
    return (-abs(row.position), abs(row.strike / spot - 1.0) if spot else 0.0)


def print_inventory(report: PlanReport, console: "Console") -> None:
    """Print the largest positions."""
    rows = [
        (
            row.symbol,
            contracts(row.position),
            signed(row.measures.delta_usd),
            signed(row.measures.gamma_usd_per_pct),
            signed(row.measures.vega_usd_per_point),
            signed(row.measures.theta_usd_per_day),
            percent(row.vol, 1),
        )
        for row in report.inventory.series[:ROWS]
    ]
    titles = ("INVENTORY", "net", "delta\nUSD", "gamma\nUSD/1 %", "vega\nUSD/pt", "theta\nUSD/day", "vol")
    print_table(console, "", titles, rows, total=len(report.inventory.series))


def print_health(report: PlanReport, console: "Console") -> None:
    """Print each expiry, and what is held and cannot be valued."""
    health = report.market_health
    rows = [
        (
            f"{row.option_class} {day(row.expiry)}",
            f"{row.days:.1f}",
            plain(row.forward, 2),
            row.forward_source,
            percent(row.rate, 2),
            percent(row.atm_vol, 1),
            f"{row.usable}/{row.series}",
            percent(row.theo_inside_share),
        )
        for row in health.expiries[:ROWS]
    ]
    titles = ("MARKET", "days", "forward", "from", "rate", "ATM vol", "usable", "theo inside")
    print_table(console, "", titles, rows, left={0, 3}, total=len(health.expiries))
    for row in health.expiries[:ROWS]:
        if row.reason or row.warning:
            console.print(
                styled(f"  {row.option_class} {day(row.expiry)}: {row.reason or row.warning}", "dim")
            )
    for event in health.events:
        told = (
            ""
            if event.move_sd is None
            else f"move {percent(event.move_sd, 2)} ± {percent(event.move_sd_error, 2)}"
        )
        said = "; ".join(filter(None, (told, event.reason)))
        console.print(styled(f"  {event.name}, {event.underlying}, {event.at}: {said}", "dim"))
    for one in health.classes:
        faults = "; ".join(f"{fault.series:,d} {fault.text}" for fault in one.faults)
        console.print(
            styled(
                f"  {one.option_class}: {percent(one.usable_share)} of {tally(one.live, 'live quote')} usable"
                f"{'; ' if faults else ''}{faults}",
                "dim",
            )
        )
    for held in health.unvalued_held[:ROWS]:
        console.print(
            styled(f"  not valued: {contracts(held.position)} {held.symbol}: {held.reason}", "bold")
        )
    if len(health.unvalued_held) > ROWS:
        console.print(styled(f"  … and {len(health.unvalued_held) - ROWS} more in the HTML/JSON"))
    others = sum(group.series for group in health.unvalued_other)
    if others:
        console.print(styled(f"  {tally(others, 'contract')} not held without a value", "dim"))


def _pair(bid: Number, ask: Number, decimals: int) -> str:
    return f"{plain(bid, decimals)} / {plain(ask, decimals)}"
