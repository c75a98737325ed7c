"""From profits per contract to a requirement: classes, groups of them, offsets and minimum charges.

Source: 17 CFR 240.15c3-1a and FINRA Rule 4210(g); domain reference 3.1, 3.2, 3.8 and A.9. Within a class (one underlying)
profits and losses are summed as they are. A group sums, at each point on its own, the losses of its members and a share
of their gains; groups may be members of groups. The requirement is the sum over what no group holds.

Where the minimum charge applies: once, on what no group holds, as the sum over its classes. So a group never needs more
than its classes would alone, and never less than their minimum charges together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from flatbook.margin.tims_parameters import OffsetGroup
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats, Ints

NO_GROUP = -1
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetTree:
    """Which class offsets which: nodes are the classes, then the groups that hold any of them."""

    names: tuple[str, ...]  # [n_nodes] underlyings, then groups
    n_classes: int
    parent: Ints  # [n_nodes] the group that holds the node, or NO_GROUP
    offset: Floats  # [n_nodes] share of the node's gains that counts in the group that holds it; 1 where none does
    top: Ints  # [n_nodes] the node that holds it and that no group holds
    levels: tuple[Ints, ...]  # nodes that a group holds, members before what holds them


@dataclass(frozen=True, slots=True, kw_only=True)
class TimsResult:
    """A requirement, and what each class and group would need on its own."""

    requirement: float  # NaN where a class that is held has no profit or loss at some point
    tree: OffsetTree
    pnl: Floats  # [n_nodes, n_points] after the offsets between the node's members
    minimum: Floats  # [n_nodes] sum of the minimum charges of the node's classes
    charge: Floats  # [n_nodes] the greater of largest loss and minimum


def tree_of(underlyings: tuple[str, ...], groups: Mapping[str, OffsetGroup]) -> OffsetTree:
    """The tree of these classes under these groups; a class that no group names stands alone.

    Raises
    ------
    InvalidValueError
        Where a group bears the name of a class.
    """
    if both := [name for name in underlyings if name in groups]:
        msg = f"a group of offsets and an underlying are both called {both[0]!r}; rename the group"
        raise InvalidValueError(msg)
    holder = {member: name for name, group in groups.items() for member in group.members}
    depth: dict[str, int] = {}
    for name in underlyings:
        for above in _chain(name, holder):
            depth[above] = max(depth.get(above, 0), len(_chain(above, holder)))
    held = sorted(depth, key=lambda name: (-depth[name], name))
    group_at = {name: len(underlyings) + n for n, name in enumerate(held)}
    nodes = (*underlyings, *held)
    parent = np.array([group_at.get(holder.get(name, ""), NO_GROUP) for name in nodes], dtype=np.int64)
    share = [groups[holder[name]].offset if name in holder else 1.0 for name in nodes]
    top = np.arange(len(nodes))
    while (top_parent := parent[top]).max(initial=NO_GROUP) > NO_GROUP:
        top = np.where(top_parent > NO_GROUP, top_parent, top)
    below = np.array([len(_chain(name, holder)) for name in nodes], dtype=np.int64)
    return OffsetTree(
        names=nodes,
        n_classes=len(underlyings),
        parent=parent,
        offset=np.array(share, dtype=np.float64),
        top=top,
        levels=tuple(np.flatnonzero(below == each) for each in range(below.max(initial=0), 0, -1)),
    )


def tims_requirement(
    pnl: Floats, quantity: Floats, class_of: Ints, minimum_per_contract: Floats, tree: OffsetTree
) -> TimsResult:
    """The requirement of a book from its profits per contract.

    Parameters
    ----------
    pnl : float64[n, n_points]
        Profit of one contract, bought, at each point; the same column is the same point for every row.
    quantity : float64[n]
        Contracts, negative where short; rows with none may have NaN profits.
    class_of : int64[n]
        The class of each row: a node of `tree` below `n_classes`.
    minimum_per_contract : float64[n]
        Least charge for a contract, long or short.
    tree : OffsetTree
    """
    n_nodes = len(tree.names)
    book = np.where(quantity != 0.0, pnl.T * quantity, 0.0)
    vectors = np.zeros((n_nodes, pnl.shape[1]))
    contracts = np.abs(quantity) * minimum_per_contract
    minimum: Floats = np.bincount(class_of, weights=contracts, minlength=n_nodes).astype(np.float64)
    for point, row in enumerate(book):
        vectors[:, point] = np.bincount(class_of, weights=row, minlength=n_nodes)
    for level in tree.levels:
        np.add.at(vectors, tree.parent[level], _counted(vectors[level], tree.offset[level, None]))
        np.add.at(minimum, tree.parent[level], minimum[level])
    charge = np.maximum(-vectors.min(axis=1, initial=np.inf), minimum)
    return TimsResult(
        requirement=float(charge[tree.parent == NO_GROUP].sum()),
        tree=tree,
        pnl=vectors,
        minimum=minimum,
        charge=charge,
    )


def marginal(
    result: TimsResult,
    pnl: Floats,
    quantity: Floats,
    class_of: Ints,
    minimum_per_contract: Floats,
    clip: Floats | float = 1.0,
) -> tuple[Floats, Floats]:
    """What `clip` contracts more of each row, on their own, would change: the difference of two full runs, exactly.

    Parameters
    ----------
    result : TimsResult
        Of the book that is held.
    pnl, quantity, class_of, minimum_per_contract
        As for `tims_requirement`; rows that are not held have quantity 0, and may be others than those of `result`, as
        long as what both hold has the same quantity.
    clip : float64[n] or float
        Contracts, above 0.

    Returns
    -------
    float64[n], float64[n]
        Change of the requirement when bought, and when sold. NaN where the row, or what offsets it, has no profit.
    """
    size = np.broadcast_to(np.asarray(clip, dtype=np.float64), quantity.shape)
    signed = np.stack((size, -size))
    added_minimum = (np.abs(quantity + signed) - np.abs(quantity)) * minimum_per_contract
    bought, sold = _change(result, class_of, pnl, signed, added_minimum)
    return bought, sold


def reliefs(result: TimsResult) -> tuple[Floats, Floats]:
    """What offsets between classes are worth.

    Returns
    -------
    float64[n_nodes]
        Of each node: what its classes would need one by one, less what they need together.
    float64[n_classes]
        Of each class: what the book would need beside the class alone, less what both need together.
    """
    tree = result.tree
    alone = np.where(np.arange(len(tree.names)) < tree.n_classes, result.charge, 0.0)
    for level in tree.levels:
        np.add.at(alone, tree.parent[level], alone[level])
    classes = np.arange(tree.n_classes)
    taken_out = np.full((1, classes.size), -1.0)
    without = _change(result, classes, result.pnl[classes], taken_out, -result.minimum[None, classes])
    return alone - result.charge, result.charge[classes] + without[0]


def _change(result: TimsResult, class_of: Ints, lot: Floats, signed: Floats, added_minimum: Floats) -> Floats:
    """Change [sides, n] of the requirement by `signed` [sides, n] times `lot` [n, n_points], one at a time.

    One lot changes the path from its class to the top and nothing else: at each step, what the group has beside the node
    stays. A node that no group holds is its own parent, with nothing beside it. Rows go through small buffers that are
    used again, because fresh memory costs several times the arithmetic.
    """
    tree = result.tree
    inside = tree.parent != NO_GROUP
    parent = np.where(inside, tree.parent, np.arange(inside.size))
    rest = result.pnl[parent] - _counted(result.pnl, tree.offset[:, None])
    beside = np.ascontiguousarray(np.where(inside[:, None], rest, 0.0).T)
    own = np.ascontiguousarray(result.pnl.T)
    shape = (signed.shape[0], own.shape[0], _ROWS_AT_ONCE)
    vectors, scratch, gathered = np.empty(shape), np.empty(shape), np.empty(shape[1:])
    lowest = np.empty_like(signed)
    for start in range(0, class_of.size, _ROWS_AT_ONCE):
        node = class_of[start : start + _ROWS_AT_ONCE]
        rows = slice(start, start + node.size)
        vector, cut, other = vectors[..., : node.size], scratch[..., : node.size], gathered[:, : node.size]
        np.multiply(lot[rows].T, signed[:, None, rows], out=vector)
        vector += np.take(own, node, axis=1, out=other, mode="clip")
        for _ in tree.levels:
            np.multiply(vector, tree.offset[node], out=cut)
            np.minimum(vector, cut, out=vector)
            vector += np.take(beside, node, axis=1, out=other, mode="clip")
            node = parent[node]
        np.min(vector, axis=1, out=lowest[:, rows])
    top = tree.top[class_of]
    return np.asarray(np.maximum(-lowest, result.minimum[top] + added_minimum) - result.charge[top])


def _counted(pnl: Floats, share: Floats) -> Floats:
    """Losses in full and `share` of the gains."""
    return np.asarray(np.minimum(pnl, pnl * share))


def _chain(name: str, holder: Mapping[str, str]) -> tuple[str, ...]:
    """The groups that hold `name`, from the inside out."""
    out: list[str] = []
    while name in holder:
        name = holder[name]
        out.append(name)
    return tuple(out)
