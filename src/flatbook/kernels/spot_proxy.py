"""What a book and its series are at a new spot, read between spots at which they are known: five points of an interval, or three.

Source: polynomial interpolation at the Chebyshev points of the second kind (L. N. Trefethen, "Approximation Theory and Approximation
Practice", SIAM 2013, chapters 2, 4 and 7); a move t of -1 to 1 stands for an underlying's whole interval. At t = 0 the weights are 0 but
for that of the middle, which is 1: what was known there comes back to the bit. Steps of limits: `limits.ladder`, domain reference 8.1.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POINTS = np.array([-1.0, -math.sqrt(0.5), 0.0, math.sqrt(0.5), 1.0])
FIVE, THREE = 5, 3
MIDDLE = 2
ENDS = (0, MIDDLE, 4)  # of the five, where there are three

# Columns of the limits.
UNVALUED, HARD, KEPT, THRESHOLD = 0, 1, 2, 3
LIMIT_COLUMNS = 7
STAYS = -1
# Columns of what the ladder remembers: the step reached, when the response to three steps ends, how long they cool, the step answered to.
REACHED, UNTIL, COOL_DOWN, ANSWERED = 0, 1, 4, 5
LADDER_COLUMNS = 6

_STEPS = 4
_RELEASE = 0.05
_HARD_STEP = 4
_COOLED_FROM = 2  # ALERT


@njit(cache=True, error_model="numpy")
def weights_at(t: float, out: Floats) -> None:
    """Weights of the five points at a move, float64[FIVE]."""
    for k in range(FIVE):
        weight = 1.0
        for j in range(FIVE):
            if j != k:
                weight *= (t - POINTS[j]) / (POINTS[k] - POINTS[j])
        out[k] = weight


@njit(cache=True, error_model="numpy")
def last_coefficients(nodes: Floats, out: Floats) -> None:
    """The size of the highest Chebyshev coefficient of each column: what the four points below it do not tell.

    Parameters
    ----------
    nodes : float64[FIVE, n]
    out : float64[n]
        Written.
    """
    for i in range(out.size):
        ends, inner = nodes[0, i] + nodes[4, i], nodes[1, i] + nodes[3, i]
        out[i] = abs(ends - 2.0 * inner + 2.0 * nodes[2, i]) / 8.0


@njit(cache=True, error_model="numpy", nogil=True)
def sum_book(
    weights: Floats,
    nodes: Floats,
    linear: Floats,
    linear_of: Ints,
    exposure: Floats,
) -> None:
    """Sums of the book by underlying at its move.

    Parameters
    ----------
    weights : float64[u, FIVE]
        As `weights_at` tells.
    nodes : float64[u, FIVE, m]
        Of all options held.
    linear : float64[h, m]
        What is held of shares and futures, as it is now.
    linear_of : int64[h]
        Their underlyings.
    exposure : float64[u, m]
        Written.
    """
    for u in range(exposure.shape[0]):
        for m in range(exposure.shape[1]):
            total = 0.0
            for k in range(FIVE):
                total += weights[u, k] * nodes[u, k, m]
            exposure[u, m] = total
    for line in range(linear_of.size):
        for m in range(exposure.shape[1]):
            exposure[linear_of[line], m] += linear[line, m]


@njit(cache=True, error_model="numpy", nogil=True)
def use_limits(
    weights: Floats,
    nodes: Floats,
    linear: Floats,
    linear_usd: Floats,
    linear_of: Ints,
    currency: Ints,
    cells: Ints,
    limits: Floats,
    ladder: Ints,
    now_ns: int,
    value: Floats,
    used: Floats,
    step: Ints,
) -> int:
    """Utilisation and step of each limit; say how many no longer stand at the step that was answered to.

    Parameters
    ----------
    weights : float64[u, FIVE]
    nodes : float64[l, c, u, FIVE]
        What each underlying brings to each cell of a limit: one cell, or losses of several scenarios of which the worst counts.
    linear, linear_usd, linear_of : float64[l, c, h], float64[h], int64[h]
        What a USD of delta of a share or future adds to it, the USD held, its underlying.
    currency : int64[l, u]
        Sums of different numbers never meet; below 0: the limit does not bound it.
    cells : int64[l]
        Of one the magnitude counts, of several the worst loss. 0: the limit keeps its utilisation; STAYS: its step, too.
    limits, ladder : float64[l, LIMIT_COLUMNS], int64[l, LADDER_COLUMNS]
    now_ns : int
    value, used, step : float64[l], float64[l], int64[l]
        Written.
    """
    changed = 0
    for number in range(limits.shape[0]):
        used[number], step[number] = limits[number, KEPT], ladder[number, ANSWERED]
        if cells[number] > 0:
            value[number] = _read(
                weights, nodes[number], linear[number], linear_usd, linear_of, currency[number], cells[number]
            )  # fmt: skip
            used[number] = (abs(value[number]) + limits[number, UNVALUED]) / limits[number, HARD]
        if cells[number] != STAYS:
            step[number] = _step(used[number], limits[number], ladder[number], now_ns)
        if step[number] != ladder[number, ANSWERED]:
            changed += 1
    return changed


@njit(cache=True, error_model="numpy")
def _read(
    weights: Floats,
    nodes: Floats,
    linear: Floats,
    linear_usd: Floats,
    linear_of: Ints,
    currency: Ints,
    cells: int,
) -> float:
    """The signed sum, its magnitudes added across currencies under the sign of the largest; or the worst loss of several cells."""
    worst = 0.0
    for cell in range(cells):
        size, largest, loss = 0.0, 0.0, 0.0
        for number in range(currency.size):
            part = 0.0
            for u in range(currency.size):
                if currency[u] == number:
                    for k in range(FIVE):
                        part += weights[u, k] * nodes[cell, u, k]
            for line in range(linear_of.size):
                if currency[linear_of[line]] == number:
                    part += linear[cell, line] * linear_usd[line]
            size += abs(part)
            largest = part if not abs(part) <= abs(largest) else largest
            loss += part if math.isnan(part) else max(-part, 0.0)
        if cells == 1:
            return math.copysign(size, largest)
        if not loss <= worst:
            worst = loss
            if math.isnan(worst):
                return worst
    return worst


@njit(cache=True, error_model="numpy")
def _step(used: float, limit: Floats, ladder: Ints, now_ns: int) -> int:
    reached = 0
    for s in range(1, _STEPS + 1):
        threshold = limit[THRESHOLD + s - 1]
        held = ladder[REACHED] >= s and used >= threshold * (1.0 - _RELEASE)
        if used >= threshold or held:
            reached = s
    if not used <= 1.0:
        reached = _HARD_STEP
    answered = reached
    for c in range(_STEPS - _COOLED_FROM + 1):
        s = _COOLED_FROM + c
        left = ladder[REACHED] >= s and reached < s
        until = now_ns + ladder[COOL_DOWN] if left else ladder[UNTIL + c]
        if until > now_ns:
            answered = max(answered, s)
    return answered
