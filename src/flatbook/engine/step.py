"""The corridor: one event in, the state changed, and a cycle out when one is due.

This is the only file that knows the order of the rooms. Every arrow of the system diagram is a line of `decide`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict, assert_never

import numpy as np
from msgspec.structs import replace as with_terms

from flatbook.book.state import book_fill
from flatbook.book.view import BookView
from flatbook.book.view import view as book_view
from flatbook.engine.cycle import Cycle
from flatbook.engine.lifecycle import (
    change_book,
    compare_positions,
    follow_book,
    see_venue_news,
    with_stops,
)
from flatbook.engine.measure import Basis, Measurement, basis_of, measure, stand, with_reports
from flatbook.engine.offset_sending import offset_and_hedges, remember_offset
from flatbook.engine.orders_and_quotes import (
    at_work,
    informed_usd,
    is_at_work,
    kills_now,
    leaving,
    remember_cycle,
    see_fill,
    see_orders,
    tell_duties,
    urgent_of,
)
from flatbook.engine.reported import remember_report
from flatbook.engine.reprice import keep, moved_market, repriced_basis, still_as_fast, usable
from flatbook.engine.state import State
from flatbook.engine.tick_sending import send_tick
from flatbook.engine.ticking import after_cycle, decide_tick, see_fact
from flatbook.exposure.minimum_variance import coefficients_of, with_minimum_variance
from flatbook.exposure.running import running
from flatbook.hedging import propose as hedging
from flatbook.hedging.approval import see_answer
from flatbook.hedging.following import estimated
from flatbook.limits.activity import activity_at, count_fill, count_orders
from flatbook.limits.check import Standing
from flatbook.limits.drawdown import Day, day_at
from flatbook.limits.measured import Activity
from flatbook.limits.state import as_read, override_limit, remember, set_fast_market, set_limits
from flatbook.margin.capital import Marginal, marginal_of
from flatbook.market.build import view as market_view
from flatbook.market.dynamics_estimate import DynamicsEstimate
from flatbook.market.event_memory import remember_events
from flatbook.market.state import (
    grow,
    remember_quotes,
    remember_surfaces,
    see_dividends,
    see_forward,
    see_history,
    see_quotes,
    see_rates,
    see_sessions,
    see_underlying,
)
from flatbook.market.view import MarketView
from flatbook.model.errors import FlatbookError
from flatbook.model.events import (
    CapitalReported,
    CycleDue,
    DeskSet,
    DividendsSeen,
    FastMarketSet,
    Fill,
    FillBusted,
    FillCorrected,
    ForwardQuoted,
    HistorySeen,
    InstrumentsListed,
    LimitOverridden,
    LimitsSet,
    OrdersWorking,
    QuotesSeen,
    RatesSeen,
    SessionsSeen,
    TickDue,
    UnderlyingQuoted,
)
from flatbook.model.facts import Fact, Told
from flatbook.model.instruments import Instrument
from flatbook.model.lifecycle_events import Exercised, PositionAdjusted, SeriesSettled
from flatbook.model.operator_events import HedgeDecided, OperatorActed
from flatbook.model.order_events import KillSet, OpenOrdersTold, OrdersAnswered
from flatbook.model.parameters import Desk
from flatbook.model.quoting_events import DutySession, ProtectionReset, ProtectionTripped
from flatbook.model.table import InstrumentTable, Ints
from flatbook.model.venue_events import FeedSuspect, PositionsTold, Restarted, TradingHalted, VenueSession
from flatbook.quoting import propose as quoting
from flatbook.quoting.conditions import Conditions
from flatbook.quoting.state import conditions_at, see_venue, up_to
from flatbook.riskprice.desk_charges import charges_of
from flatbook.riskprice.desk_flow import desk_flow
from flatbook.riskprice.hedge_directions import directions_of
from flatbook.riskprice.price import RiskPrice, risk_price
from flatbook.riskprice.riccati import ValueFunction
from flatbook.valuation.spot_vol import dynamics_of, estimates_of
from flatbook.valuation.values import Values, value


def step(state: State, event: Fact) -> Cycle | None:
    """Take one event.

    Returns
    -------
    Cycle or None
        The decisions of a `CycleDue`, or of a `TickDue` that no tick can decide. None for every other fact, which only changes
        the state, and for a tick that decided: `state.ticking.decided`.

    Raises
    ------
    FlatbookError
        The event names an instrument that nobody listed, or a cycle is due before the desk is set.
    """
    assert event.sequence == 0 or event.sequence > state.sequence, (
        f"event {event.sequence} after {state.sequence}"
    )
    state.sequence = event.sequence
    see_fact(state.ticking, event)
    if isinstance(event, TickDue):
        if (decided := decide_tick(state, event)) is not None:
            send_tick(state, decided, event.on)
            return None
        event = CycleDue(
            received_ns=event.received_ns, sequence=event.sequence, reason=event.reason, refit=False
        )
    if not isinstance(event, CycleDue):
        _fold(state, event)
        return None
    if state.desk is not None:
        up_to(state.quoting, state.desk, state.table, event.received_ns)
    compare_positions(state)
    cycle = decide(state, event)
    remember_quotes(state.market, state.table, cycle.market.status, event.received_ns, cycle.market.judged)
    if cycle.refit:
        remember_surfaces(state.market, cycle.market, cycle.desk)
        remember_events(state.market, cycle.market)
    remember(state.limits, cycle.standing.memory, cycle.basis.day, event.received_ns)
    remember_cycle(state, cycle)
    remember_offset(state, cycle)
    state.running = running(cycle.exposure, cycle.values, cycle.market, cycle.desk, state.running)
    state.kept = keep(state, cycle)
    after_cycle(state.ticking, state.kept)
    return cycle


def _fold(state: State, event: Told) -> None:  # noqa: C901, PLR0912 - one line an event
    """Take a fact that asks for no decision."""
    match event:
        case QuotesSeen():
            see_quotes(state.market, state.table, event)
        case UnderlyingQuoted():
            see_underlying(state.market, event)
            see_venue(state.quoting, event)
        case ForwardQuoted():
            see_forward(state.market, event)
        case SessionsSeen():
            see_sessions(state.market, event)
            see_venue(state.quoting, event)
        case RatesSeen():
            see_rates(state.market, event)
        case DividendsSeen():
            see_dividends(state.market, event)
        case HistorySeen():
            _take_history(state, event)
        case Fill():
            _take_fill(state, event)
        case FillCorrected() | FillBusted() | SeriesSettled() | Exercised() | PositionAdjusted():
            change_book(state, event)
        case InstrumentsListed():
            state.desk_listed.difference_update(item.symbol for item in event.instruments)
            _list(state, event.instruments)
        case DeskSet():
            _set_desk(state, event.desk)
        case OrdersWorking():
            _take_orders(state, event)
        case CapitalReported():
            remember_report(state.reported, event)
        case LimitsSet():
            set_limits(state.limits, event)
        case LimitOverridden():
            override_limit(state.limits, event)
        case FastMarketSet():
            set_fast_market(state.limits, event)
            see_venue(state.quoting, event)
        case ProtectionTripped() | ProtectionReset() | DutySession():
            see_venue(state.quoting, event)
        case OrdersAnswered() | OpenOrdersTold() | KillSet():
            see_orders(state, event)
        case TradingHalted() | FeedSuspect() | VenueSession() | Restarted() | PositionsTold():
            see_venue_news(state, event)
        case HedgeDecided():
            see_answer(state.approvals, event)
        case OperatorActed():
            pass  # the audit trail: what was done comes as a fact of its own
        case _:
            assert_never(event)


def decide(state: State, due: CycleDue) -> Cycle:
    """Measure, hold against the limits, decide."""
    desk, table = state.desk, state.table
    if desk is None:
        msg = f"cycle {due.sequence}: the desk is not set; send DeskSet before CycleDue"
        raise FlatbookError(msg)
    book = book_view(state.book, table)
    orders = at_work(state)
    ground = _repriced(state, due, book, orders) or _fitted(state, due, desk, book, orders)
    market, values, conditions, basis, held = (
        ground.market, ground.values, ground.conditions, ground.basis, ground.held,
    )  # fmt: skip
    basis = with_reports(basis, held, state.reported.values())
    standing = stand(held, basis, state.limits)
    kills = kills_now(state, standing, due.received_ns)
    conditions = with_stops(state, conditions, kills, book)
    marginal = ground.marginal or marginal_of(
        held.capital, book.quantity, basis.capital_points, basis.capital_terms
    )
    price = _price(held, standing, marginal, basis, ground.value_function)
    informed = informed_usd(state, values)
    hedges = hedging.propose(
        held.exposure, price, standing, values, market, desk,
        urgent=urgent_of(conditions), at_once_usd=informed, last_hedged_ns=state.hedged_ns,
    )  # fmt: skip
    first = urgent_of(conditions) | informed.keys()
    sent = offset_and_hedges(state, hedges, held, standing, basis, price, first)
    quotes = quoting.propose(values, price, standing, book.quantity, market, desk.quoting, conditions)
    outgoing = leaving(
        state, kills, sent.leaving, quotes, values, price, market, held, standing, basis, conditions, sent.trades,
    )  # fmt: skip
    return Cycle(
        sequence=due.sequence,
        now_ns=due.received_ns,
        desk=desk,
        table=table,
        market=market,
        spot_vol=ground.spot_vol,
        book=book,
        values=values,
        basis=basis,
        held=held,
        marginal=marginal,
        standing=standing,
        price=price,
        conditions=conditions,
        hedges=sent.hedges,
        waiting=sent.waiting,
        quotes=quotes,
        outgoing=outgoing,
        at_work=orders if is_at_work(state) else None,
        limits=as_read(state.limits),
        refit=ground.fitted,
        offset=sent.offset,
        offset_trades=sent.trades,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ground:
    """What a cycle decides on: the market, the values and the measured book, by either speed."""

    fitted: bool
    market: MarketView
    spot_vol: tuple[DynamicsEstimate, ...]
    values: Values
    conditions: Conditions
    basis: Basis
    held: Measurement
    marginal: Marginal | None  # where it is known already
    value_function: ValueFunction | None


def _fitted(state: State, due: CycleDue, desk: Desk, book: BookView, orders: Ints) -> _Ground:
    """Surfaces, factors, capital and value function anew."""
    names = state.table.underlyings
    market = market_view(state.market, state.table, due.received_ns, desk)
    spot_vol = estimates_of(desk, names, state.market.spot_vol)
    values = value(market, dynamics_of(desk, names, spot_vol))
    values = with_minimum_variance(values, market, coefficients_of(desk, names))
    conditions = conditions_at(state.quoting, market)
    rows = _reach(book.quantity, orders, desk, market.table)
    basis = basis_of(values, market, desk, rows, **_of_the_moment(state, book, values, market, conditions))
    return _Ground(
        fitted=True,
        market=market,
        spot_vol=spot_vol,
        values=values,
        conditions=conditions,
        basis=basis,
        held=measure(book.quantity, basis),
        marginal=None,
        value_function=None,
    )


def _repriced(state: State, due: CycleDue, book: BookView, orders: Ints) -> _Ground | None:
    """What was fitted last, moved with prices; None where a fit is asked for or due."""
    kept = None if due.refit else usable(state, due.received_ns)
    if kept is None:
        return None
    moved = moved_market(state, kept, due.received_ns, book.quantity)
    market, values, last = moved.market, moved.values, kept.last
    conditions = conditions_at(state.quoting, market)
    if not still_as_fast(kept, conditions):
        return None
    rows = _reach(book.quantity, orders, kept.fitted.desk, market.table)
    basis = repriced_basis(kept, moved, rows, **_of_the_moment(state, book, values, market, conditions))
    same = basis.capital_points is last.basis.capital_points and np.array_equal(
        book.quantity, last.held.quantity
    )
    return _Ground(
        fitted=False,
        market=market,
        spot_vol=kept.fitted.spot_vol,
        values=values,
        conditions=conditions,
        basis=basis,
        held=measure(book.quantity, basis, last.held.capital if same else None),
        marginal=last.marginal if same else None,
        value_function=kept.fitted.price.value,
    )


class _OfTheMoment(TypedDict):
    activity: Mapping[str, Activity]
    day: Day
    fast_market: Mapping[str, str]


def _of_the_moment(
    state: State, book: BookView, values: Values, market: MarketView, conditions: Conditions
) -> _OfTheMoment:
    """What any book is measured with beside values and cells."""
    return _OfTheMoment(
        activity=activity_at(state.limits.traffic, state.table.underlyings, market.now_ns),
        day=day_at(state.limits.day, book, values, market),
        fast_market={} if conditions.fast is None else conditions.fast.why(),
    )


def _price(
    held: Measurement,
    standing: Standing,
    marginal: Marginal,
    basis: Basis,
    found: ValueFunction | None,
) -> RiskPrice:
    """What one more unit of each risk, and the next lot of each series, costs the book."""
    desk, values, market = basis.desk, basis.values, basis.market
    expected = desk_flow(desk, market, values)
    return risk_price(
        held.factors,
        basis.factors,
        basis.covariance,
        desk,
        basis.spot_vol,
        directions_of(desk, market.table, values, basis.factors, held.quantity),
        expected=expected,
        charges=charges_of(standing, marginal, expected, desk),
        value=found,
    )


def _take_fill(state: State, event: Fill) -> None:
    row = state.table.row_of(event.instrument)
    if event.fill_id not in state.book.cases:
        count_fill(state.limits.traffic, state.table.instruments[row].underlying, event)
        see_fill(state, event)
    book_fill(state.book, row, event)
    follow_book(state, event)


def _take_orders(state: State, event: OrdersWorking) -> None:
    instruments, row_of = state.table.instruments, state.table.row_of
    underlyings = tuple(instruments[row_of(symbol)].underlying for symbol in event.symbols)
    count_orders(state.limits.traffic, underlyings, state.working, event)
    state.working = event
    tell_duties(state, event.received_ns)


def _reach(quantity: Ints, working: Ints, desk: Desk, table: InstrumentTable) -> Ints:
    """Rows that the book, its hedges and its orders at work can be made of."""
    hedges = [table.row_of(terms.instrument.symbol) for terms in desk.hedges]
    return np.union1d(np.flatnonzero((quantity != 0) | (working != 0)), np.array(hedges, dtype=np.int64))


def _take_history(state: State, event: HistorySeen) -> None:
    see_history(state.market, event)
    if state.told_desk is not None:
        _set_desk(state, state.told_desk)


def _set_desk(state: State, told: Desk) -> None:
    """The desk as it was told, with what history tells of the hedges that ask for it."""
    state.told_desk = told
    desk = estimated(told, state.market.moves)
    _list_hedges(state, desk)
    state.desk = desk


def _list_hedges(state: State, desk: Desk) -> None:
    """List hedge instruments that are new or changed; of one that the market lists, the desk gives beta and price ratio."""
    changed = []
    for terms in desk.hedges:
        mine = terms.instrument
        row = state.table.rows.get(mine.symbol)
        if row is None:
            state.desk_listed.add(mine.symbol)
        listed = None if row is None else state.table.instruments[row]
        if listed is None or mine.symbol in state.desk_listed:
            wanted = mine
        else:
            wanted = with_terms(listed, beta=mine.beta, price_ratio=mine.price_ratio)
        if wanted != listed:
            changed.append(wanted)
    _list(state, tuple(changed))


def _list(state: State, instruments: tuple[Instrument, ...]) -> None:
    if instruments:
        state.table = state.table.listed(instruments)
        grow(state.market, len(state.table.instruments))
