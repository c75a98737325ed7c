"""The value function of factor exposures the slow way: its equation as it stands, term by term, and a solver of matrix equations."""

import numpy as np
from scipy.linalg import solve_continuous_are, sqrtm


def curvature(covariance, d, aversion, discount):
    """A of 2 A D A + r A = aversion / 2 S by the Schur method (A. Laub 1979) of scipy; D must not be singular."""
    count = covariance.shape[0]
    root = np.real(sqrtm(2.0 * d))
    return solve_continuous_are(
        -0.5 * discount * np.eye(count), root, 0.5 * aversion * covariance, np.eye(count)
    )


def published_curvature(covariance, d_of_a_side, aversion):
    """Domain reference 4.5: 1/2 sqrt(a/2) D^-1/2 (D^1/2 S D^1/2)^1/2 D^-1/2."""
    root = np.real(sqrtm(d_of_a_side))
    inverse = np.linalg.inv(root)
    return 0.5 * np.sqrt(aversion / 2.0) * inverse @ np.real(sqrtm(root @ covariance @ root)) @ inverse


def equation(exposure, v, *, covariance, drift, aversion, discount, trades):
    """What is left of the stationary equation at one book.

    `trades` are (s z e, z, h) with h the Hamiltonian as a function of the shift.
    """
    left = -discount * v(exposure) - 0.5 * aversion * exposure @ covariance @ exposure + drift @ exposure
    for move, z, h in trades:
        left += z * h((v(exposure) - v(exposure + move)) / z)
    return left
