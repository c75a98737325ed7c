"""The plan of an option offset: whole contracts over options, underlying and proxies together, what they cost, remove and leave.

The bound is the relaxation's (fractions of lots; of the most legs only that their used shares of what may be traded add up to no more): no
plan at all is worth less, so `gap_usd` is the most that a better one could save. Where levels stay broken, a second relaxation in which
nothing counts but breaches tells whether any plan could keep them all.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.hedging.offset_loosened import loosened
from flatbook.hedging.offset_problem import OffsetProblem, WholeLots
from flatbook.hedging.offset_relaxation import Relaxation, relax
from flatbook.hedging.offset_whole import DEFAULT_WORK, Work, whole_lots
from flatbook.hedging.packages import Package, packages_of
from flatbook.kernels.offset_search import best_alone, search_lots
from flatbook.model.table import Bools, Floats, Ints

_ALTERNATIVE_LOOKS = 10_000
_SIZES = 3
_PROVEN = 1e-5  # of a scale: a breach that PIQP's tolerance could not have made


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPlanLeg:
    """One candidate of the plan."""

    name: str
    contracts: int  # plus bought
    cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One row that is outside its levels, before the plan or after."""

    name: str
    value_before: float
    value_after: float
    low: float
    high: float
    before: float  # by how much, in the row's unit; 0 within
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetAlternative:
    """Another plan that was considered."""

    name: str
    legs: tuple[tuple[str, int], ...]
    cost_usd: float
    risk_usd: float  # aversion / 2 times the variance left
    rows_broken: int
    breach: float  # weighted shares
    worse_by_usd: float  # than the plan, in what a plan makes least
    reason: str  # why it lost


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OffsetPlan:
    """What to trade, and what that leaves."""

    contracts: Ints  # int64[n], plus bought
    legs: tuple[OffsetPlanLeg, ...]  # the dearest first
    packages: tuple[Package, ...]
    cost_usd: float
    risk_before_usd: float
    risk_after_usd: float
    deviation_before_usd: float  # over the holding time
    deviation_after_usd: float
    breaches: tuple[Breach, ...]  # before or after, the largest share after first
    breach_before: float  # weighted shares of the scales, the largest of each limit
    breach_after: float
    worth_usd: float  # cost, risk and the price of breaches: what the plan makes least
    bound_usd: float  # no plan is worth less
    met: bool  # every row is within its levels
    proven_infeasible: bool  # no plan, even in fractions, keeps all rows within theirs
    status: str
    alternatives: tuple[OffsetAlternative, ...]  # the best first
    looks: int  # work done

    @property
    def gap_usd(self) -> float:
        """The most that a better plan could save."""
        return max(self.worth_usd - self.bound_usd, 0.0)

    @property
    def bound_gap(self) -> float:
        """That as a share of the plan's worth."""
        return self.gap_usd / self.worth_usd if self.worth_usd > 0.0 else 0.0


def plan_offset(problem: OffsetProblem, work: Work = DEFAULT_WORK) -> OffsetPlan:
    """The best plan that the work finds; the same question has the same answer.

    Parameters
    ----------
    problem : OffsetProblem
    work : Work
        How much is tried.
    """
    whole = problem.whole
    relaxed = relax(whole, legs_max=problem.legs_max)
    found = whole_lots(whole, relaxed, problem.legs_max, work)
    none = np.zeros_like(problem.lot)
    contracts = np.asarray(found.lots * problem.lot)
    if problem.worth_usd(none) <= problem.worth_usd(contracts):
        contracts = none
    contracts, more = loosened(problem, relaxed, contracts, work)
    considered = _considered(problem, relaxed, contracts)
    contracts = min((contracts, *considered.values()), key=problem.worth_usd)
    after = problem.breaches(contracts)
    infeasible = bool(after.any()) and _least_breach(problem, whole) > _PROVEN
    bound = relaxed.bound_usd + whole.before_usd
    series = problem.series
    legs = [
        OffsetPlanLeg(
            name=series[j].name, contracts=int(contracts[j]), cost_usd=_cost_of(problem, contracts, j)
        )
        for j in np.flatnonzero(contracts).tolist()
    ]
    return OffsetPlan(
        contracts=contracts,
        legs=tuple(sorted(legs, key=lambda leg: -leg.cost_usd)),
        packages=packages_of(
            tuple((series[j], int(contracts[j])) for j in np.flatnonzero(contracts).tolist())
        ),
        cost_usd=problem.cost_usd(contracts),
        risk_before_usd=problem.risk_usd(none),
        risk_after_usd=problem.risk_usd(contracts),
        deviation_before_usd=float(np.sqrt(problem.variance(none))),
        deviation_after_usd=float(np.sqrt(problem.variance(contracts))),
        breaches=_breaches(problem, contracts),
        breach_before=problem.breach(none),
        breach_after=problem.breach(contracts),
        worth_usd=problem.worth_usd(contracts),
        bound_usd=bound,
        met=not after.any(),
        proven_infeasible=infeasible,
        status=_status(problem, contracts, after, infeasible),
        alternatives=_alternatives(problem, considered, contracts),
        looks=found.looks + more,
    )


def _cost_of(problem: OffsetProblem, contracts: Ints, j: int) -> float:
    only = np.zeros_like(contracts)
    only[j] = contracts[j]
    return problem.cost_usd(only)


def _least_breach(problem: OffsetProblem, whole: WholeLots) -> float:
    """The least of weighted shares that any plan leaves, in fractions: nothing else counts."""
    nothing = replace(
        whole,
        quadratic=np.zeros_like(whole.quadratic),
        slope=np.zeros_like(whole.slope),
        sides=np.zeros_like(whole.sides),
        price=whole.price / problem.breach_usd,
    )
    found = relax(nothing, legs_max=problem.legs_max)
    return found.bound_usd if found.solved else 0.0


