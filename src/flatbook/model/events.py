"""Facts, in the order in which they reached us. Each is journaled before anybody acts on it.

Time is a field (`received_ns`, UTC nanoseconds); `sequence` is given once, at the journal's door.
A missing side of a quote is None: it is data, not an error.
"""

from enum import StrEnum
from operator import le, lt

import msgspec

from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Instrument, Side
from flatbook.model.parameters import Desk, Limit

OptionalTicks = tuple[int | None, ...]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A fact."""

    received_ns: int
    sequence: int = 0  # 0: not journaled yet


class InstrumentsListed(Event, frozen=True, kw_only=True):
    """Contracts that can be quoted and traded from now on."""

    instruments: tuple[Instrument, ...]


class UnderlyingQuoted(Event, frozen=True, kw_only=True):
    """The price of an underlying: an index level, a share, the front future, a coin's index."""

    underlying: str
    price: float  # mid where there are two sides, last otherwise

    def __post_init__(self) -> None:
        """Refuse a price that is none."""
        if not 0.0 < self.price < float("inf"):
            msg = f"underlying {self.underlying}: price must be above 0 and finite, was {self.price}"
            raise InvalidValueError(msg)


class ForwardQuoted(Event, frozen=True, kw_only=True):
    """The future on which one expiry of a class settles, where such a future is quoted."""

    option_class: str
    expiry_ns: int
    price: float
    symbol: str = ""

    def __post_init__(self) -> None:
        """Refuse a price that is none."""
        if not 0.0 < self.price < float("inf"):
            msg = f"forward of {self.option_class} ({self.symbol}): price must be above 0 and finite, was {self.price}"
            raise InvalidValueError(msg)


class QuotesSeen(Event, frozen=True, kw_only=True):
    """Best bids and offers of many series at one instant, as columns of equal length.

    Prices in whole ticks of each instrument, sizes in contracts; None where a side or a size is missing.
    """

    symbols: tuple[str, ...]
    bid_ticks: OptionalTicks
    ask_ticks: OptionalTicks
    bid_sizes: OptionalTicks = ()  # empty: the source has no sizes
    ask_sizes: OptionalTicks = ()
    source_ns: int = 0  # when they stood, where the source says so; 0: when they were received

    def __post_init__(self) -> None:
        """Refuse columns that do not belong together."""
        n = len(self.symbols)
        sizes_fit = all(len(column) in (0, n) for column in (self.bid_sizes, self.ask_sizes))
        if not (len(self.bid_ticks) == n == len(self.ask_ticks) and sizes_fit):
            msg = f"quotes: {n} symbols need {n} bids and {n} asks, found {len(self.bid_ticks)} and {len(self.ask_ticks)}"
            raise InvalidValueError(msg)


class SessionsSeen(Event, frozen=True, kw_only=True):
    """When the exchange of some underlyings is open: sessions in ascending order, UTC nanoseconds."""

    calendar: str  # as XNYS
    underlyings: tuple[str, ...]
    open_ns: tuple[int, ...]
    close_ns: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse sessions that no exchange has."""
        n = len(self.open_ns)
        whole = n >= 2 and n == len(self.close_ns)
        each = whole and all(
            opens < closes for opens, closes in zip(self.open_ns, self.close_ns, strict=True)
        )
        if not (each and all(map(le, self.close_ns, self.open_ns[1:]))):
            msg = (
                f"sessions of {self.calendar}: need two or more in ascending order, each open before its close, "
                f"found {n} opens and {len(self.close_ns)} closes"
            )
            raise InvalidValueError(msg)


class RatesSeen(Event, frozen=True, kw_only=True):
    """A zero curve: continuous annual rates (decimal) to instants in ascending order."""

    currency: str
    maturity_ns: tuple[int, ...]
    rate: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse columns that do not belong together."""
        if len(self.maturity_ns) != len(self.rate):
            msg = f"rates of {self.currency}: {len(self.maturity_ns)} instants need as many rates, found {len(self.rate)}"
            raise InvalidValueError(msg)


