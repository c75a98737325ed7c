"""Informed customers earn what their knowledge is worth, and no more."""

import numpy as np
import pytest

from flatbook.model.instruments import Right
from flatbook.model.world_flow_terms import CustomerTerms, FlowOfDay, InformedTerms, Knowledge, PackageTerms
from flatbook.sim.customers.belief import adverse_selection_points
from flatbook.sim.customers.orders import customer_orders
from tests.sim.customers.markets import MINUTE_NS, MINUTES, SPOT, PathMarket, brownian, table_of

HORIZON = 15
DEVIATION = 0.03  # price units in the square root of a minute


def orders(
    market,
    seed,
    *,
    share=1.0,
    right=0.7,
    knows=Knowledge.FAIR_VALUE,
    per_day=400.0,
    horizon=HORIZON,
    packages=0.0,
):
    informed = InformedTerms(share=share, horizon_minutes=horizon, probability_right=right, knows=knows)
    terms = CustomerTerms(
        underlying="XYZ", orders_per_day=per_day, informed=informed, packages=PackageTerms(share=packages)
    )
    return customer_orders(FlowOfDay(customers=(terms,)), market, seed)


def gaussian(seed):
    """Every fair value is a Brownian motion of its own."""
    table = table_of(strikes=(95, 100, 105), days=(30.0,))
    fair = 20.0 + brownian(seed, "fair", MINUTES + 1, len(table.instruments), DEVIATION)
    return PathMarket(table=table, fair=fair)


def markouts(market, found, horizon=HORIZON):
    """What the customer gains on fair value until the horizon, of orders whose horizon is in the day."""
    out = []
    for order in found:
        k = int((order.at_ns - market.at_ns[0]) // MINUTE_NS)
        if k + horizon <= MINUTES:
            leg = order.legs[0]
            out.append(leg.side * (market.moment(k + horizon).fair[leg.row] - market.moment(k).fair[leg.row]))
    return out


@pytest.mark.parametrize(("share", "right"), [(1.0, 0.7), (1.0, 1.0), (1.0, 0.5), (0.3, 0.8)])
def test_markouts_are_those_of_brownian_fair_values(share, right):
    """V41: share (2 p - 1) s sqrt(h) sqrt(2 / pi) a unit in the mean; 60 days, seeds 0 to 59, 4 errors of the days' means."""
    means = []
    for seed in range(60):
        market = gaussian(seed)
        means.append(np.mean(markouts(market, orders(market, seed, share=share, right=right))))
    predicted = share * (2.0 * right - 1.0) * DEVIATION * np.sqrt(HORIZON) * np.sqrt(2.0 / np.pi)
    error = np.std(means, ddof=1) / np.sqrt(len(means))

    assert abs(np.mean(means) - predicted) < 4.0 * error
    assert error < 0.05 * DEVIATION * np.sqrt(HORIZON)


def test_the_desk_s_adverse_selection_is_the_same_formula():
    """An hour's deviation of DEVIATION sqrt(60)."""
    terms = CustomerTerms(
        underlying="XYZ",
        informed=InformedTerms(share=0.3, horizon_minutes=HORIZON, probability_right=0.8),
    )
    predicted = 0.3 * 0.6 * DEVIATION * np.sqrt(HORIZON) * np.sqrt(2.0 / np.pi)

    assert adverse_selection_points(terms, DEVIATION * np.sqrt(60.0)) == pytest.approx(predicted, rel=1e-12)


def moving(seed):
    """Spot and volatility move, independently."""
    paths = brownian(seed, "paths", MINUTES + 1, 2, 1.0)
    return PathMarket(
        table=table_of(days=(30.0,)),
        spot=SPOT * np.exp(0.0006 * paths[:, 0]),
        vol=0.2 * np.exp(0.002 * paths[:, 1]),
    )


@pytest.mark.parametrize("knows", Knowledge)
def test_who_is_always_right_takes_the_side_that_the_path_tells(knows):
    """Against the paths themselves: of spot for calls and turned for puts, of volatility, of the series."""
    market = moving(3)
    found = orders(market, 3, right=1.0, knows=knows)
    for order in found:
        k = int((order.at_ns - market.at_ns[0]) // MINUTE_NS)
        later, leg = min(k + HORIZON, MINUTES), order.legs[0]
        sign = market.table.sign[leg.row]
        ahead = {
            Knowledge.FAIR_VALUE: market.moment(later).fair[leg.row] - market.moment(k).fair[leg.row],
            Knowledge.SPOT: sign * (market.spot[later] - market.spot[k]),
            Knowledge.VOLATILITY: market.vol[later] - market.vol[k],
        }[knows]
        assert leg.side == np.sign(ahead)
        assert order.informed
    assert {order.legs[0].side for order in found} == {1, -1}
    assert len(found) > 300


def test_volatility_is_known_of_series_whose_other_right_is_not_listed():
    """Then spot stands for the forward, which without rates it is."""
    whole = moving(4)
    calls = tuple(i for i in whole.table.instruments if i.right is not Right.PUT)
    table = type(whole.table)(version=1, instruments=calls)
    market = PathMarket(table=table, spot=whole.spot, vol=whole.vol)
    found = orders(market, 4, right=1.0, knows=Knowledge.VOLATILITY)
    right = [
        order.legs[0].side == np.sign(market.vol[min(k + HORIZON, MINUTES)] - market.vol[k])
        for order in found
        for k in [int((order.at_ns - market.at_ns[0]) // MINUTE_NS)]
    ]

    assert np.all(right)


def test_where_nothing_moves_nobody_is_informed():
    """Buyers are then as many as usual."""
    table = table_of(strikes=(95, 100, 105), days=(30.0,))
    market = PathMarket(table=table, fair=np.full((MINUTES + 1, len(table.instruments)), 20.0))
    found = orders(market, 5)

    assert not any(order.informed for order in found)
    assert 0.3 < np.mean([order.legs[0].side > 0 for order in found]) < 0.7


def test_a_series_that_expires_before_the_horizon_is_not_known():
    """Its worth then is NaN: an expiry at minute 200 and a horizon of an hour."""
    market = PathMarket(table=table_of(days=(200.0 / 1440.0,)), spot=moving(6).spot)
    found = orders(market, 6, horizon=60)
    at = np.array([(order.at_ns - market.at_ns[0]) / MINUTE_NS for order in found])
    informed = np.array([order.informed for order in found])

    assert informed[at < 140.0].all()
    assert not informed[at >= 141.0].any()


def test_the_share_of_informed_orders():
    """0.25 of them, but for 4 errors."""
    market = gaussian(8)
    informed = [order.informed for order in orders(market, 8, share=0.25, per_day=4000.0)]

    assert abs(np.mean(informed) - 0.25) < 4.0 * np.sqrt(0.25 * 0.75 / len(informed))


def test_informed_customers_trade_one_series():
    """The others trade packages wherever the legs are listed."""
    found = orders(moving(9), 9, share=0.5, packages=1.0)

    assert all(len(order.legs) == 1 for order in found if order.informed)
    assert sum(len(order.legs) > 1 for order in found) > 0.25 * len(found)
