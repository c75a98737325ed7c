"""What waits is bounded; market data is joined, and nothing else is lost."""

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flatbook.live.inbound import Arrivals, MarketData, Waiting, joined
from flatbook.sim.feed import FeedMessage
from flatbook.sim.feed_reader import FeedReader
from flatbook.sim.trust import Trust
from tests.live.fakes import market, start


def _message(number, rows=(), bids=(), price=None, halted=None, source=0, snapshot=False):
    quotes = np.array([bids, [b + 5 for b in bids], [1] * len(bids), [1] * len(bids)], dtype=np.int64)
    return FeedMessage(
        source=source, number=number, at_ns=number, price=price, halted=halted, rows=np.array(rows, dtype=np.int64),
        quotes=quotes.reshape(4, len(rows)), snapshot=snapshot,
    )  # fmt: skip


def _queue(sources=1):
    return MarketData(sources, asyncio.Event(), Arrivals())


_told = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 5), st.integers(1, 1_000), max_size=6),
        st.none() | st.floats(1.0, 1_000.0),
        st.none() | st.booleans(),
    ),
    min_size=1,
    max_size=200,
)


@given(_told)
def test_of_consecutive_messages_the_newest_word_is_left(told):
    queue = _queue()
    for number, (bids, price, halted) in enumerate(told, start=1):
        queue.put(_message(number, tuple(bids), tuple(bids.values()), price, halted))
    assert len(queue) <= 65
    (last,) = queue.take()
    newest = {row: bid for bids, _, _ in told for row, bid in bids.items()}
    assert dict(zip(last.rows.tolist(), last.quotes[0].tolist(), strict=True)) == newest
    assert last.price == next((price for _, price, _ in reversed(told) if price is not None), None)
    assert last.halted == next((on for _, _, on in reversed(told) if on is not None), None)
    assert (last.number, last.covers) == (len(told), len(told))
    assert len(queue) == 0


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_reader_misses_as_much_of_joined_messages_as_of_single_ones(arrives):
    """Doubt begins and ends at the same messages, whatever was joined."""
    table, wire = market().table, start().wire
    messages = [_message(number, price=100.0 + number) for number, on in enumerate(arrives, start=1) if on]
    queue = _queue()
    for each in messages:
        queue.put(each)

    def read(those):
        trust = Trust()
        reader = FeedReader(table, wire, trust, 0)
        for each in those:
            reader.read(each, at_ns=1, received_ns=1)
        return trust.doubted("gap", table.underlyings[0])

    assert read(queue.take()) == read(messages)


def test_a_snapshot_is_joined_with_nothing():
    queue = _queue()
    for message in (_message(1), _message(2), _message(2, snapshot=True), _message(3), _message(4)):
        queue.put(message)
    assert [(each.number, each.covers, each.snapshot) for each in queue.take()] == [
        (2, 2, False),
        (2, 1, True),
        (4, 2, False),
    ]


def test_joined_leaves_one_message_as_it_is():
    one = _message(3, (1,), (7,))
    assert joined([one]) is one


def test_a_full_queue_makes_its_sender_wait_and_loses_nothing():
    async def run():
        queue = Waiting(3, asyncio.Event(), Arrivals())
        sender = asyncio.create_task(_send(queue, 10))
        got = []
        for _ in range(100):
            await asyncio.sleep(0)
            assert len(queue) <= 3
            got += queue.take(2)
        await sender
        assert got == list(range(10))
        assert queue.waits

    async def _send(queue, n):
        for number in range(n):
            await queue.put(number)

    asyncio.run(run())
