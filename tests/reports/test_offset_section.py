"""The option offset in the plan: the programme's own numbers, how pressing it is, and what is said where nothing can be."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from flatbook.cli.run import offset_of_book
from flatbook.engine.offsets import offset_of
from flatbook.limits.ladder import Step
from flatbook.model.events import DeskSet, InstrumentsListed, LimitsSet, UnderlyingQuoted
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.reports.console_offset import print_offset
from flatbook.reports.html import render_html
from flatbook.reports.offset_section import OFFSET_RESPONSES
from flatbook.reports.plan import encode_json, plan_report
from tests.reports.conftest import FILLS, NOW, SOURCES, SPOT, chain, desk, planned, quotes, state_and_cycle
from tests.reports.nulls import unexplained


@pytest.fixture(scope="module")
def found(decided):
    """The offset of the day without trouble, computed again."""
    _, cycle = decided
    return offset_of(cycle.held, cycle.standing, cycle.basis, ("SPX",))


def limited(*limits):
    """The same day under other limits."""
    items = chain()
    return state_and_cycle(
        InstrumentsListed(received_ns=NOW, instruments=items),
        UnderlyingQuoted(received_ns=NOW, underlying="SPX", price=SPOT),
        quotes(items),
        DeskSet(received_ns=NOW, desk=desk(), by="test"),
        LimitsSet(received_ns=NOW, limits=limits, by="test"),
        *FILLS,
    )


def printed(report):
    """The section on a console."""
    out = io.StringIO()
    print_offset(report, Console(file=out, width=200, force_terminal=False))
    return out.getvalue()


def test_the_numbers_are_those_of_the_programme(found, report):
    """To the bit: the report computes none of them."""
    told, plan = report.offset.plan, found.plan

    for name in ("cost_usd", "risk_before_usd", "risk_after_usd", "deviation_before_usd", "deviation_after_usd", "worth_usd", "bound_usd", "gap_usd"):  # fmt: skip
        assert getattr(plan, name) == getattr(told, name), name
    signs = {"buy": 1, "sell": -1}
    assert {leg.name: leg.contracts for leg in plan.legs} == {
        leg.symbol: signs[leg.side] * leg.contracts for leg in told.legs
    }
    assert (plan.met, plan.proven_infeasible, plan.bound_gap) == (
        told.all_kept,
        told.proven_infeasible,
        told.gap_share,
    )
    assert [one.name for one in plan.alternatives] == [one.name for one in told.alternatives]
    assert all(one.reason for one in told.alternatives)


def test_every_contract_of_the_plan_is_in_one_package(report):
    """Packages add up to the legs."""
    signs, plan = {"buy": 1, "sell": -1}, report.offset.plan
    of_packages = {}
    for package in plan.packages:
        for leg in package.legs:
            of_packages[leg.symbol] = of_packages.get(leg.symbol, 0) + signs[leg.side] * leg.contracts

    assert of_packages == {leg.symbol: signs[leg.side] * leg.contracts for leg in plan.legs}
    assert plan.legs


def test_the_menu_holds_what_is_worth_its_cost_in_order(found, report):
    """The most removed per USD first; the rest is counted."""
    menu = report.offset.plan.menu
    removed = [np.inf if one.removed_per_usd is None else one.removed_per_usd for one in menu]

    assert sorted(removed, reverse=True) == removed
    assert [line.name for line in found.menu if line.contracts] == [one.symbol for one in menu]
    assert all(one.contracts > 0 for one in menu)
    assert len(found.menu) == report.offset.plan.candidates >= len(menu)


def test_the_book_after_the_plan_is_measured_and_not_guessed(decided, report):
    """Delta, gamma and vega by the values of the legs; the limit that presses as a new standing tells."""
    _, cycle = decided
    changes = {change.name: change for change in report.offset.after.scopes[0].changes}
    signs = {"buy": 1, "sell": -1}
    for name, measure in (
        ("delta_usd", Measure.DELTA_USD),
        ("gamma_usd_per_pct", Measure.GAMMA_USD_PER_PCT),
        ("vega_usd_per_point", Measure.VEGA_USD_PER_POINT),
    ):
        brought = sum(
            signs[leg.side] * leg.contracts * cycle.values.greeks[cycle.table.row_of(leg.symbol), measure]
            for leg in report.offset.plan.legs
        )
        assert changes[name].after == pytest.approx(changes[name].before + brought, rel=1e-9)
    (pressing,) = report.offset.pressing
    moved = {limit.name: limit for limit in report.offset.after.limits}[pressing.limit]
    assert (pressing.utilisation, pressing.utilisation_after) == (
        moved.utilisation_before,
        moved.utilisation_after,
    )
    assert pressing.utilisation_after < 0.9 + 1e-9 < pressing.utilisation


@pytest.mark.parametrize(
    ("hard", "step"),
    [(60e3, "NORMAL"), (30e3, "NOTIFY"), (26e3, "ALERT"), (22.5e3, "ESCALATE"), (20e3, "HARD")],
)
def test_the_ladder_says_how_pressing_it_is(hard, step):
    """One limit on vega of 21.3k, and what domain reference 8.1 asks of offsets at its step."""
    state, cycle = limited(
        Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="SPX", limit_hard=hard),
        Limit(measure=LimitMeasure.ORDERS_PER_S, limit_hard=1e9),
    )
    report = planned((state, cycle))
    (pressing,) = report.offset.pressing

    assert (step, OFFSET_RESPONSES[Step[step]]) == (pressing.step, pressing.response)
    assert ("" if step == "NORMAL" else "SPX/vega_usd_per_point") == pressing.limit
    strained = step in {"ALERT", "ESCALATE", "HARD"}
    assert strained == any("Or instead an offset" in one for one in report.header.sentences)
    assert strained == ("or offset in" in report.header.headline)
    assert [] == unexplained(encode_json(report))


def test_relief_is_the_first_of_the_menu_that_brings_the_limit_down(decided, report):
    """Short vega in the bucket: only what brings vega there; what merely hedges spot is passed over."""
    _, cycle = decided
    (pressing,) = report.offset.pressing
    bought = [one for one in report.offset.plan.menu if one.symbol in {r.symbol for r in pressing.relief}]

    assert "SPX/2m/vega_usd_per_point" == pressing.limit
    assert pressing.relief
    for trade in pressing.relief:
        row = cycle.table.row_of(trade.symbol)
        assert trade.side == "buy"
        assert 35.0 < (cycle.table.expiry_ns[row] - NOW) / 86_400e9 < 65.0
    assert [one.symbol for one in bought] == [one.symbol for one in pressing.relief]


def test_without_an_offset_the_section_says_why(cycle, empty_report):
    """Nobody asked, or nothing is held."""
    silent = plan_report(cycle, sources=SOURCES)
    reasons = {each.path: each.reason for each in silent.reasons}

    assert (None, None) == (silent.offset.plan, silent.offset.after)
    assert "nobody asked for it" == silent.offset.reason == reasons["offset.plan"]
    assert "the book holds nothing" == empty_report.offset.reason
    assert "No option offset: the book holds nothing." in printed(empty_report)


def test_a_limit_of_unknown_value_is_not_told_as_met(hurt_report):
    """The plan cannot be held against it, in the status, in the response and on the page."""
    section = hurt_report.offset
    spx = next(one for one in section.pressing if one.underlying == "SPX")

    assert ("HARD", None, None) == (spx.step, spx.utilisation, spx.utilisation_after)
    assert "not known" in spx.response
    assert "that the plan can be held against" in section.plan.status
    assert any("gap_loss" in note for note in section.plan.notes)
    assert "every limit is met" not in printed(hurt_report) + render_html(hurt_report)


def test_console_and_page_show_packages_menu_and_what_lost(report):
    """Everything a trader needs to trade it."""
    text, page = printed(report), render_html(report)
    plan = report.offset.plan

    assert "instead of the hedges" in text
    for leg in plan.legs:
        assert f"{leg.side} {leg.contracts:,d} {leg.symbol}" in text
        assert f"{leg.side} {leg.contracts:,d} {leg.symbol}" in page
    assert f"{plan.alternatives[0].name} lost" in text
    assert 'id="offset"' in page
    assert plan.menu[0].symbol in text


def test_a_plan_that_trades_nothing_says_so(decided):
    """An offset of an empty programme: no legs, no book after it."""
    state, cycle = decided
    flat = replace(cycle, desk=desk())
    offset, _ = offset_of_book(flat, state)
    nothing = replace(
        offset,
        plan=replace(offset.plan, legs=(), packages=(), contracts=np.zeros_like(offset.plan.contracts), status="nothing to do"),
    )  # fmt: skip
    told = plan_report(cycle, sources=SOURCES, offset=nothing)

    assert "Offset of SPX: nothing to do." == told.offset.sentence
    assert [] == unexplained(encode_json(told))
    assert "or offset in" not in told.header.headline
