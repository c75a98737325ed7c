"""Legs as strategy margin sees them: one position a series, in an order of their own.

Rows of one series are one position, whose long and short contracts close each other: so neither the order of rows nor the
splitting of one into several changes a requirement.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flatbook.margin.leg_values import mark
from flatbook.margin.legs import LegKind, Legs, ProductClass, faults_of
from flatbook.margin.reg_t_parameters import RegTParameters
from flatbook.model.errors import Fault
from flatbook.model.table import Floats

_ELIGIBLE = {
    ProductClass.EQUITY,
    ProductClass.NARROW_INDEX,
    ProductClass.BROAD_INDEX,
    ProductClass.LEVERAGED_ETF,
}
_EXPIRY_DECIMALS = 6  # of a year: half a minute
_PRICED_BY = ("vol", "rate", "dividend_yield")  # what the price of an option without one rests on
_LEVELS_APART = 1e-3  # of an index: rounding and a moment between two marks, not two markets


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """All contracts of one series, or all shares of one stock; amounts are those of one contract or share."""

    rows: tuple[int, ...]
    underlying: str
    family: str  # whose options spread with each other: the full index of a reduced one
    kind: LegKind
    strike: float  # in points of the family
    years: float
    american: bool
    product_class: ProductClass
    leverage: float  # size of it
    multiplier: float  # units of the family's underlying
    quantity: float  # signed
    spot: float  # in points of the family
    price: float  # per unit; NaN where there is none

    @property
    def value(self) -> float:
        """What one is worth."""
        return self.price * self.multiplier

    @property
    def exercise(self) -> float:
        """The aggregate exercise price of one contract."""
        return self.strike * self.multiplier

    @property
    def spot_value(self) -> float:
        """What is underlying to one contract."""
        return self.spot * self.multiplier

    @property
    def in_the_money(self) -> float:
        """By how much one contract is in the money; negative: out of it."""
        return self.kind * (self.spot_value - self.exercise)


def reg_t_faults(legs: Legs, parameters: RegTParameters) -> Iterator[Fault]:
    """Everything that strategy margin cannot take, each with its row."""
    yield from faults_of(legs)
    for row, where in enumerate(legs.where):
        if legs.kind[row] == LegKind.FUTURE or legs.product_class[row] not in _ELIGIBLE:
            yield Fault(
                where=f"{where} column product_class",
                found=f"{legs.product_class[row]}, {LegKind(int(legs.kind[row])).name.lower()}",
                expected="an equity, an index or a fund: futures and crypto have no strategy margin",
                action="use --method span or pme for this row",
            )
    whole = np.rint(legs.quantity) == legs.quantity
    for row in np.flatnonzero(legs.is_option & np.isfinite(legs.quantity) & ~whole).tolist():
        yield Fault(
            where=f"{legs.where[row]} column quantity",
            found=f"{legs.quantity[row]:g}",
            expected="whole contracts",
            action="correct the row",
        )
    yield from _contradictions(legs)
    yield from _levels(legs, parameters)


def _contradictions(legs: Legs) -> Iterator[Fault]:
    """Rows of one account that name one thing and price it twice."""
    told: dict[tuple[str, str, object], tuple[int, float]] = {}
    for row in range(len(legs)):
        series = _series(legs, row)
        pairs: list[tuple[str, object, float]] = [
            ("underlying_price", legs.underlying[row], float(legs.underlying_price[row]))
        ]
        if legs.kind[row] != LegKind.STOCK:
            by_model = _PRICED_BY if np.isnan(legs.price[row]) else ()
            pairs += [(name, series, float(getattr(legs, name)[row])) for name in ("price", *by_model)]
        for name, thing, number in pairs:
            first, before = told.setdefault((name, legs.group[row], thing), (row, number))
            if before != number and not (np.isnan(before) and np.isnan(number)):
                yield Fault(
                    where=f"{legs.where[row]} column {name}",
                    found=_told(number),
                    expected=f"{_told(before)}, as {legs.where[first]} says of the same",
                    action="make the rows agree: one thing cannot have two prices",
                )


def _told(number: float) -> str:
    return "nothing" if np.isnan(number) else f"{number:g}"


def _levels(legs: Legs, parameters: RegTParameters) -> Iterator[Fault]:
    """Rows on an index and on a reduced one of it, which spread with each other, at levels that contradict each other."""
    told: dict[tuple[str, str], tuple[int, float]] = {}
    for row in np.flatnonzero(legs.is_option).tolist():
        name = legs.underlying[row]
        reduced = parameters.reduced_indexes.get(name)
        family, fraction = (reduced.index, reduced.fraction) if reduced else (name, 1.0)
        level = float(legs.underlying_price[row]) / fraction
        first, before = told.setdefault((legs.group[row], family), (row, level))
        if legs.underlying[first] != name and not abs(level - before) <= _LEVELS_APART * before:
            yield Fault(
                where=f"{legs.where[row]} column underlying_price",
                found=f"{legs.underlying_price[row]:g}",
                expected=f"about {before * fraction:g}: {legs.where[first]} has {family} at {before:g}",
                action="make the rows agree: options on both spread with each other",
            )


def positions_of(legs: Legs, parameters: RegTParameters) -> tuple[list[Position], list[str]]:
    """Positions in an order that no order of rows changes, and why some have no price."""
    price, notes = _marks(legs)
    rows_of: dict[tuple[object, ...], list[int]] = {}
    for row in range(len(legs)):
        rows_of.setdefault(_series(legs, row), []).append(row)
    found = [_position(legs, tuple(rows), price, parameters) for rows in rows_of.values()]
    found.sort(
        key=lambda one: (
            one.family,
            one.underlying,
            one.kind != LegKind.STOCK,
            one.years,
            one.strike,
            -one.kind,
            one.american,
            one.multiplier,
            one.product_class,
            one.leverage,
        )
    )
    return found, notes


def _series(legs: Legs, row: int) -> tuple[object, ...]:
    stock = legs.kind[row] == LegKind.STOCK
    return (
        legs.underlying[row],
        int(legs.kind[row]),
        0.0 if stock else float(legs.strike[row]),
        0.0 if stock else round(float(legs.years[row]), _EXPIRY_DECIMALS),
        not stock and bool(legs.american[row]),
        float(legs.multiplier[row]),
        legs.product_class[row],
        float(legs.leverage[row]),
    )


def _position(legs: Legs, rows: tuple[int, ...], price: Floats, parameters: RegTParameters) -> Position:
    row = min(rows, key=lambda one: float(legs.years[one]))  # rows of one expiry may differ by half a minute
    stock = legs.kind[row] == LegKind.STOCK
    name = legs.underlying[row]
    reduced = None if stock else parameters.reduced_indexes.get(name)
    fraction = reduced.fraction if reduced else 1.0
    return Position(
        rows=rows,
        underlying=name,
        family=reduced.index if reduced else name,
        kind=LegKind(int(legs.kind[row])),
        strike=float(legs.strike[row]) / fraction,
        years=0.0 if stock else round(float(legs.years[row]), _EXPIRY_DECIMALS),
        american=bool(legs.american[row]),
        product_class=legs.product_class[row],
        leverage=abs(float(legs.leverage[row])),
        multiplier=float(legs.multiplier[row]) * fraction,
        quantity=math.fsum(legs.quantity[list(rows)].tolist()),
        spot=float(legs.underlying_price[row]) / fraction,
        price=float(legs.underlying_price[row] if stock else price[row]) / fraction,
    )


def _marks(legs: Legs) -> tuple[Floats, list[str]]:
    """The price of every leg; options without one are priced with their vol."""
    price = legs.price.copy()
    missing = np.flatnonzero(legs.is_option & np.isnan(price))
    if not missing.size:
        return price, []
    marked = mark(legs.take(missing))
    price[missing] = marked.price
    notes = [
        f"{legs.where[row]} has no price: {why or 'its vol gives none'}"
        for row, why in zip(missing.tolist(), marked.unpriced, strict=True)
        if why or not np.isfinite(price[row])
    ]
    return price, notes
