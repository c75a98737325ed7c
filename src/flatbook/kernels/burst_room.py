"""How much of each quote fits under every limit where only a few quotes fill before the rest is gone.

Each order is held by itself against its share of what a line has left; nothing is charged, so the sequence of orders is of no
account. What closes a position counts as in `kernels.headroom`. NaN fits nowhere.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.headroom import OPENING, ORDER

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True, error_model="numpy")
def fit_each(
    first: Ints, lines: Ints, costs: Floats, shape: Ints, share: Floats, closing: Ints, orders: Ints
) -> Any:
    """Allow as much of each order as its share of every line takes.

    Parameters
    ----------
    first, lines, costs, shape
        As in `kernels.headroom.fit_batch`.
    share : float64[n_lines]
        What one order may add to each line; infinite where the line does not count.
    closing : int64[k]
        Contracts of each order that close a position.
    orders : int64[k, 3]
        Row, side (+1 or -1), quantity.

    Returns
    -------
    allowed, binding : int64[k]
        Contracts, and the limit that allowed no more; -1 where none did.
    """
    allowed, binding = np.empty(orders.shape[0], dtype=np.int64), np.empty(orders.shape[0], dtype=np.int64)
    for i in range(orders.shape[0]):
        key = 2 * orders[i, 0] + (0 if orders[i, 1] > 0 else 1)
        want, tight = orders[i, 2], -1
        for e in range(first[key], first[key + 1]):
            if want == 0:
                break
            line = lines[e]
            if share[line] == np.inf:
                continue
            most = np.floor(share[line] / costs[e] * (1.0 + 1e-14))
            if shape[line, 0] == OPENING:
                most = closing[i] if not most > 0.0 else most + closing[i]
            elif shape[line, 0] == ORDER:
                most = want if most >= 1.0 else 0.0
            if not most >= want:
                want = np.int64(most) if most > 0.0 else 0
                tight = shape[line, 2]
        allowed[i], binding[i] = want, tight
    return allowed, binding


@njit(cache=True, error_model="numpy")
def raise_largest(
    first: Ints,
    lines: Ints,
    costs: Floats,
    shape: Ints,
    closing: Ints,
    orders: Ints,
    sent: int,
    largest: Floats,
) -> None:
    """Raise what the largest order adds to each line, `largest` float64[n_lines], by these orders.

    Orders and `closing` are those of `fit_each`. With `sent` = 1 they are at work already and rates do not count them.
    """
    for i in range(orders.shape[0]):
        key, quantity = 2 * orders[i, 0] + (0 if orders[i, 1] > 0 else 1), orders[i, 2]
        if quantity == 0:
            continue
        for e in range(first[key], first[key + 1]):
            line = lines[e]
            amount = quantity
            if shape[line, 0] == OPENING:
                amount = max(quantity - closing[i], 0)
            elif shape[line, 0] == ORDER:
                amount = 1 - sent
            if amount > 0 and not costs[e] * amount <= largest[line]:
                largest[line] = costs[e] * amount


@njit(cache=True, error_model="numpy")
def spread_of(first: Ints, lines: Ints, shape: Ints, rows: Ints, group: Ints, n_limits: int) -> Any:
    """By how many keys each line is moved, and by how many groups of rows each line and each limit.

    Parameters
    ----------
    first, lines, shape
        As in `kernels.headroom.fit_batch`.
    rows : int64[k]
        Ascending by their group.
    group : int64[k]
        From 0.
    n_limits : int

    Returns
    -------
    keys, groups : int64[n_lines]
    limit_groups : int64[n_limits]
    """
    n_lines = shape.shape[0]
    keys, groups, last = np.zeros(n_lines, np.int64), np.zeros(n_lines, np.int64), np.full(n_lines, -1)
    limit_groups, limit_last = np.zeros(n_limits, np.int64), np.full(n_limits, -1)
    for i in range(rows.size):
        for e in range(first[2 * rows[i]], first[2 * rows[i] + 2]):
            line = lines[e]
            limit = shape[line, 2]
            keys[line] += 1
            if last[line] != group[i]:
                last[line] = group[i]
                groups[line] += 1
            if limit_last[limit] != group[i]:
                limit_last[limit] = group[i]
                limit_groups[limit] += 1
    return keys, groups, limit_groups
