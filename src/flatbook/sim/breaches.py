"""Why a limit was exceeded between two cycles of a desk that obeys it: a fill that came late, the market, or nothing that explains it.

Fills are judged first, on the market of the cycle before: where the book of now is beyond the limit on it, more was let through than the
limit held, unless without the fills of orders that were on their way out it is within ("late fill"). Else the market did it: with
the book of before ("gap"), or with that of now ("gap with fills"). What a book does not move (rates of fills and orders, the day's
drawdown, what others report) has its own cause, and so has what could not be computed.
"""

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import measure, reaching, stand
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import Ints

HARD = 1.0
GAP, GAP_WITH_FILLS, LATE_FILL, UNKNOWN, NOT_OF_THE_BOOK, UNACCOUNTED = (
    "gap", "gap with fills", "late fill", "unknown measure", "not of the book", "unaccounted",
)  # fmt: skip
_BESIDE = frozenset(
    {
        LimitMeasure.ORDERS_PER_S, LimitMeasure.ORDERS_PER_MIN, LimitMeasure.FILLS_PER_S, LimitMeasure.FILLS_PER_MIN,
        LimitMeasure.DRAWDOWN_USD, LimitMeasure.CAPITAL_DIFFERENCE_USD, LimitMeasure.UNUSABLE_QUOTES_PCT,
    }
)  # fmt: skip


def causes(before: Cycle, now: Cycle, late: dict[int, int]) -> dict[str, str]:
    """For each limit that is beyond its hard level now and was not before: why.

    Parameters
    ----------
    before, now : Cycle
        Of the same instrument table.
    late : dict of int to int
        Contracts by row, plus bought, of orders that filled on their way out and may be in the book since.
    """
    used = {one.limit.name: one.utilisation for one in before.standing.limits}
    fresh = [
        one
        for one in now.standing.limits
        if not one.utilisation <= HARD and not used.get(one.limit.name, 0.0) > HARD
    ]
    if not fresh:
        return {}
    in_time = now.held.quantity.copy()
    for row, contracts in late.items():
        in_time[row] -= contracts
    filled, moved, asked = (
        _used(now.held.quantity, before),
        _used(before.held.quantity, now),
        _used(in_time, before) if late else {},
    )
    out = {}
    for one in fresh:
        name = one.limit.name
        if one.limit.measure in _BESIDE:
            out[name] = NOT_OF_THE_BOOK
        elif not np.isfinite(one.utilisation):
            out[name] = UNKNOWN
        elif filled[name] > HARD:
            out[name] = LATE_FILL if asked.get(name, np.inf) <= HARD else UNACCOUNTED
        else:
            out[name] = GAP if moved[name] > HARD else GAP_WITH_FILLS
    return out


def _used(quantity: Ints, on: Cycle) -> dict[str, float]:
    """Utilisation of every limit by a book, on the market of one cycle."""
    basis = reaching(on.basis, np.flatnonzero(quantity))
    standing = stand(measure(quantity, basis), basis, on.limits)
    return {one.limit.name: one.utilisation for one in standing.limits}
