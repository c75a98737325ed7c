"""Why a limit was exceeded between two cycles of a desk that obeys it: the market, a fill that came late, or nothing that explains it.

The book of the cycle before is measured on the market of now: if it alone is beyond the limit, the market moved ("gap"). Else the book of
now is measured on the market of before: if it was within, what fills added was within the limit as it was measured when their orders
were let through ("gap with fills"). Else orders that were on their way out filled ("late fill"), or nothing explains it.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import measure, reaching, stand
from flatbook.model.table import Ints

HARD = 1.0
GAP, GAP_WITH_FILLS, LATE_FILL, UNKNOWN, DUTY, UNACCOUNTED = (
    "gap", "gap with fills", "late fill", "unknown measure", "duty", "unaccounted",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What happened since the cycle before."""

    late: bool  # a fill of an order whose cancel had been sent, or of which nobody knew
    duty: bool  # a fill of a legally required minimum quote


def causes(before: Cycle, now: Cycle, since: Since) -> dict[str, str]:
    """For each limit that is beyond its hard level now and was not before: why.

    Parameters
    ----------
    before, now : Cycle
        Of the same instrument table.
    since : Since
    """
    used = {one.limit.name: one.utilisation for one in before.standing.limits}
    fresh = [
        one
        for one in now.standing.limits
        if not one.utilisation <= HARD and used.get(one.limit.name, 0.0) <= HARD
    ]
    if not fresh:
        return {}
    moved, filled = _used(before.held.quantity, now), _used(now.held.quantity, before)
    return {
        one.limit.name: _cause(one.utilisation, moved.get(one.limit.name), filled.get(one.limit.name), since)
        for one in fresh
    }


def _used(quantity: Ints, on: Cycle) -> dict[str, float]:
    """Utilisation of every limit by a book, on the market of one cycle."""
    basis = reaching(on.basis, np.flatnonzero(quantity))
    standing = stand(measure(quantity, basis), basis, on.limits)
    return {one.limit.name: one.utilisation for one in standing.limits}


def _cause(used: float, moved: float | None, filled: float | None, since: Since) -> str:
    if not np.isfinite(used):
        return UNKNOWN
    if moved is not None and moved > HARD:
        return GAP
    if filled is not None and filled <= HARD:
        return GAP_WITH_FILLS
    if since.late:
        return LATE_FILL
    return DUTY if since.duty else UNACCOUNTED
