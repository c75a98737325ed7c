"""The world of a seed, and one day in it."""

from functools import lru_cache

from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.recorded_day import RecordedDay
from flatbook.model.world_terms import Scenario
from flatbook.sim.customers.orders import customer_orders
from flatbook.sim.day import Day
from flatbook.sim.experiments.record import DayRecord
from flatbook.sim.moment import CustomerOrder, DayMarket
from flatbook.sim.policies import POLICIES
from flatbook.sim.prices.market import simulated_market
from flatbook.sim.recorded.world import recorded_world
from flatbook.sim.stage import Stage


@lru_cache(maxsize=1)
def world_of(
    scenario: Scenario,
    seed: int,
    recording: RecordedDay | None = None,
    hedges: tuple[HedgeTerms, ...] = (),
) -> tuple[DayMarket, tuple[CustomerOrder, ...]]:
    """The market and the customers of a seed, the same for every policy; those of a recording are the same for every seed.

    A recorded market quotes what the desk hedges with, at the spreads told in `hedges`.
    """
    if scenario.prices is None:
        assert scenario.recorded is not None, "a scenario has prices or plays a recording"
        assert recording is not None, "a recorded scenario comes with its recording"
        return recorded_world(scenario.recorded, recording, hedges)
    market = simulated_market(scenario.prices, seed)
    return market, customer_orders(scenario.flow, market, seed)


def run_day(stage: Stage, policy: str, seed: int) -> DayRecord:
    """Run one day.

    Parameters
    ----------
    stage : Stage
    policy : str
        Name of one of `sim.policies.POLICIES`.
    seed : int
        0 or above; policies of one seed meet the same market and the same customers.
    """
    market, orders = world_of(stage.scenario, seed, stage.recording, stage.desk.hedges)
    return Day(stage, POLICIES[policy], seed, market, orders).run()
