"""Writes a snapshot as flatbook's own tables; the same events give the same bytes."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from flatbook.adapters.files.flatbook_instruments import OPTIONAL, REQUIRED, print_tick_table
from flatbook.adapters.files.instants import print_instant
from flatbook.model.events import (
    DividendsSeen,
    Event,
    ForwardQuoted,
    InstrumentsListed,
    QuotesSeen,
    RatesSeen,
    UnderlyingQuoted,
)
from flatbook.model.instruments import Instrument

Row = Sequence[str]


def write_tables(folder: Path, events: Iterable[Event], at_ns: int) -> None:
    """Write the market events among `events` to CSV tables in `folder`, as they stand at `at_ns`.

    Prices are written in price units, times as ISO 8601 in UTC. A later event of one kind and name replaces an earlier.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, (header, rows) in tables_of(tuple(events), at_ns).items():
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        (folder / f"{name}.csv").write_bytes(text.getvalue().encode())


def tables_of(events: tuple[Event, ...], at_ns: int) -> dict[str, tuple[Row, list[Row]]]:
    """Header and rows of every table, by name; tables that nothing fills are left out but for those a reader needs."""
    listed = {
        item.symbol: item
        for event in events
        if isinstance(event, InstrumentsListed)
        for item in event.instruments
    }
    time = print_instant(at_ns)
    underlyings = {event.underlying: event for event in events if isinstance(event, UnderlyingQuoted)}
    forwards = {(e.option_class, e.expiry_ns): e for e in events if isinstance(e, ForwardQuoted)}
    rates = {event.currency: event for event in events if isinstance(event, RatesSeen)}
    dividends = {event.underlying: event for event in events if isinstance(event, DividendsSeen)}
    tables: dict[str, tuple[Row, list[Row]]] = {
        "instruments": _instruments(tuple(listed.values())),
        "quotes": _quotes(events, listed, time),
        "underlyings": (
            ("time", "underlying", "price"),
            [(time, name, repr(e.price)) for name, e in underlyings.items()],
        ),
        "forwards": (
            ("time", "option_class", "expiry", "price", "symbol"),
            [
                (time, e.option_class, print_instant(e.expiry_ns), repr(e.price), e.symbol)
                for e in forwards.values()
            ],
        ),
        "rates": (
            ("currency", "maturity", "rate"),
            [
                (name, print_instant(maturity_ns), repr(rate))
                for name, e in rates.items()
                for maturity_ns, rate in zip(e.maturity_ns, e.rate, strict=True)
            ],
        ),
        "dividends": (
            ("underlying", "ex_time", "amount"),
            [
                (name, print_instant(ex_ns), repr(amount))
                for name, e in dividends.items()
                for ex_ns, amount in zip(e.ex_ns, e.amount, strict=True)
            ],
        ),
    }
    needed = ("instruments", "quotes", "underlyings")
    return {name: table for name, table in tables.items() if table[1] or name in needed}


def _quotes(events: tuple[Event, ...], listed: dict[str, Instrument], time: str) -> tuple[Row, list[Row]]:
    seen = [event for event in events if isinstance(event, QuotesSeen)]
    sized = any(event.bid_sizes or event.ask_sizes for event in seen)
    last: dict[str, Row] = {}
    for event in seen:
        nothing = (None,) * len(event.symbols)
        columns = (event.bid_ticks, event.ask_ticks, event.bid_sizes or nothing, event.ask_sizes or nothing)
        for symbol, bid, ask, bid_size, ask_size in zip(event.symbols, *columns, strict=True):
            per_unit = listed[symbol].ticks_per_unit
            sizes = (_cell(bid_size), _cell(ask_size)) if sized else ()
            last[symbol] = (time, symbol, _price(bid, per_unit), _price(ask, per_unit), *sizes)
    header = ("time", "symbol", "bid", "ask", *(("bid_size", "ask_size") if sized else ()))
    return header, list(last.values())


def _instruments(listed: tuple[Instrument, ...]) -> tuple[Row, list[Row]]:
    """Delivery has a column where a contract says more of it than its style does."""
    told = any(item.delivery is not None for item in listed)
    columns = tuple(name for name in (*REQUIRED, *OPTIONAL) if told or name != "delivery")
    return columns, [_instrument_row(item)[: len(columns)] for item in listed]


def _instrument_row(item: Instrument) -> Row:
    return (
        item.symbol,
        item.underlying,
        item.kind.value,
        repr(item.multiplier),
        item.currency,
        str(item.ticks_per_unit),
        print_tick_table(item.tick_table),
        item.option_class,
        print_instant(item.expiry_ns) if item.expiry_ns else "",
        repr(item.strike) if item.strike else "",
        item.right.name.lower() if item.right is not None else "",
        item.style.value,
        item.settlement.value,
        item.payoff.value,
        repr(item.beta),
        repr(item.price_ratio),
        item.delivery.value if item.delivery is not None else "",
    )


def _price(ticks: int | None, ticks_per_unit: int) -> str:
    return "" if ticks is None else repr(ticks / ticks_per_unit)


def _cell(value: int | None) -> str:
    return "" if value is None else str(value)
