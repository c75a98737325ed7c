"""Fills from a file."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.adapters.samples import AT, FILLS_HEADER, a_future, an_option, the_fault, the_faults, write

from flatbook.adapters.files.fills import FillsFile, read_fills
from flatbook.adapters.files.instants import parse_instant
from flatbook.model.events import Capacity, Fill, FillBusted, FillCorrected
from flatbook.model.instruments import Side
from flatbook.model.table import InstrumentTable

GONE = an_option("SPXW190503C02900000", expiry_ns=AT)
TABLE = InstrumentTable(version=1, instruments=(an_option(), GONE, a_future()))
TIME = "2019-05-03T14:30:00-04:00"
TIME_NS = parse_instant(TIME)


def _row(**changes: str) -> str:
    cells = {
        "time": TIME, "fill_id": "f1", "symbol": "SPXW190621C02900000", "side": "buy", "quantity": "10", "price": "75.10",
        "capacity": "", "venue": "", "fee": "", "action": "", "refers_to": "",
    }  # fmt: skip
    return ",".join((cells | changes).values())


def _reading(tmp_path: Path, *rows: str) -> Callable[[], FillsFile]:
    file = write(tmp_path / "fills.csv", "\n".join([FILLS_HEADER, *rows]) + "\n")
    return lambda: read_fills(file, table=TABLE, at_ns=AT)


def _read(tmp_path: Path, *rows: str) -> FillsFile:
    return _reading(tmp_path, *rows)()


def test_a_row_becomes_a_fill(tmp_path: Path) -> None:
    row = _row(side="SELL", capacity="Customer", venue="CBOE", fee="-1.25")

    assert (
        Fill(
            received_ns=AT,
            fill_id="f1",
            instrument="SPXW190621C02900000",
            side=Side.SELL,
            quantity=10,
            price_ticks=7510,
            traded_ns=TIME_NS,
            capacity=Capacity.CUSTOMER,
            venue="CBOE",
            fee=-1.25,
        ),
    ) == _read(tmp_path, row).events


@pytest.mark.parametrize(
    ("text", "side"), [("b", Side.BUY), ("S", Side.SELL), ("Buy", Side.BUY), (" sell ", Side.SELL)]
)
def test_sides_are_read_in_any_case(tmp_path: Path, text: str, side: Side) -> None:
    (fill,) = _read(tmp_path, _row(side=text)).events

    assert side == fill.side


def test_padded_symbols_and_whole_floats_are_understood(tmp_path: Path) -> None:
    (fill,) = _read(tmp_path, _row(symbol="SPXW  190621C02900000", quantity="10.0")).events

    assert (fill.instrument, fill.quantity) == ("SPXW190621C02900000", 10)


def test_corrections_and_busts_name_what_they_change(tmp_path: Path) -> None:
    changes = (
        _row(fill_id="c1", action="correct", refers_to="f1", symbol="", side="", quantity="9", price="75.20"),
        _row(fill_id="b1", action="BUST", refers_to="c1", symbol="", side="", quantity="", price=""),
    )

    assert (
        FillCorrected(
            received_ns=AT,
            correction_id="c1",
            fill_id="f1",
            quantity=9,
            price_ticks=7520,
            corrected_ns=TIME_NS,
        ),
        FillBusted(received_ns=AT, bust_id="b1", fill_id="c1", busted_ns=TIME_NS),
    ) == _read(tmp_path, _row(), *changes).events[1:]


def test_a_correction_may_stand_before_its_fill(tmp_path: Path) -> None:
    correction = _row(fill_id="c1", action="correct", refers_to="f1")

    assert len(_read(tmp_path, correction, _row()).events) == 2


def test_an_exact_repeat_is_kept_and_noted(tmp_path: Path) -> None:
    fills = _read(tmp_path, _row(), _row())

    assert fills.events[0] == fills.events[1]
    assert [(note.kind, note.count) for note in fills.notes] == [("repeated", 1)]


def test_a_header_alone_is_a_flat_book(tmp_path: Path) -> None:
    assert FillsFile(events=(), notes=()) == _read(tmp_path)


def test_optional_columns_may_be_absent(tmp_path: Path) -> None:
    file = write(
        tmp_path / "fills.csv", f"time,fill_id,symbol,side,quantity,price\n{TIME},f1,ESM19,sell,1,-0.25\n"
    )
    (fill,) = read_fills(file, table=TABLE, at_ns=AT).events

    assert (
        fill.instrument,
        fill.price_ticks,
        fill.capacity,
        fill.fee,
    ) == ("ESM19", -25, Capacity.UNKNOWN, 0.0)


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "time": [TIME],
            "fill_id": ["f1"],
            "symbol": ["ESM19"],
            "side": ["b"],
            "quantity": [3],
            "price": [2946.25],
        }
    ).with_columns(pl.col("time").str.to_datetime(time_zone="UTC"))
    frame.write_parquet(tmp_path / "fills.parquet")
    (fill,) = read_fills(tmp_path / "fills.parquet", table=TABLE, at_ns=AT).events

    assert (fill.quantity, fill.price_ticks, fill.traded_ns) == (3, 294_625, TIME_NS)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("time", "2019-05-03T14:30:00", "an ISO 8601 time with its zone, such as 2019-05-03T16:00:00-04:00"),
        ("time", "2019-05-03T16:00:00-04:00", "a time up to 2019-05-03T19:00:00Z, the time of valuation"),
        ("fill_id", "", "the venue's id of the trade"),
        ("symbol", "SPXW190621C02950000", "a listed instrument"),
        (
            "symbol",
            "SPXW190503C02900000",
            "a contract alive at 2019-05-03T19:00:00Z; this one expired at 2019-05-03T19:00:00Z",
        ),
        ("side", "long", "buy or sell"),
        ("quantity", "0", "a whole number of contracts above 0"),
        ("quantity", "-5", "a whole number of contracts above 0"),
        ("quantity", "2.5", "a whole number of contracts above 0"),
        ("quantity", "", "a whole number of contracts above 0"),
        ("price", "nan", "a number"),
        ("price", "-0.05", "a price of 0 or above for an option"),
        ("price", "75.105", "a price on the grid of 1/100"),
        ("capacity", "broker", "one of customer, firm, market_maker, unknown, or nothing"),
        ("fee", "free", "a number (negative for a rebate), or nothing"),
        ("action", "undo", "one of new, correct, bust, or nothing for new"),
    ],
)
def test_a_wrong_cell_is_a_fault(tmp_path: Path, column: str, value: str, expected: str) -> None:
    fault = the_fault(_reading(tmp_path, _row(fill_id="ok"), _row(**{column: value})))

    assert f"fills.csv line 3 column {column}" == fault.where
    assert (repr(value) if value else "nothing") == fault.found
    assert expected == fault.expected
    assert fault.action


@pytest.mark.parametrize("action", ["correct", "bust"])
def test_a_change_of_an_unknown_fill_is_a_fault(tmp_path: Path, action: str) -> None:
    fault = the_fault(_reading(tmp_path, _row(), _row(fill_id="x", action=action, refers_to="f9")))

    assert (fault.where, fault.found) == ("fills.csv line 3 column refers_to", "'f9'")
    assert (
        fault.expected,
        fault.action,
    ) == ("the fill_id of another row of this file", "correct the id, or add the fill")


def test_changes_that_refer_to_each_other_are_faults(tmp_path: Path) -> None:
    rows = (_row(fill_id="x", action="bust", refers_to="y"), _row(fill_id="y", action="bust", refers_to="x"))

    assert [fault.found for fault in the_faults(_reading(tmp_path, *rows))] == ["'y'", "'x'"]


def test_a_correction_of_another_symbol_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(
        _reading(tmp_path, _row(), _row(fill_id="c", action="correct", refers_to="f1", symbol="ESM19"))
    )

    assert (fault.where, fault.found) == ("fills.csv line 3 column symbol", "'ESM19'")


def test_one_id_with_two_contents_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, _row(), _row(quantity="11")))

    assert fault.where == "fills.csv line 3 column fill_id"
    assert fault.found == "'f1' again, with other terms than on line 2"
    assert fault.expected == "one trade under one id, or an exact repeat"
    assert fault.action.startswith("give the second trade its own id")


def test_every_fault_is_told_at_once_up_to_fifty(tmp_path: Path) -> None:
    rows = [_row(fill_id=f"f{number}", quantity="0", side="?") for number in range(40)]
    faults = the_faults(_reading(tmp_path, *rows))

    assert len(faults) == 51
    assert (faults[-1].where, faults[-1].found) == ("fills.csv", "30 more faults")


def test_a_ragged_row_is_told_with_the_others(tmp_path: Path) -> None:
    faults = the_faults(_reading(tmp_path, _row(side="?"), "2019-05-03T14:30:00Z,f2,SPXW"))

    assert [(fault.where, fault.found) for fault in faults] == [
        ("fills.csv line 3", "3 values"),
        ("fills.csv line 2 column side", "'?'"),
    ]
