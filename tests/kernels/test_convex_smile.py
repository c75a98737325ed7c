"""Splines on SVI: evaluation against SciPy, and fits of shapes that SVI cannot take, without arbitrage."""

import math

import numpy as np
import pytest
from scipy.interpolate import BSpline
from tests.naive import svi as naive

from flatbook.kernels import arbitrage, smile_row
from flatbook.kernels.convex_smile import fit_correction

RAW = np.array([0.02, 0.05, -0.3, 0.02, 0.2])
LEVEL = 0.0309


def row_with(coefficients, first=-2.5, last=2.5, intervals=20):
    """A row with these inner coefficients."""
    row = np.zeros(smile_row.ROW)
    row[:5], row[smile_row.DEVIATION] = RAW, math.sqrt(LEVEL)
    row[smile_row.KNOT], row[smile_row.STEP] = first, (last - first) / intervals
    row[smile_row.INTERVALS] = intervals
    start = smile_row.COEFFICIENTS + 3
    row[start : start + intervals - 3] = coefficients
    return row


def test_values_are_those_of_scipys_spline():
    """In u = asinh(z), with three zeros at either end."""
    random = np.random.default_rng(3)
    row = row_with(random.normal(0.0, 0.1, 17))
    step = row[smile_row.STEP]
    padded = np.concatenate((np.zeros(3), row[smile_row.COEFFICIENTS + 3 :][:17], np.zeros(3)))
    knots = -2.5 + step * np.arange(-3, 24)
    spline = BSpline(knots, padded, 3)
    k = np.linspace(-0.9, 0.9, 101)
    expected = naive.raw_svi(RAW, k) + LEVEL * spline(np.arcsinh(k / math.sqrt(LEVEL)))

    assert [smile_row.smile_at(row, x)[0] for x in k] == pytest.approx(expected, rel=1e-12)


def test_slopes_are_differences_of_values_and_the_ends_are_smooth():
    """Central differences of values and of slopes, also across knots and both ends."""
    row = row_with(np.random.default_rng(4).normal(0.0, 0.1, 17))
    ends = math.sqrt(LEVEL) * math.sinh(2.5)
    for k in (*np.linspace(-0.5, 0.5, 23), -ends, ends, 2 * ends):
        step = (
            1e-7  # at a knot the third derivative jumps: the difference is off by the step times half of that
        )
        _, slope, bend = smile_row.smile_at(row, k)
        before, after = smile_row.smile_at(row, k - step), smile_row.smile_at(row, k + step)
        assert slope == pytest.approx((after[0] - before[0]) / (2 * step), abs=1e-7)
        assert bend == pytest.approx((after[1] - before[1]) / (2 * step), abs=2e-5)


def bands_of(z, y, half):
    """Bands of scaled variance around y."""
    return np.stack((z, y - half, y, y + half, np.full(z.size, half**-2.0)))


@pytest.mark.parametrize("depth", [0.02, 0.05, 0.08])
def test_a_w_shape_before_an_event_is_met_without_arbitrage(depth):
    """Two modes: total variance dips on either side of the money; SVI has one minimum."""
    row = row_with(np.zeros(17))
    z = np.linspace(-3.0, 3.0, 61)
    base = naive.raw_svi(RAW, z * math.sqrt(LEVEL)) / LEVEL
    y = base + depth * np.cos(2.2 * z) * np.exp(-0.25 * z * z)
    grid = np.sinh(np.linspace(-2.5, 2.5, 161))
    share = fit_correction(
        row,
        bands_of(z, y, 0.01),
        61,
        grid,
        np.zeros(161),
        np.zeros(smile_row.ROW),
        (1.5, 1.5, 1.5),
        0.97,
    )

    assert share >= 0.97
    assert arbitrage.least_butterfly(row, -1.5, 1.5) >= 0.0


