"""What a duty asks of a quote, and the strongest response it leaves: by limit step, headroom, exemption and precedence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flatbook.adapters.venue_rules.read import Venue, read_venue_rules
from flatbook.limits.ladder import Step
from flatbook.model.obligation_terms import Exemptions, ObligationRule, Precedence, WidthBand
from flatbook.quoting.legal_quotes import (
    Ground,
    Response,
    SeriesFacts,
    in_duty,
    meets,
    respond,
    widest,
)
from flatbook.quoting.obligations import duty_changed, new_duty, open_session, quotes_changed, suspend

_S = 1_000_000_000
_DAY = 86_400 * _S
_RULE = ObligationRule(time_share=0.5, widths=(WidthBand(width=5.0),), reserve_share=0.0)
_STEPS = (Step.NORMAL, Step.NOTIFY, Step.ALERT, Step.ESCALATE, Step.HARD)


def _duty(rule, n):
    duty = new_duty(rule, np.zeros(n, np.int64), np.ones(n, np.bool_))
    open_session(duty, 0, 100 * _S, later_ns=np.zeros(n, np.int64), sessions_later_ns=0)
    quotes_changed(duty, 0, np.arange(n), np.ones(n, np.bool_))
    return duty


def _poor(rule, n):
    """A duty with nothing to spare."""
    duty = _duty(rule, n)
    quotes_changed(duty, 0, np.arange(n), np.zeros(n, np.bool_))
    quotes_changed(duty, 50 * _S, np.arange(n), np.ones(n, np.bool_))
    return duty


def _respond(duty, now_s, bid, ask, *, killed=None, gone=None, used=None):
    n = duty.quoted.size
    none = np.zeros(n, np.bool_)
    return respond(
        duty,
        now_s * _S,
        bid_step=np.array(bid, np.int64),
        ask_step=np.array(ask, np.int64),
        utilisation=np.ones(n) if used is None else np.array(used),
        killed=none if killed is None else np.array(killed),
        gone=none if gone is None else np.array(gone),
        horizon_s=1.0,
    )


def test_with_headroom_the_adding_side_goes_and_the_other_stays():
    out = _respond(_duty(_RULE, 5), 10, _STEPS, [Step.NORMAL] * 5)
    assert out.bid.tolist() == [Response.QUOTED] * 3 + [Response.OFF] * 2
    assert out.ask.tolist() == [Response.QUOTED] * 5
    assert out.ground.tolist() == [Ground.NOTHING] * 3 + [Ground.HEADROOM] * 2
    assert not out.escalated.any()


def test_without_headroom_widest_and_smallest_is_the_strongest_legal_response():
    """At the hard limit too, and then a person is told."""
    out = _respond(_poor(_RULE, 5), 60, [Step.NORMAL] * 5, _STEPS)
    assert out.ask.tolist() == [Response.QUOTED] * 3 + [Response.WIDEST] * 2
    assert out.bid.tolist() == [Response.QUOTED] * 5
    assert out.ground.tolist() == [Ground.NOTHING] * 3 + [Ground.DUTY, Ground.COLLISION]
    assert out.escalated.tolist() == [False] * 4 + [True]


def test_a_desk_may_put_the_hard_limit_before_the_duty():
    rule = replace(_RULE, precedence=Precedence.LIMIT_FIRST)
    out = _respond(_poor(rule, 2), 60, [Step.ESCALATE, Step.HARD], [Step.NORMAL, Step.ESCALATE])
    assert out.bid.tolist() == [Response.WIDEST, Response.OFF]
    assert out.ask.tolist() == [Response.QUOTED, Response.WIDEST]
    assert out.ground.tolist() == [Ground.DUTY, Ground.BROKEN]
    assert out.escalated.tolist() == [False, True]


@pytest.mark.parametrize("precedence", Precedence)
@pytest.mark.parametrize("make", [_duty, _poor])
def test_the_kill_limit_goes_before_every_duty(precedence, make):
    out = _respond(
        make(replace(_RULE, precedence=precedence), 2), 60, [Step.HARD, 0], [0, 0], killed=[True, True]
    )
    assert out.bid.tolist() == out.ask.tolist() == [Response.OFF] * 2
    assert out.escalated.all()


def test_without_a_duty_a_side_goes_and_costs_nothing():
    exempt = _poor(_RULE, 2)
    duty_changed(exempt, 60 * _S, np.array([True, False]))
    out = _respond(exempt, 60, [Step.HARD] * 2, [Step.NORMAL] * 2)
    assert out.ground.tolist() == [Ground.COLLISION, Ground.NO_DUTY]
    assert out.bid.tolist() == [Response.WIDEST, Response.OFF]

    stopped = _poor(replace(_RULE, exempt=Exemptions(fast_market=True)), 1)
    suspend(stopped, 60 * _S, suspended=True)
    assert _respond(stopped, 60, [Step.HARD], [0]).ground.tolist() == [Ground.NO_DUTY]


def test_headroom_for_one_goes_to_the_hardest_step_then_the_highest_utilisation():
    duty = _poor(_RULE, 3)
    quotes_changed(duty, 50 * _S, np.arange(3), np.ones(3, np.bool_))
    duty.quoted_ns[0] += _S  # of which a horizon of 1 s carries one series
    out = _respond(duty, 60, [Step.ESCALATE, Step.HARD, Step.HARD], [0, 0, 0], used=[9.0, 1.0, 1.1])
    assert out.bid.tolist() == [Response.WIDEST, Response.WIDEST, Response.OFF]
    assert out.ground.tolist() == [Ground.DUTY, Ground.COLLISION, Ground.HEADROOM]


def test_what_is_gone_anyway_spends_the_headroom_first():
    duty = _poor(_RULE, 3)
    duty.quoted_ns[0] += 2 * _S
    steps = [Step.HARD, Step.HARD, Step.NORMAL]
    assert _respond(duty, 60, steps, [0, 0, 0]).bid.tolist()[:2] == [Response.OFF] * 2
    for missing in ({"gone": [False, False, True]}, {"killed": [False, False, True]}):
        out = _respond(duty, 60, steps, [0, 0, 0], **missing)
        assert sorted(out.bid.tolist()[:2]) == [Response.WIDEST, Response.OFF]


_step_columns = st.lists(st.tuples(st.sampled_from(_STEPS), st.sampled_from(_STEPS)), min_size=1, max_size=6)


@given(_step_columns, st.sampled_from([_duty, _poor]), st.data())
@settings(max_examples=150, deadline=None)
def test_a_duty_that_binds_is_broken_by_nothing_but_the_kill_limit(steps, make, data):
    """By default; the side that adds nothing is never touched; a hard limit leaves at most the legal minimum."""
    n = len(steps)
    killed = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    bid, ask = np.array(steps).T
    out = _respond(make(_RULE, n), 60, bid, ask, killed=killed)
    for mine, step in ((out.bid, bid), (out.ask, ask)):
        assert (mine[killed] == Response.OFF).all()
        assert (mine[~killed & (step < Step.ESCALATE)] == Response.QUOTED).all()
        assert (mine[~killed & (step >= Step.ESCALATE)] >= Response.WIDEST).all()
        if make is _poor:
            assert (mine[~killed] != Response.OFF).all()
    assert out.escalated[killed].all()


def _widths(rule, bid, *, days=30.0, itm=False, spread=np.nan, fast=False):
    bid = np.atleast_1d(np.array(bid, np.float64))
    full = np.full(bid.size, 1)
    return widest(
        rule, bid, (full * days * _DAY).astype(np.int64), full * itm == 1, full * spread, 0, fast=fast
    ).tolist()


def test_widths_follow_the_bid():
    """The differentials of old: 0.25 below 2, 0.40 to 5, 0.50 to 10, 0.80 to 20, then 1.00; double when fast."""
    bands = ((0.0, 0.25), (2.0, 0.40), (5.0, 0.50), (10.0, 0.80), (20.0, 1.00))
    rule = replace(
        _RULE,
        widths=tuple(WidthBand(from_bid=bid, width=width) for bid, width in bands),
        fast_width_factor=2.0,
        in_the_money_as_underlying=True,
    )
    assert _widths(rule, [np.nan, 1.99, 2.0, 5.0, 10.0, 25.0]) == [0.25, 0.25, 0.4, 0.5, 0.8, 1.0]
    assert _widths(rule, 1.0, fast=True) == [0.5]
    assert _widths(rule, 1.0, itm=True, spread=0.7) == [0.7]
    assert _widths(rule, 1.0, itm=True, spread=0.1) == [0.25]
    assert _widths(rule, 1.0, spread=0.7) == [0.25]


def test_hkex_widths_are_the_least_of_bid_and_stock():
    rule = read_venue_rules(Venue.HKEX).obligations["continuous_level_1"]
    assert _widths(rule, 1.0, days=2.0, spread=0.05) == pytest.approx([0.15])
    assert _widths(rule, 0.5, days=2.0, spread=0.05) == pytest.approx([0.10])
    assert _widths(rule, 0.5, days=30.0, spread=0.05) == pytest.approx([0.05])
    assert _widths(rule, 2.0, days=120.0, spread=0.05) == pytest.approx([0.20])
    assert _widths(rule, 2.0) == [0.0]  # nobody knows the stock's spread: nothing is surely legal


def test_a_quote_counts_only_with_two_sides_narrow_and_large_enough():
    rule = replace(_RULE, size_min=5, size_ratio_min=0.5)
    rows = [
        (1.0, 6.0, 5, 10, True),
        (1.0, 6.01, 5, 5, False),
        (1.0, 2.0, 4, 5, False),
        (1.0, 2.0, 5, 11, False),
        (np.nan, 2.0, 5, 5, False),
        (1.0, np.nan, 5, 5, False),
        (0.0, 1.0, 5, 5, False),
        (2.0, 2.0, 5, 5, False),
    ]
    bid, ask, bid_size, ask_size, counts = (np.array(column) for column in zip(*rows, strict=True))
    assert meets(rule, bid, ask, bid_size, ask_size, np.full(8, 5.0)).tolist() == counts.tolist()


def _facts(n, **columns):
    no = np.zeros(n, np.bool_)
    told = {"delta": np.full(n, 0.3), "index_option": no, "quarterly": no, "adjusted": no, "listed_today": no}
    return SeriesFacts(**(told | columns))


def _ns(day):
    return int(np.datetime64(day, "ns").astype(np.int64))


def test_series_nine_months_off_are_exempt_those_on_an_index_at_twelve():
    rule = read_venue_rules(Venue.NASDAQ).obligations["ise_gemx_mrx_competitive"]
    days = ["2025-10-14", "2025-10-15", "2025-10-15", "2026-01-15", "2025-01-01"]
    facts = _facts(
        5,
        expiry_ns=np.array([_ns(day) for day in days]),
        index_option=np.array([False, False, True, True, False]),
    )
    now = _ns("2025-01-15T15:30")
    assert in_duty(rule, facts, np.ones(5, np.bool_), now).tolist() == [True, False, True, False, False]
    months_end = _facts(2, expiry_ns=np.array([_ns("2025-02-27"), _ns("2025-02-28")]))
    rule = replace(_RULE, exempt=Exemptions(expiry_months=9))
    assert in_duty(rule, months_end, np.ones(2, np.bool_), _ns("2024-05-31")).tolist() == [True, False]


def test_exemptions_are_those_that_the_rule_names():
    facts = _facts(
        6,
        expiry_ns=np.full(6, _DAY),
        delta=np.array([0.3, 0.3, 0.3, -0.05, 0.97, np.nan]),
        quarterly=np.array([True, False, False, False, False, False]),
        adjusted=np.array([False, True, False, False, False, False]),
        listed_today=np.array([False, False, True, False, False, False]),
    )
    assigned = np.ones(6, np.bool_)
    assert in_duty(_RULE, facts, assigned, 0).all()
    named = Exemptions(quarterly=True, adjusted=True, listed_today=True, delta_below=0.1, delta_above=0.95)
    assert in_duty(replace(_RULE, exempt=named), facts, assigned, 0).tolist() == [False] * 5 + [True]
    assert not in_duty(_RULE, facts, ~assigned, 0).any()
