"""Whole lots of a convex programme with soft rows, by moves of one leg and of two at once: the repair after a relaxation.

    f(x) = slope'x + x'Qx / 2 + buy'x+ + sell'x- + price'(level + rows x)+     with  low <= x <= high and few legs

Every move of a leg is its exact best (f is convex along it); a pair is a small move of one leg and the best answer of another, so it
takes in swaps, where a leg goes to nothing and another comes. With shadow prices `shadow` between 0 and `price`,
f(x) >= L(x) = slope'x + x'Qx / 2 + buy'x+ + sell'x- + shadow'(level + rows x): a pair that cannot bring L below f is never tried, which
costs a few operations and not a look at every row. No randomness, one order: the same question has the same answer.

Source: performance notes of the project, section F; the bound is Lagrange's (A. Geoffrion, "Lagrangean relaxation for integer
programming", Mathematical Programming Study 2 (1974) 82-114).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TINY = 1e-9  # of the scale of f: what is no improvement


@njit(cache=True, error_model="numpy")
def search_lots(
    start: Ints,
    quadratic: Floats,
    slope: Floats,
    sides: Floats,
    bounds: Ints,
    rows: Floats,
    terms: Floats,
    limits: Ints,
) -> Any:
    """Descend from `start` until no move of one or two legs helps, or the work allowed is done.

    Parameters
    ----------
    start : int64[n]
        Lots, within the bounds.
    quadratic : float64[n, n]
        Symmetric, positive semidefinite, per lot squared.
    slope : float64[n]
        Per lot.
    sides : float64[2, n]
        Cost of a lot bought and of a lot sold, 0 or above.
    bounds : int64[2, n]
        Lowest (0 or below) and highest (0 or above) lots.
    rows : float64[n, m]
        What a lot adds to each row.
    terms : float64[3, m]
        Level of each row at no lots (above 0 is a breach), price of a unit of breach, and shadow price between 0 and that.
    limits : int64[3]
        Most legs, most looks at all rows, and how many sizes the first leg of a pair tries: 1, 2, 4, ...

    Returns
    -------
    lots : int64[n]
    value : float64
        f there.
    looks : int64
        At all rows; the work done.
    """
    x = start.copy()
    gradient, level = _state(x, quadratic, slope, rows, terms)
    shade = _shade(rows, terms)
    looks = 0
    while looks < limits[1]:
        looks, moved = _single_moves(x, gradient, level, quadratic, sides, bounds, rows, terms, limits, looks)
        if moved:
            continue
        looks, moved = _pair_moves(
            x, gradient, level, quadratic, sides, bounds, rows, terms, limits, shade, looks
        )
        if not moved:
            break
    return x, value_of(x, quadratic, slope, sides, rows, terms), looks


@njit(cache=True, error_model="numpy")
def _shade(rows: Floats, terms: Floats) -> Floats:
    shade = np.empty(rows.shape[0])
    for j in range(shade.size):
        shade[j] = _dot(rows[j], terms[2])
    return shade


@njit(cache=True, error_model="numpy")
def value_of(x: Ints, quadratic: Floats, slope: Floats, sides: Floats, rows: Floats, terms: Floats) -> float:
    """f of whole lots; parameters as in `search_lots`."""
    gradient, level = _state(x, quadratic, slope, rows, terms)
    out = 0.0
    for j in range(x.size):
        out += 0.5 * x[j] * (gradient[j] + slope[j]) + _side_cost(x[j], sides, j)
    for r in range(level.size):
        if level[r] > 0.0:
            out += terms[1, r] * level[r]
    return out


@njit(cache=True, error_model="numpy")
def _state(x: Ints, quadratic: Floats, slope: Floats, rows: Floats, terms: Floats) -> Any:
    gradient, level = slope.copy(), terms[0].copy()
    for j in range(x.size):
        if x[j] != 0:
            for i in range(x.size):
                gradient[i] += quadratic[j, i] * x[j]
            _add(level, rows[j], x[j])
    return gradient, level


@njit(cache=True, error_model="numpy")
def _add(level: Floats, row: Floats, lots: int) -> None:
    for r in range(level.size):
        level[r] += lots * row[r]


@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def _dot(a: Floats, b: Floats) -> Any:
    out = 0.0
    for r in range(a.size):
        out += a[r] * b[r]
    return out


@njit(cache=True, error_model="numpy")
def _side_cost(lots: int, sides: Floats, j: int) -> float:
    return float(sides[0, j] * lots if lots > 0 else -sides[1, j] * lots)


# The order of the sum is the machine's, so that several rows are done at once; NaN stays NaN.
@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def _breach(level: Floats, row: Floats, lots: float, price: Floats) -> float:
    """price'(level + lots row)+."""
    out = 0.0
    for r in range(level.size):
        over = level[r] + lots * row[r]
        out += price[r] * (0.0 if over <= 0.0 else over)  # noqa: FURB136 (NaN stays, rows go together)
    return out


