"""Parts of `flatbook top`, as text: the header, limits, exposure, alerts, and the story. Pure functions of what the stream tells."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from flatbook.reports.numbers import NOTHING, UNSIGNED, brief, magnitude, percent, plain

LONG, SHORT = "bold dodger_blue1", "bold dark_orange"
AMBER, RED, FAINT = "bold dark_goldenrod", "bold red1", "grey53"
STALE_S = 3.0
_BAR = 14
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MOVED = 0.005  # of a limit, within a minute
Row = Mapping[str, Any]


def headline(head: Row, at_ns: int, cycle: int) -> Text:
    """Whose world, how it stands, what it earned, how full, how fresh, how fast."""
    standing, worst = str(head["standing"]), str(head["worst_step"])
    line = Text(f" {head['desk']} ", style="bold")
    line.append(f"▸ {head['mode']} ", style=RED if head["mode"] == "LIVE" else "bold")
    line.append(f"▸ {standing} ", style="bold" if standing == "NORMAL" else RED)
    if worst != "NORMAL":
        line.append(f"▸ {worst} ", style=AMBER)
    line.append("   P&L ", style=FAINT).append(f"{brief(head['pnl_usd'])} USD", style=signed(head["pnl_usd"]))
    line.append("   capital ", style=FAINT).append(_pct(head["capital_pct"], 1))
    line.append("   data ", style=FAINT).append(_pct(head["data_usable_pct"]))
    line.append("   decided in ", style=FAINT).append(_time_of(head["tick_to_decision_p99_us"])).append(
        " p99", style=FAINT
    )
    line.append(f"   {instant(at_ns, 'milliseconds')} UTC", style="bold")
    line.append(f"   cycle {cycle}", style=FAINT)
    if head["standing_reason"]:
        line.append(f"\n {head['standing_reason']}", style=RED)
    return line


def alerts(head: Row) -> Text:
    """What a person should look at; kills first."""
    out = Text()
    for each in head["kills"]:
        name = f"{each['scope']} {each['name']}".strip()
        told = f" ■ STOPPED {name}: {each['text']} · {each['owner']}: {each['reason']}\n"
        out.append(told, style=RED)
    for each in head["alerts"]:
        style, mark = (RED, "▲ RED  ") if each["severity"] == "red" else (AMBER, "● AMBER")
        seen = f"  seen by {each['acknowledged_by']}" if each["acknowledged_by"] else ""
        out.append(f" {mark} ", style=style).append(each["text"]).append(f"{seen}\n", style=FAINT)
    if not out:
        out.append(" nothing asks for a person", style=FAINT)
    out.rstrip()
    return out


def limits(rows: Sequence[Row], most: int) -> Table:
    """Limits as they come, worst first; the unit ends the name."""
    table = _table()
    table.add_column("limit", no_wrap=True, ratio=1, overflow="ellipsis")
    table.add_column("of the limit", no_wrap=True, min_width=_BAR)
    table.add_column("", justify="right", no_wrap=True, min_width=6)
    table.add_column("1 min", justify="right", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("limit", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for each in rows[:most]:
        share = each["utilisation"]
        style = _style_of(each)
        told = magnitude if each["measure"] in UNSIGNED else brief
        table.add_row(
            Text(str(each["name"])),
            Text(bar(share), style=style or LONG),
            Text(NOTHING if share is None else percent(share), style=style),
            _since(share, each["minute_ago"]),
            told(each["value"]),
            magnitude(each["limit_hard"]),
            Text(str(each["reason"] if share is None else each["step"]), style=style or FAINT),
        )
    return table


def exposure(rows: Sequence[Row], desk: Row) -> Table:
    """Exposure by underlying, and of the desk; thousands of USD."""
    table = _table()
    table.add_column("", no_wrap=True, style="bold")
    for name in ("spot", "Δ 1 %", "± band", "Γ 1 %²", "vega pt", "θ day", "fall 10 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in rows:
        band = each["band_usd"]
        table.add_row(
            str(each["name"]),
            plain(each["spot"], 2),
            _thousands(each["delta_usd"], 0.01),
            NOTHING if band is None else magnitude(band / 1e5),
            *_others(each),
        )
    delta = desk["beta_delta_usd"]
    table.add_row("desk", "", _thousands(delta, 0.01), "", *_others(desk), style="bold")
    return table


def story(lines: Sequence[Row], most: int) -> Text:
    """What the desk is doing, newest first."""
    out = Text()
    styles = {"red": RED, "amber": AMBER, "notice": "bold"}
    for each in lines[:most]:
        out.append(f" {instant(int(each['at_ns']), 'seconds')}  ", style=FAINT)
        out.append(f"{str(each['kind']).upper():<9}", style=styles.get(str(each["severity"]), FAINT))
        out.append(f"{each['text']}\n", style=styles.get(str(each["severity"]), ""))
    out.rstrip()
    return out or Text(" nothing yet", style=FAINT)


def bar(share: float | None) -> str:
    """A share of a limit as a bar that is full at the limit."""
    if share is None:
        return "?" * _BAR
    eighths = min(max(round(share * _BAR * 8), 1 if share > 0.0 else 0), _BAR * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()).ljust(_BAR, "·")


def signed(value: float | None) -> str:
    """Blue for long, orange for short."""
    if not value:
        return ""
    return LONG if value > 0.0 else SHORT


def instant(at_ns: int, to: str) -> str:
    """The time of day, UTC."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    return at.time().isoformat(timespec=to)


def _table() -> Table:
    return Table(expand=True, box=None, pad_edge=True, padding=(0, 0, 0, 1), header_style=FAINT)


def _style_of(limit: Row) -> str:
    share = limit["utilisation"]
    if share is None or share >= limit["critical_share"]:
        return RED
    return AMBER if share >= limit["soft_share"] else ""


def _since(now: float | None, before: float | None) -> Text:
    if now is None or before is None:
        return Text(NOTHING, style=FAINT)
    moved = now - before
    if abs(moved) < _MOVED:
        return Text("=", style=FAINT)
    return Text(f"{'▲' if moved > 0 else '▼'}{abs(moved):.0%}", style=AMBER if moved > 0 else FAINT)


def _others(row: Row) -> tuple[Text, Text, Text, Text]:
    return (
        _thousands(row["gamma_usd_per_pct"], 0.01),
        _thousands(row["vega_usd_per_point"]),
        _thousands(row["theta_usd_per_day"]),
        _thousands(row["gap_usd"]),
    )


def _thousands(value: float | None, share: float = 1.0) -> Text:
    told = None if value is None else value * share / 1e3
    return Text(brief(told), style=signed(told))


def _pct(value: float | None, decimals: int = 0) -> str:
    return NOTHING if value is None else f"{value:.{decimals}f} %"


def _time_of(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{magnitude(value / 1e3)} ms" if value < 1e6 else f"{magnitude(value / 1e6)} s"
