"""Deribit chain snapshots: one CSV with every option of BTC and ETH, quoted in coin.

Source: Deribit public API, as one row an option (columns in docs/file-formats.md). The rows of a snapshot were asked for
one after the other, so the index and the futures move within it: the middle value of the rows is taken.
"""

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median_low

from flatbook.adapters.files.expiries import deribit_expiry_ns
from flatbook.adapters.files.faults import FaultList, fault, shown, some
from flatbook.adapters.files.fields import instant_of, number_of, read_instants, read_positive, read_quotes
from flatbook.adapters.files.instants import SECOND_NS, print_instant
from flatbook.adapters.files.rows import add_contradictions, add_repeat, refuse_empty
from flatbook.adapters.files.snapshot import MarketFile, Note, Progress, counted, quote_notes
from flatbook.adapters.files.tables import Table, csv_files, peek, read_table
from flatbook.adapters.files.terms import deribit_option_terms, option_of
from flatbook.adapters.symbols.deribit import DeribitOption, parse_deribit, print_deribit
from flatbook.model.errors import FaultsError, InvalidValueError
from flatbook.model.events import ForwardQuoted, InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.instruments import Instrument, Right

NAME = "deribit"
COLUMNS = (
    "timestamp", "instrument_name", "option_type", "strike", "expiry_datetime", "bid_price", "ask_price",
    "futures_price", "futures_instrument_name", "currency", "index_price",
)  # fmt: skip
STALE_NS = 300 * SECOND_NS
TICKS_PER_UNIT = 10_000
_TYPES = {"call": Right.CALL, "put": Right.PUT}


def looks_like(path: Path) -> bool:
    """Whether `path` is such a file, or a folder that holds one."""
    if path.is_dir():
        return any(_has_columns(file) for file in csv_files(path))
    return _has_columns(path)


def read(path: Path, *, at_ns: int | None, underlying: str | None, progress: Progress) -> MarketFile:
    """The snapshot in a file, or the last one by `at_ns` in a folder.

    Raises
    ------
    FaultsError
        Everything that is wrong with the file, at once.
    """
    file = _file_by(path, at_ns) if path.is_dir() else path
    progress(f"reading {file.name}")
    faults = FaultList(file.name)
    table = read_table(file, COLUMNS, faults)
    return parse(table, faults, at_ns=at_ns, underlying=underlying)


@dataclass(slots=True)
class _Chain:
    """Rows that are listed, and what was left out."""

    listed: dict[int, Instrument] = field(default_factory=dict)
    expired: int = 0
    linear: int = 0


def parse(table: Table, faults: FaultList, *, at_ns: int | None, underlying: str | None) -> MarketFile:
    """The snapshot in a table of this format.

    Raises
    ------
    FaultsError
        Everything that is wrong with the rows, at once, with what `faults` held before.
    """
    rows = _rows_of(table, faults, underlying)
    stamps = read_instants(table, "timestamp", faults)
    times = [time for row in rows if (time := stamps[row]) is not None]
    taken_ns = max(times, default=0)
    instant = taken_ns if at_ns is None else at_ns
    chain = _chain_of(table, rows, instant, faults)
    per_unit = [TICKS_PER_UNIT] * len(table.lines)
    bids = read_quotes(table, "bid_price", per_unit, faults)
    asks = read_quotes(table, "ask_price", per_unit, faults)
    indices = read_positive(table, "index_price", faults)
    forwards = read_positive(table, "futures_price", faults)
    _refuse_the_past(table.name, taken_ns, instant, faults)
    faults.raise_all()
    if not chain.listed:
        raise _no_series(table.name, instant)
    quotes = _quotes_of(chain, bids, asks, instant)
    events: tuple[Fact, ...] = (
        InstrumentsListed(received_ns=instant, instruments=tuple(chain.listed.values())),
        *_underlyings(chain, indices, instant),
        *_forwards(table, chain, forwards, instant),
        quotes,
    )
    old = sum(1 for time in times if time < instant - STALE_NS)
    notes = (
        *counted("stale", old, "rows were more than 5 minutes old at the time of the snapshot"),
        *counted("expired", chain.expired, "options expired by then and were left out"),
        *counted("linear", chain.linear, "options that do not settle in coin were left out"),
        *counted("mark_outside", _marks_outside(table, chain, bids, asks), "marks stand outside bid and ask"),
        *_moved(chain, indices),
        *quote_notes(quotes.bid_ticks, quotes.ask_ticks),
    )
    return MarketFile(format=NAME, at_ns=instant, events=events, notes=notes)


def _quotes_of(chain: _Chain, bids: list[int | None], asks: list[int | None], at_ns: int) -> QuotesSeen:
    return QuotesSeen(
        received_ns=at_ns,
        symbols=tuple(item.symbol for item in chain.listed.values()),
        bid_ticks=tuple(bids[row] for row in chain.listed),
        ask_ticks=tuple(asks[row] for row in chain.listed),
    )


def _chain_of(table: Table, rows: list[int], at_ns: int, faults: FaultList) -> _Chain:
    chain = _Chain()
    seen: dict[str, int] = {}
    strikes = read_positive(table, "strike", faults)
    for row in rows:
        parts = _parts_of(table, row, strikes[row], faults)
        if parts is None:
            continue
        symbol = print_deribit(parts)
        if symbol in seen:
            add_repeat(table, "instrument_name", row, seen[symbol], faults)
        seen[symbol] = row
        expiry_ns = deribit_expiry_ns(parts.expiry)
        if "_" in parts.base:
            chain.linear += 1
        elif expiry_ns <= at_ns:
            chain.expired += 1
        else:
            chain.listed[row] = option_of(
                deribit_option_terms(parts.base),
                symbol=symbol,
                expiry_ns=expiry_ns,
                strike=float(parts.strike),
                right=parts.right,
            )
    return chain


