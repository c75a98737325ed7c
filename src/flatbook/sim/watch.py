"""Somebody who looks at a day while it runs, and may refuse what he sees."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from flatbook.engine.cycle import Cycle
from flatbook.model.facts import Fact
from flatbook.sim.messages import Command

if TYPE_CHECKING:
    from flatbook.sim.day import Day


class Watch(Protocol):
    """He changes nothing."""

    def heard(self, day: "Day", facts: tuple[Fact, ...]) -> None:
        """After facts have become durable; a cycle that is due after its decision has."""
        ...

    def decided(self, day: "Day", cycle: Cycle, commands: Sequence[Command]) -> None:
        """After every cycle, before its commands leave."""
        ...

    def happened(self, day: "Day") -> None:
        """After every event."""
        ...
