"""Geometry of the picture of capital: what the book needs, and the net capital that is there, over moves of spot."""

from typing import NamedTuple

from flatbook.reports.charts import Line, Tick, nice_ticks, pieces
from flatbook.reports.numbers import magnitude, move
from flatbook.reports.schema import PlanReport
from flatbook.reports.schema_capital import CapitalForecast
from flatbook.reports.schema_parts import Number

WIDTH, HEIGHT = 520.0, 190.0
_BELOW = 0.5  # of the largest amount: how far below zero the picture goes


class Dot(NamedTuple):
    """One move on the line of what is needed; `tone` is short where net capital does not cover it."""

    x: float
    y: float
    tone: str
    title: str


class CapitalChart(NamedTuple):
    """Two lines over spot, broken where a number is missing; net capital far below zero is outside of it."""

    lines: tuple[Line, ...]
    dots: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    now_x: float
    zero_y: float


def capital_chart(forecast: CapitalForecast) -> CapitalChart | None:
    """The picture; None where nothing is known or nothing is needed."""
    needed = [usd for usd in forecast.required_usd if usd is not None]
    if not any(needed):
        return None
    backed = [usd for usd in forecast.net_capital_usd if usd is not None]
    high = max(*needed, *backed)
    ticks = nice_ticks(min(0.0, max(min(backed, default=0.0), -_BELOW * high)), high, 4)
    low, high, moves = ticks[0], ticks[-1], forecast.moves

    def x(at: float) -> float:
        """From a move to a place."""
        return round((at - moves[0]) / (moves[-1] - moves[0]) * WIDTH, 1)

    def y(usd: float) -> float:
        """From an amount to a height."""
        return round((high - usd) / (high - low) * HEIGHT, 1)

    def line(values: tuple[Number, ...], css: str, label: str) -> Line:
        """Through what is known, down to the lowest tick."""
        points = [(x(at), None if usd is None else y(usd)) for at, usd in zip(moves, values, strict=True)]
        return Line(pieces(_above_the_floor(points)), css, label)

    lines = [line(forecast.required_usd, "", "needed")]
    if backed:
        lines.append(line(forecast.net_capital_usd, "after", "net capital"))
    return CapitalChart(
        lines=tuple(lines),
        dots=tuple(
            Dot(x(at), y(need), "short" if _short(need, net) else "", _title(at, need, net, pnl))
            for at, need, net, pnl in zip(
                moves, forecast.required_usd, forecast.net_capital_usd, forecast.pnl_usd, strict=True
            )
            if need is not None
        ),
        x_ticks=tuple(Tick(x(at), move(at)) for at in moves if round(at * 100) % 10 == 0),
        y_ticks=tuple(Tick(y(at), amount(at)) for at in ticks),
        now_x=x(0.0),
        zero_y=y(0.0),
    )


def shown_moves(report: PlanReport) -> tuple[int, ...]:
    """Places of the moves that tables show: those of the gaps, and none."""
    wanted = {0.0, *(gap.move for gap in report.exposure.desk.gaps)}
    return tuple(place for place, at in enumerate(report.capital.forecast.moves) if at in wanted)


def amount(usd: Number) -> str:
    """Three digits, signed only where below zero."""
    return f"-{magnitude(usd)}" if usd is not None and usd < 0.0 else magnitude(usd)


def _above_the_floor(points: list[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """Broken where the line leaves the picture through its floor, up to the very floor."""
    out: list[tuple[float, float | None]] = []
    for place, (x, y) in enumerate(points):
        before = points[place - 1] if place else (x, None)
        if y is not None and before[1] is not None and (y > HEIGHT) != (before[1] > HEIGHT):
            share = (HEIGHT - before[1]) / (y - before[1])
            out.append((round(before[0] + share * (x - before[0]), 1), HEIGHT))
        out.append((x, None if y is None or y > HEIGHT else y))
    return out


def _short(need: float, net: Number) -> bool:
    return net is not None and need > net


def _title(at: float, need: float, net: Number, pnl: Number) -> str:
    told = f"spot {move(at)}: {magnitude(need)} USD needed, P&L {amount(pnl)}"
    return told if net is None else f"{told}, net capital {amount(net)}"
