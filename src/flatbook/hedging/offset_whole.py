"""Whole lots near a relaxation: several roundings where any number of legs may be used, several sets of legs where few may.

Sets of legs come from the relaxation's strongest, from parts of the best set so far with something else in place of the rest, and from two of
the best together. Everything is in one order and the work is counted, not timed: the same question has the same answer.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.hedging.offset_legs import HELD, few_legs
from flatbook.hedging.offset_problem import WholeLots
from flatbook.hedging.offset_relaxation import Relaxation, relax, used
from flatbook.kernels.offset_search import search_lots
from flatbook.model.table import Floats, Ints

_SIZES = 3  # of the first leg of a pair: 1, 2, 4 lots, and all of it
_ROUNDINGS = (0.5, 0.3, 0.7, 0.999)  # the share of a lot from which it is rounded away from zero
_SCATTERED = 24  # roundings with a share for each leg
_STARTS = (1.0, 1.3, 1.6)  # times the most legs: how many of the relaxation's strongest a start shrinks from
_CORE = 2.5  # times the most legs: those that most tries are among
_FAR = 0.5  # of the most of a leg that is not in a set: where it counts as used
_LOOKS_OF_RELAXATION = 10_000  # what it takes, in looks
_ELITES = 4  # sets of legs from which others are made


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much is tried; a look is one sum over all rows."""

    looks: int = 300_000  # in all
    looks_each: int = 20_000  # of one set of legs or rounding; twice that of the first roundings


DEFAULT_WORK = Work()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """The best whole lots."""

    lots: Ints  # int64[n]
    worth_usd: float  # without `before_usd`
    looks: int


def whole_lots(whole: WholeLots, relaxed: Relaxation, legs_max: int, work: Work = DEFAULT_WORK) -> Found:
    """The best whole lots of at most `legs_max` legs that the work finds.

    Parameters
    ----------
    whole : WholeLots
    relaxed : Relaxation
        Of it, with the same `legs_max`.
    legs_max : int
    work : Work
    """
    search = _Search(whole, relaxed, legs_max, work)
    if legs_max >= np.count_nonzero(np.abs(relaxed.lots) > HELD):
        search.roundings()
    else:
        search.sets_of_legs()
    worth, lots = search.elites[0]
    return Found(lots=lots, worth_usd=worth, looks=search.looks)


def _rounded(whole: WholeLots, lots: Floats, away: float | Floats = 0.5) -> Ints:
    size = np.floor(np.abs(lots) + 1.0 - away + HELD)
    return np.clip((np.sign(lots) * size).astype(np.int64), whole.bounds[0], whole.bounds[1])


