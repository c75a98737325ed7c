"""The ladder and its hysteresis."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.limits.ladder import RELEASE, THRESHOLDS, Step, step_of, steps_of


@pytest.mark.parametrize(
    ("utilisation", "step"),
    [
        (0.0, Step.NORMAL),
        (0.4999, Step.NORMAL),
        (0.5, Step.NOTIFY),
        (0.75, Step.ALERT),
        (0.9, Step.ESCALATE),
        (1.0, Step.HARD),
        (7.0, Step.HARD),
        (math.nan, Step.HARD),
        (math.inf, Step.HARD),
    ],
)
def test_each_step_begins_at_its_threshold_and_the_unknown_is_a_breach(utilisation, step):
    """Domain reference 8.1."""
    assert step_of(utilisation) is step
    assert steps_of(np.array([utilisation])).tolist() == [step]


def test_a_step_is_left_only_once_utilisation_is_clear_of_its_threshold():
    """Hysteresis: 5 % of the threshold."""
    assert step_of(0.74, before=Step.ALERT) is Step.ALERT
    assert step_of(0.75 * (1.0 - RELEASE) - 1e-9, before=Step.ALERT) is Step.NOTIFY
    assert step_of(0.74, before=Step.NOTIFY) is Step.NOTIFY


def test_a_fall_through_several_steps_stops_at_the_first_that_still_holds():
    """From HARD to 0.86: ESCALATE is held down to 0.855."""
    assert step_of(0.86, before=Step.HARD) is Step.ESCALATE


@given(before=st.sampled_from(list(Step)), low=st.floats(0.0, 2.0), high=st.floats(0.0, 2.0))
def test_more_utilisation_never_means_a_lower_step(before, low, high):
    """Monotone, from wherever we come."""
    low, high = sorted((low, high))

    assert step_of(low, before) <= step_of(high, before)


@given(utilisation=st.floats(0.0, 2.0), before=st.sampled_from(list(Step)))
def test_hysteresis_only_ever_holds_a_step_longer(utilisation, before):
    """Never below the step without memory, and above it only inside the release margin."""
    step = step_of(utilisation, before)

    assert step >= step_of(utilisation)
    assert step == step_of(utilisation) or utilisation >= THRESHOLDS[step] * (1.0 - RELEASE)
