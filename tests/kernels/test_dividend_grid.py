"""Cash dividends in the spot model against published numbers, QuantLib, a naive tree, and the laws of early exercise."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - as everywhere
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.columns import columns
from tests.naive import dividend_grid as naive

from flatbook.kernels import black
from flatbook.kernels.black import value_european
from flatbook.kernels.dividend_grid import (
    ACCURATE,
    FAST,
    GRID_COLUMNS,
    THETA_ON_GRID,
    price_cash_dividends,
    value_cash_dividends,
)
from flatbook.kernels.tree import value_american

CALL, PUT = 1.0, -1.0
AMERICAN, EUROPEAN = 1.0, 0.0


def arguments(*option, paid=((), ())):
    """Columns of the options, all of which meet the same dividends."""
    inputs = columns(*option)
    times, amounts = (np.array(part, dtype=float) for part in paid)
    schedule = np.tile(np.array([0, times.size]), (inputs[0].size, 1))
    return (*inputs, times, amounts, schedule)


def value(*option, paid=((), ()), size=ACCURATE):
    return value_cash_dividends(*arguments(*option, paid=paid), *size)[0]


def price(*option, paid=((), ()), size=ACCURATE):
    return price_cash_dividends(*arguments(*option, paid=paid), *size)[0, black.PRICE]


@pytest.mark.parametrize(
    ("paid", "style", "expected"),
    [
        (0.0001, EUROPEAN, 10.5806),
        (0.5, EUROPEAN, 11.1062),
        (0.5, AMERICAN, 11.6564),
        (0.9999, EUROPEAN, 11.5887),
        (0.9999, AMERICAN, 14.7162),
    ],
)
def test_calls_on_one_dividend_are_those_of_haug_haug_and_lewis(paid, style, expected):
    terms = (100.0, 100.0, 1.0, 0.3, 0.06, 0.0, CALL, style)

    assert pytest.approx(expected, abs=5e-4) == price(*terms, paid=((paid,), (7.0,)))
    assert pytest.approx(expected, abs=4e-3) == price(*terms, paid=((paid,), (7.0,)), size=FAST)


@pytest.mark.parametrize("style", [AMERICAN, EUROPEAN])
@pytest.mark.parametrize("strike", [70.0, 95.0, 110.0])
def test_one_dividend_is_an_integral(strike, style):
    expected = naive.price_one_dividend(100.0, strike, 1.0, 0.3, 0.06, 0.4, 5.0, CALL, style == AMERICAN)

    assert pytest.approx(expected, abs=5e-4) == price(
        100.0, strike, 1.0, 0.3, 0.06, 0.0, CALL, style, paid=((0.4,), (5.0,))
    )


@pytest.mark.parametrize(
    ("sign", "style", "expected"),
    [
        (CALL, EUROPEAN, 12.6327),
        (CALL, AMERICAN, 12.6327),
        (PUT, EUROPEAN, 10.6819),
        (PUT, AMERICAN, 11.0554),
    ],
)
def test_three_dividends_are_those_of_quantlibs_finest_grid(sign, style, expected):
    paid = (np.array([91, 182, 273]) / 365, np.ones(3))
    row = value(100.0, 100.0, 1.0, 0.3, 0.05, 0.0, sign, style, paid=paid)

    assert pytest.approx(expected, abs=4e-4) == row[black.PRICE]
    if sign == CALL:
        assert pytest.approx(0.5854, abs=2e-4) == row[black.DELTA]


def test_a_call_is_exercised_the_instant_before_its_dividend():
    terms, paid = (120.0, 100.0, 30 / 365, 0.2, 0.05, 0.0, CALL), ((7 / 365,), (2.0,))
    row = value(*terms, AMERICAN, paid=paid)

    assert pytest.approx(20.0958, abs=2e-4) == row[black.PRICE]
    assert pytest.approx(1.0, abs=1e-4) == row[black.DELTA]
    assert pytest.approx(18.4149, abs=2e-4) == price(*terms, EUROPEAN, paid=paid)


def test_a_large_late_dividend_agrees_with_the_escrowed_model_at_the_scaled_vol():
    today = ql.Date(27, 2, 2018)
    ql.Settings.instance().evaluationDate = today
    clock, expiry, ex_date = (
        ql.Actual360(),
        today + ql.Period(12, ql.Months),
        today + ql.Period(10, ql.Months),
    )
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(100.0)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, 0.08, clock)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, 0.04, clock)),
        ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), 0.3 * 100.0 / 90.0, clock)
        ),
    )
    option = ql.VanillaOption(
        ql.PlainVanillaPayoff(ql.Option.Call, 100.0), ql.AmericanExercise(today, expiry)
    )
    escrowed, scheme = ql.FdBlackScholesVanillaEngine.Escrowed, ql.FdmSchemeDesc.Douglas()
    dividends = ql.DividendVector([ex_date], [10.0])
    option.setPricingEngine(
        ql.FdBlackScholesVanillaEngine(process, dividends, 100, 400, 0, scheme, False, -1.0, escrowed)
    )
    paid = ((clock.yearFraction(today, ex_date),), (10.0,))
    row = value(100.0, 100.0, clock.yearFraction(today, expiry), 0.3, 0.04, 0.08, CALL, AMERICAN, paid=paid)

    assert pytest.approx(option.NPV(), abs=0.01) == row[black.PRICE]
    assert pytest.approx(option.delta(), abs=0.01) == row[black.DELTA]


def quantlib_values(spot, strike, years, vol, rate, dividend_yield, sign, style, paid, days, size):
    """Price, delta and gamma on a clock of `days` days to expiry, so that any ex-date is a whole day."""
    today, clock = ql.Date(2, 1, 2024), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    scale = years / (days / 365.0)
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, dividend_yield * scale, clock)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate * scale, clock)),
        ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), vol * math.sqrt(scale), clock)
        ),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
    last = today + days
    exercise = ql.AmericanExercise(today, last) if style == AMERICAN else ql.EuropeanExercise(last)
    option = ql.VanillaOption(payoff, exercise)
    dates = [today + round(time / years * days) for time in paid[0]]
    dividends = ql.DividendVector(dates, [float(amount) for amount in paid[1]])
    scheme, spot_model = ql.FdmSchemeDesc.CrankNicolson(), ql.FdBlackScholesVanillaEngine.Spot
    option.setPricingEngine(
        ql.FdBlackScholesVanillaEngine(process, dividends, *size, 2, scheme, False, -1.0, spot_model)
    )
    return np.array([option.NPV(), option.delta(), option.gamma()])


def draw_case(random):
    """One option, its ex-dates on whole parts of its life, hours after now and before expiry among them."""
    years = math.exp(random.uniform(math.log(7 / 365), math.log(3.0)))
    vol = math.exp(random.uniform(math.log(0.05), math.log(1.5)))
    rate, dividend_yield = random.uniform(-0.02, 0.15, 2)
    spread = random.uniform(math.log(0.3), math.log(3.0)) if random.random() < 0.3 else random.normal() * vol
    strike = 100.0 * math.exp(min(max(spread * min(1.0, math.sqrt(years)), -1.2), 1.1))
    days = max(400, round(years * 365 * random.choice([1, 8])))
    inside = np.sort(random.choice(np.arange(1, days), random.integers(0, 5), replace=False))
    if inside.size and random.random() < 0.3:
        inside[0] = 1
    if inside.size and random.random() < 0.3:
        inside[-1] = days - 1
    inside = np.unique(inside)
    amounts = 100.0 * random.uniform(0.0, random.choice([0.02, 0.1]), inside.size)
    terms = (100.0, strike, years, vol, rate, dividend_yield * random.choice([0.0, 1.0]))
    style = AMERICAN if random.random() < 0.75 else EUROPEAN
    return (*terms, random.choice([CALL, PUT]), style), (inside * years / days, amounts), days


def test_prices_are_those_of_quantlibs_grid_over_a_wide_range():
    random = np.random.default_rng(2024)
    errors = {FAST: [], ACCURATE: []}
    for _ in range(60):
        terms, paid, days = draw_case(random)
        fine = quantlib_values(*terms, paid, days, (600, 1200))[0]
        rough = quantlib_values(*terms, paid, days, (300, 600))[0]
        best = fine + (fine - rough) / 3.0
        for size, found in errors.items():
            unsure = abs(fine - rough)
            found.append(max(abs(price(*terms, paid=paid, size=size) - best) - unsure, 0.0) / max(best, 1.0))

    assert max(errors[ACCURATE]) < 5e-4
    assert np.quantile(errors[FAST], 0.98) < 1e-3
    assert max(errors[FAST]) < 3e-3


@pytest.mark.parametrize(("strike", "sign"), [(80.0, CALL), (100.0, CALL), (100.0, PUT), (115.0, PUT)])
def test_delta_and_gamma_are_those_of_quantlibs_grid(strike, sign):
    terms = (100.0, strike, 0.7, 0.25, 0.04, 0.01, sign, AMERICAN)
    paid = (np.array([35, 147, 238]) / 365, (1.0, 1.5, 1.0))
    expected = quantlib_values(*terms[:2], 250 / 365, *terms[3:], paid, 250, (600, 1200))
    row = value(*terms[:2], 250 / 365, *terms[3:], paid=paid)

    assert pytest.approx(expected[0], abs=1e-3) == row[black.PRICE]
    assert pytest.approx(expected[1], abs=2e-4) == row[black.DELTA]
    assert pytest.approx(expected[2], abs=1e-4) == row[black.GAMMA]


@pytest.mark.parametrize("style", [AMERICAN, EUROPEAN])
@pytest.mark.parametrize("sign", [CALL, PUT])
@pytest.mark.parametrize("strike", [70.0, 100.0, 125.0])
def test_prices_are_those_of_the_naive_tree(strike, sign, style):
    terms = (100.0, strike, 1.0, 0.3, 0.05, 0.01, sign)
    expected = naive.price_tree(*terms, style == AMERICAN, [(500, 3.0), (1500, 2.0)], 2000)

    assert pytest.approx(expected, abs=6e-3) == price(*terms, style, paid=((0.25, 0.75), (3.0, 2.0)))


def test_without_dividends_a_european_is_blacks():
    strike, vol = np.array([60.0, 90.0, 100.0, 130.0]), np.array([0.1, 0.2, 0.4, 0.8])
    terms = (100.0, strike, 0.6, vol, 0.03, 0.01, [CALL, PUT, CALL, PUT])
    ours = value_cash_dividends(*arguments(*terms, EUROPEAN), *ACCURATE)
    forward, discount = 100.0 * math.exp(0.02 * 0.6), math.exp(-0.03 * 0.6)
    blacks = value_european(
        *columns(100.0, forward, strike, 0.6, vol, discount, terms[6]), np.zeros(4, dtype=bool)
    )

    tolerance = [1e-4, 1e-5, 1e-6, 0.01, 1e-3, 2e-3, 0.01, 0.4, 1e-3, 2e-3]
    assert (abs(ours - blacks).max(axis=0) < tolerance).all()


def test_without_dividends_an_american_is_that_of_the_trees():
    strike, sign = np.array([85.0, 100.0, 115.0] * 2), np.repeat([CALL, PUT], 3)
    terms = (100.0, strike, 0.5, 0.25, 0.05, 0.04, sign)
    ours = value_cash_dividends(*arguments(*terms, AMERICAN), *ACCURATE)
    trees = value_american(*columns(*terms), 401, np.empty(0), np.empty(0))

    tolerance = [5e-4, 5e-5, 1e-5, 0.03, 2e-3, 0.2, 5e-3, 2.0, 2e-3, 0.8]  # the trees bump rates by 0.8 %
    assert (abs(ours - trees).max(axis=0) < tolerance).all()


BUMPS = {  # column: (place of the input, its bump, column that moves, sign)
    black.DELTA: (0, 0.05, black.PRICE, 1.0),
    black.GAMMA: (0, 0.05, black.DELTA, 1.0),
    black.THETA: (2, 1e-4, black.PRICE, -1.0),
    black.VEGA: (3, 0.005, black.PRICE, 1.0),
    black.RHO: (4, 0.001, black.PRICE, 1.0),
    black.DIVIDEND_RHO: (5, 0.001, black.PRICE, 1.0),
    black.VANNA: (3, 0.005, black.DELTA, 1.0),
    black.VOLGA: (3, 0.005, black.VEGA, 1.0),
    black.CHARM: (2, 1e-3, black.DELTA, -1.0),
}


@pytest.mark.parametrize("column", BUMPS)
@pytest.mark.parametrize(("strike", "sign"), [(95.0, PUT), (110.0, PUT), (90.0, CALL), (108.0, CALL)])
def test_greeks_are_the_bumps_of_a_finer_grid(column, strike, sign):
    place, bump, moved, direction = BUMPS[column]
    option = np.array([100.0, strike, 0.5, 0.25, 0.05, 0.02, sign, AMERICAN])

    def at(shift):
        later = shift if place == 2 else 0.0  # time that passes brings ex-dates nearer too
        paid = (np.array([0.15, 0.4]) + later, (1.5, 1.5))
        return value(*(option + np.eye(8)[place] * shift), paid=paid, size=(321, 120))[moved]

    expected = direction * (at(bump) - at(-bump)) / (2.0 * bump)
    found = value(*option, paid=((0.15, 0.4), (1.5, 1.5)))[column]
    scale = {black.DELTA: 5e-4, black.GAMMA: 5e-4, black.VOLGA: 2.5, black.CHARM: 0.01, black.VANNA: 0.02}
    assert pytest.approx(expected, rel=0.01, abs=scale.get(column, 0.05)) == found


strikes, lives, vols = st.floats(40.0, 250.0), st.floats(0.01, 3.0), st.floats(0.05, 1.5)
rates, signs = st.floats(-0.02, 0.12), st.sampled_from([CALL, PUT])
payments = st.lists(st.tuples(st.floats(0.0, 3.2), st.floats(0.0, 12.0)), max_size=4).map(sorted)


@given(strikes, lives, vols, rates, rates, signs, payments)
@settings(max_examples=60)
def test_early_exercise_never_costs_anything(strike, years, vol, rate, dividend_yield, sign, payments):
    paid = (tuple(time for time, _ in payments), tuple(amount for _, amount in payments))
    terms = (100.0, strike, years, vol, rate, dividend_yield, sign)
    row = value(*terms, AMERICAN, paid=paid, size=FAST)
    european = price(*terms, EUROPEAN, paid=paid, size=FAST)

    assert np.isfinite(row).all()
    assert sign * (100.0 - strike) <= row[black.PRICE]
    assert european <= row[black.PRICE] + 2e-3 * max(european, 1.0)
    assert (-1e-3 <= sign * row[black.DELTA]) & (
        sign * row[black.DELTA] <= max(1.0, math.exp(-dividend_yield * years)) + 0.02
    )
    assert row[black.PRICE] == price(*terms, AMERICAN, paid=paid, size=FAST)


@given(strikes, lives, vols, rates, rates, signs, payments, st.floats(1e-2, 1e3))
@settings(max_examples=30)
def test_prices_scale_with_the_currency(strike, years, vol, rate, dividend_yield, sign, payments, unit):
    times, amounts = tuple(t for t, _ in payments), np.array([a for _, a in payments])
    rest = (years, vol, rate, dividend_yield, sign, AMERICAN)
    one = price(100.0, strike, *rest, paid=(times, amounts), size=FAST)
    other = price(100.0 * unit, strike * unit, *rest, paid=(times, amounts * unit), size=FAST)

    assert pytest.approx(one, rel=1e-7, abs=1e-7) == other / unit


@pytest.mark.parametrize(("rate", "dividend_yield", "sign"), [(-0.01, -0.04, PUT), (-0.04, -0.01, CALL)])
def test_an_exercise_region_with_two_edges_is_found(rate, dividend_yield, sign):
    for strike in (80.0, 100.0, 120.0):
        terms = (100.0, strike, 1.5, 0.1, rate, dividend_yield, sign, AMERICAN)
        rough, fine = (quantlib_values(*terms, ((), ()), 1500, (steps, 1200))[0] for steps in (600, 1200))
        expected = 2.0 * fine - rough  # its error in time is of first order

        assert pytest.approx(expected, rel=1e-4, abs=1e-4) == price(*terms)
        assert pytest.approx(expected, rel=1e-3, abs=1e-3) == price(*terms, size=FAST)


@pytest.mark.parametrize(("vol", "tolerance"), [(0.0, 1e-5), (1e-7, 1e-5), (1e-4, 5e-3), (1e-2, 0.4)])
@pytest.mark.parametrize(("strike", "sign"), [(90.0, CALL), (110.0, CALL), (90.0, PUT), (110.0, PUT)])
def test_a_vanishing_vol_leaves_the_best_certain_exercise(vol, tolerance, strike, sign):
    dividends = [(0.2, 4.0), (0.9, 4.0)]
    row = value(100.0, strike, 1.0, vol, 0.04, 0.05, sign, AMERICAN, paid=tuple(zip(*dividends, strict=True)))

    assert np.isfinite(row).all()
    assert (
        pytest.approx(naive.certain_best(100.0, strike, 1.0, 0.04, 0.05, sign, dividends), abs=tolerance)
        == (row[black.PRICE])
    )


@pytest.mark.parametrize("vol", [0.0, 0.2, 0.9])
def test_a_dividend_above_the_spot_leaves_nothing_of_it(vol):
    paid, discount = ((0.5,), (5000.0,)), math.exp(-0.05)
    terms = (100.0, 90.0, 1.0, vol, 0.05, 0.0)

    assert pytest.approx(90.0 * discount, abs=1e-3) == price(*terms, PUT, EUROPEAN, paid=paid)
    assert pytest.approx(90.0 * math.exp(-0.025), abs=0.1) == price(*terms, PUT, AMERICAN, paid=paid)
    assert pytest.approx(0.0, abs=1e-9) == price(*terms, CALL, EUROPEAN, paid=paid)


@pytest.mark.parametrize(("spot", "delta"), [(90.0, -1.0), (110.0, 0.0), (100.0, -0.5)])
def test_at_expiry_the_put_is_intrinsic_and_a_step(spot, delta):
    row = value(spot, 100.0, 0.0, 0.3, 0.05, 0.0, PUT, AMERICAN)

    assert [max(100.0 - spot, 0.0), delta] == row[[black.PRICE, black.DELTA]].tolist()
    assert [0.0] * 8 == np.delete(row, [black.PRICE, black.DELTA]).tolist()


@pytest.mark.parametrize(("spot", "sign"), [(60.0, PUT), (300.0, CALL)])
def test_where_exercise_is_best_the_option_is_its_exercise(spot, sign):
    row = value(spot, 100.0, 0.5, 0.2, 0.05, 0.06, sign, AMERICAN)

    assert [abs(spot - 100.0), sign] == row[[black.PRICE, black.DELTA]].tolist()
    assert [0.0] * 8 == np.delete(row, [black.PRICE, black.DELTA]).tolist()


def test_only_dividends_between_now_and_expiry_count():
    terms = (100.0, 105.0, 0.5, 0.3, 0.04, 0.0, PUT, AMERICAN)
    outside = ((-0.1, 0.0, 0.3, 0.5, 0.9), (3.0, 3.0, 0.0, 3.0, 3.0))
    at_once, together = ((0.2, 0.2), (1.0, 2.0)), ((0.2,), (3.0,))

    assert value(*terms).tobytes() == value(*terms, paid=outside).tobytes()
    assert value(*terms, paid=together).tobytes() == value(*terms, paid=at_once).tobytes()


@pytest.mark.parametrize("place", range(8))
def test_one_nan_input_makes_the_row_nan_and_no_other(place):
    inputs = arguments(*([good] * 2 for good in (100.0, 95.0, 0.5, 0.2, 0.04, 0.01, PUT, AMERICAN)))
    inputs[place][0] = math.nan
    rows = value_cash_dividends(*inputs, *FAST)

    assert np.isnan(rows[0]).all()
    assert np.isfinite(rows[1]).all()


@pytest.mark.parametrize(
    "change",
    [{0: -1.0}, {1: 0.0}, {2: -0.1}, {3: -0.2}, {3: 50.0}, {6: 0.0}, {7: 0.5}, {4: 1e9}, {5: math.inf}],
)
def test_outside_the_model_there_is_no_number(change):
    option = dict(enumerate((100.0, 95.0, 0.5, 0.2, 0.04, 0.01, PUT, AMERICAN))) | change

    assert np.isnan(value(*option.values())).all()


@pytest.mark.parametrize(
    "paid", [((0.3, 0.2), (1.0, 1.0)), ((0.2,), (-1.0,)), ((0.2,), (math.nan,)), ((math.nan,), (1.0,))]
)
@pytest.mark.parametrize("vol", [0.0, 0.3])
def test_a_schedule_that_cannot_be_has_no_price(paid, vol):
    assert np.isnan(value(100.0, 95.0, 0.5, vol, 0.04, 0.0, PUT, AMERICAN, paid=paid)).all()


def test_a_schedule_outside_its_columns_has_no_price():
    inputs = list(arguments(100.0, 95.0, 0.5, 0.2, 0.04, 0.0, PUT, AMERICAN, paid=((0.2,), (1.0,))))
    for wrong in ([0, 2], [-1, 1], [1, 0], [0, 10**15]):
        inputs[10] = np.array([wrong])
        assert np.isnan(price_cash_dividends(*inputs, *FAST)).all()


def many_options(n=37):
    random = np.random.default_rng(11)
    option = (
        *random.uniform(70, 130, (2, n)),
        random.choice([0.0, 0.3, 0.7], n),
        random.uniform(0.05, 0.6, n),
    )
    option = (*option, *random.uniform(-0.02, 0.08, (2, n)), random.choice([CALL, PUT], n))
    first = random.integers(0, 3, n)
    schedule = np.stack([first, random.integers(first, 4)], axis=1)
    return [*option, random.choice([AMERICAN, EUROPEAN], n)], schedule


DIVIDENDS = (np.array([0.1, 0.25, 0.6]), np.array([1.0, 2.0, 1.5]))


def test_a_row_does_not_depend_on_its_neighbours():
    inputs, schedule = many_options()
    order = np.random.default_rng(3).permutation(schedule.shape[0])

    together = value_cash_dividends(*inputs, *DIVIDENDS, schedule, *FAST)
    shuffled = value_cash_dividends(*(column[order] for column in inputs), *DIVIDENDS, schedule[order], *FAST)
    alone = [
        value_cash_dividends(
            *(column[i : i + 1].copy() for column in inputs), *DIVIDENDS, schedule[i : i + 1], *FAST
        )
        for i in range(schedule.shape[0])
    ]

    assert together[order].tobytes() == shuffled.tobytes()
    assert together.tobytes() == np.concatenate(alone).tobytes()
    assert np.isfinite(together).all()


def test_the_short_answer_has_the_bits_of_the_long_one():
    inputs, schedule = many_options()
    short = price_cash_dividends(*inputs, *DIVIDENDS, schedule, *FAST)
    long = value_cash_dividends(*inputs, *DIVIDENDS, schedule, *FAST)

    assert (schedule.shape[0], GRID_COLUMNS) == short.shape
    assert short[:, :3].tobytes() == np.ascontiguousarray(long[:, :3]).tobytes()
    assert short[:, THETA_ON_GRID].tobytes() == np.ascontiguousarray(long[:, black.THETA]).tobytes()


def test_no_options_and_too_few_nodes_are_no_trouble():
    none = [np.empty(0)] * 8

    assert (0, GRID_COLUMNS) == price_cash_dividends(
        *none, *DIVIDENDS, np.empty((0, 2), dtype=int), *FAST
    ).shape
    assert np.isnan(price(100.0, 95.0, 0.5, 0.2, 0.04, 0.0, PUT, AMERICAN, size=(8, 10)))


PLAIN = """
import json
import numpy as np
from flatbook.kernels.dividend_grid import value_cash_dividends
from flatbook.kernels.dividend_slides import *

