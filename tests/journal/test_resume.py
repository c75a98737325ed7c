"""A journal goes on where it ended, and only there: whole, one writer, the same build."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import pytest
from tests.journal.days import facts, lay

from flatbook.journal.reading import beside
from flatbook.journal.replay import read_facts, read_records, sequence_of_head, undecided, verify
from flatbook.journal.store import Journal
from flatbook.model.errors import JournalError
from flatbook.model.events import CycleDue, UnderlyingQuoted

DUE = CycleDue(received_ns=1, reason="timer")
MANIFEST = {"flatbook": "0.1.0", "numpy": "2.5.0"}


@pytest.fixture
def closed(tmp_path):
    """Twelve records, closed in order."""
    path = tmp_path / "day"
    with closing(Journal.create(path, MANIFEST)) as journal, journal.batch():
        facts(journal, 12)
    return path


def tamper(path, statement):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statement)
        connection.commit()


def test_numbers_and_chain_go_on_as_if_nothing_had_happened(tmp_path):
    """In five lives, closed or fallen, the head is that of one life."""
    whole = Journal.create(None, MANIFEST)
    facts(whole, 30)
    path = tmp_path / "day"
    Journal.create(path, MANIFEST).close()
    for life in range(5):
        journal = Journal.resume(path)
        assert journal.sequence == 6 * life
        facts(journal, 6)
        if life % 2:
            journal.close()
        else:
            journal.connection.close()
        assert verify(path).sealed == bool(life % 2)

    assert verify(path).head == whole.head
    assert list(read_records(path)) == list(read_records(whole))


def test_nothing_changes_before_the_next_record(closed):
    """Until then it is as closed as it was; a second close adds nothing."""
    before = verify(closed)
    journal = Journal.resume(closed)
    assert verify(closed) == before
    journal.connection.close()
    assert verify(closed) == before
    Journal.resume(closed).close()
    assert verify(closed) == before
    journal = Journal.resume(closed)
    journal.append(DUE)
    assert not verify(closed).sealed
    journal.close()
    assert verify(closed).sealed
    assert [path.name for path in closed.parent.iterdir()] == ["day"]


def test_every_earlier_close_is_still_checked(closed):
    """Records cut from an unsealed end are found where they lie before a close."""
    journal = Journal.resume(closed)
    facts(journal, 3)
    journal.close()
    journal = Journal.resume(closed)
    facts(journal, 3)
    journal.connection.close()
    with closing(sqlite3.connect(closed)) as connection:
        assert [row[0] for row in connection.execute("SELECT sequence FROM seal")] == [12, 15]
    assert not verify(closed).sealed

    copy = lay(closed.parent, closed.read_bytes(), name="copy")
    tamper(copy, "DELETE FROM records WHERE sequence > 15")
    assert verify(copy).sealed  # the crash of the second life might have come so early
    tamper(copy, "DELETE FROM records WHERE sequence > 14")
    for attempt in (verify, Journal.resume):
        with pytest.raises(JournalError, match="record 15: missing, the journal was closed after record 15"):
            attempt(copy)
    tamper(closed, "UPDATE seal SET chain = zeroblob(32) WHERE sequence = 12")
    with pytest.raises(JournalError, match="record 13: the journal was closed before it with another chain"):
        verify(closed)


def test_a_half_written_batch_leaves_the_longest_committed_prefix(tmp_path):
    path = tmp_path / "day"
    journal = Journal.create(path)
    facts(journal, 6)
    with journal.batch():
        facts(journal, 9)
        for each in (path, beside(path, "wal")):
            shutil.copy(each, tmp_path / each.name.replace("day", "copy"))
    resumed = Journal.resume(tmp_path / "copy")

    assert resumed.sequence == 6
    resumed.close()
    journal.close()
    assert (verify(path).events, verify(path).decisions) == (13, 2)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE records SET payload = x'00' WHERE sequence = 3", "record 3: its content"),
        ("DELETE FROM records WHERE sequence = 7", "record 7: missing"),
        ("UPDATE records SET chain = zeroblob(32) WHERE sequence = 12", "record 12: its content"),
        ("DELETE FROM records WHERE sequence = 12", "record 12: missing, the journal was closed"),
        ("UPDATE manifest SET value = '9' WHERE key = 'numpy'", "record 1: its content"),
        ("PRAGMA user_version = 2", "another format"),
        ("PRAGMA application_id = 1", "no journal of flatbook"),
        ("DROP TABLE seal", "its tables are not those"),
        ("DELETE FROM seal; INSERT INTO seal VALUES (12, 'text')", "a seal is not one that flatbook writes"),
        ("DROP TABLE records", "its tables are not those"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_and_left_as_it_is(closed, statement, told):
    tamper(closed, statement)
    raw = closed.read_bytes()
    with pytest.raises(JournalError, match=told):
        Journal.resume(closed)
    assert closed.read_bytes() == raw


@pytest.mark.parametrize(
    ("raw", "told"),
    [(b"", "its writer was interrupted before the first record"), (b"hello" * 999, "no journal of flatbook")],
)
def test_a_file_without_a_journal_is_refused(tmp_path, raw, told):
    path = tmp_path / "day"
    path.write_bytes(raw)
    for attempt in (Journal.resume, verify):
        with pytest.raises(JournalError, match=told):
            attempt(path)
    assert path.read_bytes() == raw
    with pytest.raises(JournalError, match="no such file"):
        Journal.resume(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_another_build_is_refused_where_that_matters(closed):
    """Only the entries that the caller names."""
    Journal.resume(closed, MANIFEST).close()
    Journal.resume(closed, {"numpy": "2.5.0"}).close()
    with pytest.raises(JournalError, match=r"numpy was '2.5.0' and is '2.6.0' now"):
        Journal.resume(closed, MANIFEST | {"numpy": "2.6.0"})
    with pytest.raises(JournalError, match="processor was None"):
        Journal.resume(closed, {"processor": "x"})


def test_a_second_writer_is_refused_in_the_same_process(closed):
    first = Journal.resume(closed)
    with pytest.raises(JournalError, match=r"cannot be written: database is locked; .* another writer"):
        Journal.resume(closed)
    assert first.append(DUE).sequence == 13
    first.close()
    Journal.resume(closed).close()


def test_a_second_writer_is_refused_while_another_process_sleeps(tmp_path):
    """Stopped, it still holds the journal; killed, it does not."""
    path = tmp_path / "day"
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from flatbook.journal.store import Journal
        from flatbook.model.events import CycleDue

        journal = Journal.create(Path(sys.argv[1]))
        while True:
            print(journal.append(CycleDue(received_ns=1, reason="timer")).sequence, flush=True)
            sys.stdin.readline()
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "1\n"
        other.send_signal(signal.SIGSTOP)
        with pytest.raises(JournalError, match="another writer"):
            Journal.resume(path)
        other.send_signal(signal.SIGCONT)
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "2\n"
        with pytest.raises(JournalError, match="another writer"):
            Journal.resume(path)
        other.kill()
    journal = Journal.resume(path)

    assert journal.append(DUE).sequence == 3
    journal.close()


def test_a_reader_does_not_hinder_who_resumes_after_a_crash(tmp_path):
    path = tmp_path / "day"
    journal = Journal.create(path)
    with journal.batch():
        facts(journal, 12)
    journal.connection.close()
    Journal.resume(path).connection.close()
    reader = read_facts(path)
    next(reader)
    journal = Journal.resume(path)
    journal.append(DUE)

    assert len(list(reader)) == 10
    journal.close()
    assert verify(path).events == 12


def test_a_writer_that_died_while_it_closed_is_read_and_resumed(closed):
    """It leaves a rollback journal beside the file; its half-done pages are undone."""
    raw, before = closed.read_bytes(), verify(closed)
    with closing(sqlite3.connect(closed, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE records SET payload = zeroblob(9000)")
        hot, log = closed.read_bytes(), beside(closed, "journal").read_bytes()
        connection.execute("ROLLBACK")
    assert hot != raw
    for attempt in (verify, lambda path: Journal.resume(path).close()):
        path = lay(closed.parent, hot, name="fallen")
        beside(path, "journal").write_bytes(log)
        attempt(path)
        assert verify(path) == before


def test_what_another_program_changes_between_proof_and_lock_is_found(closed, monkeypatch):
    def slip_in(path):
        tamper(
            path,
            "INSERT INTO records SELECT 13, kind, cause, payload, chain FROM records WHERE sequence = 12",
        )
        return again(path)

    from flatbook.journal import store

    again = store._connect_again
    monkeypatch.setattr(store, "_connect_again", slip_in)
    with pytest.raises(JournalError, match="another program wrote to it meanwhile"):
        Journal.resume(closed)


def test_cycles_without_a_decision_are_found(tmp_path):
    """Whether one died before the decision, or skipped one earlier."""
    journal = Journal.create(tmp_path / "day")
    first, second, third = (journal.append(CycleDue(received_ns=n, reason="timer")) for n in range(3))
    journal.append(UnderlyingQuoted(received_ns=4, underlying="SPX", price=1.0))
    journal.append_decision(b"two", second.sequence)
    assert undecided(journal) == (first, third)
    journal.append_decision(b"one", first.sequence)
    assert undecided(journal) == (third,)
    journal.connection.close()
    assert undecided(tmp_path / "day") == (third,)
    journal = Journal.resume(tmp_path / "day")
    journal.append_decision(b"three", third.sequence)
    journal.close()
    assert undecided(tmp_path / "day") == ()


def test_a_head_written_down_is_found_where_it_stood(closed):
    journal = Journal.resume(closed)
    kept = [journal.head]
    for _ in range(3):
        journal.append(DUE)
        kept.append(journal.head)
    journal.close()

    assert [sequence_of_head(closed, head) for head in kept] == [12, 13, 14, 15]
    assert sequence_of_head(closed, bytes(32)) is None
    empty = Journal.create(None)
    assert sequence_of_head(empty, empty.head) == 0


def test_a_copy_in_memory_has_what_was_committed_and_no_more():
    journal = Journal.create(None, MANIFEST)
    with journal.batch():
        facts(journal, 50)
    head = journal.head
    with journal.batch():
        facts(journal, 10)
        copy = journal.committed_copy()
        facts(journal, 3)

    assert (copy.sequence, copy.head) == (50, head)
    assert list(read_records(copy)) == list(read_records(journal))[:50]
    assert (verify(journal).events + verify(journal).decisions, journal.sequence) == (63, 63)
    facts(copy, 13)
    assert copy.head == journal.head
    assert verify(copy) == verify(journal)


def test_a_copy_of_nothing_is_a_journal_of_nothing():
    journal = Journal.create(None, MANIFEST)
    copy = journal.committed_copy()

    assert (copy.sequence, copy.head) == (0, journal.head)
    assert copy.append(DUE).sequence == 1


def test_only_an_open_journal_in_memory_is_copied(tmp_path):
    journal, gone = Journal.create(tmp_path / "day"), Journal.create(None)
    gone.close()
    for each in (journal, gone):
        with pytest.raises(JournalError, match="only an open one in memory"):
            each.committed_copy()
    journal.close()
    assert os.listdir(tmp_path) == ["day"]  # noqa: PTH208 - names only
