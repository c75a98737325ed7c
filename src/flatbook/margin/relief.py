"""Other options as margin relief: the cheapest listed trades that free a stated amount of capital.

An integer programme over the scenario rows. Contracts bought and sold, up to the size that is shown, cost half the spread
and the fee; each group's requirement is at least its loss in every scenario and at least its minimum charge; the sum of
requirements falls by what is asked. Long wings and spreads need no names: they are what the programme buys and sells. What
is claimed is what `marginal.requirement` says of the book after the trades, never the programme's own sum.

Source: the scenario rows of a portfolio margin as linear constraints, R. T. Rockafellar and S. Uryasev, "Optimization of
conditional value-at-risk", J. Risk 2 (2000) 21-41, for the epigraph form; solved by HiGHS (Q. Huangfu and J. A. J. Hall,
Math. Prog. Comp. 10 (2018) 119-142), which is deterministic on one thread.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from flatbook.margin.marginal import (
    UNKNOWN,
    ScenarioBook,
    ScenarioRequirement,
    ScenarioSeries,
    changes,
    requirement,
    with_trades,
)
from flatbook.margin.relief_programme import COST_GAP, EDGE_GAP, NEAR, Answer, Programme, programme_of, solve
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats, Ints

SHARES = (0.25, 0.5, 0.75, 1.0)  # of what can be freed: the points of a menu
_EXACT = 1e-9  # of the requirement: what rounding may take from an amount that is asked
_UNFINISHED = "HiGHS found no answer within its limits that a full run confirms"
_TRIES = 3  # each asks the programme for a little more, where its tolerance left the answer short


class ReliefStatus(StrEnum):
    """How the asking ended."""

    FREED = "freed"
    MOST = "the most that can be freed is less"
    NOTHING = "nothing can be freed"
    UNFINISHED = "the search ended without an answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """n series that could be traded, as the market shows them; amounts in the currency of the requirement, per contract."""

    name: tuple[str, ...]
    series: ScenarioSeries
    buy_most: Floats  # contracts shown for sale; 0 where it must not be bought
    sell_most: Floats  # contracts shown as wanted; 0 where it must not be sold
    half_spread: Floats
    fee: Floats
    premium: Floats  # at mid: shown, but neither cost nor capital

    def __post_init__(self) -> None:
        """Refuse what cannot be shown in a market."""
        n = len(self.name)
        columns = (self.buy_most, self.sell_most, self.half_spread, self.fee, self.premium)
        if self.series.quantity.size != n or any(column.shape != (n,) for column in columns):
            msg = f"candidates must have one number for each of {n} names"
            raise InvalidValueError(msg)
        for wrong, why in (
            ((self.buy_most < 0.0) | (self.sell_most < 0.0), "a size below 0"),
            (np.isinf(self.buy_most) | np.isinf(self.sell_most), "a size without end"),
            (self.half_spread < 0.0, "a half spread below 0"),
            (self.half_spread + self.fee < 0.0, "a cost below 0"),
        ):
            if wrong.any():
                msg = f"{self.name[int(np.argmax(wrong))]} has {why}"
                raise InvalidValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefTrade:
    """One line of the answer; lines are in the order in which each frees most for its cost."""

    name: str
    row: int
    quantity: float  # whole contracts, negative sold
    freed: float  # with the lines before it done; below 0 where only a later line makes it worth while
    freed_without: float  # what the answer frees when this line alone is left out
    cost: float
    cost_per_freed: float  # for each unit of `freed`; inf where it frees nothing in its place
    premium: float  # paid, negative received
    worst: int  # scenario that decides its group then; MINIMUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """What to trade, what it frees and what it costs."""

    status: ReliefStatus
    asked: float
    freed: float  # by a full run of the book after the trades
    cost: float
    premium: float
    cost_at_least: float  # no whole contracts free what was asked for less; NaN where nothing was proven
    trades: tuple[ReliefTrade, ...]
    before: ScenarioRequirement
    after: ScenarioRequirement
    notes: tuple[str, ...]  # candidates and groups that were left out, and why

    @property
    def cost_per_freed(self) -> float:
        """Cost for each unit of capital; NaN where nothing is freed."""
        return self.cost / self.freed if self.freed > 0.0 else float("nan")


def free(book: ScenarioBook, candidates: Candidates, asked: float) -> Relief:
    """The cheapest whole contracts that free `asked`; where there are none, the cheapest that free the most.

    Parameters
    ----------
    book : ScenarioBook
        Groups that are unknown are left as they are, and said.
    candidates : Candidates
        Their classes are those of the book.
    asked : float
        Above 0.
    """
    return _relief(book, candidates, asked, search_free(_search(book, candidates), asked))


def most(book: ScenarioBook, candidates: Candidates) -> Relief:
    """The cheapest whole contracts that free as much as can be, to within 0.1 % of the requirement."""
    return _relief(book, candidates, np.inf, search_most(_search(book, candidates)))


def menu(book: ScenarioBook, candidates: Candidates, shares: Sequence[float] = SHARES) -> tuple[Relief, ...]:
    """What it costs to free each share of the most that can be freed."""
    full = most(book, candidates)
    if not full.freed > 0.0:
        return (full,)
    return tuple(full if share == 1.0 else free(book, candidates, share * full.freed) for share in shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A programme, and the full run that confirms what it says."""

    programme: Programme
    freed: Callable[[Floats], float]  # capital by a full run, from contracts of the programme's candidates
    notes: tuple[str, ...]  # what was left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a search ended; `answer` is None where nothing is traded."""

    status: ReliefStatus
    answer: Answer | None
    proven: bool  # the search went to its end
    notes: tuple[str, ...]


