"""What the orders room remembers: every order of ours that may still fill, and those that died lately.

An order counts from the moment it is sent until its venue said that nothing of it remains, or all of it was filled. A
replacement is an order of its own that counts beside the one it replaces, until the venue said which of them is left. Client
ids ascend and are used once. What a venue says of an order that nobody knows is given back, for a person to look at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np

from flatbook.model.order_events import OpenOrdersTold, OrderNews, OrdersAnswered
from flatbook.model.table import Bools, Floats, Ints
from flatbook.orders.columns import OrderColumns, Purpose

_ROOM_LEAST = 64
_REMEMBER_NS = 60_000_000_000  # a dead order, for late news and duplicates


class OrderState(IntEnum):
    """Where an order stands; all but DEAD may fill."""

    PENDING_NEW = 0
    LIVE = 1
    PENDING_CANCEL = 2
    PENDING_REPLACE = 3
    UNKNOWN = 4
    DEAD = 5


def _none() -> Ints:
    return np.empty(0, dtype=np.int64)


@dataclass(slots=True, kw_only=True, eq=False)
class WorkingOrders:
    """Columns of equal length, ascending by client id."""

    client_id: Ints = field(default_factory=_none)
    row: Ints = field(default_factory=_none)
    side: Ints = field(default_factory=_none)
    price_ticks: Ints = field(default_factory=_none)
    quantity: Ints = field(default_factory=_none)  # as sent
    filled: Ints = field(default_factory=_none)  # as fills told
    told: Ints = field(
        default_factory=_none
    )  # the least that a venue's list left open; as sent before any list
    open: Ints = field(default_factory=_none)  # contracts that may still fill
    state: Ints = field(default_factory=_none)  # OrderState
    sent_ns: Ints = field(default_factory=_none)
    cancel_ns: Ints = field(default_factory=_none)  # of the last cancel; 0: none was sent
    venue: Ints = field(default_factory=_none)
    purpose: Ints = field(default_factory=_none)
    replaces: Ints = field(default_factory=_none)  # client id; 0: none
    anchor_ticks: Floats = field(
        default_factory=lambda: np.empty(0)
    )  # centre of the quote when it was placed
    next_id: int = 1
    _room: dict[str, Ints | Floats] = field(
        default_factory=dict, init=False, repr=False
    )  # what columns are the beginnings of

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        """Without the room: a copy makes its own."""
        told = {name: getattr(self, name) for name in self.__slots__ if name != "_room"}
        return None, told | {"_room": {}}

    @property
    def alive(self) -> Bools:
        """bool[n]: may still fill."""
        return np.asarray(self.state != OrderState.DEAD)

    @property
    def n_alive(self) -> int:
        """How many may still fill."""
        return int(np.count_nonzero(self.alive))

    @property
    def n_unknown(self) -> int:
        """How many of them nobody knows anything of until their venue is asked."""
        return int(np.count_nonzero(self.state == OrderState.UNKNOWN))


def send_orders(orders: WorkingOrders, batch: OrderColumns, anchor_ticks: Floats, now_ns: int) -> Ints:
    """Count orders that leave now; an order that one of them replaces is PENDING_REPLACE.

    Parameters
    ----------
    orders : WorkingOrders
    batch : OrderColumns
        What the gate let through, at the quantity it let through.
    anchor_ticks : float64[k]
        Centre of the quote; NaN for a hedge.
    now_ns : int

    Returns
    -------
    int64[k]
        Client ids.
    """
    _forget(orders, now_ns)
    k = batch.size
    ids = orders.next_id + np.arange(k)
    orders.next_id += k
    zero = np.zeros(k, dtype=np.int64)
    new: dict[str, Ints | Floats] = {
        "client_id": ids,
        "row": batch.row,
        "side": batch.side,
        "price_ticks": batch.price_ticks,
        "quantity": batch.quantity,
        "filled": zero,
        "told": batch.quantity,
        "open": batch.quantity,
        "state": zero,
        "sent_ns": np.full(k, now_ns),
        "cancel_ns": zero,
        "venue": batch.venue,
        "purpose": batch.purpose,
        "replaces": batch.replaces,
        "anchor_ticks": anchor_ticks,
    }
    for name, column in new.items():
        _append(orders, name, column)
    replaced = _replaced_by(orders, np.arange(orders.client_id.size - k, orders.client_id.size))
    held = orders.state[replaced]
    orders.state[replaced] = np.where(held == OrderState.LIVE, OrderState.PENDING_REPLACE, held)
    return ids


def send_cancels(orders: WorkingOrders, client_ids: Ints, now_ns: int) -> None:
    """Remember that cancels leave now; what they cancel counts until it is proven dead."""
    at, _ = _places(orders, client_ids)
    at = at[orders.state[at] != OrderState.DEAD]
    orders.state[at] = OrderState.PENDING_CANCEL
    orders.cancel_ns[at] = now_ns


def fill_orders(orders: WorkingOrders, client_ids: Ints, quantities: Ints) -> Ints:
    """Count fills; an order that is filled in full is dead, and so is what a filled order has replaced.

    What may still fill is the smaller of what the fills and what the venue's lists leave: a list may know of a fill before its
    report comes. Of an order filled beyond what was sent nobody knows what is left: it counts as sent until the venue's list settles it.

    Parameters
    ----------
    orders : WorkingOrders
    client_ids, quantities : int64[k]

    Returns
    -------
    int64[m]
        Client ids that nobody knows, or that were filled beyond what was sent: a person must look.
    """
    at, known = _places(orders, client_ids)
    strange = client_ids[~known]
    spent = np.zeros(orders.client_id.size, dtype=np.bool_)
    spent[at] = (orders.state[at] != OrderState.DEAD) | (orders.filled[at] == orders.quantity[at])
    np.add.at(orders.filled, at, quantities[known])
    at = np.unique(at)
    _take_off(orders, at)
    whole, over = (test(orders.filled[at], orders.quantity[at]) for test in (np.equal, np.greater))
    orders.state[at[whole]] = OrderState.DEAD
    orders.state[at[over & spent[at]]] = OrderState.UNKNOWN
    orders.state[_replaced_by(orders, at)] = OrderState.DEAD
    return np.concatenate([strange, orders.client_id[at[over]]])


def is_quote(orders: WorkingOrders, client_id: int) -> bool:
    """Whether it is a quote of ours."""
    at = places_of(orders, (client_id,))
    return bool((orders.purpose[at] == Purpose.QUOTE).any())


def places_of(orders: WorkingOrders, client_ids: Sequence[int]) -> Ints:
    """Where the orders with these ids are, each once, ascending, int64[m]; what nobody knows is left out."""
    ids = np.array(sorted(set(client_ids)), dtype=np.int64)
    return _places(orders, ids)[0]


def answer_orders(orders: WorkingOrders, event: OrdersAnswered) -> Ints:
    """Take what a venue says; dead is final. Client ids that nobody knows are given back, int64[m].

    News of one order count in their sequence; those of different orders do not disturb each other, in whatever sequence.
    """
    ids = np.array(event.client_ids, dtype=np.int64)
    at, known = _places(orders, ids)
    strange, news = ids[~known], np.array(event.news, dtype=np.int64)[known]
    while at.size:
        _, first = np.unique(at, return_index=True)
        _answer(orders, at[first], news[first])
        later = np.ones(at.size, dtype=np.bool_)
        later[first] = False
        at, news = at[later], news[later]
    return strange


def told_open_orders(orders: WorkingOrders, event: OpenOrdersTold, venue: int) -> Ints:
    """Take a venue's whole list of open orders: those it does not name are dead, the others work.

    Orders sent from `asked_ns` on are left alone, but for those of a time that has not come: a clock that was ahead sent them. What is open is never more than we thought, but for an order that was filled beyond
    what was sent.

    Returns
    -------
    int64[m]
        Client ids of the list that are not open by our own account: a person must look.
    """
    ids = np.array(event.client_ids, dtype=np.int64)
    at, known = _places(orders, ids)
    strange, told = ids[~known], np.array(event.quantities, dtype=np.int64)[known]
    ghosts = orders.client_id[at[orders.state[at] == OrderState.DEAD]]
    before = (orders.sent_ns < event.asked_ns) | (orders.sent_ns > event.received_ns)
    judged = orders.alive & (orders.venue == venue) & before
    gone = judged & ~np.isin(orders.client_id, ids)
    orders.state[gone] = OrderState.DEAD
    alive = orders.state[at] != OrderState.DEAD
    at, told = at[alive], told[alive]
    orders.told[at] = np.minimum(orders.told[at], told)
    _take_off(orders, at)
    settled = (orders.state[at] == OrderState.UNKNOWN) | (orders.state[at] == OrderState.PENDING_NEW)
    orders.state[at[settled]] = OrderState.LIVE
    _release_replaced(orders)
    return np.concatenate([strange, ghosts])


def _answer(orders: WorkingOrders, at: Ints, news: Ints) -> None:
    """One piece of news for each of different orders."""
    alive = orders.state[at] != OrderState.DEAD
    at, news = at[alive], news[alive]
    state = orders.state
    state[at[(news == OrderNews.UNKNOWN) | (news == OrderNews.CANCEL_REJECTED)]] = OrderState.UNKNOWN
    for what, waits in ((OrderNews.REJECTED, OrderState.LIVE), (OrderNews.CANCELLED, OrderState.UNKNOWN)):
        ended = at[news == what]
        state[ended] = OrderState.DEAD
        replaced = _replaced_by(orders, ended)
        state[replaced[state[replaced] == OrderState.PENDING_REPLACE]] = waits
    works = at[news == OrderNews.ACKNOWLEDGED]
    sure = (state[works] == OrderState.PENDING_NEW) | (state[works] == OrderState.UNKNOWN)
    state[works[sure]] = OrderState.LIVE
    state[_replaced_by(orders, works)] = OrderState.DEAD


def _take_off(orders: WorkingOrders, at: Ints) -> None:
    """What fills and lists leave open; of an order filled beyond what was sent only a list can tell."""
    left, told = orders.quantity[at] - orders.filled[at], orders.told[at]
    orders.open[at] = np.where(left < 0, told, np.minimum(left, told))


def end_orders(orders: WorkingOrders, which: Bools) -> None:
    """By our own account nothing of these, bool[n], can fill any more."""
    orders.state[which] = OrderState.DEAD


def without(orders: WorkingOrders, which: Bools) -> WorkingOrders:
    """The same orders, of which these, bool[n], cannot fill; nothing is remembered of it."""
    return (
        replace(orders, state=np.where(which, int(OrderState.DEAD), orders.state)) if which.any() else orders
    )


def _replaced_by(orders: WorkingOrders, at: Ints) -> Ints:
    """Where the orders are whose place these take."""
    replaces = orders.replaces[at]
    return _places(orders, replaces[replaces > 0])[0]


def _release_replaced(orders: WorkingOrders) -> None:
    """An order whose replacement is dead waits for it no longer."""
    waiting = orders.state == OrderState.PENDING_REPLACE
    if waiting.any():
        coming = orders.replaces[orders.alive & (orders.replaces > 0)]
        orders.state[waiting & ~np.isin(orders.client_id, coming)] = OrderState.LIVE


def _places(orders: WorkingOrders, client_ids: Ints) -> tuple[Ints, Bools]:
    """Where the known ones of these ids are, and which those are, bool[k]."""
    ids = orders.client_id
    if not ids.size:
        return np.empty(0, dtype=np.int64), np.zeros(client_ids.size, dtype=np.bool_)
    at = np.searchsorted(ids, client_ids)
    known = ids[np.minimum(at, ids.size - 1)] == client_ids
    return at[known], known


def _forget(orders: WorkingOrders, now_ns: int) -> None:
    """Drop what died long ago."""
    kept = orders.alive | (orders.sent_ns > now_ns - _REMEMBER_NS)
    if 2 * int(np.count_nonzero(kept)) < kept.size:
        for name in orders.__slots__:
            if name not in ("next_id", "_room"):
                setattr(orders, name, getattr(orders, name)[kept])


def _append(orders: WorkingOrders, name: str, column: Ints | Floats) -> None:
    """Lengthen a column, in place where there is room behind it: an order costs the same however many there were."""
    held, room = getattr(orders, name), orders._room.get(name)
    size = held.size + column.size
    if room is None or held.base is not room or room.size < size:
        room = np.empty(max(2 * size, _ROOM_LEAST), dtype=held.dtype)
        room[: held.size] = held
        orders._room[name] = room
    room[held.size : size] = column
    setattr(orders, name, room[:size])
