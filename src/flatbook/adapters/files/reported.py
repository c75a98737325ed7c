"""Requirements that a venue or clearing firm reports, from a CSV or Parquet file: group, requirement, as_of.

Columns: docs/margin/README.md.
"""

from math import nan
from pathlib import Path

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.fields import number_of, read_column, read_instants
from flatbook.adapters.files.rows import refuse_empty
from flatbook.adapters.files.tables import Table, read_table
from flatbook.margin.reported import ReportedRequirement
from flatbook.model.events import REPORT_AHEAD_MAX_NS

COLUMNS = ("group", "requirement", "as_of")
OPTIONAL = ("source", "currency")
NO_SOURCE = "reported"


def read_reported(path: Path, at_ns: int | None = None) -> tuple[ReportedRequirement, ...]:
    """Read what others say that accounts need; a currency in any case, an empty one is the account's own.

    Parameters
    ----------
    path : Path
    at_ns : int, optional
        UTC: a requirement that was computed after it, and after what clocks may differ by, is a fault.

    Raises
    ------
    FaultsError
        Everything that is wrong with the file, at once.
    """
    faults = FaultList(path.name)
    table = read_table(path, COLUMNS, faults)
    refuse_empty(table, faults, "a requirement on each row")
    groups = read_column(
        table, "group", faults, parse=lambda text: text.strip() or None, expected="a name", action="correct the cell"
    )  # fmt: skip
    amounts = read_column(
        table,
        "requirement",
        faults,
        parse=_amount,
        expected="an amount of 0 or more",
        action="correct the cell",
    )
    instants = read_instants(table, "as_of", faults)
    if at_ns is not None:
        _add_of_the_future(table, instants, at_ns, faults)
    faults.raise_all()
    return tuple(
        ReportedRequirement(
            group=group or "",
            source=source.strip() or NO_SOURCE,
            currency=currency.strip().upper(),
            requirement=nan if amount is None else amount,
            as_of_ns=as_of or 0,
        )
        for group, amount, as_of, source, currency in zip(
            groups, amounts, instants, table.optional("source"), table.optional("currency"), strict=True
        )
    )


def _add_of_the_future(table: Table, instants: list[int | None], at_ns: int, faults: FaultList) -> None:
    for row, as_of in enumerate(instants):
        if as_of is not None and as_of > at_ns + REPORT_AHEAD_MAX_NS:
            faults.add(
                where=table.where(row, "as_of"),
                found=f"{shown(table.columns['as_of'][row])}, {(as_of - at_ns) / 1e9:,.0f} s after the moment of the plan",
                expected=f"a time at most {REPORT_AHEAD_MAX_NS / 1e9:g} s after it, as clocks differ",
                action="correct the time or its zone, or remove the row",
            )


def _amount(text: str) -> float | None:
    value = number_of(text.strip())
    return value if value is not None and value >= 0.0 else None
