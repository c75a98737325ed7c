"""Positions that stand on their own: one row a leg, with everything a capital method needs to know of it.

They come from a table of positions (docs/file-formats.md) or from a notebook; no market beside them is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np

from flatbook.model.errors import Fault
from flatbook.model.table import Bools, Floats, Ints

MOST_YEARS = 100.0  # to expiry: beyond that a leg is a slip of the pen, and its carry has no float


class LegKind(IntEnum):
    """What a leg is; options are the sign of their payoff."""

    CALL = 1
    PUT = -1
    STOCK = 2
    FUTURE = 3


class ProductClass(StrEnum):
    """Which rules of a capital method a leg falls under."""

    EQUITY = "equity"
    NARROW_INDEX = "narrow-index"
    BROAD_INDEX = "broad-index"
    LEVERAGED_ETF = "leveraged-etf"
    FUTURE = "future"  # futures and options on them: the underlying price is that of the future
    CRYPTO = "crypto"  # settled in the coin: option prices and requirements are in coin, strikes in USD


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """n legs as columns; NaN where a number is not given."""

    where: tuple[str, ...]  # how a person finds the row, as "book.csv line 3"
    group: tuple[str, ...]  # an account: margined on its own
    underlying: tuple[str, ...]
    product_class: tuple[ProductClass, ...]
    leverage: Floats  # of a leveraged fund, as 2 or -3; 1 otherwise
    underlying_price: Floats
    kind: Ints  # LegKind
    strike: Floats  # NaN for stock and futures
    years: Floats  # to expiry; 0 for stock and perpetual futures
    american: Bools
    price: Floats  # per unit, the mark; in coin for crypto options
    vol: Floats  # annual decimal
    quantity: Floats  # contracts or shares; negative is short
    multiplier: Floats  # units of underlying per contract
    rate: Floats  # continuous, annual
    dividend_yield: Floats  # continuous, annual

    def __len__(self) -> int:
        """How many legs there are."""
        return len(self.where)

    @property
    def is_option(self) -> Bools:
        """Which legs are options."""
        return np.asarray(np.abs(self.kind) == 1)

    def take(self, rows: Ints) -> "Legs":
        """These legs only."""
        picked = rows.tolist()
        columns: dict[str, Any] = {}
        for item in fields(self):
            column = getattr(self, item.name)
            columns[item.name] = (
                tuple(column[row] for row in picked) if isinstance(column, tuple) else column[rows]
            )
        return Legs(**columns)

    def accounts(self) -> Iterator[tuple[str, Ints]]:
        """Each group with the rows of its legs, in order of first appearance."""
        names = np.array(self.group, dtype=object)
        for name in dict.fromkeys(self.group):
            yield name, np.flatnonzero(names == name)


def faults_of(legs: Legs) -> Iterator[Fault]:
    """Everything a leg says that cannot be: each fault names its row."""
    stock = legs.kind == LegKind.STOCK
    option = legs.is_option
    future = legs.kind == LegKind.FUTURE
    no_mark = option & np.isnan(legs.price) & np.isnan(legs.vol)
    rules: tuple[tuple[str, Bools, Floats, str], ...] = (
        ("underlying_price", ~_positive(legs.underlying_price), legs.underlying_price, "a price above 0"),
        ("strike", option & ~_positive(legs.strike), legs.strike, "a strike above 0"),
        (
            "years",
            (option | future) & ~((legs.years >= 0.0) & np.isfinite(legs.years)),
            legs.years,
            "0 or more",
        ),
        ("years", np.isfinite(legs.years) & (legs.years > MOST_YEARS), legs.years, f"{MOST_YEARS:g} or less"),
        ("price", legs.price < 0.0, legs.price, "0 or more"),
        ("price", np.isinf(legs.price), legs.price, "a finite price"),
        ("price", no_mark, legs.price, "a price, or a vol"),
        ("vol", legs.vol <= 0.0, legs.vol, "above 0, as an annual decimal"),
        ("vol", legs.vol > 50.0, legs.vol, "an annual decimal, as 0.25 for 25 %"),
        ("quantity", ~np.isfinite(legs.quantity), legs.quantity, "a number, negative where short"),
        ("multiplier", ~_positive(legs.multiplier), legs.multiplier, "above 0"),
        ("rate", ~(np.abs(legs.rate) <= 2.0), legs.rate, "an annual decimal, as 0.05 for 5 %"),
        (
            "dividend_yield",
            ~(np.abs(legs.dividend_yield) <= 2.0),
            legs.dividend_yield,
            "an annual decimal, as 0.02 for 2 %",
        ),
        (
            "leverage",
            ~(np.isfinite(legs.leverage) & (legs.leverage != 0.0)),
            legs.leverage,
            "not 0, as 2 or -3",
        ),
        (
            "multiplier",
            stock & (legs.multiplier != 1.0),
            legs.multiplier,
            "1 for stock, whose unit is a share",
        ),
    )
    for column, wrong, found, expected in rules:
        for row in np.flatnonzero(wrong).tolist():
            shown = "nothing" if np.isnan(found[row]) else f"{found[row]:g}"
            yield Fault(
                where=f"{legs.where[row]} column {column}",
                found=shown,
                expected=expected,
                action="correct the row",
            )


def _positive(column: Floats) -> Bools:
    return np.isfinite(column) & (column > 0.0)
