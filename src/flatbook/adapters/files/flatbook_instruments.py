"""The table of instruments in flatbook's own format: one contract a row, every term spelled out."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from flatbook.adapters.files.faults import FaultList, shown
from flatbook.adapters.files.fields import number_of, whole_of
from flatbook.adapters.files.instants import parse_instant
from flatbook.adapters.files.rows import add_repeat, refuse_empty
from flatbook.adapters.files.tables import Table
from flatbook.adapters.symbols.osi import compact_osi
from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Delivery, Instrument, Kind, Payoff, Right, Settlement, Style, TickBand

REQUIRED = ("symbol", "underlying", "kind", "multiplier", "currency", "ticks_per_unit", "tick_table")
OPTIONAL = (
    "option_class", "expiry", "strike", "right", "style", "settlement", "payoff", "beta", "price_ratio",
    "delivery",
)  # fmt: skip
RIGHTS = {"call": Right.CALL, "put": Right.PUT}
_KINDS = {item.value: item for item in Kind}
_STYLES = {item.value: item for item in Style}
_SETTLEMENTS = {item.value: item for item in Settlement}
_PAYOFFS = {item.value: item for item in Payoff}
_DELIVERIES = {item.value: item for item in Delivery}
_Word = TypeVar("_Word", bound=Enum)


def instruments_of(table: Table, faults: FaultList) -> dict[str, Instrument]:
    """Every instrument by symbol, in the order of the rows; what is wrong goes to `faults`."""
    refuse_empty(table, faults, "at least one instrument")
    out: dict[str, Instrument] = {}
    first: dict[str, int] = {}
    for row in range(len(table.lines)):
        item = _Row(table, row, faults).instrument()
        if item is None:
            continue
        if first.setdefault(item.symbol, row) != row:
            add_repeat(table, "symbol", row, first[item.symbol], faults)
        out[item.symbol] = item
    return out


class _Row:
    """One row of the table, read cell by cell; a wrong cell is a fault and spoils the row."""

    def __init__(self, table: Table, row: int, faults: FaultList) -> None:
        self.table, self.row, self.faults = table, row, faults
        self.spoiled = False

    def instrument(self) -> Instrument | None:
        """The instrument, or None where the row has a fault."""
        values = {
            "symbol": compact_osi(self._text("symbol")),
            "underlying": self._text("underlying"),
            "option_class": self._text("option_class"),
            "kind": self._word("kind", _KINDS, None),
            "multiplier": self._number("multiplier", None),
            "currency": self._text("currency"),
            "ticks_per_unit": self._whole("ticks_per_unit"),
            "tick_table": self._tick_table(),
            "expiry_ns": self._expiry(),
            "strike": self._number("strike", 0.0),
            "right": self._word("right", RIGHTS, None) if self._text("right") else None,
            "style": self._word("style", _STYLES, Style.EUROPEAN),
            "settlement": self._word("settlement", _SETTLEMENTS, Settlement.PM),
            "payoff": self._word("payoff", _PAYOFFS, Payoff.LINEAR),
            "beta": self._number("beta", 1.0),
            "price_ratio": self._number("price_ratio", 1.0),
            "delivery": self._word("delivery", _DELIVERIES, None) if self._text("delivery") else None,
        }
        if self.spoiled:
            return None
        try:
            return Instrument(**values)  # type: ignore[arg-type]
        except InvalidValueError as error:
            self.faults.add(
                where=self.table.where(self.row),
                found=str(error),
                expected="a contract that can exist",
                action="correct the row",
            )
            return None

    def _text(self, column: str) -> str:
        cells = self.table.columns.get(column)
        return cells[self.row].strip() if cells else ""

    def _wrong(self, column: str, expected: str) -> None:
        self.spoiled = True
        self.faults.add(
            where=self.table.where(self.row, column),
            found=shown(self._text(column)),
            expected=expected,
            action="correct the cell",
        )

    def _number(self, column: str, default: float | None) -> float | None:
        text = self._text(column)
        value = number_of(text) if text else default
        if value is None:
            self._wrong(column, "a number")
        return value

    def _whole(self, column: str) -> int | None:
        value = whole_of(self._text(column))
        if value is None:
            self._wrong(column, "a whole number")
        return value

    def _word(self, column: str, words: Mapping[str, _Word], default: _Word | None) -> _Word | None:
        text = self._text(column).lower()
        value = words.get(text) if text else default
        if value is None:
            self._wrong(column, f"one of {', '.join(words)}")
        return value

    def _expiry(self) -> int:
        text = self._text("expiry")
        try:
            return parse_instant(text) if text else 0
        except InvalidValueError:
            self._wrong(
                "expiry", "an ISO 8601 time with its zone, or nothing where the contract never expires"
            )
            return 0

    def _tick_table(self) -> tuple[TickBand, ...] | None:
        try:
            return parse_tick_table(self._text("tick_table"))
        except ValueError:
            self._wrong("tick_table", "bands from:step in ticks, split by blanks, such as '0:5 300:10'")
            return None


def parse_tick_table(text: str) -> tuple[TickBand, ...]:
    """Tick bands from `0:5 300:10`: from 0 ticks in steps of 5, from 300 in steps of 10.

    Raises
    ------
    ValueError
        The text is none.
    """
    if not text or len(text) > 200 or not set(text) <= set("0123456789: "):
        msg = f"no tick table: {text[:40]!r}"
        raise ValueError(msg)
    bands = [band.split(":") for band in text.split()]
    return tuple(TickBand(int(start), int(step)) for start, step in bands)


def print_tick_table(bands: tuple[TickBand, ...]) -> str:
    """Tick bands as `parse_tick_table` reads them."""
    return " ".join(f"{band.from_ticks}:{band.step_ticks}" for band in bands)
