"""The menu of the Hedges page: every candidate trade as a point, cost against risk removed, with the plan that is best now.

All points are told by one programme, that of option offsets, on the book of the snapshot: options, underlying and proxies beside each other, each at the
quantity that is worth most by itself; where none is worth its cost, at the one that removes most risk. Risk is aversion / 2 times the variance of the whole
book over the holding time, so a point above the diagonal is worth its cost.
"""

import math
import time

import numpy as np

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import number
from flatbook.dashboard.views.head import Row
from flatbook.engine.cycle import Cycle
from flatbook.engine.offsets import Offset, offset_of
from flatbook.hedging.offset_problem import OffsetProblem
from flatbook.hedging.propose import trades
from flatbook.live.snapshot import Snapshot
from flatbook.model.table import Ints

DESK = "desk"


class Leg(Row):
    """Contracts of one instrument; plus buys."""

    symbol: str
    contracts: int


class Point(Row):
    """One way to trade."""

    name: str
    kind: str  # plan, hedge (of the cycle), alternative, instrument, option, nothing
    legs: tuple[Leg, ...]
    cost_usd: float | None
    risk_removed_usd: float | None  # minus: it adds
    deviation_left_usd: float | None  # of the whole book over the holding time
    rows_broken: int  # limits, slide cells and margin points outside their levels afterwards
    breach_removed: float | None  # weighted shares of limits
    worse_by_usd: float | None  # than the plan, in cost, risk and the price of breaches
    worth: bool  # more than doing nothing
    edge: bool  # nothing removes more for less
    chosen: bool
    why: str


class Menu(Row):
    """Candidates, and the best of them together."""

    scope: str
    scopes: tuple[str, ...]
    points: tuple[
        Point, ...
    ]  # the plan, the hedges of the cycle, what lost, then each by itself: the most removed per USD first
    status: str  # of the plan
    over_days: float
    deviation_before_usd: float | None
    risk_before_usd: float | None
    gap_usd: float | None  # the most that a better plan could save
    notes: tuple[str, ...]  # what the programme could not hold
    cycle: int
    at_ns: str
    took_ms: float
    reason: str  # why there is none


def menu(snapshot: Snapshot, scope: str = DESK) -> Menu:
    """The menu of an underlying, or of all that are held.

    Raises
    ------
    UnknownTopicError
        There is no such underlying.
    """
    began, cycle = time.perf_counter(), snapshot.cycle
    table = cycle.table
    if scope not in (DESK, *table.underlyings):
        msg = f"no underlying {scope!r}; there are {DESK}, {', '.join(table.underlyings)}"
        raise UnknownTopicError(msg)
    held = np.bincount(table.underlying_of[cycle.held.quantity != 0], minlength=len(table.underlyings)) > 0
    names = tuple(
        n for n, there in zip(table.underlyings, held.tolist(), strict=True) if there and scope in (DESK, n)
    )
    found = (
        offset_of(cycle.held, cycle.standing, cycle.basis, names, cycle.price.value.curvature)
        if names
        else None
    )
    if found is not None and not found.problem.series:
        found = None
    plan = None if found is None else found.plan
    return Menu(
        scope=scope,
        scopes=(DESK, *table.underlyings),
        points=() if found is None else _points(found, cycle),
        status="" if plan is None else plan.status,
        over_days=cycle.desk.appetite.holding_days,
        deviation_before_usd=None if plan is None else number(plan.deviation_before_usd),
        risk_before_usd=None if plan is None else number(plan.risk_before_usd),
        gap_usd=None if plan is None else number(plan.gap_usd),
        notes=() if found is None else found.question.notes,
        cycle=cycle.sequence,
        at_ns=str(snapshot.at_ns),
        took_ms=1e3 * (time.perf_counter() - began),
        reason=""
        if found
        else f"{scope} holds nothing to offset"
        if not names
        else f"no candidate of {scope} has a price and a quote that can be used",
    )


