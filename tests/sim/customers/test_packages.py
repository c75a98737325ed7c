"""Packages are what they say: strikes, expiries, sides and ratios, read from the instruments."""

import numpy as np
import pytest
from scipy import stats

from flatbook.model.instruments import Right
from flatbook.model.world_flow_terms import CustomerTerms, FlowOfDay, PackageKind, PackageTerms
from flatbook.sim.customers.orders import customer_orders
from tests.sim.customers.markets import SPOT, PathMarket, still, table_of

KINDS = [kind.name.lower() for kind in PackageKind]
NOTHING = dict.fromkeys(KINDS, 0.0)


def orders(market=None, buy_share=0.5, decay=2.0, share=1.0, **weights):
    terms = CustomerTerms(
        underlying="XYZ",
        orders_per_day=1500.0,
        buy_share=buy_share,
        decay_per_point=decay,
        packages=PackageTerms(share=share, **(NOTHING | weights)),
    )
    return customer_orders(FlowOfDay(customers=(terms,)), market or still(), 11)


def legs_of(order, table):
    """Instrument and signed ratio of each leg."""
    return [(table.instruments[leg.row], leg.side * leg.ratio) for leg in order.legs]


def packages(found):
    return [order for order in found if len(order.legs) > 1]


@pytest.mark.parametrize("width", [1, 3])
def test_a_vertical_buys_the_strike_that_is_worth_more(width):
    found = packages(orders(buy_share=1.0, vertical=1.0, width_strikes=width))
    fair = still().moment(0).fair
    for order in found:
        (near, bought), (far, sold) = legs_of(order, still().table)
        assert (bought, sold) == (1, -1)
        assert (near.right, near.expiry_ns) == (far.right, far.expiry_ns)
        assert abs(near.strike - far.strike) == 2.0 * width
        assert fair[order.legs[0].row] > fair[order.legs[1].row]
    assert len(found) > 1000


def test_a_straddle_has_both_rights_of_one_strike_on_one_side():
    found = orders(straddle=1.0)
    for order in found:
        (call, one), (put, other) = legs_of(order, still().table)
        assert (call.right, put.right) == (Right.CALL, Right.PUT)
        assert (call.strike, call.expiry_ns) == (put.strike, put.expiry_ns)
        assert one == other
    assert {order.legs[0].side for order in found} == {1, -1}


def test_a_calendar_buys_the_next_later_expiry():
    found = orders(buy_share=1.0, calendar=1.0)
    table = still().table
    expiries = sorted(set(table.expiry_ns[table.is_option].tolist()))
    for order in packages(found):
        (far, bought), (near, sold) = legs_of(order, table)
        assert (bought, sold) == (1, -1)
        assert (far.right, far.strike) == (near.right, near.strike)
        assert expiries.index(far.expiry_ns) == expiries.index(near.expiry_ns) + 1
    alone = [order for order in found if len(order.legs) == 1]
    assert {table.expiry_ns[order.legs[0].row] for order in alone} == {expiries[-1]}


def test_a_risk_reversal_buys_a_call_above_spot_against_a_put_as_far_below():
    found = orders(buy_share=1.0, risk_reversal=1.0)
    for order in packages(found):
        (call, bought), (put, sold) = legs_of(order, still().table)
        assert (bought, sold) == (1, -1)
        assert (call.right, put.right) == (Right.CALL, Right.PUT)
        assert call.expiry_ns == put.expiry_ns
        assert call.strike - SPOT == SPOT - put.strike > 0.0
    assert {still().table.strike[o.legs[0].row] for o in found if len(o.legs) == 1} == {SPOT}


def test_a_butterfly_buys_the_wings_and_sells_the_body_twice():
    found = orders(buy_share=1.0, butterfly=1.0, width_strikes=2)
    for order in packages(found):
        (low, wing), (body, sold), (high, other) = legs_of(order, still().table)
        assert (wing, sold, other) == (1, -2, 1)
        assert low.right == body.right == high.right
        assert low.expiry_ns == body.expiry_ns == high.expiry_ns
        assert body.strike - low.strike == high.strike - body.strike == 4.0
    assert packages(found)


def test_uneven_strikes_make_no_butterfly():
    market = PathMarket(table=table_of(strikes=(90, 95, 105, 125)))

    assert all(len(order.legs) == 1 for order in orders(market, butterfly=1.0))


def test_sold_packages_are_the_bought_ones_turned():
    """The same draws but for the side."""
    every = dict.fromkeys(KINDS, 1.0)
    for one, other in zip(orders(buy_share=1.0, **every), orders(buy_share=0.0, **every), strict=True):
        assert [(leg.row, leg.side, leg.ratio) for leg in one.legs] == [
            (leg.row, -leg.side, leg.ratio) for leg in other.legs
        ]
        assert (one.at_ns, one.quantity, one.reach_points) == (
            other.at_ns,
            other.quantity,
            other.reach_points,
        )


def test_a_package_reaches_less_far_on_each_leg():
    """A quarter of an exponential of 1 / 2 point; level 1e-4."""
    found = packages(orders(straddle=1.0, reach_share=0.25))
    reach = [order.reach_points for order in found]

    assert stats.kstest(reach, stats.expon(scale=0.125).cdf).pvalue > 1e-4


def test_kinds_come_by_their_weights():
    """Straddles and verticals, 3 to 1 of half of the orders."""
    found = orders(share=0.5, straddle=3.0, vertical=1.0)
    straddles = [
        o for o in packages(found) if still().table.sign[o.legs[0].row] != still().table.sign[o.legs[1].row]
    ]

    assert stats.binomtest(len(straddles), len(found), 0.375).pvalue > 1e-4
    assert 0 < len(packages(found)) - len(straddles) <= np.ceil(0.16 * len(found))


def test_no_leg_is_dead():
    """An expiry at minute 100 is in no calendar after it."""
    market = PathMarket(table=table_of(days=(100.0 / 1440.0, 7.0, 30.0)))
    found = orders(market, calendar=1.0, risk_reversal=1.0, vertical=1.0)
    table = market.table

    assert all(table.expiry_ns[leg.row] > order.at_ns for order in found for leg in order.legs)
    first = table.expiry_ns[table.is_option].min()
    assert any(table.expiry_ns[leg.row] == first for order in found for leg in order.legs)
