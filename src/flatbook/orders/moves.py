"""What leaves after a tick: quotes that work and should stand elsewhere, and those that must go; nothing new, and no hedge.

A quote is moved at no more contracts than are open of it, for the reasons of `orders.reconcile`, and passes the checks of
`orders.gate`: own prices, worth, the same order twice, trades with ourselves, everything at work, messages. What limits have left is
that of the cycle: a quote that a protection watches counts once however often it is moved, so that it takes no more than it had; what
counts in full is held against them beside all that works. Where something is killed, held back or at a hard limit nothing is moved.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.kernels import tick_moves
from flatbook.model.order_terms import SelfTrade
from flatbook.model.table import Bools, Floats, Ints
from flatbook.orders.burst import room_at_work
from flatbook.orders.checks import price_reasons
from flatbook.orders.columns import OrderColumns, Purpose, Reason, columns_of
from flatbook.orders.gate import Gate, Verdicts
from flatbook.orders.outbox import Outbox
from flatbook.orders.rate import Buckets, full_buckets, refilled, take_messages
from flatbook.orders.reconcile import Action, Commands, Why, passed, send
from flatbook.orders.reconciliation import is_down
from flatbook.orders.state import WorkingOrders
from flatbook.quoting.conditions import Withheld

_WHY = np.array([Why.UNWANTED, Why.BEYOND_VALUE, Why.CENTRE_MOVED, Why.WIDTH_CHANGED], dtype=np.int64)
_MILLISECOND_NS = 1_000_000
_NOBODY: Ints = np.empty(0, dtype=np.int64)
_NO_COMMANDS = Commands(
    action=_NOBODY,
    why=_NOBODY,
    client_id=_NOBODY,
    orders=columns_of(_NOBODY, _NOBODY, _NOBODY, _NOBODY),
    anchor_ticks=np.empty(0),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MoveTerms:
    """What moves of quotes are held against, prepared once a cycle."""

    gate: Gate  # of the cycle, beside nothing that works
    series: Floats  # as `kernels.tick_moves` reads them; fair values are those of the cycle
    usefulness: Floats  # [n_rows] without a number it goes last
    stays: Bools  # [2 n_rows] sides of which nothing is moved
    full: Bools  # [n_rows] series whose quotes count in full


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moves:
    """What leaves after one tick."""

    commands: Commands
    verdicts: Verdicts  # of what was to be moved
    buckets: Buckets
    next_id: int  # client id of the first replacement
    held_back: int  # quotes that should stand elsewhere and wait: for an answer, a message, or a moment


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """What should stand elsewhere, as `kernels.tick_moves` found it, and what it needs to judge it."""

    moves: Ints  # [4, k]
    gone: Ints  # [2, j]
    held: int
    worth_usd: float  # of all that works
    orders: tick_moves.Orders
    lowest: Ints  # [n_rows]
    highest: Ints
    place: Ints  # [2 n_rows] scratch


def move_terms(
    gate: Gate,
    *,
    lean: Floats,
    half_spread_ticks: Floats,
    width_most_ticks: Floats,
    usefulness: Floats,
    full: Bools,
    still: bool,
) -> MoveTerms:
    """Lay out what moves need of a cycle.

    Parameters
    ----------
    gate : Gate
        Prepared beside no orders.
    lean, half_spread_ticks, width_most_ticks, usefulness : float64[n_rows]
        As of `orders.wanted.WantedQuotes`; the lean in quote currency.
    full : bool[n_rows]
        Series whose quotes count in full.
    still : bool
        Nothing is moved at all, as where a limit counts orders.
    """
    prices, n = gate.prices, gate.quantity.size
    series = np.empty((tick_moves.SERIES_COLUMNS, n))
    series[tick_moves.THEO] = prices.theo
    series[tick_moves.LEAN] = lean
    series[tick_moves.PER_UNIT] = prices.ticks_per_unit
    series[tick_moves.HALF_TICKS] = np.minimum(half_spread_ticks, 0.5 * width_most_ticks)
    series[tick_moves.USD_PER_TICK] = prices.usd / prices.ticks_per_unit
    series[tick_moves.LINEAR_USD] = np.where(prices.is_option, 0.0, prices.linear_usd)
    either = gate.killed_rows | (gate.withheld != Withheld.NOTHING) | ~gate.told | ~gate.tradable | still
    stays = np.empty(2 * n, dtype=np.bool_)
    stays[0::2], stays[1::2] = either | gate.hard_buy, either | gate.hard_sell
    return MoveTerms(
        gate=gate, series=series, usefulness=np.nan_to_num(usefulness, nan=-np.inf), stays=stays, full=full
    )


def moves_of(
    outbox: Outbox, prepared: MoveTerms, quotes: Ints, theo: Floats, bid: Floats, ask: Floats, now_ns: int
) -> Moves:
    """What leaves so that quotes at work follow a tick; changes nothing.

    Parameters
    ----------
    outbox : Outbox
    prepared : MoveTerms
        Of the cycle that was ticked on.
    quotes : int64[4, n_rows]
        Bids and offers in ticks, and their sizes, as decided.
    theo, bid, ask : float64[n_rows]
        Fair values, and the market as it stands.
    now_ns : int
    """
    working, terms = outbox.working, prepared.gate.terms
    buckets = refilled(outbox.buckets or full_buckets(1, terms, now_ns), terms, now_ns)
    series = prepared.series.copy()
    series[tick_moves.THEO] = theo
    found = _found(working, quotes, series, prepared)
    some = found.moves.shape[1] + found.gone.shape[1]
    if not some or is_down(outbox.trading, terms.venue):
        return Moves(
            commands=_NO_COMMANDS,
            verdicts=_no_verdicts(buckets),
            buckets=buckets,
            next_id=working.next_id,
            held_back=found.held + some,
        )
    wanted = _commands(working, found, series, prepared)
    gate = _gate_now(prepared, working, theo, bid, ask, now_ns)
    cancels, left = take_messages(buckets, terms, wanted.orders.venue[wanted.cancels], cancels=True)
    sends = wanted.orders if not cancels.size else wanted.take(~wanted.cancels).orders
    verdicts = _judged(sends, gate, prepared.full, found, cancels, left)
    if cancels.all() and not verdicts.reason.any():  # all are accepted: nothing is left of them to be decided
        commands, left = wanted, verdicts.buckets
    else:
        commands, left = passed(wanted, verdicts, terms)
    late = (verdicts.reason == Reason.RATE) | (verdicts.reason == Reason.DUPLICATE)
    return Moves(
        commands=commands,
        verdicts=verdicts,
        buckets=left,
        next_id=working.next_id,
        held_back=found.held + int(late.sum()) + int((~cancels).sum()),
    )


def leave_moves(outbox: Outbox, left: Moves, now_ns: int) -> Ints:
    """Remember what leaves; client ids of the replacements, int64[m], in the sequence of their commands."""
    outbox.buckets = left.buckets
    if not left.commands.size:
        return _NOBODY
    return send(outbox.working, left.commands, now_ns)


def _found(working: WorkingOrders, quotes: Ints, series: Floats, prepared: MoveTerms) -> _Found:
    """Which orders should stand elsewhere or go, and what works beside them."""
    terms, m, n = prepared.gate.terms, working.row.size, series.shape[1]
    orders = (
        working.row, working.side, working.price_ticks, working.quantity, working.open, working.state,
        working.purpose, working.cancel_ns, working.sent_ns,
    )  # fmt: skip
    numbers = np.array((terms.requote_ticks, terms.requote_edge_usd, terms.requote_centre_half_spreads))
    newest, count = np.empty((2, 2 * n), dtype=np.int64)
    lowest, highest = np.empty((2, n), dtype=np.int64)
    worth = tick_moves.place_orders(orders, series, newest, count, lowest, highest)
    moves, gone = (np.empty((rows, m), dtype=np.int64) for rows in (4, 2))
    moved, out, held = tick_moves.find_moves(
        orders, working.anchor_ticks, quotes, series, numbers, prepared.stays, newest, count, moves, gone
    )
    return _Found(
        moves=moves[:, :moved],
        gone=gone[:, :out],
        held=held,
        worth_usd=worth,
        orders=orders,
        lowest=lowest,
        highest=highest,
        place=newest,
    )


def _gate_now(
    prepared: MoveTerms, working: WorkingOrders, theo: Floats, bid: Floats, ask: Floats, now_ns: int
) -> Gate:
    """The gate of the cycle at the prices of the tick, beside what works now."""
    crossed = bid > ask
    prices = replace(
        prepared.gate.prices,
        theo=theo,
        bid=np.where(crossed, np.nan, bid),
        ask=np.where(crossed, np.nan, ask),
    )
    return replace(prepared.gate, now_ns=now_ns, prices=prices, working=working)


def _own(batch: OrderColumns, gate: Gate, found: _Found) -> Ints:
    """What else of ours says of each order of the batch."""
    out = np.empty(batch.size, dtype=np.int64)
    columns = np.stack((batch.row, batch.side, batch.price_ticks, batch.quantity))
    since = gate.now_ns - _MILLISECOND_NS * gate.terms.duplicate_window_ms
    tick_moves.hold_against_own(columns, found.orders, since, found.lowest, found.highest, found.place, out)
    return out


def _judged(
    batch: OrderColumns, gate: Gate, full: Bools, found: _Found, cancels: Bools, left: Buckets
) -> Verdicts:
    """What the gate says of moves, in their sequence."""
    terms, k, own = gate.terms, batch.size, _own(batch, gate, found)
    reason, worth = price_reasons(batch, gate.prices, terms, np.zeros(k, dtype=np.bool_))
    accepted = int(Reason.ACCEPTED)
    reason[batch.quantity > terms.size_max_contracts] = Reason.SIZE
    reason[(reason == accepted) & (own == tick_moves.DUPLICATE)] = Reason.DUPLICATE
    if terms.self_trade is SelfTrade.REFUSE:
        reason[(reason == accepted) & (own == tick_moves.CROSSES)] = Reason.SELF_TRADE
    total = found.worth_usd + np.cumsum(np.where(reason == accepted, worth, 0.0))
    reason[(reason == accepted) & ~(total <= terms.notional_working_max_usd)] = Reason.NOTIONAL_WORKING
    allowed, limit = np.where(reason == accepted, batch.quantity, 0), np.full(k, -1, dtype=np.int64)
    at = np.flatnonzero((reason == accepted) & full[batch.row])
    if at.size:
        room = room_at_work(gate.room.full, gate.room.rule, gate.working, gate.told)
        allowed[at], limit[at] = room.fit(batch.row[at], batch.side[at], batch.quantity[at])
        cut = at[allowed[at] < batch.quantity[at]]
        reason[cut] = np.where(allowed[cut] > 0, int(Reason.CUT), int(Reason.WORST_CASE))
    passing = np.flatnonzero(reason <= Reason.CUT)
    leaves, left = take_messages(left, terms, batch.venue[passing], cancels=False)
    late = passing[~leaves]
    reason[late], allowed[late] = Reason.RATE, 0
    return Verdicts(reason=reason, quantity=allowed, limit=limit, cancels=cancels, buckets=left)


def _no_verdicts(buckets: Buckets) -> Verdicts:
    none = np.zeros(0, dtype=np.bool_)
    return Verdicts(reason=_NOBODY, quantity=_NOBODY, limit=_NOBODY, cancels=none, buckets=buckets)


def _commands(working: WorkingOrders, found: _Found, series: Floats, prepared: MoveTerms) -> Commands:
    """Cancels, those beyond fair value first, then replacements, the most useful first."""
    moves, gone = found.moves, found.gone
    gone = gone[:, np.argsort(gone[1] != tick_moves.BEYOND, kind="stable")]
    out = gone[0]
    useful = prepared.usefulness[working.row[moves[0]]]
    moves = moves[:, np.lexsort((-working.side[moves[0]], working.row[moves[0]], -useful))]
    at = np.concatenate([out, moves[0]])
    row, new = working.row[at], np.arange(at.size) >= out.size
    centre = (series[tick_moves.THEO, row] + series[tick_moves.LEAN, row]) * series[tick_moves.PER_UNIT, row]
    ids = working.client_id[at]
    return Commands(
        action=np.where(new, int(Action.REPLACE), int(Action.CANCEL)),
        why=_WHY[np.concatenate([gone[1], moves[3]])],
        client_id=ids,
        orders=OrderColumns(
            row=row,
            side=working.side[at],
            price_ticks=np.concatenate([working.price_ticks[out], moves[1]]),
            quantity=np.concatenate([working.open[out], moves[2]]),
            venue=working.venue[at],
            purpose=np.full(at.size, int(Purpose.QUOTE)),
            duty=np.zeros(at.size, dtype=np.int64),
            usefulness=prepared.usefulness[row],
            replaces=np.where(new, ids, 0),
        ),
        anchor_ticks=np.where(new, centre, working.anchor_ticks[at]),
    )
