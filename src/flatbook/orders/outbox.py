"""All that the orders room remembers, and what of a cycle's wishes really leaves.

`outgoing` decides and changes nothing; `leave` remembers what left. Orders go to one venue, which the terms name.
"""

from dataclasses import dataclass, field

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
from flatbook.orders.burst import burst_fills
from flatbook.orders.burst_sizes import within_burst
from flatbook.orders.gate import gate, prepare_gate
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
from flatbook.orders.reconcile import passed, reconcile, send
from flatbook.orders.state import (
    WorkingOrders,
    answer_orders,
    end_orders,
    fill_orders,
    is_quote,
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
    strange: tuple[int, ...] = ()  # client ids that a venue told of and nobody knows: a person must look


def see_order_event(
    outbox: Outbox, event: OrdersAnswered | OpenOrdersTold | KillSet, venue: str | None = None
) -> None:
    """Take what a venue says of orders of ours, or that somebody stops or releases trading.

    A list of open orders from any venue but `venue`, where ours go, ends none of them; what it names is strange.
    """
    match event:
        case OrdersAnswered():
            _look_at(outbox, answer_orders(outbox.working, event))
        case OpenOrdersTold() if event.venue == venue:
            _look_at(outbox, told_open_orders(outbox.working, event, 0))
        case OpenOrdersTold():
            _look_at(outbox, np.array(event.client_ids, dtype=np.int64))
        case KillSet():
            set_kill(outbox.kills, event)


def see_fill(outbox: Outbox, fill: Fill) -> None:
    """Take a new fill off its order, where the venue says which; otherwise the order counts in full until its venue is asked."""
    if fill.client_id:
        if is_quote(outbox.working, fill.client_id):
            outbox.filled[fill.client_id] = outbox.filled.get(fill.client_id, 0) + fill.quantity
        _look_at(outbox, fill_orders(outbox.working, np.array([fill.client_id]), np.array([fill.quantity])))


def kills_with_limits(outbox: Outbox, standing: Standing, terms: OrderTerms, now_ns: int) -> Kills:
    """The kill switches that are on, with those that limits set off in this cycle."""
    kills = Kills(on=dict(outbox.kills.on))
    latch_kill_limits(kills, standing, terms, now_ns)
    return kills


def stopped_now(kills: Kills, table: InstrumentTable, terms: OrderTerms) -> Stopped:
    """What they stop."""
    return stopped_by(kills, table, (terms.venue,))


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
    """
    stopped = stopped_now(kills, market.table, terms)
    expired = _expired(outbox.working, market.table, market.now_ns)
    working = without(outbox.working, expired)
    pretrade = charged(pretrade, beside.row, beside.side, beside.quantity, sent=True)
    prepared = prepare_gate(
        values, market, exposure, quotes.half_spread, standing, pretrade, working, stopped, terms, watched
    )
    whole = wanted_hedges(hedges, values, market)
    shown = within_burst(_wanted_quotes(quotes, values, price, market, size_least), whole, prepared)
    wanted = reconcile(working, shown, fit_hedges(whole, prepared), stopped, terms, market.now_ns)
    buckets = outbox.buckets or full_buckets(1, terms, market.now_ns)
    sends, cancels = wanted.take(~wanted.cancels).orders, wanted.take(wanted.cancels).orders
    verdicts = gate(sends, prepared, buckets, cancels.venue)
    commands, left = passed(wanted, verdicts, terms)
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


def _look_at(outbox: Outbox, client_ids: Ints) -> None:
    outbox.strange = (*outbox.strange, *client_ids.tolist())[-_STRANGE_KEPT:]
