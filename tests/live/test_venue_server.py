"""The venue behind its socket: one session, many listeners, nonsense refused with a reason, and nothing lost that has a number."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from flatbook.live import venue_server
from flatbook.live.ports import FeedEnded, PortLostError, Reports, SessionLost, SessionUp
from flatbook.live.venue_client import Address, VenueFeed, VenueSession, let_go_wrong
from flatbook.live.venue_codec import (
    FRAME_MOST_BYTES,
    Alive,
    Asked,
    Commands,
    Fault,
    Hello,
    Refused,
    ResendWanted,
    SnapshotWanted,
    Welcome,
    bodies,
    framed,
    from_venue,
    table_hash,
)
from flatbook.sim.desk_side import Answer, Question
from flatbook.sim.messages import Acknowledged, Cancel, Cancelled, Traded
from flatbook.sim.session import SessionReader
from flatbook.sim.trust import Trust
from tests.live.test_venue_market import Heard, Virtual
from tests.live.venue_stages import rests, running, takes, venue_stage

WAIT_S = 5.0
STILL = venue_stage(minutes=60.0)
HELLO = Hello(version=1, role="feed", name="test")


@asynccontextmanager
async def trading(address, table):
    """A session that stands, and what it hears from now on."""
    session = VenueSession(address, table)
    news = session.news()
    try:
        assert isinstance(await anext(news), SessionUp)
        yield session, news
    finally:
        await session.close()
        await news.aclose()


async def _until(news, enough):
    """Everything that is heard until it is enough."""
    out = []
    async with asyncio.timeout(WAIT_S):
        async for each in news:
            out.append(each)
            if enough(out):
                return out
    return out


def _reports(heard, kind=object):
    return [
        envelope.report
        for each in heard
        if isinstance(each, Reports)
        for envelope in each.envelopes
        if envelope.report is not None and isinstance(envelope.report, kind)
    ]


async def _says(address, *spoken):
    """What the venue answers to some bytes, until it hangs up."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    for each in spoken:
        writer.write(each if isinstance(each, bytes) else framed(each))
    out = []
    async with asyncio.timeout(WAIT_S):
        async for found in bodies(reader, FRAME_MOST_BYTES):
            out += map(from_venue, found)
            if isinstance(out[-1], Refused):
                break
    writer.close()
    await writer.wait_closed()
    return out


NONSENSE = {
    "empty frame": ((bytes(4),), "frame of 0 bytes"),
    "endless frame": ((b"\xff" * 8,), "4,194,304 are read"),
    "no message": ((b"\x00\x00\x00\x01\xc1",), "no message of a desk"),
    "no hello": ((SnapshotWanted(source=0),), "not said hello"),
    "two hellos": ((HELLO, HELLO), "Hello from a connection for feed"),
    "an order to the feed": ((HELLO, Commands(commands=(Cancel(client_id=1),))), "Commands from a connection for feed"),
    "a question to the feed": ((HELLO, Asked(asked_ns=1, at_ns=1, since_ns=1)), "Asked from a connection"),
    "a fault from the feed": ((HELLO, Fault(kind="drop")), "Fault from a connection for feed"),
    "an unknown source": ((HELLO, SnapshotWanted(source=9)), "source 9; there are 1"),
    "another version": ((Hello(version=2, role="feed", name="x"),), "version 2 of the protocol"),
    "another table": ((Hello(version=1, role="trading", name="x", table_hash="ab"),), "another table of instruments"),
    "faults that are off": ((Hello(version=1, role="control", name="x"),), "lets nothing go wrong"),
    "a resend without a session": ((HELLO, ResendWanted(after=0)), "ResendWanted from a connection"),
}  # fmt: skip


def test_nonsense_ends_the_connection_with_a_reason_and_nothing_else():
    """Each kind of it, one after the other, at one venue, which then serves as before."""

    async def run():
        async with running() as (venue, address):
            for name, (spoken, words) in NONSENSE.items():
                heard = await _says(address, *spoken)
                assert isinstance(heard[-1], Refused), name
                assert words in heard[-1].reason, name
            feed = VenueFeed(address)
            opening = await feed.opening()
            assert len(opening.table.instruments) == 9
            await feed.close()
            assert venue.market.is_open

    asyncio.run(run())


