"""A desk comes back from the state beside its journal as it does from the whole journal, and a bad state costs only time."""

import asyncio
import contextlib
import sqlite3

import pytest

from flatbook.engine.decision import decision_of, encode_decision
from flatbook.engine.step import step
from flatbook.journal.state_file import StateFileError, copy_of, dump_state, load_state, read_state
from flatbook.journal.store import Journal
from flatbook.live.log import silent
from flatbook.live.recovery import begin, build_of, state_beside
from flatbook.model.errors import JournalError
from flatbook.model.events import CycleDue
from tests.live.fakes import FakeFeed, FakeVenue, Running, desk_of, until

_BUILD = build_of("test")


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """A journal and the state beside it, of a desk that stopped in order."""
    path = tmp_path_factory.mktemp("left") / "desk.journal"

    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        async with Running(desk_of(path, feed, venue)) as running:
            await until(lambda: len(venue.open) > 10)
            venue.tell(venue.trade(min(venue.open)))
            feed.say(1)
            await until(lambda: running.desk.core.state.book.cases)
            assert await running.end() == 0

    asyncio.run(day())
    return path


def _copied(left, tmp_path):
    for source in (left, state_beside(left)):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    return tmp_path / left.name


def _next_decision(begun):
    state = begun.process.state
    due = CycleDue(received_ns=begun.last_ns + 10**9, sequence=state.sequence + 1, reason="test", refit=False)
    return encode_decision(decision_of(step(state, due)))


def test_from_the_state_and_from_the_journal_the_next_decision_is_the_same(left, tmp_path):
    path = _copied(left, tmp_path)
    quick = begin(path, _BUILD, silent())
    quick.journal.close()
    assert (quick.from_state, quick.records) == (True, 0)
    state_beside(path).unlink()
    slow = begin(path, _BUILD, silent())
    slow.journal.close()
    assert (slow.from_state, slow.last_ns) == (False, quick.last_ns)
    assert slow.records > 10
    assert slow.process.facts == quick.process.facts
    assert slow.process.state.book.positions == quick.process.state.book.positions
    assert _next_decision(slow) == _next_decision(quick)


@pytest.mark.parametrize("place", [0, 20, 200, -1])
def test_a_damaged_state_is_put_aside(left, tmp_path, place):
    path = _copied(left, tmp_path)
    raw = bytearray(state_beside(path).read_bytes())
    raw[place] ^= 1
    state_beside(path).write_bytes(raw)
    begun = begin(path, _BUILD, silent())
    begun.journal.close()
    assert not begun.from_state


def test_a_state_of_another_journal_or_build_is_put_aside(left, tmp_path):
    path = _copied(left, tmp_path)
    other = tmp_path / "other.journal"
    journal = Journal.create(other, _BUILD)
    journal.close()
    state_beside(other).write_bytes(state_beside(path).read_bytes())
    begun = begin(other, _BUILD, silent())
    begun.journal.close()
    assert (begun.from_state, begun.process.facts) == (False, 0)
    with pytest.raises(StateFileError, match="another build"):
        read_state(state_beside(path), _BUILD | {"numpy": "0"})


def test_a_journal_that_ends_before_its_state_stood_is_refused(left, tmp_path):
    """Its last records are gone, as with a log that was cut off: their numbers would be used again."""
    path = _copied(left, tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as editor, editor:
        editor.execute("DELETE FROM seal")
        editor.execute("DELETE FROM records WHERE sequence > 20")
    with pytest.raises(JournalError, match="ends at record 20, and the state beside it stood after record"):
        begin(path, _BUILD, silent())
    state_beside(path).unlink()
    begun = begin(path, _BUILD, silent())
    begun.journal.close()
    assert begun.records == 20


def test_a_journal_of_another_world_is_refused(left, tmp_path):
    with pytest.raises(JournalError, match="world"):
        begin(_copied(left, tmp_path), build_of("elsewhere"), silent())


def test_a_state_holds_nothing_but_the_engines_own_types(left):
    evil = b"cos\nsystem\n(S'true'\ntR."
    with pytest.raises(StateFileError, match=r"os\.system"):
        load_state(evil)
    kept = read_state(state_beside(left), _BUILD)
    again = copy_of(kept.state)
    assert dump_state(again) == dump_state(copy_of(again))
    assert again.book.positions is not kept.state.book.positions
    assert again.book.positions == kept.state.book.positions
