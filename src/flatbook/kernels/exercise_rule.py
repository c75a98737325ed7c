"""How finely the exercise boundary of an American option is solved: collocation nodes, quadratures, Newton steps.

Sources: L. Andersen, M. Lake, D. Offengenden, "High-performance American option pricing", J. Computational Finance 20
(2016) 39-87, for Chebyshev nodes in the root of time; J.-P. Berrut and L. N. Trefethen, "Barycentric Lagrange
interpolation", SIAM Review 46 (2004) 501-517. A time within a life tau is taken as tau sin(a)^2, so that both its root
and that of what is left are smooth in a; Gauss's rule in a then needs few points, and every interpolation weight is
a constant.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NODES_MAX = 24
INNER_MAX = 32
GROUP = 4  # rows summed together; weights are padded with zeros to a whole number of groups

_FLOOR = 0.7  # of the parabola through the first node; an interpolation below it has gone astray
_COINCIDE = 1e-15  # between a node and a quadrature point


class Rule(NamedTuple):
    """How finely to solve: collocation nodes, quadrature within and after, and Newton steps.

    Of n nodes and l points the weights are kept for both rounded up to a multiple of four, the rest being 0; the
    last column is the floor.
    """

    nodes: Floats  # float64[n]: roots of the share of time, ascending to 1
    coarse: Floats  # float64[l', 4]: as `inner`, for the first of several steps
    coarse_weights: Floats
    inner: Floats  # float64[l, 4]: sine, its square, weight, 1 / sine
    inner_weights: Floats  # float64[n, l, n + 1]: interpolation at nodes[i] * cosine
    outer: Floats  # float64[p, 4]: as `inner`, for the premium
    outer_weights: Floats  # float64[p, n + 1]
    steps: int


def make_rule(nodes: int, coarse: int, inner: int, outer: int, steps: int) -> Rule:
    """Lay out a rule of `nodes` (to 24), quadratures of `coarse`, `inner` (to 32) and `outer` points, Newton `steps`."""
    assert 2 <= nodes <= NODES_MAX
    assert 2 <= coarse <= inner <= INNER_MAX
    roots = 0.5 - 0.5 * np.cos(np.pi * np.arange(nodes + 1) / nodes)
    outside, cosine = _angles(outer, 2.0)  # denser just before today, where the premium is made
    after = _interpolation(roots, cosine)
    return Rule(roots[1:].copy(), *_within(roots, coarse), *_within(roots, inner), outside, after, steps)


def _within(roots: Floats, points: int) -> tuple[Floats, Floats]:
    angles, cosine = _angles(points, 1.0)
    weights = np.array([_interpolation(roots, root * cosine) for root in roots[1:]])
    return angles, np.pad(weights, ((0, 0), (0, -points % GROUP), (0, 0)))


def _angles(points: int, power: float) -> tuple[Floats, Floats]:
    roots, weights = np.polynomial.legendre.leggauss(points)
    u = 0.5 + 0.5 * roots
    angle = 0.5 * np.pi * u**power
    weight = 0.5 * weights * 0.5 * np.pi * power * u ** (power - 1.0)
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.stack([sine, sine * sine, 2.0 * sine * cosine * weight, 1.0 / sine], axis=1), cosine


def _interpolation(roots: Floats, at: Floats) -> Floats:
    """Weights of the values at all roots but the first, where the value is 0; last the floor, of the second's."""
    n = roots.size - 1
    barycentric = (-1.0) ** np.arange(n + 1)
    barycentric[[0, n]] *= 0.5
    gap = at[:, None] - roots
    weights = barycentric / np.where(np.abs(gap) > _COINCIDE, gap, _COINCIDE)
    weights /= weights.sum(axis=1, keepdims=True)
    floor = _FLOOR * np.minimum(at / roots[1], 1.0) ** 2
    return np.concatenate([np.pad(weights[:, 1:], ((0, 0), (0, -n % GROUP))), floor[:, None]], axis=1)
