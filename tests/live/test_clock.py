"""Time never goes back and never jumps with the machine's clock; it is drawn towards it, and a machine that slept is followed."""

from hypothesis import given
from hypothesis import strategies as st

from flatbook.live.clock import DeskClock
from flatbook.live.ports import ClockTerms

_S = 1_000_000_000


class Machine:
    """Two clocks that a test turns."""

    def __init__(self, wall=1_000 * _S):
        self.wall_ns, self.steady_ns = wall, 5 * _S

    def clock(self, terms=None, **more):
        return DeskClock(terms, wall=lambda: self.wall_ns, steady=lambda: self.steady_ns, **more)

    def pass_(self, seconds, wall=None):
        self.steady_ns += round(seconds * _S)
        self.wall_ns += round((seconds if wall is None else wall) * _S)


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(-7_200.0, 7_200.0)), max_size=50))
def test_time_never_goes_back_and_is_never_ahead_of_both_clocks(turns):
    machine = Machine()
    clock = machine.clock()
    last, most = clock.now_ns(), machine.wall_ns
    for passed, moved in turns:
        machine.pass_(passed, moved)
        now = clock.now_ns()
        most = max(most + round(passed * _S), machine.wall_ns) + round(0.05 * passed * _S)
        assert last <= now <= most
        last = now


def test_a_wall_clock_that_goes_back_an_hour_changes_nothing_but_a_count():
    machine = Machine()
    clock = machine.clock()
    start = clock.now_ns()
    machine.pass_(1.0, wall=-3_600.0)
    assert clock.now_ns() == start + _S
    assert (clock.jumps, clock.wall_offset_ns) == (1, -3_601 * _S)
    for _ in range(100):
        machine.pass_(1.0)
        clock.now_ns()
    assert clock.now_ns() == start + 101 * _S


def test_a_wall_clock_that_is_ahead_for_a_moment_is_not_followed_and_one_that_stays_is():
    machine = Machine()
    clock = machine.clock()
    start = clock.now_ns()
    machine.pass_(1.0, wall=3_601.0)
    assert clock.now_ns() == start + _S
    machine.pass_(1.0, wall=-3_599.0)
    assert clock.now_ns() == start + 2 * _S
    assert clock.jumps == 2
    machine.pass_(1.0, wall=3_601.0)
    clock.now_ns()
    for _ in range(11):
        machine.pass_(1.0)
        clock.now_ns()
    assert clock.now_ns() == machine.wall_ns


def test_small_differences_are_drawn_in_slowly():
    machine = Machine()
    clock = machine.clock()
    machine.pass_(0.1, wall=0.6)
    clock.now_ns()
    for _ in range(200):
        machine.pass_(0.1)
        clock.now_ns()
    assert clock.wall_offset_ns == 0
    assert clock.jumps == 0


def test_a_market_has_its_own_time_and_a_journal_may_be_ahead_of_it():
    machine = Machine()
    terms = ClockTerms(market_ns=50 * _S, wall_ns=machine.wall_ns, speed=10.0)
    clock = machine.clock(terms, not_before_ns=52 * _S)
    assert clock.now_ns() == 52 * _S
    machine.pass_(1.0)
    assert clock.now_ns() == 60 * _S
    assert clock.steady_ns() == 10 * _S


def test_a_clock_follows_who_replays_and_never_goes_back():
    """Told to stand, go on, be ahead and go back: time goes on or waits, and what was skipped counts as waited."""
    machine = Machine()
    clock = machine.clock(ClockTerms(market_ns=50 * _S, wall_ns=machine.wall_ns, speed=0.0))
    machine.pass_(3.0)
    assert (clock.now_ns(), clock.steady_ns()) == (50 * _S, 0)
    clock.follow(ClockTerms(market_ns=50 * _S, wall_ns=machine.wall_ns, speed=10.0))
    machine.pass_(2.0)
    assert (clock.now_ns(), clock.steady_ns()) == (70 * _S, 20 * _S)
    clock.follow(ClockTerms(market_ns=100 * _S, wall_ns=machine.wall_ns, speed=0.0))
    assert (clock.now_ns(), clock.steady_ns()) == (100 * _S, 50 * _S)
    machine.pass_(5.0)
    assert (clock.now_ns(), clock.steady_ns()) == (100 * _S, 50 * _S)
    clock.follow(ClockTerms(market_ns=90 * _S, wall_ns=machine.wall_ns, speed=1.0))
    machine.pass_(4.0)
    assert (clock.now_ns(), clock.steady_ns()) == (100 * _S, 54 * _S)
    machine.pass_(7.0)
    assert (clock.now_ns(), clock.steady_ns()) == (101 * _S, 61 * _S)


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(0, 1_000), st.floats(0.0, 50.0)), max_size=30))
def test_following_neither_clock_goes_back(turns):
    machine = Machine()
    clock = machine.clock(ClockTerms(market_ns=0, wall_ns=machine.wall_ns, speed=1.0))
    last = (clock.now_ns(), clock.steady_ns())
    for passed, market_s, speed in turns:
        clock.follow(ClockTerms(market_ns=market_s * _S, wall_ns=machine.wall_ns, speed=speed))
        machine.pass_(passed)
        now = (clock.now_ns(), clock.steady_ns())
        assert now[0] >= max(last[0], market_s * _S)
        assert now[1] >= last[1]
        last = now
