"""Geometry of the picture of factor shares: what each kind of factor has in the deviation, before and after the hedges."""

from typing import NamedTuple

from flatbook.reports.numbers import NOTHING, brief, full, percent
from flatbook.reports.schema_parts import Number
from flatbook.reports.schema_risk import FactorRisk, KindRow

WIDTH, STEP = 330.0, 26.0
_LEAST = 0.005  # share of the deviation that has a bar


class Span(NamedTuple):
    """From the zero line to a contribution; `tone` is plus, minus, flat or none."""

    x: float
    width: float
    tone: str


class ShareBar(NamedTuple):
    """One kind of factor, before and after."""

    label: str
    y: float
    before: Span
    after: Span
    usd: str
    share: str
    title: str


class ShareBars(NamedTuple):
    """All kinds that count, the largest first, and those that do not."""

    zero: float
    height: float
    bars: tuple[ShareBar, ...]
    rest: tuple[str, ...]


def share_bars(risk: FactorRisk) -> ShareBars:
    """The picture; a contribution that nobody knows is hatched over the whole width."""
    rows = [row for row in risk.by_kind if counts(row)]
    known = [
        usd for row in rows for usd in (row.contribution_usd, row.contribution_after_usd) if usd is not None
    ]
    low, high = min(0.0, *known) if known else 0.0, max(0.0, *known) if known else 0.0
    scale = WIDTH / ((high - low) or 1.0)
    zero = round(-low * scale, 1)
    return ShareBars(
        zero=zero,
        height=len(rows) * STEP,
        bars=tuple(_bar(row, at * STEP, zero, scale) for at, row in enumerate(rows)),
        rest=tuple(_label(row) for row in risk.by_kind if row not in rows),
    )


def _bar(row: KindRow, y: float, zero: float, scale: float) -> ShareBar:
    before, after = row.contribution_usd, row.contribution_after_usd
    return ShareBar(
        label=_label(row),
        y=y,
        before=_span(before, zero, scale),
        after=_span(after, zero, scale),
        usd=f"{brief(before)} → {brief(after)}",
        share=f"{percent(row.share)} → {percent(row.share_after)}" if row.share is not None else NOTHING,
        title=f"{_label(row)}: {full(before)} USD of the deviation, after the hedges {full(after)} USD",
    )


def _span(usd: Number, zero: float, scale: float) -> Span:
    if usd is None:
        return Span(0.0, WIDTH, "none")
    width = round(abs(usd) * scale, 1)
    return Span(
        round(zero - (width if usd < 0.0 else 0.0), 1),
        width,
        "plus" if usd > 0.0 else "minus" if usd else "flat",
    )


def _label(row: KindRow) -> str:
    return row.factor.replace("_", " ")


def counts(row: KindRow) -> bool:
    """It has a part in the deviation that can be seen, before or after the hedges, or a part that is not known."""
    parts = ((row.contribution_usd, row.share), (row.contribution_after_usd, row.share_after))
    return any(usd is None or abs(share or 0.0) >= _LEAST for usd, share in parts)
