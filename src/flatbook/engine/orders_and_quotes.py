"""What a cycle needs of our orders and quotes in the market, and what the rooms remember of them once it has decided."""

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import Basis, Measurement, contracts_of, measured_of
from flatbook.engine.state import State
from flatbook.hedging import approval
from flatbook.hedging.propose import Hedge
from flatbook.limits.check import Standing
from flatbook.limits.pretrade import prepare_pretrade
from flatbook.market.view import MarketView
from flatbook.model.events import Fill
from flatbook.model.measures import Measure
from flatbook.model.order_events import KillSet, OpenOrdersTold, OrdersAnswered
from flatbook.model.table import Ints
from flatbook.orders import outbox as orders
from flatbook.orders.columns import Purpose
from flatbook.orders.kill import Kills
from flatbook.orders.outbox import NONE_BESIDE, OrdersBeside
from flatbook.orders.outgoing import Outgoing
from flatbook.orders.state import OrderState, places_of
from flatbook.quoting import state as quoting
from flatbook.quoting.conditions import Conditions
from flatbook.quoting.duties import legal_sizes
from flatbook.quoting.propose import Quotes
from flatbook.quoting.ticks import NO_PRICE
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values


def see_fill(state: State, fill: Fill) -> None:
    """Take a new fill off its order, count it in protections, and remember the delta of one that looks informed.

    A fill of a hedge instrument hedges what is remembered, and what was decided for its underlying.
    """
    orders.see_fill(state.outbox, fill)
    quoting.see_fill(state.quoting, fill)
    if state.outbox.working.client_id.size:
        tell_duties(state, fill.received_ns, np.array([state.table.row_of(fill.instrument)]))
    informed = () if state.desk is None else state.desk.hedging.informed
    name = _underlying_of(state, fill.instrument)
    hedges = _is_hedge(state, fill.instrument)
    hedges_informed = hedges and any(_underlying_of(state, symbol) == name for symbol in state.informed)
    if fill.counterparty in informed or fill.capacity.value in informed or hedges_informed:
        held = state.informed.get(fill.instrument, 0)
        state.informed[fill.instrument] = held + int(fill.side) * fill.quantity
    if hedges:
        approval.see_hedge_fill(state.approvals, name, fill.instrument, int(fill.side) * fill.quantity)
        left = state.hedging.pop(name, (0, 0))[0] - fill.quantity
        if left > 0:
            state.hedging[name] = (left, fill.received_ns)
        else:
            state.hedged_ns[name] = fill.received_ns


def _underlying_of(state: State, symbol: str) -> str:
    return state.table.instruments[state.table.row_of(symbol)].underlying


def _is_hedge(state: State, symbol: str) -> bool:
    return state.desk is not None and any(terms.instrument.symbol == symbol for terms in state.desk.hedges)


def see_orders(state: State, event: OrdersAnswered | OpenOrdersTold | KillSet) -> None:
    """Take what a venue says of orders of ours, or a kill; what works of quotes from now on, duties are told."""
    orders.see_order_event(state.outbox, event, None if state.desk is None else state.desk.orders)
    match event:
        case OrdersAnswered():
            working = state.outbox.working
            answered = places_of(working, event.client_ids)
            tell_duties(state, event.received_ns, np.unique(working.row[answered]))
        case OpenOrdersTold():
            tell_duties(state, event.received_ns)


def tell_duties(state: State, now_ns: int, rows: Ints | None = None) -> None:
    """Tell the clocks of duties which quotes work, between two cycles: of some rows, int64[k], or of all."""
    if not state.quoting.duties:
        return
    which = np.arange(len(state.table.instruments)) if rows is None else rows
    bid, ask, bid_size, ask_size = _quotes_at_work(state)
    quoting.see_quotes_between(
        state.quoting, which, bid[which], ask[which], bid_size[which], ask_size[which], now_ns
    )


def informed_usd(state: State, values: Values) -> dict[str, float]:
    """By underlying: delta of the trades that look informed, as far as it is not hedged yet."""
    out: dict[str, float] = {}
    for symbol, contracts in state.informed.items():
        row = state.table.row_of(symbol)
        name = state.table.instruments[row].underlying
        out[name] = out.get(name, 0.0) + contracts * float(values.greeks[row, Measure.DELTA_USD])
    return out


def urgent_of(conditions: Conditions) -> frozenset[str]:
    """Underlyings whose delta is hedged before anything else."""
    fast = conditions.fast
    if fast is None:
        return frozenset()
    return frozenset(
        name for name, urgent in zip(fast.underlyings, fast.urgent.tolist(), strict=True) if urgent
    )


def is_at_work(state: State) -> bool:
    """Whether anybody told of orders at work: the desk that sends them, or somebody beside it."""
    return state.working is not None or (state.desk is not None and state.desk.orders.send)


def at_work(state: State) -> Ints:
    """What the book gains if everything at work fills, int64[n_rows]."""
    out = contracts_of(state.working, state.table)
    working = state.outbox.working
    alive = working.alive
    np.add.at(out, working.row[alive], working.side[alive] * working.open[alive])
    return out


def kills_now(state: State, standing: Standing, now_ns: int) -> Kills:
    """The kill switches that are on; where the desk sends orders, with those that its limits set off now."""
    assert state.desk is not None, "a cycle is decided for a desk"
    if not state.desk.orders.send:
        return state.outbox.kills
    return orders.kills_with_limits(state.outbox, standing, state.table, state.desk.orders, now_ns)


