"""The pictures of an attribution as Plotly figures: bars a step, lines through time, the way from nothing to what was realised."""

from typing import Any

import plotly.graph_objects as go

from flatbook.reports.attribution_schema import AttributionReport, ScopeAttribution
from flatbook.reports.attribution_story import BLOCK_LABELS, GROUPS, grouped
from flatbook.reports.numbers import brief, day

Plot = dict[str, Any]
COLOURS: dict[str, str] = {  # told apart on light and dark ground
    "Delta": "#5b7fa6",
    "Gamma": "#d1495b",
    "Theta": "#3a9b5c",
    "Vega: level": "#7a4fb5",
    "Vega: skew, curvature": "#b48ad8",
    "Vanna, volga": "#e0a021",
    "Rates, dividends, basis": "#2aa198",
    "New trades": "#2f86d1",
    "Slippage, fees, corrections": "#8c6d4f",
    "Unexplained": "#7b8791",
    "Time": "#3a9b5c",
    "Spot": "#d1495b",
    "Vol level": "#7a4fb5",
    "Vol skew, curvature": "#b48ad8",
}
_LINES: dict[str, tuple[str, ...]] = {
    "Gamma and theta": ("Gamma", "Theta"),
    "Vega": ("Vega: level", "Vega: skew, curvature"),
    "New trades": ("New trades",),
}
_LINE_COLOURS = {"Gamma and theta": "#3a9b5c", "Vega": "#7a4fb5", "New trades": "#2f86d1"}


def plots_of(report: AttributionReport) -> dict[str, Plot]:
    """Every picture of the page by its name; figures that are not known are left out of them."""
    return {
        "steps": _plain(_steps(report)),
        "through": _plain(_through(report)),
        "whole": _plain(_whole(report)),
        "blocks": _plain(_blocks(report)),
    }


def _ends(report: AttributionReport) -> list[str]:
    return [day(step.end) if step.days >= 1.0 else step.end[5:16] for step in report.steps]


def _scopes(report: AttributionReport) -> list[ScopeAttribution]:
    return [step.scopes[0] for step in report.steps]


def _steps(report: AttributionReport) -> go.Figure:
    """Terms of each step, stacked above and below zero, and what was realised."""
    ends, scopes = _ends(report), _scopes(report)
    bars = [
        _bar(name, ends, [grouped(each.explain, names) for each in scopes]) for name, names in GROUPS.items()
    ]
    realised = go.Scatter(
        x=ends,
        y=[each.explain.realised_usd for each in scopes],
        mode="markers",
        name="Realised",
        meta="realised",
        hovertemplate="Realised %{y:,.0f} USD<extra></extra>",
    )
    figure = go.Figure([*bars, realised])
    figure.update_layout(barmode="relative", yaxis={"title": {"text": "USD"}}, xaxis={"type": "category"})
    return figure


def _bar(name: str, ends: list[str], usd: list[float | None]) -> go.Bar:
    return go.Bar(
        x=ends,
        y=usd,
        name=name,
        marker={"color": COLOURS.get(name, COLOURS["Unexplained"])},
        hovertemplate=name + " %{y:,.0f} USD<extra></extra>",
    )


def _through(report: AttributionReport) -> go.Figure:
    """Running sums: realised, what the terms explain of it, and its largest parts."""
    times = [report.header.start, *(step.end for step in report.steps)]
    scopes = _scopes(report)
    realised = [each.explain.realised_usd for each in scopes]
    explained = [
        None if usd is None or each.explain.unexplained_usd is None else usd - each.explain.unexplained_usd
        for usd, each in zip(realised, scopes, strict=True)
    ]
    lines = [
        go.Scatter(
            x=times,
            y=_running(
                [grouped(each.explain, tuple(n for g in groups for n in GROUPS[g])) for each in scopes]
            ),
            mode="lines",
            name=name,
            line={"color": _LINE_COLOURS[name], "width": 1.5},
            hovertemplate=name + " %{y:,.0f} USD<extra></extra>",
        )
        for name, groups in _LINES.items()
    ]
    whole = [
        go.Scatter(
            x=times, y=_running(usd), mode="lines+markers", name=name, meta=meta,
            hovertemplate=name + " %{y:,.0f} USD<extra></extra>",
        )
        for name, meta, usd in (("Realised", "realised", realised), ("Explained", "explained", explained))
    ]  # fmt: skip
    figure = go.Figure([*lines, *whole])
    figure.update_layout(yaxis={"title": {"text": "USD since the start"}}, hovermode="x unified")
    return figure


def _running(usd: list[float | None]) -> list[float | None]:
    """Sums from 0; unknown from the first unknown on."""
    out: list[float | None] = [0.0]
    for each in usd:
        last = out[-1]
        out.append(None if last is None or each is None else last + each)
    return out


def _whole(report: AttributionReport) -> go.Figure:
    """Each group of terms on top of those before it, over all steps."""
    of = report.total[0].explain
    names = [name for name, some in GROUPS.items() if grouped(of, some)]
    usd = [grouped(of, GROUPS[name]) for name in names]
    figure = go.Figure(
        go.Waterfall(
            x=[*names, "Realised"],
            y=[*usd, 0.0],
            measure=["relative"] * len(names) + ["total"],
            text=[*(brief(each) for each in usd), brief(of.realised_usd)],
            textposition="outside",
            cliponaxis=False,
            meta="waterfall",
            hovertemplate="%{x} %{text} USD<extra></extra>",
        )
    )
    figure.update_layout(yaxis={"title": {"text": "USD"}}, showlegend=False)
    return figure


def _blocks(report: AttributionReport) -> go.Figure:
    """What each block of the market made of the positions held, by the symmetric split."""
    ends, scopes = _ends(report), _scopes(report)
    bars = [
        _bar(label, ends, [getattr(each.waterfall.symmetric, name) for each in scopes])
        for name, label in BLOCK_LABELS.items()
    ]
    figure = go.Figure(bars)
    figure.update_layout(barmode="relative", yaxis={"title": {"text": "USD"}}, xaxis={"type": "category"})
    return figure


def _plain(figure: go.Figure) -> Plot:
    """Checked by Plotly, without the template it adds."""
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}, bargap=0.35)
    figure.layout.template = None
    plot: Plot = figure.to_plotly_json()
    return plot
