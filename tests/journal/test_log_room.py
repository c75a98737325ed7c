"""A journal whose log has its room beforehand: what a crash leaves is what was committed, whether the room was used or not."""

import pytest

from flatbook.journal.replay import read_facts, verify
from flatbook.journal.store import Journal
from flatbook.journal.write_ahead_log import damage_in
from flatbook.model.events import UnderlyingQuoted


def _log(path):
    return path.with_name(path.name + "-wal")


def _told(journal, count):
    for number in range(count):
        journal.append(UnderlyingQuoted(received_ns=number, underlying="IDX", price=100.0 + number))


def _crash(journal, path, to):
    """The files as they lie on the disk now, elsewhere."""
    for each in (path, _log(path)):
        if each.exists():
            to.with_name(each.name.replace(path.name, to.name)).write_bytes(each.read_bytes())


@pytest.mark.parametrize("count", [0, 1, 50])
def test_a_crash_leaves_what_was_committed(tmp_path, count):
    path, left = tmp_path / "a.journal", tmp_path / "b.journal"
    journal = Journal.create(path)
    journal.reserve_log()
    assert _log(path).stat().st_size > 16_000_000
    _told(journal, count)
    _crash(journal, path, left)
    journal.close()

    assert damage_in(_log(left)) == ""
    again = Journal.resume(left)
    assert again.sequence == count
    again.reserve_log()
    _crash(again, left, tmp_path / "c.journal")
    again.close()
    third = Journal.resume(tmp_path / "c.journal")
    _told(third, 2)
    third.close()
    assert len(list(read_facts(tmp_path / "c.journal"))) == count + 2
    assert verify(tmp_path / "c.journal").sealed


def test_damage_within_the_room_is_still_found(tmp_path):
    path, left = tmp_path / "a.journal", tmp_path / "b.journal"
    journal = Journal.create(path)
    journal.reserve_log()
    _told(journal, 20)
    _crash(journal, path, left)
    journal.close()
    raw = bytearray(_log(left).read_bytes())
    raw[3 * 4_120 + 32 + 100] ^= 1
    _log(left).write_bytes(bytes(raw))

    assert "is not what was written" in damage_in(_log(left))


def test_a_closed_journal_is_one_file_without_the_room(tmp_path):
    path = tmp_path / "a.journal"
    journal = Journal.create(path)
    journal.reserve_log()
    _told(journal, 5)
    journal.close()

    assert not _log(path).exists()
    assert path.stat().st_size < 2**20


def test_a_journal_in_memory_needs_none():
    journal = Journal.create(None)
    journal.reserve_log()
    _told(journal, 1)
    assert journal.sequence == 1
    journal.close()
