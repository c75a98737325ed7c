"""What a day's market is to the exchange, the customers and the desk, whether it is made up or was recorded.

A market moves at given instants. Between two of them everything stands still, but for what is traded.
"""

from dataclasses import dataclass
from typing import Protocol

from flatbook.model.facts import Fact
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moment:
    """The market at one of its instants; columns are aligned with the rows or the underlyings of its table."""

    at_ns: int  # UTC nanoseconds
    spot: Floats  # [n_underlyings] true price
    halted: Bools  # [n_underlyings] nothing trades in it or its options
    fair: Floats  # [n_rows] what one unit of each contract is truly worth, price units; NaN: nobody knows, or it has expired
    vega: Floats  # [n_rows] price units per vol point; 0 of what is no option
    bid_ticks: Ints  # [n_rows] of everybody but the desk; NO_PRICE where nobody bids
    ask_ticks: Ints
    bid_size: Ints  # contracts; 0 where there is no price
    ask_size: Ints


class DayMarket(Protocol):
    """A day of a market, from its open on."""

    table: InstrumentTable
    at_ns: Ints  # [n] ascending; the first is the open, the last the end of the day

    def opening(self) -> tuple[Fact, ...]:
        """What a desk is told before the open: listings, rates, dividends, sessions, history."""
        ...

    def moment(self, index: int) -> Moment:
        """The market at `at_ns[index]`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One contract of a package."""

    row: int
    side: int  # the customer's: +1 buys, -1 sells
    ratio: int = 1  # contracts of one package


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerOrder:
    """What a customer sends: at once or not at all, each leg at up to its limit.

    The limit of a leg is its fair value of the moment plus `side` times `reach_points` times its vega, so that the share of
    customers who reach a quote falls with its distance from fair value.
    """

    order_id: int  # ascending with time, unique in a day
    at_ns: int
    legs: tuple[Leg, ...]  # one, or a package that trades whole or not at all
    quantity: int  # packages
    reach_points: float  # vol points beyond fair value that the customer accepts
    capacity: str  # model.events.Capacity value
    informed: bool = False  # knows where the market goes
    limit_ticks: tuple[int, ...] = ()  # where a recording tells the price, in place of the reach
