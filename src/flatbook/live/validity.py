"""What the engine could not fold is refused before it is in the journal: a fact there is taken again at every start."""

from collections.abc import Collection

from flatbook.engine.state import State
from flatbook.model.errors import FlatbookError, UnknownInstrumentError
from flatbook.model.events import CycleDue, FastMarketSet, Fill, LimitOverridden, QuotesSeen
from flatbook.model.facts import Fact
from flatbook.model.lifecycle_events import Exercised, PositionAdjusted, SeriesSettled
from flatbook.model.order_events import KillScope, KillSet


def refuse_unknown(state: State, fact: Fact) -> None:
    """Refuse a fact of a line that the engine could not fold.

    Raises
    ------
    UnknownInstrumentError
        It names a series that nobody listed.
    FlatbookError
        It asks for a decision, which only the desk's own clock may.
    """
    match fact:
        case CycleDue():
            msg = "a cycle is due when the desk's clock says so, not when a line does"
            raise FlatbookError(msg)
        case QuotesSeen():
            named: Collection[str] = fact.symbols
        case Fill() | SeriesSettled() | Exercised() | PositionAdjusted():
            named = (fact.instrument,)
        case _:
            return
    unknown = [symbol for symbol in named if symbol not in state.table.rows]
    if unknown:
        msg = f"{type(fact).__name__} of {unknown[0]!r}: nobody listed it; list it before it is quoted or traded"
        raise UnknownInstrumentError(msg)


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


def _known(what: str, name: str, names: Collection[str]) -> None:
    if name not in names:
        msg = f"{what} {name!r}: there is none of that name; name one of {', '.join(names) or 'none at all'}"
        raise FlatbookError(msg)
