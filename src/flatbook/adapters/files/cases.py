"""Options as rows of a table, for `flatbook price` and `flatbook imply`: CSV or Parquet in, the same with answers out.

Columns: docs/file-formats.md. A cell that cannot be read makes its row's status say so; only a file that is no table, or lacks
a column, is a fault of the whole.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flatbook.adapters.files.faults import FaultList, fault
from flatbook.adapters.files.fields import number_of
from flatbook.adapters.files.tables import Table, read_table
from flatbook.model.table import Floats
from flatbook.valuation.cases import Cases, Dividend, read_dividends

REQUIRED = ("exercise", "right", "strike", "years", "rate")
_YES_NO: dict[str, dict[str, bool]] = {
    "exercise": {"european": False, "american": True},
    "dividend_model": {"": True, "spot": True, "escrowed": False},
    "settlement": {"": False, "cash": False, "coin": True},
}
_SIGNS = {"call": 1.0, "put": -1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """The table as it stands, and what could be read of it."""

    table: Table
    cases: Cases
    price: Floats  # NaN where the file has no such column
    unread: dict[int, str]  # row: what could not be read


def read_cases(path: Path, *, implied: bool) -> CaseFile:
    """Read a table of options.

    Parameters
    ----------
    path : Path
    implied : bool
        Prices are given and volatilities wanted; otherwise the other way round.

    Raises
    ------
    FaultsError
        No table, or a required column is missing.
    """
    faults = FaultList(path.name)
    table = read_table(path, (*REQUIRED, "price" if implied else "vol"), faults)
    faults.raise_all()
    if "spot" not in table.columns and "forward" not in table.columns:
        raise fault(
            where=f"{path.name} header",
            found="neither spot nor forward",
            expected="one of them",
            action="add the column",
        )
    reader = _Reader(table, {})
    cases = Cases(
        american=reader.words("exercise"),
        sign=reader.signs(),
        spot=reader.numbers("spot", np.nan),
        forward=reader.numbers("forward", np.nan),
        strike=reader.numbers("strike", np.nan),
        years=reader.numbers("years", np.nan),
        rate=reader.numbers("rate", np.nan),
        dividend_yield=reader.numbers("dividend_yield", 0.0),
        vol=reader.numbers("vol", np.nan),
        dividends=reader.dividends(),
        spot_model=reader.words("dividend_model"),
        coin=reader.words("settlement"),
        engine=tuple(cell.strip().lower() or "auto" for cell in table.optional("engine")),
    )
    return CaseFile(table=table, cases=cases, price=reader.numbers("price", np.nan), unread=reader.unread)


def write_columns(path: Path, table: Table, answers: dict[str, list[float] | list[str]]) -> None:
    """Write the input columns and the answers; NaN is an empty cell. Parquet where the name says so, CSV otherwise."""
    kept = {name: list(column) for name, column in table.columns.items() if name not in answers}
    draft = path.with_name(path.name + ".part")
    if path.name.lower().endswith(".parquet"):
        import polars as pl  # noqa: PLC0415 - only Parquet pays for it

        frame = pl.DataFrame({**kept, **answers}, strict=False)
        frame.with_columns(pl.col(pl.Float64).fill_nan(None)).write_parquet(draft)
    else:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*kept, *answers])
        writer.writerows(
            zip(
                *kept.values(),
                *([_cell(value) for value in column] for column in answers.values()),
                strict=True,
            )
        )
        draft.write_bytes(text.getvalue().encode())
    draft.replace(path)


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "" if value != value else repr(float(value))  # noqa: PLR0124 - NaN


@dataclass(slots=True)
class _Reader:
    """Reads columns; what cannot be read goes to `unread`, the first fault of each row."""

    table: Table
    unread: dict[int, str]

    def numbers(self, name: str, empty: float) -> Floats:
        """Numbers; `empty` where nothing stands, NaN where no number does."""
        out = []
        for row, cell in enumerate(self.table.optional(name)):
            text = cell.strip()
            value = number_of(text) if text else empty
            if value is None:
                self.unread.setdefault(row, f"{name} is no number: {text[:40]!r}")
                value = np.nan
            out.append(value)
        return np.array(out, dtype=np.float64)

    def words(self, name: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Yes or no by the words that a column may hold."""
        out = []
        for row, cell in enumerate(self.table.optional(name)):
            word = cell.strip().lower()
            if word not in _YES_NO[name]:
                self.unread.setdefault(
                    row, f"{name} must be {' or '.join(w for w in _YES_NO[name] if w)}, was {word[:40]!r}"
                )
            out.append(_YES_NO[name].get(word, False))
        return np.array(out, dtype=np.bool_)

    def signs(self) -> Floats:
        """+1 for a call, -1 for a put, 0 where the word is neither."""
        out = []
        for row, cell in enumerate(self.table.columns["right"]):
            word = cell.strip().lower()
            if word not in _SIGNS:
                self.unread.setdefault(row, f"right must be call or put, was {word[:40]!r}")
            out.append(_SIGNS.get(word, 0.0))
        return np.array(out, dtype=np.float64)

    def dividends(self) -> tuple[tuple[Dividend, ...], ...]:
        """`years:amount;years:amount`; nothing where the cell is empty."""
        return tuple(
            self._paid(row, cell.strip()) for row, cell in enumerate(self.table.optional("cash_dividends"))
        )

    def _paid(self, row: int, text: str) -> tuple[Dividend, ...]:
        paid = read_dividends(text)
        if paid is None:
            self.unread.setdefault(
                row, f"cash_dividends must be years:amount;years:amount, was {text[:40]!r}"
            )
        return paid or ()
