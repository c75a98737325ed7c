"""A crash at any point loses nothing that was acknowledged; damage is refused, and never read as something else.

How many images a run tries is asserted in each test. Within a frame of the log every cut is the same to SQLite, so cuts
are taken at each edge of a frame and evenly between.
"""

import os
import signal
import subprocess
import sys
import textwrap
from itertools import pairwise
from random import Random  # noqa: TID251 - images of crashes, each seed printed

import pytest
from tests.journal.days import facts, frames_of, lay, write_day

from flatbook.journal.reading import beside
from flatbook.journal.replay import read_records, verify
from flatbook.journal.store import Journal
from flatbook.model.errors import JournalError
from flatbook.model.events import CycleDue

DUE = CycleDue(received_ns=1, reason="timer")


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """All of it in the log: the bytes after each commit, and the records."""
    return write_day(tmp_path_factory.mktemp("day") / "day")


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """The log is moved into the file, and begins anew, every twelve pages."""
    return write_day(tmp_path_factory.mktemp("moved") / "day", pages=12)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """Closed in order."""
    path = tmp_path_factory.mktemp("sealed") / "day"
    _, records = write_day(path, close=True)
    return path.read_bytes(), records


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Forty-six records three times: all in the log, half moved into the file, closed. File, log, records, and those of all commits but the last."""
    folder, images = tmp_path_factory.mktemp("small"), []
    for name, pages in (("log", 4_000), ("moved", 6), ("closed", 4_000)):
        moments, records = write_day(
            folder / name, pages=pages, batches=(1, 3, 1, 20, 1, 7, 2, 11), close=name == "closed"
        )
        image = (moments[-1].file, moments[-1].log)
        if name == "closed":
            image = ((folder / name).read_bytes(), b"")
        images.append((*image, records, None if name == "closed" else records[: moments[-2].records]))
    return images


def found(path):
    """The records, or None where the file is refused."""
    try:
        return list(read_records(path))
    except JournalError:
        return None


def goes_on(path, records):
    """Resume after the crash, write on, and find all of it."""
    journal = Journal.resume(path)
    assert journal.sequence == len(records)
    more = journal.append(DUE)
    journal.close()
    assert list(read_records(path)) == [*records, more]
    assert verify(path).sealed


def test_a_log_cut_at_any_byte_keeps_every_commit_before_the_cut(day, tmp_path):
    """198 records in 20 commits."""
    moments, records = day
    file, log = moments[-1].file, moments[-1].log
    ends = [len(moment.log) for moment in moments]
    edges = {edge + near for edge in frames_of(log) for near in (-1, 0, 1)}
    cuts = sorted({cut for cut in edges | set(range(0, len(log), 97)) if ends[0] <= cut <= len(log)})
    assert len(cuts) > 1_500, len(cuts)

    for number, cut in enumerate(cuts):
        path = lay(tmp_path, file, log[:cut])
        acknowledged = max(moment.records for moment in moments if len(moment.log) <= cut)
        assert found(path) == records[:acknowledged], cut
        if number % 40 == 0:
            goes_on(path, records[:acknowledged])


def test_a_log_cut_before_the_first_commit_is_no_journal(day, tmp_path):
    """Nothing was acknowledged then, not even that there is a journal."""
    moments, _ = day

    for cut in range(0, len(moments[0].log), 97):
        path = lay(tmp_path, moments[0].file, moments[0].log[:cut])
        assert found(path) is None
        with pytest.raises(JournalError):
            Journal.resume(path)


def test_a_file_cut_at_any_byte_is_refused_or_whole(sealed, moved, tmp_path):
    """A closed file, and one whose last commits are in the log beside it."""
    (file, records), tried = sealed, 0
    for cut in range(0, len(file), 61):
        assert found(lay(tmp_path, file[:cut])) is None, cut
        tried += 1
    last = moved[0][-1]
    for cut in range(0, len(last.file), 61):
        assert found(lay(tmp_path, last.file[:cut], last.log)) in (None, moved[1]), cut
        tried += 1
    assert tried > 1_200, tried
    assert records == moved[1]


@pytest.mark.parametrize("seed", range(4))
def test_a_power_cut_while_a_commit_is_written_loses_no_commit_before_it(day, moved, tmp_path, seed):
    """Any of the sectors of 512 bytes that the commit writes may have reached the disk, in any order.

    A log that begins anew has its header synced before its frames (sqlite.org/wal.html), so the header is the new one.
    """
    chance = Random(seed)
    whole = cut = 0
    for moments, records in (day, moved):
        for before, after in pairwise(moments):
            for _ in range(20):
                share = chance.choice((0.0, 0.2, 0.5, 0.9, 1.0))
                log = bytearray(after.log[:32] + before.log[32:].ljust(len(after.log) - 32, b"\0"))
                for start in range(0, len(log), 512):
                    sector = slice(start, min(start + 512, len(after.log)))
                    if chance.random() < share:
                        log[sector] = after.log[sector]
                # the pages of a checkpoint are moved only after the log is on the disk
                path = lay(tmp_path, before.file, bytes(log))
                left = found(path)
                assert left in (records[: before.records], records[: after.records]), (seed, before.records)
                whole += len(left) == after.records
                cut += len(left) == before.records
    assert min(whole, cut) > 50, (whole, cut)


def test_a_power_cut_while_the_log_is_moved_into_the_file_loses_nothing(moved, tmp_path):
    """The file has any of its pages old or new; the log has them all."""
    chance, (moments, records), tried = Random(5), moved, 0
    for before, after in pairwise(moments):
        if before.file == after.file:
            continue
        for _ in range(40):
            file = bytearray(before.file.ljust(len(after.file), b"\0"))
            for start in range(0, len(after.file), 512):
                if chance.random() < 0.5:
                    file[start : start + 512] = after.file[start : start + 512]
            assert found(lay(tmp_path, bytes(file), after.log)) == records[: after.records]
            tried += 1
    assert tried >= 100, tried


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_is_found_or_harmless(small, tmp_path, seed):
    """4 x 700 flips. A flip in the last commit of a log that nobody closed looks like a power cut, and takes that commit."""
    chance = Random(seed)
    refused = shorter = 0
    for number in range(700):
        file, log, records, before = small[number % 3]
        both, bit = bytearray(file + log), chance.randrange(8 * len(file + log))
        both[bit // 8] ^= 1 << bit % 8
        path = lay(tmp_path, bytes(both[: len(file)]), bytes(both[len(file) :]))
        left = found(path)
        if left is None:
            refused += 1
            with pytest.raises(JournalError):
                Journal.resume(path)
        elif before is not None and left == before:
            shorter += 1
            assert bit // 8 >= len(file) + 32, "only a torn last commit of the log may go"
        else:
            assert left == records, (seed, bit)
    assert refused > 200, (refused, shorter)
    assert shorter > 0


def test_damage_before_the_last_commit_of_the_log_is_refused_and_left_as_it_is(day, tmp_path):
    """SQLite alone would drop every commit after it, and overwrite them."""
    moments, _ = day
    file, log = moments[-1].file, moments[-1].log
    for moment in moments[:-2]:
        broken = bytearray(log)
        broken[len(moment.log) + 24 + 100] ^= 1
        path = lay(tmp_path, file, bytes(broken))
        for attempt in (verify, Journal.resume):
            with pytest.raises(
                JournalError, match=rf"record {moment.records + 1}: the file is damaged .*its log"
            ):
                attempt(path)
        assert beside(path, "wal").read_bytes() == broken


def test_records_hidden_in_a_file_that_nobody_closed_are_missed(day, tmp_path):
    """A page that tells fewer records than it has would give a shorter whole chain."""
    path = lay(tmp_path, day[0][-1].file, day[0][-1].log)
    Journal.resume(path).connection.close()  # moves the log into the file, without a seal
    file = path.read_bytes()
    assert found(path) == day[1]
    assert not verify(path).sealed
    last = max(
        start
        for start in range(0, len(file), 4096)
        if file[start] == 13 and b"decided" in file[start : start + 4096]
    )
    cells = int.from_bytes(file[last + 3 : last + 5], "big")
    hidden = bytearray(file)
    hidden[last + 3 : last + 5] = (cells - 1).to_bytes(2, "big")

    assert found(lay(tmp_path, bytes(hidden))) is None


def test_a_letter_that_changes_in_the_tables_hides_no_record(small, tmp_path):
    """`HNTEGER PRIMARY KEY` would be a table of records without numbers, all filtered away."""
    for file, log, _, _ in small:
        tables = [at for at in range(4096) if file[at : at + 7] == b"INTEGER"]
        for at in tables:
            path = lay(tmp_path, file[:at] + b"H" + file[at + 1 :], log[: 24 + 32])
            assert found(path) is None
    assert len(tables) == 3


@pytest.mark.parametrize("kind", ["zeros", "ones", "half", "other"])
def test_a_torn_last_record_leaves_all_before_it(day, tmp_path, kind):
    """The last frame holds something else: nothing, noise, half of itself, or another page."""
    moments, records = day
    log = moments[-1].log
    torn = {
        "zeros": log[:-4096] + bytes(4096),
        "ones": log[:-4096] + b"\xff" * 4096,
        "half": log[:-2048] + bytes(2048),
        "other": log[:-4096] + log[32 + 24 : 32 + 24 + 4096],
    }[kind]
    path = lay(tmp_path, moments[-1].file, torn)

    assert found(path) == records[: moments[-2].records]
    goes_on(path, records[: moments[-2].records])


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from random import Random
    from flatbook.journal.store import Journal
    from flatbook.model.events import CycleDue

    path, seed = Path(sys.argv[1]), int(sys.argv[2])
    journal, chance = Journal.resume(path), Random(seed)
    journal.connection.execute("PRAGMA wal_autocheckpoint = 8")
    while True:
        count = chance.choice((1, 1, 2, 20, 200))
        with journal.batch():
            for _ in range(count):
                number = journal.sequence + 1
                journal.append(CycleDue(received_ns=number, reason=str(number)))
        print(journal.sequence, flush=True)
        if chance.random() < 0.1:
            journal.close()
            journal = Journal.resume(path)
    """
)