class DividendsSeen(Event, frozen=True, kw_only=True):
    """Cash dividends of one underlying still to come, by ex-dividend instant."""

    underlying: str
    ex_ns: tuple[int, ...]
    amount: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse columns that do not belong together."""
        if len(self.ex_ns) != len(self.amount):
            msg = f"dividends of {self.underlying}: {len(self.ex_ns)} instants need as many amounts, found {len(self.amount)}"
            raise InvalidValueError(msg)


class HistorySeen(Event, frozen=True, kw_only=True):
    """Daily closes of one underlying, and its 30-day implied volatility where that is known, as columns of equal length.

    Days in ascending order, each as the instant at which it begins in UTC; a day is complete before it is seen.
    """

    underlying: str
    day_ns: tuple[int, ...]
    close: tuple[float, ...]
    vol: tuple[float | None, ...] = ()  # annual decimal; empty: the source has none

    def __post_init__(self) -> None:
        """Refuse a history that cannot be one."""
        n = len(self.day_ns)
        if not (
            0 < n == len(self.close)
            and len(self.vol) in (0, n)
            and all(map(lt, self.day_ns, self.day_ns[1:]))
        ):
            msg = (
                f"history of {self.underlying}: need days in ascending order, each with a close, "
                f"found {n} days, {len(self.close)} closes and {len(self.vol)} volatilities"
            )
            raise InvalidValueError(msg)
        told = (*self.close, *(vol for vol in self.vol if vol is not None))
        if not all(0.0 < value < float("inf") for value in told):
            msg = f"history of {self.underlying}: closes and volatilities must be above 0 and finite"
            raise InvalidValueError(msg)


class Capacity(StrEnum):
    """For whom the other side traded."""

    CUSTOMER = "customer"
    FIRM = "firm"
    MARKET_MAKER = "market_maker"
    UNKNOWN = "unknown"


class Fill(Event, frozen=True, kw_only=True):
    """A trade of ours, as the venue reported it."""

    fill_id: str  # idempotency key: venues repeat themselves
    instrument: str
    side: Side  # ours; its value is the sign of what it adds to a position
    quantity: int  # contracts, always positive
    price_ticks: int  # may be negative: spreads trade below zero
    traded_ns: int
    capacity: Capacity = Capacity.UNKNOWN
    venue: str = ""
    counterparty: str = ""  # who traded with us, where it is known
    account: str = ""  # of ours
    client_id: int = 0  # of our order, where the venue says which; 0: it does not
    strategy: str = ""  # tag under which we traded
    fee: float = 0.0  # currency paid; negative for a rebate

    def __post_init__(self) -> None:
        """Refuse a trade that cannot be one."""
        if self.quantity <= 0:
            msg = (
                f"fill {self.fill_id} of {self.instrument}: quantity must be a positive number of contracts, "
                f"was {self.quantity} (direction belongs in `side`)"
            )
            raise InvalidValueError(msg)


class FillCorrected(Event, frozen=True, kw_only=True):
    """The venue changed the terms of an earlier fill; quantity and price replace the old ones.

    Of several corrections of one fill the latest `corrected_ns` holds, in whatever order they reach us.
    """

    correction_id: str
    fill_id: str  # the fill it changes
    quantity: int
    price_ticks: int
    corrected_ns: int

    def __post_init__(self) -> None:
        """Refuse a correction to nothing: that is a bust."""
        if self.quantity <= 0:
            msg = f"correction of fill {self.fill_id}: quantity must be positive, was {self.quantity}; a bust undoes a fill"
            raise InvalidValueError(msg)


class FillBusted(Event, frozen=True, kw_only=True):
    """The venue undid an earlier fill: nothing of it remains, whatever was corrected before or after."""

    bust_id: str
    fill_id: str
    busted_ns: int = 0  # 0: when it reached us


class OrdersWorking(Event, frozen=True, kw_only=True):
    """Our orders at work in the market at one instant: all of them, replacing those told before, as columns."""

    symbols: tuple[str, ...]
    sides: tuple[Side, ...]  # ours
    quantities: tuple[int, ...]  # contracts still open, positive
    price_ticks: OptionalTicks  # None: at whatever price

    def __post_init__(self) -> None:
        """Refuse columns that do not belong together, and orders for nothing."""
        n = len(self.symbols)
        if not (len(self.sides) == n == len(self.quantities) == len(self.price_ticks)):
            msg = (
                f"orders: {n} symbols need {n} sides, quantities and prices, found {len(self.sides)}, "
                f"{len(self.quantities)} and {len(self.price_ticks)}"
            )
            raise InvalidValueError(msg)
        if any(quantity <= 0 for quantity in self.quantities):
            msg = (
                "orders: each quantity must be a positive number of contracts (direction belongs in `sides`)"
            )
            raise InvalidValueError(msg)


class DeskSet(Event, frozen=True, kw_only=True):
    """Somebody set the desk's parameters."""

    desk: Desk
    by: str


