"""Customers choose as their terms tell, and nothing that cannot be traded."""

from dataclasses import astuple, replace

import numpy as np
import pytest
from scipy import stats

from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Right
from flatbook.model.world_flow_terms import (
    ClienteleTerms,
    CustomerTerms,
    FlowOfDay,
    InformedTerms,
    PackageTerms,
    RegimeTerms,
    SeriesTerms,
    SizeShape,
    SizeTerms,
)
from flatbook.sim.chance import stream
from flatbook.sim.customers.orders import customer_orders
from flatbook.sim.customers.sizes import mean_size, sizes
from tests.sim.customers.markets import MINUTE_NS, SPOT, STRIKES, PathMarket, still, table_of

LEVEL = 1e-4  # at which a law is given up
NONE = ClienteleTerms(name="nobody", weight=0.0)


def orders(market=None, seed=1, **more):
    terms = CustomerTerms(**({"underlying": "XYZ", "orders_per_day": 4000.0} | more))
    return customer_orders(FlowOfDay(customers=(terms,)), market or still(), seed)


def minutes(found):
    return np.array([(order.at_ns - still().at_ns[0]) / MINUTE_NS for order in found])


def sides(found):
    return np.array([order.legs[0].side for order in found])


def is_call(found, table=None):
    return (table or still().table).sign[[order.legs[0].row for order in found]] > 0.0


def binomial(hits, of, share):
    return stats.binomtest(int(hits), int(of), share).pvalue > LEVEL


def test_shares_of_buyers_of_calls_and_of_capacities():
    found = orders(buy_share=0.7, calls_share=0.2)
    firms = sum(order.capacity == "firm" for order in found)

    assert binomial((sides(found) > 0).sum(), len(found), 0.7)
    assert binomial(is_call(found).sum(), len(found), 0.2)
    assert binomial(firms, len(found), 0.15)
    assert {order.capacity for order in found} == {"customer", "firm"}


def test_orders_are_numbered_by_time_inside_the_day():
    found = orders()
    at = [order.at_ns for order in found]

    assert at == sorted(at)
    assert [order.order_id for order in found] == list(range(1, len(found) + 1))
    assert still().at_ns[0] <= at[0]
    assert at[-1] < still().at_ns[-1]
    assert all(len(order.legs) == 1 and order.legs[0].ratio == 1 and not order.informed for order in found)


@pytest.mark.parametrize("decay", [0.5, 4.0])
def test_reach_is_exponential(decay):
    """Kolmogorov and Smirnov's distance at the level."""
    reach = [order.reach_points for order in orders(decay_per_point=decay)]

    assert stats.kstest(reach, stats.expon(scale=1.0 / decay).cdf).pvalue > LEVEL


def test_series_are_chosen_in_proportion_to_vega():
    """The spread that a desk's own flow terms assume; chi-square over the calls."""
    found = orders(calls_share=1.0, seed=5)
    market = still()
    calls = np.flatnonzero(market.table.sign > 0.0)
    vega = market.moment(0).vega[calls]
    told = vega > vega.sum() * 2e-3  # enough orders for chi-square
    count = np.bincount([order.legs[0].row for order in found], minlength=calls.max() + 1)[calls]
    seen = np.append(count[told], count[~told].sum())
    share = np.append(vega[told], vega[~told].sum()) / vega.sum()

    assert stats.chisquare(seen, share * len(found)).pvalue > LEVEL


@pytest.mark.parametrize("right", Right)
def test_favoured_strikes_lie_out_of_the_money(right):
    """One deviation out, a quarter wide: the mean of d1 = ln(S / K) / s + s / 2 is -1 for calls and +1 for puts, but for the grid."""
    series = SeriesTerms(vega_power=0.0, money_deviations=1.0, money_width_deviations=0.25)
    market = PathMarket(table=table_of(strikes=tuple(np.arange(70.0, 140.0, 0.5)), days=(30.0,)))
    found = orders(market, calls_share=float(right is Right.CALL), series=series)
    strike = market.table.strike[[order.legs[0].row for order in found]]
    s = 0.2 * np.sqrt(30.0 / 365.0)
    d1 = np.log(SPOT / strike) / s + s / 2.0

    assert np.all(is_call(found, market.table) == (right is Right.CALL))
    assert d1.mean() == pytest.approx(-float(right), abs=0.05)
    assert d1.std() == pytest.approx(0.25, abs=0.05)


