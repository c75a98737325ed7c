"""Raw SVI: published values, round trips, slopes, and parameters found again."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.naive import svi as naive

from flatbook.kernels import arbitrage, svi

VOGT = np.array([-0.0410, 0.1331, 0.3060, 0.3586, 0.4153])  # Gatheral and Jacquier (2014), example 3.1
VOGT_WINGS = [0.01742625, -0.1752111, 0.6997381, 1.316798, 0.01162490]
parameters = st.tuples(
    st.floats(0.005, 0.2),
    st.floats(0.01, 0.5),
    st.floats(-0.9, 0.9),
    st.floats(-0.4, 0.4),
    st.floats(0.02, 0.6),
).map(np.array)


def least_g(raw, k):
    """The least g of raw parameters, and where."""
    w, slope, bend = np.array([svi.svi_at(*raw, x) for x in k]).T
    g = arbitrage.butterfly(k, w.copy(), slope.copy(), bend.copy())
    return g, k


def test_vogt_has_the_published_jump_wings():
    """To the printed digits."""
    assert svi.jump_wings_of(VOGT, 1.0) == pytest.approx(VOGT_WINGS, rel=1e-6)


def test_vogt_has_the_published_butterfly_arbitrage():
    """g falls to -0.0328636 at 0.87926 and is negative on (0.6424, 1.2569)."""
    g, k = least_g(VOGT, np.linspace(-1.5, 1.5, 300_001))

    assert g.min() == pytest.approx(-0.0328636, abs=5e-8)
    assert k[g.argmin()] == pytest.approx(0.87926, abs=1e-4)
    assert k[g < 0][[0, -1]] == pytest.approx([0.6424, 1.2569], abs=1e-4)


def test_repair_of_vogt_is_the_published_one():
    """c' = 0.3493158, v' = 0.01548182, and no arbitrage left."""
    fixed = svi.repaired_jump_wings(svi.jump_wings_of(VOGT, 1.0))
    raw = svi.raw_of_jump_wings(fixed, 1.0)

    assert fixed[[svi.CALL_WING, svi.VARIANCE_MIN]] == pytest.approx([0.3493158, 0.01548182], rel=1e-6)
    assert raw == pytest.approx([0.00774091, 0.06924203, -0.33403648, 0.04203375, 0.11860780], rel=1e-6)
    assert least_g(raw, np.linspace(-1.5, 1.5, 3001))[0].min() == pytest.approx(0.278, abs=5e-4)


def test_the_papers_own_choice_for_vogt_is_free_of_arbitrage():
    """c = 0.8564763, v' = 0.0116249: the least g is 0.00812."""
    wings = svi.jump_wings_of(VOGT, 1.0)
    wings[[svi.CALL_WING, svi.VARIANCE_MIN]] = 0.8564763, 0.0116249
    raw = svi.raw_of_jump_wings(wings, 1.0)

    assert raw == pytest.approx([-0.03051991, 0.10271679, 0.10071761, 0.27234421, 0.41239806], rel=1e-5)
    assert least_g(raw, np.linspace(-1.5, 1.5, 3001))[0].min() == pytest.approx(0.00812, abs=5e-6)


@given(parameters, st.floats(0.01, 3.0))
def test_jump_wings_lead_back_to_the_raw_parameters(raw, years):
    """The smile is the same to 1e-9 of it; m near 0 leaves s to a difference of near numbers."""
    k = np.linspace(-1.0, 1.0, 21)
    there = svi.raw_of_jump_wings(svi.jump_wings_of(raw, years), years)

    if abs(raw[svi.M]) < 1e-3 * raw[svi.S]:
        return
    assert naive.raw_svi(there, k) == pytest.approx(naive.raw_svi(raw, k), rel=1e-9)


@given(parameters, st.floats(-2.0, 2.0))
def test_slopes_are_the_derivatives(raw, k):
    """Against mpmath."""

    def exact(x):
        a, b, rho, m, s = (mpmath.mpf(float(p)) for p in raw)
        return a + b * (rho * (x - m) + mpmath.sqrt((x - m) ** 2 + s**2))

    with mpmath.workdps(40):
        expected = [float(mpmath.diff(exact, mpmath.mpf(k), order)) for order in range(3)]
    assert svi.svi_at(*raw, k) == pytest.approx(expected, rel=1e-12, abs=1e-13)


def test_total_variance_is_nan_outside_the_parameters_of_a_smile():
    """One guard, which NaN fails too."""
    k = np.zeros(2)
    for bad in (
        [0.1, -0.1, 0, 0, 0.1],
        [0.1, 0.1, 1.0, 0, 0.1],
        [0.1, 0.1, 0, 0, 0.0],
        [0.1, np.nan, 0, 0, 0.1],
    ):
        assert np.isnan(svi.svi_total_variance(np.array(bad), k)).all()
    assert np.isnan(svi.svi_total_variance(VOGT, np.array([np.nan]))).all()


@pytest.mark.parametrize(
    "raw",
    [
        [0.3, 0.6, -0.5, 0.2, 1.0],
        [0.1, 0.5, 0.4, -0.5, 1.5],
        [0.6, 0.2, -0.8, 0.5, 0.7],
    ],
)
def test_fit_finds_the_smile_behind_exact_quotes(raw):
    """Bands of a thousandth around scaled SVI: every point is met to a tenth of that."""
    z = np.linspace(-4.0, 3.0, 41)
    w = naive.raw_svi(raw, z)
    start = np.array([0.5, 0.3, -0.2, 0.0, 1.0])
    found = svi.fit_svi(z, w - 1e-3, w, w + 1e-3, np.full(41, 1e6), start, 0.2, 60)

    assert np.abs(naive.raw_svi(found, z) - w).max() < 1e-4


def test_one_wild_quote_does_not_move_the_fit():
    """Its influence is bounded, however tight its band."""
    z = np.linspace(-4.0, 3.0, 41)
    w = naive.raw_svi([0.3, 0.6, -0.5, 0.2, 1.0], z)
    wild = w.copy()
    wild[10] *= 5.0
    start = np.array([0.5, 0.3, -0.2, 0.0, 1.0])
    found = svi.fit_svi(z, wild - 0.02, wild, wild + 0.02, np.full(41, 2500.0), start, 0.2, 60)

    assert np.abs(np.delete(naive.raw_svi(found, z) - w, 10)).max() < 0.04
