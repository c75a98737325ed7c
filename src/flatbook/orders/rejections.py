"""What venues reject: a hedge waits before it is tried again, and what is rejected again and again is stopped until a person looks.

A hedge (series and side) that was rejected waits `reject_backoff_ms`, twice as long each time for the same reason, never longer than
`reject_backoff_most_ms`; once it is acknowledged or filled nothing is left of that. A reason that has been quiet for twice the longest wait
begins anew. Rejections within `reject_window_s` are counted: `hedge_rejects_most` of one hedge kill its underlying, where a hedge that
cannot be done means that nothing more may be sold; `rejects_most` of any orders kill their venue. A release by a person forgets what was counted.
"""

from dataclasses import dataclass, field

import numpy as np

from flatbook.model.order_events import KillScope, OrderNews, OrdersAnswered
from flatbook.model.order_terms import OrderTerms
from flatbook.model.table import InstrumentTable, Ints
from flatbook.orders.columns import Purpose
from flatbook.orders.kill import Kill, Kills
from flatbook.orders.state import OrderState, WorkingOrders, places_of

BY_REJECTIONS = "rejections"  # owner of a kill that they set off
_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000
_Hedge = tuple[int, int]  # row and side


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A hedge that was rejected for one reason."""

    reason: str  # in the venue's words
    times: int  # in a row
    since_ns: int  # of the last rejection
    until_ns: int  # it is not sent before


@dataclass(slots=True, kw_only=True)
class Rejections:
    """What was rejected lately."""

    waits: dict[_Hedge, dict[str, Wait]] = field(default_factory=dict)  # by reason
    of_hedge: dict[_Hedge, tuple[int, ...]] = field(default_factory=dict)  # when, within the window
    of_any: tuple[tuple[int, int], ...] = ()  # when and how many orders at once, within the window
    reason: str = ""  # of the last


def see_rejections(
    rejections: Rejections, orders: WorkingOrders, event: OrdersAnswered, terms: OrderTerms
) -> None:
    """Count what a venue rejects, and let hedges wait. Before the orders take the news.

    Parameters
    ----------
    rejections : Rejections
    orders : WorkingOrders
        As before the news: what is dead already is not rejected again.
    event : OrdersAnswered
    terms : OrderTerms
    """
    news = dict(zip(event.client_ids, event.news, strict=True))  # the last of each
    at = places_of(orders, event.client_ids)
    at = at[orders.state[at] != OrderState.DEAD]
    rejected = 0
    if OrderNews.REJECTED in event.news:
        refused = {client_id for client_id, what in news.items() if what == OrderNews.REJECTED}
        rejected = sum(client_id in refused for client_id in orders.client_id[at].tolist())
    for place in at[orders.purpose[at] == Purpose.HEDGE].tolist():
        what = news[int(orders.client_id[place])]
        hedge = int(orders.row[place]), int(orders.side[place])
        if what is OrderNews.REJECTED:
            _wait(rejections, hedge, event, terms)
        elif what is OrderNews.ACKNOWLEDGED:
            forget_hedge(rejections, *hedge)
    if rejected:
        since = event.received_ns - _NS_PER_S * terms.reject_window_s
        kept = (each for each in rejections.of_any if each[0] > since)
        rejections.of_any = (*kept, (event.received_ns, rejected))
        rejections.reason = event.reason


def forget_hedge(rejections: Rejections, row: int, side: int) -> None:
    """The hedge works: it waits no longer."""
    rejections.waits.pop((row, side), None)
    rejections.of_hedge.pop((row, side), None)


def forget_counts(rejections: Rejections) -> None:
    """A person has looked."""
    rejections.of_hedge.clear()
    rejections.of_any = ()


def waiting_hedges(rejections: Rejections, now_ns: int) -> Ints:
    """Hedges that wait, as 2 row + (sells), int64[m]."""
    keys = [
        2 * row + (side < 0)
        for (row, side), waits in rejections.waits.items()
        if any(
            each.since_ns <= now_ns < each.until_ns for each in waits.values()
        )  # a clock went back: nobody waits
    ]
    return np.array(keys, dtype=np.int64)


def latch_rejections(
    kills: Kills, rejections: Rejections, table: InstrumentTable, terms: OrderTerms, now_ns: int
) -> None:
    """Kill the underlying of a hedge, and the venue, that were rejected too often within the window."""
    since = now_ns - _NS_PER_S * terms.reject_window_s
    window = f"within {terms.reject_window_s} s"
    for (row, _), times in rejections.of_hedge.items():
        count = sum(each > since for each in times)
        if count >= terms.hedge_rejects_most:
            item = table.instruments[row]
            why = f"hedge {item.symbol} rejected {count} times {window}: {rejections.reason or 'no reason told'}"
            _latch(kills, (KillScope.UNDERLYING, item.underlying), why, now_ns)
    total = sum(count for at_ns, count in rejections.of_any if at_ns > since)
    if total >= terms.rejects_most:
        why = f"{total} orders rejected {window}, the last: {rejections.reason or 'no reason told'}"
        _latch(kills, (KillScope.VENUE, terms.venue), why, now_ns)


def _wait(rejections: Rejections, hedge: _Hedge, event: OrdersAnswered, terms: OrderTerms) -> None:
    now_ns, waits = event.received_ns, rejections.waits.setdefault(hedge, {})
    before, most = waits.get(event.reason), _NS_PER_MS * terms.reject_backoff_most_ms
    times = 1 if before is None or now_ns > before.until_ns + 2 * most else before.times + 1
    first = _NS_PER_MS * terms.reject_backoff_ms
    pause = min(first << min(times - 1, 40), most)
    waits[event.reason] = Wait(reason=event.reason, times=times, since_ns=now_ns, until_ns=now_ns + pause)
    since = now_ns - _NS_PER_S * terms.reject_window_s
    kept = (each for each in rejections.of_hedge.get(hedge, ()) if each > since)
    rejections.of_hedge[hedge] = (*kept, now_ns)


def _latch(kills: Kills, scope: tuple[KillScope, str], why: str, now_ns: int) -> None:
    kills.on.setdefault(scope, Kill(owner=BY_REJECTIONS, reason=why, since_ns=now_ns))
