"""Which few legs, in fractions of lots: a set of legs is settled by Newton's method, and legs are swapped while that helps.

    f(x) = slope'x + x'Qx / 2 + buy'x+ + sell'x- + sum of smooth(level + rows x)     with  low <= x <= high and few legs

Rows and levels are told in USD of breach; smooth(u) is 0 below 0, u^2 / 2w up to the width w, and u - w/2 beyond, so that f has a gradient
everywhere but where a leg turns. A set of legs is settled by Newton steps with a search along each, from where the set before stood: a few
steps. Which leg might come is told by its gradient and by the curvature that stays once the others answer it; which one might go, by what
its going costs at that curvature. No randomness, one order: the same question has the same answer.

Source: Newton's method on the smoothed plus function is O. Mangasarian's ("A finite Newton method for classification", Optimization Methods
and Software 17 (2002) 913-929); swaps of one leg are those of H. Hazimeh and R. Mazumder, "Fast best subset selection", Operations Research
68 (2020) 1517-1537.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_STEPS = 40  # of Newton's method at most
_CLOSE = 1e-5  # of what a plan makes least: a step that promises less ends the settling
_HOPE = 2.0  # times what a step promises: no more is expected of all that follow, after two
_TRIALS = 14  # along a step
_RIDGE = 1e-9  # of the curvature with every row between 0 and the width


@njit(cache=True, error_model="numpy")
def search_legs(
    start: Floats,
    among: Bools,
    barred: Bools,
    quadratic: Floats,
    slope: Floats,
    sides: Floats,
    bounds: Ints,
    rows: Floats,
    level: Floats,
    limits: Ints,
    scales: Floats,
) -> Any:
    """Legs go until few are left, come until no more may, then one is swapped for another while that helps or work is left.

    Parameters
    ----------
    start : float64[n]
        Lots, within the bounds; 0 of legs that are not among the first.
    among : bool[n]
        The first set of legs.
    barred : bool[n]
        Legs that may not fill the set, but may come by a swap.
    quadratic, slope, sides, bounds, rows, level
        As in `offset_search.search_lots`; rows float64[n, m] and level float64[m] in USD of breach.
    limits : int64[3]
        Most legs, most Newton steps, and how many legs that might come are tried.
    scales : float64[2]
        The width w, and what a plan makes least beside f.

    Returns
    -------
    lots : float64[n]
    value : float64
        f there.
    steps : int64
        The work done.
    """
    size = max(np.count_nonzero(among), limits[0]) + 1
    room, ridge = _prepared(size, quadratic, rows, scales[0])
    of = (quadratic, slope, sides, bounds, rows, ridge, scales)
    x, over, inside = start.copy(), level.copy(), among.copy()
    legs, k = np.zeros(size, dtype=np.int64), 0
    for j in np.flatnonzero(among):
        legs[k] = j
        k += 1
        _add(over, rows[j], x[j])
    value, steps = _settled(legs, k, x, over, of, room, np.inf)
    while k > limits[0]:
        k = _shed(legs, k, x, over, inside, of, room)
        value, taken = _settled(legs, k, x, over, of, room, np.inf)
        steps += taken + 2
    k, value, steps = _filled(legs, k, x, over, inside, barred, of, room, limits, value, steps)
    goer, idle = 0, 0
    while idle < k and steps < limits[1]:
        better, taken = _swapped(legs, k, goer, x, over, inside, of, room, limits[2], value)
        steps += taken
        idle = 0 if better < value else idle + 1
        value, goer = better, (goer + 1) % k
    return x, value, steps


@njit(cache=True, error_model="numpy")
def _prepared(size: int, quadratic: Floats, rows: Floats, width: float) -> Any:
    """Room to work in, and what is added to each leg's curvature."""
    n, m = rows.shape
    room = (
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
    return room, ridge


@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def _dot(a: Floats, b: Floats) -> Any:
    out = 0.0
    for r in range(a.size):
        out += a[r] * b[r]
    return out


@njit(cache=True, error_model="numpy")
def _add(over: Floats, row: Floats, lots: float) -> None:
    for r in range(over.size):
        over[r] += lots * row[r]


@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def _shadows(over: Floats, width: float, shadow: Floats) -> Any:
    """The slope of each row's smoothed breach into `shadow`, and all of the breach."""
    out = 0.0
    for r in range(over.size):
        share = min(max(over[r] / width, 0.0), 1.0)
        shadow[r] = share
        out += share * (over[r] - 0.5 * width * share)
    return out


@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def _breach_slope(over: Floats, way: Floats, width: float, step: float) -> Any:
    """Of the smoothed breach along `way`, at a step from `over`."""
    out = 0.0
    for r in range(over.size):
        out += min(max((over[r] + step * way[r]) / width, 0.0), 1.0) * way[r]
    return out


@njit(cache=True, error_model="numpy")
def _factored(legs: Ints, k: int, of: Any, room: Any) -> Any:
    """The curvature among legs, by Cholesky, into room[2]; rows in motion gathered into room[3], how many."""
    quadratic, rows, ridge, width = of[0], of[4], of[5], of[6][0]
    shadow, h, gathered = room[0], room[2], room[3]
    moving = 0
    for r in range(shadow.size):
        if 0.0 < shadow[r] < 1.0:
            for a in range(k):
                gathered[a, moving] = rows[legs[a], r]
            moving += 1
    for a in range(k):
        for b in range(a + 1):
            s = quadratic[legs[a], legs[b]] + _dot(gathered[a, :moving], gathered[b, :moving]) / width
            if a == b:
                s += ridge[legs[a]]
                own = s
            for c in range(b):
                s -= h[a, c] * h[b, c]
            h[a, b] = np.sqrt(max(s, 1e-12 * own)) if a == b else s / h[b, b]
    return moving


@njit(cache=True, error_model="numpy")
def _forward(h: Floats, k: int, b: Floats) -> None:
    for a in range(k):
        s = b[a]
        for c in range(a):
            s -= h[a, c] * b[c]
        b[a] = s / h[a, a]


@njit(cache=True, error_model="numpy")
def _backward(h: Floats, k: int, b: Floats) -> None:
    for a in range(k - 1, -1, -1):
        s = b[a]
        for c in range(a + 1, k):
            s -= h[c, a] * b[c]
        b[a] = s / h[a, a]


@njit(cache=True, error_model="numpy")
def _settled(legs: Ints, k: int, x: Floats, over: Floats, of: Any, room: Any, beat: float) -> Any:
    """The best lots of legs[:k] into x, its rows into over; f there and the steps. It ends early where `beat` is out of reach."""
    steps = 0
    while True:
        value, f = _gradient(legs, k, x, over, of, room)
        if f == 0 or steps >= _STEPS:
            return value, steps
        f = _newton(f, x, of, room)
        promise = -_dot(room[4][:f], room[5][:f])
        if f == 0 or not promise > _CLOSE * (abs(of[6][1] + value) + 1.0):
            return value, steps
        if steps >= 2 and value - _HOPE * promise > beat:
            return value, steps
        steps += 1
        _step(f, x, over, of, room)


@njit(cache=True, error_model="numpy")
def _gradient(legs: Ints, k: int, x: Floats, over: Floats, of: Any, room: Any) -> Any:
    """f, and how many legs want to move: which into room[6], their slopes into room[4]."""
    quadratic, slope, sides, bounds, rows, _, scales = of
    shadow, slopes, free = room[0], room[4], room[6]
    value, f = _shadows(over, scales[0], shadow), 0
    for a in range(k):
        j = legs[a]
        s = slope[j]
        for b in range(k):
            s += quadratic[j, legs[b]] * x[legs[b]]
        value += 0.5 * x[j] * (s + slope[j]) + max(sides[0, j] * x[j], -sides[1, j] * x[j])
        s += _dot(rows[j], shadow)
        if x[j] > 0.0 or (x[j] == 0.0 and s + sides[0, j] < 0.0):
            s += sides[0, j]
            moves = x[j] < bounds[1, j] or (s > 0.0 and x[j] > 0.0)
        elif x[j] < 0.0 or s - sides[1, j] > 0.0:
            s -= sides[1, j]
            moves = x[j] > bounds[0, j] or (s < 0.0 and x[j] < 0.0)
        else:
            moves = False
        if moves:
            free[f], slopes[f] = j, s
            f += 1
    return value, f


@njit(cache=True, error_model="numpy")
def _newton(f: int, x: Floats, of: Any, room: Any) -> Any:
    """Newton's step of the free legs into room[5]; legs that it would push out of their bounds are free no more."""
    bounds, slopes, step, free = of[3], room[4], room[5], room[6]
    while f > 0:
        _factored(free, f, of, room)
        for a in range(f):
            step[a] = -slopes[a]
        _forward(room[2], f, step)
        _backward(room[2], f, step)
        kept = 0
        for a in range(f):
            j = free[a]
            out = (
                (x[j] == 0.0 and step[a] * slopes[a] >= 0.0)
                or (x[j] >= bounds[1, j] and step[a] > 0.0)
                or (x[j] <= bounds[0, j] and step[a] < 0.0)
            )
            if not out:
                free[kept], slopes[kept], step[kept] = j, slopes[a], step[a]
                kept += 1
        if kept == f:
            return f
        f = kept
    return f


@njit(cache=True, error_model="numpy")
def _step(f: int, x: Floats, over: Floats, of: Any, room: Any) -> None:
    """Move along the step to the least, or to the first bound; none changes its sign."""
    quadratic, bounds, rows = of[0], of[3], of[4]
    shadow, way, slopes, step, free = room[0], room[1], room[4], room[5], room[6]
    way[:] = 0.0
    far, wall, linear, curve = np.inf, -1, 0.0, 0.0
    for a in range(f):
        j = free[a]
        _add(way, rows[j], step[a])
        linear += slopes[a] * step[a]
        for b in range(f):
            curve += step[a] * quadratic[j, free[b]] * step[b]
        if step[a] != 0.0:
            end = _end(x[j], step[a], bounds, j)
            if (end - x[j]) / step[a] < far:
                far, wall = (end - x[j]) / step[a], a
    size = _least_along(over, way, of[6][0], linear, curve, _dot(way, shadow), far)
    for a in range(f):
        j = free[a]
        had = x[j]
        end = _end(had, step[a], bounds, j)
        to = end if a == wall and size >= far else had + size * step[a]
        x[j] = min(max(to, float(bounds[0, j])), float(bounds[1, j]))
        _add(over, rows[j], x[j] - had)


@njit(cache=True, error_model="numpy")
def _end(lots: float, way: float, bounds: Ints, j: int) -> float:
    """Where leg j must stop."""
    if way > 0.0:
        return float(bounds[1, j]) if lots >= 0.0 else 0.0
    return float(bounds[0, j]) if lots <= 0.0 else 0.0


@njit(cache=True, error_model="numpy")
def _least_along(
    over: Floats, way: Floats, width: float, linear: float, curve: float, breach: float, far: float
) -> float:
    """The step at which f is least, at most `far`; linear is its slope at none, breach the rows' part of that."""
    smooth = linear - breach
    low, below, high = 0.0, linear, min(far, 1.0)
    above = smooth + curve * high + _breach_slope(over, way, width, high)
    while above < 0.0 and high < far and high < 1e6:
        low, below = high, above
        high = min(2.0 * high, far)
        above = smooth + curve * high + _breach_slope(over, way, width, high)
    size = high
    if above > 0.0:
        for turn in range(_TRIALS):
            size = low + (high - low) * (below / (below - above) if turn % 3 < 2 else 0.5)
            at = smooth + curve * size + _breach_slope(over, way, width, size)
            if abs(at) < 1e-3 * abs(linear):
                break
            if at > 0.0:
                high, above = size, at
            else:
                low, below = size, at
    return size


@njit(cache=True, error_model="numpy")
def _shed(legs: Ints, k: int, x: Floats, over: Floats, inside: Bools, of: Any, room: Any) -> int:
    """Drop the leg whose going costs least, the others answering; how many are left."""
    _shadows(over, of[6][0], room[0])
    _factored(legs, k, of, room)
    unit = room[5]
    least, goer = np.inf, 0
    for a in range(k):
        unit[:k] = 0.0
        unit[a] = 1.0
        _forward(room[2], k, unit)
        loss = x[legs[a]] ** 2 / _dot(unit[:k], unit[:k])
        if loss < least:
            least, goer = loss, a
    j = legs[goer]
    _add(over, of[4][j], -x[j])
    x[j], inside[j] = 0.0, False
    legs[goer] = legs[k - 1]
    return k - 1


@njit(cache=True, error_model="numpy")
def _hopes(legs: Ints, k: int, x: Floats, over: Floats, out: Bools, of: Any, room: Any) -> Any:
    """What each leg might bring beside settled ones, float64[n]; 0 of those that are `out`."""
    quadratic, slope, sides, bounds, rows, ridge, scales = of
    shadow, way, gathered, answer, free = room[0], room[1], room[3], room[5], room[6]
    _shadows(over, scales[0], shadow)
    f = 0
    for a in range(k):
        if x[legs[a]] != 0.0 and bounds[0, legs[a]] < x[legs[a]] < bounds[1, legs[a]]:
            free[f] = legs[a]
            f += 1
    moving = _factored(free, f, of, room)
    hope = np.zeros(slope.size)
    for j in range(slope.size):
        if out[j]:
            continue
        s = slope[j] + _dot(rows[j], shadow)
        for b in range(k):
            s += quadratic[j, legs[b]] * x[legs[b]]
        fall, most = -s - sides[0, j], float(bounds[1, j])
        if s - sides[1, j] > fall:
            fall, most = s - sides[1, j], -float(bounds[0, j])
        if fall <= 0.0 or most <= 0.0:
            continue
        at = 0
        for r in range(shadow.size):
            if 0.0 < shadow[r] < 1.0:
                way[at] = rows[j, r]
                at += 1
        for a in range(f):
            answer[a] = quadratic[j, free[a]] + _dot(gathered[a, :moving], way[:moving]) / scales[0]
        _forward(room[2], f, answer)
        own = quadratic[j, j] + _dot(way[:moving], way[:moving]) / scales[0] - _dot(answer[:f], answer[:f])
        size = min(fall / max(own, ridge[j]), most)
        hope[j] = size * (fall - 0.5 * own * size)
    return hope


@njit(cache=True, error_model="numpy")
def _best_entrant(
    legs: Ints, k: int, x: Floats, over: Floats, hope: Floats, of: Any, room: Any, breadth: int, value: float
) -> Any:
    """The leg that brings f lowest, below value, or -1; f and lots then, their rows, and the steps. The k legs stand settled."""
    best, who, steps = value, -1, 0
    best_x, best_over = x, over
    for _ in range(breadth):
        j = int(np.argmax(hope))
        if not hope[j] > 0.0:
            break
        hope[j] = 0.0
        y, beyond = x.copy(), over.copy()
        legs[k] = j
        tried, taken = _settled(legs, k + 1, y, beyond, of, room, best)
        steps += taken + 1
        if tried < best:
            best, who, best_x, best_over = tried, j, y, beyond
    return who, best, best_x, best_over, steps


@njit(cache=True, error_model="numpy")
def _filled(
    legs: Ints,
    k: int,
    x: Floats,
    over: Floats,
    inside: Bools,
    barred: Bools,
    of: Any,
    room: Any,
    limits: Ints,
    value: float,
    steps: int,
) -> Any:
    """Legs come, the best first, until no more may or none helps; how many there are then, f, and the steps in all."""
    while k < limits[0]:
        hope = _hopes(legs, k, x, over, inside | barred, of, room)
        who, best, y, beyond, taken = _best_entrant(legs, k, x, over, hope, of, room, limits[2], value)
        steps += taken + 2
        if who < 0 or not best < value - _CLOSE * (abs(value + of[6][1]) + 1.0):
            break
        legs[k], inside[who] = who, True
        k += 1
        value = best
        x[:], over[:] = y, beyond
    return k, value, steps


@njit(cache=True, error_model="numpy")
def _swapped(
    legs: Ints,
    k: int,
    goer: int,
    x: Floats,
    over: Floats,
    inside: Bools,
    of: Any,
    room: Any,
    breadth: int,
    value: float,
) -> Any:
    """Leg number `goer` for the best other one, if that helps; f then, and the steps."""
    j = legs[goer]
    rest = np.empty(k, dtype=np.int64)
    rest[:goer] = legs[:goer]
    rest[goer : k - 1] = legs[goer + 1 : k]
    y, beyond = x.copy(), over.copy()
    _add(beyond, of[4][j], -y[j])
    y[j] = 0.0
    without, steps = _settled(rest, k - 1, y, beyond, of, room, np.inf)
    hope = _hopes(rest, k - 1, y, beyond, inside, of, room)
    enough = value - _CLOSE * (abs(value + of[6][1]) + 1.0)
    for i in range(hope.size):
        if not without - hope[i] < enough:
            hope[i] = 0.0
    who, best, y, beyond, taken = _best_entrant(rest, k - 1, y, beyond, hope, of, room, breadth, enough)
    steps += taken + 3
    if who < 0:
        return value, steps
    legs[goer] = who
    inside[j], inside[who] = False, True
    x[:], over[:] = y, beyond
    return best, steps
