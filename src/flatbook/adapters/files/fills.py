"""Our fills from a CSV or Parquet file: trades, corrections of trades, busts.

Columns: docs/file-formats.md. A repeat of a row is data (venues repeat themselves, the book counts a fill once); two
rows that disagree under one id are a fault.
"""

from dataclasses import dataclass, field
from pathlib import Path

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.fields import number_of, read_instants, ticks_of, whole_of
from flatbook.adapters.files.instants import local_time, print_instant
from flatbook.adapters.files.snapshot import Note, counted
from flatbook.adapters.files.tables import Table, read_table
from flatbook.adapters.symbols.expiry import expiry_date
from flatbook.adapters.symbols.osi import compact_osi
from flatbook.model.events import Capacity, Fill, FillBusted, FillCorrected
from flatbook.model.instruments import Instrument, Kind, Side
from flatbook.model.table import InstrumentTable

COLUMNS = ("time", "fill_id", "symbol", "side", "quantity", "price")
OPTIONAL = ("capacity", "venue", "counterparty", "account", "strategy", "fee", "action", "refers_to")
SIDES = {"buy": Side.BUY, "b": Side.BUY, "sell": Side.SELL, "s": Side.SELL}
ACTIONS = ("new", "correct", "bust")
FillEvent = Fill | FillCorrected | FillBusted


@dataclass(frozen=True, slots=True, kw_only=True)
class FillsFile:
    """The fills in a file, in its order."""

    events: tuple[FillEvent, ...]
    notes: tuple[Note, ...]


def read_fills(path: Path, *, table: InstrumentTable, at_ns: int) -> FillsFile:
    """Read fills and check each against what is listed.

    Parameters
    ----------
    path : Path
        A `.csv`, `.csv.gz` or `.parquet` file; one with a header alone is a flat book.
    table : InstrumentTable
        What may have been traded.
    at_ns : int
        Time of valuation, UTC nanoseconds; `received_ns` of every event.

    Raises
    ------
    FaultsError
        Everything that is wrong with the file, at once.
    """
    faults = FaultList(path.name)
    return parse_fills(read_table(path, COLUMNS, faults), faults, table=table, at_ns=at_ns)


def parse_fills(rows: Table, faults: FaultList, *, table: InstrumentTable, at_ns: int) -> FillsFile:
    """The fills in a table of this format.

    Raises
    ------
    FaultsError
        Everything that is wrong with the rows, at once, with what `faults` held before.
    """
    times = read_instants(rows, "time", faults)
    reader = _Reader(rows=rows, faults=faults, table=table, at_ns=at_ns, traded=_traded_symbols(rows))
    events = [reader.event(row, time) for row, time in enumerate(times)]
    repeats = _repeats(rows, events, faults)
    faults.raise_all()
    return FillsFile(
        events=tuple(event for event in events if event is not None),
        notes=counted(
            "repeated", repeats, "rows repeat an earlier one word for word; the book counts each fill once"
        ),
    )


