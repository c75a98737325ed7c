"""When the desk decides, and by which speed."""

import pytest

from flatbook.live import pace as pace_room
from flatbook.live.pace import Due, Pace
from flatbook.live.settings import LiveSettings

MS = 1_000_000
SETTINGS = LiveSettings(
    cycle_min_ms=20.0, cycle_max_ms=1_000.0, reprice_ms=200.0, tick_min_ms=2.0, refit_s=5.0
)
CALM = {"calm": True, "ready": True, "preparing": False}
PREPARING = {"calm": True, "ready": False, "preparing": True}
DISTURBED = {"calm": False, "ready": True, "preparing": False}


class Clock:
    """Nanoseconds that a test moves."""

    def __init__(self):
        self.now = 10**12

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(pace_room, "perf_counter_ns", made)
    return made


@pytest.fixture
def pace(clock):
    """A cycle was decided just now."""
    made = Pace(SETTINGS)
    made.decided(cycle=True, fitted=True, began_ns=clock.now)
    return made


def test_the_first_decision_is_a_cycle_at_once(clock):
    assert Pace(SETTINGS).due(**DISTURBED) is Due.CYCLE


@pytest.mark.parametrize(
    ("state", "after_ms", "due"),
    [
        (CALM, 1.9, Due.NOTHING),
        (CALM, 2.1, Due.TICK),
        (DISTURBED, 2.1, Due.NOTHING),
        (DISTURBED, 20.1, Due.CYCLE),
        (PREPARING, 20.1, Due.NOTHING),
        (PREPARING, 999.0, Due.NOTHING),
        (PREPARING, 1_000.1, Due.CYCLE),
        (CALM, 999.0, Due.TICK),
        (CALM, 1_001.0, Due.TICK),
        (CALM, 1_501.0, Due.CYCLE),
    ],
)
def test_what_moves_is_decided_by_the_speed_that_can(clock, pace, state, after_ms, due):
    pace.moved = True
    clock.now += round(after_ms * MS)
    assert pace.due(**state) is due
    assert (pace.wait_s(**state) <= 0.0) == (due is not Due.NOTHING)


def test_nothing_is_decided_while_nothing_moves_until_it_is_long(clock, pace):
    clock.now += 900 * MS
    assert pace.due(**CALM) is Due.NOTHING
    assert pace.idle_s() == pytest.approx(0.1)
    clock.now += 101 * MS
    assert pace.due(**CALM) is Due.CYCLE


def test_after_ticks_a_cycle_comes_sooner_and_right_behind_one(clock, pace):
    clock.now += 100 * MS
    pace.decided(cycle=False, fitted=False, began_ns=clock.now)
    assert pace.due(**CALM) is Due.NOTHING
    clock.now += 62 * MS
    assert pace.due(**CALM) is Due.NOTHING, "of 200 ms 162 are over, and the last tick is long ago"
    pace.decided(cycle=False, fitted=False, began_ns=clock.now)
    clock.now += MS
    assert pace.due(**CALM) is Due.CYCLE
    assert pace.idle_s() < 0.0


def test_a_person_is_answered_by_a_cycle_at_once(clock, pace):
    pace.moved = pace.urgent = True
    assert pace.wait_s(**CALM) == 0.0
    assert pace.due(**CALM) is Due.CYCLE


def test_what_the_pace_held_back_does_not_count_as_waiting(clock, pace):
    arrived = clock.now + MS
    assert pace.since_ns(arrived, Due.TICK) == clock.now + 2 * MS
    assert pace.since_ns(arrived, Due.CYCLE) == clock.now + 20 * MS
    assert pace.since_ns(clock.now + 30 * MS, Due.CYCLE) == clock.now + 30 * MS
    assert pace.since_ns(None, Due.CYCLE) is None


def test_fits_are_due_by_their_own_time(clock, pace):
    clock.now += 4_999 * MS
    assert not pace.fit_is_due
    clock.now += 2 * MS
    assert pace.fit_is_due
