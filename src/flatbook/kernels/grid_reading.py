"""What the nodes of a solved lane tell at any spot: price and its derivatives, on the grid and beyond its ends.

Source for the derivatives: Stirling's central differences on five nodes. Theta follows from the differential equation,
so price, delta, gamma and theta agree with each other.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.grid_sweep import (
    AMERICAN,
    FIRST,
    LENGTH,
    RATE,
    SIGN,
    SPEED,
    SPOT,
    STEP,
    STRIKE,
    VOL,
    YIELD,
)

Floats = NDArray[np.float64]

# Columns of a point.
P_PRICE, P_DELTA, P_GAMMA, P_THETA, P_CHARM, P_EXERCISED = range(6)
POINTS = 6

_THIRD, _SIXTH = 1.0 / 3.0, 1.0 / 6.0  # a product is faster than a quotient


@njit(cache=True, error_model="numpy")
def read_point(
    point: Floats, values: Floats, options: Floats, segment: Floats, lane: int, nodes: int
) -> None:
    """Write price, delta, gamma, theta and charm at today's spot into `point`, float64[POINTS]."""
    spot, strike, sign = options[SPOT, lane], options[STRIKE, lane], options[SIGN, lane]
    h, vol, rate = segment[STEP, lane], options[VOL, lane], options[RATE, lane]
    first = segment[FIRST, lane] - segment[SPEED, lane] * segment[LENGTH, lane]
    place = (math.log(spot) - first) / h
    i = min(max(int(place + 0.5), 2), nodes - 3)
    u = place - i
    a, b, c, d, e = (
        values[i - 2, lane],
        values[i - 1, lane],
        values[i, lane],
        values[i + 1, lane],
        values[i + 2, lane],
    )
    third = 0.5 * (e - a) - (d - b)
    fourth = e + a - 4.0 * (d + b) + 6.0 * c
    one, two = 0.5 * (d - b) - third / 6.0, d + b - 2.0 * c - fourth / 12.0
    price = c + u * (one + u * (0.5 * two + u * (third / 6.0 + u * fourth / 24.0)))
    slope = (one + u * (two + u * (0.5 * third + u * fourth / 6.0))) / h
    bend = (two + u * (third + 0.5 * u * fourth)) / (h * h)
    twist = (third + u * fourth) / (h * h * h)
    diffusion = 0.5 * vol * vol
    drift = rate - options[YIELD, lane] - diffusion
    gain = sign * (spot - strike)
    exercised = options[AMERICAN, lane] > 0.0 and (
        price <= gain or _at_exercise(values, lane, place, nodes, first, h, strike, sign)
    )
    point[P_PRICE] = gain if exercised else max(price, 0.0)
    point[P_DELTA] = sign if exercised else slope / spot
    point[P_GAMMA] = 0.0 if exercised else (bend - slope) / (spot * spot)
    point[P_THETA] = 0.0 if exercised else rate * price - drift * slope - diffusion * bend
    point[P_CHARM] = 0.0 if exercised else (rate * slope - drift * bend - diffusion * twist) / spot
    point[P_EXERCISED] = 1.0 if exercised else 0.0


@njit(cache=True, error_model="numpy")
def _at_exercise(
    values: Floats, lane: int, place: float, nodes: int, first: float, h: float, strike: float, sign: float
) -> bool:
    """Say whether both nodes around `place` are worth their exercise."""
    low = min(max(int(place), 0), nodes - 2)
    for i in range(low, low + 2):
        if values[i, lane] > sign * (math.exp(first + i * h) - strike) + 1e-12 * strike:
            return False
    return True


@njit(cache=True, error_model="numpy")
def price_at(
    values: Floats, lane: int, first: float, h: float, spot: float, terms: tuple[float, float, float]
) -> float:
    """Price at `spot` on the nodes exp(first + i * h) of `values`, float64[nodes, lanes], or on the line beyond them.

    `terms` is (sign, exercise strike, ceiling); a strike of -sign * inf forbids exercise.
    """
    sign, strike, ceiling = terms
    if not spot > 0.0:
        return math.nan
    nodes = values.shape[0]
    place = (math.log(spot) - first) / h
    if 0.0 <= place <= nodes - 1.0:
        price = interpolate(values, lane, nodes, place)
    else:
        edge, inner = (0, 1) if place < 0.0 else (nodes - 1, nodes - 2)
        level, slope = end_line(values, lane, edge, inner, first, h)
        price = min(level + slope * spot, ceiling)
    return max(price, sign * (spot - strike), 0.0)


@njit(cache=True, error_model="numpy")
def interpolate(values: Floats, lane: int, nodes: int, place: float) -> float:
    """Cubic through the four nodes around `place`, counted in nodes."""
    i = min(max(int(place), 1), nodes - 3)
    u = place - i
    a, b, c, d = values[i - 1, lane], values[i, lane], values[i + 1, lane], values[i + 2, lane]
    cubic: float = b + u * (
        c
        - _THIRD * (a + 0.5 * d)
        - 0.5 * b
        + u * (0.5 * (a + c) - b + u * (_SIXTH * (d - a) + 0.5 * (b - c)))
    )
    return cubic


@njit(cache=True, error_model="numpy")
def end_line(
    values: Floats, lane: int, edge: int, inner: int, first: float, step: float
) -> tuple[float, float]:
    """Level and slope, in the spot, of the line through two nodes: the worth beyond an end of the grid."""
    edge_spot, inner_spot = math.exp(first + edge * step), math.exp(first + inner * step)
    slope = (values[edge, lane] - values[inner, lane]) / (edge_spot - inner_spot)
    return values[edge, lane] - slope * edge_spot, slope


@njit(cache=True, error_model="numpy")
def value_ceiling(options: Floats, lane: int, left: float) -> float:
    """Most that the option can be worth `left` years before expiry: a put on a spot that is gone; none for a call."""
    if options[SIGN, lane] > 0.0:
        return math.inf
    strike: float = options[STRIKE, lane]
    waiting = strike * math.exp(-options[RATE, lane] * left)
    return max(waiting, strike) if options[AMERICAN, lane] > 0.0 else waiting
