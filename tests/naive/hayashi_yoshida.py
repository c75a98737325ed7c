"""Every pair of returns whose spans overlap, one at a time."""

from math import log


def covariance(times_a, prices_a, times_b, prices_b):
    """Sum of the products of log returns over all pairs of spans (t, t'] that overlap."""
    total = 0.0
    for i in range(1, len(times_a)):
        for j in range(1, len(times_b)):
            if max(times_a[i - 1], times_b[j - 1]) < min(times_a[i], times_b[j]):
                total += log(prices_a[i] / prices_a[i - 1]) * log(prices_b[j] / prices_b[j - 1])
    return total