class LimitsSet(Event, frozen=True, kw_only=True):
    """Somebody set the desk's limits: all of them, replacing those before."""

    limits: tuple[Limit, ...]
    by: str


class LimitOverridden(Event, frozen=True, kw_only=True):
    """Somebody put another hard limit in place of one for a time; limits that are set anew end it."""

    limit: str  # name of the limit
    limit_hard: float
    owner: str
    reason: str
    until_ns: (
        int  # it has ended at this very instant; at or before `received_ns` it ends the override before it
    )

    def __post_init__(self) -> None:
        """Refuse an override that nobody answers for, or that is no bound."""
        if not 0.0 < self.limit_hard < float("inf"):
            msg = f"override of {self.limit}: limit_hard must be above 0 and finite, was {self.limit_hard}"
            raise InvalidValueError(msg)
        if not (self.owner.strip() and self.reason.strip()):
            msg = f"override of {self.limit}: it needs an owner and a reason, was {self.owner!r} and {self.reason!r}"
            raise InvalidValueError(msg)


class FastMarketSet(Event, frozen=True, kw_only=True):
    """An underlying's market became fast, or calm again."""

    underlying: str  # empty: all of them
    on: bool
    reason: str


class CycleDue(Event, frozen=True, kw_only=True):
    """Measure, hold against the limits, decide. `received_ns` is the time of valuation.

    Without `refit` the surfaces, factors and value function of the last cycle that fitted them serve again, where they can.
    """

    reason: str
    refit: bool = True


class TickDue(Event, frozen=True, kw_only=True):
    """Decide at the prices told by now on all else that a cycle found; a reprice where that does not hold.

    `received_ns` is the time of valuation.
    """

    reason: str
    on: int = (
        0  # number of the cycle: the one before the last, while that is not ready for ticks; 0: the last
    )


REPORT_AHEAD_MAX_NS = 1_000_000_000  # that a report of capital may be dated after its receipt: clocks differ


class CapitalReported(Event, frozen=True, kw_only=True):
    """What a venue or clearing firm says that our book must be backed with."""

    source: str  # who says so
    underlying: str = ""  # empty: the whole desk
    requirement_usd: float
    as_of_ns: int  # the positions and prices that it was computed from

    def __post_init__(self) -> None:
        """Refuse what is no requirement."""
        if not (self.source and 0.0 <= self.requirement_usd < float("inf") and self.as_of_ns > 0):
            msg = (
                f"capital reported by {self.source!r}: needs a source, a requirement of 0 or above and when it was computed, "
                f"found {self.requirement_usd} as of {self.as_of_ns}"
            )
            raise InvalidValueError(msg)
        ahead_ns = self.as_of_ns - self.received_ns
        if ahead_ns > REPORT_AHEAD_MAX_NS:
            msg = (
                f"capital reported by {self.source!r}: computed {ahead_ns / 1e9:,.3f} s after it was received, at most "
                f"{REPORT_AHEAD_MAX_NS / 1e9:g} s for clocks that differ; a report of the future would shut out all before it"
            )
            raise InvalidValueError(msg)
