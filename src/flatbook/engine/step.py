"""The corridor: one event in, the state changed, and a cycle out when one is due.

This is the only file that knows the order of the rooms. Every arrow of the system diagram is a line of `decide`.
"""

from typing import assert_never

from msgspec.structs import replace

from flatbook.book.state import book_fill, bust_fill, correct_fill
from flatbook.book.view import view as book_view
from flatbook.engine.cycle import Cycle, Residual
from flatbook.engine.state import State
from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.slides import gap, slide
from flatbook.hedging import propose as hedging
from flatbook.limits.check import check
from flatbook.limits.readings import Measured
from flatbook.limits.state import remember, set_limits
from flatbook.margin.haircut import requirement
from flatbook.market.build import view as market_view
from flatbook.market.state import (
    grow,
    remember_quotes,
    remember_surfaces,
    see_dividends,
    see_forward,
    see_quotes,
    see_rates,
    see_sessions,
    see_underlying,
)
from flatbook.market.view import MarketView
from flatbook.model.errors import FlatbookError
from flatbook.model.events import (
    CycleDue,
    DeskSet,
    DividendsSeen,
    Fact,
    Fill,
    FillBusted,
    FillCorrected,
    ForwardQuoted,
    InstrumentsListed,
    LimitsSet,
    QuotesSeen,
    RatesSeen,
    SessionsSeen,
    UnderlyingQuoted,
)
from flatbook.model.instruments import Instrument
from flatbook.model.parameters import Desk
from flatbook.model.table import Ints
from flatbook.quoting import propose as quoting
from flatbook.riskprice.cost import cheapest_costs
from flatbook.riskprice.price import risk_price
from flatbook.valuation.spot_vol import dynamics_of
from flatbook.valuation.values import Values, value


def step(state: State, event: Fact) -> Cycle | None:  # noqa: C901, PLR0912 - one line an event
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
        case Fill():
            book_fill(state.book, state.table.row_of(event.instrument), event)
        case FillCorrected():
            correct_fill(state.book, event)
        case FillBusted():
            bust_fill(state.book, event)
        case InstrumentsListed():
            state.desk_listed.difference_update(item.symbol for item in event.instruments)
            _list(state, event.instruments)
        case DeskSet():
            _list_hedges(state, event.desk)
            state.desk = event.desk
        case LimitsSet():
            set_limits(state.limits, event)
        case CycleDue():
            cycle = decide(state, event)
            remember_quotes(state.market, state.table, cycle.market.status, event.received_ns)
            remember_surfaces(state.market, state.table, cycle.market.surfaces)
            remember(state.limits, {one.limit.name: one.step for one in cycle.standing.limits})
            return cycle
        case _:
            assert_never(event)
    return None


def decide(state: State, due: CycleDue) -> Cycle:
    """Measure, hold against the limits, decide."""
    desk, table = state.desk, state.table
    if desk is None:
        msg = f"cycle {due.sequence}: the desk is not set; send DeskSet before CycleDue"
        raise FlatbookError(msg)
    book = book_view(state.book, table)
    market = market_view(state.market, table, due.received_ns, desk)
    values = value(market, dynamics_of(desk, table.underlyings))
    exposure = aggregate(book.quantity, values, market, desk)
    slides = slide(book.quantity, values, market)
    capital = requirement(book.quantity, values, market, desk)
    gaps = gap(slides)
    measured = Measured(
        exposure=exposure, gaps=gaps, capital=capital, values=values, market=market, desk=desk
    )
    standing = check(measured, state.limits.limits, state.limits.steps)
    price = risk_price(exposure, values, market, desk, cheapest_costs(desk, table, values))
    hedges = hedging.propose(exposure, price, standing, values, market, desk)
    quotes = quoting.propose(values, price, standing, book.quantity, market, desk.quoting)
    residual = _residual(book.quantity + hedging.trades(hedges, len(table.instruments)), values, market, desk)
    return Cycle(
        sequence=due.sequence,
        now_ns=due.received_ns,
        desk=desk,
        table=table,
        market=market,
        book=book,
        values=values,
        exposure=exposure,
        slides=slides,
        gaps=gaps,
        capital=capital,
        standing=standing,
        price=price,
        hedges=hedges,
        quotes=quotes,
        residual=residual,
    )


def _residual(quantity: Ints, values: Values, market: MarketView, desk: Desk) -> Residual:
    """Measure the book again as if the hedges were done."""
    slides = slide(quantity, values, market)
    return Residual(
        exposure=aggregate(quantity, values, market, desk),
        slides=slides,
        gaps=gap(slides),
        capital=requirement(quantity, values, market, desk),
    )


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
