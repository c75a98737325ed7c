"""g is the density's sign, and the checks see what they should."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kernels.test_svi import VOGT
from tests.naive import svi as naive

from flatbook.kernels import arbitrage
from flatbook.kernels.smile_row import DEVIATION, ROW
from flatbook.kernels.svi import svi_at


def row_of(raw, level=0.04):
    """A smile row without a spline."""
    row = np.zeros(ROW)
    row[:5], row[DEVIATION] = raw, math.sqrt(level)
    return row


@given(st.floats(-0.8, 0.8))
def test_g_is_the_density_from_prices(k):
    """Against the second difference of call prices in strike: its own error is near 1e-6."""
    raw = (0.02, 0.15, -0.4, 0.05, 0.2)
    w, slope, bend = svi_at(*raw, k)
    g = arbitrage.butterfly_at(k, w, slope, bend)
    expected = naive.density(lambda x: naive.raw_svi(raw, x), math.exp(k))

    assert naive.density_of_g(g, k, w) == pytest.approx(expected, abs=2e-6)


def test_flat_smiles_have_no_arbitrage_and_vogt_has():
    """The check on a row sees both."""
    assert arbitrage.least_butterfly(row_of([0.04, 0.0, 0.0, 0.0, 0.1]), -2.0, 2.0) == pytest.approx(1.0)
    assert arbitrage.least_butterfly(row_of(VOGT), -1.5, 1.5) == pytest.approx(-0.03286, abs=1e-4)
    assert not arbitrage.is_safe(row_of(VOGT), np.zeros(ROW), (1.5, 1.5, 1.5))


def test_crossing_smiles_are_seen():
    """A later smile that falls below, in the middle or in a wing beyond the grid."""
    sooner, later = row_of([0.03, 0.1, 0.0, 0.0, 0.1]), row_of([0.035, 0.1, 0.0, 0.0, 0.1])
    flat_wing = row_of([0.035, 0.099, 0.0, 0.0, 0.15])

    assert arbitrage.least_calendar_gap(sooner, later, -1.0, 1.0) > 0.0
    assert arbitrage.least_calendar_gap(later, sooner, -1.0, 1.0) < 0.0
    assert arbitrage.is_safe(later, sooner, (1.0, 1.0, 1.0))
    assert not arbitrage.is_safe(sooner, later, (1.0, 1.0, 1.0))
    assert arbitrage.least_calendar_gap(sooner, flat_wing, -1.0, 1.0) > 0.0
    assert not arbitrage.is_safe(flat_wing, sooner, (1.0, 1.0, 1.0))


def test_wings_steeper_than_two_are_refused():
    """Lee (2004)."""
    assert arbitrage.wing_slopes(row_of([0.04, 1.5, -0.5, 0.0, 0.1])) == pytest.approx((2.25, 0.75))
    assert not arbitrage.is_safe(row_of([0.04, 1.5, -0.5, 0.0, 0.1]), np.zeros(ROW), (0.1, 0.1, 0.1))


def test_what_is_not_a_variance_has_no_g():
    """NaN, and the least is then no number to pass."""
    assert np.isnan(arbitrage.butterfly_at(0.1, 0.0, 0.1, 0.1))
    assert np.isnan(arbitrage.butterfly_at(0.1, np.nan, 0.1, 0.1))
    assert arbitrage.least_butterfly(row_of([-1.0, 0.1, 0.0, 0.0, 0.1]), -1.0, 1.0) == -math.inf
