"""What goes over the venue's socket: everything comes back as it went, and bytes that say nothing are told so, in words."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec.structs import replace

from flatbook.live.venue_codec import (
    COMMANDS_MOST_BYTES,
    HEAD_BYTES,
    Alive,
    Asked,
    Cleared,
    Closed,
    Commands,
    Fault,
    Frames,
    Hello,
    ProtocolError,
    Refused,
    Reported,
    ResendWanted,
    SnapshotWanted,
    Welcome,
    answer_of,
    answered,
    envelopes_of,
    feed_message,
    framed,
    from_desk,
    from_venue,
    quoted,
    table_hash,
)
from flatbook.model.facts import Told
from flatbook.model.table import InstrumentTable
from flatbook.sim.desk_side import Answer, Question
from flatbook.sim.feed import FeedMessage
from flatbook.sim.messages import (
    Acknowledged,
    Busted,
    Cancel,
    Cancelled,
    CancelRejected,
    Corrected,
    NewOrder,
    Rejected,
    Traded,
    Tripped,
)
from flatbook.sim.prices.market import simulated_market
from flatbook.sim.wire import Envelope
from tests.journal import samples
from tests.sim.small_days import index_prices

TABLE = simulated_market(index_prices(), 1).table
WHOLE = some.integers(-(2**53), 2**53)
INSTANT = some.integers(0, 2**63 - 1)
WORDS = some.text(max_size=30)
TRUTH = some.booleans()
ORDER = some.builds(
    NewOrder, client_id=WHOLE, row=WHOLE, side=WHOLE, price_ticks=WHOLE, quantity=WHOLE, is_quote=TRUTH, replaces=WHOLE,
    immediate=TRUTH,
)  # fmt: skip
COMMAND = ORDER | some.builds(Cancel, client_id=WHOLE)
REPORT = some.one_of(
    some.builds(Acknowledged, client_id=WHOLE),
    *(some.builds(kind, client_id=WHOLE, reason=WORDS) for kind in (Rejected, Cancelled, CancelRejected)),
    some.builds(
        Traded, execution_id=WORDS, client_id=WHOLE, row=WHOLE, side=WHOLE, quantity=WHOLE, price_ticks=WHOLE, at_ns=INSTANT,
        fee=some.floats(allow_nan=False), capacity=WORDS, order_id=WHOLE, maker=TRUTH,
    ),
    some.builds(Busted, bust_id=WORDS, execution_id=WORDS, at_ns=INSTANT),
    some.builds(
        Corrected, correction_id=WORDS, execution_id=WORDS, quantity=WHOLE, price_ticks=WHOLE, at_ns=INSTANT
    ),
    some.builds(Tripped, scope=WORDS, until_ns=WHOLE),
)  # fmt: skip
ENVELOPE = some.builds(Envelope, report=some.none() | REPORT, executions=some.integers(0, 2**53))
SIGNED = some.integers(-(2**63), 2**63 - 1)
FROM_DESK = some.one_of(
    some.builds(Hello, version=WHOLE, role=some.sampled_from(["feed", "trading", "control"]), name=WORDS, table_hash=WORDS),
    some.builds(Commands, commands=some.lists(COMMAND, max_size=5).map(tuple)),
    some.builds(Asked, asked_ns=SIGNED, at_ns=SIGNED, since_ns=SIGNED),
    some.builds(ResendWanted, after=some.integers(0, 2**53)),
    some.builds(SnapshotWanted, source=WHOLE),
    some.builds(Alive, now_ns=INSTANT),
    some.builds(Fault, kind=some.sampled_from(["drop", "lose", "silence", "jump"]), amount=some.floats(0.0, 1e6)),
)  # fmt: skip
FACTS = tuple(fact for fact in samples.FACTS if isinstance(fact, Told))
FROM_VENUE = some.one_of(
    some.builds(
        Welcome, version=WHOLE, venue=WORDS, world=WORDS, table_hash=WORDS, now_ns=INSTANT, opens_ns=INSTANT, closes_ns=INSTANT,
        speed=some.floats(allow_nan=False), cancelled=TRUTH, facts=some.just(FACTS),
    ),
    some.builds(Refused, reason=WORDS),
    some.builds(Reported, envelopes=some.lists(ENVELOPE, max_size=5).map(tuple)),
    some.builds(Cleared, facts=some.just(FACTS)),
    some.builds(Closed, at_ns=INSTANT),
    some.builds(Alive, now_ns=INSTANT),
)  # fmt: skip


def body(message):
    """Without its length."""
    return framed(message)[HEAD_BYTES:]


@given(FROM_DESK)
def test_what_a_desk_says_comes_back_as_it_went(message):
    """Every kind, with every field anywhere in its range."""
    assert from_desk(body(message)) == message


@given(FROM_VENUE)
def test_what_the_venue_says_comes_back_as_it_went(message):
    """Also every fact that there is, in what the clearing house says."""
    assert from_venue(body(message)) == message


def _feed_message(rows, snapshot, price, halted):
    k = len(rows)
    quotes = np.arange(4 * k, dtype=np.int64).reshape(4, k) - 1
    return FeedMessage(
        source=0, number=7, at_ns=8, price=price, halted=halted, rows=np.array(rows, dtype=np.int64), quotes=quotes,
        snapshot=snapshot,
    )  # fmt: skip


@given(
    some.lists(some.integers(0, len(TABLE.instruments) - 1), unique=True),
    TRUTH,
    some.none() | some.floats(0.0, exclude_min=True, allow_infinity=False),
    some.none() | TRUTH,
)
def test_a_feed_message_comes_back_as_it_went(rows, snapshot, price, halted):
    """Columns and what may be missing."""
    message = _feed_message(rows, snapshot, price, halted)
    found = feed_message(from_venue(body(quoted(message))), TABLE)
    for name in ("source", "number", "at_ns", "price", "halted", "snapshot"):
        assert getattr(found, name) == getattr(message, name)
    np.testing.assert_array_equal(found.rows, message.rows)
    np.testing.assert_array_equal(found.quotes, message.quotes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": b"abc"}, "cut"),
        ({"quotes": bytes(8)}, "cut"),
        ({"quotes": bytes(32)}, "2 rows with 1 quotes"),
        ({"source": 1}, "source 1"),
        ({"source": -1}, "source -1"),
        ({"rows": np.array([0, 9], dtype="<i4").tobytes()}, "rows that are not its own"),
        ({"rows": np.array([-1, 0], dtype="<i4").tobytes()}, "rows that are not its own"),
        ({"price": math.nan}, "the price nan"),
        ({"price": math.inf}, "the price inf"),
        ({"price": 0.0}, "the price 0"),
        ({"quotes": np.array([[1, 1], [2, 2], [1, -1], [1, 1]], dtype="<i8").tobytes()}, "a size below 0"),
    ],
)
def test_a_feed_message_that_cannot_be_is_refused(changes, words):
    """Cut columns, other lengths, and sources and rows that are not there."""
    whole = quoted(_feed_message([0, 1], snapshot=False, price=None, halted=None))
    feed_message(whole, TABLE)
    with pytest.raises(ProtocolError, match=words):
        feed_message(replace(whole, **changes), TABLE)


def test_an_answer_comes_back_as_it_went():
    """Positions by row, and an answer about a row that is not there is refused."""
    positions = np.zeros(len(TABLE.instruments), dtype=np.int64)
    positions[[0, 3]] = (5, -7)
    question = Question(asked_ns=1, at_ns=2, since_ns=3)
    answer = Answer(question, [(11, 4), (12, 5)], positions, 6, 9)
    told = from_venue(body(answered(Asked(asked_ns=1, at_ns=2, since_ns=3), answer)))
    found = answer_of(told, TABLE)
    assert (found.question, tuple(found.orders), found.executions, found.counted_ns) == (
        question,
        ((11, 4), (12, 5)),
        6,
        9,
    )
    np.testing.assert_array_equal(found.positions, positions)
    for row in (-1, len(TABLE.instruments)):
        with pytest.raises(ProtocolError, match=f"row {row}"):
            answer_of(replace(told, positions=((row, 1),)), TABLE)


@pytest.mark.parametrize("changes", [{"executions": -1}, {"orders": ((11, 0),)}, {"orders": ((0, 5),)}])
def test_an_answer_that_nobody_can_count_is_refused(changes):
    """Open orders of nothing or of nobody, and fewer executions than none: the engine could not fold them."""
    told = answered(
        Asked(asked_ns=1, at_ns=2, since_ns=3),
        Answer(Question(1, 2, 3), [(11, 4)], np.zeros(len(TABLE.instruments), dtype=np.int64), 6, 9),
    )
    answer_of(told, TABLE)
    with pytest.raises(ProtocolError, match="nobody can have"):
        answer_of(replace(told, **changes), TABLE)


TRADED = Traded(
    execution_id="x1", client_id=1, row=0, side=1, quantity=1, price_ticks=5, at_ns=1, fee=0.0, capacity="customer",
    order_id=0, maker=True,
)  # fmt: skip


@pytest.mark.parametrize(
    "report",
    [
        replace(TRADED, row=-1),
        replace(TRADED, row=len(TABLE.instruments)),
        replace(TRADED, side=0),
        replace(TRADED, side=5),
        replace(TRADED, quantity=0),
        replace(TRADED, quantity=-3),
        replace(TRADED, capacity="nobody"),
        replace(TRADED, client_id=-4),
        Corrected(correction_id="c1", execution_id="x1", quantity=0, price_ticks=5, at_ns=1),
        Acknowledged(client_id=0),
        Rejected(client_id=-1, reason=""),
        Cancelled(client_id=0, reason=""),
        CancelRejected(client_id=0, reason=""),
    ],
)
def test_a_report_that_cannot_be_is_refused(report):
    """Before it is a fact: a row counted from the end would be another contract, the rest would end the desk."""
    fine = Envelope(report=TRADED, executions=1)
    assert envelopes_of(from_venue(body(Reported(envelopes=(fine,)))), TABLE) == (fine,)
    wrong = from_venue(body(Reported(envelopes=(fine, Envelope(report=report, executions=2)))))
    with pytest.raises(ProtocolError, match=type(report).__name__):
        envelopes_of(wrong, TABLE)


@given(some.lists(FROM_DESK, max_size=6), some.data())
def test_frames_are_found_however_the_bytes_are_cut(messages, data):
    """In pieces of any length, also of one byte."""
    whole, frames, found = b"".join(map(framed, messages)), Frames(COMMANDS_MOST_BYTES), []
    at = 0
    while at < len(whole):
        step = data.draw(some.integers(1, 40))
        found += frames.split(whole[at : at + step])
        at += step
    assert [from_desk(each) for each in found] == messages
    frames.end()


def test_a_line_that_is_cut_within_a_frame_says_so():
    """And a frame that is empty or too long is refused by its head alone."""
    frames = Frames(100)
    assert frames.split(framed(Alive())[:-1]) == []
    with pytest.raises(ProtocolError, match="cut within a frame"):
        frames.end()
    assert len(Frames(100).split((100).to_bytes(4, "big") + bytes(100))) == 1
    for size in (0, 101, 2**32 - 1):
        with pytest.raises(ProtocolError, match="1 to 100 are read"):
            Frames(100).split(size.to_bytes(4, "big"))


@settings(max_examples=300)
@given(some.binary(max_size=200) | FROM_DESK.map(body) | FROM_VENUE.map(body), some.data())
def test_no_bytes_do_anything_but_speak_or_be_refused(noise, data):
    """Any bytes, and messages of either end with some bytes turned into others."""
    noise = bytearray(noise)
    for _ in range(data.draw(some.integers(0, 3)) if noise else 0):
        noise[data.draw(some.integers(0, len(noise) - 1))] = data.draw(some.integers(0, 255))
    for read in (from_desk, from_venue):
        try:
            read(bytes(noise))
        except ProtocolError as told:
            assert 0 < len(str(told)) <= 500  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("read", [from_desk, from_venue])
def test_what_lies_deep_is_refused_and_not_followed(read):
    """A hundred thousand arrays in each other."""
    with pytest.raises(ProtocolError):
        read(b"\x91" * 100_000)


def test_numbers_beyond_their_range_are_refused():
    """Whatever the type of a column could not hold later."""
    order = [1, 2**53 + 1, 0, 1, 1, 1, False, 0, False]
    with pytest.raises(ProtocolError):
        from_desk(msgspec.msgpack.encode([2, [order]]))
    from_desk(msgspec.msgpack.encode([2, [[1, 2**53, *order[2:]]]]))
    for amount in (float("nan"), float("inf"), -1.0):
        with pytest.raises(ProtocolError):
            from_desk(msgspec.msgpack.encode([7, "jump", amount]))


def test_tables_differ_in_what_stands_for_them():
    """By a row, by its sequence and by its version."""
    rows = TABLE.instruments
    others = [
        InstrumentTable(version=1, instruments=rows[:-1]),
        InstrumentTable(version=1, instruments=(*rows[1:], rows[0])),
        InstrumentTable(version=2, instruments=rows),
    ]
    assert len({table_hash(each) for each in (TABLE, *others)}) == 4
    assert table_hash(InstrumentTable(version=1, instruments=rows)) == table_hash(TABLE)
