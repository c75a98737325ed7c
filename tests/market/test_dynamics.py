"""Spot-vol dynamics: delta, slide and explain tell one story; the limits of R are what they are called."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.kernels.black import price_european
from flatbook.market.dynamics import SpotVolDynamics
from flatbook.model.errors import InvalidValueError

_N = 9
_SPOT, _RATE = 2_900.0, 0.02
_STRIKE = np.linspace(2_500.0, 3_300.0, _N)
_YEARS = np.full(_N, 0.2)
_FORWARD = _SPOT * np.exp(_RATE * _YEARS)
_SIGN = np.where(_STRIKE < _SPOT, -1.0, 1.0)
_K = np.log(_STRIKE / _FORWARD)
_ratios = st.floats(-0.5, 3.0)


def _dynamics(ratio):
    return SpotVolDynamics(tenor_years=(0.1,), stickiness=(ratio,))


def _smile(k):
    return np.sqrt(0.02 + 0.4 * (-0.7 * k + np.sqrt(k**2 + 0.01)) * 0.2)


def _slope(k, step=1e-6):
    return (_smile(k + step) - _smile(k - step)) / (2.0 * step)


def _value(move, vol):
    """The book at a spot that moved, every option at its vol."""
    years, growth = _YEARS, np.exp(_RATE * _YEARS)
    return price_european(_SPOT * (1.0 + move) * growth, _STRIKE, years, vol, 1.0 / growth, _SIGN)


def _greek(move, bump):
    return (_value(move, _smile(_K) + bump) - _value(-move, _smile(_K) - bump)) / 2.0


_DELTA = _greek(1e-5, 0.0) / (1e-5 * _SPOT)
_VEGA = _greek(0.0, 1e-5) / 1e-5


@given(ratio=_ratios)
def test_the_slope_of_the_slide_is_the_smile_delta(ratio):
    """Full revaluation at a spot that moved, on the smile that moved with it, against delta + vega (R - 1) S / spot."""
    dynamics, step = _dynamics(ratio), 1e-4
    up, down = (
        _value(move, _smile(_K) + dynamics.vol_move_on_smile(move, _K, _YEARS, _smile))
        for move in (step, -step)
    )
    slope = (up - down) / (2.0 * step * _SPOT)

    # Central differences of a log return in a relative step: error of the order step^2 / 6 of third derivatives.
    assert dynamics.smile_delta(_DELTA, _VEGA, _slope(_K), np.full(_N, _SPOT), _YEARS) == pytest.approx(
        slope, abs=2e-6
    )


@given(ratio=_ratios, move=st.floats(-0.002, 0.002))
def test_explain_hands_to_spot_what_the_smile_delta_adds(ratio, move):
    """The term of a step is the difference of the deltas times the step, to second order; nothing is lost."""
    dynamics, skew = _dynamics(ratio), _slope(_K)
    change = dynamics.vol_move_on_smile(move, _K, _YEARS, _smile)
    explained = dynamics.explain_spot_vol(_VEGA, skew, _YEARS, move, change)
    added = dynamics.smile_delta(_DELTA, _VEGA, skew, np.full(_N, _SPOT), _YEARS) - _DELTA

    assert explained.with_spot == pytest.approx(
        added * move * _SPOT, abs=float(np.abs(added).max() * _SPOT * move**2) + 1e-12
    )
    assert explained.with_spot + explained.apart == pytest.approx(_VEGA * change, rel=1e-12, abs=1e-12)


@given(ratio=_ratios)
def test_the_first_order_move_is_the_slope_of_the_full_one(ratio):
    """Slides and quick moves agree where moves are small."""
    dynamics, step = _dynamics(ratio), 1e-5
    full = dynamics.vol_move_on_smile(step, _K, _YEARS, _smile)

    assert dynamics.vol_move(step, _YEARS, _slope(_K)) == pytest.approx(full, abs=1e-8)


@given(move=st.floats(-0.5, 0.5))
def test_one_is_sticky_strike_and_zero_sticky_moneyness(move):
    """Exactly, for any move of a curved smile."""
    moneyness = np.log(_STRIKE / (_FORWARD * (1.0 + move)))

    assert (_dynamics(1.0).vol_move_on_smile(move, _K, _YEARS, _smile) == 0.0).all()
    assert _smile(_K) + _dynamics(0.0).vol_move_on_smile(move, _K, _YEARS, _smile) == pytest.approx(
        _smile(moneyness), rel=1e-12
    )


@given(ratio=_ratios, move=st.floats(-0.3, 0.3))
def test_a_linear_smile_moves_by_the_ratio_at_the_money(ratio, move):
    """R S x at the new forward, at any size of move."""
    dynamics, level, skew = _dynamics(ratio), 0.3, -0.4
    x = np.log1p(move)
    at_new_forward = np.full(1, x)
    moved = (
        level
        + skew * x
        + dynamics.vol_move_on_smile(move, at_new_forward, np.full(1, 0.2), lambda k: level + skew * k)
    )

    assert moved - level == pytest.approx(ratio * skew * x, rel=1e-9, abs=1e-12)


@given(ratio=_ratios, move=st.floats(-0.9, 3.0))
def test_no_move_makes_a_volatility_that_the_smile_does_not_hold(ratio, move):
    """A floor of the smile is a floor after any move."""
    moved = _smile(_K) + _dynamics(ratio).vol_move_on_smile(move, _K, _YEARS, _smile)
    floor = _smile(np.linspace(-8.0, 8.0, 20_001)).min()

    assert (moved >= floor - 1e-6).all()


def test_ratios_run_between_tenors_and_are_flat_outside():
    """Halfway in log time is halfway in ratio."""
    dynamics = SpotVolDynamics(tenor_years=(0.01, 0.25, 4.0), stickiness=(1.8, 1.4, 1.0))

    assert dynamics.stickiness_at(np.array([1e-9, 0.0, 0.01, 0.05, 0.25, 1.0, 9.0])) == pytest.approx(
        [1.8, 1.8, 1.8, 1.6, 1.4, 1.2, 1.0], rel=1e-12
    )
    assert np.isnan(dynamics.stickiness_at(np.array([np.nan]))).all()


def test_beta_falls_with_tenor():
    """1 % down lifts 30 days by a point and four times as long by half a point."""
    dynamics = SpotVolDynamics(tenor_years=(0.1,), stickiness=(1.5,), beta=-1.0)
    years = np.array([30.0, 120.0]) / 365.0

    assert dynamics.atm_move(float(np.expm1(-0.01)), years) == pytest.approx([0.01, 0.005], rel=1e-12)


def test_a_large_move_is_taken_in_logs():
    """30 % down at R of 1.5 and a skew of -0.5: half of 0.5 times 0.357."""
    moved = _dynamics(1.5).vol_move(-0.3, np.full(1, 0.1), np.full(1, -0.5))

    assert moved == pytest.approx([0.5 * -0.5 * np.log(0.7)], rel=1e-12)


def test_numbers_not_known_stay_not_known():
    """NaN in, NaN out, row by row."""
    dynamics = _dynamics(1.5)
    skew = np.array([-0.5, np.nan])
    years = np.full(2, 0.1)

    assert np.isnan(dynamics.vol_move(-0.05, years, skew)).tolist() == [False, True]
    assert np.isnan(dynamics.smile_delta(np.ones(2), np.ones(2), skew, np.ones(2), years)).tolist() == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenor_years": (), "stickiness": ()},
        {"tenor_years": (0.1, 0.1), "stickiness": (1.0, 1.0)},
        {"tenor_years": (0.0, 0.1), "stickiness": (1.0, 1.0)},
        {"tenor_years": (0.1,), "stickiness": (1.0, 1.0)},
        {"tenor_years": (0.1,), "stickiness": (float("nan"),)},
        {"tenor_years": (0.1,), "stickiness": (1.0,), "beta": float("inf")},
        {"tenor_years": (0.1,), "stickiness": (1.0,), "reference_years": 0.0},
    ],
)
def test_dynamics_that_cannot_be_are_refused(wrong):
    """With what was found."""
    with pytest.raises(InvalidValueError, match="spot-vol dynamics"):
        SpotVolDynamics(**wrong)
