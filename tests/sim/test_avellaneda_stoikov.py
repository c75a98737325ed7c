"""The published table comes out of the simulator."""

from functools import lru_cache

import pytest

from flatbook.model.errors import InvalidValueError
from flatbook.sim.avellaneda_stoikov import avellaneda_stoikov_table

PATHS, SEED = 10_000, 1
PUBLISHED = {  # spread, mean and deviation of the profit, mean and deviation of the inventory, of 1,000 paths
    (0.1, True): (1.49, 65.0, 6.6, 0.08, 2.9),
    (0.1, False): (1.49, 68.4, 12.7, 0.26, 8.4),
    (0.01, True): (1.35, 68.6, 8.7, 0.12, 5.1),
    (0.01, False): (1.35, 68.8, 12.8, 0.09, 8.7),
    (1.0, True): (3.02, 31.4, 5.0, 0.02, 1.7),
    (1.0, False): (3.02, 44.0, 11.0, 0.00, 5.1),
}
RECOMPUTED = {  # spread, mean and deviation of the profit, deviation of the inventory: an independent run of 20,000 paths
    (0.1, True): (1.492, 64.86, 6.52, 2.91),
    (0.1, False): (1.492, 68.23, 13.43, 8.46),
    (0.01, True): (1.349, 68.41, 8.86, 5.20),
    (0.01, False): (1.349, 68.78, 13.68, 8.73),
    (1.0, True): (3.032, 31.41, 4.84, 1.64),
    (1.0, False): (3.032, 43.67, 10.67, 5.14),
}


@lru_cache(maxsize=16)
def table(paths=PATHS, seed=SEED):
    return {(row.aversion, row.leans): row for row in avellaneda_stoikov_table(paths, seed)}


@pytest.mark.parametrize("key", RECOMPUTED)
def test_the_table_is_that_of_an_independent_run(key):
    """V1: each number within 4 errors, its own and that of 20,000 paths together, and the rounding of the reference."""
    row, (spread, profit, deviation, held) = table()[key], RECOMPUTED[key]
    both = (1.0 + PATHS / 20_000) ** 0.5

    assert row.spread == pytest.approx(spread, abs=0.0005)
    assert abs(row.profit - profit) < 4.0 * both * row.profit_error + 0.005
    assert abs(row.profit_deviation - deviation) < 4.0 * both * row.profit_deviation_error + 0.005
    assert abs(row.inventory_deviation - held) < 4.0 * both * row.inventory_deviation_error + 0.005
    assert abs(row.inventory) < 4.0 * row.inventory_error


@pytest.mark.parametrize("key", PUBLISHED)
def test_the_table_is_the_published_one(key):
    """V1: within 4 errors of 1,000 paths and of ours together, and the paper's rounding; its spread of 3.02 is 0.012 below the formula's."""
    row, (spread, profit, deviation, mean, held) = table()[key], PUBLISHED[key]
    both = (1.0 + PATHS / 1_000) ** 0.5

    assert row.spread == pytest.approx(spread, abs=0.015)
    assert abs(row.profit - profit) < 4.0 * both * row.profit_error + 0.05
    assert abs(row.profit_deviation - deviation) < 4.0 * both * row.profit_deviation_error + 0.05
    assert abs(row.inventory - mean) < 4.0 * both * row.inventory_error + 0.005
    assert abs(row.inventory_deviation - held) < 4.0 * both * row.inventory_deviation_error + 0.05


def test_leaning_halves_the_deviation_at_little_cost():
    """V1's direction, aversion 0.1."""
    leaned, even = table()[0.1, True], table()[0.1, False]

    assert leaned.profit_deviation < 0.55 * even.profit_deviation
    assert leaned.profit > 0.93 * even.profit
    assert leaned.inventory_deviation < 0.4 * even.inventory_deviation


def test_the_errors_are_those_of_other_seeds():
    """Squared distances of 24 seeds of 500 paths from the long run, in their own errors, are 1 in the mean, within 0.6 to 1.6.

    144 of each: chi-square, 0.6 and 1.6 lie 3.4 and 5 of its deviations off; strategies share paths, and the long run errs too.
    """
    squares = {"profit": [], "profit_deviation": [], "inventory_deviation": []}
    for seed in range(100, 124):
        for key, row in table(500, seed).items():
            for name, found in squares.items():
                away = getattr(row, name) - getattr(table()[key], name)
                found.append((away / getattr(row, f"{name}_error")) ** 2)

    for found in squares.values():
        assert 0.6 < sum(found) / len(found) < 1.6


def test_the_same_seed_gives_the_same_table():
    assert avellaneda_stoikov_table(50, 3) == avellaneda_stoikov_table(50, 3)
    assert avellaneda_stoikov_table(50, 3) != avellaneda_stoikov_table(50, 4)
    with pytest.raises(InvalidValueError, match="2 paths or more"):
        avellaneda_stoikov_table(1, 3)