def search_free(search: Search, asked: float) -> Outcome:
    """The cheapest whole contracts that free `asked`, above 0; where there are none, the cheapest that free the most.

    Raises
    ------
    InvalidValueError
        `asked` is not above 0 or has no end.
    """
    if not 0.0 < asked < np.inf:
        msg = f"capital to free must be above 0, was {asked:g}"
        raise InvalidValueError(msg)
    answer = _freeing(search, asked)
    if answer is None:
        return _unfinished(search)
    if answer.contracts is None:
        return search_most(search, asked)
    notes = search.notes
    if not answer.proven:
        notes = (
            *notes,
            f"HiGHS stopped at its node limit: to free {asked:.2f} may cost less, but not less than {answer.cost_at_least:.2f}",
        )
    return Outcome(status=ReliefStatus.FREED, answer=answer, proven=answer.proven, notes=notes)


def search_most(search: Search, asked: float = np.inf) -> Outcome:
    """First the smallest requirement, then the cheapest way to within `NEAR` of it."""
    programme = search.programme
    least = solve(programme, None)
    if least is None or least.contracts is None:
        return _unfinished(search)
    freed = search.freed(least.contracts)
    if freed <= _EXACT * programme.now:
        return Outcome(status=ReliefStatus.NOTHING, answer=None, proven=least.proven, notes=search.notes)
    wanted = freed - NEAR * programme.now
    cheapest = _freeing(search, wanted, EDGE_GAP) if wanted > 0.0 else None
    answer, notes = least, search.notes
    if cheapest is not None and cheapest.contracts is not None:
        answer, freed = cheapest, search.freed(cheapest.contracts)
    if not least.proven:
        notes = (*notes, "HiGHS stopped at its node limit: more may be possible")
    status = ReliefStatus.FREED if freed >= asked * (1.0 - _EXACT) else ReliefStatus.MOST
    return Outcome(status=status, answer=answer, proven=least.proven, notes=notes)


def _freeing(search: Search, asked: float, cost_gap: float = COST_GAP) -> Answer | None:
    """The cheapest answer that a full run of the book confirms."""
    short, now = 0.0, search.programme.now
    for _ in range(_TRIES):
        answer = solve(search.programme, now - asked - short, cost_gap)
        if answer is None or answer.contracts is None:
            return answer
        missing = asked - search.freed(answer.contracts)
        if missing <= _EXACT * now:
            return answer
        short += 2.0 * missing
    return None


def _unfinished(search: Search) -> Outcome:
    notes = (*search.notes, _UNFINISHED)
    return Outcome(status=ReliefStatus.UNFINISHED, answer=None, proven=False, notes=notes)


