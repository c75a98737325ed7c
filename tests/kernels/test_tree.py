"""American options against published values, QuantLib's other methods, a naive tree, and the laws of early exercise."""

import math

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - as everywhere
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.columns import NONE, columns
from tests.naive import american as naive

from flatbook.kernels import black
from flatbook.kernels.black import price_european, value_european
from flatbook.kernels.tree import price_american, value_american

CALL, PUT = 1.0, -1.0
STEPS = 101

REFERENCES = [  # spot, strike, years, vol, rate, dividend yield, sign, price, tolerance at 101 steps
    # domain V21, zero vol and no early exercise: exact
    (100, 50, 1.0, 0.0, 0.05, 0.01, CALL, 51.44351215, 1e-8),
    (100, 120, 1.0, 0.0, 0.0, 0.05, PUT, 24.87705755, 1e-8),
    (100, 100, 1.0, 0.25, 0.05, 0.0, CALL, 12.33599893, 1e-8),
    # domain V21, QuantLib in high precision
    (100, 100, 30 / 365, 0.20, 0.05, 0.0, PUT, 2.11342863, 5e-5),
    (100, 110, 180 / 365, 0.30, 0.05, 0.0, PUT, 13.35020019, 1e-3),
    (100, 90, 1.0, 0.25, 0.05, 0.02, PUT, 4.36504005, 1e-3),
    (100, 95, 1.0, 0.25, 0.03, 0.06, CALL, 10.81748098, 1e-4),
    # the inputs of V21 and V25 where the printed numbers are approximations: QuantLib QdFp in high precision
    (100, 100, 1.0, 0.25, 0.0, 0.025, CALL, 8.86536520, 1e-3),
    (40, 35, 0.5833, 0.20, 0.0488, 0.0, PUT, 0.43279847, 2e-4),
    (40, 40, 0.0833, 0.20, 0.0488, 0.0, PUT, 0.85217082, 2e-4),
    (40, 40, 0.5833, 0.40, 0.0488, 0.0, PUT, 4.35270786, 4e-4),
    (40, 45, 0.3333, 0.30, 0.0488, 0.0, PUT, 5.70561400, 4e-4),
    (80, 100, 3.0, 0.20, 0.03, 0.07, CALL, 2.57995534, 2e-3),
    (100, 100, 3.0, 0.20, 0.03, 0.07, CALL, 9.06603177, 6e-3),
    (100, 100, 3.0, 0.30, 0.07, 0.03, CALL, 23.34840817, 2e-3),
]

vols = st.floats(0.03, 1.5)
lives = st.floats(0.01, 3.0)
strikes = st.floats(40.0, 250.0)
rates = st.floats(-0.03, 0.12)
signs = st.sampled_from([CALL, PUT])
QUARTERLY = (np.array([0.05, 0.3, 0.55, 0.8, 1.05]), np.array([0.6, 0.6, 0.7, 0.7, 0.7]))
dividends = st.sampled_from([(NONE, NONE), QUARTERLY])


def price(*option, steps=STEPS, paid=(NONE, NONE)):
    return price_american(*columns(*option), steps, *paid)[0]


def value(*option, steps=STEPS, paid=(NONE, NONE)):
    return value_american(*columns(*option), steps, *paid)[0]


@pytest.mark.parametrize(("s", "k", "t", "vol", "r", "q", "sign", "expected", "tolerance"), REFERENCES)
def test_prices_are_those_of_the_references(s, k, t, vol, r, q, sign, expected, tolerance):
    assert pytest.approx(expected, abs=tolerance) == price(s, k, t, vol, r, q, sign)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [(5, 4.4885), (30, 4.2634), (50, 4.2720), (100, 4.2781), (500, 4.2830), (2000, 4.2839)],
)
def test_the_naive_tree_is_hulls(steps, expected):
    assert pytest.approx(expected, abs=5e-5) == naive.price_crr(
        50, 50, 5 / 12, 0.4, 0.1, 0.0, PUT, steps, american=True
    )


