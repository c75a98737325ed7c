"""Cboe end-of-day chains."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.adapters.samples import cboe_row, cboe_text, the_fault, the_faults, write

from flatbook.adapters.files.instants import parse_instant
from flatbook.adapters.files.market import MarketFile, read_market
from flatbook.model.events import InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Kind, Right, Settlement, Style, TickBand

CLOSE_NS = parse_instant("2019-05-03T16:00:00-04:00")


def _read(tmp_path: Path, *rows: str, **asked: object) -> MarketFile:
    return read_market(write(tmp_path / "chain.csv", cboe_text(*rows)), **asked)


def _reading(tmp_path: Path, *rows: str, **asked: object) -> Callable[[], MarketFile]:
    return lambda: _read(tmp_path, *rows, **asked)


def test_a_row_becomes_a_contract_a_quote_and_a_level(tmp_path: Path) -> None:
    market = _read(tmp_path)
    listed, level, sessions, quotes = market.events

    assert (market.format, market.at_ns) == ("cboe-eod", CLOSE_NS)
    assert isinstance(listed, InstrumentsListed)
    (item,) = listed.instruments
    assert (
        item.symbol, item.underlying, item.option_class, item.kind,
    ) == ("SPXW190621C02900000", "SPX", "SPXW", Kind.OPTION)  # fmt: skip
    assert (
        item.strike,
        item.right,
        item.style,
        item.settlement,
    ) == (2900.0, Right.CALL, Style.EUROPEAN, Settlement.PM)
    assert (item.multiplier, item.currency, item.ticks_per_unit) == (100.0, "USD", 100)
    assert (TickBand(0, 5), TickBand(300, 10)) == item.tick_table
    assert parse_instant("2019-06-21T16:00:00-04:00") == item.expiry_ns
    assert UnderlyingQuoted(received_ns=CLOSE_NS, underlying="SPX", price=2946.52) == level
    assert (
        QuotesSeen(
            received_ns=CLOSE_NS,
            symbols=(item.symbol,),
            bid_ticks=(7510,),
            ask_ticks=(7560,),
            source_ns=CLOSE_NS,
        )
        == quotes
    )
    assert (sessions.calendar, sessions.underlyings) == ("XNYS", ("SPX",))
    assert CLOSE_NS in sessions.close_ns
    assert market.notes == ()


def test_both_roots_on_one_date_settle_at_two_instants(tmp_path: Path) -> None:
    market = _read(tmp_path, cboe_row(), cboe_row("SPX190621C02900000"))
    weekly, monthly = market.events[0].instruments

    assert ("SPX", Settlement.AM, parse_instant("2019-06-21T09:30:00-04:00")) == (
        monthly.option_class, monthly.settlement, monthly.expiry_ns,
    )  # fmt: skip
    assert monthly.expiry_ns < weekly.expiry_ns


def test_a_zero_price_is_a_missing_side(tmp_path: Path) -> None:
    market = _read(
        tmp_path, cboe_row(bid="0.0", ask="0.05"), cboe_row("SPX190621C02900000", bid="0", ask="0")
    )
    quotes = market.events[-1]

    assert (quotes.bid_ticks, quotes.ask_ticks) == ((None, None), (5, None))
    assert {note.kind: note.count for note in market.notes} == {"one_sided": 1, "unquoted": 1}


def test_crossed_quotes_are_kept_and_counted(tmp_path: Path) -> None:
    market = _read(tmp_path, cboe_row(bid="76", ask="75"))

    assert (market.events[-1].bid_ticks, market.events[-1].ask_ticks) == ((7600,), (7500,))
    assert [(note.kind, note.count) for note in market.notes] == [("crossed", 1)]


def test_series_that_expired_by_then_are_left_out(tmp_path: Path) -> None:
    gone = cboe_row("SPXW190503C02900000", expiration="05/03/2019")
    rows = (gone, cboe_row())
    at_the_close, before = _read(tmp_path, *rows), _read(tmp_path, *rows, at_ns=CLOSE_NS - 1)

    assert len(at_the_close.events[0].instruments) == 1
    assert [(note.kind, note.count) for note in at_the_close.notes] == [("expired", 1)]
    assert len(before.events[0].instruments) == 2


def test_an_equity_class_is_american_and_an_adjusted_one_is_left_out(tmp_path: Path) -> None:
    stock = {"underlying": "AAPL", "last": "210.0", "strike": "200.0"}
    market = _read(
        tmp_path, cboe_row("AAPL190621C00200000", **stock), cboe_row("AAPL1190621C00200000", **stock)
    )
    (item,) = market.events[0].instruments

    assert (Style.AMERICAN, (TickBand(0, 1), TickBand(300, 5))) == (item.style, item.tick_table)
    assert [(note.kind, note.count) for note in market.notes] == [("adjusted", 1)]


def test_quotes_dated_on_a_holiday_are_noted_as_stale(tmp_path: Path) -> None:
    market = _read(tmp_path, cboe_row(quoted="05/27/2019"))

    assert [note.text for note in market.notes] == [
        "the quotes are dated 2019-05-27, when the exchange was closed: a stale copy of an earlier day"
    ]


def test_quotes_of_an_earlier_day_are_noted_as_stale(tmp_path: Path) -> None:
    market = _read(tmp_path, at_ns=parse_instant("2019-05-06T10:00:00-04:00"))

    assert [note.text for note in market.notes] == [
        "the quotes are of 2019-05-03, 3 days before the time asked for"
    ]
    assert market.events[-1].source_ns == CLOSE_NS


def test_a_time_before_the_quotes_is_refused(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, at_ns=parse_instant("2019-05-02T16:00:00-04:00")))

    assert fault.where == "chain.csv column quotedate"
    assert fault.found == "quotes of 2019-05-03"
    assert fault.expected == "quotes from before 2019-05-02T20:00:00Z, the time asked for"
    assert fault.action == "ask for a time on that day, or read an earlier file"


@pytest.mark.parametrize("price", ["nan", "inf", "-1", "abc", "1_0", "1e99"])
def test_a_price_that_is_none_is_a_fault(tmp_path: Path, price: str) -> None:
    fault = the_fault(_reading(tmp_path, cboe_row(), cboe_row("SPX190621C02900000", bid=price)))

    assert fault.where == "chain.csv line 3 column bid"
    assert repr(price) == fault.found
    assert fault.expected == "a price of 0 or above on a grid of 1/100, or nothing where the side is missing"
    assert fault.action == "correct the price, or leave the cell empty"


def test_a_price_off_the_grid_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, cboe_row(ask="75.605")))

    assert (fault.where, fault.found) == ("chain.csv line 2 column ask", "'75.605'")


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    rows = (
        cboe_row("SPXW190631C02900000"),
        cboe_row(bid="nan", strike="2901"),
        cboe_row("SPX190621P02900000"),
        cboe_row("SPX190719P02900000", kind="put", expiration="19/07/2019", last="0"),
    )

    assert [(fault.where, fault.found) for fault in the_faults(_reading(tmp_path, *rows))] == [
        ("chain.csv line 5 column underlying_last", "'0'"),
        ("chain.csv line 2 column optionroot", "'SPXW190631C02900000'"),
        ("chain.csv line 3 column strike", "'2901'"),
        ("chain.csv line 4 column type", "'call'"),
        ("chain.csv line 5 column expiration", "'19/07/2019'"),
        ("chain.csv line 3 column bid", "'nan'"),
    ]


def test_a_series_in_two_rows_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, cboe_row(), cboe_row()))

    assert fault.where == "chain.csv line 3 column optionroot"
    assert fault.found == "'SPXW190621C02900000' again (first on line 2)"
    assert (fault.expected, fault.action) == ("every name once", "remove one of the two rows")


def test_an_impossible_quote_date_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, cboe_row(quoted="2019-05-03")))

    assert (fault.where, fault.found) == ("chain.csv line 2 column quotedate", "'2019-05-03'")
    assert (fault.expected, fault.action) == ("a date as MM/DD/YYYY", "correct the date")


def test_two_days_in_one_file_are_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, cboe_row(), cboe_row("SPX190621C02900000", quoted="05/06/2019")))

    assert (fault.found, fault.expected) == ("2 days: 2019-05-03, 2019-05-06", "one day in a file")


def test_several_underlyings_need_a_choice(tmp_path: Path) -> None:
    rows = (cboe_row(), cboe_row("AAPL190621C00200000", underlying="AAPL", strike="200"))
    fault = the_fault(_reading(tmp_path, *rows))

    assert (fault.found, fault.action) == ("2 underlyings: SPX, AAPL", "say which underlying to read")
    assert _read(tmp_path, *rows, underlying="AAPL").events[1].underlying == "AAPL"
    assert the_fault(_reading(tmp_path, *rows, underlying="VIX")).expected == "VIX"


def test_an_empty_chain_is_a_fault(tmp_path: Path) -> None:
    file = write(tmp_path / "chain.csv", cboe_text().splitlines()[0] + "\n")
    fault = the_fault(lambda: read_market(file))

    assert (fault.where, fault.found, fault.expected) == ("chain.csv", "a header and no rows", "a chain")
    assert fault.action == "fetch the file again: it is empty or cut short"


def test_a_chain_that_expired_whole_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, at_ns=parse_instant("2019-07-01T00:00:00Z")))

    assert fault.found == "no series alive at 2019-07-01T00:00:00Z"


def test_a_missing_column_is_a_fault(tmp_path: Path) -> None:
    file = write(tmp_path / "chain.csv", cboe_text().replace(",bid,", ",buy,"))
    fault = the_fault(lambda: read_market(file, format="cboe-eod"))

    assert (fault.where, fault.expected) == ("chain.csv header", "also bid")
    assert "buy" in fault.found


def test_a_folder_is_read_by_day(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", cboe_text())
    write(tmp_path / "b.csv", cboe_text(cboe_row(quoted="05/06/2019", last="2932.47")))
    market = read_market(tmp_path, at_ns=parse_instant("2019-05-06T16:00:00-04:00"))

    assert market.events[1].price == 2932.47


@pytest.mark.parametrize(
    ("at_ns", "expected"),
    [(None, "one of these days"), (parse_instant("2019-05-07T16:00:00Z"), "one chain of 2019-05-07")],
)
def test_a_folder_of_other_days_lists_them(tmp_path: Path, at_ns: int | None, expected: str) -> None:
    write(tmp_path / "a.csv", cboe_text())
    write(tmp_path / "b.csv", cboe_text(cboe_row(quoted="05/06/2019")))
    fault = the_fault(lambda: read_market(tmp_path, at_ns=at_ns))

    assert ("2 chains, of 2019-05-03, 2019-05-06", expected) == (fault.found, fault.expected)
