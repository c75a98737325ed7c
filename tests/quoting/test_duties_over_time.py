"""What ends, begins and changes under a duty or a protection: sessions told ahead, series that expire, listings, freezes of venues."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from flatbook.model.events import SessionsSeen
from flatbook.model.obligation_terms import Breadth, Measured, ObligationRule, Pooled, WidthBand
from flatbook.model.protection_terms import (
    Counted,
    ProtectionRule,
    ScopeKind,
    Tally,
    Threshold,
    WindowKind,
)
from flatbook.model.quoting_events import DutySession, ProtectionReset, ProtectionTripped
from flatbook.model.quoting_terms import DutyTerms, ProtectionTerms
from flatbook.quoting.obligations import headroom, new_duty, open_session, quotes_changed
from flatbook.quoting.state import QuotingState, conditions_at, see_quotes_at_work, see_venue, up_to
from tests.naive.obligations import replay
from tests.quoting.worlds import RULES, flat_cycle
from tests.worlds import NOW_NS

_S = 1_000_000_000
_HOUR = 3_600 * _S
_DAY = 86_400 * _S
_RULE = ObligationRule(time_share=0.6, widths=(WidthBand(width=5.0),), reserve_share=0.0)
_SYMBOL = "IDXW030C5000"


def duty_state(rule=_RULE, cycle=None, **terms):
    """A desk with one duty, before any session."""
    cycle = cycle or flat_cycle()
    duty = DutyTerms(venue="east", role="maker", rule=rule, **terms)
    desk = changed(cycle.desk, duties=(duty,), quoting=RULES)
    state = QuotingState()
    up_to(state, desk, cycle.table, NOW_NS)
    return state, desk, cycle


def session(opens_s, closes_s, *, told_s=0.0, **more):
    """Of the duty, in seconds from now."""
    opens, closes, told = (NOW_NS + round(each * _S) for each in (opens_s, closes_s, told_s))
    return DutySession(received_ns=told, duty="east/maker", opens_ns=opens, closes_ns=closes, **more)


def calendar(closes_s):
    """A session that began now, and tomorrow's."""
    opens = (NOW_NS, NOW_NS + _DAY)
    closes = (NOW_NS + round(closes_s * _S), NOW_NS + _DAY + _HOUR)
    return SessionsSeen(
        received_ns=NOW_NS, calendar="XNYS", underlyings=("IDX",), open_ns=opens, close_ns=closes
    )


def all_quoted(state, cycle, at_s):
    """Every series on both sides, legally."""
    n = len(cycle.table.instruments)
    bid, ask, size = np.full(n, 1_000), np.full(n, 1_400), np.full(n, 3)
    see_quotes_at_work(state, cycle.market, bid, ask, size, size, NOW_NS + round(at_s * _S))


def at(state, desk, cycle, seconds):
    """The duty as a cycle then sees it."""
    now_ns = NOW_NS + round(seconds * _S)
    up_to(state, desk, cycle.table, now_ns)
    return conditions_at(state, replace(cycle.market, now_ns=now_ns)).duties[0]


