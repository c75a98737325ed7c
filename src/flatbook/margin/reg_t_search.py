"""The search for the best of a programme of pairings: the same programme with fewer columns, and HiGHS.

Three facts make it small; none of them loses a pairing.

Curves. What a pool loses is piecewise linear in the underlying, flat outside its exercise prices, and its slope changes at an
exercise price by the net contracts there. So a pool is written as a chain: slopes from price to price, the loss at those
prices where a long option bends it down, for nowhere else can it be greatest. With contracts of one size, what is left once
the net calls and the net puts at each price are whole is a network, whose corners are whole: so it is enough that slopes are
whole, and the net calls where a price has calls and puts.

Straddles. Of a short call and a short put the one with the smaller requirement is left out, and asks nothing: so there is a
column of contracts left out instead of one for each pair. In order of requirement, contracts left out are never more than
the contracts of the other kind before them that stay (P. Hall, "On Representatives of Subsets", J. London Math. Soc. 10
(1935), for neighbourhoods that are nested); the pairs are told afterwards.

Limits. The search is run for pairings that cost less than a limit a little above the relaxation, where little has to be
looked at, and again with a higher limit until there is one. The best below a limit is the best of all; a search that finds none
has proven the limit. Where that takes too many nodes, the programme goes to the solver whole.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flatbook.margin.legs import LegKind
from flatbook.margin.reg_t_positions import Position
from flatbook.margin.reg_t_spreads import Pool
from flatbook.margin.reg_t_strategies import Lot, Strategy
from flatbook.model.table import Floats

WHOLE = 1e-6  # how near to a whole number counts as one
GAP = 1e-3  # currency: a tenth of a cent
NODES = 500  # of the searches below limits: a limit in time would not give the same answer twice
_FIRST_LIMIT = 2.0  # above the relaxation: loss of a contract over so many steps between exercise prices
_GROWTH = 1.25  # of the limit above the relaxation
_GROWTH_AT_ROOT = 1.5  # where the last limit needed no branching
_AGAIN = 1.1  # of what the best costs above the relaxation: the first limit for other quantities
_PAIRS = {Strategy.SHORT_STRADDLE, Strategy.SHORT_STRANGLE}
_UNCOVERED = {Strategy.UNCOVERED_CALL, Strategy.UNCOVERED_PUT}
_INFINITE = math.inf

_OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "parallel": "off",  # and no count of threads: HiGHS refuses one that differs from what the process set first
    "random_seed": 0,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": GAP,
    "mip_detect_symmetry": False,
    "mip_allow_restart": False,
    "mip_pscost_minreliable": 1,
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_root_reduced_cost": False,
}


@dataclass(slots=True)
class _Written:
    """Columns and rows while they are written; a row is a sum of columns that is zero, or at least a number."""

    cost: list[float] = field(default_factory=list)
    free: list[bool] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    start: list[int] = field(default_factory=lambda: [0])
    at: list[int] = field(default_factory=list)
    entry: list[float] = field(default_factory=list)

    def column(self, cost: float, *, free: bool = False, whole: bool = False) -> int:
        """A new column, at least zero if it is not free."""
        self.cost.append(cost)
        self.free.append(free)
        self.whole.append(whole)
        return len(self.cost) - 1

    def row(self, terms: list[tuple[int, float]], low: float = 0.0, high: float = 0.0) -> None:
        """A sum of columns between `low` and `high`."""
        some = [(column, entry) for column, entry in terms if entry]
        self.at += [column for column, _ in some]
        self.entry += [entry for _, entry in some]
        self.start.append(len(self.at))
        self.low.append(low)
        self.high.append(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """Contracts of a short option that another one's requirement leaves out."""

    index: int
    group: tuple[str, float]  # family and size of contract: who may be paired with whom
    kept: int  # column
    out: int | None  # column; None where nobody stands before it


