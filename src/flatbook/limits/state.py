"""What the limits room remembers: the limits themselves, and the step each stands on."""

from dataclasses import dataclass, field

from flatbook.limits.ladder import Step
from flatbook.model.events import LimitsSet
from flatbook.model.parameters import Limit


@dataclass(slots=True)
class LimitsState:
    """Limits in force, and their last steps by name."""

    limits: tuple[Limit, ...] = ()
    steps: dict[str, Step] = field(default_factory=dict)


def set_limits(state: LimitsState, event: LimitsSet) -> None:
    """Replace all limits; a limit that keeps its name keeps its step until the next check."""
    state.limits = event.limits
    names = {limit.name for limit in event.limits}
    state.steps = {name: step for name, step in state.steps.items() if name in names}


def remember(state: LimitsState, steps: dict[str, Step]) -> None:
    """Keep the steps of the last check, for hysteresis."""
    state.steps = steps
