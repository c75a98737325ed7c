"""Slides of options with cash dividends whose volatility follows spot: few solutions, and their error against a solution a cell."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.exposure.slides import MOVES, SHIFTS_POINTS
from flatbook.kernels.dividend_grid import price_cash_dividends
from flatbook.valuation import chain_dividends
from flatbook.valuation.chain import prepare
from flatbook.valuation.chain_class import OptionClass, shifted_vols
from flatbook.valuation.chain_dividends import FOLLOWING_ERROR, GridPart

_SHIFTS = SHIFTS_POINTS / 100.0
_TOLERANCE = 1e-3
_YEARS = np.array([10.0, 45.0, 120.0, 365.0]) / 365.0


def _class(atm_vol):
    """American puts and calls of four expiries on a share at 100 that pays 0.6 a quarter, vols with a skew."""
    expiry, strike, sign = (
        grid.ravel()
        for grid in np.meshgrid(np.arange(4), [80.0, 95.0, 100.0, 105.0, 120.0], [1.0, -1.0], indexing="ij")
    )
    m, n = _YEARS.size, strike.size
    vol = atm_vol * (1.0 - 0.25 * np.clip(np.log(strike / 100.0) / np.sqrt(_YEARS[expiry]), -1.0, 1.0))
    return OptionClass(
        spot=np.full(m, 100.0), standing=np.full(m, 100.0), forward=100.0 * np.exp(0.04 * _YEARS), years=_YEARS,
        discount=np.exp(-0.04 * _YEARS), rate=np.full(m, 0.04), dividend_yield=np.zeros(m),
        forward_fixed=np.zeros(m, dtype=np.bool_), dividend_rows=np.tile([0, 4], (m, 1)),
        dividend_years=np.array([5.0, 96.0, 187.0, 278.0]) / 365.0, dividend_amounts=np.full(4, 0.6),
        expiry_index=expiry, strike=strike, sign=sign, american=np.ones(n, dtype=np.bool_), vol=vol,
        spot_model=np.ones(n, dtype=np.bool_),
    )  # fmt: skip


def _following(atm_vol, skew):
    """The grid of the class, and the vols of its cells: a skew per unit of log spot, fading with the root of time."""
    (part,) = prepare(_class(atm_vol), tolerance=_TOLERANCE, uses=1.0).parts
    assert isinstance(part, GridPart)
    slope = skew * atm_vol / np.sqrt(np.maximum(part.rows.years, 0.1))
    at_move = np.maximum(part.rows.vol[:, None] + slope[:, None] * np.log1p(MOVES), 0.001)
    vols = shifted_vols(at_move.reshape(-1), _SHIFTS).reshape(-1, MOVES.size, _SHIFTS.size)
    return part, vols


def _errors(part, found, vols, size):
    """Of every cell against a solution of its own, relative to max(price, 1 % of spot)."""
    rows, cells = part.rows, vols[0].size
    each = np.repeat(np.arange(rows.size), cells)
    spots = np.repeat((rows.stands[:, None] * (1.0 + MOVES)).reshape(-1), _SHIFTS.size)
    terms = rows.piece(each).terms
    raw = price_cash_dividends(spots, rows.strike[each], rows.years[each], vols.reshape(-1), *terms, *size)
    expected = raw[:, 0].reshape(vols.shape)
    scale = np.maximum(expected, 0.01 * spots.reshape(vols.shape))
    return np.abs(found - expected) / scale


@pytest.mark.parametrize(
    ("atm_vol", "skew"), [(0.12, -0.4), (0.2, -0.5), (0.2, 0.5), (0.35, -0.6), (0.8, -0.3)]
)
def test_cells_between_vols_are_within_the_bound_of_the_price_solved_for_them(atm_vol, skew):
    """Against finer grids of each cell's own: the error of the grid and that of reading between vols, together.

    From vols at the floor of 0.1 % up: -10 points of 12 % leave nothing.
    """
    part, vols = _following(atm_vol, skew)
    found = part.reprice_following(MOVES, vols)
    error = _errors(part, found, vols, (321, 107))
    print(f"{atm_vol} {skew}: largest {error.max():.1e}, vols {vols.min():.3f} to {vols.max():.3f}")  # noqa: T201

    assert error.max() <= part.setting.error + FOLLOWING_ERROR
    assert np.quantile(error, 0.99) <= part.setting.error


@pytest.mark.parametrize("atm_vol", [0.15, 0.2, 0.35])
def test_reading_between_vols_adds_no_more_than_its_bound(atm_vol):
    """Against the same grids solved at every vol that is asked: what is left is the polynomial's error alone."""
    part, vols = _following(atm_vol, -0.5)
    found = part.reprice_following(MOVES, vols)
    flat = vols.reshape(part.rows.size, -1)
    solved = chain_dividends._solve_vols(part.rows, part.setting.size, MOVES, flat)
    own = np.einsum("kmmv->kmv", solved.reshape(-1, MOVES.size, MOVES.size, _SHIFTS.size))
    scale = np.maximum(own, (1.0 + MOVES)[:, None])

    assert (np.abs(found - own) / scale).max() <= FOLLOWING_ERROR