@settings(max_examples=4, deadline=None)
@given(some.lists(some.binary(min_size=1, max_size=60), min_size=10, max_size=10))
def test_any_bytes_end_in_a_reason_or_a_silence(noises):
    """Ten callers of each kind of noise: the venue goes on."""

    async def run():
        async with running(STILL, patience_s=0.1) as (_, address):
            heard = await asyncio.gather(*(_says(address, noise) for noise in noises))
            for each in heard:
                assert isinstance(each[-1], Refused), (
                    "whoever talks nonsense, or nothing whole, is told why it ends"
                )
            assert isinstance((await _says(address, HELLO, framed(HELLO)))[0], Welcome)

    asyncio.run(run())


def test_the_feed_over_a_socket_is_that_of_the_virtual_day():
    """Of a minute at 60 times its speed: from the first snapshot on every message, to the byte, until the day ends."""
    stage = venue_stage()
    expected = {(each[0], each[1]): each for each in Virtual(stage, 3).feed}

    async def run():
        async with running(stage, speed=60.0) as (_, address):
            feed, heard = VenueFeed(address), Heard()
            await feed.opening()
            async for message in feed.messages():
                if isinstance(message, FeedEnded):
                    break
                heard.quoted(message)
            await feed.close()
            return heard.feed

    first, *told = asyncio.run(run())
    assert first[7]
    assert [each[1] for each in told] == list(range(first[1] + 1, len(expected) + 1))
    assert len(told) > 150
    for each in told:
        assert each == expected[each[0], each[1]]


def test_orders_answers_and_questions_come_in_their_sequence():
    """Three hundred orders, a question behind them, and cancels: everything in the order in which it was sent."""

    async def run():
        async with running() as (venue, address):
            table = venue.market.world.table
            row = table.row_of("IDXFUT")
            async with trading(address, table) as (session, news):
                session.send([rests(number, row) for number in range(1, 301)])
                session.ask(Question(asked_ns=5, at_ns=6, since_ns=7))
                heard = await _until(news, lambda out: isinstance(out[-1], Answer))
                assert [each.client_id for each in _reports(heard, Acknowledged)] == list(range(1, 301))
                answer = heard[-1]
                assert answer.question == Question(asked_ns=5, at_ns=6, since_ns=7)
                assert list(answer.orders) == [(number, 1) for number in range(1, 301)]
                assert not answer.positions.any()
                session.send([Cancel(client_id=number) for number in range(1, 301)])
                session.send([takes(301, row, quantity=2)])
                heard = await _until(news, lambda out: _reports(out, Traded))
                assert [each.client_id for each in _reports(heard, Cancelled)] == list(range(1, 301))
                session.ask(Question(asked_ns=8, at_ns=8, since_ns=8))
                (*_, answer) = await _until(news, lambda out: isinstance(out[-1], Answer))
                assert answer.orders == ()
                assert answer.positions[row] == 2
                assert answer.executions == 1

    asyncio.run(run())


def test_what_is_lost_twice_or_out_of_turn_is_whole_after_a_resend():
    """The desk's own reader asks for what it misses, and in the end has each execution once by its name."""

    async def run():
        async with running(faults=True) as (venue, address):
            table = venue.market.world.table
            row = table.row_of("IDXFUT")
            reader = SessionReader(table, "sim", Trust(), resend_after_ms=1.0)
            async with trading(address, table) as (session, news):
                for kind, count in (("lose", 3), ("repeat", 4), ("reorder", 2), ("lose", 5)):
                    await let_go_wrong(address, kind, count)
                async with asyncio.timeout(WAIT_S):
                    while len(venue.market.troubles) < 14:
                        await asyncio.sleep(0.01)
                names, now_ns = [], 0
                for number in range(1, 21):
                    session.send([takes(number, row)])
                async with asyncio.timeout(WAIT_S):
                    async for each in news:
                        if not isinstance(each, Reports):
                            continue
                        now_ns += 10_000_000
                        reader.read(each.envelopes, now_ns)
                        names += [one.execution_id for one in _reports([each], Traded)]
                        if (after := reader.resend_after(now_ns)) is not None:
                            session.resend(after)
                        if reader.whole == 20:
                            break
                assert len(set(names)) == 20
                assert len(names) > 20
                expected = [each.execution_id for each in venue.market.world.wire.record]
                assert sorted(set(names)) == sorted(expected)

    asyncio.run(run())


