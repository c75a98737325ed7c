"""Covariances from history: on moves whose covariance is known, on real closes, and what they make of a book."""

import csv
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.factor_covariance import (
    Covariance,
    book_risk,
    estimate,
    fading_weights,
    tenor_weights,
)
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.history import align
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import HistorySeen

DATA = Path(os.environ.get("FLATBOOK_DATA", Path(__file__).parents[3] / "shared" / "data"))
_TRUTH = np.array([[1.0, 0.6, -0.7], [0.6, 2.25, -0.3], [-0.7, -0.3, 4.0]]) * 1e-4
_FOREVER = float("inf")


def _moves(rng, days, truth=_TRUTH, tails=np.inf):
    """Moves of a known covariance, normal or of Student's t."""
    x = rng.standard_normal((days, len(truth))) @ np.linalg.cholesky(truth).T
    if tails < np.inf:
        x *= np.sqrt((tails - 2.0) / rng.chisquare(tails, days))[:, None]
    return x


def test_equal_weights_are_the_textbook_covariance():
    """Without fading, means taken as 0: X'X / n; and exponential weights written out."""
    x = _moves(np.random.default_rng(1), 300)
    w = 0.5 ** (np.arange(299, -1, -1) / 20.0)

    assert estimate(x, half_life=_FOREVER, prior=_TRUTH).effective_samples == pytest.approx(300.0)
    diagonal = np.diag(estimate(x, half_life=_FOREVER).matrix)
    assert diagonal == pytest.approx((x**2).mean(axis=0))
    faded = np.diag(estimate(x, half_life=20.0).matrix)
    assert faded == pytest.approx((w[:, None] * x**2).sum(axis=0) / w.sum())
    assert fading_weights(3, 1.0).tolist() == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(("tails", "half_life"), [(np.inf, 60.0), (np.inf, _FOREVER), (6.0, 120.0)])
def test_standard_errors_cover_the_truth(tails, half_life):
    """1000 histories each: the truth lies within 1.96 errors about 95 times in 100.

    They are asymptotic: 173 effective days of normal moves cover 93 to 94 times, fat tails fewer, and 86 is asked of those.
    """
    rng = np.random.default_rng(20)
    inside = np.zeros((3, 3))
    for _ in range(1000):
        x = _moves(rng, 500, tails=tails)
        found = estimate(
            x, half_life=half_life, kinds=np.arange(3)
        )  # each pair of its own kind: none is drawn
        inside += np.abs(found.matrix - _TRUTH) < 1.96 * found.standard_error
    share = inside / 1000.0
    least = 0.915 if tails == np.inf else 0.86

    assert share.min() > least, share
    assert share.max() < 0.985, share


def test_errors_of_normal_moves_are_the_textbook_ones():
    """sqrt((s_ii s_jj + s_ij^2) / n), Anderson 2003."""
    x = _moves(np.random.default_rng(3), 20_000)
    found = estimate(x, half_life=_FOREVER)
    textbook = np.sqrt((np.outer(np.diag(_TRUTH), np.diag(_TRUTH)) + _TRUTH**2) / 20_000)

    assert found.standard_error == pytest.approx(textbook, rel=0.05)


def test_neighbouring_days_that_move_alike_widen_the_errors():
    """Volatility that clusters for days: without lags the errors cover too seldom, with twenty more nearly as often as they say."""
    rng = np.random.default_rng(4)
    inside = {0: 0, 20: 0}
    for _ in range(200):
        log_vol = np.zeros(1200)
        for day in range(1, 1200):
            log_vol[day] = 0.8 * log_vol[day - 1] + 0.25 * rng.standard_normal()
        x = (np.exp(log_vol) * rng.standard_normal(1200))[:, None]
        true = np.exp(2.0 * 0.25**2 / (1.0 - 0.64))
        for lags in inside:
            found = estimate(x, half_life=_FOREVER, lags=lags)
            inside[lags] += abs(found.matrix[0, 0] - true) < 1.96 * found.standard_error[0, 0]

    assert inside[0] < 165, inside
    assert inside[20] > 170, inside


