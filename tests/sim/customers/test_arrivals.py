"""Customers come as often, as clustered and at the times that the terms tell."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from flatbook.model.errors import InvalidValueError
from flatbook.model.world_flow_terms import CustomerTerms, RegimeTerms
from flatbook.sim.chance import stream
from flatbook.sim.customers.arrivals import arrival_minutes
from flatbook.sim.customers.day_shape import day_shape

MINUTES = 390.0
LEVEL = 1e-4  # at which a law is given up


def days(terms, seeds, minutes=MINUTES):
    """Minutes of the orders of so many days."""
    shape = day_shape(terms, minutes)
    return [arrival_minutes(terms, shape, stream(seed, "arrivals")) for seed in range(seeds)]


def of(**more):
    return CustomerTerms(underlying="XYZ", **more)


def test_orders_without_clusters_are_poisson():
    """400 seeds: mean and dispersion of the counts; the sum of squares over the mean is chi-square."""
    counts = np.array([day.size for day in days(of(orders_per_day=200.0), 400)])

    assert abs(counts.mean() - 200.0) < 4.0 * np.sqrt(200.0 / counts.size)
    spread = ((counts - 200.0) ** 2).sum() / 200.0
    assert LEVEL < stats.chi2.cdf(spread, counts.size) < 1.0 - LEVEL


@pytest.mark.parametrize("depth", [0.0, 0.4, 1.0])
def test_a_day_is_busy_at_both_ends(depth):
    """13 half hours against the integral of 1 + a (12 (x - 1/2)^2 - 1), by quadrature; seeds 0 to 99."""
    at = np.concatenate(days(of(orders_per_day=300.0, seasonality=depth), 100))
    edges = np.linspace(0.0, 1.0, 14)
    fine = (np.arange(130_000) + 0.5) / 130_000
    density = 1.0 + depth * (12.0 * (fine - 0.5) ** 2 - 1.0)
    expected = np.histogram(fine, edges, weights=density)[0] / fine.size
    found = np.histogram(at / MINUTES, edges)[0]

    assert expected.sum() == pytest.approx(1.0, abs=1e-6)
    assert stats.chisquare(found, expected / expected.sum() * at.size).pvalue > LEVEL
    assert at.min() >= 0.0
    assert at.max() < MINUTES


@pytest.mark.parametrize("branching", [0.3, 0.7])
def test_a_self_exciting_day_has_the_mean_of_its_equation(branching):
    """E N(T) = mu T / (1 - n) - mu n (1 - exp(-b (1 - n) T)) / (b (1 - n)^2): the mean intensity solves l = mu + n b int exp(-b u) l."""
    decay_s, orders, seeds = 300.0, 300.0, 400
    terms = of(orders_per_day=orders, branching=branching, branching_decay_s=decay_s, seasonality=0.0)
    counts = np.array([day.size for day in days(terms, seeds)])
    base, speed = orders * (1.0 - branching) / MINUTES, 60.0 / decay_s * (1.0 - branching)
    lost = base * branching * -np.expm1(-speed * MINUTES) / (speed * (1.0 - branching))

    assert abs(counts.mean() - (orders - lost)) < 4.0 * counts.std() / np.sqrt(seeds)


def test_orders_cluster_as_predicted():
    """Variance over mean of counts in windows of 10 minutes, after the first hour: k^2 + (1 - k^2)(1 - exp(-g w)) / (g w), k = 1 / (1 - n).

    Source: J. Da Fonseca and R. Zaatour, "Hawkes process: fast calibration", J. Futures Markets 34 (2014) 548-579, proposition 2. The error is
    that of 20 groups of 20 seeds each; Poisson's 1 is 40 errors away.
    """
    branching, decay_s, window = 0.6, 60.0, 10.0
    terms = of(orders_per_day=400.0, branching=branching, branching_decay_s=decay_s, seasonality=0.0)
    edges = np.arange(60.0, MINUTES + 1e-9, window)
    counts = np.array([np.histogram(day, edges)[0] for day in days(terms, 400)])
    grouped = counts.reshape(20, -1)
    ratio = grouped.var(axis=1, ddof=1) / grouped.mean(axis=1)
    k, g = 1.0 / (1.0 - branching), 60.0 / decay_s * (1.0 - branching)
    predicted = k**2 + (1.0 - k**2) * -np.expm1(-g * window) / (g * window)
    error = ratio.std(ddof=1) / np.sqrt(ratio.size)

    assert abs(ratio.mean() - predicted) < 4.0 * error
    assert ratio.mean() - 1.0 > 20.0 * error


def test_a_regime_multiplies_the_rate_in_its_window_alone():
    """Three times as many from minute 100 to 160, none from 200 to 260; seeds 0 to 99, 5 errors."""
    regimes = (
        RegimeTerms(from_minute=100.0, to_minute=160.0, rate_factor=3.0),
        RegimeTerms(from_minute=200.0, to_minute=260.0, rate_factor=0.0),
    )
    terms = of(orders_per_day=390.0, seasonality=0.0, regimes=regimes)
    at = np.concatenate(days(terms, 100))
    found = np.histogram(at, [0.0, 100.0, 160.0, 200.0, 260.0, MINUTES])[0] / 100.0
    expected = np.array([100.0, 180.0, 40.0, 0.0, 130.0])

    assert np.all(np.abs(found - expected) <= 5.0 * np.sqrt(expected / 100.0))
    assert day_shape(terms, MINUTES).orders == pytest.approx(450.0 / 390.0, rel=1e-12)


def test_of_two_regimes_at_once_rates_multiply_and_the_last_one_s_shares_hold():
    """From minute 100 to 200 twice, from 150 to 250 three times as many; the first one's puts go on where the second tells none."""
    regimes = (
        RegimeTerms(from_minute=100.0, to_minute=200.0, rate_factor=2.0, buy_share=0.9, calls_share=0.1),
        RegimeTerms(from_minute=150.0, to_minute=250.0, rate_factor=3.0, buy_share=0.2),
    )
    shape = day_shape(of(seasonality=0.0, regimes=regimes), MINUTES)
    edges = [0.0, 100.0, 150.0, 200.0, 250.0, MINUTES]
    piece = shape.piece_at(np.array([50.0, 125.0, 175.0, 225.0, 300.0]))
    orders = [
        float(shape.weight[(shape.minute[:-1] >= a) & (shape.minute[:-1] < b)].sum())
        for a, b in pairwise(edges)
    ]

    assert orders == pytest.approx(np.array([100.0, 100.0, 300.0, 150.0, 140.0]) / MINUTES, rel=1e-12)
    assert shape.buy_share[piece].tolist() == [0.5, 0.9, 0.2, 0.2, 0.5]
    assert shape.calls_share[piece].tolist() == [0.5, 0.1, 0.1, 0.5, 0.5]


def test_a_regime_beyond_the_day_changes_nothing():
    late = of(regimes=(RegimeTerms(from_minute=400.0, to_minute=500.0, rate_factor=9.0, buy_share=1.0),))
    cut = of(regimes=(RegimeTerms(from_minute=380.0, to_minute=500.0, rate_factor=2.0),), seasonality=0.0)

    assert day_shape(late, MINUTES).orders == pytest.approx(1.0, rel=1e-12)
    assert day_shape(cut, MINUTES).orders == pytest.approx(400.0 / 390.0, rel=1e-12)


def test_no_orders_no_arrivals():
    assert days(of(orders_per_day=0.0, branching=0.5), 1)[0].size == 0


def test_impossible_terms_are_refused():
    with pytest.raises(InvalidValueError, match="branching must be 0 to"):
        of(branching=1.0)
    with pytest.raises(InvalidValueError, match="from_minute < to_minute"):
        RegimeTerms(from_minute=5.0, to_minute=5.0)
    with pytest.raises(InvalidValueError, match="buy_share"):
        of(buy_share=float("nan"))
    with pytest.raises(InvalidValueError, match="underlying must not be empty"):
        CustomerTerms(underlying="")
