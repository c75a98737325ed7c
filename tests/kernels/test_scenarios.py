"""A scenario cell is the plain price at the moved inputs, and the quiet cell is the plain price to the bit."""

import math

import numpy as np
import pytest
from tests.kernels.columns import NONE, columns
from tests.naive import black as naive

from flatbook.kernels.black import price_european
from flatbook.kernels.scenarios import reprice_american, reprice_european
from flatbook.kernels.tree import price_american

QUIET = np.zeros(1)
MOVES = np.array([-0.2, -0.03, 0.0, 0.07])
SHIFTS = np.array([-0.5, -0.05, 0.0, 0.1])
EUROPEAN = columns(100.0, [80.0, 100.0, 120.0], 0.5, [0.3, 0.2, 0.0], 0.98, [1.0, -1.0, 1.0])
AMERICAN = columns(100.0, [80.0, 100.0, 120.0], 0.5, [0.3, 0.2, 0.0005], 0.04, 0.01, [1.0, -1.0, -1.0])
DIVIDENDS = (np.array([0.2]), np.array([1.5]))


def test_the_quiet_cell_is_the_price_to_the_bit():
    european = reprice_european(*EUROPEAN, MOVES, SHIFTS)[:, 2, 2]
    american = reprice_american(*AMERICAN, 51, *DIVIDENDS, MOVES, SHIFTS)[:, 2, 2]

    assert price_european(*EUROPEAN).tobytes() == european.tobytes()
    assert reprice_european(*EUROPEAN, QUIET, QUIET).tobytes() == european.tobytes()
    assert price_american(*AMERICAN, 51, *DIVIDENDS).tobytes() == american.tobytes()
    assert reprice_american(*AMERICAN, 51, *DIVIDENDS, QUIET, QUIET).tobytes() == american.tobytes()


def test_a_cell_is_the_price_at_the_moved_forward_and_shifted_vol():
    cells = reprice_european(*EUROPEAN, MOVES, SHIFTS)

    for i, (forward, strike, years, vol, discount, sign) in enumerate(zip(*EUROPEAN, strict=True)):
        for j, move in enumerate(MOVES):
            for k, shift in enumerate(SHIFTS):
                shifted = max(vol + shift, min(vol, 0.001))
                expected = naive.price(forward * (1 + move), strike, years, shifted, discount, sign)
                assert pytest.approx(expected, abs=1e-11) == cells[i, j, k]


def test_an_american_cell_moves_the_spot_and_leaves_the_dividends():
    cells = reprice_american(*AMERICAN, 51, *DIVIDENDS, MOVES, SHIFTS)
    spot, strike, years, vol, *rest = AMERICAN

    for j, move in enumerate(MOVES):
        for k, shift in enumerate(SHIFTS):
            shifted = np.maximum(vol + shift, np.minimum(vol, 0.001))
            expected = price_american(spot * (1 + move), strike, years, shifted, *rest, 51, *DIVIDENDS)
            assert expected.tobytes() == np.ascontiguousarray(cells[:, j, k]).tobytes()


def test_a_fall_of_everything_leaves_the_model():
    assert np.isnan(reprice_european(*EUROPEAN, np.array([-1.0]), QUIET)).all()
    assert np.isnan(reprice_american(*AMERICAN, 51, NONE, NONE, np.array([-1.0]), QUIET)).all()


@pytest.mark.parametrize("vol", [-0.1, math.nan])
def test_a_shift_does_not_heal_a_vol_outside_the_model(vol):
    assert np.isnan(
        reprice_european(*columns(100.0, 100.0, 0.5, vol, 1.0, 1.0), QUIET, np.array([0.5]))
    ).all()


def test_a_nan_move_or_shift_spoils_its_cells_only():
    cells = reprice_european(*EUROPEAN, np.array([0.0, math.nan]), np.array([0.0, math.nan]))

    assert np.isnan(cells[:, 0, 0]).sum() == 0
    assert np.isnan(cells[:, 1, :]).all()
    assert np.isnan(cells[:, :, 1]).all()
