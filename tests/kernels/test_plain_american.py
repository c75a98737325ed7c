"""American, dividend and lattice kernels say the same compiled and interpreted, and as their naive twins."""

import json
import os
import subprocess
import sys

import pytest
from tests.naive import andersen_lake as naive_boundary
from tests.naive import dividend_grid as naive_dividends

SCRIPT = """
import json
import numpy as np
from flatbook.kernels import american_greeks, american_vol, andersen_lake as al
from flatbook.kernels.certain_path import certain_value
from flatbook.kernels.dividend_grid import price_cash_dividends
from flatbook.kernels.exercise_rule import make_rule
from flatbook.kernels.tree import price_american

options = np.array(
    [[100.0, 100.0], [105.0, 95.0], [0.8, 1.0], [0.3, 0.25], [0.04, 0.02], [0.01, 0.05], [-1.0, 1.0]]
)
rule = make_rule(5, 4, 6, 12, 2)
small = al.Preset(rule, rule)
price, greeks = np.empty((4, 2)), np.empty((10, 2))
standing, reason = np.empty(2, dtype=np.int8), np.empty(2, dtype=np.int8)
vol, doubt = np.empty(2), np.empty(2)
none, schedule = np.empty(0), np.array([[0, 1], [1, 2]])
paid = np.array([0.3, 0.5]), np.array([2.0, 1.0])
with np.errstate(all="ignore"):
    al.value_american(options, small, price, standing)
    american_greeks.value_american_greeks(options, small, greeks, standing)
    american_vol.implied_vol_american(options, price[0], np.full(2, 1e-6), 1e-5, small, vol, doubt, reason)
    american = np.ones(2)
    grid = price_cash_dividends(*options, american, *paid, schedule, 31, 8)
    lattice = price_american(*options, 21, none, none)
    certain = certain_value((100.0, 110.0, 1.0, 0.05, 0.01, -1.0, True), np.array([0.4]), np.array([3.0]), 2)
parts = [price, greeks, vol, doubt, grid, lattice, certain, standing, reason]
print(json.dumps([float(x) for part in parts for x in np.ravel(part)]))
"""

PRICES, GRID, LATTICE = slice(0, 2), 32, slice(40, 42)


def answers(disable_jit):
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"NUMBA_DISABLE_JIT": disable_jit},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def interpreted():
    return answers("1")


def test_interpreted_kernels_agree_with_compiled_ones(interpreted):
    compiled = answers("0")

    assert len(compiled) == 49
    assert pytest.approx(interpreted, rel=1e-7, abs=1e-8) == compiled


def test_interpreted_kernels_are_their_naive_twins(interpreted):
    """A rule of five nodes errs by some 1e-3, a grid of 31 nodes by 2e-2, a lattice of 21 steps by 1e-2."""
    put, call = (100.0, 105.0, 0.8, 0.3, 0.04, 0.01, -1.0), (100.0, 95.0, 1.0, 0.25, 0.02, 0.05, 1.0)
    twins = [naive_boundary.price(*put), naive_boundary.price(*call)]
    dividend = naive_dividends.price_tree(*put, True, [(375, 2.0)], 1000)

    assert pytest.approx(twins, abs=2e-3) == interpreted[PRICES]
    assert pytest.approx(twins, abs=2e-2) == interpreted[LATTICE]
    assert pytest.approx(dividend, abs=3e-2) == interpreted[GRID]
