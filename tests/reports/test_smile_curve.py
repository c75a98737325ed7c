"""Density and 25-delta volatilities against prices and normal quantiles that know nothing of g."""

import math

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm

from flatbook.kernels.black import price_european
from flatbook.reports.smile_curve import curve_of, density_of, quarter_deltas
from tests.reports.surfaces import good_view

SLICES = range(5)


def _surface():
    market = good_view()
    return market.surfaces[0], market.slice_in_surface


def _calls(surface, at, k):
    """Undiscounted call prices at forward 1."""
    years = float(surface.years[at])
    vol = surface.vol(np.full(k.size, at), k)
    one = np.ones(k.size)
    return price_european(one, np.exp(k), years * one, vol, one, one)


@pytest.mark.parametrize("at", SLICES)
def test_the_density_is_the_second_derivative_of_call_prices(at):
    """Breeden and Litzenberger (1978): q(K) = C''(K); of x = ln K it is q K. The error is that of the differences."""
    surface, _ = _surface()
    deviation = math.sqrt(surface.total_variance(np.array([at]), np.zeros(1))[0])
    k = deviation * np.linspace(-1.5, 1.5, 31)
    step = 2e-3 * deviation
    density = density_of(surface, at, k, 0.005 * deviation)
    strike = np.exp(k)
    h = strike * step
    ends = [_calls(surface, at, np.log(strike + side * h)) for side in (-1.0, 0.0, 1.0)]
    differences = (ends[0] - 2.0 * ends[1] + ends[2]) / h**2 * strike

    assert density == pytest.approx(differences, rel=5e-3, abs=5e-3 * float(density.max()))


@pytest.mark.parametrize("at", SLICES)
def test_the_density_sums_to_one_and_its_mean_is_the_forward(at):
    """Over six standard deviations; the rest holds less than a hundredth."""
    surface, _ = _surface()
    curve = curve_of(surface, at, np.empty(0))

    assert trapezoid(curve.density, curve.log_moneyness) == pytest.approx(1.0, abs=0.01)
    assert trapezoid(curve.density * np.exp(curve.log_moneyness), curve.log_moneyness) == pytest.approx(
        1.0, abs=0.01
    )
    assert float(curve.density.min()) >= 0.0


@pytest.mark.parametrize("at", SLICES)
def test_quarter_deltas_have_a_delta_of_a_quarter(at):
    """The volatility given is that of the strike whose delta is a quarter, found by bisection."""
    surface, _ = _surface()
    put, call = quarter_deltas(surface, at, curve_of(surface, at, np.empty(0)))
    years = float(surface.years[at])

    def vol_at(k):
        return float(surface.vol(np.array([at]), np.array([k]))[0])

    def d1(k):
        total = vol_at(k) * math.sqrt(years)
        return -k / total + total / 2.0

    for vol, wanted in ((put, norm.ppf(0.75)), (call, norm.ppf(0.25))):
        low, high = -3.0 * vol * math.sqrt(years), 3.0 * vol * math.sqrt(years)
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if d1(middle) > wanted else (low, middle)
        assert vol == pytest.approx(vol_at(low), rel=2e-3)


def test_a_curve_reaches_over_its_quotes_and_is_dense_at_the_money():
    surface, _ = _surface()
    far = np.array([-3.0, 0.4])
    curve = curve_of(surface, 0, far)
    steps = np.diff(curve.log_moneyness)

    assert (curve.log_moneyness[0], curve.log_moneyness[-1]) == pytest.approx((-3.0, 0.4))
    assert steps[np.abs(curve.log_moneyness[:-1]).argmin()] < 0.2 * steps.max()
