"""Fills as rows of text, in the columns of our fills file (docs/file-formats.md)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from flatbook.model.events import Fill, FillBusted, FillCorrected
from flatbook.model.instruments import Instrument
from flatbook.sim.flow import FillEvent

COLUMNS = (
    "time", "fill_id", "symbol", "side", "quantity", "price", "capacity", "venue", "fee", "action", "refers_to",
)  # fmt: skip
Row = tuple[str, ...]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fill_rows(fills: Iterable[FillEvent], instruments: Iterable[Instrument]) -> list[Row]:
    """One row an event, in the order of `COLUMNS`; times in UTC, prices in price units, sides ours.

    `fills` are in the order in which they reached us: a correction or bust comes after its fill, and `instruments`
    holds every contract in them.
    """
    per_unit = {item.symbol: item.ticks_per_unit for item in instruments}
    traded: dict[str, str] = {}
    rows: list[Row] = []
    for event in fills:
        match event:
            case Fill():
                traded[event.fill_id] = event.instrument
                rows.append(_fill(event, per_unit[event.instrument]))
            case FillCorrected():
                symbol = traded[event.fill_id]
                rows.append(_correction(event, symbol, per_unit[symbol]))
            case FillBusted():
                rows.append(_bust(event, traded[event.fill_id]))
    return rows


def _fill(event: Fill, per_unit: int) -> Row:
    return (
        _time(event.traded_ns),
        event.fill_id,
        event.instrument,
        event.side.name.lower(),
        str(event.quantity),
        repr(event.price_ticks / per_unit),
        event.capacity.value,
        event.venue,
        repr(event.fee),
        "new",
        "",
    )


def _correction(event: FillCorrected, symbol: str, per_unit: int) -> Row:
    price = repr(event.price_ticks / per_unit)
    time, quantity = _time(event.corrected_ns), str(event.quantity)
    return (time, event.correction_id, symbol, "", quantity, price, "", "", "", "correct", event.fill_id)


def _bust(event: FillBusted, symbol: str) -> Row:
    return (
        _time(event.busted_ns or event.received_ns),
        event.bust_id,
        symbol,
        "",
        "",
        "",
        "",
        "",
        "",
        "bust",
        event.fill_id,
    )


def _time(instant_ns: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=instant_ns // 1_000_000)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
