"""A smile of any shape that prices stay convex under: a spline on raw SVI, as smooth as bands and no arbitrage allow.

The spline is the smoothest (P. Eilers and B. Marx, "Flexible smoothing with B-splines and penalties", Statistical
Science 11 (1996) 89-121; third differences, so that the density is smooth) whose quotes lie in their bands, under
g >= 0 (`kernels.arbitrage`), a lowest variance and the total variance of the expiry before, as in M. Fengler,
"Arbitrage-free smoothing of the implied volatility surface", Quantitative Finance 9 (2009) 417-428, but in total
variance, where bands are even and evaluation is cheap. A missed condition costs in proportion to how far it is missed:
bands that no smile meets cost no more than they must, and all others are met exactly. The solution is that of an
interior-point method with bounded multipliers (S. Portnoy and R. Koenker, "The Gaussian hare and the Laplacian
tortoise", Statistical Science 12 (1997) 279-300, section 5.1, here with a quadratic term), g being made linear about
each iterate; it starts from a barrier as high as the dearest condition missed, where it sees no conditions but their
centre. Its system is banded and solved by Cholesky in one order.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.arbitrage import is_safe
from flatbook.kernels.smile_row import COEFFICIENTS, DEVIATION, INTERVALS, basis_at
from flatbook.kernels.svi import CENTRING, svi_at

Floats = NDArray[np.float64]

_G_MARGIN = 0.01  # what is aimed for, so that rounding and the space between grid points stay at or above 0
_G_HELD = 0.002  # what the fit may leave
_VARIANCE_MARGIN = 0.02  # lowest scaled variance
_CALENDAR_MARGIN = 5e-4  # relative, above the expiry before
_FAR_ABOVE = 4.0  # times the floor: a start as high as that needs no floor

_ROUGHNESS, _ROUGHNESS_LEAST, _LOOSER = (
    0.05,
    0.0005,
    0.1,
)  # over the middle weight of a coefficient: first, last, steps
_OUTSIDE = 4.0  # cost of a half-spread outside a band
_CEILING = 20.0  # times as much where later expiries set it
_HARD = 100.0  # likewise below the expiry before
_DENSE = 3000.0  # cost of a unit of g
_BARRIER_LEAST, _BARRIER_AGAIN, _SHRINK = (
    2e-2,
    3.0,
    0.1,
)  # costs: at the end, after loosening; from one round to the next
_BOUNDARY = 0.95  # of the way to the nearest boundary that a step goes
_FALL_MOST = 0.6  # of scaled variance, in one step
_STILL, _WHOLE = 1e-2, 0.8  # a step shorter than this, in scaled variance, and as whole as that, ends the fit
_ROUNDS, _STUCK = 50, 1e-4  # a part of a step as small as that leads nowhere

_FIRST, _AT, _BASE = 0, 1, 13  # columns of what is prepared for a point: first coefficient, basis, SVI
_PREPARED = 16
_SLOPE, _BOUND, _COST, _FORCE, _OVER, _SHORT, _HEAVY = 1, 5, 6, 7, 8, 9, 10  # columns of a line
_FORCE_STEP, _OVER_STEP, _SHORT_STEP = 11, 12, 13
_LINE = 14


@njit(cache=True, error_model="numpy")
def fit_correction(
    row: Floats,
    bands: Floats,
    counted: int,
    grid: Floats,
    under: Floats,
    floor: Floats,
    reach: tuple[float, float, float],
    share_wanted: float,
) -> float:
    """Fill a row's coefficients so that the smile lies in its bands and `is_safe`.

    It is as smooth as the share wanted allows.

    Parameters
    ----------
    row : float64[ROW]
        SVI, standard deviation and knots given; the coefficients, zeros for SVI itself, are where the fit starts, and are
        written.
    bands : float64[5, n]
        z, then low, centre, high and weight of scaled variance, as in `kernels.svi.fit_svi`.
    counted : int
        Only this many of the points, the first ones, count for the share inside; the others weigh more.
    grid, under : float64[m]
        Where (z) the conditions are held during the fit, and the scaled variance that it may not fall below.
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
    mine = row[COEFFICIENTS + 3 : COEFFICIENTS + 3 + size]
    x = _interior(variance, mine, points, bands, counted, conditions, grid, under, share_wanted)
    if _holds(variance, x, conditions, grid, under):
        mine[:] = x
        if is_safe(row, floor, reach):
            return _share_inside(points, x, bands[1][:counted], bands[3][:counted])
    mine[:] = 0.0
    return -1.0


