"""A scenario cell is the plain price at the moved inputs, and the quiet cell is the plain price to the bit."""

import numpy as np
from tests.kernels.columns import NONE, columns

from flatbook.kernels.scenarios import reprice_american
from flatbook.kernels.tree import price_american

QUIET = np.zeros(1)
MOVES = np.array([-0.2, -0.03, 0.0, 0.07])
SHIFTS = np.array([-0.5, -0.05, 0.0, 0.1])
AMERICAN = columns(100.0, [80.0, 100.0, 120.0], 0.5, [0.3, 0.2, 0.0005], 0.04, 0.01, [1.0, -1.0, -1.0])
DIVIDENDS = (np.array([0.2]), np.array([1.5]))


def test_the_quiet_cell_is_the_price_to_the_bit():
    american = reprice_american(*AMERICAN, 51, *DIVIDENDS, MOVES, SHIFTS)[:, 2, 2]

    assert price_american(*AMERICAN, 51, *DIVIDENDS).tobytes() == american.tobytes()
    assert reprice_american(*AMERICAN, 51, *DIVIDENDS, QUIET, QUIET).tobytes() == american.tobytes()


def test_an_american_cell_moves_the_spot_and_leaves_the_dividends():
    cells = reprice_american(*AMERICAN, 51, *DIVIDENDS, MOVES, SHIFTS)
    spot, strike, years, vol, *rest = AMERICAN

    for j, move in enumerate(MOVES):
        for k, shift in enumerate(SHIFTS):
            shifted = np.maximum(vol + shift, np.minimum(vol, 0.001))
            expected = price_american(spot * (1 + move), strike, years, shifted, *rest, 51, *DIVIDENDS)
            assert expected.tobytes() == np.ascontiguousarray(cells[:, j, k]).tobytes()


def test_a_fall_of_everything_leaves_the_model():
    assert np.isnan(reprice_american(*AMERICAN, 51, NONE, NONE, np.array([-1.0]), QUIET)).all()
