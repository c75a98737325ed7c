"""Positions that stand on their own, for `flatbook margin`: CSV or Parquet in, `Legs` out.

Columns: docs/margin/README.md. One row a leg. Everything wrong is told at once, by row and column: cells that cannot be read,
and then what the rows say that cannot be.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from flatbook.adapters.files.faults import FaultList, shown, some
from flatbook.adapters.files.fields import number_of
from flatbook.adapters.files.rows import refuse_empty
from flatbook.adapters.files.tables import Table, read_table
from flatbook.margin.legs import LegKind, Legs, ProductClass, faults_of
from flatbook.margin.requirement import Method
from flatbook.model.table import Bools, Floats

REQUIRED = ("underlying", "product_class", "right", "quantity")
OPTIONAL = (
    "group", "leverage", "underlying_price", "strike", "years", "exercise", "price", "vol", "multiplier", "rate",
    "dividend_yield",
)  # fmt: skip
ONE_ACCOUNT = "account"  # the group of every row where no row names one
_KINDS = {kind.name.lower(): kind for kind in LegKind}
_CLASSES = {one.value: one for one in ProductClass}
_AMERICAN = {"american": True, "european": False}
_AMERICAN_CLASSES = frozenset({ProductClass.EQUITY, ProductClass.LEVERAGED_ETF, ProductClass.FUTURE})
_PRICING = frozenset({Method.RISK_BASED_HAIRCUT, Method.PORTFOLIO_MARGIN, Method.SPAN})
_Word = TypeVar("_Word")


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """The legs of a file, and what was assumed of them."""

    legs: Legs
    notes: Mapping[str, tuple[str, ...]]  # by group


def read_positions(path: Path, method: Method, *, with_arrays: bool = False) -> Positions:
    """Read a table of positions.

    Parameters
    ----------
    path : Path
        A `.csv`, `.csv.gz` or `.parquet` file.
    method : Method
        What the legs are for: it decides which cells may be empty.
    with_arrays : bool
        Risk arrays come from elsewhere, so that legs need neither marks nor the price of their underlying.

    Raises
    ------
    FaultsError
        Everything that is wrong with the file, at once.
    """
    faults = FaultList(path.name)
    table = read_table(path, REQUIRED, faults)
    refuse_empty(table, faults, "a leg on each row")
    found = positions_of(table, method, faults, with_arrays=with_arrays)
    faults.raise_all()
    return found


def positions_of(table: Table, method: Method, faults: FaultList, *, with_arrays: bool = False) -> Positions:
    """The legs of a table, as `read_positions` reads them from a file; what is wrong goes to `faults`."""
    reader = _Reader(table, faults, set())
    legs = _legs(reader, method, with_arrays=with_arrays)
    for one in faults_of(_with_marks(legs) if with_arrays else legs):
        if (
            one.where not in reader.told
            and one.where.replace("column price", "column vol") not in reader.told
        ):
            faults.add(where=one.where, found=one.found, expected=one.expected, action=one.action)
    return Positions(legs=legs, notes=_notes(table, legs, method, with_arrays=with_arrays))


@dataclass(slots=True)
class _Reader:
    """Cells into columns; `told` are the places of cells that could not be read."""

    table: Table
    faults: FaultList
    told: set[str]

    def numbers(self, column: str) -> Floats:
        """NaN where nothing stands, or nothing that can be read."""
        out = np.full(len(self.table.lines), np.nan)
        for row, cell in enumerate(self.table.optional(column)):
            text = cell.strip()
            value = number_of(text) if text else np.nan
            if value is None:
                self.refuse(row, column, "a number")
            else:
                out[row] = value
        return out

    def words(self, column: str, known: Mapping[str, _Word], *, needed: bool = True) -> list[_Word | None]:
        """One of `known` by each cell, in any case; None where nothing stands, or nothing known."""
        out = []
        for row, cell in enumerate(self.table.optional(column)):
            word = cell.strip().lower()
            out.append(known.get(word))
            if word not in known and (word or needed):
                self.refuse(row, column, f"one of {', '.join(known)}")
        return out

    def names(self, column: str, default: str = "") -> tuple[str, ...]:
        """Text of every cell; `default` where no row has any."""
        found = tuple(cell.strip() for cell in self.table.optional(column))
        if default and not any(found):
            return (default,) * len(found)
        for row, text in enumerate(found):
            if not text:
                self.refuse(row, column, "a name")
        return found

    def refuse(self, row: int, column: str, expected: str) -> None:
        """Tell a cell that cannot be read."""
        where = self.table.where(row, column)
        self.told.add(where)
        cell = self.table.optional(column)[row].strip()
        self.faults.add(where=where, found=shown(cell), expected=expected, action="correct the cell")


def _legs(reader: _Reader, method: Method, *, with_arrays: bool) -> Legs:
    """The columns as they will be margined: defaults in empty cells, NaN where a cell must not be empty."""
    table = reader.table
    classes = reader.words("product_class", _CLASSES)
    product_class = tuple(one or ProductClass.EQUITY for one in classes)  # those that are none were told
    kind = np.array([one or 0 for one in reader.words("right", _KINDS)], dtype=np.int64)
    exercise = reader.words("exercise", _AMERICAN, needed=False)
    option, stock = np.abs(kind) == 1, kind == LegKind.STOCK
    fund = np.array([one is ProductClass.LEVERAGED_ETF for one in classes], dtype=np.bool_)
    price = reader.numbers("price")
    rate = reader.numbers("rate")
    no_rate_needed = ~option if method in _PRICING and not with_arrays else ~option | np.isfinite(price)
    if method is Method.DERIBIT_PORTFOLIO or with_arrays:
        no_rate_needed[:] = True
    years = reader.numbers("years")
    return Legs(
        where=tuple(table.where(row) for row in range(len(table.lines))),
        group=reader.names("group", ONE_ACCOUNT),
        underlying=reader.names("underlying"),
        product_class=product_class,
        leverage=_filled(reader.numbers("leverage"), ~fund, 1.0),
        underlying_price=reader.numbers("underlying_price"),
        kind=kind,
        strike=np.where(option, reader.numbers("strike"), np.nan),
        years=np.where(stock, 0.0, years),
        american=np.array(
            [
                one in _AMERICAN_CLASSES if said is None else said
                for said, one in zip(exercise, product_class, strict=True)
            ],
            dtype=np.bool_,
        ),
        price=price,
        vol=np.where(option, reader.numbers("vol"), np.nan),
        quantity=reader.numbers("quantity"),
        multiplier=_filled(reader.numbers("multiplier"), stock, 1.0),
        rate=_filled(rate, no_rate_needed, 0.0),
        dividend_yield=_filled(reader.numbers("dividend_yield"), np.ones(kind.size, dtype=np.bool_), 0.0),
    )


def _filled(column: Floats, where: Bools, default: float) -> Floats:
    return np.where(np.isnan(column) & where, default, column)


def _with_marks(legs: Legs) -> Legs:
    """The legs as `faults_of` can look at them where arrays stand for marks and prices of underlyings."""
    unmarked = np.isnan(legs.price) & np.isnan(legs.vol)
    return replace(
        legs,
        underlying_price=np.where(np.isnan(legs.underlying_price), 1.0, legs.underlying_price),
        vol=np.where(unmarked & legs.is_option, 1.0, legs.vol),
    )


def _notes(table: Table, legs: Legs, method: Method, *, with_arrays: bool) -> dict[str, tuple[str, ...]]:
    """What was assumed for each group."""
    unread = [name for name in table.columns if name not in (*REQUIRED, *OPTIONAL)]
    general = [f"columns not read: {some(unread)}"] if unread else []
    assumed = () if with_arrays else tuple(_assumptions(table, legs, method))
    out = {}
    for group, rows in legs.accounts():
        mine = [_told(text, table, rows[mask[rows]].tolist()) for text, mask in assumed if mask[rows].any()]
        out[group] = (*general, *mine, *(() if with_arrays else _two_prices(legs.take(rows))))
    return out


def _assumptions(table: Table, legs: Legs, method: Method) -> Iterator[tuple[str, Bools]]:
    """Texts, and the rows that each is true of."""
    empty = {
        name: np.array([not cell.strip() for cell in table.optional(name)], dtype=np.bool_)
        for name in ("rate", "dividend_yield", "exercise")
    }
    option, stock, future = legs.is_option, legs.kind == LegKind.STOCK, legs.kind == LegKind.FUTURE
    on_future = np.array([one is ProductClass.FUTURE for one in legs.product_class], dtype=np.bool_)
    coin = np.array([one is ProductClass.CRYPTO for one in legs.product_class], dtype=np.bool_)
    both = option & np.isfinite(legs.price) & np.isfinite(legs.vol)
    prices = method is not Method.REG_T
    carried = (option & (prices | np.isnan(legs.price))) | (future & np.isnan(legs.price))
    yield "no rate: 0 is used", carried & empty["rate"] & (option | ~on_future)
    yield "no dividend yield: 0 is used", carried & ~on_future & ~coin & empty["dividend_yield"]
    style = "no exercise: {} by product class"
    styled = option & ~coin & prices & empty["exercise"]
    yield style.format("american"), styled & legs.american
    yield style.format("european"), styled & ~legs.american
    yield "price and vol: the price is the mark, the vol counts only where the price tells none", both
    other = np.isfinite(legs.price) & (legs.price != legs.underlying_price)
    yield "stock with another price than underlying_price, at which it is margined", stock & other


def _told(text: str, table: Table, rows: list[int]) -> str:
    more = "" if len(rows) == 1 else f" and {len(rows) - 1:,d} rows more"
    return f"{table.where(rows[0])}{more}: {text}"


def _two_prices(legs: Legs) -> Iterator[str]:
    """Underlyings whose rows say different prices; futures and coins have one for each expiry."""
    found: dict[str, list[float]] = {}
    for name, product, price in zip(
        legs.underlying, legs.product_class, legs.underlying_price.tolist(), strict=True
    ):
        if product not in (ProductClass.FUTURE, ProductClass.CRYPTO):
            found.setdefault(name, []).append(price)
    for name, prices in found.items():
        if min(prices) < max(prices):
            yield (
                f"rows on {name} say prices of the underlying from {min(prices):g} to {max(prices):g}: "
                "each row is moved from its own"
            )