def test_hulls_put_is_met_in_a_hundred_steps():
    assert pytest.approx(4.2839, abs=6e-4) == price(50, 50, 5 / 12, 0.4, 0.1, 0.0, PUT)


@pytest.mark.parametrize("steps", [5, 11, 31])
@pytest.mark.parametrize(("strike", "sign"), [(90.0, PUT), (110.0, PUT), (90.0, CALL), (105.0, CALL)])
def test_the_pair_of_trees_is_that_of_plain_lists(steps, strike, sign):
    option = (100.0, strike, 0.7, 0.3, 0.04, 0.05, sign)

    assert pytest.approx(naive.price_leisen_reimer(*option, steps), abs=1e-10) == price(*option, steps=steps)


def quantlib_option(strike, days, vol, rate, dividend_yield, sign):
    today = ql.Date(2, 1, 2026)
    ql.Settings.instance().evaluationDate = today
    clock = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(100.0)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, dividend_yield, clock)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate, clock)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), vol, clock)),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
    return today, process, ql.VanillaOption(payoff, ql.AmericanExercise(today, today + days))


@pytest.mark.parametrize("days", [20, 120, 500])
@pytest.mark.parametrize("vol", [0.12, 0.35])
@pytest.mark.parametrize(("rate", "dividend_yield"), [(0.045, 0.013), (0.02, 0.05)])
@pytest.mark.parametrize("sign", [CALL, PUT])
def test_prices_are_those_of_quantlibs_integral_equation(days, vol, rate, dividend_yield, sign):
    for strike in (85.0, 100.0, 115.0):
        _, process, option = quantlib_option(strike, days, vol, rate, dividend_yield, sign)
        option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.accurateScheme()))
        found = price(100.0, strike, days / 365, vol, rate, dividend_yield, sign)

        assert pytest.approx(option.NPV(), rel=3e-4, abs=1e-4) == found


def test_greeks_are_those_of_quantlibs_integral_equation():
    days, vol, rate, dividend_yield = 180, 0.25, 0.05, 0.01
    for strike, sign in ((95.0, PUT), (105.0, PUT), (95.0, CALL)):

        def at(ds=0.0, dv=0.0, dr=0.0, strike=strike, sign=sign):
            _, process, option = quantlib_option(
                strike / (1 + ds), days, vol + dv, rate + dr, dividend_yield, sign
            )
            option.setPricingEngine(
                ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.highPrecisionScheme())
            )
            return option.NPV() * (1 + ds)  # the price is homogeneous in spot and strike

        row = value(100.0, strike, days / 365, vol, rate, dividend_yield, sign)
        assert pytest.approx((at(ds=1e-3) - at(ds=-1e-3)) / 0.2, abs=1e-3) == row[black.DELTA]
        assert pytest.approx((at(ds=2e-3) - 2 * at() + at(ds=-2e-3)) / 0.04, abs=3e-4) == row[black.GAMMA]
        assert pytest.approx((at(dv=1e-3) - at(dv=-1e-3)) / 2e-3, abs=0.3) == row[black.VEGA]
        assert pytest.approx((at(dr=1e-3) - at(dr=-1e-3)) / 2e-3, abs=0.5) == row[black.RHO]


@pytest.mark.parametrize(("strike", "sign"), [(90.0, CALL), (100.0, CALL), (100.0, PUT), (110.0, PUT)])
def test_cash_dividends_are_those_of_quantlibs_escrowed_grid(strike, sign):
    days, vol, rate = 300, 0.3, 0.04
    paid_days, amounts = (30, 121, 212), (0.8, 0.8, 0.9)
    today, process, option = quantlib_option(strike, days, vol, rate, 0.0, sign)
    schedule = ql.DividendVector([today + day for day in paid_days], amounts)
    scheme, escrowed = ql.FdmSchemeDesc.CrankNicolson(), ql.FdBlackScholesVanillaEngine.Escrowed
    engine = ql.FdBlackScholesVanillaEngine(process, schedule, 400, 400, 2, scheme, False, -1.0, escrowed)
    option.setPricingEngine(engine)
    row = value(
        100.0, strike, days / 365, vol, rate, 0.0, sign, paid=(np.array(paid_days) / 365, np.array(amounts))
    )

    assert pytest.approx(option.NPV(), abs=8e-3) == row[black.PRICE]
    assert pytest.approx(option.delta(), abs=2e-3) == row[black.DELTA]
    assert pytest.approx(option.gamma(), abs=3e-4) == row[black.GAMMA]


