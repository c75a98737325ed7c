"""Geometry of the page of levers: bars of cost and risk, and the slides before and after on one scale."""

from typing import NamedTuple

from flatbook.reports.charts import Curve, HeatMap, heat_map, largest_of, pnl_curve
from flatbook.reports.levers_schema import BookSlides, LeverRow
from flatbook.reports.numbers import magnitude

BAR_WIDTH, BAR_STEP = 420.0, 26.0
_END = 6.0  # times the least total: where bars are cut off


class LeverBar(NamedTuple):
    """One lever: what it costs, and behind that the price of what is left."""

    label: str
    y: float
    cost: float
    risk: float
    cut: bool  # longer than the picture
    text: str
    title: str
    strong: bool


class LeverBars(NamedTuple):
    """All levers."""

    height: float
    bars: tuple[LeverBar, ...]


class SlidePair(NamedTuple):
    """The slides of one scope before and after, coloured on one scale."""

    scope: str
    before: HeatMap
    after: HeatMap
    curve: Curve | None


def lever_bars(rows: tuple[LeverRow, ...]) -> LeverBars:
    """Bars of the levers, cut where one is many times the least, so that the others can be told apart."""
    totals = [one.total_usd for one in rows if one.total_usd is not None]
    end = min(max(totals, default=1.0), _END * max(min(totals, default=1.0), 1e-9)) or 1.0
    bars = []
    for at, one in enumerate(rows):
        cost, total = one.cost_usd or 0.0, one.total_usd or 0.0
        x_cost, x_total = (min(max(value, 0.0) / end, 1.0) * BAR_WIDTH for value in (cost, total))
        bars.append(
            LeverBar(
                label=one.name,
                y=at * BAR_STEP,
                cost=round(x_cost, 1),
                risk=round(max(x_total - x_cost, 0.0), 1),
                cut=total > end * (1.0 + 1e-9),
                text=magnitude(one.total_usd),
                title=f"{one.name}: cost {magnitude(one.cost_usd)}, risk left {magnitude(one.risk_usd)} USD",
                strong=at == len(rows) - 1,
            )
        )
    return LeverBars(len(rows) * BAR_STEP, tuple(bars))


def slide_pairs(slides: BookSlides) -> tuple[SlidePair, ...]:
    """The desk's; where it holds several underlyings, theirs too."""
    pairs = list(zip(slides.before, slides.after, strict=True))
    shown = pairs if len(pairs) > 2 else pairs[:1]
    out = []
    for before, after in shown:
        largest = largest_of(before, after)
        curve = pnl_curve(before, after, slides.moves, slides.shifts_points)
        out.append(
            SlidePair(
                scope=before.scope,
                before=heat_map(before, slides.moves, slides.shifts_points, largest),
                after=heat_map(after, slides.moves, slides.shifts_points, largest),
                curve=curve,
            )
        )
    return tuple(out)
