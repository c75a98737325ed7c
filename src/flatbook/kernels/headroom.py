"""How much of each order of a batch fits under every limit, whichever of the orders fill.

A limit is the sum over its groups of the largest line of each group, and must not exceed its room. An order moves a line
by `cost` for each contract, and lines of one group at most of each limit; what it would bring down is not counted, because
it may not fill. Orders are taken in their sequence: what one was allowed is gone for those after it. NaN fits nowhere.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EVERY, OPENING, ORDER = range(3)  # what a line counts: each contract, those that open a position, orders


@njit(cache=True, error_model="numpy")
def by_key(key: Ints, line: Ints, cost: Floats, n_keys: int) -> Any:
    """Sort entries by key, those of one key in their sequence.

    Parameters
    ----------
    key, line : int64[e]
    cost : float64[e]
    n_keys : int

    Returns
    -------
    first : int64[n_keys + 1]
        Entries of key k are first[k] to first[k + 1].
    line, cost : int64[e], float64[e]
        Sorted.
    """
    first = np.zeros(n_keys + 1, dtype=np.int64)
    for e in range(key.size):
        first[key[e] + 1] += 1
    for k in range(n_keys):
        first[k + 1] += first[k]
    place = first[:-1].copy()
    lines, costs = np.empty_like(line), np.empty_like(cost)
    for e in range(key.size):
        at = place[key[e]]
        place[key[e]] += 1
        lines[at], costs[at] = line[e], cost[e]
    return first, lines, costs


@njit(cache=True, error_model="numpy")
def fit_batch(
    first: Ints,
    lines: Ints,
    costs: Floats,
    shape: Ints,
    level: Floats,
    top: Floats,
    room: Floats,
    shared: Ints,
    free: Ints,
    orders: Ints,
) -> Any:
    """Allow as much of each order as every limit has room for.

    Parameters
    ----------
    first, lines, costs : int64[2 n_rows + 1], int64[e], float64[e]
        What a contract moves, as from `by_key`; key 2 row for a contract bought, 2 row + 1 for one sold. Costs above 0.
    shape : int64[n_lines, 3]
        Of each line: what it counts, its group, its limit.
    level : float64[n_lines]
    top : float64[n_groups]
        The largest level of each group.
    room : float64[n_limits]
        What is left over the sum of the groups; below 0 in breach.
    shared : int64[n_limits]
        1 where a limit is the sum of several groups: in breach, such a group may still move below its top.
    free : int64[2 n_rows]
        Contracts by key that close a position before they open one.
    orders : int64[k, 3]
        Row, side (+1 or -1), quantity.

    Returns
    -------
    allowed, binding : int64[k]
        Contracts, and the limit that allowed no more; -1 where none did.
    """
    own = level.copy(), top.copy(), room.copy(), free.copy()
    return _fit(first, lines, costs, shape, own[0], own[1], own[2], shared, own[3], orders)


@njit(cache=True, error_model="numpy")
def _fit(
    first: Ints,
    lines: Ints,
    costs: Floats,
    shape: Ints,
    level: Floats,
    top: Floats,
    room: Floats,
    shared: Ints,
    free: Ints,
    orders: Ints,
) -> Any:
    """Level, top, room and free are changed. One loop: a function call for each line costs more than the line."""
    allowed, binding = np.empty(orders.shape[0], dtype=np.int64), np.empty(orders.shape[0], dtype=np.int64)
    for i in range(orders.shape[0]):
        key = 2 * orders[i, 0] + (0 if orders[i, 1] > 0 else 1)
        want, tight = orders[i, 2], -1
        for e in range(first[key], first[key + 1]):
            if want == 0:
                break
            line = lines[e]
            counts, group, limit = shape[line, 0], shape[line, 1], shape[line, 2]
            below = top[group] - level[line]
            left = room[limit] + below
            if shared[limit] == 1 and left < below:
                left = below
            most = np.floor(left / costs[e] * (1.0 + 1e-14))  # a division may lose a whole number's last bit
            if counts == OPENING:
                most = free[key] if not most > 0.0 else most + free[key]
            elif counts == ORDER:
                most = want if most >= 1.0 else 0.0
            if not most >= want:
                want = np.int64(most) if most > 0.0 else 0
                tight = limit
        allowed[i], binding[i] = want, tight
        if want == 0:
            continue
        opened = max(want - free[key], 0)
        for e in range(first[key], first[key + 1]):
            line = lines[e]
            counts, group, limit = shape[line, 0], shape[line, 1], shape[line, 2]
            level[line] += costs[e] * (opened if counts == OPENING else (1 if counts == ORDER else want))
            if level[line] > top[group]:
                room[limit] -= level[line] - top[group]
                top[group] = level[line]
        free[key] -= want - opened
    return allowed, binding
