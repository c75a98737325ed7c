"""Black (1976) in plain Python, one option at a time; greeks by central differences of a 50-digit price."""

import math
from statistics import NormalDist

import mpmath

_NORMAL = NormalDist()


def price(forward, strike, years, vol, discount, sign):
    """The textbook line, with its cancellations."""
    deviation = vol * math.sqrt(years)
    if deviation == 0.0:
        return discount * max(sign * (forward - strike), 0.0)
    d1 = math.log(forward / strike) / deviation + deviation / 2.0
    d2 = d1 - deviation
    return discount * sign * (forward * _NORMAL.cdf(sign * d1) - strike * _NORMAL.cdf(sign * d2))


def exact_price(forward, strike, years, vol, discount, sign):
    """The same line in 50 digits."""
    with mpmath.workdps(50):
        return float(_exact(*(mpmath.mpf(float(x)) for x in (forward, strike, years, vol, discount)), sign))


def exact_greeks(spot, rate, dividend_yield, strike, years, vol, sign):
    """Delta, gamma, vega, theta, rho, vanna, volga, charm, dividend rho of a spot option, by 50-digit bumps."""
    with mpmath.workdps(50):
        point = [mpmath.mpf(float(x)) for x in (spot, vol, years, rate, dividend_yield)]

        def value(*at):
            s, v, t, r, q = at
            return _exact(
                s * mpmath.exp((r - q) * t), mpmath.mpf(float(strike)), t, v, mpmath.exp(-r * t), sign
            )

        orders = {
            "delta": (1, 0, 0, 0, 0),
            "gamma": (2, 0, 0, 0, 0),
            "vega": (0, 1, 0, 0, 0),
            "theta": (0, 0, 1, 0, 0),
            "rho": (0, 0, 0, 1, 0),
            "vanna": (1, 1, 0, 0, 0),
            "volga": (0, 2, 0, 0, 0),
            "charm": (1, 0, 1, 0, 0),
            "dividend_rho": (0, 0, 0, 0, 1),
        }
        found = {name: float(mpmath.diff(value, tuple(point), order)) for name, order in orders.items()}
    return found | {"theta": -found["theta"], "charm": -found["charm"]}  # time passing shortens the life


def _exact(forward, strike, years, vol, discount, sign):
    deviation = vol * mpmath.sqrt(years)
    d1 = mpmath.log(forward / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    return discount * sign * (forward * mpmath.ncdf(sign * d1) - strike * mpmath.ncdf(sign * d2))
