"""Compiled or interpreted, the European kernels in tiles say the same."""

import json
import math
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json
import numpy as np
from flatbook.kernels.european import (
    price_european, price_european_into, reprice_european, reprice_european_into,
    value_chain, value_chain_into, value_european, value_european_into,
)
from flatbook.kernels.european_vol import implied_vol_european

# out of and in the money, a small step, long dated, far in the wing, no vol, no time, outside the model
strike = np.array([95.0, 110.0, 100.1, 300.0, 250.0, 90.0, 105.0, -1.0, 100.0])
vol = np.array([0.2, 0.3, 0.02, 0.9, 0.15, 0.0, 0.2, 0.2, 0.2])
years = np.array([0.3, 0.3, 0.01, 5.0, 0.3, 0.3, 0.0, 0.3, -0.3])
sign = np.array([1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0])
n = strike.size
forward, discount, spot = np.full(n, 101.0), np.full(n, 0.99), np.full(n, 100.0)
option = (forward, strike, years, vol, discount, sign)
fixed = sign > 0
expiries = np.array([[100.0, 100.0], [101.0, 103.0], [0.3, 0.02], [0.99, 0.98], [1.0, 0.0]])
index = np.array([0, 0, 1, 1, 0, 1, 0, 7, -1], dtype=np.int32)
moves, shifts = np.array([-0.1, 0.0, 0.3]), np.array([-0.05, 0.0])
price = np.array([8.0, 12.0, 0.2, 250.0, 1e-12, 5.0, 1.0, 1.0, 5.0])

values, chain, prices, cells = np.empty((8, n)), np.empty((3, n)), np.empty(n), np.empty((n, 3, 2))
with np.errstate(all="ignore"):
    value_european_into(values, spot, *option, fixed)
    value_chain_into(chain, expiries, index, strike, vol, sign)
    price_european_into(prices, *option)
    reprice_european_into(cells, *option, moves, shifts)
    answers = {
        "value_european": value_european(spot, *option, fixed),
        "value_european_into": values,
        "value_chain": value_chain(expiries, index, strike, vol, sign),
        "value_chain_into": chain,
        "price_european": price_european(*option),
        "price_european_into": prices,
        "reprice_european": reprice_european(*option, moves, shifts),
        "reprice_european_into": cells,
    }
    implied, reason = implied_vol_european(price, forward, strike, years, discount, sign, np.full(n, 1e-14))
    answers |= {"implied_vol_european": implied, "reason": reason}
print(json.dumps({name: np.ravel(answer).astype(float).tolist() for name, answer in answers.items()}))
"""
# Options times columns or cells.
COUNTS = {
    "value_european": 9 * 11,
    "value_european_into": 9 * 8,
    "value_chain": 9 * 11,
    "value_chain_into": 9 * 3,
    "price_european": 9,
    "price_european_into": 9,
    "reprice_european": 9 * 6,
    "reprice_european_into": 9 * 6,
    "implied_vol_european": 9,
    "reason": 9,
}


def answers(disable_jit):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env=os.environ | {"NUMBA_DISABLE_JIT": disable_jit},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def plain():
    return answers("1")


@pytest.fixture(scope="module")
def compiled():
    return answers("0")


@pytest.mark.parametrize("entry", COUNTS)
def test_an_interpreted_entry_agrees_with_the_compiled_one(entry, plain, compiled):
    """Not to the bit: the compiler fuses products and sums."""
    assert COUNTS[entry] == len(compiled[entry])
    assert pytest.approx(plain[entry], rel=1e-13, abs=1e-13, nan_ok=True) == compiled[entry]


def test_most_answers_are_numbers(plain):
    """Else the comparison would show little."""
    numbers = sum(math.isfinite(answer) for entry in COUNTS for answer in plain[entry])

    assert numbers > 0.7 * sum(COUNTS.values())
    assert len(set(plain["reason"])) >= 3
