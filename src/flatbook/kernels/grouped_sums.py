"""Sums of positions times numbers per contract, by group: one pass over the lines, in their order.

The same lines in the same order give the same bits, whatever the number of threads.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True, error_model="numpy")
def add_by_group(
    group: Ints, row: Ints, quantity: Floats, per_row: Floats, totals: Floats, left_out: Floats
) -> None:
    """Add quantity times what stands in its row to the total of its group.

    Parameters
    ----------
    group, row : int64[h]
        Into `totals` and `per_row`.
    quantity : float64[h]
    per_row : float64[n, c]
    totals : float64[g, c]
        Added to.
    left_out : float64[g]
        The magnitude of a line whose row holds a number that is not finite is added here, and nothing of it to the totals.
    """
    for i in range(row.size):
        line, total, q = per_row[row[i]], totals[group[i]], quantity[i]
        bad = 0
        for c in range(line.size):
            bad += not abs(line[c]) < math.inf
        if bad > 0:
            left_out[group[i]] += abs(q)
            continue
        for c in range(line.size):
            total[c] += q * line[c]


@njit(cache=True, error_model="numpy", nogil=True)
def add_lines(
    steady: Ints,
    groups: Ints,
    own: Ints,
    row: Ints,
    quantity: Floats,
    per_row: Floats,
    totals: Floats,
    products: Floats,
) -> None:
    """Add quantity times what stands in its row to the totals of its groups; what is not finite spreads.

    Parameters
    ----------
    steady : int64[s, h]
        Into `totals`, one for each of s axes whose groups seldom change from line to line: runs of lines are summed before.
    groups : int64[a, h]
        Into `totals`: one for each of a other axes.
    own : int64[o, h]
        Into `products`: one for each of o axes on which every line is a group.
    row : int64[h]
        Into `per_row`; ascending is quickest.
    quantity : float64[h]
    per_row : float64[n, c]
    totals : float64[g, c]
        Added to.
    products : float64[p, c]
        Written.
    """
    width = per_row.shape[1]
    run = np.zeros(width)
    for i in range(row.size):
        line, q = per_row[row[i]], quantity[i]
        if steady.shape[0] > 0:
            if i > 0 and _changes(steady, i):
                _flush(run, steady, i - 1, totals)
            for c in range(width):
                run[c] += q * line[c]
        for axis in range(groups.shape[0]):
            total = totals[groups[axis, i]]
            for c in range(width):
                total[c] += q * line[c]
        for axis in range(own.shape[0]):
            product = products[own[axis, i]]
            for c in range(width):
                product[c] = q * line[c]
    if row.size > 0:
        _flush(run, steady, row.size - 1, totals)


@njit(cache=True, error_model="numpy")
def _changes(steady: Ints, i: int) -> bool:
    changed = 0
    for axis in range(steady.shape[0]):
        changed += steady[axis, i] != steady[axis, i - 1]
    return changed > 0


@njit(cache=True, error_model="numpy")
def _flush(run: Floats, steady: Ints, i: int, totals: Floats) -> None:
    """Give a run of lines to its groups, and begin anew."""
    for axis in range(steady.shape[0]):
        total = totals[steady[axis, i]]
        for c in range(run.size):
            total[c] += run[c]
    run[:] = 0.0


@njit(cache=True, error_model="numpy")
def scale_gain(moved: Floats, base: Floats, scale: Floats) -> None:
    """Turn prices into gains over a base, each row times its scale.

    Parameters
    ----------
    moved : float64[n, c]
        Prices; written.
    base, scale : float64[n]
    """
    for i in range(moved.shape[0]):
        line, from_, by = moved[i], base[i], scale[i]
        for c in range(line.size):
            line[c] = (line[c] - from_) * by