def leaving(
    state: State,
    kills: Kills,
    hedges: tuple[Hedge, ...],
    quotes: Quotes,
    values: Values,
    price: RiskPrice,
    market: MarketView,
    held: Measurement,
    standing: Standing,
    basis: Basis,
    conditions: Conditions,
    offset: Ints | None = None,
) -> Outgoing | None:
    """What leaves for the venue; None where the desk only proposes."""
    assert state.desk is not None, "a cycle is decided for a desk"
    if not state.desk.orders.send:
        return None
    return orders.outgoing(
        state.outbox,
        kills,
        quotes,
        hedges,
        values=values,
        price=price,
        market=market,
        exposure=held.exposure,
        standing=standing,
        pretrade=prepare_pretrade(standing, measured_of(held, basis)),
        terms=state.desk.orders,
        watched=quoting.watched_now(state.quoting, len(market.table.instruments)),
        size_least=legal_sizes(conditions.duties, len(market.table.instruments), 0)[0],
        beside=orders_beside(state, market),
        withheld=conditions.withheld,
        offset=offset,
    )


def orders_beside(state: State, market: MarketView) -> OrdersBeside:
    """What somebody told of orders that we did not send, but for those in contracts that have expired."""
    told = state.working
    if told is None:
        return NONE_BESIDE
    row = np.array([state.table.row_of(symbol) for symbol in told.symbols], dtype=np.int64)
    expiry = market.table.expiry_ns[row]
    open_now = (expiry == 0) | (expiry > market.now_ns)
    side, quantity = np.array(told.sides, dtype=np.int64), np.array(told.quantities, dtype=np.int64)
    return OrdersBeside(row=row[open_now], side=side[open_now], quantity=quantity[open_now])


def remember_cycle(state: State, cycle: Cycle) -> None:
    """Keep what a cycle decided of quotes, hedges and orders."""
    if cycle.outgoing is not None:
        kills = kills_now(state, cycle.standing, cycle.now_ns)
        orders.leave(state.outbox, cycle.outgoing, kills, cycle.now_ns)
    sizes = _sizes_shown(state, cycle.quotes)
    quoting.remember(state.quoting, cycle.conditions, cycle.values, cycle.market, sizes)
    quoting.see_quotes_at_work(state.quoting, cycle.market, *_quotes_at_work(state), cycle.now_ns)
    _remember_hedges(state, cycle)
    approval.remember(state.approvals, cycle.hedges, cycle.waiting, cycle.now_ns)


def _remember_hedges(state: State, cycle: Cycle) -> None:
    """What is to be hedged stays so until fills have done it, or nothing is wanted any more."""
    wanted = {hedge.underlying: hedge for hedge in cycle.hedges if hedge.chosen is not None}
    for symbol in [each for each in state.informed if _underlying_of(state, each) not in wanted]:
        del state.informed[symbol]
    for name in [each for each in state.hedging if each not in wanted]:
        filled_ns = state.hedging.pop(name)[1]
        if filled_ns:
            state.hedged_ns[name] = filled_ns
    for name, hedge in wanted.items():
        state.hedging.setdefault(name, (sum(abs(leg.quantity) for leg in hedge.legs), 0))


def _quotes_at_work(state: State) -> tuple[Ints, Ints, Ints, Ints]:
    """Bid, ask and sizes of our quotes that are known to work, by row: those we sent, and those that somebody told of.

    A quote whose replacement is on its way works until a venue says otherwise; one whose cancel is on its way no longer.
    """
    n = len(state.table.instruments)
    price, size = np.full((2, n), NO_PRICE, dtype=np.int64), np.zeros((2, n), dtype=np.int64)
    told = state.working
    if told is not None:
        for symbol, side, quantity, ticks in zip(
            told.symbols, told.sides, told.quantities, told.price_ticks, strict=True
        ):
            if ticks is not None:
                at = (0 if side > 0 else 1, state.table.row_of(symbol))
                price[at], size[at] = ticks, size[at] + quantity
    working = state.outbox.working
    stands = (working.state == OrderState.LIVE) | (working.state == OrderState.PENDING_REPLACE)
    live = stands & (working.purpose == Purpose.QUOTE)
    which = np.where(working.side[live] > 0, 0, 1)
    price[which, working.row[live]] = working.price_ticks[live]
    size[which, working.row[live]] = working.open[live]
    return price[0], price[1], size[0], size[1]


def _sizes_shown(state: State, quotes: Quotes) -> Ints:
    """The least that a venue may take for the first size of a quote of ours, int64[2, n], bids and offers.

    Of what was decided and each order that may still fill, as it was sent, the smallest: a mirror trips no later than the venue.
    """
    decided = np.stack((quotes.bid_size, quotes.ask_size))
    none = np.iinfo(np.int64).max
    least = np.where(decided > 0, decided, none)
    working = state.outbox.working
    alive = working.alive & (working.purpose == Purpose.QUOTE)
    which = np.where(working.side[alive] > 0, 0, 1)
    np.minimum.at(least, (which, working.row[alive]), working.quantity[alive])
    told = state.working
    if told is not None:
        for symbol, side, quantity in zip(told.symbols, told.sides, told.quantities, strict=True):
            at = (0 if side > 0 else 1, state.table.row_of(symbol))
            least[at] = min(int(least[at]), quantity)
    return np.where(least == none, 0, least)
