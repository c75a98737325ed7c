"""Exponential, logarithm and normal tail without a branch, so that a loop over them fills whole vectors.

Sources: range reduction by powers of two as in W. Cody and W. Waite, "Software manual for the elementary functions"
(1980); the logarithm by the inverse hyperbolic tangent; the tail by the Mills ratio (M. Abramowitz and I. Stegun,
26.2), whose derivatives follow y M(n) + n M(n-1). Coefficients are interpolations at Chebyshev nodes, made by
`tests/naive/european.py`; each is below 1e-16 before rounding.
Each function is inlined by force: a call left in a loop keeps it scalar. Arguments are float64 in the stated range,
unchecked; NaN in, NaN out.
"""

import numpy as np
from numba import njit

SMALLEST = 2.0**-1021  # between these two a number holds all its digits, and its logarithm is found
LARGEST = 2.0**1023

EXPONENTIAL = (
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662413,
    0.008333333333330062,
    0.0013888888917213717,
    0.00019841269863053618,
    2.4801521295954376e-05,
    2.7557268459997064e-06,
    2.7620088445409746e-07,
    2.510038549551032e-08,
)

LOGARITHM = (
    0.3333333333333347,
    0.19999999999667778,
    0.14285714418022774,
    0.11111091388337241,
    0.09092305123147032,
    0.07641851876201573,
    0.07559243554362285,
)

MILLS_TOP = (
    1.2533141373155001,
    1.9465576298640739,
    1.495130620744631,
    0.72954882116895,
    0.24680591661471118,
    0.05978940563837088,
    0.010371227498271933,
    0.0012464787276564907,
    9.490976487703701e-05,
    3.539374381695656e-06,
)

MILLS_BOTTOM = (
    1.0,
    2.3510128403844215,
    2.5687784862680085,
    1.7221395351506155,
    0.7868808831123079,
    0.2569873142590225,
    0.0610288059825763,
    0.010466137253814498,
    0.0012500181021993545,
    9.490976487536711e-05,
    3.5393743817034457e-06,
)


LN2 = 0.6931471805599453
_LN2_HIGH = 0.693147180369123816490  # its last 32 bits are zero, so that a whole multiple is exact
_LN2_LOW = 1.90821492927058770002e-10
_PER_LN2 = 1.4426950408889634
_WHOLE = 6755399441055744.0  # 1.5 * 2**52: what is added to it is rounded to a whole number in its low bits
_EXPONENT_MIN, _EXPONENT_MAX = -708.0, 709.0
_SERIES_SPAN = 64.0