@njit(cache=True, error_model="numpy")
def _along(
    j: int,
    lots: int,
    have: int,
    slope: float,
    curve: float,
    sides: Floats,
    level: Floats,
    row: Floats,
    price: Floats,
) -> float:
    """f beside a constant when leg j moves by `lots` from `have`."""
    return (
        slope * lots
        + 0.5 * curve * lots * lots
        + _side_cost(have + lots, sides, j)
        + _breach(level, row, lots, price)
    )


@njit(cache=True, error_model="numpy")
def _best_along(
    j: int,
    have: int,
    slope: float,
    curve: float,
    sides: Floats,
    bounds: Ints,
    level: Floats,
    row: Floats,
    price: Floats,
) -> Any:
    """The best whole move of leg j, f beside a constant there and at no move, and the looks taken.

    f is convex along the leg: the move doubles while f falls, then the least is closed in on from both sides.
    """
    here = _along(j, 0, have, slope, curve, sides, level, row, price)
    looks, way, least = 1, 0, here
    for sign in (1, -1):
        if (bounds[(sign + 1) // 2, j] - have) * sign <= 0:
            continue
        value = _along(j, sign, have, slope, curve, sides, level, row, price)
        looks += 1
        if value < least:
            way, least = sign, value
            break
    if way == 0:
        return 0, here, here, looks
    wall = abs(bounds[(way + 1) // 2, j] - have)
    low, best, high, step = 0, 1, wall + 1, 1
    while best < wall:
        step *= 2
        further = min(best + step, wall)
        value = _along(j, way * further, have, slope, curve, sides, level, row, price)
        looks += 1
        if not value < least:
            high = further
            break
        low, best, least = best, further, value
    best, least, taken = _closed_in(
        low, best, high, way, least, j, have, slope, curve, sides, level, row, price
    )
    return way * best, least, here, looks + taken


@njit(cache=True, error_model="numpy")
def _closed_in(
    low: int,
    best: int,
    high: int,
    way: int,
    least: float,
    j: int,
    have: int,
    slope: float,
    curve: float,
    sides: Floats,
    level: Floats,
    row: Floats,
    price: Floats,
) -> Any:
    """The least between `low` and `high`, where neither is as good as `best` between them."""
    looks = 0
    while high - low > 2:
        trial = low + (high - low) // 2
        if trial == best:
            trial = best - 1 if best - low >= high - best else best + 1
        value = _along(j, way * trial, have, slope, curve, sides, level, row, price)
        looks += 1
        if value < least:
            low, high = (low, best) if trial < best else (best, high)
            best, least = trial, value
        elif trial < best:
            low = trial
        else:
            high = trial
    return best, least, looks


@njit(cache=True, error_model="numpy")
def best_alone(
    quadratic: Floats, slope: Floats, sides: Floats, bounds: Ints, rows: Floats, terms: Floats
) -> Any:
    """The best whole lots of each leg by itself, int64[n]; parameters as in `search_lots`."""
    out = np.zeros(slope.size, dtype=np.int64)
    for j in range(slope.size):
        lots, _, _, _ = _best_along(
            j, 0, slope[j], quadratic[j, j], sides, bounds, terms[0], rows[j], terms[1]
        )
        out[j] = lots
    return out


@njit(cache=True, error_model="numpy")
def _legs(x: Ints) -> int:
    count = 0
    for j in range(x.size):
        count += int(x[j] != 0)
    return count


@njit(cache=True, error_model="numpy")
def _move(
    x: Ints, j: int, lots: int, gradient: Floats, level: Floats, quadratic: Floats, rows: Floats
) -> None:
    x[j] += lots
    for i in range(x.size):
        gradient[i] += quadratic[j, i] * lots
    _add(level, rows[j], lots)


@njit(cache=True, error_model="numpy")
def _single_moves(
    x: Ints,
    gradient: Floats,
    level: Floats,
    quadratic: Floats,
    sides: Floats,
    bounds: Ints,
    rows: Floats,
    terms: Floats,
    limits: Ints,
    looks: int,
) -> Any:
    """Each leg to its best, in turn; whether any moved."""
    moved = False
    legs = _legs(x)
    for j in range(x.size):
        if x[j] == 0 and legs >= limits[0]:
            continue
        lots, least, here, taken = _best_along(
            j, x[j], gradient[j], quadratic[j, j], sides, bounds, level, rows[j], terms[1]
        )
        looks += taken
        if lots != 0 and least < here - _TINY * (1.0 + abs(here)):
            legs += int(x[j] + lots != 0) - int(x[j] != 0)
            _move(x, j, lots, gradient, level, quadratic, rows)
            moved = True
    return looks, moved


@njit(cache=True, error_model="numpy")
def _gain_bound(x: int, j: int, slope: float, curve: float, sides: Floats) -> float:
    """The most that leg j can bring L down by, from below."""
    up = slope + (sides[0, j] if x >= 0 else -sides[1, j])
    down = -slope + (sides[1, j] if x <= 0 else -sides[0, j])
    fall = max(-up, -down, 0.0)
    if fall == 0.0:
        return 0.0
    return 0.5 * fall * fall / curve if curve > 0.0 else np.inf


@njit(cache=True, error_model="numpy")
def _pair_moves(
    x: Ints,
    gradient: Floats,
    level: Floats,
    quadratic: Floats,
    sides: Floats,
    bounds: Ints,
    rows: Floats,
    terms: Floats,
    limits: Ints,
    shade: Floats,
    looks: int,
) -> Any:
    """The first pair that helps, for each first leg; whether any moved."""
    n, widest = x.size, limits[2]
    moved = False
    changed = level.copy()
    for i in range(n):
        for number in range(2 * widest + 1):
            size = 1 << (number // 2)
            first = -x[i] if number == 2 * widest else size if number % 2 == 0 else -size
            if first == 0 or x[i] + first > bounds[1, i] or x[i] + first < bounds[0, i]:
                continue
            legs = _legs(x) + int(x[i] + first != 0) - int(x[i] != 0)
            step, j, taken = _best_answer(
                i,
                first,
                x,
                gradient,
                level,
                changed,
                quadratic,
                sides,
                bounds,
                rows,
                terms,
                shade,
                limits[0] - legs,
            )
            looks += taken
            if j >= 0:
                _move(x, i, first, gradient, level, quadratic, rows)
                _move(x, j, step, gradient, level, quadratic, rows)
                moved = True
            if looks >= limits[1]:
                return looks, moved
    return looks, moved


@njit(cache=True, error_model="numpy")
def _best_answer(
    i: int,
    first: int,
    x: Ints,
    gradient: Floats,
    level: Floats,
    changed: Floats,
    quadratic: Floats,
    sides: Floats,
    bounds: Ints,
    rows: Floats,
    terms: Floats,
    shade: Floats,
    room: int,
) -> Any:
    """The best move of another leg after leg i moved by `first`, its leg, or -1 where none makes the pair worth while."""
    now = _breach(level, rows[i], 0.0, terms[1])
    gap = now - _dot(level, terms[2])  # f less L
    alone = (
        gradient[i] * first
        + 0.5 * quadratic[i, i] * first * first
        + _side_cost(x[i] + first, sides, i)
        - _side_cost(x[i], sides, i)
    )
    shaded = alone + shade[i] * first
    looks, ready = 1, False
    if room < -1:
        return 0, -1, looks
    best, step, leg = -_TINY * (1.0 + abs(now)), 0, -1
    for j in range(x.size):
        if j == i or (room <= 0 and x[j] == 0):
            continue
        slope = gradient[j] + quadratic[i, j] * first
        reach = shaded - _gain_bound(x[j], j, slope + shade[j], quadratic[j, j], sides)
        if not reach < gap + best:
            continue
        if not ready:
            for r in range(level.size):
                changed[r] = level[r] + first * rows[i, r]
            ready = True
        if room < 0:
            lots = -x[j]
            least = _along(j, lots, x[j], slope, quadratic[j, j], sides, changed, rows[j], terms[1])
            taken = 1
        else:
            lots, least, _, taken = _best_along(
                j, x[j], slope, quadratic[j, j], sides, bounds, changed, rows[j], terms[1]
            )
        looks += taken
        gain = alone + least - _side_cost(x[j], sides, j) - now
        if lots != 0 and gain < best:
            best, step, leg = gain, lots, j
    return step, leg, looks
