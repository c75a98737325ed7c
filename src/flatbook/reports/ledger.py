"""The residual ledger of a cycle as a report tells it: each entry with its owner, and the totals against the factor model."""

from math import isfinite

import numpy as np

from flatbook.engine.residual import NO_EXPOSURE, Told
from flatbook.exposure.residual_ledger import Entry, Ledger
from flatbook.reports.missing import Missing
from flatbook.reports.schema_decisions import LedgerRow, LedgerTotals, ResidualLedger

_NO_MODEL = "the factor model knows no deviation of the book that is left: see factors.deviation_after_usd"
_OF_MODEL = frozenset({"model_usd2", "not_in_ledger_usd2"})
STATED = (
    "entries are taken as uncorrelated: the ledger's variance is the sum of theirs",
    "an event counts at plus and minus the move that the quotes imply, equally likely, at unchanged volatilities",
)


def residual_ledger_of(told: Told, missing: Missing, path: str = "residual.ledger") -> ResidualLedger:
    """The section of a report."""
    ledger, against = told.ledger, told.against
    shares = ledger.shares_usd2
    order = np.argsort(-np.nan_to_num(shares, nan=np.inf), kind="stable").tolist()
    entry = next((entry.reason for entry in ledger.entries if entry.reason), NO_EXPOSURE)
    model = entry if isfinite(against.model) else _NO_MODEL
    totals = {
        "deviation_usd": ledger.deviation_usd,
        "expected_cost_usd": ledger.expected_cost_usd,
        "variance_usd2": against.ledger,
        "model_usd2": against.model,
        "in_both_usd2": against.in_both,
        "not_in_ledger_usd2": against.not_in_ledger,
        "not_in_model_usd2": against.not_in_model,
    }
    return ResidualLedger(
        entries=tuple(
            _row(ledger.entries[at], _share(float(shares[at]), ledger), missing, path) for at in order
        ),
        totals=LedgerTotals(
            **{
                name: missing.number(value, f"{path}.totals.{name}", model if name in _OF_MODEL else entry)
                for name, value in totals.items()
            }
        ),
        stated=STATED,
    )


def _share(usd2: float, ledger: Ledger) -> float:
    return usd2 / ledger.variance_usd2 if ledger.variance_usd2 != 0.0 else 0.0


def _row(entry: Entry, share: float, missing: Missing, path: str) -> LedgerRow:
    name = f"{entry.underlying} {entry.kind.value} {entry.source}"
    here = f"{path}.entries[{name}]"
    why = entry.reason or "another entry of the ledger cannot be told"
    return LedgerRow(
        name=name,
        kind=entry.kind.value,
        underlying=entry.underlying,
        source=entry.source,
        owner=entry.owner,
        deviation_usd=missing.number(entry.deviation_usd, f"{here}.deviation_usd", why),
        variance_usd2=missing.number(entry.variance_usd2, f"{here}.variance_usd2", why),
        share_of_variance=missing.number(share, f"{here}.share_of_variance", why),
        expected_cost_usd=missing.number(entry.expected_cost_usd, f"{here}.expected_cost_usd", why),
        horizon_days=entry.horizon_days,
    )
