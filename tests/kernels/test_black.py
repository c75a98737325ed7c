"""Black's formula against Haug's and Hull's printed numbers, 50-digit arithmetic, and its own laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.columns import columns
from tests.naive import black as naive

from flatbook.kernels import black
from flatbook.kernels.black import price_european, value_european

CALL, PUT = 1.0, -1.0

HAUG_PRICES = [  # sign, strike, spot, dividend yield, rate, years, vol, price (domain V22)
    (CALL, 65, 60, 0.0, 0.08, 0.25, 0.30, 2.1334),
    (PUT, 95, 100, 0.05, 0.10, 0.5, 0.20, 2.4648),
    (PUT, 19, 19, 0.10, 0.10, 0.75, 0.28, 1.7011),
    (CALL, 19, 19, 0.10, 0.10, 0.75, 0.28, 1.7011),
    (CALL, 1.60, 1.56, 0.08, 0.06, 0.5, 0.12, 0.0291),
    (PUT, 70, 75, 0.05, 0.10, 0.5, 0.35, 4.0870),
    (CALL, 40, 42, 0.08, 0.04, 0.75, 0.35, 5.0975),
    (CALL, 100, 90, 0.10, 0.10, 0.10, 0.15, 0.0205),
    (CALL, 100, 100, 0.10, 0.10, 0.10, 0.15, 1.8734),
    (CALL, 100, 110, 0.10, 0.10, 0.10, 0.15, 9.9413),
    (CALL, 100, 90, 0.10, 0.10, 0.10, 0.35, 0.9474),
    (CALL, 100, 100, 0.10, 0.10, 0.10, 0.35, 4.3693),
    (CALL, 100, 110, 0.10, 0.10, 0.10, 0.35, 11.1381),
    (CALL, 100, 90, 0.10, 0.10, 0.5, 0.25, 2.7026),
    (CALL, 100, 100, 0.10, 0.10, 0.5, 0.25, 6.6997),
    (CALL, 100, 110, 0.10, 0.10, 0.5, 0.25, 12.7857),
    (PUT, 100, 90, 0.10, 0.10, 0.5, 0.35, 14.4452),
    (PUT, 100, 100, 0.10, 0.10, 0.5, 0.35, 9.3679),
    (PUT, 100, 110, 0.10, 0.10, 0.5, 0.35, 5.7963),
]

HAUG_GREEKS = [  # column, sign, strike, spot, dividend yield, rate, years, vol, greek (domain V23)
    (black.DELTA, CALL, 100, 105, 0.1, 0.1, 0.5, 0.36, 0.5946),
    (black.DELTA, PUT, 100, 105, 0.1, 0.1, 0.5, 0.36, -0.3566),
    (black.GAMMA, CALL, 60, 55, 0.0, 0.1, 0.75, 0.30, 0.0278),
    (black.GAMMA, PUT, 60, 55, 0.0, 0.1, 0.75, 0.30, 0.0278),
    (black.VEGA, CALL, 60, 55, 0.0, 0.1, 0.75, 0.30, 18.9358),
    (black.THETA, PUT, 405, 430, 0.05, 0.07, 1 / 12, 0.20, -31.1924),
    (black.RHO, CALL, 75, 72, 0.0, 0.09, 1.0, 0.19, 38.7325),
    (black.DIVIDEND_RHO, PUT, 490, 500, 0.05, 0.08, 0.25, 0.15, 42.2254),
]

vols = st.floats(0.01, 2.0)
lives = st.floats(0.01, 3.0)
strikes = st.floats(50.0, 200.0)
rates = st.floats(-0.05, 0.15)
signs = st.sampled_from([CALL, PUT])


def spot_option(spot, rate, dividend_yield, strike, years, vol, sign):
    """One row of greeks for an option on a spot with a yield."""
    forward = spot * math.exp((rate - dividend_yield) * years)
    inputs = columns(spot, forward, strike, years, vol, math.exp(-rate * years), sign)
    return value_european(*inputs, np.array([False]))[0]


@pytest.mark.parametrize(("sign", "strike", "spot", "q", "r", "years", "vol", "expected"), HAUG_PRICES)
def test_prices_are_those_that_haug_prints(sign, strike, spot, q, r, years, vol, expected):
    assert pytest.approx(expected, abs=1e-4) == spot_option(spot, r, q, strike, years, vol, sign)[black.PRICE]


@pytest.mark.parametrize(
    ("column", "sign", "strike", "spot", "q", "r", "years", "vol", "expected"), HAUG_GREEKS
)
def test_greeks_are_those_that_haug_prints(column, sign, strike, spot, q, r, years, vol, expected):
    assert pytest.approx(expected, abs=1e-4) == spot_option(spot, r, q, strike, years, vol, sign)[column]


def test_elasticity_of_the_put_is_the_one_that_haug_prints():
    row = spot_option(105.0, 0.1, 0.1, 100.0, 0.5, 0.36, PUT)

    assert pytest.approx(-4.8775, abs=1e-4) == row[black.DELTA] * 105.0 / row[black.PRICE]


def test_hulls_example_has_all_its_greeks():
    row = spot_option(49.0, 0.05, 0.0, 50.0, 20 / 52, 0.2, CALL)

    expected = {
        black.PRICE: 2.4005,
        black.DELTA: 0.5216,
        black.GAMMA: 0.06554,
        black.VEGA: 12.105,
        black.THETA: -4.3053,
        black.RHO: 8.9070,
        black.VANNA: 0.13913,
        black.VOLGA: -0.22908,
        black.CHARM: -0.19676,
    }
    assert pytest.approx(list(expected.values()), rel=1e-4) == [row[column] for column in expected]


def test_a_deribit_ticker_is_reproduced():
    forward, years = 39165.86, 0.882499
    row = spot_option(forward, 0.0, 0.0, 40000.0, years, 0.6086, CALL)

    assert pytest.approx(0.2169, abs=5e-5) == row[black.PRICE] / forward
    assert pytest.approx(0.59833, abs=2e-5) == row[black.DELTA]
    assert pytest.approx(1.727e-5, rel=1e-3) == row[black.GAMMA]
    assert pytest.approx(142.30124, rel=2e-5) == row[black.VEGA] / 100.0
    assert pytest.approx(-13.4441, rel=1e-4) == row[black.THETA] / 365.0
    assert pytest.approx(131.826, rel=1e-4) == row[black.RHO] / 100.0


@given(strikes, lives, vols, rates, signs)
@settings(max_examples=100, deadline=None)
def test_the_price_is_the_textbook_line(strike, years, vol, rate, sign):
    inputs = (100.0, strike, years, vol, math.exp(-rate * years), sign)

    assert pytest.approx(naive.price(*inputs), abs=1e-11) == price_european(*columns(*inputs))[0]


@pytest.mark.parametrize("strike", [30.0, 60.0, 99.0, 100.0, 100.0001, 130.0, 400.0, 2000.0])
@pytest.mark.parametrize(("years", "vol"), [(1e-5, 0.2), (0.02, 0.4), (1.0, 0.3), (2.0, 1.5)])
def test_far_tails_keep_their_digits(strike, years, vol):
    sign = CALL if strike >= 100.0 else PUT
    expected = naive.exact_price(100.0, strike, years, vol, 0.97, sign)
    found = price_european(*columns(100.0, strike, years, vol, 0.97, sign))[0]

    assert pytest.approx(expected, rel=1e-8, abs=1e-290) == found


@given(strikes, lives, st.floats(0.0, 3.0), rates)
@settings(max_examples=100, deadline=None)
def test_call_less_put_is_the_discounted_forward_less_strike(strike, years, vol, rate):
    discount = math.exp(-rate * years)
    call, put = price_european(*columns(100.0, strike, years, vol, discount, [CALL, PUT]))

    assert pytest.approx(discount * (100.0 - strike), abs=1e-11) == call - put


@pytest.mark.parametrize("sign", [CALL, PUT])
@pytest.mark.parametrize(
    ("spot", "rate", "dividend_yield", "strike", "years", "vol"),
    [
        (100.0, 0.05, 0.02, 95.0, 0.4, 0.25),
        (100.0, -0.01, 0.03, 130.0, 1.5, 0.4),
        (4000.0, 0.04, 0.0, 3900.0, 0.01, 0.12),
    ],
)
def test_greeks_are_the_bumps_of_the_exact_price(spot, rate, dividend_yield, strike, years, vol, sign):
    expected = naive.exact_greeks(spot, rate, dividend_yield, strike, years, vol, sign)
    row = spot_option(spot, rate, dividend_yield, strike, years, vol, sign)

    found = {name: row[getattr(black, name.upper())] for name in expected}
    assert pytest.approx(expected, rel=1e-9) == found


@pytest.mark.parametrize("sign", [CALL, PUT])
def test_a_fixed_forward_stays_when_time_and_rates_move(sign):
    forward, strike, years, vol, rate = 100.0, 105.0, 0.5, 0.3, 0.04
    fixed = np.array([True])

    def at(t=years, r=rate):
        return value_european(*columns(98.0, forward, strike, t, vol, math.exp(-r * t), sign), fixed)[0]

    row, later, sooner, dearer, cheaper = (
        at(),
        at(t=years - 1e-4),
        at(t=years + 1e-4),
        at(r=rate + 1e-4),
        at(r=rate - 1e-4),
    )

    assert pytest.approx((later - sooner)[black.PRICE] / 2e-4, rel=1e-6) == row[black.THETA]
    assert pytest.approx((later - sooner)[black.DELTA] / 2e-4, rel=1e-6) == row[black.CHARM]
    assert pytest.approx((dearer - cheaper)[black.PRICE] / 2e-4, rel=1e-6) == row[black.RHO]
    assert row[black.DIVIDEND_RHO] == 0.0


def test_delta_follows_the_spot_that_the_caller_names():
    spot, forward = 50.0, 100.0
    inputs = (90.0, 0.5, 0.3, 0.98, CALL)
    row = value_european(*columns(spot, forward, *inputs), np.array([True]))[0]
    up, down = (price_european(*columns(forward * (1 + s / spot), *inputs))[0] for s in (0.01, -0.01))

    assert pytest.approx((up - down) / 0.02, rel=1e-6) == row[black.DELTA]


@pytest.mark.parametrize("zero", ["years", "vol"])
@pytest.mark.parametrize(("forward", "step"), [(110.0, 1.0), (90.0, 0.0), (100.0, 0.5)])
def test_without_time_or_vol_the_call_is_its_intrinsic_value_and_a_step(zero, forward, step):
    years, vol = (0.0, 0.3) if zero == "years" else (0.5, 0.0)
    row = value_european(*columns(forward, forward, 100.0, years, vol, 0.97, CALL), np.array([False]))[0]

    assert pytest.approx(0.97 * max(forward - 100.0, 0.0), abs=1e-13) == row[black.PRICE]
    assert pytest.approx(0.97 * step) == row[black.DELTA]
    assert [row[c] for c in (black.GAMMA, black.VEGA, black.VANNA, black.VOLGA)] == [0.0] * 4
    assert np.isfinite(row).all()


@given(
    st.floats(1e-3, 1e6),
    st.floats(1e-3, 1e6),
    st.floats(0.0, 30.0),
    st.floats(0.0, 20.0),
    st.floats(1e-3, 2.0),
    signs,
)
@settings(max_examples=300, deadline=None)
def test_wings_stay_finite_and_inside_their_bounds(forward, strike, years, vol, discount, sign):
    row = value_european(*columns(forward, forward, strike, years, vol, discount, sign), np.array([False]))[0]

    assert np.isfinite(row).all()
    assert discount * max(sign * (forward - strike), 0.0) <= row[black.PRICE]
    assert row[black.PRICE] <= discount * (forward if sign > 0 else strike) * (1 + 1e-15)
    assert 0.0 <= sign * row[black.DELTA] <= discount * (1 + 1e-15)
    assert row[black.GAMMA] >= 0.0
    assert row[black.VEGA] >= 0.0


@pytest.mark.parametrize("place", range(7))
@pytest.mark.parametrize("poison", [math.nan, math.inf, -1.5])
def test_one_bad_input_makes_the_row_nan_and_no_other(place, poison):
    inputs = columns(*([good] * 2 for good in (100.0, 101.0, 95.0, 0.5, 0.2, 0.98, 1.0)))
    inputs[place][0] = poison
    rows = value_european(*inputs, np.array([False, False]))

    assert np.isnan(rows[0]).all()
    assert np.isfinite(rows[1]).all()
    assert place == 0 or math.isnan(price_european(*inputs[1:])[0])


def test_a_row_does_not_depend_on_its_neighbours():
    random = np.random.default_rng(7)
    n = 50
    spot, strike = random.uniform(50, 150, (2, n))
    inputs = (spot, spot * 1.01, strike, random.uniform(0, 2, n), random.uniform(0, 1, n), np.full(n, 0.97))
    inputs = (*inputs, random.choice([CALL, PUT], n), np.zeros(n, dtype=bool))
    order = random.permutation(n)

    together = value_european(*inputs)
    shuffled = value_european(*(column[order] for column in inputs))

    assert together[order].tobytes() == shuffled.tobytes()
    assert together[:, black.PRICE].tobytes() == price_european(*inputs[1:7]).tobytes()
