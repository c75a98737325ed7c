"""The plan on a console: sentences first, then one short table a section, the worst limit at the top.

Blue is long, bid and what adds; orange is short, offer and what reduces; amber and red are limit states, with their word.
"""

from typing import TYPE_CHECKING

from flatbook.reports.console_capital import print_capital
from flatbook.reports.console_conditions import print_conditions
from flatbook.reports.console_lists import (
    print_health,
    print_inventory,
    print_quotes,
    print_residual,
    print_risk_price,
    print_shifts,
    print_what_ifs,
)
from flatbook.reports.console_offset import print_offset
from flatbook.reports.console_risk import print_risk
from flatbook.reports.console_sheets import print_sheets
from flatbook.reports.console_table import print_table, signed, styled
from flatbook.reports.numbers import NOTHING, UNSIGNED, brief, magnitude, move, percent, plain
from flatbook.reports.schema import PlanReport, UnderlyingExposure
from flatbook.reports.schema_decisions import HedgeRow, ResponseRow
from flatbook.reports.schema_parts import GapPnl, Number
from flatbook.reports.story import limit_notes

if TYPE_CHECKING:
    from rich.console import Console

_STEP_STYLE = {"ALERT": "bold yellow3", "ESCALATE": "bold red3", "HARD": "bold white on red3"}
_STEP_MARK = {"NORMAL": "o", "NOTIFY": "+", "ALERT": "!", "ESCALATE": "!!", "HARD": "X"}
_BAR = 20  # characters up to the limit
_LISTS = (
    print_offset,
    print_what_ifs,
    print_residual,
    print_risk_price,
    print_quotes,
    print_shifts,
    print_conditions,
    print_inventory,
    print_health,
)


def print_plan(report: PlanReport, console: "Console") -> None:
    """Print `report`, readable at 100 columns.

    Parameters
    ----------
    report : PlanReport
    console : rich.console.Console
    """
    _head(report, console)
    for section in (_limits, _exposure, _gaps, print_capital, print_risk, _hedges, *_LISTS):
        section(report, console)
    print_sheets(report.sheets, console)


def _head(report: PlanReport, console: "Console") -> None:
    header = report.header
    source = header.sources
    where = " · ".join(part for part in (source.book, source.market, source.format) if part)
    console.print(
        styled(f"flatbook · {header.desk} · {header.valued_at}" + " · SYNTHETIC" * source.synthetic)
    )
    if where:
        console.print(styled(where, "dim"))
    console.print()
    console.print(styled(header.headline, "bold"))
    for sentence in header.sentences:
        console.print(styled(sentence))
    for note in source.notes:
        console.print(styled(f"note: {note}", "dim"))


def _limits(report: PlanReport, console: "Console") -> None:
    rows = [
        (
            row.name,
            magnitude(row.value) if row.measure in UNSIGNED else signed(row.value),
            magnitude(row.limit_hard),
            _bar(row.utilisation),
            percent(row.utilisation),
            styled(f"{_STEP_MARK[row.step]} {row.step}", _STEP_STYLE.get(row.step, "")),
            row.where or "",
        )
        for row in report.limits
    ]
    print_table(
        console,
        "LIMITS, worst first",
        ("limit", "value", "hard", "used", "", "state", "where"),
        rows,
        left={0, 3, 5, 6},
    )
    actions = dict.fromkeys((row.step, row.action) for row in report.limits if row.step != "NORMAL")
    for step, action in actions:
        console.print(styled(f"  {step}: {action}", "dim"))
    for row in report.limits:
        for note in limit_notes(row):
            console.print(styled(f"  {row.name}: {note}", "dim"))
    strained = [row for row in report.responses if row.step != "NORMAL"]
    if strained:
        _responses(strained, console)


def _responses(rows: list[ResponseRow], console: "Console") -> None:
    print_table(
        console,
        "RESPONSE of our quotes, by class and side",
        ("class", "side", "state", "what to do", "series", "limit"),
        [
            (
                row.option_class,
                sides,
                styled(f"{_STEP_MARK[row.step]} {row.step}", _STEP_STYLE.get(row.step, "")),
                row.action,
                f"{row.series:,d} of {row.live:,d}",
                row.limit,
            )
            for sides, row in _together(rows)
        ],
        left={0, 1, 2, 3, 5},
    )


def _together(rows: list[ResponseRow]) -> list[tuple[str, ResponseRow]]:
    """Both sides of a class in one line where they say the same."""
    sides: dict[tuple[object, ...], list[ResponseRow]] = {}
    for row in rows:
        sides.setdefault((row.option_class, row.step, row.limit, row.series), []).append(row)
    return [(" and ".join(one.side for one in alike), alike[0]) for alike in sides.values()]


