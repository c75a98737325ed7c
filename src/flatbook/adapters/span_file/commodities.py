"""The tables of a SPAN XML file: combined commodities (ccDef) and spreads between them (interSpreads).

Of several rates, accounts or requirement levels the first is read. Tiers of spreads between commodities are numbered on
their own in the file; here they stand behind the others.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.fields import number_of
from flatbook.adapters.span_file.nodes import Node
from flatbook.adapters.span_file.periods import band_of
from flatbook.margin.span_parameters import (
    CreditMethod,
    InterSpread,
    IntraSpread,
    ShortOptionMethod,
    Side,
    SpanCommodity,
    SpanTier,
    SpotCharge,
    SpreadLeg,
)
from flatbook.model.errors import InvalidValueError

_INTER_TIER = 1000  # added to the numbers of interTiers, which are others than those of intraTiers
_ENDLESS = float("inf")
_LEGS = ("tLeg", "pLeg")  # by tier, by period
_CREDITS = {"": CreditMethod.WEIGHTED, "W": CreditMethod.WEIGHTED, "F": CreditMethod.FLAT}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRates:
    """Short option minimum by band of expiries."""

    bands: tuple[tuple[float, float, float], ...]  # from, to (years), currency for one contract

    def at(self, years: float) -> float:
        """The rate at an expiry; 0 where the file has none."""
        return next((rate for start, end, rate in self.bands if start <= years < end), 0.0)


@dataclass(slots=True)
class _Table:
    """Reads parts of one element; what is wrong goes to the faults, with its line."""

    day: date
    name: str
    faults: FaultList

    def number(self, node: Node, path: str, empty: float | None = None) -> float:
        """The number at a path below a node."""
        text = node.word(path)
        value = number_of(text) if text or empty is None else empty
        if value is None:
            self.fault(node, path, text, "a number")
            return 0.0
        return value

    def band(self, node: Node, start: str, end: str) -> tuple[float, float]:
        """The band between two periods; endless where neither is there."""
        if not node.word(start) and not node.word(end):
            return -_ENDLESS, _ENDLESS
        band = band_of(node.word(start), node.word(end), self.day)
        if band is None:
            self.fault(node, start, f"{node.word(start)} to {node.word(end)}", "periods YYYYMMDD or YYYYMM")
            return 0.0, _ENDLESS
        return band

    def fault(self, node: Node, path: str, text: str, expected: str) -> None:
        """Remember what is wrong below a node."""
        self.faults.add(
            where=f"{self.name} line {node.line} element {node.tag}/{path}",
            found=shown(text),
            expected=expected,
            action="fetch the file again, or leave that commodity out",
        )

    def tiers(self, definition: Node, table: str, added: int) -> Iterator[SpanTier]:
        """The tiers of a table but for tier 0, which is all of it."""
        for holder in definition.all(table):
            for tier in holder.all("tier"):
                number = int(self.number(tier, "tn"))
                if number > 0:
                    start, end = self.band(tier, "sPe", "ePe")
                    yield SpanTier(number=number + added, from_years=start, to_years=end)

    def legs(self, spread: Node, added: int) -> Iterator[SpreadLeg]:
        """The legs of a spread, by tier or by period."""
        for leg in spread.children:
            if leg.tag not in _LEGS:
                continue
            side = leg.word("rs")
            if side not in ("A", "B"):
                self.fault(leg, "rs", side, "A or B")
                continue
            ratio, name = self.number(leg, "i", 1.0), leg.word("cc") if added else ""
            if leg.tag == "pLeg":
                start, end = self.band(leg, "pe", "pe")
                yield SpreadLeg(side=Side(side), ratio=ratio, combined=name, from_years=start, to_years=end)
            else:
                number = int(self.number(leg, "tn", 0.0))
                tier = number + added if number else 0
                yield SpreadLeg(side=Side(side), ratio=ratio, combined=name, tier=tier)


def commodity_in(definition: Node, day: date, name: str, faults: FaultList) -> SpanCommodity:
    """The tables of one combined commodity; without them where they cannot be read (a fault then)."""
    table = _Table(day, name, faults)
    code = definition.word("cc")
    try:
        return SpanCommodity(
            name=code,
            currency=definition.word("currency") or "USD",
            short_option_method=(
                ShortOptionMethod.MAX if definition.word("somMeth") == "MAX" else ShortOptionMethod.SUM
            ),
            tiers=(
                *table.tiers(definition, "intraTiers", 0),
                *table.tiers(definition, "interTiers", _INTER_TIER),
            ),
            spreads=tuple(_intra_spreads(definition, table)),
            spot_charges=tuple(_spot_charges(definition, table)),
        )
    except InvalidValueError as error:
        table.fault(definition, "cc", f"{code}: {error}", "tables that fit together")
        return SpanCommodity(name=code)


def _intra_spreads(definition: Node, table: _Table) -> Iterator[IntraSpread]:
    for spread in definition.all("dSpread"):
        method = spread.word("chargeMeth")
        if method not in ("", "F"):
            table.fault(spread, "chargeMeth", method, "F, a flat charge: no other is known here")
            continue
        yield IntraSpread(
            priority=int(table.number(spread, "spread")),
            charge=table.number(spread, "rate/val"),
            legs=tuple(table.legs(spread, 0)),
        )


def _spot_charges(definition: Node, table: _Table) -> Iterator[SpotCharge]:
    rates = list(definition.all("spotRate"))
    for rate in rates:
        if rate.word("r") == rates[0].word("r"):
            start, end = table.band(rate, "pe", "pe")
            outright, spread = table.number(rate, "outr"), table.number(rate, "sprd")
            yield SpotCharge(from_years=start, to_years=end, outright=outright, spread=spread)


def minima_in(definition: Node, day: date, name: str, faults: FaultList) -> MonthRates:
    """Short option minima of one combined commodity."""
    table = _Table(day, name, faults)
    bands = [
        (*table.band(tier, "sPe", "ePe"), table.number(tier, "rate/val"))
        for holder in definition.all("somTiers")
        for tier in holder.all("tier")
    ]
    return MonthRates(bands=tuple(bands))


def inter_spreads_in(
    house: Node, commodities: Collection[SpanCommodity], name: str, faults: FaultList
) -> Iterator[InterSpread]:
    """Spreads whose legs are all among `commodities`; others cannot be formed."""
    table = _Table(date.min, name, faults)
    known = {one.name: one for one in commodities}
    for holder in house.all("interSpreads"):
        for spread in holder.all("dSpread"):
            if any(leg.word("cc") not in known for leg in spread.children if leg.tag in _LEGS):
                continue
            method = spread.word("chargeMeth")
            if method not in _CREDITS:
                table.fault(spread, "chargeMeth", method, "W or F")
                continue
            try:
                legs = tuple(table.legs(spread, _INTER_TIER))
                for leg in legs:
                    known[leg.combined].band_of(leg)
                yield InterSpread(
                    priority=int(table.number(spread, "spread")),
                    rate=table.number(spread, "rate/val"),
                    method=_CREDITS[method],
                    legs=legs,
                )
            except InvalidValueError as error:
                table.fault(spread, "rate", str(error), "a spread that can be")
