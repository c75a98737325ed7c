"""Estimators that say how far they may be wrong, held to it by simulation."""

from math import e, nan

import numpy as np
import pytest

from flatbook.model.errors import InvalidValueError
from flatbook.riskprice.calibration import (
    IMPACT_DEFAULT,
    Calibrated,
    HedgeCost,
    InventoryFlow,
    adverse_selection,
    aversion_for_target,
    estimated_or,
    impact_coefficient,
    mean_half_spread,
    steady_covariance,
)

_S = 1_000_000_000


def test_a_parameter_is_estimated_or_says_that_nobody_did():
    default = Calibrated(value=0.75)

    assert not default.verified
    assert default.source == "default, unverified"
    assert estimated_or(0.75, 0.6, nan, "x") == default
    assert estimated_or(0.75, 0.6, 0.1, "x") == Calibrated(value=0.6, standard_error=0.1, source="x")


@pytest.mark.parametrize(
    "wrong",
    [
        {"standard_error": -1.0, "source": "x"},
        {"standard_error": nan, "source": "x"},
        {"standard_error": 0.1},
        {"source": "x"},
    ],
)
def test_an_error_without_a_source_and_a_source_without_an_error_are_refused(wrong):
    with pytest.raises(InvalidValueError, match="calibrated parameter"):
        Calibrated(value=1.0, **wrong)


def test_adverse_selection_is_the_mean_over_contracts_and_its_error_the_double_sum():
    rng = np.random.default_rng(1)
    at = np.sort(rng.integers(0, 600, 40)) * _S
    contracts = rng.integers(1, 20, 40).astype(float)
    adverse = -0.8 * contracts + rng.standard_normal(40)
    found = adverse_selection(adverse, contracts, at, 60.0, 0.0)
    mean = -adverse.sum() / contracts.sum()
    left = -adverse - mean * contracts
    apart = np.abs(at[:, None] - at) / _S
    shares = contracts @ np.maximum(0.0, 1.0 - apart / 60.0) @ contracts
    alone = contracts.sum() ** 2 / shares
    variance = left @ left / (contracts @ contracts) * shares * alone / (alone - 1.0)

    assert found.value == pytest.approx(mean, rel=1e-12)
    assert found.standard_error == pytest.approx(np.sqrt(variance) / contracts.sum(), rel=1e-9)


def test_its_errors_cover_the_truth_when_fills_share_their_moves():
    """400 days of 300 fills in 6 hours, markouts at 300 s of one value: 95 % or so; as independent draws half of them would miss."""
    seed, truth, horizon = 51, 0.5, 300
    rng = np.random.default_rng(seed)
    shared, apart = [], []
    for _ in range(400):
        value = np.cumsum(rng.standard_normal(21_600 + horizon + 1)) * 0.1
        at = np.sort(rng.choice(21_600, 300, replace=False))
        moves = value[at + horizon] - value[at]
        adverse = moves - truth
        told = adverse_selection(adverse, np.ones(300), at * _S, float(horizon), 0.0)
        shared.append(abs(told.value - truth) < 1.96 * told.standard_error)
        apart.append(abs(told.value - truth) < 1.96 * moves.std() / np.sqrt(300.0))

    assert 0.90 <= np.mean(shared) <= 0.975, f"seed {seed}: {np.mean(shared)}"
    assert np.mean(apart) < 0.8, f"seed {seed}: {np.mean(apart)}"


def test_two_fills_are_no_estimate():
    found = adverse_selection(np.array([1.0, nan, 2.0]), np.ones(3), np.arange(3) * _S, 60.0, 0.3)

    assert found == Calibrated(value=0.3)


def test_a_spread_is_weighted_by_the_time_it_stood_and_covers_the_truth():
    """300 days of 400 quotes whose spreads hang together (.6 from one to the next), standing exponential times."""
    seed, truth = 61, 5e-4
    rng = np.random.default_rng(seed)
    inside = []
    for _ in range(300):
        x, last = np.empty(400), 0.0
        for i in range(400):
            last = 0.6 * last + rng.standard_normal()
            x[i] = truth * (1.0 + 0.2 * last)
        seconds = rng.exponential(3.0, 400)
        x[rng.random(400) < 0.05] = nan
        found = mean_half_spread(x, seconds, 1.0)
        inside.append(abs(found.value - truth) < 1.96 * found.standard_error)

    assert 0.88 <= np.mean(inside) <= 0.97, f"seed {seed}: {np.mean(inside)}"
    assert mean_half_spread(np.array([0.1, 0.3, 0.3]), np.array([2.0, 1.0, 1.0]), 1.0).value == pytest.approx(
        0.2
    )
    assert mean_half_spread(np.full(5, nan), np.ones(5), 2.0) == Calibrated(value=2.0)


def test_the_impact_of_our_hedges_is_told_within_its_error():
    """400 samples of 60 hedges with Y = .8 and slippage noise of half a daily deviation for the time they take."""
    seed, truth = 71, 0.8
    rng = np.random.default_rng(seed)
    inside = []
    for _ in range(400):
        share, vol = rng.lognormal(-7.0, 1.5, 60), rng.uniform(0.005, 0.02, 60)
        slippage = truth * vol * np.sqrt(share) + 0.05 * vol * rng.standard_normal(60)
        found = impact_coefficient(slippage, share * 1e6, vol, np.full(60, 1e6))
        inside.append(abs(found.value - truth) < 1.96 * found.standard_error)

    assert 0.88 <= np.mean(inside) <= 0.97, f"seed {seed}: {np.mean(inside)}"
    assert impact_coefficient(np.ones(2), np.ones(2), np.ones(2), np.ones(2)) == Calibrated(
        value=IMPACT_DEFAULT
    )