def test_correlations_that_are_alike_are_drawn_to_their_mean_and_come_nearer_the_truth():
    """40 days of 12 underlyings, all correlated by 0.5: nearly all the way, and a third of the error."""
    rng = np.random.default_rng(6)
    truth = 0.5 + 0.5 * np.eye(12)
    raw, drawn = 0.0, 0.0
    for _ in range(50):
        x = _moves(rng, 40, truth)
        found = estimate(x, half_life=_FOREVER)
        scale = np.sqrt(np.diag(found.matrix))
        raw += np.sum((np.corrcoef(x.T) - truth) ** 2)
        drawn += np.sum((found.matrix / np.outer(scale, scale) - truth) ** 2)

    assert drawn < raw / 3.0


def test_correlations_that_differ_are_left_alone_once_there_are_days_enough():
    """Two blocks of opposite sign, 20,000 days: drawn by less than one percent."""
    truth = np.kron(np.eye(2), np.full((3, 3), 0.8)) + 0.2 * np.eye(6)
    found = estimate(_moves(np.random.default_rng(7), 20_000, truth), half_life=_FOREVER)

    assert "0% drawn" in found.source
    assert found.matrix == pytest.approx(truth, abs=0.04)


def test_the_share_drawn_is_the_one_that_is_best():
    """The error of the estimate against that of every other share, on average over histories of 60 days."""
    rng = np.random.default_rng(8)
    truth = 0.3 + 0.7 * np.eye(8)
    truth[0, 1:] = truth[1:, 0] = 0.6
    shares = np.linspace(0.0, 1.0, 21)
    losses, ours = np.zeros(21), 0.0
    upper = np.triu_indices(8, 1)
    for _ in range(200):
        x = _moves(rng, 60, truth)
        scale = np.sqrt((x**2).mean(axis=0))
        r = (x.T @ x / 60 / np.outer(scale, scale))[upper]
        losses += [np.sum(((1 - d) * r + d * r.mean() - truth[upper]) ** 2) for d in shares]
        found = estimate(x, half_life=_FOREVER).matrix
        ours += np.sum((found[upper] / np.outer(scale, scale)[upper] - truth[upper]) ** 2)

    assert ours < 1.05 * losses.min()
    assert losses.min() < 0.8 * losses[0]


def test_kinds_keep_opposite_pairs_apart():
    """Spots that rise together and volatilities that fall with them have three mean correlations, not one."""
    kinds = np.array([0, 0, 0, 1, 1, 1])
    signs = np.where(kinds == 0, 1.0, -1.0)
    truth = 0.6 * np.outer(signs, signs) + 0.4 * np.eye(6)
    x = _moves(np.random.default_rng(9), 40, truth)
    found = estimate(x, half_life=_FOREVER, kinds=kinds).matrix
    scale = np.sqrt(np.diag(found))
    r = found / np.outer(scale, scale)

    assert r == pytest.approx(truth, abs=0.2)
    assert np.ptp(r[:3, 3:]) < np.ptp(np.corrcoef(x.T)[:3, 3:])


def test_a_prior_stands_where_nothing_is_known():
    """No day of one factor: its variance and correlations are the configured ones; without a prior it is unknown."""
    x = _moves(np.random.default_rng(10), 4000)
    x[:, 2] = np.nan
    found = estimate(x, half_life=_FOREVER, prior=_TRUTH)

    assert found.matrix == pytest.approx(_TRUTH, rel=0.2)
    assert found.matrix[2, 2] == pytest.approx(_TRUTH[2, 2])
    assert found.effective_samples[2] == 0.0
    assert np.isnan(found.standard_error[2, 2])
    alone = estimate(x, half_life=_FOREVER)
    assert np.isnan(alone.matrix[2]).all()
    assert np.isfinite(alone.matrix[:2, :2]).all()


