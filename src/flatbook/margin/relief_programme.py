"""The integer programme of `relief`: its columns, its rows, and HiGHS.

Columns: contracts bought and sold of each candidate, the requirement of each group they touch; where gains count in part,
what counts of each class in each scenario; where a contract has a minimum charge, that of each position. Money is measured
in thousandths of the requirement, so that the solver's absolute tolerances are relative ones.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from flatbook.margin.marginal import ScenarioBook, ScenarioSeries
from flatbook.model.table import Bools, Floats, Ints

NODES = 50  # of the search: a limit in time would not give the same answer twice
NEAR = 5e-4  # of the requirement: the most that can be freed is told to within twice this
COST_GAP = 1e-3  # of the cost: an answer so near the cheapest counts as it
EDGE_GAP = 1e-2  # likewise for the most that can be freed, whose last contracts take long to tell apart
_PARTS = 1_000.0
_INFINITE = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """Rows of coefficients in coordinate form, with k candidates first: bought, then sold."""

    rows: Ints  # [k] where the candidates stand in the caller's list
    groups: Ints  # [h] that they touch
    now: float  # requirement of those groups
    unit: float  # currency for each unit of money inside
    cost: Floats  # [k] currency per contract
    limits: Floats  # [k, 2] whole contracts bought and sold at most
    row_of: Ints  # [e]
    column_of: Ints  # [e]
    coefficient: Floats  # [e]
    row_lower: Floats  # [r]
    column_lower: Floats  # [columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the search found."""

    rows: Ints
    contracts: Floats | None  # [k] whole, negative sold; None: no contracts free so much
    cost_at_least: float
    proven: bool


@dataclass(slots=True)
class Draft:
    """A programme while it is written: each row says that a sum of columns is at least a number."""

    candidates: int
    unit: float
    columns: int
    row: list[Ints]
    column: list[Ints]
    value: list[Floats]
    row_lower: list[Floats]
    column_lower: list[Floats]
    count: int = 0

    @classmethod
    def of(cls, candidates: int, groups: int, now: float) -> "Draft":
        """The columns of candidates and of groups that need `now` together, and no rows."""
        columns = 2 * candidates + groups
        unit = now / _PARTS if now > 0.0 else 1.0
        return cls(candidates, unit, columns, [], [], [], [], [np.zeros(columns)])

    def epigraph(self, place: int) -> Ints:
        """The column of the requirement of the group at `place`."""
        return np.array([2 * self.candidates + place])

    def new_columns(self, many: int, lower: float) -> Ints:
        """So many columns more, none below `lower`."""
        own = self.columns + np.arange(many)
        self.columns += many
        self.column_lower.append(np.full(many, lower))
        return own

    def add(self, block: Floats, columns: Ints, lower: Floats, *own: tuple[Ints, float]) -> None:
        """Rows of dense `block` over `columns`, each with columns of its own."""
        n = lower.size
        here = self.count + np.arange(n)
        row, at = np.nonzero(block)
        self.row.append(here[row])
        self.column.append(columns[at])
        self.value.append(block[row, at])
        for column, value in own:
            self.row.append(here)
            self.column.append(np.broadcast_to(column, (n,)).astype(np.int64))
            self.value.append(np.full(n, value))
        self.row_lower.append(lower)
        self.count += n

    def add_profits(
        self, series: ScenarioSeries, members: Ints, profit: Floats, share: float, *own: tuple[Ints, float]
    ) -> None:
        """Rows of `share` times what `profit` (float64[m]) becomes with the trades in the candidates `members`."""
        per_contract = series.pnl[members].T * (share / self.unit)
        self.add(
            np.concatenate((per_contract, -per_contract), axis=1),
            np.concatenate((members, self.candidates + members)),
            -share * profit / self.unit,
            *own,
        )

    def add_minimum(self, series: ScenarioSeries, members: Ints, minimum: float, epigraph: Ints) -> None:
        """A group's minimum charge, `minimum` now, with that of each position that its candidates `members` change."""
        charged = members[(series.minimum_long[members] > 0.0) | (series.minimum_short[members] > 0.0)]
        long_, short = series.minimum_long[charged], series.minimum_short[charged]
        held = series.quantity[charged]
        elsewhere = minimum - (long_ * np.maximum(held, 0.0) + short * np.maximum(-held, 0.0)).sum()
        own = self.new_columns(charged.size, 0.0)
        least = np.array([max(float(elsewhere), 0.0)]) / self.unit
        self.add(np.full((1, charged.size), -1.0), own, least, (epigraph, 1.0))
        both = np.concatenate((charged, self.candidates + charged))
        for rate in (long_, -short):
            slope = np.diag(rate / self.unit)
            self.add(np.concatenate((-slope, slope), axis=1), both, rate * held / self.unit, (own, 1.0))

    def finished(self, now: float, rows: Ints, groups: Ints, limits: Floats, cost: Floats) -> Programme:
        """The programme of what was written; parameters as the fields of `Programme`."""
        return Programme(
            rows=rows,
            groups=groups,
            now=now,
            unit=self.unit,
            cost=cost,
            limits=limits,
            row_of=_joined(self.row, np.int64),
            column_of=_joined(self.column, np.int64),
            coefficient=_joined(self.value, np.float64),
            row_lower=_joined(self.row_lower, np.float64),
            column_lower=np.concatenate(self.column_lower),
        )


