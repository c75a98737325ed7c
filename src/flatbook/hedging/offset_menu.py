"""The menu of an offset: every candidate by itself, at its best whole quantity, from the most that a USD of cost removes to the least."""

from dataclasses import dataclass

import numpy as np

from flatbook.hedging.offset_problem import OffsetProblem
from flatbook.kernels.offset_search import best_alone


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetMenuLine:
    """One candidate alone."""

    name: str
    contracts: int  # plus bought; 0 where none is worth its cost
    cost_usd: float
    risk_removed_usd: float  # of aversion / 2 times variance; below 0 where it adds
    breach_removed: float  # of the weighted shares by which rows are outside their levels
    removed_per_usd: (
        float  # risk and the price of breaches, per USD of cost; infinite where it costs nothing; 0 for none
    )
    rows_mended: int  # rows outside their levels before and not after


def offset_menu(problem: OffsetProblem) -> tuple[OffsetMenuLine, ...]:
    """All candidates, the best first; those that are not worth their cost last, in their own order."""
    whole = problem.whole
    terms = np.array([whole.level, whole.price, whole.price])
    lots = best_alone(whole.quadratic, whole.slope, whole.sides, whole.bounds, whole.rows, terms)
    none = np.zeros_like(problem.lot)
    risk, outside = problem.risk_usd(none), problem.breaches(none)
    lines = []
    for j, series in enumerate(problem.series):
        trade = none.copy()
        trade[j] = lots[j] * problem.lot[j]
        if not problem.worth_usd(trade) < problem.worth_usd(none):
            trade[j] = 0
        cost, left = problem.cost_usd(trade), problem.breaches(trade)
        removed = risk - problem.risk_usd(trade)
        mended = problem.breach(none) - problem.breach(trade)
        value = removed + problem.breach_usd * mended
        lines.append(
            OffsetMenuLine(
                name=series.name,
                contracts=int(trade[j]),
                cost_usd=cost,
                risk_removed_usd=removed,
                breach_removed=mended,
                removed_per_usd=0.0 if not trade[j] else value / cost if cost > 0.0 else float("inf"),
                rows_mended=int(((outside > 0.0) & (left == 0.0)).sum()),
            )
        )
    return tuple(sorted(lines, key=lambda line: -line.removed_per_usd))
