"""The polynomials behind `kernels/arithmetic.py`, fitted anew in 50 digits, and one option at a time for the rest.

The Greeks come from derivatives of a 60-digit price, so they share no formula with the kernel.
"""

import mpmath

from tests.naive import black

NAMES = [
    "price",
    "delta",
    "gamma",
    "vega",
    "theta",
    "rho",
    "vanna",
    "volga",
    "charm",
    "dividend_rho",
    "speed",
]  # in the order of the columns


def fitted(name):
    """Coefficients, lowest power first, rounded to float64: 'exponential', 'logarithm', 'mills'."""
    with mpmath.workdps(50):
        if name == "exponential":
            edge = mpmath.log(2) / 2 * mpmath.mpf("1.0001")
            return _rounded(_polynomial(_exponential_rest, 9, -edge, edge))
        if name == "logarithm":
            return _rounded(_polynomial(_logarithm_rest, 6, mpmath.mpf(0), mpmath.mpf("0.0401")))
        top, bottom = _rational(mills_ratio, 9, 10, mpmath.mpf(4), mpmath.mpf(40))
        return _rounded(top), _rounded(bottom)


def mills_ratio(x):
    """Upper tail of the normal distribution over its density."""
    x = mpmath.mpf(x)
    return mpmath.sqrt(mpmath.pi / 2) * mpmath.erfc(x / mpmath.sqrt(2)) * mpmath.exp(x * x / 2)


def exact_row(spot, forward, strike, years, vol, discount, sign, fixed):
    """Every column of `value_european` for one option; rate and yield as the kernel reads them off its inputs."""
    with mpmath.workdps(60):
        spot, forward, strike, years, vol, discount = (
            mpmath.mpf(float(x)) for x in (spot, forward, strike, years, vol, discount)
        )
        rate = -mpmath.log(discount) / years
        carry = 0 if fixed else mpmath.log(forward / spot) / years

        def value(s, v, t, r, b):
            grown = s * forward / spot if fixed else s * mpmath.exp(b * t)
            return black._exact(grown, strike, t, v, mpmath.exp(-r * t), sign)

        at = (spot, vol, years, rate, carry)

        def slope(*order):
            return mpmath.diff(value, at, order)

        forward_in_rate = slope(0, 0, 0, 0, 1)  # the forward carries with rate less yield
        found = {
            "price": value(*at),
            "delta": slope(1, 0, 0, 0, 0),
            "gamma": slope(2, 0, 0, 0, 0),
            "vega": slope(0, 1, 0, 0, 0),
            "theta": -slope(0, 0, 1, 0, 0),
            "rho": slope(0, 0, 0, 1, 0) + forward_in_rate,
            "vanna": slope(1, 1, 0, 0, 0),
            "volga": slope(0, 2, 0, 0, 0),
            "charm": -slope(1, 0, 1, 0, 0),
            "dividend_rho": -forward_in_rate,
            "speed": slope(3, 0, 0, 0, 0),
        }
        return [float(found[name]) for name in NAMES]


def value_rows(spot, forward, strike, years, vol, discount, sign, fixed):
    """`exact_row` for each option, as columns."""
    rows = zip(spot, forward, strike, years, vol, discount, sign, fixed, strict=True)
    return [list(column) for column in zip(*(exact_row(*row) for row in rows), strict=True)]


def reprice(forward, strike, years, vol, discount, sign, moves, shifts):
    """The textbook price in every cell of one option's grid; a shift leaves at least 0.001 of vol, or what there was."""
    return [
        [
            black.price(
                forward * (1 + move), strike, years, max(vol + shift, min(vol, 0.001)), discount, sign
            )
            for shift in shifts
        ]
        for move in moves
    ]


def exact_deviation(target, low, high):
    """Total deviation at which the out-of-the-money option is worth `target`: Newton's steps in 60 digits."""
    with mpmath.workdps(60):
        target, low, high = mpmath.mpf(target), mpmath.mpf(low), mpmath.mpf(high)

        def gap(s):
            d = mpmath.log(low / high) / s
            return mpmath.log((low * mpmath.ncdf(d + s / 2) - high * mpmath.ncdf(d - s / 2)) / target)

        bottom, top = mpmath.mpf("1e-8"), mpmath.mpf(60)
        for _ in range(40):
            middle = mpmath.sqrt(bottom * top)
            bottom, top = (middle, top) if gap(middle) < 0 else (bottom, middle)
        return float(mpmath.findroot(gap, (bottom, top), solver="anderson", tol=1e-80, verify=False))


def _exponential_rest(r):
    return (mpmath.expm1(r) - r) / r**2 if r else mpmath.mpf(1) / 2


def _logarithm_rest(w):
    z = mpmath.sqrt(w)
    return (mpmath.atanh(z) / z - 1) / w if w else mpmath.mpf(1) / 3


def _nodes(count):
    return [mpmath.cos(mpmath.pi * (k + mpmath.mpf("0.5")) / count) for k in range(count)]


def _polynomial(function, degree, low, high):
    """The polynomial through the Chebyshev nodes of [low, high]."""
    points = [(x * (high - low) + low + high) / 2 for x in _nodes(degree + 1)]
    powers = mpmath.matrix([[x**j for j in range(degree + 1)] for x in points])
    return list(mpmath.lu_solve(powers, mpmath.matrix([function(x) for x in points])))


def _rational(function, top_degree, bottom_degree, middle, end):
    """The quotient of polynomials through the Chebyshev nodes in (x - middle) / (x + middle), from 0 to `end`."""
    count = top_degree + bottom_degree + 1
    last = (end - middle) / (end + middle)
    rows, right = [], []
    for node in _nodes(count):
        t = (node * (last + 1) + last - 1) / 2
        x = middle * (1 + t) / (1 - t)
        y = function(x)
        scale = (1 + x) ** -bottom_degree
        rows.append(
            [scale * x**j for j in range(top_degree + 1)]
            + [-scale * y * x**j for j in range(1, bottom_degree + 1)]
        )
        right.append(scale * y)
    found = list(mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix(right)))
    return found[: top_degree + 1], [mpmath.mpf(1), *found[top_degree + 1 :]]


def _rounded(coefficients):
    return tuple(float(c) for c in coefficients)
