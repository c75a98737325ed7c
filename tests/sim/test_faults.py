"""When things go wrong: as often and as long as told, each kind by itself, the same for the same seed."""

from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import fields, replace

from flatbook.model.errors import InvalidValueError
from flatbook.model.world_fault_terms import FaultTerms, WireTerms
from flatbook.sim.faults import NO_FAULTS, fault_plan

_OPEN = 1_800_000_000 * 10**9
_CLOSE = _OPEN + 6 * 3600 * 10**9
_DAYS = 400
_KINDS = {
    "feed_gaps": "feed_gaps_per_day",
    "stale_feeds": "stale_feeds_per_day",
    "stale_series": "stale_series_per_day",
    "frozen_prices": "frozen_prices_per_day",
    "kills": "kills_per_day",
    "full_disks": "full_disks_per_day",
    "busts": "busts_per_day",
    "corrections": "corrections_per_day",
}


def _plans(terms):
    return [fault_plan(terms, _OPEN, _CLOSE, seed) for seed in range(_DAYS)]


def test_without_terms_nothing_goes_wrong():
    assert fault_plan(FaultTerms(), _OPEN, _CLOSE, 7) == NO_FAULTS


def test_the_same_seed_gives_the_same_faults_and_another_one_others():
    terms = FaultTerms.all_on()

    assert fault_plan(terms, _OPEN, _CLOSE, 7) == fault_plan(terms, _OPEN, _CLOSE, 7)
    assert fault_plan(terms, _OPEN, _CLOSE, 7) != fault_plan(terms, _OPEN, _CLOSE, 8)


@pytest.mark.parametrize("kind", _KINDS)
def test_each_kind_happens_as_often_as_told_and_moves_no_other(kind):
    """Poisson: over 400 days the mean is within five standard errors; seeds 0 to 399."""
    terms = FaultTerms.all_on()
    often = 6.0
    alone = replace(terms, **{_KINDS[kind]: often})
    plans = _plans(alone)
    counts = np.array([len(getattr(plan, kind)) for plan in plans])
    others = [name for name in (*_KINDS, "disconnects", "clock_errors") if name != kind]

    assert abs(counts.mean() - often) < 5.0 * np.sqrt(often / _DAYS)
    assert abs(counts.var() - often) < 5.0 * np.sqrt((often + 2.0 * often**2) / _DAYS)
    for plan, usual in zip(plans[:20], _plans(terms)[:20], strict=True):
        assert [getattr(plan, name) for name in others] == [getattr(usual, name) for name in others]


def test_kinds_that_come_as_often_do_not_come_together():
    terms = replace(FaultTerms(), **dict.fromkeys(_KINDS.values(), 8.0))
    plan = fault_plan(terms, _OPEN, _CLOSE, 5)
    instants = [
        getattr(each, "at_ns", None) or each.from_ns for kind in _KINDS for each in getattr(plan, kind)
    ]

    assert len(instants) > 20
    assert len(set(instants)) == len(instants)


def test_windows_last_as_long_as_told_and_hit_everybody_alike():
    """Exponential lengths: mean and deviation within five standard errors; picks uniform. Seeds 0 to 399."""
    terms = FaultTerms(stale_feeds_per_day=10.0, stale_feed_s=60.0)
    windows = [window for plan in _plans(terms) for window in plan.stale_feeds]
    lengths = np.array([(each.to_ns - each.from_ns) / 1e9 for each in windows])
    hit = np.bincount([each.of(4) for each in windows], minlength=4)
    n = len(windows)

    assert abs(lengths.mean() - 60.0) < 5.0 * 60.0 / np.sqrt(n)
    assert abs(lengths.std() - 60.0) < 5.0 * 60.0 * np.sqrt(2.0 / n)
    assert hit.sum() == n
    assert np.abs(hit - n / 4.0).max() < 5.0 * np.sqrt(n * 3.0 / 16.0)


def test_sessions_and_clocks_fail_one_at_a_time_within_the_day():
    terms = FaultTerms(
        disconnects_per_day=20.0, disconnect_s=600.0, clock_jumps_per_day=20.0, clock_wrong_s=900.0
    )
    for plan in _plans(terms)[:100]:
        for kind in (plan.disconnects, plan.clock_errors):
            assert all(before.to_ns <= after.from_ns for before, after in pairwise(kind))
            assert all(_OPEN <= each.from_ns < _CLOSE and each.from_ns < each.to_ns for each in kind)


