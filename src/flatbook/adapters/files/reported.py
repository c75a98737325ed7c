"""Requirements that a venue or clearing firm reports, from a CSV or Parquet file: group, requirement, as_of.

Columns: docs/margin/README.md.
"""

from math import nan
from pathlib import Path

from flatbook.adapters.files.faults import FaultList
from flatbook.adapters.files.fields import number_of, read_column, read_instants
from flatbook.adapters.files.rows import refuse_empty
from flatbook.adapters.files.tables import read_table
from flatbook.margin.reported import ReportedRequirement

COLUMNS = ("group", "requirement", "as_of")
OPTIONAL = ("source", "currency")
NO_SOURCE = "reported"


def read_reported(path: Path) -> tuple[ReportedRequirement, ...]:
    """Read what others say that accounts need; an empty currency is the account's own.

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
    faults.raise_all()
    return tuple(
        ReportedRequirement(
            group=group or "",
            source=source.strip() or NO_SOURCE,
            currency=currency.strip(),
            requirement=nan if amount is None else amount,
            as_of_ns=as_of or 0,
        )
        for group, amount, as_of, source, currency in zip(
            groups, amounts, instants, table.optional("source"), table.optional("currency"), strict=True
        )
    )


def _amount(text: str) -> float | None:
    value = number_of(text.strip())
    return value if value is not None and value >= 0.0 else None
