"""What is computed when somebody asks: once for all who ask within a moment, one at a time, in the thread of whoever asks first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from flatbook.live.snapshot import Mode, Snapshot

_T = TypeVar("_T")
_MOST = 64
_FRESH_NS = 400_000_000  # by the desk's clock


class _Moment(NamedTuple):
    """What an answer was made of, without holding on to it."""

    mode: Mode
    cycle: int
    at_ns: int

    @classmethod
    def of(cls, snapshot: Snapshot) -> "_Moment":
        """That of a snapshot."""
        return cls(snapshot.mode, snapshot.cycle.sequence, snapshot.at_ns)


class _Answer(NamedTuple, Generic[_T]):
    of: _Moment
    told: _T


class Kept(Generic[_T]):
    """The newest answer to each question, at most so many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, _Answer[_T]] = OrderedDict()

    def answer(self, snapshot: Snapshot, question: Hashable, make: Callable[[], _T]) -> _T:
        """What `make` makes of a snapshot; an answer of a moment ago where there is one, in replay only one of the same cycle.

        Parameters
        ----------
        snapshot : Snapshot
        question : hashable
            What is asked of it.
        make : callable
            The answer to it.
        """
        with self._lock:
            old = self._found.get(question)
            if old is None or not _fresh(old.of, snapshot):
                old = self._found[question] = _Answer(_Moment.of(snapshot), make())
            self._found.move_to_end(question)
            while len(self._found) > _MOST:
                self._found.popitem(last=False)
            return old.told


def _fresh(of: _Moment, snapshot: Snapshot) -> bool:
    if snapshot.mode is Mode.REPLAY or of.mode is not snapshot.mode:
        return of == _Moment.of(snapshot)
    return 0 <= snapshot.at_ns - of.at_ns < _FRESH_NS