def test_near_expiries_are_favoured():
    """Weights exp(-days / 30) without regard to vega: as many strikes live in the three expiries."""
    series = SeriesTerms(vega_power=0.0, expiry_days_mean=30.0)
    market = PathMarket(table=table_of(strikes=(96, 98, 100, 102, 104)))
    found = orders(market, series=series)
    days = np.array([float(market.table.instruments[o.legs[0].row].symbol.split("-")[0]) for o in found])
    seen = np.array([(days == each).sum() for each in (7.0, 30.0, 90.0)])
    share = np.exp(-np.array([7.0, 30.0, 90.0]) / 30.0)

    assert stats.chisquare(seen, share / share.sum() * len(found)).pvalue > LEVEL


@pytest.mark.parametrize(
    "terms",
    [
        SizeTerms(),
        SizeTerms(mean_contracts=1.0),
        SizeTerms(mean_contracts=8.0, most_contracts=10),
        SizeTerms(shape=SizeShape.LOGNORMAL, mean_contracts=20.0, most_contracts=100),
        SizeTerms(shape=SizeShape.PARETO, mean_contracts=10.0, tail_power=1.5, most_contracts=300),
    ],
    ids=lambda each: f"{each.shape}-{each.mean_contracts:g}",
)
def test_the_mean_size_is_that_of_the_draws(terms):
    """100,000 draws of seed 3, 4 errors."""
    drawn = sizes(terms, 100_000, stream(3, "sizes"))

    assert drawn.min() >= 1
    assert drawn.max() <= terms.most_contracts
    assert abs(drawn.mean() - mean_size(terms)) <= 4.0 * drawn.std() / np.sqrt(drawn.size)


def test_sizes_have_the_distribution_they_claim():
    """Shares of geometric 1 to 8 and more; lognormal and Pareto beyond 30 against scipy's tails."""
    geometric = sizes(SizeTerms(mean_contracts=3.0), 50_000, stream(4, "sizes"))
    seen = np.append(np.bincount(geometric, minlength=9)[1:9], (geometric > 8).sum())
    share = np.append(stats.geom(1.0 / 3.0).pmf(np.arange(1, 9)), stats.geom(1.0 / 3.0).sf(8))
    lognormal = SizeTerms(shape=SizeShape.LOGNORMAL, mean_contracts=20.0, log_deviation=1.0)
    pareto = SizeTerms(shape=SizeShape.PARETO, mean_contracts=10.0, tail_power=2.5)

    assert stats.chisquare(seen, share * geometric.size).pvalue > LEVEL
    beyond = (sizes(lognormal, 50_000, stream(4, "sizes")) > 30).sum()
    assert binomial(beyond, 50_000, stats.lognorm(s=1.0, scale=20.0 * np.exp(-0.5)).sf(30.5))
    beyond = (sizes(pareto, 50_000, stream(4, "sizes")) > 30).sum()
    assert binomial(beyond, 50_000, stats.pareto(b=2.5, scale=6.0).sf(30.5))


def test_a_regime_leans_its_window_and_leaves_the_rest_as_it_was():
    """Put buying from minute 200 to 260: what comes outside is the same order for order."""
    regime = RegimeTerms(from_minute=200.0, to_minute=260.0, buy_share=0.9, calls_share=0.1)
    usual, leaned = orders(), orders(regimes=(regime,))
    inside = (minutes(leaned) >= 200.0) & (minutes(leaned) < 260.0)
    window = [order for order, here in zip(leaned, inside, strict=True) if here]

    assert [astuple(order)[1:] for order, here in zip(usual, inside, strict=True) if not here] == [
        astuple(order)[1:] for order, here in zip(leaned, inside, strict=True) if not here
    ]
    assert binomial((sides(window) > 0).sum(), len(window), 0.9)
    assert binomial(is_call(window).sum(), len(window), 0.1)


