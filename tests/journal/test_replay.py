"""Whatever was done to the file afterwards, a reader either gets what was written or is told which record is wrong."""

import shutil
import sqlite3
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journal.samples import FACTS

from flatbook.journal.codec import encode
from flatbook.journal.layout import next_link
from flatbook.journal.replay import read_decisions, read_facts, read_manifest, verify
from flatbook.journal.store import Journal
from flatbook.model.errors import JournalError
from flatbook.model.events import CycleDue

MANIFEST = {"flatbook": "0.1.0", "cpu": "any"}
SOME = FACTS[-13:]  # so many that the numbers of records below hold, whatever facts there are


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Thirteen facts, three decisions, thirteen facts: records 1-13, 14-16, 17-29."""
    path = tmp_path_factory.mktemp("journal") / "day"
    journal = Journal.create(path, MANIFEST)
    with journal.batch():
        for fact in SOME:
            journal.append(fact)
        for n in range(3):
            journal.append_decision(b"decision %d" % n, 13)
        for fact in SOME:
            journal.append(fact)
    journal.close()
    return path


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copy(written, tmp_path / "copy")


def tamper(path, statement, *values):
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def content(path):
    return list(read_facts(path)), list(read_decisions(path)), read_manifest(path)


def test_a_whole_journal_is_verified_in_figures(written):
    found = verify(written)

    assert (found.events, found.decisions, found.sealed, len(found.head)) == (26, 3, True, 32)
    assert MANIFEST | {"format": "1"} == found.manifest == read_manifest(written)


@pytest.mark.parametrize(
    ("statement", "first_wrong"),
    [
        ("UPDATE records SET payload = payload || x'00' WHERE sequence = 5", 5),
        (
            "UPDATE records SET payload = (SELECT payload FROM records WHERE sequence = 6) WHERE sequence = 5",
            5,
        ),
        ("UPDATE records SET chain = zeroblob(32) WHERE sequence = 7", 7),
        ("UPDATE records SET chain = x'00' WHERE sequence = 29", 29),
        ("UPDATE records SET kind = 'event' WHERE sequence = 14", 14),
        ("UPDATE records SET kind = 'gossip' WHERE sequence = 14", 14),
        ("UPDATE records SET cause = 11 WHERE sequence = 15", 15),
        ("UPDATE records SET cause = 99 WHERE sequence = 15", 15),
        ("UPDATE records SET payload = 'text' WHERE sequence = 3", 3),
        ("DELETE FROM records WHERE sequence = 1", 1),
        ("DELETE FROM records WHERE sequence = 9", 9),
        ("DELETE FROM records WHERE sequence = 29", 29 + 0),
        ("DELETE FROM records WHERE sequence > 20", 21),
        ("DELETE FROM records", 1),
        ("INSERT INTO records SELECT 30, kind, cause, payload, chain FROM records WHERE sequence = 29", 30),
        ("INSERT INTO records SELECT 0, kind, cause, payload, chain FROM records WHERE sequence = 1", 1),
        ("UPDATE manifest SET value = '0.2.0' WHERE key = 'flatbook'", 1),
        ("DELETE FROM manifest WHERE key = 'cpu'", 1),
        ("UPDATE seal SET chain = zeroblob(32)", 30),
    ],
)
def test_an_edit_is_told_by_the_first_wrong_record(copy, statement, first_wrong):
    tamper(copy, statement)

    with pytest.raises(JournalError, match=rf"record {first_wrong}\b"):
        verify(copy)
    with pytest.raises(JournalError, match=rf"record {first_wrong}\b"):
        content(copy)


def test_what_precedes_the_first_wrong_record_is_given(copy):
    tamper(copy, "DELETE FROM records WHERE sequence = 9")
    facts = read_facts(copy)

    assert list(range(1, 9)) == [next(facts).sequence for _ in range(8)]
    with pytest.raises(JournalError, match="record 9: missing, the next one in the file is 10"):
        next(facts)


def test_a_record_forged_with_its_own_chain_breaks_the_next(copy):
    connection = sqlite3.connect(copy)
    (previous,) = connection.execute("SELECT chain FROM records WHERE sequence = 4").fetchone()
    connection.close()
    forged = encode(CycleDue(received_ns=0, sequence=5, reason="forged"))
    link = next_link(previous, 5, "event", 0, forged)
    tamper(copy, "UPDATE records SET payload = ?, chain = ? WHERE sequence = 5", forged, link)

    with pytest.raises(JournalError, match="record 6: its content or its chain"):
        verify(copy)


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (b"?", "record 29: no fact"),
        (
            encode(CycleDue(received_ns=0, sequence=28, reason="x")),
            "record 29: its event says it is number 28",
        ),
    ],
)
def test_a_payload_that_cannot_be_is_told_though_its_chain_is_right(copy, payload, told):
    connection = sqlite3.connect(copy)
    (previous,) = connection.execute("SELECT chain FROM records WHERE sequence = 28").fetchone()
    connection.close()
    link = next_link(previous, 29, "event", 0, payload)
    tamper(copy, "UPDATE records SET payload = ?, chain = ? WHERE sequence = 29", payload, link)

    with pytest.raises(JournalError, match=told):
        verify(copy)


def test_two_records_that_swapped_numbers_are_found(copy):
    for old, new in ((5, 1000), (6, 5), (1000, 6)):
        tamper(copy, f"UPDATE records SET sequence = {new} WHERE sequence = {old}")  # noqa: S608

    with pytest.raises(JournalError, match="record 5: its content or its chain"):
        verify(copy)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_is_found_or_harmless(written, tmp_path, data):
    raw = bytearray(written.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    _is_whole_or_refused(written, tmp_path, bytes(raw))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_truncated_file_is_found(written, tmp_path, data):
    raw = written.read_bytes()
    cut = data.draw(st.integers(0, len(raw) - 1))
    _is_whole_or_refused(written, tmp_path, raw[:cut])


def _is_whole_or_refused(written, tmp_path, raw):
    damaged = tmp_path / "damaged"
    for path in tmp_path.glob("damaged*"):
        path.unlink()
    damaged.write_bytes(raw)
    with suppress(JournalError):
        assert content(written) == content(damaged)


@pytest.mark.parametrize("cut_kib", [0, 4, 16, 17])
def test_a_torn_log_leaves_a_whole_prefix(tmp_path, cut_kib):
    """A crash tears the write-ahead log: what remains is shorter, and whole."""
    path = tmp_path / "day"
    journal = Journal.create(path)
    for _ in range(20):
        journal.append(CycleDue(received_ns=1, reason="timer"))
    torn = tmp_path / "torn"
    shutil.copy(path, torn)
    log = (tmp_path / "day-wal").read_bytes()
    (tmp_path / "torn-wal").write_bytes(log[: max(len(log) - cut_kib * 1024, 0)])
    journal.close()

    found = verify(torn)
    assert found.events == 20 if cut_kib == 0 else 10 < found.events < 20
    assert not found.sealed


@pytest.mark.parametrize("pragma", ["application_id = 7", "user_version = 2"])
def test_another_application_or_format_is_refused(copy, pragma):
    tamper(copy, f"PRAGMA {pragma}")

    with pytest.raises(JournalError, match="no journal of flatbook, or one of another format"):
        verify(copy)


@pytest.mark.parametrize("raw", [b"", b"SQLite format 3\x00", b"hello\n" * 2000])
def test_a_file_of_something_else_is_refused(tmp_path, raw):
    path = tmp_path / "other"
    path.write_bytes(raw)

    with pytest.raises(JournalError, match="no journal of flatbook"):
        list(read_facts(path))


def test_a_missing_file_is_told_and_not_created(tmp_path):
    with pytest.raises(JournalError, match="no such file"):
        list(read_facts(tmp_path / "nowhere"))
    assert list(tmp_path.iterdir()) == []


def test_a_journal_of_nothing_is_whole(tmp_path):
    journal = Journal.create(tmp_path / "day")
    journal.close()

    assert (list(read_facts(tmp_path / "day")), verify(tmp_path / "day").events, True) == ([], 0, True)
