"""The market and the customers of a recorded day, as a scenario asks for them."""

from functools import lru_cache

from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.recorded_day import RecordedDay
from flatbook.model.world_recorded_terms import RecordedTerms
from flatbook.sim.moment import CustomerOrder
from flatbook.sim.recorded.market import RecordedMarket, recorded_market
from flatbook.sim.recorded.orders import recorded_orders


@lru_cache(maxsize=1)
def recorded_world(
    terms: RecordedTerms, recording: RecordedDay, hedges: tuple[HedgeTerms, ...]
) -> tuple[RecordedMarket, tuple[CustomerOrder, ...]]:
    """The same for every policy and every seed.

    Raises
    ------
    InvalidValueError
        What the scenario asks for, or what the desk hedges with, is not in the recording.
    """
    market = recorded_market(
        recording,
        series=terms.series,
        rate=terms.rate,
        spacing_s=terms.spacing_s,
        hedges=hedges,
        hedge_depth=terms.hedge_depth,
    )
    return market, recorded_orders(market)
