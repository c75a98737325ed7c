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