@pytest.mark.parametrize("cancels", [True, False])
def test_a_session_that_breaks_comes_back_and_says_what_became_of_orders(cancels):
    """Dropped by a fault: it is told lost, stands again by itself, and the open orders are what the venue's rule says."""

    async def run():
        async with running(faults=True, cancels=cancels) as (venue, address):
            table = venue.market.world.table
            async with trading(address, table) as (session, news):
                session.send([rests(1, table.row_of("IDXFUT"))])
                await _until(news, _reports)
                await let_go_wrong(address, "drop")
                heard = await _until(news, lambda out: isinstance(out[-1], SessionUp))
                assert [type(each) for each in heard if not isinstance(each, Reports)] == [
                    SessionLost,
                    SessionUp,
                ]
                assert heard[-1].cancelled == cancels
                session.ask(Question(asked_ns=1, at_ns=1, since_ns=1))
                (*_, answer) = await _until(news, lambda out: isinstance(out[-1], Answer))
                assert answer.orders == (() if cancels else ((1, 1),))
                session.send([takes(2, table.row_of("IDXFUT"))])
                await _until(news, lambda out: _reports(out, Traded))

    asyncio.run(run())


def test_trades_while_nobody_listens_are_told_on_demand():
    """A resting quote trades while the session is down and nothing is cancelled: the first word after it counts it."""

    async def run():
        async with running(cancels=False) as (venue, address):
            market = venue.market
            row = next(iter(np.flatnonzero(market.world.table.is_option).tolist()))
            async with trading(address, market.world.table) as (session, news):
                price = int(market.world.moment.bid_ticks[row])
                session.send([rests(1, row, price_ticks=price, quantity=4)])
                await _until(news, _reports)
            async with asyncio.timeout(WAIT_S):
                while venue._session is not None:
                    await asyncio.sleep(0.005)
            report = market.world.exchange
            order = market.world.market.moment(0)
            assert report.open_orders() == [(1, 4)]
            rows = np.array([row])
            ticks = np.array([price])
            low = np.array([max(price - 100, 5)])
            market.world.tell(
                report.requote(rows, low, ticks, order.bid_size[rows], order.ask_size[rows], market.now_ns)
            )
            assert market.world.wire.executions == 1
            async with trading(address, market.world.table) as (session, news):
                heard = await _until(news, lambda out: any(isinstance(each, Reports) for each in out))
                assert heard[0].envelopes[0].executions == 1
                session.resend(0)
                heard = await _until(news, lambda out: _reports(out, Traded))
                (trade,) = _reports(heard, Traded)
                assert trade.client_id == 1

    asyncio.run(run())


def test_there_is_one_session_and_the_next_waits_for_its_end():
    """The second keeps trying, with the reason in words, and has it once the first hangs up."""

    async def run():
        async with running() as (venue, address):
            table = venue.market.world.table
            second = VenueSession(address, table)
            async with trading(address, table):
                news = second.news()
                waiting = asyncio.create_task(anext(news))
                async with asyncio.timeout(WAIT_S):
                    while "has the session already" not in second.problem:
                        await asyncio.sleep(0.005)
                with pytest.raises(PortLostError, match="has the session already"):
                    second.send([rests(1, 0)])
            async with asyncio.timeout(WAIT_S):
                assert isinstance(await waiting, SessionUp)
            await second.close()
            await news.aclose()

    asyncio.run(run())


def test_a_venue_that_is_not_there_is_called_until_it_is():
    """And nothing can be sent before; the feed says at once that nobody answers."""

    async def run():
        async with running() as (venue, address):
            table = venue.market.world.table
        gone = Address(port=address.port, retry_s=0.01, retry_most_s=0.05)
        feed, session = VenueFeed(gone), VenueSession(gone, table)
        with pytest.raises(PortLostError, match="nobody answers"):
            await feed.opening()
        news = session.news()
        waiting = asyncio.create_task(anext(news))
        await asyncio.sleep(0.05)
        with pytest.raises(PortLostError, match="nobody answers"):
            session.send([])
        async with running(port=address.port):
            async with asyncio.timeout(WAIT_S):
                assert isinstance(await waiting, SessionUp)
            lost = asyncio.create_task(_until(news, lambda out: isinstance(out[-1], SessionLost)))
        (*_, told) = await lost
        assert "the venue stops" in told.reason
        await session.close()
        await news.aclose()

    asyncio.run(run())