class Search:
    """One programme with costs of one phase, kept warm: what other quantities need starts from the last corner.

    Parameters
    ----------
    positions, lots, pools
        Of the programme.
    cost : float64[columns]
        Of lots, then of the contracts of each pool, as the programme has them.
    requirement : float64[lots]
        Before proceeds: of two short options the one with the greater requirement stays.
    """

    def __init__(
        self,
        positions: list[Position],
        lots: list[Lot],
        pools: list[Pool],
        cost: Floats,
        requirement: Floats,
    ) -> None:
        self._positions = positions
        self._lots = lots
        self._written = _Written()
        self._column_of_lot: dict[int, int] = {}
        used: list[list[tuple[int, float]]] = [[] for _ in positions]
        for number, lot in enumerate(lots):
            if lot.strategy not in _PAIRS:
                column = self._written.column(float(cost[number]), whole=len(lot.legs) > 1)
                self._column_of_lot[number] = column
                for index, each in lot.legs:
                    used[index].append((column, each))
        self._left = self._straddles(requirement, used)
        self._sizes = {positions[i].multiplier for pool in pools for i in pool.members}
        self._contracts: list[int] = []
        steps, first = [], len(lots)
        for pool in pools:
            columns = [
                self._written.column(float(each), whole=len(self._sizes) > 1)
                for each in cost[first : first + len(pool.members)]
            ]
            first += len(pool.members)
            self._contracts += columns
            for column, index in zip(columns, pool.members, strict=True):
                used[index].append((column, 1.0))
            steps.append(_curve(self._written, pool, columns, positions))
        self._above = _FIRST_LIMIT * min(steps, default=1.0)
        self._row_of_position = len(self._written.low)
        for index, terms in enumerate(used):
            held = abs(positions[index].quantity)
            self._written.row(terms, held, held)
        self._whole = np.flatnonzero(self._written.whole).astype(np.int32)
        self._cost = np.array(self._written.cost)
        self._highs = _loaded(self._written)

    def _straddles(self, requirement: Floats, used: list[list[tuple[int, float]]]) -> list[_Left]:
        """Columns and rows of short options left out, in order of requirement; of equals the call stays."""
        paired = {index for lot in self._lots if lot.strategy in _PAIRS for index, _ in lot.legs}
        alone = {
            lot.legs[0][0]: number for number, lot in enumerate(self._lots) if lot.strategy in _UNCOVERED
        }
        written, left = self._written, []
        spare: dict[tuple[tuple[str, float], LegKind], int] = {}  # column of those that stay, not used yet
        for index in sorted(paired, key=lambda i: (-requirement[alone[i]], -self._positions[i].kind, i)):
            one = self._positions[index]
            group = (one.family, one.multiplier)
            other = (group, LegKind(-one.kind))
            kept, out = self._column_of_lot[alone[index]], None
            if other in spare:
                out = written.column(0.0)
                used[index].append((out, 1.0))
                after = written.column(0.0)
                written.row([(after, 1.0), (spare[other], -1.0), (out, 1.0)])
                spare[other] = after
            after = written.column(0.0)
            before = spare.get((group, one.kind))
            written.row([(after, 1.0), (kept, -1.0), *([] if before is None else [(before, -1.0)])])
            spare[group, one.kind] = after
            left.append(_Left(index=index, group=group, kept=kept, out=out))
        return left

    def best(self, changed: dict[int, float]) -> tuple[Floats, float]:
        """Lots of each strategy and contracts in each pool if some positions had other sizes, and a bound on the cost."""
        for index, held in changed.items():
            self._highs.changeRowBounds(self._row_of_position + index, held, held)
        try:
            columns, bound = self._searched(again=bool(changed))
        finally:
            for index in changed:
                held = abs(self._positions[index].quantity)
                self._highs.changeRowBounds(self._row_of_position + index, held, held)
        return self._told(columns), bound

    def _searched(self, *, again: bool) -> tuple[Floats | None, float]:
        """Columns of the best, None if there is only what always exists; and what none costs less than."""
        highs = self._highs
        highs.run()
        relaxed, bottom = _columns(highs), float(highs.getInfo().objective_function_value)
        near = np.rint(relaxed[self._whole])
        if np.abs(relaxed[self._whole] - near).max(initial=0.0) <= WHOLE:
            return self._in_contracts(near), bottom
        basis = highs.getBasis()
        self._set_whole(yes=True)
        best, bound = self._within_limits(bottom)
        self._set_whole(yes=False)
        if best is not None and not again:
            self._above = max(self._above, _AGAIN * (float(self._cost @ best) - bottom))
        columns = None if best is None else self._in_contracts(np.rint(best[self._whole]))
        highs.setBasis(basis)
        return columns, bound

    def _within_limits(self, bottom: float) -> tuple[Floats | None, float]:
        """Search below one limit after another, until one has the best below it or the nodes are spent."""
        highs, nodes, bound, above = self._highs, NODES, bottom, self._above
        best, least = None, _INFINITE
        while nodes > 0:
            limit = bottom + above
            highs.setOptionValue("objective_bound", limit)
            highs.setOptionValue("mip_max_nodes", nodes)
            highs.run()
            info = highs.getInfo()
            cost = float(info.objective_function_value)
            if _is_feasible(highs) and cost < least:
                best, least = _columns(highs), cost
            if not _is_finished(highs):
                bound = max(bound, min(float(info.mip_dual_bound), limit, least))
                break
            if least <= limit:
                bound = min(float(info.mip_dual_bound), least)
                break
            bound = limit
            nodes -= max(int(info.mip_node_count), 1)
            above *= _GROWTH_AT_ROOT if info.mip_node_count <= 1 else _GROWTH
        highs.setOptionValue("objective_bound", _INFINITE)
        return best, bound

    def _in_contracts(self, whole: Floats) -> Floats | None:
        """The best corner once what must be whole is; None if the solver's rounding left none in whole contracts."""
        highs, count = self._highs, self._whole.size
        highs.changeColsBounds(count, self._whole, whole, whole)
        highs.run()
        columns = _columns(highs) if _is_feasible(highs) else None
        low = np.where(np.array(self._written.free)[self._whole], -_INFINITE, 0.0)
        highs.changeColsBounds(count, self._whole, low, np.full(count, _INFINITE))
        if columns is None:
            return None
        contracts = columns[self._contracts]
        return columns if np.abs(contracts - np.rint(contracts)).max(initial=0.0) <= WHOLE else None

    def _set_whole(self, *, yes: bool) -> None:
        from highspy import HighsVarType  # noqa: PLC0415 - only this method pays for the solver

        kind = int(HighsVarType.kInteger if yes else HighsVarType.kContinuous)
        count = self._whole.size
        self._highs.changeColsIntegrality(count, self._whole, np.full(count, kind, dtype=np.uint8))

    def _told(self, columns: Floats | None) -> Floats:
        """Lots of each strategy, then contracts in each pool."""
        out = np.zeros(len(self._lots) + len(self._contracts))
        if columns is None:
            return out
        for number, column in self._column_of_lot.items():
            out[number] = columns[column]
        out[len(self._lots) :] = columns[self._contracts]
        number_of = {
            tuple(index for index, _ in lot.legs): number
            for number, lot in enumerate(self._lots)
            if lot.strategy in _PAIRS
        }
        staying: list[list[Any]] = []
        for one in self._left:
            out_of_it = 0.0 if one.out is None else round(float(columns[one.out]))
            for other in reversed(staying):
                pair = tuple(sorted((one.index, other[0].index), key=lambda i: -self._positions[i].kind))
                lots = min(out_of_it, other[1]) if other[0].group == one.group and pair in number_of else 0.0
                if lots:
                    out[number_of[pair]] += lots
                    other[1] -= lots
                    out_of_it -= lots
            staying.append([one, round(float(columns[one.kept]))])
        return out


