"""Event variance: published figures, known worlds told again, what cannot be told, and the drop at the instant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from flatbook.market.clock import NS_PER_DAY, NS_PER_YEAR
from flatbook.market.event_variance import (
    EVENT_TEXT,
    EventReason,
    TermVols,
    solve_events,
    straddle_move,
)

_NOW = 1_700_000_000 * 10**9


def _term(days, vols, error=0.001):
    days = np.asarray(days, dtype=np.float64)
    years = days / 365.0
    return TermVols(
        expiry_ns=_NOW + (days * NS_PER_DAY).astype(np.int64),
        years=years,
        clock_years=years,
        vol=np.asarray(vols, dtype=np.float64),
        vol_error=np.broadcast_to(np.asarray(error, dtype=np.float64), days.shape).copy(),
    )


def _event(*days):
    return np.array([_NOW + round(day * NS_PER_DAY) for day in days], dtype=np.int64)


def _made(days, event_days, *, moves, short, long, speed):
    """Volatilities of a world with a reverting base and known moves."""
    x = np.asarray(days) / 365.0
    used = (1.0 - np.exp(-speed * x)) / speed if speed else x
    total = long * (x - used) + short * used
    for at, move in zip(event_days, moves, strict=True):
        total = total + np.where(np.asarray(days) >= at, move**2, 0.0)
    return np.sqrt(total / x)


def test_two_expiries_after_the_event_give_the_published_move():
    """Domain reference V16: base 37.0405 %, sd 5.2048 %, mean move 4.1529 %, front straddle 5.1787 %."""
    found = solve_events(_NOW, _term([4, 32], [0.62, 0.41]), _event(2.0), 0.0)

    assert [EventReason.SOLVED] == found.reason.tolist()
    assert np.sqrt(found.base_short[0]) == pytest.approx(0.370405, abs=5e-7)
    assert found.move_sd[0] == pytest.approx(0.052048, abs=5e-7)
    assert found.expected_move[0] == pytest.approx(0.041529, abs=5e-7)
    # "Approximately": 0.0517864 was cut in the last digit.
    assert straddle_move(np.array([0.62]), np.array([4 / 365]))[0] == pytest.approx(0.051787, abs=1e-6)


def test_one_expiry_before_and_one_after_is_the_difference():
    """Base of 30 % from the first, 4 % move in the second."""
    vol = np.sqrt(0.09 + 0.04**2 / (20 / 365))
    found = solve_events(_NOW, _term([5, 20], [0.30, vol]), _event(10.0), 4.0)

    assert found.move_sd[0] == pytest.approx(0.04, rel=1e-12)
    assert np.isnan(found.misfit)


@given(
    moves=st.lists(st.floats(0.005, 0.2), min_size=3, max_size=3),
    short=st.floats(0.01, 1.0),
    long=st.floats(0.01, 0.5),
    speed=st.floats(0.5, 20.0),
)
def test_a_made_world_is_told_again(moves, short, long, speed):
    """Three events, eleven expiries, exact volatilities: the same base and the same moves."""
    days, at = [3, 8, 12, 19, 26, 40, 61, 96, 180, 370, 730], [5.0, 33.0, 120.0]
    term = _term(days, _made(days, at, moves=moves, short=short, long=long, speed=speed), 1e-4)
    found = solve_events(_NOW, term, _event(*at), speed)

    assert set(found.reason.tolist()) <= {EventReason.SOLVED}
    assert found.move_variance == pytest.approx(np.square(moves), rel=1e-6, abs=1e-9)
    assert [found.base_short[0], found.base_long[0]] == pytest.approx([short, long], rel=1e-6)
    assert found.vol(_NOW, term.expiry_ns, term.years, term.clock_years) == pytest.approx(term.vol, rel=1e-8)


@given(seed=st.integers(0, 2**31))
def test_bounded_fits_are_those_of_scipy(seed):
    """Noise that pulls variances below zero: the same bounded solution as the Fortran NNLS."""
    random = np.random.default_rng(seed)
    days = np.sort(random.uniform(2.0, 400.0, 9))
    at = np.array([days[1] + 0.5, days[4] + 0.5])
    at = np.where(at >= np.append(days, 1e9)[[2, 5]], days[[1, 4]], at)
    term = _term(days, random.uniform(0.1, 0.6, 9), random.uniform(0.002, 0.03, 9))
    found = solve_events(_NOW, term, _event(*at), 3.0)
    error = 2.0 * term.vol * term.years * term.vol_error
    used = (1.0 - np.exp(-3.0 * term.years)) / 3.0
    steps = [(term.expiry_ns >= e).astype(float) for e in _event(*at)]
    design = np.column_stack([term.years - used, used, *steps]) / error[:, None]
    expected, _ = nnls(design, term.vol**2 * term.years / error)

    got = [found.base_long[0], found.base_short[0], *found.move_variance]
    assert got == pytest.approx(expected, rel=1e-7, abs=1e-10)
    assert (
        found.reason == np.where(found.move_variance > 0.0, EventReason.SOLVED, EventReason.AT_ZERO)
    ).all()


def test_standard_errors_cover_what_they_should():
    """Seed 16, 2,000 worlds with noise of 0.3 vol points: 95 % intervals hold the truth 94 to 98.5 times of 100."""
    random = np.random.default_rng(16)
    days, at = [3, 8, 12, 19, 26, 40, 61, 96], [10.0]
    exact = _made(days, at, moves=[0.05], short=0.09, long=0.06, speed=4.0)
    inside = 0
    for _ in range(2_000):
        found = solve_events(
            _NOW, _term(days, exact + 0.003 * random.standard_normal(8), 0.003), _event(*at), 4.0
        )
        # Widening by the misfit, never narrowing, errs to the safe side: 1.96 alone would hold 95 %.
        inside += abs(found.move_variance[0] - 0.0025) <= 1.96 * found.move_variance_error[0]
    assert 0.94 <= inside / 2_000 <= 0.985


def test_errors_widen_when_the_base_has_another_shape():
    """Volatilities that miss by ten times their stated error say so."""
    days = [3, 8, 12, 19, 26, 40]
    vols = 0.3 + 0.01 * np.array([1, -1, 1, -1, 1, -1])
    close, stated = (
        solve_events(_NOW, _term(days, vols, error), _event(10.0), 0.0) for error in (0.01, 0.001)
    )

    assert stated.misfit == pytest.approx(10.0 * close.misfit, rel=1e-9)
    assert stated.move_variance_error[0] >= 0.9 * close.move_variance_error[0]


def test_what_cannot_be_told_keeps_its_reason():
    """Passed, after the last expiry, two between the same expiries, one expiry only."""
    found = solve_events(_NOW, _term([4, 32, 60], [0.5, 0.4, 0.38]), _event(-1.0, 10.0, 12.0, 90.0), 0.0)
    alone = solve_events(_NOW, _term([4], [0.5]), _event(2.0), 0.0)

    assert found.reason.tolist() == [
        EventReason.PASSED, EventReason.NOT_SEPARATE, EventReason.NOT_SEPARATE, EventReason.NO_EXPIRY_AFTER,
    ]  # fmt: skip
    assert np.isnan(found.move_variance).all()
    assert found.joint_move_variance[1] == found.joint_move_variance[2]
    assert [EventReason.BASE_UNKNOWN] == alone.reason.tolist()
    assert np.isnan([*alone.base_short, *alone.move_variance]).all()
    assert set(EventReason) == set(EVENT_TEXT)


def test_volatility_that_falls_after_the_event_leaves_it_nothing():
    """No negative variance: zero, and the reason."""
    found = solve_events(_NOW, _term([5, 8, 20, 30], [0.5, 0.5, 0.3, 0.3]), _event(10.0), 0.0)

    assert [EventReason.AT_ZERO] == found.reason.tolist()
    assert found.move_variance[0] == 0.0
    assert found.move_variance_error[0] > 0.0


def test_variance_drops_at_the_instant_and_not_at_midnight():
    """A nanosecond before it is all there; at the instant it is gone; an expiry at the instant still has it."""
    term, at = _term([4, 32], [0.62, 0.41]), _event(2.0)
    found = solve_events(_NOW, term, at, 0.0)
    expiry, years = term.expiry_ns, (term.expiry_ns - at[0]) / NS_PER_YEAR
    before, after = (found.vol(int(at[0]) + step, expiry, years, years) for step in (-1, 0))

    assert after == pytest.approx([0.370405, 0.370405], abs=5e-7)
    assert before**2 * years - after**2 * years == pytest.approx([0.052048**2] * 2, abs=1e-7)
    assert (found.event_variance(_NOW, at) > 0.0).all()
    assert found.event_variance(_NOW, at - 1).tolist() == [0.0]


def test_half_a_group_is_not_known():
    """Two events of which only the sum is told: known before the first and after the last, NaN between."""
    found = solve_events(_NOW, _term([4, 32, 60], [0.5, 0.45, 0.40]), _event(10.0, 12.0), 0.0)
    joint, expiry = found.joint_move_variance[0], np.array([_NOW + 60 * NS_PER_DAY])

    assert found.event_variance(_NOW, expiry).tolist() == [joint]
    assert np.isnan(found.event_variance(int(_event(11.0)[0]), expiry)).all()
    assert found.event_variance(int(_event(12.0)[0]), expiry).tolist() == [0.0]


def test_a_base_that_reverts_needs_an_expiry_to_spare():
    """Three expiries and one event leave a flat base and its misfit; a fourth tells short from long."""
    three, four = (
        solve_events(_NOW, _term(days, vols), _event(10.0), 4.0)
        for days, vols in (([5, 20, 60], [0.3, 0.35, 0.31]), ([5, 9, 20, 60], [0.3, 0.299, 0.35, 0.31]))
    )

    assert three.base_short.tolist() == three.base_long.tolist()
    assert np.isfinite(three.misfit)
    assert four.base_short[0] != four.base_long[0]


def test_bad_rows_are_left_out():
    """NaN, zero and expired volatilities change nothing."""
    clean = solve_events(_NOW, _term([4, 32], [0.62, 0.41]), _event(2.0), 0.0)
    dirty = solve_events(
        _NOW,
        _term([4, 6, 7, -3, 32, 9], [0.62, np.nan, 0.0, 0.5, 0.41, 0.5], [1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 0.0]),
        _event(2.0),
        0.0,
    )

    assert dirty.n_expiries == 2
    assert dirty.move_variance == pytest.approx(clean.move_variance, rel=1e-12)
    nothing = solve_events(_NOW, _term([], []), _event(2.0), 0.0)
    assert [EventReason.NO_EXPIRY_AFTER] == nothing.reason.tolist()


def test_no_events_leave_the_base():
    """A term structure without events is a base."""
    found = solve_events(_NOW, _term([4, 32, 60], [0.2, 0.2, 0.2]), _event(), 0.0)

    assert found.base_short[0] == pytest.approx(0.04, rel=1e-12)
    assert found.move_variance.size == 0
