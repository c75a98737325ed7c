"""Smiles of a handful of expiries: volatility against log-moneyness, the theoretical line over bid-ask bars."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from flatbook.reports.charts import Tick, nice_ticks, pieces
from flatbook.reports.numbers import contracts, percent
from flatbook.reports.schema import PlanReport
from flatbook.reports.schema_decisions import QuoteRow
from flatbook.reports.schema_market import ExpiryHealth

WIDTH, HEIGHT = 420.0, 180.0
EXPIRIES = 6
POINTS = 90  # strikes drawn of one expiry
_REACH = 4.0  # standard deviations to either side


class Quoted(NamedTuple):
    """One strike's bid-ask bar."""

    x: float
    top: float
    bottom: float
    title: str


class Held(NamedTuple):
    """A position on the smile; `tone` is plus or minus."""

    x: float
    y: float
    tone: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmileChart:
    """One expiry."""

    option_class: str
    expiry: str
    title: str
    line: tuple[str, ...]
    quoted: tuple[Quoted, ...]
    held: tuple[Held, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    forward_x: float


class _Scale(NamedTuple):
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, k: float) -> float:
        """From a log-moneyness to a place."""
        return round((k - self.x_low) / (self.x_high - self.x_low) * WIDTH, 1)

    def y(self, vol: float) -> float:
        """From a volatility to a height, inside the frame."""
        inside = min(max(vol, self.y_low), self.y_high)
        return round((self.y_high - inside) / (self.y_high - self.y_low) * HEIGHT, 1)


def smile_charts(report: PlanReport) -> tuple[SmileChart, ...]:
    """The expiries that hold most contracts, then the nearest; in order of time."""
    by_expiry: dict[tuple[str, str], list[QuoteRow]] = {}
    for row in report.quotes.series:
        by_expiry.setdefault((row.option_class, row.expiry), []).append(row)

    def rank(one: ExpiryHealth) -> tuple[int, float]:
        """Most contracts first, then the nearest."""
        rows = by_expiry[one.option_class, one.expiry]
        return (-sum(abs(row.position) for row in rows), one.days)

    known = [one for one in report.market_health.expiries if one.atm_vol and one.forward and one.days > 0.0]
    chosen = sorted(sorted(known, key=rank)[:EXPIRIES], key=lambda one: one.days)
    charts = (_chart(one, by_expiry[one.option_class, one.expiry]) for one in chosen)
    return tuple(chart for chart in charts if chart is not None)


def _chart(one: ExpiryHealth, rows: list[QuoteRow]) -> SmileChart | None:
    if not (one.forward and one.atm_vol):
        return None
    reach = _REACH * one.atm_vol * math.sqrt(one.variance_years)
    near = [(math.log(row.strike / one.forward), row) for row in rows]
    near = [(k, row) for k, row in near if abs(k) <= reach and row.vol is not None]
    if len(near) < 2:
        return None
    outside = [(k, row) for k, row in near if (row.right == "call") == (k >= 0.0)]
    drawn = outside[:: math.ceil(len(outside) / POINTS)] if outside else []
    scale = _scale(near, drawn)
    line = sorted({k: row.vol for k, row in near if row.vol is not None}.items())
    return SmileChart(
        option_class=one.option_class,
        expiry=one.expiry,
        title=f"{one.option_class} {one.expiry[:10]} · {one.days:.1f} d · ATM {percent(one.atm_vol, 1)}",
        line=pieces([(scale.x(k), scale.y(vol)) for k, vol in line[:: math.ceil(len(line) / POINTS)]]),
        quoted=tuple(_quoted(k, row, scale) for k, row in drawn if _two_sided(row)),
        held=tuple(_held(k, row, scale) for k, row in near if row.position),
        x_ticks=tuple(
            Tick(scale.x(at), f"{at:+.0%}" if abs(at) >= 1e-9 else "0")
            for at in nice_ticks(scale.x_low, scale.x_high, 4)
            if scale.x_low <= at <= scale.x_high
        ),
        y_ticks=tuple(
            Tick(scale.y(at), percent(at, 0 if (scale.y_high - scale.y_low) > 0.04 else 1))
            for at in nice_ticks(scale.y_low, scale.y_high, 4)
            if scale.y_low <= at <= scale.y_high
        ),
        forward_x=scale.x(0.0),
    )


def _two_sided(row: QuoteRow) -> bool:
    return row.market_status == "usable" and row.vol_bid is not None and row.vol_ask is not None


def _scale(near: list[tuple[float, QuoteRow]], drawn: list[tuple[float, QuoteRow]]) -> _Scale:
    """Wide enough for the line and for all but the widest bars."""
    x_low, x_high = min(k for k, _ in near), max(k for k, _ in near)
    line = [row.vol for _, row in near if row.vol is not None]
    bars = [vol for _, row in drawn if _two_sided(row) for vol in (row.vol_bid, row.vol_ask)]
    low, high = min(line), max(line)
    room = max(0.35 * (high - low), 0.01)
    known = [vol for vol in bars if vol is not None and low - room <= vol <= high + room]
    y_low, y_high = min([low, *known]), max([high, *known])
    edge = 0.06 * (y_high - y_low) or 0.01
    return _Scale(x_low, max(x_high, x_low + 1e-6), max(y_low - edge, 0.0), y_high + edge)


def _quoted(k: float, row: QuoteRow, scale: _Scale) -> Quoted:
    assert row.vol_bid is not None, row.symbol
    assert row.vol_ask is not None, row.symbol
    told = f"{row.symbol}: {percent(row.vol_bid, 1)} / {percent(row.vol_ask, 1)}, theo {percent(row.vol, 1)}"
    return Quoted(scale.x(k), scale.y(row.vol_ask), scale.y(row.vol_bid), told)


def _held(k: float, row: QuoteRow, scale: _Scale) -> Held:
    assert row.vol is not None, row.symbol
    tone = "plus" if row.position > 0 else "minus"
    return Held(scale.x(k), scale.y(row.vol), tone, f"{contracts(row.position)} {row.symbol}")
