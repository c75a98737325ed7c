"""Choosing engines: by style, carry, dividends, tolerance and use; the bounds they state hold."""

import time

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - as its users call it

from flatbook.kernels import andersen_lake
from flatbook.kernels.dividend_grid import price_cash_dividends
from flatbook.kernels.tree import price_american
from flatbook.valuation.engines import (
    SETTINGS,
    Engine,
    Why,
    choose,
    explain,
    setting_for,
    table_uses,
)

_PLAIN = {
    "american": True,
    "sign": -1.0,
    "years": 0.5,
    "rate": 0.05,
    "dividend_yield": 0.02,
    "pays": False,
    "spot_model": True,
    "group": 0,
}


def chosen(*rows, tolerance=1e-4, uses=1.0):
    """The choice for series that differ from an American put."""
    full = [_PLAIN | row for row in rows]
    return choose(
        **{name: np.array([row[name] for row in full]) for name in _PLAIN}, tolerance=tolerance, uses=uses
    )


@pytest.mark.parametrize(
    ("row", "engine", "why"),
    [
        ({"american": False}, Engine.BLACK, Why.EUROPEAN),
        ({"american": False, "pays": True, "spot_model": False}, Engine.BLACK, Why.EUROPEAN),
        ({"american": False, "pays": True}, Engine.GRID, Why.CASH_DIVIDENDS),
        ({}, Engine.BOUNDARY, Why.FEW_USES),
        ({"sign": 1.0}, Engine.BOUNDARY, Why.FEW_USES),
        ({"sign": 1.0, "dividend_yield": 0.0}, Engine.BLACK, Why.NEVER_EARLY),
        ({"rate": 0.0}, Engine.BLACK, Why.NEVER_EARLY),
        ({"rate": -0.01, "dividend_yield": -0.02}, Engine.LATTICE, Why.TWO_BOUNDARIES),
        ({"rate": -0.01, "dividend_yield": 0.0}, Engine.BLACK, Why.NEVER_EARLY),
        (
            {"sign": 1.0, "rate": -0.02, "dividend_yield": -0.01},
            Engine.LATTICE,
            Why.TWO_BOUNDARIES,
        ),
        ({"pays": True}, Engine.GRID, Why.CASH_DIVIDENDS),
        ({"sign": 1.0, "dividend_yield": 0.0, "pays": True}, Engine.GRID, Why.CASH_DIVIDENDS),
        ({"pays": True, "spot_model": False}, Engine.ESCROWED, Why.ESCROWED),
        ({"rate": np.nan}, Engine.BLACK, Why.NEVER_EARLY),
    ],
)
def test_the_engine_follows_from_what_a_series_is(row, engine, why):
    choice = chosen(row)

    assert (choice.engine[0], choice.why[0]) == (engine, why)
    assert SETTINGS[choice.setting[0]].engine == engine


def test_the_cheapest_setting_within_the_tolerance_is_taken():
    for engine in Engine:
        mine = [setting for setting in SETTINGS if setting.engine is engine]

        assert [setting.error for setting in mine] == sorted((one.error for one in mine), reverse=True)
        assert [setting.effort_us for setting in mine] == sorted(one.effort_us for one in mine)
        if engine is not Engine.TABLE:  # which shares the tolerance with its fit
            assert [setting_for(engine, one.error) for one in mine] == mine
        assert setting_for(engine, 0.0) == mine[-1]


def test_what_no_engine_reaches_is_said():
    choice = chosen({}, {"american": False}, tolerance=1e-9)

    assert choice.within.tolist() == [False, True]
    assert choice.error[0] > 1e-9
    assert "finest there is" in explain(choice)[0]


def test_a_table_is_taken_from_so_many_uses_of_its_expiry_and_side():
    most = int(table_uses(1e-4)) + 1
    alone = chosen({}, uses=most - 1)
    often = chosen({}, uses=most)
    together = chosen(*[{"group": 3}] * most, {"group": 2}, uses=1)

    assert alone.engine.tolist() == [Engine.BOUNDARY]
    assert often.engine.tolist() == [Engine.TABLE]
    assert together.engine.tolist() == [Engine.TABLE] * most + [Engine.BOUNDARY]
    assert (often.error <= 1e-4).all()


def test_no_table_where_it_could_not_keep_the_tolerance_nor_after_expiry():
    assert chosen({}, uses=1e9, tolerance=1e-7).engine.tolist() == [Engine.BOUNDARY]
    assert chosen({"years": 0.0}, uses=1e9).engine.tolist() == [Engine.BOUNDARY]


def test_a_sentence_says_engine_bound_and_reason():
    words = explain(chosen({}, {"american": False}, {"pays": True}, uses=1e6, tolerance=1e-3))

    assert words[0].startswith("table, over accurate, within 1e-03")
    assert words[1].startswith("black, closed form, within 1e-12")
    assert "cash dividends fall from spot" in words[2]


