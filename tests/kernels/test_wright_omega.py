"""The Wright omega function against scipy and 40 digits of mpmath."""

import math

import mpmath
import numpy as np
from scipy.special import wrightomega

from flatbook.kernels.wright_omega import wright_omega


def test_it_is_scipys():
    """From where it underflows to where the logarithm no longer matters."""
    u = np.concatenate((np.linspace(-700.0, 60.0, 20_001), np.geomspace(60.0, 1e12, 500)))
    ours = np.array([wright_omega(x) for x in u])

    assert np.max(np.abs(ours / np.real(wrightomega(u)) - 1.0)) < 1e-14


def test_it_is_lamberts_function():
    """W(exp(u)) with 40 digits, at the seams of the first guesses too."""
    with mpmath.workdps(40):
        for u in (-50.0, -38.0, -37.999, -1.5, -1.499, 0.0, 1.0, 3.999, 4.0, 30.0, 500.0):
            exact = mpmath.lambertw(mpmath.exp(mpmath.mpf(u)))
            assert abs(wright_omega(u) / exact - 1) < 1e-14


def test_its_ends():
    """The guards: none of these is an exception."""
    assert math.isnan(wright_omega(math.nan))
    assert wright_omega(-math.inf) == 0.0
    assert wright_omega(math.inf) == math.inf
