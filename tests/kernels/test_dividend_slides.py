"""Slides of options with cash dividends: every cell is the plain price at the moved inputs, from few solutions."""

import math

import numpy as np
import pytest

from flatbook.kernels import black
from flatbook.kernels.dividend_grid import ACCURATE, FAST, price_cash_dividends
from flatbook.kernels.dividend_slides import (
    evaluate_profiles,
    profile_cash_dividends,
    reprice_cash_dividends,
    vol_nodes,
)

MOVES, SHIFTS = np.linspace(-0.2, 0.2, 21), np.linspace(-0.08, 0.16, 9)
PAID = (np.array([0.06, 0.3, 0.55]), np.array([0.8, 0.8, 1.0]))


def chain():
    """American calls and puts of four expiries, vols 20 to 38 %, with European ones among them."""
    years, strike = (
        grid.ravel() for grid in np.meshgrid([0.05, 0.2, 0.5, 1.0], [80.0, 95.0, 100.0, 105.0, 120.0])
    )
    n = years.size
    sign, american = np.where(np.arange(n) % 2 == 0, 1.0, -1.0), np.where(np.arange(n) % 7 == 0, 0.0, 1.0)
    vol = 0.2 + 0.18 * np.abs(strike / 100.0 - 1.0) / 0.2
    rest = np.full(n, 0.045), np.zeros(n), sign, american
    return np.full(n, 100.0), strike, years, vol, rest, np.tile([0, 3], (n, 1))


def plain_prices(spot, strike, years, vol, rest, schedule):
    """The accurate price of each cell."""
    out = np.empty((spot.size, MOVES.size, SHIFTS.size))
    for a, move in enumerate(MOVES):
        for b, shift in enumerate(SHIFTS):
            moved = (spot * (1.0 + move), strike, years, np.maximum(vol + shift, 0.001))
            out[:, a, b] = price_cash_dividends(*moved, *rest, *PAID, schedule, *ACCURATE)[:, black.PRICE]
    return out


def errors(found, expected):
    return np.abs(found - expected) / np.maximum(expected, 1.0)


def test_cells_are_plain_prices():
    spot, strike, years, vol, rest, schedule = chain()
    expected = plain_prices(*chain())
    slide = reprice_cash_dividends(spot, strike, years, vol, *rest, *PAID, schedule, *FAST, MOVES, SHIFTS)
    finer = reprice_cash_dividends(spot, strike, years, vol, *rest, *PAID, schedule, 161, 40, MOVES, SHIFTS)

    assert errors(slide, expected).max() < 1e-3
    assert errors(finer, expected).max() < 3e-4

    wanted = np.maximum(vol[:, None] + SHIFTS, 0.001)
    vols = vol_nodes(wanted.min(axis=1), wanted.max(axis=1), 8)
    profiles = profile_cash_dividends(
        spot, strike, years, vols, *rest, *PAID, schedule, *FAST, -math.log(0.8)
    )
    cells = evaluate_profiles(profiles, vols, spot[:, None] * (1.0 + MOVES), wanted)

    assert errors(cells, expected).max() < 1.5e-3
    assert np.quantile(errors(cells, expected), 0.99) < 7e-4


def test_a_profile_at_its_own_vol_is_the_slide():
    spot, strike, years, vol, rest, schedule = chain()
    shifts = np.array([-0.05, 0.0, 0.1])
    slide = reprice_cash_dividends(
        spot, strike, years, vol, *rest, *PAID, schedule, *FAST, np.array([-0.2, 0.25]), shifts
    )
    vols = vol[:, None] + shifts
    profiles = profile_cash_dividends(
        spot, strike, years, vols, *rest, *PAID, schedule, *FAST, math.log(1.25)
    )
    cells = evaluate_profiles(profiles, vols, spot[:, None] * np.array([0.8, 1.25]), vols)

    assert pytest.approx(slide, rel=1e-9, abs=1e-9) == cells


def test_a_certain_or_expired_row_slides_too():
    one = np.ones(3)
    years, vol = np.array([0.0, 0.5, 0.5]), np.array([0.2, 0.0, 0.0])
    option = (100.0 * one, 105.0 * one, years, vol, 0.04 * one, 0.0 * one, np.array([-1.0, -1.0, 1.0]), one)
    slide = reprice_cash_dividends(
        *option, *PAID, np.zeros((3, 2), dtype=int), *FAST, np.array([-0.1, 0.1]), np.zeros(1)
    )

    growth = 105.0 * math.exp(-0.02)
    assert pytest.approx(np.array([[15.0, 0.0], [15.0, 0.0], [0.0, 110.0 - growth]])) == slide[:, :, 0]


def test_a_fall_of_everything_leaves_the_model_and_a_shift_heals_nothing():
    spot, strike, years, vol, rest, schedule = chain()
    wrong = vol.copy()
    wrong[:2] = math.nan, -0.1
    moves, shifts = np.array([-1.0, 0.0]), np.array([0.0, 0.5])
    slide = reprice_cash_dividends(spot, strike, years, wrong, *rest, *PAID, schedule, *FAST, moves, shifts)

    assert np.isnan(slide[:, 0]).all()
    assert np.isnan(slide[:2]).all()
    assert np.isfinite(slide[2:, 1]).all()


def test_profiles_answer_nothing_outside_their_vols():
    spot, strike, years, vol, rest, schedule = chain()
    vols = vol_nodes(vol * 0.8, vol * 1.5, 5)
    profiles = profile_cash_dividends(spot, strike, years, vols, *rest, *PAID, schedule, *FAST, 0.2)
    wanted = vol[:, None] * np.array([0.79, 0.8, 1.0, 1.5, 1.51, math.nan])
    cells = evaluate_profiles(profiles, vols, spot[:, None], wanted)[:, 0]

    assert np.isnan(cells[:, [0, 4, 5]]).all()
    assert np.isfinite(cells[:, 1:4]).all()


def test_a_row_slides_alone_as_in_company():
    spot, strike, years, vol, rest, schedule = chain()
    together = reprice_cash_dividends(spot, strike, years, vol, *rest, *PAID, schedule, *FAST, MOVES, SHIFTS)
    pick = slice(6, 7)
    columns = (column[pick].copy() for column in (spot, strike, years, vol, *rest))
    alone = reprice_cash_dividends(*columns, *PAID, schedule[pick].copy(), *FAST, MOVES, SHIFTS)

    assert together[pick].tobytes() == alone.tobytes()
