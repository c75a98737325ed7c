"""The desk at any moment of its journal, also of one that is still written.

The journal is taken again once from its beginning, and copies of the desk are kept on the way; a moment is then reached from the copy
before it, or from where the last one stood. Copies lie compressed in a scratch file without a name; when they are too many, those go
that stand closest to their neighbours.
"""

import os
import tempfile
from bisect import bisect_right, insort
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from flatbook.journal.following import last_number
from flatbook.live.past import Past
from flatbook.live.snapshot import Snapshot
from flatbook.model.errors import FlatbookError

COPY_EVERY_S = 0.5  # of work between two copies: how long a seek takes at most, about
COPIES_BYTES_MOST = 2**30
_SNAPSHOTS_KEPT = 24
_RECENT_COPIES = 8  # that are never given up


class UnknownMomentError(FlatbookError):
    """A moment that is not in the journal, or before the first decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the journal has been taken again on the way to a moment."""

    taken: int  # records
    wanted: int
    seconds_left: float

    @property
    def text(self) -> str:
        """For a person."""
        return f"the journal is taken again up to that moment: record {self.taken:,d} of {self.wanted:,d}, about {self.seconds_left:,.0f} s more"


@dataclass(slots=True)
class _Copy:
    at: int  # in the scratch file
    length: int
    number: int  # how many were made before it


class Copies:
    """Of a desk, by the record after which they stood.

    Parameters
    ----------
    bytes_most : int
        That all of them may take.
    """

    def __init__(self, bytes_most: int = COPIES_BYTES_MOST) -> None:
        self._file = tempfile.TemporaryFile(prefix="flatbook-moments-")  # noqa: SIM115 - closed by `close`
        self._by_sequence: dict[int, _Copy] = {}
        self._sequences: list[int] = []
        self._free: list[tuple[int, int]] = []  # length and place of gaps in the file
        self._end = self._made = 0
        self.bytes, self._bytes_most = 0, bytes_most

    def __len__(self) -> int:
        """How many there are."""
        return len(self._sequences)

    def add(self, sequence: int, raw: bytes) -> None:
        """Keep a copy; where they become too many, others go."""
        if sequence in self._by_sequence:
            return
        while self._sequences and self.bytes + len(raw) > self._bytes_most:
            if not self._give_up_one():
                return
        place = self._place_for(len(raw))
        os.pwrite(self._file.fileno(), raw, place)
        self._by_sequence[sequence] = _Copy(place, len(raw), self._made)
        insort(self._sequences, sequence)
        self.bytes += len(raw)
        self._made += 1

    def up_to(self, sequence: int) -> int:
        """The record of the last copy that stands at `sequence` or before it; 0: none does."""
        found = bisect_right(self._sequences, sequence)
        return self._sequences[found - 1] if found else 0

    def read(self, sequence: int) -> bytes:
        """That copy."""
        copy = self._by_sequence[sequence]
        return os.pread(self._file.fileno(), copy.length, copy.at)

    def close(self) -> None:
        """Give the space back."""
        self._file.close()

    def _place_for(self, length: int) -> int:
        for number, (room, place) in enumerate(self._free):
            if room >= length:
                del self._free[number]
                if room > length:
                    self._free.append((room - length, place + length))
                return place
        place, self._end = self._end, self._end + length
        return place

    def _give_up_one(self) -> bool:
        """Let that one go whose neighbours are closest to each other."""
        recent = self._made - _RECENT_COPIES
        around = [0, *self._sequences, self._sequences[-1]]
        gaps = [
            (around[at + 2] - around[at], sequence)
            for at, sequence in enumerate(self._sequences)
            if self._by_sequence[sequence].number < recent
        ]
        if not gaps:
            return False
        _, sequence = min(gaps)
        copy = self._by_sequence.pop(sequence)
        self._sequences.remove(sequence)
        self._free.append((copy.length, copy.at))
        self.bytes -= copy.length
        return True


