"""LEAN data: a whole day of one chain, quote bars and trade bars, for the simulator to play again.

Source: QuantConnect LEAN (layout in docs/file-formats.md; names and units in `lean_archive`). A bar is known at its end. Trades are those
of the options alone. Bars from before the session count for what stood at its open.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path

import numpy as np

from flatbook.adapters.files import lean
from flatbook.adapters.files.expiries import OPEN, close_ns
from flatbook.adapters.files.faults import FaultList, fault, shown
from flatbook.adapters.files.fields import compact_day_of, number_of, ticks_of, whole_of
from flatbook.adapters.files.instants import NEW_YORK, SECOND_NS, local_instant
from flatbook.adapters.files.lean_archive import (
    Archive,
    Content,
    archives_in,
    entries_of,
    future_entry,
    names_of,
    option_entry,
)
from flatbook.adapters.files.lean_bars import FIELDS, MINUTE_MS
from flatbook.adapters.files.lean_chain import EQUITY_SCALE
from flatbook.adapters.files.snapshot import Progress, silent
from flatbook.adapters.files.trading_days import is_trading_day
from flatbook.adapters.symbols.futures import FutureSymbol, print_future
from flatbook.adapters.symbols.osi import OsiSymbol, print_osi
from flatbook.model.events import InstrumentsListed
from flatbook.model.instruments import Instrument, Kind, Right, TickBand
from flatbook.model.recorded_day import RecordedDay
from flatbook.model.table import Ints

_MS_NS = 1_000_000
_TRADE = re.compile(
    r"(\d{8})_([a-z0-9.]+)_minute_trade_(?:american|european)_(?:call|put)_\d{1,12}_\d{8}\.csv", re.ASCII
)
_TRADE_FIELDS = 6  # time; open, high, low, close; volume
_NO_PRICE = -1
_RIGHTS = {"call": Right.CALL, "put": Right.PUT}
_AGAIN = "fetch the file again"
_MILLISECONDS = 8  # most digits of a stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """Whose bars are read, and what a stamp and a price in them mean."""

    day: date
    root: str
    underlying: str
    midnight_ns: int
    rows: dict[str, int]  # symbol to row
    instruments: tuple[Instrument, ...]
    scale: float  # of the prices of options
    faults: FaultList


def read_lean_day(
    path: Path, *, day: date, underlying: str | None = None, progress: Progress = silent
) -> RecordedDay:
    """Every option of one chain that was quoted on a day and outlives its open, with its bars.

    The session is that of New York, for options on futures too, whose own goes round the clock.

    Parameters
    ----------
    path : Path
        A folder of LEAN's zips.
    day : date
        In New York; of options on futures, in UTC.
    underlying : str, optional
        Needed where the folder holds several.
    progress : callable, optional

    Raises
    ------
    FaultsError
        No session or no quotes on that day, or everything that is wrong with them, at once.
    """
    of_day = _what_to_read(path, day, underlying, progress)
    name = of_day.underlying
    quotes = _quotes(archives_in(path), of_day, name, progress)
    trades = _trades(path, of_day, progress)
    of_day.faults.raise_all()
    sessions = _sessions(day)
    return RecordedDay(
        source=f"LEAN minute bars of {of_day.root} on {day}",
        underlying=name,
        instruments=of_day.instruments,
        underlying_row=_underlying_row(of_day.instruments),
        forward_row=_forward_rows(of_day.instruments),
        calendar="XNYS",
        session_open_ns=tuple(begins for begins, _ in sessions),
        session_close_ns=tuple(ends for _, ends in sessions),
        bar_ns=MINUTE_MS * _MS_NS,
        quote_ns=quotes[0] + MINUTE_MS * _MS_NS,
        quote_row=quotes[1],
        bid_ticks=quotes[2],
        ask_ticks=quotes[3],
        bid_size=quotes[4],
        ask_size=quotes[5],
        trade_ns=trades[0],
        trade_row=trades[1],
        trade_ticks=trades[2],
        trade_quantity=trades[3],
    )


def _what_to_read(path: Path, day: date, underlying: str | None, progress: Progress) -> _Day:
    if not is_trading_day(day):
        raise fault(
            where=path.name,
            found=f"no session on {day}",
            expected="a trading day of New York",
            action="ask for another",
        )
    opens = local_instant(day, OPEN, NEW_YORK)
    chain = lean.read(path, at_ns=opens, underlying=underlying, progress=progress)
    listed = tuple(
        item for event in chain.events if isinstance(event, InstrumentsListed) for item in event.instruments
    )
    on_future = any(item.kind is Kind.FUTURE for item in listed)
    root = next(item.option_class for item in listed if item.kind is Kind.OPTION)
    name = next(item.underlying for item in listed if item.kind is Kind.OPTION)
    instruments = listed if on_future else (*listed, _share(name))
    return _Day(
        day=day,
        root=root,
        underlying=name,
        midnight_ns=local_instant(day, time(12), "UTC" if on_future else NEW_YORK) - 12 * 3600 * SECOND_NS,
        rows={item.symbol: row for row, item in enumerate(instruments)},
        instruments=instruments,
        scale=1.0 if on_future else EQUITY_SCALE,
        faults=FaultList(path.name),
    )


def _quotes(archives: list[Archive], of_day: _Day, name: str, progress: Progress) -> Ints:
    """int64[6, n] in order of time: bar's begin, row, bid, ask, and their sizes."""
    out: list[tuple[int, ...]] = []
    for archive in archives:
        if archive.day != of_day.day or archive.root not in (of_day.root, name):
            continue
        progress(f"reading {archive.name}")
        for entry, raw in entries_of(archive.path):
            row = of_day.rows.get(_symbol(archive, entry))
            if row is None:
                continue  # expired by then
            scale = EQUITY_SCALE if archive.content is Content.EQUITY else of_day.scale
            out.extend(_quote_bars(f"{archive.name} {entry}", raw, row, scale, of_day))
    return _columns(out, 6)


