"""Implied volatilities with cash dividends: round trips on the same grid, reasons, and nobody's neighbour matters."""

import numpy as np
import pytest
from scipy.optimize import brentq

from flatbook.kernels.dividend_grid import FAST, price_cash_dividends
from flatbook.kernels.dividend_vol import implied_vol_cash_dividends
from flatbook.kernels.implied_vol import ABOVE_BOUND, BELOW_INTRINSIC, EXPIRED, NO_TIME_VALUE, NOT_FINITE, OK

PAID_YEARS, PAID = np.arange(8) * 0.25 + 0.1, np.full(8, 0.7)
ACCURACY = 7e-4
SEED = 20


def drawn(n, seed=SEED):
    """spot, strike, years, rate, yield, sign, style and the dividends of n options, and their vols."""
    random = np.random.default_rng(seed)
    years = random.uniform(0.02, 2.0, n)
    schedule = np.column_stack((np.zeros(n, dtype=np.int64), np.searchsorted(PAID_YEARS, years)))
    columns = (
        np.full(n, 100.0),
        random.uniform(60.0, 150.0, n),
        years,
        random.uniform(-0.01, 0.06, n),
        random.uniform(0.0, 0.03, n),
        np.where(random.random(n) < 0.5, 1.0, -1.0),
        np.where(random.random(n) < 0.7, 1.0, 0.0),
        PAID_YEARS,
        PAID,
        schedule,
    )
    return columns, random.uniform(0.08, 0.9, n)


def price_of(columns, vol):
    return price_cash_dividends(*columns[:3], vol, *columns[3:], *FAST)[:, 0]


def test_every_price_tells_its_vol_or_why_it_tells_none():
    columns, vol = drawn(1_000)
    price = price_of(columns, vol)

    found, reason = implied_vol_cash_dividends(price, *columns, np.full(vol.size, 1e-6), ACCURACY, *FAST)

    told = reason == OK
    assert told.mean() > 0.8
    assert set(reason[~told].tolist()) <= {NO_TIME_VALUE}, f"seed {SEED}"
    assert np.abs(found[told] - vol[told]).max() < 1e-7
    assert np.isnan(found[~told]).all()


def test_scipy_finds_the_same_root():
    columns, vol = drawn(12, seed=3)
    price = price_of(columns, vol)
    found, reason = implied_vol_cash_dividends(price, *columns, np.full(vol.size, 1e-6), ACCURACY, *FAST)

    for i in np.flatnonzero(reason == OK):
        one = (*(column[i : i + 1] for column in columns[:7]), *columns[7:9], columns[9][i : i + 1])
        root = brentq(
            lambda v, one=one, i=i: price_of(one, np.array([v]))[0] - price[i], 0.01, 3.0, xtol=1e-10
        )
        assert found[i] == pytest.approx(root, abs=1e-7)


def test_prices_without_a_vol_have_a_reason():
    spot, strike, years = (np.full(6, value) for value in (100.0, 100.0, 1.0))
    years[3] = 0.0
    columns = (spot, strike, years, np.full(6, 0.03), np.zeros(6), np.ones(6), np.ones(6), PAID_YEARS, PAID)
    schedule = np.tile(np.array([0, 4]), (6, 1))
    strike[1] = 60.0
    price = np.array([101.0, 35.0, 0.0, 5.0, np.nan, -np.inf])

    vol, reason = implied_vol_cash_dividends(price, *columns, schedule, np.full(6, 1e-6), ACCURACY, *FAST)

    assert np.isnan(vol).all()
    assert reason.tolist() == [ABOVE_BOUND, BELOW_INTRINSIC, BELOW_INTRINSIC, EXPIRED, NOT_FINITE, NOT_FINITE]


def test_neighbours_do_not_matter():
    columns, vol = drawn(40, seed=5)
    price, noise = price_of(columns, vol), np.full(vol.size, 1e-6)
    together, _ = implied_vol_cash_dividends(price, *columns, noise, ACCURACY, *FAST)

    for i in range(0, vol.size, 7):
        one = (*(column[i : i + 1] for column in columns[:7]), *columns[7:9], columns[9][i : i + 1])
        alone, _ = implied_vol_cash_dividends(price[i : i + 1], *one, noise[:1], ACCURACY, *FAST)
        assert alone.tobytes() == together[i : i + 1].tobytes()
