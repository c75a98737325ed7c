"""A smile of any shape that prices stay convex under: a spline on raw SVI, bent until no strike can be arbitraged.

The fit is penalised least squares to the bands (P. Eilers and B. Marx, "Flexible smoothing with B-splines and
penalties", Statistical Science 11 (1996) 89-121) under g >= 0 (`kernels.arbitrage`), a lowest variance and the total
variance of the expiry before, as in M. Fengler, "Arbitrage-free smoothing of the implied volatility surface",
Quantitative Finance 9 (2009) 417-428, but in total variance, where bands are even and evaluation is cheap. Conditions
are linear about the last smile; broken ones enter the next solution with a heavy weight (an active set), and from the
first smile that meets them all a step is taken only as far as they stay met. The system is banded and solved by
Cholesky in one order.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.arbitrage import is_safe
from flatbook.kernels.smile_row import COEFFICIENTS, DEVIATION, INTERVALS, basis_at
from flatbook.kernels.svi import CENTRING, band_pull, svi_at

Floats = NDArray[np.float64]

G_MARGIN = (
    0.01  # what the penalties aim for, so that rounding and the space between grid points stay at or above 0
)
_G_HELD = 0.002  # what a step may leave
_VARIANCE_MARGIN = 0.02  # lowest scaled variance
_CALENDAR_MARGIN = 5e-4  # relative, above the expiry before
_NAN = math.nan


@njit(cache=True, error_model="numpy")
def fit_correction(
    row: Floats,
    bands: Floats,
    counted: int,
    grid: Floats,
    under: Floats,
    anchor: Floats,
    floor: Floats,
    reach: tuple[float, float, float],
    share_wanted: float,
) -> float:
    """Fill a row's coefficients so that the smile lies in its bands and `is_safe`.

    Smoothing is loosened in steps until the share wanted lies inside.

    Parameters
    ----------
    row : float64[ROW]
        SVI, standard deviation and knots given; the coefficients are written.
    bands : float64[5, n]
        z, then low, centre, high and weight of scaled variance, as in `kernels.svi.fit_svi`.
    counted : int
        Only this many of the points, the first ones, count for the share inside.
    grid, under, anchor : float64[m]
        Where (z) the conditions are held during the fit, the scaled variance that it may not fall below, and that of a
        smile which meets the conditions: where quotes alone lead to none, the fit starts again from there.
    floor : float64[ROW]
        The smile of the expiry before, for the last check; zeros where there is none.
    reach : float, float, float
        |k| up to which it is checked (`arbitrage.is_safe`): its own, that of the pair with the floor, the class's.
    share_wanted : float
        Of the points, inside their bands.

    Returns
    -------
    float
        The share of points inside; -1 where no safe fit was found (the coefficients are then zero).
    """
    size, variance = int(row[INTERVALS]) - 3, row[DEVIATION] * row[DEVIATION]
    points, conditions = _prepared(row, bands[0]), _prepared(row, grid)
    best, best_share = np.zeros(size), -1.0
    x, held, penalty = np.zeros(size), False, _PENALTY
    for level in range(_LEVELS):
        if level == 0:
            x = _turn(variance, x, points, bands, conditions, grid, under, penalty, False)
        elif not held:
            x = _projected(conditions, anchor, size)
        x, held = _settled(variance, x, points, bands, conditions, grid, under, penalty)
        share = _share_inside(points, x, bands[1][:counted], bands[3][:counted])
        if held and share > best_share:
            row[COEFFICIENTS + 3 : COEFFICIENTS + 3 + size] = x
            if is_safe(row, floor, reach):
                best_share = share
                best[:] = x
        if best_share >= share_wanted:
            break
        penalty *= _LOOSER
    row[COEFFICIENTS + 3 : COEFFICIENTS + 3 + size] = best
    return best_share


@njit(cache=True, error_model="numpy")
def _settled(
    variance: float,
    x: Floats,
    points: Floats,
    bands: Floats,
    conditions: Floats,
    grid: Floats,
    under: Floats,
    penalty: float,
) -> tuple[Floats, bool]:
    """The coefficients that turns at one smoothing lead to, and whether they hold the conditions."""
    held = _worst_condition(variance, x, conditions, grid, under) >= 0.0
    for _ in range(_TURNS):
        new = _turn(variance, x, points, bands, conditions, grid, under, penalty, True)
        part = _part_allowed(variance, x, new, conditions, grid, under, held)
        if not part > 0.0:
            break
        moved = part * np.max(np.abs(new - x))
        x = x + part * (new - x)
        held = held or _worst_condition(variance, x, conditions, grid, under) >= 0.0
        if moved < _STILL and held:
            break
    return x, held


@njit(cache=True, error_model="numpy")
def _part_allowed(
    variance: float, x: Floats, new: Floats, conditions: Floats, grid: Floats, under: Floats, held: bool
) -> float:
    """How much of a step keeps the conditions once they are held, or breaks them least before; 0 where none is good."""
    longest = np.max(np.abs(new - x))
    if not longest < math.inf:
        return 0.0
    part = min(1.0, _LONGEST / max(longest, 1e-300))
    best, least = 0.0, math.inf
    while part > _SHORTEST:
        trial = x + part * (new - x)
        if held:
            if _worst_condition(variance, trial, conditions, grid, under) >= 0.0:
                return float(part)
        else:
            broken = _violation(variance, trial, conditions, grid, under)
            if broken < least:
                best, least = part, broken
            if broken == 0.0:
                return float(part)
        part *= 0.5
    return best


@njit(cache=True, error_model="numpy")
def _violation(variance: float, x: Floats, conditions: Floats, grid: Floats, under: Floats) -> float:
    """By how much all conditions are broken, 0 where none is."""
    total = 0.0
    for i in range(grid.size):
        y = _value(conditions[i], x, 0)
        least = max(under[i], 0.5 * _VARIANCE_MARGIN)
        if y < least:
            total += 10.0 * (least - y) / least
            y = least
        g = _butterfly(grid[i], y, _value(conditions[i], x, 1), _value(conditions[i], x, 2), variance)
        total += max(_G_HELD - g, 0.0)
    return total


@njit(cache=True, error_model="numpy")
def _projected(conditions: Floats, anchor: Floats, size: int) -> Floats:
    """Coefficients of the spline nearest to a smile given at the grid points."""
    band = np.zeros((size, 4))
    right = np.zeros(size)
    for i in range(anchor.size):
        point = conditions[i]
        _add_row(band, right, point, point[_AT : _AT + 4], 1.0 / anchor[i], anchor[i] - point[_BASE])
    _add_roughness(band, _ALMOST_NONE)
    return right if _solve_band(band, right) else np.full(size, _NAN)


_LEVELS = 4
_PENALTY = 0.3  # of the first level, over the mean weight of a coefficient
_LOOSER = 0.1
_TURNS = 6
_ALMOST_NONE = 1e-6
_NAN = math.nan
_INNER = 3  # solutions of one linearised problem, each with the conditions that the one before breaks
_STEEPNESS = 1e7  # weight of a broken condition
_LONGEST = 5.0  # step in scaled variance, while the conditions do not hold yet
_SHORTEST = 0.05  # part of a step worth taking
_STILL = 1e-4  # a step shorter than this, in scaled variance, ends a level
_FIRST, _AT, _BASE = 0, 1, 13  # columns of what is prepared for a point: first coefficient, basis, SVI
_PREPARED = 16


@njit(cache=True, error_model="numpy")
def _prepared(row: Floats, z: Floats) -> Floats:
    """For each point: its first coefficient, the basis and its derivatives, scaled SVI and its derivatives."""
    out = np.zeros((z.size, _PREPARED))
    deviation = row[DEVIATION]
    variance = deviation * deviation
    for i in range(z.size):
        out[i, _FIRST] = basis_at(row, z[i], out[i, _AT:_BASE])
        w, slope, bend = svi_at(row[0], row[1], row[2], row[3], row[4], z[i] * deviation)
        out[i, _BASE] = w / variance
        out[i, _BASE + 1] = slope / deviation
        out[i, _BASE + 2] = bend
    return out


@njit(cache=True, error_model="numpy")
def _value(point: Floats, x: Floats, order: int) -> float:
    """Scaled variance at a prepared point, or its derivative of that order."""
    total = point[_BASE + order]
    first = int(point[_FIRST])
    if first < 0:
        return float(total)
    for q in range(4):
        at = first + q - 3
        if 0 <= at < x.size:
            total += point[_AT + 4 * order + q] * x[at]
    return float(total)


@njit(cache=True, error_model="numpy")
def _butterfly(z: float, y: float, p: float, q: float, variance: float) -> float:
    ease = 1.0 - 0.5 * z * p / y
    return ease * ease - 0.25 * p * p * (1.0 / y + 0.25 * variance) + 0.5 * q


@njit(cache=True, error_model="numpy")
def _share_inside(points: Floats, x: Floats, low: Floats, high: Floats) -> float:
    inside = 0
    for i in range(low.size):
        y = _value(points[i], x, 0)
        if low[i] - 1e-9 <= y <= high[i] + 1e-9:
            inside += 1
    return float(inside / low.size)


@njit(cache=True, error_model="numpy")
def _worst_condition(variance: float, x: Floats, conditions: Floats, grid: Floats, floor: Floats) -> float:
    """The least of g and of what variance stands above its floor; below zero where a condition is broken."""
    worst = math.inf
    for i in range(grid.size):
        y = _value(conditions[i], x, 0)
        if not y > 0.5 * _VARIANCE_MARGIN:
            return -1.0
        g = _butterfly(grid[i], y, _value(conditions[i], x, 1), _value(conditions[i], x, 2), variance)
        worst = min(worst, g - _G_HELD, y - floor[i])
        if not worst >= 0.0:
            return -1.0
    return worst


@njit(cache=True, error_model="numpy")
def _turn(
    variance: float,
    x: Floats,
    points: Floats,
    bands: Floats,
    conditions: Floats,
    grid: Floats,
    floor: Floats,
    penalty: float,
    with_density: bool,
) -> Floats:
    """The weighted least-squares solution with conditions linear about `x`, g among them or not; NaN where none is."""
    size = x.size
    weight = bands[4]
    stiff = penalty * np.sum(weight) / size
    lines = _linear_conditions(variance, x, conditions, grid, floor)
    new = x.copy()
    for inner in range(_INNER):
        band = np.zeros((size, 4))
        right = np.zeros(size)
        for i in range(weight.size):
            value = _value(points[i], new, 0)
            pull, target = band_pull(value, bands[1, i], bands[2, i], bands[3, i], weight[i], CENTRING)
            if pull > 0.0:
                _add_row(band, right, points[i], points[i, _AT : _AT + 4], pull, target - points[i, _BASE])
        broken = _add_broken(band, right, new, conditions, lines, with_density)
        _add_roughness(band, stiff)
        if not _solve_band(band, right):
            return np.full(size, _NAN)
        moved = np.max(np.abs(right - new))
        new = right
        if inner > 0 and broken == 0 and moved < _STILL:
            break
    return new


@njit(cache=True, error_model="numpy")
def _linear_conditions(variance: float, x: Floats, conditions: Floats, grid: Floats, floor: Floats) -> Floats:
    """For each grid point: g as four slopes in the coefficients and a constant, and the least variance; float64[m, 6]."""
    out = np.zeros((grid.size, 6))
    for i in range(grid.size):
        point = conditions[i]
        first = int(point[_FIRST])
        least = max(floor[i] * (1.0 + _CALENDAR_MARGIN), _VARIANCE_MARGIN)
        out[i, 5] = least
        if first < 0:
            continue
        y = max(_value(point, x, 0), 0.5 * least)
        p, q = _value(point, x, 1), _value(point, x, 2)
        ease = 1.0 - 0.5 * grid[i] * p / y
        by_y = (ease * grid[i] * p + 0.25 * p * p) / (y * y)
        by_p = -ease * grid[i] / y - 0.5 * p * (1.0 / y + 0.25 * variance)
        constant = _butterfly(grid[i], y, p, q, variance)
        for n in range(4):
            out[i, n] = by_y * point[_AT + n] + by_p * point[_AT + 4 + n] + 0.5 * point[_AT + 8 + n]
            at = first + n - 3
            if 0 <= at < x.size:
                constant -= out[i, n] * x[at]
        out[i, 4] = constant
    return out


@njit(cache=True, error_model="numpy")
def _add_broken(
    band: Floats, right: Floats, x: Floats, conditions: Floats, lines: Floats, with_density: bool
) -> int:
    """Add a penalty for every linear condition that `x` breaks; how many there are."""
    broken = 0
    for i in range(lines.shape[0]):
        point, line = conditions[i], lines[i]
        first = int(point[_FIRST])
        if first < 0:
            continue
        if _value(point, x, 0) < line[5]:
            broken += 1
            _add_row(band, right, point, point[_AT : _AT + 4], 10.0 * _STEEPNESS, line[5] - point[_BASE])
        if not with_density:
            continue
        g = line[4]
        for n in range(4):
            at = first + n - 3
            if 0 <= at < x.size:
                g += line[n] * x[at]
        if g < G_MARGIN:
            broken += 1
            _add_row(band, right, point, line[:4], _STEEPNESS, G_MARGIN - line[4])
    return broken


@njit(cache=True, error_model="numpy")
def _add_row(band: Floats, right: Floats, point: Floats, slope: Floats, weight: float, target: float) -> None:
    """Add weight * (slope . x - target)^2 to the normal equations."""
    first = int(point[_FIRST])
    if first < 0:
        return
    for q in range(4):
        at = first + q - 3
        if not 0 <= at < right.size:
            continue
        weighted = weight * slope[q]
        right[at] += weighted * target
        for r in range(q + 1):
            if first + r - 3 >= 0:
                band[at, q - r] += weighted * slope[r]


@njit(cache=True, error_model="numpy")
def _add_roughness(band: Floats, weight: float) -> None:
    """Add weight times the sum of squared second differences, with zeros beyond either end."""
    size = band.shape[0]
    for j in range(size):
        band[j, 0] += 6.0 * weight * (1.0 + 1e-9)
        if j >= 1:
            band[j, 1] -= 4.0 * weight
        if j >= 2:
            band[j, 2] += weight


@njit(cache=True, error_model="numpy")
def _solve_band(band: Floats, right: Floats) -> bool:
    """Solve the symmetric positive seven-diagonal system in place; band[j, d] couples j and j - d."""
    size = right.size
    for j in range(size):
        for d in range(min(3, j), 0, -1):
            total = band[j, d]
            for r in range(d + 1, min(3, j) + 1):
                total -= band[j, r] * band[j - d, r - d]
            band[j, d] = total / band[j - d, 0]
        pivot = band[j, 0]
        for d in range(1, min(3, j) + 1):
            pivot -= band[j, d] * band[j, d]
        if not pivot > 0.0:
            return False
        band[j, 0] = math.sqrt(pivot)
        for d in range(1, min(3, j) + 1):
            right[j] -= band[j, d] * right[j - d]
        right[j] /= band[j, 0]
    for j in range(size - 1, -1, -1):
        for d in range(1, min(3, size - 1 - j) + 1):
            right[j] -= band[j + d, d] * right[j + d]
        right[j] /= band[j, 0]
    return True
