"""A calibration as one page of HTML that works without a network: the numbers, and fills by distance with the curves fitted to them.

Plotly's own JavaScript lies inside the page (MIT licence, decision 011). Everything shown comes from the report; every text is escaped.
"""

from functools import cache
from typing import TYPE_CHECKING

from flatbook.reports import numbers
from flatbook.reports.calibration_charts import plots_of
from flatbook.reports.calibration_console import digits, few_digits
from flatbook.reports.calibration_schema import CalibrationReport
from flatbook.reports.script_text import script_text

if TYPE_CHECKING:
    from jinja2 import Template


def render_calibration(report: CalibrationReport) -> str:
    """The page of `report`: one self-contained document of about 5 MB, nearly all of it Plotly."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - only a page pays for it

    return _template().render(report=report, plotly=get_plotlyjs(), plots=script_text(plots_of(report)))


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
    page.filters |= {"digits": digits, "few": few_digits, "plain": numbers.plain, "day": numbers.day}
    return page.get_template("calibration.html.j2")
