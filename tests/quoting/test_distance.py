"""The distance of a quote against trying all distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.quoting.distance import earned, optimal_distance
from flatbook.riskprice.intensity import Intensity, exponential, logistic

_NONE = np.array([-np.inf])


def one(offset, decay, is_logistic):
    """One quote, its decay per USD."""
    return Intensity(
        arrivals_per_year=np.array([100.0]),
        offset=np.array([offset]),
        decay_per_usd=np.array([decay]),
        logistic=np.array([is_logistic]),
    )


@settings(max_examples=150, deadline=None)
@given(
    offset=st.floats(-3.0, 3.0),
    decay=st.floats(0.01, 30.0),
    cost=st.floats(-20.0, 20.0),
    edge=st.one_of(st.just(-np.inf), st.floats(-5.0, 25.0)),
    is_logistic=st.booleans(),
)
def test_no_other_distance_earns_more(offset, decay, cost, edge, is_logistic):
    """100,000 distances from the cost, or the least edge, to where a fill is one in 1e13; their profit from its definition."""
    found = float(optimal_distance(one(offset, decay, is_logistic), np.array([cost]), np.array([edge]))[0])
    start = max(cost, edge)
    tried = (
        start
        + np.linspace(0.0, 1.0, 100_000) * (30.0 + max(-offset - decay * start, 0.0) * is_logistic) / decay
    )

    def profit(distance):
        x = decay * (distance - start)  # arrivals at the start are one scale for all of an exponential
        fills = (
            1.0 / (1.0 + np.exp(np.minimum(offset + decay * distance, 600.0))) if is_logistic else np.exp(-x)
        )
        return fills * (distance - cost)

    at_start = offset + decay * start > 500.0 and is_logistic
    if not at_start:  # beyond, the logistic is 0 in double precision wherever one looks
        assert profit(found) >= profit(tried).max() * (1.0 - 1e-12) - 1e-300
    assert found >= edge


def test_the_published_book_without_risk():
    """V6: 0.770838 vol points for every option."""
    points = np.array([0.4, 1.25, 7.0])
    intensity = logistic(np.full(3, 7560.0), np.full(3, 0.7), np.full(3, 1.5), points)

    assert optimal_distance(intensity, np.zeros(3), np.full(3, -np.inf)) / points == pytest.approx(
        0.770838, abs=1e-6
    )


def test_an_exponential_adds_one_over_its_decay():
    """And the least edge holds."""
    intensity = exponential(np.ones(2), np.full(2, 1.5), np.ones(2))

    assert optimal_distance(intensity, np.array([0.2, 0.2]), np.array([-np.inf, 5.0])).tolist() == [
        0.2 + 1.0 / 1.5,
        5.0,
    ]


@pytest.mark.parametrize("is_logistic", [True, False])
def test_dearer_fills_are_quoted_further_and_earn_less(is_logistic):
    """Monotone over the whole line, through the seam of the two formulas."""
    cost = np.linspace(-500.0, 500.0, 2001)
    intensity = Intensity(
        arrivals_per_year=np.full(cost.size, 10.0),
        offset=np.full(cost.size, 0.7),
        decay_per_usd=np.full(cost.size, 0.3),
        logistic=np.full(cost.size, is_logistic),
    )
    distance = optimal_distance(intensity, cost, np.full(cost.size, -np.inf))
    made = earned(intensity, cost, distance)

    assert (np.diff(distance) > 0.0).all()
    assert (np.diff(made.profit_usd_per_year) < 0.0).all()
    assert (distance > cost).all()


@pytest.mark.parametrize("is_logistic", [True, False])
def test_a_quote_that_must_go_is_infinitely_far_and_what_is_unknown_is_not_quoted(is_logistic):
    """An infinite cost; NaN in any number; a decay of 0."""
    quote = one(0.7, 1.5, is_logistic)
    far = optimal_distance(quote, np.array([np.inf]), _NONE)

    assert far[0] == np.inf
    assert earned(quote, np.array([np.inf]), far).profit_usd_per_year[0] == 0.0
    assert np.isnan(optimal_distance(quote, np.array([np.nan]), _NONE)[0])
    assert np.isnan(optimal_distance(quote, np.array([0.0]), np.array([np.nan]))[0])
    for decay in (np.nan, 0.0, -1.0):
        assert np.isnan(optimal_distance(one(0.7, decay, is_logistic), np.zeros(1), _NONE)[0])
    assert np.isnan(optimal_distance(one(np.nan, 1.5, is_logistic), np.zeros(1), _NONE)[0]) == is_logistic


def test_rows_do_not_see_each_other():
    """A row alone and among others."""
    random = np.random.default_rng(3)
    n = 50
    intensity = logistic(
        np.ones(n), random.normal(size=n), random.uniform(0.5, 3.0, n), random.uniform(0.1, 9.0, n)
    )
    cost = random.normal(size=n) * 5.0
    cost[7] = np.nan
    whole = optimal_distance(intensity, cost, np.full(n, -np.inf))
    alone = [optimal_distance(intensity.take(slice(i, i + 1)), cost[i : i + 1], _NONE)[0] for i in range(n)]

    assert np.array_equal(whole, alone, equal_nan=True)
