"""Draws: fixed by the seed, and with the distribution they claim."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.model.errors import InvalidValueError
from flatbook.sim.chance import Chance

SEEDS = st.integers(0, 2**32)


@given(SEEDS)
def test_a_share_is_numpys_own_uniform_draw_moved_off_zero(seed):
    expected = np.random.Generator(np.random.PCG64(seed)).random(5) + 2.0**-54
    chance = Chance(seed)

    assert expected.tolist() == [chance.share() for _ in range(5)]


def test_normal_draws_have_mean_zero_and_deviation_one():
    chance = Chance(7)
    draws = np.array([chance.normal() for _ in range(20_000)])

    assert abs(draws.mean()) < 4.0 / np.sqrt(draws.size)
    assert abs(draws.std() - 1.0) < 4.0 / np.sqrt(2.0 * draws.size)


def test_waits_are_exponential_with_the_mean_asked_for():
    chance = Chance(7)
    draws = np.array([chance.wait(3.0) for _ in range(20_000)])

    assert abs(draws.mean() - 3.0) < 4.0 * 3.0 / np.sqrt(draws.size)
    assert abs((draws > 3.0).mean() - np.exp(-1.0)) < 0.015


def test_a_choice_is_as_likely_as_its_weight():
    chance = Chance(7)
    drawn = [chance.weighted("abc", (1.0, 0.0, 3.0)) for _ in range(10_000)]

    assert drawn.count("b") == 0
    assert abs(drawn.count("c") / len(drawn) - 0.75) < 0.02


@given(SEEDS, st.integers(0, 8))
def test_some_of_draws_without_putting_back(seed, count):
    drawn = Chance(seed).some_of(count, range(8))

    assert count == len(drawn) == len(set(drawn) & set(range(8)))


def test_a_negative_seed_is_refused_with_the_seed():
    with pytest.raises(InvalidValueError, match="was -1"):
        Chance(-1)
