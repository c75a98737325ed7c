"""The corridor: one event in, the state changed, and a cycle out when one is due.

This is the only file that knows the order of the rooms. Every arrow of the system diagram is a line of `decide`.
"""

from typing import assert_never

import numpy as np
from msgspec.structs import replace

from flatbook.book.state import book_fill, bust_fill, correct_fill, positions_moved
from flatbook.book.view import view as book_view
from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import basis_of, contracts_of, measure, stand, what_if, with_reports
from flatbook.engine.reported import remember_report
from flatbook.engine.state import State
from flatbook.exposure.minimum_variance import coefficients_of, with_minimum_variance
from flatbook.exposure.running import running
from flatbook.exposure.scenario_sheets import scenario_sheets
from flatbook.exposure.slides import MOVES, ladder
from flatbook.hedging import propose as hedging
from flatbook.limits.activity import activity_at, count_fill, count_orders
from flatbook.limits.drawdown import day_at
from flatbook.limits.state import override_limit, remember, set_fast_market, set_limits
from flatbook.margin.capital import forecast, marginal_of
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
from flatbook.model.errors import FlatbookError
from flatbook.model.events import (
    CapitalReported,
    CycleDue,
    DeskSet,
    DividendsSeen,
    Fact,
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
    Told,
    UnderlyingQuoted,
)
from flatbook.model.instruments import Instrument
from flatbook.model.parameters import Desk
from flatbook.model.table import InstrumentTable, Ints
from flatbook.quoting import propose as quoting
from flatbook.riskprice.cost import cheapest_costs
from flatbook.riskprice.price import risk_price
from flatbook.valuation.spot_vol import dynamics_of, estimates_of
from flatbook.valuation.values import value


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
    cycle = decide(state, event)
    remember_quotes(state.market, state.table, cycle.market.status, event.received_ns)
    remember_surfaces(state.market, cycle.market, cycle.desk)
    remember_events(state.market, cycle.market)
    remember(state.limits, cycle.standing.memory, cycle.basis.day, event.received_ns)
    state.running = running(cycle.exposure, cycle.values, cycle.market, cycle.desk)
    return cycle


def _fold(state: State, event: Told) -> None:  # noqa: C901, PLR0912 - one line an event
    """Take a fact that asks for no decision."""
    match event:
        case QuotesSeen():
            see_quotes(state.market, state.table, event)
        case UnderlyingQuoted():
            see_underlying(state.market, event)
        case ForwardQuoted():
            see_forward(state.market, event)
        case SessionsSeen():
            see_sessions(state.market, event)
        case RatesSeen():
            see_rates(state.market, event)
        case DividendsSeen():
            see_dividends(state.market, event)
        case HistorySeen():
            see_history(state.market, event)
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
            _list_hedges(state, event.desk)
            state.desk = event.desk
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
    orders = contracts_of(state.working, table)
    basis = basis_of(
        values,
        market,
        desk,
        _reach(book.quantity, orders, desk, table),
        activity=activity_at(state.limits.traffic, table.underlyings, due.received_ns),
        day=day_at(state.limits.day, book, values, market),
    )
    held = measure(book.quantity, basis)
    basis = with_reports(basis, held, state.reported.values())
    sheets = scenario_sheets(book.quantity, values, market, past=held.past, terms=desk.factors)
    standing = stand(held, basis, state.limits)
    price = risk_price(
        held.factors,
        basis.factors,
        basis.covariance,
        desk,
        basis.spot_vol,
        cheapest_costs(desk, table, values),
    )
    hedges = hedging.propose(held.exposure, price, standing, values, market, desk)
    quotes = quoting.propose(values, price, standing, book.quantity, market, desk.quoting)
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
        marginal=marginal_of(held.capital, book.quantity, basis.capital_points, basis.capital_terms),
        capital_ahead=forecast(book.quantity, values, market, basis.capital_terms, MOVES),
        standing=standing,
        price=price,
        hedges=hedges,
        quotes=quotes,
        residual=measure(book.quantity + traded, basis),
        working=None
        if state.working is None
        else what_if("orders at work", orders, book.quantity, basis, state.limits),
    )


def _take_fill(state: State, event: Fill) -> None:
    row = state.table.row_of(event.instrument)
    if event.fill_id not in state.book.cases:
        count_fill(state.limits.traffic, state.table.instruments[row].underlying, event)
    book_fill(state.book, row, event)
    _follow_book(state)


def _take_orders(state: State, event: OrdersWorking) -> None:
    instruments, row_of = state.table.instruments, state.table.row_of
    underlyings = tuple(instruments[row_of(symbol)].underlying for symbol in event.symbols)
    count_orders(state.limits.traffic, underlyings, state.working, event)
    state.working = event


def _follow_book(state: State) -> None:
    """Keep the running exposure beside the book between cycles."""
    for row, quantity in positions_moved(state.book):
        if state.running is not None:
            state.running.hold(row, quantity)


def _reach(quantity: Ints, working: Ints, desk: Desk, table: InstrumentTable) -> Ints:
    """Rows that the book, its hedges and its orders at work can be made of."""
    hedges = [table.row_of(terms.instrument.symbol) for terms in desk.hedges]
    return np.union1d(np.flatnonzero((quantity != 0) | (working != 0)), np.array(hedges, dtype=np.int64))


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
            wanted = replace(listed, beta=mine.beta, price_ratio=mine.price_ratio)
        if wanted != listed:
            changed.append(wanted)
    _list(state, tuple(changed))


def _list(state: State, instruments: tuple[Instrument, ...]) -> None:
    if instruments:
        state.table = state.table.listed(instruments)
        grow(state.market, len(state.table.instruments))
