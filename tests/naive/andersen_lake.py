"""American options by the fixed point of Andersen, Lake and Offengenden, as it stands in the paper: many plain steps.

Source: L. Andersen, M. Lake, D. Offengenden, "High-performance American option pricing", J. Computational Finance 20
(2016) 39-87, fixed point A; the put has rate > 0. Nothing here is shared with the kernel: other equation, other
iteration, other quadrature variable, other interpolation.
"""

import math

import numpy as np

_cdf = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0)), otypes=[float])


def _density(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def price(spot, strike, years, vol, rate, dividend_yield, sign, nodes=12, points=32, steps=60):
    """Price of one option; calls by the symmetry of McDonald and Schroder."""
    if sign > 0:
        return price(strike, spot, years, vol, dividend_yield, rate, -1.0, nodes, points, steps)
    cap, depth = _solve(years, vol, rate, dividend_yield, nodes, points, steps)
    x = spot / strike
    if x <= cap * math.exp(-depth(years)):
        return strike - spot
    return strike * (
        _european(x, years, vol, rate, dividend_yield)
        + _premium(x, cap, depth, years, vol, rate, dividend_yield, 4 * points)
    )


def boundary(years, vol, rate, dividend_yield, nodes=12, points=32, steps=60):
    """Spot, in units of the strike, below which a put with so long to go is exercised."""
    cap, depth = _solve(years, vol, rate, dividend_yield, nodes, points, steps)
    return cap * math.exp(-depth(years))


def _solve(years, vol, rate, dividend_yield, nodes, points, steps):
    cap = min(1.0, rate / dividend_yield) if dividend_yield > 0.0 else 1.0
    taus = years * (0.5 - 0.5 * np.cos(np.pi * np.arange(nodes + 1) / nodes)) ** 2
    roots, weights = np.polynomial.legendre.leggauss(points)
    depths = np.sqrt(taus) * vol

    def depth_of(values):
        squares = np.polynomial.Chebyshev.fit(np.sqrt(taus), values**2, nodes, domain=[0.0, math.sqrt(years)])
        return lambda tau: np.sqrt(np.maximum(squares(np.sqrt(tau)), 0.0))

    for _ in range(steps):
        depth = depth_of(depths)
        new = depths.copy()
        for i in range(1, nodes + 1):
            tau, b = taus[i], cap * math.exp(-depths[i])
            u = tau - tau * (1.0 + roots) ** 2 / 4.0
            width = weights * tau * (1.0 + roots) / 2.0
            time = tau - u
            ratio = b / (cap * np.exp(-depth(u)))
            plus, minus = _d(time, ratio, vol, rate - dividend_yield)
            here_plus, here_minus = _d(tau, b, vol, rate - dividend_yield)
            spread, here = vol * np.sqrt(time), vol * math.sqrt(tau)
            top = _density(here_minus) / here
            top += rate * np.sum(width * np.exp(rate * u) * _density(minus) / spread)
            bottom = _density(here_plus) / here + _cdf(here_plus)
            flow = np.exp(dividend_yield * u) * (_cdf(plus) + _density(plus) / spread)
            bottom += dividend_yield * np.sum(width * flow)
            image = math.exp(-(rate - dividend_yield) * tau) * top / bottom
            new[i] = max(0.5 * (depths[i] + math.log(cap / image)), 1e-9)  # halfway, or it swings
        depths = new
    return cap, depth_of(depths)


def _d(time, ratio, vol, drift):
    spread = vol * np.sqrt(time)
    plus = (np.log(ratio) + drift * time) / spread + 0.5 * spread
    return plus, plus - spread


def _european(x, years, vol, rate, dividend_yield):
    plus, minus = _d(years, x, vol, rate - dividend_yield)
    return float(math.exp(-rate * years) * _cdf(-minus) - x * math.exp(-dividend_yield * years) * _cdf(-plus))


def _premium(x, cap, depth, years, vol, rate, dividend_yield, points):
    roots, weights = np.polynomial.legendre.leggauss(points)
    w = 0.5 + 0.5 * roots  # time to come is years * w**4: dense where a spot beside the boundary needs it
    time, width = years * w**4, 0.5 * weights * years * 4.0 * w**3
    plus, minus = _d(time, x / (cap * np.exp(-depth(years - time))), vol, rate - dividend_yield)
    flow = rate * np.exp(-rate * time) * _cdf(-minus)
    flow -= dividend_yield * x * np.exp(-dividend_yield * time) * _cdf(-plus)
    return float(np.sum(width * flow))
