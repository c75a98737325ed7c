"""What a checker says when it refuses."""

from dataclasses import dataclass
from enum import StrEnum


class Invariant(StrEnum):
    """What must hold after every event of every day."""

    POSITION = "position is the sum of distinct fills"
    CASH = "cash is what fills, fees and settlements come to"
    ACCOUNT = "P&L is the sum of its parts, to the last bits"
    LIMITS = "no order adds to a breached hard limit"
    BEYOND = "a hard limit is exceeded only by a gap or a late fill"
    KILL = "no order goes past the kill limit"
    FRESH = "no quote from stale, crossed or NaN data"
    DUTY = "obligations as counted by the exchange equal ours"
    REPLAY = "replay is identical"
    DURABLE = "nothing acknowledged is lost"
    RECONCILED = "nothing leaves for a venue that does not agree with us"
    RECOVERED = "once faults have stopped, all is mended before the close"
    RUNS = "no event ends in an error"


class Violated(Exception):  # noqa: N818 - what is wrong is the day, not the checker
    """An invariant does not hold."""

    def __init__(self, invariant: Invariant, expected: object, found: object) -> None:
        super().__init__(f"{invariant}: expected {expected}, found {found}")
        self.invariant, self.expected, self.found = invariant, str(expected), str(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A day that did not pass."""

    seed: int
    invariant: Invariant
    at_ns: int  # UTC nanoseconds
    after_open_s: float
    event: int  # number of the event in the day, from 1
    expected: str
    found: str

    @property
    def command(self) -> str:
        """What shows it again."""
        return f"flatbook simtest --seed {self.seed}"
