"""The Residual page: what the hedges leave behind, entry by entry, and how it went over the last half hour.

The ledger is that of the plan report (`reports.ledger`), of the same cycle. Of the parts by kind what each adds to the deviation is told
(Euler): they add up to it, which variances do and deviations do not.
"""

import numpy as np

from flatbook.dashboard.frames import Column, Frame, column, number
from flatbook.dashboard.views.head import Row
from flatbook.engine.residual import left_behind
from flatbook.live.history import residual_by_kind
from flatbook.live.snapshot import RESIDUAL_KINDS, History, Snapshot
from flatbook.reports.ledger import residual_ledger_of
from flatbook.reports.missing import Missing

KIND_TEXTS = {
    "basis": "what a proxy does not follow",
    "volatility": "vega that a hedge of direction leaves",
    "execution": "the path while a hedge is not done yet",
    "event": "dated events within the holding time",
    "direction": "delta inside the band, and gamma",
}


class KindRow(Row):
    """One kind of risk."""

    kind: str
    text: str
    usd: float | None  # what it adds to the deviation of the whole; 0: no entry


class EntryRow(Row):
    """One risk that is left, with who answers for it."""

    kind: str
    underlying: str
    source: str
    owner: str
    deviation_usd: float | None
    share_of_variance: float | None
    expected_cost_usd: float | None
    horizon_days: float
    reason: str  # why a number is null


class TotalsRow(Row):
    """The ledger against the factor model, as standard deviations."""

    deviation_usd: float | None
    expected_cost_usd: float | None
    model_usd: float | None
    in_both_usd2: float | None
    not_in_ledger_usd2: float | None
    not_in_model_usd2: float | None
    before_usd: float | None  # the factor model of the book before the hedges


class Residual(Row):
    """The page."""

    holding_days: float
    kinds: tuple[KindRow, ...]
    entries: tuple[EntryRow, ...]  # the largest first
    totals: TotalsRow
    stated: tuple[str, ...]
    reasons: dict[str, str]  # why totals are null


def residual(snapshot: Snapshot) -> Residual:
    """The page of a snapshot."""
    cycle, missing = snapshot.cycle, Missing()
    left = left_behind(cycle, model_usd2=cycle.residual.risk.deviation_usd**2)
    told = residual_ledger_of(left, missing, "ledger")
    kinds, totals = residual_by_kind(left.ledger), told.totals
    return Residual(
        holding_days=cycle.desk.appetite.holding_days,
        kinds=tuple(
            KindRow(kind=kind.value, text=KIND_TEXTS[kind.value], usd=number(float(usd)))
            for kind, usd in zip(RESIDUAL_KINDS, kinds.tolist(), strict=True)
        ),
        entries=tuple(
            EntryRow(
                kind=each.kind,
                underlying=each.underlying,
                source=each.source,
                owner=each.owner,
                deviation_usd=each.deviation_usd,
                share_of_variance=each.share_of_variance,
                expected_cost_usd=each.expected_cost_usd,
                horizon_days=each.horizon_days,
                reason=_why(missing, f"ledger.entries[{each.name}]"),
            )
            for each in told.entries
        ),
        totals=TotalsRow(
            deviation_usd=totals.deviation_usd,
            expected_cost_usd=totals.expected_cost_usd,
            model_usd=None if totals.model_usd2 is None else number(float(np.sqrt(totals.model_usd2))),
            in_both_usd2=totals.in_both_usd2,
            not_in_ledger_usd2=totals.not_in_ledger_usd2,
            not_in_model_usd2=totals.not_in_model_usd2,
            before_usd=number(cycle.held.risk.deviation_usd),
        ),
        stated=told.stated,
        reasons={
            path.removeprefix("ledger.totals."): reason
            for path, reason in missing.found.items()
            if path.startswith("ledger.totals.")
        },
    )


def residual_frame(snapshot: Snapshot) -> Frame:
    """The page with the columns of its chart."""
    return Frame(
        kind="residual",
        topic="residual",
        number=snapshot.number,
        cycle=snapshot.cycle.sequence,
        at_ns=snapshot.at_ns,
        data=residual(snapshot).model_dump(),
        columns=residual_columns(snapshot.history),
    )


def residual_columns(history: History) -> tuple[Column, ...]:
    """Time in seconds, and of each kind what it adds to the deviation, USD."""
    return (
        column("at_s", history.residual_ns / 1e9, "f8"),
        *(
            column(kind.value, values, "f4")
            for kind, values in zip(RESIDUAL_KINDS, history.residual_usd, strict=True)
        ),
    )


def _why(missing: Missing, path: str) -> str:
    return next((reason for at, reason in missing.found.items() if at.startswith(path)), "")
