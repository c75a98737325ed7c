"""The desk at any moment of its journal: the same numbers that were published live, also after a restart, and damage is told."""

import asyncio
import sqlite3
from contextlib import closing, contextmanager

import numpy as np
import pytest

from flatbook.journal.replay import Decision, read_records
from flatbook.live.archive import Copies, JournalArchive, Progress, UnknownMomentError
from flatbook.live.past import Past
from flatbook.live.snapshot import Mode
from flatbook.model.errors import JournalError
from flatbook.model.events import Fill
from tests.live.days import live_day
from tests.live.fakes import FakeFeed, FakeVenue, Running, desk_of, until

LONG_S = 60.0


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A journal of a desk that traded, stopped, came back and traded on; and what it published meanwhile, by cycle."""
    path = tmp_path_factory.mktemp("archive") / "desk.journal"
    return path, live_day(path)


@pytest.fixture(scope="module")
def archive(day):
    """Of it, with a copy after nearly every decision."""
    with taken(day[0], copy_every_s=0.02) as made:
        yield made


@contextmanager
def taken(path, **terms):
    """An archive that has taken all there is again."""
    with closing(JournalArchive(path, **terms)) as made:
        while made.follow(1.0):
            pass
        yield made


def same(a, b):
    """To the bit, NaN included."""
    np.testing.assert_array_equal(a, b)


def assert_shows(past, live):
    """The numbers of a moment are those that were published at that cycle."""
    a, b = past.cycle, live.cycle
    assert a.sequence == b.sequence
    assert a.now_ns == b.now_ns
    same(a.exposure.by_underlying, b.exposure.by_underlying)
    same(a.values.price, b.values.price)
    same(a.held.quantity, b.held.quantity)
    for name in ("bid", "ask", "bid_size", "ask_size"):
        same(getattr(a.quotes, name), getattr(b.quotes, name))
    same(a.price.price, b.price.price)
    same(a.gaps.worst_by_underlying, b.gaps.worst_by_underlying)
    same([each.utilisation for each in a.standing.limits], [each.utilisation for each in b.standing.limits])
    assert [each.step for each in a.standing.limits] == [each.step for each in b.standing.limits]
    same(past.pnl_usd, live.pnl_usd)
    same(past.data_usable_pct, live.data_usable_pct)


def test_every_moment_shows_what_was_published(day, archive):
    _, published = day
    assert len(published) > 8
    assert archive.damage == ""
    assert archive.head.different == []
    for sequence, live in published.items():
        past = archive.snapshot_at(sequence, LONG_S)
        assert past.mode is Mode.REPLAY
        assert_shows(past, live)


def test_a_moment_is_the_same_however_it_is_reached(day, archive):
    """From the beginning, from a copy before it, or from a moment before it."""
    path, published = day
    sequence = sorted(published)[len(published) // 2]
    fresh = Past(path)
    while fresh.take_one(until=sequence):
        pass
    straight = fresh.snapshot()
    assert len(archive.copies) > 3
    for before in (sequence - 1, sequence - 20, max(published)):
        archive.snapshot_at(before, LONG_S)
        archive._shown.clear()
        past = archive.snapshot_at(sequence, LONG_S)
        assert_shows(past, straight)
        assert past.story == straight.story
        assert past.fills == straight.fills
        assert past.working == straight.working
        assert past.alerts == straight.alerts
        assert past.standing == straight.standing
        same(past.history.at_ns, straight.history.at_ns)
        same(past.history.delta_usd, straight.history.delta_usd)
        same(past.history.utilisation, straight.history.utilisation)


def test_fills_and_orders_are_those_of_the_moment(day, archive):
    """A fill is there from its own record on, and not before."""
    path, published = day
    fill = [each for each in read_records(path) if isinstance(each, Fill)][-1]
    shown = archive.snapshot_at(fill.sequence, LONG_S)
    before = archive.snapshot_at(max(each for each in published if each < fill.sequence), LONG_S)

    assert fill.fill_id in [each.fill_id for each in shown.fills]
    assert fill.fill_id not in [each.fill_id for each in before.fills]
    assert any(line.kind == "fill" for line in shown.story)
    last = archive.snapshot_at(max(published), LONG_S)
    assert len(last.fills) == len({each.fill_id for each in read_records(path) if isinstance(each, Fill)})
    live = published[max(published)]
    assert last.working == live.working


def test_working_orders_are_those_that_were_published(day, archive):
    """Where the publication came right after its cycle, orders are those of that moment."""
    path, published = day
    decided = {
        each.sequence_of_cause: each.sequence for each in read_records(path) if isinstance(each, Decision)
    }
    right_after = [
        each for each in published.values() if each.journal_sequence == decided.get(each.cycle.sequence)
    ]
    assert right_after
    for live in right_after:
        past = archive.snapshot_at(live.cycle.sequence, LONG_S)
        assert past.working == live.working
        assert past.venues == live.venues


def test_what_was_not_decided_yet_is_not_shown(archive):
    first, last = archive.span()
    with pytest.raises(UnknownMomentError, match="before the first decision"):
        archive.snapshot_at(first - 1, LONG_S)
    with pytest.raises(UnknownMomentError, match="the last one is"):
        archive.snapshot_at(last + 1, LONG_S)


def test_a_far_moment_is_told_how_far_it_is(day):
    path, published = day
    with closing(JournalArchive(path)) as made:
        far = made.snapshot_at(max(published), 0.0)

        assert isinstance(far, Progress)
        assert "the journal is taken again up to that moment" in far.text
        assert made.snapshot_at(min(published), LONG_S).cycle.sequence == min(published)


def test_a_journal_that_grows_is_followed(tmp_path):
    path = tmp_path / "desk.journal"

    async def run():
        feed, venue = FakeFeed(), FakeVenue()
        async with Running(desk_of(path, feed, venue)) as running:
            await until(lambda: len(venue.open) > 10, 30.0)
            with taken(path) as made:
                reached = made.head.end.sequence
                feed.say(1)
                await asyncio.sleep(0.1)
                while made.follow(1.0):
                    pass
                assert made.head.end.sequence > reached
                assert made.damage == ""
                last = made.snapshot_at(made.head.end.sequence, LONG_S)
                assert reached < last.cycle.sequence <= running.desk.core.last_cycle.sequence
            assert await running.end() == 0

    asyncio.run(run())


def changed(path, copy, sql, sequence):
    """A copy of a journal with one record changed."""
    copy.write_bytes(path.read_bytes())
    _change(copy, sql, sequence)
    return copy


def _change(path, sql, sequence):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql, (sequence,))
        connection.commit()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE records SET payload = CAST(payload || x'00' AS BLOB) WHERE sequence = ?",
        "UPDATE records SET payload = CAST(x'ff80' AS TEXT) WHERE sequence = ?",
        "DELETE FROM records WHERE sequence = ?",
    ],
)
def test_damage_is_told_and_what_precedes_it_is_shown(day, tmp_path, sql):
    path, published = day
    middle = sorted(published)[len(published) // 2]
    with taken(changed(path, tmp_path / "damaged.journal", sql, middle)) as made:
        assert f"record {middle}:" in made.damage
        assert made.head.end.sequence == middle - 1
        with pytest.raises(UnknownMomentError, match=f"record {middle}:"):
            made.snapshot_at(max(published), LONG_S)
        assert_shows(made.snapshot_at(min(published), LONG_S), published[min(published)])


def test_what_changed_after_it_was_proven_is_told(day, tmp_path):
    path, published = day
    copy = tmp_path / "changed.journal"
    copy.write_bytes(path.read_bytes())
    middle = sorted(published)[len(published) // 2]
    with taken(copy, copy_every_s=1e9) as made:
        _change(copy, "UPDATE records SET cause = 1 WHERE sequence = ?", middle)
        with pytest.raises(JournalError, match=f"record {middle}:"):
            made.snapshot_at(middle + 1, LONG_S)


def test_copies_stay_within_their_bound():
    """Those go that stand closest to their neighbours; the latest few stay."""
    copies = Copies(bytes_most=1_000)
    for sequence in range(1, 101):
        copies.add(sequence, bytes([sequence]) * 50)
    kept = [each for each in range(1, 101) if copies.up_to(each) == each]

    assert copies.bytes <= 1_000
    assert len(copies) == len(kept) == 20
    assert kept[-8:] == list(range(93, 101))
    assert max(np.diff([0, *kept])) <= 16
    assert all(copies.read(each) == bytes([each]) * 50 for each in kept)
    assert copies.up_to(0) == 0
    copies.close()
