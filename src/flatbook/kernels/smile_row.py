"""A smile as one row of numbers: raw SVI, and a cubic spline on top that any shape can be made of.

The spline adds to SVI's total variance, stands on even knots of u = asinh(z), z = ln(K/F) over one standard deviation,
so that knots are dense at the money, and dies out with two continuous derivatives at its ends, where SVI goes on alone.
A row is float64[ROW]: raw SVI; the standard deviation; the spline's first knot, step and count of intervals (0: none);
its coefficients with three zeros at either end.
Source: C. de Boor, "A Practical Guide to Splines" (1978), chapter IX, for even knots.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.svi import svi_at

Floats = NDArray[np.float64]

INTERVALS_MAX = 64
DEVIATION, KNOT, STEP, INTERVALS, COEFFICIENTS = 5, 6, 7, 8, 9  # columns of a row; raw SVI comes first
ROW = COEFFICIENTS + INTERVALS_MAX + 3


@njit(cache=True, error_model="numpy")
def smile_at(row: Floats, k: float) -> tuple[float, float, float]:
    """Total variance at `k` = ln(K/F) and its first and second derivative in `k`."""
    w, slope, bend = svi_at(row[0], row[1], row[2], row[3], row[4], k)
    intervals = row[INTERVALS]
    if not intervals > 0.0:
        return w, slope, bend
    deviation = row[DEVIATION]
    z = k / deviation
    root = math.sqrt(1.0 + z * z)
    t = (math.copysign(math.log(abs(z) + root), z) - row[KNOT]) / row[
        STEP
    ]  # quicker than asinh, as near to 1e-16
    if not 0.0 < t < intervals:
        return w, slope, bend
    j = int(t)
    f = t - j
    at = COEFFICIENTS + j
    c0, c1, c2, c3 = row[at], row[at + 1], row[at + 2], row[at + 3]
    e = 1.0 - f
    value = (
        e * e * e * c0 + (f * f * (3.0 * f - 6.0) + 4.0) * c1 + (f * (3.0 + f * (3.0 - 3.0 * f)) + 1.0) * c2
    ) / 6.0
    value += f * f * f * c3 / 6.0
    first = 0.5 * (f * f * c3 - e * e * c0) + (1.5 * f * f - 2.0 * f) * c1 + (0.5 + f - 1.5 * f * f) * c2
    second = e * c0 + (3.0 * f - 2.0) * c1 + (1.0 - 3.0 * f) * c2 + f * c3
    first /= row[STEP]
    second /= row[STEP] * row[STEP]
    stretch = 1.0 / root
    w += deviation * deviation * value
    slope += deviation * first * stretch
    bend += stretch * stretch * (second - first * z * stretch)
    return w, slope, bend


@njit(cache=True, error_model="numpy")
def basis_at(row: Floats, z: float, out: Floats) -> int:
    """The spline's four functions at `z`, and their first and second derivatives in z, into float64[12].

    Returns the number of the first one's coefficient (of those padded by three zeros), -1 outside the spline.
    """
    t = (math.asinh(z) - row[KNOT]) / row[STEP]
    if not 0.0 < t < row[INTERVALS]:
        return -1
    j = int(t)
    f = t - j
    e = 1.0 - f
    out[0] = e * e * e / 6.0
    out[1] = (f * f * (3.0 * f - 6.0) + 4.0) / 6.0
    out[2] = (f * (3.0 + f * (3.0 - 3.0 * f)) + 1.0) / 6.0
    out[3] = f * f * f / 6.0
    out[4], out[5] = -0.5 * e * e, 1.5 * f * f - 2.0 * f
    out[6], out[7] = 0.5 + f - 1.5 * f * f, 0.5 * f * f
    out[8], out[9], out[10], out[11] = e, 3.0 * f - 2.0, 1.0 - 3.0 * f, f
    stretch = 1.0 / math.sqrt(1.0 + z * z)
    for i in range(4):
        first = out[4 + i] / row[STEP]
        second = out[8 + i] / (row[STEP] * row[STEP])
        out[4 + i] = first * stretch
        out[8 + i] = stretch * stretch * (second - first * z * stretch)
    return j
