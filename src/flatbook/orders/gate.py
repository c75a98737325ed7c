"""The last gate: every order and every quote, against everything that may stop it, in one pass over columns.

Source: domain reference 2.6 (SEC 15c3-5, RTS 6 article 15) and 8.1. Quotes are orders. Anything that cannot be computed stops
the order; each comparison is written so that NaN fails it.

Sequence: hedges, then what a duty asks at least, then other quotes by usefulness. Each counts as filled for those after it,
together with all that is at work. What a duty asks at least is held against the kill limits in place of the hard ones. Quotes that a
protection watches are held each by itself, whatever their sequence, where the desk says how many of them fill (`orders.burst`).
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from flatbook.exposure.aggregate import Exposure
from flatbook.limits.check import Standing
from flatbook.limits.ladder import Step
from flatbook.limits.pretrade import PreTrade
from flatbook.market.view import MarketView
from flatbook.model.measures import Measure
from flatbook.model.order_terms import OrderTerms
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.orders.burst import Room, burst_rule, may_join, room_at_work
from flatbook.orders.checks import (
    PRICE_ROOM,
    AtWork,
    Prices,
    at_work_of,
    duplicates,
    on_step,
    price_reasons,
    prices_of,
    self_trades,
)
from flatbook.orders.columns import OrderColumns, Purpose, Reason
from flatbook.orders.kill import Stopped
from flatbook.orders.rate import Buckets, refilled, take_messages
from flatbook.orders.state import WorkingOrders
from flatbook.orders.worst_case import kill_limits, of_value
from flatbook.quoting.conditions import Withheld
from flatbook.valuation.values import Values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gate:
    """Everything that a batch is held against, prepared once a cycle; what is at work counts as it was then."""

    terms: OrderTerms
    now_ns: int
    table: InstrumentTable
    prices: Prices
    quantity: Ints  # [n_rows] held
    delta_usd: Floats  # [n_rows] of one contract
    delta_held_usd: Floats  # [n_underlyings]
    tradable: Bools  # [n_rows] listed and not expired
    killed_rows: Bools
    killed_venues: Bools
    withheld: Ints  # [n_rows] Withheld
    waiting: Ints  # hedges that their venue has just rejected, as 2 row + (sells)
    hard_buy: Bools  # [n_rows] a contract bought adds to a limit at HARD
    hard_sell: Bools
    blind: Bools  # [n_rows] in scope of a limit of unknown value
    breached: Bools  # [n_limits, n_rows] at or beyond the hard limit
    told: Bools  # [n_rows] fair value and vega are known
    room: Room  # beside all that works
    kill_room: Room
    working: WorkingOrders
    at_work: AtWork

    @property
    def limits(self) -> PreTrade:
        """Once all that works and may fill has filled."""
        return self.room.worst()

    @property
    def kill_limits(self) -> PreTrade:
        """The same under the kill limits."""
        return self.kill_room.worst()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdicts:
    """One for each order of the batch, and one for each cancel that wanted to leave with it."""

    reason: Ints  # Reason
    quantity: Ints  # contracts that may leave; 0 where the order is refused
    limit: Ints  # number of the limit that cut or refused it; -1 for none
    cancels: Bools
    buckets: Buckets

    @property
    def passes(self) -> Bools:
        """bool[k]: leaves, in whole or in part."""
        return np.asarray(self.reason <= Reason.CUT)


class _Stage(IntEnum):
    """Who is held against the limits, in this sequence."""

    HEDGE = 0
    LEAST = 1  # what a duty asks at least
    LEAST_WATCHED = 2
    QUOTE = 3
    QUOTE_WATCHED = 4
    NO_VALUE = 5  # closes a position that nobody can value


_NOBODY: Ints = np.empty(0, dtype=np.int64)
_HELD_BACK = (
    (Withheld.SUSPECT, Reason.SUSPECT),
    (Withheld.HALTED, Reason.HALTED),
    (Withheld.UNRECONCILED, Reason.UNRECONCILED),
    (Withheld.SETTLED, Reason.SETTLED),
)
_LEAST = frozenset({_Stage.LEAST, _Stage.LEAST_WATCHED})
_WATCHED = frozenset({_Stage.LEAST_WATCHED, _Stage.QUOTE_WATCHED})


def prepare_gate(
    values: Values,
    market: MarketView,
    exposure: Exposure,
    half_spread: Floats,
    standing: Standing,
    pretrade: PreTrade,
    working: WorkingOrders,
    stopped: Stopped,
    terms: OrderTerms,
    watched: Bools | None = None,
    waiting: Ints | None = None,
) -> Gate:
    """What the batches of one cycle are held against.

    Parameters
    ----------
    values, market, exposure, standing, pretrade
        Of this cycle; the last by `prepare_pretrade`.
    half_spread : float64[n_rows]
        Neutral, quote currency, as of `quoting.propose.Quotes`; NaN and where there is none: 0.
    working, terms
        Everything of ours that may still fill, and the gate's numbers.
    stopped : Stopped
        Kill switches, by row and by the number that venues have; what is held back.
    watched : bool[n_rows], optional
        Series whose quotes a protection watches; it matters where `terms.burst_quotes` is above 0.
    waiting : int64[m], optional
        Hedges that their venue has just rejected, as 2 row + (sells).
    """
    table = market.table
    prices = prices_of(values, market, half_spread)
    hard_buy, hard_sell = _adds_at_hard(standing)
    tradable = (table.expiry_ns == 0) | (table.expiry_ns > market.now_ns)
    told = np.isfinite(prices.theo) & np.isfinite(prices.vega)
    counted = None if watched is None else watched & tradable
    rule = burst_rule(pretrade, standing, table, counted, terms.burst_quotes)
    return Gate(
        terms=terms,
        now_ns=market.now_ns,
        table=table,
        prices=prices,
        quantity=exposure.quantity,
        delta_usd=values.greeks[:, Measure.DELTA_USD],
        delta_held_usd=exposure.by_underlying[:, Measure.DELTA_USD],
        tradable=tradable,
        killed_rows=stopped.rows,
        killed_venues=stopped.venues,
        withheld=stopped.withheld,
        waiting=_NOBODY if waiting is None else waiting,
        hard_buy=hard_buy,
        hard_sell=hard_sell,
        blind=np.asarray(np.isinf(standing.utilisation).any(axis=0)),
        breached=standing.utilisation >= 1.0,
        told=told,
        room=room_at_work(pretrade, rule, working, told),
        kill_room=room_at_work(kill_limits(pretrade, standing, terms), rule, working, told),
        working=working,
        at_work=at_work_of(working, prices),
    )


def _adds_at_hard(standing: Standing) -> tuple[Bools, Bools]:
    """bool[n_rows] each: a contract bought, and one sold, adds to a limit at HARD."""
    hard = (standing.step == Step.HARD).any(axis=1)
    step = standing.step[hard] == Step.HARD
    unknown = standing.unknown[hard] & step
    buys, sells = (
        ((slope[hard] > 0.0) & step | unknown).any(axis=0)
        for slope in (standing.buy_slope, standing.sell_slope)
    )
    return buys, sells


def gate(batch: OrderColumns, prepared: Gate, buckets: Buckets, cancel_venue: Ints | None = None) -> Verdicts:
    """Let through what may leave, in one pass.

    Parameters
    ----------
    batch : OrderColumns
    prepared : Gate
    buckets : Buckets
        Messages that venues take; cancels go first and may use the reserve.
    cancel_venue : int64[m], optional
        Venues of the cancels that leave with the batch.

    Returns
    -------
    Verdicts
        `buckets` is what is left. Nothing else is remembered: call `orders.state.send_orders` with what left, and prepare the gate
        anew before the next batch.
    """
    terms = prepared.terms
    cancel_venue = np.empty(0, dtype=np.int64) if cancel_venue is None else cancel_venue
    cancels, left = take_messages(
        refilled(buckets, terms, prepared.now_ns), terms, cancel_venue, cancels=True
    )
    whole = _whole(batch, prepared)
    order = _sequence(batch, whole)
    sorted_batch = batch.take(order)
    reason = np.full(batch.size, int(Reason.NOT_AN_ORDER), dtype=np.int64)
    quantity = np.zeros(batch.size, dtype=np.int64)
    limit = np.full(batch.size, -1, dtype=np.int64)
    if order.size:
        found, allowed, binding = _judge(sorted_batch, prepared)
        passing = np.flatnonzero(found <= Reason.CUT)
        leaves, left = take_messages(left, terms, sorted_batch.venue[passing], cancels=False)
        late = passing[~leaves]
        found[late], allowed[late] = Reason.RATE, 0
        reason[order], quantity[order], limit[order] = found, allowed, binding
    return Verdicts(reason=reason, quantity=quantity, limit=limit, cancels=cancels, buckets=left)


def _whole(batch: OrderColumns, prepared: Gate) -> Bools:
    """Orders that can be meant: a listed contract, a side, contracts, a price on its step, a venue."""
    n_rows, n_venues = prepared.quantity.size, prepared.killed_venues.size
    whole = (batch.row >= 0) & (batch.row < n_rows) & (batch.venue >= 0) & (batch.venue < n_venues)
    whole &= (np.abs(batch.side) == 1) & (batch.quantity > 0)
    whole &= (batch.price_ticks > 0) & (batch.price_ticks < PRICE_ROOM)
    at = np.flatnonzero(whole)
    row = batch.row[at]
    whole[at] = prepared.tradable[row] & on_step(batch.price_ticks[at], row, prepared.table)
    return np.asarray(whole)


def _sequence(batch: OrderColumns, whole: Bools) -> Ints:
    """Who goes first: hedges, what a duty asks at least, other quotes by usefulness; equals as they came."""
    rank = np.where(batch.purpose == Purpose.HEDGE, 0, np.where(_least(batch), 1, 2))
    useful = np.where(rank == 2, np.where(np.isnan(batch.usefulness), -np.inf, batch.usefulness), 0.0)
    order = np.lexsort((-useful, rank))
    return np.asarray(order[whole[order]])


def _least(batch: OrderColumns) -> Bools:
    """No more than a duty asks at least."""
    return np.asarray((batch.purpose == Purpose.QUOTE) & (batch.quantity <= batch.duty))


def _judge(batch: OrderColumns, prepared: Gate) -> tuple[Ints, Ints, Ints]:
    """Reason, contracts allowed and binding limit of orders in their sequence."""
    terms, row = prepared.terms, batch.row
    closes = _closes(batch, prepared)
    reducing = _reducing(batch, prepared, closes)
    spared = reducing & prepared.terms.kill_allows_hedges
    killed = prepared.killed_venues[batch.venue] | prepared.killed_rows[row] & ~spared
    most = np.where(prepared.prices.is_option[row], terms.size_max_contracts, terms.hedge_size_max_contracts)
    reason, worth = price_reasons(batch, prepared.prices, terms, closes)
    reason[batch.quantity > most] = Reason.SIZE
    hedge = batch.purpose == Purpose.HEDGE
    reason[hedge & np.isin(2 * row + (batch.side < 0), prepared.waiting)] = Reason.BACKOFF
    reason[killed] = Reason.KILLED
    withheld = np.where((prepared.withheld[row] == Withheld.SUSPECT) & reducing, 0, prepared.withheld[row])
    for code, why in _HELD_BACK:
        reason[withheld == code] = why
    since = prepared.now_ns - 1_000_000 * terms.duplicate_window_ms
    _refuse(reason, duplicates(batch, prepared.working, since), Reason.DUPLICATE)
    _refuse(reason, self_trades(batch, prepared.working, prepared.at_work, terms), Reason.SELF_TRADE)
    total = prepared.at_work.worth_usd + np.cumsum(np.where(reason == Reason.ACCEPTED, worth, 0.0))
    _refuse(reason, ~(total <= terms.notional_working_max_usd), Reason.NOTIONAL_WORKING)
    hard = np.where(batch.side > 0, prepared.hard_buy[row], prepared.hard_sell[row])
    _refuse(reason, hard & ~_least(batch), Reason.REDUCE_ONLY)
    allowed, binding = _fit(batch, reason, prepared)
    return reason, allowed, binding


def _refuse(reason: Ints, where: Bools, why: Reason) -> None:
    reason[where & (reason == Reason.ACCEPTED)] = why


def _fit(batch: OrderColumns, reason: Ints, prepared: Gate) -> tuple[Ints, Ints]:
    """Contracts that the limits have room for, whichever fill; changes `reason`.

    What closes a position that nobody can value comes last, and only where every limit of its scope is known.
    """
    row, side, wanted = batch.row, batch.side, batch.quantity
    allowed, binding = np.zeros(batch.size, dtype=np.int64), np.full(batch.size, -1, dtype=np.int64)
    told, room, kills = prepared.told[row], prepared.room, prepared.kill_room
    _refuse(reason, ~told & prepared.blind[row], Reason.REDUCE_ONLY)
    good, least = reason == Reason.ACCEPTED, _least(batch)
    stages = _stages(batch, good, told, least, prepared)
    for number, (kind, at) in enumerate(stages):
        these = row[at], side[at]
        watched = kind in _WATCHED
        against = kills if kind in _LEAST else room
        if kind is _Stage.NO_VALUE:
            against = replace(against, full=of_value(against.worst()), rule=None)
        fit = against.fit_watched if watched else against.fit
        allowed[at], binding[at] = fit(*these, wanted[at])
        if against is kills:  # the least that a duty asks is no less
            refused = at[allowed[at] < wanted[at]]
            reason[refused], allowed[refused] = Reason.KILL_LIMIT, 0
        if number + 1 < len(stages):
            room = _charged(room, watched, *these, allowed[at])
            if stages[number + 1][0] in _LEAST:
                kills = _charged(kills, watched, *these, allowed[at])
    short = np.flatnonzero((reason == Reason.ACCEPTED) & (allowed < wanted))
    in_breach = prepared.breached[binding[short], row[short]]
    why = np.where(in_breach, int(Reason.REDUCE_ONLY), int(Reason.WORST_CASE))
    reason[short] = np.where(allowed[short] > 0, int(Reason.CUT), why)
    return allowed, binding


def _charged(room: Room, watched: bool, row: Ints, side: Ints, quantity: Ints) -> Room:
    return (room.without_watched if watched else room.without)(row, side, quantity)


def _stages(
    batch: OrderColumns, good: Bools, told: Bools, least: Bools, prepared: Gate
) -> list[tuple[_Stage, Ints]]:
    """Who is held against the limits after whom; stages without orders are left out."""
    hedge, rule = batch.purpose == Purpose.HEDGE, prepared.room.rule
    few = np.zeros(batch.size, dtype=np.bool_)
    if rule is not None:
        at = np.flatnonzero(good & told)
        few[at] = may_join(batch.row[at], batch.side[at], ~hedge[at], prepared.working, rule)
    other = ~hedge & ~least
    which = (
        (_Stage.HEDGE, told & hedge),
        (_Stage.LEAST, told & least & ~few),
        (_Stage.LEAST_WATCHED, told & least & few),
        (_Stage.QUOTE, told & other & ~few),
        (_Stage.QUOTE_WATCHED, told & other & few),
        (_Stage.NO_VALUE, ~told),
    )
    at_stage = ((kind, np.flatnonzero(good & some)) for kind, some in which)
    return [(kind, at) for kind, at in at_stage if at.size]


def _closes(batch: OrderColumns, prepared: Gate) -> Bools:
    """bool[k]: closes a position, and together with all others of its side at work or before it never more than that."""
    held = prepared.quantity[batch.row]
    at = np.flatnonzero(batch.side * held < 0)
    out = np.zeros(batch.size, dtype=np.bool_)
    key = 2 * batch.row[at] + (batch.side[at] < 0)
    out[at] = prepared.at_work.contracts[key] + _running(
        key, batch.quantity[at].astype(np.float64)
    ) <= np.abs(held[at])
    return out


def _reducing(batch: OrderColumns, prepared: Gate, closes: Bools) -> Bools:
    """bool[k]: hedges that a kill of rows may leave: they close, or they bring the underlying's delta down and never past zero.

    All orders at work that move the delta the same way count as filled.
    """
    out = np.zeros(batch.size, dtype=np.bool_)
    at = np.flatnonzero(batch.purpose == Purpose.HEDGE)
    if not at.size:
        return out
    of, row = prepared.table.underlying_of, batch.row[at]
    moved = batch.side[at] * batch.quantity[at] * prepared.delta_usd[row]
    held = prepared.delta_held_usd[of[row]]
    working, alive = prepared.working, np.flatnonzero(prepared.working.alive)
    at_work = working.side[alive] * working.open[alive] * prepared.delta_usd[working.row[alive]]
    whose = of[working.row[alive]]
    n = prepared.delta_held_usd.size
    up = np.bincount(whose, weights=np.where(at_work < 0.0, 0.0, at_work), minlength=n)
    down = np.bincount(whose, weights=np.where(at_work > 0.0, 0.0, -at_work), minlength=n)
    taken = np.where(moved > 0.0, up[of[row]], down[of[row]])
    running = _running(2 * of[row] + (moved < 0.0), np.abs(moved))
    reduces = (moved * held < 0.0) & (taken + running <= np.abs(held))
    out[at] = reduces | closes[at]
    return out


def _running(key: Ints, amount: Floats) -> Floats:
    """Sum of the amounts of each key up to and with each entry, float64[k]."""
    order = np.argsort(key, kind="stable")
    total = np.cumsum(amount[order])
    starts = np.flatnonzero(np.append(True, key[order[1:]] != key[order[:-1]]))[: key.size]
    before = np.repeat(total[starts] - amount[order[starts]], np.diff(np.append(starts, key.size)))
    out = np.empty(key.size)
    out[order] = total - before
    return out
