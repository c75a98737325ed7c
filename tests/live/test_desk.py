"""A live desk between a fake market and a fake venue: what leaves, when, and what is never lost."""

import asyncio
import contextlib
import sqlite3

import pytest

from flatbook.engine.ticking import decode_decision
from flatbook.journal.replay import read_records, verify
from flatbook.live.core import SHUTDOWN
from flatbook.live.ports import Told
from flatbook.live.snapshot import DeskStanding
from flatbook.model.errors import FlatbookError
from flatbook.model.events import CapitalReported, Fill, LimitOverridden, OrdersWorking, TickDue
from flatbook.model.instruments import Side
from flatbook.model.lifecycle_events import Exercised
from flatbook.model.order_events import KillScope, KillSet, OrderNews, OrdersAnswered
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


def _kill(on=True, scope=KillScope.DESK, name=""):
    return KillSet(received_ns=0, scope=scope, name=name, on=on, owner="ann", reason="test")


def test_somebody_who_asks_for_what_is_not_there_and_goes_away_does_not_end_the_desk(tmp_path):
    async def day():
        venue = FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", FakeFeed(), venue)
        async with Running(desk) as running:
            await until(lambda: len(venue.open) > 10)
            said = asyncio.create_task(desk.say(_kill(scope=KillScope.CLASS, name="NONE")))
            await asyncio.sleep(0)
            said.cancel()
            await until(lambda: not len(desk.spoken))
            assert await running.end() == 0

    asyncio.run(day())


def test_whoever_spoke_to_a_desk_that_fails_is_told(tmp_path):
    async def day():
        venue = FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", FakeFeed(), venue)
        async with Running(desk) as running:
            await until(lambda: len(venue.open) > 10)
            desk.core.decide = desk.core.tick = None
            with pytest.raises(FlatbookError, match="failed"):
                await asyncio.wait_for(desk.say(_kill()), 5.0)
            assert await asyncio.wait_for(running.task, 5.0) == 3

    asyncio.run(day())


@pytest.mark.parametrize("on", [True, False])
def test_what_a_person_says_just_before_a_stop_comes_before_the_kill_of_the_stop(tmp_path, on):
    """A kill that waits for a person is not released by the next start, and a release lets no order out of a desk that stops."""

    async def day():
        venue = FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", FakeFeed(), venue)
        async with Running(desk) as running:
            await until(lambda: len(venue.open) > 10)
            make, said = desk._make_commands, []

            def while_the_disk_works(found):
                make(found)
                if not said:
                    said.append(asyncio.ensure_future(desk.say(_kill(on))))
                    running.stop.set()

            desk._make_commands = while_the_disk_works
            assert await asyncio.wait_for(running.task, 10.0) == 0
            assert said[0].result() > 0
            kill = desk.core.state.outbox.kills.on[(KillScope.DESK, "")]
            assert kill.owner == ("ann" if on else SHUTDOWN)
        assert venue.open == {}

    asyncio.run(day())


_NOT_LISTED = "NOPE"


@pytest.mark.parametrize(
    "fact",
    [
        lambda option, future: Exercised(
            received_ns=0, exercise_id="e", instrument=future, quantity=1, exercised_ns=1, settlement_price=5.0
        ),
        lambda option, future: Exercised(
            received_ns=0, exercise_id="e", instrument=option, quantity=1, exercised_ns=1, delivered=_NOT_LISTED
        ),
        lambda option, future: OrdersWorking(
            received_ns=0, symbols=(_NOT_LISTED,), sides=(Side.BUY,), quantities=(1,), price_ticks=(None,)
        ),
        lambda option, future: LimitOverridden(
            received_ns=0, limit=_NOT_LISTED, limit_hard=5.0, owner="ann", reason="test", until_ns=9
        ),
        lambda option, future: CapitalReported(
            received_ns=2**62, source="firm", requirement_usd=5.0, as_of_ns=2**62
        ),
        lambda option, future: Fill(
            received_ns=0, fill_id="f", instrument=option, side=Side.BUY, quantity=2**70, price_ticks=1, traded_ns=1
        ),
        lambda option, future: OrdersAnswered(
            received_ns=0, venue="V", client_ids=(2**70,), news=(OrderNews.ACKNOWLEDGED,), reason=""
        ),
        lambda option, future: TickDue(received_ns=0, reason="a line says so"),
    ],
)  # fmt: skip
def test_a_fact_that_the_engine_cannot_fold_is_left_out_and_never_recorded(tmp_path, fact):
    """In the journal it would end this desk, and every start after it."""
    path = tmp_path / "desk.journal"
    core = desk_of(path, FakeFeed(), FakeVenue()).core
    table = core.state.table
    option, future = table.instruments[0].symbol, table.instruments[-1].symbol
    before = core.process.journal.sequence
    core.told(Told(facts=(fact(option, future),)))
    assert core.process.journal.sequence == before
    assert len(core.refused) == 1
    core.process.journal.close()
    assert desk_of(path, FakeFeed(), FakeVenue()).core.state.table.instruments == table.instruments
