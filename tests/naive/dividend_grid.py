"""Options with cash dividends in plain sight: a binomial tree that jumps by the dividend, and one step solved whole.

Sources: M. Vellekoop and J. Nieuwenhuis, Applied Mathematical Finance 13 (2006) 265-284, for the tree; E. Haug, J. Haug
and A. Lewis, "Back to basics: a new approach to the discrete dividend problem", Wilmott magazine (2003), for the
integral.
"""

import itertools
import math

import numpy as np

from tests.naive import black


def price_tree(spot, strike, years, vol, rate, dividend_yield, sign, american, dividends, steps):
    """A Cox-Ross-Rubinstein tree without dividends, worth looked up at the spot less the dividend on ex-dates.

    `dividends` are (step, amount): ex-dates are counted in steps.
    """
    step = years / steps
    up = math.exp(vol * math.sqrt(step))
    rise = (math.exp((rate - dividend_yield) * step) - 1.0 / up) / (up - 1.0 / up)
    shrink = math.exp(-rate * step)
    paid = dict(dividends)
    wider = steps // 4  # so that a dividend soon after now finds nodes below
    most = steps + 2 * wider
    ladder = spot * up ** np.arange(-most, most + 1.0)
    value = np.maximum(sign * (ladder[::2] - strike), 0.0)
    for k in range(steps - 1, -1, -1):
        value = shrink * (rise * value[1:] + (1.0 - rise) * value[:-1])
        reach = k + 2 * wider
        here = ladder[most - reach : most + reach + 1 : 2]
        if k in paid:
            waiting = strike * math.exp(-rate * step * (steps - k))
            gone = max(waiting, strike) if american else waiting
            left = np.maximum(here - paid[k], 0.0)
            value = _after_dividend(here, value, left, gone if sign < 0.0 else 0.0)
        if american:
            value = np.maximum(value, sign * (here - strike))
    return float(value[wider])


def _after_dividend(spots, values, left, gone):
    return np.interp(left, np.concatenate([[0.0], spots]), np.concatenate([[gone], values]))


def price_one_dividend(spot, strike, years, vol, rate, paid, amount, sign, american):
    """The integral over the spot at the only ex-date of what is left then; a call is exercised there or never."""
    z = np.linspace(-8.0, 8.0, 4001)
    at = spot * np.exp((rate - 0.5 * vol * vol) * paid + vol * math.sqrt(paid) * z)
    rest = years - paid
    discount, worth = math.exp(-rate * rest), []
    for s in at:
        left = max(s - amount, 0.0)
        held = black.price(left / discount, strike, rest, vol, discount, sign) if left > 0.0 else 0.0
        worth.append(max(held, sign * (s - strike)) if american else held)
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return math.exp(-rate * paid) * float(np.trapezoid(np.array(worth) * density, z))


def certain_best(spot, strike, years, rate, dividend_yield, sign, dividends):
    """Best discounted exercise on the path of no volatility, by looking at very many times."""
    best = 0.0
    dates = [(0.0, 0.0), *dividends, (years, 0.0)]
    for (start, _), (end, amount) in itertools.pairwise(dates):
        for time in np.linspace(start, end, 2001):
            at = spot * math.exp((rate - dividend_yield) * (time - start))
            best = max(best, math.exp(-rate * time) * sign * (at - strike))
        spot = max(spot * math.exp((rate - dividend_yield) * (end - start)) - amount, 0.0)
    return max(best, math.exp(-rate * years) * sign * (spot - strike))
