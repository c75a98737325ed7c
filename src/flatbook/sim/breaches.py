"""Why a limit was exceeded between two cycles of a desk that obeys it: a fill that came late, the market, or nothing that explains it.

Fills are judged first, on the market of the cycle before: where the book of now is beyond the limit on it, more was let through than the
limit held, unless it is within without the fills of orders that were on their way out ("late fill"), without those either that had happened
before that cycle and were told only after it ("told late"), without what no order of the desk brought: exercise, settlement, busts and
corrections ("not traded"), or without fills in what had expired by a clock that was ahead ("clock ahead"). Else the market did it: with the book of before ("gap"), or with that of now ("gap with fills"). What a book
does not move (rates of fills and orders, the day's drawdown, what others report) has its own cause, and so has what could not be computed.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import measure, reaching, stand
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import Ints

HARD = 1.0
GAP, GAP_WITH_FILLS, LATE_FILL, TOLD_LATE, NOT_TRADED, CLOCK_AHEAD, UNKNOWN, NOT_OF_THE_BOOK, UNACCOUNTED = (
    "gap", "gap with fills", "late fill", "told late", "not traded", "clock ahead", "unknown measure", "not of the book",
    "unaccounted",
)  # fmt: skip
Contracts = Mapping[int, int]
"""By row, plus bought."""
_NOTHING: Contracts = MappingProxyType({})
_BESIDE = frozenset(
    {
        LimitMeasure.ORDERS_PER_S, LimitMeasure.ORDERS_PER_MIN, LimitMeasure.FILLS_PER_S, LimitMeasure.FILLS_PER_MIN,
        LimitMeasure.DRAWDOWN_USD, LimitMeasure.CAPITAL_DIFFERENCE_USD, LimitMeasure.UNUSABLE_QUOTES_PCT,
    }
)  # fmt: skip


def causes(
    before: Cycle,
    now: Cycle,
    late: Contracts,
    told_late: Contracts = _NOTHING,
    not_traded: Contracts = _NOTHING,
) -> dict[str, str]:
    """For each limit that is beyond its hard level now and was not before: why.

    Parameters
    ----------
    before, now : Cycle
        Of the same instrument table.
    late, told_late, not_traded : mapping of int to int
        What may be in the book since: contracts of orders that filled on their way out; those that had traded before the cycle
        before, of which the desk did not know; what came by exercise, settlement, busts and corrections.
    """
    used = {one.limit.name: one.utilisation for one in before.standing.limits}
    fresh = [
        one
        for one in now.standing.limits
        if not one.utilisation <= HARD and not used.get(one.limit.name, 0.0) > HARD
    ]
    if not fresh:
        return {}
    filled, moved = _used(now.held.quantity, before), _used(before.held.quantity, now)
    excuses = _excuses(before, now, late, told_late, not_traded)
    out = {}
    for one in fresh:
        name = one.limit.name
        if one.limit.measure in _BESIDE:
            out[name] = NOT_OF_THE_BOOK
        elif not np.isfinite(one.utilisation):
            out[name] = UNKNOWN
        elif filled[name] > HARD:
            within = (cause for cause, used in excuses.items() if used.get(name, np.inf) <= HARD)
            out[name] = next(within, UNACCOUNTED)
        else:
            out[name] = GAP if moved[name] > HARD else GAP_WITH_FILLS
    return out


def _excuses(
    before: Cycle, now: Cycle, late: Contracts, told_late: Contracts, not_traded: Contracts
) -> dict[str, dict[str, float]]:
    """Utilisation by cause, of a book without what the cause brought and without what the causes before it did."""
    out = {}
    quantity, gone = now.held.quantity, np.zeros_like(now.held.quantity)
    for cause, brought in ((LATE_FILL, late), (TOLD_LATE, told_late)):
        for row, contracts in brought.items():
            if abs(contracts) > abs(gone[row]):
                gone[row] = contracts  # a fill may be late in both ways
        if brought:
            out[cause] = _used(quantity - gone, before)
    if not_traded:
        for row, contracts in not_traded.items():
            gone[row] += contracts
        out[NOT_TRADED] = _used(quantity - gone, before)
    expiry_ns, changed = before.table.expiry_ns, quantity != before.held.quantity
    ended = (expiry_ns > 0) & (expiry_ns <= before.now_ns) & changed
    if ended.any():
        out[CLOCK_AHEAD] = _used(np.where(ended, before.held.quantity, quantity - gone), before)
    return out


def _used(quantity: Ints, on: Cycle) -> dict[str, float]:
    """Utilisation of every limit by a book, on the market of one cycle."""
    basis = reaching(on.basis, np.flatnonzero(quantity))
    standing = stand(measure(quantity, basis), basis, on.limits)
    return {one.limit.name: one.utilisation for one in standing.limits}
