"""The writer numbers, makes durable, and refuses what would spoil the record."""

import os
import sqlite3
import subprocess
import sys
import textwrap

import pytest
from tests.journal.samples import FACTS

from flatbook.journal.replay import read_decisions, read_facts, verify
from flatbook.journal.store import RECORDS_PER_COMMIT, Journal
from flatbook.model.errors import JournalError
from flatbook.model.events import CycleDue

DUE = CycleDue(received_ns=1, reason="timer")


def test_events_are_numbered_from_one_whatever_they_carried(tmp_path):
    journal = Journal.create(tmp_path / "day.journal")
    numbered = [journal.append(fact) for fact in (*FACTS, CycleDue(received_ns=1, sequence=77, reason="old"))]
    journal.close()

    assert list(range(1, len(FACTS) + 2)) == [event.sequence for event in numbered]
    assert numbered == list(read_facts(tmp_path / "day.journal"))


def test_a_journal_in_memory_reads_like_one_on_disk():
    journal = Journal.create(None)
    with journal.batch():
        numbered = [journal.append(fact) for fact in FACTS]

    assert numbered == list(read_facts(journal))
    assert (len(FACTS), 0, journal.head) == (
        verify(journal).events,
        verify(journal).decisions,
        verify(journal).head,
    )
    journal.close()


def test_the_same_records_give_the_same_head_in_memory_and_on_disk(tmp_path):
    heads = set()
    for path in (None, tmp_path / "a", tmp_path / "b"):
        journal = Journal.create(path, {"flatbook": "0.1.0"})
        journal.append(DUE)
        heads.add(journal.head)
        journal.close()

    assert len(heads) == 1


def test_decisions_share_the_numbering_and_name_their_cause(tmp_path):
    journal = Journal.create(tmp_path / "day")
    due = journal.append(DUE)
    numbers = [
        journal.append_decision(b"hedge", due.sequence),
        journal.append_decision(b"quote", due.sequence),
    ]
    later = journal.append(DUE)
    journal.close()

    assert (numbers, later.sequence) == ([2, 3], 4)
    assert [tuple(each) for each in read_decisions(tmp_path / "day")] == [(2, 1, b"hedge"), (3, 1, b"quote")]


@pytest.mark.parametrize("cause", [0, 2, -1])
def test_a_decision_without_a_cause_is_refused(cause):
    journal = Journal.create(None)
    journal.append(DUE)

    with pytest.raises(JournalError, match=f"cannot follow from record {cause}; the last is 1"):
        journal.append_decision(b"", cause)
    journal.close()


def test_an_existing_file_is_never_written_over(tmp_path):
    path = tmp_path / "day"
    path.write_text("keep me")

    with pytest.raises(JournalError, match="exists already; a journal is never written over"):
        Journal.create(path)
    assert path.read_text() == "keep me"


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(JournalError, match="cannot be created"):
        Journal.create(tmp_path / "nowhere" / "day")


def test_a_second_writer_is_refused_while_readers_are_welcome(tmp_path):
    path = tmp_path / "day"
    journal = Journal.create(path)
    journal.append(DUE)
    other = sqlite3.connect(path, timeout=0.0, isolation_level=None)

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("DELETE FROM records")
    assert other.execute("SELECT sequence FROM records").fetchall() == [(1,)]
    assert (verify(path).events, verify(path).sealed) == (1, False)
    other.close()
    journal.append(DUE)
    journal.close()
    assert (verify(path).events, verify(path).sealed) == (2, True)


def test_every_commit_is_synced_to_the_disk(tmp_path):
    journal = Journal.create(tmp_path / "day")
    found = [
        journal.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
    ]

    assert found == [2, "wal"]  # 2: FULL
    journal.close()


def test_one_file_remains_after_closing(tmp_path):
    journal = Journal.create(tmp_path / "day")
    journal.append(DUE)
    journal.close()
    journal.close()

    assert [path.name for path in tmp_path.iterdir()] == ["day"]


