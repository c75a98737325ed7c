"""The delta of least variance: known coefficients found again, and what real days say."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from flatbook.exposure.minimum_variance import (
    N_BUCKETS,
    call_delta,
    configured,
    estimate,
    gain,
    observe,
    step_of,
    with_minimum_variance,
)
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.instruments import Payoff, Right
from flatbook.model.measures import Measure
from flatbook.valuation.values import value
from tests.market.spx import spx_view
from tests.worlds import NOW_NS, option, share, view_by_hand

_TRUE = np.array([-0.25, 0.40, -0.45])
_STRIKES = (85.0, 90.0, 95.0, 100.0, 105.0, 110.0)


def _simulated(rng, days, noise=0.004):
    """Steps in which volatility follows spot by the true coefficients, and by a shock of the day that options share."""
    steps = []
    for day in range(days):
        d = rng.uniform(0.05, 0.95, 50)
        years = rng.uniform(0.05, 1.0, 50)
        vega_over_spot = norm.pdf(norm.ppf(d)) * np.sqrt(years)
        move = 0.01 * rng.standard_normal()
        x = (vega_over_spot / np.sqrt(years) * move)[:, None] * np.column_stack((np.ones(50), d, d**2))
        shock = noise * (rng.standard_normal() + 0.5 * rng.standard_normal(50)) * vega_over_spot
        steps.append(step_of(at_ns=day * NS_PER_DAY, call_delta_of=d, x=x, y=x @ _TRUE + shock))
    return steps


def test_known_coefficients_are_found_within_their_errors():
    """200 histories of 80 days whose options share shocks: 1.96 errors by day cover each about 95 times in 100."""
    rng = np.random.default_rng(1)
    inside = np.zeros(3)
    for _ in range(200):
        found = estimate(_simulated(rng, 80), now_ns=80 * NS_PER_DAY)
        inside += np.abs(found.coefficients - _TRUE) < 1.96 * found.standard_error
    assert (found.days, found.options) == (80, 80 * 50)

    assert (inside / 200.0 > 0.89).all(), inside / 200.0
    assert (inside / 200.0 < 0.99).all(), inside / 200.0


def test_the_gain_is_the_share_of_the_error_that_goes():
    """Against the residuals themselves; the true coefficients leave the shocks."""
    rng = np.random.default_rng(2)
    d, move = rng.uniform(0.06, 0.94, 5000), 0.02
    x = (norm.pdf(norm.ppf(d)) * move)[:, None] * np.column_stack((np.ones(5000), d, d**2))
    y = x @ _TRUE + 1e-4 * rng.standard_normal(5000)
    step = step_of(at_ns=0, call_delta_of=d, x=x, y=y)
    by_bucket, whole = gain(configured(*_TRUE), [step])

    assert whole == pytest.approx(1.0 - np.sum((y - x @ _TRUE) ** 2) / np.sum(y**2))
    middle = (d >= 0.45) & (d < 0.55)
    assert by_bucket[4] == pytest.approx(1.0 - np.sum((y - x @ _TRUE)[middle] ** 2) / np.sum(y[middle] ** 2))
    assert np.isnan(gain(configured(*_TRUE), [])[1])
    assert by_bucket.shape == (N_BUCKETS,)


def _book():
    return [
        *(
            option(f"{right.name[0]}{strike:g}D{days}", strike, days, right)
            for days in (10, 30, 120)
            for strike in _STRIKES
            for right in Right
        ),
        share(),
    ]


def _quoted(market):
    """The market with every contract quoted at its value."""
    price = value(market).price
    return replace(market, bid=price.copy(), ask=price.copy())


def _moved(market, move, coefficients):
    """A day later: spot moved, and every volatility by the quadratic."""
    values, options = value(market), np.flatnonzero(market.table.is_option)
    vol = market.vol.copy()
    d = call_delta(values, market, options)
    vol[options] += configured(*coefficients).slope(d) / np.sqrt(market.years[options]) * move
    return replace(
        market,
        now_ns=NOW_NS + NS_PER_DAY,
        spot=market.spot * (1.0 + move),
        slice_spot=market.slice_spot * (1.0 + move),
        slice_forward=market.slice_forward * (1.0 + move),
        forward=market.forward * (1.0 + move),
        years=market.years - 1.0 / 365.0,
        slice_years=market.slice_years - 1.0 / 365.0,
        vol=vol,
    )


def test_quotes_of_two_markets_tell_the_coefficients():
    """Moves of 0.1 % either way, so that gamma, which is of second order, falls out of the sum; decay is taken from the price."""
    market = _quoted(view_by_hand(_book(), spot=100.0, vols=[0.2] * 37))
    steps = []
    for number, move in enumerate((0.001, -0.001, 0.0008, -0.0008)):
        later = _quoted(_moved(market, move, _TRUE))
        step = observe("XYZ", value(market), market, value(later), later)
        steps.append(replace(step, at_ns=number))
    found = estimate(steps, now_ns=10)

    # Options of two weeks and more, of call delta 0.05 to 0.95.
    years, strikes = market.years[:36], np.array([item.strike for item in _book()[:36]])
    call = norm.cdf(np.log(100.0 / strikes) / (0.2 * np.sqrt(years)) + 0.1 * np.sqrt(years))
    assert found.options == 4 * ((years > 14.0 / 365.0) & (call > 0.05) & (call < 0.95)).sum()
    assert found.coefficients == pytest.approx(_TRUE, abs=0.02)


def test_contracts_are_found_again_by_name_and_unusable_quotes_left_out():
    """The later table has another order, and one contract less; one quote is missing."""
    market = _quoted(view_by_hand(_book(), spot=100.0, vols=[0.2] * 37))
    whole = observe("XYZ", value(market), market, value(market), replace(market, now_ns=NOW_NS + 1))
    fewer = _quoted(view_by_hand(_book()[:0:-1], spot=100.0, vols=[np.nan] + [0.2] * 35))
    status = market.status.copy()
    status[30] = 3
    some = observe(
        "XYZ", value(market), replace(market, status=status), value(fewer), replace(fewer, now_ns=NOW_NS + 1)
    )

    assert some.count.sum() == whole.count.sum() - 1
    assert some.left == pytest.approx(0.0, abs=1e-12)


def test_the_window_rolls():
    """Steps before it and after now are no part of it."""
    steps = _simulated(np.random.default_rng(3), 20)

    assert estimate(steps, now_ns=19 * NS_PER_DAY, window_days=7.0).days == 7
    assert estimate(steps, now_ns=12 * NS_PER_DAY).days == 13


@pytest.mark.parametrize(("days", "reason"), [(0, "0 days"), (3, "3 days on which spot moved, fewer than 4")])
def test_too_few_days_tell_nothing(days, reason):
    """NaN, and why."""
    found = estimate(_simulated(np.random.default_rng(4), days), now_ns=100 * NS_PER_DAY)

    assert np.isnan(found.coefficients).all()
    assert reason in found.reason


def test_deltas_all_alike_tell_no_slope():
    """One delta has no square."""
    x = np.column_stack((np.ones(5), np.full(5, 0.5), np.full(5, 0.25)))
    steps = [step_of(at_ns=n, call_delta_of=np.full(5, 0.5), x=x * n, y=x[:, 0]) for n in range(1, 9)]

    assert estimate(steps, now_ns=100).reason == "deltas are too alike to tell a slope"


def test_the_columns_are_the_formula_and_call_and_put_move_alike():
    """delta + vega / (S sqrt(T)) (a + b d + c d^2), d the call's; in shares and USD."""
    market = view_by_hand(_book(), spot=100.0, vols=[0.2] * 37, rate=0.03, dividend_yield=0.01)
    values = value(market)
    found = with_minimum_variance(
        values, market, {"XYZ": configured(*_TRUE), "OTHER": configured(1.0, 1.0, 1.0)}
    )
    greeks = found.greeks[:36]
    years = market.years[:36]
    strikes = np.array([item.strike for item in _book()[:36]])
    d1 = (np.log(100.0 / strikes) + (0.02 + 0.02) * years) / (0.2 * np.sqrt(years))
    d = np.exp(-0.01 * years) * norm.cdf(d1)
    vega = 100.0 * 100.0 * np.exp(-0.01 * years) * norm.pdf(d1) * np.sqrt(years)
    added = vega / (100.0 * np.sqrt(years)) * (_TRUE[0] + _TRUE[1] * d + _TRUE[2] * d**2)

    assert greeks[:, Measure.DELTA_MIN_VARIANCE_SHARES] - greeks[:, Measure.DELTA_SHARES] == pytest.approx(
        added
    )
    assert greeks[:, Measure.DELTA_MIN_VARIANCE_USD] == pytest.approx(
        greeks[:, Measure.DELTA_MIN_VARIANCE_SHARES] * 100.0
    )
    assert np.array_equal(found.greeks[36], values.greeks[36])
    assert np.array_equal(found.greeks[:, Measure.DELTA_SMILE_USD], values.greeks[:, Measure.DELTA_SMILE_USD])


