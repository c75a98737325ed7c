"""Checks on whole rows: none there, one twice, columns that contradict each other."""

from collections.abc import Iterable

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.tables import Table

Claim = tuple[str, object, object]  # column, what the name says, what the column says (None: nothing legible)


def refuse_empty(table: Table, faults: FaultList, expected: str) -> None:
    """Raise where the table has no rows.

    Raises
    ------
    FaultsError
        With what `faults` held before.
    """
    if table.lines:
        return
    faults.raise_all()  # rows there were, but none that could be read
    faults.add(
        where=table.name,
        found="a header and no rows",
        expected=expected,
        action="fetch the file again: it is empty or cut short",
    )
    faults.raise_all()


def add_repeat(table: Table, column: str, row: int, first: int, faults: FaultList) -> None:
    """Add the fault of a name that stands in two rows."""
    faults.add(
        where=table.where(row, column),
        found=f"{shown(table.columns[column][row])} again (first on {table.counted_in} {table.lines[first]})",
        expected="every name once",
        action="remove one of the two rows",
    )


def add_contradictions(table: Table, row: int, name: str, claims: Iterable[Claim], faults: FaultList) -> None:
    """Add a fault for every column that says something else than the contract's name."""
    for column, said, found in claims:
        if found != said:
            faults.add(
                where=table.where(row, column),
                found=shown(table.columns[column][row]),
                expected=f"what the name {name} says: {said}",
                action="correct the column or the name",
            )
