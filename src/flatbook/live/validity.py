"""What the engine could not fold is refused before it is in the journal: a fact there is taken again at every start."""

from collections.abc import Collection

from flatbook.book.lifecycle import exercise, settle_series
from flatbook.book.state import Book
from flatbook.engine.state import State
from flatbook.model.errors import FlatbookError, UnknownInstrumentError
from flatbook.model.events import (
    CycleDue,
    FastMarketSet,
    Fill,
    LimitOverridden,
    OrdersWorking,
    QuotesSeen,
    TickDue,
)
from flatbook.model.facts import Fact
from flatbook.model.lifecycle_events import Exercised, PositionAdjusted, SeriesSettled
from flatbook.model.order_events import KillScope, KillSet

_MOST, _MOST_NS = 2**53, 2**63 - 1  # of a number, and of one that is an instant


def refuse_unknown(state: State, fact: Fact) -> None:
    """Refuse a fact of a line that the engine could not fold.

    Raises
    ------
    UnknownInstrumentError
        It names a series that nobody listed.
    FlatbookError
        It asks for a decision, which only the desk's own clock may; it counts what nobody can count; a series cannot end so; or it overrides a limit
        that is not there.
    """
    _refuse_uncountable(fact)
    named: Collection[str] = ()
    match fact:
        case CycleDue() | TickDue():
            msg = "a decision is due when the desk's clock says so, not when a line does"
            raise FlatbookError(msg)
        case QuotesSeen() | OrdersWorking():
            named = fact.symbols
        case Fill() | SeriesSettled() | Exercised() | PositionAdjusted():
            named = (fact.instrument,)
        case LimitOverridden():
            refuse_misnamed(state, fact)
        case _:
            pass
    unknown = [symbol for symbol in named if symbol not in state.table.rows]
    if unknown:
        msg = f"{type(fact).__name__} of {unknown[0]!r}: nobody listed it; list it before it is quoted or traded"
        raise UnknownInstrumentError(msg)
    if isinstance(fact, SeriesSettled):
        settle_series(Book(), state.table, fact)
    elif isinstance(fact, Exercised):
        exercise(Book(), state.table, fact)


def refuse_misnamed(state: State, fact: Fact) -> None:
    """Refuse what an operator says of a limit, venue, underlying or class that is not there.

    Raises
    ------
    FlatbookError
        Naming those that are.
    """
    table = state.table
    match fact:
        case LimitOverridden():
            _known("limit", fact.limit, [limit.name for limit in state.limits.limits])
        case KillSet(scope=KillScope.UNDERLYING) if fact.on:
            _known("underlying", fact.name, table.underlyings)
        case KillSet(scope=KillScope.CLASS) if fact.on:
            _known("class", fact.name, table.classes)
        case KillSet(scope=KillScope.VENUE) if fact.on and state.desk is not None:
            _known("venue", fact.name, [state.desk.orders.venue])
        case FastMarketSet() if fact.underlying:
            _known("underlying", fact.underlying, table.underlyings)
        case _:
            pass


def _refuse_uncountable(fact: Fact) -> None:
    """Refuse whole numbers beyond what a column holds."""
    for name in fact.__struct_fields__:
        told = getattr(fact, name)
        most = _MOST_NS if name.endswith("_ns") else _MOST
        for number in told if isinstance(told, tuple) else (told,):
            if isinstance(number, int) and abs(number) > most:
                msg = f"{type(fact).__name__}: {name} is {number}; at most {most} either way can be counted"
                raise FlatbookError(msg)


def _known(what: str, name: str, names: Collection[str]) -> None:
    if name not in names:
        msg = f"{what} {name!r}: there is none of that name; name one of {', '.join(names) or 'none at all'}"
        raise FlatbookError(msg)