def _exposure(report: PlanReport, console: "Console") -> None:
    scopes = [("desk", report.exposure.desk.measures, report.exposure.desk.unvalued)]
    scopes += [(one.underlying, one.measures, one.unvalued) for one in _each(report)]
    rows: list[tuple[object, ...]] = [
        (
            scope,
            signed(each.delta_usd),
            signed(each.gamma_usd_per_pct),
            signed(each.vega_usd_per_point),
            signed(each.vega_weighted_usd_per_point),
            signed(each.theta_usd_per_day),
            signed(each.rho_usd_per_bp),
            str(unvalued) if unvalued else "",
        )
        for scope, each, unvalued in scopes
    ]
    titles = (
        "EXPOSURE",
        "delta\nUSD",
        "gamma\nUSD/1 %",
        "vega\nUSD/pt",
        "wtd vega\nUSD/30d pt",
        "theta\nUSD/day",
        "rho\nUSD/bp",
        "not\nvalued",
    )
    print_table(console, "", titles, rows)
    desk = report.exposure.desk
    if desk.measures.delta_smile_usd not in (None, desk.measures.delta_usd):
        told = (
            f"  smile delta {brief(desk.measures.delta_smile_usd)} USD: with the volatility that follows spot"
        )
        console.print(styled(told, "dim"))
    if desk.beta_delta_shares is not None:
        told = f"  beta-weighted delta {brief(desk.beta_delta_usd)} USD = {brief(desk.beta_delta_shares)} {desk.index}"
        console.print(styled(told, "dim"))


def _gaps(report: PlanReport, console: "Console") -> None:
    desk = report.exposure.desk
    scopes: list[tuple[str, tuple[GapPnl, ...], Number, Number]] = [
        ("desk", desk.gaps, desk.capital_usd, None)
    ]
    scopes += [
        (one.underlying, one.gaps, one.capital.required_usd, one.capital.worst_move) for one in _each(report)
    ]
    rows = [
        (
            scope,
            *(signed(each.pnl_usd) for each in gaps),
            magnitude(capital),
            "" if worst is None else move(worst, 1),
        )
        for scope, gaps, capital, worst in scopes
    ]
    titles = ("GAPS, USD", *(move(each.move) for each in desk.gaps), "capital\nUSD", "worst\nmove")
    print_table(console, "", titles, rows)


def _each(report: PlanReport) -> tuple[UnderlyingExposure, ...]:
    """Underlyings, where they say more than the desk does."""
    several = report.exposure.by_underlying
    return several if len(several) > 1 else ()


def _hedges(report: PlanReport, console: "Console") -> None:
    rows = [line for row in report.hedges.rows for line in _hedge_lines(row)]
    titles = ("HEDGES", "trade", "price", "cost\nUSD", "basis SD\nUSD", "delta before\nUSD", "after\nUSD")
    print_table(console, "", titles, rows, left={0, 1})
    for row in report.hedges.rows:
        band = (
            f"band ±{magnitude(row.band_usd)} USD, target {brief(row.target_usd)}; " if row.band_usd else ""
        )
        console.print(styled(f"  {row.underlying}: {band}{row.reason}", "dim"))
        notes = _hedge_notes(row)
        if notes:
            console.print(styled(f"    {'; '.join(notes)}", "dim"))


def _hedge_notes(row: HedgeRow) -> tuple[str, ...]:
    """What a person should know of a hedge beside its numbers."""
    notes = [f"{one.symbol} lost: {one.why}" for one in row.alternatives]
    notes += [
        f"{one.symbol} is worked over {one.minutes:g} minutes: {one.reason}"
        for one in row.schedule
        if one.minutes
    ]
    return tuple(notes)


def _hedge_lines(row: HedgeRow) -> list[tuple[object, ...]]:
    if not row.legs:
        return [(row.underlying, "no hedge", "", "", "", signed(row.delta_before_usd), NOTHING)]
    return [
        (
            row.underlying if at == 0 else "  or" if one.why else "  and",
            styled(f"{one.side} {one.contracts:,d} {one.symbol}", "dim" if one.why else "bold"),
            plain(one.price, 2),
            plain(one.cost_usd),
            plain(one.basis_deviation_usd),
            signed(row.delta_before_usd),
            signed(one.delta_after_usd),
        )
        for at, one in enumerate((*row.legs, *row.alternatives))
    ]


def _bar(utilisation: Number) -> str:
    if utilisation is None:
        return "?" * _BAR
    filled = round(min(utilisation, 1.0) * _BAR)
    return "#" * filled + "." * (_BAR - filled) + (">" if utilisation > 1.0 else "|")