def _parts_of(table: Table, row: int, strike: float | None, faults: FaultList) -> DeribitOption | None:
    """The parts of the name of one row, once the row's other columns say the same."""
    columns = table.columns
    text = columns["instrument_name"][row]
    parts = _option_named(text)
    if parts is None:
        faults.add(
            where=table.where(row, "instrument_name"),
            found=shown(text),
            expected="the name of a Deribit option, such as 'BTC-24APR26-88000-C'",
            action="correct the name, or remove the row",
        )
        return None
    claims = (
        ("option_type", parts.right, _TYPES.get(columns["option_type"][row])),
        (
            "expiry_datetime",
            print_instant(deribit_expiry_ns(parts.expiry)),
            _as_utc(columns["expiry_datetime"][row]),
        ),
        # A strike that is no number is a fault already.
        ("strike", float(parts.strike), float(parts.strike) if strike is None else strike),
        ("currency", parts.base.partition("_")[0], columns["currency"][row]),
    )
    add_contradictions(table, row, text, claims, faults)
    return parts


def _option_named(text: str) -> DeribitOption | None:
    try:
        parts = parse_deribit(text)
    except InvalidValueError:
        return None
    return parts if isinstance(parts, DeribitOption) else None


def _rows_of(table: Table, faults: FaultList, underlying: str | None) -> list[int]:
    refuse_empty(table, faults, "a chain")
    coins = table.columns["currency"]
    if underlying is not None and underlying not in coins:
        raise fault(
            where=f"{table.name} column currency",
            found=some(tuple(dict.fromkeys(coins))),
            expected=underlying,
            action="ask for an underlying that the file holds",
        )
    return [row for row, coin in enumerate(coins) if underlying in (None, coin)]


def _underlyings(chain: _Chain, indices: list[float | None], at_ns: int) -> list[UnderlyingQuoted]:
    prices = _by_underlying(chain, indices)
    return [
        UnderlyingQuoted(received_ns=at_ns, underlying=coin, price=median_low(seen))
        for coin, seen in prices.items()
    ]


def _forwards(table: Table, chain: _Chain, prices: list[float | None], at_ns: int) -> list[ForwardQuoted]:
    seen: dict[tuple[str, int], list[float]] = {}
    names: dict[tuple[str, int], str] = {}
    for row, item in chain.listed.items():
        price = prices[row]
        assert price is not None
        key = (item.option_class, item.expiry_ns)
        seen.setdefault(key, []).append(price)
        names.setdefault(key, table.columns["futures_instrument_name"][row])
    return [
        ForwardQuoted(
            received_ns=at_ns,
            option_class=key[0],
            expiry_ns=key[1],
            price=median_low(seen[key]),
            symbol=names[key],
        )
        for key in sorted(seen)
    ]


def _moved(chain: _Chain, indices: list[float | None]) -> tuple[Note, ...]:
    """How far each index moved while the rows were asked for, where that was more than a basis point."""
    notes: list[Note] = []
    for coin, seen in _by_underlying(chain, indices).items():
        moved_bp = (max(seen) / min(seen) - 1.0) * 1e4
        if moved_bp > 1.0:
            text = f"the {coin} index moved {moved_bp:.0f} bp while the rows were asked for; the middle value is taken"
            notes.append(Note(kind="moved", text=text, count=len(set(seen))))
    return tuple(notes)


def _by_underlying(chain: _Chain, values: list[float | None]) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {}
    for row, item in chain.listed.items():
        value = values[row]
        assert value is not None
        out.setdefault(item.underlying, []).append(value)
    return out


def _marks_outside(table: Table, chain: _Chain, bids: list[int | None], asks: list[int | None]) -> int:
    marks = table.optional("mark_price")
    count = 0
    for row in chain.listed:
        mark, bid, ask = number_of(marks[row]), bids[row], asks[row]
        if mark is None:
            continue
        ticks = mark * TICKS_PER_UNIT
        count += (bid is not None and ticks < bid) or (ask is not None and ticks > ask)
    return count


def _refuse_the_past(name: str, taken_ns: int, at_ns: int, faults: FaultList) -> None:
    if at_ns < taken_ns:
        faults.add(
            where=f"{name} column timestamp",
            found=print_instant(taken_ns),
            expected=f"rows from before {print_instant(at_ns)}, the time asked for",
            action="ask for a later time, or read an earlier snapshot",
        )


def _file_by(folder: Path, at_ns: int | None) -> Path:
    times = {
        file: instant_of(peek(file).get("timestamp", "")) for file in csv_files(folder) if _has_columns(file)
    }
    known = sorted((time, file) for file, time in times.items() if time is not None)
    if len(times) == 1:
        return next(iter(times))
    by = [file for time, file in known if at_ns is not None and time <= at_ns]
    if by:
        return by[-1]
    listed = [print_instant(time) for time, _ in known]
    raise fault(
        where=folder.name,
        found=f"{len(times)} snapshots, of {some(listed, 40)}",
        expected="a time to choose by" if at_ns is None else f"one taken by {print_instant(at_ns)}",
        action="give the time of the snapshot (at), or name one file",
    )


def _no_series(name: str, at_ns: int) -> FaultsError:
    return fault(
        where=name,
        found=f"no coin-settled option alive at {print_instant(at_ns)}",
        expected="at least one that expires later",
        action="ask for an earlier time, or read another file",
    )


def _as_utc(text: str) -> str | None:
    instant = instant_of(text)
    return None if instant is None else print_instant(instant)


def _has_columns(file: Path) -> bool:
    return set(COLUMNS) <= set(peek(file))
