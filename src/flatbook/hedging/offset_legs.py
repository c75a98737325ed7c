"""Which few legs: from a relaxation the weakest go, some at a time, and what stays is relaxed again."""

import numpy as np

from flatbook.hedging.offset_problem import WholeLots
from flatbook.hedging.offset_relaxation import Relaxation, relax
from flatbook.model.table import Ints

HELD = 1e-6  # lots: what a relaxation means by none
_STAY = 0.7  # of the legs above the most, after each round


def few_legs(whole: WholeLots, found: Relaxation, legs: Ints, legs_max: int) -> Relaxation:
    """The relaxation of at most `legs_max` of `legs`.

    Parameters
    ----------
    whole : WholeLots
    found : Relaxation
        Whose binding rows are in it from the start.
    legs : int64[k]
        Ascending.
    legs_max : int
    """
    binding = found.shadow > 1e-6 * whole.price
    found = relax(whole, legs, binding)
    legs = np.flatnonzero(np.abs(found.lots) > HELD)
    while legs.size > legs_max:
        moved = np.abs(whole.rows) @ found.shadow + np.sqrt(np.diag(whole.quadratic)) + whole.sides[0]
        use = (np.abs(found.lots) * moved)[legs]
        stay = max(legs_max, min(legs.size - 1, int(legs_max + _STAY * (legs.size - legs_max))))
        legs = np.sort(legs[np.argsort(-use, kind="stable")[:stay]])
        found = relax(whole, legs, binding | (found.shadow > 1e-6 * whole.price))
    return found