@njit(cache=True, error_model="numpy")
def _interior(
    variance: float,
    start: Floats,
    points: Floats,
    bands: Floats,
    counted: int,
    conditions: Floats,
    grid: Floats,
    under: Floats,
    wanted: float,
) -> Floats:
    """The smoothest coefficients under the penalties of all conditions, by interior-point steps."""
    x, size = start.copy(), start.size
    unit = np.median(bands[4][:counted]) * counted / size
    stiff = _ROUGHNESS * unit
    lines, density = _lines(points, bands, counted, conditions, under, x)
    _density_lines(variance, x, conditions, grid, lines[density:])
    barrier = max(1.0, 0.5 * _dearest(lines, x))
    _centre(lines, x, barrier)
    band, right = np.empty((size, 4)), np.empty(size)
    for turn in range(_ROUNDS):
        if turn > 0:
            _density_lines(variance, x, conditions, grid, lines[density:])
        band[:], right[:] = 0.0, 0.0
        _add_centres(band, right, x, points, bands, counted)
        _add_roughness(band, stiff)
        _add_lines(band, right, lines, barrier)
        if not _solve_band(band, right):
            break
        part = min(_longest_part(lines, right, barrier), _part_above_zero(conditions, x, right))
        if not part > _STUCK:
            break
        moved = 0.0
        for j in range(size):
            step = part * (right[j] - x[j])
            x[j] += step
            moved = max(moved, abs(step))
        gap = _advance(lines, part)
        if barrier == _BARRIER_LEAST and part > _WHOLE and moved < _STILL:
            stiff *= _LOOSER
            if stiff < 0.99 * _ROUGHNESS_LEAST * unit or (
                _share_inside(points, x, bands[1][:counted], bands[3][:counted]) >= wanted
            ):
                break
            gap = _BARRIER_AGAIN
        barrier = max(_BARRIER_LEAST, gap * max(_SHRINK, (1.0 - part) * (1.0 - part)))
    return x


@njit(cache=True, error_model="numpy")
def _lines(
    points: Floats, bands: Floats, counted: int, conditions: Floats, under: Floats, x: Floats
) -> tuple[Floats, int]:
    """Every condition as slope . x >= bound at a cost a unit missed; where those of the density begin, still empty.

    Each kind stands in the order of strikes.
    """
    n, m = bands.shape[1], under.size
    out = np.zeros((2 * n + 2 * m, _LINE))
    count = 0
    unit = math.sqrt(np.mean(bands[4][:counted]))
    for side in range(2):
        for i in range(n):
            bound = bands[1 + 2 * side, i]
            if points[i, _FIRST] < 0.0 or not 0.0 < bound < math.inf:
                continue
            cost = _OUTSIDE * math.sqrt(bands[4, i]) * (1.0 if i < counted else _CEILING)
            _set_line(out[count], points[i], 1.0 - 2.0 * side, bound, cost)
            count += 1
    for i in range(m):
        least = max(under[i] * (1.0 + _CALENDAR_MARGIN), _VARIANCE_MARGIN)
        if conditions[i, _FIRST] >= 0.0 and _value(conditions[i], x, 0) < _FAR_ABOVE * least:
            _set_line(out[count], conditions[i], 1.0, least, _HARD * _OUTSIDE * unit)
            count += 1
    for i in range(m):
        out[count + i, _FIRST], out[count + i, _COST] = conditions[i, _FIRST], _DENSE
    return out[: count + m], count


