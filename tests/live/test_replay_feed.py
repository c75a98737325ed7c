"""A recording replayed: as fast as it is taken, at a speed, paused, sought; a slow desk sees the newest and misses no halt."""

import asyncio
import time
from functools import partial
from math import inf

import pytest

from flatbook.live.ports import FeedEnded, FeedPort, Told
from flatbook.live.replay_feed import ReplayFeed, ReplayTerms
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import QuotesSeen, UnderlyingQuoted
from flatbook.model.venue_events import TradingHalted
from flatbook.model.world_fault_terms import WireTerms
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.feed import FeedMessage
from flatbook.sim.feed_reader import FeedReader
from flatbook.sim.trust import Trust
from tests.adapters.recordings import ITEMS, START, S, forward, halt, option, price, quote, recording


def say(make, *values):
    """A fact of whatever instant it is told at."""
    return lambda at_ns: make(at_ns, *values)


A, B, C = (partial(say, quote, item.symbol) for item in ITEMS)
PRICE, HALT, FORWARD = partial(say, price), partial(say, halt), partial(say, forward)


async def collected(feed, most=10_000):
    """Everything the feed says, heartbeats left out."""
    out = []
    async for news in feed.messages():
        if not (
            isinstance(news, FeedMessage) and not news.snapshot and not news.rows.size and news.price is None
        ):
            out.append(news)
        if len(out) >= most:
            break
    return out


def told(news):
    """As a desk's reader understands it; a feed that is whole raises no doubt."""
    table = recording((0, PRICE(1.0))).table
    reader = FeedReader(table, WireTerms(), Trust(), START)
    out = []
    for each in news:
        if isinstance(each, Told):
            out.extend(each.facts)
        elif isinstance(each, FeedMessage):
            out.extend(reader.read(each, at_ns=each.at_ns, received_ns=each.at_ns))
    return out


def quotes(facts):
    return {
        symbol: (bid, ask)
        for fact in facts
        if isinstance(fact, QuotesSeen)
        for symbol, bid, ask in zip(fact.symbols, fact.bid_ticks, fact.ask_ticks, strict=True)
    }


def test_without_a_limit_on_speed_every_moment_waits_until_it_is_taken():
    clocks, taken = [], []

    async def take():
        taken.append(feed.clock.market_ns)

    feed = ReplayFeed(
        recording((0, PRICE(100.0), A(1, 2)), (5, A(2, 3), B(None, 7), FORWARD(99.0)), (9, C(4, 5))),
        ReplayTerms(speed=inf, taken=take),
    )
    feed.on_clock = lambda terms: clocks.append((terms.market_ns, terms.speed))
    news = asyncio.run(collected(feed))

    instants = [START, START + 5 * S, START + 9 * S]
    assert taken == instants
    assert sorted(set(clocks)) == [(at, 0.0) for at in instants]
    assert isinstance(news[-1], FeedEnded)
    assert (feed.moments_told, feed.moments_joined) == (3, 0)
    facts = told(news)
    assert quotes(facts) == {"XYZ-100": (2, 3), "XYZ-110": (None, 7), "ABC-50": (4, 5)}
    assert [fact.received_ns for fact in facts if isinstance(fact, UnderlyingQuoted)] == [START]
    numbers = [each.number for each in news if isinstance(each, FeedMessage) and each.source == 0]
    assert numbers == sorted(set(numbers))


def test_it_is_a_feed_port_and_its_opening_lists_everything():
    feed: FeedPort = ReplayFeed(recording((0, PRICE(100.0)), (60, A(1, 2))), ReplayTerms(speed=20.0))
    opening = asyncio.run(feed.opening())

    assert opening.table.instruments == ITEMS
    assert opening.facts[0].instruments == ITEMS
    assert (opening.clock.market_ns, opening.clock.speed) == (START, 20.0)
    assert (opening.opens_ns, opening.closes_ns) == (START, START + 60 * S)
    assert opening.world == f"replay of a test from {START}"


def test_at_a_speed_nothing_is_told_before_its_time():
    """20 moments, 0.2 s apart, at ten times the speed."""

    async def run():
        begun = time.monotonic()
        ahead = [
            each.at_ns - feed.market_ns() async for each in feed.messages() if isinstance(each, FeedMessage)
        ]
        return time.monotonic() - begun, max(ahead)

    feed = ReplayFeed(recording(*((k / 5, A(k, k + 1)) for k in range(20))), ReplayTerms(speed=10.0))
    took_s, ahead_ns = asyncio.run(run())

    assert 0.37 <= took_s < 5.0
    assert ahead_ns <= 0
    assert feed.moments_told == 20


def test_a_desk_that_is_slow_sees_the_newest_quote_and_every_halt():
    async def run():
        out = []
        async for news in feed.messages():
            out.append(news)
            await asyncio.sleep(0.03)
        return out

    moments = ((k / 10, A(k + 1, k + 2), HALT(k % 2 == 0)) for k in range(40))
    feed = ReplayFeed(recording(*moments), ReplayTerms(speed=100.0))
    facts = told(asyncio.run(run()))

    assert feed.moments_joined > 10
    assert feed.moments_told == 40
    assert quotes(facts)["XYZ-100"] == (40, 41)
    assert [fact.on for fact in facts if isinstance(fact, TradingHalted)] == [k % 2 == 0 for k in range(40)]