def _curve(written: _Written, pool: Pool, columns: list[int], positions: list[Position]) -> float:
    """Rows of one pool: balance, slopes, greatest loss. Returns what a contract loses over the least step of exercise price."""
    members = [positions[index] for index in pool.members]
    size = min(one.multiplier for one in members)
    strikes = sorted({one.strike for one in members})
    steps = np.diff(strikes)
    unit = size * float(steps.min()) if steps.size else size
    steady = all((one.multiplier / size).is_integer() for one in members)
    greatest = written.column(unit)
    for kind in (LegKind.CALL, LegKind.PUT):
        written.row(
            [(c, _signed(one) / size) for c, one in zip(columns, members, strict=True) if one.kind == kind]
        )
    pairs = list(zip(columns, members, strict=True))
    loss = written.column(0.0, free=True)
    written.row([(loss, -1.0), *((c, each / unit) for c, each in zip(columns, pool.loss[0], strict=True))])
    slope: int | None = None
    climbed: list[tuple[int, float]] = []
    for place, strike in enumerate(strikes):
        here = [(column, one) for column, one in pairs if one.strike == strike]
        if slope is not None:
            climbed.append((slope, float(steps[place - 1]) * size / unit))
        if any(one.quantity > 0.0 for _, one in here):
            after = written.column(0.0, free=True)
            written.row([(after, -1.0), (loss, 1.0), *climbed])
            written.row([(after, 1.0), (greatest, -1.0)], -_INFINITE, 0.0)
            loss, climbed = after, []
        kinks = [(column, -_signed(one) / size) for column, one in here]
        after = written.column(0.0, free=True, whole=steady)
        written.row([(after, -1.0), *([] if slope is None else [(slope, 1.0)]), *kinks])
        slope = after
        if len({one.kind for _, one in here}) > 1:
            calls = written.column(0.0, free=True, whole=steady)
            written.row(
                [(calls, -1.0), *((c, _signed(one) / size) for c, one in here if one.kind == LegKind.CALL)]
            )
    return unit


