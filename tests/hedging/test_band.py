"""The no-trade band against published numbers."""

import pytest

from flatbook.hedging.band import half_width_shares


def test_the_band_is_that_of_whalley_and_wilmott():
    """Domain reference V8: S=K=100, T=1, r=0, vol 30 %, cost 2 %, aversion 1, gamma .01314931."""
    assert half_width_shares(
        cost_rate=0.02, spot=100.0, gamma=0.01314931, aversion_per_usd=1.0
    ) == pytest.approx(0.0803481, abs=1e-7)


def test_eight_times_the_cost_doubles_the_band():
    """V8: exactly."""
    narrow = half_width_shares(cost_rate=0.02, spot=100.0, gamma=0.0131, aversion_per_usd=1.0)
    wide = half_width_shares(cost_rate=0.16, spot=100.0, gamma=0.0131, aversion_per_usd=1.0)

    assert wide == pytest.approx(2.0 * narrow, rel=1e-12)


def test_a_book_without_gamma_has_no_band():
    """Nothing drifts, so nothing is gained by waiting."""
    assert half_width_shares(cost_rate=0.02, spot=100.0, gamma=0.0, aversion_per_usd=1.0) == 0.0
