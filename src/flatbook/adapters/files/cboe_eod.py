"""Cboe end-of-day chains: one CSV a day with every series of an underlying, bid and ask at the close.

Source: Cboe delayed quotes as collected by LambdaClass (columns in docs/file-formats.md). There is no time stamp and no
size; the vendor's volatility and greeks are not read: on many rows they are 0.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from flatbook.adapters.calendars import sessions_around
from flatbook.adapters.files.expiries import close_ns, us_expiry_ns
from flatbook.adapters.files.faults import FaultList, fault, shown, some
from flatbook.adapters.files.fields import read_column, read_positive, read_quotes, us_day_of
from flatbook.adapters.files.instants import NEW_YORK, local_time, print_instant
from flatbook.adapters.files.rows import add_contradictions, add_repeat, refuse_empty
from flatbook.adapters.files.snapshot import MarketFile, Note, Progress, counted, quote_notes
from flatbook.adapters.files.tables import Table, csv_files, peek, read_table
from flatbook.adapters.files.terms import INDEX_ROOTS, option_of, us_option_terms
from flatbook.adapters.files.trading_days import is_trading_day
from flatbook.adapters.symbols.osi import OsiSymbol, parse_osi, print_osi
from flatbook.model.errors import FaultsError, InvalidValueError
from flatbook.model.events import InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Instrument, Right

NAME = "cboe-eod"
COLUMNS = (
    "underlying", "underlying_last", "optionroot", "type", "expiration", "quotedate", "strike", "bid", "ask",
)  # fmt: skip
_TYPES = {"call": Right.CALL, "put": Right.PUT}
_DAY = "a date as MM/DD/YYYY"


def looks_like(path: Path) -> bool:
    """Whether `path` is such a file, or a folder that holds one."""
    if path.is_dir():
        return any(_has_columns(file) for file in csv_files(path))
    return _has_columns(path)


def read(path: Path, *, at_ns: int | None, underlying: str | None, progress: Progress) -> MarketFile:
    """The chain in a file, or in the file of the day of `at_ns` in a folder.

    Raises
    ------
    FaultsError
        Everything that is wrong with the file, at once.
    """
    file = _file_of_day(path, at_ns) if path.is_dir() else path
    progress(f"reading {file.name}")
    faults = FaultList(file.name)
    table = read_table(file, COLUMNS, faults)
    return parse(table, faults, at_ns=at_ns, underlying=underlying)


def parse(table: Table, faults: FaultList, *, at_ns: int | None, underlying: str | None) -> MarketFile:
    """The snapshot in a table of this format.

    Raises
    ------
    FaultsError
        Everything that is wrong with the rows, at once, with what `faults` held before.
    """
    rows = _rows_of(table, faults, underlying)
    quoted_on = _quote_day(table, faults)
    spots = read_positive(table, "underlying_last", faults)
    chain = _chain_of(table, rows, faults)
    per_unit = [100] * len(table.lines)
    bids = read_quotes(table, "bid", per_unit, faults)
    asks = read_quotes(table, "ask", per_unit, faults)
    faults.raise_all()
    assert quoted_on is not None
    instant = close_ns(quoted_on) if at_ns is None else at_ns
    _refuse_the_past(table.name, quoted_on, instant)
    alive = [row for row, item in chain.listed.items() if item.expiry_ns > instant]
    if not alive:
        raise _no_series(table.name, instant)
    quotes = QuotesSeen(
        received_ns=instant,
        symbols=tuple(chain.listed[row].symbol for row in alive),
        bid_ticks=tuple(bids[row] for row in alive),
        ask_ticks=tuple(asks[row] for row in alive),
        source_ns=min(close_ns(quoted_on), instant),
    )
    first, spot = chain.listed[alive[0]], spots[alive[0]]
    assert spot is not None, "a level that is no number is a fault"
    events = (
        InstrumentsListed(received_ns=instant, instruments=tuple(chain.listed[row] for row in alive)),
        UnderlyingQuoted(received_ns=instant, underlying=first.underlying, price=spot),
        sessions_around(quoted_on, received_ns=instant, underlying=first.underlying),
        quotes,
    )
    notes = (
        *_day_notes(quoted_on, instant),
        *_chain_notes(chain, alive),
        *quote_notes(quotes.bid_ticks, quotes.ask_ticks),
    )
    return MarketFile(format=NAME, at_ns=instant, events=events, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    listed: dict[int, Instrument]  # by row
    adjusted: int  # rows of classes whose terms we do not know


def _chain_of(table: Table, rows: list[int], faults: FaultList) -> _Chain:
    listed: dict[int, Instrument] = {}
    adjusted = 0
    seen: dict[str, int] = {}
    names = table.columns["underlying"]
    strikes = read_positive(table, "strike", faults)
    for row in rows:
        parts = _parts_of(table, row, strikes[row], faults)
        if parts is None:
            continue
        symbol = print_osi(parts)
        if symbol in seen:
            add_repeat(table, "optionroot", row, seen[symbol], faults)
        seen[symbol] = row
        if parts.root != names[row] and parts.root not in INDEX_ROOTS:
            adjusted += 1
            continue
        terms = us_option_terms(parts.root)
        expiry_ns = us_expiry_ns(parts.expiry, terms.settlement)
        listed[row] = option_of(
            terms, symbol=symbol, expiry_ns=expiry_ns, strike=parts.strike, right=parts.right
        )
    return _Chain(listed=listed, adjusted=adjusted)


def _parts_of(table: Table, row: int, strike: float | None, faults: FaultList) -> OsiSymbol | None:
    """The parts of the symbol of one row, once the row's other columns say the same."""
    columns = table.columns
    text = columns["optionroot"][row]
    try:
        parts = parse_osi(text)
    except InvalidValueError as error:
        faults.add(
            where=table.where(row, "optionroot"),
            found=shown(text),
            expected=str(error).split("; expected ")[-1],
            action="correct the symbol",
        )
        return None
    claims = (
        ("type", parts.right, _TYPES.get(columns["type"][row])),
        ("expiration", parts.expiry, us_day_of(columns["expiration"][row])),
        # A strike that is no number is a fault already.
        ("strike", parts.strike, parts.strike if strike is None else strike),
    )
    add_contradictions(table, row, text, claims, faults)
    return parts


