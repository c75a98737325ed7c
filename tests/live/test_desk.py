"""A live desk between a fake market and a fake venue: what leaves, when, and what is never lost."""

import asyncio
import contextlib
import sqlite3

from flatbook.engine.ticking import decode_decision
from flatbook.journal.replay import read_records, verify
from flatbook.live.snapshot import DeskStanding
from flatbook.model.events import Fill
from flatbook.model.order_events import KillScope, KillSet
from flatbook.sim.messages import Cancel
from tests.live.fakes import FakeFeed, FakeVenue, Running, desk_of, until


def _last_decision(path):
    """The commands of the last decision that another reader of the file can see."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        (raw,) = reader.execute(
            "SELECT payload FROM records WHERE kind = 'decision' ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
    return decode_decision(raw).orders


def test_nothing_leaves_before_its_decision_is_durable(tmp_path):
    path = tmp_path / "desk.journal"
    seen = []

    async def day():
        feed = FakeFeed()
        venue = FakeVenue(lambda commands: seen.append((commands, _last_decision(path))))
        desk = desk_of(path, feed, venue)
        async with Running(desk) as running:
            await until(lambda: len(venue.open) > 10)
            for index in range(1, 4):
                feed.say(index)
                await asyncio.sleep(0.02)
            assert await running.end() == 0

    asyncio.run(day())
    assert seen
    for commands, orders in seen:
        assert [each.client_id for each in commands] == [each.client_id for each in orders]
    assert verify(path).sealed


def test_a_stop_cancels_everything_waits_for_the_venue_and_seals(tmp_path):
    path = tmp_path / "desk.journal"

    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        async with Running(desk_of(path, feed, venue)) as running:
            await until(lambda: len(venue.open) > 10)
            assert await running.end() == 0
            assert running.desk.standing == DeskStanding.STOPPED
        assert venue.open == {}
        assert isinstance(venue.sent[-1], Cancel)

    asyncio.run(day())
    assert verify(path).sealed


def test_a_stop_with_orders_that_nobody_confirms_dead_is_an_error(tmp_path):
    async def day():
        venue = FakeVenue()
        async with Running(desk_of(tmp_path / "desk.journal", FakeFeed(), venue)) as running:
            await until(lambda: len(venue.open) > 10)
            venue.cancels_confirmed = False
            assert await running.end() == 1

    asyncio.run(day())


def test_no_quote_leaves_before_the_venue_and_the_desk_agree(tmp_path):
    async def day():
        venue = FakeVenue()
        venue.positions[3] = 7  # of which the desk knows nothing
        async with Running(desk_of(tmp_path / "desk.journal", FakeFeed(), venue)) as running:
            await until(lambda: running.desk.standing == DeskStanding.RECONCILING)
            await until(lambda: venue.questions > 2)
            latest = running.desk.watch.publisher.latest
            assert venue.sent == []
            (alert,) = [each for each in latest.alerts if each.id.startswith("reconcile/")]
            assert "theirs 7" in alert.text
            venue.positions[3] = 0
            await until(venue.quotes)
            await until(lambda: running.desk.standing == DeskStanding.NORMAL)

    asyncio.run(day())


def test_nothing_is_sent_to_a_venue_that_never_spoke(tmp_path):
    async def day():
        venue = FakeVenue()
        venue.queue.get_nowait()
        desk = desk_of(tmp_path / "desk.journal", FakeFeed(), venue)
        async with Running(desk) as running:
            await until(lambda: desk.core.last_cycle is not None)
            await until(lambda: desk.standing == DeskStanding.PULLED)
            await asyncio.sleep(0.1)
            assert (venue.sent, venue.questions, desk.core.orders.n_alive) == ([], 0, 0)
            assert await running.end() == 0

    asyncio.run(day())


def test_a_restart_with_open_orders_asks_first_and_counts_each_fill_once(tmp_path):
    """The first process is gone without a word; a fill happened meanwhile, and is told again."""
    path = tmp_path / "desk.journal"

    async def first():
        venue = FakeVenue()
        desk = desk_of(path, FakeFeed(), venue)
        async with Running(desk):
            await until(lambda: len(venue.open) > 10)
            venue.tell(venue.trade(min(venue.open)))
            await until(lambda: desk.core.state.book.cases)
        return venue

    async def second(old):
        venue = FakeVenue()
        for name in ("open", "rows", "sides", "prices", "positions", "executions"):
            setattr(venue, name, getattr(old, name))
        missed = venue.trade(min(venue.open))
        venue.envelope(missed)
        left = dict(venue.open)
        desk = desk_of(path, FakeFeed(), venue)
        assert desk.core.orders.n_unknown >= len(left)
        async with Running(desk) as running:
            venue.tell()
            venue.resend(0)
            await until(lambda: running.desk.standing == DeskStanding.NORMAL)
            assert len(desk.core.state.book.cases) == 2
            held = desk.core.last_cycle.book.quantity
            assert held.tolist() == venue.positions.tolist()
            assert await running.end() == 0
        ids = [each.client_id for each in old.sent + venue.sent if not isinstance(each, Cancel)]
        assert len(ids) == len(set(ids))

    asyncio.run(second(asyncio.run(first())))
    fills = [record.fill_id for record in read_records(path) if isinstance(record, Fill)]
    assert set(fills) == {"x1", "x2"}
    assert verify(path).sealed


def test_an_operator_stops_a_class_and_learns_the_number_once_it_is_durable(tmp_path):
    path = tmp_path / "desk.journal"

    async def day():
        venue = FakeVenue()
        desk = desk_of(path, FakeFeed(), venue)
        async with Running(desk) as running:
            await until(lambda: len(venue.open) > 10)
            kill = KillSet(received_ns=0, scope=KillScope.DESK, on=True, owner="ann", reason="test")
            sequence = await desk.say(kill)
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
                (kind,) = reader.execute(
                    "SELECT kind FROM records WHERE sequence = ?", (sequence,)
                ).fetchone()
            assert kind == "event"
            await until(lambda: not venue.open)
            await until(lambda: running.desk.standing == DeskStanding.PULLED)
            assert "ann" in desk.watch.publisher.latest.standing_reason

    asyncio.run(day())


def test_a_lost_session_leaves_orders_unknown_until_the_venue_is_asked(tmp_path):
    async def day():
        venue = FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", FakeFeed(), venue)
        async with Running(desk):
            await until(lambda: len(venue.open) > 10)
            venue.lose()
            await until(lambda: desk.standing == DeskStanding.PULLED)
            assert desk.core.orders.n_unknown
            sent = len(venue.sent)
            await asyncio.sleep(0.1)
            assert len(venue.sent) == sent
            asked = venue.questions
            venue.find()
            await until(lambda: desk.standing == DeskStanding.NORMAL)
            assert venue.questions > asked
            assert desk.core.orders.n_unknown == 0

    asyncio.run(day())


def test_a_feed_line_that_breaks_pulls_quotes_until_a_snapshot_came(tmp_path):
    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", feed, venue)
        async with Running(desk):
            await until(lambda: len(venue.open) > 10)
            feed.break_line()
            await until(lambda: feed.asked)
            await until(lambda: feed.opened == 2)
            feed.say(1)
            await until(lambda: desk.standing == DeskStanding.NORMAL)
            await until(lambda: len(venue.open) > 10)
            assert any("in doubt" in line.text for line in desk.watch.publisher.latest.story)

    asyncio.run(day())


def test_a_full_disk_cancels_what_works_and_ends_with_an_error(tmp_path):
    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", feed, venue)
        async with Running(desk) as running:
            await until(lambda: len(venue.open) > 10)
            pages = desk.journal.connection.execute("PRAGMA page_count").fetchone()[0]
            desk.journal.connection.execute(f"PRAGMA max_page_count = {pages}")
            index = 1
            while not running.task.done():
                feed.say(index % 10, shift=index)
                index += 1
                await asyncio.sleep(0.01)
            assert await running.task == 3
        assert venue.open == {}

    asyncio.run(day())


def test_a_core_that_fails_cancels_what_works_and_ends_with_an_error(tmp_path):
    async def day():
        venue = FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", FakeFeed(), venue)
        async with Running(desk) as running:
            await until(lambda: len(venue.open) > 10)
            desk.core.decide = None
            assert await asyncio.wait_for(running.task, 5.0) == 3
        assert venue.open == {}

    asyncio.run(day())