def _points(offset: Offset, cycle: Cycle) -> tuple[Point, ...]:
    problem, plan = offset.problem, offset.plan
    leaves = cycle.offset_trades is not None
    out = [
        _point(
            problem, plan.contracts, plan.worth_usd, name="plan", kind="plan", chosen=True, why=plan.status
        )
    ]
    hedges = trades(cycle.hedges, len(cycle.table.instruments))[offset.question.rows]
    if hedges.any() and not leaves:
        out.append(
            _point(
                problem,
                hedges,
                plan.worth_usd,
                name="hedge of this cycle",
                kind="hedge",
                chosen=True,
                why="waits for a person" if any(one.held_back for one in cycle.waiting) else "leaves now",
            )
        )
    at = {one.name: j for j, one in enumerate(problem.series)}
    for lost in plan.alternatives:
        contracts = np.zeros_like(plan.contracts)
        for symbol, quantity in lost.legs:
            contracts[at[symbol]] = quantity
        kind = "alternative" if lost.legs else "nothing"
        out.append(_point(problem, contracts, plan.worth_usd, name=lost.name, kind=kind, why=lost.reason))
    for line in offset.menu:
        j, contracts = at[line.name], np.zeros_like(plan.contracts)
        contracts[j] = line.contracts or _most_removed(problem, j)
        if contracts[j]:
            why = "" if line.contracts else "what it removes is worth less than it costs"
            kind = "instrument" if problem.series[j].right is None else "option"
            out.append(_point(problem, contracts, plan.worth_usd, name=line.name, kind=kind, why=why))
    return _with_edge(_once(out))


def _once(points: list[Point]) -> list[Point]:
    """Each set of trades once, under all names of alternatives that it has."""
    found: dict[tuple[Leg, ...], Point] = {}
    for each in points:
        first = found.get(each.legs)
        if first is None:
            found[each.legs] = each
        elif first.kind == each.kind == "alternative":
            found[each.legs] = first.model_copy(update={"name": f"{first.name}; {each.name}"})
    return list(found.values())


def _most_removed(problem: OffsetProblem, j: int) -> int:
    """Contracts of one candidate that leave the least variance by themselves, in whole lots."""
    one = problem.per_contract[j] @ problem.covariance
    own, shared = float(one @ problem.per_contract[j]), float(one @ problem.exposure)
    if not own > 0.0:
        return 0
    lot = int(problem.lot[j])
    wanted = round(-shared / own / lot) * lot
    return max(min(wanted, int(problem.most_bought[j])), -int(problem.most_sold[j]))


def _point(
    problem: OffsetProblem,
    contracts: Ints,
    least: float,
    *,
    name: str,
    kind: str,
    why: str,
    chosen: bool = False,
) -> Point:
    none = np.zeros_like(contracts)
    worth, nothing = problem.worth_usd(contracts), problem.worth_usd(none)
    legs = tuple(
        Leg(symbol=problem.series[j].name, contracts=int(contracts[j]))
        for j in np.flatnonzero(contracts).tolist()
    )
    return Point(
        name=name,
        kind=kind,
        legs=legs,
        cost_usd=number(problem.cost_usd(contracts)),
        risk_removed_usd=number(problem.risk_usd(none) - problem.risk_usd(contracts)),
        deviation_left_usd=number(math.sqrt(problem.variance(contracts))),
        rows_broken=int(np.count_nonzero(problem.breaches(contracts))),
        breach_removed=number(problem.breach(none) - problem.breach(contracts)),
        worse_by_usd=number(worth - least),
        worth=worth < nothing,
        edge=False,
        chosen=chosen,
        why=why,
    )


def _with_edge(points: list[Point]) -> tuple[Point, ...]:
    """Mark those that nothing beats in both: in order of cost each removes more than all before it."""
    told = [
        (each.cost_usd, each.risk_removed_usd, n)
        for n, each in enumerate(points)
        if each.cost_usd is not None and each.risk_removed_usd is not None
    ]
    best, edge = 0.0, set()
    for _, removed, n in sorted(told, key=lambda each: (each[0], -each[1])):
        if removed > best:
            best = removed
            edge.add(n)
    return tuple(
        each.model_copy(update={"edge": True}) if n in edge else each for n, each in enumerate(points)
    )