def _rows_of(table: Table, faults: FaultList, underlying: str | None) -> list[int]:
    """The rows of the one underlying asked for, or of the only one there is."""
    refuse_empty(table, faults, "a chain")
    names = table.columns["underlying"]
    there = tuple(dict.fromkeys(names))
    if underlying is None and len(there) > 1:
        raise fault(
            where=f"{table.name} column underlying",
            found=f"{len(there)} underlyings: {some(there)}",
            expected="one, or a choice",
            action="say which underlying to read",
        )
    wanted = there[0] if underlying is None else underlying
    if wanted not in there:
        raise fault(
            where=f"{table.name} column underlying",
            found=some(there),
            expected=wanted,
            action="ask for an underlying that the file holds",
        )
    return [row for row, name in enumerate(names) if name == wanted]


def _quote_day(table: Table, faults: FaultList) -> date | None:
    days = read_column(table, "quotedate", faults, parse=us_day_of, expected=_DAY, action="correct the date")
    there = sorted({day for day in days if day is not None})
    if len(there) > 1:
        faults.add(
            where=f"{table.name} column quotedate",
            found=f"{len(there)} days: {some(there)}",
            expected="one day in a file",
            action="split the file by day",
        )
    return there[0] if there else None


def _file_of_day(folder: Path, at_ns: int | None) -> Path:
    files = {
        file: us_day_of(peek(file).get("quotedate", "")) for file in csv_files(folder) if _has_columns(file)
    }
    if len(files) == 1:
        return next(iter(files))
    wanted = None if at_ns is None else local_time(at_ns, NEW_YORK).date()
    found = [file for file, day in files.items() if day is not None and day == wanted]
    if len(found) == 1:
        return found[0]
    days = sorted(str(day) for day in files.values() if day is not None)
    raise fault(
        where=folder.name,
        found=f"{len(files)} chains, of {some(days, 40)}",
        expected="one of these days" if wanted is None else f"one chain of {wanted}",
        action="give the time of the snapshot (at) on one of these days, or name one file",
    )


def _refuse_the_past(name: str, quoted_on: date, at_ns: int) -> None:
    if local_time(at_ns, NEW_YORK).date() < quoted_on:
        raise fault(
            where=f"{name} column quotedate",
            found=f"quotes of {quoted_on}",
            expected=f"quotes from before {print_instant(at_ns)}, the time asked for",
            action="ask for a time on that day, or read an earlier file",
        )


def _day_notes(quoted_on: date, at_ns: int) -> tuple[Note, ...]:
    notes: tuple[Note, ...] = ()
    if not is_trading_day(quoted_on):
        text = (
            f"the quotes are dated {quoted_on}, when the exchange was closed: a stale copy of an earlier day"
        )
        notes += (Note(kind="stale", text=text, count=1),)
    asked = local_time(at_ns, NEW_YORK).date()
    if asked > quoted_on:
        text = f"the quotes are of {quoted_on}, {(asked - quoted_on).days} days before the time asked for"
        notes += (Note(kind="stale", text=text, count=1),)
    return notes


def _chain_notes(chain: _Chain, alive: list[int]) -> tuple[Note, ...]:
    deliverable = "series of adjusted contracts were left out: their deliverable is not in the file"
    return (
        *counted("expired", len(chain.listed) - len(alive), "series expired by then and were left out"),
        *counted("adjusted", chain.adjusted, deliverable),
    )


def _no_series(name: str, at_ns: int) -> FaultsError:
    return fault(
        where=name,
        found=f"no series alive at {print_instant(at_ns)}",
        expected="at least one that expires later",
        action="ask for an earlier time, or read another file",
    )


def _has_columns(file: Path) -> bool:
    return set(COLUMNS) <= set(peek(file))
