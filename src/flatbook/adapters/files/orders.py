"""Orders at work, or trades that somebody thinks of, from a CSV or Parquet file: symbol, side, quantity, price.

Columns: docs/file-formats.md. Rows of one symbol add up; a price may be missing where the question does not need one.
"""

from dataclasses import dataclass
from pathlib import Path

from flatbook.adapters.files.faults import FaultList
from flatbook.adapters.files.tables import Table, read_table
from flatbook.adapters.files.trade_cells import TradeCells
from flatbook.adapters.symbols.osi import compact_osi
from flatbook.model.events import OrdersWorking
from flatbook.model.instruments import Side
from flatbook.model.table import InstrumentTable

COLUMNS = ("symbol", "side", "quantity")
OPTIONAL = ("price",)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One row of the file."""

    symbol: str
    side: Side  # ours
    quantity: int  # contracts, positive
    price_ticks: int | None  # None: at whatever price


def read_orders(path: Path, *, table: InstrumentTable, at_ns: int) -> OrdersWorking:
    """Read orders and check each against what is listed.

    Parameters
    ----------
    path : Path
        A `.csv`, `.csv.gz` or `.parquet` file; one with a header alone is no order.
    table : InstrumentTable
        What may be traded.
    at_ns : int
        Time of valuation, UTC nanoseconds; `received_ns` of the event.

    Raises
    ------
    FaultsError
        Everything that is wrong with the file, at once.
    """
    faults = FaultList(path.name)
    return parse_orders(read_table(path, COLUMNS, faults), faults, table=table, at_ns=at_ns)


def parse_orders(rows: Table, faults: FaultList, *, table: InstrumentTable, at_ns: int) -> OrdersWorking:
    """The orders in a table of this format, in its order.

    Raises
    ------
    FaultsError
        Everything that is wrong with the rows, at once, with what `faults` held before.
    """
    cells = TradeCells(rows=rows, faults=faults, table=table, at_ns=at_ns, names=(*COLUMNS, *OPTIONAL))
    found = [_order(cells, row) for row in range(len(rows.lines))]
    faults.raise_all()
    orders = [order for order in found if order is not None]
    return OrdersWorking(
        received_ns=at_ns,
        symbols=tuple(order.symbol for order in orders),
        sides=tuple(order.side for order in orders),
        quantities=tuple(order.quantity for order in orders),
        price_ticks=tuple(order.price_ticks for order in orders),
    )


def _order(cells: TradeCells, row: int) -> OrderRow | None:
    item = cells.instrument(row, compact_osi(cells.text(row, "symbol")))
    side, quantity = cells.side(row), cells.quantity(row)
    price = cells.price(row, item) if cells.text(row, "price") else None
    if item is None or side is None or quantity is None:
        return None
    return OrderRow(symbol=item.symbol, side=side, quantity=quantity, price_ticks=price)
