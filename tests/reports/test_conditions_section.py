"""Under which conditions quotes stand and which orders leave, as the plan tells it: counted here again from the cycle."""

import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as changed
from rich.console import Console

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.model.events import CycleDue, FastMarketSet
from flatbook.model.obligation_terms import ObligationRule, Pooled, WidthBand
from flatbook.model.order_events import KillScope, KillSet
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.protection_terms import (
    Counted,
    ProtectionRule,
    ScopeKind,
    Tally,
    Threshold,
    WindowKind,
)
from flatbook.model.quoting_events import DutySession, ProtectionTripped
from flatbook.model.quoting_terms import DutyTerms, ProtectionTerms
from flatbook.orders.columns import REASON_TEXT, Reason
from flatbook.orders.reconcile import WHY_TEXT, Action, Why
from flatbook.quoting.legal_quotes import Ground
from flatbook.reports.conditions_section import GROUND_TEXT
from flatbook.reports.console import print_plan
from flatbook.reports.html import render_html
from flatbook.reports.plan import encode_json, plan_report
from tests.reports.conftest import SOURCES
from tests.reports.nulls import unexplained
from tests.worlds import NOW_NS, fill, index_desk, index_facts

_HOUR = 3_600_000_000_000
_DUTY = DutyTerms(
    venue="east",
    role="maker",
    rule=ObligationRule(time_share=0.5, widths=(WidthBand(width=50.0),), size_min=1, pooled=Pooled.CLASS),
)
_PROTECTION = ProtectionTerms(
    venue="east",
    name="class",
    rule=ProtectionRule(
        scope=ScopeKind.CLASS, counted=Counted.ALL, window=WindowKind.SLIDING, interval_ms=10_000, frozen_ms=0,
        thresholds=(Threshold(tally=Tally.QUANTITY, limit=500.0),),
    ),
)  # fmt: skip
_CALL = "IDXW030C5000"


def decided(*told, limits=(), fills=(), send=None, **terms):
    """The cycle of the index desk after some facts."""
    desk = index_desk()
    quoting = changed(desk.quoting, burst_loss_usd=terms.pop("burst_loss_usd", 0.0))
    desk = changed(desk, quoting=quoting, orders=send or OrderTerms(), **terms)
    *facts, due = index_facts(the_desk=desk, limits=limits, fills=fills)
    state, cycle = State(), None
    for fact in (*facts, *told, due):
        cycle = step(state, fact) or cycle
    return state, cycle


def shown(report):
    """Console and page."""
    out = io.StringIO()
    print_plan(report, Console(file=out, width=160, force_terminal=False))
    return out.getvalue(), render_html(report)


def report_of(cycle):
    """The plan, whose every null has a reason."""
    report = plan_report(cycle, sources=SOURCES)
    assert [] == unexplained(encode_json(report))
    return report


def test_a_quiet_desk_without_duties_says_nothing():
    """No section on the console or the page, and no orders."""
    report = report_of(decided()[1])
    at = report.quotes.conditions
    text, page = shown(report)

    assert ((), (), (), 0, ()) == (
        at.duties,
        at.fast,
        at.escalations,
        at.killed_series,
        at.protections.thresholds,
    )
    assert "no venue's protection is configured" == at.protections.reason
    assert report.orders is None
    assert "QUOTING" not in text
    assert "ORDERS" not in text
    assert 'id="conditions"' not in page
    assert "It sends no order." in page


def test_a_duty_tells_what_it_covers_and_what_may_still_be_missed():
    """A session of two hours of which one has gone: half of all must be quoted, nothing was."""
    session = DutySession(
        received_ns=NOW_NS - _HOUR, duty="east/maker", opens_ns=NOW_NS - _HOUR, closes_ns=NOW_NS + _HOUR
    )
    _, cycle = decided(session, duties=(_DUTY,))
    report = report_of(cycle)
    (row,) = report.quotes.conditions.duties
    options = int(cycle.table.is_option.sum())

    assert ("east/maker IDXW", True, False, options, 0) == (
        row.name,
        row.session_told,
        row.suspended,
        row.in_duty,
        row.quoted,
    )
    assert pytest.approx(0.0, abs=1e-9) == row.headroom_share
    assert pytest.approx(0.0, abs=1e-6) == row.all_off_s
    assert "east/maker IDXW: 0 of" in shown(report)[0]


def test_a_duty_whose_session_nobody_told_of_has_no_headroom():
    """It always binds; a headroom of 100 % would be a lie."""
    (row,) = report_of(decided(duties=(_DUTY,))[1]).quotes.conditions.duties

    assert (False, None, None) == (row.session_told, row.headroom_share, row.all_off_s)


