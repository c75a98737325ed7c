"""What moves by chance through a day: correlated normals, processes that revert, and the instants of jumps."""

from collections.abc import Sequence

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats, Ints
from flatbook.sim.chance import Chance

_TOLERANCE = 1e-9  # of a pivot: a matrix that is singular but for rounding, as for a correlation of 1


def triangle(correlation: Sequence[Sequence[float]]) -> Floats:
    """The lower triangle L with L L' the correlation, float64[U, U]; a singular one is fine (Cholesky).

    Raises
    ------
    InvalidValueError
        No returns can be correlated so.
    """
    told = np.array(correlation, dtype=np.float64)
    out = np.zeros_like(told)
    for j in range(told.shape[0]):
        left = told[j:, j] - out[j:, :j] @ out[j, :j]
        if left[0] < -_TOLERANCE:
            msg = f"prices: the correlations of underlying {j + 1} with those before it cannot hold together; lower some of them"
            raise InvalidValueError(msg)
        if left[0] > _TOLERANCE:
            out[j:, j] = left / np.sqrt(left[0])
        elif np.abs(left).max() > np.sqrt(_TOLERANCE):
            msg = f"prices: underlying {j + 1} is another one by its correlations, but not to all; make them agree"
            raise InvalidValueError(msg)
    return out


def correlated(lower: Floats, count: int, chance: Chance) -> Floats:
    """Rows of standard normals with the correlation of `lower`, float64[count, U]."""
    size = lower.shape[0]
    drawn = chance.normals(count * size).reshape(count, size)
    out = np.zeros((count, size))
    for j in range(size):
        out += drawn[:, j : j + 1] * lower[:, j]
    return out


def reverting(normals: Floats, deviation: Floats, reversion: Floats, years: Floats) -> Floats:
    """Ornstein-Uhlenbeck processes that start at 0, by their exact transitions, float64[n + 1, m].

    Parameters
    ----------
    normals : float64[n, m]
    deviation : float64[m] or float64[n, m]
        Annual, in each step.
    reversion : float64[m]
        Per year; 0: a random walk.
    years : float64[n]
        Of each step.

    Notes
    -----
    G. Uhlenbeck, L. Ornstein, Physical Review 36 (1930) 823-841: over a step h the process keeps e^{-kappa h} of itself and gains a
    variance s^2 (1 - e^{-2 kappa h}) / (2 kappa).
    """
    kept = np.exp(-reversion * years[:, None])
    gained = normals * np.sqrt(deviation**2 * gained_years(reversion, years))
    out = np.zeros((years.size + 1, normals.shape[1]))
    for k in range(years.size):
        np.multiply(out[k], kept[k], out=out[k + 1])
        out[k + 1] += gained[k]
    return out


def reverting_variance(deviation: Floats, reversion: Floats, years: Floats) -> Floats:
    """Variance of `reverting` after each step, float64[n + 1, m]; parameters as there."""
    kept = np.exp(-2.0 * reversion * years[:, None])
    gained = np.broadcast_to(deviation**2 * gained_years(reversion, years), kept.shape)
    out = np.zeros((years.size + 1, reversion.size))
    for k in range(years.size):
        out[k + 1] = out[k] * kept[k] + gained[k]
    return out


def gained_years(reversion: Floats, years: Floats) -> Floats:
    """(1 - e^{-2 kappa h}) / (2 kappa) of each step, float64[n, m]; h itself without reversion."""
    twice = 2.0 * reversion
    reverts = twice > 0.0
    safe = np.where(reverts, twice, 1.0)
    h = years[:, None]
    return np.asarray(np.where(reverts, -np.expm1(-safe * h) / safe, h))


def jump_steps(per_day: float, passed: Floats, chance: Chance) -> Ints:
    """Steps of the day in which a jump falls, ascending, int64[j]; Poisson in the share of the day's variance that has passed."""
    if not per_day > 0.0:
        return np.empty(0, dtype=np.int64)
    at, out = chance.wait(1.0 / per_day), []
    while at < 1.0:
        out.append(at)
        at += chance.wait(1.0 / per_day)
    return np.maximum(np.searchsorted(passed, np.array(out)) - 1, 0).astype(np.int64)
