"""One simulated day as Plotly figures: exposures against limits, quotes around true worth with fills, hedge trades."""

from typing import Any

import plotly.graph_objects as go

from flatbook.reports.schema_parts import Number
from flatbook.reports.simulation_schema import DayCurves, LimitRow, Mark, SimulationReport

Plot = dict[str, Any]
POLICY_COLOURS = (
    "#7b8791", "#5b7fa6", "#7a4fb5", "#e0a021", "#2aa198", "#d1495b", "#3a9b5c", "#8c6d4f", "#2f86d1", "#b48ad8",
)  # fmt: skip  # told apart on light and dark ground
MEASURES = ("delta_usd", "gamma_usd_per_pct", "vega_usd_per_point")
_PANELS = (*MEASURES, "worst")
_TITLES = {
    "delta_usd": "Delta, USD",
    "gamma_usd_per_pct": "Gamma, USD per 1 %",
    "vega_usd_per_point": "Vega, USD a point",
    "worst": "Fullest limit",
}
_GAP = 0.03  # between two panels
_HOUR_S = 3600.0
_NEAR = 2.5  # times the largest exposure: a limit farther off is not drawn, or nothing else could be seen


def safe(text: str) -> str:
    """Text that Plotly reads as no tag."""
    return text.replace("<", "&lt;")


def plain(figure: go.Figure) -> Plot:
    """Checked by Plotly, without the template it adds."""
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}, bargap=0.35)
    figure.layout.template = None
    plot: Plot = figure.to_plotly_json()
    return plot


def exposure_plot(report: SimulationReport, seed: int) -> Plot:
    """Delta, gamma, vega and the fullest limit through one seed's day, a line a policy, and the hard limits."""
    days = [day for day in report.days if day.seed == seed]
    figure = go.Figure()
    height = (1.0 - _GAP * (len(_PANELS) - 1)) / len(_PANELS)
    layout: dict[str, Any] = {
        "hovermode": "x unified",
        "xaxis": {"title": {"text": "hours since the open"}, "anchor": "y4"},
    }
    for number, panel in enumerate(_PANELS):
        axis = "" if number == 0 else f"{number + 1}"
        top = 1.0 - number * (height + _GAP)
        layout[f"yaxis{axis}"] = {"title": {"text": _TITLES[panel]}, "domain": [max(top - height, 0.0), top]}
        if panel == "worst":
            layout[f"yaxis{axis}"] |= {"tickformat": ".0%", "rangemode": "tozero"}
        for day in days:
            figure.add_trace(_line(day, panel, f"y{axis}", report))
        levels = [1.0] if panel == "worst" else _hard(report.limits, panel, days)
        for level in levels:
            figure.add_trace(_hard_line(days, level, f"y{axis}"))
        layout[f"yaxis{axis}"] |= _range(panel, levels, days)
    figure.update_layout(**layout)
    return plain(figure)


def _range(panel: str, levels: list[float], days: list[DayCurves]) -> dict[str, Any]:
    """Twice the least hard limit, where a line goes farther: else the policies that keep their limits could not be told apart."""
    values = [value for day in days for value in (_worst(day) if panel == "worst" else getattr(day, panel))]
    most = max((abs(value) for value in values if value is not None), default=0.0)
    end = 2.0 * min((abs(level) for level in levels), default=0.0)
    if not 0.0 < end < most:
        return {}
    return {"range": [0.0 if panel == "worst" else -end, end]}


def _line(day: DayCurves, panel: str, axis: str, report: SimulationReport) -> go.Scatter:
    at = report.header.policies.index(day.policy)
    values = _worst(day) if panel == "worst" else getattr(day, panel)
    return go.Scatter(
        x=_hours(day.at_s),
        y=values,
        yaxis=axis,
        mode="lines",
        name=safe(day.policy),
        legendgroup=day.policy,
        showlegend=panel == _PANELS[0],
        line={
            "color": POLICY_COLOURS[at % len(POLICY_COLOURS)],
            "width": 2.5 if day.policy == report.header.reference else 1.3,
            "shape": "hv",
        },
        hovertemplate="%{y:.1%}" if panel == "worst" else "%{y:,.0f}",
    )


def _hard_line(days: list[DayCurves], level: float, axis: str) -> go.Scatter:
    return go.Scatter(
        x=[0.0, max(day.at_s[-1] for day in days) / _HOUR_S],
        y=[level, level],
        yaxis=axis,
        mode="lines",
        meta="hard",
        showlegend=False,
        hoverinfo="skip",
    )


def _hard(limits: tuple[LimitRow, ...], measure: str, days: list[DayCurves]) -> list[float]:
    """Levels of the limits on the whole desk's measure, or on its only underlying's, where they are near enough to be drawn."""
    bounds = [one for one in limits if one.measure == measure and one.whole]
    names = {one.underlying for one in limits if one.underlying}
    hard = [one.hard for one in bounds if not one.underlying or len(names) == 1]
    most = max(
        (abs(value) for day in days for value in getattr(day, measure) if value is not None), default=0.0
    )
    near = [level for level in dict.fromkeys(hard) if level <= _NEAR * most]
    return [sign * level for level in near for sign in (1.0, -1.0)]


def _worst(day: DayCurves) -> list[Number]:
    """The fullest limit at each moment; not known where one of them is not."""
    if not day.utilisation:
        return [None] * len(day.at_s)
    rows = zip(*day.utilisation.values(), strict=True)
    return [None if None in row else max(value for value in row if value is not None) for row in rows]


def day_plots(day: DayCurves) -> dict[str, Plot]:
    """The pictures of one day under one policy."""
    return {"limits": _limits(day), "quotes": _quotes(day), "hedges": _hedges(day), "pnl": _pnl(day)}