def test_the_same_seed_gives_the_same_orders_and_another_gives_others():
    terms = {"informed": InformedTerms(share=0.2), "packages": PackageTerms(share=0.3), "branching": 0.4}
    first = orders(**terms)

    assert first == orders(PathMarket(table=table_of()), **terms)
    assert first != orders(seed=2, **terms)


def test_another_crowd_changes_no_order_of_the_first():
    one = CustomerTerms(underlying="XYZ", orders_per_day=300.0)
    other = CustomerTerms(underlying="XYZ", tier="hedgers", orders_per_day=300.0, buy_share=1.0)
    alone = customer_orders(FlowOfDay(customers=(one,)), still(), 7)
    both = customer_orders(FlowOfDay(customers=(other, one)), still(), 7)
    known = {replace(order, order_id=0) for order in alone}

    assert [order.at_ns for order in both] == sorted(order.at_ns for order in both)
    assert [order.order_id for order in both] == list(range(1, len(both) + 1))
    assert len(both) > len(alone)
    assert known < {replace(order, order_id=0) for order in both}


@pytest.mark.parametrize("moments", [391, 14])
def test_what_expires_within_the_day_is_not_chosen_after(moments):
    """An expiry at minute 100: before it some are in it, after it none; with moments of half an hour too, of which none falls on it."""
    market = PathMarket(table=table_of(days=(100.0 / 1440.0, 30.0)), moments=moments)
    found = orders(market, series=SeriesTerms(vega_power=0.0), packages=PackageTerms(share=0.5))
    table = market.table
    first = table.expiry_ns[table.is_option].min()
    early = [order for order in found if any(table.expiry_ns[leg.row] == first for leg in order.legs)]

    assert first == market.at_ns[0] + 100 * MINUTE_NS
    assert early
    assert all(order.at_ns < first for order in early)
    assert minutes(found).max() > 380.0


def test_halts_and_series_without_vega_get_no_orders():
    """Halted from minute 100 to 150; strikes so far out that vega is nothing."""
    halted = np.zeros(391, dtype=bool)
    halted[100:150] = True
    market = PathMarket(table=table_of(strikes=(*STRIKES, 1000)), halted=halted)
    found = orders(market, series=SeriesTerms(vega_power=0.0), packages=PackageTerms(share=0.5))
    at = minutes(found)
    traded = {leg.row for order in found for leg in order.legs}

    assert not np.any((at >= 100.0) & (at < 150.0))
    assert np.any(at < 100.0)
    assert np.any(at > 150.0)
    assert not any(market.table.strike[row] == 1000.0 for row in traded)
    assert all(market.table.is_option[row] for row in traded)


def test_where_only_puts_are_left_callers_trade_puts():
    puts = tuple(i for i in table_of().instruments if i.right is not Right.CALL)
    market = PathMarket(table=replace(table_of(), instruments=puts))

    found = orders(market, calls_share=1.0)

    assert len(found) > 3500
    assert not is_call(found, market.table).any()


def test_a_market_without_options_gets_no_orders_and_an_unknown_name_is_refused():
    market = PathMarket(table=replace(table_of(), instruments=table_of().instruments[-1:]))

    assert orders(market) == ()
    with pytest.raises(InvalidValueError, match="lists no such underlying"):
        orders(market, underlying="ABC")
    with pytest.raises(InvalidValueError, match="must differ"):
        FlowOfDay(customers=(CustomerTerms(underlying="XYZ"), CustomerTerms(underlying="XYZ")))
    with pytest.raises(InvalidValueError, match="weight above 0"):
        orders(clientele=(NONE,))
