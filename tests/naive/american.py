"""American options in plain Python: the Cox-Ross-Rubinstein tree, and the Leisen-Reimer pair of the kernel.

Sources: J. Cox, S. Ross, M. Rubinstein, J. Financial Economics 7 (1979) 229-263; D. Leisen, M. Reimer, Applied
Mathematical Finance 3 (1996) 319-346.
"""

import itertools
import math

from tests.naive import black


def price_crr(spot, strike, years, vol, rate, dividend_yield, sign, steps, american):
    """The tree every textbook draws."""
    step = years / steps
    up = math.exp(vol * math.sqrt(step))
    rise = (math.exp((rate - dividend_yield) * step) - 1.0 / up) / (up - 1.0 / up)
    shrink = math.exp(-rate * step)
    ladder = [spot * up**power for power in range(-steps, steps + 1)]
    values = [max(sign * (ladder[2 * j] - strike), 0.0) for j in range(steps + 1)]
    for k in range(steps - 1, -1, -1):
        held = (shrink * (rise * high + (1.0 - rise) * low) for low, high in itertools.pairwise(values))
        if not american:
            values = list(held)
            continue
        values = [max(v, sign * (ladder[steps - k + 2 * j] - strike)) for j, v in enumerate(held)]
    return values[0]


def price_leisen_reimer(spot, strike, years, vol, rate, dividend_yield, sign, steps):
    """Black plus the extrapolated difference of American and European on two trees; no dividends, no shortcuts."""
    coarse = (steps // 2) | 1
    option = (spot, strike, years, vol, rate, dividend_yield, sign)
    fine_gap, rough_gap = _gap(*option, steps), _gap(*option, coarse)
    premium = (steps * fine_gap - coarse * rough_gap) / (steps - coarse)
    forward = spot * math.exp((rate - dividend_yield) * years)
    european = black.price(forward, strike, years, vol, math.exp(-rate * years), sign)
    return max(european + max(premium, 0.0), sign * (spot - strike))


def _gap(spot, strike, years, vol, rate, dividend_yield, sign, steps):
    deviation = vol * math.sqrt(years)
    d2 = (math.log(spot / strike) + (rate - dividend_yield) * years) / deviation - deviation / 2.0
    rise, rise_in_shares = _peizer_pratt(d2, steps), _peizer_pratt(d2 + deviation, steps)
    growth = math.exp((rate - dividend_yield) * years / steps)
    up = growth * rise_in_shares / rise
    down = (growth - rise * up) / (1.0 - rise)
    shrink = math.exp(-rate * years / steps)

    def value(american):
        values = [max(sign * (spot * up**j * down ** (steps - j) - strike), 0.0) for j in range(steps + 1)]
        for k in range(steps - 1, -1, -1):
            values = [shrink * (rise * values[j + 1] + (1.0 - rise) * values[j]) for j in range(k + 1)]
            if american:
                values = [
                    max(v, sign * (spot * up**j * down ** (k - j) - strike)) for j, v in enumerate(values)
                ]
        return values[0]

    return value(american=True) - value(american=False)


def _peizer_pratt(z, steps):
    scaled = z / (steps + 1.0 / 3.0 + 0.1 / (steps + 1.0))
    return 0.5 + math.copysign(0.5, z) * math.sqrt(1.0 - math.exp(-scaled * scaled * (steps + 1.0 / 6.0)))
