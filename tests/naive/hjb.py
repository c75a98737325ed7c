"""An option market maker's value function the slow way: the HJB of Baldacci, Bergault and Gueant by explicit differences.

Source: B. Baldacci, P. Bergault, O. Gueant, "Algorithmic market making for options", Quantitative Finance 21 (2021) 85-97, sections 2 to 4
and its numerical example (domain reference 4.4); prices by the characteristic function of S. Heston, Review of Financial Studies 6
(1993) 327-343, in the form of H. Albrecher et al., Wilmott Magazine (January 2007) 83-92. Nothing here is shared with flatbook.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

SPOT, VARIANCE, VOL_OF_VARIANCE, CORRELATION = 10.0, 0.0225, 0.2, -0.5
REAL, PRICED = (2.0, 0.04), (3.0, 0.0225)  # reversion a year and long variance, of the world and of prices
STRIKES, YEARS = (8.0, 9.0, 10.0, 11.0, 12.0), (1.0, 1.5, 2.0, 3.0)
OFFSET, DECAY = 0.7, 150.0  # of the logistic intensity, the decay per 1.00 of volatility
NOTIONAL, BOUND, HORIZON, AVERSION = 5e5, 1e7, 0.0012, 1e-3
_NEWTON = 8


@dataclass(frozen=True)
class Options:
    """The 20 calls of the example."""

    strike: np.ndarray
    years: np.ndarray
    price: np.ndarray
    vega: np.ndarray  # derivative in the square root of the variance
    requests: np.ndarray  # a year
    contracts: np.ndarray  # of one trade

    def row(self, strike, years):
        """Index of one call."""
        return int(np.flatnonzero((self.strike == strike) & (self.years == years))[0])


def heston_call(strike, years, variance=VARIANCE):
    """A call under the pricing measure, no rates: (S - sqrt(SK) / pi times an integral) of A. Lewis (2000)."""
    reversion, level = PRICED
    xi, rho = VOL_OF_VARIANCE, CORRELATION
    nodes, weights = np.polynomial.legendre.leggauss(400)
    u = 50.0 * (nodes + 1.0)
    z = u - 0.5j
    beta = reversion - 1j * rho * xi * z
    d = np.sqrt(beta**2 + xi**2 * (z * z + 1j * z))
    g = (beta - d) / (beta + d)
    decay = np.exp(-d * years)
    c = reversion * level / xi**2 * ((beta - d) * years - 2.0 * np.log((1.0 - g * decay) / (1.0 - g)))
    v = variance * (beta - d) / xi**2 * (1.0 - decay) / (1.0 - g * decay)
    integrand = np.real(np.exp(1j * z * np.log(SPOT / strike) + c + v)) / (u * u + 0.25)
    return SPOT - strike / np.pi * 50.0 * float(weights @ integrand)


@cache
def book():
    """The calls, their vegas by central differences and how often clients ask."""
    strike, years = (a.reshape(-1) for a in np.meshgrid(STRIKES, YEARS))
    price = np.array([heston_call(k, t) for k, t in zip(strike, years, strict=True)])
    bump = 1e-5
    slope = [
        (heston_call(k, t, VARIANCE + bump) - heston_call(k, t, VARIANCE - bump)) / (2.0 * bump)
        for k, t in zip(strike, years, strict=True)
    ]
    return Options(
        strike=strike,
        years=years,
        price=price,
        vega=2.0 * np.sqrt(VARIANCE) * np.array(slope),
        requests=252.0 * 30.0 / (1.0 + 0.7 * np.abs(SPOT - strike)),
        contracts=NOTIONAL / price,
    )


def best_distance(p, decay):
    """The distance that maximises L(d) (d - p) for the logistic L, by Newton's rule from p (domain reference 4.4)."""
    distance = np.array(p, dtype=float)
    for _ in range(_NEWTON):
        s = 1.0 / (1.0 + np.exp(-(OFFSET + decay * distance)))
        distance -= s * (distance - p - 1.0 / (decay * s))
    return distance


def hamiltonian(p, requests, decay):
    """The largest L(d) (d - p)."""
    distance = best_distance(p, decay)
    return requests / (1.0 + np.exp(OFFSET + decay * distance)) * (distance - p)


@dataclass(frozen=True)
class Solved:
    """v at the start, on a grid of variances and vegas."""

    variance: np.ndarray
    vega: np.ndarray
    value: np.ndarray  # [variance, vega]
    options: Options

    def at(self, vega):
        """v at the grid's variance next to today's, between vegas."""
        row = int(np.argmin(np.abs(self.variance - VARIANCE)))
        return float(np.interp(vega, self.vega, self.value[row]))

    def quote(self, row, vega):
        """Distances of bid and offer in vol points (of dO / dsqrt(nu))."""
        z, unit = self.options.contracts[row], self.options.vega[row]
        bid = (self.at(vega) - self.at(vega + z * unit)) / z
        offer = (self.at(vega) - self.at(vega - z * unit)) / z
        return tuple(
            float(best_distance(np.array([p]), DECAY / unit)[0]) / unit * 100.0 for p in (bid, offer)
        )


def solve(variances=15, vegas=81, steps=360, *, real=REAL, tilt=0.0):
    """Backwards from v = 0 at the horizon; no change of v across the edges of the variance (Neumann).

    With a tilt, 1 + tilt times the requests want to buy from us and 1 - tilt times to sell.
    """
    options = book()
    nu = np.linspace(0.0144, 0.0324, variances)[:, None]
    grid = np.linspace(-BOUND, BOUND, vegas)
    dt, dnu = HORIZON / steps, nu[1, 0] - nu[0, 0]
    drift = real[0] * (real[1] - nu)
    carry = grid * (drift - PRICED[0] * (PRICED[1] - nu)) / (2.0 * np.sqrt(nu))
    running = carry - AVERSION * VOL_OF_VARIANCE**2 / 8.0 * grid**2
    moves = [
        _move(sign * z * v, grid)
        for z, v in zip(options.contracts, options.vega, strict=True)
        for sign in (1, -1)
    ]
    z = np.repeat(options.contracts, 2)
    requests = (options.requests[:, None] * np.array([1.0 - tilt, 1.0 + tilt])).reshape(-1)
    decay = np.repeat(DECAY / options.vega, 2)
    v = np.zeros((variances, vegas))
    for _ in range(steps):
        wide = np.vstack((v[:1], v, v[-1:]))
        first = (wide[2:] - wide[:-2]) / (2.0 * dnu)
        second = (wide[2:] - 2.0 * v + wide[:-2]) / dnu**2
        change = drift * first + 0.5 * VOL_OF_VARIANCE**2 * nu * second + running
        for k, (low, share, inside) in enumerate(moves):
            after = v[:, low] * (1.0 - share) + v[:, low + 1] * share
            p = (v[:, inside] - after) / z[k]
            change[:, inside] += z[k] * hamiltonian(p, requests[k], decay[k])
        v = v + dt * change
    return Solved(variance=nu[:, 0], vega=grid, value=v, options=options)


def _move(by, grid):
    """Where the vega stands after a trade, for the vegas that may make it."""
    inside = np.flatnonzero(np.abs(grid + by) <= BOUND * (1.0 + 1e-12))
    place = (grid[inside] + by - grid[0]) / (grid[1] - grid[0])
    low = np.minimum(place.astype(int), grid.size - 2)
    return low, place - low, inside
