"""Events beside quotes and trades: series that are over, exercises, adjustments, halts, gaps of feeds, sessions, new starts."""

from dataclasses import replace
from typing import assert_never

from flatbook.book.as_of import contracts_at, is_past
from flatbook.book.lifecycle import adjust_position, exercise, settle_series
from flatbook.book.state import BookEvent, NoticeEvent, bust_fill, correct_fill, positions_moved
from flatbook.book.view import BookView
from flatbook.engine.orders_and_quotes import tell_duties
from flatbook.engine.state import State
from flatbook.model.events import FillBusted, FillCorrected
from flatbook.model.lifecycle_events import BookChange, Exercised, PositionAdjusted, SeriesSettled
from flatbook.model.venue_events import Restarted, VenueNews, VenueSession
from flatbook.orders import outbox as orders
from flatbook.orders.kill import Kills
from flatbook.orders.reconciliation import differences_of, withheld_of
from flatbook.quoting.conditions import Conditions


def change_book(state: State, event: BookChange | NoticeEvent) -> None:
    """Correct or bust a fill, settle a series, take out what was exercised, or book what a person accepts."""
    match event:
        case FillCorrected():
            correct_fill(state.book, event)
        case FillBusted():
            bust_fill(state.book, event)
        case SeriesSettled():
            settle_series(state.book, state.table, event)
        case Exercised():
            exercise(state.book, state.table, event)
        case PositionAdjusted():
            adjust_position(state.book, state.table, event)
        case _:
            assert_never(event)
    follow_book(state, event)


def follow_book(state: State, event: BookEvent) -> None:
    """Keep the running exposure beside the book between cycles; what a venue counted is compared again where the event was before it."""
    for row, quantity in positions_moved(state.book):
        if state.running is not None:
            state.running.hold(row, quantity)
    for standing in state.outbox.trading.venues.values():
        if standing.positions is not None and is_past(event, standing.positions.asked_ns):
            standing.compare = True


def see_venue_news(state: State, event: VenueNews) -> None:
    """Take what holds trading back, or lets it go on."""
    orders.see_venue_news(state.outbox, event, None if state.desk is None else state.desk.orders)
    if isinstance(event, VenueSession | Restarted):
        tell_duties(state, event.received_ns)


def compare_positions(state: State) -> None:
    """Compare what venues count with the book, where one of them may have changed."""
    for name, standing in state.outbox.trading.venues.items():
        told = standing.positions
        if told is not None and standing.compare:
            ours, executions = contracts_at(state.book, state.table, name, told.asked_ns)
            standing.differences = differences_of(told, ours, executions)
            standing.compare = False


def with_stops(state: State, conditions: Conditions, kills: Kills, book: BookView) -> Conditions:
    """The conditions of a cycle, with what is killed and what is held back."""
    assert state.desk is not None, "a cycle is decided for a desk"
    terms, table = state.desk.orders, state.table
    withheld, held_back = withheld_of(state.outbox.trading, table, terms.venue, book.settled)
    killed = orders.stopped_now(kills, table, terms).rows
    return replace(conditions, killed=killed, withheld=withheld, held_back=held_back)
