"""The shift of every quote of a desk: what its lot takes from the best that the desk can do with its book, hedges included."""

from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace as with_terms

from flatbook.engine.measure import basis_of, measure, stand
from flatbook.exposure.factors import LEVELS, SPOT, exposure_of
from flatbook.limits.state import LimitsState
from flatbook.margin.capital import marginal_of
from flatbook.model.flow_terms import AlphaTerms, FlowShape, FlowTerms
from flatbook.model.instruments import Right
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.riskprice.desk_charges import charges_of
from flatbook.riskprice.desk_flow import desk_flow
from flatbook.riskprice.hedge_directions import in_the_underlying
from flatbook.riskprice.price import cheap_hedges, risk_price
from flatbook.riskprice.reservation import BID, OFFER
from flatbook.riskprice.riccati import Terms, value_function, value_without_flow
from flatbook.valuation.values import value
from tests.riskprice.test_riccati import world
from tests.worlds import book_of_v17, desk, option, share, view_by_hand

_COST = np.array([1e-4])


def priced(quantity=None, *, hedge_cost=_COST, limits=(), **terms):
    """The V17 chain, a book of it, and its risk price with everything that the desk said."""
    book, market = book_of_v17()
    book = book if quantity is None else np.array(quantity)
    the_desk = with_terms(desk(aversion=1e-5), **terms)
    basis = basis_of(value(market), market, the_desk, np.arange(book.size))
    held = measure(book, basis)
    marginal = marginal_of(held.capital, book, basis.capital_points, basis.capital_terms)
    expected = desk_flow(the_desk, market, basis.values)
    standing = stand(held, basis, LimitsState(limits=limits))
    price = risk_price(
        held.factors, basis.factors, basis.covariance, the_desk, basis.spot_vol, spot_hedge(hedge_cost, basis),
        expected=expected, charges=charges_of(standing, marginal, expected, the_desk),
    )  # fmt: skip
    return price, basis, held


def spot_hedge(cost, basis):
    """A hedge in the underlying itself."""
    return in_the_underlying(cost, basis.factors.e.shape[1])


def free_of_charge(the_desk):
    """No capital, no barrier."""
    return {"appetite": with_terms(the_desk.appetite, hurdle_per_year=0.0, barrier_halfway_usd=0.0)}


def least(exposure, value_of, cost):
    """What a book costs once its delta is hedged as well as it can be: E'AE and the hedge."""
    kept = exposure.copy()
    kept[SPOT] += cheap_hedges(exposure, 2.0 * value_of.curvature, in_the_underlying(cost, exposure.size))[0]
    return float(kept @ value_of.curvature @ kept) + float(cost[0] * abs(exposure - kept)[SPOT])


@pytest.mark.parametrize("delta_usd", [-2e6, -1e5, 0.0, 4e4, 3e6])
@pytest.mark.parametrize("contracts", [1.0, 25.0])
@pytest.mark.parametrize("cost", [1e-4, 2e-3, 1e-1])
def test_it_is_what_the_lot_takes_from_the_best_the_desk_can_do(delta_usd, contracts, cost):
    """Difference of the least cost of the book with and without the lot, hedged both times: exact for one underlying."""
    flow, costs = (FlowTerms(contracts=contracts),), np.array([cost])
    book, market = book_of_v17()
    share = np.flatnonzero(~market.table.is_option)
    quantity = book.copy()
    per_share = float(value(market).greeks[share[0], Measure.DELTA_USD]) if share.size else 0.0
    if share.size:
        quantity[share[0]] += round(delta_usd / per_share)
    price, basis, held = priced(quantity, hedge_cost=costs, flow=flow, **free_of_charge(desk(aversion=1e-5)))
    exposure = held.factors.known.reshape(-1)
    e = np.nan_to_num(basis.factors.e)
    before = least(exposure, price.value, costs)
    for row in np.flatnonzero(market.table.is_option):
        for side, sign in ((BID, 1.0), (OFFER, -1.0)):
            after = least(exposure + sign * contracts * e[row], price.value, costs)
            assert price.reservation.shift_usd[side, row] == pytest.approx(
                (after - before) / contracts, rel=1e-6, abs=1e-7
            )


