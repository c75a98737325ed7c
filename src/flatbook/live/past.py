"""A desk that takes its journal again: facts are folded and cycles decided as they were, and the picture is taken by what took it live.

A moment is an instant: everything that was received in the same nanosecond belongs to it, and so does the decision of a cycle. How long
decisions took, how deep queues were and what the wall's clock said is not in a journal, and is not shown.
"""

import io
import pickle
import zlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flatbook.engine.cycle import Cycle
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.engine.ticking import recorded
from flatbook.journal.codec import decode
from flatbook.journal.following import Follower, beginning
from flatbook.journal.layout import DECISION
from flatbook.journal.reading import End, Record
from flatbook.journal.state_file import read_only
from flatbook.live.picture import Picture
from flatbook.live.snapshot import Mode, Snapshot
from flatbook.model.events import CycleDue, TickDue
from flatbook.model.facts import Fact
from flatbook.orders.reconciliation import VenueStanding
from flatbook.orders.state import WorkingOrders

_READ_AT_ONCE = 200
_DENSITY = 1  # of zlib: the fastest
_DUE = (CycleDue, TickDue)


@dataclass(slots=True)
class PastClock:
    """Time as the facts tell it."""

    at_ns: int = 0
    speed: float = 1.0
    wall_offset_ns: int = 0

    def now_ns(self) -> int:
        """Of the last fact."""
        return self.at_ns


class Past:
    """One place in a journal, from which one can go on.

    Parameters
    ----------
    path : Path
        The journal; it may still be written.
    compares : bool
        Whether each decision is held against the one recorded, byte for byte.
    """

    def __init__(self, path: Path, *, compares: bool = False) -> None:
        self.state, self.picture = State(), Picture(Mode.REPLAY)
        self.last_cycle: Cycle | None = None
        self.clock = PastClock()
        self.refused: tuple[str, ...] = ()
        self.end = beginning(path)  # the last record that was taken
        self.different: list[int] = []  # causes of decisions that came out differently
        self._compares = compares
        self._waiting: list[Fact] = []  # of the instant that is not over yet
        self._due = 0  # the fact whose decision comes next
        self._decided: bytes | None = None  # that decision, where it is compared
        self._read(path)

    def _read(self, path: Path) -> None:
        self._path = path
        self._follower = Follower(path, self.end)
        self._ahead: deque[Record] = deque()

    @property
    def orders(self) -> WorkingOrders:
        """Ours."""
        return self.state.outbox.working

    @property
    def venue(self) -> str:
        """Name of the venue that the desk trades at."""
        desk = self.state.told_desk or self.state.desk
        return "" if desk is None else desk.orders.venue

    @property
    def venue_standing(self) -> VenueStanding | None:
        """Where the session with it stands."""
        return self.state.outbox.trading.venues.get(self.venue)

    @property
    def is_between_instants(self) -> bool:
        """Whether nothing of an instant waits to be shown: a copy made now goes on like this one."""
        return not (self._waiting or self._due)

    def take_one(self, *, until: int) -> bool:
        """Take the next record; False where there is none, or where the instant of record `until` is over.

        Raises
        ------
        JournalError
            The next record is not what was written.
        FlatbookError
            The engine refuses it.
        """
        record = self._next()
        if record is None or (record.sequence > until and not self._goes_on(record)):
            self._show_waiting()
            return False
        self._ahead.popleft()
        self._take(record)
        self.end = End(record.sequence, record.chain)
        return True

    def take_some(self) -> bool:
        """Take the next record, and leave its instant open; False where there is none yet. Raises as `take_one`."""
        record = self._next()
        if record is None:
            return False
        self._ahead.popleft()
        self._take(record)
        self.end = End(record.sequence, record.chain)
        return True

    def snapshot(self) -> Snapshot:
        """The desk at this moment; it has decided at least once."""
        return self.picture.shown(self, queues={}, journal_sequence=self.end.sequence, stopping=False)

    def copy(self) -> bytes:
        """What `copied` goes on from; between two instants only. It never leaves this process and its scratch file."""
        assert self.is_between_instants, "an instant is shown as a whole"
        whole = (self.state, self.picture, self.last_cycle, self.clock, self.end, self.different)
        return zlib.compress(dumped(whole), _DENSITY)

    @classmethod
    def copied(cls, path: Path, raw: bytes) -> "Past":
        """Another one at the place of the one that was copied."""
        past = cls.__new__(cls)
        whole = pickle.loads(zlib.decompress(raw))  # noqa: S301 - written by this process
        past.state, past.picture, past.last_cycle, past.clock, past.end, past.different = whole
        past.refused, past._waiting, past._due = (), [], 0
        past._compares, past._decided = False, None
        past._read(path)
        return past

    def _next(self) -> Record | None:
        if not self._ahead:
            self._ahead.extend(self._follower.more(_READ_AT_ONCE))
        return self._ahead[0] if self._ahead else None

    def _goes_on(self, record: Record) -> bool:
        """Whether a record belongs to the instant of those before it."""
        if record.kind == DECISION:
            return self._due == record.cause
        if not self._waiting:
            return False
        fact = decode(record.payload)
        return not isinstance(fact, _DUE) and fact.received_ns == self._waiting[-1].received_ns

    def _take(self, record: Record) -> None:
        if record.kind == DECISION:
            self._compare(record)
            return
        fact = decode(record.payload)
        due = isinstance(fact, _DUE)
        if due or (self._waiting and fact.received_ns != self._waiting[-1].received_ns):
            self._show_waiting()
        self.clock.at_ns = max(self.clock.at_ns, fact.received_ns)
        cycle = step(self.state, fact)
        self._due = fact.sequence if due else 0
        if not due:
            self._waiting.append(fact)
            return
        if self._compares:
            self._decided = recorded(self.state, cycle)
        self.picture.see((fact,), cycle, self.clock.at_ns)
        if cycle is not None:
            self.last_cycle = cycle
            self.picture.remember(self)

    def _show_waiting(self) -> None:
        if self._waiting:
            self.picture.see(tuple(self._waiting), None, self.clock.at_ns)
            self._waiting.clear()
            self.picture.alerts.venue(self, self.clock.at_ns)

    def _compare(self, record: Record) -> None:
        if self._compares and self._due == record.cause and self._decided != record.payload:
            self.different.append(record.cause)
        self._due, self._decided = 0, None


def dumped(what: object) -> bytes:
    """Bytes that `pickle.loads` makes the same of, for this process or one that it started."""
    out = io.BytesIO()
    _Writer(out, protocol=5).dump(what)
    return out.getvalue()


class _Writer(pickle.Pickler):
    """Knows read-only mappings too."""

    def reducer_override(self, obj: Any) -> Any:
        """How to make `obj` again, where pickle does not know."""
        if isinstance(obj, MappingProxyType):
            return read_only, (dict(obj),)
        return NotImplemented
