"""Geometry of the page's charts: from report numbers to coordinates; the template draws them as inline SVG.

Coordinates are SVG units, y downwards. Blue is plus, orange is minus; a number that is missing is hatched, never zero.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from flatbook.reports.numbers import brief, full, move
from flatbook.reports.schema import Flow, SlideGrid, UnderlyingExposure
from flatbook.reports.schema_decisions import HedgeRow, LimitRow
from flatbook.reports.schema_parts import Measures, Number

LIMIT_WIDTH, LIMIT_END = 240.0, 1.25  # a bullet ends at 125 % of its limit
CELL_WIDTH, CELL_HEIGHT = 52.0, 24.0
LABEL_WIDTH, LABEL_HEIGHT = 44.0, 20.0
CURVE_WIDTH, CURVE_HEIGHT = 640.0, 260.0
BAR_WIDTH, BAR_STEP = 150.0, 22.0
BAND_WIDTH = 420.0


class Tick(NamedTuple):
    """A mark on an axis."""

    at: float
    label: str


class Bullet(NamedTuple):
    """One limit: what is used, what the unvalued series may add, where steps and limit stand."""

    used: float
    unvalued: float
    marks: tuple[float, ...]
    hard: float
    over: bool
    tone: str


class Cell(NamedTuple):
    """One cell of a heat map; `tone` is plus, minus, flat or none."""

    x: float
    y: float
    tone: str
    strength: float
    text: str
    title: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Spot to the right, volatility upwards."""

    width: float
    height: float
    cells: tuple[Cell, ...]
    columns: tuple[Tick, ...]
    rows: tuple[Tick, ...]


class Line(NamedTuple):
    """A line through `points`, as SVG wants them; broken where a value is missing."""

    pieces: tuple[str, ...]
    css: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Lines over two axes with a zero."""

    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    zero_x: float
    zero_y: float


class Bar(NamedTuple):
    """One bar from a zero line in the middle."""

    label: str
    x: float
    width: float
    y: float
    tone: str
    text: str
    title: str


class Bars(NamedTuple):
    """Bars of one measure."""

    title: str
    unit: str
    height: float
    bars: tuple[Bar, ...]


class Band(NamedTuple):
    """A delta before and after its hedge against the no-trade band."""

    left: float
    right: float
    before: float
    after: float
    zero: float


def bullet(row: LimitRow) -> Bullet:
    """The bullet of one limit."""
    scale = LIMIT_WIDTH / LIMIT_END
    value = abs(row.value or 0.0) / row.limit_hard
    unvalued = (row.unvalued_worst_case or 0.0) / row.limit_hard
    known = row.utilisation is not None
    used = min(value, LIMIT_END) if known else LIMIT_END
    return Bullet(
        used=_round(used * scale if known else 0.0),
        unvalued=_round(min(unvalued, LIMIT_END - used) * scale if known else LIMIT_WIDTH),
        marks=tuple(_round(at * scale) for at in (0.5, 0.75, 0.9)),
        hard=_round(scale),
        over=not known or value + unvalued > LIMIT_END,
        tone=row.step.lower(),
    )


def largest_of(*grids: SlideGrid) -> float:
    """The largest amount in any of them; 1 where there is none."""
    known = [abs(pnl) for grid in grids for row in grid.pnl_usd for pnl in row if pnl is not None]
    return max(known, default=0.0) or 1.0


def heat_map(
    grid: SlideGrid, moves: tuple[float, ...], shifts: tuple[float, ...], largest: float | None = None
) -> HeatMap:
    """P&L over spot and volatility; strength of colour grows with the square root of the amount as a share of `largest`, by default the grid's."""
    largest = largest_of(grid) if largest is None else largest
    cells = []
    for i, at_move in enumerate(moves):
        for j, shift in enumerate(shifts):
            pnl = grid.pnl_usd[i][j]
            where = f"spot {move(at_move)}, vol {shift:+g} points"
            cells.append(
                Cell(
                    x=_round(LABEL_WIDTH + i * CELL_WIDTH),
                    y=_round((len(shifts) - 1 - j) * CELL_HEIGHT),
                    tone=_tone(pnl),
                    strength=round(0.85 * math.sqrt(abs(pnl or 0.0) / largest), 3),
                    text=brief(pnl),
                    title=f"{where}: {full(pnl)} USD" if pnl is not None else f"{where}: not known",
                    here=at_move == 0.0 and shift == 0.0,
                )
            )
    return HeatMap(
        width=LABEL_WIDTH + len(moves) * CELL_WIDTH + 2.0,
        height=len(shifts) * CELL_HEIGHT + LABEL_HEIGHT,
        cells=tuple(cells),
        columns=tuple(
            Tick(_round(LABEL_WIDTH + (i + 0.5) * CELL_WIDTH), move(at)) for i, at in enumerate(moves)
        ),
        rows=tuple(
            Tick(_round((len(shifts) - 0.5 - j) * CELL_HEIGHT), f"{at:+g}" if at else "0")
            for j, at in enumerate(shifts)
        ),
    )


