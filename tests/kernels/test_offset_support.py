"""Few legs in fractions: f as NumPy has it, a settled set against SciPy, the best set against trying all of them, and its promises."""

import json
import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize

from flatbook.kernels.offset_support import search_legs

N, WIDTH = 7, 0.5


def programme(seed, n=N, m=9):
    """A random convex programme with breaches that matter, told in USD of breach."""
    random = np.random.default_rng(seed)
    root = random.normal(size=(n, 3))
    return (
        root @ root.T,
        random.normal(size=n) * 8.0,
        random.uniform(0.1, 3.0, (2, n)),
        np.array([-random.integers(0, 9, n), random.integers(0, 9, n)]),
        random.normal(size=(n, m)) * 15.0,
        random.normal(size=m) * 40.0,
    )


def searched(of, most, among=None, tried=7, work=10_000):
    """From none, or from a set that may not be left."""
    first = np.zeros(N, dtype=np.bool_) if among is None else among
    limits = np.array([most, work, tried])
    return search_legs(np.zeros(N), first, np.zeros(N, dtype=np.bool_), *of, limits, np.array([WIDTH, 0.0]))


def plainly(x, quadratic, slope, sides, _, rows, level):
    """f in NumPy."""
    over = level + x @ rows
    smooth = np.where(over < WIDTH, np.maximum(over, 0.0) ** 2 / (2.0 * WIDTH), over - WIDTH / 2.0)
    cost = sides[0] @ np.maximum(x, 0.0) + sides[1] @ np.maximum(-x, 0.0)
    return slope @ x + 0.5 * x @ quadratic @ x + cost + smooth.sum()


def least_by_scipy(of, legs):
    """Bought and sold parts apart, so that it is smooth."""
    bounds = of[3]

    def lots(z):
        x = np.zeros(N)
        x[legs] = z[: len(legs)] - z[len(legs) :]
        return x

    def value(z):
        k, sides = len(legs), of[2]
        no_cost = (of[0], of[1], np.zeros((2, N)), *of[3:])
        return plainly(lots(z), *no_cost) + sides[0, legs] @ z[:k] + sides[1, legs] @ z[k:]

    limits = [(0.0, float(bounds[1, j])) for j in legs] + [(0.0, float(-bounds[0, j])) for j in legs]
    starts = (np.zeros(2 * len(legs)), np.array([0.5 * high for _, high in limits]))
    options = {"ftol": 1e-13, "maxiter": 2000}
    return min(minimize(value, z, bounds=limits, method="SLSQP", options=options).fun for z in starts)


@pytest.mark.parametrize("seed", range(10))
def test_a_settled_set_is_at_its_least(seed):
    """Against SLSQP, over every set of three legs; the value told is that of the lots."""
    of = programme(seed)
    for legs in combinations(range(N), 3):
        among = np.zeros(N, dtype=np.bool_)
        among[list(legs)] = True
        lots, value, _ = searched(of, 3, among, work=0)
        least = least_by_scipy(of, list(legs))

        assert not lots[~among].any()
        assert value == pytest.approx(plainly(lots, *of), rel=1e-9, abs=1e-9)
        assert value <= least + 2e-4 * (1.0 + abs(least)), legs


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_few_legs_are_nearly_always_the_best_ones(most):
    """Against settling every set; legs and bounds are kept."""
    same = 0
    for seed in range(20):
        of = programme(seed)
        least = np.inf
        for legs in combinations(range(N), most):
            among = np.zeros(N, dtype=np.bool_)
            among[list(legs)] = True
            least = min(least, searched(of, most, among, work=0)[1])
        lots, value, _ = searched(of, most)

        assert np.count_nonzero(lots) <= most
        assert (lots >= of[3][0]).all()
        assert (lots <= of[3][1]).all()
        assert value >= least - 1e-3 * (1.0 + abs(least)), seed
        same += value <= least + 1e-3 * (1.0 + abs(least))
    print("the best set", most, same)  # noqa: T201

    assert same >= 18


def test_too_many_legs_shrink_to_few():
    """From all, without swaps: what is left is not far from the best of that many legs, and never worse than doing nothing."""
    for seed in range(20):
        of = programme(seed)
        lots, value, _ = searched(of, 2, np.ones(N, dtype=np.bool_), work=0)

        assert np.count_nonzero(lots) <= 2
        assert value <= plainly(np.zeros(N), *of) + 1e-9


def test_barred_legs_come_by_swaps_alone():
    """With as many legs as may be used allowed and one barred, it is used only in place of another."""
    of = programme(4)
    for j in range(N):
        barred = np.zeros(N, dtype=np.bool_)
        barred[j] = True
        none = np.zeros(N, dtype=np.bool_)
        scales = np.array([WIDTH, 0.0])
        lots, _, _ = search_legs(np.zeros(N), none, barred, *of, np.array([3, 0, 7]), scales)

        assert lots[j] == 0.0


def test_a_row_that_is_not_known_ends_the_search():
    """NaN in: no lots, and no endless loop."""
    *of, level = programme(3)
    level[0] = np.nan
    lots, value, _ = searched((*of, level), 3)

    assert not lots.any()
    assert np.isnan(value)


SCRIPT = """
import json
from tests.kernels.test_offset_support import programme, searched
print(json.dumps([searched(programme(seed), 3)[0].round(6).tolist() for seed in range(3)]))
"""


def test_interpreted_the_search_says_the_same():
    """To a millionth of a lot."""
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

    assert np.array(json.loads(told[0])) == pytest.approx(np.array(json.loads(told[1])), abs=2e-6)
