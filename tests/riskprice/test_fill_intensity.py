"""Intensities of fills told from simulated fills, within their own errors."""

import numpy as np
import pytest
from scipy.optimize import minimize

from flatbook.riskprice.fill_intensity import exponential_intensity, logistic_intensity

_D = np.linspace(-1.0, 3.0, 17)


def _exponential(seconds, fills, d=_D):
    return exponential_intensity(d, seconds, fills, default_per_second=9.0, default_decay=8.0)


def _logistic(seconds, fills, d=_D):
    return logistic_intensity(d, seconds, fills, default_per_second=9.0, default_alpha=0.7, default_beta=8.0)


def _inside(fits, truth):
    return {
        name: float(np.mean([abs(f[name].value - value) < 1.96 * f[name].standard_error for f in fits]))
        for name, value in truth.items()
    }


def test_the_exponential_is_told_within_its_errors():
    """500 desks: A = .05 a second, k = 1.2 per vol point, an hour at each of 17 distances."""
    seed, truth = 1, {"A": 0.05, "k": 1.2}
    rng = np.random.default_rng(seed)
    seconds = np.full(17, 600.0)
    mean = seconds * 0.05 * np.exp(-1.2 * _D)
    inside = _inside([_exponential(seconds, rng.poisson(mean).astype(float)) for _ in range(500)], truth)

    assert all(0.93 <= share <= 0.985 for share in inside.values()), f"seed {seed}: {inside}"


def test_the_logistic_of_the_published_book_is_told_within_its_errors():
    """500 desks with alpha = .7 and beta = 1.5 per vol point (domain reference 4.4), L = .1 a second."""
    seed, truth = 2, {"L": 0.1, "alpha": 0.7, "beta": 1.5}
    rng = np.random.default_rng(seed)
    d, seconds = np.linspace(-4.0, 4.0, 17), np.full(17, 3_600.0)
    mean = seconds * 0.1 / (1.0 + np.exp(0.7 + 1.5 * d))
    fits = [_logistic(seconds, rng.poisson(mean).astype(float), d) for _ in range(500)]
    inside = _inside(fits, truth)

    assert all(fit["L"].verified for fit in fits)
    assert all(0.93 <= share <= 0.985 for share in inside.values()), f"seed {seed}: {inside}"


def test_crowds_of_fills_widen_the_errors():
    """Fills in threes have three times the variance: without the dispersion one in four would miss."""
    seed, truth = 3, {"A": 0.05, "k": 1.2}
    rng = np.random.default_rng(seed)
    seconds = np.full(17, 3_600.0)
    mean = seconds * 0.05 * np.exp(-1.2 * _D)
    fits = [_exponential(seconds, 3.0 * rng.poisson(mean / 3.0)) for _ in range(400)]
    inside = _inside(fits, truth)

    assert np.mean([fit.dispersion for fit in fits]) == pytest.approx(3.0, rel=0.1)
    assert all(0.88 <= share <= 0.985 for share in inside.values()), f"seed {seed}: {inside}"


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_maximum_that_scipy_finds(seed):
    """The same likelihood by Nelder and Mead, where cells differ in time and some have no fill."""
    rng = np.random.default_rng(10 + seed)
    d, seconds = np.sort(rng.uniform(-3.0, 3.0, 40)), rng.uniform(50.0, 2_000.0, 40)
    fills = rng.poisson(seconds * 0.08 / (1.0 + np.exp(0.5 + 1.2 * d))).astype(float)
    fit = _logistic(seconds, fills, d)

    def minus(theta):
        rate = np.exp(theta[0] - np.logaddexp(0.0, theta[1] + theta[2] * d))
        return float((seconds * rate).sum() - (fills * np.log(seconds * rate)).sum())

    other = minimize(
        minus,
        [np.log(0.08), 0.5, 1.2],
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 9999},
    )

    assert fit.log_likelihood == pytest.approx(-other.fun, abs=1e-6), f"seed {seed}"
    assert [p.value for p in fit.parameters] == pytest.approx([np.exp(other.x[0]), *other.x[1:]], rel=1e-4)


def test_the_intensity_at_a_distance_is_the_curve_of_its_parameters():
    rng = np.random.default_rng(4)
    seconds = np.full(17, 3_600.0)
    for fit in (
        f(seconds, rng.poisson(seconds * 0.05 * np.exp(-1.2 * _D)).astype(float))
        for f in (_exponential, _logistic)
    ):
        values = [p.value for p in fit.parameters]
        if len(values) == 2:
            expected = values[0] * np.exp(-values[1] * _D)
        else:
            expected = values[0] / (1.0 + np.exp(values[1] + values[2] * _D))
        assert fit.per_second(_D) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("d", "fills"),
    [
        (_D, np.zeros(17)),
        (_D, np.r_[np.ones(2), np.zeros(15)]),
        (np.ones(17), np.ones(17) * 5),
        (_D, np.arange(17.0)),  # more fills the further away
        (_D, np.full(17, np.nan)),
    ],
)
def test_fills_that_tell_nothing_leave_the_default_and_its_flag(d, fills):
    for fit in (_exponential(np.full(17, 60.0), fills, d), _logistic(np.full(17, 60.0), fills, d)):
        assert not any(p.verified for p in fit.parameters)
        assert fit.parameters[0].value == 9.0
        assert fit.per_second(np.zeros(1))[0] == pytest.approx(
            9.0 if len(fit.names) == 2 else 9.0 / (1.0 + np.exp(0.7))
        )


def test_from_the_tail_alone_the_bend_is_not_told():
    """Quotes three vol points and more away: the logistic is an exponential there, and its L says so or is not told."""
    rng = np.random.default_rng(5)
    d, seconds = np.linspace(3.0, 5.0, 11), np.full(11, 1e5)
    fills = rng.poisson(seconds * 0.1 / (1.0 + np.exp(0.7 + 1.5 * d))).astype(float)
    fit, tail = _logistic(seconds, fills, d), _exponential(seconds, fills, d)

    assert not fit["L"].verified or fit["L"].standard_error > 0.5 * fit["L"].value
    assert abs(tail["k"].value - 1.5) < 2.5 * tail["k"].standard_error