def usable(candidates: Candidates, blind: Bools) -> tuple[Ints, Floats, tuple[str, ...]]:
    """The candidates whose numbers are all known and that may be traded.

    Parameters
    ----------
    candidates : Candidates
        Of n series.
    blind : bool[n]
        Those whose group has no requirement that is known.

    Returns
    -------
    int64[k]
        Their rows.
    float64[k, 2]
        Whole contracts bought and sold at most.
    tuple of str
        What was left out, and why.
    """
    series = candidates.series
    reasons = (
        (blind, "the requirement of its group is unknown"),
        (~np.isfinite(series.pnl).all(axis=1), "its profits are unknown"),
        (
            np.isnan(series.quantity + series.minimum_long + series.minimum_short),
            "its minimum charge is unknown",
        ),
        (~np.isfinite(candidates.half_spread + candidates.fee), "its cost is unknown"),
        (np.isnan(candidates.buy_most + candidates.sell_most), "its size is unknown"),
    )
    left = ~((candidates.buy_most < 1.0) & (candidates.sell_most < 1.0))
    notes: list[str] = []
    for wrong, why in reasons:
        notes += [f"{candidates.name[row]} left out: {why}" for row in np.flatnonzero(wrong & left).tolist()]
        left &= ~wrong
    rows = np.flatnonzero(left)
    limits = np.floor(np.column_stack((candidates.buy_most[rows], candidates.sell_most[rows])))
    return rows, limits, tuple(notes)


def _search(book: ScenarioBook, candidates: Candidates) -> Search:
    """The programme of what is known, and what was left out."""
    series, now = candidates.series, requirement(book)
    blind = now.worst == UNKNOWN
    rows, limits, notes = usable(candidates, blind[book.group_of_class[series.class_of]])
    cost = (candidates.half_spread + candidates.fee)[rows]
    groups = [f"group {g} left as it is: its requirement is unknown" for g in np.flatnonzero(blind).tolist()]
    return Search(
        programme=programme_of(book, now.by_group, series.take(rows), rows, limits, cost),
        freed=lambda contracts: _freed(now, requirement(_after(book, candidates, rows, contracts))),
        notes=(*groups, *notes),
    )


def _relief(book: ScenarioBook, candidates: Candidates, asked: float, outcome: Outcome) -> Relief:
    now, answer = requirement(book), outcome.answer
    n = len(candidates.name)
    quantity = np.zeros(n)
    if answer is not None and answer.contracts is not None:
        quantity[answer.rows] = answer.contracts
    traded = np.flatnonzero(quantity)
    after = requirement(with_trades(book, candidates.series, quantity))
    cost = np.where(quantity == 0.0, 0.0, np.abs(quantity) * (candidates.half_spread + candidates.fee))
    premium = np.where(quantity == 0.0, 0.0, quantity * candidates.premium)
    return Relief(
        status=outcome.status,
        asked=asked,
        freed=_freed(now, after),
        cost=float(cost.sum()),
        premium=float(premium.sum()),
        cost_at_least=float("nan") if answer is None else answer.cost_at_least,
        trades=_lines(book, candidates, quantity, traded, cost),
        before=now,
        after=after,
        notes=outcome.notes,
    )


def _lines(
    book: ScenarioBook, candidates: Candidates, quantity: Floats, traded: Ints, cost: Floats
) -> tuple[ReliefTrade, ...]:
    """The trades one after another, each time the one that frees most for its cost."""
    series, wanted, price = candidates.series.take(traded), quantity[traded], cost[traded]
    final = with_trades(book, series, wanted)
    full = _freed(requirement(book), requirement(final))
    kept = full - changes(final, replace(series, quantity=series.quantity + wanted), -wanted)
    left, lines, now = np.arange(traded.size), [], book
    while left.size:
        freed = -changes(now, series.take(left), wanted[left])
        # gains first by what a unit of cost frees, losses by how little they take
        rank = np.where(freed > 0.0, freed / np.maximum(price[left], 1e-300), freed)
        best = int(np.argmax(rank))
        at, gain = int(left[best]), float(freed[best])
        trade = np.zeros(traded.size)
        trade[at] = wanted[at]
        now = with_trades(now, series, trade)
        row = int(traded[at])
        lines.append(
            ReliefTrade(
                name=candidates.name[row],
                row=row,
                quantity=float(wanted[at]),
                freed=gain,
                freed_without=float(kept[at]),
                cost=float(price[at]),
                cost_per_freed=float(price[at] / gain) if gain > 0.0 else float("inf"),
                premium=float(wanted[at] * candidates.premium[row]),
                worst=int(requirement(now).worst[book.group_of_class[series.class_of[at]]]),
            )
        )
        left = np.delete(left, best)
    return tuple(lines)


def _after(book: ScenarioBook, candidates: Candidates, rows: Ints, contracts: Floats) -> ScenarioBook:
    quantity = np.zeros(len(candidates.name))
    quantity[rows] = contracts
    return with_trades(book, candidates.series, quantity)


def _freed(before: ScenarioRequirement, after: ScenarioRequirement) -> float:
    """Over the groups that are known; trades touch no others."""
    known = before.worst != UNKNOWN
    return float(before.by_group[known].sum() - after.by_group[known].sum())
