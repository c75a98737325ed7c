"""What a venue must count at an earlier instant, if it and we know of the same trades."""

from flatbook.book.state import Book, Case, notices_of, order_of
from flatbook.model.events import Fill, FillBusted, FillCorrected
from flatbook.model.lifecycle_events import Exercised
from flatbook.model.table import InstrumentTable


def contracts_at(book: Book, table: InstrumentTable, venue: str, at_ns: int) -> tuple[dict[str, int], int]:
    """Net contracts by symbol at one venue as of an instant, and the executions they are made of.

    A fill counts where it names this venue or none and was traded at `at_ns` or before it; a correction, bust, exercise and settlement where
    it is no later. An adjustment counts always: it explains what no trade does.

    Parameters
    ----------
    book : Book
    table : InstrumentTable
    venue : str
    at_ns : int

    Returns
    -------
    dict of str to int
        Without zeros.
    int
        Fills, busted ones too.
    """
    by_row: dict[int, int] = {}
    executions = 0
    for case in book.cases.values():
        if case.fill.venue in ("", venue) and case.fill.traded_ns <= at_ns:
            executions += 1
            by_row[case.row] = by_row.get(case.row, 0) + int(case.fill.side) * _quantity_at(book, case, at_ns)
    for moved in (*book.exercises.values(), *book.adjustments.values()):
        if not isinstance(moved.event, Exercised) or moved.event.exercised_ns <= at_ns:
            for row, contracts in moved.contracts:
                by_row[row] = by_row.get(row, 0) + contracts
    for row, event in book.settlements.values():
        if event.settled_ns <= at_ns:
            by_row.pop(row, None)
    return {table.instruments[row].symbol: held for row, held in sorted(by_row.items()) if held}, executions


def is_past(event: object, at_ns: int) -> bool:
    """Whether a change of the book may change what counted at `at_ns`; a fill or notice that is later does not."""
    match event:
        case Fill():
            return event.traded_ns <= at_ns
        case FillCorrected():
            return event.corrected_ns <= at_ns
        case FillBusted():
            return _busted_ns(event) <= at_ns
    return True


def _quantity_at(book: Book, case: Case, at_ns: int) -> int:
    """Contracts of a fill as it stood."""
    if case.latest is None and not case.busted:
        return case.fill.quantity
    latest: FillCorrected | None = None
    for event in notices_of(book, case.fill.fill_id):
        if isinstance(event, FillBusted):
            if _busted_ns(event) <= at_ns:
                return 0
        elif event.corrected_ns <= at_ns and (latest is None or order_of(event) > order_of(latest)):
            latest = event
    return case.fill.quantity if latest is None else latest.quantity


def _busted_ns(event: FillBusted) -> int:
    return event.busted_ns or event.received_ns
