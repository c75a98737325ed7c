"""Markouts as one page of HTML that works without a network: tables by each key, and pictures by Plotly.

Plotly's own JavaScript lies inside the page (MIT licence, decision 011). Everything shown comes from the report; every text is escaped.
"""

from functools import cache
from typing import TYPE_CHECKING

from flatbook.reports import numbers
from flatbook.reports.markouts_charts import DRAWN, plots_of
from flatbook.reports.markouts_report import ALL, SIGMAS, spoken_of
from flatbook.reports.markouts_schema import MarkoutLine, MarkoutReport
from flatbook.reports.schema_parts import Number
from flatbook.reports.script_text import script_text

if TYPE_CHECKING:
    from jinja2 import Template


def render_markouts(report: MarkoutReport) -> str:
    """The page of `report`: one self-contained document of about 5 MB, nearly all of it Plotly."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - only a page pays for it

    return _template().render(
        report=report,
        keys=DRAWN,
        whole=spoken_of(report.table(ALL).lines),
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
    for name in ("brief", "magnitude", "percent", "plain", "day"):
        page.filters[name] = getattr(numbers, name)
    page.filters |= {"tone": _tone, "sure": _sure}
    return page.get_template("markouts.html.j2")


def _tone(value: Number) -> str:
    return "plus" if value and value > 0.0 else "minus" if value and value < 0.0 else ""


def _sure(line: MarkoutLine) -> bool:
    """Whether the mean is more than two standard errors from 0."""
    mean, error = line.adverse_usd_per_contract, line.standard_error_usd_per_contract
    return mean is not None and error is not None and abs(mean) > SIGMAS * error