def test_a_process_killed_at_any_moment_loses_nothing_acknowledged(tmp_path):
    """SIGKILL thirteen times, each after another number of acknowledgements, one writer going on after the other."""
    path, chance, last = tmp_path / "day", Random(11), 0
    Journal.create(path).close()
    for life in range(13):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(life)], stdout=subprocess.PIPE, text=True
        ) as writer:
            told = [int(writer.stdout.readline()) for _ in range(1 + chance.randrange(30))]
            for _ in range(chance.randrange(3_000)):
                pass  # so that it is hit in the middle of something
            writer.send_signal(signal.SIGKILL)
            told += [int(line) for line in writer.stdout.read().splitlines()]
        assert told == sorted(told)
        assert told[0] > last
        left = [record.sequence for record in read_records(path)]
        assert left == list(range(1, len(left) + 1))
        assert len(left) >= told[-1], (life, told[-1])
        assert all(record.reason == str(record.sequence) for record in read_records(path))
        last = told[-1]
    journal = Journal.resume(path)
    assert journal.append(DUE).sequence == len(left) + 1
    journal.close()
    assert verify(path).events == len(left) + 1


LIMITED = textwrap.dedent(
    """
    import resource, sys
    from pathlib import Path
    from flatbook.journal.store import Journal
    from flatbook.model.errors import JournalError
    from flatbook.model.events import CycleDue

    folder, (_, hard) = Path(sys.argv[1]), resource.getrlimit(resource.RLIMIT_FSIZE)
    for most in map(int, sys.argv[2:]):
        journal, acknowledged = Journal.create(folder / str(most)), 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
        said = []
        while not said:
            try:
                with journal.batch():
                    for _ in range(7):
                        journal.append(CycleDue(received_ns=1, reason="timer " * 50))
                acknowledged = journal.sequence
            except JournalError as e:
                said.append(str(e))
        try:
            journal.append(CycleDue(received_ns=1, reason="more"))
        except JournalError as e:
            said.append(str(e))
        journal.close()
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        print(most, acknowledged, "writing failed" in said[0], "takes no more records" in said[-1], len(said))
    """
)


