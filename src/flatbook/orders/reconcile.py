"""From what works to what is wanted: new, replace, cancel, at most one pending action a quote.

Source: domain reference A.12 (requote for a tick and an edge gain, anchored at the quote's centre at its placement). A side that
is unsafe or not wanted any more is cancelled at once, whatever is pending, and again until it is proven dead. A price that stands
beyond fair value is moved without asking what it gains, and so is what a duty does not allow.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from flatbook.model.order_terms import OrderTerms
from flatbook.model.table import Bools, Floats, Ints
from flatbook.orders.columns import OrderColumns, Purpose, Reason, joined
from flatbook.orders.gate import Verdicts
from flatbook.orders.kill import Stopped
from flatbook.orders.rate import Buckets, take_messages
from flatbook.orders.state import OrderState, WorkingOrders, send_cancels, send_orders
from flatbook.orders.wanted import WantedHedges, WantedQuotes
from flatbook.quoting.conditions import Withheld
from flatbook.quoting.ticks import NO_PRICE

_TICK_EDGE = 1e-9  # a price at fair value but for the last bits is not beyond it


class Action(IntEnum):
    """What is sent, in the sequence in which it leaves."""

    CANCEL = 0
    REPLACE = 1
    NEW = 2


class Why(IntEnum):
    """What a command is for."""

    UNSAFE = 0  # the side must go
    UNWANTED = 1  # nothing is wanted there
    ASTRAY = 2  # more than one order of a quote, or at another venue
    BEYOND_VALUE = 3  # a price beyond fair value
    CENTRE_MOVED = 4
    WIDTH_CHANGED = 5
    SIZE_CHANGED = 6  # less is wanted
    MISSING = 7  # nothing works where something is wanted
    HEDGE_CHANGED = 8
    REFUSED = 9  # the gate refused its replacement
    REFILL = 10  # little is left of it: made whole
    KILLED = 11
    DUTY = 12  # what works is wider than a duty allows, or smaller
    HELD_BACK = 13  # a halt, a gap of the feed, a venue that is not reconciled, a series that is over
    UNANSWERED = 14  # its cancel has had no answer: until it is gone nothing takes its place


WHY_TEXT: dict[Why, str] = {
    Why.UNSAFE: "the side is unsafe",
    Why.UNWANTED: "not wanted any more",
    Why.ASTRAY: "a second order of the same quote, or at another venue",
    Why.BEYOND_VALUE: "stands beyond fair value",
    Why.CENTRE_MOVED: "the centre of the quote has moved away from its anchor",
    Why.WIDTH_CHANGED: "its distance from the centre has changed",
    Why.SIZE_CHANGED: "less is wanted",
    Why.MISSING: "wanted and not at work",
    Why.HEDGE_CHANGED: "another price or quantity of the hedge is wanted",
    Why.REFUSED: "the gate refused what was to replace it",
    Why.REFILL: "little is left of it after fills",
    Why.KILLED: "the kill switch is on for it",
    Why.DUTY: "stands wider or smaller than a duty allows",
    Why.UNANSWERED: "its cancel has had no answer",
    Why.HELD_BACK: "a halt, a gap of the feed, a venue that is not reconciled, or a settled series",
}
_FIRST = (int(Why.KILLED), int(Why.HELD_BACK), int(Why.UNSAFE), int(Why.BEYOND_VALUE))  # of what is cancelled
_MUST_GO = (
    int(Why.BEYOND_VALUE),
    int(Why.SIZE_CHANGED),
)  # of what is replaced: for want of a message it is cancelled
_LATER = (int(Reason.RATE), int(Reason.DUPLICATE), int(Reason.BACKOFF))  # refused for now, not for good
_MAY_STAY = (int(Why.REFILL), int(Why.DUTY))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Commands:
    """Cancels first, then hedges, then quotes by usefulness, row and side."""

    action: Ints  # Action
    why: Ints  # Why
    client_id: Ints  # of what is cancelled or replaced; 0 for what is new
    orders: OrderColumns  # of a cancel, what it cancels
    anchor_ticks: Floats

    @property
    def size(self) -> int:
        """How many commands."""
        return self.action.size

    @property
    def cancels(self) -> Bools:
        """bool[k]."""
        return np.asarray(self.action == Action.CANCEL)

    def ids_from(self, next_id: int) -> Ints:
        """int64[k]: the client id that each new order gets, `next_id` the first of them; of a cancel, what it cancels."""
        new = ~self.cancels
        return np.asarray(np.where(new, next_id - 1 + np.cumsum(new), self.client_id))

    def take(self, which: Ints | Bools) -> "Commands":
        """Some of them, as numpy selects."""
        return Commands(
            action=self.action[which],
            why=self.why[which],
            client_id=self.client_id[which],
            orders=self.orders.take(which),
            anchor_ticks=self.anchor_ticks[which],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Wants:
    """What is wanted, a line a key (purpose, row, side)."""

    key: Ints
    orders: OrderColumns
    anchor: Floats


def reconcile(
    working: WorkingOrders,
    quotes: WantedQuotes,
    hedges: WantedHedges,
    stopped: Stopped,
    terms: OrderTerms,
    now_ns: int,
) -> Commands:
    """What must be sent so that what works becomes what is wanted.

    Parameters
    ----------
    working : WorkingOrders
    quotes : WantedQuotes
    hedges : WantedHedges
    stopped : Stopped
        Kill switches: what they stop is not wanted, and what works there is cancelled; of hedges, where a kill allows them, those
        that were sent before it.
    terms : OrderTerms
    now_ns : int
    """
    n = quotes.bid.size
    wants = _wants(quotes, hedges, stopped, terms)
    at = np.flatnonzero(working.alive)
    key = _key(working.row[at], working.side[at], working.purpose[at] == Purpose.HEDGE, n)
    want_of, count = np.full(4 * n, -1, dtype=np.int64), np.bincount(key, minlength=4 * n)
    want_of[wants.key] = np.arange(wants.key.size)
    want, alone = want_of[key], count[key] == 1
    single = alone & (working.state[at] == OrderState.LIVE)
    beyond = _beyond_value(working, at, quotes)
    why_goes = _why_gone(working, at, wants, want, quotes, stopped, terms)
    why_goes[(why_goes < 0) & beyond & ~single] = Why.BEYOND_VALUE
    newest = np.zeros(4 * n, dtype=np.int64)
    np.maximum.at(newest, key, np.arange(key.size))
    second = ~alone & (working.state[at] == OrderState.LIVE) & (newest[key] != np.arange(key.size))
    why_goes[(why_goes < 0) & second] = Why.ASTRAY
    leaving = (working.state[at] == OrderState.PENDING_CANCEL) & (working.cancel_ns[at] > 0)
    why_goes[(why_goes < 0) & leaving] = Why.UNANSWERED
    cancel = _due(working, at, why_goes, terms, now_ns)
    moves = np.flatnonzero(single & (why_goes < 0))
    wide = _too_wide(working, at, single, quotes)
    why_moves = _why_moved(working, at[moves], wants, want[moves], beyond[moves], wide[moves], quotes, terms)
    moved = moves[why_moves >= 0]
    turning = (wants.orders.purpose == Purpose.HEDGE) & (count[wants.key ^ 1] > 0)
    new = np.flatnonzero((count[wants.key] == 0) & ~turning)
    whole = np.concatenate([want[moved], new])
    ids = np.concatenate([working.client_id[at[moved]], np.zeros(new.size, dtype=np.int64)])
    sends = Commands(
        action=np.where(ids > 0, int(Action.REPLACE), int(Action.NEW)),
        why=np.concatenate([why_moves[why_moves >= 0], np.full(new.size, int(Why.MISSING))]),
        client_id=ids,
        orders=replace(wants.orders.take(whole), replaces=ids),
        anchor_ticks=wants.anchor[whole],
    )
    return _joined(_cancels(working, at[cancel], why_goes[cancel]), sends.take(_sequence(sends.orders)))


def passed(commands: Commands, verdicts: Verdicts, terms: OrderTerms) -> tuple[Commands, Buckets]:
    """What really leaves: cancels, what the gate let through at the size it allows, and for a replacement that it refused a cancel.

    A replacement refused for its rate, as sent a moment ago, or because the venue has just rejected it, waits for the next cycle, unless what works is beyond fair value or
    larger than is wanted: then it is cancelled. One that only makes an order whole or legal leaves whole or waits.

    Parameters
    ----------
    commands : Commands
    verdicts : Verdicts
        Of `commands.take(~commands.cancels).orders`, with its cancels.
    terms : OrderTerms

    Returns
    -------
    Commands
    Buckets
        Messages that are left to each venue.
    """
    sends, cancels = commands.take(~commands.cancels), commands.take(commands.cancels)
    refill = np.isin(sends.why, _MAY_STAY)
    leaves = verdicts.passes & ~(refill & (verdicts.reason == Reason.CUT))
    later = np.isin(verdicts.reason, _LATER)
    waits = later & ~np.isin(sends.why, _MUST_GO) | refill
    fallen = sends.take((sends.action == Action.REPLACE) & ~verdicts.passes & ~waits)
    fallen = fallen.take(np.argsort(fallen.why != Why.BEYOND_VALUE, kind="stable"))
    kept = sends.take(leaves)
    kept = replace(kept, orders=replace(kept.orders, quantity=verdicts.quantity[leaves]))
    stops = replace(
        fallen,
        action=np.full(fallen.size, int(Action.CANCEL)),
        why=np.full(fallen.size, int(Why.REFUSED)),
    )
    go, buckets = take_messages(verdicts.buckets, terms, stops.orders.venue, cancels=True)
    return _joined(_joined(cancels.take(verdicts.cancels), stops.take(go)), kept), buckets


def send(working: WorkingOrders, commands: Commands, now_ns: int) -> Ints:
    """Remember that these commands leave now; client ids of what is new, int64[m], in their sequence."""
    cancels = commands.cancels
    send_cancels(working, commands.client_id[cancels], now_ns)
    leaves = commands.take(~cancels)
    return send_orders(working, leaves.orders, leaves.anchor_ticks, now_ns)


def _beyond_value(working: WorkingOrders, at: Ints, quotes: WantedQuotes) -> Bools:
    """Quotes that stand on the wrong side of fair value; without a value none does."""
    side = working.side[at]
    over = side * (working.price_ticks[at] - quotes.theo_ticks[working.row[at]])
    return np.asarray((working.purpose[at] == Purpose.QUOTE) & (over > _TICK_EDGE))


def _too_wide(working: WorkingOrders, at: Ints, single: Bools, quotes: WantedQuotes) -> Bools:
    """Quotes whose two sides work wider than a duty allows, where what is wanted is no wider."""
    n = quotes.bid.size
    row, side = working.row[at], working.side[at]
    quote = single & (working.purpose[at] == Purpose.QUOTE)
    bid, ask = (np.full(n, NO_PRICE, dtype=np.int64) for _ in range(2))
    bid[row[quote & (side > 0)]] = working.price_ticks[at[quote & (side > 0)]]
    ask[row[quote & (side < 0)]] = working.price_ticks[at[quote & (side < 0)]]
    wide = (bid != NO_PRICE) & (ask != NO_PRICE) & (ask - bid > quotes.width_most_ticks)
    wide &= quotes.ask - quotes.bid <= quotes.width_most_ticks
    return np.asarray(quote & wide[row])


def _due(working: WorkingOrders, at: Ints, why: Ints, terms: OrderTerms, now_ns: int) -> Ints:
    """What is cancelled now: first what never was, then what must go, then that which waits longest.

    Time that ran backwards makes nobody wait.
    """
    asked = working.cancel_ns[at]
    due = (asked == 0) | (now_ns < asked) | (now_ns - asked >= 1_000_000 * terms.cancel_retry_ms)
    cancel = np.flatnonzero((why >= 0) & due)
    order = np.lexsort((asked[cancel], ~np.isin(why[cancel], _FIRST), asked[cancel] != 0))
    return np.asarray(cancel[order])


def _why_gone(
    working: WorkingOrders,
    at: Ints,
    wants: _Wants,
    want: Ints,
    quotes: WantedQuotes,
    stopped: Stopped,
    terms: OrderTerms,
) -> Ints:
    """Why each of the orders `at` must go, whatever is pending; -1 where it may stay."""
    row, side, venue = working.row[at], working.side[at], working.venue[at]
    quote = working.purpose[at] == Purpose.QUOTE
    before = working.sent_ns[at] < stopped.since_ns[row]
    killed = stopped.venues[venue] | stopped.rows[row] & (quote | before | (not terms.kill_allows_hedges))
    held_back = stopped.halted[row] | quote & (stopped.withheld[row] != Withheld.NOTHING)
    unsafe = quote & np.where(side > 0, quotes.bid_unsafe[row], quotes.ask_unsafe[row])
    elsewhere = np.append(wants.orders.venue, -1)[want] != venue
    return np.select(
        [killed, held_back, unsafe, want < 0, elsewhere],
        [int(Why.KILLED), int(Why.HELD_BACK), int(Why.UNSAFE), int(Why.UNWANTED), int(Why.ASTRAY)],
        -1,
    ).astype(np.int64)


def _wants(quotes: WantedQuotes, hedges: WantedHedges, stopped: Stopped, terms: OrderTerms) -> _Wants:
    if not terms.kill_allows_hedges:
        hedges = hedges.take(~stopped.rows[hedges.row])
    hedges = hedges.take(~stopped.halted[hedges.row])
    n, none = quotes.bid.size, np.zeros(hedges.row.size, dtype=np.int64)
    go = ~stopped.rows & (stopped.withheld == Withheld.NOTHING)
    bid = np.flatnonzero((quotes.bid != NO_PRICE) & (quotes.bid_size > 0) & ~quotes.bid_unsafe & go)
    ask = np.flatnonzero((quotes.ask != NO_PRICE) & (quotes.ask_size > 0) & ~quotes.ask_unsafe & go)
    row = np.concatenate([hedges.row, bid, ask])
    ones = np.ones(bid.size, dtype=np.int64), np.ones(ask.size, dtype=np.int64)
    side = np.concatenate([hedges.side, ones[0], -ones[1]])
    purpose = np.concatenate([none + Purpose.HEDGE, Purpose.QUOTE * ones[0], Purpose.QUOTE * ones[1]])
    orders = OrderColumns(
        row=row,
        side=side,
        price_ticks=np.concatenate([hedges.price_ticks, quotes.bid[bid], quotes.ask[ask]]),
        quantity=np.concatenate([hedges.quantity, quotes.bid_size[bid], quotes.ask_size[ask]]),
        venue=np.concatenate([hedges.venue, quotes.venue[bid], quotes.venue[ask]]),
        purpose=purpose,
        duty=np.concatenate([none, quotes.bid_duty[bid], quotes.ask_duty[ask]]),
        usefulness=np.concatenate([none.astype(np.float64), quotes.usefulness[bid], quotes.usefulness[ask]]),
        replaces=np.zeros(row.size, dtype=np.int64),
    )
    hedge = purpose == Purpose.HEDGE
    return _Wants(
        key=_key(row, side, hedge, n), orders=orders, anchor=np.where(hedge, np.nan, quotes.centre_ticks[row])
    )


def _why_moved(
    working: WorkingOrders,
    at: Ints,
    wants: _Wants,
    want: Ints,
    beyond: Bools,
    wide: Bools,
    quotes: WantedQuotes,
    terms: OrderTerms,
) -> Ints:
    """Why each of the orders `at` is replaced by what is wanted in its place; -1 where it stays."""
    row, price, left = working.row[at], working.price_ticks[at], working.open[at]
    wanted, size = wants.orders.price_ticks[want], wants.orders.quantity[want]
    hedge = working.purpose[at] == Purpose.HEDGE
    ticks = np.abs(wanted - price)
    worth = ticks * quotes.usd_per_tick[row] * size >= terms.requote_edge_usd
    gains = (ticks >= terms.requote_ticks) & worth
    centre, anchor = wants.anchor[want], working.anchor_ticks[at]
    half = np.minimum(quotes.half_spread_ticks[row], 0.5 * quotes.width_most_ticks[row])
    moved = np.abs(centre - anchor) > terms.requote_centre_half_spreads * half
    width = np.abs((wanted - centre) - (price - anchor)) >= terms.requote_ticks
    smaller, spent = size < left, left <= terms.refill_share * size
    return np.select(
        [
            hedge & ((ticks > 0) | (size != left)),
            hedge,
            beyond & (ticks > 0),
            gains & moved,
            gains & width,
            smaller,
            wide & (ticks > 0) | (left < quotes.size_least[row]) & (size > left),
            spent & (size > left),
        ],
        [
            int(Why.HEDGE_CHANGED),
            -1,
            int(Why.BEYOND_VALUE),
            int(Why.CENTRE_MOVED),
            int(Why.WIDTH_CHANGED),
            int(Why.SIZE_CHANGED),
            int(Why.DUTY),
            int(Why.REFILL),
        ],
        -1,
    ).astype(np.int64)


def _cancels(working: WorkingOrders, at: Ints, why: Ints) -> Commands:
    none = np.zeros(at.size, dtype=np.int64)
    return Commands(
        action=none,
        why=why.astype(np.int64),
        client_id=working.client_id[at],
        orders=OrderColumns(
            row=working.row[at],
            side=working.side[at],
            price_ticks=working.price_ticks[at],
            quantity=working.open[at],
            venue=working.venue[at],
            purpose=working.purpose[at],
            duty=none,
            usefulness=none.astype(np.float64),
            replaces=none,
        ),
        anchor_ticks=working.anchor_ticks[at],
    )


def _sequence(orders: OrderColumns) -> Ints:
    useful = np.nan_to_num(orders.usefulness, nan=-np.inf)
    return np.lexsort((-orders.side, orders.row, -useful, orders.purpose))


def _joined(first: Commands, second: Commands) -> Commands:
    return Commands(
        action=np.concatenate([first.action, second.action]),
        why=np.concatenate([first.why, second.why]),
        client_id=np.concatenate([first.client_id, second.client_id]),
        orders=joined(first.orders, second.orders),
        anchor_ticks=np.concatenate([first.anchor_ticks, second.anchor_ticks]),
    )


def _key(row: Ints, side: Ints, hedge: Bools, n: int) -> Ints:
    return np.asarray(2 * (row + n * hedge) + (side < 0))
