"""Fills and orders sent in the last second and the last minute, from the facts that told of them.

A fill counts at the instant at which it was traded, and no later than it reached us, so that a book of old fills is no burst of new
ones. A venue's repeat of a fill is none, and neither is a correction or a bust: the trade took place.

Orders are told whole, without names, so what was sent is what an `OrdersWorking` has beyond the one before: each line that no line of
the same series, side and price matches with as many contracts, at the instant of the fact. A new price is a new order. A line that is
gone or smaller sends none: it was filled, cancelled or cut, and nobody told which. All lines of the first fact count, for nobody told
when they were sent. Before it no rate of orders is measured.

A window holds what is younger than its length at the cycle, and whatever came after it.
"""

from bisect import bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass, field
from math import nan

from flatbook.limits.measured import DESK, Activity
from flatbook.model.events import Fill, OrdersWorking
from flatbook.model.instruments import Side

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS

_Instants = dict[str, list[int]]  # by underlying and DESK: ascending, one entry a fill or an order
_Line = tuple[str, Side, int | None]  # series, side and price


@dataclass(slots=True)
class Traffic:
    """Instants of the fills and orders of the last minute before the last cycle, and of all since."""

    fills: _Instants = field(default_factory=dict)
    orders: _Instants = field(default_factory=dict)
    orders_told: bool = False


def count_fill(traffic: Traffic, underlying: str, fill: Fill) -> None:
    """Count a fill that was not seen before."""
    at_ns = min(fill.traded_ns, fill.received_ns)
    if at_ns > fill.received_ns - MINUTE_NS:
        _count(traffic.fills, underlying, at_ns)


def count_orders(
    traffic: Traffic, underlyings: tuple[str, ...], before: OrdersWorking | None, now: OrdersWorking
) -> None:
    """Count the orders that were sent between two facts.

    Parameters
    ----------
    traffic : Traffic
    underlyings : tuple of str
        Of each line of `now`.
    before : OrdersWorking or None
        The last one told; None where there was none.
    now : OrdersWorking
    """
    traffic.orders_told = True
    for line in sent(before, now):
        _count(traffic.orders, underlyings[line], now.received_ns)


def sent(before: OrdersWorking | None, now: OrdersWorking) -> list[int]:
    """Lines of `now`, ascending, that are new, at a new price or larger than in `before`.

    Lines of one series, side and price are matched so that as few as possible were sent: the largest with the largest.
    """
    left: defaultdict[_Line, list[int]] = defaultdict(list)
    if before is not None:
        for symbol, side, price, quantity in zip(
            before.symbols, before.sides, before.price_ticks, before.quantities, strict=True
        ):
            left[symbol, side, price].append(quantity)
    for quantities in left.values():
        quantities.sort()
    out = []
    for line in sorted(range(len(now.symbols)), key=lambda each: -now.quantities[each]):
        known = left[now.symbols[line], now.sides[line], now.price_ticks[line]]
        if known and known[-1] >= now.quantities[line]:
            known.pop()
        else:
            out.append(line)
    return sorted(out)


def activity_at(traffic: Traffic, underlyings: tuple[str, ...], now_ns: int) -> dict[str, Activity]:
    """Rates at an instant, by underlying and for the desk; of orders NaN while nobody has told of any."""
    busy = {DESK, *traffic.fills, *traffic.orders}
    quiet = _activity(traffic, None, now_ns)
    return {
        name: _activity(traffic, name, now_ns) if name in busy else quiet for name in (DESK, *underlyings)
    }


def forget_old(traffic: Traffic, now_ns: int) -> None:
    """Drop what no window of a later cycle can hold."""
    for instants in (traffic.fills, traffic.orders):
        for name in list(instants):
            del instants[name][: bisect_right(instants[name], now_ns - MINUTE_NS)]
            if not instants[name]:
                del instants[name]


def _count(instants: _Instants, underlying: str, at_ns: int) -> None:
    for name in (underlying, DESK):
        insort(instants.setdefault(name, []), at_ns)


def _activity(traffic: Traffic, name: str | None, now_ns: int) -> Activity:
    fills, orders = (
        [] if name is None else instants.get(name, []) for instants in (traffic.fills, traffic.orders)
    )
    unknown = 0.0 if traffic.orders_told else nan
    return Activity(
        orders_per_s=unknown + _since(orders, now_ns - SECOND_NS),
        orders_per_min=unknown + _since(orders, now_ns - MINUTE_NS),
        fills_per_s=float(_since(fills, now_ns - SECOND_NS)),
        fills_per_min=float(_since(fills, now_ns - MINUTE_NS)),
    )


def _since(instants: list[int], after_ns: int) -> int:
    return len(instants) - bisect_right(instants, after_ns)
