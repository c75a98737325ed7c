"""Compiled or interpreted, the kernels say the same."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json
import numpy as np
from flatbook.kernels.black import value_european
from flatbook.kernels.implied_vol import implied_vol_american, implied_vol_european
from flatbook.kernels.scenarios import reprice_american
from flatbook.kernels.tree import value_american

two = np.ones(2)
strike, sign = np.array([95.0, 110.0]), np.array([1.0, -1.0])
paid, amount = np.array([0.1]), np.array([1.0])
option = (100.0 * two, strike, 0.3 * two)
rest = (0.03 * two, 0.01 * two, sign)
answers = [
    value_european(100.0 * two, 101.0 * two, strike, 0.3 * two, 0.2 * two, 0.99 * two, sign, sign > 0),
    value_american(*option, 0.2 * two, *rest, 11, paid, amount),
    reprice_american(*option, 0.2 * two, *rest, 5, paid, amount, np.array([-0.1, 0.0]), np.zeros(1)),
    *implied_vol_european(np.array([8.0, 12.0]), 101.0 * two, strike, 0.3 * two, 0.99 * two, sign, 0.01 * two),
    *implied_vol_american(np.array([8.0, 12.0]), *option, *rest, 0.01 * two, 11, paid, amount),
]
print(json.dumps([float(x) for answer in answers for x in np.ravel(answer)]))
"""


def answers(disable_jit):
    environment = os.environ | {"NUMBA_DISABLE_JIT": disable_jit}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(run.stdout)


def test_interpreted_kernels_agree_with_compiled_ones():
    plain, compiled = answers("1"), answers("0")

    assert len(compiled) > 50
    assert pytest.approx(plain, rel=1e-9, abs=1e-9) == compiled
