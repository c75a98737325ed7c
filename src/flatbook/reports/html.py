"""The plan as one page of HTML: no script, no address outside itself, light and dark, fit to print.

Everything shown comes from the report; every text is escaped, whatever a symbol or a desk is called.
"""

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from flatbook.reports import charts, numbers
from flatbook.reports.capital_chart import amount, capital_chart, shown_moves
from flatbook.reports.chains import anatomy, shown
from flatbook.reports.console_risk import deviation_told
from flatbook.reports.numbers import UNSIGNED
from flatbook.reports.risk_charts import share_bars
from flatbook.reports.schema import PlanReport, SlideGrid
from flatbook.reports.schema_decisions import LimitRow
from flatbook.reports.schema_parts import Number
from flatbook.reports.smile_chart import smile_charts
from flatbook.reports.story import limit_notes

if TYPE_CHECKING:
    from jinja2 import Template

UNDERLYINGS = 12  # whose charts are on the page; the tables hold more
ROWS = 60  # of a table of underlyings, expiries or unvalued series
MARKS = {"NORMAL": "●", "NOTIFY": "◆", "ALERT": "▲", "ESCALATE": "▲▲", "HARD": "■"}
_LABELS = {
    "delta_usd": "Delta",
    "gamma_usd_per_pct": "Gamma",
    "vega_usd_per_point": "Vega",
    "gap_loss_usd": "Worst gap loss",
    "capital_usd": "Capital",
}


class Figure(NamedTuple):
    """One figure of the strip under the headline, with the fullest limit that bounds it."""

    label: str
    unit: str
    before: Number
    after: Number
    signed: bool
    limit: LimitRow | None


class Ladder(NamedTuple):
    """The slides of one scope."""

    scope: str
    heat: charts.HeatMap
    curve: charts.Curve | None


def render_html(report: PlanReport) -> str:
    """The page of `report`.

    Returns
    -------
    str
        One self-contained document of a few hundred kilobytes; quotes far from the money stay in the JSON.
    """
    return _template().render(
        report=report,
        figures=_figures(report),
        shown=shown(report),
        smiles=smile_charts(report),
        ladders=_ladders(report),
        charts=charts,
        capital_chart=capital_chart(report.capital.forecast),
        capital_moves=shown_moves(report),
        shares=share_bars(report.factors),
        deviation=deviation_told(report),
        charted=report.exposure.by_underlying[:UNDERLYINGS],
        single=len(report.exposure.by_underlying) == 1,
        unsigned=UNSIGNED,
        limit_notes=limit_notes,
        marks=MARKS,
        rows=ROWS,
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only a page pays for it

    page = Environment(
        loader=PackageLoader("flatbook.reports", package_path="."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    for name in ("brief", "magnitude", "full", "plain", "percent", "move", "contracts", "day", "tally"):
        page.filters[name] = getattr(numbers, name)
    page.filters["tone"] = _tone
    page.filters["net"] = amount
    page.filters["thousand"] = _thousand
    page.filters["root"] = _root
    page.filters["anatomy"] = anatomy
    return page.get_template("plan.html.j2")


def _tone(value: Number) -> str:
    return "plus" if value and value > 0.0 else "minus" if value and value < 0.0 else ""


def _thousand(value: Number) -> Number:
    return None if value is None else value * 1e3


def _root(value: Number) -> Number:
    return None if value is None else math.sqrt(value)


def _figures(report: PlanReport) -> tuple[Figure, ...]:
    """The desk before and after its hedges."""
    return tuple(
        Figure(
            _LABELS[change.name],
            change.unit,
            change.before,
            change.after,
            change.name not in UNSIGNED,
            next((row for row in report.limits if row.measure == change.name), None),
        )
        for change in report.residual.scopes[0].changes
    )


def _ladders(report: PlanReport) -> tuple[Ladder, ...]:
    """The desk's, then those of the underlyings where there are several."""
    slides = report.slides
    several = len(slides.grids) > 2
    return tuple(
        Ladder(
            before.scope,
            charts.heat_map(before, slides.moves, slides.shifts_points),
            charts.pnl_curve(before, after, slides.moves, slides.shifts_points),
        )
        for before, after in zip(slides.grids, slides.after_hedges, strict=True)
        if before.scope == "desk" or (several and _moves(before))
    )[: UNDERLYINGS + 1]


def _moves(grid: SlideGrid) -> bool:
    """Something happens in it, or is unknown."""
    return any(pnl is None or pnl != 0.0 for row in grid.pnl_usd for pnl in row)
