"""The pictures of markouts as Plotly figures: the mean of what came after, by horizon and name, with two standard errors either way."""

from typing import Any

import plotly.graph_objects as go

from flatbook.reports.markouts_console import most_traded
from flatbook.reports.markouts_report import SIGMAS
from flatbook.reports.markouts_schema import MarkoutReport, MarkoutTable

Plot = dict[str, Any]
DRAWN = ("counterparty", "venue", "series", "capacity")
NAMES = 8  # of a picture: more are not told apart
_COLOURS = (
    "#5b7fa6", "#d1495b", "#3a9b5c", "#7a4fb5", "#e0a021", "#2aa198", "#8c6d4f", "#7b8791",
)  # fmt: skip
_APART = 0.07  # of the distance of two horizons


def plots_of(report: MarkoutReport) -> dict[str, Plot]:
    """A picture by each key."""
    return {key: _picture(report.table(key), report.header.horizons_s) for key in DRAWN}


def _picture(table: MarkoutTable, horizons_s: tuple[float, ...]) -> Plot:
    names = most_traded(table, NAMES)
    places = list(range(len(horizons_s)))
    figure = go.Figure(
        [_trace(table, name, at, (at - (len(names) - 1) / 2.0) * _APART) for at, name in enumerate(names)]
    )
    figure.update_layout(
        xaxis={
            "zeroline": False,
            "tickvals": places,
            "ticktext": [f"{each:g} s" for each in horizons_s],
            "range": [-0.5, len(horizons_s) - 0.5],
        },
        yaxis={"title": {"text": "USD a contract after the trade"}},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    figure.layout.template = None
    plot: Plot = figure.to_plotly_json()
    return plot


def _trace(table: MarkoutTable, name: str, at: int, aside: float) -> go.Scatter:
    lines = [line for line in table.lines if line.name == name]
    shown = name.replace("<", "&lt;")  # Plotly reads tags in names
    errors = [line.standard_error_usd_per_contract for line in lines]
    return go.Scatter(
        x=[place + aside for place in range(len(lines))],
        y=[line.adverse_usd_per_contract for line in lines],
        error_y={
            "type": "data",
            "array": [None if error is None else SIGMAS * error for error in errors],
            "thickness": 1.2,
        },
        mode="lines+markers",
        line={"width": 1},
        marker={"size": 7},
        name=shown,
        customdata=[[line.fills, line.contracts] for line in lines],
        hovertemplate=shown
        + " %{y:,.2f} ± %{error_y.array:,.2f} USD<br>%{customdata[0]} trades, %{customdata[1]} contracts<extra></extra>",
        marker_color=_COLOURS[at],
        line_color=_COLOURS[at],
    )
