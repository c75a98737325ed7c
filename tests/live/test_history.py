"""The half hour keeps the ledger of what the hedges leave, taken every few seconds, of the cycles themselves."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.engine.residual import left_behind
from flatbook.live.history import HistoryColumns, residual_by_kind
from flatbook.live.snapshot import RESIDUAL_KINDS
from tests.dashboard.worlds import pictures_of, stage_of


@pytest.fixture(scope="module")
def cycles():
    """A short day that is hedged."""
    return [each.cycle for each in pictures_of(stage_of(minutes=2.0))]


def test_the_ledger_of_the_history_is_that_of_its_cycles(cycles):
    """Kinds add up to the deviation of the whole, each with its own entries."""
    columns = HistoryColumns()
    for cycle in cycles:
        columns.add(cycle, cycle.now_ns, 0.0)
    kept = columns.columns()
    by_time = {cycle.now_ns: cycle for cycle in cycles}

    assert kept.residual_ns.size > 10
    assert kept.residual_ns[0] == cycles[0].now_ns
    for at, at_ns in enumerate(kept.residual_ns.tolist()):
        ledger = left_behind(by_time[at_ns]).ledger
        assert kept.residual_usd[:, at].sum() == pytest.approx(ledger.deviation_usd, rel=1e-12)
        for place, kind in enumerate(RESIDUAL_KINDS):
            variance = sum(entry.variance_usd2 for entry in ledger.entries if entry.kind is kind)
            told = kept.residual_usd[place, at] * ledger.deviation_usd
            assert told == pytest.approx(variance, rel=1e-9, abs=1e-9)
    assert kept.residual_usd[:, -1].any()


def test_the_ledger_is_taken_every_five_seconds_at_most(cycles):
    """It measures the book once more: not at each publication."""
    columns = HistoryColumns()
    for second in range(12):
        at_ns = cycles[0].now_ns + second * 1_000_000_000
        columns.add(replace(cycles[0], now_ns=at_ns), at_ns, 0.0)

    kept = columns.columns()
    assert np.diff(kept.residual_ns).tolist() == [5_000_000_000] * 2
    assert kept.at_ns.size == 12


def test_what_is_older_than_half_an_hour_is_gone(cycles):
    """Of the ledger as of the other columns."""
    columns = HistoryColumns()
    for minute in range(40):
        at_ns = cycles[0].now_ns + minute * 60_000_000_000
        columns.add(replace(cycles[0], now_ns=at_ns), at_ns, 0.0)

    kept = columns.columns()
    assert kept.residual_ns[0] >= kept.at_ns[-1] - 30 * 60_000_000_000
    assert kept.residual_ns.size == kept.at_ns.size


def test_an_entry_that_cannot_be_told_makes_its_moment_unknown(cycles):
    """NaN, and not 0."""
    cycle = cycles[-1]
    blind = replace(cycle, price=replace(cycle.price, deviation=np.full_like(cycle.price.deviation, np.nan)))

    assert np.isnan(residual_by_kind(left_behind(blind).ledger)).any()
