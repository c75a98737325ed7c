"""Smiles: inside the market where it can be, sane where it is not quoted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.market.smiles import SmilePoints, fit_smile, smile_vol
from tests.worlds import smile

_YEARS = 0.1


def _points(*, n=40, half=0.004, noise=0.0, seed=0):
    k = np.linspace(-0.25, 0.15, n)
    mid = smile(k, _YEARS) + noise * np.random.default_rng(seed).standard_normal(n)
    return SmilePoints(log_moneyness=k, vol_bid=mid - half, vol_mid=mid, vol_ask=mid + half, years=_YEARS)


@given(seed=st.integers(0, 1000), noise=st.floats(0.0, 0.002))
def test_a_noisy_smile_is_fitted_inside_its_bands(seed, noise):
    """At least 90 % of the points within bid and ask."""
    points = _points(noise=noise, seed=seed)
    fitted = fit_smile(points)

    assert fitted is not None
    vol = smile_vol(fitted, points.log_moneyness, _YEARS)
    inside = (vol >= points.vol_bid - 1e-12) & (vol <= points.vol_ask + 1e-12)
    assert inside.mean() >= 0.9
    assert fitted.share_inside == pytest.approx(inside.mean())


def test_wide_quotes_give_a_smoother_smile_than_tight_ones():
    """The penalty is the largest that stays inside."""
    wide, tight = fit_smile(_points(half=0.02, noise=0.001)), fit_smile(_points(half=0.0008, noise=0.0))

    assert wide is not None
    assert tight is not None
    assert wide.penalty > tight.penalty


def test_beyond_the_quoted_strikes_variance_grows_no_faster_than_lee_allows():
    """|dw/dk| <= 2 far out, on both sides, and never falls outward."""
    fitted = fit_smile(_points())
    assert fitted is not None
    k = np.array([-6.0, -5.0, 5.0, 6.0])
    w = smile_vol(fitted, k, _YEARS) ** 2 * _YEARS

    assert 0.0 <= w[0] - w[1] <= 2.0
    assert 0.0 <= w[3] - w[2] <= 2.0


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_strikes_give_a_flat_smile(n):
    """The level at the money, everywhere."""
    points = SmilePoints(
        log_moneyness=np.array([-0.01, 0.01])[:n],
        vol_bid=np.array([0.19, 0.19])[:n],
        vol_mid=np.array([0.20, 0.20])[:n],
        vol_ask=np.array([0.21, 0.21])[:n],
        years=_YEARS,
    )
    fitted = fit_smile(points)

    assert fitted is not None
    assert smile_vol(fitted, np.array([-0.5, 0.0, 0.5]), _YEARS) == pytest.approx([0.2, 0.2, 0.2])


def test_no_strike_gives_no_smile():
    """Not a made-up one."""
    nothing = np.empty(0)

    assert (
        fit_smile(
            SmilePoints(
                log_moneyness=nothing, vol_bid=nothing, vol_mid=nothing, vol_ask=nothing, years=_YEARS
            )
        )
        is None
    )


def test_an_expired_smile_has_no_volatility():
    """NaN, not zero."""
    fitted = fit_smile(_points())
    assert fitted is not None

    assert np.isnan(smile_vol(fitted, np.zeros(1), 0.0)).all()
