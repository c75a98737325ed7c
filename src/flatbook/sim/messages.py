"""What the desk and its exchange say to each other, before a wire delays, repeats or loses it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order or a side of a quote, or what takes the place of one."""

    client_id: int
    row: int
    side: int  # +1 buys, -1 sells
    price_ticks: int
    quantity: int
    is_quote: bool  # counts for market-maker protection
    replaces: int = 0  # client id; 0: none
    immediate: bool = False  # what does not trade at once is cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Take an order out."""

    client_id: int


Command = NewOrder | Cancel


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The order works; an order that it replaces is gone."""

    client_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The order never worked; what it was to replace works on."""

    client_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Nothing of the order is left."""

    client_id: int
    reason: str  # as: asked, immediate, protection, halt, disconnect, expiry


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRejected:
    """The order could not be cancelled: it is not there."""

    client_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """A trade of the desk's."""

    execution_id: str  # unique for ever
    client_id: int
    row: int
    side: int  # the desk's
    quantity: int
    price_ticks: int
    at_ns: int
    fee: float  # currency; negative for a rebate
    capacity: str  # of the other side
    order_id: int  # of the customer; 0: none
    maker: bool  # the desk's order was there first


@dataclass(frozen=True, slots=True, kw_only=True)
class Busted:
    """The exchange undid a trade."""

    bust_id: str
    execution_id: str
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """The exchange changed the price of a trade."""

    correction_id: str
    execution_id: str
    quantity: int
    price_ticks: int
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tripped:
    """A protection took quotes of the desk out and refuses new ones."""

    scope: str  # as the desk's own protections name it: venue/rule/key
    until_ns: int  # 0: until the desk resets it


Report = Acknowledged | Rejected | Cancelled | CancelRejected | Traded | Busted | Corrected | Tripped