def test_the_session_is_down_exactly_while_a_window_touches_the_question():
    """Against every window asked in turn; seed 3."""
    plan = fault_plan(FaultTerms(disconnects_per_day=15.0, disconnect_s=300.0), _OPEN, _CLOSE, 3)
    random = np.random.default_rng(3)
    edges = [
        at for each in plan.disconnects for at in (each.from_ns - 1, each.from_ns, each.to_ns - 1, each.to_ns)
    ]
    starts = np.concatenate([edges, random.integers(_OPEN, _CLOSE, 2000)])
    for begins in starts.tolist():
        ends = begins + int(random.integers(0, 200 * 10**9)) * int(random.integers(0, 2))
        slow = any(each.from_ns <= ends and begins < each.to_ns for each in plan.disconnects)

        assert plan.is_down(begins, ends) == slow


def test_the_desks_clock_is_wrong_both_ways_within_its_most_and_right_otherwise():
    terms = FaultTerms(clock_jumps_per_day=5.0, clock_jump_s=100.0)
    plans = _plans(terms)
    errors = [each for plan in plans for each in plan.clock_errors]
    ahead = np.array([each.ahead_ns / 1e9 for each in errors])

    assert np.abs(ahead).max() <= 100.0
    assert 0.4 < (ahead > 0.0).mean() < 0.6
    plan = next(plan for plan in plans if plan.clock_errors)
    first = plan.clock_errors[0]
    assert plan.clock_ns(first.from_ns - 1) == first.from_ns - 1
    assert plan.clock_ns(first.from_ns) == first.from_ns + first.ahead_ns
    assert plan.clock_ns(first.to_ns - 1) == first.to_ns - 1 + first.ahead_ns
    assert plan.clock_ns(first.to_ns) in (
        first.to_ns,
        first.to_ns + (plan.clock_errors[1].ahead_ns if len(plan.clock_errors) > 1 else 0),
    )


def test_kills_hit_every_write_alike_and_are_torn_as_often_as_told():
    terms = FaultTerms(kills_per_day=10.0, kill_writes=5, torn_records_share=0.3)
    kills = [kill for plan in _plans(terms) for kill in plan.kills]
    hit = np.bincount([kill.writes for kill in kills], minlength=6)

    assert hit[0] == 0
    assert hit.size == 6
    assert np.abs(hit[1:] - len(kills) / 5.0).max() < 5.0 * np.sqrt(len(kills) * 4.0 / 25.0)
    assert abs(np.mean([kill.torn for kill in kills]) - 0.3) < 5.0 * np.sqrt(0.21 / len(kills))


def test_corrections_move_a_price_either_way_and_never_by_nothing():
    terms = FaultTerms(corrections_per_day=10.0, correction_ticks=3)
    moves = {each.ticks for plan in _plans(terms) for each in plan.corrections}

    assert moves == {-3, -2, -1, 1, 2, 3}


def test_the_hedge_venue_closes_when_told():
    closed = fault_plan(
        FaultTerms(hedge_closed_from_minute=30.0, hedge_closed_to_minute=45.0), _OPEN, _CLOSE, 1
    )
    late = fault_plan(FaultTerms(hedge_closed_from_minute=300.0), _OPEN, _CLOSE, 1)
    never = fault_plan(FaultTerms(hedge_closed_from_minute=361.0), _OPEN, _CLOSE, 1)
    minute = 60 * 10**9

    assert [(each.from_ns, each.to_ns) for each in closed.hedge_closed] == [
        (_OPEN + 30 * minute, _OPEN + 45 * minute)
    ]
    assert [(each.from_ns, each.to_ns) for each in late.hedge_closed] == [(_OPEN + 300 * minute, _CLOSE)]
    assert never.hedge_closed == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"feed_lost_share": 1.1}, {"feed_gaps_per_day": -1.0}, {"feed_gap_s": 0.0}, {"late_cancel_ms": float("nan")},
        {"kill_writes": 0}, {"correction_ticks": 0}, {"hedge_closed_to_minute": 5.0}, {"torn_records_share": float("nan")},
        {"hedge_closed_from_minute": 9.0, "hedge_closed_to_minute": 9.0}, {"hedge_closed_from_minute": -1.0},
    ],
)  # fmt: skip
def test_faults_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(InvalidValueError, match="faults"):
        FaultTerms(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"to_venue_ms": -1.0}, {"latency_sigma": 4.0}, {"silence_s": 0.0}, {"feed_ms": float("nan")}]
)
def test_wires_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(InvalidValueError, match="wire"):
        WireTerms(**wrong)


def test_everything_on_leaves_no_fault_off():
    """A fault that is added later must be switched on too."""
    terms, off = FaultTerms.all_on(), FaultTerms()
    rates = [each.name for each in fields(FaultTerms) if each.name.endswith(("_per_day", "_share"))]
    idle = [name for name in rates if getattr(terms, name) == 0.0 and getattr(off, name) == 0.0]

    assert idle == []


def test_a_day_without_time_is_refused():
    with pytest.raises(InvalidValueError, match="end after its open"):
        fault_plan(FaultTerms(), _OPEN, _OPEN, 1)
