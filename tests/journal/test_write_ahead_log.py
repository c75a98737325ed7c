"""What is told of a log agrees with SQLite, which reads it too."""

import struct
from random import Random  # noqa: TID251 - bits to flip, from a seed

import pytest
from tests.journal.days import frames_of, lay, valid_frames, write_day

from flatbook.journal import write_ahead_log
from flatbook.journal.reading import beside
from flatbook.journal.write_ahead_log import damage_in

SMALL = (1, 3, 1, 20, 1, 7)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    moments, _ = write_day(tmp_path_factory.mktemp("day") / "day", batches=SMALL)
    return moments


def sums(raw, seeds, order):
    """The checksum as sqlite.org/fileformat2.html tells it, word by word."""
    s0, s1 = seeds
    words = struct.unpack(f"{order}{len(raw) // 4}I", raw)
    for first, second in zip(words[::2], words[1::2], strict=True):
        s0 = (s0 + first + s1) % 2**32
        s1 = (s1 + second + s0) % 2**32
    return s0, s1


def in_other_order(log):
    """The same log with checksums of big-endian words, as a machine of that kind writes it."""
    header = struct.pack(">I", 0x377F0683) + log[4:24]
    seeds = sums(header, (0, 0), ">")
    out = header + struct.pack(">II", *seeds)
    for start in list(frames_of(log))[:-1]:
        frame = log[start : start + 24 + 4096]
        seeds = sums(frame[:8] + frame[24:], seeds, ">")
        out += frame[:16] + struct.pack(">II", *seeds) + frame[24:]
    return out


def marks_before(log, frame):
    """The last frame up to `frame` that ends a commit."""
    starts = list(frames_of(log))[:frame]
    return max((n + 1 for n, at in enumerate(starts) if any(log[at + 4 : at + 8])), default=0)


@pytest.mark.parametrize("other", [False, True])
def test_a_whole_log_is_whole_to_us_and_to_sqlite(day, tmp_path, other):
    log = in_other_order(day[-1].log) if other else day[-1].log
    path = lay(tmp_path, day[-1].file, log)

    assert damage_in(beside(path, "wal")) == ""
    assert valid_frames(path) == len(frames_of(log)) - 1


@pytest.mark.parametrize("other", [False, True])
def test_a_damaged_frame_is_the_one_at_which_sqlite_stops(day, tmp_path, other):
    """300 flips; told where more than one commit is lost, and only there."""
    log = in_other_order(day[-1].log) if other else day[-1].log
    chance, told = Random(3), 0
    for _ in range(150):
        at = chance.randrange(32, len(log))
        broken = bytearray(log)
        broken[at] ^= 1 << chance.randrange(8)
        path = lay(tmp_path, day[-1].file, bytes(broken))
        frame = (at - 32) // (24 + 4096)
        found = damage_in(beside(path, "wal"))
        stops = marks_before(log, frame)
        lost = [n for n in range(stops + 1, len(frames_of(log))) if marks_before(log, n) == n]
        is_mark = (at - 32) % (24 + 4096) in range(
            4, 24
        )  # the mark or the generation itself may be what was hit
        assert valid_frames(path) == stops
        assert found.startswith(f"frame {frame + 1} of") == bool(found)
        assert bool(found) == (len(lost) > 1) or is_mark
        told += bool(found)
    assert told > 100, told


def test_a_log_longer_than_one_block_is_read_across(day, tmp_path, monkeypatch):
    """Blocks of three frames give what one of all gives."""
    path = lay(tmp_path, day[-1].file, day[-1].log)
    monkeypatch.setattr(write_ahead_log, "_FRAMES_AT_ONCE", 3)
    assert damage_in(beside(path, "wal")) == ""
    broken = bytearray(day[-1].log)
    broken[32 + 7 * (24 + 4096) + 1000] ^= 1
    beside(path, "wal").write_bytes(broken)

    assert damage_in(beside(path, "wal")).startswith("frame 8 of")


@pytest.mark.parametrize("at", range(0, 32, 3))
def test_a_damaged_header_is_told_since_all_would_be_lost(day, tmp_path, at):
    broken = bytearray(day[-1].log)
    broken[at] ^= 64
    path = lay(tmp_path, day[-1].file, bytes(broken))

    assert valid_frames(path) <= 0
    beside(path, "wal").write_bytes(broken)
    assert damage_in(beside(path, "wal")) == "its header is not what was written"


@pytest.mark.parametrize("log", [b"", b"7", bytes(31), None])
def test_no_log_and_one_without_a_frame_are_whole(tmp_path, log):
    if log is not None:
        (tmp_path / "wal").write_bytes(log)
    assert damage_in(tmp_path / "wal") == ""


def test_frames_of_an_earlier_generation_behind_the_last_commit_are_no_damage(tmp_path):
    """A log that began anew stands over the old one."""
    moments, _ = write_day(tmp_path / "day", pages=12)
    anew = [moment for moment in moments if moment.log[16:24] != moments[0].log[16:24]]
    assert anew
    for moment in moments:
        (tmp_path / "wal").write_bytes(moment.log)
        assert damage_in(tmp_path / "wal") == ""
