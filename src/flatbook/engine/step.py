"""The corridor: one event in, the state changed, and a cycle out when one is due.

This is the only file that knows the order of the rooms. Every arrow of the system diagram is a line of `decide`.
"""

from dataclasses import replace
from typing import assert_never

import numpy as np
from msgspec.structs import replace as with_terms

from flatbook.book.state import book_fill, bust_fill, correct_fill, positions_moved
from flatbook.book.view import BookView
from flatbook.book.view import view as book_view
from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import Basis, Measurement, basis_of, measure, stand, what_if, with_reports
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
from flatbook.engine.state import State
from flatbook.exposure.minimum_variance import coefficients_of, with_minimum_variance
from flatbook.exposure.running import running
from flatbook.exposure.scenario_sheets import scenario_sheets
from flatbook.exposure.slides import MOVES, ladder
from flatbook.hedging import propose as hedging
from flatbook.hedging.following import estimated
from flatbook.limits.activity import activity_at, count_fill, count_orders
from flatbook.limits.check import Standing
from flatbook.limits.drawdown import day_at
from flatbook.limits.state import override_limit, remember, set_fast_market, set_limits
from flatbook.margin.capital import Marginal, forecast, marginal_of
from flatbook.market.build import view as market_view
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
    UnderlyingQuoted,
)
from flatbook.model.facts import Fact, Told
from flatbook.model.instruments import Instrument
from flatbook.model.order_events import KillSet, OpenOrdersTold, OrdersAnswered
from flatbook.model.parameters import Desk
from flatbook.model.quoting_events import DutySession, ProtectionReset, ProtectionTripped
from flatbook.model.table import InstrumentTable, Ints
from flatbook.orders.outbox import stopped_now
from flatbook.quoting import propose as quoting
from flatbook.quoting.conditions import Conditions
from flatbook.quoting.state import conditions_at, see_venue, up_to
from flatbook.riskprice.desk_charges import charges_of
from flatbook.riskprice.desk_flow import desk_flow
from flatbook.riskprice.hedge_directions import directions_of
from flatbook.riskprice.price import RiskPrice, risk_price
from flatbook.valuation.spot_vol import dynamics_of, estimates_of
from flatbook.valuation.values import Values, value


def step(state: State, event: Fact) -> Cycle | None:
    """Take one event.

    Returns
    -------
    Cycle or None
        The decisions of a `CycleDue`; None for every other fact, which only changes the state.

    Raises
    ------
    FlatbookError
        The event names an instrument that nobody listed, or a cycle is due before the desk is set.
    """
    assert event.sequence == 0 or event.sequence > state.sequence, (
        f"event {event.sequence} after {state.sequence}"
    )
    state.sequence = event.sequence
    if not isinstance(event, CycleDue):
        _fold(state, event)
        return None
    if state.desk is not None:
        up_to(state.quoting, state.desk, state.table, event.received_ns)
    cycle = decide(state, event)
    remember_quotes(state.market, state.table, cycle.market.status, event.received_ns)
    remember_surfaces(state.market, cycle.market, cycle.desk)
    remember_events(state.market, cycle.market)
    remember(state.limits, cycle.standing.memory, cycle.basis.day, event.received_ns)
    remember_cycle(state, cycle)
    state.running = running(cycle.exposure, cycle.values, cycle.market, cycle.desk)
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
        case FillCorrected():
            correct_fill(state.book, event)
            _follow_book(state)
        case FillBusted():
            bust_fill(state.book, event)
            _follow_book(state)
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
        case _:
            assert_never(event)


def decide(state: State, due: CycleDue) -> Cycle:
    """Measure, hold against the limits, decide."""
    desk, table = state.desk, state.table
    if desk is None:
        msg = f"cycle {due.sequence}: the desk is not set; send DeskSet before CycleDue"
        raise FlatbookError(msg)
    book = book_view(state.book, table)
    market = market_view(state.market, table, due.received_ns, desk)
    spot_vol = estimates_of(desk, table.underlyings, state.market.spot_vol)
    values = value(market, dynamics_of(desk, table.underlyings, spot_vol))
    values = with_minimum_variance(values, market, coefficients_of(desk, table.underlyings))
    orders = at_work(state)
    conditions = conditions_at(state.quoting, market)
    basis = _basis(state, desk, book, orders, values, market, conditions)
    held = measure(book.quantity, basis)
    basis = with_reports(basis, held, state.reported.values())
    sheets = scenario_sheets(book.quantity, values, market, past=held.past, terms=desk.factors)
    standing = stand(held, basis, state.limits)
    kills = kills_now(state, standing, due.received_ns)
    conditions = replace(conditions, killed=stopped_now(kills, table, desk.orders).rows)
    marginal = marginal_of(held.capital, book.quantity, basis.capital_points, basis.capital_terms)
    price = _price(held, standing, marginal, basis)
    hedges = hedging.propose(
        held.exposure, price, standing, values, market, desk,
        urgent=urgent_of(conditions), at_once_usd=informed_usd(state, values), last_hedged_ns=state.hedged_ns,
    )  # fmt: skip
    quotes = quoting.propose(values, price, standing, book.quantity, market, desk.quoting, conditions)
    traded = hedging.trades(hedges, len(table.instruments))
    return Cycle(
        sequence=due.sequence,
        now_ns=due.received_ns,
        desk=desk,
        table=table,
        market=market,
        spot_vol=spot_vol,
        book=book,
        values=values,
        basis=basis,
        held=held,
        ladders=tuple(ladder(book.quantity, values, market, terms) for terms in desk.slides),
        sheets=sheets,
        marginal=marginal,
        capital_ahead=forecast(book.quantity, values, market, basis.capital_terms, MOVES),
        standing=standing,
        price=price,
        conditions=conditions,
        hedges=hedges,
        quotes=quotes,
        outgoing=leaving(
            state, kills, hedges, quotes, values, price, market, held, standing, basis, conditions
        ),
        residual=measure(book.quantity + traded, basis),
        working=what_if("orders at work", orders, book.quantity, basis, state.limits)
        if is_at_work(state)
        else None,
    )


def _basis(
    state: State,
    desk: Desk,
    book: BookView,
    orders: Ints,
    values: Values,
    market: MarketView,
    conditions: Conditions,
) -> Basis:
    """What any book is measured on."""
    table = market.table
    return basis_of(
        values,
        market,
        desk,
        _reach(book.quantity, orders, desk, table),
        activity=activity_at(state.limits.traffic, table.underlyings, market.now_ns),
        day=day_at(state.limits.day, book, values, market),
        fast_market={} if conditions.fast is None else conditions.fast.why(),
    )


def _price(held: Measurement, standing: Standing, marginal: Marginal, basis: Basis) -> RiskPrice:
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
    )


def _take_fill(state: State, event: Fill) -> None:
    row = state.table.row_of(event.instrument)
    if event.fill_id not in state.book.cases:
        count_fill(state.limits.traffic, state.table.instruments[row].underlying, event)
        see_fill(state, event)
    book_fill(state.book, row, event)
    _follow_book(state)


def _take_orders(state: State, event: OrdersWorking) -> None:
    instruments, row_of = state.table.instruments, state.table.row_of
    underlyings = tuple(instruments[row_of(symbol)].underlying for symbol in event.symbols)
    count_orders(state.limits.traffic, underlyings, state.working, event)
    state.working = event
    tell_duties(state, event.received_ns)


def _follow_book(state: State) -> None:
    """Keep the running exposure beside the book between cycles."""
    for row, quantity in positions_moved(state.book):
        if state.running is not None:
            state.running.hold(row, quantity)


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