@settings(max_examples=60)
@given(
    days=st.integers(1, 30),
    count=st.integers(1, 6),
    missing=st.floats(0.0, 0.9),
    seed=st.integers(0, 1000),
)
def test_no_portfolio_has_a_negative_variance(days, count, missing, seed):
    """However many days are missing, and however few there are."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((days, count))
    x[rng.random(x.shape) < missing] = np.nan
    matrix = estimate(x, half_life=10.0).matrix
    known = np.isfinite(np.diag(matrix))
    part = matrix[np.ix_(known, known)]

    assert np.isfinite(part).all()
    assert np.array_equal(part, part.T)
    if known.any():
        assert np.linalg.eigvalsh(part)[0] > -1e-12 * np.trace(part)
    assert np.array_equal(known, np.isfinite(x).any(axis=0))


def test_a_half_life_of_nothing_is_refused():
    """It would divide by 0."""
    with pytest.raises(InvalidValueError, match="half_life"):
        estimate(np.ones((3, 1)), half_life=0.0)


# What it makes of a book


def _known(matrix, samples=100.0):
    n = len(matrix)
    return Covariance(
        matrix=np.array(matrix, dtype=np.float64), standard_error=np.zeros((n, n)),
        effective_samples=np.full(n, samples), source="test",
    )  # fmt: skip


def test_the_deviation_of_a_book_and_its_shares():
    """Two factors written out: sqrt(9 * 4 + 16 * 1 + 2 * 3 * 4 * 0.5)."""
    risk = book_risk(np.array([3.0, 4.0]), _known([[4.0, 0.5], [0.5, 1.0]]))

    assert risk.deviation_usd == pytest.approx(8.0)
    assert risk.by_factor_usd == pytest.approx([42.0 / 8.0, 22.0 / 8.0])
    assert risk.by_factor_usd.sum() == pytest.approx(8.0)
    assert risk.marginal_usd == pytest.approx([14.0 / 8.0, 5.5 / 8.0])
    assert risk.deviation_error_usd == pytest.approx(8.0 / np.sqrt(200.0))


def test_the_marginal_deviation_is_its_slope():
    """By central differences, on a random book."""
    rng = np.random.default_rng(11)
    root = rng.standard_normal((5, 5))
    covariance, e = _known(root @ root.T), rng.standard_normal(5)
    risk = book_risk(e, covariance)
    for i in range(5):
        step = np.eye(5)[i] * 1e-6
        up, down = (book_risk(e + x, covariance).deviation_usd for x in (step, -step))
        assert risk.marginal_usd[i] == pytest.approx((up - down) / 2e-6, rel=1e-5)


def test_what_is_unknown_is_not_nothing():
    """An exposure or a covariance that is missing makes the deviation NaN; a factor without exposure needs neither."""
    covariance = _known([[4.0, np.nan], [np.nan, np.nan]])

    assert np.isnan(book_risk(np.array([1.0, 1.0]), covariance).deviation_usd)
    assert np.isnan(book_risk(np.array([np.nan, 0.0]), covariance).deviation_usd)
    assert book_risk(np.array([1.0, 0.0]), covariance).deviation_usd == 2.0
    assert book_risk(np.zeros(2), covariance).deviation_usd == 0.0
    assert np.isnan(book_risk(np.ones(1), _known([[1.0]], samples=0.0)).deviation_error_usd)


def test_the_cross_hedge_of_least_variance_is_the_textbook_one():
    """Domain reference V10 (Hull): jet fuel by heating oil, 37.13 contracts, 86.12 % of the variance gone.

    Spot and basis as factors: a contract of the hedge carries beta of spot and one of basis.
    """
    s, f, rho = 0.0263, 0.0313, 0.928
    beta = rho * f / s
    basis = f * np.sqrt(1.0 - rho**2)
    covariance = _known([[s**2, 0.0], [0.0, basis**2]])
    exposure, contract = np.array([2e6, 0.0]), 42_000.0 * np.array([beta, 1.0])
    contracts = -(contract @ covariance.matrix @ exposure) / (contract @ covariance.matrix @ contract)
    hedged = book_risk(exposure + contracts * contract, covariance).deviation_usd
    bare = book_risk(exposure, covariance).deviation_usd

    assert contracts == pytest.approx(-37.13, abs=5e-3)
    assert 1.0 - (hedged / bare) ** 2 == pytest.approx(0.8612, abs=5e-5)


# Tenor weights


def test_tenor_weights_find_the_power_and_cover_it():
    """Moves as (T_ref / T)^0.6 with noise of each tenor: weights and exponent within 1.96 errors about 95 times in 100."""
    rng = np.random.default_rng(12)
    tenors = np.array([7.0, 30.0, 91.0, 365.0]) / 365.0
    true = (tenors[1] / tenors) ** 0.6
    weights, exponents = np.zeros(4), 0
    for _ in range(300):
        changes = rng.standard_normal((400, 1)) * true + 0.15 * rng.standard_normal((400, 4))
        found = tenor_weights(changes, tenors, 1)
        weights += np.abs(found.weight - true) <= 1.96 * found.weight_error
        exponents += abs(found.exponent - 0.6) < 1.96 * found.exponent_error
        assert not found.reason

    assert found.explained > 0.95
    assert found.weight[1] == 1.0
    assert (weights[[0, 2, 3]] / 300.0 > 0.91).all(), weights / 300.0
    assert exponents / 300.0 > 0.91, exponents / 300.0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (np.ones((5, 2)), "5 days, fewer than 20"),
        (np.full((50, 2), np.nan), "0 days"),
        (np.zeros((50, 2)), "one direction"),
        (np.random.default_rng(13).standard_normal((100, 1)) * [1.0, -1.0], "one direction"),
    ],
)
def test_without_a_common_move_the_weights_are_the_root_of_time(changes, reason):
    """And say why."""
    found = tenor_weights(changes, np.array([0.25, 1.0]), 0)

    assert found.weight == pytest.approx([1.0, 0.5])
    assert found.exponent == 0.5
    assert np.isnan(found.exponent_error)
    assert reason in found.reason


# Real closes


@cache
def _real():
    """Daily moves of SPY, QQQ, DIA, XLK, XLU, AAPL, MSFT, 2004 to 2023."""
    folder = DATA / "aligned-daily-2000-2023"
    if not folder.exists():
        pytest.skip(
            "no real market data: aligned-daily-2000-2023 is not in the data folder (set FLATBOOK_DATA)"
        )
    seen = {}
    for name in ("SPY", "QQQ", "DIA", "XLK", "XLU", "AAPL", "MSFT"):
        with (folder / f"{name}.csv").open(encoding="utf-8") as file:
            rows = sorted((row["date"], float(row["adjClose"])) for row in csv.DictReader(file))
        rows = [(np.datetime64(day, "D").astype(int), close) for day, close in rows if close > 0.0]
        seen[name] = HistorySeen(
            received_ns=0, underlying=name, day_ns=tuple(int(day) * NS_PER_DAY for day, _ in rows),
            close=tuple(close for _, close in rows),
        )  # fmt: skip
    history = align(seen)
    return history.moves[np.isfinite(history.moves).all(axis=1)][-5000:]


@pytest.mark.market_data
def test_on_real_closes_books_vary_as_they_are_said_to():
    """Every tenth day of 19 years, random books of seven underlyings: next-day P&L over the deviation of the day before.

    Its root mean square lies near 1; hedged books, where correlations matter most, are told no worse by drawing them.
    """
    x = _real()
    rng = np.random.default_rng(14)
    long_only, hedged, raw = [], [], []
    for day in range(250, len(x) - 1, 10):
        past = x[day - 250 : day]
        found = estimate(past, half_life=40.0)
        w = fading_weights(250, 40.0)
        plain = past.T @ (w[:, None] * past) / w.sum()
        book = rng.random(7)
        against = book - book.mean()
        long_only.append(book @ x[day] / book_risk(book, found).deviation_usd)
        hedged.append(against @ x[day] / book_risk(against, found).deviation_usd)
        raw.append(against @ x[day] / np.sqrt(against @ plain @ against))
    ratio, hedged_ratio, raw_ratio = (float(np.sqrt(np.mean(np.square(z)))) for z in (long_only, hedged, raw))

    assert 0.95 < ratio < 1.05, ratio
    assert abs(np.log(hedged_ratio)) < 0.05, hedged_ratio
    assert abs(np.log(hedged_ratio)) < abs(np.log(raw_ratio)) + 0.02, (hedged_ratio, raw_ratio)