def test_a_flat_book_is_quoted_alike_on_both_sides():
    """No inventory, no expectation: bid and offer stand as far from fair value."""
    price, _, _ = priced([0, 0, 0, 0], **free_of_charge(desk()))
    shift = price.reservation.shift_usd

    assert shift[BID] == pytest.approx(shift[OFFER])
    assert (shift[BID, :3] > 0.0).all()


def test_a_longer_book_lowers_both_quotes():
    """Long calls: we bid less and offer lower, more so the longer we are."""
    shifts = [priced([held, 0, 0, 0])[0].reservation.shift_usd[:, 0] for held in (0, 200, 400, 800)]

    assert all(later[BID] > earlier[BID] for earlier, later in pairwise(shifts))
    assert all(later[OFFER] < earlier[OFFER] for earlier, later in pairwise(shifts))


def test_a_position_leans_alike_however_it_is_split_over_equivalent_series():
    """100 contracts of one series, or 60 and 40 of two that differ in name alone."""
    calls = [option(name, 105.0, 30, Right.CALL) for name in ("A", "B")]
    market = view_by_hand([*calls, share()], spot=100.0, vols=[0.2, 0.2, np.nan])
    basis = basis_of(value(market), market, desk(aversion=1e-5), np.arange(3))
    whole, split = (
        risk_price(
            exposure_of(np.array(held), basis.factors), basis.factors, basis.covariance, basis.desk, basis.spot_vol, spot_hedge(_COST, basis),
        ).reservation.shift_usd
        for held in ([100, 0, 0], [60, 40, 0])
    )  # fmt: skip

    assert split == pytest.approx(whole, rel=1e-9)
    assert whole[:, 0] == pytest.approx(whole[:, 1])
    assert whole[BID, 0] > -whole[OFFER, 0] > 0.0


def test_a_limit_charges_only_the_side_that_adds_and_without_bound():
    """Short vega nears its limit: our offers go up, our bids stay; at the limit the price is infinite."""
    free, basis, held = priced([-200, 0, 0, 0])
    vega = abs(float(held.exposure.by_underlying[0, Measure.VEGA_USD_PER_POINT]))
    one = abs(float(basis.values.greeks[0, Measure.VEGA_USD_PER_POINT]))
    charged = []
    for room in (0.6 * vega, 0.1 * vega, 2.0 * one, 0.5 * one):
        limit = Limit(measure=LimitMeasure.VEGA_USD_PER_POINT, underlying="XYZ", limit_hard=vega + room)
        price, _, _ = priced([-200, 0, 0, 0], limits=(limit,))
        barrier = price.reservation.charges.barrier
        assert barrier[BID, 0] == 0.0
        charged.append(float(barrier[OFFER, 0]))

    assert charged[0] < charged[1] < charged[2] < charged[3] == np.inf
    assert not free.reservation.charges.barrier.any()


def test_capital_and_adverse_selection_are_charged():
    """A short option takes capital; 0.2 points of its vega is what the market knows better."""
    free, _, _ = priced(**free_of_charge(desk(aversion=1e-5)))
    price, basis, _ = priced(flow=(FlowTerms(adverse_selection_points=0.2),))
    charges = price.reservation.charges
    vega = np.abs(basis.values.greeks[:, Measure.VEGA_USD_PER_POINT])
    options = basis.market.table.is_option

    assert charges.adverse_selection[:, options] == pytest.approx(0.2 * np.stack((vega, vega))[:, options])
    assert charges.capital[OFFER, options].max() > 0.0
    assert not free.reservation.charges.capital.any()


def test_expected_flow_makes_inventory_cheaper_and_one_sided_flow_leans_before_it_comes():
    """Customers who buy only: the book will be short, so both quotes go up; flow of both sides takes the price of inventory down."""
    still, _, _ = priced([500, 0, 0, 0])
    busy, _, _ = priced([500, 0, 0, 0], flow=(FlowTerms(requests_per_day=20_000.0, decay_per_point=1.0),))
    buyers, _, _ = priced(
        [0, 0, 0, 0],
        flow=(FlowTerms(requests_per_day=20_000.0, decay_per_point=1.0, customers_buy_share=1.0),),
    )
    lean = lambda price: abs(float(price.reservation.inventory_usd[BID, 0]))  # noqa: E731

    assert lean(busy) < 0.9 * lean(still)
    assert (buyers.reservation.flow_usd[BID, :3] < 0.0).all()  # keener to buy what will be asked of us
    assert (buyers.reservation.flow_usd[OFFER, :3] > 0.0).all()


