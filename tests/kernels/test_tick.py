"""A tick says what the bulk call says of each value, and what plain arithmetic says of risk, quotes and changes."""

import json
import math
import os
import secrets
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.runtime import _nrt_python, rtsys
from tests.naive import black as naive_black
from tests.naive import tick as naive

from flatbook.kernels import andersen_lake as al
from flatbook.kernels import premium_tile, table_values, tick, tick_lanes
from flatbook.kernels.andersen_lake import ACCURATE
from flatbook.kernels.premium_table import NO_TABLE, build_tables
from flatbook.kernels.table_values import (
    new_chain,
    settle_chain,
    value_chain,
    value_with_tables,
    write_european_tables,
)

CALL, PUT = 1.0, -1.0
SPOT = 100.0
AMERICAN = [
    (0.05, 0.04, 0.015, PUT),
    (0.05, 0.04, 0.015, CALL),
    (0.6, 0.045, 0.02, PUT),
    (0.6, 0.045, 0.0, CALL),
]
EUROPEAN = [
    (0.1, 0.04, 0.015, PUT),
    (0.1, 0.04, 0.015, CALL),
    (1.5, 0.03, 0.03, PUT),
    (1.5, 0.03, -0.01, CALL),
]
STRIKES = 13  # so that tiles hold several expiries, sides and styles, and the last is not full


class Class:
    """A class that holds American and European series, each style's expiries and sides in turn."""

    def __init__(self, seed=1):
        random = np.random.default_rng(seed)
        expiries = np.array(
            [(*row, 0.05, 2.0) for pair in zip(AMERICAN, EUROPEAN, strict=True) for row in pair]
        )
        self.groups = len(expiries)
        self.expiries, columns = expiries, expiries.T.copy()
        self.tables = np.empty((self.groups, premium_tile.WIDTH))
        build_tables(columns, ACCURATE, 3e-5, self.tables, np.empty(self.groups, dtype=np.int8))
        european = np.empty_like(self.tables)
        write_european_tables(columns, european)
        self.tables[1::2] = european[1::2]
        self.index = np.repeat(np.arange(self.groups), STRIKES)
        self.n = self.index.size
        deviations = np.tile(np.linspace(-2.5, 2.5, STRIKES), self.groups)
        self.strike = SPOT * np.exp(0.25 * np.sqrt(expiries[self.index, 0]) * deviations)
        self.vol = 0.2 - 0.03 * deviations + 0.02 * deviations**2
        self.series = np.full((tick.SERIES_ROWS, self.n), math.nan)
        self.series[tick.POSITION] = random.integers(-40, 41, self.n) * random.integers(0, 2, self.n)
        self.series[tick.MULTIPLIER] = random.choice([10.0, 100.0], self.n)
        self.series[tick.HALF_WIDTH] = random.uniform(0.0, 0.2, self.n)
        self.series[tick.TICKS_PER_UNIT] = random.choice([10.0, 20.0, 100.0], self.n)
        self.risk = np.full((self.groups + 1, tick.RISKS), math.nan)
        self.quotes = np.full((tick.QUOTE_ROWS, self.n), tick.NO_QUOTE)
        self.risk_price = np.array([0.03, -0.4, 0.002])
        self.settle()

    def settle(self):
        self.chain, self.standing = new_chain(self.index), np.empty(self.n, dtype=np.int8)
        settle_chain(self.tables, self.index, self.strike, self.vol, self.chain, self.standing)

    def tick(self, spot):
        spots = np.broadcast_to(np.asarray(spot, dtype=float), self.groups).copy()
        return tick.reprice_class(
            spots, self.risk_price, self.index, self.chain, self.series, self.risk, self.quotes, self.standing
        )

    def shown(self):
        return list(zip(self.quotes[tick.BID].tolist(), self.quotes[tick.ASK].tolist(), strict=True))

    def plain_quotes(self):
        rows = self.series[[tick.PRICE, tick.DELTA, tick.GAMMA, tick.VEGA]].T.tolist()
        widths, scales = self.series[tick.HALF_WIDTH].tolist(), self.series[tick.TICKS_PER_UNIT].tolist()
        prices = self.risk_price.tolist()
        return [
            naive.quote(*row, prices, width, scale)
            for row, width, scale in zip(rows, widths, scales, strict=True)
        ]


@pytest.fixture
def option_class():
    return Class()


