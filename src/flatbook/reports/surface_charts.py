"""The page's interactive pictures as Plotly figures: a smile with its misfit and density, and the term structure.

A trace's `meta` says what it is; the page gives each meaning its colour, light or dark.
"""

import math
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from flatbook.reports.numbers import day, full, percent, plain
from flatbook.reports.schema_parts import Number
from flatbook.reports.surface_frame import frame_of
from flatbook.reports.surface_schema import ExpiryFit, FittedQuote, SurfaceFit
from flatbook.reports.surface_shape import deviation_of, skew_points

SMILE, MISFIT, DENSITY = (0.46, 1.0), (0.27, 0.42), (0.0, 0.23)  # heights of the three panels
_MISFIT_MAX = 3.0  # half-spreads shown
_DENSITY_DEVIATIONS = 4.5
Plot = dict[str, Any]


def smile_plot(before: ExpiryFit | None, one: ExpiryFit, after: ExpiryFit | None) -> Plot | None:
    """One expiry: quotes and smile, misfit in half-spreads, density beside its neighbours'; None without a smile."""
    frame = frame_of(one)
    if frame is None or one.forward is None:
        return None
    figure = go.Figure([*_curve(one), *_quotes(one), *_misfit(one), *_densities(before, one, after)])
    strikes = [one.forward * math.exp(k) for k in (frame.low_k, frame.high_k)]
    figure.update_layout(
        xaxis={
            "range": strikes,
            "anchor": "y3",
            "title": {"text": "strike"},
            "tickformat": ",~r",
            "hoverformat": ",~r",
        },
        yaxis={
            "domain": SMILE,
            "range": [100.0 * frame.low_vol, 100.0 * frame.high_vol],
            "title": {"text": "vol, %"},
        },
        yaxis2={
            "domain": MISFIT,
            "range": [-_MISFIT_MAX, _MISFIT_MAX],
            "tickvals": [-1, 1],
            "title": {"text": "fit − mid,<br>½ spreads"},
        },
        yaxis3={"domain": DENSITY, "rangemode": "tozero", "title": {"text": "density,<br>% per 1 %"}},
        shapes=[
            _line(one.forward, "paper"),
            {
                "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y2", "y0": -1, "y1": 1,
                "line": {"width": 0}, "layer": "below", "name": "band",
            },
        ],
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )  # fmt: skip
    return _plain(figure)