@njit(cache=True, error_model="numpy")
def _set_line(line: Floats, point: Floats, sign: float, bound: float, cost: float) -> None:
    """Total variance at a point at least (sign 1) or at most (-1) the bound."""
    line[_FIRST], line[_BOUND], line[_COST] = point[_FIRST], sign * (bound - point[_BASE]), cost
    for q in range(4):
        line[_SLOPE + q] = sign * point[_AT + q]


@njit(cache=True, error_model="numpy")
def _density_lines(variance: float, x: Floats, conditions: Floats, grid: Floats, lines: Floats) -> None:
    """g >= its margin at each grid point, linear about `x`."""
    for i in range(grid.size):
        point, line = conditions[i], lines[i]
        if point[_FIRST] < 0.0:
            continue
        y = max(_value(point, x, 0), 0.5 * _VARIANCE_MARGIN)
        p, q = _value(point, x, 1), _value(point, x, 2)
        ease = 1.0 - 0.5 * grid[i] * p / y
        by_y = (ease * grid[i] * p + 0.25 * p * p) / (y * y)
        by_p = -ease * grid[i] / y - 0.5 * p * (1.0 / y + 0.25 * variance)
        for n in range(4):
            line[_SLOPE + n] = by_y * point[_AT + n] + by_p * point[_AT + 4 + n] + 0.5 * point[_AT + 8 + n]
        line[_BOUND] = _G_MARGIN - _butterfly(grid[i], y, p, q, variance) + _along(line, x)


@njit(cache=True, error_model="numpy")
def _along(line: Floats, x: Floats) -> float:
    """The line's slopes times `x`."""
    total, first = 0.0, int(line[_FIRST]) - 3
    for q in range(4):
        if 0 <= first + q < x.size:
            total += line[_SLOPE + q] * x[first + q]
    return total


@njit(cache=True, error_model="numpy")
def _dearest(lines: Floats, x: Floats) -> float:
    """The most that a broken line costs."""
    most = 0.0
    for i in range(lines.shape[0]):
        if lines[i, _FIRST] >= 0.0:
            most = max(most, (lines[i, _BOUND] - _along(lines[i], x)) * lines[i, _COST])
    return most


@njit(cache=True, error_model="numpy")
def _centre(lines: Floats, x: Floats, barrier: float) -> None:
    """Multipliers and slacks of each line on the central path, where `x` stands."""
    for i in range(lines.shape[0]):
        line = lines[i]
        if line[_FIRST] < 0.0:
            continue
        cost = line[_COST]
        gap = (_along(line, x) - line[_BOUND]) * cost
        root = math.sqrt(gap * gap + 4.0 * barrier * barrier)
        line[_FORCE] = 2.0 * barrier * cost / (gap + 2.0 * barrier + root)
        line[_OVER], line[_SHORT] = barrier / line[_FORCE], barrier / (cost - line[_FORCE])


@njit(cache=True, error_model="numpy")
def _add_lines(band: Floats, right: Floats, lines: Floats, barrier: float) -> None:
    """The Newton step's share of every line in the normal equations.

    Lines of one interval follow one another: they are summed before they are added.
    """
    sums, near = np.zeros(14), -1
    for i in range(lines.shape[0]):
        line = lines[i]
        if line[_FIRST] < 0.0:
            continue
        if int(line[_FIRST]) != near:
            _add_sums(band, right, sums, near)
            near = int(line[_FIRST])
            sums[:] = 0.0
        force = line[_FORCE]
        spare = line[_COST] - force
        heavy = 1.0 / (line[_SHORT] / spare + line[_OVER] / force)
        line[_HEAVY] = heavy
        pull = heavy * (line[_BOUND] + barrier / force - barrier / spare) + force
        at = 0
        for q in range(4):
            sums[10 + q] += pull * line[_SLOPE + q]
            weighted = heavy * line[_SLOPE + q]
            for r in range(q + 1):
                sums[at] += weighted * line[_SLOPE + r]
                at += 1
    _add_sums(band, right, sums, near)