@pytest.mark.parametrize(
    "spot", [SPOT, 61.0, 140.0, np.linspace(80.0, 120.0, len(AMERICAN + EUROPEAN))], ids=str
)
def test_values_are_those_of_the_bulk_call_to_the_bit(option_class, spot):
    option_class.tick(spot)
    spots = np.broadcast_to(np.asarray(spot, dtype=float), option_class.groups).copy()
    out, standing = np.empty((5, option_class.n)), np.empty(option_class.n, dtype=np.int8)
    value_with_tables(
        option_class.tables, spots, option_class.index, option_class.strike, option_class.vol, out, standing
    )

    assert np.array_equal(out, option_class.series[:5])
    assert standing.tolist() == option_class.standing.tolist()
    value_chain(spots, option_class.index, option_class.chain, out, standing)
    assert np.array_equal(out, option_class.series[:5])


def test_european_series_are_those_of_the_textbook(option_class):
    for spot in (SPOT, 85.0, 121.0):
        option_class.tick(spot)
        rows = np.flatnonzero(option_class.index % 2 == 1)
        assert (option_class.standing[rows] == al.NEVER_EARLY).all()
        for i in rows:
            years, rate, carry, sign = option_class.expiries[option_class.index[i], :4].tolist()
            plain = naive.european(
                spot, option_class.strike[i], years, option_class.vol[i], rate, carry, sign
            )
            # the textbook loses digits of the far side by its difference; theta is per year of a life of 0.1
            assert pytest.approx(plain, rel=1e-11, abs=2e-13 * spot) == option_class.series[:5, i].tolist()


@pytest.mark.parametrize("sign", [CALL, PUT])
@pytest.mark.parametrize(
    ("strike", "years", "vol", "rate", "carry"),
    [
        (100.0, 1.0, 0.2, 0.05, 0.02),
        (70.0, 0.3, 0.5, -0.01, 0.03),
        (180.0, 2.0, 0.3, 0.04, 0.0),
        (100.4, 2e-5, 0.3, 0.1, 0.0),
    ],
)
def test_european_greeks_are_bumps_in_fifty_digits(strike, years, vol, rate, carry, sign):
    tables, out, standing = np.empty((1, premium_tile.WIDTH)), np.empty((5, 1)), np.empty(1, dtype=np.int8)
    write_european_tables(np.array([[years, rate, carry, sign, 0.0, 0.0]]).T.copy(), tables)
    one = np.array([SPOT])
    value_with_tables(
        tables, one, np.zeros(1, dtype=np.int64), np.array([strike]), np.array([vol]), out, standing
    )
    exact = naive_black.exact_greeks(SPOT, rate, carry, strike, years, vol, sign)
    forward = SPOT * math.exp((rate - carry) * years)
    price = naive_black.exact_price(forward, strike, years, vol, math.exp(-rate * years), sign)

    # The spot's logarithm is kept once, to 1e-15: with a deviation of 1e-3 that is 1e-12 of a greek.
    assert pytest.approx(price, abs=1e-13 * SPOT) == out[tick.PRICE, 0]
    for row, name in (
        (tick.DELTA, "delta"),
        (tick.GAMMA, "gamma"),
        (tick.VEGA, "vega"),
        (tick.THETA, "theta"),
    ):
        assert pytest.approx(exact[name], rel=5e-11, abs=1e-12) == out[row, 0]


def test_a_european_price_may_lie_below_its_intrinsic_value(option_class):
    option_class.tick(30.0)
    puts = np.flatnonzero((option_class.index % 4 == 1) & (option_class.strike > 90.0))

    assert (option_class.series[tick.PRICE, puts] < option_class.strike[puts] - 30.0).all()
    american = np.flatnonzero((option_class.index % 4 == 0) & (option_class.strike > 90.0))
    assert (option_class.standing[american] == al.EXERCISES).all()
    assert np.array_equal(option_class.series[tick.PRICE, american], option_class.strike[american] - 30.0)


def test_risk_is_what_is_held_by_expiry_and_side_and_in_total(option_class):
    option_class.tick(103.0)
    held = option_class.series
    plain = naive.risk(
        held[tick.DELTA : tick.THETA + 1].T.tolist(),
        held[tick.POSITION].tolist(),
        held[tick.MULTIPLIER].tolist(),
        option_class.index.tolist(),
        option_class.groups,
    )

    assert pytest.approx(np.array(plain), rel=1e-12, abs=1e-9) == option_class.risk


