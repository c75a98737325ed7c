"""How much customers ask for: whole numbers from 1, by inversion, and their exact mean.

A size is X rounded to the nearest whole number, at least 1 and at most the most; X is lognormal or Pareto with the mean that is told. A geometric
size is a whole number by itself. The mean is the sum of P(size >= k).
"""

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from flatbook.model.table import Floats, Ints
from flatbook.model.world_flow_terms import SizeShape, SizeTerms
from flatbook.sim.chance import Chance

_NORMAL = NormalDist()


def sizes(terms: SizeTerms, count: int, chance: Chance) -> Ints:
    """int64[count]."""
    if terms.shape is SizeShape.LOGNORMAL:
        drawn = np.exp(_log_median(terms) + terms.log_deviation * chance.normals(count))
        whole = np.floor(drawn + 0.5)
    elif terms.shape is SizeShape.PARETO:
        whole = np.floor(_pareto_least(terms) * chance.shares(count) ** (-1.0 / terms.tail_power) + 0.5)
    else:
        shares = chance.shares(count)
        whole = (
            np.ones(count)
            if terms.mean_contracts <= 1.0
            else 1.0 + np.floor(np.log(shares) / math.log1p(-1.0 / terms.mean_contracts))
        )
    return np.asarray(np.clip(whole, 1.0, terms.most_contracts), dtype=np.int64)


@lru_cache(maxsize=64)
def mean_size(terms: SizeTerms) -> float:
    """Contracts of an order, after rounding and the most."""
    least = np.arange(2.0, terms.most_contracts + 1.0)
    return 1.0 + float(_share_from(terms, least).sum())


def _share_from(terms: SizeTerms, least: Floats) -> Floats:
    """P(size >= least), least 2 or above."""
    if terms.shape is SizeShape.LOGNORMAL:
        deviations = (np.log(least - 0.5) - _log_median(terms)) / terms.log_deviation
        return np.array([_NORMAL.cdf(-each) for each in deviations.tolist()])
    if terms.shape is SizeShape.PARETO:
        return np.asarray(np.minimum(1.0, (_pareto_least(terms) / (least - 0.5)) ** terms.tail_power))
    return np.asarray((1.0 - 1.0 / terms.mean_contracts) ** (least - 1.0))


def _log_median(terms: SizeTerms) -> float:
    return math.log(terms.mean_contracts) - 0.5 * terms.log_deviation**2


def _pareto_least(terms: SizeTerms) -> float:
    return terms.mean_contracts * (terms.tail_power - 1.0) / terms.tail_power
