"""Inversion returns the vol that made the price, or says why it cannot."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.kernels.columns import NONE, columns
from tests.naive.implied_vol import implied_vol as naive_implied_vol

from flatbook.kernels import implied_vol as iv
from flatbook.kernels.black import price_european
from flatbook.kernels.implied_vol import implied_vol_american, implied_vol_european
from flatbook.kernels.tree import price_american

CALL, PUT = 1.0, -1.0

NORMALISED = [  # ln(F/K), total deviation, price over sqrt(FK) (domain V43), relative tolerance
    (-0.1, 0.01, 7.4744685724967554e-27, 1e-12),
    (-0.1, 0.1, 8.324939376702141e-3, 1e-14),
    (-1.0, 0.2, 1.0642389123487981e-8, 1e-14),
    (-1.0, 0.5, 4.1423587506785749e-3, 1e-14),
    (-5.0, 1.0, 4.7557763710846427e-8, 1e-14),
    (-10.0, 2.0, 6.6976559735164217e-8, 1e-14),
    (0.0, 0.001, 3.9894226377883828e-4, 1e-14),
    (-0.5, 3.0, 0.64640138673324614, 1e-14),
    (-2.0, 8.0, 0.36781785984458573, 1e-12),  # next to its bound: the price holds no more
]


def european(price, *rest, noise=0.0):
    vol, reason = implied_vol_european(*columns(price, *rest, noise))
    return vol[0], reason[0]


def american(price, *option, noise=0.0, steps=51, dividends=(NONE, NONE)):
    vol, reason = implied_vol_american(*columns(price, *option, noise), steps, *dividends)
    return vol[0], reason[0]


@pytest.mark.parametrize(("log_moneyness", "deviation", "price", "tolerance"), NORMALISED)
def test_normalised_prices_give_back_their_deviation(log_moneyness, deviation, price, tolerance):
    forward, strike = math.exp(log_moneyness / 2), math.exp(-log_moneyness / 2)
    vol, reason = european(price, forward, strike, 1.0, 1.0, CALL)

    assert reason == iv.OK
    assert pytest.approx(deviation, rel=tolerance) == vol


@given(
    st.floats(math.log(1e-3), math.log(10.0)),
    st.floats(0.003, 2.0),
    st.floats(-4.0, 4.0),
    st.sampled_from([CALL, PUT]),
)
@settings(max_examples=300, deadline=None)
def test_the_out_of_the_money_price_gives_back_its_vol(log_vol, years, deviations, sign):
    vol = math.exp(log_vol)
    assume(vol * math.sqrt(years) < 6.0)  # beyond, prices crowd against their bound
    strike = 100.0 * math.exp(sign * abs(deviations) * vol * math.sqrt(years))
    inputs = (100.0, strike, years, 0.97, sign)
    price = price_european(*columns(100.0, strike, years, vol, 0.97, sign))[0]
    found, reason = european(price, *inputs)

    assert reason == iv.OK
    assert pytest.approx(vol, rel=2e-11) == found


@given(st.floats(0.05, 1.5), st.floats(0.01, 2.0), st.floats(-2.0, 2.0), st.sampled_from([CALL, PUT]))
@settings(max_examples=100, deadline=None)
def test_either_side_of_the_money_gives_back_its_vol(vol, years, deviations, sign):
    strike = 100.0 * math.exp(deviations * vol * math.sqrt(years))
    price = price_european(*columns(100.0, strike, years, vol, 0.97, sign))[0]
    found, reason = european(price, 100.0, strike, years, 0.97, sign)

    assert reason == iv.OK
    assert pytest.approx(vol, rel=1e-9) == found


def test_inversion_agrees_with_halving_an_interval():
    inputs = (3.21, 100.0, 108.0, 0.7, 0.96, CALL)

    assert pytest.approx(naive_implied_vol(*inputs), rel=1e-13) == european(*inputs)[0]


@pytest.mark.parametrize(
    ("price", "noise", "expected"),
    [
        (9.0, 0.01, iv.BELOW_INTRINSIC),
        (10.0 - 0.004, 0.01, iv.NO_TIME_VALUE),
        (10.0, 0.0, iv.NO_TIME_VALUE),
        (10.0 + 0.004, 0.01, iv.NO_TIME_VALUE),
        (10.0 + 0.006, 0.01, iv.OK),
        (110.0, 0.01, iv.ABOVE_BOUND),
        (math.nan, 0.01, iv.NOT_FINITE),
        (math.inf, 0.01, iv.NOT_FINITE),
        (12.0, math.nan, iv.NOT_FINITE),
    ],
)
def test_a_price_without_a_vol_has_a_reason(price, noise, expected):
    for invert in (
        european(price, 110.0, 100.0, 0.25, 1.0, CALL, noise=noise),
        american(price, 110.0, 100.0, 0.25, 0.0, 0.0, CALL, noise=noise),
    ):
        vol, reason = invert
        assert expected == reason
        assert math.isfinite(vol) == (expected == iv.OK)


def test_an_expired_option_has_no_vol():
    assert european(3.0, 100.0, 100.0, 0.0, 1.0, CALL)[1] == iv.EXPIRED
    assert american(3.0, 100.0, 100.0, 0.0, 0.0, 0.0, CALL)[1] == iv.EXPIRED


@pytest.mark.parametrize("place", range(1, 6))
def test_a_nan_input_is_no_vol_and_leaves_its_neighbour_alone(place):
    inputs = columns(*([good] * 2 for good in (3.0, 100.0, 105.0, 0.5, 0.98, 1.0, 0.0)))
    inputs[place][0] = math.nan
    vol, reason = implied_vol_european(*inputs)

    assert reason.tolist() == [iv.NOT_FINITE, iv.OK]
    assert np.isnan(vol).tolist() == [True, False]


QUARTERLY = (np.array([0.1, 0.35, 0.6, 0.85]), np.array([0.5, 0.5, 0.5, 0.5]))


@given(
    st.floats(0.08, 1.0),
    st.floats(0.05, 1.5),
    st.floats(-1.5, 1.5),
    st.floats(0.0, 0.06),
    st.floats(0.0, 0.05),
    st.sampled_from([CALL, PUT]),
    st.sampled_from([(NONE, NONE), QUARTERLY]),
)
@settings(max_examples=100, deadline=None)
def test_the_american_price_gives_back_a_vol_that_makes_it(
    vol, years, deviations, rate, dividend_yield, sign, dividends
):
    strike = 100.0 * math.exp(sign * deviations * vol * math.sqrt(years))
    option = (100.0, strike, years, rate, dividend_yield, sign)
    price = price_american(*columns(*option[:3], vol, *option[3:]), 51, *dividends)[0]
    found, reason = american(price, *option, noise=0.02, dividends=dividends)

    assume(reason != iv.NO_TIME_VALUE)  # held to within half a tick of exercise
    assert reason == iv.OK
    again = price_american(*columns(*option[:3], found, *option[3:]), 51, *dividends)[0]
    assert pytest.approx(price, abs=1e-5) == again


def test_american_puts_beyond_the_exercise_boundary_are_flagged():
    vol, reason = american(30.0, 70.0, 100.0, 0.5, 0.05, 0.0, PUT, noise=0.01)

    assert (reason, math.isnan(vol)) == (iv.NO_TIME_VALUE, True)


def test_american_puts_above_their_strike_are_flagged():
    assert american(100.5, 70.0, 100.0, 0.5, 0.05, 0.0, PUT)[1] == iv.ABOVE_BOUND


def test_an_american_call_without_dividends_has_the_european_vol():
    rate, years = 0.04, 0.5
    price = 6.5
    forward, discount = 100.0 * math.exp(rate * years), math.exp(-rate * years)

    expected = european(price, forward, 102.0, years, discount, CALL)[0]
    assert pytest.approx(expected, rel=1e-12) == american(price, 100.0, 102.0, years, rate, 0.0, CALL)[0]
