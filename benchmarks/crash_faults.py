"""Faults of the machine and of the line, a section of the report each."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.crash_checks import Seen, whole_records
from benchmarks.crash_kills import Section, ended, quantiles
from benchmarks.crash_stand import Running, Stand, stand
from flatbook.journal.store import Journal
from flatbook.live.recovery import state_beside
from flatbook.model.errors import JournalError

_DISK_BYTES = 64 * 2**20
_FAILED, _REFUSED = 3, 2  # exit codes: of a desk whose journal failed, and of one that did not start
_ENDS_S = 240.0
_WAITS_S = 40.0  # for an order that must not come
_CUT_MOST = 4
_STILL_S = 5.0  # without a record
_DAMAGES = 60  # of copies of a journal, a round
Chance = np.random.Generator


def full_disk(rounds: int, seed: int, folder: Path, speed: float) -> Section:
    """The disk fills up under a desk."""
    section = Section(
        title="A full disk",
        what="A file system of its own in memory has room for some more seconds of records; where that may not be mounted, the kernel refuses every "
        "write beyond a size. The desk must end with code 3 and take its orders out without a record of it, or with code 2 before it did anything; the next one comes back once there is room.",
    )
    chance, seen, begun = np.random.default_rng(seed), Seen(), time.monotonic()
    ends_s: list[float] = []
    refused = 0
    with _small_disk(folder / "disk") as disk, stand(folder, seed, speed, disk / "desk.journal") as place:
        section.figures |= {
            "times": rounds,
            "by": "a full file system" if os.path.ismount(disk) else "a limit of the kernel's",
        }
        for _ in range(rounds):
            desk, filler = _short_of_room(place, disk, chance)
            code = _code_of(desk)
            ends_s.append(desk.age_s)
            filler.unlink(missing_ok=True)
            seen.heads.append(place.last())
            refused += code == _REFUSED and place.last()[0] == desk.before
            if code != _FAILED and not (code == _REFUSED and place.last()[0] == desk.before):
                section.faults.append(f"a desk without a disk ended with code {code}: {place.said[-300:]}")
            if left := len(place.books().orders):
                section.faults.append(f"{left} orders were left at the venue")
        section.figures |= {
            "life of a desk without room": quantiles(ends_s),
            "of them refused to start": refused,
        }
        ended(place, seen, section, begun)
        section.figures["errors in the log"] = f"{section.figures['errors in the log']} (one each is meant)"
    return section


def _short_of_room(place: Stand, disk: Path, chance: Chance) -> tuple[Running, Path]:
    """A desk that has room for some more seconds of records."""
    filler, left = disk / "filler", int(chance.integers(1_000_000, 3_000_000))
    if not os.path.ismount(disk):
        most = place.journal.stat().st_size if place.journal.exists() else 0
        return place.start(file_bytes=most + left), filler
    free = os.statvfs(disk)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - left)
    return place.start(), filler


@contextmanager
def _small_disk(at: Path) -> Iterator[Path]:
    """A file system in memory, where we may mount one."""
    at.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(at)],
        check=False,
        capture_output=True,
    )
    try:
        yield at
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", str(at)], check=True)


def _code_of(desk: Running) -> int:
    try:
        return desk.process.wait(timeout=_ENDS_S)
    except subprocess.TimeoutExpired:
        desk.kill()
        return -int(signal.SIGKILL)


def torn_pages(rounds: int, seed: int, folder: Path, speed: float) -> Section:
    """The journal, or its log, is not what was written."""
    section = Section(
        title="Torn and damaged pages",
        what="Copies of the journal of a desk that was killed, and of its write-ahead log, are damaged: the last frame of the log torn as by a power cut, either "
        "file cut off, a bit flipped in either. Each copy must be refused, or hold nothing but what was written; one that is whole was damaged where "
        "something newer stands in the log. A log that is cut off between two commits holds less, and cannot tell.",
    )
    chance, seen, begun = np.random.default_rng(seed), Seen(), time.monotonic()
    found: Counter[str] = Counter()
    with stand(folder, seed, speed) as place:
        _crashed_once(place)
        seen.heads.append(place.last())
        truth = whole_records(place.journal)
        for number in range(rounds * _DAMAGES):
            how = list(_DAMAGE)[number % len(_DAMAGE)]
            copy = _copied(place.journal, folder / "copy")
            _DAMAGE[how](copy, chance)
            found[f"{how}: {_outcome(copy, truth, section)}"] += 1
        section.figures |= dict(sorted(found.items()))
        return ended(place, seen, section, begun)


def _crashed_once(place: Stand) -> None:
    """A journal with records in the file and, after them, in its log."""
    desk = place.start()
    place.wait_ready(desk)
    desk.stop()
    desk = place.start()
    place.wait_ready(desk)
    time.sleep(2.0)
    desk.kill()


def journal_cut_off(rounds: int, seed: int, folder: Path, speed: float) -> Section:
    """A desk is started on a journal that lost its end."""
    section = Section(
        title="A journal that lost its end",
        what="The write-ahead log of a desk that was killed is cut off, which no check of the file alone can tell from an earlier crash, while the venue has the orders and "
        "fills that were in it. A desk on such a journal must not trade: it would use numbers again. Every second one finds the state file of the one that was killed.",
    )
    begun, kept, count = time.monotonic(), 0, min(2 * rounds, _CUT_MOST)
    with stand(folder, seed, speed) as place:
        _crashed_once(place)
        before = place.books().orders
        for number in range(count):
            copy = _copied(place.journal, folder / f"less-{number}")
            log = _wal(copy)
            os.truncate(log, _used_bytes(log) * (number + 1) // (count + 1))
            if number % 2:
                state_beside(copy).unlink(missing_ok=True)
            shutil.copy(folder / "desk.toml", copy.parent)
            less = Stand(folder=copy.parent, port=place.port, journal=copy, speed=speed)
            desk, sent = less.start(), True
            try:
                less.wait_ready(desk, _WAITS_S)
            except RuntimeError:
                sent = False
            if desk.process.poll() is None:
                desk.kill()
            kept += not sent
            section.figures[f"{'without' if number % 2 else 'with'} the state beside it, {number + 1}"] = (
                "sent an order" if sent else _why(less)
            )
            if sent or place.books().orders.keys() - before.keys():
                section.faults.append(f"desk {number + 1} on a journal that lost its end traded")
        section.figures |= {
            "desks": count,
            "of them sent nothing": kept,
            "took": f"{time.monotonic() - begun:,.0f} s",
        }
    return section


def _why(place: Stand) -> str:
    """What a desk that sent nothing said last."""
    said = place.said.strip().splitlines()
    return said[-1].strip()[-200:] if said else "it waits: the venue and the journal do not agree"


def _used_bytes(log: Path) -> int:
    """Up to the last byte that is not zero: the log is made longer before it is needed."""
    return int(np.flatnonzero(np.fromfile(log, dtype=np.uint8))[-1]) + 1


def _wal(journal: Path) -> Path:
    return journal.with_name(journal.name + "-wal")


def _copied(journal: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for each in (journal, _wal(journal), state_beside(journal)):
        if each.exists():
            shutil.copy(each, folder / each.name)
    return folder / journal.name


def _outcome(copy: Path, truth: list[bytes], section: Section) -> str:
    try:
        journal = Journal.resume(copy)
    except JournalError:
        return "refused"
    head, last = journal.head, journal.sequence
    journal.close()
    if not last or head != truth[last - 1]:
        section.faults.append(f"a damaged copy was taken with another record {last}")
        return "taken, and wrong"
    return "whole" if last == len(truth) else "shorter"


def _tear(journal: Path, _: Chance) -> None:
    """The second half of the last page is not on disk."""
    log = _wal(journal)
    raw = np.fromfile(log, dtype=np.uint8)
    raw[_used_bytes(log) - 2_048 :] = 0
    raw.tofile(log)


def _cut(path: Path, chance: Chance) -> None:
    os.truncate(path, int(chance.integers(1, _used_bytes(path))))


def _flip(path: Path, chance: Chance) -> None:
    raw = np.fromfile(path, dtype=np.uint8)
    raw[int(chance.integers(_used_bytes(path)))] ^= np.uint8(1 << int(chance.integers(8)))
    raw.tofile(path)


def _cut_log(journal: Path, chance: Chance) -> None:
    _cut(_wal(journal), chance)


def _flip_log(journal: Path, chance: Chance) -> None:
    _flip(_wal(journal), chance)


_DAMAGE: dict[str, Callable[[Path, Chance], None]] = {
    "last frame of the log torn": _tear,
    "log cut off": _cut_log,
    "bit of the log flipped": _flip_log,
    "file cut off": _cut,
    "bit of the file flipped": _flip,
}


def venue_disconnects(rounds: int, seed: int, folder: Path, speed: float) -> Section:
    """The line breaks again and again, and the feed falls silent."""
    section = Section(
        title="Disconnects",
        what="The venue drops the session at random moments, and now and then the feed says nothing for some seconds. Orders stay at the venue meanwhile, and are traded with.",
    )
    return _troubled(
        section, rounds * 8, seed, folder, speed, (("drop", 1.0), ("drop", 1.0), ("silence", 2.0))
    )


def wire(rounds: int, seed: int, folder: Path, speed: float) -> Section:
    """Reports come twice, in another order, or not at all."""
    section = Section(
        title="Duplicate, reordered and lost reports",
        what="Runs of up to forty reports of the venue, fills among them, come twice, overtake each other, or are lost.",
    )
    troubles = (("repeat", 40.0), ("reorder", 40.0), ("lose", 10.0))
    return _troubled(section, rounds * 10, seed, folder, speed, troubles)


def _troubled(
    section: Section,
    times: int,
    seed: int,
    folder: Path,
    speed: float,
    troubles: tuple[tuple[str, float], ...],
) -> Section:
    chance, seen, begun = np.random.default_rng(seed), Seen(), time.monotonic()
    done: Counter[str] = Counter()
    with stand(folder, seed, speed) as place:
        desk = place.start()
        place.wait_ready(desk)
        for _ in range(times):
            time.sleep(float(chance.uniform(0.1, 0.8)))
            kind, amount = troubles[int(chance.integers(len(troubles)))]
            place.fault(kind, amount)  # type: ignore[arg-type]
            done[kind] += 1
        if desk.process.poll() is not None:
            section.faults.append(f"the desk ended with code {desk.process.returncode}: {place.said[-300:]}")
        elif (code := desk.stop()) != 0:
            section.faults.append(f"the desk ended with code {code}: {place.said[-300:]}")
        section.figures |= {f"times: {kind}": count for kind, count in sorted(done.items())}
        return ended(place, seen, section, begun)


def clock_jumps(rounds: int, seed: int, folder: Path, speed: float) -> Section:
    """The machine's clock jumps, and the market's."""
    section = Section(
        title="Clock jumps",
        what="The clock of the machine, as the desk sees it, jumps an hour ahead or back and some seconds later to where it was; every third time the desk is killed while it is "
        "wrong, and the next one sees the right one. Once the clock of the market jumps ahead by ten seconds.",
    )
    chance, seen, begun = np.random.default_rng(seed), Seen(), time.monotonic()
    ahead = back = killed = 0
    still_s: list[float] = []
    with stand(folder, seed, speed) as place:
        desk = place.start()
        place.wait_ready(desk)
        for number in range(rounds * 3):
            first, then = (
                (signal.SIGUSR1, signal.SIGUSR2)
                if chance.random() < 0.5
                else (signal.SIGUSR2, signal.SIGUSR1)
            )
            ahead, back = ahead + (first == signal.SIGUSR1), back + (first == signal.SIGUSR2)
            desk.process.send_signal(first)
            time.sleep(float(chance.uniform(0.5, 3.0)))
            if number % 3 == 2:
                desk.kill()
                killed += 1
                seen.heads.append(place.last())
                desk = place.start()
                place.wait_ready(desk)
                continue
            desk.process.send_signal(then)
            before = place.last()[0]
            since_s = time.monotonic()
            while place.last()[0] == before and time.monotonic() - since_s < _STILL_S:
                time.sleep(0.02)
            still_s.append(time.monotonic() - since_s)
            if still_s[-1] >= _STILL_S:
                section.faults.append(f"the desk stood still after the clock jumped (record {before})")
            time.sleep(0.3)
        place.fault("jump", 10.0)
        time.sleep(2.0)
        if (code := desk.stop()) != 0:
            section.faults.append(f"the desk ended with code {code}: {place.said[-300:]}")
        section.figures |= {
            "jumps ahead": ahead,
            "jumps back": back,
            "kills meanwhile": killed,
            "until the next record after a jump": quantiles(still_s),
        }
        return ended(place, seen, section, begun)


SECTIONS = (full_disk, torn_pages, journal_cut_off, venue_disconnects, wire, clock_jumps)
