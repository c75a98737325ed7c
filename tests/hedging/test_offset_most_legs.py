"""No plan has more legs than the desk wants, least of all where the limits cannot be met and every leg would help."""

import numpy as np
import pytest

from flatbook.hedging.offset_plan import plan_offset
from flatbook.hedging.offset_problem import OffsetProblem, OffsetRows, OffsetSeries

_SERIES, _LEGS = 30, 8


def _out_of_reach(most):
    """A row so far outside that each contract of each series mends it; cheaper series first."""
    cost = 1.0 + 0.1 * np.arange(_SERIES)
    return OffsetProblem(
        series=tuple(OffsetSeries(name=f"S{n:02d}", underlying="XYZ", shares=1.0) for n in range(_SERIES)),
        exposure=np.zeros(1),
        per_contract=np.zeros((_SERIES, 1)),
        covariance=np.zeros((1, 1)),
        aversion_per_usd=0.0,
        buy_cost_usd=cost,
        sell_cost_usd=cost,
        most_bought=np.full(_SERIES, most),
        most_sold=np.full(_SERIES, most),
        lot=np.ones(_SERIES, dtype=np.int64),
        rows=OffsetRows(
            names=("vega",),
            value=np.array([-10_000.0]),
            per_contract=np.ones((_SERIES, 1)),
            low=np.array([-100.0]),
            high=np.array([100.0]),
            scale=np.array([100.0]),
            weight=np.array([1.0]),
        ),
        legs_max=_LEGS,
        breach_usd=2e3,
    )


@pytest.mark.parametrize("most", [1, 10, 40])
def test_a_limit_out_of_reach_is_mended_by_the_legs_allowed_and_no_more(most):
    """The best plan is known: the cheapest legs, all of each; nothing is worth less than the bound."""
    plan = plan_offset(_out_of_reach(most))

    assert np.flatnonzero(plan.contracts).tolist() == list(range(_LEGS))
    assert (plan.contracts[:_LEGS] == most).all()
    assert not plan.met
    assert plan.worth_usd >= plan.bound_usd - 1e-6 * plan.worth_usd
