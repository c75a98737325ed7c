"""The natural cubic spline that balances closeness to points against curvature, and its evaluation.

Sources: C. Reinsch, "Smoothing by spline functions", Numerische Mathematik 10 (1967) 177-183; P. Green and B.
Silverman, "Nonparametric Regression and Generalized Linear Models" (1994), section 2.3. The banded system is solved
by elimination without pivoting, in one order, so equal points give equal bits.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_INFINITE = math.inf
_NAN = math.nan


@njit(cache=True, error_model="numpy")
def fit_smoothing_spline(x: Floats, y: Floats, weight: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Minimise sum(weight * (y - f(x))^2) + penalty * integral(f''^2).

    Parameters
    ----------
    x : float64[n]
        Knots, strictly ascending.
    y : float64[n]
        Points to follow.
    weight : float64[n]
        Above zero; 1 / variance of each point.
    penalty : float
        0 interpolates; towards infinity the answer is the weighted straight line.

    Returns
    -------
    values, second_derivative : float64[n]
        Of the spline at its knots; all NaN if an input is outside the above. Up to two points are met exactly.
    """
    n = x.size
    values = np.full(n, _NAN)
    second = np.full(n, _NAN)
    if not _fits(x, y, weight, penalty):
        return values, second
    for i in range(n):
        values[i] = y[i]
        second[i] = 0.0
    if n <= 2:
        return values, second
    bends = _bends(x, y, weight, penalty)
    for i in range(n - 2):
        second[i + 1] = bends[i]
    for i in range(n):
        pull = 0.0
        if i < n - 1:
            pull += (second[i + 1] - second[i]) / (x[i + 1] - x[i])
        if i > 0:
            pull -= (second[i] - second[i - 1]) / (x[i] - x[i - 1])
        values[i] -= penalty * pull / weight[i]
    return values, second


@njit(cache=True, error_model="numpy")
def evaluate_spline(knots: Floats, values: Floats, second_derivative: Floats, x: Floats) -> Floats:
    """Value of the spline at each x, float64[m]; beyond the first and last knot it goes on as a straight line."""
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = _at(knots, values, second_derivative, x[i])[0]
    return out


@njit(cache=True, error_model="numpy")
def evaluate_slope(knots: Floats, values: Floats, second_derivative: Floats, x: Floats) -> Floats:
    """First derivative of the spline at each x, float64[m]; constant beyond the first and last knot."""
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = _at(knots, values, second_derivative, x[i])[1]
    return out


@njit(cache=True, error_model="numpy")
def _fits(x: Floats, y: Floats, weight: Floats, penalty: float) -> bool:
    if not (0.0 <= penalty < _INFINITE and x.size == y.size == weight.size):
        return False
    for i in range(x.size):
        if not (abs(x[i]) < _INFINITE and abs(y[i]) < _INFINITE and 0.0 < weight[i] < _INFINITE):
            return False
        if i > 0 and not x[i] > x[i - 1]:
            return False
    return True


@njit(cache=True, error_model="numpy")
def _bends(x: Floats, y: Floats, weight: Floats, penalty: float) -> Floats:
    """Second derivatives at the inner knots: (R + penalty Q' W^-1 Q) g = Q' y, five diagonals, as L D L'."""
    m = x.size - 2
    gap = np.empty(m + 1)
    for j in range(m + 1):
        gap[j] = x[j + 1] - x[j]
    diagonal = np.empty(m)
    first = np.zeros(m)  # couples j and j + 1
    other = np.zeros(m)  # couples j and j + 2
    right = np.empty(m)
    for j in range(m):
        a, b, c = 1.0 / gap[j], -1.0 / gap[j] - 1.0 / gap[j + 1], 1.0 / gap[j + 1]
        right[j] = (y[j + 2] - y[j + 1]) / gap[j + 1] - (y[j + 1] - y[j]) / gap[j]
        stiff = a * a / weight[j] + b * b / weight[j + 1] + c * c / weight[j + 2]
        diagonal[j] = (gap[j] + gap[j + 1]) / 3.0 + penalty * stiff
        if j + 1 < m:
            b_next = -1.0 / gap[j + 1] - 1.0 / gap[j + 2]
            shared = b * c / weight[j + 1] + c * b_next / weight[j + 2]
            first[j] = gap[j + 1] / 6.0 + penalty * shared
        if j + 2 < m:
            other[j] = penalty * c / gap[j + 2] / weight[j + 2]
    _solve_banded(diagonal, first, other, right)
    return right


@njit(cache=True, error_model="numpy")
def _solve_banded(diagonal: Floats, first: Floats, other: Floats, right: Floats) -> None:
    """Solve the symmetric positive five-diagonal system in place; the answer is left in `right`."""
    m = right.size
    for j in range(m):
        if j + 1 < m:
            share = first[j] / diagonal[j]
            diagonal[j + 1] -= share * first[j]
            if j + 2 < m:
                first[j + 1] -= share * other[j]
            right[j + 1] -= share * right[j]
        if j + 2 < m:
            share = other[j] / diagonal[j]
            diagonal[j + 2] -= share * other[j]
            right[j + 2] -= share * right[j]
    for j in range(m - 1, -1, -1):
        total = right[j]
        if j + 1 < m:
            total -= first[j] * right[j + 1]
        if j + 2 < m:
            total -= other[j] * right[j + 2]
        right[j] = total / diagonal[j]


@njit(cache=True, error_model="numpy")
def _interval(knots: Floats, x: float) -> int:
    """The last knot but one at or below x, by halving; 0 where there is none."""
    low, high = 0, knots.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle] <= x:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, error_model="numpy")
def _at(knots: Floats, values: Floats, second: Floats, x: float) -> tuple[float, float]:
    n = knots.size
    if n == 0 or not abs(x) < _INFINITE:
        return _NAN, _NAN
    if n == 1:
        return values[0], 0.0
    left = _interval(knots, x)
    gap = knots[left + 1] - knots[left]
    chord = (values[left + 1] - values[left]) / gap
    if x < knots[0]:
        slope = chord - gap * (2.0 * second[0] + second[1]) / 6.0
        return values[0] + slope * (x - knots[0]), slope
    if x > knots[n - 1]:
        slope = chord + gap * (second[n - 2] + 2.0 * second[n - 1]) / 6.0
        return values[n - 1] + slope * (x - knots[n - 1]), slope
    t = (x - knots[left]) / gap
    u = 1.0 - t
    g0, g1 = second[left], second[left + 1]
    value = u * values[left] + t * values[left + 1]
    value += gap * gap * ((u * u * u - u) * g0 + (t * t * t - t) * g1) / 6.0
    slope = chord + gap * ((1.0 - 3.0 * u * u) * g0 + (3.0 * t * t - 1.0) * g1) / 6.0
    return value, slope