def _signed(one: Position) -> float:
    return math.copysign(one.multiplier, one.quantity)


def _loaded(written: _Written) -> Any:
    from highspy import Highs, HighsLp, MatrixFormat  # noqa: PLC0415 - only this method pays for the solver

    problem = HighsLp()
    problem.num_col_, problem.num_row_ = len(written.cost), len(written.low)
    problem.col_cost_ = np.array(written.cost)
    problem.col_lower_ = np.where(written.free, -_INFINITE, 0.0)
    problem.col_upper_ = np.full(len(written.cost), _INFINITE)
    problem.row_lower_, problem.row_upper_ = np.array(written.low), np.array(written.high)
    problem.a_matrix_.format_ = MatrixFormat.kRowwise
    problem.a_matrix_.start_ = np.array(written.start, dtype=np.int32)
    problem.a_matrix_.index_ = np.array(written.at, dtype=np.int32)
    problem.a_matrix_.value_ = np.array(written.entry)
    highs: Any = Highs()  # type: ignore[no-untyped-call]
    for name, value in _OPTIONS.items():
        highs.setOptionValue(name, value)
    highs.passModel(problem)
    return highs


def _columns(highs: Any) -> Floats:
    return np.array(highs.getSolution().col_value)


def _is_feasible(highs: Any) -> bool:
    from highspy import SolutionStatus  # noqa: PLC0415 - only this method pays for the solver

    return bool(highs.getInfo().primal_solution_status == int(SolutionStatus.kSolutionStatusFeasible))


def _is_finished(highs: Any) -> bool:
    from highspy import HighsModelStatus  # noqa: PLC0415 - only this method pays for the solver

    return highs.getModelStatus() in {
        HighsModelStatus.kOptimal,
        HighsModelStatus.kInfeasible,
        HighsModelStatus.kObjectiveBound,
    }
