"""Where limits cannot all be met: plans that keep them loosened by as much as they must be, so that the worst of each limit is least.

The search adds up the breaches of all rows. Where the rows of a limit are one breach, the largest, that sum would mend many small ones and
make the largest worse. So the levels of each limit are moved out by the share that the relaxation leaves, and a plan is searched that keeps
those; then half-way from the share that no plan was found for to what the best plan leaves. The best by what a plan makes least is
taken, and moved by one leg or two at once while that helps.
"""

from dataclasses import replace

import numpy as np

from flatbook.hedging.offset_problem import OffsetProblem
from flatbook.hedging.offset_relaxation import Relaxation, relax
from flatbook.hedging.offset_whole import Work, whole_lots
from flatbook.model.table import Floats, Ints

_ROUNDS = 5
_PASSES, _PAIRED = 30, 32  # of moves at the end; the best single moves that are tried in pairs
_SIZES = (1, 2, 4, 8)  # lots of a move
_TINY = 1e-9  # of what a plan makes least: what is no improvement
_DIGITS = 1e-6  # of a share: what the relaxation's own end leaves


def loosened(problem: OffsetProblem, relaxed: Relaxation, found: Ints, work: Work) -> tuple[Ints, int]:
    """The best plan, int64[n], and the work done; `found` itself where it keeps every limit, or every row is a limit.

    Parameters
    ----------
    problem : OffsetProblem
    relaxed : Relaxation
        Of it.
    found : int64[n]
        The best plan that a search of the sum of breaches found.
    work : Work
        Of all rounds together.
    """
    rows, looks = problem.rows, 0
    if rows.limit is None or np.unique(rows.limit).size == rows.limit.size or not problem.breach(found):
        return found, looks
    values = rows.value + (relaxed.lots * problem.lot) @ rows.per_contract
    share = problem.shares_of(problem.breach_of(values))
    best, least, each = found, share, Work(looks=work.looks // _ROUNDS, looks_each=work.looks_each // 2)
    for turn in range(_ROUNDS):
        loose = _loose(problem, share * (1.0 + _DIGITS) + _DIGITS * (share > 0.0))
        near = whole_lots(loose.whole, relax(loose.whole, problem.legs_max), problem.legs_max, each)
        looks += near.looks
        contracts = np.asarray(near.lots * problem.lot)
        if problem.worth_usd(contracts) < problem.worth_usd(best):
            best = contracts
        if loose.breach(contracts):
            least = share
        elif not turn:
            break
        share = 0.5 * (least + problem.shares_of(problem.breaches(best)))
    return _descended(problem, best), looks


def _descended(problem: OffsetProblem, start: Ints) -> Ints:
    """From a plan by the best move of one leg or two at once, while one helps."""
    unit = np.diag(problem.lot)
    single = np.concatenate([sign * size * unit for size in _SIZES for sign in (1, -1)])
    best, least = start, float(_worths(problem, start[None, :])[0])
    for _ in range(_PASSES):
        near = best + single
        worth = _worths(problem, near)
        few = np.argsort(worth, kind="stable")[:_PAIRED]
        pairs = near[few][:, None, :] + single[few]
        near = np.concatenate((near, pairs.reshape(-1, best.size)))
        worth = np.concatenate((worth, _worths(problem, pairs.reshape(-1, best.size))))
        at = int(np.argmin(worth))
        if not worth[at] < least - _TINY * (1.0 + abs(least)):
            break
        best, least = near[at], float(worth[at])
    return best if problem.worth_usd(best) < problem.worth_usd(start) else start


def _worths(problem: OffsetProblem, plans: Ints) -> Floats:
    """What plans make least, int64[k, n] to float64[k]; infinite for those that are not allowed."""
    rows, left = problem.rows, problem.exposure + plans @ problem.per_contract
    value = rows.value + plans @ rows.per_contract
    share = np.maximum(np.maximum(value - rows.high, rows.low - value), 0.0) / rows.scale * rows.weight
    order = np.argsort(rows.limits, kind="stable")
    starts = np.flatnonzero(np.diff(rows.limits[order], prepend=rows.limits[order[0]] - 1))
    worth = (
        np.maximum(plans, 0) @ problem.buy_cost_usd
        + np.maximum(-plans, 0) @ problem.sell_cost_usd
        + plans.astype(np.float64) ** 2 @ problem.impact
        + 0.5 * problem.aversion_per_usd * ((left @ problem.covariance) * left).sum(axis=1)
        + problem.breach_usd * np.maximum.reduceat(share[:, order], starts, axis=1).sum(axis=1)
    )
    allowed = (plans <= problem.most_bought) & (-plans <= problem.most_sold)
    kept = allowed.all(axis=1) & (np.count_nonzero(plans, axis=1) <= problem.legs_max)
    return np.where(kept, worth, np.inf)


def _loose(problem: OffsetProblem, share: Floats) -> OffsetProblem:
    """With every level moved out by these weighted shares of its row's scale."""
    rows = problem.rows
    by = share * rows.scale / rows.weight
    return replace(problem, rows=replace(rows, low=rows.low - by, high=rows.high + by))
