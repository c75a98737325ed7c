"""Slides of options with cash dividends: every cell is the plain price at the moved inputs, from few solutions."""

import math

import numpy as np
import pytest

from flatbook.kernels import black
from flatbook.kernels.dividend_grid import ACCURATE, FAST, price_cash_dividends
from flatbook.kernels.dividend_slides import (
    error_between_vols,
    evaluate_profiles,
    profile_cash_dividends,
    read_between_vols,
    reprice_cash_dividends,
    root_vol_nodes,
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


def test_between_vols_stands_a_polynomial_of_their_root():
    """Degree 8 in the root of the vol is met by 9 nodes, numpy's Chebyshev polynomials being the reference; outside, NaN."""
    random = np.random.default_rng(5)
    low, high = np.array([0.0, 0.001, 0.2]), np.array([0.3, 0.4, 0.2])
    vols = root_vol_nodes(low, high, 9)
    coefficients = random.standard_normal((9, 3, 2))

    def worth(at, row, spot):
        return np.polynomial.chebyshev.chebval(np.sqrt(at), coefficients[:, row, spot])

    prices = np.array([[worth(vols[i], i, a) for a in range(2)] for i in range(3)]).transpose(0, 2, 1)
    share = random.uniform(0.0, 1.0, (3, 2, 4))
    wanted = vols[:, 0, None, None] + share * (vols[:, -1] - vols[:, 0])[:, None, None]
    wanted[:, :, 0] = vols[:, :2]  # at nodes
    found = read_between_vols(prices.copy(), vols, wanted)
    expected = np.array([[worth(wanted[i, a], i, a) for a in range(2)] for i in range(3)])
    beyond = read_between_vols(prices.copy(), vols, np.array([[[-0.1, 0.5, math.nan]] * 2] * 3))

    assert found == pytest.approx(expected, abs=1e-8)
    assert np.isnan(beyond).all()


def test_the_error_between_vols_is_that_of_the_last_coefficients():
    """Chebyshev polynomials of known coefficients, on nodes of their own; more nodes keep those there were."""
    random = np.random.default_rng(6)
    angle = math.pi * np.arange(9) / 8
    coefficients = random.standard_normal((2, 3, 9))
    prices = np.polynomial.chebyshev.chebval(-np.cos(angle), coefficients.transpose(2, 0, 1)).transpose(
        0, 2, 1
    )
    low, high = np.array([0.05, 0.1]), np.array([0.4, 0.9])

    assert error_between_vols(prices.copy()) == pytest.approx(np.abs(coefficients[:, :, -3:]).sum(axis=2))
    assert root_vol_nodes(low, high, 17)[:, ::2] == pytest.approx(root_vol_nodes(low, high, 9), rel=1e-12)
