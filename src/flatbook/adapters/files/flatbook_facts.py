"""Facts in flatbook's own tables: quotes, prices of underlyings and forwards, rates, dividends."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.fields import (
    number_of,
    read_column,
    read_instants,
    read_positive,
    read_quotes,
    read_sizes,
)
from flatbook.adapters.files.instants import SECOND_NS, print_instant
from flatbook.adapters.files.rows import add_repeat
from flatbook.adapters.files.tables import Table
from flatbook.adapters.symbols.osi import compact_osi
from flatbook.model.events import DividendsSeen, ForwardQuoted, QuotesSeen, RatesSeen, UnderlyingQuoted
from flatbook.model.instruments import Instrument

STALE_NS = 300 * SECOND_NS
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which rows count."""

    at_ns: int
    underlying: str | None
    named: frozenset[str]  # every symbol of the table of instruments, also of rows with a fault
    listed: dict[str, Instrument]

    def wants(self, underlying: str) -> bool:
        """Whether this underlying was asked for."""
        return self.underlying is None or underlying == self.underlying

    @cached_property
    def wanted(self) -> tuple[Instrument, ...]:
        """What was asked for, expired or not."""
        return tuple(item for item in self.listed.values() if self.wants(item.underlying))

    @cached_property
    def alive(self) -> dict[str, Instrument]:
        """What was asked for and has not expired."""
        return {item.symbol: item for item in self.wanted if not 0 < item.expiry_ns <= self.at_ns}


@dataclass(frozen=True, slots=True, kw_only=True)
class LastQuotes:
    """The last quote of each contract, and what was passed over."""

    seen: QuotesSeen
    late: int  # rows from after the time
    old: int  # quotes more than five minutes old


def last_quotes(table: Table, times: list[int | None], scope: Scope, faults: FaultList) -> LastQuotes:
    """The last quote of each contract by the time; `times` is the table's first column, read."""
    symbols = [compact_osi(text.strip()) for text in table.columns["symbol"]]
    per_unit = [_ticks_per_unit(table, row, symbol, scope, faults) for row, symbol in enumerate(symbols)]
    bids, asks = (read_quotes(table, column, per_unit, faults) for column in ("bid", "ask"))
    bid_sizes, ask_sizes = (read_sizes(table, column, faults) for column in ("bid_size", "ask_size"))
    last = _last_rows(table, "symbol", symbols, times, scope.at_ns, faults)
    alive = scope.alive
    rows = [row for symbol, row in last.items() if symbol in alive]
    quotes = QuotesSeen(
        received_ns=scope.at_ns,
        symbols=tuple(symbols[row] for row in rows),
        bid_ticks=tuple(bids[row] for row in rows),
        ask_ticks=tuple(asks[row] for row in rows),
        bid_sizes=tuple(bid_sizes[row] for row in rows) if bid_sizes else (),
        ask_sizes=tuple(ask_sizes[row] for row in rows) if ask_sizes else (),
    )
    late = sum(1 for time in times if time is not None and time > scope.at_ns)
    old = sum(1 for row in rows if (times[row] or 0) < scope.at_ns - STALE_NS)
    return LastQuotes(seen=quotes, late=late, old=old)


def _ticks_per_unit(table: Table, row: int, symbol: str, scope: Scope, faults: FaultList) -> int:
    item = scope.listed.get(symbol)
    if item is not None:
        return item.ticks_per_unit
    if symbol not in scope.named:
        faults.add(
            where=table.where(row, "symbol"),
            found=shown(symbol),
            expected="a symbol that stands in the table of instruments",
            action="add the instrument, or correct the symbol",
        )
    return 1_000_000_000  # any price stands on this grid: one fault is enough


def underlyings(table: Table, scope: Scope, faults: FaultList) -> list[UnderlyingQuoted]:
    """The last price of each underlying by the time."""
    names = table.columns["underlying"]
    times = read_instants(table, "time", faults)
    prices = read_positive(table, "price", faults)
    last = _last_rows(table, "underlying", names, times, scope.at_ns, faults)
    needed = dict.fromkeys(item.underlying for item in scope.alive.values())
    for name in needed:
        if name not in last:
            faults.add(
                where=f"{table.name} column underlying",
                found=f"no price of {name} by {print_instant(scope.at_ns)}",
                expected="a price of every underlying of an instrument",
                action="add a row for it",
            )
    return [
        UnderlyingQuoted(received_ns=scope.at_ns, underlying=name, price=price)
        for name, row in last.items()
        if scope.wants(name) and (price := prices[row]) is not None
    ]


