"""Deribit chain snapshots."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.adapters.samples import deribit_row, deribit_text, the_fault, the_faults, write

from flatbook.adapters.files.instants import parse_instant
from flatbook.adapters.files.market import MarketFile, read_market
from flatbook.model.events import ForwardQuoted, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Payoff, Settlement, Style, TickBand

TAKEN_NS = parse_instant("2026-02-05T21:29:37.885165Z")
ETH = {"coin": "ETH", "strike": "2000", "kind": "put", "future": "1900.5", "index": "1890.1"}


def _read(tmp_path: Path, *rows: str, **asked: object) -> MarketFile:
    return read_market(write(tmp_path / "chain.csv", deribit_text(*rows)), **asked)


def _reading(tmp_path: Path, *rows: str, **asked: object) -> Callable[[], MarketFile]:
    return lambda: _read(tmp_path, *rows, **asked)


def test_a_row_becomes_an_inverse_option_a_forward_and_an_index(tmp_path: Path) -> None:
    market = _read(tmp_path)
    (item,) = market.events[0].instruments

    assert (market.format, market.at_ns) == ("deribit", TAKEN_NS)
    assert (
        item.underlying,
        item.option_class,
        item.currency,
        item.payoff,
    ) == ("BTC", "BTC", "BTC", Payoff.INVERSE)
    assert (
        item.style, item.settlement, item.multiplier, item.ticks_per_unit,
    ) == (Style.EUROPEAN, Settlement.FIXING, 1.0, 10_000)  # fmt: skip
    assert (TickBand(0, 1), TickBand(50, 5)) == item.tick_table
    assert (
        UnderlyingQuoted(received_ns=TAKEN_NS, underlying="BTC", price=63718.97),
        ForwardQuoted(
            received_ns=TAKEN_NS,
            option_class="BTC",
            expiry_ns=parse_instant("2026-03-27T08:00:00Z"),
            price=64100.5,
            symbol="BTC-27MAR26",
        ),
        QuotesSeen(
            received_ns=TAKEN_NS, symbols=("BTC-27MAR26-70000-C",), bid_ticks=(450,), ask_ticks=(465,)
        ),
    ) == market.events[1:]


def test_both_coins_are_read_or_the_one_asked_for(tmp_path: Path) -> None:
    rows = (deribit_row(), deribit_row("ETH-27MAR26-2000-P", **ETH))
    both, one = _read(tmp_path, *rows), _read(tmp_path, *rows, underlying="ETH")

    assert [item.underlying for item in both.events[0].instruments] == ["BTC", "ETH"]
    assert [item.symbol for item in one.events[0].instruments] == ["ETH-27MAR26-2000-P"]
    assert the_fault(_reading(tmp_path, *rows, underlying="SOL")).expected == "SOL"


def test_a_missing_side_is_data(tmp_path: Path) -> None:
    market = _read(tmp_path, deribit_row(bid="", ask="0.0"))

    assert (market.events[-1].bid_ticks, market.events[-1].ask_ticks) == ((None,), (None,))
    assert [(note.kind, note.count) for note in market.notes] == [("unquoted", 1)]


def test_marks_outside_the_quote_are_counted(tmp_path: Path) -> None:
    market = _read(tmp_path, deribit_row(mark="0.0470"))

    assert [(note.kind, note.count) for note in market.notes] == [("mark_outside", 1)]


def test_the_middle_of_a_moving_index_is_taken(tmp_path: Path) -> None:
    names = ("BTC-27MAR26-70000-C", "BTC-27MAR26-70000-P", "BTC-27MAR26-80000-C")
    rows = [
        deribit_row(
            name, index=index, strike=name.split("-")[2], kind="put" if name.endswith("P") else "call"
        )
        for name, index in zip(names, ("60000", "66000", "60600"), strict=True)
    ]
    market = _read(tmp_path, *rows)

    assert market.events[1].price == 60600.0
    assert [note.text for note in market.notes] == [
        "the BTC index moved 1000 bp while the rows were asked for; the middle value is taken"
    ]


def test_what_expired_and_what_settles_linearly_is_left_out(tmp_path: Path) -> None:
    rows = (
        deribit_row(),
        deribit_row("BTC-5FEB26-70000-C", expiry="2026-02-05T08:00:00Z"),
        deribit_row("BTC_USDC-27MAR26-70000-C"),
    )
    market = _read(tmp_path, *rows)

    assert len(market.events[0].instruments) == 1
    assert {note.kind: note.count for note in market.notes} == {"expired": 1, "linear": 1}


@pytest.mark.parametrize(
    ("column", "changes", "found"),
    [
        ("instrument_name", {"name": "BTC-31FEB26-70000-C"}, "'BTC-31FEB26-70000-C'"),
        ("instrument_name", {"name": "BTC-27MAR26"}, "'BTC-27MAR26'"),
        ("option_type", {"kind": "put"}, "'put'"),
        ("expiry_datetime", {"expiry": "2026-03-28T08:00:00+00:00"}, "'2026-03-28T08:00:00+00:00'"),
        ("expiry_datetime", {"expiry": "2026-03-27T08:00:00"}, "'2026-03-27T08:00:00'"),
        ("strike", {"strike": "70001"}, "'70001'"),
        ("currency", {"coin": "ETH"}, "'ETH'"),
        ("bid_price", {"bid": "-0.01"}, "'-0.01'"),
        ("ask_price", {"ask": "0.04655"}, "'0.04655'"),
        ("index_price", {"index": "nan"}, "'nan'"),
        ("futures_price", {"future": "0"}, "'0'"),
    ],
)
def test_a_wrong_cell_is_a_fault(tmp_path: Path, column: str, changes: dict[str, str], found: str) -> None:
    fault = the_fault(_reading(tmp_path, deribit_row(**changes)))

    assert (f"chain.csv line 2 column {column}", found) == (fault.where, fault.found)
    assert fault.expected
    assert fault.action


def test_a_time_without_a_zone_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, deribit_row(time="2026-02-05T21:29:37")))

    assert (fault.where, fault.found) == ("chain.csv line 2 column timestamp", "'2026-02-05T21:29:37'")
    assert fault.expected == "an ISO 8601 time with its zone, such as 2019-05-03T16:00:00-04:00"
    assert fault.action == "write the time with its zone"


def test_an_option_in_two_rows_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, deribit_row(), deribit_row()))

    assert fault.found == "'BTC-27MAR26-70000-C' again (first on line 2)"


def test_faults_of_many_rows_are_told_at_once(tmp_path: Path) -> None:
    faults = the_faults(_reading(tmp_path, deribit_row(kind="call?"), deribit_row("X", bid="nan")))

    assert len(faults) == 3


def test_a_snapshot_from_after_the_time_asked_for_is_refused(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, at_ns=TAKEN_NS - 1))

    assert (fault.where, fault.found) == ("chain.csv column timestamp", "2026-02-05T21:29:37.885165Z")


def test_old_rows_are_noted(tmp_path: Path) -> None:
    market = _read(tmp_path, at_ns=TAKEN_NS + 600 * 10**9)

    assert [(note.kind, note.count) for note in market.notes] == [("stale", 1)]


def test_a_chain_that_expired_whole_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, at_ns=parse_instant("2027-01-01T00:00:00Z")))

    assert fault.found == "no coin-settled option alive at 2027-01-01T00:00:00Z"


def test_a_folder_gives_the_last_snapshot_by_the_time(tmp_path: Path) -> None:
    early, late = "2026-02-05T09:00:00Z", "2026-02-05T15:00:00Z"
    write(tmp_path / "1.csv", deribit_text(deribit_row(time=early, index="100")))
    write(tmp_path / "2.csv", deribit_text(deribit_row(time=late, index="200")))

    assert read_market(tmp_path, at_ns=parse_instant("2026-02-05T14:59:00Z")).events[1].price == 100.0
    assert read_market(tmp_path, at_ns=parse_instant(late)).events[1].price == 200.0
    fault = the_fault(lambda: read_market(tmp_path, at_ns=parse_instant("2026-02-05T08:00:00Z")))
    assert (
        fault.found, fault.expected,
    ) == ("2 snapshots, of 2026-02-05T09:00:00Z, 2026-02-05T15:00:00Z", "one taken by 2026-02-05T08:00:00Z")  # fmt: skip
    assert the_fault(lambda: read_market(tmp_path)).expected == "a time to choose by"
