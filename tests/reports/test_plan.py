"""The plan report says what the cycle says, and nothing missing becomes a zero."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from flatbook.market.quotes import QuoteStatus
from flatbook.model.measures import MEANINGS, Measure
from flatbook.model.parameters import LimitMeasure
from flatbook.quoting.ticks import NO_PRICE
from flatbook.reports.decisions import LIMIT_UNITS
from flatbook.reports.plan import decode_json, encode_json, plan_report
from flatbook.reports.schema import PlanReport
from flatbook.reports.schema_parts import Measures
from tests.reports.conftest import FILLS, SOURCES, planned
from tests.reports.nulls import nulls, unexplained

NAMES = tuple(meaning.name for meaning in MEANINGS.values())


def _numbers(measures):
    return [getattr(measures, name) for name in NAMES]


def test_the_measures_are_those_of_the_table():
    """Same names, same order."""
    assert NAMES == Measures.__struct_fields__


def test_every_limit_measure_has_a_unit():
    """A number without one is not told."""
    assert set(LimitMeasure) == set(LIMIT_UNITS)


def test_totals_are_those_of_the_cycle(cycle, report):
    """To the bit: the report computes none of them."""
    desk, one = report.exposure.desk, report.exposure.by_underlying[0]

    assert cycle.exposure.desk.tolist() == _numbers(desk.measures)
    assert cycle.exposure.by_underlying[0].tolist() == _numbers(one.measures)
    assert cycle.gaps.desk.tolist() == [gap.pnl_usd for gap in desk.gaps]
    assert cycle.gaps.worst_desk == desk.gap_loss_usd
    assert cycle.capital.desk == desk.capital_usd
    assert cycle.exposure.beta_delta_shares == desk.beta_delta_shares


def test_slides_are_those_of_the_cycle_before_and_after_the_hedges(cycle, report):
    """The desk's grid first, then the underlyings'."""
    assert cycle.slides.desk.tolist() == [list(row) for row in report.slides.grids[0].pnl_usd]
    assert cycle.residual.slides.desk.tolist() == [list(row) for row in report.slides.after_hedges[0].pnl_usd]
    assert ["desk", *cycle.table.underlyings] == [grid.scope for grid in report.slides.grids]


def test_the_parts_of_an_inventory_add_up(report):
    """By series, by class, by expiry and by bucket: one vega and one number of contracts."""
    inventory, vega = report.inventory, report.exposure.desk.measures.vega_usd_per_point
    buckets = report.exposure.by_underlying[0].buckets

    for parts in (inventory.series, inventory.by_class, inventory.by_expiry, buckets):
        assert pytest.approx(vega) == sum(part.measures.vega_usd_per_point for part in parts)
    net = sum(fill.side * fill.quantity for fill in FILLS)
    assert net == sum(one.position for one in inventory.series)
    assert net == sum(one.net for one in inventory.by_class) == sum(one.net for one in inventory.by_expiry)
    assert all(one.long - one.short == one.net for one in inventory.by_expiry)


def test_customer_flow_is_one_sided_the_way_customers_went(report):
    """61 bought, 9 sold; all of the calls were bought."""
    flow = report.inventory.flow[0]

    assert (61, 9, 57, 0, 4, 9) == (
        flow.bought,
        flow.sold,
        flow.calls_bought,
        flow.calls_sold,
        flow.puts_bought,
        flow.puts_sold,
    )
    assert pytest.approx(100 * 52 / 70) == flow.imbalance_pct
    assert 100.0 == flow.calls_imbalance_pct
    assert "74 % net buying" in flow.sentence


def test_limits_are_sorted_worst_first(report):
    """By utilisation, and each is the cycle's."""
    used = [row.utilisation for row in report.limits]

    assert sorted(used, reverse=True) == used
    assert 6 == len(used)


def test_a_limit_that_could_not_be_computed_leads(hurt_report):
    """Unknown is a breach, never a zero."""
    assert [None, None] == [row.utilisation for row in hurt_report.limits[:2]]
    assert {"HARD"} == {row.step for row in hurt_report.limits[:2]}
    assert all(row.reason for row in hurt_report.limits[:2])


def test_hedges_are_those_of_the_cycle(cycle, report):
    """Side and size from the sign."""
    chosen, told = cycle.hedges[0].chosen, report.hedges.rows[0].chosen

    assert ("buy", 43, "ESM19") == (told.side, told.contracts, told.symbol)
    assert (chosen.quantity, chosen.cost_usd, chosen.delta_after_usd) == (
        told.contracts,
        told.cost_usd,
        told.delta_after_usd,
    )
    assert ["SPY"] == [one.symbol for one in report.hedges.rows[0].alternatives]


