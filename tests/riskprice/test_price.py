"""The risk price: the slope of the book's cost of risk, capped by what hedging costs, and read by every series."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.engine.measure import basis_of
from flatbook.exposure.factors import GAMMA, LEVELS, SPOT, FactorExposure, exposure_of
from flatbook.exposure.reference_vol import reference_vols
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Right
from flatbook.model.measures import Measure
from flatbook.riskprice.hedge_directions import HedgeDirections, directions_of, in_the_underlying
from flatbook.riskprice.price import cheap_hedges, risk_price
from flatbook.valuation.values import value
from tests.worlds import book_of_v17, desk, option, share, view_by_hand

_INF = np.array([np.inf])


def priced(quantity=None, *, hedge_cost=_INF, aversion=1e-6):
    """Risk price of the V17 book, its basis and its factor exposures."""
    book, market = book_of_v17()
    the_desk = desk(aversion=aversion)
    basis = basis_of(value(market), market, the_desk, np.arange(book.size))
    held = exposure_of(book if quantity is None else np.array(quantity), basis.factors)
    price = risk_price(
        held, basis.factors, basis.covariance, the_desk, basis.spot_vol, spot_hedge(hedge_cost, basis)
    )
    return price, basis, held.known


def spot_hedge(cost, basis):
    """A hedge in the underlying itself."""
    return in_the_underlying(cost, basis.factors.e.shape[1])


def test_gamma_variance_is_that_of_stoikov_and_saglam():
    """Theorem 4 (domain reference 4.3): half Gamma^2 S^4 sigma^4 tau^2."""
    price, basis, held = priced()
    book, _ = book_of_v17()
    gamma_usd = float(book @ basis.values.greeks[:, Measure.GAMMA_USD_PER_PCT])
    gamma = gamma_usd * 100.0 / 100.0**2  # shares per USD at S = 100
    sigma, tau = float(price.spot_vol[0]), 1.0 / 365.0

    assert (price.deviation[0, GAMMA] * held[0, GAMMA]) ** 2 == pytest.approx(
        0.5 * gamma**2 * 100.0**4 * sigma**4 * tau**2
    )


def test_the_price_is_the_slope_of_the_cost_of_risk():
    """g = dc/dE with c = aversion / 2 times the variance of the factor model, where nothing can be hedged."""
    price, basis, held = priced()
    flat, matrix = held.reshape(-1), basis.covariance.matrix
    cost = lambda e: 0.5e-6 * float(e @ matrix @ e)  # noqa: E731
    for kind in (SPOT, GAMMA, *range(LEVELS.start, LEVELS.stop)):
        bump = np.zeros(flat.size)
        bump[kind] = 1e-3 * max(abs(flat[kind]), 1.0)
        slope = (cost(flat + bump) - cost(flat - bump)) / (2.0 * bump[kind])
        assert price.price[0, kind] == pytest.approx(slope, rel=1e-6, abs=1e-12)


def test_the_marginal_cost_of_a_series_is_price_times_exposure():
    """Nothing but the factor exposures tells it, jumps and rates among them; here no surface tells a skew."""
    price, basis, _ = priced()
    known = np.isfinite(basis.factors.e).all(axis=0)

    assert price.marginal_usd == pytest.approx(basis.factors.e[:, known] @ price.price[0, known])
    assert (price.price[0, LEVELS] != 0.0).all()


def test_a_series_without_a_value_has_no_price():
    _, basis, held = priced()
    e = basis.factors.e.copy()
    e[1] = np.nan
    book = FactorExposure(known=held, unvalued=np.zeros_like(held), reasons={})
    of = replace(basis.factors, e=e)
    price = risk_price(book, of, basis.covariance, basis.desk, basis.spot_vol, spot_hedge(_INF, basis))

    assert np.isnan(price.marginal_usd).tolist() == [False, True, False, False]
    assert np.isnan(price.own_usd).tolist() == [False, True, False, False]


def test_delta_costs_no_more_than_trading_it_away():
    """One basis point of notional; the volatility that moves with spot is then priced of the hedged book."""
    free, basis, held = priced(aversion=1e-3)
    capped, _, _ = priced(aversion=1e-3, hedge_cost=np.array([1e-4]))

    assert abs(free.price[0, SPOT]) > 1e-4
    assert capped.price[0, SPOT] == pytest.approx(np.sign(free.price[0, SPOT]) * 1e-4)
    kept = held.reshape(-1).copy()
    matrix = basis.covariance.matrix
    kept[SPOT] -= (free.price[0, SPOT] - capped.price[0, SPOT]) / (1e-3 * matrix[SPOT, SPOT])
    assert capped.price[0] == pytest.approx(1e-3 * matrix @ kept)


def test_what_hedging_takes_from_a_contract_costs_nothing_of_its_own():
    """A contract alone is as risky as its variance; with a hedge, as what spot leaves of it."""
    free, basis, _ = priced()
    hedged, _, _ = priced(hedge_cost=np.array([1e-4]))
    matrix, e = basis.covariance.matrix, np.nan_to_num(basis.factors.e[0])
    spot = matrix[SPOT]
    whole = 0.5e-6 * float(e @ matrix @ e)

    assert free.own_usd[0] == pytest.approx(whole)
    assert hedged.own_usd[0] == pytest.approx(whole - 0.5e-6 * float(spot @ e) ** 2 / spot[SPOT])


def test_a_flat_book_has_no_price_but_every_contract_its_own_curvature():
    """Nothing held, nothing to lean by."""
    price, _, _ = priced([0, 0, 0, 0])

    assert np.all(price.price == 0.0)
    assert np.all(price.own_usd[:3] > 0.0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), underlyings=st.integers(1, 4), each=st.integers(1, 3))
def test_no_other_hedges_are_cheaper(seed, underlyings, each):
    """Risk plus cost at the trades found, against other trades of the same hedges, some of them with a basis."""
    random = np.random.default_rng(seed)
    kinds = 4
    root = random.normal(size=(kinds * underlyings, kinds * underlyings))
    matrix, book = root @ root.T, random.normal(size=kinds * underlyings) * 10.0
    e = np.zeros((each * underlyings, kinds))
    e[:, 0], e[:, 3] = 1.0, random.choice([0.0, 0.3, 1.0], each * underlyings)
    hedges = HedgeDirections(
        underlying=np.repeat(np.arange(underlyings), each),
        e=e,
        cost=np.sort(random.uniform(0.0, 20.0, (underlyings, each)), axis=1).reshape(-1),
        most_bought=random.choice([0.0, 2.0, np.inf], e.shape[0]),
        most_sold=random.choice([0.0, 2.0, np.inf], e.shape[0]),
    )
    wide = np.zeros((e.shape[0], book.size))
    for j, u in enumerate(hedges.underlying):
        wide[j, u * kinds : (u + 1) * kinds] = e[j]
    traded = cheap_hedges(book, matrix, hedges)

    def total(trades):
        left = book + trades @ wide
        return 0.5 * left @ matrix @ left + hedges.cost @ np.abs(trades)

    for _ in range(50):
        other = traded + random.normal(size=traded.size) * random.choice([1e-3, 0.1, 3.0])
        other = np.clip(other, -hedges.most_sold, hedges.most_bought)
        assert total(traded) <= total(other) + 1e-9 * abs(total(traded))


@pytest.mark.parametrize("correlation", [0.999, 0.9, 0.3])
def test_a_proxy_takes_only_the_risk_that_it_is_correlated_with(correlation):
    """A free ETF: what is left is the best hedge with its basis in it, and the price is the slope of that."""
    instruments = (option("C", 100.0, 30, Right.CALL), share("ETF", underlying="XYZ"))
    market = view_by_hand(instruments, spot=100.0, vols=[0.2, np.nan])
    terms = HedgeTerms(instrument=instruments[1], spread=0.0, fee_per_contract=0.0, correlation=correlation)
    the_desk = desk(hedges=(terms,))
    basis = basis_of(value(market), market, the_desk, np.arange(2))
    held = exposure_of(np.array([1000, 0]), basis.factors)
    hedges = directions_of(the_desk, market.table, basis.values, basis.factors, np.array([1000, 0]))
    price = risk_price(held, basis.factors, basis.covariance, the_desk, basis.spot_vol, hedges)
    matrix, exposure = np.nan_to_num(basis.covariance.matrix), held.known.reshape(-1)
    proxy = np.nan_to_num(basis.factors.e[1])
    best = exposure - proxy * float(proxy @ matrix @ exposure) / float(proxy @ matrix @ proxy)

    assert price.price[0, SPOT] == pytest.approx(1e-6 * float(matrix[SPOT] @ best))
    assert price.marginal_usd[0] == pytest.approx(
        1e-6 * float(np.nan_to_num(basis.factors.e[0]) @ matrix @ best)
    )
    assert price.price[0, SPOT] > 0.0


def test_the_reference_volatility_is_thirty_days():
    """Linear in total variance between expiries."""
    _, market = book_of_v17()

    assert reference_vols(market)[0] == pytest.approx(market.slice_atm_vol[0])


def test_what_may_not_be_sold_hedges_nothing():
    """Long calls and a share that nobody located: spot is priced as without a hedge; with a locate as with one."""
    instruments = (option("C", 100.0, 30, Right.CALL), share("XYZ", underlying="XYZ"))
    market = view_by_hand(instruments, spot=100.0, vols=[0.2, np.nan])

    def spot_price(located):
        hedges = (
            (HedgeTerms(instrument=instruments[1], spread=0.01, locate_contracts=located),)
            if located is not None
            else ()
        )
        the_desk = desk(hedges=hedges, aversion=1e-4)
        basis = basis_of(value(market), market, the_desk, np.arange(2))
        book = np.array([400, 0])
        directions = directions_of(the_desk, market.table, basis.values, basis.factors, book)
        price = risk_price(
            exposure_of(book, basis.factors),
            basis.factors,
            basis.covariance,
            the_desk,
            basis.spot_vol,
            directions,
        )
        return price.price[0, SPOT], price.reservation.shift_usd[0, 0]

    assert spot_price(0) == pytest.approx(spot_price(None))
    assert spot_price(10_000_000)[0] < 0.7 * spot_price(0)[0]
    assert spot_price(10_000_000)[0] < spot_price(10_000)[0] < spot_price(0)[0]


def test_hedges_that_are_nearly_one_are_solved_to_the_end():
    """Three proxies alike to a ten-thousandth: the slope at the solution is at most each one's cost, and it where it is traded."""
    basis_variance = 1e-4 * (1.0 / np.array([0.9999, 0.9998, 0.9995]) ** 2 - 1.0)
    matrix = 1e-6 * np.diag([1e-4, *basis_variance])
    e = np.hstack((np.ones((3, 1)), np.eye(3)))
    free = np.full(3, np.inf)
    hedges = HedgeDirections(
        underlying=np.zeros(3, dtype=np.int64), e=e, cost=np.array([1.0e-5, 1.05e-5, 1.1e-5]), most_bought=free, most_sold=free
    )  # fmt: skip
    book = np.array([5e8, 0.0, 0.0, 0.0])
    traded = cheap_hedges(book, matrix, hedges)
    slope = e @ matrix @ (book + traded @ e)

    assert (np.abs(slope) <= hedges.cost * (1.0 + 1e-5)).all()  # a billionth of each variance is added to it
    assert slope[traded != 0.0] == pytest.approx(hedges.cost[traded != 0.0], rel=1e-5)
    assert np.count_nonzero(traded) >= 2
