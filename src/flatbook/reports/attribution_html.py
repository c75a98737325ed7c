"""An attribution as one page of HTML that works without a network: statements of every step, and pictures by Plotly.

Plotly's own JavaScript lies inside the page (MIT licence, decision 011). Everything shown comes from the report; every text is escaped.
"""

from functools import cache
from typing import TYPE_CHECKING

from flatbook.reports import numbers
from flatbook.reports.attribution_charts import plots_of
from flatbook.reports.attribution_console import HALF_CENT, IDENTITY_LABELS
from flatbook.reports.attribution_schema import AttributionReport, ScopeAttribution
from flatbook.reports.attribution_story import BLOCK_LABELS, LABELS
from flatbook.reports.schema_parts import Number
from flatbook.reports.script_text import script_text

if TYPE_CHECKING:
    from jinja2 import Template

_ROUNDING_SHARE = 1e-9  # of gross, and a millionth of a USD: more is no rounding
_ROUNDING_USD = 1e-6


def render_attribution(report: AttributionReport) -> str:
    """The page of `report`: one self-contained document of about 5 MB, nearly all of it Plotly."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - only a page pays for it

    whole = report.total[0]
    rounding, gross = whole.identity.rounding_usd, whole.explain.gross_usd
    return _template().render(
        report=report,
        labels=LABELS | {"realised_usd": "Realised"},
        identity_labels=IDENTITY_LABELS,
        block_labels=BLOCK_LABELS | {"total_usd": "Held, in all"},
        exact=rounding is not None
        and gross is not None
        and abs(rounding) <= max(_ROUNDING_USD, _ROUNDING_SHARE * gross),
        lost=any(step.left_out for step in report.steps),
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
    for name in ("brief", "plain", "percent", "contracts", "day"):
        page.filters[name] = getattr(numbers, name)
    page.filters |= {"tone": _tone, "figure": _figure, "has": _has, "plus": _plus, "tiny": _tiny}
    return page.get_template("attribution.html.j2")


def _tone(value: Number) -> str:
    return "plus" if value and value > 0.0 else "minus" if value and value < 0.0 else ""


def _figure(scope: ScopeAttribution, section: str, name: str) -> Number:
    """One figure of a statement."""
    of = scope.waterfall if section in ("symmetric", "ordered") else scope
    value: Number = getattr(getattr(of, section), name)
    return value


def _has(whole: ScopeAttribution, report: AttributionReport, section: str, name: str) -> bool:
    """Whether a line says anything in any step."""
    scopes = (whole, *(step.scopes[0] for step in report.steps))
    values = [_figure(each, section, name) for each in scopes]
    return any(value is None or abs(value) >= HALF_CENT for value in values)


def _plus(value: Number, other: Number) -> Number:
    return None if value is None or other is None else value + other


def _tiny(value: Number) -> str:
    return numbers.NOTHING if value is None else f"{abs(value):.0e}"