def test_quotes_cover_every_option_and_are_prices_of_the_ticks(cycle, report):
    """In order of class, expiry, strike, call before put."""
    by_symbol = {row.symbol: row for row in report.quotes.series}
    table, quotes = cycle.table, cycle.quotes

    assert int(table.is_option.sum()) == len(by_symbol) == sum(c.series for c in report.quotes.counts)
    for row in np.flatnonzero(table.is_option).tolist():
        told = by_symbol[table.instruments[row].symbol]
        assert (None if quotes.bid[row] == NO_PRICE else quotes.bid[row] / 100) == told.bid
        assert (None if quotes.ask[row] == NO_PRICE else quotes.ask[row] / 100) == told.ask
        assert int(quotes.bid_size[row]) == told.bid_size
    keys = [(row.option_class, row.expiry, row.strike, row.right) for row in report.quotes.series]
    assert sorted(keys) == keys


def test_residual_is_before_and_after(cycle, report):
    """Of delta, gamma, vega, gap and capital."""
    changes = {change.name: change for change in report.residual.scopes[0].changes}

    assert cycle.exposure.desk[Measure.DELTA_USD] == changes["delta_usd"].before
    assert cycle.residual.exposure.desk[Measure.DELTA_USD] == changes["delta_usd"].after
    assert cycle.residual.gaps.worst_desk == changes["gap_loss_usd"].after
    assert cycle.residual.capital.desk == changes["capital_usd"].after


