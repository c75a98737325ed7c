"""A row's answer is its own: the same bits in any company, order, place, and on any number of threads.

Every bulk call lets go of Python's lock, so that threads work at once; each has its own scratch and its own rows.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest

from flatbook.kernels import (
    american_greeks,
    american_vol,
    andersen_lake,
    black,
    dividend_grid,
    dividend_slides,
    dividend_vol,
    european,
    european_vol,
    premium_table,
    premium_tile,
    table_slides,
    table_values,
    tick,
)
from flatbook.kernels.andersen_lake import ACCURATE, FAST
from flatbook.kernels.premium_table import build_tables
from flatbook.kernels.table_values import new_chain, settle_chain

ROWS = 150  # more than a tile of 128, and no whole number of them
FEW = 37  # for the slow ones: more than two tiles of 16
SPOT = 100.0
NODES, STEPS = 41, 12
MOVES, SHIFTS = np.array([-0.1, 0.0, 0.07]), np.array([-0.02, 0.0, 0.03])


class Market(NamedTuple):
    """Options with all that any of the calls asks for, as columns; some are outside the model."""

    strike: np.ndarray
    years: np.ndarray
    vol: np.ndarray
    rate: np.ndarray
    carry: np.ndarray
    sign: np.ndarray
    index: np.ndarray  # expiry and side
    expiries: np.ndarray  # as `premium_table.build_tables` reads them
    tables: np.ndarray
    price: np.ndarray


def make_market():
    random = np.random.default_rng(11)
    years = np.array([0.02, 0.3, 1.1, 2.0])
    rows = [(t, 0.045, 0.01, sign, 0.05, 2.0) for t in years for sign in (-1.0, 1.0)]
    expiries = np.array(rows).T.copy()
    tables = np.empty((expiries.shape[1], premium_tile.WIDTH))
    build_tables(expiries, ACCURATE, 3e-5, tables, np.empty(expiries.shape[1], dtype=np.int8))
    index = np.sort(random.integers(0, expiries.shape[1], ROWS))
    index[60:] = random.permutation(index[60:])
    life, vol = expiries[0, index], random.uniform(0.1, 0.6, ROWS)
    strike = SPOT * np.exp(random.normal(0.0, 1.2, ROWS) * vol * np.sqrt(life))
    vol[[5, 77]], strike[[9, 140]] = [np.nan, 9.0], [-1.0, np.nan]
    market = Market(
        strike,
        life,
        vol,
        expiries[1, index],
        expiries[2, index],
        expiries[3, index],
        index,
        expiries,
        tables,
        vol,
    )
    price = values_of_tables(market, np.arange(ROWS))[0][:, 0].copy()
    price[[13, 90]] = [1e-9, 1e6]
    return market._replace(price=price)


def spots(market):
    return np.full(len(market.tables), SPOT)


def picked(market, rows):
    return tuple(column[rows] for column in market[:7])


def plain(market, rows):
    """Forward, strike, years, vol, discount, sign."""
    strike, years, vol, rate, carry, sign, _ = picked(market, rows)
    return SPOT * np.exp((rate - carry) * years), strike, years, vol, np.exp(-rate * years), sign


def values_of_european(market, rows):
    forward, *rest = plain(market, rows)
    out = np.empty((european.COLUMNS, rows.size))
    european.value_european_into(out, np.full(rows.size, SPOT), forward, *rest, rest[-1] > 0.0)
    return (out.T,)


def values_of_european_chain(market, rows):
    strike, _, vol, _, _, sign, index = picked(market, rows)
    years, rate, carry = market.expiries[:3]
    columns = np.array(
        [0.0 * years + SPOT, SPOT * np.exp((rate - carry) * years), years, np.exp(-rate * years), 0.0 * years]
    )
    out = np.empty((european.COLUMNS, rows.size))
    european.value_chain_into(out, columns, index.astype(np.int32), strike, vol, sign)
    return (out.T,)


def prices_of_european(market, rows):
    out = np.empty(rows.size)
    european.price_european_into(out, *plain(market, rows))
    return (out,)


def slides_of_european(market, rows):
    out = np.empty((rows.size, MOVES.size, SHIFTS.size))
    european.reprice_european_into(out, *plain(market, rows), MOVES, SHIFTS)
    return (out,)


def vols_of_european(market, rows):
    forward, strike, years, _, discount, sign = plain(market, rows)
    return european_vol.implied_vol_european(
        market.price[rows], forward, strike, years, discount, sign, np.full(rows.size, 1e-6)
    )


def options(market, rows):
    strike, years, vol, rate, carry, sign, _ = picked(market, rows)
    return np.array([np.full(rows.size, SPOT), strike, years, vol, rate, carry, sign])


def values_of_boundaries(market, rows):
    out, standing = np.empty((4, rows.size)), np.empty(rows.size, dtype=np.int8)
    andersen_lake.value_american(options(market, rows), FAST, out, standing)
    return out.T, standing


def greeks_of_boundaries(market, rows):
    out, standing = np.empty((black.COLUMNS, rows.size)), np.empty(rows.size, dtype=np.int8)
    american_greeks.value_american_greeks(options(market, rows), FAST, out, standing)
    return out.T, standing


def vols_of_boundaries(market, rows):
    vol, doubt, reason = np.empty(rows.size), np.empty(rows.size), np.empty(rows.size, dtype=np.int8)
    american_vol.implied_vol_american(
        options(market, rows), market.price[rows], np.full(rows.size, 1e-4), 2e-5, FAST, vol, doubt, reason
    )
    return vol, doubt, reason


def tables_of_expiries(market, rows):
    tables, states = np.empty((rows.size, premium_tile.WIDTH)), np.empty(rows.size, dtype=np.int8)
    premium_table.build_tables(market.expiries[:, rows].copy(), ACCURATE, 3e-5, tables, states)
    return tables, states


def values_of_tables(market, rows):
    strike, _, vol, _, _, _, index = picked(market, rows)
    out, standing = np.empty((5, rows.size)), np.empty(rows.size, dtype=np.int8)
    table_values.value_with_tables(market.tables, spots(market), index, strike, vol, out, standing)
    return out.T, standing


def settled(market, rows):
    strike, _, vol, _, _, _, index = picked(market, rows)
    chain, standing = new_chain(index), np.empty(rows.size, dtype=np.int8)
    settle_chain(market.tables, index, strike, vol, chain, standing)
    return index, chain, standing


def values_of_a_settled_chain(market, rows):
    index, chain, standing = settled(market, rows)
    out = np.empty((5, rows.size))
    table_values.value_chain(1.01 * spots(market), index, chain, out, standing)
    return out.T, standing


def slides_of_tables(market, rows):
    strike, _, vol, _, _, _, index = picked(market, rows)
    out = np.empty((rows.size, MOVES.size, SHIFTS.size))
    table_slides.reprice_with_tables(market.tables, spots(market), index, strike, vol, MOVES, SHIFTS, out)
    return (out,)


def vols_of_tables(market, rows):
    strike, *_, index = picked(market, rows)
    vol, doubt, reason = np.empty(rows.size), np.empty(rows.size), np.empty(rows.size, dtype=np.int8)
    american_vol.implied_vol_with_tables(
        market.tables,
        spots(market),
        index,
        strike,
        market.price[rows],
        np.full(rows.size, 1e-4),
        vol,
        doubt,
        reason,
    )
    return vol, doubt, reason


def values_and_quotes_of_a_tick(market, rows):
    index, chain, standing = settled(market, rows)
    series, quotes = (
        np.ones((tick.SERIES_ROWS, rows.size)),
        np.zeros((tick.QUOTE_ROWS, rows.size), dtype=np.int64),
    )
    series[tick.HALF_WIDTH], series[tick.TICKS_PER_UNIT] = 0.001 * rows, 100.0
    risk, risk_price = np.empty((len(market.tables) + 1, tick.RISKS)), np.array([0.02, 0.1, 0.001])
    tick.reprice_class(0.99 * spots(market), risk_price, index, chain, series, risk, quotes, standing)
    return series[:5].T, quotes[: tick.CHANGED].T, standing


def dividends(market, rows):
    strike, years, vol, rate, carry, sign, _ = picked(market, rows)
    american = np.where(rows % 3 == 0, 0.0, 1.0)
    schedule = np.where(rows % 2 == 0, 1, 3)[:, None] * [0, 1]
    before = (np.full(rows.size, SPOT), strike, years)
    after = (rate, carry, sign, american, np.array([0.15, 0.6, 1.2]), np.array([1.0, 1.5, 1.0]), schedule)
    return before, vol, after


def prices_on_grids(market, rows):
    before, vol, after = dividends(market, rows)
    return (dividend_grid.price_cash_dividends(*before, vol, *after, NODES, STEPS),)


def greeks_on_grids(market, rows):
    before, vol, after = dividends(market, rows)
    return (dividend_grid.value_cash_dividends(*before, vol, *after, NODES, STEPS),)


def slides_on_grids(market, rows):
    before, vol, after = dividends(market, rows)
    return (dividend_slides.reprice_cash_dividends(*before, vol, *after, NODES, STEPS, MOVES, SHIFTS[1:]),)


def profiles_on_grids(market, rows):
    before, vol, after = dividends(market, rows)
    vols = np.stack([0.8 * vol, 1.25 * vol], axis=1)
    return (dividend_slides.profile_cash_dividends(*before, vols, *after, NODES, STEPS, 0.2),)


def values_of_profiles(market, rows):
    vols = np.stack([0.8 * market.vol, market.vol, 1.25 * market.vol], axis=1)[rows]
    profiles = np.abs(np.sin(np.arange(ROWS)[:, None, None] + np.arange(3 * 30).reshape(3, 30)))[rows]
    asked = np.linspace(0.9, 1.2, 4) * vols[:, 1:2]
    return (
        dividend_slides.evaluate_profiles(profiles, vols, SPOT + 0.1 * rows[:, None] * [1.0, 2.0], asked),
    )


def vols_on_grids(market, rows):
    before, _, after = dividends(market, rows)
    noise = np.full(rows.size, 1e-4)
    return dividend_vol.implied_vol_cash_dividends(
        market.price[rows], *before, *after, noise, 1e-3, NODES, STEPS
    )


class Bulk(NamedTuple):
    """A call over rows of the market, the kernels that it is about, and how many rows it is asked for."""

    call: Callable
    kernels: tuple
    rows: int


BULK = [
    Bulk(values_of_european, (european.value_european_into,), ROWS),
    Bulk(values_of_european_chain, (european.value_chain_into,), ROWS),
    Bulk(prices_of_european, (european.price_european_into,), ROWS),
    Bulk(slides_of_european, (european.reprice_european_into,), ROWS),
    Bulk(vols_of_european, (european_vol.implied_vol_european,), ROWS),
    Bulk(values_of_boundaries, (andersen_lake.value_american,), ROWS),
    Bulk(greeks_of_boundaries, (american_greeks.value_american_greeks,), ROWS),
    Bulk(vols_of_boundaries, (american_vol.implied_vol_american,), FEW),
    Bulk(tables_of_expiries, (premium_table.build_tables,), 8),
    Bulk(values_of_tables, (table_values.value_with_tables,), ROWS),
    Bulk(values_of_a_settled_chain, (table_values.settle_chain, table_values.value_chain), ROWS),
    Bulk(slides_of_tables, (table_slides.reprice_with_tables,), ROWS),
    Bulk(vols_of_tables, (american_vol.implied_vol_with_tables,), ROWS),
    Bulk(values_and_quotes_of_a_tick, (tick.reprice_class,), ROWS),
    Bulk(prices_on_grids, (dividend_grid.price_cash_dividends,), FEW),
    Bulk(greeks_on_grids, (dividend_grid.value_cash_dividends,), FEW),
    Bulk(slides_on_grids, (dividend_slides.reprice_cash_dividends,), FEW),
    Bulk(profiles_on_grids, (dividend_slides.profile_cash_dividends,), FEW),
    Bulk(values_of_profiles, (dividend_slides.evaluate_profiles,), ROWS),
    Bulk(vols_on_grids, (dividend_vol.implied_vol_cash_dividends,), FEW),
]
EVERY = pytest.mark.parametrize("bulk", BULK, ids=lambda bulk: bulk.call.__name__)


@pytest.fixture(scope="module")
def market():
    return make_market()


def bits(arrays):
    """All bits of the rows of several arrays, but that all NaN are one."""
    plain_nan = [np.where(np.isnan(array), np.nan, array) for array in arrays]
    return [
        b"".join(row) for row in zip(*([one.tobytes() for one in array] for array in plain_nan), strict=True)
    ]


@EVERY
def test_neither_company_nor_order_nor_place_changes_a_bit(bulk, market):
    rows = np.arange(bulk.rows)
    together = bits(bulk.call(market, rows))
    order = np.random.default_rng(3).permutation(bulk.rows)

    assert len(set(together)) > bulk.rows // 2
    assert [together[i] for i in order] == bits(bulk.call(market, order))
    assert together[1:] == bits(bulk.call(market, rows[1:]))
    for i in rows[:: max(bulk.rows // 9, 1)]:
        assert [together[i]] == bits(bulk.call(market, rows[i : i + 1]))


def test_the_comparison_sees_a_last_bit_and_a_sign_of_zero():
    plain = np.array([1.0, 0.0, np.nan])

    assert bits([plain]) == bits([plain * np.ones(3)])
    assert bits([plain])[0] != bits([np.nextafter(plain, 2.0)])[0]
    assert bits([plain])[1] != bits([-plain])[1]


@EVERY
def test_threads_agree_to_the_bit(bulk, market):
    rows = np.arange(bulk.rows)
    alone = bits(bulk.call(market, rows))
    for threads in (1, 2, 3):
        with ThreadPoolExecutor(threads) as pool:
            pieces = pool.map(lambda piece: bits(bulk.call(market, piece)), np.array_split(rows, 3))

            assert alone == [row for piece in pieces for row in piece]


@EVERY
def test_a_bulk_call_lets_go_of_the_lock(bulk):
    assert all(kernel.targetoptions.get("nogil") for kernel in bulk.kernels)


def test_threads_share_one_market_and_each_its_own_rows(market):
    """All calls at once, each over and over: nobody writes where another reads."""
    rows = np.arange(FEW)
    quick = [bulk for bulk in BULK if bulk.rows == ROWS]
    alone = [bits(bulk.call(market, rows)) for bulk in quick]
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            assert alone == list(pool.map(lambda bulk: bits(bulk.call(market, rows)), quick))
