"""The pictures of a calibration as Plotly figures: fills a day by distance as they were counted, with error bars, and the curves fitted to them."""

from math import exp
from typing import Any

import numpy as np
import plotly.graph_objects as go

from flatbook.reports.calibration_schema import CalibrationReport, FlowLine, ShapeLine

Plot = dict[str, Any]
_INK, _BID, _OFFER, _FITTED, _OTHER = "#7b8791", "#2f86d1", "#ec8425", "#d1495b", "#7a4fb5"
_POINTS = 121
_SIDES = (("both", "both sides", _INK, 9), ("bid", "our bids", _BID, 5), ("offer", "our offers", _OFFER, 5))


def plots_of(report: CalibrationReport) -> dict[str, Plot]:
    """A picture of each underlying with quotes, by its place in the report."""
    return {f"flow{at}": _picture(flow) for at, flow in enumerate(report.flows) if flow.rates}


def per_day(line: ShapeLine, distance: float) -> float:
    """Fills a trading day of a fitted shape at a distance in vol points."""
    assert line.requests_per_day is not None, "a shape that is not told has no curve"
    assert line.decay_per_point is not None, "a shape that is not told has no curve"
    x = line.decay_per_point * distance
    if line.offset is None:
        return line.requests_per_day * exp(-min(max(x, -700.0), 700.0))
    return line.requests_per_day / (1.0 + exp(min(max(line.offset + x, -700.0), 700.0)))


def _picture(flow: FlowLine) -> Plot:
    figure = go.Figure([*_counted(flow), *_curves(flow)])
    figure.update_layout(
        xaxis={"title": {"text": "distance from fair value, vol points"}, "zeroline": True},
        yaxis={"title": {"text": "fills a trading day"}, "rangemode": "tozero"},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    figure.layout.template = None
    plot: Plot = figure.to_plotly_json()
    return plot


def _counted(flow: FlowLine) -> list[go.Scatter]:
    out = []
    for side, name, colour, size in _SIDES:
        lines = [line for line in flow.rates if line.side == side]
        out.append(
            go.Scatter(
                x=[line.distance_points for line in lines],
                y=[line.fills_per_day for line in lines],
                error_y={
                    "type": "data",
                    "array": [line.high - line.fills_per_day for line in lines],
                    "arrayminus": [line.fills_per_day - line.low for line in lines],
                    "thickness": 1.4 if side == "both" else 0.7,
                    "color": colour,
                },
                mode="markers",
                marker={
                    "size": size,
                    "color": colour,
                    "symbol": "circle" if side == "both" else "circle-open",
                },
                name=name,
                visible=True if side == "both" else "legendonly",
                customdata=[[line.fills, line.days] for line in lines],
                hovertemplate=name
                + " %{x:.2f} points: %{y:,.3~s} a day<br>%{customdata[0]} fills in %{customdata[1]:.3~g} days<extra></extra>",
            )
        )
    return out


def _curves(flow: FlowLine) -> list[go.Scatter]:
    places = [line.distance_points for line in flow.rates]
    x = np.linspace(min(0.0, *places), max(places), _POINTS).tolist()
    out = []
    for line in flow.shapes:
        if not line.told:
            continue
        best = line.shape == flow.shape
        out.append(
            go.Scatter(
                x=x,
                y=[per_day(line, each) for each in x],
                mode="lines",
                line={
                    "width": 2.5 if best else 1.2,
                    "dash": "solid" if best else "dot",
                    "color": _FITTED if best else _OTHER,
                },
                name=f"{line.shape}, fits best" if best else line.shape,
                hovertemplate=line.shape + " %{x:.2f} points: %{y:,.3~s} a day<extra></extra>",
            )
        )
    return out
