"""Which few legs, in fractions of lots: a set of legs is settled by Newton's method, and legs are swapped while that helps.

    f(x) = slope'x + x'Qx / 2 + buy'x+ + sell'x- + sum of smooth(level + rows x)     with  low <= x <= high and few legs

Rows and levels are told in USD of breach; smooth(u) is 0 below 0, u^2 / 2w up to the width w, and u - w/2 beyond, so that f has a gradient
everywhere but where a leg turns. A set of legs is settled by Newton steps with an exact search along each, from where the set before stood:
a few steps. Which leg might come is told by its gradient and by the curvature that stays once the others answer it.
No randomness, one order: the same question has the same answer.

Source: the smoothed plus function and Newton's method on it are O. Mangasarian's ("A finite Newton method for classification",
Optimization Methods and Software 17 (2002) 913-929); local search over supports is as in H. Hazimeh and R. Mazumder, "Fast best subset
selection", Operations Research 68 (2020) 1517-1537.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STEPS = 40  # of Newton's method at most
_CLOSE = 1e-5  # of f: a step that promises less ends the settling
_RIDGE = 1e-9
_HALVINGS = 14


@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def _dot(a: Floats, b: Floats) -> Any:
    out = 0.0
    for r in range(a.size):
        out += a[r] * b[r]
    return out


@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def _shadow(over: Floats, width: float, shadow: Floats) -> float:
    """Slope of the smoothed breach in each row; the smoothed breach of all."""
    out = 0.0
    for r in range(over.size):
        share = min(max(over[r] / width, 0.0), 1.0)
        shadow[r] = share
        out += share * (over[r] - 0.5 * width * share)
    return out


@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def _slope_along(over: Floats, way: Floats, width: float, step: float) -> float:
    out = 0.0
    for r in range(over.size):
        out += min(max((over[r] + step * way[r]) / width, 0.0), 1.0) * way[r]
    return out


@njit(cache=True, error_model="numpy")
def _add(over: Floats, row: Floats, by: float) -> None:
    for r in range(over.size):
        over[r] += by * row[r]


@njit(cache=True, error_model="numpy")
def _factor(h: Floats, k: int) -> None:
    """Cholesky in place, lower."""
    for a in range(k):
        for b in range(a):
            s = h[a, b]
            for c in range(b):
                s -= h[a, c] * h[b, c]
            h[a, b] = s / h[b, b]
        s = h[a, a]
        for c in range(a):
            s -= h[a, c] * h[a, c]
        h[a, a] = np.sqrt(max(s, 1e-12 * h[a, a]) + 1e-300)


@njit(cache=True, error_model="numpy")
def _solve(h: Floats, k: int, b: Floats) -> None:
    for a in range(k):
        s = b[a]
        for c in range(a):
            s -= h[a, c] * b[c]
        b[a] = s / h[a, a]
    for a in range(k - 1, -1, -1):
        s = b[a]
        for c in range(a + 1, k):
            s -= h[c, a] * b[c]
        b[a] = s / h[a, a]


@njit(cache=True, error_model="numpy")
def _hessian(free, k, quadratic, rows, shadow, h, gathered, width):
    na = 0
    m = shadow.size
    for r in range(m):
        if 0.0 < shadow[r] < 1.0:
            for a in range(k):
                gathered[a, na] = rows[free[a], r]
            na += 1
    for a in range(k):
        for b in range(a + 1):
            h[a, b] = quadratic[free[a], free[b]] + _dot(gathered[a, :na], gathered[b, :na]) / width
    return na


@njit(cache=True, error_model="numpy")
def settle(legs, k, x, over, quadratic, slope, sides, bounds, rows, ridge, width, base, work, beat=np.inf):
    """Settle x on legs[:k], over is kept; returns value, steps."""
    shadow, way, h, gathered, g, step, free = work
    steps = 0
    value = 0.0
    while True:
        penalty = _shadow(over, width, shadow)
        value = penalty
        f = 0
        for a in range(k):
            j = legs[a]
            s = slope[j]
            for b in range(k):
                s += quadratic[j, legs[b]] * x[legs[b]]
            value += 0.5 * x[j] * (s + slope[j]) + (sides[0, j] * x[j] if x[j] > 0.0 else -sides[1, j] * x[j])
            s += _dot(rows[j], shadow)
            if x[j] > 0.0:
                s += sides[0, j]
                ok = not (x[j] >= bounds[1, j] and s < 0.0)
            elif x[j] < 0.0:
                s -= sides[1, j]
                ok = not (x[j] <= bounds[0, j] and s > 0.0)
            elif s + sides[0, j] < 0.0 and bounds[1, j] > 0:
                s += sides[0, j]
                ok = True
            elif s - sides[1, j] > 0.0 and bounds[0, j] < 0:
                s -= sides[1, j]
                ok = True
            else:
                ok = False
            if ok:
                free[f] = j
                g[f] = s
                f += 1
        if steps >= _STEPS or f == 0:
            break
        promise = 0.0
        while f > 0:
            _hessian(free, f, quadratic, rows, shadow, h, gathered, width)
            for a in range(f):
                h[a, a] += ridge[free[a]]
                step[a] = -g[a]
            _factor(h, f)
            _solve(h, f, step)
            kept = 0
            for a in range(f):
                j = free[a]
                outward = (
                    (x[j] == 0.0 and step[a] * g[a] >= 0.0)
                    or (x[j] >= bounds[1, j] and step[a] > 0.0)
                    or (x[j] <= bounds[0, j] and step[a] < 0.0)
                )
                if not outward:
                    free[kept] = j
                    g[kept] = g[a]
                    step[kept] = step[a]
                    kept += 1
            if kept == f:
                break
            f = kept
        for a in range(f):
            promise -= g[a] * step[a]
        if f == 0 or not promise > _CLOSE * (abs(base + value) + 1.0):
            break
        if steps >= 3 and value - 4.0 * promise > beat:
            break
        steps += 1
        _along(free, f, x, over, quadratic, sides, bounds, rows, width, shadow, way, g, step)
    return value, steps


@njit(cache=True, error_model="numpy")
def _along(free, f, x, over, quadratic, sides, bounds, rows, width, shadow, way, g, step):
    far = np.inf
    wall = -1
    for r in range(way.size):
        way[r] = 0.0
    for a in range(f):
        j = free[a]
        _add(way, rows[j], step[a])
        if step[a] > 0.0:
            room = ((bounds[1, j] if x[j] >= 0.0 else 0.0) - x[j]) / step[a]
        elif step[a] < 0.0:
            room = ((bounds[0, j] if x[j] <= 0.0 else 0.0) - x[j]) / step[a]
        else:
            continue
        if room < far:
            far, wall = room, a
    linear, curve = -_dot(way, shadow), 0.0
    for a in range(f):
        linear += g[a] * step[a]
        for b in range(f):
            curve += step[a] * quadratic[free[a], free[b]] * step[b]
    low, high = 0.0, min(far, 1.0)
    below = linear + _dot(way, shadow)
    above = linear + curve * high + _slope_along(over, way, width, high)
    while above < 0.0 and high < far:
        low, below = high, above
        high = min(2.0 * high, far)
        above = linear + curve * high + _slope_along(over, way, width, high)
        if high > 1e6:
            break
    size = high
    if above > 0.0:
        for turn in range(_HALVINGS):
            trial = low + (high - low) * (below / (below - above) if turn % 3 < 2 else 0.5)
            at = linear + curve * trial + _slope_along(over, way, width, trial)
            size = trial
            if abs(at) < 1e-3 * abs(linear + _dot(way, shadow)):
                break
            if at > 0.0:
                high, above = trial, at
            else:
                low, below = trial, at
    for a in range(f):
        j = free[a]
        had = x[j]
        x[j] = had + size * step[a]
        if a == wall and size >= far:
            x[j] = bounds[1, j] if step[a] > 0.0 and had >= 0.0 else (bounds[0, j] if step[a] < 0.0 and had <= 0.0 else 0.0)
        x[j] = min(max(x[j], bounds[0, j]), bounds[1, j])
        _add(over, rows[j], x[j] - had)


@njit(cache=True, error_model="numpy")
def entrants(legs, k, x, over, quadratic, slope, sides, bounds, rows, ridge, width, work, inside, score):
    """How much each leg outside might bring; after settling."""
    shadow, way, h, gathered, g, step, free = work
    n = slope.size
    _shadow(over, width, shadow)
    f = 0
    for a in range(k):
        j = legs[a]
        if x[j] != 0.0 and bounds[0, j] < x[j] < bounds[1, j]:
            free[f] = j
            f += 1
    na = 0
    for r in range(shadow.size):
        if 0.0 < shadow[r] < 1.0:
            na += 1
    _hessian(free, f, quadratic, rows, shadow, h, gathered, width)
    for a in range(f):
        h[a, a] += ridge[free[a]]
    _factor(h, f)
    for j in range(n):
        score[j] = 0.0
        if inside[j]:
            continue
        s = slope[j]
        for b in range(k):
            s += quadratic[j, legs[b]] * x[legs[b]]
        s += _dot(rows[j], shadow)
        up, down = -(s + sides[0, j]), s - sides[1, j]
        room = float(bounds[1, j])
        fall = up
        if down > up:
            fall, room = down, -float(bounds[0, j])
        if fall <= 0.0 or room <= 0.0:
            continue
        own = quadratic[j, j] + ridge[j]
        at = 0
        for r in range(shadow.size):
            if 0.0 < shadow[r] < 1.0:
                way[at] = rows[j, r]
                own += rows[j, r] ** 2 / width
                at += 1
        for a in range(f):
            step[a] = quadratic[j, free[a]] + _dot(gathered[a, :na], way[:na]) / width
        for a in range(f):
            s = step[a]
            for c in range(a):
                s -= h[a, c] * step[c]
            step[a] = s / h[a, a]
            own -= step[a] * step[a]
        own = max(own, ridge[j])
        size = min(fall / own, room)
        score[j] = size * (fall - 0.5 * own * size)


@njit(cache=True, error_model="numpy")
def search_legs(start, barred, quadratic, slope, sides, bounds, rows, level, limits, width, base):
    """Swap legs while that helps; start float64[n]. limits: legs, work (steps), breadth.

    Returns x, value, steps.
    """
    n, m = rows.shape
    most, allowed, breadth = limits[0], limits[1], limits[2]
    size = max(np.count_nonzero(start), most) + 1
    work = (
        np.empty(m),
        np.empty(m),
        np.empty((size, size)),
        np.empty((size, m)),
        np.empty(size),
        np.empty(size),
        np.empty(size, dtype=np.int64),
    )
    ridge = np.empty(n)
    for j in range(n):
        ridge[j] = _RIDGE * _dot(rows[j], rows[j]) / width + 1e-6 * quadratic[j, j] + 1e-12
    x = start.copy()
    legs = np.zeros(size, dtype=np.int64)
    inside = np.zeros(n, dtype=np.bool_)
    over = level.copy()
    k = 0
    for j in range(n):
        if x[j] != 0.0:
            legs[k] = j
            inside[j] = True
            _add(over, rows[j], x[j])
            k += 1
    value, steps = settle(legs, k, x, over, quadratic, slope, sides, bounds, rows, ridge, width, base, work)
    score = np.empty(n)
    # backward
    y, beyond = x.copy(), over.copy()
    best_x, best_over = x.copy(), over.copy()
    while k > most:
        # the one whose leaving costs least, by the curvature
        f = 0
        shadow = work[0]
        _shadow(over, width, shadow)
        h = work[2]
        _hessian(legs, k, quadratic, rows, shadow, h, work[3], width)
        for a in range(k):
            h[a, a] += ridge[legs[a]]
        _factor(h, k)
        least, goer = np.inf, -1
        for a in range(k):
            j = legs[a]
            e = work[5]
            for b in range(k):
                e[b] = 0.0
            e[a] = 1.0
            _solve(h, k, e)
            loss = 0.5 * x[j] * x[j] / e[a]
            if loss < least:
                least, goer = loss, a
        j = legs[goer]
        _add(over, rows[j], -x[j])
        x[j] = 0.0
        inside[j] = False
        legs[goer] = legs[k - 1]
        k -= 1
        value, taken = settle(legs, k, x, over, quadratic, slope, sides, bounds, rows, ridge, width, base, work)
        steps += taken + 2
    # forward
    while k < most:
        entrants(legs, k, x, over, quadratic, slope, sides, bounds, rows, ridge, width, work, inside | barred, score)
        steps += 2
        best, who = np.inf, -1
        for turn in range(breadth):
            j = int(np.argmax(score))
            if not score[j] > 0.0:
                break
            score[j] = 0.0
            y[:] = x
            beyond[:] = over
            legs[k] = j
            tried, taken = settle(legs, k + 1, y, beyond, quadratic, slope, sides, bounds, rows, ridge, width, base, work)
            steps += taken + 1
            if tried < best:
                best, who = tried, j
                best_x[:] = y
                best_over[:] = beyond
        if who < 0 or not best < value - 1e-6 * (abs(value + base) + 1.0):
            break
        legs[k] = who
        inside[who] = True
        k += 1
        value = best
        x[:] = best_x
        over[:] = best_over
    # swaps
    turn, idle = 0, 0
    base_x, base_over = x.copy(), over.copy()
    rest = np.zeros(size, dtype=np.int64)
    while idle < k and steps < allowed:
        goer = turn % k
        turn += 1
        idle += 1
        j = legs[goer]
        base_x[:] = x
        base_over[:] = over
        c = 0
        for a in range(k):
            if a != goer:
                rest[c] = legs[a]
                c += 1
        _add(base_over, rows[j], -base_x[j])
        base_x[j] = 0.0
        inside[j] = False
        without, taken = settle(rest, c, base_x, base_over, quadratic, slope, sides, bounds, rows, ridge, width, base, work)
        steps += taken + 1
        entrants(rest, c, base_x, base_over, quadratic, slope, sides, bounds, rows, ridge, width, work, inside, score)
        steps += 2
        score[j] = 0.0
        inside[j] = True
        best, who = value, -1
        for _ in range(breadth):
            i = int(np.argmax(score))
            if not without - score[i] < best:
                break
            score[i] = 0.0
            y[:] = base_x
            beyond[:] = base_over
            rest[c] = i
            tried, taken = settle(rest, c + 1, y, beyond, quadratic, slope, sides, bounds, rows, ridge, width, base, work, best)
            steps += taken + 1
            if tried < best:
                best, who = tried, i
                best_x[:] = y
                best_over[:] = beyond
        if who >= 0 and best < value - 1e-5 * (abs(value + base) + 1.0):
            legs[goer] = who
            inside[j] = False
            inside[who] = True
            value = best
            x[:] = best_x
            over[:] = best_over
            idle = 0
    return x, value, steps
