"""The integer programme of relief by the TIMS methods: offsets of any depth, exactly.

At each point a node gives the group that holds it min(v, o v), with v the sum over its own members. That grows with v and is
concave, so it is the largest number that is at most v and at most o v; the largest requirement of all is then met by the
largest such numbers at every level at once. So each node whose gains count in part has a column at every point and two
rows that bound it, and nothing is approximated.

Source: FINRA Rule 4210(g) and 17 CFR 240.15c3-1a for the offsets (`tims_groups`).
"""

from dataclasses import dataclass

import numpy as np

from flatbook.margin.marginal import ScenarioSeries
from flatbook.margin.relief_programme import Draft, Programme
from flatbook.margin.tims_groups import TimsResult
from flatbook.model.table import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class _Profit:
    """What a node makes at each point: a constant, candidates that count whole, and columns."""

    constant: Floats
    members: Ints
    counted: tuple[Ints, ...]


def tims_programme(
    now: TimsResult, series: ScenarioSeries, rows: Ints, limits: Floats, cost: Floats
) -> Programme:
    """Write the programme of candidates whose numbers are all known.

    Parameters
    ----------
    now : TimsResult
        Of the book that is held.
    series : ScenarioSeries
        k candidates; their classes are those of the tree of `now`.
    rows : int64[k]
        Where they stand in the caller's list.
    limits : float64[k, 2]
        Whole contracts bought and sold at most.
    cost : float64[k]
        Currency per contract.
    """
    top_of = now.tree.top[series.class_of]
    tops = np.unique(top_of)
    total = float(now.charge[tops].sum())
    draft = Draft.of(series.quantity.size, tops.size, total)
    for place, top in enumerate(tops.tolist()):
        epigraph = draft.epigraph(place)
        profit = _profit(draft, now, series, top)
        draft.add_profits(
            series,
            profit.members,
            profit.constant,
            1.0,
            (epigraph, 1.0),
            *((own, 1.0) for own in profit.counted),
        )
        draft.add_minimum(series, np.flatnonzero(top_of == top), float(now.minimum[top]), epigraph)
    return draft.finished(total, rows, tops, limits, cost)


def _profit(draft: Draft, now: TimsResult, series: ScenarioSeries, node: int) -> _Profit:
    """The profit of a node, with the rows of what counts in part below it written."""
    tree = now.tree
    if node < tree.n_classes:
        members = np.flatnonzero(series.class_of == node)
        return _Profit(constant=now.pnl[node], members=members, counted=())
    constant = np.zeros(now.pnl.shape[1])
    members = np.zeros(0, dtype=np.int64)
    counted: list[Ints] = []
    for member in np.flatnonzero(tree.parent == node).tolist():
        share, inside = float(tree.offset[member]), _profit(draft, now, series, member)
        if not inside.members.size and not inside.counted:
            constant = constant + np.minimum(inside.constant, share * inside.constant)
        elif share == 1.0:
            constant = constant + inside.constant
            members = np.concatenate((members, inside.members))
            counted += inside.counted
        else:
            own = draft.new_columns(constant.size, -np.inf)
            for part in (1.0, share):
                deeper = ((column, part) for column in inside.counted if part > 0.0)
                draft.add_profits(series, inside.members, inside.constant, part, (own, -1.0), *deeper)
            counted.append(own)
    return _Profit(constant=constant, members=members, counted=tuple(counted))