def test_a_closed_journal_takes_nothing(tmp_path):
    journal = Journal.create(tmp_path / "day")
    journal.close()

    with pytest.raises(JournalError, match="takes no more records: closed"):
        journal.append(DUE)


def test_a_reader_during_the_close_costs_no_record(tmp_path):
    path = tmp_path / "day"
    journal = Journal.create(path)
    with journal.batch():
        journal.append(DUE)
        journal.append(DUE)
    reader = read_facts(path)
    next(reader)
    journal.close()

    assert [fact.sequence for fact in reader] == [2]
    assert (verify(path).events, verify(path).sealed) == (2, True)


def test_nothing_is_durable_before_the_batch_ends(tmp_path):
    path = tmp_path / "day"
    journal = Journal.create(path)
    with journal.batch(), journal.batch():
        journal.append(DUE)
        assert verify(path).events == 0
    assert verify(path).events == 1
    journal.close()


def test_facts_before_an_exception_are_kept(tmp_path):
    journal = Journal.create(tmp_path / "day")
    with pytest.raises(RuntimeError, match="handler"):
        _batch_that_fails(journal)

    assert verify(tmp_path / "day").events == 1
    journal.close()


def test_an_event_that_cannot_be_written_takes_no_number(tmp_path):
    journal = Journal.create(tmp_path / "day")
    with pytest.raises(JournalError, match="cannot be written"):
        journal.append(CycleDue(received_ns=2**70, reason="timer"))

    assert journal.append(DUE).sequence == 1
    journal.close()
    assert verify(tmp_path / "day").events == 1


def test_a_batch_beyond_its_size_commits_on_the_way(tmp_path):
    path = tmp_path / "day"
    journal = Journal.create(path)
    with journal.batch():
        for _ in range(RECORDS_PER_COMMIT + 1):
            journal.append(DUE)
        assert verify(path).events == RECORDS_PER_COMMIT
    journal.close()


def test_after_a_failure_to_write_every_record_is_refused(tmp_path):
    journal = Journal.create(tmp_path / "day")
    journal.append(DUE)
    journal.connection.execute("PRAGMA max_page_count = 1")  # the disk is full

    with pytest.raises(JournalError, match=r"writing failed \(database or disk is full\)"):
        _long_batch(journal)
    with pytest.raises(JournalError, match="takes no more records"):
        journal.append(DUE)
    journal.close()
    assert (verify(tmp_path / "day").events, verify(tmp_path / "day").sealed) == (1, False)


def test_a_writer_that_slips_in_stops_the_journal(tmp_path):
    journal = Journal.create(tmp_path / "day")
    journal.connection.execute("COMMIT")
    other = sqlite3.connect(tmp_path / "day", isolation_level=None)
    other.execute("INSERT INTO manifest VALUES ('by', 'intruder')")
    other.close()
    journal.connection.execute("BEGIN IMMEDIATE")

    with pytest.raises(JournalError, match="another program wrote to it"):
        journal.append(DUE)
    journal.close()


def test_a_killed_writer_leaves_every_acknowledged_record(tmp_path):
    """The process dies inside its fourth batch: three were acknowledged, and three are there."""
    path = tmp_path / "day"
    script = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from flatbook.journal.store import Journal
        from flatbook.model.events import CycleDue

        journal = Journal.create(Path(sys.argv[1]))
        for number in range(4):
            with journal.batch():
                for _ in range(10):
                    journal.append(CycleDue(received_ns=number, reason="timer"))
                if number == 3:
                    os._exit(9)
        """
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False, env=os.environ)

    assert killed.returncode == 9
    assert (verify(path).events, verify(path).sealed) == (30, False)
    assert list(range(1, 31)) == [fact.sequence for fact in read_facts(path)]


def _batch_that_fails(journal):
    with journal.batch():
        journal.append(DUE)
        raise RuntimeError("handler")


def _long_batch(journal):
    with journal.batch():
        for _ in range(2_000):
            journal.append(DUE)
