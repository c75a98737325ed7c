"""The two doors of a live desk, whatever is behind them: market data in, and a session with a venue in and out.

A simulator's socket, a file that is replayed and a real venue implement them alike. What comes in is either a message that the
desk's readers check for gaps (`FeedMessage`, `Envelope`), or facts that were checked already; their `received_ns` is set by the desk.
Nothing here waits for the desk: what arrives is handed over at once, and the desk's queues are bounded on its own side.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from flatbook.model.facts import Fact
from flatbook.model.table import InstrumentTable
from flatbook.sim.desk_side import Answer, Question
from flatbook.sim.feed import FeedMessage
from flatbook.sim.messages import Command
from flatbook.sim.wire import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTerms:
    """How the time of a market follows the wall: `market_ns + (wall - wall_ns) * speed`; a live one is (0, 0, 1)."""

    market_ns: int = 0
    wall_ns: int = 0
    speed: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opening:
    """What a desk has to know of a market before it starts."""

    table: InstrumentTable  # rows and underlyings of every message and command
    facts: tuple[Fact, ...]  # listings first, then rates, dividends, sessions, history
    opens_ns: int
    closes_ns: int
    clock: ClockTerms
    world: str  # of whose facts a journal may hold: the same name and seed give the same world


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUp:
    """The session stands, the first time or again."""

    cancelled: bool  # the venue says that it cancelled what was open


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLost:
    """The session is gone: nobody knows what becomes of open orders."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Facts that were checked already, as those of a clearing house or of a file."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Reports of the venue that were read together."""

    envelopes: tuple[Envelope, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEnded:
    """A file is at its end: no more will come, and that is no fault."""


FeedNews = FeedMessage | Told | FeedEnded
VenueNews = SessionUp | SessionLost | Reports | Answer | Told


class PortLostError(ConnectionError):
    """A line is down: try again later."""


class FeedPort(Protocol):
    """Market data."""

    name: str

    async def opening(self) -> Opening:
        """What is known before the first message; raises PortLostError where nobody answers."""
        ...

    def messages(self) -> AsyncIterator[FeedNews]:
        """What is said, from now on; raises PortLostError where the line breaks. It may be called again after that."""
        ...

    def ask_snapshot(self, source: int) -> None:
        """Ask for all that a source has said, which comes among the messages; of a line that is down nothing happens."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


class VenuePort(Protocol):
    """A session with a venue."""

    name: str

    def news(self) -> AsyncIterator[VenueNews]:
        """Everything the venue says. It begins with SessionUp, tells SessionLost, and comes back by itself; it ends with `close`."""
        ...

    def send(self, commands: Sequence[Command]) -> None:
        """Let commands leave at once, in their sequence, without waiting.

        Raises
        ------
        PortLostError
            The session is down, or the line takes no more: none of them counts as sent, all of them as unknown. SessionUp comes among the news
            once it takes commands again.
        """
        ...

    def ask(self, question: Question) -> None:
        """Ask for open orders and positions, behind what was sent; an `Answer` comes among the news, or nothing where the line is down."""
        ...

    def resend(self, after: int) -> None:
        """Ask for executions numbered above `after` once more; they come among the news."""
        ...

    async def close(self) -> None:
        """Hang up; what is open at the venue stays as its rules say."""
        ...
