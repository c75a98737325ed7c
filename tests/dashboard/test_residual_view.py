"""The Residual page tells the ledger of the plan report, of the same cycle."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.dashboard.views.residual import residual, residual_frame
from flatbook.live.history import HistoryColumns
from flatbook.live.snapshot import RESIDUAL_KINDS
from flatbook.reports.columns import columns_of
from flatbook.reports.leftover import residual_of
from flatbook.reports.missing import Missing


def test_the_ledger_is_that_of_the_report(picture):
    """Entry by entry, and the totals against the model."""
    page = residual(picture)
    told = residual_of(picture.cycle, columns_of(picture.cycle), Missing()).ledger

    assert [(each.kind, each.underlying, each.source, each.deviation_usd, each.share_of_variance) for each in page.entries] == [
        (each.kind, each.underlying, each.source, each.deviation_usd, each.share_of_variance) for each in told.entries
    ]  # fmt: skip
    assert len(page.entries) > 0
    assert page.totals.deviation_usd == told.totals.deviation_usd
    assert page.totals.expected_cost_usd == told.totals.expected_cost_usd
    assert page.totals.model_usd**2 == pytest.approx(told.totals.model_usd2)
    assert page.totals.not_in_model_usd2 == told.totals.not_in_model_usd2


def test_kinds_add_up_to_the_deviation(picture):
    """Each as large as its entries' share of the variance."""
    page = residual(picture)
    whole = page.totals.deviation_usd

    assert sum(each.usd for each in page.kinds) == pytest.approx(whole)
    for kind in page.kinds:
        share = sum(each.share_of_variance for each in page.entries if each.kind == kind.kind)
        assert kind.usd == pytest.approx(share * whole, abs=1e-9)


def test_what_cannot_be_told_is_null_with_its_reason(picture):
    """Not 0."""
    price = picture.cycle.price
    cycle = replace(picture.cycle, price=replace(price, deviation=np.full_like(price.deviation, np.nan)))

    page = residual(replace(picture, cycle=cycle))

    assert page.totals.deviation_usd is None
    assert page.reasons["deviation_usd"]
    unknown = [each for each in page.entries if each.deviation_usd is None]
    assert unknown
    assert all(each.reason for each in unknown)
    assert any(each.usd is None for each in page.kinds)


def test_the_frame_has_a_column_of_each_kind(pictures):
    """Of the history, in seconds."""
    columns = HistoryColumns()
    for each in pictures:
        columns.add(each.cycle, each.at_ns, each.pnl_usd)
    last = replace(pictures[-1], history=columns.columns())

    told = {each.name: each.values for each in residual_frame(last).columns}

    assert list(told) == ["at_s", *(kind.value for kind in RESIDUAL_KINDS)]
    at_ns = last.history.residual_ns[-1]
    assert told["at_s"][-1] == at_ns / 1e9
    page = residual(next(each for each in pictures if each.cycle.now_ns == at_ns))
    assert [told[each.kind][-1] for each in page.kinds] == [np.float32(each.usd) for each in page.kinds]
