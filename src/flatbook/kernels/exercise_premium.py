"""What early exercise adds to a put: premium, slope and curvature in the spot, for the sixteen puts of a tile.

Source: I. Kim, "The analytic valuation of American options", Review of Financial Studies 3 (1990) 547-572, for the
premium as an integral over the boundary of `exercise_boundary`.
Right beside the boundary the integral needs more points than it is worth, while value, slope and curvature on the
boundary itself are known: there the value is the quintic that meets both.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels import exercise_tile as et
from flatbook.kernels.arithmetic import exponential, mills_ratio
from flatbook.kernels.exercise_rule import GROUP, Rule
from flatbook.kernels.exercise_tile import LANES, density_at, share_below

Floats = NDArray[np.float64]

_NEAR = 0.1  # deviations from the boundary within which the quintic holds

# Rows of the tile, after those of the boundary.
(
    LOG_SPOT,
    BOUNDARY,
    PREMIUM,
    SLOPE,
    BEND,
    EUROPEAN,
    EUROPEAN_SLOPE,
    EUROPEAN_BEND,
    _AT,
    _LOG_AT,
    _SQUARE,
    EARLY,
) = range(et.SCRATCH, et.SCRATCH + 12)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def add_european(work: Floats) -> None:
    """European value of each put of the tile with its slope and curvature; its premium and boundary, for now, 0."""
    for j in range(LANES):
        log_spot = work[LOG_SPOT * LANES + j]
        spot = exponential(log_spot)
        rate, dividend = work[et.RATE * LANES + j], work[et.YIELD * LANES + j]
        v = work[et.DEVIATION * LANES + j]
        d1 = (log_spot + rate - dividend) / v + 0.5 * v
        d2 = d1 - v
        yielded, discount = exponential(-dividend), exponential(-rate)
        density = density_at(d1)
        shares = yielded * share_below(-d1, density)
        work[EUROPEAN * LANES + j] = discount * share_below(-d2, density_at(d2)) - spot * shares
        work[EUROPEAN_SLOPE * LANES + j] = -shares
        work[EUROPEAN_BEND * LANES + j] = yielded * density / (spot * v)
        work[PREMIUM * LANES + j] = 0.0
        work[SLOPE * LANES + j] = 0.0
        work[BEND * LANES + j] = 0.0
        work[BOUNDARY * LANES + j] = 0.0


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def add_premium(rule: Rule, work: Floats) -> None:
    """Early-exercise premium of each put of the tile, its slope and its curvature in the spot.

    The boundary must have been solved. Below it the rows continue smoothly what holds above.
    """
    _begin_premium((et.DEPTHS + rule.nodes.size - 1) * LANES, work)
    groups = (rule.outer_weights.shape[1] - 1) // GROUP
    for k in range(rule.outer.shape[0]):
        et.weighted_sum(rule.outer_weights[k], groups, et.SQUARES, _SQUARE, work)
        _add_exercise(rule.outer[k], rule.outer_weights[k, GROUP * groups], work)
    _bridge(work)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _begin_premium(today: int, work: Floats) -> None:
    depth = work[today : today + LANES]
    for j in range(LANES):
        log_boundary = work[et.LOG_CAP * LANES + j] - depth[j]
        log_spot = work[LOG_SPOT * LANES + j]
        v = work[et.DEVIATION * LANES + j]
        drift = abs(work[et.RATE * LANES + j] - work[et.YIELD * LANES + j])
        least = log_boundary + _NEAR * v * v / (v + drift + v * v)
        at = max(log_spot, least)
        work[BOUNDARY * LANES + j] = exponential(log_boundary)
        work[_LOG_AT * LANES + j] = at
        work[_AT * LANES + j] = exponential(at)
        work[PREMIUM * LANES + j] = 0.0
        work[SLOPE * LANES + j] = 0.0
        work[BEND * LANES + j] = 0.0


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _add_exercise(point: Floats, floor: float, work: Floats) -> None:
    """Add what exercise may earn at one time to come: interest on the strike less dividends, where spot is below."""
    reach, share, weight = point[0], point[1], point[2]
    for j in range(LANES):
        rate, dividend = work[et.RATE * LANES + j], work[et.YIELD * LANES + j]
        per_cap = work[et.PER_CAP * LANES + j]
        least = floor * work[et.SQUARES * LANES + j]
        depth = math.sqrt(max(work[_SQUARE * LANES + j], least))
        v = work[et.DEVIATION * LANES + j] * reach
        per_v = 1.0 / v
        log_boundary = work[et.LOG_CAP * LANES + j] - depth
        d1 = (work[_LOG_AT * LANES + j] - log_boundary + (rate - dividend) * share) * per_v + 0.5 * v
        d2 = d1 - v
        spot = work[_AT * LANES + j]
        yielded, discount = exponential(-dividend * share), exponential(-rate * share)
        per_boundary = per_cap * exponential(depth)
        density = yielded * density_at(d1)
        tail = density * mills_ratio(abs(d1))
        shares = tail if d1 > 0.0 else yielded - tail
        tail = density * spot * per_boundary * mills_ratio(abs(d2))
        cash = tail if d2 > 0.0 else discount - tail
        pull = (rate * per_boundary - dividend) * density * per_v
        work[PREMIUM * LANES + j] += weight * (rate * cash - dividend * spot * shares)
        work[SLOPE * LANES + j] -= weight * (pull + dividend * shares)
        work[BEND * LANES + j] += weight * (pull * (1.0 + d2 * per_v) + dividend * density * per_v) / spot


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _bridge(work: Floats) -> None:
    """Beside the boundary, replace the integral by the quintic through it and what is known on the boundary.

    Below a boundary exercise is worth more than the European value. Where it is not, the boundary is not where it was
    found, which happens next to no interest: there waiting earns nothing, and the premium is 0.
    """
    for j in range(LANES):
        rate, dividend = work[et.RATE * LANES + j], work[et.YIELD * LANES + j]
        v = work[et.DEVIATION * LANES + j]
        boundary, far = work[BOUNDARY * LANES + j], work[_AT * LANES + j]
        near = work[LOG_SPOT * LANES + j] < work[_LOG_AT * LANES + j]
        width = far - boundary
        spot = exponential(work[LOG_SPOT * LANES + j])
        astray = spot < boundary and 1.0 - spot <= work[EUROPEAN * LANES + j]
        u = (spot - boundary) / width
        # the European value at the far end, and here
        log_far = work[_LOG_AT * LANES + j]
        d1 = (log_far + rate - dividend) / v + 0.5 * v
        d2 = d1 - v
        yielded, discount = exponential(-dividend), exponential(-rate)
        density = density_at(d1)
        shares = yielded * share_below(-d1, density)
        value = discount * share_below(-d2, density_at(d2)) - far * shares + work[PREMIUM * LANES + j]
        slope = width * (work[SLOPE * LANES + j] - shares)
        bend = width * width * (work[BEND * LANES + j] + yielded * density / (far * v))
        c0, c1 = 1.0 - boundary, -width
        c2 = width * width * (rate - dividend * boundary) / (v * v * boundary * boundary)
        y, s, b = value - (c0 + c1 + c2), slope - c1 - 2.0 * c2, bend - 2.0 * c2
        c3 = 10.0 * y - 4.0 * s + 0.5 * b
        c4 = -15.0 * y + 7.0 * s - b
        c5 = 6.0 * y - 3.0 * s + 0.5 * b
        value = c0 + u * (c1 + u * (c2 + u * (c3 + u * (c4 + u * c5))))
        slope = c1 + u * (2.0 * c2 + u * (3.0 * c3 + u * (4.0 * c4 + u * (5.0 * c5))))
        bend = 2.0 * c2 + u * (6.0 * c3 + u * (12.0 * c4 + u * (20.0 * c5)))
        value -= work[EUROPEAN * LANES + j]
        slope = slope / width - work[EUROPEAN_SLOPE * LANES + j]
        bend = bend / (width * width) - work[EUROPEAN_BEND * LANES + j]
        kept = 0.0 if astray else 1.0
        work[PREMIUM * LANES + j] = kept * value if near else work[PREMIUM * LANES + j]
        work[SLOPE * LANES + j] = kept * slope if near else work[SLOPE * LANES + j]
        work[BEND * LANES + j] = kept * bend if near else work[BEND * LANES + j]
