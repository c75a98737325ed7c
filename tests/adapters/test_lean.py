"""LEAN quote bars."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.adapters.samples import the_fault, the_faults, write_zip

from flatbook.adapters.files.instants import parse_instant
from flatbook.adapters.files.market import MarketFile, read_market
from flatbook.model.events import ForwardQuoted, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Kind, Settlement, Style, TickBand

AT_NS = parse_instant("2015-12-24T11:00:00-05:00")
CALL = "20151224_goog_minute_quote_american_call_7500000_20160115"
PUT = "20151224_goog_minute_quote_american_put_7500000_20160115"
BARS = (
    "39540000,0,0,0,100000,5,0,0,0,101000,6\n"  # 10:59
    "39600000,0,0,0,102000,7,0,0,0,103000,8\n"  # 11:00
    "39660000,0,0,0,104000,9,0,0,0,105000,9\n"  # 11:01
)
ONE_SIDED = "39600000,,,,,0,21500,21500,5000,5000,19\n"
STOCK = "39600000,0,0,0,7489800,100,0,0,0,7494600,100\n"


def _folder(tmp_path: Path, stock: str = STOCK, **entries: str) -> Path:
    write_zip(tmp_path / "20151224_quote_american.zip", **(entries or {CALL: BARS, PUT: ONE_SIDED}))
    if stock:
        write_zip(tmp_path / "equity_20151224_quote.zip", **{"20151224_goog_minute_quote": stock})
    return tmp_path


def _reading(path: Path, **asked: object) -> Callable[[], MarketFile]:
    return lambda: read_market(path, **({"at_ns": AT_NS} | asked))


def test_bars_become_contracts_with_the_close_of_the_minute_asked_for(tmp_path: Path) -> None:
    market = _reading(_folder(tmp_path))()
    call, put = market.events[0].instruments

    assert (market.format, market.at_ns) == ("lean", AT_NS)
    assert (
        call.symbol, call.underlying, call.style, call.multiplier, call.strike,
    ) == ("GOOG160115C00750000", "GOOG", Style.AMERICAN, 100.0, 750.0)  # fmt: skip
    assert (parse_instant("2016-01-15T16:00:00-05:00"), "GOOG160115P00750000") == (call.expiry_ns, put.symbol)
    assert UnderlyingQuoted(received_ns=AT_NS, underlying="GOOG", price=749.22) == market.events[1]
    assert (
        QuotesSeen(
            received_ns=AT_NS,
            symbols=(call.symbol, put.symbol),
            bid_ticks=(1020, None),
            ask_ticks=(1030, 50),
            bid_sizes=(7, None),
            ask_sizes=(8, 19),
        )
        == market.events[2]
    )


@pytest.mark.parametrize(
    ("clock", "bid"),
    [("10:58:59", None), ("10:59:00", 1000), ("10:59:59", 1000), ("11:01:00", 1040), ("12:30:00", 1040)],
)
def test_no_bar_from_after_the_minute_is_used(tmp_path: Path, clock: str, bid: int | None) -> None:
    early = "34200000,0,0,0,7489800,100,0,0,0,7494600,100\n"
    market = _reading(
        _folder(tmp_path, stock=early, **{CALL: BARS}), at_ns=parse_instant(f"2015-12-24T{clock}-05:00")
    )()

    assert (bid,) == market.events[-1].bid_ticks


def test_a_quote_older_than_five_minutes_is_kept_and_noted(tmp_path: Path) -> None:
    market = _reading(_folder(tmp_path, **{CALL: BARS}), at_ns=parse_instant("2015-12-24T11:06:01-05:00"))()

    assert [(note.kind, note.count) for note in market.notes] == [("stale", 1)]
    assert market.events[-1].bid_ticks == (1040,)


def test_hourly_bars_count_once_they_are_complete(tmp_path: Path) -> None:
    rows = "20140606 09:00,0,0,0,10000,1,0,0,0,11000,1\n20140606 10:00,0,0,0,20000,1,0,0,0,21000,1\n"
    other = "20140609 09:00,0,0,0,10000,1,0,0,0,11000,1\n"
    write_zip(
        tmp_path / "aapl_2014_quote_american.zip",
        aapl_quote_american_call_6500000_20140621=rows,
        aapl_quote_american_call_992900_20140621=other,
        aapl_quote_american_call_6500000_20140606=rows,
    )
    stock = "36000000,0,0,0,6470000,1,0,0,0,6480000,1\n"
    write_zip(tmp_path / "equity_20140606_quote.zip", **{"20140606_aapl_minute_quote": stock})
    early = _reading(tmp_path, at_ns=parse_instant("2014-06-06T10:58:00-04:00"))()
    late = _reading(tmp_path, at_ns=parse_instant("2014-06-06T16:00:00-04:00"))()

    assert (early.events[-1].bid_ticks, late.events[-1].bid_ticks) == ((100, 100), (200,))
    assert parse_instant("2014-06-20T16:00:00-04:00") == early.events[0].instruments[0].expiry_ns
    assert {note.kind: note.count for note in early.notes} == {"other_days": 1, "stale": 2}
    assert {note.kind: note.count for note in late.notes} == {"other_days": 1, "expired": 1, "stale": 1}


def _futures_folder(tmp_path: Path, front: str = "43200000,0,0,0,3217,5,0,0,0,3217.25,57\n") -> Path:
    option = "43200000,0,0,0,50.25,5,0,0,0,50.75,6\n"
    write_zip(
        tmp_path / "fop_202003_20200106_quote.zip",
        **{"20200106_es_minute_quote_american_call_32000000_20200320": option},
    )
    write_zip(
        tmp_path / "fut_20200106_quote.zip",
        **{
            "20200106_es_minute_quote_202006": "43200000,0,0,0,3216.25,5,0,0,0,3217,57\n",
            "20200106_es_minute_quote_202003": front,
        },
    )
    return tmp_path


def test_options_on_a_future_settle_into_it(tmp_path: Path) -> None:
    at_ns = parse_instant("2020-01-06T12:00:00Z")
    market = _reading(_futures_folder(tmp_path), at_ns=at_ns)()
    option, front, back = market.events[0].instruments
    expiry_ns = parse_instant("2020-03-20T09:30:00-04:00")

    assert (
        option.symbol, option.underlying, option.option_class, option.multiplier, option.settlement,
    ) == ("ES200320C03200000", "ES", "ES", 50.0, Settlement.AM)  # fmt: skip
    assert (expiry_ns, expiry_ns) == (option.expiry_ns, front.expiry_ns)
    assert ("ESH20", Kind.FUTURE, "ESM20", (TickBand(0, 25),)) == (
        front.symbol, front.kind, back.symbol, front.tick_table,
    )  # fmt: skip
    assert UnderlyingQuoted(received_ns=at_ns, underlying="ES", price=3217.125) == market.events[1]
    assert (
        ForwardQuoted(
            received_ns=at_ns, option_class="ES", expiry_ns=expiry_ns, price=3217.125, symbol="ESH20"
        )
        == market.events[2]
    )
    assert (
        market.events[3].bid_ticks, market.events[3].ask_ticks,
    ) == ((5025, 321700, 321625), (5075, 321725, 321700))  # fmt: skip


def test_a_front_future_with_one_side_gives_way_to_the_next(tmp_path: Path) -> None:
    market = _reading(
        _futures_folder(tmp_path, "43200000,0,0,0,3217,5,,,,,0\n"),
        at_ns=parse_instant("2020-01-06T12:00:00Z"),
    )()

    assert market.events[1].price == 3216.625
    assert {note.kind: note.count for note in market.notes} == {"front": 1, "no_forward": 1, "one_sided": 1}


def test_a_snapshot_needs_a_time(tmp_path: Path) -> None:
    fault = the_fault(_reading(_folder(tmp_path), at_ns=None))

    assert fault.found == "no time for the snapshot"
    assert fault.expected == "a time on one of the days it holds: 2015-12-24"
    assert fault.action == "give the time of the snapshot (at)"


def test_another_day_lists_those_there_are(tmp_path: Path) -> None:
    fault = the_fault(_reading(_folder(tmp_path), at_ns=parse_instant("2015-12-28T11:00:00-05:00")))

    assert (fault.found, fault.expected) == ("option quotes of 2015-12-24", "option quotes of 2015-12-28")


def test_options_without_their_stock_are_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(_folder(tmp_path, stock="")))

    assert fault.found == "no minute quotes of GOOG on 2015-12-24"


def test_a_stock_with_one_side_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(_folder(tmp_path, stock="39600000,,,,,0,0,0,0,7494600,100\n")))

    assert fault.found == "no two-sided quote by 2015-12-24T16:00:00Z"


def test_another_underlying_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(_folder(tmp_path), underlying="AAPL"))

    assert (fault.found, fault.expected) == ("option quotes of GOOG", "option quotes of AAPL")


def test_nothing_alive_is_a_fault(tmp_path: Path) -> None:
    gone = "20151224_goog_minute_quote_american_call_7500000_20151218"
    fault = the_fault(_reading(_folder(tmp_path, **{gone: BARS})))

    assert fault.found == "no contract of GOOG quoted on 2015-12-24 and alive at 2015-12-24T16:00:00Z"


@pytest.mark.parametrize(
    ("line", "where", "found"),
    [
        ("39600000,0,0,0,abc,7,0,0,0,103000,8", "line 1 bid close", "'abc'"),
        ("39600000,0,0,0,-1,7,0,0,0,103000,8", "line 1 bid close", "'-1'"),
        ("39600000,0,0,0,nan,7,0,0,0,103000,8", "line 1 bid close", "'nan'"),
        ("39600000,0,0,0,102055,7,0,0,0,103000,8", "line 1 bid close", "'102055'"),
        ("39600000,0,0,0,102000,1.5,0,0,0,103000,8", "line 1 bid size", "'1.5'"),
        ("39600000,0,0,0,102000,7,0,0", "line 1", "8 values"),
        ("noon,0,0,0,102000,7,0,0,0,103000,8", "line 1", "'noon,0,0,0,102000,7,'"),
    ],
)
def test_a_wrong_bar_is_a_fault(tmp_path: Path, line: str, where: str, found: str) -> None:
    fault = the_fault(_reading(_folder(tmp_path, **{CALL: line + "\n"})))

    assert f"20151224_quote_american.zip {CALL}.csv {where}" == fault.where
    assert found == fault.found
    assert fault.action == "fetch the file again"


def test_bars_out_of_order_are_a_fault(tmp_path: Path) -> None:
    lines = BARS.splitlines(keepends=True)
    fault = the_fault(_reading(_folder(tmp_path, **{CALL: "".join(reversed(lines))})))

    assert fault.expected == "milliseconds since midnight, or YYYYMMDD HH:MM, never falling"


def test_faults_of_many_contracts_are_told_at_once(tmp_path: Path) -> None:
    faults = the_faults(_reading(_folder(tmp_path, **{CALL: "x\n", PUT: "39600000,1\n"})))

    assert len(faults) == 2


def test_a_name_that_is_no_contract_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(
        _reading(_folder(tmp_path, **{CALL: BARS, "20151224_goog_minute_quote_american_call": BARS}))
    )

    assert fault.found == "a name that names no contract"


def test_a_strike_finer_than_a_symbol_can_say_is_a_fault(tmp_path: Path) -> None:
    fine = "20151224_goog_minute_quote_american_call_7500001_20160115"
    fault = the_fault(_reading(_folder(tmp_path, **{CALL: BARS, fine: BARS})))

    assert fault.found == "a contract that has no OCC symbol here"


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_truncated_zip_is_a_fault(tmp_path: Path, kept: float) -> None:
    file = _folder(tmp_path) / "20151224_quote_american.zip"
    raw = file.read_bytes()
    file.write_bytes(raw[: int(len(raw) * kept)])
    fault = the_fault(_reading(tmp_path))

    assert fault.where == "20151224_quote_american.zip"
    assert fault.found.startswith("a zip that cannot be read")
    assert (fault.expected, fault.action) == ("a complete zip of LEAN quotes", "fetch the file again")


def test_one_zip_of_a_folder_can_be_named(tmp_path: Path) -> None:
    market = _reading(_folder(tmp_path) / "20151224_quote_american.zip")()

    assert len(market.events[0].instruments) == 2


def test_a_future_without_known_terms_is_a_fault(tmp_path: Path) -> None:
    write_zip(tmp_path / "fop_x.zip", **{"20200106_cl_minute_quote_american_call_600000_20200320": BARS})
    fault = the_fault(_reading(tmp_path, at_ns=parse_instant("2020-01-06T12:00:00Z")))

    assert (fault.found, fault.expected) == ("options on the future CL", "one whose terms are known: ES")
