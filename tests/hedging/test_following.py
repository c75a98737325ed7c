"""What history tells of a hedge instrument, against histories whose truth is known."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.hedging.following import DAYS_MIN, estimated, following_of
from flatbook.market.history import History
from flatbook.model.hedge_terms import HedgeTerms
from tests.worlds import desk, share

_TERMS = HedgeTerms(
    instrument=share("ETF", price_ratio=0.5), spread=0.01, history="ETF", estimate=True, correlation=0.9
)


def _history(x, h):
    """Daily simple moves of log returns, a calendar day apart."""
    n = x.size
    return History(
        underlyings=("XYZ", "ETF"),
        day_ns=np.arange(1, n + 1) * 86_400 * 10**9,
        days=np.ones(n),
        moves=np.expm1(np.column_stack((x, h))),
        vol_points=np.full((n, 2), np.nan),
    )


def _world(seed, n=2000, *, stress=1.0):
    """An underlying that moves by 0.8 of the product and a basis of its own, which is wider after large moves."""
    rng = np.random.default_rng(seed)
    h = 0.0125 * rng.standard_normal(n)
    jumps = rng.choice(n, n // 100, replace=False)
    h[jumps] *= 6.0
    wide = np.zeros(n, dtype=bool)
    for day in jumps.tolist():
        wide[day : day + 6] = True
    noise = 0.003 * rng.standard_normal(n) * np.where(wide, np.sqrt(stress), 1.0)
    return 0.8 * h + noise, h


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_regression_with_its_error_and_the_correlation_of_the_days(seed):
    x, h = _world(seed)
    told = following_of(_TERMS, _history(x, h), 1.0)
    slope, _ = np.polyfit(h, x, 1)

    assert told.ratio == pytest.approx(slope, rel=1e-9)
    assert told.correlation == pytest.approx(np.corrcoef(x, h)[0, 1], rel=1e-4)
    assert abs(told.ratio - 0.8) < 4.0 * told.ratio_error, f"seed {seed}"
    assert told.days == 2000


def test_intervals_of_the_ratio_hold_the_truth_as_often_as_they_say():
    """Underlying = 0.8 of the product plus noise, 400 worlds of 250 days: 95 % intervals hold 0.8 in 91 to 98 %."""
    rng, inside = np.random.default_rng(11), 0
    for _ in range(400):
        h = 0.01 * rng.standard_normal(250)
        told = following_of(_TERMS, _history(0.8 * h + 0.004 * rng.standard_normal(250), h), 1.0)
        inside += abs(told.ratio - 0.8) <= 1.96 * told.ratio_error
    assert 0.91 <= inside / 400 <= 0.98, f"seed 11: {inside} of 400"


def test_a_basis_that_is_wider_in_stress_is_told_by_its_ratio():
    calm = np.mean([following_of(_TERMS, _history(*_world(s)), 1.0).stress_ratio for s in range(8)])
    wide = np.mean(
        [following_of(_TERMS, _history(*_world(s, stress=4.0)), 1.0).stress_ratio for s in range(8)]
    )

    assert calm == pytest.approx(1.0, abs=0.25)
    assert wide == pytest.approx(4.0, rel=0.3)


def test_a_basis_that_reverts_is_smaller_over_a_long_holding_time():
    """A spread that comes back within days: over a month its share of the variance is a fraction of a day's; of a random walk it is not."""
    rng = np.random.default_rng(4)
    h, level = 0.01 * rng.standard_normal(3000), np.zeros(3001)
    for i in range(3000):
        level[i + 1] = 0.5 * level[i] + 0.003 * rng.standard_normal()
    reverting = _history(h + np.diff(level), h)
    walking = _history(h + 0.003 * rng.standard_normal(3000), h)

    day, month = (following_of(_TERMS, reverting, span).correlation for span in (1.0, 30.0))
    assert (1.0 - month**2) < 0.15 * (1.0 - day**2)
    day, month = (following_of(_TERMS, walking, span).correlation for span in (1.0, 30.0))
    assert (1.0 - month**2) == pytest.approx(1.0 - day**2, rel=0.2)


def test_the_desk_takes_what_is_told_where_it_asks_and_nothing_elsewhere():
    x, h = _world(1)
    silent = replace(_TERMS, estimate=False)
    found = estimated(desk(hedges=(_TERMS, silent)), _history(x, h)).hedges
    told = following_of(_TERMS, _history(x, h), 1.0)

    assert found[0].instrument.beta == pytest.approx(1.0 / told.ratio)
    assert found[0].beta_error == pytest.approx(told.ratio_error / told.ratio**2)
    assert found[0].correlation == told.correlation
    assert found[0].correlation_error == told.correlation_error
    assert found[0].basis_stress_ratio == told.stress_ratio
    assert found[1] == silent


def test_too_little_history_and_a_product_that_explains_nothing_leave_what_is_configured():
    x, h = _world(1)
    few = _history(x[: DAYS_MIN - 1], h[: DAYS_MIN - 1])
    against = _history(x, -h)

    assert estimated(desk(hedges=(_TERMS,)), few).hedges == (_TERMS,)
    assert estimated(desk(hedges=(_TERMS,)), against).hedges == (_TERMS,)
    assert following_of(replace(_TERMS, history="ABC"), _history(x, h), 1.0) is None