def _trades(path: Path, of_day: _Day, progress: Progress) -> Ints:
    """int64[4, n] in order of time: bar's begin, row, last price, contracts."""
    out: list[tuple[int, ...]] = []
    for file in sorted(path.rglob("*.zip") if path.is_dir() else path.parent.glob("*.zip")):
        match = _TRADE.fullmatch(next(iter(names_of(file)), ""))
        if match is None or compact_day_of(match[1]) != of_day.day or match[2].upper() != of_day.root:
            continue
        progress(f"reading {file.name}")
        for entry, raw in entries_of(file):
            symbol = _option_symbol(file.name, entry.replace("_trade_", "_quote_", 1))
            row = of_day.rows.get(symbol)
            if row is not None:
                out.extend(_trade_bars(f"{file.name} {entry}", raw, row, of_day))
    return _columns(out, 4)


def _quote_bars(where: str, raw: bytes, row: int, scale: float, of_day: _Day) -> Iterable[tuple[int, ...]]:
    per_unit = of_day.instruments[row].ticks_per_unit
    for number, fields in _lines(where, raw, FIELDS, of_day.faults):
        begins = of_day.midnight_ns + int(fields[0]) * _MS_NS
        sides = []
        for price, size in ((fields[4], fields[5]), (fields[9], fields[10])):
            ticks = _ticks(where, number, price, per_unit, scale, of_day.faults) if price else 0
            contracts = _whole(where, number, size, of_day.faults) if size else 0
            sides.append((ticks, contracts) if ticks > 0 and contracts > 0 else (_NO_PRICE, 0))
        (bid, bid_size), (ask, ask_size) = sides
        yield begins, row, bid, ask, bid_size, ask_size


def _trade_bars(where: str, raw: bytes, row: int, of_day: _Day) -> Iterable[tuple[int, ...]]:
    per_unit = of_day.instruments[row].ticks_per_unit
    for number, fields in _lines(where, raw, _TRADE_FIELDS, of_day.faults):
        ticks = _ticks(where, number, fields[4], per_unit, of_day.scale, of_day.faults)
        contracts = _whole(where, number, fields[5], of_day.faults)
        if ticks > 0 and contracts > 0:
            yield of_day.midnight_ns + int(fields[0]) * _MS_NS, row, ticks, contracts