@pytest.mark.parametrize(("atm_vol", "times"), [(0.2, 2.5), (0.35, 2.0), (0.8, 1.5)])
def test_vols_that_follow_spot_cost_little_more_than_vols_that_stay(monkeypatch, atm_vol, times):
    """Solutions counted, where vols that stay cost nine for the nine shifts, and 189 would solve each cell."""
    part, vols = _following(atm_vol, -0.5)
    counted, solve = [], chain_dividends._solve_vols

    def counting(rows, size, moves, asked):
        counted.append(asked.size)
        return solve(rows, size, moves, asked)

    monkeypatch.setattr(chain_dividends, "_solve_vols", counting)
    part.reprice_following(MOVES, vols)

    assert sum(counted) <= times * part.rows.size * _SHIFTS.size


def test_where_all_follow_alike_the_slide_is_that_of_the_shifts():
    """Vols that do not move with spot: the same cells as the plain slide, within both errors."""
    part, _ = _following(0.25, 0.0)
    still = shifted_vols(part.rows.vol, _SHIFTS)
    vols = np.repeat(still[:, None, :], MOVES.size, axis=1)
    plain = np.empty(vols.shape)
    part.reprice(slice(0, part.rows.size), MOVES, _SHIFTS, plain)
    scale = np.maximum(plain, (1.0 + MOVES)[:, None])

    assert (np.abs(part.reprice_following(MOVES, vols) - plain) / scale).max() <= FOLLOWING_ERROR


def test_a_series_without_a_vol_has_no_price_and_spoils_no_other():
    part, vols = _following(0.2, -0.5)
    whole = part.reprice_following(MOVES, vols)
    holed = vols.copy()
    holed[3], holed[5, 2, 1] = np.nan, np.nan
    found = part.reprice_following(MOVES, holed)
    others = np.setdiff1d(np.arange(part.rows.size), [3, 5])

    assert np.isnan(found[3]).all()
    assert np.isnan(found[5]).all()
    assert found[others].tobytes() == whole[others].tobytes()


def test_few_cells_are_solved_each():
    """Up to 18 a series: exactly the price of each cell's own grid."""
    part, vols = _following(0.2, -0.5)
    some = replace(part, rows=part.rows.piece(np.arange(4)))
    few = np.ascontiguousarray(vols[:4, :2, 4:5])
    rows = some.rows
    spots = (rows.stands[:, None] * (1.0 + MOVES[:2])).reshape(-1)
    each = np.repeat(np.arange(4), 2)
    raw = price_cash_dividends(
        spots,
        rows.strike[each],
        rows.years[each],
        few.reshape(-1),
        *rows.piece(each).terms,
        *part.setting.size,
    )

    assert np.array_equal(some.reprice_following(MOVES[:2], few).reshape(-1), raw[:, 0])
