"""A fitted surface as one page of HTML that works without a network: smiles to pick from, term structure, densities, the table.

Plotly's own JavaScript lies inside the page (MIT licence, decision 011). Everything shown comes from the report; every
text is escaped, whatever a symbol or a folder is called.
"""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from flatbook.reports import numbers
from flatbook.reports.script_text import script_text
from flatbook.reports.surface_charts import Plot, smile_plot, term_plot
from flatbook.reports.surface_schema import ExpiryFit, SurfaceFit, SurfaceReport
from flatbook.reports.surface_shape import curvature_points, skew_points
from flatbook.reports.surface_story import safety, violations, worst_text
from flatbook.reports.surface_thumbnails import HEIGHT, WIDTH, Thumbnail, thumbnails

if TYPE_CHECKING:
    from jinja2 import Template


class Drawn(NamedTuple):
    """One underlying's part of the page."""

    fit: SurfaceFit
    safety: str
    safe: bool
    worst: str
    thumbnails: tuple[Thumbnail, ...]
    first: int  # the expiry shown first; -1 where none has a smile


def render_surface(report: SurfaceReport) -> str:
    """The page of `report`: one self-contained document of about 5 MB, nearly all of it Plotly."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - only a page pays for it

    return _template().render(
        report=report,
        drawn=tuple(_drawn(one) for one in report.surfaces),
        plotly=get_plotlyjs(),
        plots=script_text([_plots(one) for one in report.surfaces]),
        width=WIDTH,
        height=HEIGHT,
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
    for name in ("percent", "plain", "full", "day"):
        page.filters[name] = getattr(numbers, name)
    page.filters["times"] = _times
    page.filters["skew_points"] = skew_points
    page.filters["curvature_points"] = curvature_points
    return page.get_template("surface.html.j2")


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _drawn(one: SurfaceFit) -> Drawn:
    small = thumbnails(one)
    near = min(small, key=lambda each: abs(one.expiries[each.number].days - 30.0), default=None)
    return Drawn(
        fit=one,
        safety=safety(one),
        safe=not any(violations(one)),
        worst=worst_text(one.worst) if one.worst else "",
        thumbnails=small,
        first=-1 if near is None else near.number,
    )


def _plots(one: SurfaceFit) -> dict[str, object]:
    known = [each if each.curve is not None else None for each in one.expiries]
    beside: list[ExpiryFit | None] = [None, *known, None]
    smiles: list[Plot | None] = [
        smile_plot(beside[at], each, beside[at + 2]) for at, each in enumerate(one.expiries)
    ]
    return {"smiles": smiles, "term": term_plot(one)}
