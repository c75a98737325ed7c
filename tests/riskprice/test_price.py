"""The risk price against the published residual variance, and its cap by what hedging costs."""

import numpy as np
import pytest

from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.reference_vol import reference_vols
from flatbook.model.measures import Measure
from flatbook.riskprice.price import FACTORS, risk_price
from flatbook.valuation.values import value
from tests.worlds import book_of_v17, desk

_INF = np.array([np.inf])


def priced(quantity=None, *, hedge_cost=_INF, aversion=1e-6):
    """Risk price of the V17 book."""
    book, market = book_of_v17()
    values = value(market)
    the_desk = desk(aversion=aversion)
    exposure = aggregate(book if quantity is None else np.array(quantity), values, market, the_desk)
    return risk_price(exposure, values, market, the_desk, hedge_cost), exposure, values


def test_gamma_variance_is_that_of_stoikov_and_saglam():
    """Theorem 4 (domain reference 4.3): half Gamma^2 S^4 sigma^4 tau^2."""
    price, exposure, _ = priced()
    gamma_usd = exposure.desk[Measure.GAMMA_USD_PER_PCT]
    gamma = gamma_usd * 100.0 / 100.0**2  # shares per USD at S = 100
    sigma, tau = float(price.spot_vol[0]), 1.0 / 365.0

    assert price.variance[0, 2] * gamma_usd**2 == pytest.approx(0.5 * gamma**2 * 100.0**4 * sigma**4 * tau**2)


def test_the_price_is_the_slope_of_the_cost_of_risk():
    """g = dc/dE with c = aversion / 2 times variance, factor by factor."""
    price, exposure, _ = priced()
    held = exposure.by_underlying[0, list(FACTORS)]
    cost = lambda e: 0.5e-6 * float((price.variance[0] * e**2).sum())  # noqa: E731
    for factor in range(3):
        bump = np.zeros(3)
        bump[factor] = 1e-3 * max(abs(held[factor]), 1.0)
        slope = (cost(held + bump) - cost(held - bump)) / (2.0 * bump[factor])
        assert price.price[0, factor] == pytest.approx(slope, rel=1e-9)


def test_the_marginal_cost_of_a_series_is_price_times_exposure():
    """A short book pays for more of what it is short, and is paid for less."""
    price, _, values = priced()
    expected = values.greeks[:, list(FACTORS)] @ price.price[0]

    assert price.marginal_usd == pytest.approx(expected)


def test_delta_costs_no_more_than_trading_it_away():
    """One basis point of notional."""
    free, _, _ = priced(aversion=1e-3)
    capped, _, _ = priced(aversion=1e-3, hedge_cost=np.array([1e-4]))

    assert abs(free.price[0, 0]) > 1e-4
    assert capped.price[0, 0] == pytest.approx(np.sign(free.price[0, 0]) * 1e-4)


def test_a_flat_book_has_no_price_but_every_contract_its_own_curvature():
    """Nothing held, nothing to lean by."""
    price, _, _ = priced([0, 0, 0, 0])

    assert np.all(price.price == 0.0)
    assert np.all(price.own_usd[:3] > 0.0)


def test_the_reference_volatility_is_thirty_days():
    """Linear in total variance between expiries."""
    _, market = book_of_v17()

    assert reference_vols(market)[0] == pytest.approx(market.slice_atm_vol[0])
