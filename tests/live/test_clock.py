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
