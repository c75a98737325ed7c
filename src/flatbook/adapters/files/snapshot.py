"""What a market file becomes: the events of one instant, and notes on what a trader should know about them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flatbook.model.facts import Fact

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something in the file that is data and no error, but that a trader would want to hear."""

    kind: str  # one word: expired, stale, crossed, one_sided, ...
    text: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFile:
    """One snapshot of a market, read and checked."""

    format: str
    at_ns: int  # UTC; `received_ns` of every event
    events: tuple[Fact, ...]  # unsequenced, in the order in which they should be folded
    notes: tuple[Note, ...]


class ReadSnapshot(Protocol):
    """How every reader reads."""

    def __call__(
        self, path: Path, *, at_ns: int | None, underlying: str | None, progress: Progress
    ) -> MarketFile:
        """Read `path`, or raise FaultsError with everything that is wrong with it."""
        ...


def counted(kind: str, count: int, text: str) -> tuple[Note, ...]:
    """A note where there is something to count, none otherwise."""
    return (Note(kind=kind, text=f"{count} {text}", count=count),) if count else ()


def quote_notes(bids: tuple[int | None, ...], asks: tuple[int | None, ...]) -> tuple[Note, ...]:
    """Notes on sides that are missing and on quotes that are crossed."""
    pairs = tuple(zip(bids, asks, strict=True))
    crossed = sum(1 for bid, ask in pairs if bid is not None and ask is not None and bid > ask)
    one_sided = sum(1 for bid, ask in pairs if (bid is None) != (ask is None))
    unquoted = sum(1 for bid, ask in pairs if bid is None and ask is None)
    return (
        *counted("crossed", crossed, "quotes have a bid above the ask; kept, the market flags them"),
        *counted("one_sided", one_sided, "quotes have one side only"),
        *counted("unquoted", unquoted, "contracts have no quote"),
    )


def silent(_: str) -> None:
    """Progress that nobody follows."""
