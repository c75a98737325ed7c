"""When customers come: a self-exciting process, as immigrants and their offspring.

Immigrants are a Poisson process with the rate of the day; each order sets off a Poisson number of others, mean the branching ratio n, each after
an exponential wait. The intensity is then mu(t) + sum n b exp(-b (t - t_i)), the mean of a steady day mu / (1 - n), and counts over long
windows spread 1 / (1 - n)^2 times as much as Poisson's.

Source: A. Hawkes and D. Oakes, "A cluster process representation of a self-exciting process", J. Applied Probability 11 (1974) 493-503;
A. Hawkes, Biometrika 58 (1971) 83-90.
"""

import math

import numpy as np

from flatbook.model.table import Floats, Ints
from flatbook.model.world_flow_terms import CustomerTerms
from flatbook.sim.chance import Chance
from flatbook.sim.customers.day_shape import DayShape

_WAITS = 256  # drawn at once
_OFFSPRING_MAX = 40  # of one order: with a mean of 0.95, more come once in 1e48


def arrival_minutes(terms: CustomerTerms, shape: DayShape, chance: Chance) -> Floats:
    """Minutes after the open at which orders come, float64[n] ascending; what would come after the end does not."""
    born = _immigrants(shape, terms.orders_per_day * (1.0 - terms.branching), chance)
    everybody = [born]
    while born.size and terms.branching > 0.0:
        parents = np.repeat(born, _poisson(terms.branching, chance.shares(born.size)))
        waits = -terms.branching_decay_s / 60.0 * np.log(chance.shares(parents.size))
        born = parents + waits
        born = born[born < shape.minute[-1]]
        everybody.append(born)
    return np.sort(np.concatenate(everybody))


def _immigrants(shape: DayShape, orders: float, chance: Chance) -> Floats:
    """Waits of mean 1 laid along the cumulative rate."""
    cumulative = np.concatenate([np.zeros(1), np.cumsum(shape.weight)]) * orders
    total = float(cumulative[-1])
    waits: list[Floats] = []
    passed = 0.0
    while passed < total:
        more = -np.log(chance.shares(_WAITS))
        waits.append(more)
        passed += float(more.sum())
    at = np.cumsum(np.concatenate(waits)) if waits else np.zeros(0)
    return np.asarray(np.interp(at[at < total], cumulative, shape.minute))


def _poisson(mean: float, shares: Floats) -> Ints:
    """int64[n]: by inversion of the distribution function."""
    terms = [math.exp(-mean + n * math.log(mean) - math.lgamma(n + 1.0)) for n in range(_OFFSPRING_MAX)]
    return np.searchsorted(np.cumsum(terms), shares).astype(np.int64)