def test_a_whole_plan_is_chosen_for_in_five_milliseconds():
    random = np.random.default_rng(1)
    n = 13_000
    columns = {
        "american": random.random(n) < 0.5,
        "sign": random.choice([-1.0, 1.0], n),
        "years": random.uniform(0.0, 2.0, n),
        "rate": np.full(n, 0.04),
        "dividend_yield": np.full(n, 0.01),
        "pays": random.random(n) < 0.3,
        "spot_model": np.ones(n, dtype=np.bool_),
        "group": random.integers(0, 80, n),
    }
    fastest = np.inf
    for _ in range(20):
        start = time.perf_counter()
        choose(**columns, tolerance=1e-4, uses=100.0)
        fastest = min(fastest, time.perf_counter() - start)

    assert fastest < 5e-3


@pytest.mark.parametrize(
    "setting", [one for one in SETTINGS if one.engine is Engine.BOUNDARY][:2], ids=lambda one: one.name
)
def test_the_bound_of_the_boundary_holds_against_quantlib(setting):
    """Random American options of the listed markets and far beyond; QuantLib's `accurateScheme` errs by 5e-5 there."""
    seed = int(np.random.default_rng().integers(1 << 31))
    random = np.random.default_rng(seed)
    n = 40
    years = np.exp(random.uniform(np.log(2 / 365), np.log(3.0), n))
    vol = np.exp(random.uniform(np.log(0.05), np.log(1.5), n))
    strike = 100.0 * np.exp(random.uniform(-1.0, 1.0, n) * np.minimum(3.0 * vol * np.sqrt(years), 2.0))
    rows = np.vstack(
        (np.full(n, 100.0), strike, years, vol, random.uniform(0.005, 0.15, n), random.uniform(0.0, 0.15, n),
         random.choice([-1.0, 1.0], n))
    )  # fmt: skip
    out, standing = np.empty((4, n)), np.empty(n, dtype=np.int8)
    andersen_lake.value_american(rows, setting.preset, out, standing)
    theirs = np.array([_quantlib_american(*rows[:, i]) for i in range(n)])
    error = np.abs(out[0] - theirs) / np.maximum(theirs, 1.0)
    worst = int(np.argmax(error))

    assert error[worst] < setting.error, (seed, rows[:, worst].tolist())


def test_the_bounds_of_the_grids_and_trees_hold_against_much_finer_ones():
    """Grids and trees are held against QuantLib in the tests of their kernels; here against four times their size."""
    seed = int(np.random.default_rng().integers(1 << 31))
    random = np.random.default_rng(seed)
    n = 48
    years = np.exp(random.uniform(np.log(2 / 365), np.log(2.0), n))
    vol = np.exp(random.uniform(np.log(0.08), np.log(0.9), n))
    strike = 100.0 * np.exp(random.uniform(-1.0, 1.0, n) * np.minimum(2.5 * vol * np.sqrt(years), 0.8))
    rate, carry = random.uniform(0.0, 0.08, n), random.uniform(0.0, 0.04, n)
    sign = random.choice([-1.0, 1.0], n)
    columns = (np.full(n, 100.0), strike, years, vol, rate, carry, sign)
    paid = np.array([0.05, 0.3, 0.55, 0.8, 1.05, 1.3]), np.array([0.7, 0.7, 0.8, 0.8, 1.0, 1.0])
    rows = np.tile([0, 6], (n, 1)).astype(np.int64)
    american = (random.random(n) < 0.8).astype(np.float64)
    best = price_cash_dividends(*columns, american, *paid, rows, 961, 320)[:, 0]
    for setting in (one for one in SETTINGS if one.engine is Engine.GRID):
        ours = price_cash_dividends(*columns, american, *paid, rows, *setting.size)[:, 0]
        assert _largest(ours, best) < setting.error, (setting.name, seed)

    few = tuple(column[:16] for column in columns)
    best = price_american(*few, 1601, *paid)
    for setting in [one for one in SETTINGS if one.engine is Engine.ESCROWED][:3]:
        ours = price_american(*few, *setting.size, *paid)
        assert _largest(ours, best) < setting.error, (setting.name, seed)

    none = np.empty(0), np.empty(0)
    both = (*few[:4], -few[4] - 0.001, -few[4] - few[5] - 0.002, -np.ones(16))  # yield < rate < 0
    best = price_american(*both, 1601, *none)
    for setting in [one for one in SETTINGS if one.engine is Engine.LATTICE][:3]:
        ours = price_american(*both, *setting.size, *none)
        assert _largest(ours, best) < setting.error, (setting.name, seed)


def _largest(ours, best):
    return float((np.abs(ours - best) / np.maximum(best, 1.0)).max())


def _quantlib_american(spot, strike, years, vol, rate, carry, sign):
    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    counter = ql.Actual365Fixed()
    scale = (
        years  # rates and vol per life of the option, which lasts a year of QuantLib's: no life is rounded
    )
    carried, discounted = (
        ql.YieldTermStructureHandle(ql.FlatForward(today, value * scale, counter)) for value in (carry, rate)
    )
    surface = ql.BlackVolTermStructureHandle(
        ql.BlackConstantVol(today, ql.NullCalendar(), vol * np.sqrt(scale), counter)
    )
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), carried, discounted, surface)
    kind = ql.Option.Call if sign > 0 else ql.Option.Put
    option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, strike), ql.AmericanExercise(today, today + 365))
    scheme = ql.QdFpAmericanEngine.highPrecisionScheme()
    option.setPricingEngine(ql.QdFpAmericanEngine(process, scheme))
    return option.NPV()