def test_quotes_and_changes_are_those_of_exact_fractions_along_a_path():
    """A fresh path and class each time."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    random = np.random.default_rng(seed)
    one = Class(seed)
    counts = []
    for spot in SPOT * np.exp(np.cumsum(random.normal(0.0, 5e-4, 25))):
        before = one.shown()
        count = one.tick(spot)

        assert one.plain_quotes() == one.shown()
        assert naive.changes(before, one.shown()) == one.quotes[tick.CHANGED, :count].tolist()
        counts.append(count)
    assert counts[0] == one.n
    assert min(counts[1:]) < one.n
    assert max(counts[1:]) > 0  # the smallest of the moves may be too small to change any quote


def test_where_nothing_moved_nothing_changes(option_class):
    option_class.tick(SPOT)
    shown = option_class.quotes[:2].copy()

    assert option_class.tick(SPOT) == 0
    assert np.array_equal(shown, option_class.quotes[:2])


@settings(max_examples=60, deadline=None)
@given(
    spot=st.floats(1e-3, 1e5),
    prices=st.tuples(*[st.floats(-1e6, 1e6)] * 3),
    width=st.floats(0.0, 50.0),
)
def test_no_quote_crosses_the_value_however_far_it_is_leaned(spot, prices, width):
    one = SHARED
    one.risk_price = np.array(prices)
    one.series[tick.HALF_WIDTH] = width
    one.tick(spot)
    bid, ask = one.quotes[tick.BID], one.quotes[tick.ASK]
    fair = one.series[tick.PRICE] * one.series[tick.TICKS_PER_UNIT]

    assert (bid <= fair + 1e-8 * np.maximum(1.0, fair)).all()
    assert ((ask >= fair - 1e-8 * np.maximum(1.0, fair)) | (ask == tick.NO_QUOTE)).all()
    assert (bid != 0).all()
    assert ((ask > bid) | (ask == tick.NO_QUOTE)).all()


SHARED = Class()


def test_a_longer_inventory_leans_both_quotes_down(option_class):
    option_class.risk_price = np.zeros(3)
    option_class.tick(SPOT)
    neutral = option_class.quotes[:2].copy()
    option_class.risk_price = np.array([0.0, 0.0, 0.02])  # vega is in excess, one unit of it costs 2 cents
    option_class.tick(SPOT)

    assert (option_class.quotes[:2] <= neutral).all()
    assert (option_class.quotes[tick.BID] < neutral[tick.BID]).any()


def test_a_series_without_a_value_or_a_width_has_no_quote():
    one = Class()
    one.vol[3], one.strike[20] = 9.0, math.nan
    one.series[tick.HALF_WIDTH, 40] = math.nan
    one.series[tick.POSITION, [3, 20]] = 0.0, 5.0
    one.settle()
    one.tick(SPOT)

    assert [table_values.OUTSIDE_TABLE] * 2 == one.standing[[3, 20]].tolist()
    assert np.isnan(one.series[:5, [3, 20]]).all()
    assert (one.quotes[:2, [3, 20, 40]] == tick.NO_QUOTE).all()
    assert np.isfinite(one.series[:5, 40]).all()
    groups = one.index[[3, 20]]
    assert np.isfinite(one.risk[groups[0]]).all()  # unknown, but not held
    assert np.isnan(one.risk[groups[1]]).all()
    assert np.isnan(one.risk[-1]).all()
    assert one.plain_quotes() == one.shown()


@pytest.mark.parametrize("risk", range(3))
def test_without_a_risk_price_there_is_no_quote(option_class, risk):
    option_class.risk_price[risk] = math.nan
    option_class.tick(SPOT)

    assert (option_class.quotes[:2] == tick.NO_QUOTE).all()
    assert np.isfinite(option_class.risk).all()


@pytest.mark.parametrize(
    ("row", "entry"),
    [
        (tick.HALF_WIDTH, -0.01),
        (tick.HALF_WIDTH, math.inf),
        (tick.TICKS_PER_UNIT, 0.0),
        (tick.TICKS_PER_UNIT, -100.0),
        (tick.TICKS_PER_UNIT, math.nan),
        (tick.TICKS_PER_UNIT, 1e300),
    ],
)
def test_without_a_width_or_a_tick_there_is_no_quote(option_class, row, entry):
    option_class.tick(SPOT)
    option_class.series[row, 7] = entry

    assert option_class.tick(SPOT) == 1
    assert option_class.quotes[tick.CHANGED, 0] == 7
    assert (option_class.quotes[:2, 7] == tick.NO_QUOTE).all()


@pytest.mark.parametrize("spot", [math.nan, 0.0, -1.0, math.inf])
def test_without_a_spot_there_is_nothing_to_show_and_then_there_is_again(option_class, spot):
    option_class.tick(SPOT)
    shown, series = option_class.quotes[:2].copy(), option_class.series.copy()

    assert option_class.tick(spot) == option_class.n
    assert (option_class.quotes[:2] == tick.NO_QUOTE).all()
    assert np.isnan(option_class.series[:5]).all()
    assert np.isnan(option_class.risk[-1]).all()
    assert option_class.tick(SPOT) == option_class.n
    assert np.array_equal(shown, option_class.quotes[:2])
    assert np.array_equal(series, option_class.series)


@pytest.mark.parametrize(
    ("years", "rate", "sign", "vol"),
    [
        (0.0, 0.03, CALL, 0.2),
        (-1.0, 0.03, PUT, 0.2),
        (math.nan, 0.03, PUT, 0.2),
        (0.5, math.nan, CALL, 0.2),
        (0.5, math.inf, CALL, 0.2),
        (0.5, 0.03, 0.0, 0.2),
        (0.5, 0.03, CALL, 0.0),
        (0.5, 0.03, CALL, -0.2),
        (0.5, 0.03, CALL, math.nan),
        (0.5, 0.03, CALL, 1e9),
    ],
)
def test_a_european_table_outside_the_model_answers_nothing(years, rate, sign, vol):
    tables, out, standing = np.empty((1, premium_tile.WIDTH)), np.empty((5, 1)), np.empty(1, dtype=np.int8)
    write_european_tables(np.array([[years, rate, 0.01, sign, 0.0, 0.0]]).T.copy(), tables)
    value_with_tables(
        tables,
        np.array([SPOT]),
        np.zeros(1, dtype=np.int64),
        np.array([SPOT]),
        np.array([vol]),
        out,
        standing,
    )

    good_table = 0.0 < years < 1.0 and abs(rate) < 1.0 and sign != 0.0
    assert tables[0, premium_tile.STATE] == (tick_lanes.EUROPEAN if good_table else NO_TABLE)
    assert standing[0] == (table_values.OUTSIDE_TABLE if good_table else table_values.WITHOUT_TABLE)
    assert np.isnan(out).all()


def test_an_empty_class_is_no_trouble():
    one = Class()
    one.index, one.strike, one.vol = one.index[:0].copy(), one.strike[:0].copy(), one.vol[:0].copy()
    one.n, one.series, one.quotes = (
        0,
        np.empty((tick.SERIES_ROWS, 0)),
        np.empty((tick.QUOTE_ROWS, 0), dtype=np.int64),
    )
    one.settle()

    assert one.tick(SPOT) == 0
    assert not one.risk.any()


def test_a_tick_allocates_nothing(option_class):
    option_class.tick(SPOT)
    arguments = (
        np.full(option_class.groups, 101.0),
        option_class.risk_price,
        option_class.index,
        option_class.chain,
        option_class.series,
        option_class.risk,
        option_class.quotes,
        option_class.standing,
    )
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        tick.reprice_class(*arguments)
        after = rtsys.get_allocation_stats()
        new_chain(option_class.index)
        least = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()

    assert after.alloc - before.alloc == len(
        arguments
    )  # Numba's record of each array that crosses from Python
    assert least.alloc - after.alloc > 1  # the count does see an allocation


SCRIPT = """
import json
import numpy as np
from flatbook.kernels import premium_tile, tick
from flatbook.kernels.andersen_lake import Preset
from flatbook.kernels.exercise_rule import make_rule
from flatbook.kernels.premium_table import build_tables
from flatbook.kernels.table_values import new_chain, settle_chain, write_european_tables
rule = make_rule(3, 2, 3, 5, 1)
expiries = np.array([[0.5, 0.03, 0.01, -1.0, 0.1, 0.4], [0.3, 0.03, 0.02, 1.0, 0.1, 0.4]]).T.copy()
tables, european = np.empty((2, premium_tile.WIDTH)), np.empty((2, premium_tile.WIDTH))
build_tables(expiries, Preset(rule, rule), 1.0, tables, np.empty(2, dtype=np.int8))
write_european_tables(expiries, european)
tables[1] = european[1]
index, strike = np.repeat(np.arange(2), 20), np.tile(np.linspace(80.0, 130.0, 20), 2)
series, quotes = np.ones((tick.SERIES_ROWS, 40)), np.zeros((tick.QUOTE_ROWS, 40), dtype=np.int64)
risk, standing, chain = np.empty((3, 4)), np.empty(40, dtype=np.int8), new_chain(index)
series[tick.TICKS_PER_UNIT] = 100.0
answers = []
with np.errstate(all="ignore"):
    settle_chain(tables, index, strike, np.full(40, 0.25), chain, standing)
    for spot in (np.full(2, 100.0), np.array([100.0, 103.0])):
        changed = tick.reprice_class(spot, np.full(3, 0.01), index, chain, series, risk, quotes, standing)
        answers += [changed, *series.ravel(), *risk.ravel(), *quotes[:2].ravel(), *standing]
print(json.dumps([float(x) for x in answers]))
"""


def answers(disable_jit):
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"NUMBA_DISABLE_JIT": disable_jit},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(run.stdout)


def test_interpreted_kernels_agree_with_compiled_ones():
    plain, compiled = answers("1"), answers("0")

    assert len(compiled) == 2 * (1 + 9 * 40 + 12 + 2 * 40 + 40)
    assert pytest.approx(plain, rel=1e-7, abs=1e-8) == compiled
