"""When the desk decides, and by which speed: a tick where only prices were told since the last cycle, a cycle otherwise.

A tick waits for the last cycle to be made ready, which happens beside the desk; a cycle that is due though only prices moved waits for
nothing but for a tick that could be decided at once, and for that not long.
"""

from enum import Enum
from time import perf_counter_ns

from flatbook.live.settings import LiveSettings

_MS_NS, _S_NS = 1_000_000, 1_000_000_000
_SOON = 0.8  # of the time between two cycles, from which one follows right behind a tick, when the next is furthest
_BEHIND_NS = 5_000_000
_LATE = 1.5  # of the time between two cycles, from which one goes before any tick


class Due(Enum):
    """What is to be decided now."""

    NOTHING = "nothing"
    TICK = "tick"
    CYCLE = "cycle"


class Pace:
    """What was decided when, and what asks for more."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._cycle_at = self._fit_at = self._tick_at = 0
        self._ticked = False  # since the last cycle
        self.moved = True  # something was told that no decision has seen
        self.urgent = True  # a cycle is asked for at once

    def wait_s(self, *, calm: bool, ready: bool, preparing: bool) -> float:
        """Until what moves may be decided.

        Parameters
        ----------
        calm : bool
            Nothing but prices was told since the last cycle.
        ready, preparing : bool
            The last cycle is made ready for ticks, or is just being so.
        """
        if self.urgent:
            return 0.0
        if calm and ready:
            until = self._tick_at + self._settings.tick_min_ms * _MS_NS
        elif calm and preparing:
            until = self._cycle_at + self._settings.cycle_max_ms * _MS_NS
        else:
            until = self._cycle_at + self._settings.cycle_min_ms * _MS_NS
        return (until - perf_counter_ns()) / 1e9

    def idle_s(self) -> float:
        """Until a cycle is due though nothing but prices moves, or nothing at all."""
        return (self._cycle_at + self._idle_ns() - perf_counter_ns()) / 1e9

    def due(self, *, calm: bool, ready: bool, preparing: bool) -> Due:
        """What is to be decided now; parameters as for `wait_s`."""
        may = self.wait_s(calm=calm, ready=ready, preparing=preparing) <= 0.0
        ticks = self.moved and may and calm and ready and not self.urgent
        passed_ns = perf_counter_ns() - self._cycle_at
        if passed_ns >= self._idle_ns() and not (ticks and passed_ns < _LATE * self._idle_ns()):
            return Due.CYCLE
        if not (self.moved and may):
            return Due.NOTHING
        return Due.TICK if ticks else Due.CYCLE

    def since_ns(self, arrived_ns: int | None, due: Due) -> int | None:
        """From when on a decision counts as awaited: what the desk's own pace held back does not count."""
        if arrived_ns is None:
            return None
        if self.urgent:
            return arrived_ns
        if due is Due.TICK:
            return max(arrived_ns, self._tick_at + round(self._settings.tick_min_ms * _MS_NS))
        return max(arrived_ns, self._cycle_at + round(self._settings.cycle_min_ms * _MS_NS))

    @property
    def fit_is_due(self) -> bool:
        """Whether the next cycle should fit."""
        return perf_counter_ns() - self._fit_at >= self._settings.refit_s * _S_NS

    def decided(self, *, cycle: bool, fitted: bool, began_ns: int) -> None:
        """A decision was taken that began at an instant, by a cycle or by a tick."""
        self.moved = self.urgent = False
        self._tick_at = began_ns
        self._ticked = not cycle
        if cycle:
            self._cycle_at = began_ns
        if fitted:
            self._fit_at = began_ns

    def _idle_ns(self) -> float:
        settings = self._settings
        if not self._ticked:
            return settings.cycle_max_ms * _MS_NS
        most_ns = min(settings.reprice_ms, settings.cycle_max_ms) * _MS_NS
        behind = perf_counter_ns() - self._tick_at < _BEHIND_NS
        return _SOON * most_ns if behind else most_ns
