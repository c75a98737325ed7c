"""Betas against least squares, slower twins, and their own standard errors."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.hedging.betas import (
    Beta,
    asynchronous_beta,
    blended,
    fitted_kalman,
    least_squares,
    newey_west_lags,
    no_betas,
    returns_on_grid,
    unknown_beta,
)
from flatbook.model.errors import InvalidValueError
from tests.naive import hayashi_yoshida

_S = 1_000_000_000


def _inside(values, errors, truth, within=1.96):
    return float(np.mean(np.abs((np.asarray(values) - truth) / np.asarray(errors)) < within))


def test_the_slope_of_hulls_jet_fuel_is_his_ratio():
    """Domain reference V10: deviations .0263 and .0313, correlation .928: .7798, and .8612 of the variance."""
    h = np.random.default_rng(3).standard_normal((50, 2))
    h = (h - h.mean(axis=0)) @ np.linalg.inv(
        np.linalg.cholesky(np.cov(h.T))
    ).T  # exactly uncorrelated, deviation 1
    future = 0.0313 * h[:, 0]
    spot = 0.0263 * (0.928 * h[:, 0] + np.sqrt(1.0 - 0.928**2) * h[:, 1])
    fit = least_squares(spot, future[:, None])

    assert fit.beta[0] == pytest.approx(0.7798, abs=5e-5)
    assert fit.effectiveness == pytest.approx(0.8612, abs=5e-5)


def test_least_squares_is_numpys_and_its_white_errors_are_the_sandwich():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((300, 2)) * [0.01, 0.02]
    y = 0.001 + x @ [0.8, -0.3] + 0.005 * rng.standard_normal(300)
    y[7], x[9, 1] = nan, nan
    fit = least_squares(y, x, lags=0)
    rows = np.isfinite(y) & np.isfinite(x).all(axis=1)
    full = np.column_stack([np.ones(rows.sum()), x[rows]])
    expected = np.linalg.lstsq(full, y[rows], rcond=None)[0]
    left = y[rows] - full @ expected
    bread = np.linalg.inv(full.T @ full)
    sandwich = sum(e**2 * np.outer(row, row) for e, row in zip(left, full, strict=True))

    assert fit.observations == 298
    assert fit.beta == pytest.approx(expected[1:], rel=1e-12)
    assert fit.intercept == pytest.approx(expected[0], rel=1e-12)
    assert fit.covariance == pytest.approx((bread @ sandwich @ bread)[1:, 1:] * 298 / 295, rel=1e-10)


def test_newey_west_is_the_double_sum_with_bartlett_weights():
    rng = np.random.default_rng(2)
    x, lags, n = rng.standard_normal(60), 3, 60
    y = 0.5 * x + np.convolve(rng.standard_normal(62), [1.0, 0.7, 0.4], mode="valid")
    fit = least_squares(y, x[:, None], lags=lags)
    full = np.column_stack([np.ones(n), x])
    score = full * (y - fit.intercept - fit.beta[0] * x)[:, None]
    meat = sum(
        max(0.0, 1.0 - abs(i - j) / (lags + 1)) * np.outer(score[i], score[j])
        for i in range(n)
        for j in range(n)
    )
    bread = np.linalg.inv(full.T @ full)

    assert fit.covariance[0, 0] == pytest.approx((bread @ meat @ bread)[1, 1] * n / (n - 2), rel=1e-10)
    assert newey_west_lags(100) == 4
    assert newey_west_lags(1950) == 7


def test_errors_of_least_squares_cover_the_truth_when_residuals_hang_together():
    """400 samples of 500 with autocorrelation .5 in product and residual: 93 % or so within 1.96 errors; White's alone cover 80 %."""
    seed, truth = 11, 0.9
    rng = np.random.default_rng(seed)
    told = {0: [], None: []}
    for _ in range(400):
        x, e = (_autoregressive(rng.standard_normal(500), 0.5) for _ in range(2))
        for lags, found in told.items():
            fit = least_squares(truth * x + e, x[:, None], lags=lags)
            found.append((fit.beta[0], fit.standard_error[0]))
    plain, robust = (_inside(*zip(*told[lags], strict=True), truth) for lags in (0, None))

    # Bartlett weights leave out part of the covariance of neighbours: a little below .95 is known (Newey and West 1994, table 1)
    assert 0.90 < robust < 0.965, f"seed {seed}: {robust}"
    assert plain < 0.89, f"seed {seed}: {plain}"


