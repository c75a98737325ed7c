"""The hedge of least risk plus cost in a few products, compiled: h'Qh / 2 + l'h + buying'h+ + selling'h- within bounds.

An active set goes from the best point of one set of signs to the next, each lower than the last (H. Lee, A. Battle, R. Raina,
A. Ng, "Efficient sparse coding algorithms", NIPS 19 (2006), algorithm 1, here with bounds). Equations by Cholesky's factors.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STEPS_MAX = 1000
_SLACK = 1e-10  # of the largest slope, below which a product has nothing to gain


@njit(cache=True, error_model="numpy")
def factors_of(matrix: Floats) -> Any:
    """Cholesky's lower factor of a symmetric matrix, and whether it is positive definite.

    Parameters
    ----------
    matrix : float64[n, n]

    Returns
    -------
    float64[n, n], bool
        False where a pivot is not above 0, as with a NaN; the factor says nothing then.
    """
    n = matrix.shape[0]
    lower = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            left = matrix[i, j]
            for k in range(j):
                left -= lower[i, k] * lower[j, k]
            if i != j:
                lower[i, j] = left / lower[j, j]
            elif left > 1e-14 * abs(matrix[i, i]):
                lower[i, i] = np.sqrt(left)
            else:
                return lower, False
    return lower, True


@njit(cache=True, error_model="numpy")
def _step(quadratic: Floats, slope: Floats, moving: Ints, count: int) -> Floats:
    """Newton's step of the products that move."""
    part, out = np.empty((count, count)), np.empty(count)
    for i in range(count):
        out[i] = -slope[moving[i]]
        for j in range(count):
            part[i, j] = quadratic[moving[i], moving[j]]
    lower, _ = factors_of(part)
    for i in range(count):
        for k in range(i):
            out[i] -= lower[i, k] * out[k]
        out[i] /= lower[i, i]
    for i in range(count - 1, -1, -1):
        for k in range(i + 1, count):
            out[i] -= lower[k, i] * out[k]
        out[i] /= lower[i, i]
    return out


@njit(cache=True, error_model="numpy")
def _settle(
    h: Floats,
    sign: Floats,
    quadratic: Floats,
    linear: Floats,
    buying: Floats,
    selling: Floats,
    most_bought: Floats,
    most_sold: Floats,
) -> None:
    """Move `h` to the best point of the products with a sign, and take the sign of those that hit zero or a bound."""
    n = h.size
    slope = np.empty(n)
    while True:
        moving = np.flatnonzero(sign)
        count = moving.size
        if count == 0:
            return
        for m in range(count):
            i = moving[m]
            slope[i] = linear[i] + (buying[i] if sign[i] > 0.0 else -selling[i])
            for k in range(n):
                slope[i] += quadratic[i, k] * h[k]
        step = _step(quadratic, slope, moving, count)
        first, least, wall = -1, np.inf, 0.0
        for m in range(count):
            i = moving[m]
            if step[m] == 0.0:
                continue
            far = most_bought[i] if sign[i] > 0.0 else -most_sold[i]
            here = far if step[m] * sign[i] > 0.0 else 0.0
            room = (here - h[i]) / step[m]
            if room < least:
                first, least, wall = m, room, here
        share = 1.0 if first < 0 or least >= 1.0 else max(least, 0.0)
        for m in range(count):
            h[moving[m]] += share * step[m]
        if first < 0 or least >= 1.0:
            return
        h[moving[first]] = wall
        sign[moving[first]] = 0.0


@njit(cache=True, error_model="numpy")
def least_cost(
    quadratic: Floats,
    linear: Floats,
    buying: Floats,
    selling: Floats,
    most_bought: Floats,
    most_sold: Floats,
) -> Any:
    """The exact minimum, float64[n], and whether the active set ended (it does where the matrix is positive definite).

    Each round lets the product with most to gain into the set that may move, or out of its bound.

    Parameters
    ----------
    quadratic : float64[n, n]
        Q.
    linear, buying, selling, most_bought, most_sold : float64[n]
        l, charges of a unit either way, and bounds, all but l at least 0.
    """
    n = linear.size
    h, sign = np.zeros(n), np.zeros(n)
    scale = 1e-300
    for i in range(n):
        scale = max(scale, abs(linear[i]) + max(buying[i], selling[i]))
    for _ in range(_STEPS_MAX):
        _settle(h, sign, quadratic, linear, buying, selling, most_bought, most_sold)
        most, at, direction = 0.0, -1, 0.0
        for i in range(n):
            if sign[i] != 0.0:
                continue
            slope = linear[i]
            for k in range(n):
                slope += quadratic[i, k] * h[k]
            up = -slope - (buying[i] if h[i] >= 0.0 else -selling[i])
            down = slope - (selling[i] if h[i] <= 0.0 else -buying[i])
            if h[i] < most_bought[i] and up > most:
                most, at, direction = up, i, 1.0
            if h[i] > -most_sold[i] and down > most:
                most, at, direction = down, i, -1.0
        if not most > _SLACK * scale:
            return h, True
        sign[at] = np.sign(h[at]) if h[at] != 0.0 else direction
    return h, False