two = np.ones(2)
rest = (np.array([95.0, 110.0]), 0.3 * two, 0.3 * two)
carry = (-0.03 * two, np.array([0.01, -0.01]), np.array([1.0, -1.0]), two)
paid = (np.array([0.1]), np.array([1.0]), np.array([[0, 1], [0, 1]]), 17, 4)
vols = vol_nodes(0.2 * two, 0.4 * two, 3)
profiles = profile_cash_dividends(100 * two, rest[0], rest[1], vols, *carry, *paid, 0.2)
answers = [
    value_cash_dividends(100.0 * two, *rest, *carry, *paid),
    reprice_cash_dividends(100.0 * two, *rest, *carry, *paid, np.array([-0.1, 0.0]), np.array([0.0, 0.1])),
    evaluate_profiles(profiles, vols, np.array([[90.0], [115.0]]), np.array([[0.3], [0.25]])),
]
print(json.dumps([float(x) for answer in answers for x in np.ravel(answer)]))
"""


def plain_answers(disable_jit):
    command = [sys.executable, "-W", "error", "-c", PLAIN]
    environment = os.environ | {"NUMBA_DISABLE_JIT": disable_jit}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(run.stdout)


def test_interpreted_kernels_agree_with_compiled_ones():
    plain, compiled = plain_answers("1"), plain_answers("0")

    assert len(compiled) == 30
    assert pytest.approx(plain, rel=1e-8, abs=1e-8) == compiled
