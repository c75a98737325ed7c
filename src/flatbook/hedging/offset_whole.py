"""Whole lots near a relaxation: several roundings where any number of legs may be used, several sets of legs where few may.

Sets of legs, in fractions of lots, come from `offset_legs`; each is rounded in several ways and searched among its own legs, and the best
answer among all. Everything is in one order and the work is counted, not timed: the same question has the same answer.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.hedging.offset_legs import HELD, goers, scattered, sets_of_legs
from flatbook.hedging.offset_problem import WholeLots
from flatbook.hedging.offset_relaxation import Relaxation, used
from flatbook.kernels.offset_search import search_lots
from flatbook.model.table import Floats, Ints

_SIZES = 3  # of the first leg of a pair: 1, 2, 4 lots, and all of it
_ROUNDINGS = (0.5, 0.3, 0.7, 0.999)  # the share of a lot from which it is rounded away from zero
_SCATTERED = 24  # roundings with a share for each leg
_SETS_SHARE = 0.6  # of the work, for which legs; the rest for whole lots of them
_ELITES = 6  # answers kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much is tried; a look is one sum over all rows."""

    looks: int = 350_000  # in all
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
            share = scattered(self.relaxed.lots.size, turn)
            near = self.relaxed.lots if turn % 2 else self.elites[0][1] + 4.0 * (share - 0.5)
            self._descend(_rounded(self.whole, near, share), self.whole, self.work.looks_each)

    def sets_of_legs(self) -> None:
        """Few legs: each of the best sets rounded and searched among its own legs, the best answers among all, then without parts of them."""
        whole, each = self.whole, self.work.looks_each
        self._descend(np.zeros(whole.slope.size, dtype=np.int64), whole, each // 4 if self.legs_max else 0)
        if not self.legs_max:
            return
        sets, looks = sets_of_legs(whole, self.relaxed, self.legs_max, int(_SETS_SHARE * self.work.looks))
        self.looks += looks
        turn = 0
        while self.looks < self.work.looks - each and turn < _SCATTERED + len(_ROUNDINGS):
            away = _ROUNDINGS[turn] if turn < len(_ROUNDINGS) else scattered(whole.slope.size, turn)
            for one in sets[: max(len(sets) - turn, 1)]:
                legs = np.flatnonzero(one.lots)
                self._descend(_rounded(whole, one.lots, away), self._only(legs), each)
                if self.looks >= self.work.looks - each:
                    break
            turn += 1
        for _, lots in list(self.elites):
            self._descend(lots, whole, each)
            if self.looks >= self.work.looks:
                break
        for turn in range(_SCATTERED):
            if self.looks >= self.work.looks:
                break
            base = self.elites[turn % len(self.elites)][1]
            out = goers(base, turn)
            self._descend(np.where(out, 0, base), self._only(np.flatnonzero(~out)), each)

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
