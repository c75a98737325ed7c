"""One tick in plain Python, one series at a time: risk by group, and quotes in exact fractions of a tick."""

import math
from fractions import Fraction

_ROUNDING = Fraction(1, 10**9)


def european(spot, strike, years, vol, rate, dividend_yield, sign):
    """Price, delta, gamma, vega, theta of the textbook, per unit of spot, of vol, and per year of time passing."""
    root = math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate - dividend_yield) * years) / (vol * root) + 0.5 * vol * root
    d2 = d1 - vol * root
    density = math.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
    shares = math.exp(-dividend_yield * years) * _below(sign * d1)
    cash = strike * math.exp(-rate * years) * _below(sign * d2)
    price = sign * (spot * shares - cash)
    delta = sign * shares
    gamma = math.exp(-dividend_yield * years) * density / (spot * vol * root)
    vega = spot * math.exp(-dividend_yield * years) * density * root
    theta = rate * price - (rate - dividend_yield) * spot * delta - 0.5 * (vol * spot) ** 2 * gamma
    return price, delta, gamma, vega, theta


def _below(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def risk(greeks, position, multiplier, index, groups):
    """Rows of delta, gamma, vega, theta held in each group, then in total; `greeks` holds a row for each series."""
    table = []
    for group in range(groups):
        members = [i for i in range(len(position)) if index[i] == group and position[i] != 0]
        table.append(
            [math.fsum(position[i] * multiplier[i] * greeks[i][k] for i in members) for k in range(4)]
        )
    return [*table, [sum(row[k] for row in table) for k in range(4)]]


def quote(value, delta, gamma, vega, risk_price, half_width, ticks_per_unit):
    """Bid and ask in ticks, -1 where there is none."""
    if not (math.isfinite(value) and half_width >= 0.0):
        return -1, -1
    cost = sum(
        Fraction(price) * Fraction(greek)
        for price, greek in zip(risk_price, (delta, gamma, vega), strict=True)
    )
    reservation, scale = Fraction(value) - cost, Fraction(ticks_per_unit)
    low = min(reservation - Fraction(half_width), Fraction(value)) * scale
    high = max(reservation + Fraction(half_width), Fraction(value)) * scale
    bid, ask = math.floor(low + _ROUNDING), math.ceil(high - _ROUNDING)
    ask = max(ask, max(bid, 0) + 1)
    return (bid if bid >= 1 else -1), ask


def changes(before, after):
    """Rows whose bid or ask is not what it was."""
    return [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
