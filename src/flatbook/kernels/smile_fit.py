"""One expiry's smile: the simplest that its quotes, the absence of arbitrage and its neighbours allow.

eSSVI where that is near enough, raw SVI where that is, a spline on top where neither is (`kernels.convex_smile`). Every
candidate is checked on a dense grid; raw SVI that fails is drawn back towards eSSVI.
Sources: those of `kernels.svi`, `kernels.essvi`, `kernels.convex_smile` and `kernels.arbitrage`.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.arbitrage import is_safe, least_butterfly, wing_slopes
from flatbook.kernels.convex_smile import fit_correction
from flatbook.kernels.essvi import raw_of_ssvi
from flatbook.kernels.smile_row import (
    DEVIATION,
    INTERVALS,
    INTERVALS_MAX,
    KNOT,
    ROW,
    STEP,
    smile_at,
)
from flatbook.kernels.svi import S_MIN, S, fit_svi, scaled, unscaled
from flatbook.kernels.vol_bands import CENTRE, HIGH, LOW, WEIGHT, K

Floats = NDArray[np.float64]

REFUSED, ESSVI, SVI, CONVEX = range(4)  # kinds

_SHARE_GOOD = 0.95  # of the share wanted: a further attempt is not worth its time
_ROUNDS_SVI = 15
_GRID = 160  # points, about, where conditions are held during the fit
_FLOOR_POINTS = 33
_LEAST_FOR_SVI, _LEAST_FOR_SPLINE = 5, 6  # usable quotes
_STEPS_BACK = 5
_ATTEMPTS = 2
_ABOVE = 1.0002  # times the floor, what a spline may not fall below
_HIGHER = 1.001  # times the floor, what the SVI under a spline may not fall below in its wings
_STEEP = 1.2
_NARROW = 3.0  # standard deviations: the least range a ray to the outermost quotes is drawn over
_KNOTS_APART = 0.08  # in asinh(z): nothing finer escapes the checking grids
_TAPER = 2.0  # intervals at either end over which a spline can do little
_WING_STEPS = 10
_WING_REACH = 3.0  # how far beyond the spline its SVI is made safe, as a multiple


def fit_smile(
    held: Floats,
    counted: int,
    level: float,
    piece: Floats,
    floor: Floats,
    prior: Floats,
    reach: tuple[float, float, float],
    share_wanted: float,
) -> tuple[Floats, int]:
    """The simplest smile that reaches the share wanted, or else the best.

    Parameters
    ----------
    held : float64[5, n]
        Bands of total variance (`kernels.vol_bands`); the first `counted` are this expiry's, the rest what those after
        it leave room for.
    level : float
        Total variance at the money.
    piece : float64[3]
        Its eSSVI.
    floor, prior : float64[ROW]
        The smile of the expiry before, and of this one in the surface before; zeros where there is none.
    reach : float, float, float
        |k| up to which it is checked (`arbitrage.is_safe`): its own, that of the pair with the floor, the class's.
    share_wanted : float
        Of its points inside their bands.

    Returns
    -------
    float64[ROW], int
        A row that `is_safe`, and its kind; REFUSED where there is none.
    """
    points = held[:, :counted]
    plain = _row_of(raw_of_ssvi(piece), level)
    if _share(plain, points) >= share_wanted and is_safe(plain, floor, reach):
        return plain, ESSVI
    if prior[INTERVALS] > 0.0 and counted >= _LEAST_FOR_SPLINE:
        based = _with_wings(prior, points, floor, reach)
        row, share = _safe_spline(held, counted, based, floor, reach, share_wanted)
        if share >= _SHARE_GOOD * share_wanted:
            return row, CONVEX
    free = plain
    if counted >= _LEAST_FOR_SVI:
        free = _svi(held, level, plain, floor, reach)
        if _share(free, points) >= share_wanted and is_safe(free, floor, reach):
            return free, SVI
    row, share = plain, -1.0
    if counted >= _LEAST_FOR_SPLINE:
        row, share = _best_spline(held, counted, level, free, plain, floor, reach, share_wanted)
        if share >= share_wanted:
            return row, CONVEX
    simple, simple_share, kind = _best_simple(points, level, free, plain, floor, reach)
    return (row, CONVEX) if share > simple_share else (simple, kind)


@njit(cache=True, error_model="numpy")
def _best_simple(
    points: Floats,
    level: float,
    free: Floats,
    plain: Floats,
    floor: Floats,
    reach: tuple[float, float, float],
) -> tuple[Floats, float, int]:
    """The better of eSSVI and of SVI made safe, its share inside and its kind; -1 and REFUSED where neither is safe."""
    best, best_share, kind = plain, -1.0, REFUSED
    if is_safe(plain, floor, reach):
        best_share, kind = _share(plain, points), ESSVI
    row, is_found = _towards(free, plain, level, floor, reach)
    if is_found and _share(row, points) > best_share:
        best, best_share, kind = row, _share(row, points), SVI
    return best, best_share, kind


@njit(cache=True, error_model="numpy")
def _best_spline(
    held: Floats,
    counted: int,
    level: float,
    free: Floats,
    plain: Floats,
    floor: Floats,
    reach: tuple[float, float, float],
    share_wanted: float,
) -> tuple[Floats, float]:
    """A spline on SVI; where that falls short on the smile before, raised; last on eSSVI."""
    points = held[:, :counted]
    has_floor = floor[DEVIATION] > 0.0
    lift = level - smile_at(floor, 0.0)[0]
    best, best_share = plain, -1.0
    for attempt in range(3):
        if (attempt == 1 and not has_floor) or (attempt == 2 and not is_safe(plain, floor, reach)):
            continue
        base = free
        if attempt == 1:
            base = _lifted(floor, lift, math.sqrt(level))
            base[INTERVALS:] = 0.0
        elif attempt == 2:
            base = plain
        based = _spline_base(points, base, floor, reach)
        row, share = _safe_spline(held, counted, based, floor, reach, share_wanted)
        if share > best_share:
            best, best_share = row, share
        if best_share >= _SHARE_GOOD * share_wanted:
            break
    return best, best_share


@njit(cache=True, error_model="numpy")
def _lifted(floor: Floats, lift: float, deviation: float) -> Floats:
    """The smile of the expiry before, raised: its wings lie above by construction."""
    row = floor.copy()
    row[0] += max(lift, 1e-3 * floor[DEVIATION] * floor[DEVIATION])
    row[DEVIATION] = deviation
    return row


@njit(cache=True, error_model="numpy")
def _towards(
    free: Floats, plain: Floats, level: float, floor: Floats, reach: tuple[float, float, float]
) -> tuple[Floats, bool]:
    """The SVI row nearest to `free` on the way to `plain` that is safe, and whether one is."""
    start, end = scaled(plain[:5].copy(), level), scaled(free[:5].copy(), level)
    for step in range(_STEPS_BACK + 1):
        kept = 1.0 - step / _STEPS_BACK
        row = _row_of(unscaled(start + kept * (end - start), level), level)
        if is_safe(row, floor, reach):
            return row, True
    return plain, False


@njit(cache=True, error_model="numpy")
def _row_of(raw: Floats, level: float) -> Floats:
    row = np.zeros(ROW)
    row[:5] = raw
    row[DEVIATION] = math.sqrt(level)
    return row


@njit(cache=True, error_model="numpy")
def _share(row: Floats, points: Floats) -> float:
    inside = 0
    for i in range(points.shape[1]):
        w = smile_at(row, points[K, i])[0]
        if points[LOW, i] <= w <= points[HIGH, i]:
            inside += 1
    return float(inside / points.shape[1])


@njit(cache=True, error_model="numpy")
def _svi(
    points: Floats, level: float, plain: Floats, floor: Floats, reach: tuple[float, float, float]
) -> Floats:
    """Raw SVI nearest to the points and, where there are none, above the expiry before."""
    deviation = math.sqrt(level)
    extra = _FLOOR_POINTS if floor[DEVIATION] > 0.0 else 0
    n = points.shape[1]
    held = np.empty((5, n + extra))
    for i in range(n):
        held[K, i] = points[K, i] / deviation
        for j in (LOW, CENTRE, HIGH):
            held[j, i] = points[j, i] / level
        held[WEIGHT, i] = points[WEIGHT, i] * level * level
    typical = np.median(held[WEIGHT][:n])
    for i in range(extra):
        k = reach[1] * (2.0 * i / (extra - 1) - 1.0)
        under = smile_at(floor, k)[0] / level
        held[K, n + i] = k / deviation
        held[LOW, n + i], held[CENTRE, n + i], held[HIGH, n + i] = under * 1.001, under * 1.05, math.inf
        held[WEIGHT, n + i] = min(typical, 1.0 / (0.02 * under) ** 2)
    fitted = fit_svi(
        held[K],
        held[LOW],
        held[CENTRE],
        held[HIGH],
        held[WEIGHT],
        scaled(plain[:5].copy(), level),
        deviation,
        _ROUNDS_SVI,
    )
    return _row_of(unscaled(fitted, level), level)


@njit(cache=True, error_model="numpy")
def _safe_spline(
    points: Floats,
    counted: int,
    base: Floats,
    floor: Floats,
    reach: tuple[float, float, float],
    share_wanted: float,
) -> tuple[Floats, float]:
    """A spline on the SVI and knots of `base`, on a denser grid where it is not safe; its share inside.

    The share is -1 where there is none, as where `base` has no knots.
    """
    row = base.copy()
    if not row[INTERVALS] > 0.0:
        return row, -1.0
    deviation = row[DEVIATION]
    level = deviation * deviation
    bands = points.copy()
    bands[K] /= deviation
    bands[LOW : HIGH + 1] /= level
    bands[WEIGHT] *= level * level
    each = math.ceil(_GRID / row[INTERVALS])  # points an interval: one on every knot, where g may be least
    for attempt in range(_ATTEMPTS):
        each *= 1 + attempt
        size = int(row[INTERVALS]) * each + 1
        grid, under = np.empty(size), np.zeros(size)
        for i in range(size):
            grid[i] = math.sinh(row[KNOT] + row[STEP] * i / each)
            if floor[DEVIATION] > 0.0:
                under[i] = smile_at(floor, grid[i] * deviation)[0] / level * _ABOVE
        row[:] = base
        share = fit_correction(row, bands, counted, grid, under, floor, reach, share_wanted)
        if share >= 0.0:
            return row, share
    return row, -1.0


@njit(cache=True, error_model="numpy")
def _spline_base(points: Floats, free: Floats, floor: Floats, reach: tuple[float, float, float]) -> Floats:
    """SVI and knots on top: first SVI as it is, then a spline that reaches further, last SVI made flatter.

    Without knots where none of them has safe wings.
    """
    for beyond, steps in ((1.0, 0), (2.0, 0), (1.0, _WING_STEPS)):
        row = free.copy()
        row[S] = max(row[S], S_MIN * row[DEVIATION])  # of the expiry before it may be sharp here
        _set_knots(row, points[K] / row[DEVIATION], floor, beyond)
        if _make_wings(row, points, floor, reach, steps):
            return row
    row = free.copy()
    row[INTERVALS] = 0.0
    return row


@njit(cache=True, error_model="numpy")
def _with_wings(prior: Floats, points: Floats, floor: Floats, reach: tuple[float, float, float]) -> Floats:
    """A smile of the surface before as something to build on; without knots where quotes or floor have outgrown it."""
    row = prior.copy()
    low, high = _spline_ends(row)
    covers = low <= np.min(points[K]) and np.max(points[K]) <= high
    if floor[INTERVALS] > 0.0:
        floor_low, floor_high = _spline_ends(floor)
        covers = covers and low <= 0.9 * floor_low and 0.9 * floor_high <= high
    if not (covers and _make_wings(row, points, floor, reach, 0)):
        row[INTERVALS] = 0.0
    return row


@njit(cache=True, error_model="numpy")
def _spline_ends(row: Floats) -> tuple[float, float]:
    """ln(K/F) between which the spline of a row can do something."""
    inner = _TAPER * row[STEP]
    last = row[KNOT] + row[STEP] * row[INTERVALS]
    return row[DEVIATION] * math.sinh(row[KNOT] + inner), row[DEVIATION] * math.sinh(last - inner)


@njit(cache=True, error_model="numpy")
def _make_wings(
    row: Floats, points: Floats, floor: Floats, reach: tuple[float, float, float], steps: int
) -> bool:
    """Raise SVI under a spline above the floor and, in `steps`, flatten it until its wings are safe; whether they are.

    What that does between the ends of the spline is the spline's to undo.
    """
    low_k, high_k = _spline_ends(row)
    far_low, far_high = min(_WING_REACH * low_k, -reach[2]), max(_WING_REACH * high_k, reach[2])
    left, right = wing_slopes(row)
    floor_left, floor_right = wing_slopes(floor)
    level = row[DEVIATION] * row[DEVIATION]
    cap_left, cap_right = _slope_caps(points, level)
    lowest = row[0] + row[1] * row[4] * math.sqrt(1.0 - row[2] * row[2])
    for _ in range(steps + 1):
        left, right = max(min(left, cap_left), floor_left), max(min(right, cap_right), floor_right)
        row[1], row[2] = 0.5 * (left + right), (right - left) / (right + left)
        row[0] = lowest - row[1] * row[4] * math.sqrt(1.0 - row[2] * row[2])
        if floor[DEVIATION] > 0.0:
            row[0] += max(_deficit(row, floor, far_low, low_k), _deficit(row, floor, high_k, far_high))
        left_safe = least_butterfly(row, far_low, low_k) >= 0.0
        right_safe = least_butterfly(row, high_k, far_high) >= 0.0
        if left_safe and right_safe:
            return True
        raised = (not left_safe and left <= floor_left) or (not right_safe and right <= floor_right)
        left *= 1.0 if left_safe else 0.7
        right *= 1.0 if right_safe else 0.7
        lowest += 0.3 * level if raised else 0.0
    return False


@njit(cache=True, error_model="numpy")
def _slope_caps(points: Floats, level: float) -> tuple[float, float]:
    """The steepest wings for a spline to stand on: little more than a ray to the outermost quotes, left and right.

    A wing far steeper than that ray has g below zero, and is a floor that later expiries do not reach.
    """
    least = _NARROW * math.sqrt(level)
    order = np.argsort(points[K], kind="mergesort")
    few = min(3, order.size)
    left, right = np.empty(few), np.empty(few)
    for i in range(few):
        first, last = order[i], order[order.size - 1 - i]
        left[i] = points[CENTRE, first] / max(-points[K, first], least)
        right[i] = points[CENTRE, last] / max(points[K, last], least)
    return _STEEP * np.median(left), _STEEP * np.median(right)


@njit(cache=True, error_model="numpy")
def _deficit(row: Floats, floor: Floats, low_k: float, high_k: float) -> float:
    """How far `row` must rise to lie above `floor` between low_k and high_k."""
    most = 0.0
    for i in range(_FLOOR_POINTS):
        k = low_k + (high_k - low_k) * i / (_FLOOR_POINTS - 1)
        most = max(most, smile_at(floor, k)[0] * _HIGHER - smile_at(row, k)[0])
    return most


@njit(cache=True, error_model="numpy")
def _set_knots(row: Floats, z: Floats, floor: Floats, beyond: float) -> None:
    """Knots as dense as the quotes, over them and over the spline of the expiry before, and some way beyond."""
    low, high = math.asinh(np.min(z)), math.asinh(np.max(z))
    dense = min(max(z.size / 2.5, 4.0), 40.0)
    step = max((high - low) / dense, _KNOTS_APART)
    low, high = min(low, -0.5) - beyond, max(high, 0.5) + beyond
    if floor[DEVIATION] > 0.0 and floor[INTERVALS] > 0.0:
        ratio = floor[DEVIATION] / row[DEVIATION]
        low = min(low, math.asinh(math.sinh(floor[KNOT]) * ratio))
        high = max(high, math.asinh(math.sinh(floor[KNOT] + floor[STEP] * floor[INTERVALS]) * ratio))
    intervals = min(max(math.ceil((high - low) / step), 8.0), float(INTERVALS_MAX))
    row[KNOT], row[STEP], row[INTERVALS] = low, (high - low) / intervals, intervals