def test_a_disk_that_fills_up_loses_nothing_and_the_journal_goes_on_once_there_is_room(tmp_path):
    """The last write is short: the limits are no multiples of a page."""
    limits = (40_000, 50_001, 77_777, 100_000, 123_456, 150_003, 200_000, 262_144)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), *map(str, limits)],
        capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [line.split() for line in done.stdout.splitlines()]
    assert [int(line[0]) for line in told] == list(limits)

    for name, acknowledged, *rest in told:
        path = tmp_path / name
        assert rest == ["True", "True", "2"]
        assert verify(path).events >= int(acknowledged) > 0
        assert not verify(path).sealed
        journal = Journal.resume(path)
        journal.append(DUE)
        journal.close()
        assert verify(path).sealed


@pytest.mark.parametrize("batch", [1, 5, 300])
def test_a_full_database_refuses_more_until_there_is_room(tmp_path, batch):
    path = tmp_path / "day"
    journal, told = Journal.create(path), [0]
    journal.connection.execute("PRAGMA max_page_count = 40")
    with pytest.raises(JournalError, match=r"writing failed \(database or disk is full\)"):
        batches(journal, [batch] * 10_000, told)
    for refused in (lambda: journal.append(DUE), journal.commit, lambda: journal.append_decision(b"", 1)):
        with pytest.raises(JournalError, match="takes no more records"):
            refused()
    journal.close()

    assert verify(path).events + verify(path).decisions == told[-1] > 0
    goes_on(path, list(read_records(path)))