def test_a_feed_that_breaks_is_called_anew_and_begins_with_a_snapshot():
    """The venue goes away and another one with the same table comes: the second reading knows it."""

    async def run():
        async with running() as (_, address):
            feed = VenueFeed(address)
            opening = await feed.opening()
            reading = feed.messages()
            first = await anext(reading)
            assert first.snapshot
        with pytest.raises(PortLostError, match="the venue stops"):
            async for _ in reading:
                pass
        async with running(port=address.port):
            again = feed.messages()
            first = await anext(again)
            assert first.snapshot
            feed.ask_snapshot(0)
            async with asyncio.timeout(WAIT_S):
                while not (await anext(again)).snapshot:
                    pass
            await feed.close()
            await again.aclose()
        assert table_hash(opening.table)

    asyncio.run(run())


def test_a_listener_that_does_not_read_holds_up_nobody(monkeypatch):
    """It misses messages, its backlog is bounded, and another hears every one."""
    monkeypatch.setattr(venue_server, "FEED_BACKLOG_BYTES", 20_000)

    async def run():
        async with running(venue_stage(), speed=60.0, patience_s=60.0) as (venue, address):
            slow = VenueFeed(address)
            await slow.opening()
            (line,) = venue._lines
            monkeypatch.setattr(venue_server._Line, "backlog_bytes", property(lambda each: each.pretended))
            monkeypatch.setattr(venue_server._Line, "pretended", 0, raising=False)
            line.pretended = 20_001
            feed, numbers = VenueFeed(address), []
            await feed.opening()
            async for message in feed.messages():
                if isinstance(message, FeedEnded):
                    break
                numbers.append(message.number)
            missed = line.missed
            line.pretended = 0
            await slow.close()
            await feed.close()
            return numbers, missed

    numbers, missed = asyncio.run(run())
    assert missed > 100
    # who joins while a message is told hears it twice: a snapshot has the number of the last one
    if numbers[1] == numbers[0]:
        del numbers[0]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_session_that_does_not_read_is_ended(monkeypatch):
    """Reports are never left out: the session goes instead, and asks for them when it is back."""
    monkeypatch.setattr(venue_server, "SESSION_BACKLOG_BYTES", -1)

    async def run():
        async with running() as (venue, address):
            session = VenueSession(address, venue.market.world.table)
            news = session.news()
            heard = await _until(news, lambda out: isinstance(out[-1], SessionLost))
            assert heard[-1].reason == "the session does not read what it is told"
            await session.close()
            await news.aclose()

    asyncio.run(run())


def test_who_says_nothing_is_hung_up_on_and_a_mute_venue_is_given_up():
    """Each end has a patience of its own."""

    async def mute(reader, writer):
        await reader.read(1)
        writer.write(framed(Welcome(1, "sim", "x", "y", 1, 1, 2, 1.0)))
        await reader.read(-1)
        writer.close()

    async def run():
        async with running(patience_s=0.1) as (venue, address):
            heard = await _says(address, HELLO)
            assert heard[-1] == Refused(reason="nothing was heard for 0.1 s")
            table = venue.market.world.table
        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with trading(Address(port=port, patience_s=0.2), table) as (_, news):
            (lost,) = await _until(news, lambda out: out)
            assert lost == SessionLost(reason="the venue said nothing for 0.2 s")
        server.close()
        await server.wait_closed()

    asyncio.run(run())


def test_the_feed_falls_silent_and_time_jumps_when_it_is_told_to():
    """In silence nothing comes and the numbers show it; after a jump everything between comes, in its sequence."""

    async def run():
        async with running(venue_stage(minutes=60.0), faults=True) as (venue, address):
            feed = VenueFeed(address)
            await feed.opening()
            reading = feed.messages()
            await let_go_wrong(address, "jump", 100.0)
            numbers = [(await anext(reading)).number for _ in range(400)]
            assert numbers[1:] == list(range(numbers[0] + 1, numbers[0] + 400))
            await let_go_wrong(address, "silence", 0.7)
            async with asyncio.timeout(WAIT_S):
                before = numbers[-1]
                while (number := (await anext(reading)).number) == before + 1:
                    before = number
            assert number - before in {3, 4, 5}
            await feed.close()
            await reading.aclose()
            assert venue.lag_s < 1.0

    asyncio.run(run())


def test_alive_from_every_role_is_heard_and_answered_by_nothing():
    """It only keeps a line."""

    async def run():
        async with running(patience_s=0.3) as (_, address):
            for role in ("feed", "trading"):
                heard = await _says(address, Hello(version=1, role=role, name="x"), Alive(), Alive())
                assert isinstance(heard[0], Welcome)
                assert isinstance(heard[-1], Refused)

    asyncio.run(run())