class JournalArchive:
    """One journal and its moments. Nothing here waits or runs by itself: whoever has it calls `follow` when there is time.

    Parameters
    ----------
    path : Path
    copy_every_s : float
        Of work, between two copies.
    bytes_most : int
        That copies may take of the disk.
    """

    def __init__(
        self, path: Path, *, copy_every_s: float = COPY_EVERY_S, bytes_most: int = COPIES_BYTES_MOST
    ) -> None:
        self.path = path
        self.copies = Copies(bytes_most)
        self.head = Past(path, compares=True)  # the furthest that was taken
        self.damage = ""  # why it goes no further
        self.first = 0  # the first cycle; 0: none was met yet
        self._every_s = copy_every_s
        self._there: Past | None = None  # where the last seek stands
        self._worked_s = {id(self.head): 0.0}
        self._shown: OrderedDict[int, Snapshot] = OrderedDict()
        self._spent_s = 0.0

    def close(self) -> None:
        """Give everything back."""
        self.copies.close()

    def span(self) -> tuple[int, int]:
        """The first and the last record that can be shown; the last one may not have been taken again yet."""
        last = self.head.end.sequence if self.damage else last_number(self.path)
        return self.first or 1, max(last, 1)

    def follow(self, budget_s: float) -> bool:
        """Take more of the journal again, for about so long; False where there is nothing more to take for now."""
        until = perf_counter() + budget_s
        while not self.damage:
            began = perf_counter()
            try:
                if not self.head.take_some():
                    return False
            except FlatbookError as e:
                self.damage = str(e)
                return False
            if not self.first and self.head.last_cycle is not None:
                self.first = self.head.last_cycle.sequence
            self._worked(self.head, perf_counter() - began)
            if perf_counter() >= until:
                return True
        return False

    def snapshot_at(self, sequence: int, budget_s: float) -> Snapshot | Progress:
        """The desk at the instant of record `sequence`, or how far it is to there: ask again then.

        Raises
        ------
        UnknownMomentError
            There is no such record, nothing was decided by then, or what is there cannot be taken again.
        JournalError
            What was proven before has changed since.
        """
        if (known := self._shown.get(sequence)) is not None:
            self._shown.move_to_end(sequence)
            return known
        if sequence > self.head.end.sequence:
            self._must_exist(sequence)
            began = perf_counter()
            while sequence > self.head.end.sequence and perf_counter() < began + budget_s:
                if not self.follow(began + budget_s - perf_counter()):
                    break
            if self.damage and sequence > self.head.end.sequence:
                msg = f"nothing is shown beyond record {self.head.end.sequence}: {self.damage}"
                raise UnknownMomentError(msg)
            if sequence > self.head.end.sequence:
                return self._progress(sequence)
        if not self.first or sequence < self.first:
            first = f"the first was taken at record {self.first}" if self.first else "there is none yet"
            msg = f"record {sequence} is before the first decision: {first}"
            raise UnknownMomentError(msg)
        snapshot = self._reach(sequence).snapshot()
        self._shown[sequence] = snapshot
        while len(self._shown) > _SNAPSHOTS_KEPT:
            self._shown.popitem(last=False)
        return snapshot

    def seconds_left(self) -> float:
        """Until everything that is durable now has been taken again, about."""
        return 0.0 if self.damage else self._progress(self.span()[1]).seconds_left

    def _must_exist(self, sequence: int) -> None:
        last = self.span()[1]
        if sequence > last:
            why = f": {self.damage}" if self.damage else ""
            msg = f"there is no record {sequence} to show; the last one is {last}{why}"
            raise UnknownMomentError(msg)

    def _reach(self, sequence: int) -> Past:
        copy = self.copies.up_to(sequence)
        there = self._there
        if there is None or there.end.sequence >= sequence or there.end.sequence < copy:
            there = Past.copied(self.path, self.copies.read(copy)) if copy else Past(self.path)
            self._worked_s = {id(self.head): self._worked_s[id(self.head)], id(there): 0.0}
        self._there = None  # until it stands where it should
        while True:
            began = perf_counter()
            if not there.take_one(until=sequence):
                break
            self._worked(there, perf_counter() - began)
        self._there = there
        return there

    def _worked(self, past: Past, seconds: float) -> None:
        """Keep a copy where it took long to come here from the last one."""
        worked = self._worked_s[id(past)] + seconds
        if past is self.head:
            self._spent_s += seconds
        if worked >= self._every_s and past.is_between_instants and past.last_cycle is not None:
            self.copies.add(past.end.sequence, past.copy())
            worked = 0.0
        self._worked_s[id(past)] = worked

    def _progress(self, sequence: int) -> Progress:
        taken = self.head.end.sequence
        left_s = self._spent_s / max(taken, 1) * max(sequence - taken, 0)
        return Progress(taken=taken, wanted=sequence, seconds_left=left_s)
