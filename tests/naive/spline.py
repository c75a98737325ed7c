"""The smoothing spline by dense matrices, as Green and Silverman write it (1994, section 2.1.2)."""

import numpy as np


def fit(x, y, weight, penalty):
    """Values and second derivatives at the knots: (W + penalty K) f = W y, K = Q R^-1 Q'."""
    n = x.size
    gap = np.diff(x)
    q = np.zeros((n, n - 2))
    r = np.zeros((n - 2, n - 2))
    for j in range(n - 2):
        q[j : j + 3, j] = 1.0 / gap[j], -1.0 / gap[j] - 1.0 / gap[j + 1], 1.0 / gap[j + 1]
        r[j, j] = (gap[j] + gap[j + 1]) / 3.0
        if j:
            r[j, j - 1] = r[j - 1, j] = gap[j] / 6.0
    roughness = q @ np.linalg.solve(r, q.T)
    values = np.linalg.solve(np.diag(weight) + penalty * roughness, weight * y)
    second = np.zeros(n)
    second[1:-1] = np.linalg.solve(r, q.T @ values)
    return values, second
