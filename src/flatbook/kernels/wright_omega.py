"""The Wright omega function w(u), the root of w + ln w = u: Lambert's W of exp(u) without its overflow.

Source: P. Lawrence, R. Corless and D. Jeffrey, "Algorithm 917: complex double-precision evaluation of the Wright omega
function", ACM Trans. Math. Software 38 (2012) 20, for real arguments: a first guess from a series, then the fourth-order step
of Fritsch, Shafer and Crowley (Comm. ACM 16 (1973) 123-124). Relative error below 1e-14.
"""

import math

from numba import njit

_TINY = -38.0  # below, w is exp(u) to the last digit
_STEPS = 2


@njit(cache=True, error_model="numpy")
def wright_omega(u: float) -> float:
    """Root of w + ln w = u; 0 at minus infinity, infinite at plus infinity, NaN in, NaN out."""
    if not (u > _TINY):
        return math.exp(u)
    if u == math.inf:
        return u
    if u < -1.5:
        x = math.exp(u)
        w = x * (1.0 - x * (1.0 - 1.5 * x))
    elif u < 4.0:
        t = u - 1.0
        w = 1.0 + t * (0.5 + t * (0.0625 - t * (1.0 / 192.0 + t / 3072.0)))
    else:
        log = math.log(u)
        w = u - log + log / u
    for _ in range(_STEPS):
        rest = u - w - math.log(w)
        up = 1.0 + w
        reach = 2.0 * up * (up + 2.0 / 3.0 * rest)
        w *= 1.0 + rest / up * (reach - rest) / (reach - 2.0 * rest)
    return w
