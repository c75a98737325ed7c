"""Where to exercise an American put: the boundary over the life of sixteen options at once.

Sources: L. Andersen, M. Lake, D. Offengenden, "High-performance American option pricing", J. Computational Finance 20
(2016) 39-87, for the collocation in the root of time; `exercise_start` for the start.
Their fixed points converge slowly, because the matching of values is flat in the boundary. The matching of slopes is
not, so it is solved here by Newton's method with the full Jacobian: one or two steps where they need eight or more.
Times are angles: with t = tau sin(a)^2 both the root of t and that of tau - t are smooth in a, so few nodes suffice.

A tile is sixteen puts of strike one; years appear only in the products rate * years, yield * years and
vol * sqrt(years). The put must have a single boundary: rate > 0, or rate = 0 with a yield below zero. Arithmetic
is lane by lane: the neighbours of an option cannot change a bit of its answer.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.arithmetic import exponential, log_ratio, mills_ratio
from flatbook.kernels.exercise_rule import GROUP, Rule
from flatbook.kernels.exercise_start import set_caps, start_node
from flatbook.kernels.exercise_tile import (
    BOTTOM,
    BOTTOM_SLOPE,
    BOTTOMS,
    COLUMNS,
    DEEPEST,
    DEPTHS,
    DEVIATION,
    GROWTH,
    JACOBIAN,
    LANES,
    LOG_CAP,
    NOW,
    PER_CAP,
    PER_DEVIATION,
    RATE,
    SPREAD,
    SQUARE,
    SQUARES,
    TOP,
    TOP_SLOPE,
    TOPS,
    YIELD,
    ZERO,
    copy_row,
    density_at,
    invert_row,
    scale_row,
    share_below,
    square_depths,
    subtract_rows,
    weighted_sum,
)

Floats = NDArray[np.float64]

_TINY = 1e-300
_FALL_MAX, _RISE_MAX = (
    0.8,
    1.25,
)  # of a depth in one step; longer ones swing where interest is next to nothing
_DEEP_INTEREST = 0.05  # of the yield below zero; with less interest a boundary may be deep
_DEEP_YIELD = 0.1  # below zero, times years, from which on it has the time to become so
_FAINT_INTEREST = 4e-3  # of the variance; below it the start is never deep enough
_DEEP_STEPS = 3  # more, as the start is far off


@njit(cache=True, error_model="numpy", fastmath={"contract"}, inline="always")  # one optimiser's pass less
def solve_boundary(rule: Rule, work: Floats) -> None:
    """Solve the boundary of each put from a cold start.

    Parameters
    ----------
    rule : Rule
    work : float64[ROWS * LANES]
        Rows RATE, YIELD and DEVIATION are read (times years, times years, times root of years); rows LOG_CAP to
        DEEPEST, DEPTHS and SQUARES are written. The boundary today is exp(LOG_CAP - last depth).
    """
    set_caps(work)
    for i in range(rule.nodes.size):
        start_node(rule.nodes[i], work)
        copy_row(DEPTHS + i, NOW, work)
    for step in range(rule.steps):
        if step + 1 < rule.steps and step == 0:
            improve_boundary(rule.nodes, rule.coarse, rule.coarse_weights, work)
        else:
            improve_boundary(rule.nodes, rule.inner, rule.inner_weights, work)
    deep = False
    for j in range(LANES):
        deep = deep or _is_deep(j, work)
    if deep:
        _improve_deep(rule, work)


@njit(cache=True, error_model="numpy")
def _is_deep(j: int, work: Floats) -> bool:
    """Whether the start may be far off: interest next to nothing, alone or with a yield below zero that hardly holds.

    With no interest at all a boundary stays above zero forever where -2 * yield > variance only; below that, and
    near it, it falls and falls.
    """
    paid = -work[YIELD * LANES + j]
    variance = work[DEVIATION * LANES + j] * work[DEVIATION * LANES + j]
    interest = work[RATE * LANES + j]
    falls = interest < _DEEP_INTEREST * paid and _DEEP_YIELD < paid < variance
    return bool(falls or interest < _FAINT_INTEREST * variance)


@njit(cache=True, error_model="numpy")
def _improve_deep(rule: Rule, work: Floats) -> None:
    """Take more steps in the deep lanes; the others keep what they have to the bit."""
    rows = slice(DEPTHS * LANES, (DEPTHS + rule.nodes.size) * LANES)
    kept = work[rows].copy()
    for _ in range(_DEEP_STEPS):
        improve_boundary(rule.nodes, rule.inner, rule.inner_weights, work)
    for j in range(LANES):
        if not _is_deep(j, work):
            work[rows][j::LANES] = kept[j::LANES]
    square_depths(rule.nodes.size, work)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def improve_boundary(nodes: Floats, points: Floats, weights: Floats, work: Floats) -> None:
    """Take one Newton step of all nodes together from the boundary in row DEPTHS; write SQUARES.

    `points` and `weights` are one of the two inner quadratures of the Rule that `nodes` is of.
    """
    n = nodes.size
    square_depths(n, work)
    for i in range(n):
        _begin_row(i, nodes[i], work)
        _fill_row(nodes[i], points, weights[i], work)
        _close_row(i, n, points.shape[0], weights[i], work)
    _eliminate(n, work)
    for i in range(n):
        at = JACOBIAN + i * COLUMNS + n
        step = work[at * LANES : (at + 1) * LANES]
        depth = work[(DEPTHS + i) * LANES : (DEPTHS + i + 1) * LANES]
        for j in range(LANES):
            old = depth[j]
            new = max(old - step[j], _FALL_MAX * old)
            depth[j] = min(new, _RISE_MAX * old, max(work[DEEPEST * LANES + j], _FALL_MAX * old))
    square_depths(n, work)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _begin_row(i: int, root: float, work: Floats) -> None:
    depth = work[(DEPTHS + i) * LANES : (DEPTHS + i + 1) * LANES]
    share = root * root
    for j in range(LANES):
        rate, dividend = work[RATE * LANES + j], work[YIELD * LANES + j]
        v = work[DEVIATION * LANES + j] * root
        d = (work[LOG_CAP * LANES + j] - depth[j] + (rate - dividend) * share) / v + 0.5 * v
        density = density_at(d)
        yielded = exponential(-dividend * share)
        work[NOW * LANES + j] = depth[j]
        work[TOP * LANES + j] = 0.0
        work[TOP_SLOPE * LANES + j] = 0.0
        work[BOTTOM * LANES + j] = yielded * share_below(d, density)
        work[BOTTOM_SLOPE * LANES + j] = -yielded * density / v


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _fill_row(root: float, points: Floats, weights: Floats, work: Floats) -> None:
    """Sum E and D over the life of one node, and keep their slopes in the depth at each point."""
    groups = (weights.shape[1] - 1) // GROUP
    for k in range(points.shape[0]):
        weighted_sum(weights[k], groups, SQUARES, SQUARE, work)
        _add_time(root, points[k], weights[k, GROUP * groups], work)
        copy_row(TOPS + k, GROWTH, work)
        copy_row(BOTTOMS + k, SPREAD, work)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _add_time(root: float, point: Floats, floor: float, work: Floats) -> None:
    """Add one quadrature point; slopes in the depth at that time go to rows GROWTH and SPREAD."""
    reach, per_reach = root * point[0], point[3] / root
    share, weight = root * root * point[1], root * root * point[2]
    for j in range(LANES):
        rate, dividend = work[RATE * LANES + j], work[YIELD * LANES + j]
        square = work[SQUARE * LANES + j]
        least = floor * work[SQUARES * LANES + j]
        astray = square < least
        depth = math.sqrt(least if astray else square)
        per_v = work[PER_DEVIATION * LANES + j] * per_reach
        d = (depth - work[NOW * LANES + j] + (rate - dividend) * share) * per_v
        d += 0.5 * reach * work[DEVIATION * LANES + j]
        yielded = exponential(-dividend * share)
        density = yielded * density_at(d)
        tail = density * mills_ratio(abs(d))
        flow = rate * work[PER_CAP * LANES + j] * exponential(depth) - dividend
        spike = weight * density * per_v
        lift = d * per_v
        work[BOTTOM * LANES + j] += weight * dividend * (tail if d < 0.0 else yielded - tail)
        work[TOP * LANES + j] += spike * flow
        work[TOP_SLOPE * LANES + j] -= spike * flow * lift  # in the logarithm of the boundary: less depth
        work[BOTTOM_SLOPE * LANES + j] -= spike * dividend
        per_depth = 0.0 if astray else spike / depth
        work[GROWTH * LANES + j] = per_depth * (flow + dividend - flow * lift)
        work[SPREAD * LANES + j] = per_depth * dividend


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _close_row(i: int, n: int, points: int, weights: Floats, work: Floats) -> None:
    """Write one row of the equations: ln(E / D) and its slopes in all depths, where V_S + 1 = D - E."""
    at = (JACOBIAN + i * COLUMNS + n) * LANES
    residual = work[at : at + LANES]
    for j in range(LANES):
        top = max(work[TOP * LANES + j], _TINY)
        bottom = max(work[BOTTOM * LANES + j], _TINY)
        residual[j] = log_ratio(top, bottom)
        work[TOP * LANES + j] = 1.0 / top
        work[BOTTOM * LANES + j] = 1.0 / bottom
    for k in range(points):
        scale_row(TOPS + k, TOP, work)
        subtract_rows(TOPS + k, BOTTOM, BOTTOMS + k, work)
    for k in range(points, weights.shape[0]):
        copy_row(TOPS + k, ZERO, work)
    for m in range(n):
        at = JACOBIAN + i * COLUMNS + m
        weighted_sum(weights[:, m], weights.shape[0] // GROUP, TOPS, at, work)
        scale_row(at, DEPTHS + m, work)
    at = JACOBIAN + i * COLUMNS + i
    subtract_rows(at, BOTTOM_SLOPE, BOTTOM, work)
    subtract_rows(at, TOP_SLOPE, TOP, work)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _eliminate(n: int, work: Floats) -> None:
    """Turn column n into the solution, by Gauss; what was early comes first, so that no pivot is sought."""
    for k in range(n):
        pivot = JACOBIAN + k * COLUMNS + k
        invert_row(pivot, work)
        for m in range(k + 1, n + 1):
            scale_row(JACOBIAN + k * COLUMNS + m, pivot, work)
        for i in range(k + 1, n):
            factor = JACOBIAN + i * COLUMNS + k
            for m in range(k + 1, n + 1):
                subtract_rows(JACOBIAN + i * COLUMNS + m, factor, JACOBIAN + k * COLUMNS + m, work)
    for k in range(n - 1, 0, -1):
        for i in range(k):
            row = JACOBIAN + i * COLUMNS
            subtract_rows(row + n, row + k, JACOBIAN + k * COLUMNS + n, work)
