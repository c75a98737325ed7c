"""Quantiles of Student's t distribution, without a library of statistics.

Source: M. Abramowitz and I. Stegun, "Handbook of mathematical functions", 26.7.3 and 26.7.4: with whole degrees of freedom v and
a = atan(t / sqrt(v)), the share between -t and t is a finite sum, (2 / pi) (a + sin a (cos a + 2/3 cos^3 a + …)) of odd v and
sin a (1 + 1/2 cos^2 a + 1·3/(2·4) cos^4 a + …) of even v.
"""

from math import atan, cos, inf, isfinite, pi, sin, sqrt

from flatbook.model.errors import InvalidValueError


def quantile_of_t(share: float, degrees: int) -> float:
    """The value that `share` of a t distribution with `degrees` of freedom lies below.

    Parameters
    ----------
    share : float
        Strictly between 0 and 1; good to ten digits from 1e-4 to 1 - 1e-4.
    degrees : int
        1 or above.

    Raises
    ------
    InvalidValueError
        `share` or `degrees` is outside.
    """
    if not (0.0 < share < 1.0 and degrees >= 1):
        msg = (
            f"quantile of t: need a share in (0, 1) and degrees of freedom from 1, was {share} and {degrees}"
        )
        raise InvalidValueError(msg)
    if share < 0.5:
        return -quantile_of_t(1.0 - share, degrees)
    inside = 2.0 * share - 1.0
    low, high = 0.0, 1.0
    while share_inside(high, degrees) < inside:
        low, high = high, 2.0 * high
        if not isfinite(high):
            return inf
    while True:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            return middle
        low, high = (middle, high) if share_inside(middle, degrees) < inside else (low, middle)


def share_inside(t: float, degrees: int) -> float:
    """P(-t <= T <= t) of a t distribution with `degrees` of freedom; `t` is 0 or above."""
    angle = atan(t / sqrt(degrees))
    square = cos(angle) ** 2
    odd = degrees % 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for n in range(degrees // 2):
        total += term
        term *= square * ((2.0 * n + 2.0) / (2.0 * n + 3.0) if odd else (2.0 * n + 1.0) / (2.0 * n + 2.0))
    return 2.0 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
