"""Beta-weighted delta with what the index does not explain beside it."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.exposure.beta_weighted import FROM_HISTORY, FROM_VOLATILITY, beta_weighted
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.history import History
from flatbook.model.parameters import UnderlyingTerms
from tests.worlds import desk, share, view_by_hand

_NAMES = ("IDX", "A", "B")
_DESK = desk(
    underlyings=(UnderlyingTerms(symbol="A", beta=1.5), UnderlyingTerms(symbol="B", beta=0.5)), index="IDX"
)
_VOL = np.array([0.2, 0.5, 0.08])
_DELTA = np.array([1e6, -2e6, 3e6])


def _market():
    market = view_by_hand([share(name, underlying=name) for name in _NAMES], spot=50.0, vols=[np.nan] * 3)
    return replace(market, surfaces=(None,) * 3)


def test_deltas_are_told_in_shares_of_the_index():
    """1 - 3 + 1.5 million of the index at 50."""
    found = beta_weighted(_DELTA, _market(), _DESK, _VOL)

    assert found.delta_usd.tolist() == [1e6, -3e6, 1.5e6]
    assert found.index_shares == -10_000.0


def test_without_history_volatilities_tell_the_rest():
    """0.5^2 - 0.3^2 = 0.4^2 a year; 0.08 cannot be, with half of 20 % from the index: unknown, and so is the desk."""
    found = beta_weighted(_DELTA, _market(), _DESK, _VOL)
    day = np.sqrt(1.0 / 365.0)

    assert found.idiosyncratic_usd[:2] == pytest.approx([0.0, 2e6 * 0.4 * day])
    assert np.isnan(found.idiosyncratic_usd[2])
    assert "beta times the volatility of IDX" in found.reason[2]
    assert np.isnan(found.idiosyncratic_desk_usd)
    assert found.source == (FROM_VOLATILITY, FROM_VOLATILITY, "")
    flat = beta_weighted(np.array([1e6, -2e6, 0.0]), _market(), _DESK, _VOL)
    assert flat.idiosyncratic_desk_usd == pytest.approx(2e6 * 0.4 * day)


def test_history_tells_the_rests_and_how_they_move_together():
    """Rests of known size and correlation, 20,000 days: the deviation of the desk counts what offsets."""
    rng = np.random.default_rng(2)
    n = 20_000
    index = 0.01 * rng.standard_normal(n)
    common, own = rng.standard_normal(n), rng.standard_normal(n)
    rest_a, rest_b = 0.02 * common, 0.01 * (0.6 * common + 0.8 * own)
    moves = np.column_stack((index, 1.5 * index + rest_a, 0.5 * index + rest_b))
    history = History(
        underlyings=_NAMES, day_ns=np.arange(n) * NS_PER_DAY, days=np.ones(n), moves=moves, vol_points=np.full((n, 3), np.nan),
    )  # fmt: skip
    found = beta_weighted(_DELTA, replace(_market(), history=history), _DESK, _VOL)

    # 60-day half-life: 173 effective days, so an eighth to two errors.
    assert found.idiosyncratic_usd == pytest.approx([0.0, 2e6 * 0.02, 3e6 * 0.01], rel=0.15)
    both = np.sqrt(4e4**2 + 3e4**2 - 2 * 0.6 * 4e4 * 3e4)
    assert found.idiosyncratic_desk_usd == pytest.approx(both, rel=0.15)
    assert found.source == (FROM_HISTORY,) * 3


def test_without_an_index_nothing_is_told():
    """And it says so."""
    found = beta_weighted(_DELTA, _market(), desk(), _VOL)

    assert np.isnan(found.index_shares)
    assert np.isnan(found.idiosyncratic_usd).all()
    assert "no index" in found.reason[0]
