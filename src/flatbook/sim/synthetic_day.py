"""A made-up market at one instant, and a market maker's made-up day until then. SYNTHETIC, from a seed."""

from dataclasses import dataclass

from flatbook.model.events import DividendsSeen, InstrumentsListed, QuotesSeen, RatesSeen, UnderlyingQuoted
from flatbook.sim.chain import chain
from flatbook.sim.chance import Chance
from flatbook.sim.flow import FillEvent, day_of_flow
from flatbook.sim.listing import listed
from flatbook.sim.world import AT_NS, DIVIDENDS, ISSUERS, RATES

MarketEvent = InstrumentsListed | UnderlyingQuoted | RatesSeen | DividendsSeen | QuotesSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticDay:
    """Nothing in it ever traded."""

    seed: int
    at_ns: int  # of the market and of the valuation, UTC nanoseconds
    events: tuple[MarketEvent, ...]  # the market at `at_ns`
    fills: tuple[FillEvent, ...]  # ours, until then, in the order in which they reached us


def synthetic_day(seed: int = 7) -> SyntheticDay:
    """Make up a market and a day of one-sided customer flow.

    Parameters
    ----------
    seed : int
        0 or above; the same seed gives the same day. Contracts, rates, dividends and prices at the end of the day do
        not depend on it; quotes and fills do.
    """
    chance = Chance(seed)
    items = listed()
    market: tuple[MarketEvent, ...] = (
        InstrumentsListed(received_ns=AT_NS, instruments=items),
        *(
            UnderlyingQuoted(received_ns=AT_NS, underlying=name, price=issuer.spot)
            for name, issuer in ISSUERS.items()
        ),
        RATES,
        DIVIDENDS,
        chain(items, chance),
    )
    return SyntheticDay(seed=seed, at_ns=AT_NS, events=market, fills=day_of_flow(chance))
