"""Smiles the slow way: textbook formulas, prices from them, and densities by differences."""

import math

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm


def raw_svi(parameters, k):
    """Gatheral and Jacquier (2014), 3.1."""
    a, b, rho, m, s = parameters
    return a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + s * s))


def ssvi(theta, rho, phi, k):
    """Gatheral and Jacquier (2014), 4.1."""
    return theta / 2 * (1 + rho * phi * k + np.sqrt((phi * k + rho) ** 2 + 1 - rho * rho))


def call(k, w):
    """A call over its forward at ln(K/F), undiscounted, from total variance."""
    d1 = -k / np.sqrt(w) + np.sqrt(w) / 2
    return norm.cdf(d1) - np.exp(k) * norm.cdf(d1 - np.sqrt(w))


def density(variance_of, strike, step=1e-4):
    """Second difference of call prices in strike (Breeden and Litzenberger 1978), forward 1."""
    prices = [call(math.log(x), variance_of(math.log(x))) for x in (strike - step, strike, strike + step)]
    return (prices[0] - 2 * prices[1] + prices[2]) / step**2


def density_of_g(g, k, w):
    """Density in strike that g(k) stands for (Gatheral and Jacquier 2014, 2.2), forward 1."""
    d2 = -k / math.sqrt(w) - math.sqrt(w) / 2
    return g / math.sqrt(2 * math.pi * w) * math.exp(-d2 * d2 / 2) / math.exp(k)


def variance_of_price(price, k):
    """Total variance of a call over its forward."""
    return brentq(lambda w: call(k, w) - price, 1e-10, 50.0, xtol=1e-15)


def heston_variance(k, years, kappa, theta, xi, rho, v0):
    """Total variance of Heston at ln(K/F): Lewis's integral of the "little trap" characteristic function."""

    def characteristic(u):
        d = np.sqrt((kappa - rho * xi * 1j * u) ** 2 + xi**2 * (1j * u + u * u))
        low = kappa - rho * xi * 1j * u - d
        g = low / (low + 2 * d)
        decay = np.exp(-d * years)
        c = kappa * theta / xi**2 * (low * years - 2 * np.log((1 - g * decay) / (1 - g)))
        return np.exp(c + low / xi**2 * (1 - decay) / (1 - g * decay) * v0)

    def integrand(u):
        return (np.exp(-1j * u * k) * characteristic(u - 0.5j)).real / (u * u + 0.25)

    value = 1 - math.exp(k / 2) / math.pi * quad(integrand, 0, 200, limit=400)[0]
    return variance_of_price(value, k)


def variance_swap(spot, rate, years, put_strikes, put_vols, call_strikes, call_vols):
    """Fair variance by the discrete portfolio of Demeterfi, Derman, Kamal and Zou (1999), appendix A.

    Strikes run away from the money; the last one of each only ends the payoff.
    """
    boundary = call_strikes[0]

    def payoff(x):
        return 2 / years * ((x - boundary) / boundary - math.log(x / boundary))

    worth = 0.0
    forward = spot * math.exp(rate * years)
    for sign, strikes, vols in ((-1, put_strikes, put_vols), (1, call_strikes, call_vols)):
        total = 0.0
        for i in range(len(strikes) - 1):
            slope = abs((payoff(strikes[i + 1]) - payoff(strikes[i])) / (strikes[i + 1] - strikes[i]))
            k = math.log(strikes[i] / forward)
            price = forward * call(k, vols[i] ** 2 * years)
            if sign < 0:
                price += strikes[i] - forward
            worth += (slope - total) * price * math.exp(-rate * years)
            total = slope
    drift = rate * years - (spot / boundary * math.exp(rate * years) - 1) - math.log(boundary / spot)
    return 2 / years * drift + math.exp(rate * years) * worth
