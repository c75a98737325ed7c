"""Extended SSVI: its bounds hold what they promise, and fits stay inside them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.naive import svi as naive

from flatbook.kernels import arbitrage, essvi
from flatbook.kernels.svi import svi_at

K = np.linspace(-3.0, 3.0, 601)
rhos = st.floats(-0.9, 0.9)


def variance(piece, k=K):
    """Textbook total variance of THETA, RHO, PSI."""
    return naive.ssvi(piece[0], piece[1], piece[2] / piece[0], k)


@given(st.floats(1e-4, 0.5), rhos, st.floats(0.05, 0.9999))
def test_a_slice_within_its_bounds_has_no_butterfly_arbitrage(theta, rho, share):
    """Gatheral and Jacquier (2014), theorem 4.2, on a grid of 3 in log-moneyness."""
    psi = share * min(4.0 / (1 + abs(rho)), 2.0 * np.sqrt(theta / (1 + abs(rho))))
    piece = np.array([theta, rho, psi])
    w, slope, bend = np.array([svi_at(*essvi.raw_of_ssvi(piece), k) for k in K]).T

    assert essvi.is_butterfly_free(piece)
    assert w == pytest.approx(variance(piece), rel=1e-9)
    assert arbitrage.butterfly(K, w.copy(), slope.copy(), bend.copy()).min() >= -1e-9


@given(st.floats(1e-3, 0.1), rhos, st.floats(0.1, 0.9), st.floats(1.01, 3.0), rhos, st.floats(0.0, 1.0))
def test_slices_that_pass_the_calendar_condition_do_not_cross(theta, rho, share, growth, rho_later, at):
    """Corbetta et al. (2019), on the same grid."""
    sooner = np.array([theta, rho, share * 2.0 * np.sqrt(theta / (1 + abs(rho)))])
    rise = essvi.wing_ratio(rho, rho_later)
    theta_later = theta * growth * rise
    least, most = sooner[2] * rise, sooner[2] / theta * theta_later
    later = np.array([theta_later, rho_later, least + at * (most - least)])
    if essvi.is_calendar_free(sooner, later):
        assert np.all(variance(later) >= variance(sooner) * (1.0 - 1e-12))


def test_the_calendar_condition_refuses_slices_that_cross():
    """It can fail: a lower level, a flatter wing."""
    sooner = np.array([0.04, -0.4, 0.2])

    assert not essvi.is_calendar_free(sooner, np.array([0.03, -0.4, 0.2]))
    assert not essvi.is_calendar_free(sooner, np.array([0.05, -0.4, 0.1]))
    assert not essvi.is_butterfly_free(np.array([0.04, -0.4, 0.5]))


@given(st.integers(0, 2**32 - 1))
def test_a_fit_meets_both_conditions_whatever_the_quotes(seed):
    """Bands at random, above or below the slice before."""
    print("seed", seed)  # noqa: T201 - a failure is one integer
    random = np.random.default_rng(seed)
    theta = 10.0 ** random.uniform(-4, -0.5)
    rho = random.uniform(-0.9, 0.9)
    sooner = np.array([theta, rho, random.uniform(0.05, 0.95) * 2.0 * np.sqrt(theta / (1 + abs(rho)))])
    k = np.sort(random.normal(0.0, 3.0 * np.sqrt(theta), 12))
    w = theta * random.uniform(0.2, 6.0) * np.exp(random.normal(0.0, 0.3, 12))
    start = np.array([np.median(w), -0.3, 0.7 * np.sqrt(np.median(w))])
    found = essvi.fit_essvi(k, 0.95 * w, w, 1.05 * w, (0.05 * w) ** -2.0, sooner, start, 15)

    assert essvi.is_butterfly_free(found)
    assert essvi.is_calendar_free(sooner, found) or np.all(variance(found) >= variance(sooner) * (1.0 - 1e-9))


def test_slices_behind_exact_quotes_are_found_again():
    """A surface of three slices, each fitted above the one before."""
    k = np.linspace(-0.5, 0.4, 31)
    sooner = np.zeros(3)
    for theta, rho, psi in ((0.01, -0.5, 0.11), (0.02, -0.45, 0.16), (0.045, -0.4, 0.24)):
        w = naive.ssvi(theta, rho, psi / theta, k)
        start = np.array([theta * 1.2, -0.2, 0.5 * np.sqrt(theta)])
        sooner = essvi.fit_essvi(k, 0.999 * w, w, 1.001 * w, (0.001 * w) ** -2.0, sooner, start, 60)

        assert variance(sooner, k) == pytest.approx(w, rel=1e-3)
