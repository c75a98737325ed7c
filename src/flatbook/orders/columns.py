"""Orders on their way to a venue, as columns, and why the gate lets one through or not."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flatbook.model.table import Bools, Floats, Ints


class Purpose(IntEnum):
    """What an order is for; hedges go first."""

    HEDGE = 0
    QUOTE = 1


class Reason(IntEnum):
    """What the gate says of an order; the first that applies, those from SUSPECT on in the place of KILLED."""

    ACCEPTED = 0
    CUT = 1  # accepted for fewer contracts
    NOT_AN_ORDER = 2
    KILLED = 3
    SIZE = 4
    NO_VALUE = 5
    COLLAR_THEO = 6
    VOL_DISTANCE = 7
    COLLAR_NBBO = 8
    NOTIONAL = 9
    DUPLICATE = 10
    SELF_TRADE = 11
    NOTIONAL_WORKING = 12
    REDUCE_ONLY = 13
    WORST_CASE = 14
    KILL_LIMIT = 15
    RATE = 16
    SUSPECT = 17
    HALTED = 18
    UNRECONCILED = 19
    SETTLED = 20
    BACKOFF = 21


REASON_TEXT: dict[Reason, str] = {
    Reason.ACCEPTED: "passes",
    Reason.CUT: "passes for fewer contracts: the limits have room for no more, were everything at work to fill",
    Reason.NOT_AN_ORDER: "no order: row, side, price, step, quantity or venue cannot be meant, or the contract has expired",
    Reason.KILLED: "the kill switch is on for it",
    Reason.SIZE: "larger than an order may be",
    Reason.NO_VALUE: "no theoretical value or vega, and not a closing order inside the market",
    Reason.COLLAR_THEO: "beyond fair value by more than the collar",
    Reason.VOL_DISTANCE: "beyond fair value by more vol points than allowed",
    Reason.COLLAR_NBBO: "beyond the other side of the market by more than the collar",
    Reason.NOTIONAL: "worth more than an order may be",
    Reason.DUPLICATE: "the same order was sent a moment ago",
    Reason.SELF_TRADE: "would trade with an order of ours",
    Reason.NOTIONAL_WORKING: "all orders at work would be worth more than allowed",
    Reason.REDUCE_ONLY: "adds to a hard limit that is in breach",
    Reason.WORST_CASE: "would breach a hard limit, were everything at work to fill",
    Reason.KILL_LIMIT: "the least that a duty asks, but it could take a limit beyond the kill limit",
    Reason.RATE: "no message is left for it in this instant",
    Reason.SUSPECT: "the feed of its underlying has a gap, and it is no hedge that only reduces",
    Reason.HALTED: "trading of its underlying is halted",
    Reason.UNRECONCILED: "its venue's session is down, or the venue and we do not agree on orders and positions",
    Reason.SETTLED: "the series is settled",
    Reason.BACKOFF: "the venue has just rejected this hedge: it waits",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderColumns:
    """k orders that want to leave."""

    row: Ints  # of the instrument table
    side: Ints  # +1 buys, -1 sells
    price_ticks: Ints
    quantity: Ints  # contracts
    venue: Ints  # number of the venue
    purpose: Ints  # Purpose
    duty: Ints  # contracts that a duty asks at least; an order of no more goes beyond a hard limit. 0: none
    usefulness: Floats  # among quotes the greater goes first
    replaces: Ints  # client id of the order whose place it takes; 0: none

    @property
    def size(self) -> int:
        """How many orders."""
        return self.row.size

    def take(self, which: Ints | Bools) -> "OrderColumns":
        """Some of them, as numpy selects."""
        return OrderColumns(**{name: getattr(self, name)[which] for name in self.__slots__})


def columns_of(
    row: Ints,
    side: Ints,
    price_ticks: Ints,
    quantity: Ints,
    *,
    purpose: Purpose = Purpose.QUOTE,
    venue: int = 0,
    duty: Ints | None = None,
    usefulness: Floats | None = None,
) -> OrderColumns:
    """New orders of one purpose at one venue, int64[k] each."""
    n = row.size
    return OrderColumns(
        row=row,
        side=side,
        price_ticks=price_ticks,
        quantity=quantity,
        venue=np.full(n, venue),
        purpose=np.full(n, int(purpose)),
        duty=np.zeros(n, dtype=np.int64) if duty is None else duty,
        usefulness=np.zeros(n) if usefulness is None else usefulness,
        replaces=np.zeros(n, dtype=np.int64),
    )


def joined(first: OrderColumns, second: OrderColumns) -> OrderColumns:
    """Both, the first's before the second's."""
    return OrderColumns(
        **{
            name: np.concatenate([getattr(first, name), getattr(second, name)])
            for name in OrderColumns.__slots__
        }
    )