def _breaches(problem: OffsetProblem, contracts: Ints) -> tuple[Breach, ...]:
    rows, none = problem.rows, np.zeros_like(contracts)
    before, after = problem.breaches(none), problem.breaches(contracts)
    was, now = problem.row_values(none), problem.row_values(contracts)
    share = after / rows.scale * rows.weight
    order = np.flatnonzero((before > 0.0) | (after > 0.0))
    order = order[np.lexsort((order, -before[order] / rows.scale[order], -share[order]))]
    return tuple(
        Breach(
            name=rows.names[r],
            value_before=float(was[r]),
            value_after=float(now[r]),
            low=float(rows.low[r]),
            high=float(rows.high[r]),
            before=float(before[r]),
            after=float(after[r]),
        )
        for r in order.tolist()
    )


def _status(problem: OffsetProblem, contracts: Ints, after: Floats, infeasible: bool) -> str:
    rows, before = problem.rows, problem.breaches(np.zeros_like(contracts))
    broken = np.flatnonzero(after)
    if not broken.size:
        if not contracts.any():
            return "nothing to do: every limit is met, and no trade removes risk worth its cost"
        if before.any():
            count = int(np.count_nonzero(before))
            return f"every limit is met: {count} {'was' if count == 1 else 'were'} not before"
        return "every limit is met, as before; the risk removed is worth more than it costs"
    worst = int(np.argmax(after / rows.scale * rows.weight))
    told = (
        f"{broken.size} of {len(rows.names)} rows stay outside their levels, the worst {rows.names[worst]} by "
        f"{after[worst]:,.6g} ({after[worst] / rows.scale[worst]:.2%} of its scale)"
    )
    why = (
        "no plan within the sizes and legs allowed keeps them all: this is the least breach found"
        if infeasible
        else "in fractions of lots it could be done; no whole lots were found that do it"
    )
    return f"{told}; {why}"


def _considered(problem: OffsetProblem, relaxed: Relaxation, plan: Ints) -> dict[str, Ints]:
    """Doing nothing, the underlying and proxies alone, options alone, and the best single leg."""
    linear = np.array([one.right is None for one in problem.series], dtype=np.bool_)
    none = np.zeros_like(plan)
    considered = {"nothing": none, "best single leg": _single(problem)}
    if linear.any() and not linear.all():
        considered["underlying and proxies alone"] = _among(problem, relaxed, plan, linear)
        considered["options alone"] = _among(problem, relaxed, plan, ~linear)
    return considered


def _alternatives(
    problem: OffsetProblem, considered: dict[str, Ints], plan: Ints
) -> tuple[OffsetAlternative, ...]:
    """What was considered and is not the plan, the best first."""
    out = [
        _alternative(problem, name, contracts, plan)
        for name, contracts in considered.items()
        if (contracts != plan).any()
    ]
    return tuple(sorted(out, key=lambda one: one.worse_by_usd))


def _single(problem: OffsetProblem) -> Ints:
    whole, best = problem.whole, np.zeros_like(problem.lot)
    if not problem.legs_max:
        return best
    terms = np.array([whole.level, whole.price, whole.price])
    lots = best_alone(whole.quadratic, whole.slope, whole.sides, whole.bounds, whole.rows, terms)
    least = problem.worth_usd(best)
    for j in np.flatnonzero(lots).tolist():
        only = np.zeros_like(problem.lot)
        only[j] = lots[j] * problem.lot[j]
        worth = problem.worth_usd(only)
        if worth < least:
            best, least = only, worth
    return best


def _among(problem: OffsetProblem, relaxed: Relaxation, plan: Ints, allowed: Bools) -> Ints:
    """The best of some candidates that the search finds, from the plan's part in them."""
    whole = problem.whole
    start = np.where(allowed, plan // problem.lot, 0)
    terms = np.array([whole.level, whole.price, relaxed.shadow])
    limits = np.array([problem.legs_max, _ALTERNATIVE_LOOKS, _SIZES])
    lots, _, _ = search_lots(
        start, whole.quadratic, whole.slope, whole.sides, whole.bounds * allowed, whole.rows, terms, limits
    )
    return np.asarray(lots * problem.lot)


def _alternative(problem: OffsetProblem, name: str, contracts: Ints, plan: Ints) -> OffsetAlternative:
    outside, planned = problem.breaches(contracts), problem.breaches(plan)
    weight = problem.rows.weight / problem.rows.scale
    cost, risk = problem.cost_usd(contracts), problem.risk_usd(contracts)
    breach = problem.breach(contracts)
    more = breach - problem.breach(plan)
    if more > 0.0:
        worst = int(np.argmax(outside * weight))
        reason = (
            f"leaves {np.count_nonzero(outside)} rows outside their levels against {np.count_nonzero(planned)}, "
            f"the worst {problem.rows.names[worst]} by {outside[worst]:,.6g}"
        )
    else:
        reason = (
            f"costs {cost - problem.cost_usd(plan):+,.0f} USD and leaves {risk - problem.risk_usd(plan):+,.0f} USD "
            "of risk beside the plan"
        )
    return OffsetAlternative(
        name=name,
        legs=tuple((problem.series[j].name, int(contracts[j])) for j in np.flatnonzero(contracts).tolist()),
        cost_usd=cost,
        risk_usd=risk,
        rows_broken=int(np.count_nonzero(outside)),
        breach=breach,
        worse_by_usd=problem.worth_usd(contracts) - problem.worth_usd(plan),
        reason=reason,
    )
