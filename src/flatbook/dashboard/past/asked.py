"""What may be asked of the past, and what comes back: bytes that are passed on as they are."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from flatbook.dashboard.context import Archive
from flatbook.live.record_index import Query

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameAt:
    """A topic of the stream at the instant of a record."""

    sequence: int
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAt:
    """What the API answers at the instant of a record."""

    sequence: int
    path: str  # behind /api/v1
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotAt:
    """The whole picture at the instant of a record, pickled."""

    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A page of records."""

    query: Query
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAt:
    """One record, in full."""

    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The decision before or after a record, or the last one at an instant."""

    sequence: int = 0
    back: bool = False
    at_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the journal stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prove:
    """Prove the whole file once more, from its first record."""


Asked = FrameAt | PageAt | SnapshotAt | Search | RecordAt | Step | Status | Prove


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """As of HTTP."""

    status: int
    body: bytes
    media_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    first: int = 0  # record that can be shown; 0: not known yet


@runtime_checkable
class Library(Archive, Protocol):
    """An archive that answers by itself."""

    async def ask(self, asked: Asked) -> Answer:
        """What the past says; a refusal is an answer, too."""
        ...
