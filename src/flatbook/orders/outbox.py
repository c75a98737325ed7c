"""All that the orders room remembers, and what of a cycle's wishes really leaves.

`outgoing` decides and changes nothing; `leave` remembers what left. Orders go to one venue, which the terms name.
"""

from dataclasses import dataclass, field
from typing import assert_never

import numpy as np

from flatbook.exposure.aggregate import Exposure
from flatbook.hedging.propose import Hedge
from flatbook.limits.check import Standing
from flatbook.limits.pretrade import PreTrade
from flatbook.market.view import MarketView
from flatbook.model.events import Fill
from flatbook.model.order_events import KillSet, OpenOrdersTold, OrdersAnswered
from flatbook.model.order_terms import OrderTerms
from flatbook.model.table import Bools, InstrumentTable, Ints
from flatbook.model.venue_events import (
    FeedSuspect,
    PositionsTold,
    Restarted,
    TradingHalted,
    VenueNews,
    VenueSession,
)
from flatbook.orders.burst import burst_fills
from flatbook.orders.burst_sizes import within_burst
from flatbook.orders.columns import Purpose
from flatbook.orders.gate import Gate, gate, prepare_gate
from flatbook.orders.hedge_sizes import RefusedHedge, fit_hedges, refused_hedges
from flatbook.orders.kill import (
    Kills,
    Stopped,
    kill_standings,
    latch_kill_limits,
    set_kill,
    stopped_by,
)
from flatbook.orders.outgoing import Outgoing
from flatbook.orders.rate import Buckets, full_buckets
from flatbook.orders.reconcile import Commands, passed, reconcile, send
from flatbook.orders.reconciliation import (
    Trading,
    VenueStanding,
    is_down,
    lose_venue,
    restart,
    see_gap,
    see_halt,
    see_open_orders,
    see_positions,
)
from flatbook.orders.rejections import (
    Rejections,
    forget_counts,
    forget_hedge,
    latch_rejections,
    see_rejections,
    waiting_hedges,
)
from flatbook.orders.state import (
    WorkingOrders,
    answer_orders,
    end_orders,
    fill_orders,
    is_quote,
    places_of,
    told_open_orders,
    without,
)
from flatbook.orders.wanted import WantedQuotes, wanted_hedges, wanted_quotes
from flatbook.orders.worst_case import charged
from flatbook.quoting.legal_quotes import Response
from flatbook.quoting.propose import Quotes
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values