@njit(cache=True, error_model="numpy")
def _worth(h: Floats, quadratic: Floats, linear: Floats, buying: Floats, selling: Floats) -> float:
    total = 0.0
    for i in range(h.size):
        row = 0.0
        for k in range(h.size):
            row += quadratic[i, k] * h[k]
        total += h[i] * (0.5 * row + linear[i])
        total += buying[i] * h[i] if h[i] > 0.0 else -selling[i] * h[i]
    return total


@njit(cache=True, error_model="numpy")
def best_lots(
    quadratic: Floats,
    linear: Floats,
    buying: Floats,
    selling: Floats,
    most_bought: Floats,
    most_sold: Floats,
    hedge: Floats,
    lot: Floats,
    together: int,
    reach: Floats,
) -> Ints:
    """Whole lots beside a hedge of least risk plus cost, int64[n].

    Every rounding toward and away from zero of the `together` largest lots is tried; the rest rounds toward zero. Roundings whose sum
    leaves `reach[0]` within `reach[1]` go before those that do not; no lot passes a bound.

    Parameters
    ----------
    quadratic, linear, buying, selling, most_bought, most_sold
        As in `least_cost`.
    hedge, lot : float64[n]
    together : int
    reach : float64[2]
        What the hedge is to bring down, and how near to zero; the second infinite where it does not matter.
    """
    n = hedge.size
    low, part, h = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(n)
    count = 0
    for i in range(n):
        exact = hedge[i] / lot[i]
        low[i] = np.int64(np.trunc(exact))
        if exact == low[i]:
            continue
        at = min(count, together - 1)
        if at < count and not lot[i] > lot[part[at]]:
            continue
        while at > 0 and lot[i] > lot[part[at - 1]]:
            part[at] = part[at - 1]
            at -= 1
        part[at] = i
        count = min(count + 1, together)
    best, least, best_far = low.copy(), np.inf, np.inf
    for choice in range(1 << count):
        lots = low.copy()
        for m in range(count):
            if choice >> m & 1:
                lots[part[m]] += 1 if hedge[part[m]] > 0.0 else -1
        inside, left = True, reach[0]
        for i in range(n):
            h[i] = lots[i] * lot[i]
            left += h[i]
            inside = inside and -most_sold[i] <= h[i] <= most_bought[i]
        if not inside:
            continue
        far = max(abs(left) - reach[1], 0.0)
        worth = _worth(h, quadratic, linear, buying, selling)
        if (far == 0.0 and best_far > 0.0) or ((far == 0.0) == (best_far == 0.0) and worth < least):
            best, least, best_far = lots, worth, far
    return best


@njit(cache=True, error_model="numpy")
def hedges_in_lots(
    quadratic: Floats,
    linear: Floats,
    buying: Floats,
    selling: Floats,
    most_bought: Floats,
    most_sold: Floats,
    lot: Floats,
    ridge: Floats,
    together: int,
    reach: Floats,
) -> Any:
    """Lots of the hedge with all products, and of each product alone.

    Parameters
    ----------
    quadratic, linear, buying, selling, most_bought, most_sold, lot, together, reach
        As in `least_cost` and `best_lots`.
    ridge : float64[n]
        Of the diagonal of `quadratic`, what keeps products from being held against each other: a product alone goes without.

    Returns
    -------
    joint, alone : int64[n]
    """
    n = linear.size
    hedge, _ = least_cost(quadratic, linear, buying, selling, most_bought, most_sold)
    joint = best_lots(quadratic, linear, buying, selling, most_bought, most_sold, hedge, lot, together, reach)
    alone = np.empty(n, dtype=np.int64)
    for j in range(n):
        one = slice(j, j + 1)
        matrix = np.full((1, 1), quadratic[j, j] - ridge[j])
        parts = linear[one], buying[one], selling[one], most_bought[one], most_sold[one]
        hedge, _ = least_cost(matrix, parts[0], parts[1], parts[2], parts[3], parts[4])
        lots = best_lots(
            matrix, parts[0], parts[1], parts[2], parts[3], parts[4], hedge, lot[one], together, reach
        )
        alone[j] = lots[0]
    return joint, alone
