"""Answers what is asked of one journal, and uses the time between for reading on, proving, and taking facts again.

Everything is done in short pieces, one after the other, so that nobody who asks waits long for what goes on beside.
"""

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import encode
from flatbook.dashboard.past.asked import (
    Answer,
    Asked,
    FrameAt,
    PageAt,
    Prove,
    RecordAt,
    Search,
    SnapshotAt,
    Status,
    Step,
)
from flatbook.dashboard.past.pages import PagesOfPast
from flatbook.dashboard.security.refusals import Refusal
from flatbook.dashboard.topics import TOPICS
from flatbook.dashboard.views.head import Row
from flatbook.dashboard.views.journal import (
    FoundRecords,
    JournalStatus,
    Moment,
    Proof,
    one_record,
    row_of,
)
from flatbook.journal.following import last_number
from flatbook.journal.reading import is_sealed, manifest_of, opened, proven
from flatbook.live.archive import JournalArchive, Progress, UnknownMomentError
from flatbook.live.past import dumped
from flatbook.live.record_index import DECISION_KIND, GROUPS, KINDS, RecordIndex
from flatbook.live.snapshot import Snapshot
from flatbook.model.errors import FlatbookError

FRAME_TYPE = "application/octet-stream"
SLICE_S = 0.04  # of work between two looks for questions
_SEEK_S = 0.4  # towards a moment that was not reached yet, before it is told how far it is
_SEARCH_S = 0.4
_PROVEN_AT_ONCE = 500
_POINTS = 160


