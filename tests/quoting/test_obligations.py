"""Duties to quote: the worked example, and a replay second by second that confirms every claim of headroom."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flatbook.adapters.venue_rules.read import Venue, read_venue_rules
from flatbook.model.errors import InvalidValueError
from flatbook.model.obligation_terms import Breadth, Measured, ObligationRule, WidthBand
from flatbook.quoting.obligations import (
    begin_period,
    breadth_needed,
    duty_changed,
    headroom,
    may_go_off,
    new_duty,
    off_costs,
    open_session,
    pools,
    quote_changed,
    quotes_changed,
    series_listed,
    suspend,
)
from tests.naive.obligations import breadth_holds, pooled_holds, replay

_S = 1_000_000_000
_HOUR = 3600 * _S
NOM = read_venue_rules(Venue.NASDAQ).obligations["nom_bx_market_maker"]
_RULE = ObligationRule(time_share=0.6, widths=(WidthBand(width=5.0),), reserve_share=0.0)
_BREADTH = replace(_RULE, measured=Measured.BREADTH_SECONDS)


def _duty(rule, n, seconds, *, pool_of=None, later=0):
    duty = new_duty(rule, np.zeros(n, np.int64) if pool_of is None else pool_of, np.ones(n, np.bool_))
    open_session(
        duty, 0, seconds * _S, later_ns=np.full(n, later * _S, np.int64), sessions_later_ns=later * _S
    )
    return duty


def _all(duty, now_ns, legal):
    rows = np.arange(duty.quoted.size)
    quotes_changed(duty, now_ns, rows, np.full(rows.size, legal))


def test_the_nom_example():
    """100 series, 23,400 s, 60 %, all quoted for 2 h: 9,360 s may still be missed."""
    duty = _duty(NOM, 100, 23_400)
    _all(duty, 0, True)
    room = headroom(duty, 2 * _HOUR)
    assert duty.open_ns[0] == duty.quoted_ns[0] == 720_000 * _S
    assert room.spare_ns[0] == 936_000 * _S
    assert room.all_off_s[0] == 9_360.0
    assert room.share[0] == 936_000 / 2_340_000
    assert room.reserve_ns[0] == 46_800 * _S


def test_headroom_is_spent_at_the_rate_of_what_is_off():
    duty = _duty(NOM, 100, 23_400)
    _all(duty, 0, True)
    before = headroom(duty, _HOUR).spare_ns[0]
    rows = np.arange(30)
    assert off_costs(duty, rows).tolist() == [30.0]
    quotes_changed(duty, _HOUR, rows, np.zeros(30, np.bool_))
    assert before - headroom(duty, _HOUR + 100 * _S).spare_ns[0] == 3000 * _S
    assert off_costs(duty, rows).tolist() == [0.0]


def test_a_session_begins_unquoted_and_a_period_from_nothing():
    duty = _duty(NOM, 2, 100)
    _all(duty, 0, True)
    open_session(duty, 1000 * _S, 1100 * _S, later_ns=np.zeros(2, np.int64), sessions_later_ns=0)
    assert (duty.open_ns[0], duty.quoted_ns[0]) == (200 * _S, 200 * _S)  # the rest of the first session too
    headroom(duty, 1050 * _S)
    assert (duty.open_ns[0], duty.quoted_ns[0]) == (300 * _S, 200 * _S)
    begin_period(duty)
    open_session(duty, 2000 * _S, 2100 * _S, later_ns=np.zeros(2, np.int64), sessions_later_ns=0)
    assert duty.open_ns[0] == 0 == duty.session_ns[0]


def test_series_are_pooled_as_the_rule_measures():
    classes, assigned = np.array([1, 0, 1, 2]), np.array([True, True, True, False])
    cboe = read_venue_rules(Venue.CBOE).obligations["market_maker"]
    assert pools(NOM, classes, assigned).tolist() == [0, 0, 0, -1]
    assert pools(cboe, classes, assigned).tolist() == [1, 0, 1, -1]


def test_a_listing_adds_rows_and_pools_and_keeps_what_was_counted():
    duty = _duty(_RULE, 2, 100)
    _all(duty, 0, True)
    series_listed(duty, 40 * _S, np.array([0, 0, 0, 1]), np.ones(4, np.bool_), np.zeros(4, np.int64))
    quote_changed(duty, 60 * _S, 3, legal=True)
    headroom(duty, 100 * _S)
    assert (duty.open_ns // _S).tolist() == [2 * 40 + 3 * 60, 60]
    assert (duty.quoted_ns // _S).tolist() == [2 * 100, 40]


def test_no_time_counts_after_the_close():
    duty = _duty(NOM, 1, 100)
    _all(duty, 0, True)
    assert headroom(duty, 500 * _S).all_off_s[0] == 0.0
    assert duty.open_ns[0] == 100 * _S


def test_later_sessions_of_the_month_carry_headroom():
    """Half of 100 s, of which 20 s are gone unquoted, and 300 s to come."""
    month = replace(_RULE, time_share=0.5)
    duty = _duty(month, 4, 100, later=300)
    assert headroom(duty, 20 * _S).all_off_s[0] == 180.0


def test_a_month_of_more_series_time_than_can_be_counted_is_refused():
    with pytest.raises(InvalidValueError, match="series"):
        _duty(_RULE, 2000, 86_400, later=86_400 * 30)


def test_a_call_put_pair_may_be_missed_and_no_more():
    """The lesser of 99 % and all less two."""
    rule = Breadth(share=0.99, all_but=2)
    assert breadth_needed(rule, np.array([100, 150, 300, 1000, 1])).tolist() == [98, 148, 297, 990, 0]
    assert breadth_needed(Breadth(series=50), np.array([80, 40])).tolist() == [50, 40]


def test_the_clock_stands_still_in_exceptional_circumstances():
    eurex = read_venue_rules(Venue.EUREX).obligations["regulatory_market_maker"]
    for rule, counted in ((eurex, 70), (NOM, 100)):
        duty = _duty(rule, 1, 100)
        suspend(duty, 20 * _S, suspended=True)
        suspend(duty, 50 * _S, suspended=False)
        headroom(duty, 100 * _S)
        assert duty.open_ns[0] == counted * _S


_seconds = st.integers(20, 90)
_shares = st.sampled_from([0.5, 0.6, 0.9, 0.333333, 1.0])


@st.composite
def _days(draw):
    n, seconds = draw(st.integers(1, 5)), draw(_seconds)
    rows = st.dictionaries(st.integers(0, n - 1), st.booleans(), min_size=1, max_size=n)
    changes = draw(st.dictionaries(st.integers(0, seconds - 1), rows, max_size=12))
    now = draw(st.integers(0, seconds))
    return n, seconds, changes, now


def _run(duty, changes, now):
    for second in sorted(changes):
        if second < now:
            rows = changes[second]
            if len(rows) == 1:
                ((row, legal),) = rows.items()
                quote_changed(duty, second * _S, row, legal=legal)
            else:
                legal = np.array(list(rows.values()))
                quotes_changed(duty, second * _S, np.array(list(rows)), legal)


@given(_days(), _shares)
@settings(max_examples=200, deadline=None)
def test_a_replay_by_seconds_confirms_the_headroom_of_a_pool(day, share):
    """What is claimed can be taken, a second more can not."""
    n, seconds, changes, now = day
    duty = _duty(replace(_RULE, time_share=share), n, seconds)
    _run(duty, changes, now)
    room = headroom(duty, now * _S)
    opened, quoted, _ = replay(now, n, changes)
    assert (duty.open_ns[0], duty.quoted_ns[0]) == (opened * _S, quoted * _S)

    left = seconds - now
    plan = {"n": n, "left": left, "off_rows": n}
    off = int(room.all_off_s[0] + 1e-9)
    met = room.spare_ns[0] >= 0
    assert pooled_holds(opened, quoted, share, off_seconds=off if met else 0, **plan) == met
    if met and off < left:
        assert not pooled_holds(opened, quoted, share, off_seconds=off + 1, **plan)


@given(_days(), _shares, st.integers(0, 5), st.data())
@settings(max_examples=200, deadline=None)
def test_a_replay_by_seconds_confirms_the_headroom_of_breadth(day, share, wanted, data):
    n, seconds, changes, now = day
    duty = _duty(replace(_BREADTH, time_share=share, breadth=Breadth(series=wanted)), n, seconds)
    needed = min(wanted, n)
    _run(duty, changes, now)
    room = headroom(duty, now * _S)
    _, _, counts = replay(now, n, changes)
    off = int(room.all_off_s[0] + 1e-9)
    met = room.spare_ns[0] >= 0
    plan = {"left": seconds - now}
    assert duty.enough_ns[0] == sum(count >= needed for count in counts) * _S
    assert breadth_holds(counts, needed, share, off_seconds=off if met else 0, **plan) == met
    if met and off < seconds - now:
        assert not breadth_holds(counts, needed, share, off_seconds=off + 1, **plan)


@given(_days(), st.data())
@settings(max_examples=150, deadline=None)
def test_series_come_and_go_and_clocks_stop_as_second_by_second(day, data):
    n, seconds, changes, _ = day
    subsets = st.sets(st.integers(0, n - 1))
    moves = data.draw(st.dictionaries(st.integers(0, seconds - 1), subsets, max_size=4))
    first, last = sorted(data.draw(st.tuples(st.integers(0, seconds), st.integers(0, seconds))))
    rule = replace(_RULE, exempt=replace(_RULE.exempt, fast_market=True))
    duty = _duty(rule, n, seconds)
    for second in sorted({*changes, *moves, first, last}):
        if second in (first, last):
            suspend(duty, second * _S, suspended=second == first != last)
        if second in moves:
            duty_changed(duty, second * _S, np.isin(np.arange(n), list(moves[second])))
        rows = changes.get(second, {})
        if rows:
            quotes_changed(duty, second * _S, np.array(list(rows)), np.array(list(rows.values())))
    headroom(duty, seconds * _S)
    opened, quoted, _ = replay(seconds, n, changes, duty=moves, stopped=range(first, last))
    assert (duty.open_ns[0], duty.quoted_ns[0]) == (opened * _S, quoted * _S)


@given(_days(), _shares, st.integers(1, 40), st.data())
@settings(max_examples=300, deadline=None)
def test_what_may_go_off_never_breaks_the_duty(day, share, horizon, data):
    """Off until the next look, with all that is off anyway; then all is quoted: the replay still meets the duty."""
    n, seconds, changes, now = day
    assume(now + horizon <= seconds)
    measured = data.draw(st.sampled_from(Measured))
    wanted = data.draw(st.integers(1, 5))
    reserve = data.draw(st.sampled_from([0.0, 0.02, 0.2]))
    rule = replace(
        _RULE, time_share=share, measured=measured, breadth=Breadth(series=wanted), reserve_share=reserve
    )
    duty = _duty(rule, n, seconds)
    _run(duty, changes, now)
    asked, gone = (np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))) for _ in range(2))
    room = headroom(duty, now * _S)
    quoted_now = duty.quoted.copy()
    off = may_go_off(
        duty, now * _S, asked, np.arange(n, dtype=np.float64), gone=gone, horizon_s=float(horizon)
    )
    assert not (off & (~asked | gone)).any()
    if not off.any():
        return
    missing = off | (gone | (~quoted_now & ~asked))
    opened, quoted, counts = replay(now, n, changes)
    if measured is Measured.SERIES_SECONDS:
        plan = {"n": n, "left": seconds - now, "off_rows": int(missing.sum()), "off_seconds": horizon}
        assert pooled_holds(opened, quoted, share, **plan)
    else:
        needed = min(wanted, n)
        short = horizon if n - missing.sum() < needed else 0
        held = breadth_holds(counts, needed, share, left=seconds - now, off_seconds=short)
        assert (
            held or room.spare_ns[0] < 0
        )  # a duty that is lost already costs nothing to breadth that is kept
        assert held or not short


@given(st.integers(1, 10**7), st.integers(1, 10**6))
def test_what_is_required_is_rounded_up_to_the_nanosecond(closes_ns, ppm):
    duty = new_duty(replace(_RULE, time_share=ppm / 1e6), np.zeros(1, np.int64), np.ones(1, np.bool_))
    open_session(duty, 0, closes_ns, later_ns=np.zeros(1, np.int64), sessions_later_ns=0)
    required = -(-closes_ns * ppm // 10**6)
    assert headroom(duty, 0).spare_ns[0] == closes_ns - required


def test_the_reserve_is_not_spent():
    """Of 100 s half may be missed; 20 are kept: 30 s, not 31."""
    duty = _duty(replace(_RULE, time_share=0.5, reserve_share=0.2), 1, 100)
    _all(duty, 0, True)
    one, none = np.ones(1, np.bool_), np.zeros(1, np.bool_)
    assert may_go_off(duty, 0, one, np.ones(1), gone=none, horizon_s=30.0).all()
    assert not may_go_off(duty, 0, one, np.ones(1), gone=none, horizon_s=31.0).any()


def test_the_most_pressing_go_first():
    duty = _duty(replace(_RULE, time_share=0.5), 4, 100)
    _all(duty, 0, True)
    quote = np.array([0.95, 1.2, 0.95, 0.91])
    none = np.zeros(4, np.bool_)
    off = may_go_off(duty, 0, np.ones(4, np.bool_), quote, gone=none, horizon_s=66.0)
    assert off.tolist() == [True, True, True, False]
    assert may_go_off(duty, 0, ~none, quote, gone=none, horizon_s=200.0).tolist() == [
        False,
        True,
        False,
        False,
    ]
    assert not may_go_off(duty, 0, ~none, quote, gone=none, horizon_s=201.0).any()


def test_pools_do_not_lend_to_each_other():
    pool = np.array([0, 0, 1, 1, -1])
    duty = _duty(replace(_RULE, time_share=0.5), 5, 100, pool_of=pool)
    quotes_changed(duty, 0, np.array([0, 1]), np.array([True, True]))
    room = headroom(duty, 60 * _S)
    assert room.all_off_s.tolist() == [40.0, 0.0]
    assert (room.spare_ns / _S).tolist() == [100.0, -20.0]
    none = np.zeros(5, np.bool_)
    off = may_go_off(duty, 60 * _S, ~none, np.ones(5), gone=none, horizon_s=10.0)
    assert off.tolist() == [True, True, False, False, True]
