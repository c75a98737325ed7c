"""The book as columns, aligned with the instrument table: an immutable snapshot for one cycle."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from flatbook.book.position import FEE_UNITS, FLAT, INVERSE_UNITS, TICK_UNITS, Position
from flatbook.book.state import Book, Conflict, Settlement, net_contracts
from flatbook.model.instruments import Kind, Payoff
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What each account holds under each strategy tag: h lines, sorted by row, account and strategy; no line is 0."""

    row: Ints  # int64[h]: of the table
    account: Ints  # int64[h]: index into `accounts`
    strategy: Ints  # int64[h]: index into `strategies`
    quantity: Ints  # int64[h]: contracts, net; lines of one row add up to its position
    accounts: tuple[str, ...]  # sorted; the empty name holds what names none
    strategies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookView:
    """What we hold, per row of the table; every array is read-only.

    `cash` is such that cash plus what the position is worth is its P&L before fees, in the contract's currency:
    the premium received less paid for an option. A coin-settled future is worth -multiplier / price per contract in
    that sum. NaN where it cannot be computed. Of a series that is over nothing is held, and its payoff is cash.
    """

    quantity: Ints  # int64[n]: contracts, net
    settled: Bools  # bool[n]: the series is over
    holdings: Holdings  # the same by account and strategy
    cash: Floats  # float64[n]: currency of the contract
    fees: Floats  # float64[n]: currency paid; NaN while the fee of a live fill is unknown
    bought: Ints  # int64[n]: contracts
    sold: Ints  # int64[n]
    customer_bought: Ints  # int64[n]: contracts that customers bought from us
    customer_sold: Ints  # int64[n]: contracts that customers sold to us
    capacity_known: bool  # False: no live fill says who traded, and all count as customers'
    fills: int  # live fills
    pending: tuple[str, ...]  # ids of corrections and busts that wait for an unknown fill
    conflicts: tuple[Conflict, ...]


def view(book: Book, table: InstrumentTable) -> BookView:
    """Copy the book into columns aligned with the rows of `table`.

    Parameters
    ----------
    book : Book
        Rows of its positions are rows of `table` or of an earlier version: rows never move.
    table : InstrumentTable
        n instruments.

    Returns
    -------
    BookView
        Arrays of n rows, zero where nothing was traded.
    """
    of_row = {**dict.fromkeys(book.settled, FLAT), **book.positions}
    n, rows, positions = len(table.instruments), list(of_row), list(of_row.values())
    assert all(row < n for row in rows), f"a position beyond the {n} rows of table version {table.version}"
    at = np.array(rows, dtype=np.intp)
    bought = _column(n, at, [position.bought for position in positions])
    sold = _column(n, at, [position.sold for position in positions])
    capacity_known = book.fills_with_capacity > 0
    customers = [(position.customer_bought, position.customer_sold) for position in positions]
    return BookView(
        quantity=_column(n, at, [net_contracts(book, row) for row in rows]),
        settled=_settled(n, book),
        holdings=holdings_of({line: held for line, held in book.held.items() if line[0] not in book.settled}),
        cash=_amounts(n, at, _cash_of(table, book.settled), rows, positions),
        fees=_amounts(n, at, _fees_of(book.settled), rows, positions),
        bought=bought,
        sold=sold,
        customer_bought=_column(n, at, [each[0] for each in customers]) if capacity_known else sold,
        customer_sold=_column(n, at, [each[1] for each in customers]) if capacity_known else bought,
        capacity_known=capacity_known,
        fills=sum(position.fills for position in positions),
        pending=tuple(sorted(name for _, name in book.waiting)),
        conflicts=tuple(book.conflicts.values()),
    )


def holdings_of(held: dict[tuple[int, str, str], int]) -> Holdings:
    """Columns of net contracts by (row, account, strategy)."""
    lines = sorted(held)
    accounts = tuple(sorted({account for _, account, _ in lines}))
    strategies = tuple(sorted({strategy for _, _, strategy in lines}))
    account_index = {name: number for number, name in enumerate(accounts)}
    strategy_index = {name: number for number, name in enumerate(strategies)}
    return Holdings(
        row=_line(row for row, _, _ in lines),
        account=_line(account_index[account] for _, account, _ in lines),
        strategy=_line(strategy_index[strategy] for _, _, strategy in lines),
        quantity=_line(held[line] for line in lines),
        accounts=accounts,
        strategies=strategies,
    )


def _line(values: Iterable[int]) -> Ints:
    column = np.array(list(values), dtype=np.int64)
    column.setflags(write=False)
    return column


def _column(n: int, at: Ints, values: list[int]) -> Ints:
    column = np.zeros(n, dtype=np.int64)
    column[at] = values
    column.setflags(write=False)
    return column


def _amounts(
    n: int, at: Ints, amount: Callable[[int, Position], float], rows: list[int], positions: list[Position]
) -> Floats:
    column = np.zeros(n)
    column[at] = [amount(row, position) for row, position in zip(rows, positions, strict=True)]
    column.setflags(write=False)
    return column


def _settled(n: int, book: Book) -> Bools:
    column = np.zeros(n, dtype=np.bool_)
    column[list(book.settled)] = True
    column.setflags(write=False)
    return column


def _fees_of(settled: dict[int, Settlement]) -> Callable[[int, Position], float]:
    def fees(row: int, position: Position) -> float:
        over = settled.get(row)
        if over is None or not over.event.fee or position.fees_unknown:
            return position.fees
        fee = over.event.fee * FEE_UNITS
        return (position.fee_units + round(fee)) / FEE_UNITS if isfinite(fee) else nan

    return fees


def _cash_of(table: InstrumentTable, settled: dict[int, Settlement]) -> Callable[[int, Position], float]:
    def cash(row: int, position: Position) -> float:
        item, over = table.instruments[row], settled.get(row)
        payoff = 0 if over is None else position.quantity * over.units
        if item.kind is Kind.FUTURE and item.payoff is Payoff.INVERSE:
            if position.prices_not_positive:
                return nan
            return (position.inverse_units - payoff) / INVERSE_UNITS * item.ticks_per_unit * item.multiplier
        units = position.cash_ticks * TICK_UNITS + position.moved_units + payoff
        return units / (TICK_UNITS * item.ticks_per_unit) * item.multiplier

    return cash
