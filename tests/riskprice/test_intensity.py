"""Intensities and their Hamiltonian, against maximisation by trying."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from flatbook.model.errors import InvalidValueError
from flatbook.riskprice.intensity import exponential, fills_per_year, hamiltonian, logistic


def best_profit(arrivals, offset, decay, is_logistic, cost):
    """The largest L(d) (d - cost) that scipy finds; L from its definition."""
    if is_logistic:
        intensity = lambda d: arrivals / (1.0 + np.exp(offset + decay * d))  # noqa: E731
    else:
        intensity = lambda d: arrivals * np.exp(-decay * d)  # noqa: E731
    reach = cost + (40.0 + max(-offset - decay * cost, 0.0)) / decay
    found = minimize_scalar(
        lambda d: -intensity(d) * (d - cost), bounds=(cost, reach), method="bounded", options={"xatol": 1e-10}
    )
    return -found.fun


@settings(max_examples=200, deadline=None)
@given(
    offset=st.floats(-3.0, 3.0),
    decay=st.floats(0.05, 20.0),
    points=st.floats(0.2, 50.0),
    cost=st.floats(-5.0, 5.0),
    is_logistic=st.booleans(),
)
def test_the_hamiltonian_is_the_largest_profit_and_its_derivatives_are_its_own(
    offset, decay, points, cost, is_logistic
):
    """H against scipy; H' and H'' against differences of H."""
    one = np.ones(1)
    make = (lambda: logistic(100.0 * one, offset * one, decay * one, points * one)) if is_logistic else (
        lambda: exponential(100.0 * one, decay * one, points * one))  # fmt: skip
    intensity, step = make(), 1e-4 * points / decay
    below, at, above = (hamiltonian(intensity, (cost + x) * one) for x in (-step, 0.0, step))
    h = at.profit_usd_per_year[0]

    assert h == pytest.approx(best_profit(100.0, offset, decay / points, is_logistic, cost), rel=1e-7)
    slope = (above.profit_usd_per_year[0] - below.profit_usd_per_year[0]) / (2.0 * step)
    bend = (above.slope_per_year[0] - below.slope_per_year[0]) / (2.0 * step)
    assert at.slope_per_year[0] == pytest.approx(slope, rel=1e-6)
    assert at.curvature_per_usd_year[0] == pytest.approx(bend, rel=1e-6)


def test_probabilities_of_the_published_book():
    """V7: at mid 33.2 %, one vol point through 69.0 %, one worse 9.98 %; whatever a vol point of the contract is worth."""
    points = np.array([1.0, 7.0, 1e-3])
    intensity = logistic(np.ones(3), np.full(3, 0.7), np.full(3, 1.5), points)

    assert fills_per_year(intensity, 0.0 * points) == pytest.approx(0.332, abs=5e-4)
    assert fills_per_year(intensity, -points) == pytest.approx(0.690, abs=5e-4)
    assert fills_per_year(intensity, points) == pytest.approx(0.0998, abs=5e-5)


def test_a_contract_without_vega_has_no_intensity_and_impossible_numbers_are_refused():
    """NaN, not an intensity that never fades."""
    one = np.ones(1)

    assert np.isnan(hamiltonian(logistic(one, one, one, 0.0 * one), one).profit_usd_per_year[0])
    with pytest.raises(InvalidValueError, match="decay must be above 0"):
        exponential(one, -one, one)
    with pytest.raises(InvalidValueError, match="arrivals"):
        logistic(-one, one, one, one)
