"""Which few legs: sets of them in fractions of lots, from the relaxation's strongest, from none, and from changes to the best sets met.

Each start goes through `kernels.offset_support.search_legs`, with the rows that have been broken so far. A change either takes some legs away, bars them from filling the set and lets it
fill again, or brings others in and lets the weakest go. Everything is in one order and the work is counted, not timed.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.hedging.offset_problem import WholeLots
from flatbook.hedging.offset_relaxation import Relaxation, used
from flatbook.kernels.offset_support import search_legs
from flatbook.model.table import Bools, Floats, Ints

HELD = 1e-6  # lots: what a relaxation means by none
_STARTS = (1.0, 1.7, 2.5)  # times the most legs: how many of the relaxation's strongest a start shrinks from
_CORE = 4.0  # times the most legs: those that come in are among, every third time
_TRIED = 8  # legs that might come, for each that goes
_EACH, _FROM_NONE = 0.15, 0.05  # of all the work, at most, from one start, and from no legs at all
_CHANGES = 4  # of so many changes one takes legs away, the others bring some in
_LOOKS_OF_A_START = 200  # what it takes beside its steps, in looks
_BINDING = 1e-9  # of a row's price
_SETS = 6  # kept


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetOfLegs:
    """One set, settled."""

    lots: Floats  # float64[n], fractions
    worth_usd: float  # breaches smoothed


def sets_of_legs(
    whole: WholeLots, relaxed: Relaxation, legs_max: int, looks: int
) -> tuple[list[SetOfLegs], int]:
    """The best sets of at most `legs_max` legs that the work finds, the best first, and the work done.

    Parameters
    ----------
    whole : WholeLots
    relaxed : Relaxation
        Of it, with the same `legs_max`.
    legs_max : int
        1 or more.
    looks : int
        The work allowed, in looks at all rows.
    """
    search = _Sets(whole, relaxed, legs_max, looks)
    order = np.argsort(-used(whole, relaxed.lots), kind="stable")
    for size in _STARTS:
        among = np.zeros(order.size, dtype=np.bool_)
        among[order[: int(np.ceil(size * legs_max))]] = True
        search.descend(np.where(among, relaxed.lots, 0.0), among & (relaxed.lots != 0.0))
    none = np.zeros(order.size, dtype=np.bool_)
    search.descend(np.zeros(order.size), none, share=_FROM_NONE)
    turn = 0
    while search.looks < looks:
        turn += 1
        base = search.best[0 if turn % 2 else (turn // 2) % len(search.best)].lots
        if turn % _CHANGES == 0:
            out = goers(base, turn)
            search.descend(np.where(out, 0.0, base), (base != 0.0) & ~out, out)
        else:
            pool = order if turn % 3 else order[: int(_CORE * legs_max)]
            comers = pool[np.argsort(scattered(pool.size, turn), kind="stable")[: max(legs_max // 2, 2)]]
            among = base != 0.0
            among[comers] = True
            search.descend(base, among)
    return search.best, search.looks


def scattered(size: int, turn: int) -> Floats:
    """Numbers from 0 to 1 that look like nothing in particular, float64[size]."""
    return np.asarray(((np.arange(size) + 1) * (turn + 1) * 2654435761 >> 7) % 65521 / 65521.0)


def goers(base: Floats | Ints, turn: int) -> Bools:
    """Two legs of the set, a third or half of it; which ones, the turn decides."""
    legs = np.flatnonzero(base)
    count = max((2, legs.size // 3, legs.size // 2)[turn % 3], 1)
    out = np.zeros(base.size, dtype=np.bool_)
    out[legs[np.argsort(scattered(legs.size, turn), kind="stable")[:count]]] = True
    return out


class _Sets:
    """One question, the best sets met so far, and the work done."""

    def __init__(self, whole: WholeLots, relaxed: Relaxation, legs_max: int, looks: int) -> None:
        self.whole, self.legs_max = whole, legs_max
        self.rows, self.level = whole.rows * whole.price, whole.level * whole.price
        self.binding = np.zeros(whole.level.size, dtype=np.bool_)
        self._bind((whole.level > 0.0) | (relaxed.shadow > _BINDING * whole.price))
        self.allowed = looks
        self.scales = np.array([whole.width_usd, whole.before_usd])
        self.best: list[SetOfLegs] = []
        self.looks = 0

    def descend(
        self, start: Floats, among: Bools, barred: Bools | None = None, share: float | None = None
    ) -> None:
        """Search from a set, and keep what was found if it is among the best."""
        whole = self.whole
        limits = np.array(
            [
                self.legs_max,
                max(int((_EACH if share is None else share) * self.allowed / self.step), 1),
                _TRIED,
            ]
        )
        lots, worth, steps = search_legs(
            start, among, np.zeros_like(among) if barred is None else barred, whole.quadratic, whole.slope,
            whole.sides, whole.bounds, self.few_rows, self.level[self.binding], limits, self.scales,
        )  # fmt: skip
        self.looks += int(steps * self.step) + _LOOKS_OF_A_START
        over = self.level + lots @ self.rows
        missed = ~self.binding & (over > 0.0)
        if missed.any():
            share = np.minimum(over[missed] / whole.width_usd, 1.0)
            worth += float(share @ (over[missed] - 0.5 * whole.width_usd * share))
            self._bind(self.binding | missed)
        if not any(((lots != 0.0) == (other.lots != 0.0)).all() for other in self.best):
            self.best.append(SetOfLegs(lots=lots, worth_usd=worth))
            self.best.sort(key=lambda one: one.worth_usd)
            del self.best[_SETS:]

    def _bind(self, binding: Bools) -> None:
        """Rows that have been broken: the others wait until they are."""
        self.binding = binding
        broken = float(binding.mean()) if binding.size else 0.0
        self.step = (2 * self.legs_max + 4) * (0.3 + 0.7 * broken)  # looks that one of Newton's takes
        self.few_rows = np.ascontiguousarray(self.rows[:, binding])