class _Search:
    """One question, the best that was met so far, and the work done."""

    def __init__(self, whole: WholeLots, relaxed: Relaxation, legs_max: int, work: Work) -> None:
        self.whole, self.relaxed, self.legs_max, self.work = whole, relaxed, legs_max, work
        self.elites: list[tuple[float, Ints]] = []
        self.looks = 0

    def roundings(self) -> None:
        """Any legs: all rounded alike, then each at a share of its own, from the relaxation and from the best."""
        for away in _ROUNDINGS:
            self._descend(_rounded(self.whole, self.relaxed.lots, away), self.whole, 2 * self.work.looks_each)
        for turn in range(1, _SCATTERED + 1):
            if self.looks >= self.work.looks:
                break
            share = _scattered(self.relaxed.lots.size, turn)
            near = self.relaxed.lots if turn % 2 else self.elites[0][1] + 4.0 * (share - 0.5)
            self._descend(_rounded(self.whole, near, share), self.whole, self.work.looks_each)

    def sets_of_legs(self) -> None:
        """Few legs."""
        whole, each = self.whole, self.work.looks_each
        order = np.argsort(-used(whole, self.relaxed.lots), kind="stable")
        core = self._only(order[: int(_CORE * self.legs_max)])
        self._descend(np.zeros(order.size, dtype=np.int64), core, each)
        for size in _STARTS:
            among = np.sort(order[: int(np.ceil(size * self.legs_max))])
            self._descend(
                _rounded(whole, few_legs(whole, self.relaxed, among, self.legs_max).lots), core, each
            )
        turn = 0
        while self.looks < self.work.looks and self.legs_max:
            turn += 1
            base = self.elites[0 if turn % 2 else (turn // 2) % len(self.elites)][1]
            other = self.elites[(turn // 4) % len(self.elites)][1]
            if turn % 3 == 0:
                full = np.where(base != 0, np.abs(base), _FAR * self._most())
                full = full * (0.5 + _scattered(base.size, turn))
                self._descend(self._near(full, order[: int(_CORE * self.legs_max)]), core, each)
            elif turn % 4 == 0 and other is not base:
                both = np.flatnonzero((base != 0) | (other != 0))
                self._descend(np.where(other != 0, base, 0), self._only(both), each)
            else:
                self._descend(_part(base, turn), whole if turn % 2 else core, each)
        self._descend(self.elites[0][1], whole, each)

    def _most(self) -> Floats:
        """Of the side that the relaxation trades, float64[n] lots."""
        bounds = self.whole.bounds
        return np.asarray(np.where(self.relaxed.lots > 0.0, bounds[1], -bounds[0]), dtype=np.float64)

    def _near(self, full: Floats, legs: Ints) -> Ints:
        """Whole lots of few legs that a relaxation prefers in which a leg counts as used at `full` lots."""
        self.looks += _LOOKS_OF_RELAXATION
        whole = self.whole
        near = relax(whole, np.sort(legs), self.relaxed.shadow > 1e-6 * whole.price, self.legs_max, full)
        strongest = np.argsort(-np.abs(near.lots) / np.maximum(full, 1.0), kind="stable")
        among = np.sort(strongest[: int(_STARTS[1] * self.legs_max)])
        return _rounded(whole, few_legs(whole, near, among, self.legs_max).lots)

    def _few(self, start: Ints) -> Ints:
        """The legs of a start that are used most; the search moves legs, and never gives one up because there are too many."""
        if np.count_nonzero(start) <= self.legs_max:
            return start
        weakest = np.argsort(-used(self.whole, start.astype(np.float64)), kind="stable")[self.legs_max :]
        out = start.copy()
        out[weakest] = 0
        return out

    def _only(self, legs: Ints) -> WholeLots:
        within = np.zeros(self.whole.slope.size, dtype=np.int64)
        within[legs] = 1
        return replace(self.whole, bounds=self.whole.bounds * within)

    def _descend(self, start: Ints, whole: WholeLots, looks: int) -> None:
        """Search from `start`, or the strongest of its legs where it has too many, and keep what was found if it is among the best."""
        self.looks += 1
        start = self._few(start)
        terms = np.array([whole.level, whole.price, self.relaxed.shadow])
        limits = np.array([self.legs_max, looks, _SIZES])
        lots, worth, taken = search_lots(
            start, whole.quadratic, whole.slope, whole.sides, whole.bounds, whole.rows, terms, limits
        )
        self.looks += taken
        if not any((lots == other).all() for _, other in self.elites):
            self.elites.append((worth, lots))
            self.elites.sort(key=lambda one: one[0])
            del self.elites[_ELITES:]


def _scattered(size: int, turn: int) -> Floats:
    """Numbers from 0 to 1 that look like nothing in particular, float64[size]."""
    return np.asarray(((np.arange(size) + 1) * (turn + 1) * 2654435761 >> 7) % 65521 / 65521.0)


def _part(base: Ints, turn: int) -> Ints:
    """The set of legs without two, a third or half of it; which ones, the turn decides."""
    legs = np.flatnonzero(base)
    goers = max((2, legs.size // 3, legs.size // 2)[turn % 3], 1)
    start = base.copy()
    start[legs[np.argsort(_scattered(legs.size, turn), kind="stable")[:goers]]] = 0
    return start
