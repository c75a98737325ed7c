"""The ledger of a cycle: every hedge leaves its entries, and their sum is what the factor model says of the book that is left."""

from dataclasses import replace
from io import StringIO

import msgspec
import numpy as np
import pytest
from rich.console import Console

from flatbook.engine.measure import measure, reaching
from flatbook.engine.residual import left_behind
from flatbook.exposure.factor_prior import ONE_MONTH
from flatbook.exposure.factors import GAMMA, LEVELS, SPOT
from flatbook.exposure.residual_ledger import RiskKind
from flatbook.exposure.slides import pnl_by_underlying
from flatbook.market.view import EventMove
from flatbook.model.measures import Measure
from flatbook.reports.columns import columns_of
from flatbook.reports.console_lists import print_residual
from flatbook.reports.html import render_html
from flatbook.reports.ledger import STATED, residual_ledger_of
from flatbook.reports.leftover import residual_of
from flatbook.reports.missing import Missing
from flatbook.reports.numbers import magnitude
from tests.reports.conftest import DAY, NOW
from tests.reports.nulls import unexplained


def _kinds(told):
    return [entry.kind for entry in told.ledger.entries]


def test_a_hedge_leaves_direction_volatility_and_its_execution(cycle):
    told = left_behind(cycle)
    (hedge,) = [one for one in cycle.hedges if one.chosen]
    execution = next(entry for entry in told.ledger.entries if entry.kind is RiskKind.EXECUTION)
    traded = abs(hedge.chosen.delta_after_usd - hedge.delta_before_usd)
    vol = cycle.price.spot_vol[0]

    assert set(_kinds(told)) == {RiskKind.DIRECTION, RiskKind.VOLATILITY, RiskKind.EXECUTION}
    assert execution.source == hedge.chosen.symbol
    assert execution.expected_cost_usd == hedge.chosen.cost_usd
    assert execution.deviation_usd == pytest.approx(traded * vol * np.sqrt(60.0 / 86_400.0 / 365.0 / 3.0))


def test_owners_are_those_of_the_limits(cycle):
    """Nobody's own limit: the limits' owner is risk; where there is none, the desk."""
    told = left_behind(cycle)

    assert {entry.owner for entry in told.ledger.entries} == {"risk"}
    nobody = replace(cycle, standing=replace(cycle.standing, limits=()))
    assert {entry.owner for entry in left_behind(nobody).ledger.entries} == {"index desk"}


def test_the_ledger_is_the_factor_model_but_for_what_that_does_not_tell(cycle):
    """Direction and volatility are the model's own to the bit; execution is not in the model."""
    told = left_behind(cycle)
    left = cycle.residual.exposure.by_underlying[0]
    factors = [Measure.DELTA_USD, Measure.VEGA_WEIGHTED_USD_PER_POINT, Measure.GAMMA_USD_PER_PCT]
    deviation = cycle.price.deviation[0, [SPOT, LEVELS.start + ONE_MONTH, GAMMA]] * [1.0, 1.0, 50.0]
    model = float((left[factors] ** 2 * deviation**2).sum())
    execution = sum(e.variance_usd2 for e in told.ledger.entries if e.kind is RiskKind.EXECUTION)

    assert told.against.model == pytest.approx(model)
    assert told.against.not_in_ledger == pytest.approx(0.0, abs=1e-9 * model)
    assert told.against.not_in_model == pytest.approx(execution, abs=1e-9 * model)


def test_another_models_difference_is_its_own_line(cycle):
    told = left_behind(cycle, model_usd2=1e12)

    assert told.against.not_in_ledger == pytest.approx(1e12 - told.against.in_both)


def test_a_proxy_in_the_book_leaves_the_basis_that_the_plan_reports(cycle):
    """SPY at a correlation of 0.995, held beside the options."""
    row = cycle.table.row_of("SPY")
    quantity = cycle.held.quantity.copy()
    quantity[row] += 10_000
    basis = reaching(cycle.basis, np.array([row]))
    held = replace(
        cycle, basis=basis, book=replace(cycle.book, quantity=quantity), held=measure(quantity, basis)
    )
    (entry,) = [e for e in left_behind(held).ledger.entries if e.kind is RiskKind.BASIS]
    (reported,) = residual_of(held, columns_of(held), Missing()).basis

    assert entry.source == "SPY"
    assert entry.deviation_usd == pytest.approx(reported.deviation_usd)


def _with_event(cycle, *, at_days=0.5, move_sd=0.04, reason=""):
    event = EventMove(
        underlying="SPX", name="rates", at_ns=NOW + round(at_days * DAY), move_sd=move_sd, move_sd_error=0.001, reason=reason
    )  # fmt: skip
    market = replace(cycle.market, term=replace(cycle.market.term, events=(event,)))
    return replace(cycle, market=market)


def test_an_event_counts_what_the_book_that_is_left_makes_of_its_move(cycle):
    """Two moves alike, by full revaluation: mean and variance written out."""
    held = _with_event(cycle)
    (entry,) = [e for e in left_behind(held).ledger.entries if e.kind is RiskKind.EVENT]
    moves = np.expm1(np.array([-0.04, 0.04]))
    pnl = pnl_by_underlying(held.residual.exposure.quantity, held.values, held.market, moves, np.zeros(1))[
        0, :, 0
    ]

    assert entry.variance_usd2 == pytest.approx(((pnl[1] - pnl[0]) / 2.0) ** 2)
    assert entry.expected_cost_usd == pytest.approx(-(pnl[0] + pnl[1]) / 2.0)
    assert entry.owner == "head of desk"
    assert entry.horizon_days == pytest.approx(0.5)


