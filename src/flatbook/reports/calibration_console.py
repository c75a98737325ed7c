"""Calibration on a console: a row a number, with its standard error or the flag that it has none."""

from typing import TYPE_CHECKING

from flatbook.reports.calibration_schema import CalibrationParameter, CalibrationReport
from flatbook.reports.console_table import styled
from flatbook.reports.numbers import NOTHING, tally
from flatbook.reports.schema_parts import Number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_TITLES = ("", "number", "unit", "value", "± error", "desk file", "from")
_LEFT = frozenset({0, 1, 2, 6})


def print_calibration(report: CalibrationReport, console: "Console") -> None:
    """Print `report`."""
    from rich import box  # noqa: PLC0415 - rich costs start-up time; only a console pays it
    from rich.table import Table  # noqa: PLC0415

    header = report.header
    cycles = tally(header.cycles, "cycle")
    console.print(
        styled(f"flatbook calibrate · {header.journal} · {cycles} · {header.start} to {header.end}")
    )
    console.print()
    console.print(styled(header.headline, "bold"))
    for sentence in header.sentences:
        console.print(styled(sentence))
    console.print()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for at, title in enumerate(_TITLES):
        table.add_column(styled(title), justify="left" if at in _LEFT else "right", overflow="fold")
    last = None
    for row in report.parameters:
        if last is not None and row.underlying != last:
            table.add_section()
        table.add_row(*_cells(row, first=row.underlying != last))
        last = row.underlying
    console.print(table)
    console.print(
        styled(
            "± error: one standard error; requests: all series of the underlying, both sides, as if quoted at fair value (logistic: as asked for); "
            "--toml writes the [[flow]] tables",
            "dim",
        )
    )


def digits(value: Number) -> str:
    """Four significant digits: 0.02315, 118.4, 1.8e-06."""
    return NOTHING if value is None else f"{value:.4g}"


def few_digits(value: Number) -> str:
    """Two significant digits, of an error: more tell nothing."""
    if value is None:
        return NOTHING
    return f"{value:.2g}" if abs(value) < 100.0 else f"{value:.0f}"


def _cells(row: CalibrationParameter, *, first: bool) -> "list[Text]":
    style = "" if row.verified else "dim"
    return [
        styled(row.underlying or "desk" if first else ""),
        styled(row.name, style),
        styled(row.unit, "dim"),
        styled(digits(row.value), style),
        styled(few_digits(row.standard_error), style),
        styled(digits(row.desk_value)),
        styled(row.source, style),
    ]
