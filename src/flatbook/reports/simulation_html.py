"""An experiment as one page of HTML that works without a network: figures with intervals by policy, and pictures by Plotly.

Plotly's own JavaScript lies inside the page (MIT licence, decision 011). Everything shown comes from the report; every text is escaped.
"""

from functools import cache
from typing import TYPE_CHECKING

from flatbook.reports import numbers
from flatbook.reports.schema_parts import Number
from flatbook.reports.script_text import script_text
from flatbook.reports.simulation_charts import plots_of
from flatbook.reports.simulation_schema import FigureRow, Interval, SimulationReport
from flatbook.reports.simulation_story import UNACCOUNTED

if TYPE_CHECKING:
    from jinja2 import Template

_STRIP = ("pnl_usd", "pnl_deviation_usd", "shortfall_95_usd", "over_share", "hedge_cost_usd")
_FIRST = (
    "pnl_usd", "pnl_deviation_usd", "shortfall_95_usd", "shortfall_97_5_usd", "objective_usd", "spread_usd", "adverse_usd",
    "hedge_cost_usd", "inventory_deviation", "delta_usd_deviation", "gamma_usd_per_pct_deviation", "vega_usd_per_point_deviation",
    "over_share", "duty_met", "capital_mean_usd",
)  # fmt: skip


def render_simulation(report: SimulationReport) -> str:
    """The page of `report`: one self-contained document of about 5 MB, nearly all of it Plotly."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - only a page pays for it

    reference = report.header.policies.index(report.header.reference)
    first = next((at for at, day in enumerate(report.days) if day.policy == report.header.reference), 0)
    return _template().render(
        report=report,
        reference=reference,
        first_day=first,
        strip=[row for name in _STRIP if (row := report.figure(name)) is not None],
        main=[row for name in _FIRST if (row := report.figure(name)) is not None],
        rest=[row for row in report.figures if row.name not in _FIRST],
        ratios=[row for row in report.figures if row.variance_ratios],
        objective=report.figure("objective_usd"),
        unaccounted=UNACCOUNTED,
        plotly=get_plotlyjs(),
        plots=script_text(plots_of(report)),
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
    for name in ("brief", "magnitude", "percent", "plain", "tally"):
        page.filters[name] = getattr(numbers, name)
    page.filters |= {"tone": _tone, "told": told, "sure": _sure, "good": _good, "times": _times}
    return page.get_template("simulation.html.j2")


def told(value: Number, row: FigureRow) -> str:
    """A figure as its unit is read."""
    if value is None:
        return numbers.NOTHING
    if row.unit == "share":
        return numbers.percent(value, 1)
    if row.unit.startswith("USD") and row.better >= 0:
        return numbers.brief(value)
    return ("-" if value < 0.0 else "") + numbers.magnitude(value)


def _times(value: Number) -> str:
    return numbers.NOTHING if value is None else f"{value:.3g}"


def _tone(value: Number) -> str:
    return "plus" if value and value > 0.0 else "minus" if value and value < 0.0 else ""


def _sure(one: Interval, neutral: float = 0.0) -> bool:
    """Whether the interval leaves out what would say nothing."""
    return one.low is not None and one.high is not None and not one.low <= neutral <= one.high


def _good(one: Interval, row: FigureRow) -> str:
    """The tone of a difference that is sure: better or worse."""
    if not _sure(one) or one.value is None or not row.better:
        return ""
    return "plus sure" if one.value * row.better > 0.0 else "minus sure"
