"""What a desk is told of its customers is what they do."""

import numpy as np
import pytest

from flatbook.model.flow_terms import FlowTerms
from flatbook.model.world_flow_terms import (
    INSTITUTIONS,
    RETAIL,
    CustomerTerms,
    FlowOfDay,
    InformedTerms,
    PackageTerms,
    RegimeTerms,
)
from flatbook.sim.customers.belief import expected_fills_per_day, flow_terms_of, misspecified
from flatbook.sim.customers.orders import customer_orders
from tests.sim.customers.markets import PathMarket, brownian, table_of

SEEDS = 30
TERMS = CustomerTerms(
    underlying="XYZ",
    orders_per_day=500.0,
    buy_share=0.6,
    branching=0.3,
    branching_decay_s=5.0,
    informed=InformedTerms(share=0.2),
    regimes=(RegimeTerms(from_minute=60.0, to_minute=120.0, rate_factor=3.0, buy_share=0.9),),
)


def days(terms):
    table = table_of(strikes=tuple(range(60, 141, 2)), days=(30.0, 60.0))
    spot = 100.0 + brownian(1, "spot", 391, 1, 0.02)[:, 0]
    market = PathMarket(table=table, spot=spot)
    return [customer_orders(FlowOfDay(customers=(terms,)), market, seed) for seed in range(SEEDS)]


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0])
def test_expected_fills_are_those_of_the_simulated_days(distance):
    """4 errors of 30 days; of Hawkes flow with a regime, and a fifth of packages.

    The share of orders that would be set off after the close, 0.1 %, is far below an error.
    """
    terms = CustomerTerms(
        underlying="XYZ",
        orders_per_day=500.0,
        branching=0.5,
        branching_decay_s=5.0,
        packages=PackageTerms(share=0.2, vertical=0.0, calendar=0.0, risk_reversal=0.0, butterfly=0.0),
        regimes=TERMS.regimes,
    )
    counts = [sum(order.reach_points >= distance for order in day) for day in days(terms)]
    error = np.std(counts, ddof=1) / np.sqrt(SEEDS)

    assert abs(np.mean(counts) - expected_fills_per_day(terms, distance)) < 4.0 * error


def test_the_belief_of_single_orders_is_the_truth():
    """Requests, buyers, contracts by kind and the fills at a distance; 4 errors of 30 days."""
    belief = flow_terms_of(FlowOfDay(customers=(TERMS,)))
    found = days(TERMS)
    capacities = {"customers retail": RETAIL, "customers institutions": INSTITUTIONS}

    assert [each.tier for each in belief] == list(capacities)
    for each in belief:
        mine = [[order for order in day if order.capacity == capacities[each.tier].capacity] for day in found]
        rows = {
            each.requests_per_day: [len(day) for day in mine],
            each.customers_buy_share: [np.mean([o.legs[0].side > 0 for o in day]) for day in mine],
            each.contracts: [np.mean([o.quantity for o in day]) for day in mine],
        }
        for told, seen in rows.items():
            assert abs(np.mean(seen) - told) < 4.0 * np.std(seen, ddof=1) / np.sqrt(SEEDS)
    fills = sum(each.requests_per_day * np.exp(-each.decay_per_point * 0.7) for each in belief)
    assert fills == pytest.approx(expected_fills_per_day(TERMS, 0.7), rel=1e-12)


@pytest.mark.parametrize("kind", ["vertical", "straddle", "calendar", "risk_reversal", "butterfly"])
def test_the_belief_of_packages_counts_their_legs(kind):
    """Legs, bought legs and contracts of the packages that came, in ratio to their number; exact but for the draws of side and size."""
    nothing = dict.fromkeys(["vertical", "straddle", "calendar", "risk_reversal", "butterfly"], 0.0)
    weights = nothing | {kind: 1.0}
    terms = CustomerTerms(
        underlying="XYZ",
        orders_per_day=500.0,
        buy_share=0.8,
        clientele=(RETAIL,),
        packages=PackageTerms(share=1.0, **weights),
    )
    (belief,) = flow_terms_of(FlowOfDay(customers=(terms,)))
    whole = [[order for order in day if len(order.legs) > 1] for day in days(terms)]
    legs = [np.mean([len(o.legs) for o in day]) for day in whole]
    bought = [
        sum(leg.side > 0 for o in day for leg in o.legs) / sum(len(o.legs) for o in day) for day in whole
    ]
    contracts = [
        sum(o.quantity * leg.ratio for o in day for leg in o.legs) / sum(len(o.legs) for o in day)
        for day in whole
    ]

    assert belief.requests_per_day == pytest.approx(500.0 * legs[0], rel=1e-12)
    assert belief.decay_per_point == terms.decay_per_point / terms.packages.reach_share
    for told, seen in ((belief.customers_buy_share, bought), (belief.contracts, contracts)):
        assert abs(np.mean(seen) - told) <= 4.0 * np.std(seen, ddof=1) / np.sqrt(SEEDS) + 1e-12


def test_a_factor_misleads_the_desk():
    flow = flow_terms_of(FlowOfDay(customers=(TERMS,)))
    wrong = misspecified(flow, 2.0)

    for true, believed in zip(flow, wrong, strict=True):
        assert believed.requests_per_day == 2.0 * true.requests_per_day
        assert believed.decay_per_point == true.decay_per_point / 2.0
        assert believed.contracts == true.contracts
    assert misspecified(wrong, 0.5) == flow
    assert misspecified((FlowTerms(requests_per_day=3.0),), 2.0)[0].decay_per_point is None


def test_adverse_selection_is_told_only_to_a_desk_that_asks():
    terms = FlowOfDay(customers=(TERMS,))

    assert all(each.adverse_selection_points == 0.0 for each in flow_terms_of(terms))
    assert all(each.adverse_selection_points > 0.0 for each in flow_terms_of(terms, points_per_root_hour=1.0))