def test_shifts_are_those_of_the_risk_price_and_add_up(cycle, report):
    """Both sides of what is held first; the parts make the whole; one that is missing says why."""
    held = int((cycle.table.is_option & (cycle.book.quantity != 0)).sum())
    rows = report.quotes.shifts

    assert ["bid", "ask"] * (len(rows) // 2) == [row.side for row in rows]
    assert all(cycle.book.quantity[cycle.table.row_of(row.symbol)] for row in rows[: 2 * held])
    for row in rows:
        at = cycle.table.row_of(row.symbol)
        found = float(cycle.price.reservation.shift_usd[0 if row.side == "bid" else 1, at])
        if np.isfinite(found):
            parts = (row.inventory_usd, row.flow_usd, row.own_usd, row.limits_usd, row.capital_usd, row.adverse_selection_usd, row.hedge_usd)  # fmt: skip
            assert (found, "") == (row.shift_usd, row.reason)
            assert sum(parts) == pytest.approx(found, rel=1e-9, abs=1e-9)
        else:
            assert row.shift_usd is None
            assert row.reason
    assert any(row.inventory_usd for row in rows)


def test_a_side_that_a_hard_limit_forbids_says_so(cycle):
    """An infinite shift is no number; the limits part is what forbids it."""
    found = cycle.price.reservation
    row = int(np.flatnonzero(cycle.book.quantity)[0])
    barrier = found.charges.barrier.copy()
    barrier[1, row] = np.inf
    shift = found.shift_usd.copy()
    shift[1, row] = np.inf
    charged = replace(found, shift_usd=shift, charges=replace(found.charges, barrier=barrier))
    told = plan_report(replace(cycle, price=replace(cycle.price, reservation=charged)), sources=SOURCES)
    symbol = cycle.table.instruments[row].symbol
    (side,) = (one for one in told.quotes.shifts if (one.symbol, one.side) == (symbol, "ask"))

    assert (None, None) == (side.shift_usd, side.limits_usd)
    assert "hard limit" in side.reason
    assert [] == unexplained(encode_json(told))


def test_the_numbers_that_the_risk_price_stands_on_say_where_they_come_from(cycle, report):
    """The desk's choices, its hedges' spreads, and what nobody verified."""
    told = {(one.name, one.scope): one for one in report.residual.price_parameters}

    aversion = told["risk_aversion_per_usd", ""]
    assert (1e-6, "the desk's choice") == (aversion.value, aversion.source)
    assert "unverified" in told["requests_per_day", "every underlying"].source
    assert {("spread", "ESM19"), ("spread", "SPY")} <= set(told)
    assert all(one.source for one in told.values())
    assert len(told) == len(report.residual.price_parameters)


def test_market_health_counts_every_series_once(cycle, report):
    """By expiry and by status."""
    health, options = report.market_health, int(cycle.table.is_option.sum())

    assert options == sum(one.series for one in health.expiries) == sum(one.series for one in health.statuses)
    usable = int((cycle.market.status == QuoteStatus.USABLE)[cycle.table.is_option].sum())
    assert usable == sum(one.usable for one in health.expiries)
    assert all(one.theo_inside_share > 0.9 for one in health.expiries)


@pytest.mark.parametrize("name", ["report", "hurt_report", "empty_report"])
def test_every_null_has_a_reason(name, request):
    """Found by its path, or by the starred path of its list."""
    raw = encode_json(request.getfixturevalue(name))

    assert nulls(raw)
    assert [] == unexplained(raw)


def test_an_unexplained_null_would_be_found(report):
    """The search can fail."""
    raw = json.loads(encode_json(report))
    raw["exposure"]["desk"]["capital_usd"] = None

    assert ["exposure.desk.capital_usd"] == unexplained(json.dumps(raw))


def test_a_held_series_without_a_value_is_null_with_its_reason_and_leads(hurt_report):
    """In the inventory, in the health section, and in the headline."""
    first = hurt_report.inventory.series[0]
    held = {one.symbol: one.reason for one in hurt_report.market_health.unvalued_held}

    assert [None] * len(NAMES) == _numbers(first.measures)
    assert (None, first.reason) == (first.theo, held[first.symbol])
    assert 2 == len(held) == hurt_report.exposure.desk.unvalued
    assert "2 held series without a value" in hurt_report.header.headline


def test_an_underlying_in_which_nothing_has_a_value_has_no_exposure_told(hurt_report):
    """The sum of nothing is not a flat book."""
    dark = next(one for one in hurt_report.exposure.by_underlying if one.spot is None)

    assert [None] * len(NAMES) == _numbers(dark.measures)
    assert (None, 1) == (dark.capital.required_usd, dark.unvalued)


def test_the_worst_case_stands_beside_what_is_counted(hurt_cycle, hurt_report):
    """For SPX the bound of the one silent series."""
    spx = next(one for one in hurt_report.exposure.by_underlying if one.underlying == "SPX")

    assert pytest.approx(3 * 100 * 2900.0) == spx.worst_case.delta_usd
    assert spx.worst_case.theta_usd_per_day is None


def test_json_is_deterministic_and_comes_back_whole(decided, report):
    """Decoding gives the same report."""
    raw = encode_json(report)

    assert raw == encode_json(planned(decided))
    assert report == decode_json(raw)
    assert raw.startswith(b'{\n  "schema": "flatbook.plan/2",')
    assert b"NaN" not in raw


def test_a_nan_that_slipped_in_stops_the_encoder(report):
    """The encoder alone would write null and no reason."""
    grid = msgspec.structs.replace(report.slides.grids[0], pnl_usd=((float("nan"),),))
    broken = msgspec.structs.replace(report, slides=msgspec.structs.replace(report.slides, grids=(grid,)))

    with pytest.raises(AssertionError, match="only finite numbers"):
        encode_json(broken)


def test_an_empty_book_is_flat_and_says_so(empty_report):
    """No trade, no limit, no hedge."""
    assert "FLAT vega, delta 0 USD; no hedge; no limit above 75 %" == empty_report.header.headline
    assert ("No option was traded with customers.", "No limit is set.") == (
        empty_report.header.sentences[0],
        empty_report.header.sentences[2],
    )


def test_fills_that_say_nothing_of_the_customer_are_told_to_count_as_customers(cycle):
    """The reader must know."""
    silent = replace(cycle, book=replace(cycle.book, capacity_known=False))
    told = plan_report(silent, sources=SOURCES).header.sentences[0]

    assert "No fill says for whom it was" in told


def test_series_that_nobody_holds_are_grouped_by_reason(hurt_cycle):
    """With at most 20 symbols, and the held ones apart."""
    values = hurt_cycle.values
    reasons = values.reasons | dict.fromkeys(range(30), "no smile")
    held = set(hurt_cycle.exposure.unvalued)
    told = plan_report(replace(hurt_cycle, values=replace(values, reasons=reasons)), sources=SOURCES)
    group = told.market_health.unvalued_other[0]

    assert ("no smile", 30 - len(held & set(range(30)))) == (group.reason, group.series)
    assert 20 == len(group.symbols)


def test_the_report_is_frozen_and_versioned(report):
    """Readers look at `schema` first."""
    assert "flatbook.plan/2" == report.schema
    assert "schema" == PlanReport.__struct_fields__[0]
