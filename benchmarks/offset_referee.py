"""The best whole lots that SCIP finds for an option offset within some seconds, and the bound that it proves.

SCIP is no dependency: `pip install pyscipopt` where the referee is wanted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flatbook.hedging.offset_problem import OffsetProblem


@dataclass(frozen=True, slots=True)
class Verdict:
    """What SCIP found."""

    contracts: NDArray[np.int64]
    worth_usd: float  # told by the problem itself
    bound_usd: float
    seconds: float
    status: str


def referee(problem: OffsetProblem, seconds: float) -> Verdict:
    """The same programme with binaries for legs, the risk as squares of independent factors."""
    from pyscipopt import Model, quicksum

    whole, n = problem.whole, len(problem.series)
    unit = 1e3
    value, vector = np.linalg.eigh(whole.quadratic)
    kept = value > 1e-12 * value[-1]
    root = np.sqrt(value[kept] / unit)[:, None] * vector[:, kept].T  # x'Qx = |root x|^2
    model = Model()
    model.hideOutput()
    model.setParam("limits/time", seconds)
    model.setParam("limits/gap", 1e-4)
    low, high = whole.bounds
    bought = [model.addVar(vtype="I", lb=0, ub=int(high[j])) for j in range(n)]
    sold = [model.addVar(vtype="I", lb=0, ub=int(-low[j])) for j in range(n)]
    net = [bought[j] - sold[j] for j in range(n)]
    if problem.legs_max < n:
        used = [model.addVar(vtype="B") for _ in range(n)]
        for j in range(n):
            model.addCons(bought[j] <= int(high[j]) * used[j])
            model.addCons(sold[j] <= int(-low[j]) * used[j])
        model.addCons(quicksum(used) <= problem.legs_max)
    scale = np.abs(whole.rows).max(axis=0)
    breach = [model.addVar(lb=0.0) for _ in range(whole.level.size)]
    for r in range(whole.level.size):
        slopes = whole.rows[:, r] / scale[r]
        model.addCons(
            quicksum(float(slopes[j]) * net[j] for j in range(n) if slopes[j]) - breach[r]
            <= float(-whole.level[r] / scale[r])
        )
    risk = model.addVar(lb=0.0)
    parts = [model.addVar(lb=None) for _ in range(root.shape[0])]
    for k, line in enumerate(root):
        model.addCons(parts[k] == quicksum(float(line[j]) * net[j] for j in range(n)))
    model.addCons(quicksum(part * part for part in parts) <= 2.0 * risk)
    model.setObjective(
        risk
        + quicksum(float(whole.slope[j] / unit) * net[j] for j in range(n))
        + quicksum(
            float(whole.sides[0, j] / unit) * bought[j] + float(whole.sides[1, j] / unit) * sold[j]
            for j in range(n)
        )
        + quicksum(float(whole.price[r] * scale[r] / unit) * breach[r] for r in range(whole.level.size))
    )
    model.optimize()
    lots = np.zeros(n, dtype=np.int64)
    if model.getNSols():
        lots = np.array([round(model.getVal(bought[j]) - model.getVal(sold[j])) for j in range(n)])
    contracts = np.asarray(lots * problem.lot)
    return Verdict(
        contracts=contracts,
        worth_usd=problem.worth_usd(contracts),
        bound_usd=model.getDualbound() * unit + whole.before_usd,
        seconds=model.getSolvingTime(),
        status=model.getStatus(),
    )
