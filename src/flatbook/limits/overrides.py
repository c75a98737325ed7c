"""Who may exceed a limit, and until when; and which markets are fast."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A hard limit in place of another, for a time."""

    limit_hard: float
    owner: str
    reason: str
    until_ns: int

    def holds(self, now_ns: int) -> bool:
        """Whether it is in force; at its end it is not."""
        return now_ns < self.until_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What holds beside the limits themselves."""

    overrides: Mapping[str, Override] = field(default_factory=dict)  # by name of the limit; ended ones, too
    fast_market: Mapping[str, str] = field(
        default_factory=dict
    )  # by underlying, empty for all: why it is fast

    def override_of(self, limit: str, now_ns: int) -> Override | None:
        """What stands in place of a limit now."""
        one = self.overrides.get(limit)
        return one if one is not None and one.holds(now_ns) else None


NOTHING_IN_FORCE = InForce()
