"""One direction of a line: messages take their time, overtake nobody, and now and then are lost, repeated or late."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp
from typing import TypeVar

from flatbook.sim.chance import stream

NEVER_NS = 2**63 - 1
_MS_NS = 1_000_000.0
_Message = TypeVar("_Message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How long a direction takes, and which share of its messages comes to grief."""

    name: str  # whose draws
    median_ms: float
    sigma: float  # of the logarithm of the latency
    lost_share: float = 0.0
    repeated_share: float = 0.0
    reordered_share: float = 0.0
    reorder_ms: float = 0.0  # at most: what a reordered message, or a copy, takes longer
    calm_from_ns: int = NEVER_NS  # from which on none comes to grief


class Channel:
    """A direction at work. Each kind of trouble draws from a stream of its own."""

    def __init__(self, line: Line, seed: int) -> None:
        self._line = line
        self._latency, self._lost, self._repeated, self._reordered = (
            stream(seed, f"{line.name}/{kind}") for kind in ("latency", "lost", "repeated", "reordered")
        )
        self._troubled = bool(line.lost_share or line.repeated_share or line.reordered_share)
        self._last_ns = 0
        self.lost = self.repeated = self.reordered = 0  # messages that came to grief

    def arrival_ns(self, now_ns: int) -> int:
        """When what is sent now arrives, if it does: not before anything sent earlier."""
        latency_ns = self._line.median_ms * _MS_NS * exp(self._line.sigma * self._latency.normal())
        self._last_ns = max(self._last_ns, now_ns + round(latency_ns))
        return self._last_ns

    def send(
        self, now_ns: int, messages: Sequence[_Message], extra_ns: Callable[[_Message], int] | None = None
    ) -> list[tuple[int, _Message]]:
        """What arrives of messages that are sent together, and when, in order of time.

        Parameters
        ----------
        now_ns : int
            UTC nanoseconds.
        messages : sequence
            They share one latency, and come to grief each by itself.
        extra_ns : callable, optional
            What a message takes longer than its fellows, without holding up others.
        """
        if not messages:
            return []
        arrives = self.arrival_ns(now_ns)
        if now_ns >= self._line.calm_from_ns or not (self._troubled or extra_ns):
            return [(arrives, each) for each in messages]
        out: list[tuple[int, _Message]] = []
        for each in messages:
            at = arrives + (extra_ns(each) if extra_ns else 0)
            out.extend((when, each) for when in self._arrivals(at))
        out.sort(key=lambda pair: pair[0])
        return out

    def _arrivals(self, at_ns: int) -> list[int]:
        """When a message arrives: never, once or twice."""
        line = self._line
        if line.lost_share and self._lost.share() < line.lost_share:
            self.lost += 1
            return []
        if line.reordered_share and self._reordered.share() < line.reordered_share:
            self.reordered += 1
            at_ns += round(self._reordered.share() * line.reorder_ms * _MS_NS)
        if line.repeated_share and self._repeated.share() < line.repeated_share:
            self.repeated += 1
            return [at_ns, at_ns + round(self._repeated.share() * line.reorder_ms * _MS_NS)]
        return [at_ns]