_BIAS = np.uint64(1023)
_DIGITS = np.uint64(52)
_ROUND_UP = np.uint64((2047 << 52) + (1 << 51))  # 2047 keeps the difference of two exponents above zero
_EXPONENTS = np.uint64(0xFFF << 52)
_UNBIAS = np.uint64(2047 << 52)
_TWO_52 = np.uint64(0x433 << 52)  # the bits of 2**52; or-ed with a whole number they are a float
_UNBIAS_FLOAT = 4503599627370496.0 + 2047.0


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def exponential(x: float) -> float:
    """e to the `x`: 0 below -708, constant above 709; relative error 3e-16."""
    held = max(x, _EXPONENT_MIN)
    held = min(held, _EXPONENT_MAX)
    shifted = held * _PER_LN2 + _WHOLE
    power = shifted - _WHOLE
    r = held - power * _LN2_HIGH - power * _LN2_LOW
    c = EXPONENTIAL
    square = r * r
    even = (((c[8] * square + c[6]) * square + c[4]) * square + c[2]) * square + c[0]
    odd = (((c[9] * square + c[7]) * square + c[5]) * square + c[3]) * square + c[1]
    near_one = 1.0 + (r + square * (odd * r + even))
    scale = np.uint64((np.float64(shifted).view(np.uint64) + _BIAS) << _DIGITS).view(np.float64)
    return 0.0 if x < _EXPONENT_MIN else near_one * scale


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def log_ratio(top: float, bottom: float) -> float:
    """Logarithm of top / bottom, both from SMALLEST to LARGEST; relative error 4e-16, also where they are close."""
    gap, total, twos = ratio_parts(top, bottom)
    # moving the bits of a NaN would make it a number
    return twos * LN2 + (double_atanh(gap / total) + (bottom - bottom))


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def ratio_parts(top: float, bottom: float) -> tuple[float, float, float]:
    """How far `top` is from `bottom` once this is brought within a half of it by twos; their sum; how many twos.

    The logarithm of top / bottom is twos * LN2 + double_atanh(gap / sum), for the caller who divides several at once.
    A NaN `bottom` may be lost.
    """
    top_bits = np.float64(top).view(np.uint64)
    bottom_bits = np.float64(bottom).view(np.uint64)
    power = (top_bits + _ROUND_UP - bottom_bits) & _EXPONENTS
    scaled = np.uint64(bottom_bits + power - _UNBIAS).view(np.float64)
    twos = np.uint64((power >> _DIGITS) | _TWO_52).view(np.float64) - _UNBIAS_FLOAT
    return top - scaled, top + scaled, twos


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def double_atanh(z: float) -> float:
    """Twice the inverse hyperbolic tangent, |z| up to 0.2."""
    c = LOGARITHM
    w = z * z
    fourth = w * w
    even = ((c[6] * fourth + c[4]) * fourth + c[2]) * fourth + c[0]
    odd = (c[5] * fourth + c[3]) * fourth + c[1]
    return 2.0 * z + 2.0 * z * w * (odd * w + even)


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def mills_ratio(x: float) -> float:
    """Probability above `x` over the density at `x` of a standard normal, x from 0 to 1e30; relative error 5e-16 up to 40, 2e-12 beyond."""
    t, b = MILLS_TOP, MILLS_BOTTOM
    top = ((((t[9] * x + t[8]) * x + t[7]) * x + t[6]) * x + t[5]) * x + t[4]
    top = (((top * x + t[3]) * x + t[2]) * x + t[1]) * x + t[0]
    bottom = (((((b[10] * x + b[9]) * x + b[8]) * x + b[7]) * x + b[6]) * x + b[5]) * x
    bottom = ((((bottom + b[4]) * x + b[3]) * x + b[2]) * x + b[1]) * x + b[0]
    return top / bottom


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def mills_pair(x: float, y: float) -> tuple[float, float, float]:
    """Two numbers and a factor that makes them the Mills ratios at `x` and at `y`, from 0 to 1e12, by one division."""
    t, b = MILLS_TOP, MILLS_BOTTOM
    top_x = ((((t[9] * x + t[8]) * x + t[7]) * x + t[6]) * x + t[5]) * x + t[4]
    top_y = ((((t[9] * y + t[8]) * y + t[7]) * y + t[6]) * y + t[5]) * y + t[4]
    top_x = (((top_x * x + t[3]) * x + t[2]) * x + t[1]) * x + t[0]
    top_y = (((top_y * y + t[3]) * y + t[2]) * y + t[1]) * y + t[0]
    bottom_x = (((((b[10] * x + b[9]) * x + b[8]) * x + b[7]) * x + b[6]) * x + b[5]) * x
    bottom_y = (((((b[10] * y + b[9]) * y + b[8]) * y + b[7]) * y + b[6]) * y + b[5]) * y
    bottom_x = ((((bottom_x + b[4]) * x + b[3]) * x + b[2]) * x + b[1]) * x + b[0]
    bottom_y = ((((bottom_y + b[4]) * y + b[3]) * y + b[2]) * y + b[1]) * y + b[0]
    return top_x * bottom_y, top_y * bottom_x, 1.0 / (bottom_x * bottom_y)


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def mills_drop(far: float, above: float, step: float, density: float) -> float:
    """Mills ratio at `far` - `step` less that at `far`, where `is_small_step`; it and `above`, at `far`, times `density`.

    By eight terms of the Taylor series, without the cancellation of a difference; far - step may be negative.
    """
    c1 = far * above - density  # the n-th derivative at far, over n factorial
    c2 = (far * c1 + above) * (1.0 / 2.0)
    c3 = (far * c2 + c1) * (1.0 / 3.0)
    c4 = (far * c3 + c2) * (1.0 / 4.0)
    c5 = (far * c4 + c3) * (1.0 / 5.0)
    c6 = (far * c5 + c4) * (1.0 / 6.0)
    c7 = (far * c6 + c5) * (1.0 / 7.0)
    c8 = (far * c7 + c6) * (1.0 / 8.0)
    back = -step
    series = ((((c8 * back + c7) * back + c6) * back + c5) * back + c4) * back + c3
    return back * (back * (series * back + c2) + c1)


@njit(cache=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def is_small_step(far: float, step: float) -> bool:
    """Where a difference of Mills ratios would lose digits: below 1/64 and 1/far."""
    span = max(far, _SERIES_SPAN)
    return step * span < 1.0
