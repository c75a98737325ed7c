"""Capital limits, net capital and the forecast at slide points."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.margin.marginal import UNKNOWN, ScenarioSeries
from flatbook.margin.utilisation import forecast, net_capital, utilisation
from flatbook.model.errors import InvalidValueError
from tests.naive import marginal as naive


def test_use_of_limits():
    """Within, at, over, none set, nothing allowed, and each unknown."""
    required = np.array([50.0, 100.0, 101.0, 70.0, 0.0, 1.0, math.nan, 5.0, 0.0, math.nan])
    limit = np.array([100.0, 100.0, 100.0, math.inf, 0.0, 0.0, 100.0, math.nan, math.nan, math.inf])
    found = utilisation(tuple("abcdefghij"), required, limit)

    assert found.utilisation[:6].tolist() == [0.5, 1.0, 1.01, 0.0, 0.0, math.inf]
    assert np.isnan(found.utilisation[6:]).all()
    assert found.breach.tolist() == [False, False, True, False, False, True, True, True, True, True]
    assert found.headroom[:4].tolist() == [50.0, 0.0, -1.0, math.inf]


@pytest.mark.parametrize(
    ("required", "limit", "why"),
    [
        (1.0, -1.0, "b has a capital limit"),
        (-1.0, 1.0, "b has a requirement"),
        (math.inf, 1.0, "without end"),
    ],
)
def test_amounts_that_cannot_be_are_refused(required, limit, why):
    """By name."""
    with pytest.raises(InvalidValueError, match=why):
        utilisation(("a", "b"), np.array([1.0, required]), np.array([1.0, limit]))
    with pytest.raises(InvalidValueError, match="one number"):
        utilisation(("a",), np.zeros(2), np.zeros(1))


def test_net_capital_is_what_haircuts_leave():
    """A market maker's equity covers its haircuts, and a clearing firm's minimum on top."""
    found = net_capital(np.array([1000.0, 1000.0, math.nan]), np.array([400.0, 900.0, 0.0]), 250.0)

    assert found.net_capital[:2].tolist() == [600.0, 100.0]
    assert found.cushion[:2].tolist() == [350.0, -150.0]
    assert found.breach.tolist() == [False, True, True]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_the_forecast_is_a_full_run_at_each_point(seed):
    """Points, series and scenarios at random; the seed is hypothesis's."""
    rng = np.random.default_rng(seed)
    points, n, m, c, groups = (int(x) for x in rng.integers(1, 6, 5))
    pnl = rng.normal(size=(points, n, m)) * 100.0
    gain = rng.normal(size=(points, n))
    series = ScenarioSeries(
        pnl=np.full((n, m), np.nan),
        class_of=rng.integers(0, c, n),
        quantity=rng.integers(-4, 5, n).astype(np.float64),
        minimum_long=np.full(n, 10.0),
        minimum_short=np.full(n, 20.0),
    )
    group_of_class = rng.integers(0, groups, c)
    share = rng.uniform(0.0, 1.0, c)
    found = forecast(pnl, series, group_of_class, share, groups, gain)

    for point in range(points):
        expected = naive.requirement(
            series.quantity.tolist(),
            pnl[point].tolist(),
            series.class_of.tolist(),
            group_of_class.tolist(),
            share.tolist(),
            [(10.0, 20.0)] * n,
            groups,
        )
        assert found.by_group[point] == pytest.approx([needed for needed, _ in expected], abs=1e-8)
        assert found.gain[point] == pytest.approx(sum(series.quantity * gain[point]), abs=1e-9)
    assert found.total[found.largest] == found.total.max()


def test_a_point_without_value_is_unknown_and_the_largest():
    """Held: unknown there only. Not held: nothing."""
    pnl = np.ones((3, 2, 2)) * [[[-1.0], [1.0]]]
    pnl[1, 0, 0] = math.nan
    pnl[2, 1, 0] = math.nan
    series = ScenarioSeries(
        pnl=pnl[0],
        class_of=np.zeros(2, dtype=np.int64),
        quantity=np.array([3.0, 0.0]),
        minimum_long=np.zeros(2),
        minimum_short=np.zeros(2),
    )
    found = forecast(pnl, series, np.zeros(1, dtype=np.int64), np.ones(1), 1)

    assert found.total[[0, 2]].tolist() == [3.0, 3.0]
    assert np.isnan(found.total[1])
    assert found.worst.tolist() == [[0], [UNKNOWN], [0]]
    assert found.largest == 1
    assert np.isnan(found.gain).all()
    for wrong in (pnl[:, :1], pnl[:0], pnl[0]):
        with pytest.raises(InvalidValueError, match="pnl_at_points"):
            forecast(wrong, series, np.zeros(1, dtype=np.int64), np.ones(1), 1)
    with pytest.raises(InvalidValueError, match="gain_to_point"):
        forecast(pnl, series, np.zeros(1, dtype=np.int64), np.ones(1), 1, np.zeros((3, 3)))