def test_a_tripped_protection_and_a_proposed_threshold_are_told():
    """The frozen scope with its series, and the library's number."""
    tripped = ProtectionTripped(received_ns=NOW_NS, scope="east/class/IDXW")
    _, first = decided(protections=(_PROTECTION,), burst_loss_usd=3e3)
    (proposed,) = report_of(first).quotes.conditions.protections.thresholds
    state, _ = decided(protections=(_PROTECTION,), burst_loss_usd=3e3)
    step(state, tripped)
    report = report_of(step(state, CycleDue(received_ns=NOW_NS, reason="test")))
    at, (text, page) = report.quotes.conditions.protections, shown(report)

    assert ("IDXW", 400.0) == (proposed.option_class, proposed.contracts_in_force)
    assert 0 < proposed.contracts <= proposed.contracts_bearable
    assert proposed.contracts_bearable == int(3e3 / proposed.loss_usd_per_contract)
    assert proposed.probability < 0.01
    assert ("east/class/IDXW",) == at.frozen_scopes
    assert int(first.table.is_option.sum()) == at.frozen_series
    assert "frozen: east/class/IDXW" in text
    assert "east/class/IDXW" in page


def test_a_fast_market_tells_its_level_signs_and_what_follows():
    """Called by hand."""
    called = FastMarketSet(received_ns=NOW_NS, underlying="IDX", on=True, reason="the report")
    report = report_of(decided(called)[1])
    (fast,) = report.quotes.conditions.fast

    assert ("IDX", 1, 1.5, 0.5) == (fast.underlying, fast.level, fast.widen_factor, fast.size_share)
    assert any("the report" in reason for reason in fast.reasons)
    assert "IDX fast, level 1" in shown(report)[0]


def test_a_hard_limit_against_a_duty_is_escalated_in_the_story():
    """Counted by ground, in the sentences, on the console and on the page."""
    limits = (Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", limit_hard=100.0),)
    _, cycle = decided(limits=limits, fills=(fill(1, _CALL, "sell", 20, 60.0),), duties=(_DUTY,))
    report = report_of(cycle)
    (row,) = report.quotes.conditions.escalations
    told = cycle.quotes.escalated & cycle.table.is_option

    assert ("collision", GROUND_TEXT[Ground.COLLISION]) == (row.ground, row.text)
    assert int(told.sum()) == row.series > 0
    assert 20 >= len(row.symbols)
    assert any(one.startswith("Escalated: ") for one in report.header.sentences)
    assert GROUND_TEXT[Ground.COLLISION] in shown(report)[0]
    assert "escalated" in shown(report)[1]


def test_every_ground_has_words():
    """Whatever is escalated."""
    assert set(Ground) == set(GROUND_TEXT)


def test_orders_that_leave_are_counted_by_action_and_reason():
    """Against a count made here; the page says that orders leave."""
    _, cycle = decided(send=OrderTerms(send=True, venue="east"))
    report = report_of(cycle)
    commands = cycle.outgoing.commands
    counted = Counter(
        (Action(action).name.lower(), WHY_TEXT[Why(why)])
        for action, why in zip(commands.action.tolist(), commands.why.tolist(), strict=True)
    )
    text, page = shown(report)

    assert counted == {(row.action, row.why): row.commands for row in report.orders.commands}
    assert int(commands.orders.quantity.sum()) == sum(row.contracts for row in report.orders.commands) > 0
    assert "east" == report.orders.venue
    assert f"ORDERS, {commands.size:,d} commands leave for east" in text
    assert "It sends no order." not in page


def test_what_the_gate_refuses_is_counted_by_reason():
    """Sizes of one contract at most: every larger order is refused for it."""
    _, cycle = decided(send=OrderTerms(send=True, venue="east", size_max_contracts=1))
    orders = report_of(cycle).orders
    verdicts = cycle.outgoing.verdicts
    refused = {row.reason: row for row in orders.refused}

    row = refused[REASON_TEXT[Reason.SIZE]]
    assert int((verdicts.reason == Reason.SIZE).sum()) == row.orders > 0
    asked = cycle.outgoing.wanted.take(~cycle.outgoing.wanted.cancels).orders.quantity
    assert int(asked[np.asarray(verdicts.reason == Reason.SIZE)].sum()) == row.contracts


def test_an_order_that_is_cut_counts_what_does_not_leave():
    """Two contracts of the first order pass."""
    _, cycle = decided(send=OrderTerms(send=True, venue="east"))
    left = cycle.outgoing
    asked = left.wanted.take(~left.wanted.cancels).orders.quantity
    reason, passed = left.verdicts.reason.copy(), left.verdicts.quantity.copy()
    reason[0], passed[0] = Reason.CUT, 2
    cut = replace(left, verdicts=replace(left.verdicts, reason=reason, quantity=passed))
    (row,) = (
        one
        for one in report_of(replace(cycle, outgoing=cut)).orders.refused
        if one.reason == REASON_TEXT[Reason.CUT]
    )

    assert (1, int(asked[0]) - 2) == (row.orders, row.contracts)
    assert row.contracts > 0


def test_a_kill_switch_that_is_on_is_told_with_who_and_why():
    """On the console before the commands."""
    kill = KillSet(
        received_ns=NOW_NS, scope=KillScope.UNDERLYING, name="IDX", on=True, owner="risk", reason="halt"
    )
    _, cycle = decided(kill, send=OrderTerms(send=True, venue="east"))
    report = report_of(cycle)
    (row,) = report.orders.kills

    assert ("underlying", "IDX", "KILLED", "risk", "halt") == (
        row.scope,
        row.name,
        row.state,
        row.owner,
        row.reason,
    )
    assert int(cycle.table.is_option.sum()) == report.quotes.conditions.killed_series
    assert "KILLED underlying IDX: halt (risk" in shown(report)[0]