def test_an_expected_rise_of_volatility_raises_both_quotes_and_hedges_nothing():
    plain, _, _ = priced([0, 0, 0, 0])
    rising, _, _ = priced([0, 0, 0, 0], alpha=(AlphaTerms(underlying="XYZ", vol_points_per_day=0.1),))
    moved = rising.reservation.shift_usd - plain.reservation.shift_usd

    assert (moved[BID, :3] < 0.0).all()
    assert moved[OFFER, :3] == pytest.approx(-moved[BID, :3])
    assert rising.kept == pytest.approx(plain.kept)
    assert rising.price[0, LEVELS].min() < 0.0 == plain.price[0, LEVELS].max()


def test_without_flow_the_value_function_is_its_closed_form():
    """The general solution with no flow in it is aversion / 2 times the covariance over the holding time."""
    covariance, series, flow = world(3)
    none = type(flow)(
        series=flow.series[:0], side=flow.side[:0], contracts=flow.contracts[:0],
        intensity=flow.intensity.take(slice(0, 0)), cost_usd=flow.cost_usd[:0],
    )  # fmt: skip
    terms = Terms(
        aversion_per_usd=1e-3, holding_years=0.02, drift_usd_per_year=np.linspace(-1.0, 1.0, len(covariance))
    )
    solved, closed = (
        value_function(covariance, series, none, terms),
        value_without_flow(covariance, series, terms),
    )

    assert closed.curvature == pytest.approx(solved.curvature, rel=1e-9, abs=1e-15)
    assert closed.slope == pytest.approx(solved.slope, rel=1e-9, abs=1e-15)
    assert closed.own_usd == pytest.approx(solved.own_usd, rel=1e-9)


def test_requests_spread_by_vega_and_tiers_meet_one_quote():
    """Requests of all series add up to those of the underlying; the quote is for the request-weighted mean of the tiers."""
    book, market = book_of_v17()
    tiers = (
        FlowTerms(tier="fast", requests_per_day=300.0, decay_per_point=6.0, customers_buy_share=0.5),
        FlowTerms(tier="slow", requests_per_day=100.0, decay_per_point=2.0, customers_buy_share=0.5),
        FlowTerms(tier="slow", underlying="OTHER", requests_per_day=1e6),
    )
    values = value(market)
    found = desk_flow(with_terms(desk(), flow=tiers), market, values)
    vega = np.abs(values.greeks[:, Measure.VEGA_USD_PER_POINT])
    options = np.flatnonzero(market.table.is_option)

    assert found.flow.intensity.arrivals_per_year.sum() == pytest.approx(400.0 * 252.0)
    per_series = np.bincount(
        found.flow.series, weights=found.flow.intensity.arrivals_per_year, minlength=book.size
    )
    assert per_series[options] / per_series.sum() == pytest.approx(vega[options] / vega[options].sum())
    assert found.quoted[BID].decay_per_usd[options] * vega[options] == pytest.approx(5.0)
    assert found.quoted[OFFER].arrivals_per_year[options].sum() == pytest.approx(200.0 * 252.0)


def test_a_desk_that_says_nothing_quotes_its_neutral_half_spread():
    """Exponential with decay 1 / half_spread_vol_points: the best distance of a fill that costs nothing is just that."""
    _, market = book_of_v17()
    values = value(market)
    found = desk_flow(desk(), market, values)
    vega = np.abs(values.greeks[:, Measure.VEGA_USD_PER_POINT])
    options = market.table.is_option

    assert found.flow.series.size == 0
    assert 1.0 / found.quoted[BID].decay_per_usd[options] == pytest.approx(0.5 * vega[options])
    assert not found.quoted[BID].logistic.any()
    assert (
        desk_flow(
            with_terms(
                desk(), flow=(FlowTerms(shape=FlowShape.LOGISTIC, offset=-1.0, requests_per_day=1.0),)
            ),
            market,
            values,
        )
        .quoted[BID]
        .logistic[options]
        .all()
    )