def _lines(where: str, raw: bytes, count: int, faults: FaultList) -> Iterable[tuple[int, list[str]]]:
    """The fields of each line, with its number from 1; lines that are none are faults."""
    for number, line in enumerate(raw.decode("ascii", errors="replace").split("\n"), start=1):
        if not line.strip():
            continue
        fields = line.strip().split(",")
        stamp = fields[0]
        if len(fields) == count and stamp.isascii() and stamp.isdigit() and len(stamp) <= _MILLISECONDS:
            yield number, fields
            continue
        faults.add(
            where=f"{where} line {number}",
            found=shown(line),
            expected=f"{count} values, the first of them milliseconds since midnight",
            action=_AGAIN,
        )


def _ticks(where: str, number: int, text: str, per_unit: int, scale: float, faults: FaultList) -> int:
    price = number_of(text)
    ticks = None if price is None or price < 0.0 else ticks_of(price / scale, per_unit)
    if ticks is None:
        faults.add(
            where=f"{where} line {number}",
            found=shown(text),
            expected=f"a price of 0 or above, written x {scale:g}, in whole ticks of 1/{per_unit}",
            action=_AGAIN,
        )
        return 0
    return ticks


def _whole(where: str, number: int, text: str, faults: FaultList) -> int:
    size = whole_of(text)
    if size is None or size < 0:
        faults.add(
            where=f"{where} line {number}",
            found=shown(text),
            expected="a whole number, 0 or above",
            action=_AGAIN,
        )
        return 0
    return size


def _columns(bars: list[tuple[int, ...]], width: int) -> Ints:
    columns = np.array(bars, dtype=np.int64).reshape(-1, width).T
    return np.ascontiguousarray(columns[:, np.lexsort((columns[1], columns[0]))])


def _symbol(archive: Archive, entry: str) -> str:
    match archive.content:
        case Content.EQUITY:
            return archive.root
        case Content.FUTURE:
            parts = future_entry(archive.name, entry)
            return print_future(FutureSymbol(root=parts.root, year=parts.year, month=parts.month))
        case _:
            return _option_symbol(archive.name, entry)


def _option_symbol(archive: str, name: str) -> str:
    parts = option_entry(archive, name)
    return print_osi(
        OsiSymbol(
            root=parts.root,
            expiry=parts.expiry,
            right=_RIGHTS[parts.right],
            strike_thousandths=parts.strike_ten_thousandths // 10,
        )
    )


def _share(name: str) -> Instrument:
    return Instrument(
        symbol=name,
        underlying=name,
        kind=Kind.SHARE,
        multiplier=1.0,
        currency="USD",
        ticks_per_unit=100,
        tick_table=(TickBand(0, 1),),
    )


def _underlying_row(instruments: tuple[Instrument, ...]) -> int:
    """The share, or the future that expires first."""
    hedges = [(item.expiry_ns, row) for row, item in enumerate(instruments) if item.kind is not Kind.OPTION]
    return min(hedges)[1] if hedges else -1


def _forward_rows(instruments: tuple[Instrument, ...]) -> Ints:
    """The future that each option settles into: the first that expires with it or later."""
    futures = sorted(
        (item.expiry_ns, row) for row, item in enumerate(instruments) if item.kind is Kind.FUTURE
    )
    return np.array(
        [
            next((row for expiry, row in futures if expiry >= item.expiry_ns), -1)
            if item.kind is Kind.OPTION
            else -1
            for item in instruments
        ],
        dtype=np.int64,
    )


def _sessions(day: date) -> list[tuple[int, int]]:
    """Of the day and of the trading day after it."""
    later = day + timedelta(days=1)
    while not is_trading_day(later):
        later += timedelta(days=1)
    return [(local_instant(each, OPEN, NEW_YORK), close_ns(each)) for each in (day, later)]
