"""Facts survive the way to bytes and back, to the bit."""

import struct
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.journal.samples import FACTS

from flatbook.journal.codec import decode, encode
from flatbook.model.errors import JournalError
from flatbook.model.events import CycleDue, Event, Fill, QuotesSeen, RatesSeen, UnderlyingQuoted
from flatbook.model.instruments import Side

names = st.text(max_size=8)
ticks = st.none() | st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_every_fact_comes_back_as_it_was(fact):
    numbered = replace(fact, sequence=2**40)

    assert numbered == decode(encode(numbered))
    assert type(fact) is type(decode(encode(fact)))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(names, ticks, ticks), max_size=5), st.integers(-(2**63), 2**63 - 1))
def test_columns_of_quotes_come_back(rows, received_ns):
    symbols, bids, asks = (tuple(column) for column in zip(*rows, strict=True)) if rows else ((), (), ())
    quotes = QuotesSeen(received_ns=received_ns, symbols=symbols, bid_ticks=bids, ask_ticks=asks)

    assert quotes == decode(encode(quotes))


@settings(max_examples=100, deadline=None)
@given(st.floats(width=64))
def test_a_float_keeps_its_bits(number):
    rates = RatesSeen(received_ns=0, currency="USD", maturity_ns=(1,), rate=(number,))
    fill = Fill(received_ns=0, fill_id="f", instrument="A", side=Side.BUY, quantity=1, price_ticks=1, traded_ns=0, fee=number)  # fmt: skip

    assert struct.pack("d", number) == struct.pack("d", decode(encode(rates)).rate[0])
    assert struct.pack("d", number) == struct.pack("d", decode(encode(fill)).fee)


def test_a_number_too_large_to_write_is_refused():
    with pytest.raises(JournalError, match="CycleDue cannot be written"):
        encode(CycleDue(received_ns=2**70, reason="timer"))


def test_a_type_that_no_journal_holds_is_refused():
    @dataclass
    class Strange:
        what: object

    class Odd(Event, frozen=True, kw_only=True):
        strange: object

    with pytest.raises(JournalError, match="Odd cannot be written"):
        encode(Odd(received_ns=0, strange=Strange(object())))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"type": "Gossip", "received_ns": 1}),
        msgspec.msgpack.encode({"type": "CycleDue", "received_ns": "noon", "reason": "x"}),
        encode(FACTS[0])[:-1],
        encode(FACTS[0]) + b"\x00",
        encode(UnderlyingQuoted(received_ns=0, underlying="SPX", price=1.0)).replace(
            struct.pack(">d", 1.0), struct.pack(">d", -1.0)
        ),
    ],
)
def test_bytes_that_are_no_fact_are_refused(raw):
    with pytest.raises(JournalError, match="no fact of this version"):
        decode(raw)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FACTS), st.data())
def test_damaged_bytes_are_a_fact_or_refused(fact, data):
    raw = bytearray(encode(fact))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))

    with suppress(JournalError):
        assert isinstance(decode(bytes(raw)), Event)