def pnl_curve(
    before: SlideGrid, after: SlideGrid, moves: tuple[float, ...], shifts: tuple[float, ...]
) -> Curve | None:
    """P&L over spot at unchanged and shifted volatility, and once hedged; None where nothing is known."""
    flat = shifts.index(0.0)
    wanted = [("now", "now", before, flat), ("after hedges", "after", after, flat)]
    wanted += [(f"vol {at:+g}", "shifted", before, shifts.index(at)) for at in (-5.0, 5.0) if at in shifts]
    series = [(label, css, [row[j] for row in grid.pnl_usd]) for label, css, grid, j in wanted]
    known = [pnl for _, _, values in series for pnl in values if pnl is not None]
    if not known:
        return None
    y_ticks = nice_ticks(min(0.0, *known), max(0.0, *known), 5)
    low, high = y_ticks[0], y_ticks[-1]

    def x(at: float) -> float:
        """From a move to a place."""
        return _round((at - moves[0]) / (moves[-1] - moves[0]) * CURVE_WIDTH)

    def y(pnl: float) -> float:
        """From a P&L to a height."""
        return _round((high - pnl) / ((high - low) or 1.0) * CURVE_HEIGHT)

    return Curve(
        lines=tuple(
            Line(
                pieces([(x(m), None if v is None else y(v)) for m, v in zip(moves, values, strict=True)]),
                css,
                label,
            )
            for label, css, values in series
        ),
        x_ticks=tuple(Tick(x(at), move(at)) for at in moves if round(at * 100) % 10 == 0),
        y_ticks=tuple(Tick(y(at), brief(at)) for at in y_ticks),
        zero_x=x(0.0),
        zero_y=y(0.0),
    )


def bucket_bars(one: UnderlyingExposure) -> tuple[Bars, ...]:
    """Delta, gamma and vega of one underlying by expiry bucket."""
    wanted = (
        ("Delta", "USD", "delta_usd"),
        ("Gamma", "USD per 1 %", "gamma_usd_per_pct"),
        ("Vega", "USD per vol point", "vega_usd_per_point"),
        ("Theta", "USD per day", "theta_usd_per_day"),
    )
    return tuple(
        diverging(title, unit, [(each.bucket, _measure(each.measures, name)) for each in one.buckets])
        for title, unit, name in wanted
    )


def flow_bars(flow: Flow) -> tuple[tuple[str, float, float, int, int, Number], ...]:
    """For all options, calls and puts: name, width sold to us, width bought from us, contracts, imbalance."""
    rows = (
        ("all", flow.bought, flow.sold, flow.imbalance_pct),
        ("calls", flow.calls_bought, flow.calls_sold, flow.calls_imbalance_pct),
        ("puts", flow.puts_bought, flow.puts_sold, flow.puts_imbalance_pct),
    )
    largest = max(flow.bought, flow.sold, 1)
    return tuple(
        (name, _round(sold / largest * BAR_WIDTH), _round(bought / largest * BAR_WIDTH), sold, bought, pct)
        for name, bought, sold, pct in rows
    )


def diverging(title: str, unit: str, values: list[tuple[str, Number]]) -> Bars:
    """Bars to the right for plus and to the left for minus."""
    largest = max((abs(value) for _, value in values if value is not None), default=0.0) or 1.0
    bars = []
    for place, (label, value) in enumerate(values):
        width = abs(value or 0.0) / largest * BAR_WIDTH / 2.0
        bars.append(
            Bar(
                label=label,
                x=_round(BAR_WIDTH / 2.0 - (width if (value or 0.0) < 0.0 else 0.0)),
                width=_round(width),
                y=place * BAR_STEP,
                tone=_tone(value),
                text=brief(value),
                title=f"{label}: {full(value)} {unit}" if value is not None else f"{label}: not known",
            )
        )
    return Bars(title=title, unit=unit, height=len(values) * BAR_STEP, bars=tuple(bars))


def delta_band(row: HedgeRow) -> Band | None:
    """Where the delta stands against its band; None where either is unknown."""
    if row.delta_before_usd is None or row.delta_after_usd is None or row.band_usd is None:
        return None
    reach = 1.15 * max(abs(row.delta_before_usd), abs(row.delta_after_usd), row.band_usd, 1.0)

    def x(delta: float) -> float:
        """From a delta to a place."""
        return _round((delta / reach + 1.0) / 2.0 * BAND_WIDTH)

    return Band(x(-row.band_usd), x(row.band_usd), x(row.delta_before_usd), x(row.delta_after_usd), x(0.0))


def nice_ticks(low: float, high: float, wanted: int) -> tuple[float, ...]:
    """Round numbers from at or below `low` to at or above `high`, about `wanted` of them."""
    if not high > low:
        return (low - 1.0, low, low + 1.0) if low == high else (0.0, 1.0)
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(step * number for number in range(first, last + 1))


def pieces(points: list[tuple[float, float | None]]) -> tuple[str, ...]:
    """SVG point lists, one for each run without a gap."""
    runs: list[list[str]] = [[]]
    for x, y in points:
        if y is None:
            runs.append([])
        else:
            runs[-1].append(f"{x:g},{y:g}")
    return tuple(" ".join(run) for run in runs if run)


def _measure(measures: Measures, name: str) -> Number:
    value: Number = getattr(measures, name)
    return value


def _tone(value: Number) -> str:
    if value is None:
        return "none"
    return "plus" if value > 0.0 else "minus" if value < 0.0 else "flat"


def _round(value: float) -> float:
    return round(value, 1)
