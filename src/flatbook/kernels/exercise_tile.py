"""A tile of the exercise-boundary solver: sixteen puts side by side, and arithmetic on its rows.

Every loop over the lanes fills whole vectors. The size of a slice, not LANES, bounds the short ones: a known count
would be unrolled into scalars. An index into the workspace is a constant or goes through a slice, because a computed
index may be negative and keeps a loop scalar.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.arithmetic import exponential, mills_ratio
from flatbook.kernels.exercise_rule import GROUP, INNER_MAX, NODES_MAX

Floats = NDArray[np.float64]

LANES = 16

# Rows of the workspace, each of LANES numbers: the puts, then what is being worked on.
RATE, YIELD, DEVIATION, LOG_CAP, PER_CAP, DEEPEST = range(6)
(
    NOW,
    SQUARE,
    TOP,
    BOTTOM,
    TOP_SLOPE,
    BOTTOM_SLOPE,
    GROWTH,
    SPREAD,
    POWER,
    DISCOUNT,
    YIELDED,
) = range(6, 17)
PER_DEVIATION, FOREVER, ZERO = 17, 18, 19
SCRATCH = 20  # rows from here to DEPTHS are free for the caller
DEPTHS = 48  # NODES_MAX rows: ln(cap / boundary) at the nodes, the last today's
SQUARES = DEPTHS + NODES_MAX  # NODES_MAX rows: their squares, which are what is interpolated
TOPS = SQUARES + NODES_MAX
BOTTOMS = TOPS + INNER_MAX
JACOBIAN = BOTTOMS + INNER_MAX
COLUMNS = NODES_MAX + GROUP  # of the Jacobian, the residual being column n
ROWS = JACOBIAN + NODES_MAX * COLUMNS

_PER_ROOT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def share_below(d: float, density: float) -> float:
    """Probability below `d`, whose density is at hand; relative accuracy holds in the left tail."""
    tail = density * mills_ratio(abs(d))
    return tail if d < 0.0 else 1.0 - tail


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def density_at(d: float) -> float:
    """Density of a standard normal."""
    return exponential(-0.5 * d * d) * _PER_ROOT_TWO_PI


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def square_depths(n: int, work: Floats) -> None:
    """Write SQUARES from DEPTHS, and zeros up to a whole group."""
    for i in range(n * LANES):
        work[SQUARES * LANES + i] = work[DEPTHS * LANES + i] * work[DEPTHS * LANES + i]
    for i in range(n * LANES, (n + GROUP - 1) // GROUP * GROUP * LANES):
        work[SQUARES * LANES + i] = 0.0


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def weighted_sum(weights: Floats, groups: int, first: int, row: int, work: Floats) -> None:
    """Sum of weighted rows from `first`, by groups of four, into `row`."""
    into = work[row * LANES : (row + 1) * LANES]
    for g in range(groups):
        w0, w1, w2, w3 = weights[4 * g], weights[4 * g + 1], weights[4 * g + 2], weights[4 * g + 3]
        at = (first + GROUP * g) * LANES
        rows = work[at : at + GROUP * LANES]
        for j in range(into.size):
            before = into[j] if g > 0 else 0.0
            early = w0 * rows[j] + w1 * rows[LANES + j]
            late = w2 * rows[2 * LANES + j] + w3 * rows[3 * LANES + j]
            into[j] = before + (early + late)


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def invert_row(to: int, work: Floats) -> None:
    """One over a row, in place."""
    row = work[to * LANES : (to + 1) * LANES]
    for j in range(row.size):
        row[j] = 1.0 / row[j]


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def scale_row(to: int, factor: int, work: Floats) -> None:
    """Multiply one row by another."""
    row = work[to * LANES : (to + 1) * LANES]
    by = work[factor * LANES : (factor + 1) * LANES]
    for j in range(row.size):
        row[j] *= by[j]


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def copy_row(to: int, row: int, work: Floats) -> None:
    """Copy one row into another."""
    left = work[to * LANES : (to + 1) * LANES]
    right = work[row * LANES : (row + 1) * LANES]
    for j in range(left.size):
        left[j] = right[j]


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def subtract_rows(to: int, factor: int, row: int, work: Floats) -> None:
    """Subtract the product of two rows from a third."""
    left = work[to * LANES : (to + 1) * LANES]
    middle = work[factor * LANES : (factor + 1) * LANES]
    right = work[row * LANES : (row + 1) * LANES]
    for j in range(left.size):
        left[j] -= middle[j] * right[j]
