"""Realised variance through noise, within its own errors."""

import numpy as np
import pytest

from flatbook.riskprice.realised_variance import two_scale_variance


def _day(rng, n, variance, noise, *, leverage=False):
    moves = rng.standard_normal(n)
    if leverage:  # a volatility that is twice as high at open and close as at noon
        shape = 1.0 + np.cos(np.linspace(0.0, 2.0 * np.pi, n)) / 3.0
        moves *= shape / np.sqrt(np.mean(shape**2))
    price = np.concatenate([[0.0], np.cumsum(np.sqrt(variance / n) * moves)])
    return price + noise * rng.standard_normal(n + 1)


@pytest.mark.parametrize(("noise", "leverage"), [(5e-4, False), (5e-4, True), (1e-4, False)])
def test_it_is_told_within_its_errors_where_ticks_alone_are_far_off(noise, leverage):
    """200 days of ticks every three seconds at 1 % a day."""
    seed, truth, n = 7, 1e-4, 7_800
    rng = np.random.default_rng(seed)
    inside, ticks, values, noises = [], [], [], []
    for _ in range(200):
        price = _day(rng, n, truth, noise, leverage=leverage)
        found = two_scale_variance(price)
        inside.append(abs(found.value - truth) < 1.96 * found.standard_error)
        ticks.append(float(np.diff(price) @ np.diff(price)))
        values.append(found.value)
        noises.append(found.noise_deviation)

    assert 0.90 <= np.mean(inside) <= 0.985, f"seed {seed}: {np.mean(inside)}"
    assert abs(np.mean(values) - truth) < 3.0 * np.std(values) / np.sqrt(200.0)
    assert np.mean(ticks) > 2.0 * truth
    assert np.mean(noises) == pytest.approx(noise, rel=0.02)


def test_it_is_the_published_formula_at_a_given_scale():
    """Mean over K grids less n_K / n of all ticks, over 1 - n_K / n."""
    x = _day(np.random.default_rng(8), 100, 1e-4, 1e-4)
    k = 7
    grids = [np.diff(x[start::k]) for start in range(k)]
    slow, share = sum(float(g @ g) for g in grids) / k, (100 - k + 1) / k / 100
    expected = (slow - share * float(np.diff(x) @ np.diff(x))) / (1.0 - share)

    assert two_scale_variance(x, scale=k).value == pytest.approx(expected, rel=1e-10)


def test_without_noise_it_is_the_sum_of_squares_within_its_error():
    x = _day(np.random.default_rng(9), 20_000, 1e-4, 0.0)
    found = two_scale_variance(x)

    assert abs(found.value - float(np.diff(x) @ np.diff(x))) < 2.0 * found.standard_error
    assert found.standard_error < 0.04 * found.value
    assert found.scale <= 10


def test_few_ticks_tell_nothing_and_missing_ones_are_left_out():
    assert np.isnan(two_scale_variance(np.zeros(29)).value)
    x = _day(np.random.default_rng(10), 500, 1e-4, 1e-4)
    holes = np.insert(x, [10, 200], np.nan)

    assert two_scale_variance(holes) == two_scale_variance(x)
    assert two_scale_variance(np.zeros(100)).value == 0.0
