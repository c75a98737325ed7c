"""Deribit's socket: tickers, books with their chain of changes, lists of instruments; damaged lines are faults with their place."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.adapters.deribit.facts import Reader
from flatbook.adapters.deribit.parse import (
    Book,
    Connected,
    Listing,
    Passed,
    Ticker,
    parse_line,
    parse_message,
)
from flatbook.adapters.deribit.read import looks_like, read_recording
from flatbook.adapters.deribit.terms import instrument_of
from flatbook.adapters.recordings import open_recording
from flatbook.model.errors import FaultsError, FlatbookError
from flatbook.model.events import ForwardQuoted, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Kind, Payoff, TickBand
from flatbook.model.venue_events import FeedSuspect, TradingHalted

NAME = "BTC-24SEP21-34000-P"
SECOND = 1_626_993_723
AT = SECOND * 10**9


def subscription(channel, **data):
    return {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}


def ticker(name=NAME, bid=0.1555, ask=0.1585, index=32201.67, forward=32366.75, stamp=SECOND * 1000, **more):
    return subscription(
        f"ticker.{name}.raw", instrument_name=name, timestamp=stamp, state="open", best_bid_price=bid,
        best_bid_amount=0.8, best_ask_price=ask, best_ask_amount=11.2, index_price=index, underlying_price=forward,
        underlying_index="BTC-24SEP21", greeks={"delta": -0.5}, stats={"volume": None}, **more,
    )  # fmt: skip


def book(change, before=None, bids=(), asks=(), name=NAME, kind=None):
    more = {} if before is None else {"prev_change_id": before}
    return subscription(
        f"book.{name}.raw", type=kind or ("snapshot" if before is None else "change"), timestamp=SECOND * 1000,
        instrument_name=name, change_id=change, bids=list(bids), asks=list(asks), **more,
    )  # fmt: skip


def lines(*messages):
    """One a second, with the connection before them."""
    out = [f"wss://www.deribit.com/ws/api/v2 <-> {SECOND}.25"]
    out += [f"{SECOND + k}.804855: {json.dumps(message)}" for k, message in enumerate(messages)]
    return "\n".join(out) + "\n"


def recorded(tmp_path, *messages):
    path = tmp_path / "session"
    path.write_text(lines(*messages))
    return read_recording(path)


def quotes(recording):
    found = [fact for moment in recording.moments() for fact in moment.facts if isinstance(fact, QuotesSeen)]
    return [(fact.bid_ticks[0], fact.bid_sizes[0], fact.ask_ticks[0], fact.ask_sizes[0]) for fact in found]


def test_a_ticker_is_a_quote_an_index_and_the_future_of_its_expiry(tmp_path):
    recording = recorded(tmp_path, ticker(), ticker(bid=0.0, ask=0.16))

    first, second = (moment.facts for moment in recording.moments())
    assert first[0] == UnderlyingQuoted(received_ns=AT + 804_855_000, underlying="BTC", price=32201.67)
    expiry_ns = recording.table.instruments[0].expiry_ns
    assert first[1] == ForwardQuoted(
        received_ns=AT + 804_855_000,
        option_class="BTC",
        expiry_ns=expiry_ns,
        price=32366.75,
        symbol="BTC-24SEP21",
    )
    assert first[2].source_ns == AT
    assert quotes(recording) == [(1555, 0, 1585, 11), (None, None, 1600, 11)]
    assert len(second) == 1, "a price that did not move is not told again"
    assert recording.source == "Deribit's messages on BTC in session"


def test_a_whole_book_is_the_quote_and_its_ticker_is_not(tmp_path):
    recording = recorded(
        tmp_path,
        ticker(),
        book(5, bids=[["new", 0.155, 3.0], ["new", 0.15, 9.0]], asks=[["new", 0.16, 2.0]]),
        ticker(bid=0.1),
        book(6, 5, bids=[["delete", 0.155, 0.0]], asks=[["change", 0.16, 4.0], ["new", 0.1595, 7.5]]),
    )

    assert quotes(recording) == [(1555, 0, 1585, 11), (1550, 3, 1600, 2), (1500, 9, 1595, 7)]


def test_a_gap_in_a_book_is_doubt_until_its_next_snapshot(tmp_path):
    recording = recorded(
        tmp_path,
        book(5, bids=[["new", 0.155, 3.0]]),
        book(8, 7, bids=[["new", 0.156, 3.0]]),
        ticker(),
        book(9, 8, bids=[["new", 0.157, 3.0]]),
        book(12, bids=[["new", 0.158, 3.0]]),
    )

    doubts = [f for moment in recording.moments() for f in moment.facts if isinstance(f, FeedSuspect)]
    assert [(fact.underlyings, fact.on, fact.received_ns // 10**9 - SECOND) for fact in doubts] == [
        (("BTC",), True, 1), (("BTC",), False, 4),
    ]  # fmt: skip
    assert [bid for bid, *_ in quotes(recording)] == [1550, 1580]


def test_a_new_connection_voids_every_book(tmp_path):
    reader = Reader({NAME: instrument_of(NAME, None, "")})
    first = parse_line(lines(book(5, bids=[["new", 0.155, 3.0]])).splitlines()[1].encode(), "")
    change = parse_line(lines(book(6, 5, bids=[["new", 0.156, 3.0]])).splitlines()[1].encode(), "")
    reader.read(first, "")
    reader.read(parse_line(b"wss://www.deribit.com/ws/api/v2 <-> 1626993723.4", ""), "")

    (doubt,) = reader.read(change, "")

    assert (type(doubt), doubt.on) == (FeedSuspect, True)


def test_the_list_of_instruments_tells_their_terms(tmp_path):
    listing = {
        "jsonrpc": "2.0",
        "result": [
            {
                "instrument_name": NAME, "kind": "option", "tick_size": 0.0001, "contract_size": 1.0, "base_currency": "BTC",
                "quote_currency": "BTC", "tick_size_steps": [{"above_price": 0.005, "tick_size": 0.0005}],
            },
            {
                "instrument_name": "BTC-PERPETUAL", "kind": "future", "tick_size": 0.5, "contract_size": 10.0,
                "base_currency": "BTC", "quote_currency": "USD",
            },
            {
                "instrument_name": "SOL_USDC-PERPETUAL", "kind": "future", "tick_size": 0.01, "contract_size": 0.1,
                "base_currency": "SOL", "quote_currency": "USDC",
            },
        ],
    }  # fmt: skip
    perpetual = subscription(
        "ticker.BTC-PERPETUAL.raw", instrument_name="BTC-PERPETUAL", timestamp=1, best_bid_price=32_200.5,
        best_bid_amount=12_345.0, best_ask_price=32_201.0, best_ask_amount=9.0, index_price=32_000.0,
    )  # fmt: skip
    linear = subscription("ticker.SOL_USDC-PERPETUAL.raw", instrument_name="SOL_USDC-PERPETUAL", timestamp=1)
    recording = recorded(tmp_path, listing, ticker(), perpetual, linear)

    option, future = recording.table.instruments
    assert (option.tick_table, option.payoff, option.currency) == (
        (TickBand(0, 1), TickBand(50, 5)), Payoff.INVERSE, "BTC",
    )  # fmt: skip
    assert (future.kind, future.multiplier, future.ticks_per_unit, future.tick_table, future.expiry_ns) == (
        Kind.FUTURE, 10.0, 10, (TickBand(0, 5),), 0,
    )  # fmt: skip
    assert quotes(recording)[1] == (322_005, 1_234, 322_010, 0)
    assert [(note.kind, note.count) for note in recording.notes] == [("linear", 1)]


def test_a_series_that_is_closed_has_no_quote_and_a_locked_index_is_a_halt(tmp_path):
    closed = ticker()
    closed["params"]["data"]["state"] = "closed"
    locked = subscription("platform_state", price_index="btc_usd", locked=True)
    index = subscription("deribit_price_index.btc_usd", index_name="btc_usd", price=32_000.5, timestamp=1)
    other = subscription("deribit_price_index.btc_usdc", index_name="btc_usdc", price=1.0, timestamp=1)
    recording = recorded(tmp_path, closed, locked, index, other)

    facts = [fact for moment in recording.moments() for fact in moment.facts]
    assert quotes(recording) == [(None, None, None, None)]
    assert [(fact.underlying, fact.on) for fact in facts if isinstance(fact, TradingHalted)] == [
        ("BTC", True)
    ]
    assert [fact.price for fact in facts if isinstance(fact, UnderlyingQuoted)] == [32_201.67, 32_000.5]


def test_lines_of_the_recorder_itself_are_passed_over():
    assert parse_line(b"configuration: {}\n", "") is None
    assert parse_line(b'wss://a <- 1626993723.7: {"jsonrpc":"2.0"}\n', "") is None
    assert parse_line(b"wss://a <-> 1626993723.4\n", "").message == Connected()
    assert parse_line(b"\n", "") is None
    reply = parse_line(b'https://a/get_instruments?currency=BTC -> 1626993723.5: {"result":[]}\n', "")
    assert reply.at_ns == AT + 5 * 10**8
    assert parse_line(b'1626993723.804855123999: {"result":["ticker.X.raw"]}\n', "").message == Passed()
    assert parse_line(b'1626993723.804855123999: {"result":["a"]}\n', "").at_ns == AT + 804_855_123


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hello", "a line such as"),
        (f"{SECOND}.5", "a message after the time"),
        (f"{SECOND}.5: {{]", "a line such as"),
        (f"{SECOND}.5: {{x}}", "JSON-RPC"),
        (f"{SECOND}.5: {json.dumps(subscription('ticker.X.raw'))}", "missing required field"),
        (f"{SECOND}.5: {json.dumps(ticker(bid=-1.0))}", ">= 0"),
        (f"{SECOND}.5: {json.dumps(ticker(bid=float('nan')))}", "JSON-RPC"),
        (f"{SECOND}.5: {json.dumps(ticker()).replace('0.1555', '1e999')}", "JSON-RPC"),
    ],
)
def test_a_line_that_is_none_is_told_with_its_place(tmp_path, line, expected):
    path = tmp_path / "session"
    path.write_text(lines(ticker()) + line + "\n")

    with pytest.raises(FaultsError) as raised:
        read_recording(path)

    (fault,) = raised.value.faults
    assert fault.where == "session line 3"
    assert expected in fault.expected


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (ticker(bid=0.15551), "price 0.15551"),
        (book(5, bids=[["delete", 0.1, 1.0]]), "'delete' of 1.0 at 0.1"),
        (book(5, bids=[["new", 0.1, 0.0]]), "'new' of 0.0"),
        (book(5, asks=[["what", 0.1, 1.0]]), "'what'"),
        (ticker(name="BTC-99SEP21-1-P"), "does not exist"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path, message, found):
    with pytest.raises(FaultsError, match="line 2") as raised:
        recorded(tmp_path, message)

    assert found in str(raised.value)


def test_a_recording_is_known_by_looking(tmp_path):
    path = tmp_path / "session"
    path.write_text(lines(ticker()))
    other = tmp_path / "other.txt"
    other.write_text("1626993723 apples\n")

    assert looks_like(path)
    assert looks_like(tmp_path)
    assert not looks_like(other)
    assert open_recording(tmp_path).format == "deribit"
    with pytest.raises(FaultsError, match="no recording that is known"):
        open_recording(other)


def _place_of_fault(read):
    """Whether a fault names its place; also where there is none."""
    try:
        read()
    except FlatbookError as error:
        return str(error).startswith("here")
    return True


MESSAGES = [
    json.dumps(each).encode()
    for each in (
        ticker(), book(5, bids=[["new", 0.155, 3.0]]), book(6, 5, asks=[["new", 0.16, 1.5]]),
        subscription("platform_state", locked=False), {"result": [{"instrument_name": NAME}]},
    )
]  # fmt: skip


@settings(max_examples=300)
@given(
    st.sampled_from(MESSAGES),
    st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True),
            st.sampled_from(["put", "cut", "swap"]),
            st.one_of(
                st.binary(min_size=1, max_size=3),
                st.sampled_from([b"null", b"1e999", b"-1", b"[]", b"9" * 40]),
            ),
        ),
        max_size=4,
    ),
)
def test_a_damaged_message_parses_or_is_a_fault(raw, changes):
    for place, kind, put in changes:
        start = int(place * len(raw))
        end = start + (len(put) if kind == "swap" else 5 if kind == "cut" else 0)
        raw = raw[:start] + (b"" if kind == "cut" else put) + raw[end:]
    reader = Reader({NAME: instrument_of(NAME, None, "")})

    assert _place_of_fault(lambda: reader.read(parse_line(b"1626993723.5: " + raw, "here"), "here"))


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_a_fault(raw):
    assert _place_of_fault(lambda: parse_line(raw, "here"))
    assert _place_of_fault(lambda: parse_message(raw, "here"))


def test_the_samples_are_what_they_say():
    kinds = [type(parse_message(raw, "")) for raw in MESSAGES[:3]]

    assert kinds == [Ticker, Book, Book]
    with pytest.raises(FaultsError):
        parse_message(MESSAGES[4], "")
    assert not isinstance(parse_message(b'{"result":[]}', ""), Listing)
