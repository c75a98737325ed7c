"""The last gate and what reconciles, beside plain Python that does the same an order at a time: `python -m benchmarks.orders`."""

import platform
from collections.abc import Callable

import numpy as np
from msgspec.structs import replace

from benchmarks.limits import _seconds, book, limits
from flatbook.kernels.headroom import EVERY, OPENING
from flatbook.limits.check import check
from flatbook.limits.measured import Measured
from flatbook.limits.pretrade import PreTrade, prepare_pretrade
from flatbook.model.order_terms import OrderTerms
from flatbook.model.table import Ints
from flatbook.orders.columns import OrderColumns, columns_of
from flatbook.orders.gate import Gate, gate, prepare_gate
from flatbook.orders.kill import Kills, stopped_by
from flatbook.orders.rate import full_buckets
from flatbook.orders.reconcile import reconcile
from flatbook.orders.state import WorkingOrders, send_orders
from flatbook.orders.wanted import WantedHedges, WantedQuotes

ORDERS, QUOTES = 1_000, 2_000
_TERMS = OrderTerms(message_burst=10_000)


def orders(measured: Measured, n: int) -> OrderColumns:
    """Bids and offers a tick or more off fair value, in different series."""
    random = np.random.default_rng(11)
    row = random.permutation(measured.values.price.size)[:n]
    side = random.choice(np.array([1, -1]), n)
    ticks = np.floor(measured.values.price[row] * measured.market.table.ticks_per_unit[row])
    price = np.maximum(ticks - side * random.integers(1, 20, n), 1.0).astype(np.int64)
    return columns_of(row, side, price, random.integers(1, 21, n), usefulness=random.random(n))


def wanted(measured: Measured, moved_ticks: int) -> WantedQuotes:
    """Two sides of the first series, moved by so many ticks."""
    n = measured.values.price.size
    theo = measured.values.price * measured.market.table.ticks_per_unit
    base = np.round(theo).astype(np.int64) + moved_ticks
    some = (np.arange(n) < QUOTES) & (base > 10)
    size, none, safe = np.where(some, 10, 0), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    return WantedQuotes(
        bid=np.where(some, np.maximum(base - 5, 1), -1),
        ask=np.where(some, base + 5, -1),
        bid_size=size,
        ask_size=size,
        bid_duty=none,
        ask_duty=none,
        bid_unsafe=safe,
        ask_unsafe=safe,
        theo_ticks=theo + moved_ticks,
        centre_ticks=theo + moved_ticks,
        half_spread_ticks=np.full(n, 5.0),
        usd_per_tick=np.ones(n),
        width_most_ticks=np.full(n, np.inf),
        size_least=np.zeros(n, dtype=np.int64),
        usefulness=np.zeros(n),
        venue=none,
    )


def one_by_one(batch: OrderColumns, prepared: Gate, pretrade: PreTrade) -> Ints:
    """The collars and the limits, an order at a time with numpy inside: what a gate without columns and kernels would do."""
    level, top, room = pretrade.level.copy(), pretrade.top.copy(), pretrade.room.copy()
    free, prices, out = pretrade.free.copy(), prepared.prices, np.zeros(batch.size, dtype=np.int64)
    for i in np.lexsort((-batch.usefulness, batch.purpose)).tolist():
        row, side, wanted_now = int(batch.row[i]), int(batch.side[i]), int(batch.quantity[i])
        given = side * (batch.price_ticks[i] / prices.ticks_per_unit[row] - prices.theo[row])
        tick = 1.0 / prices.ticks_per_unit[row]
        if given > max(10.0 * prices.half_spread[row], 0.2 * prices.theo[row]) or given > max(
            10.0 * prices.vega[row], tick
        ):
            continue
        key = 2 * row + (side < 0)
        entries = slice(pretrade.first[key], pretrade.first[key + 1])
        line, cost = pretrade.lines[entries], pretrade.costs[entries]
        kind, group, limit = pretrade.shape[line].T
        left = room[limit] + top[group] - level[line]
        most = np.floor(left / cost * (1.0 + 1e-14))
        most = np.where(
            kind == OPENING, np.maximum(most, 0.0) + free[key], np.where(kind == EVERY, most, wanted_now)
        )
        out[i] = int(min(wanted_now, max(most.min(initial=np.inf), 0.0)))
        opened = max(out[i] - free[key], 0)
        level[line] += cost * np.where(kind == OPENING, opened, out[i])
        before = top[group].copy()
        np.maximum.at(top, group, level[line])
        np.subtract.at(room, limit, top[group] - before)
        free[key] -= out[i] - opened
    return out


def timings() -> list[str]:
    """Medians and least, in milliseconds."""
    measured, all_limits = book(), limits()
    standing = check(measured, all_limits, {})
    pretrade = prepare_pretrade(standing, measured)
    n = measured.values.price.size
    stopped = stopped_by(Kills(), measured.market.table, ("X",))
    half = np.full(n, 0.05)
    batch, buckets = orders(measured, ORDERS), full_buckets(1, _TERMS, 0)
    working = WorkingOrders()
    no_hedges = WantedHedges(**{name: np.empty(0, dtype=np.int64) for name in WantedHedges.__slots__})
    first = reconcile(working, wanted(measured, 0), no_hedges, stopped, _TERMS, measured.market.now_ns)
    send_orders(working, first.orders, first.anchor_ticks, measured.market.now_ns - 1_000_000_000)
    working.state[:] = 1
    common = (measured.values, measured.market, measured.exposure, half, standing, pretrade)
    ready = prepare_gate(*common, WorkingOrders(), stopped, _TERMS)
    watched, five = np.ones(n, dtype=np.bool_), replace(_TERMS, burst_quotes=5)
    few = prepare_gate(*common, WorkingOrders(), stopped, five, watched)
    assert (gate(batch, ready, buckets).quantity == one_by_one(batch, ready, pretrade)).all()
    what: tuple[tuple[str, Callable[[], object]], ...] = (
        (f"prepare the gate, {working.n_alive:,d} at work", lambda: prepare_gate(*common, working, stopped, _TERMS)),
        (f"gate {ORDERS:,d} orders, {len(all_limits)} limits, {n:,d} rows", lambda: gate(batch, ready, buckets)),
        ("prepare the gate, five watched quotes fill",
            lambda: prepare_gate(*common, working, stopped, five, watched)),
        (f"gate {ORDERS:,d} watched quotes", lambda: gate(batch, few, buckets)),
        ("the same, an order at a time in Python", lambda: one_by_one(batch, ready, pretrade)),
        (f"reconcile {first.size:,d} sides, all stay",
            lambda: reconcile(working, wanted_same, no_hedges, stopped, _TERMS, now)),
        ("reconcile, all move", lambda: reconcile(working, wanted_moved, no_hedges, stopped, _TERMS, now)),
    )  # fmt: skip
    now, wanted_same, wanted_moved = measured.market.now_ns, wanted(measured, 0), wanted(measured, 3)
    found = {name: _seconds(work) for name, work in what}
    lines = [
        f"{name:56} {1e3 * mid:9.3f} ms, at least {1e3 * least:7.3f} ms"
        for name, (mid, least) in found.items()
    ]
    mine, naive = found[what[1][0]][0], found[what[4][0]][0]
    return [*lines, f"{'gate beside an order at a time':56} {naive / mine:9.1f} x"]


if __name__ == "__main__":
    print(platform.processor() or platform.machine(), platform.python_version())
    print("\n".join(timings()))
