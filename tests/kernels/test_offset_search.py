"""The search for whole lots: f as NumPy has it, moves along one leg against trying all, and where no pair helps."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from flatbook.kernels.offset_search import best_alone, search_lots, value_of


def programme(seed, n=6, m=9):
    """A random convex programme with prices that matter."""
    random = np.random.default_rng(seed)
    root = random.normal(size=(n, 3))
    return (
        root @ root.T,
        random.normal(size=n) * 8.0,
        random.uniform(0.1, 3.0, (2, n)),
        np.array([-random.integers(0, 9, n), random.integers(0, 9, n)]),
        random.normal(size=(n, m)),
        np.array([random.normal(size=m) * 4.0, random.uniform(1.0, 30.0, m), np.zeros(m)]),
    )


def plainly(x, quadratic, slope, sides, bounds, rows, terms):
    """f in NumPy."""
    return (
        slope @ x
        + 0.5 * x @ quadratic @ x
        + sides[0] @ np.maximum(x, 0)
        + sides[1] @ np.maximum(-x, 0)
        + terms[1] @ np.maximum(terms[0] + x @ rows, 0.0)
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_value_is_that_of_numpy(seed):
    """At the answer, and at any lots."""
    of = programme(seed)
    quadratic, slope, sides, _, rows, terms = of
    x = np.random.default_rng(seed + 100).integers(-5, 6, slope.size)

    assert value_of(x, quadratic, slope, sides, rows, terms) == pytest.approx(plainly(x, *of))
    lots, value, looks = search_lots(np.zeros(6, dtype=np.int64), *of, np.array([6, 10_000, 3]))
    assert value == pytest.approx(plainly(lots, *of))
    assert looks > 0


@pytest.mark.parametrize("seed", range(12))
def test_each_leg_alone_is_at_its_best(seed):
    """Against every lot it may have."""
    of = programme(seed)
    bounds, found = of[3], best_alone(*of)
    for j in range(6):
        tried = {
            lots: plainly(np.eye(6, dtype=np.int64)[j] * lots, *of)
            for lots in range(int(bounds[0, j]), int(bounds[1, j]) + 1)
        }

        assert tried[int(found[j])] == pytest.approx(min(tried.values()), abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_a_long_leg_alone_is_at_its_best(seed):
    """Hundreds of lots: the doubling and the closing in, against all of them."""
    quadratic, slope, sides, _, rows, terms = programme(seed)
    bounds = np.array([np.full(6, -700), np.full(6, 500 + 13 * seed)])
    of = (quadratic * 0.01, slope * 3.0, sides, bounds, rows * 0.02, terms)
    for j, lots in enumerate(best_alone(*of).tolist()):
        leg = np.eye(6, dtype=np.int64)[j]
        least = min(plainly(leg * each, *of) for each in range(-700, int(bounds[1, j]) + 1))

        assert plainly(leg * lots, *of) == pytest.approx(least, abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("legs_max", [2, 6])
def test_where_the_search_ends_no_pair_of_moves_helps(seed, legs_max):
    """Of one, two or four lots, or all of a leg, and any lots of another; bounds and legs are kept."""
    of = programme(seed)
    bounds = of[3]
    lots, value, _ = search_lots(np.zeros(6, dtype=np.int64), *of, np.array([legs_max, 100_000, 3]))

    assert (lots >= bounds[0]).all()
    assert (lots <= bounds[1]).all()
    assert np.count_nonzero(lots) <= legs_max
    for i in range(6):
        for first in (0, 1, -1, 2, -2, 4, -4, -lots[i]):
            for j in range(6):
                for second in range(int(bounds[0, j]), int(bounds[1, j]) + 1):
                    x = lots.copy()
                    x[i] += first
                    x[j] = second if i != j else x[j]
                    allowed = (x >= bounds[0]).all() and (x <= bounds[1]).all()
                    if allowed and np.count_nonzero(x) <= legs_max:
                        assert plainly(x, *of) >= value - 1e-6 * (1.0 + abs(value)), (i, first, j, second)


def test_shadow_prices_change_the_work_and_not_the_promise():
    """A bound from any shadow prices between nothing and the price prunes only what cannot help."""
    for seed in range(8):
        *of, terms = programme(seed)
        start, limits = np.zeros(6, dtype=np.int64), np.array([6, 100_000, 3])
        _, plain, _ = search_lots(start, *of, terms, limits)
        shaded = terms.copy()
        shaded[2] = 0.5 * terms[1]
        _, pruned, _ = search_lots(start, *of, shaded, limits)

        assert pruned == pytest.approx(plain, rel=0.1)


def test_a_row_that_is_not_known_makes_nothing_worth_doing():
    """NaN is no improvement."""
    *of, terms = programme(3)
    terms[0, 0] = np.nan
    lots, value, _ = search_lots(np.zeros(6, dtype=np.int64), *of, terms, np.array([6, 1000, 3]))

    assert not lots.any()
    assert np.isnan(value) or value >= 0.0


def test_the_work_is_bounded():
    """At most a sweep of one leg beyond the looks allowed."""
    *_, looks = search_lots(np.zeros(6, dtype=np.int64), *programme(1), np.array([6, 50, 3]))

    assert looks < 50 + 6 * 60


SCRIPT = """
import json
import numpy as np
from tests.kernels.test_offset_search import programme
from flatbook.kernels.offset_search import search_lots
out = [search_lots(np.zeros(6, dtype=np.int64), *programme(seed), np.array([6, 10000, 3]))[0].tolist() for seed in range(3)]
print(json.dumps(out))
"""


def test_interpreted_the_search_says_the_same():
    """To the lot."""
    told = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"NUMBA_DISABLE_JIT": plain, "PYTHONPATH": os.getcwd()},  # noqa: PTH109
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        for plain in ("1", "0")
    ]

    assert json.loads(told[0]) == json.loads(told[1])
