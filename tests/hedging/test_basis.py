"""What a related product leaves: effectiveness, the basis as a process, and both in stress."""

import numpy as np
import pytest

from flatbook.hedging.basis import (
    BasisProcess,
    fitted_basis,
    hedge_effectiveness,
    large_moves,
    stressed_basis,
)
from flatbook.hedging.betas import least_squares
from flatbook.model.errors import InvalidValueError


def _returns(rng, n, correlation=0.9):
    x = rng.standard_normal(n)
    return correlation * x + np.sqrt(1.0 - correlation**2) * rng.standard_normal(n), x[:, None]


def test_in_the_sample_it_is_the_r_squared_of_least_squares():
    y, x = _returns(np.random.default_rng(1), 200)
    fit = least_squares(y, x)
    found = hedge_effectiveness(y, x, fit.beta)

    assert found.share == pytest.approx(fit.effectiveness, rel=1e-12)
    assert found.basis_deviation == pytest.approx(fit.residual_deviation * np.sqrt(198.0 / 199.0), rel=1e-12)


def test_ratios_may_be_one_for_each_day_and_days_without_a_return_are_left_out():
    y, x = _returns(np.random.default_rng(2), 50)
    y[3], x[7, 0] = np.nan, np.nan
    daily = hedge_effectiveness(y, x, np.full((50, 1), 0.9))

    assert daily == hedge_effectiveness(y, x, np.array([0.9]))
    assert daily.observations == 48
    assert np.isnan(hedge_effectiveness(y[:2], x[:2], np.array([0.9])).share)


def test_a_hedge_the_wrong_way_round_is_below_zero():
    y, x = _returns(np.random.default_rng(3), 200)

    assert hedge_effectiveness(y, x, np.array([-0.9])).share < -1.0


def test_its_error_covers_the_truth():
    """500 samples of 200 at correlation .9: rho^2 = .81."""
    seed = 5
    rng = np.random.default_rng(seed)
    found = [hedge_effectiveness(*_returns(rng, 200), np.array([0.9])) for _ in range(500)]
    inside = np.mean([abs(each.share - 0.81) < 1.96 * each.standard_error for each in found])

    assert 0.92 <= inside <= 0.975, f"seed {seed}: {inside}"


def _world_with_stress(rng, n, factor):
    stress = np.zeros(n, dtype=bool)
    stress[n // 2 : n // 2 + n // 5] = True
    x = rng.standard_normal(n) * np.where(stress, 3.0, 1.0)
    y = 0.9 * x + 0.3 * rng.standard_normal(n) * np.where(stress, factor, 1.0)
    return y, x[:, None], stress


def test_a_basis_that_widens_in_stress_is_told_though_effectiveness_rises():
    """Moves three times as large and a basis twice as wide: effectiveness is higher in stress, the basis variance four times."""
    seed = 6
    y, x, stress = _world_with_stress(np.random.default_rng(seed), 3000, 2.0)
    found = stressed_basis(y, x, np.array([0.9]), stress)

    assert found.stress.share > found.calm.share
    assert abs(np.log(found.variance_ratio / 4.0)) < 2.0 * found.log_ratio_error, f"seed {seed}: {found}"
    assert np.log(found.variance_ratio) > 5.0 * found.log_ratio_error


def test_a_basis_that_does_not_widen_is_within_its_error_of_one():
    """400 worlds: ln of the ratio within 1.96 errors of 0 in 95 % or so."""
    seed = 7
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(400):
        y, x, stress = _world_with_stress(rng, 600, 1.0)
        told = stressed_basis(y, x, np.full((600, 1), 0.9), stress)
        found.append(abs(np.log(told.variance_ratio)) < 1.96 * told.log_ratio_error)

    assert 0.92 <= np.mean(found) <= 0.975, f"seed {seed}: {np.mean(found)}"


def test_large_moves_are_those_beyond_what_was_known_before_and_what_follows():
    returns = np.tile([0.01, -0.01], 10)
    returns[12] = 0.022  # two deviations and a bit
    returns[14] = 0.05
    returns[17] = np.nan
    found = large_moves(returns, deviations=3.0, half_life=20.0, after=2)

    assert np.flatnonzero(found).tolist() == [14, 15, 16]
    assert not large_moves(returns[:8] * 100.0, deviations=1.0, half_life=5.0, after=1).any()


def _walk(rng, n, kappa, mean, diffusion, dt):
    phi = np.exp(-kappa * dt)
    deviation = diffusion * np.sqrt((1.0 - phi**2) / (2.0 * kappa))
    b = np.empty(n)
    b[0] = mean + diffusion / np.sqrt(2.0 * kappa) * rng.standard_normal()
    for i in range(1, n):
        b[i] = mean + phi * (b[i - 1] - mean) + deviation * rng.standard_normal()
    return b


def test_the_basis_process_is_told_within_its_errors():
    """300 walks of 1,000 steps, kappa 20, diffusion .3, dt 1/252: the diffusion, the reversion and the deviation of a week."""
    seed, dt, week = 8, 1.0 / 252.0, 5.0 / 252.0
    rng = np.random.default_rng(seed)
    truth = BasisProcess(
        reversion_per_year=20.0,
        reversion_error=0.0,
        mean=-5.0,
        diffusion=0.3,
        diffusion_error=0.0,
        observations=0,
    )
    fits = [fitted_basis(_walk(rng, 1000, 20.0, -5.0, 0.3, dt), dt) for _ in range(300)]
    inside = {
        "diffusion": np.mean([abs(f.diffusion - 0.3) < 1.96 * f.diffusion_error for f in fits]),
        "reversion": np.mean([abs(f.reversion_per_year - 20.0) < 1.96 * f.reversion_error for f in fits]),
        "week": np.mean(
            [abs(f.deviation(week) - truth.deviation(week)) < 1.96 * f.deviation_error(week) for f in fits]
        ),
    }

    assert all(0.91 <= share <= 0.985 for share in inside.values()), f"seed {seed}: {inside}"
    assert np.mean([f.mean for f in fits]) == pytest.approx(-5.0, abs=0.003)


def test_the_variance_over_a_hold_is_the_published_one_and_that_of_the_walk_itself():
    """Domain reference 4.11: s^2 / (2 kappa) (1 - e^{-2 kappa tau}); a long hold tends to s^2 / (2 kappa), a random walk to s^2 tau."""
    held = BasisProcess(
        reversion_per_year=20.0,
        reversion_error=0.0,
        mean=0.0,
        diffusion=0.3,
        diffusion_error=0.0,
        observations=9,
    )
    walk = BasisProcess(
        reversion_per_year=0.0,
        reversion_error=0.0,
        mean=0.0,
        diffusion=0.3,
        diffusion_error=0.0,
        observations=9,
    )

    assert held.deviation(0.1) == pytest.approx(np.sqrt(0.09 / 40.0 * (1.0 - np.exp(-4.0))), rel=1e-12)
    assert held.deviation(100.0) == pytest.approx(0.3 / np.sqrt(40.0), rel=1e-12)
    assert walk.deviation(0.25) == pytest.approx(0.15, rel=1e-12)


def test_a_basis_that_runs_away_is_a_random_walk():
    found = fitted_basis(1.05 ** np.arange(60.0), 1.0 / 252.0)

    assert found.reversion_per_year == 0.0
    assert found.reversion_error > 0.0


@pytest.mark.parametrize("basis", [np.zeros(50), np.arange(9.0)])
def test_a_basis_that_tells_nothing_is_refused(basis):
    with pytest.raises(InvalidValueError, match="basis"):
        fitted_basis(basis, 1.0)
