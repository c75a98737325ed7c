"""Full revaluation on trees: each option on a grid of moves and vol shifts; never an expansion in greeks.

Sources: those of `tree`. The cell of no move and no shift has the bits of the plain price.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatbook.kernels.lattice import SCRATCH_ROWS, STEPS_MIN
from flatbook.kernels.tree import price_one as price_tree

Floats = NDArray[np.float64]

_VOL_FLOOR = 0.001  # a shift takes a vol no lower, so that a large one stays inside the model


@njit(cache=True, error_model="numpy")
def reprice_american(
    spot: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    rate: Floats,
    dividend_yield: Floats,
    sign: Floats,
    steps: int,
    dividend_years: Floats,
    dividend_amounts: Floats,
    moves: Floats,
    shifts: Floats,
) -> Floats:
    """Price each option at every spot * (1 + move) and vol + shift; cash dividends stay as announced.

    Parameters are those of `tree.price_american`; moves, shifts and the result those of `reprice_european`.
    """
    out = np.empty((strike.size, moves.size, shifts.size))
    scratch = np.empty((SCRATCH_ROWS, max(steps, STEPS_MIN) + 4))
    for i in range(strike.size):
        for j in range(moves.size):
            moved = spot[i] * (1.0 + moves[j])
            for k in range(shifts.size):
                shifted = _shifted(vol[i], shifts[k])
                option = (moved, strike[i], years[i], shifted, rate[i], dividend_yield[i], sign[i])
                out[i, j, k] = price_tree(option, steps, dividend_years, dividend_amounts, scratch)
    return out


@njit(cache=True, error_model="numpy")
def _shifted(vol: float, shift: float) -> float:
    if not vol >= 0.0:
        return vol  # outside the model before the shift, so after it
    floor = min(vol, _VOL_FLOOR)
    moved = vol + shift
    if moved < floor:
        return floor
    return moved  # a NaN shift too
