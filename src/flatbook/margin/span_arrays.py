"""SPAN risk arrays and composite deltas, by our own pricer or from a clearing house's file.

Sources: CME, "Components of SPAN" (16 scenarios, one long contract, a loss is positive); CME advisory 04-06 of
2004-03-22 (composite delta: probability-weighted deltas as they will be one day later). Arrays are in currency for one
contract; deltas count contracts unless the commodity names a unit.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from flatbook.margin.leg_values import NO_TIME_VALUE_VOL, MarkedLegs, carry_yield, mark, values_at
from flatbook.margin.legs import LegKind, Legs, ProductClass
from flatbook.margin.requirement import CANDIDATE_LOST
from flatbook.margin.span_parameters import ScanRanges, SpanCommodity, SpanParameters
from flatbook.model.errors import Fault, fail_on
from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.case_values import value_cases
from flatbook.valuation.cases import AUTO, Cases

PRICE_MOVES = (
    np.array([0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3, 0, 0]) / 3.0
)  # of the range; extremes apart
VOL_MOVES = np.array([1.0, -1.0] * 7 + [0.0, 0.0])  # of the volatility range
EXTREME = np.array([0.0] * 14 + [1.0, -1.0])  # which way the extreme scenarios go
PAIRS = np.array([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 14, 15])  # same price, opposite volatility
DELTA_MOVES = np.array([0, 1, -1, 2, -2, 3, -3]) / 3.0
DAYS_A_YEAR = 365.0
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanContracts:
    """n contracts as SPAN sees them, one long of each; NaN where something cannot be told."""

    where: tuple[str, ...]  # how a person finds the row
    combined: tuple[str, ...]  # combined commodity
    underlying: tuple[str, ...]  # how legs call it
    kind: Ints  # LegKind
    strike: Floats  # NaN but for options
    years: Floats  # to expiry
    month_years: Floats  # to the expiry that the delta counts in
    multiplier: Floats  # units of the underlying in one contract
    loss: Floats  # [n, 16] currency, a loss is positive
    delta: Floats  # composite
    value: Floats  # currency: what an option is worth now; 0 for others
    short_minimum: Floats  # currency for one contract short; 0 but for options
    premium_style: Bools

    def __len__(self) -> int:
        """How many contracts there are."""
        return len(self.where)

    @property
    def is_option(self) -> Bools:
        """Which contracts are options."""
        return np.asarray(np.abs(self.kind) == 1)

    def take(self, rows: Ints) -> "SpanContracts":
        """These contracts only."""
        picked = rows.tolist()
        columns: dict[str, Any] = {}
        for item in fields(self):
            column = getattr(self, item.name)
            columns[item.name] = (
                tuple(column[row] for row in picked) if isinstance(column, tuple) else column[rows]
            )
        return SpanContracts(**columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedContracts:
    """What our own pricer made of legs."""

    contracts: SpanContracts  # one for each leg
    notes: tuple[str, ...]


def contracts_of(legs: Legs, parameters: SpanParameters) -> PricedContracts:
    """The arrays, deltas and values of legs, by our own pricer; an underlying is a combined commodity.

    Raises
    ------
    FaultsError
        A leg without scan ranges, in coin, or whose underlying an extreme move takes to 0.
    """
    commodities, ranges, generic = _ranges_of(legs, parameters)
    price_range = np.array(
        [one.points_at(price) for one, price in zip(ranges, legs.underlying_price.tolist(), strict=True)],
        dtype=np.float64,
    )
    _refuse_no_price(legs, price_range, parameters)
    marked = mark(legs)
    option = legs.is_option
    loss = _losses(marked, price_range, ranges, parameters)
    units = np.array([one.delta_unit for one in commodities], dtype=np.float64)
    per_contract = np.where(units > 0.0, legs.multiplier / np.where(units > 0.0, units, 1.0), 1.0)
    minimum = [
        one.minimum_at(full)
        for one, full in zip(ranges, (price_range * legs.multiplier).tolist(), strict=True)
    ]
    contracts = SpanContracts(
        where=legs.where,
        combined=legs.underlying,
        underlying=legs.underlying,
        kind=legs.kind,
        strike=legs.strike,
        years=legs.years,
        month_years=_months_of(legs, commodities),
        multiplier=legs.multiplier,
        loss=loss,
        delta=_composite_deltas(marked, price_range, parameters) * per_contract,
        value=np.where(option, marked.price * legs.multiplier, 0.0),
        short_minimum=np.where(option, np.array(minimum, dtype=np.float64), 0.0),
        premium_style=np.array([one.premium_style for one in commodities], dtype=np.bool_),
    )
    return PricedContracts(contracts=contracts, notes=_notes(marked, commodities, generic))


def _ranges_of(
    legs: Legs, parameters: SpanParameters
) -> tuple[list[SpanCommodity], list[ScanRanges], tuple[str, ...]]:
    listed = {name: parameters.commodity_of(name) for name in dict.fromkeys(legs.underlying)}
    commodities = [listed[name] for name in legs.underlying]
    ranges: list[ScanRanges] = []
    generic: dict[str, None] = {}
    faults: list[Fault] = []
    for where, name, product, commodity in zip(
        legs.where, legs.underlying, legs.product_class, commodities, strict=True
    ):
        found = commodity.ranges
        if product is ProductClass.CRYPTO:
            faults.append(
                _fault(
                    where, f"{name}, settled in coin", "a product margined in currency", "use --method pme"
                )
            )
        elif found is not None:
            ranges.append(found)
        elif product is ProductClass.FUTURE and parameters.generic is not None:
            ranges.append(parameters.generic)
            generic[name] = None
        else:
            found_words = f"{name} of class {product.value}, without a price scan range"
            expected = "a future or an option on one, or a commodity with ranges"
            faults.append(
                _fault(where, found_words, expected, f"list {name} among the commodities of the parameters")
            )
    fail_on(faults)
    return commodities, ranges, tuple(generic)


def _refuse_no_price(legs: Legs, price_range: Floats, parameters: SpanParameters) -> None:
    widest = np.maximum(parameters.extreme_multiple, 1.0) * price_range
    under = legs.is_option & ~(widest < legs.underlying_price)
    fail_on(
        _fault(
            legs.where[row],
            f"an underlying at {legs.underlying_price[row]:g} and an extreme move of {widest[row]:g}",
            "a move that leaves a price above 0",
            "narrow the price scan range, or correct the underlying price",
        )
        for row in np.flatnonzero(under).tolist()
    )


def _losses(
    marked: MarkedLegs, price_range: Floats, ranges: list[ScanRanges], parameters: SpanParameters
) -> Floats:
    """float64[n, 16]: currency for one contract long, a loss is positive."""
    legs = marked.legs
    moves = PRICE_MOVES + EXTREME * parameters.extreme_multiple
    cover = np.where(EXTREME != 0.0, parameters.extreme_cover, 1.0)
    change = price_range[:, None] * moves
    option = np.flatnonzero(legs.is_option)
    if option.size:
        change[option] = _option_changes(marked, option, change[option], ranges, parameters)
    return -(change * cover) * legs.multiplier[:, None] + 0.0


def _option_changes(
    marked: MarkedLegs, rows: Ints, change: Floats, ranges: list[ScanRanges], parameters: SpanParameters
) -> Floats:
    some = _marked_rows(marked, rows)
    width = np.array([ranges[row].vol_scan for row in rows.tolist()])[:, None]
    relative = np.array([ranges[row].vol_scan_relative for row in rows.tolist()])[:, None]
    vol = some.vol[:, None]
    shifted = np.maximum(
        np.where(relative, vol * (1.0 + width * VOL_MOVES), vol + width * VOL_MOVES), NO_TIME_VALUE_VOL
    )
    factor = 1.0 + change / some.legs.underlying_price[:, None]
    values = values_at(some, factor, shifted, parameters.look_ahead_days / DAYS_A_YEAR)
    return np.asarray(values - some.price[:, None])


def _composite_deltas(marked: MarkedLegs, price_range: Floats, parameters: SpanParameters) -> Floats:
    """float64[n]: of one unit of the underlying."""
    legs = marked.legs
    delta = np.ones(len(legs))
    rows = np.flatnonzero(legs.is_option)
    if not rows.size:
        return delta
    some = legs.take(rows)
    points = DELTA_MOVES.size
    weight = np.array(parameters.delta_weights)[[0, 1, 1, 2, 2, 3, 3]]
    spot = some.underlying_price[:, None] + price_range[rows, None] * DELTA_MOVES
    each = np.repeat(np.arange(rows.size), points)
    cases = Cases(
        american=some.american[each],
        sign=some.kind[each].astype(np.float64),
        spot=spot.ravel(),
        forward=np.full(each.size, np.nan),
        strike=some.strike[each],
        years=np.maximum(some.years - parameters.look_ahead_days / DAYS_A_YEAR, 0.0)[each],
        rate=some.rate[each],
        dividend_yield=carry_yield(some)[each],
        vol=marked.vol[rows][each],
        dividends=((),) * each.size,
        spot_model=np.ones(each.size, dtype=np.bool_),
        coin=np.zeros(each.size, dtype=np.bool_),
        engine=(AUTO,) * each.size,
    )
    delta[rows] = value_cases(cases, _TOLERANCE).greeks[1].reshape(rows.size, points) @ weight
    return delta


def _marked_rows(marked: MarkedLegs, rows: Ints) -> MarkedLegs:
    picked = rows.tolist()
    return MarkedLegs(
        legs=marked.legs.take(rows),
        price=marked.price[rows],
        vol=marked.vol[rows],
        notes=tuple(marked.notes[row] for row in picked),
        unpriced=tuple(marked.unpriced[row] for row in picked),
    )


def _months_of(legs: Legs, commodities: list[SpanCommodity]) -> Floats:
    """Where deltas count: the first listed month at or after an option's expiry, the leg's own expiry otherwise."""
    months = legs.years.copy()
    for row in np.flatnonzero(legs.is_option).tolist():
        listed = np.array(commodities[row].months_years)
        at = int(np.searchsorted(listed, legs.years[row])) if listed.size else 0
        if at < listed.size:
            months[row] = listed[at]
    return np.where(legs.kind == LegKind.STOCK, 0.0, months)


def _notes(marked: MarkedLegs, commodities: list[SpanCommodity], generic: tuple[str, ...]) -> tuple[str, ...]:
    legs = marked.legs
    said = []
    if generic:
        said.append(
            f"the scan ranges of {', '.join(generic)} are generic assumptions, not a clearing house's: "
            "list them among the commodities of the parameters"
        )
    for row, (note, trouble) in enumerate(zip(marked.notes, marked.unpriced, strict=True)):
        if trouble:
            held = legs.quantity[row] != 0.0
            text = f"no price, so no requirement: {trouble}" if held else f"{trouble}; {CANDIDATE_LOST}"
            said.append(f"{legs.where[row]}: {text}")
        elif note:
            said.append(f"{legs.where[row]}: {note}")
    mixed: dict[str, set[float]] = {}
    for one, size in zip(commodities, legs.multiplier.tolist(), strict=True):
        if one.delta_unit == 0.0 and one.spreads:
            mixed.setdefault(one.name, set()).add(size)
    said += [
        f"{name}: contracts of {len(sizes)} sizes count as one delta each in its spreads: give its delta_unit"
        for name, sizes in mixed.items()
        if len(sizes) > 1
    ]
    return tuple(said)


def _fault(where: str, found: str, expected: str, action: str) -> Fault:
    return Fault(where=where, found=found, expected=expected, action=action)
