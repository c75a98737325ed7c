"""Our fills from a CSV or Parquet file: trades, corrections of trades, busts.

Columns: docs/file-formats.md. A repeat of a row is data (venues repeat themselves, the book counts a fill once); two
rows that disagree under one id are a fault.
"""

from dataclasses import dataclass
from pathlib import Path

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.fields import number_of, read_instants
from flatbook.adapters.files.instants import print_instant
from flatbook.adapters.files.snapshot import Note, counted
from flatbook.adapters.files.tables import Table, read_table
from flatbook.adapters.files.trade_cells import TradeCells
from flatbook.adapters.symbols.osi import compact_osi
from flatbook.model.events import Capacity, Fill, FillBusted, FillCorrected
from flatbook.model.table import InstrumentTable

COLUMNS = ("time", "fill_id", "symbol", "side", "quantity", "price")
OPTIONAL = ("capacity", "venue", "counterparty", "account", "strategy", "fee", "action", "refers_to")
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
class _Reader(TradeCells):
    """Reads one row at a time; a row with a fault gives no event."""

    names: tuple[str, ...] = (*COLUMNS, *OPTIONAL)
    traded: dict[str, str]

    def event(self, row: int, time_ns: int | None) -> FillEvent | None:
        """The event of one row, or None where the row has a fault."""
        before = self.faults.count
        fill_id = self.text(row, "fill_id")
        if not fill_id:
            self.wrong(
                row,
                "fill_id",
                "the venue's id of the trade",
                "fill in the id: it tells a repeat from a second trade",
            )
        if time_ns is not None and time_ns > self.at_ns:
            self.wrong(
                row,
                "time",
                f"a time up to {print_instant(self.at_ns)}, the time of valuation",
                "remove the fill, or value later",
            )
        action = self.text(row, "action").lower() or "new"
        match action:
            case "new":
                event: FillEvent | None = self._fill(row, fill_id, time_ns)
            case "correct":
                event = self._correction(row, fill_id, time_ns)
            case "bust":
                event = self._bust(row, fill_id, time_ns)
            case _:
                event = None
                self.wrong(
                    row, "action", f"one of {', '.join(ACTIONS)}, or nothing for new", "correct the action"
                )
        return event if self.faults.count == before and time_ns is not None else None

    def _fill(self, row: int, fill_id: str, time_ns: int | None) -> Fill | None:
        item = self.instrument(row, compact_osi(self.text(row, "symbol")))
        side = self.side(row)
        quantity, price_ticks = self.quantity(row), self.price(row, item)
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
            venue=self.text(row, "venue"),
            counterparty=self.text(row, "counterparty"),
            account=self.text(row, "account"),
            strategy=self.text(row, "strategy"),
            fee=fee,
        )

    def _correction(self, row: int, fill_id: str, time_ns: int | None) -> FillCorrected | None:
        refers_to, symbol = self._referred(row)
        item = self.instrument(row, symbol) if symbol else None
        quantity, price_ticks = self.quantity(row), self.price(row, item)
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

    def _bust(self, row: int, fill_id: str, time_ns: int | None) -> FillBusted | None:
        refers_to, _ = self._referred(row)
        if time_ns is None:
            return None
        return FillBusted(received_ns=self.at_ns, bust_id=fill_id, fill_id=refers_to, busted_ns=time_ns)

    def _referred(self, row: int) -> tuple[str, str]:
        """Id and symbol of the fill that a correction or a bust is about; no symbol where there is none."""
        refers_to = self.text(row, "refers_to")
        symbol = self.traded.get(refers_to, "")
        named = compact_osi(self.text(row, "symbol"))
        if not symbol:
            self.wrong(
                row, "refers_to", "the fill_id of another row of this file", "correct the id, or add the fill"
            )
        elif named and named != symbol:
            self.wrong(
                row,
                "symbol",
                f"{symbol}, as the fill {refers_to} has it, or nothing",
                "correct the symbol or refers_to",
            )
        return refers_to, symbol

    def _capacity(self, row: int) -> Capacity:
        text = self.text(row, "capacity").lower()
        if text and text not in set(Capacity):
            self.wrong(row, "capacity", f"one of {', '.join(Capacity)}, or nothing", "correct the capacity")
            return Capacity.UNKNOWN
        return Capacity(text) if text else Capacity.UNKNOWN

    def _fee(self, row: int) -> float:
        text = self.text(row, "fee")
        fee = number_of(text) if text else 0.0
        if fee is None:
            self.wrong(row, "fee", "a number (negative for a rebate), or nothing", "correct the fee")
        return fee or 0.0


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