def programme_of(
    book: ScenarioBook,
    now_by_group: Floats,
    series: ScenarioSeries,
    rows: Ints,
    limits: Floats,
    cost: Floats,
) -> Programme:
    """Write the programme of candidates whose numbers are all known.

    Parameters
    ----------
    book : ScenarioBook
    now_by_group : float64[g]
        The requirement now.
    series : ScenarioSeries
        k candidates.
    rows : int64[k]
    limits : float64[k, 2]
        Whole contracts bought and sold at most.
    cost : float64[k]
        Currency per contract.
    """
    group_of = book.group_of_class[series.class_of]
    groups = np.unique(group_of)
    now = float(now_by_group[groups].sum())
    draft = Draft.of(series.quantity.size, groups.size, now)
    for place, g in enumerate(groups.tolist()):
        epigraph = draft.epigraph(place)
        members = np.flatnonzero(group_of == g)
        classes = np.flatnonzero(book.group_of_class == g)
        if (book.gain_counted[classes] < 1.0).any():
            _add_partial(draft, book, series, members, classes, epigraph)
        else:
            draft.add_profits(series, members, book.pnl[classes].sum(axis=0), 1.0, (epigraph, 1.0))
        draft.add_minimum(series, members, float(book.minimum[g]), epigraph)
    return draft.finished(now, rows, groups, limits, cost)


def _add_partial(
    draft: Draft,
    book: ScenarioBook,
    series: ScenarioSeries,
    members: Ints,
    classes: Ints,
    epigraph: Ints,
) -> None:
    """Rows of a group whose gains count in part: min(p, share p) is the largest number at most p and at most share p."""
    m = book.pnl.shape[1]
    touched = [c for c in classes.tolist() if (series.class_of[members] == c).any()]
    still = [c for c in classes.tolist() if c not in touched]
    fixed = np.minimum(book.pnl[still], book.gain_counted[still, None] * book.pnl[still]).sum(axis=0)
    counted = [draft.new_columns(m, -_INFINITE) for _ in touched]
    none = np.zeros(0, dtype=np.int64)
    draft.add_profits(series, none, fixed, 1.0, (epigraph, 1.0), *((own, 1.0) for own in counted))
    for own, c in zip(counted, touched, strict=True):
        mine = members[series.class_of[members] == c]
        for share in dict.fromkeys((1.0, float(book.gain_counted[c]))):
            draft.add_profits(series, mine, book.pnl[c], share, (own, -1.0))


