"""The ladder from utilisation to action: hysteresis on release, and a cool-down of the response.

Source: domain reference 8.1. A step is entered at its threshold and left only once utilisation has fallen
`RELEASE` of the threshold below it, so that a number on the edge does not flicker. Once a step from ALERT up is left, the
response to it stays for the limit's cool-down.
"""

from dataclasses import dataclass
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
_ALERT_BETWEEN = 0.625  # where ALERT lies between NOTIFY and ESCALATE, as in `THRESHOLDS`
_LADDER = np.array(list(THRESHOLDS.values()))
_STEPS = np.arange(1, len(THRESHOLDS) + 1)
_COOLED = np.array([Step.ALERT, Step.ESCALATE, Step.HARD])

ACTIONS: dict[Step, str] = {
    Step.NORMAL: "lean by the risk price, full size, hedge to the band's edge",
    Step.NOTIFY: "widen and taper the adding side, halve the hedge band",
    Step.ALERT: "adding side at least two half-spreads at minimum size, hedge to the centre",
    Step.ESCALATE: "adding side at obligation width and size, hedge at once",
    Step.HARD: "pull the adding side, hedge at once, no trade that adds",
}
SIDE_ACTIONS: dict[Step, str] = {
    Step.NORMAL: "full size, leaned by the risk price",
    Step.NOTIFY: "widen, taper the size",
    Step.ALERT: "at least two half-spreads, minimum size",
    Step.ESCALATE: "obligation width and size",
    Step.HARD: "pull",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """What the ladder remembers of n utilisations: the step each reached, and when the response to those left ends."""

    reached: Ints  # [n]
    until_ns: Ints  # [n, 3]: of ALERT, ESCALATE, HARD
    rows: Ints | None = (
        None  # [n] where each row has a step of its own; others have no past. None: one number, n = 1
    )


def no_memory(n: int) -> Memory:
    """Of n utilisations that were never seen."""
    return Memory(reached=np.zeros(n, dtype=np.int64), until_ns=np.zeros((n, _COOLED.size), dtype=np.int64))


def thresholds_of(soft: float, critical: float) -> Floats:
    """Where NOTIFY, ALERT, ESCALATE and HARD begin, float64[4], for shares of the limit."""
    return np.array([soft, soft + _ALERT_BETWEEN * (critical - soft), critical, THRESHOLDS[Step.HARD]])


def step_of(utilisation: float, before: Step = Step.NORMAL) -> Step:
    """The step at `utilisation`, coming from `before`. NaN is a breach."""
    return Step(int(steps_of(np.array([utilisation]), before=np.array([int(before)]))[0]))


def steps_of(utilisation: Floats, thresholds: Floats = _LADDER, before: Ints | None = None) -> Ints:
    """The step at each utilisation; NaN is a breach.

    Parameters
    ----------
    utilisation : float64[n]
    thresholds : float64[4] or float64[n, 4]
    before : int64[n], optional
        The step each comes from; without it there is no hysteresis.
    """
    used = utilisation[:, None]
    if before is not None:
        on = (used >= thresholds) | ((used >= thresholds * (1.0 - RELEASE)) & (before[:, None] >= _STEPS))
        step = np.where(on, _STEPS, 0).max(axis=1)
    elif thresholds.ndim == 1:
        step = np.searchsorted(thresholds, utilisation, side="right")
    else:
        step = (used >= thresholds).sum(axis=1)
    return np.where(utilisation <= THRESHOLDS[Step.HARD], step, int(Step.HARD)).astype(np.int64)


def respond(
    memory: Memory, utilisation: Floats, thresholds: Floats, cool_down_ns: Ints, now_ns: int
) -> tuple[Ints, Memory]:
    """The step to respond with, int64[n], and what to remember of it.

    Parameters
    ----------
    memory : Memory
        Of the same n.
    utilisation : float64[n]
    thresholds : float64[4] or float64[n, 4]
    cool_down_ns : int64[n]
    now_ns : int
    """
    reached = steps_of(utilisation, thresholds, memory.reached)
    left = (memory.reached[:, None] >= _COOLED) & (reached[:, None] < _COOLED)
    until = np.where(left, now_ns + cool_down_ns[:, None], memory.until_ns)
    cooling = np.where(until > now_ns, _COOLED, 0).max(axis=1)
    return np.maximum(reached, cooling), Memory(reached=reached, until_ns=until)


def respond_by_row(
    memory: Memory, rows: Ints, utilisation: Floats, thresholds: Floats, cool_down_ns: int, now_ns: int
) -> tuple[Ints, Memory]:
    """The same where each row has a utilisation of its own; only rows with a step or a past are looked at.

    Parameters
    ----------
    memory : Memory
        By row; of one number, it is the past of each.
    rows : int64[n]
        Ascending; what is remembered of others is forgotten.
    utilisation : float64[n]
    thresholds : float64[4]
    cool_down_ns, now_ns : int

    Returns
    -------
    step : int64[n]
    Memory
    """
    step = steps_of(utilisation, thresholds)
    past_rows, reached, until_ns = _past_of(memory, rows)
    active = np.union1d(rows[step > 0], past_rows)
    if not active.size:
        return step, Memory(reached=reached, until_ns=until_ns, rows=active)
    at, past = np.searchsorted(active, past_rows), no_memory(active.size)
    past.reached[at], past.until_ns[at] = reached, until_ns
    place = np.searchsorted(rows, active)
    cool_down = np.full(active.size, cool_down_ns)
    step[place], now = respond(past, utilisation[place], thresholds, cool_down, now_ns)
    kept = (now.reached > 0) | (now.until_ns > now_ns).any(axis=1)
    return step, Memory(reached=now.reached[kept], until_ns=now.until_ns[kept], rows=active[kept])


def _past_of(memory: Memory, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Those of `rows` that have a past, ascending, with the step each reached and when its responses end."""
    if memory.rows is not None:
        inside = np.isin(memory.rows, rows)
        return memory.rows[inside], memory.reached[inside], memory.until_ns[inside]
    n = rows.size if memory.reached.any() or memory.until_ns.any() else 0
    return rows[:n], np.repeat(memory.reached, n), np.repeat(memory.until_ns, n, axis=0)
