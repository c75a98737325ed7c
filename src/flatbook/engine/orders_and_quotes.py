"""What a cycle needs of our orders and quotes in the market, and what the rooms remember of them once it has decided."""

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import Basis, Measurement, contracts_of, measured_of
from flatbook.engine.state import State
from flatbook.hedging.propose import Hedge
from flatbook.limits.check import Standing
from flatbook.limits.pretrade import prepare_pretrade
from flatbook.market.view import MarketView
from flatbook.model.events import Fill
from flatbook.model.measures import Measure
from flatbook.model.table import Ints
from flatbook.orders import outbox as orders
from flatbook.orders.columns import Purpose
from flatbook.orders.kill import Kills
from flatbook.orders.outbox import Outgoing
from flatbook.orders.state import OrderState
from flatbook.quoting import state as quoting
from flatbook.quoting.conditions import Conditions
from flatbook.quoting.propose import Quotes
from flatbook.quoting.ticks import NO_PRICE
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values


def see_fill(state: State, fill: Fill) -> None:
    """Take a new fill off its order, count it in protections, and remember the delta of one that looks informed."""
    orders.see_fill(state.outbox, fill)
    quoting.see_fill(state.quoting, fill)
    informed = () if state.desk is None else state.desk.hedging.informed
    if fill.counterparty in informed or fill.capacity.value in informed:
        held = state.informed.get(fill.instrument, 0)
        state.informed[fill.instrument] = held + int(fill.side) * fill.quantity


def informed_usd(state: State, values: Values) -> dict[str, float]:
    """By underlying: delta of the trades since the last cycle that look informed."""
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
    return orders.kills_with_limits(state.outbox, standing, state.desk.orders, now_ns)


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
    )


def remember_cycle(state: State, cycle: Cycle) -> None:
    """Keep what a cycle decided of quotes, hedges and orders."""
    if cycle.outgoing is not None:
        kills = kills_now(state, cycle.standing, cycle.now_ns)
        orders.leave(state.outbox, cycle.outgoing, kills, cycle.now_ns)
    sizes = np.stack((cycle.quotes.bid_size, cycle.quotes.ask_size))
    quoting.remember(state.quoting, cycle.conditions, cycle.values, cycle.market, sizes)
    quoting.see_quotes_at_work(state.quoting, cycle.market, *_quotes_at_work(state), cycle.now_ns)
    state.informed.clear()
    for hedge in cycle.hedges:
        if hedge.chosen is not None:
            state.hedged_ns[hedge.underlying] = cycle.now_ns


def _quotes_at_work(state: State) -> tuple[Ints, Ints, Ints, Ints]:
    """Bid, ask and sizes of our quotes that are known to work, by row: those we sent, and those that somebody told of."""
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
    live = (working.state == OrderState.LIVE) & (working.purpose == Purpose.QUOTE)
    which = np.where(working.side[live] > 0, 0, 1)
    price[which, working.row[live]] = working.price_ticks[live]
    size[which, working.row[live]] = working.open[live]
    return price[0], price[1], size[0], size[1]
