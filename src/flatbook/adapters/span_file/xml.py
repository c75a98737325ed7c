"""SPAN risk parameter files, XML format 4.00: contracts with their arrays, combined commodities, spreads.

Layout: spanFile/pointInTime/clearingOrg with ccDef, interSpreads and exchange; portfolios futPf, phyPf, oopPf, oofPf and
ooePf hold contracts; elements as public readers of files of NSE Clearing, Takasbank and ASX use them. Dates become years
of 365 days from the file's own date.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from flatbook.adapters.files.faults import FaultList, fault, shown
from flatbook.adapters.files.fields import number_of
from flatbook.adapters.files.tables import read_bytes
from flatbook.adapters.span_file.commodities import MonthRates, commodity_in, inter_spreads_in, minima_in
from flatbook.adapters.span_file.nodes import Node, RawContract, TreeReader
from flatbook.adapters.span_file.periods import expiry_years, years_of
from flatbook.margin.legs import LegKind
from flatbook.margin.span_arrays import SpanContracts
from flatbook.margin.span_match import SpanFile
from flatbook.margin.span_parameters import InterSpread, SpanCommodity

_FORMAT = "4.00"
_OPTIONS = {"oopPf": "OOP", "oofPf": "OOF", "ooePf": "OOE"}
_TYPES = {**_OPTIONS, "futPf": "FUT", "phyPf": "PHY"}
_RIGHTS = {"C": LegKind.CALL, "P": LegKind.PUT}


@dataclass(slots=True)
class _Row:
    """One contract, as the columns of `SpanContracts` hold it."""

    where: str
    combined: str
    underlying: str
    kind: LegKind
    strike: float
    years: float
    month_years: float
    multiplier: float
    losses: tuple[float, ...]
    delta: float
    value: float
    short_minimum: float
    premium_style: bool


def read_span_xml(path: Path, wanted: Collection[str] = ()) -> SpanFile:
    """A clearing house's file (`.spn`, `.xml`, or either with `.gz`).

    Parameters
    ----------
    path : Path
    wanted : collection of str
        Combined commodities or products to read; all where there are none.

    Raises
    ------
    FaultsError
        With everything wrong, each with its line and element.
    """
    faults = FaultList(path.name)
    root = TreeReader(path.name, faults).read(read_bytes(path))
    faults.raise_all()
    moment = _moment(root, path.name)
    reader = _Reader(path.name, faults, _day(moment, path.name), frozenset(wanted))
    found = reader.file(moment)
    faults.raise_all()
    return found


def _moment(root: Node, name: str) -> Node:
    moments = list(root.all("pointInTime"))
    if root.tag != "spanFile" or root.word("fileFormat") != _FORMAT or len(moments) != 1:
        raise fault(
            where=f"{name} line {root.line} element {root.tag}",
            found=f"format {shown(root.word('fileFormat'))} and {len(moments)} elements pointInTime",
            expected=f"a spanFile of fileFormat {_FORMAT} with one pointInTime",
            action="give a SPAN XML file of that format",
        )
    return moments[0]


def _day(moment: Node, name: str) -> date:
    try:
        return date.fromisoformat(moment.word("date"))
    except ValueError:
        raise fault(
            where=f"{name} line {moment.line} element pointInTime/date",
            found=shown(moment.word("date")),
            expected="a day written YYYYMMDD",
            action="fetch the file again",
        ) from None


@dataclass(slots=True)
class _Reader:
    """Turns the tree into contracts and tables."""

    name: str
    faults: FaultList
    day: date
    wanted: frozenset[str]

    def file(self, moment: Node) -> SpanFile:
        """Everything of it that is wanted."""
        rows: list[_Row] = []
        commodities: list[SpanCommodity] = []
        spreads: list[InterSpread] = []
        notes: dict[str, None] = {}
        for house in moment.all("clearingOrg"):
            portfolios = list(self._portfolios(house))
            names = self._combined_names(house, portfolios)
            kept = self._kept(names, portfolios)
            minima: dict[str, MonthRates] = {}
            for definition in house.all("ccDef"):
                if definition.word("cc") in kept:
                    commodities.append(commodity_in(definition, self.day, self.name, self.faults))
                    minima[commodities[-1].name] = minima_in(definition, self.day, self.name, self.faults)
            spreads += inter_spreads_in(house, commodities, self.name, self.faults)
            notes |= dict.fromkeys(_not_applied(house))
            months = self._future_months(portfolios)
            for tag, portfolio in portfolios:
                combined = names.get((_TYPES[tag], portfolio.word("pfId")), "")
                if combined in kept:
                    rows += self._rows(tag, portfolio, combined, minima[combined], months)
        if not rows and not self.faults.count:
            self.faults.add(
                where=self.name,
                found="no contract with a risk array"
                + (f" of {', '.join(sorted(self.wanted))}" if self.wanted else ""),
                expected="one at least",
                action="give the file that lists what is held",
            )
            self.faults.raise_all()
        return SpanFile(
            name=self.name,
            contracts=_columns(rows),
            commodities=tuple(commodities),
            inter_spreads=tuple(spreads),
            notes=tuple(notes),
        )

    def _portfolios(self, house: Node) -> Iterator[tuple[str, Node]]:
        for exchange in house.all("exchange"):
            for portfolio in exchange.children:
                if portfolio.tag in _TYPES:
                    yield portfolio.tag, portfolio

    def _combined_names(self, house: Node, portfolios: list[tuple[str, Node]]) -> dict[tuple[str, str], str]:
        """Combined commodity by portfolio type and id: as pfLink says, or where the product's code is a commodity's."""
        linked = {}
        codes = set()
        for definition in house.all("ccDef"):
            codes.add(definition.word("cc"))
            for link in definition.all("pfLink"):
                linked[link.word("pfType"), link.word("pfId")] = definition.word("cc")
        for tag, portfolio in portfolios:
            if portfolio.word("pfCode") in codes:
                linked.setdefault((_TYPES[tag], portfolio.word("pfId")), portfolio.word("pfCode"))
        return linked

    def _kept(self, names: dict[tuple[str, str], str], portfolios: list[tuple[str, Node]]) -> set[str]:
        if not self.wanted:
            return set(names.values())
        by_product = {
            names[_TYPES[tag], portfolio.word("pfId")]
            for tag, portfolio in portfolios
            if portfolio.word("pfCode") in self.wanted and (_TYPES[tag], portfolio.word("pfId")) in names
        }
        return by_product | (set(names.values()) & self.wanted)

    def _future_months(self, portfolios: list[tuple[str, Node]]) -> dict[tuple[str, str], str]:
        """Expiry of each future by the ids of portfolio and contract."""
        return {
            (portfolio.word("pfId"), contract.words.get("cId", "")): contract.words.get("pe", "")
            for tag, portfolio in portfolios
            if tag == "futPf"
            for contract in portfolio.contracts
        }

    def _rows(
        self,
        tag: str,
        portfolio: Node,
        combined: str,
        minima: MonthRates,
        months: dict[tuple[str, str], str],
    ) -> Iterator[_Row]:
        base = _words(portfolio)
        if tag not in _OPTIONS:
            for contract in portfolio.contracts:
                yield from self._row(tag, combined, base | contract.words, contract, minima)
            return
        for series in portfolio.all("series"):
            shared = base | _words(series)
            future = (
                months.get((series.word("undC/pfId"), series.word("undC/cId")), "") if tag == "oofPf" else ""
            )
            for contract in series.contracts:
                words = shared | contract.words
                yield from self._row(tag, combined, words, contract, minima, future)

    def _row(
        self,
        tag: str,
        combined: str,
        words: dict[str, str],
        contract: RawContract,
        minima: MonthRates,
        future: str = "",
    ) -> Iterator[_Row]:
        """The contract, unless something is wrong with it."""
        where = f"{self.name} line {contract.line}"
        option = tag in _OPTIONS
        physical = tag == "phyPf"
        kind = _RIGHTS.get(words.get("o", "")) if option else LegKind.STOCK if physical else LegKind.FUTURE
        years = 0.0 if physical else expiry_years(words, self.day)
        month = 0.0 if physical else years_of(future or words.get("pe", ""), self.day)
        numbers = {
            "k": number_of(words.get("k", "")) if option else np.nan,
            "p": number_of(words.get("p", "")) if option else 0.0,
            "cvf": number_of(words.get("cvf") or "1"),
            "sc": number_of(words.get("sc") or "1"),
        }
        wrong = [
            name for name, value in numbers.items() if value is None or (name == "cvf" and not value > 0.0)
        ]
        wrong += ["o"] if kind is None else []
        wrong += ["pe"] if years is None else []
        for name in wrong:
            self.faults.add(
                where=f"{where} element {name}",
                found=shown(words.get(name, "")),
                expected={"o": "C or P", "pe": "an expiry, or setlDate"}.get(name, "a number"),
                action="fetch the file again",
            )
        if wrong or kind is None or years is None:
            return
        strike, price, factor, scale = (float(value or 0.0) for value in numbers.values())
        month = years if month is None else month
        yield _Row(
            where=where,
            combined=combined,
            underlying=words.get("pfCode", combined),
            kind=kind,
            strike=strike,
            years=max(years, 0.0),
            month_years=month,
            multiplier=factor,
            losses=contract.losses,
            delta=contract.delta * scale,
            value=price * factor,
            short_minimum=minima.at(month) if option else 0.0,
            premium_style=not words.get("valueMeth", "").startswith("FUT"),
        )


def _words(node: Node) -> dict[str, str]:
    return {child.tag: child.text.strip() for child in node.children if not child.children}


def _not_applied(house: Node) -> Iterator[str]:
    told = {"sSpread": "scanning spreads", "hSpread": "hybrid spreads"}
    for table in ("interSpreads", "superSpreads"):
        for node in house.all(table):
            for tag, words in told.items():
                if node.first(tag):
                    yield f"the file's {words} are not applied: the clearing house may ask for less"
    if any(node.children for node in house.all("superSpreads")):
        yield "the file's super spreads are not applied: the clearing house may ask for less"


def _columns(rows: list[_Row]) -> SpanContracts:
    def numbers(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    return SpanContracts(
        where=tuple(row.where for row in rows),
        combined=tuple(row.combined for row in rows),
        underlying=tuple(row.underlying for row in rows),
        kind=np.array([int(row.kind) for row in rows], dtype=np.int64),
        strike=numbers("strike"),
        years=numbers("years"),
        month_years=numbers("month_years"),
        multiplier=numbers("multiplier"),
        loss=np.array([row.losses for row in rows], dtype=np.float64).reshape(len(rows), -1),
        delta=numbers("delta"),
        value=numbers("value"),
        short_minimum=numbers("short_minimum"),
        premium_style=np.array([row.premium_style for row in rows], dtype=np.bool_),
    )