def test_without_coefficients_it_is_the_smile_delta():
    """No entry, or NaN."""
    market = view_by_hand(_book(), spot=100.0, vols=[0.2] * 37)
    values = value(market)
    for coefficients in ({}, {"XYZ": configured(np.nan, 0.0, 0.0)}):
        greeks = with_minimum_variance(values, market, coefficients).greeks
        assert np.array_equal(greeks[:, Measure.DELTA_MIN_VARIANCE_USD], greeks[:, Measure.DELTA_SMILE_USD])


def test_a_coin_settled_call_delta_is_before_its_premium():
    """Net of the premium it would not be between 0 and 1 in the money."""
    book = [
        option("C60", 60.0, 90, Right.CALL, payoff=Payoff.INVERSE),
        option("P60", 60.0, 90, Right.PUT, payoff=Payoff.INVERSE),
    ]
    market = view_by_hand(book, spot=100.0, vols=[0.8, 0.8])
    market = replace(market, unit=market.forward.copy(), forward_fixed=np.ones(2, dtype=np.bool_))
    root = 0.8 * np.sqrt(90.0 / 365.0)

    assert call_delta(value(market), market, np.arange(2)) == pytest.approx(
        norm.cdf(np.log(100.0 / 60.0) / root + root / 2.0)
    )


@pytest.mark.market_data
def test_real_days_of_a_sell_off_have_the_signs_of_the_source():
    """Six steps of SPX in May 2019: volatility falls as spot rises at every delta, beyond two errors for low ones, as puts show it most.

    Six days cannot tell what hedging by them gains: in the sample four tenths of the squared error, and -12 % where each day is
    hedged by what the other five tell.
    """
    days = ("03", "06", "07", "08", "09", "13", "14")
    markets = [spx_view(day) for day in days]
    values = [value(market) for market in markets]
    steps = [
        observe("SPX", values[n], markets[n], values[n + 1], markets[n + 1]) for n in range(len(days) - 1)
    ]
    found = estimate(steps, now_ns=markets[-1].now_ns)
    by_bucket, whole = gain(found, steps)
    deltas = np.linspace(0.1, 0.9, 9)
    powers = np.column_stack((np.ones(9), deltas, deltas**2))
    error = np.sqrt(np.einsum("ij,jk,ik->i", powers, found.covariance, powers))

    assert found.options > 30_000
    assert (found.slope(deltas) < 0.0).all()
    assert (found.slope(deltas) < -2.0 * error)[:3].all()
    assert whole > 0.3
    assert (by_bucket > 0.2).all()
