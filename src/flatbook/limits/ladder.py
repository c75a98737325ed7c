"""The ladder from utilisation to action, with hysteresis on release.

Source: domain reference 8.1. A step is entered at its threshold and left only once utilisation has fallen
`RELEASE` of the threshold below it, so that a number on the edge does not flicker.
"""

from enum import IntEnum

import numpy as np

from flatbook.model.table import Floats, Ints

RELEASE = 0.05


class Step(IntEnum):
    """How hard the desk reacts."""

    NORMAL = 0
    NOTIFY = 1
    ALERT = 2
    ESCALATE = 3
    HARD = 4


THRESHOLDS: dict[Step, float] = {Step.NOTIFY: 0.5, Step.ALERT: 0.75, Step.ESCALATE: 0.9, Step.HARD: 1.0}

ACTIONS: dict[Step, str] = {
    Step.NORMAL: "lean by the risk price, full size, hedge to the band's edge",
    Step.NOTIFY: "widen and taper the adding side, halve the hedge band",
    Step.ALERT: "adding side at least two half-spreads at minimum size, hedge to the centre",
    Step.ESCALATE: "adding side at obligation width and size, hedge at once",
    Step.HARD: "pull the adding side, hedge at once, no trade that adds",
}


def step_of(utilisation: float, before: Step = Step.NORMAL) -> Step:
    """The step at `utilisation`, coming from `before`. NaN is a breach."""
    if not utilisation <= THRESHOLDS[Step.HARD]:
        return Step.HARD
    reached = max((step for step, at in THRESHOLDS.items() if utilisation >= at), default=Step.NORMAL)
    held = [step for step, at in THRESHOLDS.items() if step <= before and utilisation >= at * (1.0 - RELEASE)]
    return max([reached, *held])


def steps_of(utilisation: Floats) -> Ints:
    """The step at each utilisation, without hysteresis; NaN is a breach."""
    reached = np.searchsorted(np.array(list(THRESHOLDS.values())), utilisation, side="right")
    return np.where(utilisation <= THRESHOLDS[Step.HARD], reached, int(Step.HARD)).astype(np.int64)
