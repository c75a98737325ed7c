"""Optimal pairing as an integer programme: which lots of which strategies, and which options in which pool of spreads.

Columns: the number of lots of each strategy (`reg_t_strategies.lots_of`), the contracts of each option in each pool
(`reg_t_spreads.pools_of`), and the greatest loss of each pool. Rows: every contract and share is in one place; each pool is
balanced; a pool loses no more than its greatest loss at any exercise price. The sum of requirements less the proceeds that
may be applied is least. `reg_t_search` finds most of them; the rest are solved as they are by HiGHS (Q. Huangfu and J. A. J. Hall, "Parallelizing the dual revised simplex method",
Math. Prog. Comp. 10 (2018)), on one thread with a fixed seed: its relaxation first, whose best corner is mostly whole.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from flatbook.margin.legs import LegKind
from flatbook.margin.reg_t_parameters import RegTParameters
from flatbook.margin.reg_t_positions import Position
from flatbook.margin.reg_t_search import GAP, Search
from flatbook.margin.reg_t_spreads import Pool, pools_of
from flatbook.margin.reg_t_strategies import Lot, lots_of
from flatbook.model.table import Bools, Floats, Ints

_WHOLE = 1e-6  # how near to a whole number of lots counts as one
_FORBIDDEN_SPOTS = 1000.0  # a column that the account may not hold costs this many times what it is about


class Phase(IntEnum):
    """Which requirement is made least; pairings for the two may differ."""

    INITIAL = 0
    MAINTENANCE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """The programme of one set of positions; columns are lots, then pools' contracts, then pools' losses."""

    positions: list[Position]
    lots: list[Lot]
    pools: list[Pool]
    start: list[int]  # where the contracts of each pool start
    gross: Floats  # [2 phases, columns] before proceeds
    credit: Floats  # [columns]
    whole: Bools  # [columns] in lots
    row_lower: Floats
    row_upper: Floats
    column_start: Ints
    row_of: Ints
    entry: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """The best of a programme in one phase."""

    programme: Programme
    phase: Phase
    amount: Floats  # [columns]
    requirement: float  # before proceeds
    credit: float
    bound: float  # no pairing has requirement less credit below this

    @property
    def unproven(self) -> float:
        """By how much at most another pairing could be better; 0 where none can."""
        gap = self.requirement - self.credit - self.bound
        return gap if gap > 2.0 * GAP else 0.0


def programme_of(positions: list[Position], rules: RegTParameters) -> Programme:
    """Lay out the programme; positions that cancel to nothing take no part."""
    lots = list(lots_of(positions, rules))
    pools = pools_of(positions, rules)
    columns: list[tuple[list[int], list[float]]] = [
        ([index for index, _ in lot.legs], [amount for _, amount in lot.legs]) for lot in lots
    ]
    gross = [(lot.initial, lot.maintenance + lot.carried_below) for lot in lots]
    credit = [lot.credit for lot in lots]
    whole = [len(lot.legs) > 1 for lot in lots]  # the rest is then whole by itself
    start, limits = [], [np.array([abs(one.quantity) for one in positions])]
    row = len(positions)
    for pool in pools:
        start.append(len(columns))
        strikes = pool.loss.shape[0]
        for place, index in enumerate(pool.members):
            one = positions[index]
            entries = [1.0, *pool.balance[:, place], *pool.loss[:, place]]
            at = [index, *range(row, row + 2 + strikes)]
            columns.append(([a for a, e in zip(at, entries, strict=True) if e], [e for e in entries if e]))
            paid = one.value if one.quantity > 0.0 else 0.0
            gross.append((paid, paid))
            credit.append(0.0 if one.quantity > 0.0 else one.value)
            whole.append(True)
        row += 2 + strikes
        limits += [np.zeros(2), np.full(strikes, -np.inf)]
    lower = np.concatenate(limits)
    first = len(positions)
    for pool in pools:
        strikes = pool.loss.shape[0]
        columns.append((list(range(first + 2, first + 2 + strikes)), [-1.0] * strikes))
        gross.append((1.0, 1.0))
        credit.append(0.0)
        whole.append(False)
        first += 2 + strikes
    return Programme(
        positions=positions,
        lots=lots,
        pools=pools,
        start=start,
        gross=np.array(gross).reshape(-1, 2).T,
        credit=np.array(credit),
        whole=np.array(whole, dtype=np.bool_),
        row_lower=lower,
        row_upper=np.where(np.isinf(lower), 0.0, lower),
        column_start=np.cumsum([0, *(len(rows) for rows, _ in columns)]).astype(np.int32),
        row_of=np.array([each for rows, _ in columns for each in rows], dtype=np.int32),
        entry=np.array([each for _, entries in columns for each in entries]),
    )


class Solver:
    """One programme in one phase, kept warm: what other quantities need is found from the last corner."""

    def __init__(self, programme: Programme, phase: Phase) -> None:
        self._programme = programme
        self._phase = phase
        self._cost = _cost(programme, phase)
        requirement = programme.gross[phase][: len(programme.lots)]
        self._search = Search(programme.positions, programme.lots, programme.pools, self._cost, requirement)
        self._highs: Any = None

    def best(self) -> Pairing:
        """The pairing of the positions as they are."""
        return self._solved({})

    def best_with(self, index: int, quantity: float) -> Pairing:
        """The pairing if position `index` had `quantity`, on the same side as it has."""
        return self._solved({index: abs(quantity)})

    def _solved(self, changed: dict[int, float]) -> Pairing:
        found, bound = self._search.best(changed)
        amount = np.concatenate((found, np.zeros(len(self._programme.pools))))
        quick = _pairing(self._programme, self._phase, amount, changed, bound)
        return self._thorough(changed, quick) if quick.unproven else quick

    def _thorough(self, changed: dict[int, float], quick: Pairing) -> Pairing:
        """The programme as it is, where the quick search has not proven its pairing: the better of the two."""
        if self._highs is None:
            self._highs = _loaded(self._programme, self._cost)
        for index, held in changed.items():
            self._highs.changeRowBounds(index, held, held)
        amount, bound = _run(self._highs)
        whole = self._programme.whole
        if np.abs(amount[whole] - np.rint(amount[whole])).max(initial=0.0) > _WHOLE:
            amount, bound = self._in_whole_lots(amount, bound)
        for index in changed:
            held = abs(self._programme.positions[index].quantity)
            self._highs.changeRowBounds(index, held, held)
        bound = max(bound, quick.bound)
        slow = _pairing(self._programme, self._phase, amount, changed, bound)
        quicker = quick.requirement - quick.credit < slow.requirement - slow.credit
        return replace(quick, bound=bound) if quicker else slow

    def _in_whole_lots(self, relaxed: Floats, bound: float) -> tuple[Floats, float]:
        """The programme in whole lots, first near its relaxed corner: what costs no more than that is best."""
        basis = self._highs.getBasis()
        free = np.full(relaxed.size, np.inf)
        near = np.where(relaxed > _WHOLE, np.ceil(relaxed - _WHOLE) + 1.0, 0.0)
        far = np.where(self._programme.whole, np.maximum(np.floor(relaxed + _WHOLE) - 1.0, 0.0), 0.0)
        corner = np.where(self._programme.whole, near, free)
        self._bounded(far, corner, whole=True)
        self._highs.run()
        found = _solved(self._highs)
        amount = self._alone() if found is None else found[0]
        if found is None or float(self._cost @ amount) > bound + GAP:
            self._bounded(np.zeros(relaxed.size), free, whole=True)
            self._highs.setSolution(_solution(amount))
            amount, bound = _run(self._highs)
        self._bounded(np.zeros(relaxed.size), free, whole=False)
        self._highs.setBasis(basis)
        return amount, bound

    def _alone(self) -> Floats:
        """Every position on its own: a pairing that always exists."""
        amount = np.zeros(self._cost.size)
        for column, lot in enumerate(self._programme.lots):
            if len(lot.legs) == 1:
                amount[column] = self._highs.getLp().row_upper_[lot.legs[0][0]]
        return amount

    def _bounded(self, lower: Floats, upper: Floats, *, whole: bool) -> None:
        from highspy import HighsVarType  # noqa: PLC0415 - only this method pays for the solver

        every = np.arange(lower.size, dtype=np.int32)
        self._highs.changeColsBounds(every.size, every, lower, upper)
        columns = np.flatnonzero(self._programme.whole).astype(np.int32)
        kind = HighsVarType.kInteger if whole else HighsVarType.kContinuous
        self._highs.changeColsIntegrality(
            columns.size, columns, np.full(columns.size, int(kind), dtype=np.uint8)
        )


def _solution(amount: Floats) -> Any:
    from highspy import HighsSolution  # noqa: PLC0415 - only this method pays for the solver

    out = HighsSolution()
    out.col_value = amount.tolist()
    return out


def _cost(programme: Programme, phase: Phase) -> Floats:
    """What each column costs after proceeds; what the account may not hold costs more than all else together."""
    cost = programme.gross[phase] - programme.credit
    dear = _FORBIDDEN_SPOTS * sum(_size(one) for one in programme.positions)
    return np.where(np.isnan(cost), dear, cost)


def _loaded(programme: Programme, cost: Floats) -> Any:
    from highspy import Highs, HighsLp, MatrixFormat  # noqa: PLC0415 - only this method pays for the solver

    problem = HighsLp()
    problem.num_col_, problem.num_row_ = cost.size, programme.row_lower.size
    problem.col_cost_ = cost
    problem.col_lower_, problem.col_upper_ = np.zeros(cost.size), np.full(cost.size, np.inf)
    problem.row_lower_, problem.row_upper_ = programme.row_lower, programme.row_upper
    problem.a_matrix_.format_ = MatrixFormat.kColwise
    problem.a_matrix_.start_ = programme.column_start
    problem.a_matrix_.index_ = programme.row_of
    problem.a_matrix_.value_ = programme.entry
    highs: Any = Highs()  # type: ignore[no-untyped-call]
    for name, value in _OPTIONS.items():
        highs.setOptionValue(name, value)
    highs.passModel(problem)
    return highs


_OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "parallel": "off",  # and no count of threads: HiGHS refuses one that differs from what the process set first
    "random_seed": 0,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": GAP,
    "mip_max_nodes": 100,  # books that need more are told with the bound that was reached
}


def _size(one: Position) -> float:
    exercise = one.exercise if one.kind != LegKind.STOCK else 0.0
    return abs(one.quantity) * (one.spot_value + exercise) + one.spot_value


def _run(highs: Any) -> tuple[Floats, float]:
    """The best columns, and what no others can be below."""
    highs.run()
    found = _solved(highs)
    assert found is not None, "a pairing always exists, if only of single positions"
    return found


def _solved(highs: Any) -> tuple[Floats, float] | None:
    from highspy import SolutionStatus  # noqa: PLC0415 - only this method pays for the solver

    info = highs.getInfo()
    if not highs.getNumCol():
        return np.zeros(0), 0.0
    if info.primal_solution_status != int(SolutionStatus.kSolutionStatusFeasible):
        return None
    relaxed = info.mip_node_count < 0
    bound = info.objective_function_value if relaxed else info.mip_dual_bound
    return np.array(highs.getSolution().col_value), float(bound)


def _pairing(
    programme: Programme, phase: Phase, amount: Floats, changed: dict[int, float], bound: float
) -> Pairing:
    """Amounts without the solver's rounding, and what they cost."""
    amount = np.where(programme.whole, np.rint(amount), amount)
    spoken_for = np.zeros(len(programme.positions))
    many = [column for column, whole in enumerate(programme.whole.tolist()) if whole]
    for column in many:
        for at in range(programme.column_start[column], programme.column_start[column + 1]):
            row = programme.row_of[at]
            if row < spoken_for.size:
                spoken_for[row] += amount[column] * programme.entry[at]
    for column, lot in enumerate(programme.lots):
        if len(lot.legs) == 1:
            index = lot.legs[0][0]
            held = changed.get(index, abs(programme.positions[index].quantity))
            amount[column] = max(held - spoken_for[index], 0.0)
    last = amount.size - len(programme.pools)
    for number, (pool, first) in enumerate(zip(programme.pools, programme.start, strict=True)):
        contracts = amount[first : first + len(pool.members)]
        amount[last + number] = max(float((pool.loss @ contracts).max()), 0.0)
    used = amount > 0.0
    return Pairing(
        programme=programme,
        phase=phase,
        amount=amount,
        requirement=float(programme.gross[phase][used] @ amount[used]),
        credit=float(programme.credit[used] @ amount[used]),
        bound=bound,
    )
