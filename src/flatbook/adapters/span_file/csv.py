"""SPAN risk arrays as a table of our own layout: CSV, gzipped CSV or Parquet in, CSV out.

One row a contract. Columns: docs/margin/span.md. Amounts are in currency for one contract of `multiplier` units, long;
a loss is positive.
"""

import csv
import io
from math import isnan
from pathlib import Path

import numpy as np

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.fields import number_of
from flatbook.adapters.files.rows import add_repeat, refuse_empty
from flatbook.adapters.files.tables import Table, read_table
from flatbook.margin.legs import LegKind
from flatbook.margin.span_arrays import SpanContracts
from flatbook.margin.span_match import SpanFile
from flatbook.margin.span_parameters import SCENARIOS
from flatbook.model.table import Floats

LOSSES = tuple(f"loss_{number}" for number in range(1, SCENARIOS + 1))
REQUIRED = ("underlying", "right", "strike", "years", "multiplier", "value", "delta", *LOSSES)
OPTIONAL = ("combined", "month_years", "short_minimum", "style")
_KINDS = {kind.name.lower(): kind for kind in LegKind}
_STYLES = {"": True, "premium": True, "future": False}


def read_span_csv(path: Path) -> SpanFile:
    """The contracts of a table of risk arrays; commodities' tables come from the parameters.

    Raises
    ------
    FaultsError
        With every cell that is wrong or missing, each with its row.
    """
    faults = FaultList(path.name)
    table = read_table(path, REQUIRED, faults)
    refuse_empty(table, faults, "a contract on each row")
    kind = [_KINDS.get(cell.strip().lower()) for cell in table.columns["right"]]
    style = [_STYLES.get(cell.strip().lower()) for cell in table.optional("style")]
    _add_words(table, faults, kind, style)
    is_option = [one in (LegKind.CALL, LegKind.PUT) for one in kind]
    years = _numbers(table, "years", faults, least=0.0)
    months = _numbers(table, "month_years", faults, empty=np.nan, least=0.0)
    contracts = SpanContracts(
        where=tuple(table.where(row) for row in range(len(table.lines))),
        combined=tuple(
            combined.strip() or underlying.strip()
            for combined, underlying in zip(
                table.optional("combined"), table.columns["underlying"], strict=True
            )
        ),
        underlying=tuple(cell.strip() for cell in table.columns["underlying"]),
        kind=np.array([one or 0 for one in kind], dtype=np.int64),
        strike=_numbers(table, "strike", faults, empty_where=[not one for one in is_option]),
        years=years,
        month_years=np.where(np.isnan(months), years, months),
        multiplier=_numbers(table, "multiplier", faults, above=0.0),
        loss=np.column_stack([_numbers(table, name, faults) for name in LOSSES]),
        delta=_numbers(table, "delta", faults),
        value=_numbers(
            table, "value", faults, empty_where=[not one for one in is_option], empty=0.0, least=0.0
        ),
        short_minimum=_numbers(table, "short_minimum", faults, empty=0.0, least=0.0),
        premium_style=np.array([one is True for one in style], dtype=np.bool_),
    )
    _add_repeats(table, contracts, faults)
    faults.raise_all()
    return SpanFile(name=path.name, contracts=contracts, commodities=(), inter_spreads=(), notes=())


def write_span_csv(path: Path, contracts: SpanContracts) -> None:
    """Write contracts so that `read_span_csv` reads the same ones."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("combined", "month_years", "short_minimum", "style", *REQUIRED))
    for row in range(len(contracts)):
        kind = LegKind(int(contracts.kind[row]))
        numbers = (contracts.strike, contracts.years, contracts.multiplier, contracts.value, contracts.delta)
        writer.writerow(
            (
                contracts.combined[row],
                _cell(contracts.month_years[row]),
                _cell(contracts.short_minimum[row]),
                "premium" if contracts.premium_style[row] else "future",
                contracts.underlying[row],
                kind.name.lower(),
                *(_cell(column[row]) for column in numbers),
                *(_cell(loss) for loss in contracts.loss[row]),
            )
        )
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(text.getvalue().encode())
    draft.replace(path)


def _add_repeats(table: Table, contracts: SpanContracts, faults: FaultList) -> None:
    """A contract of one size stands once: two rows of it are two requirements."""
    option, stock = contracts.is_option, contracts.kind == LegKind.STOCK
    columns = (
        contracts.underlying,
        contracts.combined,
        contracts.kind.tolist(),
        np.where(option, contracts.strike, 0.0).tolist(),
        np.where(stock, 0.0, contracts.years).tolist(),
        contracts.multiplier.tolist(),
    )
    seen: dict[object, int] = {}
    for row, key in enumerate(zip(*columns, strict=True)):
        first = seen.setdefault(key, row)
        if first != row:
            add_repeat(table, "underlying", row, first, faults)


def _cell(value: float) -> str:
    return "" if isnan(value) else repr(float(value))


def _add_words(table: Table, faults: FaultList, kind: list[LegKind | None], style: list[bool | None]) -> None:
    rules = (
        ("right", kind, _KINDS),
        ("style", style, _STYLES),
        ("underlying", table.columns["underlying"], ()),
    )
    for column, read, words in rules:
        for row, value in enumerate(read):
            if value is None or value == "":
                faults.add(
                    where=table.where(row, column),
                    found=shown(table.columns[column][row]),
                    expected=f"one of {', '.join(word for word in words if word)}" if words else "a name",
                    action="correct the row",
                )


def _numbers(
    table: Table,
    column: str,
    faults: FaultList,
    *,
    empty: float | None = None,
    empty_where: list[bool] | None = None,
    least: float = -np.inf,
    above: float = -np.inf,
) -> Floats:
    """A number of every cell; `empty` (NaN where not said) where nothing stands and nothing need stand."""
    out = np.full(len(table.lines), np.nan)
    for row, cell in enumerate(table.optional(column)):
        text = cell.strip()
        may_lack = empty_where[row] if empty_where is not None else empty is not None
        if not text and may_lack:
            out[row] = np.nan if empty is None else empty
            continue
        value = number_of(text)
        if value is None or value < least or not value > above:
            bound = (
                f" of {least:g} or more" if np.isfinite(least) else " above 0" if np.isfinite(above) else ""
            )
            faults.add(
                where=table.where(row, column),
                found=shown(text),
                expected=f"a number{bound}",
                action="correct the cell",
            )
        else:
            out[row] = value
    return out