@njit(cache=True, error_model="numpy")
def _add_sums(band: Floats, right: Floats, sums: Floats, first: int) -> None:
    """Add the lower triangle and the right side, of four coefficients from `first` on, of those padded by three."""
    at = 0
    for q in range(4):
        j = first + q - 3
        for r in range(q + 1):
            if 0 <= j < right.size and first + r - 3 >= 0:
                band[j, q - r] += sums[at]
            at += 1
        if 0 <= j < right.size:
            right[j] += sums[10 + q]


@njit(cache=True, error_model="numpy")
def _longest_part(lines: Floats, new: Floats, barrier: float) -> float:
    """Write each line's step towards `new`; how much of it keeps all slacks and multipliers above 0."""
    worst = _BOUNDARY
    for i in range(lines.shape[0]):
        line = lines[i]
        if line[_FIRST] < 0.0:
            continue
        force, over, short = line[_FORCE], line[_OVER], line[_SHORT]
        spare = line[_COST] - force
        step = -line[_HEAVY] * (_along(line, new) - line[_BOUND] + barrier / spare - barrier / force)
        over_step = (barrier - over * step) / force - over
        short_step = (barrier + short * step) / spare - short
        worst = max(worst, -step / force, step / spare, -over_step / over, -short_step / short)
        line[_FORCE_STEP], line[_OVER_STEP], line[_SHORT_STEP] = step, over_step, short_step
    return _BOUNDARY / worst


@njit(cache=True, error_model="numpy")
def _part_above_zero(conditions: Floats, x: Floats, new: Floats) -> float:
    """How much of a step leaves variance enough of itself for g to stay nearly linear."""
    most = 1.0
    for i in range(conditions.shape[0]):
        y = _value(conditions[i], x, 0)
        fall = y - _value(conditions[i], new, 0)
        if y > 0.0 and fall * most > _FALL_MOST * y:
            most = _FALL_MOST * y / fall
    return most


@njit(cache=True, error_model="numpy")
def _advance(lines: Floats, part: float) -> float:
    """Go that part of each line's step; the mean gap between slack and multiplier then."""
    total, count = 0.0, 0
    for i in range(lines.shape[0]):
        line = lines[i]
        if line[_FIRST] < 0.0:
            continue
        line[_FORCE] += part * line[_FORCE_STEP]
        line[_OVER] += part * line[_OVER_STEP]
        line[_SHORT] += part * line[_SHORT_STEP]
        total += line[_FORCE] * line[_OVER] + (line[_COST] - line[_FORCE]) * line[_SHORT]
        count += 2
    return total / max(count, 1)


@njit(cache=True, error_model="numpy")
def _add_centres(band: Floats, right: Floats, x: Floats, points: Floats, bands: Floats, counted: int) -> None:
    """The weak pull of each point to the middle of its band, which from one half-spread outside grows no further."""
    for i in range(counted):
        centre, weight = bands[2, i], bands[4, i]
        if not centre > 0.0:
            continue
        value = _value(points[i], x, 0)
        away = abs(value - min(max(value, bands[1, i]), bands[3, i])) * math.sqrt(weight)
        pull = CENTRING * weight / max(1.0, away)
        _add_row(band, right, points[i], points[i, _AT : _AT + 4], pull, centre - points[i, _BASE])


@njit(cache=True, error_model="numpy")
def _add_roughness(band: Floats, weight: float) -> None:
    """Add weight times the sum of squared third differences, with zeros beyond either end."""
    size = band.shape[0]
    for j in range(size):
        band[j, 0] += 20.0 * weight * (1.0 + 1e-9)
        if j >= 1:
            band[j, 1] -= 15.0 * weight
        if j >= 2:
            band[j, 2] += 6.0 * weight
        if j >= 3:
            band[j, 3] -= weight


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
def _holds(variance: float, x: Floats, conditions: Floats, grid: Floats, under: Floats) -> bool:
    """Whether g and what variance stands above its floor are not below zero at the grid points."""
    for i in range(grid.size):
        y = _value(conditions[i], x, 0)
        if not (y > 0.5 * _VARIANCE_MARGIN and y >= under[i]):
            return False
        if (
            not _butterfly(grid[i], y, _value(conditions[i], x, 1), _value(conditions[i], x, 2), variance)
            >= _G_HELD
        ):
            return False
    return True
