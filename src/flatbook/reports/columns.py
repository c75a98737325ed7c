"""What the sections of a report look up again and again: instants as text, rows of expiries, held rows."""

from dataclasses import dataclass

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.market.quotes import STATUS_TEXT, QuoteStatus
from flatbook.model.instruments import Right
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Floats, Ints

NOTHING_VALUED = "nothing held in it has a value: see worst_case, and market_health.unvalued_held"
RIGHTS = {Right.CALL: "call", Right.PUT: "put", None: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Looked up once for one cycle."""

    expiry_of_slice: tuple[str, ...]
    days_of_slice: tuple[float, ...]
    held: Ints  # rows with a position
    held_unvalued: Ints  # of them without a value

    def known(self, totals: Floats, rows: Ints) -> Floats:
        """`totals` of the held `rows`; NaN where none of them has a value, for the sum of nothing is no exposure."""
        unknown = rows.size > 0 and bool(np.isin(rows, self.held_unvalued).all())
        return np.full_like(totals, np.nan) if unknown else totals


def columns_of(cycle: Cycle) -> Columns:
    """Look them up."""
    table, unvalued = cycle.table, cycle.exposure.unvalued
    return Columns(
        expiry_of_slice=tuple(iso(key.expiry_ns) for key in table.slices),
        days_of_slice=tuple((cycle.market.slice_years * CALENDAR_DAYS).tolist()),
        held=np.flatnonzero(cycle.book.quantity),
        held_unvalued=np.array(sorted(unvalued), dtype=np.int64),
    )


def iso(time_ns: int) -> str:
    """An instant in UTC, ISO 8601; with its fraction of a second where it has one."""
    instant = np.datetime64(time_ns, "ns")
    whole = time_ns % 1_000_000_000 == 0
    return f"{np.datetime_as_string(instant, unit='s' if whole else 'ns')}Z"


def expiry_text(cycle: Cycle, columns: Columns, row: int) -> str:
    """When the contract of `row` expires; empty where it never does."""
    s = int(cycle.table.slice_of[row])
    if s >= 0:
        return columns.expiry_of_slice[s]
    expiry_ns = cycle.table.instruments[row].expiry_ns
    return iso(expiry_ns) if expiry_ns else ""


def status_text(code: int) -> str:
    """A quote's status in words."""
    return STATUS_TEXT[QuoteStatus(code)]