def test_an_event_beyond_the_horizon_is_none(cycle):
    assert RiskKind.EVENT not in _kinds(left_behind(_with_event(cycle, at_days=1.5)))


def test_an_event_of_unknown_size_leaves_the_sum_unknown_with_its_reason(cycle):
    """Null in the report, never 0, and every null is explained."""
    missing = Missing()
    section = residual_ledger_of(
        left_behind(_with_event(cycle, move_sd=float("nan"), reason="no expiry after it")), missing
    )
    raw = msgspec.json.encode({"residual": {"ledger": section}, "reasons": missing.reasons()})

    assert section.totals.deviation_usd is None
    assert section.totals.in_both_usd2 is not None
    assert unexplained(raw) == []
    assert {each.reason for each in missing.reasons()} >= {"no expiry after it"}


def test_the_section_is_sorted_and_its_shares_add_up(cycle):
    section = residual_ledger_of(left_behind(_with_event(cycle)), Missing())
    shares = [row.share_of_variance for row in section.entries]

    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)
    assert section.totals.variance_usd2 == pytest.approx(sum(row.variance_usd2 for row in section.entries))
    assert section.stated == STATED


def test_series_without_a_value_count_at_their_worst(hurt_cycle):
    """The underlying without a price leaves the sum unknown, with a reason."""
    told, missing = left_behind(hurt_cycle), Missing()
    section = residual_ledger_of(told, missing)

    assert any(entry.reason for entry in told.ledger.entries)
    assert section.totals.variance_usd2 is None
    assert missing.reasons()


def test_a_flat_desk_leaves_nothing(empty_cycle):
    told = left_behind(empty_cycle)

    assert told.ledger.entries == ()
    assert residual_ledger_of(told, Missing()).totals.deviation_usd == 0.0


def test_the_plan_holds_the_ledger_against_the_factor_model_of_what_is_left(cycle, report):
    ledger = report.residual.ledger
    in_model = [row for row in ledger.entries if row.kind in ("direction", "volatility")]

    assert ledger.totals.model_usd2 == cycle.residual.risk.deviation_usd**2 > 0.0
    assert ledger.totals.in_both_usd2 == pytest.approx(sum(row.variance_usd2 for row in in_model))
    assert ledger.totals.in_both_usd2 + ledger.totals.not_in_ledger_usd2 == pytest.approx(
        ledger.totals.model_usd2
    )
    assert len({row.name for row in ledger.entries}) == len(ledger.entries)


def test_a_model_without_a_deviation_says_where_to_look(hurt_cycle, hurt_report):
    """The ledger's own sum has the reason of its entry, the model's has the model's."""
    assert np.isnan(hurt_cycle.residual.risk.deviation_usd)
    reasons = {each.path: each.reason for each in hurt_report.reasons}

    assert hurt_report.residual.ledger.totals.model_usd2 is None
    assert "factors.deviation_after_usd" in reasons["residual.ledger.totals.model_usd2"]
    assert "factors.deviation_after_usd" not in reasons["residual.ledger.totals.variance_usd2"]


def test_a_console_has_the_sum_and_the_four_largest(report):
    """Of seven entries."""
    (entry, *_), totals = report.residual.ledger.entries, report.residual.ledger.totals
    entries = tuple(msgspec.structs.replace(entry, name=f"entry {at}") for at in range(7))
    ledger = msgspec.structs.replace(report.residual.ledger, entries=entries)
    residual = msgspec.structs.replace(report.residual, ledger=ledger)
    lines = _printed(msgspec.structs.replace(report, residual=residual))
    (first,) = [at for at, line in enumerate(lines) if line.startswith("  left behind, 7 entries: ")]

    assert f"{magnitude(totals.deviation_usd)} USD SD" in lines[first]
    assert f"factor model {magnitude(np.sqrt(totals.model_usd2))}" in lines[first]
    (largest,) = lines[first + 1 :]
    each = f"{magnitude(entry.deviation_usd)} ({100.0 * entry.share_of_variance:.0f} %)"
    assert largest == "    " + "; ".join(f"entry {at} {each}" for at in range(4))


def _printed(report):
    out = Console(width=400, record=True, file=StringIO())
    print_residual(report, out)
    return [line.rstrip() for line in out.export_text().splitlines()]


def test_the_page_has_a_row_for_every_entry(report, empty_report):
    """And no table where nothing is left."""
    page = render_html(report)

    assert page.count("Ledger of what is left") == 1
    for row in report.residual.ledger.entries:
        assert f'<td class="left">{row.name}</td>' in page
    assert "Ledger of what is left" not in render_html(empty_report)
    assert not any("left behind" in line for line in _printed(empty_report))


def test_every_leg_has_its_execution_and_one_that_is_worked_says_its_own(cycle):
    """Two legs, the second worked over half an hour."""
    (hedge,) = [one for one in cycle.hedges if one.legs]
    leg, way = hedge.legs[0], hedge.schedule[0]
    other = replace(leg, symbol="SPY", row=cycle.table.row_of("SPY"), cost_usd=77.0)
    worked = replace(way, symbol="SPY", minutes=30.0, deviation_usd=123.0, expected_cost_usd=77.0)
    two = replace(hedge, legs=(leg, other), schedule=(way, worked))
    hedges = tuple(two if one is hedge else one for one in cycle.hedges)
    told = left_behind(replace(cycle, hedges=hedges))
    first, second = (entry for entry in told.ledger.entries if entry.kind is RiskKind.EXECUTION)

    assert (first.source, second.source) == (leg.symbol, "SPY")
    assert second.deviation_usd == pytest.approx(123.0)
    assert second.expected_cost_usd == 77.0
    assert second.horizon_days == pytest.approx(0.5 / 24.0)
    assert first.horizon_days == pytest.approx(1.0 / 1440.0)
