"""How far from fair value a quote earns most, one row per quote, for intensities of fills that are logistic or exponential.

H(c) = sup over d of L(d) (d - c), with c what a fill costs us and L the fills per year at the distance d:

- exponential L = a exp(-k d): d* = c + 1 / k (M. Avellaneda and S. Stoikov, Quantitative Finance 8 (2008) 217-224, risk aversion
  to 0);
- logistic L = a / (1 + exp(b + k d)): first-order condition d - c = (1 + exp(-b - k d)) / k (B. Baldacci, P. Bergault and O.
  Gueant, "Algorithmic market making for options", Quantitative Finance 21 (2021) 85-97), whose root is
  d* = c + (1 + w) / k with w the Wright omega function of -(1 + b + k c).

Both have one maximum, so with a least distance the best is the further of the two. Rows are independent.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.wright_omega import wright_omega

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@njit(cache=True, error_model="numpy")
def best_distance(
    cost: Floats, decay: Floats, offset: Floats, logistic: Bools, least: Floats, out: Floats
) -> None:
    """Write the distance of the largest expected profit into `out`.

    Parameters
    ----------
    cost : float64[n]
        What a fill costs us beyond fair value, any sign; plus infinity: do not quote, the distance is infinite.
    decay : float64[n]
        k, per unit of distance, above zero; NaN out otherwise.
    offset : float64[n]
        b; not read where exponential.
    logistic : bool[n]
    least : float64[n]
        Least distance; minus infinity where there is none.
    out : float64[n]
    """
    for i in range(cost.size):
        c, k, b = cost[i], decay[i], offset[i]
        if not (k > 0.0 and c > -math.inf and least[i] < math.inf and (abs(b) < math.inf or not logistic[i])):
            out[i] = np.nan
            continue
        if not logistic[i]:
            d = c + 1.0 / k
        else:
            u = -(1.0 + b + k * c)
            w = wright_omega(u)
            d = -(b + math.log(w)) / k if u > 1.0 else c + (1.0 + w) / k
        out[i] = max(d, least[i])


@njit(cache=True, error_model="numpy")
def omega_at(cost: Floats, decay: Floats, offset: Floats, logistic: Bools, out: Floats) -> None:
    """Write the odds exp(-b - k d*) of a trade at the best distance into `out`; 0 where exponential.

    Parameters
    ----------
    cost, decay, offset, logistic, out
        As in `best_distance`.
    """
    for i in range(cost.size):
        u = -(1.0 + offset[i] + decay[i] * cost[i])
        out[i] = wright_omega(u) if logistic[i] else 0.0
