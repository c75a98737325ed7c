"""The desk's clock: UTC nanoseconds that never go back and never jump with the machine's.

Time runs with the machine's steady clock and is drawn towards the wall's by at most one part in twenty. A wall clock that is suddenly
ahead by more than a second is followed once it has stayed so for ten seconds (a machine that slept); one that is behind never is: the
difference is told, and a person restarts the desk. Of a market that is simulated or replayed, time runs at the speed of its clock.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from flatbook.live.ports import ClockTerms

_S_NS = 1_000_000_000
JUMP_NS = _S_NS  # between two readings, of the wall against the steady clock
SETTLED_NS = 10 * _S_NS  # that a wall clock has to stay ahead before it is followed
SLEW = 0.05  # share of the time that passes by which time may be drawn towards the wall's
Reading = Callable[[], int]


class DeskClock:
    """One desk's time.

    Parameters
    ----------
    terms : ClockTerms
        Of the market.
    not_before_ns : int
        Market time that has been reached already, as the last fact of a journal.
    wall, steady : callable
        UTC nanoseconds, and nanoseconds that never jump; by default the machine's.
    """

    def __init__(
        self,
        terms: ClockTerms | None = None,
        *,
        not_before_ns: int = 0,
        wall: Reading = time.time_ns,
        steady: Reading = time.monotonic_ns,
    ) -> None:
        self._terms = terms or ClockTerms()
        self._wall, self._steady = wall, steady
        self._steady_ns, self._wall_ns = steady(), wall()  # of the last reading
        self._now_ns = self._wall_ns  # our wall time
        self._since_ns, self._steady_market_ns = (
            self._steady_ns,
            0,
        )  # steady time at the terms, and of the market by then
        self._last_ns = not_before_ns
        self._ahead_since: int | None = None  # steady time since which the wall has been ahead by a jump
        self.jumps = 0  # of the wall clock, either way

    @property
    def speed(self) -> float:
        """Of market time against the wall's."""
        return self._terms.speed

    @property
    def wall_offset_ns(self) -> int:
        """How far the wall's clock is ahead of ours, as of the last reading."""
        return self._wall_ns - self._now_ns

    def now_ns(self) -> int:
        """Market time, never before a time that was told."""
        self._read()
        terms = self._terms
        told = terms.market_ns + round((self._now_ns - terms.wall_ns) * terms.speed)
        self._last_ns = max(self._last_ns, told)
        return self._last_ns

    def steady_ns(self) -> int:
        """Time since this clock was made, at the market's speed: for waits, whatever any clock says."""
        return self._steady_market_ns + round((self._steady() - self._since_ns) * self._terms.speed)

    def follow(self, terms: ClockTerms) -> None:
        """From now on the market's time is `terms.market_ns`, and goes on at their speed, as somebody says who replays it.

        Time that was told stays: of a market that stands earlier it waits there. What the market is ahead counts as time that passed.
        """
        told_ns, steady_ns = self.now_ns(), self._steady()
        passed_ns = round((steady_ns - self._since_ns) * self._terms.speed)
        self._steady_market_ns += passed_ns + max(terms.market_ns - told_ns, 0)
        self._since_ns = steady_ns
        self._terms = replace(terms, wall_ns=self._now_ns)
        self._last_ns = max(self._last_ns, terms.market_ns)

    def _read(self) -> None:
        steady, wall = self._steady(), self._wall()
        passed, moved = steady - self._steady_ns, wall - self._wall_ns
        if abs(moved - passed) > JUMP_NS:
            self.jumps += 1
        self._steady_ns, self._wall_ns = steady, wall
        self._now_ns += passed
        apart = wall - self._now_ns
        if apart <= JUMP_NS:
            self._ahead_since = None
        elif self._ahead_since is None:
            self._ahead_since = steady
        elif steady - self._ahead_since >= SETTLED_NS:
            self._now_ns, self._ahead_since = wall, None
            return
        if abs(apart) <= JUMP_NS:
            most = round(SLEW * passed)
            self._now_ns += max(-most, min(most, apart))