def test_hulls_dividend_paying_european_call_is_the_base_of_the_american():
    paid = (np.array([2 / 12, 5 / 12]), np.array([0.5, 0.5]))
    star = 40.0 - sum(0.5 * math.exp(-0.09 * t) for t in paid[0])
    inputs = (star * math.exp(0.045), 40.0, 0.5, 0.3, math.exp(-0.045), CALL)
    european = price_european(*columns(*inputs))[0]

    assert pytest.approx(3.67, abs=5e-3) == european
    assert european <= price(40.0, 40.0, 0.5, 0.3, 0.09, 0.0, CALL, paid=paid) <= european + 0.15


def test_a_call_is_exercised_the_instant_before_its_dividend():
    row = value(120.0, 100.0, 30 / 365, 0.2, 0.05, 0.0, CALL, paid=(np.array([7 / 365]), np.array([2.0])))

    assert pytest.approx(120.0 - 100.0 * math.exp(-0.05 * 7 / 365), abs=1e-3) == row[black.PRICE]
    assert pytest.approx(1.0, abs=1e-4) == row[black.DELTA]


def test_quantlibs_escrowed_american_put_is_met():
    paid = (np.array([91, 182, 273]) / 365, np.ones(3))

    assert pytest.approx(10.8762, abs=4e-3) == price(100.0, 100.0, 1.0, 0.3, 0.05, 0.0, PUT, paid=paid)
    assert pytest.approx(12.4598, abs=2e-3) == price(100.0, 100.0, 1.0, 0.3, 0.05, 0.0, CALL, paid=paid)


def test_only_dividends_between_now_and_expiry_count():
    option = (100.0, 105.0, 0.5, 0.3, 0.04, 0.0, PUT)
    outside = (np.array([-0.1, 0.0, 0.5, 0.9]), np.full(4, 3.0))

    assert value(*option).tobytes() == value(*option, paid=outside).tobytes()


@given(strikes, lives, vols, rates, rates, signs, dividends)
@settings(max_examples=150, deadline=None)
def test_early_exercise_never_costs_anything(strike, years, vol, rate, dividend_yield, sign, paid):
    row = value(100.0, strike, years, vol, rate, dividend_yield, sign, steps=51, paid=paid)
    counts = paid[0] < years
    star = 100.0 - (paid[1] * np.exp(-rate * paid[0]))[counts].sum()
    forward, discount = star * math.exp((rate - dividend_yield) * years), math.exp(-rate * years)
    european = price_european(*columns(forward, strike, years, vol, discount, sign))[0]

    assert max(european, sign * (100.0 - strike)) * (1 - 1e-15) <= row[black.PRICE]
    assert row.tolist() == pytest.approx(row.tolist())  # no NaN
    assert 0.0 <= sign * row[black.DELTA] <= max(1.0, math.exp(-dividend_yield * years)) * (1 + 1e-15)
    assert row[black.GAMMA] >= 0.0
    assert (
        price(100.0, strike, years, vol, rate, dividend_yield, sign, steps=51, paid=paid) == row[black.PRICE]
    )


@given(strikes, lives, vols, rates, rates)
@settings(max_examples=100, deadline=None)
def test_a_call_is_a_put_with_the_parts_exchanged(strike, years, vol, rate, dividend_yield):
    call = price(100.0, strike, years, vol, rate, dividend_yield, CALL)
    put = price(strike, 100.0, years, vol, dividend_yield, rate, PUT)

    assert pytest.approx(call, rel=1e-3, abs=0.02) == put