def forwards(table: Table, scope: Scope, faults: FaultList) -> list[ForwardQuoted]:
    """The last price of the future that each listed expiry settles into."""
    classes, symbols = table.columns["option_class"], table.optional("symbol")
    times = read_instants(table, "time", faults)
    expiries = read_instants(table, "expiry", faults)
    prices = read_positive(table, "price", faults)
    keys = list(zip(classes, expiries, strict=True))
    last = _last_rows(table, "expiry", keys, times, scope.at_ns, faults)
    traded = {(item.option_class, item.expiry_ns) for item in scope.alive.values()}
    out: list[ForwardQuoted] = []
    for (option_class, expiry_ns), row in last.items():
        price = prices[row]
        if expiry_ns is not None and price is not None and (option_class, expiry_ns) in traded:
            out.append(
                ForwardQuoted(
                    received_ns=scope.at_ns,
                    option_class=option_class,
                    expiry_ns=expiry_ns,
                    price=price,
                    symbol=symbols[row],
                )
            )
    return out


def rates(table: Table, scope: Scope, faults: FaultList) -> list[RatesSeen]:
    """One zero curve for each currency."""
    curves = _by_name(
        table,
        table.columns["currency"],
        read_instants(table, "maturity", faults),
        read_column(
            table,
            "rate",
            faults,
            parse=_rate_of,
            expected="an annual decimal from -1 to 1",
            action="write 5 % as 0.05",
        ),
        faults,
    )
    return [
        RatesSeen(
            received_ns=scope.at_ns, currency=name, maturity_ns=tuple(curve), rate=tuple(curve.values())
        )
        for name, curve in curves.items()
    ]


def dividends(table: Table, scope: Scope, faults: FaultList) -> list[DividendsSeen]:
    """The dividends still to come of each underlying."""
    days = _by_name(
        table,
        table.columns["underlying"],
        read_instants(table, "ex_time", faults),
        read_positive(table, "amount", faults),
        faults,
    )
    out: list[DividendsSeen] = []
    for name, paid in days.items():
        ahead = {ex_ns: amount for ex_ns, amount in paid.items() if ex_ns > scope.at_ns}
        if ahead and scope.wants(name):
            out.append(
                DividendsSeen(
                    received_ns=scope.at_ns, underlying=name, ex_ns=tuple(ahead), amount=tuple(ahead.values())
                )
            )
    return out


def _by_name(
    table: Table,
    names: Iterable[str],
    instants: list[int | None],
    values: list[float | None],
    faults: FaultList,
) -> dict[str, dict[int, float]]:
    """Values by name and ascending instant."""
    out: dict[str, dict[int, float]] = {}
    first: dict[tuple[str, int], int] = {}
    column = next(iter(table.columns))
    for row, (name, instant, value) in enumerate(zip(names, instants, values, strict=True)):
        if instant is None or value is None:
            continue
        if first.setdefault((name, instant), row) != row:
            add_repeat(table, column, row, first[name, instant], faults)
        out.setdefault(name, {})[instant] = value
    return {name: dict(sorted(points.items())) for name, points in out.items()}


def _last_rows(
    table: Table, column: str, keys: Iterable[_Key], times: list[int | None], at_ns: int, faults: FaultList
) -> dict[_Key, int]:
    """For every key the row of its latest time by `at_ns`, in order of first appearance."""
    last: dict[_Key, int] = {}
    first: dict[tuple[_Key, int], int] = {}
    for row, (key, time) in enumerate(zip(keys, times, strict=True)):
        if time is None or time > at_ns:
            continue
        if first.setdefault((key, time), row) != row:
            add_repeat(table, column, row, first[key, time], faults)
        before = times[last[key]] if key in last else None
        if before is None or time >= before:
            last[key] = row
    return last


def _rate_of(text: str) -> float | None:
    value = number_of(text)
    return value if value is not None and -1.0 <= value <= 1.0 else None
