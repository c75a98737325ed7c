"""Thresholds: the exact sums against closed forms and against a simulated stream of fills."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from flatbook.model.errors import InvalidValueError
from flatbook.quoting.protection_thresholds import Burst, exceedance, propose_threshold, shadow_share

_BURST = Burst(
    fills_per_s=0.8,
    burst_factor=4.0,
    duration_s=3.0,
    latency_s=0.3,
    size_share=np.array([0.5, 0.2, 0.0, 0.1, 0.2]),
)
_ONES = replace(_BURST, size_share=np.array([1.0]))


@pytest.mark.parametrize(("threshold", "units"), [(1, 3), (5, 7), (8, 8), (12, 10)])
def test_fills_of_one_unit_have_a_closed_form(threshold, units):
    """N is Poisson up to the trip or the end of the burst; what comes in the latency is on top."""
    during, after = stats.poisson(0.8 * 4.0 * 3.0), stats.poisson(0.8 * 4.0 * 0.3)
    tripped = during.sf(threshold - 1) * after.sf(units - threshold)
    without = sum(during.pmf(n) * after.sf(units - n) for n in range(threshold))
    assert exceedance(_ONES, threshold=threshold, units=units) == pytest.approx(tripped + without, rel=1e-10)


@pytest.mark.parametrize(("threshold", "units"), [(1, 6), (4, 8), (6, 9), (9, 12), (15, 10), (20, 22)])
def test_a_simulated_stream_costs_as_often(threshold, units):
    seed, n = 20240805, 200_000
    random = np.random.default_rng(seed)
    most = 45
    times = random.exponential(1.0 / (0.8 * 4.0), (n, most)).cumsum(axis=1)
    sizes = random.choice(np.arange(1, 6), p=_BURST.size_share, size=(n, most))
    assert times[:, -1].min() > 3.3  # the stream is drawn for longer than it is looked at
    held = sizes.cumsum(axis=1)
    trips_at = np.where((held >= threshold) & (times <= 3.0), times, np.inf).min(axis=1)
    ends = np.where(np.isfinite(trips_at), trips_at, 3.0) + 0.3
    filled = np.where(times <= ends[:, None], sizes, 0).sum(axis=1)
    share = (filled > units).mean()
    exact = exceedance(_BURST, threshold=threshold, units=units)
    assert abs(share - exact) <= 4.0 * math.sqrt(exact * (1.0 - exact) / n), f"seed {seed}"


def test_the_proposed_threshold_is_the_highest_that_holds():
    found = propose_threshold(
        _BURST, loss_usd=1500.0, loss_usd_per_unit=60.0, headroom_units=100, probability=0.001
    )
    assert found.units_bearable == 25
    assert found.probability == exceedance(_BURST, threshold=found.threshold, units=25) < 0.001
    assert found.probability_above == exceedance(_BURST, threshold=found.threshold + 1, units=25) >= 0.001


@pytest.mark.parametrize("latency_s", [0.0, 0.3, 5.0])
def test_later_trips_are_never_rarer_losses(latency_s):
    """Also where the latency is longer than the burst."""
    burst = replace(_BURST, latency_s=latency_s, duration_s=1.0)
    chances = [exceedance(burst, threshold=m, units=12) for m in range(1, 30)]
    assert (np.diff(chances) >= -1e-14).all()
    assert chances[0] < chances[-1]


def test_what_makes_it_worse_lowers_the_threshold():
    def threshold(burst=_BURST, *, headroom=100):
        return propose_threshold(
            burst, loss_usd=2000.0, loss_usd_per_unit=50.0, headroom_units=headroom, probability=1e-4
        ).threshold

    assert threshold(replace(_BURST, latency_s=1.0)) < threshold()
    assert threshold(replace(_BURST, burst_factor=12.0)) < threshold()
    assert threshold(headroom=20) < threshold()


def test_a_threshold_is_never_above_what_can_be_borne():
    """However thin the stream."""
    found = propose_threshold(
        replace(_BURST, fills_per_s=1e-6),
        loss_usd=500.0,
        loss_usd_per_unit=50.0,
        headroom_units=100,
        probability=0.01,
    )
    assert found.threshold == found.units_bearable == 10


def test_where_one_fill_is_too_much_there_is_no_threshold():
    found = propose_threshold(
        _BURST, loss_usd=100.0, loss_usd_per_unit=50.0, headroom_units=100, probability=1e-3
    )
    assert found.threshold == 0
    assert found.probability == exceedance(_BURST, threshold=1, units=2) > 1e-3


def test_the_shadow_share_leaves_room_for_what_is_in_flight():
    share = shadow_share(_BURST, venue_limit=40, probability=1e-4)
    threshold = round(share * 40)
    assert 0.0 < share < 1.0
    assert exceedance(_BURST, threshold=threshold, units=39) < 1e-4
    assert exceedance(_BURST, threshold=threshold + 1, units=39) >= 1e-4


@pytest.mark.parametrize(
    "wrong",
    [
        {"burst_factor": 0.5},
        {"fills_per_s": float("nan")},
        {"size_share": np.array([0.5])},
        {"size_share": np.array([1.5, -0.5])},
        {"duration_s": 1e6},
    ],
)
def test_a_burst_that_is_none_is_refused(wrong):
    with pytest.raises(InvalidValueError, match="burst"):
        replace(_BURST, **wrong)