def _autoregressive(shocks, phi):
    out = np.empty(shocks.size)
    last = 0.0
    for i, shock in enumerate(shocks):
        last = phi * last + shock
        out[i] = last
    return out


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_few_returns_have_no_error(rows):
    fit = least_squares(np.arange(float(rows)), np.ones((rows, 1)) * np.arange(float(rows))[:, None])

    assert fit.observations == rows
    assert isnan(fit.standard_error[0])


def test_products_that_are_copies_have_no_error():
    x = np.random.default_rng(1).standard_normal(50)

    assert np.isnan(least_squares(x, np.column_stack([x, x])).standard_error).all()


def test_fading_sums_are_the_weighted_slope_through_the_origin():
    """b = C_xy / C_xx with C <- l C + (1 - l) x y (domain reference A.14), from 150 returns; a stale price tells nothing."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((150, 2))
    x[::7, 1] = nan
    y = x[:, 0] * 0.7 + rng.standard_normal(150)
    state = no_betas(2, half_life_years=30.0 / 365.0)
    c_xy, c_xx, c_yy, mass = np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2)
    fade = 0.5 ** (1.0 / 30.0)
    for row, value in zip(x, y, strict=True):
        state = state.after(row, float(value), 1.0 / 365.0)
        told = np.isfinite(row)
        for total, new in (
            (c_xy, row * value),
            (c_xx, row**2),
            (c_yy, np.full(2, value**2)),
            (mass, np.ones(2)),
        ):
            total[:] = fade * total + np.where(told, new, 0.0)
    found = state.betas

    assert [each.value for each in found] == pytest.approx(c_xy / c_xx, rel=1e-10)
    assert [each.residual_deviation for each in found] == pytest.approx(
        np.sqrt((c_yy - c_xy**2 / c_xx) / mass), rel=1e-10
    )
    assert not no_betas(1, 1.0).betas[0].told


def test_errors_of_fading_betas_cover_the_truth():
    """300 histories of 250 returns with tails of 5 degrees of freedom, half-life 60: at least 93 % and at most 98.5 %."""
    seed, truth = 21, 1.2
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(300):
        x, e = rng.standard_t(5, 250), rng.standard_normal(250)
        state = no_betas(1, half_life_years=60.0)
        for h, left in zip(x, e, strict=True):
            state = state.after(np.array([h]), float(truth * h + left), 1.0)
        (beta,) = state.betas
        found.append((beta.value, beta.standard_error))
    inside = _inside(*zip(*found, strict=True), truth)

    assert 0.93 <= inside <= 0.985, f"seed {seed}: {inside}"


def test_a_kalman_beta_that_does_not_drift_is_least_squares_through_the_origin():
    rng = np.random.default_rng(6)
    x = rng.standard_normal(80)
    y = 0.4 * x + 0.5 * rng.standard_normal(80)
    state = unknown_beta(drift_variance=0.0, noise_variance=0.25)
    for h, value in zip(x.tolist(), y.tolist(), strict=True):
        state = state.after(h, value)

    assert state.value == pytest.approx(x @ y / (x @ x), rel=1e-10)
    assert state.variance == pytest.approx(0.25 / (x @ x), rel=1e-10)


def test_the_kalman_steps_are_the_published_ones():
    """Domain reference 4.11: P + Q; K = P h / (h P h + R); beta + K (x - beta h); (1 - K h) P."""
    state = unknown_beta(drift_variance=0.01, noise_variance=0.04).after(0.5, 0.6)
    p = 0.04 / 0.25 + 0.01
    gain = p * 0.3 / (0.3 * p * 0.3 + 0.04)
    state = state.after(0.3, 0.2)

    assert state.value == pytest.approx(1.2 + gain * (0.2 - 1.2 * 0.3), rel=1e-12)
    assert state.variance == pytest.approx((1.0 - gain * 0.3) * p, rel=1e-12)


def test_a_return_that_is_not_known_leaves_the_beta_and_lets_its_variance_grow():
    state = unknown_beta(drift_variance=0.01, noise_variance=0.04).after(0.5, 0.6)
    later = state.after(nan, 0.1, observations=3.0)

    assert later.value == state.value
    assert later.variance == pytest.approx(state.variance + 0.03)
    assert not unknown_beta(drift_variance=0.0, noise_variance=1.0).beta.told


def test_fitted_kalman_follows_a_walking_beta_within_its_errors():
    """60 walks of 400 returns: the last beta within 1.96 errors in 95 % or so, nearer than least squares, and Q and R told."""
    seed = 31
    rng = np.random.default_rng(seed)
    hits, nearer, drifts, noises = [], [], [], []
    for _ in range(60):
        beta = 1.0 + np.cumsum(0.03 * rng.standard_normal(400))
        x = rng.standard_normal(400)
        y = beta * x + 0.5 * rng.standard_normal(400)
        state = fitted_kalman(y, x)
        hits.append(abs(state.value - beta[-1]) < 1.96 * state.beta.standard_error)
        nearer.append(abs(state.value - beta[-1]) < abs(least_squares(y, x[:, None]).beta[0] - beta[-1]))
        drifts.append(state.drift_variance)
        noises.append(state.noise_variance)

    assert np.mean(hits) >= 0.88, (
        f"seed {seed}: {np.mean(hits)}"
    )  # .95 less two and a half binomial deviations of 60
    assert np.mean(nearer) > 0.7
    assert np.median(drifts) == pytest.approx(9e-4, rel=0.3)
    assert np.median(noises) == pytest.approx(0.25, rel=0.05)


def test_fitted_kalman_is_the_mixture_of_generalised_least_squares():
    """Each drift by the dense covariance of 12 returns and a flat prior on the last beta; weights by the restricted likelihood."""
    rng = np.random.default_rng(13)
    h, n = rng.standard_normal(12), 12
    y = (1.0 + np.cumsum(0.3 * rng.standard_normal(n))) * h + 0.2 * rng.standard_normal(n)
    after = (
        n - 1 - np.maximum(np.arange(n)[:, None], np.arange(n))
    )  # steps of the beta that two returns have not seen
    rows = []
    for ratio in np.exp(np.linspace(-14.0, 2.0, 33)) / np.mean(h**2):
        v = np.eye(n) + ratio * after * np.outer(h, h)
        inverse = np.linalg.inv(v)
        told = h @ inverse @ h
        beta = h @ inverse @ y / told
        noise = (y - beta * h) @ inverse @ (y - beta * h) / (n - 1)
        likelihood = -0.5 * ((n - 1) * np.log(noise) + np.linalg.slogdet(v)[1] + np.log(told))
        rows.append((likelihood, beta, noise / told, ratio * noise, noise))
    likelihood, beta, variance, drift, noise = np.array(rows).T
    weight = np.exp(likelihood - likelihood.max()) / np.exp(likelihood - likelihood.max()).sum()
    state = fitted_kalman(y, h)

    assert state.value == pytest.approx(weight @ beta, rel=1e-8)
    assert state.variance == pytest.approx(weight @ variance + weight @ (beta - weight @ beta) ** 2, rel=1e-8)
    assert state.drift_variance == pytest.approx(weight @ drift, rel=1e-8)
    assert state.noise_variance == pytest.approx(weight @ noise, rel=1e-8)


def test_kalman_needs_returns_that_move():
    with pytest.raises(InvalidValueError, match="3 pairs"):
        fitted_kalman(np.array([0.1, nan, 0.2]), np.array([0.1, 0.1, 0.0]))
    with pytest.raises(InvalidValueError, match="noise_variance"):
        unknown_beta(drift_variance=0.0, noise_variance=0.0)


def _ticks(rng, count, length):
    times = np.sort(rng.choice(np.arange(1, length), size=count, replace=False))
    return times.astype(np.int64)


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(2, 30))
def test_the_asynchronous_covariance_is_the_sum_over_all_overlapping_pairs(seed, n, m):
    """Against the double loop, also where the spans of the two prices do not meet."""
    rng = np.random.default_rng(seed)
    a, b = _ticks(rng, n, 40), _ticks(rng, m, 40) + int(rng.integers(-30, 30))
    price_a, price_b = (np.exp(rng.standard_normal(size)) for size in (n, m))
    found = asynchronous_beta(a, price_a, b, price_b)

    assert found.covariance == pytest.approx(hayashi_yoshida.covariance(a, price_a, b, price_b), abs=1e-10)


def test_on_prices_that_tick_together_it_is_the_realised_covariance():
    rng = np.random.default_rng(8)
    times = np.arange(200, dtype=np.int64) * _S
    x, y = (np.exp(np.cumsum(0.001 * rng.standard_normal(200))) for _ in range(2))
    found = asynchronous_beta(times, y, times, x)
    dx, dy = np.diff(np.log(x)), np.diff(np.log(y))

    assert found.covariance == pytest.approx(dx @ dy, rel=1e-12)
    assert found.beta.value == pytest.approx(dx @ dy / (dx @ dx), rel=1e-12)
    assert found.correlation == pytest.approx(dx @ dy / np.sqrt((dx @ dx) * (dy @ dy)), rel=1e-12)


def test_its_error_is_that_of_sums_over_spans():
    """Four spans of three returns that tick together, by hand."""
    rng = np.random.default_rng(12)
    times = np.arange(13, dtype=np.int64) * 10
    dx, dy = rng.standard_normal((2, 12)) * 0.01
    prices = [np.exp(np.concatenate([[0.0], np.cumsum(each)])) for each in (dx, dy)]
    found = asynchronous_beta(times, prices[1], times, prices[0], spans=4)
    score = (dx * (dy - dx * (dx @ dy) / (dx @ dx))).reshape(4, 3).sum(axis=1)

    assert found.beta.standard_error == pytest.approx(np.sqrt(score @ score * 4 / 3) / (dx @ dx), rel=1e-9)


def test_its_errors_cover_the_truth_where_a_grid_of_standing_prices_does_not():
    """200 days of 4,000 s; both prices tick at random, the exposure every 25 s: a grid of 10 s finds a quarter of the beta, this all of it."""
    seed, truth = 41, 0.8
    rng = np.random.default_rng(seed)
    found, gridded = [], []
    grid = np.arange(0, 4001, 10, dtype=np.int64) * _S
    for _ in range(200):
        x = np.concatenate([[0.0], np.cumsum(1e-4 * rng.standard_normal(4000))])
        y = truth * x + np.concatenate([[0.0], np.cumsum(5e-5 * rng.standard_normal(4000))])
        at_x, at_y = (np.flatnonzero(rng.random(4001) < each) for each in (0.2, 0.04))
        told = asynchronous_beta(at_y * _S, np.exp(y[at_y]), at_x * _S, np.exp(x[at_x]))
        found.append((told.beta.value, told.beta.standard_error))
        returns = [
            returns_on_grid(at * _S, np.exp(price[at]), grid, stale_after_ns=10**18)
            for at, price in ((at_y, y), (at_x, x))
        ]
        gridded.append(least_squares(returns[0], returns[1][:, None]).beta[0])
    inside = _inside(*zip(*found, strict=True), truth)

    assert 0.90 <= inside <= 0.985, f"seed {seed}: {inside}"
    assert np.mean([each[0] for each in found]) == pytest.approx(
        truth, abs=3.0 * np.std([each[0] for each in found]) / np.sqrt(200.0)
    )
    assert np.mean(gridded) < 0.4 * truth


def test_repeats_of_a_standing_price_change_nothing():
    """A trade at the last price adds spans without a return."""
    rng = np.random.default_rng(9)
    times = np.arange(50, dtype=np.int64) * 10
    x = np.exp(np.cumsum(rng.standard_normal(50)))
    y = np.exp(np.cumsum(rng.standard_normal(50)))
    plain = asynchronous_beta(times, y, times + 3, x)
    repeated = asynchronous_beta(np.sort(np.concatenate([times, times + 4])), np.repeat(y, 2), times + 3, x)

    assert repeated.variance_exposure == pytest.approx(plain.variance_exposure)
    assert repeated.variance_product == plain.variance_product


def test_times_that_repeat_are_refused():
    times = np.array([1, 1, 2])
    with pytest.raises(InvalidValueError, match="without repeats"):
        asynchronous_beta(times, np.ones(3), times, np.ones(3))


def test_one_price_alone_has_no_beta():
    times = np.array([1, 2, 3])

    assert not asynchronous_beta(times[:1], np.ones(1), times, np.ones(3)).beta.told
    assert not asynchronous_beta(times, np.ones(3), times, np.ones(3)).beta.told


def test_returns_between_instants_are_known_while_prices_are_fresh():
    times = np.array([0, 10, 20, 50], dtype=np.int64)
    price = np.array([1.0, 2.0, nan, 4.0])
    found = returns_on_grid(times, price, np.array([0, 10, 20, 30, 50]), stale_after_ns=12)

    assert found[:2] == pytest.approx([np.log(2.0), 0.0])
    assert np.isnan(found[2:]).all()
    assert np.isnan(returns_on_grid(times[:0], price[:0], times, stale_after_ns=1)).all()


def _beta(value, error):
    return Beta(value=value, standard_error=error, residual_deviation=0.1, observations=10.0)


def test_two_betas_are_weighted_by_precision():
    both = blended(_beta(1.0, 0.1), _beta(2.0, 0.2))

    assert both.value == pytest.approx(1.2)
    assert both.standard_error == pytest.approx(1.0 / np.sqrt(125.0))
    assert blended(_beta(1.0, nan), _beta(2.0, 0.2)).value == 2.0
