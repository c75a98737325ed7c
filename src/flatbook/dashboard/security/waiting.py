"""What waits: a kill that is armed, for its confirmation; a loosened limit or a release, for a second person. Both end by themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from flatbook.dashboard.security.sessions import Clock
from flatbook.dashboard.security.users import new_id

WAITING_MAX = 1_000
_What = TypeVar("_What")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Generic[_What]):
    """One thing that waits."""

    id: str
    who: str
    what: _What
    since_ns: int
    until_ns: int


class WaitingRoom(Generic[_What]):
    """What waits, oldest first; beyond a thousand the oldest is forgotten. It belongs to one event loop."""

    def __init__(self, within_ns: int, clock: Clock) -> None:
        self._within_ns, self._clock = within_ns, clock
        self._by_id: dict[str, Waiting[_What]] = {}

    def add(self, who: str, what: _What) -> Waiting[_What]:
        """Let something wait."""
        now_ns = self._clock()
        one = Waiting(id=new_id(), who=who, what=what, since_ns=now_ns, until_ns=now_ns + self._within_ns)
        self._by_id[one.id] = one
        while len(self._by_id) > WAITING_MAX:
            del self._by_id[next(iter(self._by_id))]
        return one

    def all(self) -> tuple[Waiting[_What], ...]:
        """What waits still."""
        now_ns = self._clock()
        return tuple(one for one in self._by_id.values() if now_ns < one.until_ns)

    def expired(self) -> tuple[Waiting[_What], ...]:
        """What waited in vain, told once."""
        now_ns = self._clock()
        gone = tuple(one for one in self._by_id.values() if now_ns >= one.until_ns)
        for one in gone:
            del self._by_id[one.id]
        return gone

    def take(self, waiting_id: str, allowed: Callable[[Waiting[_What]], bool]) -> Waiting[_What] | None:
        """Take one out, if it waits still and is allowed; otherwise it stays."""
        one = self._by_id.get(waiting_id)
        if one is None or self._clock() >= one.until_ns or not allowed(one):
            return None
        return self._by_id.pop(waiting_id)