def term_plot(surface: SurfaceFit) -> Plot:
    """Volatility at the money above, 25-delta risk reversal and skew at the money below, over days to expiry."""
    told = [one for one in surface.expiries if one.atm_vol is not None and one.days > 0.0]
    figure = go.Figure(_terms(told))
    figure.update_layout(
        xaxis={
            "type": "log",
            "anchor": "y3",
            "title": {"text": "days to expiry"},
            "tickvals": [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 7, 14, 30, 60, 90, 180, 365, 730],
        },
        yaxis={"domain": (0.52, 1.0), "title": {"text": "ATM vol, %"}},
        yaxis2={"domain": (0.27, 0.47), "title": {"text": "25Δ call − put,<br>points"}},
        yaxis3={"domain": (0.0, 0.22), "title": {"text": "skew, points<br>per SD"}},
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    return _plain(figure)


def _quotes(one: ExpiryFit) -> list[go.Scatter]:
    bars = [each for each in one.quotes if each.vol_bid is not None and each.vol_ask is not None]
    offered = [each for each in one.quotes if each.vol_bid is None and each.vol_ask is not None]
    inside, outside = [each for each in bars if each.inside], [each for each in bars if not each.inside]
    return [
        *(
            go.Scatter(
                x=[x for each in some for x in (each.strike, each.strike, None)],
                y=[y for each in some for y in (_points(each.vol_bid), _points(each.vol_ask), None)],
                mode="lines", name=name, meta=meta, legendgroup=meta, hoverinfo="skip",
            )
            for name, meta, some in (("bid to offer", "quote", inside), ("fit outside", "missed", outside))
            if some
        ),
        *(
            _markers(name, meta, some, [_points(each.vol_mid) for each in some])
            for name, meta, some in (("mid", "quote", inside), ("mid, fit outside", "missed", outside))
            if some
        ),
        *([_markers("offer, no bid", "offered", offered, [_points(each.vol_ask) for each in offered])] if offered else []),
    ]  # fmt: skip


def _markers(name: str, meta: str, some: list[FittedQuote], y: list[float | None]) -> go.Scatter:
    return go.Scatter(
        x=[each.strike for each in some], y=y, mode="markers", name=name, meta=meta, legendgroup=meta,
        showlegend=meta == "offered", text=[_told(each) for each in some], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _told(each: FittedQuote) -> str:
    return (
        f"<b>{escape(each.symbol)}</b><br>vol {percent(each.vol_bid, 2)} / {percent(each.vol_ask, 2)}, "
        f"fit {percent(each.vol, 2)}<br>price {plain(each.bid, 4)} / {plain(each.ask, 4)}<br>"
        f"strike {each.strike:,.10g} {each.right}, ln(K/F) {full(each.log_moneyness, 3)}"
    )


def escape(text: str) -> str:
    """A symbol as words, where Plotly would read markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _curve(one: ExpiryFit) -> list[go.Scatter]:
    assert one.curve is not None, one.expiry
    return [
        go.Scatter(
            x=list(one.curve.strike),
            y=[_points(vol) for vol in one.curve.vol],
            mode="lines",
            name="fit" if one.kind != "refused" else "from neighbours",
            meta="fit",
            hovertemplate="strike %{x:,.10~g}<br>fit %{y:.2f} %<extra></extra>",
        )
    ]


def _misfit(one: ExpiryFit) -> list[go.Scatter]:
    traces = []
    for meta, is_inside in (("quote", True), ("missed", False)):
        rows = [each for each in one.quotes if each.inside == is_inside and _half(each)]
        y = [(each.vol - each.vol_mid) / _half(each) for each in rows if each.vol and each.vol_mid]
        x = [each.strike for each in rows if each.vol and each.vol_mid]
        shown = [min(max(value, -_MISFIT_MAX), _MISFIT_MAX) for value in y]
        traces.append(
            go.Scatter(
                x=x, y=shown, yaxis="y2", mode="markers", meta=meta, name=f"misfit, {meta}", showlegend=False,
                text=[f"{value:+.2f} half-spreads from mid" for value in y], hovertemplate="strike %{x:,.10~g}<br>%{text}<extra></extra>",
            )
        )  # fmt: skip
    return traces


def _half(each: FittedQuote) -> float:
    return 0.5 * (each.vol_ask - each.vol_bid) if each.vol_ask and each.vol_bid is not None else 0.0


def _densities(before: ExpiryFit | None, one: ExpiryFit, after: ExpiryFit | None) -> list[go.Scatter]:
    wanted = (
        (before, "expiry before", "faint"),
        (after, "expiry after", "faint"),
        (one, "density", "density"),
    )
    return [
        _density(each, name, meta)
        for each, name, meta in wanted
        if each is not None and each.curve is not None
    ]


def _density(one: ExpiryFit, name: str, meta: str) -> go.Scatter:
    assert one.curve is not None, one.expiry
    reach = _DENSITY_DEVIATIONS * deviation_of(one)
    columns = zip(one.curve.log_moneyness, one.curve.strike, one.curve.density, strict=True)
    near = [(strike, value) for k, strike, value in columns if abs(k) <= reach]
    return go.Scatter(
        x=[strike for strike, _ in near], y=[value for _, value in near], yaxis="y3", mode="lines", meta=meta,
        name=f"{name} {one.option_class} {day(one.expiry)}" if meta == "faint" else name, showlegend=False,
        fill="tozeroy" if meta == "density" else None, hovertemplate=f"{escape(one.option_class)} {day(one.expiry)}<br>%{{x:,.6~g}}: %{{y:.3g}} % per 1 %<extra></extra>",
    )  # fmt: skip


def _terms(told: list[ExpiryFit]) -> list[go.Scatter]:
    """On each axis a line through all expiries by time, and markers in the colour of their class."""
    out = []
    for axis, words, figure in _FIGURES:
        out.append(
            go.Scatter(
                x=[one.days for one in told], y=[figure(one) for one in told], yaxis=axis, mode="lines",
                meta="through", hoverinfo="skip", showlegend=False,
            )
        )  # fmt: skip
        for number, name in enumerate(dict.fromkeys(one.option_class for one in told)):
            some = [one for one in told if one.option_class == name]
            out.append(
                go.Scatter(
                    x=[one.days for one in some], y=[figure(one) for one in some], yaxis=axis, mode="markers",
                    name=escape(name), meta=f"class{min(number, 3)}", legendgroup=name, showlegend=axis == "y",
                    marker={"symbol": ["circle-open" if one.kind == "refused" else "circle" for one in some]},
                    text=[_named(one) for one in some], hovertemplate=f"%{{text}}<br>{words}<extra></extra>",
                )
            )  # fmt: skip
    return out


def _named(one: ExpiryFit) -> str:
    refused = ", from its neighbours" * (one.kind == "refused")
    return f"<b>{escape(one.option_class)} {day(one.expiry)}</b>, {one.days:.1f} days{refused}"


def _points(vol: float | None) -> float | None:
    return None if vol is None else 100.0 * vol


_FIGURES: tuple[tuple[str, str, Callable[[ExpiryFit], Number]], ...] = (
    ("y", "ATM vol %{y:.2f} %", lambda one: _points(one.atm_vol)),
    ("y2", "25Δ risk reversal %{y:.2f} points", lambda one: _points(one.risk_reversal_25)),
    ("y3", "skew %{y:.2f} points per SD", skew_points),
)


def _line(at: float, reference: str) -> Plot:
    return {"type": "line", "x0": at, "x1": at, "yref": reference, "y0": 0, "y1": 1, "name": "forward"}


def _plain(figure: go.Figure) -> Plot:
    """Checked by Plotly, without the template it adds."""
    figure.layout.template = None
    plot: Plot = figure.to_plotly_json()
    return plot
