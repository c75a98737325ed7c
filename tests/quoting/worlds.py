"""A chain that was decided once, and risk prices made by hand, so that each test moves one thing."""

from dataclasses import replace
from functools import cache

import numpy as np

from flatbook.model.parameters import QuotingRules
from flatbook.quoting.conditions import NO_CONDITIONS
from flatbook.quoting.propose import propose
from flatbook.riskprice.intensity import exponential, logistic
from flatbook.riskprice.reservation import Charges, Reservation
from tests.engine.test_step import run
from tests.worlds import index_desk, index_facts

RULES = QuotingRules(
    half_spread_vol_points=0.3, half_spread_min=0.05, size=20, inventory_full_contracts=100, width_max=12.0
)
WIDE = QuotingRules(half_spread_vol_points=0.3, half_spread_min=0.05, size=20, width_max=1e4)


@cache
def flat_cycle(limits=(), fills=()):
    """The cycle of a flat book, or of some fills, on 92 series of IDX."""
    desk = index_desk(quoting=RULES)
    return run(index_facts(fills=fills, limits=limits, the_desk=desk, days=(30, 90), width=0.06))


def priced(cycle, *, inventory=0.0, flow=0.0, own=0.0, shape="exponential", **charges):
    """The cycle's risk price with another reservation: USD per contract; `inventory` and `flow` are what one more contract bought costs."""
    n = len(cycle.table.instruments)
    sign = np.array([[1.0], [-1.0]])
    none = np.zeros((2, n))
    kinds = ("barrier", "capital", "adverse_selection", "hedge")
    each = Charges(**{name: none + charges.get(name, 0.0) for name in kinds})
    told = Reservation(
        shift_usd=sign * inventory + sign * flow + own + sum(getattr(each, name) for name in kinds),
        inventory_usd=none + sign * inventory,
        flow_usd=none + sign * flow,
        own_usd=none + own,
        charges=each,
    )
    vega = np.abs(np.nan_to_num(cycle.values.greeks[:, 4]))
    decay, fills = np.full(n, 1.0 / 0.3), np.full(n, 100.0)
    one = (
        exponential(fills, decay, vega)
        if shape == "exponential"
        else logistic(fills, np.full(n, 0.5), decay, vega)
    )
    return replace(cycle.price, reservation=told, intensity=(one, one))


def quote(cycle, price, rules=RULES, conditions=NO_CONDITIONS):
    """What is shown."""
    return propose(cycle.values, price, cycle.standing, cycle.book.quantity, cycle.market, rules, conditions)