@given(strikes, lives, vols, st.floats(0.0, 0.1), st.floats(-0.05, 0.0))
@settings(max_examples=50, deadline=None)
def test_a_call_with_nothing_to_collect_is_european_to_the_bit(strike, years, vol, rate, dividend_yield):
    forward, discount = 100.0 * math.exp((rate - dividend_yield) * years), math.exp(-rate * years)
    european = value_european(
        *columns(100.0, forward, strike, years, vol, discount, CALL), np.array([False])
    )[0]
    row = value(100.0, strike, years, vol, rate, dividend_yield, CALL)

    assert european[black.PRICE] == row[black.PRICE]
    assert pytest.approx(european, rel=1e-9, abs=1e-9) == row


BUMPS = {  # column: (place of the input, its bump, column that moves, sign)
    black.THETA: (2, 0.02, black.PRICE, -1.0),
    black.VEGA: (3, 0.02, black.PRICE, 1.0),
    black.RHO: (4, 0.005, black.PRICE, 1.0),
    black.DIVIDEND_RHO: (5, 0.005, black.PRICE, 1.0),
    black.VANNA: (3, 0.02, black.DELTA, 1.0),
    black.VOLGA: (3, 0.02, black.VEGA, 1.0),
    black.CHARM: (2, 0.02, black.DELTA, -1.0),
}


@pytest.mark.parametrize("column", BUMPS)
@pytest.mark.parametrize("paid", [(NONE, NONE), QUARTERLY])
@pytest.mark.parametrize(("strike", "sign"), [(95.0, PUT), (105.0, PUT), (95.0, CALL), (108.0, CALL)])
def test_greeks_are_the_bumps_of_a_finer_tree(column, paid, strike, sign):
    place, bump, moved, direction = BUMPS[column]
    option = np.array([100.0, strike, 0.5, 0.25, 0.05, 0.04, sign])

    def at(shift):
        later = shift if place == 2 else 0.0  # time that passes brings dividends nearer too
        bumped = option + np.eye(7)[place] * shift
        return value(*bumped, steps=401, paid=(paid[0] + later * (paid[0] > 0), paid[1]))[moved]

    expected = direction * (at(bump) - at(-bump)) / (2.0 * bump)
    scale = {black.VANNA: 0.05, black.VOLGA: 6.0, black.CHARM: 0.03}.get(column, 0.3)
    assert pytest.approx(expected, rel=0.01, abs=scale) == value(*option, paid=paid)[column]


@pytest.mark.parametrize(("spot", "expected"), [(84.0, 138.75), (86.0, 104.35), (88.0, 74.87)])
def test_volga_near_the_boundary_is_that_of_quantlibs_integral_equation(spot, expected):
    volga = value(spot, 100.0, 182 / 365, 0.25, 0.05, 0.0, PUT)[black.VOLGA]  # a third of it for the European

    assert pytest.approx(expected, abs=10.0) == volga


def test_gamma_is_smooth_enough_to_trade_on():
    spots = np.linspace(90.0, 120.0, 61)
    gamma = value_american(*columns(spots, 100.0, 0.5, 0.25, 0.05, 0.0, PUT), STEPS, NONE, NONE)[
        :, black.GAMMA
    ]
    finer = value_american(*columns(spots, 100.0, 0.5, 0.25, 0.05, 0.0, PUT), 801, NONE, NONE)[:, black.GAMMA]

    assert pytest.approx(finer, rel=0.02) == gamma


@pytest.mark.parametrize(("spot", "sign"), [(60.0, PUT), (30.0, PUT), (300.0, CALL)])
def test_beyond_the_boundary_the_option_is_its_exercise(spot, sign):
    row = value(spot, 100.0, 0.5, 0.2, 0.05, 0.06, sign)

    assert [abs(spot - 100.0), sign] == [row[black.PRICE], row[black.DELTA]]
    assert [row[c] for c in range(black.COLUMNS) if c not in (black.PRICE, black.DELTA)] == [0.0] * 8


@pytest.mark.parametrize(("spot", "delta"), [(90.0, -1.0), (110.0, 0.0), (100.0, -0.5)])
def test_at_expiry_the_put_is_intrinsic_and_a_step(spot, delta):
    row = value(spot, 100.0, 0.0, 0.3, 0.05, 0.0, PUT)

    assert [max(100.0 - spot, 0.0), delta, 0.0] == [row[black.PRICE], row[black.DELTA], row[black.GAMMA]]


