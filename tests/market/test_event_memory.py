"""What quotes told of an event, in the clock of the next view."""

import numpy as np
import pytest

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.market.clock import tau
from flatbook.model.events import CycleDue
from flatbook.model.measures import Measure
from flatbook.model.parameters import EventTerms
from tests.market.test_term import DAY, SECOND, facts_of, sessions, the_desk
from tests.worlds import NOW_NS

BASE, MOVE = 0.20, 0.05
DAYS = (3, 10, 17, 31, 59, 120)
AT_NS = NOW_NS + 15 * DAY
KEY = ("XYZ", "report", AT_NS)
REPORT = EventTerms(underlying="XYZ", name="report", at_ns=AT_NS)


def cycles(desk, *more, count=2, days=DAYS, state=None):
    """As many cycles on the same quotes: 20 % of base volatility by the calendar, and a move of 5 % in 15 days."""
    state = state or State()
    vols = [np.sqrt(BASE**2 + (MOVE**2 / (day / 365.0) if day > 15 else 0.0)) for day in days]
    for fact in facts_of(desk, *more, days=days, vols=vols):
        step(state, fact)
    due = [CycleDue(received_ns=NOW_NS + k * SECOND, reason="test") for k in range(count)]
    return state, [step(state, one) for one in due]


def test_the_next_view_has_the_event_in_its_clock():
    """The move comes back, and no expiry's volatility has it any more: the base, smooth across the event."""
    state, (first, second) = cycles(the_desk(events=(REPORT,)))
    (told,) = first.market.term.events
    before, after = first.market, second.market
    later = np.array(DAYS) > 15

    assert told.move_sd == pytest.approx(MOVE, abs=0.002)
    assert told.trading_days == pytest.approx((MOVE / BASE) ** 2 * 365.0, rel=0.08)
    assert told.trading_days_error / told.trading_days == pytest.approx(
        2.0 * told.move_sd_error / told.move_sd, rel=1e-9
    )
    assert before.clocks == ()
    assert state.market.event_days == {KEY: told.trading_days}
    gained = after.slice_variance_years - after.slice_years
    assert gained == pytest.approx(np.where(later, told.trading_days / 365.0, 0.0), abs=1e-12)
    assert np.ptp(before.slice_atm_vol) > 0.09
    assert after.slice_atm_vol == pytest.approx(np.full(len(DAYS), BASE), abs=0.006)
    assert np.ptp(after.term.forward_vol) < 0.25 * np.ptp(before.term.forward_vol)
    (again,) = after.term.events
    assert again.move_sd == pytest.approx(told.move_sd, rel=0.02)


def test_prices_stay_and_theta_waits_for_the_event():
    """Total variance is the same in both clocks; what the event adds is no longer lost evenly day by day."""
    _, (first, second) = cycles(the_desk(events=(REPORT,)))
    table = first.table
    near = np.array([
        rows[np.argmin(np.abs(table.strike[rows] - first.market.forward[rows]))]
        for rows in (np.flatnonzero(table.slice_of == s) for s in range(len(DAYS)))
    ])  # fmt: skip
    theta = [cycle.values.greeks[near, Measure.THETA_USD_PER_DAY] for cycle in (first, second)]

    assert second.values.price == pytest.approx(first.values.price, abs=2e-3, nan_ok=True)
    assert (theta[1][2:4] > 0.75 * theta[0][2:4]).all()  # 17 and 31 days: less is lost on a plain day
    assert theta[1][1] == pytest.approx(theta[0][1], rel=0.06)  # ten days: no event in it


def test_the_noise_of_quotes_moves_no_clock():
    """The figure stays while new ones differ by less than their error, and so do the surfaces."""
    state, all_cycles = cycles(the_desk(calendar="TEST", events=(REPORT,)), sessions(), count=4)
    years = [cycle.market.slice_variance_years for cycle in all_cycles[1:]]

    assert state.market.event_days == {KEY: all_cycles[0].market.term.events[0].trading_days}
    assert np.abs(np.diff(years, axis=0)).max() < 2.5 * SECOND / (365 * DAY) * 3.0
    assert (
        all_cycles[1].market.surfaces[0]
        is all_cycles[2].market.surfaces[0]
        is all_cycles[3].market.surfaces[0]
    )
    assert all_cycles[1].market.surfaces[0].version == 1  # told in new years, not fitted anew


def test_two_runs_remember_the_same():
    """To the bit."""
    runs = [cycles(the_desk(calendar="TEST", events=(REPORT,)), sessions(), count=3) for _ in range(2)]

    assert runs[0][0].market.event_days == runs[1][0].market.event_days
    assert runs[0][1][2].values.price.tobytes() == runs[1][1][2].values.price.tobytes()


def test_what_cannot_be_told_leaves_what_is_known_and_what_has_passed_is_forgotten():
    """No expiry after the event, or none that separates two of them: a reason, and the clock as it was."""
    other = EventTerms(underlying="XYZ", name="vote", at_ns=AT_NS + DAY // 2)
    blind, (_, market) = cycles(the_desk(events=(REPORT,)), days=(3, 10))
    joint, _ = cycles(the_desk(events=(REPORT, other)))
    known, _ = cycles(the_desk(events=(REPORT,)))
    days = known.market.event_days[KEY]
    known.desk = the_desk(events=(REPORT, other))
    step(known, CycleDue(received_ns=NOW_NS + 5 * SECOND, reason="test"))

    assert blind.market.event_days == {}
    assert market.market.term.events[0].reason == "no usable expiry after it"
    assert joint.market.event_days == {}
    assert known.market.event_days == {KEY: days}
    step(known, CycleDue(received_ns=AT_NS, reason="test"))
    assert known.market.event_days == {}


def test_an_event_that_the_desk_gives_needs_no_calendar():
    """Its trading days come on top of calendar time, in days of it."""
    given = EventTerms(underlying="XYZ", name="report", at_ns=AT_NS, trading_days=5.0)
    _, (cycle,) = cycles(the_desk(events=(given,)), count=1)
    expiry = np.array([key.expiry_ns for key in cycle.table.slices])

    assert cycle.market.slice_variance_years == pytest.approx(
        tau(NOW_NS, expiry) + np.where(expiry >= AT_NS, 5.0 / 365.0, 0.0), rel=1e-14
    )
