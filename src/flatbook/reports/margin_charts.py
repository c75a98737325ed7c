"""The pictures of capital as Plotly figures: requirement by account, P&L by scenario, what one contract more changes."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from flatbook.reports.margin_console import binding_of
from flatbook.reports.margin_schema import AccountMargin, LegMargin, Scan

Plot = dict[str, Any]
ACCOUNTS = 20  # bars of the first picture
PARTS = 6  # lines of a picture: more are not told apart
LEGS = 16
_COLOURS = ("#5b7fa6", "#d1495b", "#3a9b5c", "#7a4fb5", "#e0a021", "#2aa198")
_VOLS = {"up": "#d1495b", "same": "#7b8791", "down": "#5b7fa6"}
_BUY, _SELL = "#2f86d1", "#ec8425"


def requirement_plot(accounts: Sequence[AccountMargin]) -> Plot:
    """Initial and maintenance of each account, and what binds where others report too."""
    some = accounts[:ACCOUNTS]
    names = [_plain_text(one.group) for one in some]
    bars = [
        _bars("initial", names, [one.initial for one in some], "#2f86d1"),
        _bars("maintenance", names, [one.maintenance for one in some], "#7b8791"),
    ]
    if any(one.reported for one in some):
        bars.append(
            _bars("binding, with what others report", names, [binding_of(one) for one in some], "#d1495b")
        )
    figure = go.Figure(bars)
    figure.update_layout(
        barmode="group",
        xaxis={"type": "category"},
        yaxis={
            "title": {"text": _currencies(some)},
            "tickformat": _ticks([one.initial for one in some]),
        },
        bargap=max(0.35, 1.0 - 0.12 * len(some)),
    )
    return _finished(figure)


def scan_plot(account: AccountMargin) -> Plot:
    """P&L by scenario: of each part by how far it is moved, or of the dearest part where volatility moves too."""
    scans = sorted(account.scans, key=lambda one: -(one.requirement or 0.0))[:PARTS]
    if any(point.vol for scan in scans for point in scan.points):
        figure = _by_vol(scans[0]) if scans[0].points[0].moves else _by_scenario(scans[0])
    else:
        figure = _by_move(scans)
    values = [point.pnl for scan in scans for point in scan.points]
    figure.update_layout(yaxis={"title": {"text": f"P&L, {account.currency}"}, "tickformat": _ticks(values)})
    return _finished(figure)


def marginal_plot(account: AccountMargin) -> Plot:
    """The legs of which one contract more changes most, largest on top."""
    legs: dict[str, LegMargin] = {}
    for leg in sorted(account.marginal, key=lambda one: (-_largest(one), one.description)):
        legs.setdefault(leg.description, leg)
    some = list(legs.values())[:LEGS][::-1]
    names = [_plain_text(one.description) for one in some]
    figure = go.Figure(
        [
            go.Bar(
                y=names,
                x=[getattr(one, side) for one in some],
                orientation="h",
                name=f"{side} 1",
                marker={"color": colour},
                hovertemplate=f"{side} 1 %{{y}}: %{{x:,.6~g}} {account.currency}<extra></extra>",
            )
            for side, colour in (("sell", _SELL), ("buy", _BUY))
        ]
    )
    figure.update_layout(
        barmode="group",
        xaxis={
            "title": {"text": f"change of the requirement, {account.currency}"},
            "tickformat": _ticks([each for one in some for each in (one.buy, one.sell)]),
        },
        yaxis={"type": "category"},
        legend={"traceorder": "reversed"},
    )
    return _finished(figure)


def _largest(leg: LegMargin) -> float:
    return max(abs(leg.buy or 0.0), abs(leg.sell or 0.0))


def _bars(name: str, x: list[str], y: list[float | None], colour: str) -> go.Bar:
    return go.Bar(
        x=x, y=y, name=name, marker={"color": colour}, hovertemplate=name + " %{y:,.6~f}<extra></extra>"
    )


def _currencies(accounts: Sequence[AccountMargin]) -> str:
    return ", ".join(dict.fromkeys(one.currency for one in accounts))


def _by_move(scans: Sequence[Scan]) -> go.Figure:
    """Parts without volatility: over their move where all have the same, over the share of their range otherwise."""
    moves = {tuple(point.moves.values()) for scan in scans[:1] for point in scan.points}
    same = {tuple(tuple(sorted(set(point.moves.values()))) for point in scan.points) for scan in scans}
    one = len(same) == 1 and all(len(set(each)) == 1 for each in moves)
    figure = go.Figure(
        [
            go.Scatter(
                x=[next(iter(point.moves.values())) for point in scan.points] if one else _shares(len(scan.points)),
                y=[point.pnl for point in scan.points],
                mode="lines+markers",
                name=_plain_text(scan.part),
                line={"color": _COLOURS[at], "width": 2},
                marker={"size": 7},
                customdata=[
                    ", ".join(f"{name} {100.0 * move:+.1f} %" for name, move in list(point.moves.items())[:8])
                    for point in scan.points
                ],
                hovertemplate=_plain_text(scan.part) + " %{y:,.0f}<br>%{customdata}<extra></extra>",
            )
            for at, scan in enumerate(scans)
        ]
    )  # fmt: skip
    title = "move of the underlying" if one else "share of the range of moves"
    figure.update_layout(xaxis={"tickformat": "+.0%", "title": {"text": title}}, showlegend=True)
    return figure


def _shares(points: int) -> list[float]:
    side = points // 2
    return [step / side for step in range(-side, side + 1) if step]


def _by_vol(scan: Scan) -> go.Figure:
    """Cells: a line for each volatility, and the extended moves on either side; places are evenly apart."""
    name = next(iter(scan.points[0].moves))
    ticks = [_move(move) for move in sorted({point.moves[name] for point in scan.points})]
    kinds = [(f"vol {vol}", vol, False, colour) for vol, colour in _VOLS.items()]
    figure = go.Figure()
    for label, vol, far, colour in [*kinds, ("extended, vol up", "up", True, "#7a4fb5")]:
        cells = [
            point
            for point in scan.points
            if point.vol == vol and point.scenario.startswith("extended") == far
        ]
        figure.add_trace(
            go.Scatter(
                x=[_move(point.moves[name]) for point in cells],
                y=[point.pnl for point in cells],
                mode="markers" if far else "lines+markers",
                name=label,
                line={"color": colour, "width": 2},
                marker={"color": colour, "size": 8 if far else 6, "symbol": "diamond" if far else "circle"},
                hovertemplate=label + " %{x}: %{y:,.6~g}<extra></extra>",
            )
        )
    figure.update_layout(
        xaxis={
            "type": "category",
            "categoryorder": "array",
            "categoryarray": ticks,
            "title": {"text": f"move of {_plain_text(name)}, as it counts"},
        }
    )
    return figure


def _move(move: float) -> str:
    return f"{100.0 * move:+.4g} %" if move else "0 %"


def _by_scenario(scan: Scan) -> go.Figure:
    """Scenarios without a move of their own that can be told: bars in their order, by what volatility does."""
    figure = go.Figure()
    for vol, colour in _VOLS.items():
        places = [at for at, point in enumerate(scan.points) if point.vol == vol]
        figure.add_trace(
            go.Bar(
                x=[at + 1 for at in places],
                y=[scan.points[at].pnl for at in places],
                customdata=[scan.points[at].scenario for at in places],
                name=f"vol {vol}",
                width=0.8,
                marker={"color": colour},
                hovertemplate="%{customdata}, vol " + vol + ": %{y:,.2f}<extra></extra>",
            )
        )
    figure.update_layout(
        barmode="overlay",
        xaxis={"dtick": 1, "title": {"text": f"scenario of {_plain_text(scan.part)}"}},
    )
    return figure


def _ticks(values: Sequence[float | None]) -> str:
    """Thousands as k, but nothing as m: 0.2 of a coin is not 200m."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    return ",~s" if largest >= 1000.0 else ",.4~g"


def _plain_text(text: str) -> str:
    return text.replace("<", "&lt;")  # Plotly reads tags in names


def _finished(figure: go.Figure) -> Plot:
    """Checked by Plotly, without the template it adds."""
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    if figure.layout.bargap is None:
        figure.update_layout(bargap=0.35)
    figure.layout.template = None
    plot: Plot = figure.to_plotly_json()
    return plot