@pytest.mark.parametrize("told", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_sessions_told_ahead_wait_for_their_turn(told):
    """Three sessions in any sequence: the first runs on, each next one begins at its opening, between them nothing is asked."""
    state, desk, cycle = duty_state()
    sessions = [(0.0, 100.0), (200.0, 300.0), (300.0, 400.0)]
    for each in told:
        see_venue(state, session(*sessions[each], new_period=each == 0))
    n = int(cycle.table.is_option.sum())

    first = at(state, desk, cycle, 50.0)
    assert (first.duty.closes_ns - NOW_NS, int(first.duty.n_duty[0])) == (100 * _S, n)
    assert not at(state, desk, cycle, 150.0).duty.in_duty.any()
    all_quoted(state, cycle, 150.0)
    second = at(state, desk, cycle, 250.0)
    assert int(second.duty.n_duty[0]) == n
    assert second.duty.open_ns[0] == 150 * _S * n
    assert second.duty.quoted_ns[0] == 50 * _S * n  # stood before the opening, so from the opening on
    third = at(state, desk, cycle, 350.0)
    assert third.duty.open_ns[0] == 250 * _S * n
    assert third.duty.quoted_ns[0] == 100 * _S * n  # nobody told of quotes after the second
    assert not at(state, desk, cycle, 401.0).duty.in_duty.any()


def test_a_session_told_ahead_frees_the_duty_until_it_opens():
    state, desk, cycle = duty_state()
    assert at(state, desk, cycle, 0.0).duty.in_duty.any()
    see_venue(state, session(100.0, 200.0))
    before = at(state, desk, cycle, 50.0)
    assert before.told
    assert not before.duty.in_duty.any()
    assert at(state, desk, cycle, 100.0).duty.in_duty.any()


@pytest.mark.parametrize("by_calendar", [False, True])
@pytest.mark.parametrize("closes_s", [60.0, 140.0])
def test_a_session_takes_an_end_that_is_told_anew(by_calendar, closes_s):
    """An early close and a late one: whole and headroom are those of a session that was told so from the start."""
    state, desk, cycle = duty_state(calendar="XNYS" if by_calendar else "")
    for told_s, closes in ((0.0, 100.0), (20.0, closes_s)):
        event = calendar(closes) if by_calendar else session(0.0, closes, told_s=told_s)
        see_venue(state, event)
        up_to(state, desk, cycle.table, NOW_NS + round(told_s * _S))
        if told_s == 0.0:
            all_quoted(state, cycle, 10.0)
    n, whole = int(cycle.table.is_option.sum()), closes_s
    now = at(state, desk, cycle, 30.0)

    assert now.duty.open_ns[0] == 30 * _S * n
    assert now.headroom.spare_ns[0] == pytest.approx(((whole - 10.0) - 0.6 * whole) * n * _S, abs=n)
    assert at(state, desk, cycle, whole - 1.0).duty.in_duty.any()
    assert not at(state, desk, cycle, whole).duty.in_duty.any()


def test_what_somebody_says_of_an_end_goes_before_the_calendar():
    state, desk, cycle = duty_state(calendar="XNYS")
    see_venue(state, calendar(100.0))
    assert at(state, desk, cycle, 1.0).duty.in_duty.any()
    see_venue(state, session(0.0, 60.0, told_s=2.0))
    assert at(state, desk, cycle, 59.0).duty.in_duty.any()
    assert not at(state, desk, cycle, 61.0).duty.in_duty.any()


def expiring(rule, ends_s, seconds):
    """A duty whose series expire at these seconds of a session of `seconds`, all quoted."""
    n = len(ends_s)
    ends_ns = np.array(ends_s, dtype=np.int64) * _S
    duty = new_duty(rule, np.zeros(n, np.int64), np.ones(n, np.bool_), ends_ns)
    open_session(duty, 0, seconds * _S, later_ns=np.zeros(n, np.int64), sessions_later_ns=0)
    return duty


def test_headroom_counts_no_time_after_a_series_own_expiry():
    """Nine of ten series expire after 8 of 24 h: 96 series-hours in all, 38.4 to spare, 3.84 h of everything off."""
    duty = expiring(_RULE, [8 * 3600] * 9 + [9 * 86_400], 86_400)
    room = headroom(duty, 0)
    assert room.spare_ns[0] == 38.4 * _HOUR
    assert room.all_off_s[0] == 3.84 * 3600.0
    quotes_changed(duty, round(3.84 * _HOUR), np.arange(10), np.ones(10, np.bool_))
    assert headroom(duty, 24 * _HOUR).spare_ns[0] == 0
    assert duty.open_ns[0] == 96 * _HOUR


@given(
    ends=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    changes=st.dictionaries(
        st.integers(0, 29), st.dictionaries(st.integers(0, 4), st.booleans(), min_size=1), max_size=8
    ),
    now=st.integers(0, 30),
    share=st.sampled_from((0.1, 0.5, 0.6, 0.9)),
    measured=st.sampled_from(Measured),
)
@settings(max_examples=300, deadline=None)
def test_a_replay_by_seconds_confirms_the_headroom_of_series_that_expire(ends, changes, now, share, measured):
    """What was counted is exact; what is claimed can be taken: off as long as claimed, then quoted until each expires."""
    n, seconds = len(ends), 30
    moves = {
        second: {row for row in range(n) if ends[row] > second} for second in range(seconds) if second in ends
    }
    rule = changed(_RULE, time_share=share, measured=measured, breadth=Breadth(share=0.5))
    duty = expiring(rule, ends, seconds)
    known = {
        second: {row: legal for row, legal in rows.items() if row < n} for second, rows in changes.items()
    }
    for second in sorted(each for each in known if each < now and known[each]):
        rows = known[second]
        quotes_changed(duty, second * _S, np.array(list(rows)), np.array(list(rows.values())))
    room = headroom(duty, now * _S)
    opened, quoted, counts = replay(now, n, known, duty=moves)
    living = [sum(end > second for end in ends) for second in range(seconds)]
    if measured is Measured.SERIES_SECONDS:
        assert (duty.open_ns[0], duty.quoted_ns[0]) == (opened * _S, quoted * _S)
        spare = quoted + sum(living[now:]) - share * sum(living)
    else:
        enough = [count >= 0.5 * alive > 0 for count, alive in zip(counts, living, strict=False)]
        assert duty.enough_ns[0] == sum(enough) * _S
        spare = sum(enough) + sum(alive > 0 for alive in living[now:]) - share * sum(map(bool, living))
    assert room.spare_ns[0] / _S == pytest.approx(spare, abs=1e-6)

    assume(room.spare_ns[0] >= 0)
    off = range(now, now + int(room.all_off_s[0]))
    missed = sum(
        living[second] if measured is Measured.SERIES_SECONDS else living[second] > 0
        for second in off
        if second < seconds
    )
    assert missed <= spare + 1e-6


def rule(kind=WindowKind.SLIDING):
    """Until a reset."""
    return ProtectionRule(
        scope=ScopeKind.CLASS, counted=Counted.ALL, window=kind, interval_ms=10_000, frozen_ms=0,
        thresholds=(Threshold(tally=Tally.QUANTITY, limit=100.0),),
    )  # fmt: skip


def protected(kind=WindowKind.SLIDING):
    return changed(
        flat_cycle().desk, protections=(ProtectionTerms(venue="east", name="class", rule=rule(kind)),)
    )


def scopes_frozen(state, desk, table, at_s):
    """After the desk was set so."""
    cycle, now_ns = flat_cycle(), NOW_NS + round(at_s * _S)
    up_to(state, desk, table, now_ns)
    return conditions_at(state, replace(cycle.market, table=table, now_ns=now_ns)).frozen_scopes


@pytest.mark.parametrize("before", WindowKind)
@pytest.mark.parametrize("after", WindowKind)
@pytest.mark.parametrize("without", [False, True])
def test_a_freeze_until_a_reset_survives_whatever_the_desk_becomes(before, after, without):
    """Another kind of window, the protection gone for a while: only the reset of the venue ends it."""
    state, table = QuotingState(), flat_cycle().table
    up_to(state, protected(before), table, NOW_NS)
    see_venue(state, ProtectionTripped(received_ns=NOW_NS, scope="east/class/IDXW"))
    if without:
        assert scopes_frozen(state, flat_cycle().desk, table, 5.0) == ()
    assert scopes_frozen(state, protected(after), table, 10.0) == ("east/class/IDXW",)
    see_venue(state, ProtectionReset(received_ns=NOW_NS + 11 * _S, scope="east/class/IDXW"))
    for desk in (protected(after), flat_cycle().desk, protected(before)):
        assert scopes_frozen(state, desk, table, 12.0) == ()


def test_a_freeze_that_is_over_does_not_come_back_and_one_reset_meanwhile_neither():
    state, table, none = QuotingState(), flat_cycle().table, flat_cycle().desk
    up_to(state, protected(), table, NOW_NS)
    tripped = ProtectionTripped(received_ns=NOW_NS, scope="east/class/IDXW", until_ns=NOW_NS + 20 * _S)
    see_venue(state, tripped)
    assert scopes_frozen(state, none, table, 5.0) == ()
    assert scopes_frozen(state, protected(), table, 10.0) == ("east/class/IDXW",)
    assert scopes_frozen(state, none, table, 15.0) == ()
    assert scopes_frozen(state, protected(), table, 25.0) == ()
    see_venue(state, changed(tripped, until_ns=0))
    assert scopes_frozen(state, none, table, 30.0) == ()
    see_venue(state, ProtectionReset(received_ns=NOW_NS + 31 * _S, scope="east/class/IDXW"))
    assert scopes_frozen(state, protected(), table, 32.0) == ()


def relisted(table, name, symbol=_SYMBOL):
    """The same series in another class."""
    item = table.instruments[table.row_of(symbol)]
    return table.listed((changed(item, option_class=name),))


def test_a_freeze_of_a_class_that_is_not_listed_yet_waits_for_it():
    state, table = QuotingState(), flat_cycle().table
    up_to(state, protected(), table, NOW_NS)
    see_venue(state, ProtectionTripped(received_ns=NOW_NS, scope="east/class/IDXN"))
    assert scopes_frozen(state, protected(), table, 1.0) == ()
    moved = relisted(table, "IDXN")
    assert scopes_frozen(state, protected(), moved, 2.0) == ("east/class/IDXN",)
    assert np.flatnonzero(conditions_at(state, flat_cycle().market).frozen).tolist() == [
        moved.row_of(_SYMBOL)
    ]


def test_a_series_that_moves_to_another_class_moves_with_its_duty_and_its_protection():
    state, desk, cycle = duty_state(option_classes=("IDXN",))
    assert not at(state, desk, cycle, 0.0).duty.in_duty.any()
    table = relisted(cycle.table, "IDXN")
    moved = replace(cycle, table=table)
    assert np.flatnonzero(at(state, desk, moved, 1.0).duty.in_duty).tolist() == [table.row_of(_SYMBOL)]
    back = replace(cycle, table=relisted(table, "IDXW"))
    assert not at(state, desk, back, 2.0).duty.in_duty.any()


def test_pools_by_class_keep_their_clocks_where_a_listing_numbers_classes_anew():
    """The first series of the table moves: its new class is number 0 from then on."""
    state, desk, cycle = duty_state(changed(_RULE, pooled=Pooled.CLASS))
    see_venue(state, session(0.0, 1_000.0))
    all_quoted(state, cycle, 0.0)
    first = next(item.symbol for item in cycle.table.instruments if item.option_class)
    table = relisted(cycle.table, "IDXN", first)
    n = int(table.is_option.sum())
    now = at(state, desk, replace(cycle, table=table), 100.0)

    assert table.classes == ("IDXN", "IDXW")
    assert now.duty.open_ns.tolist() == [0, 100 * _S * n]
    assert now.duty.quoted_ns.tolist() == [0, 100 * _S * n]
    assert now.duty.n_duty.tolist() == [1, n - 1]