def _cost(**parts):
    spread = Calibrated(value=2e-4, standard_error=3e-5, source="x")
    impact = Calibrated(value=0.8, standard_error=0.1, source="x")
    return HedgeCost(
        **{"half_spread": spread, "fee": 1e-5, "impact": impact, "daily_vol": 0.01, "daily_volume": 1e6}
        | parts
    )


def test_a_hedge_costs_spread_fee_and_the_root_of_its_size():
    """10,000 units of a million a day at 1 % a day: .8 x .01 x .1 = 8e-4 of impact; four times the size twice as much."""
    assert _cost().share(1e4) == pytest.approx(2e-4 + 1e-5 + 8e-4)
    assert _cost().share(-4e4) == pytest.approx(2e-4 + 1e-5 + 16e-4)
    assert _cost().standard_error(1e4) == pytest.approx(np.hypot(3e-5, 1e-4))
    assert _cost(impact=Calibrated(value=0.75)).standard_error(1e4) is None


_BBG = InventoryFlow(
    covariance=np.array([[0.01]]), curvature=np.array([[1.2422e12]]), arrival_variance=np.array([[4e15]])
)


def test_one_factor_settles_at_its_arrival_variance_over_twice_its_speed():
    """Domain reference 4.5 and 8.4 on the book of Baldacci, Bergault and Gueant: relaxation 2.0e-4 years at an aversion of 1e-3."""
    speed = 4.0 * 1.2422e12 * 1.0031e-9

    assert 1.0 / speed == pytest.approx(2.0e-4, rel=0.01)
    assert steady_covariance(_BBG, 1e-3)[0, 0] == pytest.approx(4e15 / (2.0 * speed), rel=1e-4)


def _three_factors(rng):
    e_i = rng.standard_normal((12, 3)) * [5.0, 2.0, 1.0]
    weight = rng.uniform(0.5, 2.0, 12)
    root = rng.standard_normal((3, 3))
    return InventoryFlow(
        covariance=root @ root.T,
        curvature=e_i.T @ (weight[:, None] * e_i),
        arrival_variance=e_i.T @ ((weight * rng.uniform(0.5, 2.0, 12))[:, None] * e_i),
    )


def test_many_factors_settle_where_pull_and_scatter_balance():
    """M C + C M' = V with M = 4 D A and A of the stationary equation 4 A D A = aversion / 2 Sigma (domain reference 4.5)."""
    flow, aversion = _three_factors(np.random.default_rng(2)), 0.3
    c = steady_covariance(flow, aversion)
    value, vector = np.linalg.eigh(flow.curvature)
    root = (vector * np.sqrt(value)) @ vector.T
    inner_value, inner = np.linalg.eigh(root @ flow.covariance @ root)
    back = np.linalg.inv(root)
    a = 0.5 * np.sqrt(aversion / 2.0) * back @ (inner * np.sqrt(inner_value)) @ inner.T @ back
    m = 4.0 * flow.curvature @ a

    assert 4.0 * a @ flow.curvature @ a == pytest.approx(0.5 * aversion * flow.covariance, rel=1e-9)
    assert m @ c + c @ m.T == pytest.approx(flow.arrival_variance, rel=1e-9)


def test_the_aversion_for_a_target_settles_there():
    flow, weights = _three_factors(np.random.default_rng(3)), np.array([1.0, 0.5, 0.0])
    found = aversion_for_target(flow, weights, 0.7)

    assert weights @ steady_covariance(flow, found.value) @ weights == pytest.approx(0.49, rel=1e-9)
    assert found.source == "default, unverified"


def test_an_inventory_with_that_aversion_scatters_as_it_was_told():
    """Fills of a one-factor book at the optimal exponential quotes, 200,000 of them: the deviation of its exposure within 5 %.

    The linearised pull is told for small inventory; with quotes that move by a tenth of 1 / k a lot it is good to some percent.
    """
    seed, intensity, k, sigma2, target = 81, 1.0, 1.0, 1e-3, 8.0
    flow = InventoryFlow(
        covariance=np.array([[sigma2]]),
        curvature=np.array([[intensity * k / e]]),
        arrival_variance=np.array([[2.0 * intensity / e]]),
    )
    aversion = aversion_for_target(flow, np.ones(1), target).value
    a = 0.5 * np.sqrt(aversion / 2.0 * sigma2 / (intensity * k / e))
    draws = np.random.default_rng(seed).random((200_000, 2))
    q, total, square = 0.0, 0.0, 0.0
    for wait, side in draws:
        bid, ask = (intensity * np.exp(-1.0 - k * (2.0 * a * q * s + a)) for s in (1.0, -1.0))
        held = -np.log(wait) / (bid + ask)
        total, square = total + held, square + held * q * q
        q += 1.0 if side * (bid + ask) < bid else -1.0

    assert np.sqrt(square / total) == pytest.approx(target, rel=0.05), f"seed {seed}"


def test_a_target_needs_flow_that_reaches_it():
    off = InventoryFlow(
        covariance=np.eye(2), curvature=np.diag([1.0, 0.0]), arrival_variance=np.diag([1.0, 0.0])
    )

    assert aversion_for_target(off, np.array([1.0, 0.0]), 1.0).value > 0.0
    for weights, target in ((np.array([0.0, 1.0]), 1.0), (np.array([1.0, 0.0]), 0.0)):
        with pytest.raises(InvalidValueError, match="risk aversion"):
            aversion_for_target(off, weights, target)


def test_its_error_is_that_of_what_it_was_made_of():
    found = aversion_for_target(
        _BBG, np.ones(1), 1e6, intensity_error=0.03, decay_error=0.04, covariance_error=0.12
    )

    assert found.standard_error == pytest.approx(0.13 * found.value)