def test_quotes_that_hold_arbitrage_are_not_followed():
    """A spike of total variance that no density has: the smile stays safe and misses it."""
    row = row_with(np.zeros(17))
    z = np.linspace(-3.0, 3.0, 61)
    y = naive.raw_svi(RAW, z * math.sqrt(LEVEL)) / LEVEL
    y[28:33] *= np.array([1.2, 1.6, 2.0, 1.6, 1.2])
    grid = np.sinh(np.linspace(-2.5, 2.5, 161))
    share = fit_correction(
        row,
        bands_of(z, y, 0.01),
        61,
        grid,
        np.zeros(161),
        np.zeros(smile_row.ROW),
        (1.5, 1.5, 1.5),
        0.97,
    )

    assert 0.0 <= share < 0.97
    assert arbitrage.least_butterfly(row, -1.5, 1.5) >= 0.0


def test_a_smile_stays_above_the_floor_it_is_given():
    """Quotes lie below the smile of the expiry before: the fit does not."""
    row, floor = row_with(np.zeros(17)), row_with(np.zeros(17))
    floor[0] -= 1e-3
    z = np.linspace(-3.0, 3.0, 61)
    grid = np.sinh(np.linspace(-2.5, 2.5, 161))
    under = np.array([smile_row.smile_at(floor, x * math.sqrt(LEVEL))[0] / LEVEL for x in grid])
    y = 0.9 * naive.raw_svi(RAW, z * math.sqrt(LEVEL)) / LEVEL
    share = fit_correction(row, bands_of(z, y, 0.02), 61, grid, under, floor, (1.5, 1.5, 1.5), 0.97)

    assert share >= 0.0
    assert arbitrage.least_calendar_gap(floor, row, -1.5, 1.5) >= 0.0
    middle = smile_row.smile_at(row, 0.0)[0] / smile_row.smile_at(floor, 0.0)[0]
    assert middle == pytest.approx(1.0, abs=0.01)


def test_bands_that_a_smile_can_meet_are_met_and_the_smoothest_is_taken():
    """Quotes at random places in wide bands around a smile: all are met, and no noise of theirs is in the density."""
    random = np.random.default_rng(11)
    z = np.linspace(-3.0, 3.0, 61)
    exact = naive.raw_svi(RAW, z * math.sqrt(LEVEL)) / LEVEL
    bands = bands_of(z, exact + random.uniform(-0.02, 0.02, z.size), 0.02)
    row = row_with(np.zeros(17))
    grid = np.sinh(np.linspace(-2.5, 2.5, 161))
    share = fit_correction(
        row, bands, 61, grid, np.zeros(161), np.zeros(smile_row.ROW), (1.5, 1.5, 1.5), 0.97
    )

    assert share >= 0.97
    k = np.linspace(-0.4, 0.4, 201)
    w, slope, bend = np.array([smile_row.smile_at(row, x) for x in k]).T
    rises = np.sign(
        np.diff(
            arbitrage.butterfly(k, w, slope, bend)
            / np.sqrt(w)
            * np.exp(-0.5 * (k / np.sqrt(w) + 0.5 * np.sqrt(w)) ** 2)
        )
    )
    assert np.count_nonzero(np.diff(rises[rises != 0.0])) == 1, "one mode"


def test_the_fit_starts_from_the_coefficients_it_finds():
    """Once more from its own answer: the same smile."""
    z = np.linspace(-3.0, 3.0, 61)
    base = naive.raw_svi(RAW, z * math.sqrt(LEVEL)) / LEVEL
    bands = bands_of(z, base + 0.05 * np.cos(2.2 * z) * np.exp(-0.25 * z * z), 0.01)
    row = row_with(np.zeros(17))
    grid = np.sinh(np.linspace(-2.5, 2.5, 161))
    arguments = (bands, 61, grid, np.zeros(161), np.zeros(smile_row.ROW), (1.5, 1.5, 1.5), 0.97)
    fit_correction(row, *arguments)
    again = row.copy()
    fit_correction(again, *arguments)
    k = np.linspace(-0.5, 0.5, 101)

    first, second = ([smile_row.smile_at(one, x)[0] for x in k] for one in (row, again))
    assert second == pytest.approx(first, rel=0.01)