def _limits(day: DayCurves) -> Plot:
    lines: list[go.Scatter] = [
        go.Scatter(
            x=_hours(day.at_s),
            y=used,
            mode="lines",
            name=safe(name),
            line={"width": 1.5, "shape": "hv", "color": POLICY_COLOURS[at % len(POLICY_COLOURS)]},
            hovertemplate="%{y:.1%}",
        )
        for at, (name, used) in enumerate(day.utilisation.items())
    ]
    if lines:
        lines.append(_hard_line([day], 1.0, "y"))
    figure = go.Figure(lines)
    figure.update_layout(
        hovermode="x unified", xaxis=_time(), yaxis={"title": {"text": "share of hard"}, "tickformat": ".0%", "rangemode": "tozero"}
    )  # fmt: skip
    return plain(figure)


def _quotes(day: DayCurves) -> Plot:
    x = _hours(day.watched_at_s)
    lines = [
        _stairs(x, day.ask, "Our ask", "ask"),
        _stairs(x, day.bid, "Our bid", "bid"),
        _stairs(x, day.worth, "True worth", "worth"),
        _marks([one for one in day.fills if one.contracts > 0], "Bought", "bought", [one.price for one in day.fills if one.contracts > 0]),
        _marks([one for one in day.fills if one.contracts < 0], "Sold", "sold", [one.price for one in day.fills if one.contracts < 0]),
    ]  # fmt: skip
    figure = go.Figure(lines)
    figure.update_layout(
        xaxis=_time(), yaxis={"title": {"text": safe(day.watched) or "nothing watched"}, "tickformat": ",.2f"}
    )
    return plain(figure)


def _hedges(day: DayCurves) -> Plot:
    """Delta above, and below it what was traded against it in shares, futures and options."""
    hours = _hours(day.at_s)
    delta = go.Scatter(
        x=hours, y=day.delta_usd, mode="lines", name="Delta", meta="worth", line={"shape": "hv"}, hovertemplate="Delta %{y:,.0f} USD<extra></extra>",
    )  # fmt: skip
    spot = go.Scatter(
        x=hours, y=day.spot, yaxis="y3", mode="lines", name=safe(day.spot_name), meta="quiet", hovertemplate=safe(day.spot_name) + " %{y:,.2f}<extra></extra>",
    )  # fmt: skip
    sides = [
        _marks(some, label, meta, [one.value_usd for one in some], axis="y2")
        for label, meta, some in (
            ("Bought", "bought", [one for one in day.hedges if one.contracts > 0]),
            ("Sold", "sold", [one for one in day.hedges if one.contracts < 0]),
        )
    ]
    figure = go.Figure([delta, *sides, spot])
    figure.update_layout(
        xaxis=_time() | {"anchor": "y3"},
        yaxis={"title": {"text": "Delta, USD"}, "domain": [0.64, 1.0]},
        yaxis2={"title": {"text": "Traded, USD"}, "domain": [0.3, 0.6]},
        yaxis3={"title": {"text": safe(day.spot_name)}, "domain": [0.0, 0.26], "tickformat": ",.2f"},
    )
    return plain(figure)


def _pnl(day: DayCurves) -> Plot:
    hours = _hours(day.at_s)
    lines = [
        go.Scatter(x=hours, y=day.pnl_usd, mode="lines", name="P&L at true worth", meta="worth", hovertemplate="P&L %{y:,.0f} USD<extra></extra>"),
        go.Scatter(x=hours, y=day.inventory, yaxis="y2", mode="lines", name="Net contracts", meta="explained", line={"shape": "hv"}, hovertemplate="%{y:,d} contracts<extra></extra>"),
        go.Scatter(x=hours, y=day.capital_usd, yaxis="y3", mode="lines", name="Capital", meta="quiet", line={"shape": "hv"}, hovertemplate="Capital %{y:,.0f} USD<extra></extra>"),
    ]  # fmt: skip
    figure = go.Figure(lines)
    figure.update_layout(
        xaxis=_time() | {"anchor": "y3"},
        yaxis={"title": {"text": "P&L, USD"}, "domain": [0.64, 1.0]},
        yaxis2={"title": {"text": "Net contracts"}, "domain": [0.34, 0.6]},
        yaxis3={"title": {"text": "Capital, USD"}, "domain": [0.0, 0.3], "rangemode": "tozero"},
    )
    return plain(figure)


def _stairs(x: list[float], y: tuple[Number, ...], name: str, meta: str) -> go.Scatter:
    return go.Scatter(
        x=x, y=y, mode="lines", name=name, meta=meta, line={"shape": "hv"}, hovertemplate=name + " %{y:,.4g}<extra></extra>"
    )  # fmt: skip


def _marks(some: list[Mark], name: str, meta: str, y: list[float], axis: str = "y") -> go.Scatter:
    return go.Scatter(
        x=_hours(tuple(one.at_s for one in some)),
        y=y,
        yaxis=axis,
        mode="markers",
        name=name,
        meta=meta,
        customdata=[[safe(one.symbol), one.contracts, one.price, one.worth, one.kind] for one in some],
        hovertemplate="%{customdata[1]:+,d} %{customdata[0]} at %{customdata[2]:,.4g}, worth %{customdata[3]:,.4g} (%{customdata[4]})<extra></extra>",
    )


def _hours(seconds: tuple[float, ...]) -> list[float]:
    return [each / _HOUR_S for each in seconds]


def _time() -> dict[str, Any]:
    return {"title": {"text": "hours since the open"}, "zeroline": False}
