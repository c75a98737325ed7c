"""What the desk and its exchange say to each other, before a wire delays, repeats or loses it.

Each has a number of its own and its fields in this order on a socket (`live.venue_codec`).
"""

from typing import Annotated

from msgspec import Meta, Struct

Whole = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""Bounds of what is read from bytes: beyond them a float64 would not hold it."""
Nanoseconds = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Text = Annotated[str, Meta(max_length=200)]


class NewOrder(Struct, frozen=True, kw_only=True, tag=1, array_like=True, gc=False):
    """An order or a side of a quote, or what takes the place of one."""

    client_id: Whole
    row: Whole
    side: Whole  # +1 buys, -1 sells
    price_ticks: Whole
    quantity: Whole
    is_quote: bool  # counts for market-maker protection
    replaces: Whole = 0  # client id; 0: none
    immediate: bool = False  # what does not trade at once is cancelled


class Cancel(Struct, frozen=True, kw_only=True, tag=2, array_like=True, gc=False):
    """Take an order out."""

    client_id: Whole


Command = NewOrder | Cancel


class Acknowledged(Struct, frozen=True, kw_only=True, tag=3, array_like=True, gc=False):
    """The order works; an order that it replaces is gone."""

    client_id: Whole


class Rejected(Struct, frozen=True, kw_only=True, tag=4, array_like=True, gc=False):
    """The order never worked; what it was to replace works on."""

    client_id: Whole
    reason: _Text


class Cancelled(Struct, frozen=True, kw_only=True, tag=5, array_like=True, gc=False):
    """Nothing of the order is left."""

    client_id: Whole
    reason: _Text  # as: asked, immediate, protection, halt, disconnect, expiry


class CancelRejected(Struct, frozen=True, kw_only=True, tag=6, array_like=True, gc=False):
    """The order could not be cancelled: it is not there."""

    client_id: Whole
    reason: _Text


class Traded(Struct, frozen=True, kw_only=True, tag=7, array_like=True, gc=False):
    """A trade of the desk's."""

    execution_id: _Text  # unique for ever
    client_id: Whole
    row: Whole
    side: Whole  # the desk's
    quantity: Whole
    price_ticks: Whole
    at_ns: Nanoseconds
    fee: float  # currency; negative for a rebate
    capacity: _Text  # of the other side
    order_id: Whole  # of the customer; 0: none
    maker: bool  # the desk's order was there first


class Busted(Struct, frozen=True, kw_only=True, tag=8, array_like=True, gc=False):
    """The exchange undid a trade."""

    bust_id: _Text
    execution_id: _Text
    at_ns: Nanoseconds


class Corrected(Struct, frozen=True, kw_only=True, tag=9, array_like=True, gc=False):
    """The exchange changed the price of a trade."""

    correction_id: _Text
    execution_id: _Text
    quantity: Whole
    price_ticks: Whole
    at_ns: Nanoseconds


class Tripped(Struct, frozen=True, kw_only=True, tag=10, array_like=True, gc=False):
    """A protection took quotes of the desk out and refuses new ones."""

    scope: _Text  # as the desk's own protections name it: venue/rule/key
    until_ns: Whole  # 0: until the desk resets it


Report = Acknowledged | Rejected | Cancelled | CancelRejected | Traded | Busted | Corrected | Tripped