_STRANGE_KEPT = 1000
_SURELY_EXPIRED_NS = (
    7_200_000_000_000  # a clock may be set back by as much before an expired order is forgotten for good
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrdersBeside:
    """Orders of the desk that are not ours, as somebody told; columns."""

    row: Ints
    side: Ints
    quantity: Ints


NONE_BESIDE = OrdersBeside(
    row=np.empty(0, dtype=np.int64), side=np.empty(0, dtype=np.int64), quantity=np.empty(0, dtype=np.int64)
)


@dataclass(slots=True)
class Outbox:
    """One per desk; only the functions of this file change it."""

    working: WorkingOrders = field(default_factory=WorkingOrders)
    kills: Kills = field(default_factory=Kills)
    buckets: Buckets | None = None  # None: nothing was sent yet
    filled: dict[int, int] = field(
        default_factory=dict
    )  # by client id: contracts of quotes filled in bursts that are not over
    refused_hedges: tuple[RefusedHedge, ...] = ()  # of the last cycle
    trading: Trading = field(default_factory=Trading)  # halts, gaps of feeds, venues
    rejections: Rejections = field(default_factory=Rejections)
    strange: tuple[int, ...] = ()  # client ids that a venue told of and nobody knows: a person must look


def see_order_event(
    outbox: Outbox, event: OrdersAnswered | OpenOrdersTold | KillSet, terms: OrderTerms | None = None
) -> None:
    """Take what a venue says of orders of ours, or that somebody stops or releases trading.

    A list of open orders from any venue but that of `terms`, where ours go, ends none of them; what it names is strange.
    """
    match event:
        case OrdersAnswered():
            if terms is not None:
                see_rejections(outbox.rejections, outbox.working, event, terms)
            _look_at(outbox, answer_orders(outbox.working, event))
        case OpenOrdersTold():
            ours = terms is not None and event.venue == terms.venue
            ids = np.array(event.client_ids, dtype=np.int64)
            strange = told_open_orders(outbox.working, event, 0) if ours else ids
            _look_at(outbox, strange)
            see_open_orders(outbox.trading, outbox.working, event, ours=ours, strange=strange)
        case KillSet():
            set_kill(outbox.kills, event)
            if not event.on:
                forget_counts(outbox.rejections)


def see_venue_news(outbox: Outbox, event: VenueNews, terms: OrderTerms | None = None) -> None:
    """Take a halt, a gap of a feed, a session lost or found, a new start, or what a venue counts."""
    match event:
        case TradingHalted():
            see_halt(outbox.trading, event)
        case FeedSuspect():
            see_gap(outbox.trading, event)
        case VenueSession():
            ours = terms is not None and event.venue == terms.venue
            standing = VenueStanding(
                up=event.up,
                since_ns=event.received_ns,
                reason=event.reason,
                orders_cancelled=event.orders_cancelled,
            )
            lose_venue(outbox.trading, outbox.working, event.venue, 0 if ours else None, standing=standing)
        case Restarted():
            restart(outbox.trading, outbox.working, event.reason, event.received_ns)
        case PositionsTold():
            see_positions(outbox.trading, event)
        case _:
            assert_never(event)


def see_fill(outbox: Outbox, fill: Fill) -> None:
    """Take a new fill off its order, where the venue says which; otherwise the order counts in full until its venue is asked."""
    if fill.client_id:
        _rest_no_more(outbox, fill.client_id)
        if is_quote(outbox.working, fill.client_id):
            outbox.filled[fill.client_id] = outbox.filled.get(fill.client_id, 0) + fill.quantity
        _look_at(outbox, fill_orders(outbox.working, np.array([fill.client_id]), np.array([fill.quantity])))


def kills_with_limits(
    outbox: Outbox, standing: Standing, table: InstrumentTable, terms: OrderTerms, now_ns: int
) -> Kills:
    """The kill switches that are on, with those that limits and rejections set off in this cycle."""
    kills = Kills(on=dict(outbox.kills.on))
    latch_kill_limits(kills, standing, terms, now_ns)
    latch_rejections(kills, outbox.rejections, table, terms, now_ns)
    return kills


def stopped_now(
    kills: Kills, table: InstrumentTable, terms: OrderTerms, withheld: Ints | None = None
) -> Stopped:
    """What they stop, and what is held back beside."""
    return stopped_by(kills, table, (terms.venue,), withheld)


def outgoing(
    outbox: Outbox,
    kills: Kills,
    quotes: Quotes,
    hedges: tuple[Hedge, ...],
    *,
    values: Values,
    price: RiskPrice,
    market: MarketView,
    exposure: Exposure,
    standing: Standing,
    pretrade: PreTrade,
    terms: OrderTerms,
    watched: Bools | None = None,
    size_least: Ints | None = None,
    beside: OrdersBeside = NONE_BESIDE,
    offset: Ints | None = None,
    withheld: Ints | None = None,
) -> Outgoing:
    """What must leave so that what works becomes what is wanted, and passes the gate.

    Parameters
    ----------
    outbox : Outbox
    kills : Kills
        With those of this cycle's limits.
    quotes, hedges, values, price, market, exposure, standing, pretrade, terms
        Of this cycle.
    watched : bool[n_rows], optional
        Series whose quotes a protection watches.
    size_least : int64[n_rows], optional
        Contracts that the duties which cover a series now ask of each side.
    beside : OrdersBeside
        Orders of the desk that somebody else sent; they count in full, as ours do.
    offset : int64[n_rows], optional
        Contracts of an option offset that leave beside the hedges.
    withheld : int64[n_rows], optional
        `quoting.conditions.Withheld`.
    """
    stopped = stopped_now(kills, market.table, terms, withheld)
    expired = _expired(outbox.working, market.table, market.now_ns)
    working = without(outbox.working, expired)
    pretrade = charged(pretrade, beside.row, beside.side, beside.quantity, sent=True)
    prepared = prepare_gate(
        values, market, exposure, quotes.half_spread, standing, pretrade, working, stopped, terms, watched,
        waiting_hedges(outbox.rejections, market.now_ns),
    )  # fmt: skip
    whole = wanted_hedges(hedges, values, market, offset=offset)
    shown = within_burst(_wanted_quotes(quotes, values, price, market, size_least), whole, prepared)
    wanted = reconcile(working, shown, fit_hedges(whole, prepared), stopped, terms, market.now_ns)
    return _outgoing(outbox, kills, wanted, prepared, stopped, market)


def _outgoing(
    outbox: Outbox, kills: Kills, wanted: Commands, prepared: Gate, stopped: Stopped, market: MarketView
) -> Outgoing:
    """What of the wanted commands passes; nothing where the session with the venue is down, and then no message is spent."""
    terms, working = prepared.terms, prepared.working
    buckets = outbox.buckets or full_buckets(1, terms, market.now_ns)
    sends, cancels = wanted.take(~wanted.cancels).orders, wanted.take(wanted.cancels).orders
    verdicts = gate(sends, prepared, buckets, cancels.venue)
    commands, left = passed(wanted, verdicts, terms)
    if is_down(outbox.trading, terms.venue):
        commands, left = commands.take(np.zeros(commands.size, dtype=np.bool_)), buckets
    filled = burst_fills(outbox.filled, working, prepared.room, prepared.told, wanted.client_id, market.table)
    return Outgoing(
        commands=commands,
        wanted=wanted,
        verdicts=verdicts,
        stopped=stopped,
        kills=kill_standings(kills, working, market.table, (terms.venue,)),
        buckets=left,
        bursts=filled,
        refused_hedges=refused_hedges(outbox.refused_hedges, sends, verdicts, market),
        ended=_expired(outbox.working, market.table, market.now_ns - _SURELY_EXPIRED_NS),
        next_id=outbox.working.next_id,
        strange=outbox.strange,
    )


def _expired(working: WorkingOrders, table: InstrumentTable, now_ns: int) -> Bools:
    """bool[n]: orders in contracts that have expired by then; none of them can fill."""
    expiry = table.expiry_ns[working.row]
    return np.asarray((expiry > 0) & (expiry <= now_ns))


def _wanted_quotes(
    quotes: Quotes, values: Values, price: RiskPrice, market: MarketView, size_least: Ints | None
) -> WantedQuotes:
    """What is proposed, with the least that duties ask, what must go, and what goes first: that which takes most risk away."""
    least = [
        np.where(quotes.in_duty & (quotes.response[side] == Response.WIDEST), size, 0)
        for side, size in enumerate((quotes.bid_size, quotes.ask_size))
    ]
    off = quotes.response == Response.OFF
    shift = price.reservation.shift_usd
    widest = np.where(quotes.in_duty, quotes.width_max_ticks, np.inf)
    return wanted_quotes(
        quotes,
        values,
        market,
        duty=(least[0], least[1]),
        unsafe=(off[0], off[1]),
        usefulness=-np.fmin(shift[0], shift[1]),
        legal=(widest, np.zeros(widest.size, dtype=np.int64) if size_least is None else size_least),
    )


def leave(outbox: Outbox, left: Outgoing, kills: Kills, now_ns: int) -> Ints:
    """Remember what leaves; client ids of what is new, int64[m], in the sequence of its commands."""
    outbox.kills, outbox.buckets = kills, left.buckets
    outbox.filled = dict(left.bursts.goes_on)
    outbox.refused_hedges = left.refused_hedges
    end_orders(outbox.working, left.ended)
    return send(outbox.working, left.commands, now_ns)


def _rest_no_more(outbox: Outbox, client_id: int) -> None:
    """An order that fills was not rejected."""
    if outbox.rejections.waits:
        at = places_of(outbox.working, (client_id,))
        at = at[outbox.working.purpose[at] == Purpose.HEDGE]
        for row, side in zip(outbox.working.row[at].tolist(), outbox.working.side[at].tolist(), strict=True):
            forget_hedge(outbox.rejections, row, side)


def _look_at(outbox: Outbox, client_ids: Ints) -> None:
    outbox.strange = (*outbox.strange, *client_ids.tolist())[-_STRANGE_KEPT:]