class Librarian:
    """One journal. `answer` and `work` are called by one thread, in turn."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive, self._index = JournalArchive(path), RecordIndex(path)
        self._pages: PagesOfPast | None = None
        self._proof = Proof(state="none")
        self._proving: Iterator[int] | None = None

    def close(self) -> None:
        """Give everything back."""
        self._archive.close()
        if self._pages is not None:
            self._pages.close()

    def work(self) -> bool:
        """One short piece of what there is to do; False where there is nothing for now."""
        more = self._index.read_on(SLICE_S)
        if self._proving is not None:
            self._prove_some()
            more = True
        return self._archive.follow(SLICE_S) or more

    def answer(self, asked: Asked) -> Answer:
        """What is asked for, or why not."""
        try:
            return self._answer(asked)
        except (UnknownMomentError, UnknownTopicError) as e:
            return self._refused(404, "unknown", str(e))
        except FlatbookError as e:
            return self._refused(409, "refused", str(e))

    def _answer(self, asked: Asked) -> Answer:
        match asked:
            case FrameAt() | PageAt() | SnapshotAt():
                return self._moment(asked)
            case Search():
                return self._json(self._search(asked))
            case RecordAt():
                return self._json(self._record(asked.sequence))
            case Step():
                return self._json(self._step(asked))
            case Status():
                return self._json(self._status())
            case Prove():
                if self._proving is None:
                    self._proving = self._proven()
                    self._proof = Proof(state="running", text="the chain is proven from its first record")
                return self._json(self._status())

    def _moment(self, asked: FrameAt | PageAt | SnapshotAt) -> Answer:
        found = self._archive.snapshot_at(asked.sequence, _SEEK_S)
        if isinstance(found, Progress):
            return self._refused(503, "taking_again", found.text, {"retry-after": "1"})
        match asked:
            case FrameAt():
                return self._frame(found, asked.topic)
            case PageAt():
                if self._pages is None:
                    self._pages = PagesOfPast()
                return self._pages.get(found, asked.path, asked.query)
            case SnapshotAt():
                return self._answered(200, dumped(found), FRAME_TYPE)

    def _frame(self, snapshot: Snapshot, topic: str) -> Answer:
        kind, _, of = topic.partition(":")
        if kind not in TOPICS:
            msg = f"no topic {topic!r}; there are {', '.join(sorted(TOPICS))}"
            raise UnknownTopicError(msg)
        return self._answered(200, encode(TOPICS[kind](snapshot, of)), FRAME_TYPE)

    def _search(self, asked: Search) -> FoundRecords:
        self._index.read_on(SLICE_S)
        index = self._index
        found = index.search(asked.query, asked.most, _SEARCH_S)
        down_to = found.looked_down_to
        return FoundRecords(
            records=tuple(row_of(index, each) for each in found.records),
            next_before=None if found.complete else down_to,
            complete=found.complete or len(found.records) == asked.most,
            looked_down_to=down_to,
            looked_down_to_ns=str(index.at_ns(down_to) if len(index) >= down_to else 0),
        )

    def _record(self, sequence: int) -> Row:
        self._index.read_on(SLICE_S)
        record = self._index.record(sequence)
        if record is None:
            msg = f"there is no record {sequence}; {len(self._index)} were read"
            raise UnknownTopicError(msg)
        return one_record(self._index, record)

    def _step(self, asked: Step) -> Moment:
        index = self._index
        index.read_on(SLICE_S)
        sequence = asked.sequence
        if asked.at_ns is not None:
            sequence = index.sequence_at(asked.at_ns) + 1
        back = asked.back or asked.at_ns is not None
        found = index.next_of(min(sequence, len(index) + 1), DECISION_KIND, back=back)
        if not found:
            msg = f"no decision {'before' if back else 'after'} record {sequence}"
            raise UnknownTopicError(msg)
        return Moment(sequence=found, at_ns=str(index.at_ns(found)))

    def _status(self) -> JournalStatus:
        self._index.read_on(SLICE_S)
        archive, index = self._archive, self._index
        with opened(self._path) as connection:
            written_by = manifest_of(connection)
            sealed = is_sealed(connection, len(index))
        points, points_ns = index.instants(_POINTS)
        first, _ = archive.span()
        return JournalStatus(
            name=self._path.name,
            first=first,
            last=last_number(self._path),
            first_ns=str(index.at_ns(first) if len(index) >= first else index.first_ns),
            last_ns=str(index.last_ns),
            proven=len(index),
            head=index.head.hex(),
            sealed=sealed,
            taken=archive.head.end.sequence,
            seconds_left=archive.seconds_left(),
            different=len(archive.head.different),
            damage=index.damage or archive.damage,
            copies=len(archive.copies),
            proof=self._proof,
            groups=tuple(GROUPS),
            kinds=KINDS,
            underlyings=index.underlyings,
            persons=index.persons,
            written_by=written_by,
            points=tuple(points),
            points_ns=tuple(map(str, points_ns)),
        )

    def _proven(self) -> Iterator[int]:
        with opened(self._path) as connection:
            yield from (record.sequence for record in proven(connection, self._path))

    def _prove_some(self) -> None:
        until, count = perf_counter() + SLICE_S, self._proof.records
        assert self._proving is not None, "somebody asked for it"
        try:
            for count in self._proving:
                if count % _PROVEN_AT_ONCE == 0 and perf_counter() >= until:
                    self._proof = Proof(
                        state="running", records=count, text=f"{count:,d} records are proven so far"
                    )
                    return
        except FlatbookError as e:
            self._proof = Proof(state="broken", records=count, text=str(e))
        else:
            text = f"the chain of all {count:,d} records holds, and the file with it"
            self._proof = Proof(state="holds", records=count, text=text)
        self._proving = None

    def _json(self, row: Row) -> Answer:
        return self._answered(200, row.model_dump_json().encode(), "application/json")

    def _answered(self, status: int, body: bytes, media_type: str) -> Answer:
        return Answer(status=status, body=body, media_type=media_type, first=self._archive.first)

    def _refused(
        self, status: int, error: str, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        body = Refusal(error=error, message=message).model_dump_json().encode()
        return Answer(status=status, body=body, headers=headers or {}, first=self._archive.first)
