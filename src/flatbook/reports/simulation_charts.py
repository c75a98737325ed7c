"""The pictures of an experiment as Plotly figures: outcomes by policy, and days through time against their limits."""

from typing import Any

import plotly.graph_objects as go

from flatbook.reports.schema_parts import Number
from flatbook.reports.simulation_day_charts import POLICY_COLOURS, Plot, day_plots, exposure_plot, plain, safe
from flatbook.reports.simulation_schema import FigureRow, Interval, SimulationReport
from flatbook.sim.experiments.figures import PARTS

_PART_COLOURS: dict[str, str] = {  # told apart on light and dark ground
    "spread_usd": "#2f86d1",
    "adverse_usd": "#d1495b",
    "inventory_usd": "#e0a021",
    "hedge_pnl_usd": "#3a9b5c",
    "offset_pnl_usd": "#7a4fb5",
    "hedge_slippage_usd": "#8c6d4f",
    "offset_slippage_usd": "#b48ad8",
    "settlement_usd": "#2aa198",
    "correction_usd": "#5b7fa6",
    "fees_quotes_usd": "#7b8791",
    "fees_hedges_usd": "#4d565e",
}


def plots_of(report: SimulationReport) -> dict[str, Any]:
    """Every picture of the page by its name; exposures by seed; of days a list, in the order of `report.days`."""
    seeds = list(dict.fromkeys(day.seed for day in report.days))
    return {
        "distribution": _distribution(report),
        "outcome": _outcome(report),
        "explain": _explain(report),
        "exposure": {f"{seed}": exposure_plot(report, seed) for seed in seeds},
        "days": [{"seed": day.seed, **day_plots(day)} for day in report.days],
    }


def _distribution(report: SimulationReport) -> Plot:
    """Every day's P&L, a row a policy."""
    boxes = []
    for at, name in reversed(list(enumerate(report.header.policies))):
        runs = [one for one in report.runs if one.policy == name]
        boxes.append(
            go.Box(
                x=[one.pnl_usd for one in runs],
                name=safe(name),
                orientation="h",
                boxpoints="all",
                pointpos=0,
                jitter=0.5,
                boxmean=True,
                marker={"size": 3, "opacity": 0.45, "color": POLICY_COLOURS[at % len(POLICY_COLOURS)]},
                line={"width": 1.2},
                customdata=[one.seed for one in runs],
                hovertemplate="seed %{customdata}: %{x:,.0f} USD<extra></extra>",
            )
        )
    figure = go.Figure(boxes)
    figure.update_layout(
        showlegend=False, xaxis={"title": {"text": "P&L of a day, USD"}, "tickformat": ",~s"}, yaxis={"type": "category"}
    )  # fmt: skip
    return plain(figure)


def _outcome(report: SimulationReport) -> Plot:
    """Mean against standard deviation, with their intervals: to the upper left is better."""
    mean, spread = report.figure("pnl_usd"), report.figure("pnl_deviation_usd")
    dots = []
    for at, name in enumerate(report.header.policies):
        if mean is None or spread is None:
            continue
        x, y = spread.values[at], mean.values[at]
        dots.append(
            go.Scatter(
                x=[x.value],
                y=[y.value],
                error_x=_bar(x),
                error_y=_bar(y),
                mode="markers+text",
                text=[safe(name)],
                textposition="top right",
                marker={"size": 10, "color": POLICY_COLOURS[at % len(POLICY_COLOURS)]},
                name=safe(name),
                hovertemplate=safe(name) + ": mean %{y:,.0f}, SD %{x:,.0f} USD<extra></extra>",
            )
        )
    figure = go.Figure(dots)
    figure.update_layout(
        showlegend=False,
        xaxis={
            "title": {"text": "standard deviation of P&L, USD"},
            "tickformat": ",~s",
            "rangemode": "tozero",
        },
        yaxis={"title": {"text": "mean P&L, USD a day"}},
    )
    return plain(figure)


def _bar(one: Interval) -> dict[str, Any]:
    if one.value is None or one.low is None or one.high is None:
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(one.high - one.value, 0.0)],
        "arrayminus": [max(one.value - one.low, 0.0)],
        "thickness": 1.2,
        "width": 4,
    }


def _explain(report: SimulationReport) -> Plot:
    """Mean of each part, stacked above and below zero, and of the P&L."""
    policies = [safe(name) for name in report.header.policies]
    bars = [
        go.Bar(
            x=policies,
            y=[one.value for one in row.values],
            name=row.label,
            marker={"color": _PART_COLOURS[row.name]},
            hovertemplate=row.label + " %{y:,.0f} USD<extra></extra>",
        )
        for name in PARTS
        if (row := report.figure(name)) is not None and _said(row)
    ]
    whole = report.figure("pnl_usd")
    if whole is not None:
        bars.append(
            go.Scatter(
                x=policies,
                y=[one.value for one in whole.values],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [_width(one.high, one.value) for one in whole.values],
                    "arrayminus": [_width(one.value, one.low) for one in whole.values],
                },
                mode="markers",
                name="P&L",
                meta="realised",
                hovertemplate="P&L %{y:,.0f} USD<extra></extra>",
            )
        )
    figure = go.Figure(bars)
    figure.update_layout(
        barmode="relative", yaxis={"title": {"text": "USD a day"}}, xaxis={"type": "category"}
    )
    return plain(figure)


def _said(row: FigureRow) -> bool:
    """Whether it says anything of any policy."""
    return any(one.value for one in row.values)


def _width(high: Number, low: Number) -> Number:
    return None if high is None or low is None else max(high - low, 0.0)