def test_while_it_is_paused_time_stands_and_the_line_is_heard():
    """A heartbeat of every source, which moves nothing; then it goes on from there."""

    async def run():
        stream = feed.messages()
        first = [await anext(stream), await anext(stream)]
        feed.pause()
        stood_ns = feed.market_ns()
        beats = [await anext(stream), await anext(stream)]
        assert feed.paused
        assert feed.market_ns() == stood_ns
        feed.resume()
        rest = [news async for news in stream]
        return first, beats, rest

    feed = ReplayFeed(recording((0, A(1, 2)), (50, A(3, 4))), ReplayTerms(speed=1000.0))
    first, beats, rest = asyncio.run(run())

    assert [(beat.source, beat.rows.size, beat.price, beat.number) for beat in beats] == [
        (0, 0, None, 2),
        (1, 0, None, 2),
    ]
    assert quotes(told(first + beats + rest)) == {"XYZ-100": (3, 4)}
    assert isinstance(rest[-1], FeedEnded)


def test_what_was_skipped_is_told_as_one():
    async def run():
        stream = feed.messages()
        await anext(stream)
        feed.seek(START + 950 * S)
        begun = time.monotonic()
        rest = [news async for news in stream]
        return rest, time.monotonic() - begun

    moments = ((k, A(k + 1, k + 2), *((HALT(True),) if k == 500 else ())) for k in range(1000))
    feed = ReplayFeed(recording(*moments), ReplayTerms(speed=500.0))
    rest, took_s = asyncio.run(run())

    assert took_s < 1.0
    assert feed.moments_joined > 900
    assert [fact.on for fact in told(rest) if isinstance(fact, TradingHalted)] == [True]
    assert quotes(told(rest))["XYZ-100"] == (1000, 1001)


def test_a_seek_back_or_beyond_the_end_is_refused():
    """What a desk was told it cannot forget."""
    feed = ReplayFeed(recording((0, A(1, 2)), (100, A(3, 4))), ReplayTerms(from_ns=START + 10 * S))

    for at_ns in (START + 9 * S, START + 101 * S):
        with pytest.raises(InvalidValueError, match="seek: found"):
            feed.seek(at_ns)


def test_the_speed_can_be_changed_on_the_way_and_must_be_one():
    async def run():
        begun = time.monotonic()
        stream = feed.messages()
        await anext(stream)
        feed.set_speed(10_000.0)
        [news async for news in stream]
        return time.monotonic() - begun

    feed = ReplayFeed(recording((0, A(1, 2)), (1000, A(3, 4))))
    assert asyncio.run(run()) < 3.0
    for speed in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidValueError, match="speed of a replay"):
            feed.set_speed(speed)
        with pytest.raises(InvalidValueError, match="speed of a replay"):
            ReplayTerms(speed=speed)


def test_a_snapshot_is_all_that_stands_of_its_source():
    async def run():
        stream = feed.messages()
        first = [await anext(stream), await anext(stream)]
        feed.ask_snapshot(0)
        feed.ask_snapshot(99)
        return first, await anext(stream)

    feed = ReplayFeed(recording((0, A(1, 2), B(3, None), C(9, 9), PRICE(100.0)), (3600, A(1, 2))))
    first, snapshot = asyncio.run(run())

    assert (snapshot.source, snapshot.number, snapshot.snapshot, snapshot.price) == (
        0,
        first[0].number,
        True,
        100.0,
    )
    assert snapshot.rows.tolist() == [0, 1]
    assert snapshot.quotes.tolist() == [[1, 3], [2, NO_PRICE], [5, 5], [5, 0]]


def test_what_stands_is_told_again_while_the_recording_speaks():
    """Not the quote of a series that is over."""
    over = option(120, expiry_ns=START + 30 * S)
    items = (*ITEMS, over)
    feed = ReplayFeed(
        recording(
            (0, A(1, 2), PRICE(100.0), say(quote, over.symbol, 1, 2)),
            (40, B(3, 4)),
            (61, B(3, 4)),
            items=items,
        ),
        ReplayTerms(speed=inf, retell_s=60.0),
    )
    news = [each for each in asyncio.run(collected(feed)) if isinstance(each, FeedMessage)]

    assert [(each.at_ns // S - START // S, each.rows.tolist(), each.price) for each in news] == [
        (0, [0, 3], 100.0), (40, [1], None), (61, [0, 1], 100.0),
    ]  # fmt: skip


@pytest.mark.parametrize("speed", [inf, 1e6])
def test_a_part_begins_with_all_that_stood(speed):
    feed = ReplayFeed(
        recording((0, A(1, 2)), (1, B(5, 6)), (2, A(2, 3)), (3, A(3, 4)), (4, A(9, 9))),
        ReplayTerms(speed=speed, from_ns=START + 2 * S, until_ns=START + 3 * S),
    )
    news = asyncio.run(collected(feed))

    assert quotes(told(news[:1])) in (
        {"XYZ-100": (2, 3), "XYZ-110": (5, 6)},
        {"XYZ-100": (3, 4), "XYZ-110": (5, 6)},
    )
    assert quotes(told(news)) == {"XYZ-100": (3, 4), "XYZ-110": (5, 6)}
    assert feed.market_ns() == START + 3 * S


@pytest.mark.parametrize(
    "part", [{"from_ns": START - 1}, {"from_ns": START + 6 * S}, {"until_ns": START - 1}]
)
def test_a_part_lies_within_the_recording(part):
    with pytest.raises(InvalidValueError, match="within the recording"):
        ReplayFeed(recording((0, A(1, 2)), (5, A(1, 2))), ReplayTerms(**part))


def test_it_goes_on_where_it_was_left_and_stops_when_it_is_closed():
    async def run():
        first = await collected(feed, most=1)
        second = await collected(feed, most=1)
        await feed.close()
        return first + second, await collected(feed)

    feed = ReplayFeed(recording((0, A(1, 2)), (1, A(3, 4)), (2, A(5, 6))), ReplayTerms(speed=inf))
    parts, rest = asyncio.run(run())

    assert quotes(told(parts)) == {"XYZ-100": (3, 4)}
    assert rest == []