def _traded_symbols(rows: Table) -> dict[str, str]:
    """Symbol by id of everything that a correction or a bust may refer to: fills, and corrections of fills."""
    ids, symbols, actions, refers = (
        [cell.strip() for cell in rows.optional(name)]
        for name in ("fill_id", "symbol", "action", "refers_to")
    )
    words = [action.lower() or "new" for action in actions]
    found = {
        name: compact_osi(symbol)
        for name, symbol, word in zip(ids, symbols, words, strict=True)
        if word == "new"
    }
    changes = {name: to for name, to, word in zip(ids, refers, words, strict=True) if word != "new"}
    for name, changed in changes.items():
        walked, root = {name}, changed
        while root not in found and root in changes and root not in walked:
            walked.add(root)
            root = changes[root]
        if root in found:
            found.setdefault(name, found[root])
    return found


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Reads one row at a time; a row with a fault gives no event."""

    rows: Table
    faults: FaultList
    table: InstrumentTable
    at_ns: int
    traded: dict[str, str]
    cells: dict[str, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        names = (*COLUMNS, *OPTIONAL)
        self.cells = {name: self.rows.optional(name) for name in names}

    def event(self, row: int, time_ns: int | None) -> FillEvent | None:
        """The event of one row, or None where the row has a fault."""
        before = self.faults.count
        fill_id = self._text(row, "fill_id")
        if not fill_id:
            self._wrong(
                row,
                "fill_id",
                "the venue's id of the trade",
                "fill in the id: it tells a repeat from a second trade",
            )
        if time_ns is not None and time_ns > self.at_ns:
            self._wrong(
                row,
                "time",
                f"a time up to {print_instant(self.at_ns)}, the time of valuation",
                "remove the fill, or value later",
            )
        action = self._text(row, "action").lower() or "new"
        match action:
            case "new":
                event: FillEvent | None = self._fill(row, fill_id, time_ns)
            case "correct":
                event = self._correction(row, fill_id, time_ns)
            case "bust":
                event = self._bust(row, fill_id)
            case _:
                event = None
                self._wrong(
                    row, "action", f"one of {', '.join(ACTIONS)}, or nothing for new", "correct the action"
                )
        return event if self.faults.count == before and time_ns is not None else None

    def _fill(self, row: int, fill_id: str, time_ns: int | None) -> Fill | None:
        item = self._instrument(row, compact_osi(self._text(row, "symbol")))
        side = SIDES.get(self._text(row, "side").lower())
        if side is None:
            self._wrong(row, "side", "buy or sell", "correct the side: ours, not the other's")
        quantity, price_ticks = self._quantity(row), self._price(row, item)
        capacity, fee = self._capacity(row), self._fee(row)
        if item is None or side is None or quantity is None or price_ticks is None or time_ns is None:
            return None
        return Fill(
            received_ns=self.at_ns,
            fill_id=fill_id,
            instrument=item.symbol,
            side=side,
            quantity=quantity,
            price_ticks=price_ticks,
            traded_ns=time_ns,
            capacity=capacity,
            venue=self._text(row, "venue"),
            counterparty=self._text(row, "counterparty"),
            account=self._text(row, "account"),
            strategy=self._text(row, "strategy"),
            fee=fee,
        )

    def _correction(self, row: int, fill_id: str, time_ns: int | None) -> FillCorrected | None:
        refers_to, symbol = self._referred(row)
        item = self._instrument(row, symbol) if symbol else None
        quantity, price_ticks = self._quantity(row), self._price(row, item)
        if quantity is None or price_ticks is None or time_ns is None:
            return None
        return FillCorrected(
            received_ns=self.at_ns,
            correction_id=fill_id,
            fill_id=refers_to,
            quantity=quantity,
            price_ticks=price_ticks,
            corrected_ns=time_ns,
        )

    def _bust(self, row: int, fill_id: str) -> FillBusted:
        refers_to, _ = self._referred(row)
        return FillBusted(received_ns=self.at_ns, bust_id=fill_id, fill_id=refers_to)

    def _referred(self, row: int) -> tuple[str, str]:
        """Id and symbol of the fill that a correction or a bust is about; no symbol where there is none."""
        refers_to = self._text(row, "refers_to")
        symbol = self.traded.get(refers_to, "")
        named = compact_osi(self._text(row, "symbol"))
        if not symbol:
            self._wrong(
                row, "refers_to", "the fill_id of another row of this file", "correct the id, or add the fill"
            )
        elif named and named != symbol:
            self._wrong(
                row,
                "symbol",
                f"{symbol}, as the fill {refers_to} has it, or nothing",
                "correct the symbol or refers_to",
            )
        return refers_to, symbol

    def _instrument(self, row: int, symbol: str) -> Instrument | None:
        number = self.table.rows.get(symbol)
        if number is None:
            gone = expiry_date(symbol)
            if gone is not None and gone <= local_time(self.at_ns, "UTC").date():
                expected = f"a contract alive at {print_instant(self.at_ns)}; this one expired on {gone}"
                self._wrong(row, "symbol", expected, "settle it and remove its fills, or value earlier")
                return None
            self._wrong(
                row, "symbol", "a listed instrument", "correct the symbol, or read a market that lists it"
            )
            return None
        item = self.table.instruments[number]
        if 0 < item.expiry_ns <= self.at_ns:
            expected = f"a contract alive at {print_instant(self.at_ns)}; this one expired at {print_instant(item.expiry_ns)}"
            self._wrong(row, "symbol", expected, "settle it and remove its fills, or value earlier")
        return item

    def _quantity(self, row: int) -> int | None:
        quantity = whole_of(self._text(row, "quantity"))
        if quantity is None or quantity <= 0:
            self._wrong(
                row,
                "quantity",
                "a whole number of contracts above 0",
                "correct it: direction belongs in side",
            )
            return None
        return quantity

    def _price(self, row: int, item: Instrument | None) -> int | None:
        price = number_of(self._text(row, "price"))
        if price is None:
            self._wrong(row, "price", "a number", "correct the price")
            return None
        if item is None:
            return None
        if price < 0.0 and item.kind is not Kind.FUTURE:
            self._wrong(row, "price", f"a price of 0 or above for an {item.kind.value}", "correct the price")
            return None
        ticks = ticks_of(price, item.ticks_per_unit)
        if ticks is None:
            self._wrong(row, "price", f"a price on the grid of 1/{item.ticks_per_unit}", "correct the price")
        return ticks

    def _capacity(self, row: int) -> Capacity:
        text = self._text(row, "capacity").lower()
        if text and text not in set(Capacity):
            self._wrong(row, "capacity", f"one of {', '.join(Capacity)}, or nothing", "correct the capacity")
            return Capacity.UNKNOWN
        return Capacity(text) if text else Capacity.UNKNOWN

    def _fee(self, row: int) -> float:
        text = self._text(row, "fee")
        fee = number_of(text) if text else 0.0
        if fee is None:
            self._wrong(row, "fee", "a number (negative for a rebate), or nothing", "correct the fee")
        return fee or 0.0

    def _text(self, row: int, column: str) -> str:
        return self.cells[column][row].strip()

    def _wrong(self, row: int, column: str, expected: str, action: str) -> None:
        found = shown(self._text(row, column))
        self.faults.add(where=self.rows.where(row, column), found=found, expected=expected, action=action)


def _repeats(rows: Table, events: list[FillEvent | None], faults: FaultList) -> int:
    """How many events repeat an earlier one under its id; a fault where they disagree."""
    first: dict[str, int] = {}
    repeats = 0
    for row, event in enumerate(events):
        if event is None:
            continue
        fill_id = rows.columns["fill_id"][row].strip()
        before = first.setdefault(fill_id, row)
        if before == row:
            continue
        if events[before] == event:
            repeats += 1
            continue
        faults.add(
            where=rows.where(row, "fill_id"),
            found=f"{shown(fill_id)} again, with other terms than on {rows.counted_in} {rows.lines[before]}",
            expected="one trade under one id, or an exact repeat",
            action="give the second trade its own id, or write a correction (action correct, refers_to the id)",
        )
    return repeats
