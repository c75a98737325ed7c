"""Desk units: published coin-settled Greeks, American options, futures and shares."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.aggregate import reach
from flatbook.model.instruments import Instrument, Kind, Payoff, Right, Style, TickBand
from flatbook.model.measures import Measure
from flatbook.valuation.revalue import revalue
from flatbook.valuation.values import value
from tests.worlds import option, share, view_by_hand

_F, _IV, _YEARS = 39_165.86, 0.6086, 0.882499
_ZERO = np.zeros(1)


def coin_view(instruments, *, vol=_IV, spot=_F):
    """A view on coin-settled contracts whose future stands at 39,165.86."""
    n = len(instruments)
    view = view_by_hand(instruments, spot=spot, vols=[vol] * n)
    options = view.table.is_option
    return replace(
        view,
        slice_forward=np.full(len(view.table.slices), _F),
        forward=np.where(options, _F, np.nan),
        unit=np.where(options, _F, 1.0),
        forward_fixed=np.ones(n, dtype=np.bool_),
    )


def coin_option(right=Right.CALL, strike=40_000.0):
    """BTC-27SEP24-40000-C, multiplier 1 BTC."""
    return option("BTC", strike, _YEARS * 365, right, underlying="BTC", multiplier=1.0, payoff=Payoff.INVERSE)


def test_a_coin_settled_option_has_the_published_mark_and_greeks():
    """Domain reference V29: mark .216915 coin, Black delta .598321 (net of premium here), gamma 1.727e-5, vega 142.3020, theta -13.4433."""
    market = coin_view([coin_option()])
    values = value(market)
    greeks = values.greeks[0]

    assert values.price[0] == pytest.approx(0.216915, abs=5e-7)
    assert greeks[Measure.DELTA_SHARES] == pytest.approx(0.598321 - 0.216915, abs=2e-6)
    assert greeks[Measure.GAMMA_USD_PER_PCT] == pytest.approx(1.727e-5 * _F**2 / 100.0, rel=5e-4)
    assert greeks[Measure.VEGA_USD_PER_POINT] == pytest.approx(142.3020, abs=2e-3)
    assert greeks[Measure.THETA_USD_PER_DAY] == pytest.approx(-13.4433, abs=5e-4)


@settings(max_examples=30, deadline=None)
@given(strike=st.floats(25_000.0, 60_000.0), right=st.sampled_from(list(Right)), move=st.floats(-2e-4, 2e-4))
def test_a_coin_settled_slide_is_what_its_net_delta_and_gamma_say(strike, right, move):
    """Premium and payoff in coin, P&L in USD at the moved index."""
    market = coin_view([coin_option(right, strike)], spot=39_000.0)
    values = value(market)
    greeks = values.greeks[0]
    pnl = revalue(market, values, np.array([0]), np.array([move]), _ZERO)[0, 0, 0]
    expected = greeks[Measure.DELTA_USD] * move + 0.5 * greeks[Measure.GAMMA_USD_PER_PCT] * 100.0 * move**2

    assert pnl == pytest.approx(expected, abs=1e6 * abs(move) ** 3 + 1e-7)


def test_a_coin_settled_future_is_linear_in_usd_at_the_moved_index():
    """10 USD a contract: delta 10/F coins."""
    perpetual = Instrument(
        symbol="BTC-PERPETUAL", underlying="BTC", kind=Kind.FUTURE, multiplier=10.0, currency="BTC", ticks_per_unit=10,
        tick_table=(TickBand(0, 5),), payoff=Payoff.INVERSE,
    )  # fmt: skip
    market = coin_view([perpetual], vol=np.nan)
    values = value(market)

    assert values.greeks[0, Measure.DELTA_USD] == pytest.approx(10.0)
    assert values.greeks[0, Measure.DELTA_SHARES] == pytest.approx(10.0 / _F)
    assert revalue(market, values, np.array([0]), np.array([-0.5, 0.5]), _ZERO)[0, :, 0] == pytest.approx(
        [-5.0, 5.0]
    )


def test_an_american_put_is_worth_more_than_its_european_twin_and_moves_more():
    """Early exercise: S=90, K=100, r=5 %, vol 20 %, one year."""
    terms = {"strike": 100.0, "days": 365.0, "right": Right.PUT}
    market = view_by_hand(
        [option("A", **terms, style=Style.AMERICAN), option("E", **terms, option_class="XYZE")],
        spot=90.0,
        vols=[0.2, 0.2],
        rate=0.05,
    )
    values = value(market)

    assert values.price[0] > values.price[1] + 0.5
    assert values.greeks[0, Measure.DELTA_SHARES] < values.greeks[1, Measure.DELTA_SHARES] < 0.0


@settings(max_examples=10, deadline=None)
@given(strike=st.floats(80.0, 120.0), right=st.sampled_from(list(Right)), move=st.floats(-2e-3, 2e-3))
def test_an_american_slide_is_what_its_greeks_say(strike, right, move):
    """Same tree for both, so small moves agree to its own smoothness."""
    market = view_by_hand(
        [option("A", strike, 120.0, right, style=Style.AMERICAN)],
        spot=100.0,
        vols=[0.25],
        rate=0.04,
        dividend_yield=0.02,
    )
    values = value(market)
    greeks = values.greeks[0]
    pnl = revalue(market, values, np.array([0]), np.array([move]), _ZERO)[0, 0, 0]
    expected = greeks[Measure.DELTA_USD] * move + 0.5 * greeks[Measure.GAMMA_USD_PER_PCT] * 100.0 * move**2

    assert pnl == pytest.approx(expected, abs=0.02 * abs(greeks[Measure.DELTA_USD] * move) + 2.0)


def test_shares_and_etfs_carry_delta_by_beta_and_nothing_else():
    """An ETF at a tenth of the index with beta 1: its notional."""
    market = view_by_hand(
        [share("ETF", price_ratio=0.1, multiplier=1.0), share("LEV", price_ratio=0.05, beta=2.0)],
        spot=5000.0,
        vols=[np.nan] * 2,
    )
    values = value(market)

    assert values.price.tolist() == [500.0, 250.0]
    assert values.greeks[:, Measure.DELTA_USD].tolist() == [500.0, 500.0]
    assert values.greeks[:, Measure.GAMMA_USD_PER_PCT].tolist() == [0.0, 0.0]


def test_a_series_without_a_volatility_has_no_value_and_a_reason():
    """NaN in every column, and words."""
    market = view_by_hand([option("X", 100.0, 30, Right.CALL)], spot=100.0, vols=[np.nan])
    values = value(market)

    assert np.isnan(values.price[0])
    assert np.isnan(values.greeks[0]).all()
    assert "no finite value" in values.reasons[0]
    assert np.isnan(revalue(market, values, np.array([0]), np.array([0.0, 0.1]), _ZERO)).all()


def test_a_coin_settled_option_has_no_dollar_rate_risk_and_theta_ends_with_the_option():
    """The price carries no discount; an hour before expiry a day of theta does not exist."""
    hour = option(
        "H", 40_000.0, 1.0 / 24.0, Right.CALL, underlying="BTC", multiplier=1.0, payoff=Payoff.INVERSE
    )
    values = value(coin_view([coin_option(), hour]))

    assert values.greeks[:, Measure.RHO_USD_PER_BP].tolist() == [0.0, 0.0]
    assert 0.0 < -values.greeks[1, Measure.THETA_USD_PER_DAY] <= values.greeks[1, Measure.VALUE_USD]


@settings(max_examples=40, deadline=None)
@given(strike=st.floats(10_000.0, 400_000.0), right=st.sampled_from(list(Right)), move=st.floats(-0.3, 0.3))
def test_no_coin_settled_option_moves_more_than_its_worst_case(strike, right, move):
    """A deep put's premium is coin too: it moves like 1 + K/S coins."""
    market = coin_view([coin_option(right, strike)])
    values = value(market)
    most = reach(market, values, 0) * _F

    assert abs(values.greeks[0, Measure.DELTA_USD]) <= most * (1.0 + 1e-9)
    assert abs(revalue(market, values, np.array([0]), np.array([move]), _ZERO)[0, 0, 0]) <= most * abs(
        move
    ) * (1.0 + 1e-9)


@pytest.mark.parametrize(
    ("bid", "ask", "price"),
    [(11.9, 12.1, 12.0), (12.0, 12.0, 12.0), (12.1, 11.9, 10.0), (np.nan, 12.0, 10.0)],
)
def test_a_share_is_worth_its_market_or_its_ratio(bid, ask, price):
    """A crossed market, and one without two sides, tells no price: spot times the ratio does."""
    market = view_by_hand([share("ETF", price_ratio=0.1)], spot=100.0, vols=[np.nan])
    market = replace(market, bid=np.array([bid]), ask=np.array([ask]))
    assert value(market).price[0] == pytest.approx(price)
