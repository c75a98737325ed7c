"""Implied volatility by halving an interval until it cannot be halved."""

import math

from tests.naive import black


def implied_vol(price, forward, strike, years, discount, sign):
    """Bisection in the logarithm of vol on the 50-digit price."""
    low, high = 1e-4, 20.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        if black.exact_price(forward, strike, years, middle, discount, sign) < price:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)
