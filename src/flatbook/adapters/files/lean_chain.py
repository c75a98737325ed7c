"""Contracts of a LEAN chain with the quote each had at one time: options, futures, and the stock's price."""

from dataclasses import dataclass, replace
from datetime import date

from flatbook.adapters.files.expiries import us_expiry_ns, us_future_expiry_ns
from flatbook.adapters.files.faults import FaultList, fault
from flatbook.adapters.files.instants import print_instant
from flatbook.adapters.files.lean_archive import Archive, OptionEntry, entries_of, future_entry, option_entry
from flatbook.adapters.files.lean_bars import NO_BAR, Bar, Clock, last_bar
from flatbook.adapters.files.snapshot import Progress
from flatbook.adapters.files.terms import FutureTerms, OptionTerms, future_of, option_of
from flatbook.adapters.symbols.futures import FutureSymbol, print_future
from flatbook.adapters.symbols.osi import OsiSymbol, print_osi
from flatbook.model.instruments import Instrument, Right, Style

EQUITY_SCALE = 10_000.0
_RIGHTS = {"call": Right.CALL, "put": Right.PUT}
_STYLES = {"american": Style.AMERICAN, "european": Style.EUROPEAN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which moment of which root to read."""

    root: str
    at_ns: int
    day: date  # in the archives' time zone
    at_ms: int  # since midnight there
    progress: Progress

    def clock(self, price_scale: float, ticks_per_unit: int) -> Clock:
        """Which bars count, for prices written this way."""
        return Clock(day=self.day, at_ms=self.at_ms, price_scale=price_scale, ticks_per_unit=ticks_per_unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """One contract and its last bar."""

    instrument: Instrument
    bar: Bar

    @property
    def mid(self) -> float | None:
        """Price units; None where a side is missing."""
        if self.bar.bid is None or self.bar.ask is None:
            return None
        return (self.bar.bid + self.bar.ask) / 2.0 / self.instrument.ticks_per_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options alive at the time, and how many were left out."""

    quoted: tuple[Quoted, ...]
    expired: int
    other_days: int  # contracts without a bar on the day


def read_options(
    archives: list[Archive], terms: OptionTerms, clock: Clock, asked: Asked, faults: FaultList
) -> Options:
    """Every option in the archives that is alive and was quoted on the day."""
    found: dict[str, Quoted] = {}
    expired = other_days = 0
    for archive in archives:
        asked.progress(f"reading {archive.name}")
        for name, raw in entries_of(archive.path):
            item = _option_of(archive, option_entry(archive.name, name), terms, faults)
            if item is None:
                continue
            if item.expiry_ns <= asked.at_ns:
                expired += 1
                continue
            bar = last_bar(f"{archive.name} {name}", raw, clock, faults)
            if bar is None:
                other_days += 1
                continue
            if item.symbol in found:
                _add_twice(f"{archive.name} entry {name}", item.symbol, faults)
            found[item.symbol] = Quoted(instrument=item, bar=bar)
    return Options(quoted=tuple(found.values()), expired=expired, other_days=other_days)


def read_futures(
    archives: list[Archive], terms: FutureTerms, asked: Asked, faults: FaultList
) -> tuple[Quoted, ...]:
    """Every future in the archives that is alive, by expiry."""
    clock = asked.clock(1.0, terms.ticks_per_unit)
    found: dict[str, Quoted] = {}
    for archive in archives:
        for name, raw in entries_of(archive.path):
            entry = future_entry(archive.name, name)
            expiry_ns = us_future_expiry_ns(entry.year, entry.month)
            if entry.root != asked.root or expiry_ns <= asked.at_ns:
                continue
            symbol = print_future(FutureSymbol(root=entry.root, year=entry.year, month=entry.month))
            if symbol in found:
                _add_twice(f"{archive.name} entry {name}", symbol, faults)
            bar = last_bar(f"{archive.name} {name}", raw, clock, faults)
            item = future_of(terms, symbol=symbol, expiry_ns=expiry_ns)
            found[symbol] = Quoted(instrument=item, bar=bar or NO_BAR)
    return tuple(sorted(found.values(), key=lambda quoted: quoted.instrument.expiry_ns))


def stock_price(archive: Archive, asked: Asked, faults: FaultList) -> float:
    """The middle of the stock's bid and ask, in currency.

    Raises
    ------
    FaultsError
        There was no two-sided quote by then, or what `faults` held before.
    """
    clock = asked.clock(EQUITY_SCALE, int(EQUITY_SCALE))
    name, raw = next(entries_of(archive.path))
    bar = last_bar(f"{archive.name} {name}", raw, clock, faults) or NO_BAR
    faults.raise_all()
    if bar.bid is None or bar.ask is None:
        raise fault(
            where=f"{archive.name} {name}",
            found=f"no two-sided quote by {print_instant(asked.at_ns)}",
            expected="a bid and an ask of the stock",
            action="ask for a later time",
        )
    return (bar.bid + bar.ask) / 2.0 / EQUITY_SCALE


def _option_of(
    archive: Archive, entry: OptionEntry, terms: OptionTerms, faults: FaultList
) -> Instrument | None:
    thousandths, rest = divmod(entry.strike_ten_thousandths, 10)
    if entry.root != archive.root or rest or not 0 < thousandths < 10**8 or not entry.root.isalnum():
        faults.add(
            where=f"{archive.name} contract {entry.root} {entry.expiry} {entry.right} {entry.strike_ten_thousandths}",
            found="a contract that has no OCC symbol here",
            expected=f"root {archive.root} and a strike in whole thousandths from 0.001 to 99999.999",
            action="remove the entry, or fetch the file again",
        )
        return None
    parts = OsiSymbol(
        root=entry.root, expiry=entry.expiry, right=_RIGHTS[entry.right], strike_thousandths=thousandths
    )
    return option_of(
        replace(terms, style=_STYLES[entry.style]),
        symbol=print_osi(parts),
        expiry_ns=us_expiry_ns(entry.expiry, terms.settlement),
        strike=parts.strike,
        right=parts.right,
    )


def _add_twice(where: str, symbol: str, faults: FaultList) -> None:
    faults.add(
        where=where,
        found=f"{symbol} again",
        expected="every contract once",
        action="remove one of the two entries or archives",
    )