def solve(programme: Programme, at_most: float | None, cost_gap: float = COST_GAP) -> Answer | None:
    """The cheapest whole contracts that bring the groups' requirement to `at_most`; None: the smallest requirement.

    Returns
    -------
    Answer or None
        None where the search ended at its node limit with nothing found.
    """
    import highspy  # noqa: PLC0415 - only those who ask for relief wait for it

    k, n_groups = programme.rows.size, programme.groups.size
    if k == 0:
        none = np.zeros(0) if at_most is None else None
        return Answer(rows=programme.rows, contracts=none, cost_at_least=0.0, proven=True)
    columns = programme.column_lower.size
    objective = np.zeros(columns)
    epigraph = np.arange(2 * k, 2 * k + n_groups)
    if at_most is None:
        objective[epigraph] = 1.0
    else:
        objective[: 2 * k] = np.concatenate((programme.cost, programme.cost)) / programme.unit
    upper = np.full(columns, _INFINITE)
    upper[: 2 * k] = np.concatenate((programme.limits[:, 0], programme.limits[:, 1]))
    whole = np.zeros(columns, dtype=np.bool_)
    whole[: 2 * k] = True
    gaps = (0.0, NEAR * _PARTS) if at_most is None else (cost_gap, 1e-6)
    highs = _highs(*gaps)
    highs.passModel(_model(programme, objective, upper, whole, at_most))
    highs.run()
    status, info = highs.getModelStatus(), highs.getInfo()
    if status == highspy.HighsModelStatus.kInfeasible:
        return Answer(rows=programme.rows, contracts=None, cost_at_least=float("nan"), proven=True)
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    found = np.round(np.array(highs.getSolution().col_value)[: 2 * k])
    bound = info.mip_dual_bound * programme.unit if at_most is not None else float("nan")
    return Answer(
        rows=programme.rows,
        contracts=found[:k] - found[k:],
        cost_at_least=max(bound, 0.0) if at_most is not None else bound,
        proven=status == highspy.HighsModelStatus.kOptimal,
    )


def _highs(relative_gap: float, absolute_gap: float) -> Any:
    import highspy  # noqa: PLC0415 - as in `solve`

    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # HiGHS types no constructor
    for option, value in (
        ("output_flag", False),
        (
            "parallel",
            "off",
        ),  # and no count of threads: HiGHS refuses one that differs from what the process set first
        ("random_seed", 0),
        ("mip_rel_gap", relative_gap),
        ("mip_abs_gap", absolute_gap),
        ("mip_max_nodes", NODES),
    ):
        highs.setOptionValue(option, value)
    return highs


def _model(
    programme: Programme, objective: Floats, upper: Floats, whole: Bools, at_most: float | None
) -> Any:
    """The programme as HiGHS takes it, by rows; the last row, where there is one, is the target."""
    import highspy  # noqa: PLC0415 - as in `solve`

    k, n_groups = programme.rows.size, programme.groups.size
    order = np.argsort(programme.row_of, kind="stable")
    n_rows = programme.row_lower.size
    counts = np.bincount(programme.row_of, minlength=n_rows)
    index, value = programme.column_of[order], programme.coefficient[order]
    lower, row_upper = programme.row_lower, np.full(n_rows, _INFINITE)
    if at_most is not None:
        index = np.concatenate((index, np.arange(2 * k, 2 * k + n_groups)))
        value = np.concatenate((value, np.ones(n_groups)))
        counts = np.append(counts, n_groups)
        lower = np.append(lower, -_INFINITE)
        row_upper = np.append(row_upper, at_most / programme.unit)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = objective.size, lower.size
    model.col_cost_, model.col_lower_, model.col_upper_ = objective, programme.column_lower, upper
    model.row_lower_, model.row_upper_ = lower, row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    model.a_matrix_.index_ = index.astype(np.int32)
    model.a_matrix_.value_ = value
    model.integrality_ = [
        highspy.HighsVarType.kInteger if one else highspy.HighsVarType.kContinuous for one in whole.tolist()
    ]
    return model


def _joined(parts: list[Any], kind: type) -> Any:
    return np.concatenate([np.zeros(0, dtype=kind), *parts])
