"""Cboe end-of-day chains."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flatbook.adapters.files.instants import parse_instant
from flatbook.adapters.files.market import MarketFile, read_market
from flatbook.model.events import InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Kind, Right, Settlement, Style, TickBand
from tests.adapters.samples import cboe_row, cboe_text, the_fault, the_faults, write

CLOSE_NS = parse_instant("2019-05-03T16:00:00-04:00")


def _read(tmp_path: Path, *rows: str, **asked: object) -> MarketFile:
    return read_market(write(tmp_path / "chain.csv", cboe_text(*rows)), **asked)


def _reading(tmp_path: Path, *rows: str, **asked: object) -> Callable[[], MarketFile]:
    return lambda: _read(tmp_path, *rows, **asked)


def test_a_row_becomes_a_contract_a_quote_and_a_level(tmp_path: Path) -> None:
    market = _read(tmp_path)
    listed, level, quotes = market.events

    assert ("cboe-eod", CLOSE_NS) == (market.format, market.at_ns)
    assert isinstance(listed, InstrumentsListed)
    (item,) = listed.instruments
    assert ("SPXW190621C02900000", "SPX", "SPXW", Kind.OPTION) == (
        item.symbol, item.underlying, item.option_class, item.kind,
    )  # fmt: skip
    assert (2900.0, Right.CALL, Style.EUROPEAN, Settlement.PM) == (item.strike, item.right, item.style, item.settlement)
    assert (100.0, "USD", 100) == (item.multiplier, item.currency, item.ticks_per_unit)
    assert (TickBand(0, 5), TickBand(300, 10)) == item.tick_table
    assert parse_instant("2019-06-21T16:00:00-04:00") == item.expiry_ns
    assert UnderlyingQuoted(received_ns=CLOSE_NS, underlying="SPX", price=2946.52) == level
    assert QuotesSeen(received_ns=CLOSE_NS, symbols=(item.symbol,), bid_ticks=(7510,), ask_ticks=(7560,)) == quotes
    assert () == market.notes


def test_both_roots_on_one_date_settle_at_two_instants(tmp_path: Path) -> None:
    market = _read(tmp_path, cboe_row(), cboe_row("SPX190621C02900000"))
    weekly, monthly = market.events[0].instruments

    assert ("SPX", Settlement.AM, parse_instant("2019-06-21T09:30:00-04:00")) == (
        monthly.option_class, monthly.settlement, monthly.expiry_ns,
    )  # fmt: skip
    assert monthly.expiry_ns < weekly.expiry_ns


def test_a_zero_price_is_a_missing_side(tmp_path: Path) -> None:
    market = _read(tmp_path, cboe_row(bid="0.0", ask="0.05"), cboe_row("SPX190621C02900000", bid="0", ask="0"))
    quotes = market.events[-1]

    assert ((None, None), (5, None)) == (quotes.bid_ticks, quotes.ask_ticks)
    assert {"one_sided": 1, "unquoted": 1} == {note.kind: note.count for note in market.notes}


def test_crossed_quotes_are_kept_and_counted(tmp_path: Path) -> None:
    market = _read(tmp_path, cboe_row(bid="76", ask="75"))

    assert ((7600,), (7500,)) == (market.events[-1].bid_ticks, market.events[-1].ask_ticks)
    assert [("crossed", 1)] == [(note.kind, note.count) for note in market.notes]


def test_series_that_expired_by_then_are_left_out(tmp_path: Path) -> None:
    gone = cboe_row("SPXW190503C02900000", expiration="05/03/2019")
    rows = (gone, cboe_row())
    at_the_close, before = _read(tmp_path, *rows), _read(tmp_path, *rows, at_ns=CLOSE_NS - 1)

    assert 1 == len(at_the_close.events[0].instruments)
    assert [("expired", 1)] == [(note.kind, note.count) for note in at_the_close.notes]
    assert 2 == len(before.events[0].instruments)


def test_an_equity_class_is_american_and_an_adjusted_one_is_left_out(tmp_path: Path) -> None:
    stock = {"underlying": "AAPL", "last": "210.0", "strike": "200.0"}
    market = _read(tmp_path, cboe_row("AAPL190621C00200000", **stock), cboe_row("AAPL1190621C00200000", **stock))
    (item,) = market.events[0].instruments

    assert (Style.AMERICAN, (TickBand(0, 1), TickBand(300, 5))) == (item.style, item.tick_table)
    assert [("adjusted", 1)] == [(note.kind, note.count) for note in market.notes]


def test_quotes_dated_on_a_holiday_are_noted_as_stale(tmp_path: Path) -> None:
    market = _read(tmp_path, cboe_row(quoted="05/27/2019"))

    assert ["the quotes are dated 2019-05-27, when the exchange was closed: a stale copy of an earlier day"] == [
        note.text for note in market.notes
    ]


def test_quotes_of_an_earlier_day_are_noted_as_stale(tmp_path: Path) -> None:
    market = _read(tmp_path, at_ns=parse_instant("2019-05-06T10:00:00-04:00"))

    assert ["the quotes are of 2019-05-03, 3 days before the time asked for"] == [note.text for note in market.notes]


def test_a_time_before_the_quotes_is_refused(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, at_ns=parse_instant("2019-05-02T16:00:00-04:00")))

    assert "chain.csv column quotedate" == fault.where
    assert "quotes of 2019-05-03" == fault.found
    assert "quotes from before 2019-05-02T20:00:00Z, the time asked for" == fault.expected
    assert "ask for a time on that day, or read an earlier file" == fault.action


@pytest.mark.parametrize("price", ["nan", "inf", "-1", "abc", "1_0", "1e99"])
def test_a_price_that_is_none_is_a_fault(tmp_path: Path, price: str) -> None:
    fault = the_fault(_reading(tmp_path, cboe_row(), cboe_row("SPX190621C02900000", bid=price)))

    assert "chain.csv line 3 column bid" == fault.where
    assert repr(price) == fault.found
    assert "a price of 0 or above on a grid of 1/100, or nothing where the side is missing" == fault.expected
    assert "correct the price, or leave the cell empty" == fault.action


def test_a_price_off_the_grid_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, cboe_row(ask="75.605")))

    assert ("chain.csv line 2 column ask", "'75.605'") == (fault.where, fault.found)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    rows = (
        cboe_row("SPXW190631C02900000"),
        cboe_row(bid="nan", strike="2901"),
        cboe_row("SPX190621P02900000"),
        cboe_row("SPX190719P02900000", kind="put", expiration="19/07/2019", last="0"),
    )

    assert [
        ("chain.csv line 5 column underlying_last", "'0'"),
        ("chain.csv line 2 column optionroot", "'SPXW190631C02900000'"),
        ("chain.csv line 3 column strike", "'2901'"),
        ("chain.csv line 4 column type", "'call'"),
        ("chain.csv line 5 column expiration", "'19/07/2019'"),
        ("chain.csv line 3 column bid", "'nan'"),
    ] == [(fault.where, fault.found) for fault in the_faults(_reading(tmp_path, *rows))]


def test_a_series_in_two_rows_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, cboe_row(), cboe_row()))

    assert "chain.csv line 3 column optionroot" == fault.where
    assert "'SPXW190621C02900000' again (first on line 2)" == fault.found
    assert ("every name once", "remove one of the two rows") == (fault.expected, fault.action)


def test_an_impossible_quote_date_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, cboe_row(quoted="2019-05-03")))

    assert ("chain.csv line 2 column quotedate", "'2019-05-03'") == (fault.where, fault.found)
    assert ("a date as MM/DD/YYYY", "correct the date") == (fault.expected, fault.action)


def test_two_days_in_one_file_are_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, cboe_row(), cboe_row("SPX190621C02900000", quoted="05/06/2019")))

    assert ("2 days: 2019-05-03, 2019-05-06", "one day in a file") == (fault.found, fault.expected)


def test_several_underlyings_need_a_choice(tmp_path: Path) -> None:
    rows = (cboe_row(), cboe_row("AAPL190621C00200000", underlying="AAPL", strike="200"))
    fault = the_fault(_reading(tmp_path, *rows))

    assert ("2 underlyings: SPX, AAPL", "say which underlying to read") == (fault.found, fault.action)
    assert "AAPL" == _read(tmp_path, *rows, underlying="AAPL").events[1].underlying
    assert "VIX" == the_fault(_reading(tmp_path, *rows, underlying="VIX")).expected


def test_an_empty_chain_is_a_fault(tmp_path: Path) -> None:
    file = write(tmp_path / "chain.csv", cboe_text().splitlines()[0] + "\n")
    fault = the_fault(lambda: read_market(file))

    assert ("chain.csv", "a header and no rows", "a chain") == (fault.where, fault.found, fault.expected)
    assert "fetch the file again: it is empty or cut short" == fault.action


def test_a_chain_that_expired_whole_is_a_fault(tmp_path: Path) -> None:
    fault = the_fault(_reading(tmp_path, at_ns=parse_instant("2019-07-01T00:00:00Z")))

    assert "no series alive at 2019-07-01T00:00:00Z" == fault.found


def test_a_missing_column_is_a_fault(tmp_path: Path) -> None:
    file = write(tmp_path / "chain.csv", cboe_text().replace(",bid,", ",buy,"))
    fault = the_fault(lambda: read_market(file, format="cboe-eod"))

    assert ("chain.csv header", "also bid") == (fault.where, fault.expected)
    assert "buy" in fault.found


def test_a_folder_is_read_by_day(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", cboe_text())
    write(tmp_path / "b.csv", cboe_text(cboe_row(quoted="05/06/2019", last="2932.47")))
    market = read_market(tmp_path, at_ns=parse_instant("2019-05-06T16:00:00-04:00"))

    assert 2932.47 == market.events[1].price


@pytest.mark.parametrize(
    ("at_ns", "expected"),
    [(None, "one of these days"), (parse_instant("2019-05-07T16:00:00Z"), "one chain of 2019-05-07")],
)
def test_a_folder_of_other_days_lists_them(tmp_path: Path, at_ns: int | None, expected: str) -> None:
    write(tmp_path / "a.csv", cboe_text())
    write(tmp_path / "b.csv", cboe_text(cboe_row(quoted="05/06/2019")))
    fault = the_fault(lambda: read_market(tmp_path, at_ns=at_ns))

    assert ("2 chains, of 2019-05-03, 2019-05-06", expected) == (fault.found, fault.expected)
