"""What a picture is taken of: a core at work, or one that takes a journal again."""

from collections.abc import Sequence
from typing import Protocol

from flatbook.engine.cycle import Cycle
from flatbook.engine.state import State
from flatbook.orders.reconciliation import VenueStanding
from flatbook.orders.state import WorkingOrders


class ShownClock(Protocol):
    """The time by which it lives."""

    @property
    def speed(self) -> float:
        """Of market time against the wall's."""
        ...

    @property
    def wall_offset_ns(self) -> int:
        """How far the wall's clock is ahead of this one."""
        ...

    def now_ns(self) -> int:
        """Market time."""
        ...


class ShownCore(Protocol):
    """A desk to look at."""

    @property
    def clock(self) -> ShownClock:
        """Its time."""
        ...

    @property
    def state(self) -> State:
        """Of the engine."""
        ...

    @property
    def orders(self) -> WorkingOrders:
        """Ours."""
        ...

    @property
    def last_cycle(self) -> Cycle | None:
        """The last decision; None before the first."""
        ...

    @property
    def venue(self) -> str:
        """Name of the venue."""
        ...

    @property
    def venue_standing(self) -> VenueStanding | None:
        """Where the session with it stands; None before anything was told."""
        ...

    @property
    def refused(self) -> Sequence[str]:
        """Facts that could not be folded: why."""
        ...
