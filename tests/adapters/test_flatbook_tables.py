"""flatbook's own tables: what is written reads back, and what is wrong is told."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.samples import AT, a_future, an_option, the_fault, the_faults, write

from flatbook.adapters.files.flatbook_instruments import parse_tick_table, print_tick_table
from flatbook.adapters.files.flatbook_writer import tables_of, write_tables
from flatbook.adapters.files.instants import parse_instant
from flatbook.adapters.files.market import MarketFile, read_market
from flatbook.model.events import (
    DividendsSeen,
    Event,
    ForwardQuoted,
    InstrumentsListed,
    QuotesSeen,
    RatesSeen,
    UnderlyingQuoted,
)
from flatbook.model.instruments import Kind, Payoff, Right, Settlement, Style, TickBand

CALL = an_option()
PUT = an_option(
    "ETH-27MAR26-2000-P",
    underlying="ETH",
    option_class="ETH",
    right=Right.PUT,
    strike=0.4215,
    style=Style.AMERICAN,
    settlement=Settlement.FIXING,
    payoff=Payoff.INVERSE,
    ticks_per_unit=10_000,
    tick_table=(TickBand(0, 1), TickBand(50, 5)),
)
SHARE = a_future("SPY", underlying="SPX", kind=Kind.SHARE, expiry_ns=0, price_ratio=0.0999, beta=10.01)
EVENTS: tuple[Event, ...] = (
    InstrumentsListed(received_ns=AT, instruments=(CALL, PUT, a_future(), SHARE)),
    UnderlyingQuoted(received_ns=AT, underlying="SPX", price=2946.52),
    UnderlyingQuoted(received_ns=AT, underlying="ETH", price=0.1 + 0.2),
    ForwardQuoted(
        received_ns=AT, option_class="SPXW", expiry_ns=CALL.expiry_ns, price=2950.125, symbol="ESM19"
    ),
    RatesSeen(received_ns=AT, currency="USD", maturity_ns=(AT + 1, AT + 10**18), rate=(0.024, -0.001)),
    DividendsSeen(received_ns=AT, underlying="SPX", ex_ns=(AT + 10**15,), amount=(1.435,)),
    QuotesSeen(
        received_ns=AT,
        symbols=(CALL.symbol, PUT.symbol, "ESM19"),
        bid_ticks=(7510, None, 294_625),
        ask_ticks=(7560, 3, None),
        bid_sizes=(10, None, 5),
        ask_sizes=(12, 7, None),
    ),
)


def _folder(tmp_path: Path, **changed: str) -> Path:
    """The sample tables, with the text of some of them replaced."""
    write_tables(tmp_path, EVENTS, AT)
    for name, text in changed.items():
        write(tmp_path / f"{name}.csv", text)
    return tmp_path


def _reading(path: Path, **asked: object) -> Callable[[], MarketFile]:
    return lambda: read_market(path, **asked)


def _text(tmp_path: Path, name: str) -> str:
    return (_folder(tmp_path) / f"{name}.csv").read_text(encoding="utf-8")


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    market = read_market(_folder(tmp_path))

    assert (market.format, market.at_ns, market.events) == ("flatbook", AT, EVENTS)


@given(
    prices=st.lists(
        st.tuples(st.none() | st.integers(1, 10**7), st.none() | st.integers(1, 10**7)),
        min_size=1,
        max_size=4,
    ),
    per_unit=st.sampled_from([1, 4, 32, 100, 10_000]),
)
@settings(max_examples=25, deadline=None)
def test_every_quote_in_ticks_survives_the_text(
    tmp_path_factory: pytest.TempPathFactory, prices: list[tuple[int | None, int | None]], per_unit: int
) -> None:
    items = tuple(an_option(f"X{number}", ticks_per_unit=per_unit) for number in range(len(prices)))
    bids, asks = zip(*prices, strict=True)
    events = (
        InstrumentsListed(received_ns=AT, instruments=items),
        UnderlyingQuoted(received_ns=AT, underlying="SPX", price=2946.52),
        QuotesSeen(
            received_ns=AT, symbols=tuple(item.symbol for item in items), bid_ticks=bids, ask_ticks=asks
        ),
    )
    folder = tmp_path_factory.mktemp("tables")
    write_tables(folder, events, AT)

    assert events == read_market(folder).events


def test_the_same_events_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = _folder(tmp_path / "a"), _folder(tmp_path / "b")
    names = sorted(file.name for file in first.iterdir())

    assert names == [
        "dividends.csv",
        "forwards.csv",
        "instruments.csv",
        "quotes.csv",
        "rates.csv",
        "underlyings.csv",
    ]
    assert [(first / name).read_bytes() for name in names] == [(second / name).read_bytes() for name in names]


def test_tables_that_nothing_fills_are_not_written() -> None:
    assert list(tables_of(EVENTS[:2], AT)) == ["instruments", "quotes", "underlyings"]


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    expected = read_market(_folder(tmp_path / "csv")).events
    for file in (tmp_path / "csv").iterdir():
        frame = pl.read_csv(file, infer_schema=True)
        for column in ("time", "expiry", "ex_time", "maturity"):
            if column in frame.columns and file.stem != "instruments":
                moment = pl.col(column).str.to_datetime(time_unit="ns", time_zone="UTC", strict=True)
                frame = frame.with_columns(moment)
        (tmp_path / "parquet").mkdir(exist_ok=True)
        frame.write_parquet(tmp_path / "parquet" / f"{file.stem}.parquet")

    assert expected == read_market(tmp_path / "parquet").events


def test_a_parquet_time_without_a_zone_is_a_fault(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    frame = pl.read_csv(folder / "underlyings.csv").with_columns(
        pl.col("time").str.to_datetime(time_zone="UTC")
    )
    (folder / "underlyings.csv").unlink()
    frame.with_columns(pl.col("time").dt.replace_time_zone(None)).write_parquet(
        folder / "underlyings.parquet"
    )
    faults = the_faults(_reading(folder))

    assert faults[0].where == "underlyings.parquet row 1 column time"


def test_the_last_quote_by_the_time_counts(tmp_path: Path) -> None:
    quotes = (
        "time,symbol,bid,ask\n"
        "2019-05-03T18:00:00Z,SPXW190621C02900000,70,71\n"
        "2019-05-03T14:59:00-04:00,SPXW  190621C02900000,72,73\n"
        "2019-05-03T20:00:00Z,SPXW190621C02900000,74,75\n"
    )
    folder = _folder(tmp_path, quotes=quotes)
    later = read_market(folder)
    market = read_market(folder, at_ns=AT)

    assert (market.events[-1].bid_ticks, market.at_ns) == ((7200,), AT)
    assert ("later", 1) in {(note.kind, note.count) for note in market.notes}
    assert ((7400,), parse_instant("2019-05-03T20:00:00Z")) == (later.events[-1].bid_ticks, later.at_ns)


def test_old_quotes_are_noted(tmp_path: Path) -> None:
    market = read_market(_folder(tmp_path), at_ns=AT + 301 * 10**9)

    assert ("stale", 3) in {(note.kind, note.count) for note in market.notes}


def test_expired_contracts_and_past_dividends_are_left_out(tmp_path: Path) -> None:
    market = read_market(_folder(tmp_path), at_ns=CALL.expiry_ns)

    assert [item.symbol for item in market.events[0].instruments] == ["SPY"]
    assert not any(isinstance(event, DividendsSeen | ForwardQuoted) for event in market.events)
    assert ("expired", 3) in {(note.kind, note.count) for note in market.notes}


def test_one_underlying_can_be_asked_for(tmp_path: Path) -> None:
    market = read_market(_folder(tmp_path), underlying="ETH")

    assert [item.symbol for item in market.events[0].instruments] == ["ETH-27MAR26-2000-P"]
    assert [event.underlying for event in market.events if isinstance(event, UnderlyingQuoted)] == ["ETH"]
    assert (
        the_fault(_reading(tmp_path, underlying="X")).found
        == "no contract of X alive at 2019-05-03T19:00:00Z"
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "where", "expected"),
    [
        ("instruments", "option,100.0", "swap,100.0", "line 2 column kind", "one of option, future, share"),
        ("instruments", "option,100.0", "option,many", "line 2 column multiplier", "a number"),
        ("instruments", "0:5 300:10", "5 to 10", "line 2 column tick_table", "bands from:step in ticks, split by blanks, such as '0:5 300:10'"),
        ("instruments", "USD,100,0:5", "USD,1.5,0:5", "line 2 column ticks_per_unit", "a whole number"),
        ("instruments", "2019-06-21T20:00:00Z,2900.0", "2019-06-21,2900.0", "line 2 column expiry", "an ISO 8601 time with its zone, or nothing where the contract never expires"),
        ("instruments", "2900.0,call", "-1,call", "line 2", "a contract that can exist"),
        ("quotes", "75.1,", "nan,", "line 2 column bid", "a price of 0 or above on a grid of 1/100, or nothing where the side is missing"),
        ("quotes", "75.6,", "75.605,", "line 2 column ask", "a price of 0 or above on a grid of 1/100, or nothing where the side is missing"),
        ("quotes", ",10,12", ",10.5,12", "line 2 column bid_size", "a whole number of contracts, 0 or above"),
        ("quotes", "SPXW190621C02900000", "SPXW190621C02950000", "line 2 column symbol", "a symbol that stands in the table of instruments"),
        ("quotes", "Z,SPXW", ",SPXW", "line 2 column time", "an ISO 8601 time with its zone, such as 2019-05-03T16:00:00-04:00"),
        ("underlyings", "2946.52", "inf", "line 2 column price", "a number above 0"),
        ("underlyings", "SPX", "SPY", "", "a price of every underlying of an instrument"),
        ("rates", "0.024", "2.4", "line 2 column rate", "an annual decimal from -1 to 1"),
        ("dividends", "1.435", "0", "line 2 column amount", "a number above 0"),
        ("forwards", "2950.125", "-1", "line 2 column price", "a number above 0"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_a_fault(
    tmp_path: Path, name: str, old: str, new: str, where: str, expected: str
) -> None:
    text = _text(tmp_path, name)
    assert old in text
    fault = the_fault(_reading(_folder(tmp_path, **{name: text.replace(old, new, 1)})))

    assert fault.where.startswith(f"{name}.csv {where}")
    assert expected == fault.expected
    assert fault.found
    assert fault.action


@pytest.mark.parametrize("name", ["instruments", "quotes", "underlyings", "rates", "dividends", "forwards"])
def test_a_row_written_twice_is_a_fault(tmp_path: Path, name: str) -> None:
    lines = _text(tmp_path, name).splitlines()
    fault = the_fault(_reading(_folder(tmp_path, **{name: "\n".join([*lines, lines[1]]) + "\n"})))

    assert fault.where.startswith(f"{name}.csv line {len(lines) + 1} column")
    assert "again (first on line 2)" in fault.found


def test_faults_of_all_tables_are_told_at_once(tmp_path: Path) -> None:
    folder = _folder(tmp_path, quotes="time,symbol\n", rates="currency,rate\n")
    (folder / "underlyings.csv").unlink()
    write(folder / "instruments.csv.gz", "not gzip")

    assert [
        fault.found for fault in the_faults(_reading(folder))
    ] == ["2 files of instruments (instruments.csv, instruments.csv.gz)", "columns time, symbol", "no underlyings", "columns currency, rate"]  # fmt: skip


def test_a_table_without_instruments_is_a_fault(tmp_path: Path) -> None:
    header = _text(tmp_path, "instruments").splitlines()[0]
    fault = the_fault(_reading(_folder(tmp_path, instruments=header + "\n")))

    assert (fault.found, fault.expected) == ("a header and no rows", "at least one instrument")


def test_tick_tables_read_as_they_print() -> None:
    assert (TickBand(0, 5), TickBand(300, 10)) == parse_tick_table("0:5 300:10")
    assert print_tick_table(parse_tick_table("0:5 300:10")) == "0:5 300:10"


def test_a_later_event_replaces_an_earlier_one_of_its_name(tmp_path: Path) -> None:
    moved = UnderlyingQuoted(received_ns=AT, underlying="SPX", price=2950.0)
    write_tables(tmp_path, (*EVENTS, moved), AT)

    assert read_market(tmp_path).events[1].price == 2950.0
