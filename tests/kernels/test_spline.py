"""The smoothing spline against scipy, dense algebra and its two limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline, make_smoothing_spline
from tests.naive import spline as naive

from flatbook.kernels.spline import evaluate_slope, evaluate_spline, fit_smoothing_spline


def points(n=12, seed=3):
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(-1.0, 1.0, n))
    return x, np.sin(3 * x) + 0.1 * random.standard_normal(n), random.uniform(0.2, 5.0, n)


@pytest.mark.parametrize("penalty", [1e-6, 1e-3, 1.0, 100.0])
def test_the_fit_is_scipys(penalty):
    x, y, weight = points()
    values, second = fit_smoothing_spline(x, y, weight, penalty)
    peer = make_smoothing_spline(x, y, weight, penalty)
    inside = np.linspace(x[0], x[-1], 57)

    assert pytest.approx(peer(inside), abs=1e-8) == evaluate_spline(x, values, second, inside)
    assert pytest.approx(peer.derivative()(inside), abs=1e-7) == evaluate_slope(x, values, second, inside)


@given(st.integers(3, 20), st.integers(0, 99), st.floats(-6.0, 3.0))
@settings(max_examples=50, deadline=None)
def test_the_fit_is_that_of_dense_matrices(n, seed, log_penalty):
    x = np.linspace(-1.0, 1.0, n) + 0.3 / n * np.random.default_rng(seed).uniform(-1.0, 1.0, n)
    _, y, weight = points(n, seed)
    values, second = fit_smoothing_spline(x, y, weight, 10.0**log_penalty)
    dense_values, dense_second = naive.fit(x, y, weight, 10.0**log_penalty)

    assert pytest.approx(dense_values, abs=1e-8) == values
    assert pytest.approx(dense_second, abs=1e-6 * (1.0 + abs(dense_second).max())) == second


def test_no_penalty_interpolates():
    x, y, weight = points()
    values, second = fit_smoothing_spline(x, y, weight, 0.0)
    inside = np.linspace(x[0], x[-1], 33)

    assert y.tolist() == values.tolist()
    assert pytest.approx(CubicSpline(x, y, bc_type="natural")(inside), abs=1e-10) == evaluate_spline(
        x, values, second, inside
    )


def test_a_heavy_penalty_leaves_the_weighted_line():
    x, y, weight = points()
    values, _ = fit_smoothing_spline(x, y, weight, 1e9)
    line = np.polyval(np.polyfit(x, y, 1, w=np.sqrt(weight)), x)

    assert pytest.approx(line, abs=1e-6) == values


def test_beyond_the_knots_the_spline_is_straight():
    x, y, weight = points()
    values, second = fit_smoothing_spline(x, y, weight, 1e-3)
    for end, away in ((x[0], -1.0), (x[-1], 1.0)):
        outside = end + away * np.array([0.0, 0.5, 7.0])
        slope = evaluate_slope(x, values, second, outside)
        value = evaluate_spline(x, values, second, outside)

        assert pytest.approx([slope[0]] * 3, rel=1e-12) == slope.tolist()
        assert pytest.approx(value[0] + slope[0] * (outside - end), rel=1e-12) == value


def test_a_straight_line_is_kept_whatever_the_penalty():
    x, _, weight = points()
    values, second = fit_smoothing_spline(x, 2.0 - 3.0 * x, weight, 0.7)

    assert pytest.approx(2.0 - 3.0 * x, abs=1e-12) == values
    assert pytest.approx(np.zeros(x.size), abs=1e-11) == second


def test_two_points_are_met_by_a_line():
    x, y = np.array([0.0, 2.0]), np.array([1.0, 5.0])
    values, second = fit_smoothing_spline(x, y, np.ones(2), 3.0)

    assert evaluate_spline(x, values, second, np.array([-1.0, 1.0, 3.0])).tolist() == [-1.0, 3.0, 7.0]


@pytest.mark.parametrize("fault", ["x", "y", "weight", "order", "zero weight", "penalty"])
def test_points_outside_the_model_fit_nothing(fault):
    x, y, weight = points()
    penalty = -1.0 if fault == "penalty" else 0.1
    if fault == "order":
        x[4] = x[3]
    elif fault == "zero weight":
        weight[2] = 0.0
    elif fault != "penalty":
        {"x": x, "y": y, "weight": weight}[fault][5] = math.nan
    values, second = fit_smoothing_spline(x, y, weight, penalty)

    assert np.isnan(values).all()
    assert np.isnan(second).all()


def test_a_nan_abscissa_has_no_value_and_no_slope():
    x, y, weight = points()
    values, second = fit_smoothing_spline(x, y, weight, 0.1)
    at = np.array([math.nan, 0.0])

    assert np.isnan(evaluate_spline(x, values, second, at)).tolist() == [True, False]
    assert np.isnan(evaluate_slope(x, values, second, at)).tolist() == [True, False]
