"""Cells into values: numbers, prices in ticks, instants, days; what is wrong goes to the fault list as None."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from math import isfinite
from typing import TypeVar

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.instants import parse_instant
from flatbook.adapters.files.tables import Table
from flatbook.model.errors import InvalidValueError

MAX_NUMBER = 1e12
GRID_TOLERANCE = 1e-6  # ticks
_Value = TypeVar("_Value")


def number_of(text: str) -> float | None:
    """A finite number in plain ASCII, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    plain = text.isascii() and "_" not in text
    return value if plain and isfinite(value) and abs(value) <= MAX_NUMBER else None


def ticks_of(price: float, ticks_per_unit: int) -> int | None:
    """Whole ticks of `1 / ticks_per_unit`, or None where the price is off that grid by more than a rounding error."""
    exact = price * ticks_per_unit
    whole = round(exact)
    return whole if abs(exact - whole) <= GRID_TOLERANCE + 1e-12 * abs(exact) else None


def read_column(
    table: Table,
    column: str,
    faults: FaultList,
    parse: Callable[[str], _Value | None],
    expected: str,
    action: str,
) -> list[_Value | None]:
    """Parse every cell; a cell that gives None is a fault."""
    out: list[_Value | None] = []
    for row, text in enumerate(table.columns[column]):
        value = parse(text)
        if value is None:
            faults.add(where=table.where(row, column), found=shown(text), expected=expected, action=action)
        out.append(value)
    return out


def read_instants(table: Table, column: str, faults: FaultList) -> list[int | None]:
    """UTC nanoseconds of every cell of an ISO 8601 column."""
    return read_column(
        table,
        column,
        faults,
        parse=instant_of,
        expected="an ISO 8601 time with its zone, such as 2019-05-03T16:00:00-04:00",
        action="write the time with its zone",
    )


def read_positive(table: Table, column: str, faults: FaultList) -> list[float | None]:
    """A number above zero in every cell."""
    return read_column(
        table, column, faults, parse=_positive_of, expected="a number above 0", action="correct the value"
    )


def read_quotes(
    table: Table, column: str, ticks_per_unit: Sequence[int], faults: FaultList
) -> list[int | None]:
    """One side of the quotes in whole ticks of each row's instrument.

    Nothing and 0 both mean that the side is missing: None, and no fault.
    """
    return [
        _quote_ticks(table, column, row, per_unit, faults) if text else None
        for row, (text, per_unit) in enumerate(zip(table.columns[column], ticks_per_unit, strict=True))
    ]


def _quote_ticks(table: Table, column: str, row: int, per_unit: int, faults: FaultList) -> int | None:
    text = table.columns[column][row]
    ticks = price_ticks_of(text, per_unit)
    if ticks is None:
        faults.add(
            where=table.where(row, column),
            found=shown(text),
            expected=price_expected(per_unit),
            action="correct the price, or leave the cell empty",
        )
    return ticks or None


def price_ticks_of(text: str, ticks_per_unit: int) -> int | None:
    """A price of 0 or above in whole ticks, or None where it is none or off the grid."""
    price = number_of(text)
    return None if price is None or price < 0.0 else ticks_of(price, ticks_per_unit)


def price_expected(ticks_per_unit: int) -> str:
    """What a quoted price must be, as a fault tells it."""
    return f"a price of 0 or above on a grid of 1/{ticks_per_unit}, or nothing where the side is missing"


def read_sizes(table: Table, column: str, faults: FaultList) -> tuple[int | None, ...]:
    """Whole contracts; empty where the file has no such column, None where a cell is empty."""
    if column not in table.columns:
        return ()
    out: list[int | None] = []
    for row, text in enumerate(table.columns[column]):
        value = whole_of(text) if text else None
        if text and (value is None or value < 0):
            faults.add(
                where=table.where(row, column),
                found=shown(text),
                expected="a whole number of contracts, 0 or above",
                action="correct the size, or leave the cell empty",
            )
        out.append(value)
    return tuple(out)


def whole_of(text: str) -> int | None:
    """A whole number, written 12 or 12.0, or None."""
    value = number_of(text)
    return int(value) if value is not None and value == int(value) else None


@lru_cache(maxsize=4096)
def us_day_of(text: str) -> date | None:
    """The day written MM/DD/YYYY, or None."""
    parts = text.split("/")
    if [len(part) for part in parts] != [2, 2, 4] or not all(
        part.isascii() and part.isdigit() for part in parts
    ):
        return None
    return _day_of(int(parts[2]), int(parts[0]), int(parts[1]))


@lru_cache(maxsize=4096)
def compact_day_of(text: str) -> date | None:
    """The day written YYYYMMDD, or None."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    return _day_of(int(text[:4]), int(text[4:6]), int(text[6:]))


def _day_of(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if 1971 <= year <= 2261 else None
    except ValueError:
        return None


def instant_of(text: str) -> int | None:
    """UTC nanoseconds of an ISO 8601 time with its zone, or None."""
    try:
        return parse_instant(text)
    except InvalidValueError:
        return None


def _positive_of(text: str) -> float | None:
    value = number_of(text)
    return value if value is not None and value > 0.0 else None