@pytest.mark.parametrize("vol", [0.0, 1e-12, 1e-8, 1e-6, 1e-4])
@pytest.mark.parametrize(
    ("strike", "sign"), [(90.0, CALL), (110.0, CALL), (90.0, PUT), (110.0, PUT), (100.0, PUT)]
)
def test_a_vanishing_vol_leaves_the_best_certain_exercise(vol, strike, sign):
    paid = (np.array([0.2]), np.array([1.0]))
    row = value(100.0, strike, 1.0, vol, 0.04, 0.01, sign, paid=paid)
    star = 100.0 - math.exp(-0.04 * 0.2)
    times = np.linspace(0.0, 1.0, 100_001)
    spot = star * np.exp(0.03 * times) + np.where(times <= 0.2, np.exp(-0.04 * (0.2 - times)), 0.0)
    best = max(0.0, (np.exp(-0.04 * times) * sign * (spot - strike)).max())

    assert np.isfinite(row).all()
    assert pytest.approx(best, abs=2e-3 + 50.0 * vol) == row[black.PRICE]


@given(
    st.floats(1e-2, 1e5), st.floats(1e-2, 1e5), st.floats(0.0, 5.0), st.floats(0.0, 5.0), rates, rates, signs
)
@settings(max_examples=200, deadline=None)
def test_wings_stay_finite_and_inside_their_bounds(spot, strike, years, vol, rate, dividend_yield, sign):
    row = value(spot, strike, years, vol, rate, dividend_yield, sign, steps=25)
    grows = max(-dividend_yield if sign > 0 else -rate, 0.0) * years

    assert np.isfinite(row).all()
    assert max(sign * (spot - strike), 0.0) <= row[black.PRICE]
    assert row[black.PRICE] <= (spot if sign > 0 else strike) * math.exp(grows) * 1.001
    assert 0.0 <= sign * row[black.DELTA] <= max(1.0, math.exp(-dividend_yield * years)) * (1 + 1e-15)


@pytest.mark.parametrize("place", range(7))
def test_one_nan_input_makes_the_row_nan_and_no_other(place):
    inputs = columns(*([good] * 2 for good in (100.0, 95.0, 0.5, 0.2, 0.04, 0.01, -1.0)))
    inputs[place][0] = math.nan
    rows = value_american(*inputs, STEPS, NONE, NONE)

    assert np.isnan(rows[0]).all()
    assert np.isfinite(rows[1]).all()
    assert np.isnan(price_american(*inputs, STEPS, NONE, NONE)).tolist() == [True, False]


@pytest.mark.parametrize(
    "change", [{"spot": -1.0}, {"strike": 0.0}, {"years": -0.1}, {"vol": -0.2}, {"sign": 0.0}, {"rate": 1e9}]
)
def test_outside_the_model_there_is_no_number(change):
    option = {
        "spot": 100.0,
        "strike": 95.0,
        "years": 0.5,
        "vol": 0.2,
        "rate": 0.04,
        "q": 0.01,
        "sign": PUT,
    } | change

    assert np.isnan(value(*option.values())).all()


def test_dividends_worth_more_than_the_spot_leave_the_model():
    assert np.isnan(
        value(100.0, 95.0, 0.5, 0.2, 0.0, 0.0, PUT, paid=(np.array([0.2]), np.array([101.0])))
    ).all()


def test_a_row_does_not_depend_on_its_neighbours():
    random = np.random.default_rng(11)
    n = 20
    inputs = (*random.uniform(70, 130, (2, n)), random.uniform(0, 1.2, n), random.uniform(0, 0.6, n))
    inputs = (
        *inputs,
        random.uniform(0, 0.06, (n)),
        random.uniform(0, 0.03, n),
        random.choice([CALL, PUT], n),
    )
    order = random.permutation(n)

    together = value_american(*inputs, 51, *QUARTERLY)
    shuffled = value_american(*(column[order] for column in inputs), 51, *QUARTERLY)

    assert together[order].tobytes() == shuffled.tobytes()