def batches(journal, counts, told):
    """Batches of so many records; `told` gets what was acknowledged."""
    for count in counts:
        with journal.batch():
            facts(journal, count)
        told.append(journal.sequence)


class Killed(BaseException):
    """The process is gone."""


class Mortal:
    """A connection that dies at its n-th write: at a row, before a statement that counts, or right after it."""

    def __init__(self, connection, after):
        self.connection, self.left = connection, after

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def write(self):
        self.left -= 1
        if self.left < 0:
            raise Killed

    def execute(self, statement, *values):
        if not statement.startswith(("COMMIT", "BEGIN", "INSERT")):
            return self.connection.execute(statement, *values)
        self.write()
        done = self.connection.execute(statement, *values)
        self.write()
        return done

    def executemany(self, statement, rows):
        for row in rows:
            self.write()
            self.connection.execute(statement, row)


def script(journal, told):
    """A short day: single facts, batches, a decision, a close; `told` gets what was acknowledged."""
    batches(journal, (1, 3, 1, 6, 2), told)
    journal.append_decision(b"late", 1)
    told.append(journal.sequence)


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_writer_killed_at_any_write_leaves_a_prefix_with_all_that_was_acknowledged(tmp_path, on_disk):
    """Every write of the script in turn; the next life decides and writes the rest, to the same bytes."""
    whole = Journal.create(None)
    script(whole, [])
    records, writes = list(read_records(whole)), 0
    while True:
        path = tmp_path / str(writes) if on_disk else None
        journal, told = Journal.create(path), [0]
        mortal = journal._connection = Mortal(journal.connection, writes)
        try:
            script(journal, told)
        except Killed:
            with pytest.raises(JournalError, match="takes no more records: writing was interrupted"):
                journal.append(DUE)
        else:
            break
        finally:
            mortal.left = 10**9
        if on_disk:
            mortal.close()
        later = Journal.resume(path) if on_disk else journal.committed_copy()
        left = list(read_records(later))
        assert left == records[: len(left)]
        assert len(left) >= told[-1]
        assert later.sequence == len(left)
        if len(left) < len(records):
            facts(later, len(records) - 1 - len(left))
            later.append_decision(b"late", 1)
        assert later.head == whole.head
        later.close()
        writes += 1
    assert writes == 38, "14 rows, and before and after each statement of 6 commits"
