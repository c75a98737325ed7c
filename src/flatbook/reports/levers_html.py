"""The comparison of levers as one page of HTML: no script, no address outside itself, light and dark, fit to print.

Everything shown comes from the report; every text is escaped.
"""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from flatbook.reports import numbers
from flatbook.reports.levers_charts import lever_bars, slide_pairs
from flatbook.reports.levers_schema import LeversReport
from flatbook.reports.levers_story import days_told
from flatbook.reports.schema_parts import Number

if TYPE_CHECKING:
    from jinja2 import Template

_FULL, _NEAR = 1.0, 0.9


class Change(NamedTuple):
    """One figure of the strip under the headline."""

    label: str
    before: str
    after: str


def render_levers(report: LeversReport) -> str:
    """The page of `report`: one self-contained document."""
    return _template().render(
        report=report,
        bars=lever_bars(report.levers),
        pairs=slide_pairs(report.slides),
        changes=_changes(report),
        over=days_told(report.header.holding_days),
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
    for name in ("brief", "magnitude", "full", "plain", "percent", "contracts"):
        page.filters[name] = getattr(numbers, name)
    page.filters |= {"tone": _tone, "state": _state}
    return page.get_template("levers.html.j2")


def _tone(value: Number) -> str:
    return "plus" if value and value > 0.0 else "minus" if value and value < 0.0 else ""


def _state(used: Number) -> str:
    """Of a limit, as the colours of the page call it."""
    return "hard" if used is None or used >= _FULL else "alert" if used > _NEAR else "normal"


def _changes(report: LeversReport) -> tuple[Change, ...]:
    nothing, joint = report.levers[0], report.levers[-1]
    return (
        Change(
            "cost and risk, USD", numbers.magnitude(nothing.total_usd), numbers.magnitude(joint.total_usd)
        ),
        Change("limits at or beyond hard", f"{nothing.limits_broken}", f"{joint.limits_broken}"),
        Change(
            f"deviation over {days_told(report.header.holding_days)}, USD",
            numbers.magnitude(nothing.deviation_usd),
            numbers.magnitude(joint.deviation_usd),
        ),
        Change(
            "worst gap loss, USD",
            numbers.magnitude(nothing.gap_loss_usd),
            numbers.magnitude(joint.gap_loss_usd),
        ),
        Change(
            "worst slide loss, USD",
            numbers.magnitude(nothing.slide_loss_usd),
            numbers.magnitude(joint.slide_loss_usd),
        ),
    )
