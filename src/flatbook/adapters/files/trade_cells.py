"""The cells that every file of trades or orders has: contract, side, quantity and price, each with its faults."""

from dataclasses import dataclass, field

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.fields import number_of, ticks_of, whole_of
from flatbook.adapters.files.instants import local_time, print_instant
from flatbook.adapters.files.tables import Table
from flatbook.adapters.symbols.expiry import expiry_date
from flatbook.model.instruments import Instrument, Kind, Side
from flatbook.model.table import InstrumentTable

SIDES = {"buy": Side.BUY, "b": Side.BUY, "sell": Side.SELL, "s": Side.SELL}


@dataclass(slots=True, kw_only=True)
class TradeCells:
    """Reads one cell at a time; what is wrong with it is kept in `faults`."""

    rows: Table
    faults: FaultList
    table: InstrumentTable
    at_ns: int
    names: tuple[str, ...]  # of the columns
    cells: dict[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Take the columns, empty where the file has none."""
        self.cells = {name: self.rows.optional(name) for name in self.names}

    def side(self, row: int) -> Side | None:
        """Ours; None where the cell has a fault."""
        side = SIDES.get(self.text(row, "side").lower())
        if side is None:
            self.wrong(row, "side", "buy or sell", "correct the side: ours, not the other's")
        return side

    def instrument(self, row: int, symbol: str) -> Instrument | None:
        """The contract, listed and alive; None where there is none."""
        number = self.table.rows.get(symbol)
        if number is None:
            gone = expiry_date(symbol)
            if gone is not None and gone <= local_time(self.at_ns, "UTC").date():
                expected = f"a contract alive at {print_instant(self.at_ns)}; this one expired on {gone}"
                self.wrong(row, "symbol", expected, "settle it and leave it out, or value earlier")
                return None
            self.wrong(
                row, "symbol", "a listed instrument", "correct the symbol, or read a market that lists it"
            )
            return None
        item = self.table.instruments[number]
        if 0 < item.expiry_ns <= self.at_ns:
            expected = f"a contract alive at {print_instant(self.at_ns)}; this one expired at {print_instant(item.expiry_ns)}"
            self.wrong(row, "symbol", expected, "settle it and leave it out, or value earlier")
        return item

    def quantity(self, row: int) -> int | None:
        """Contracts above 0; None where the cell has a fault."""
        quantity = whole_of(self.text(row, "quantity"))
        if quantity is None or quantity <= 0:
            self.wrong(
                row,
                "quantity",
                "a whole number of contracts above 0",
                "correct it: direction belongs in side",
            )
            return None
        return quantity

    def price(self, row: int, item: Instrument | None) -> int | None:
        """Whole ticks of `item`; None where the cell has a fault."""
        price = number_of(self.text(row, "price"))
        if price is None:
            self.wrong(row, "price", "a number", "correct the price")
            return None
        if item is None:
            return None
        if price < 0.0 and item.kind is not Kind.FUTURE:
            self.wrong(row, "price", f"a price of 0 or above for an {item.kind.value}", "correct the price")
            return None
        ticks = ticks_of(price, item.ticks_per_unit)
        if ticks is None:
            self.wrong(row, "price", f"a price on the grid of 1/{item.ticks_per_unit}", "correct the price")
        return ticks

    def text(self, row: int, column: str) -> str:
        """The cell without spaces around it."""
        return self.cells[column][row].strip()

    def wrong(self, row: int, column: str, expected: str, action: str) -> None:
        """Keep a fault of a cell."""
        found = shown(self.text(row, column))
        self.faults.add(where=self.rows.where(row, column), found=found, expected=expected, action=action)
