"""Ours and a peer in turn: the ratio of their times over the rounds, after both answers have passed their gates."""

import itertools
import statistics
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from benchmarks.peers.stopwatch import Work, time_calls

LEAST_S = 0.04  # the calls of one turn last so long together
_ROUNDS_MIN = 5

Timer = Callable[[], tuple[float, float]]  # seconds a call, cores kept busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What an answer is held to; NaN passes nothing."""

    words: str
    most: float
    found: float
    peer: float | None = None  # how far the peer's answer is off, where that was looked at
    peer_most: float = 1e-6  # beyond it the peer answers another question

    @property
    def passed(self) -> bool:
        """Whether ours is within the gate, and the peer has the same question in mind."""
        return self.found <= self.most and (self.peer is None or self.peer <= self.peer_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One workload against one peer, ready to be timed."""

    row: int
    workload: str
    tables: str = ""  # "warm", "cold", or empty where nothing is kept
    peer: str
    threads: tuple[int, int] = (1, 1)
    count: int
    unit: str
    gate: Gate
    ours: Timer
    theirs: Timer
    share: float = 1.0  # the peer's time is taken as many times: it does one in so many
    floor: float | None = None
    aim: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A comparison that could not be made, and why: a peer that is not there, or, where it FAILED, ours."""

    row: int
    workload: str
    peer: str
    reason: str
    verdict: str = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A comparison and what its rounds gave; ratios are peer / ours."""

    comparison: Comparison
    ratios: tuple[float, ...]
    ours_s: float
    theirs_s: float
    cores: tuple[float, float]
    low: float = field(init=False)
    middle: float = field(init=False)
    high: float = field(init=False)

    def __post_init__(self) -> None:
        for name, at in (("low", 0.1), ("middle", 0.5), ("high", 0.9)):
            object.__setattr__(self, name, float(np.quantile(self.ratios, at)))

    @property
    def verdict(self) -> str:
        """Where the median stands."""
        one = self.comparison
        if not one.gate.passed:
            return "FAILED its gate"
        if one.aim is not None and self.middle >= one.aim:
            return "aim reached"
        if one.floor is None:
            return "reported" if one.aim is None else "below aim"
        return "reached" if self.middle >= one.floor else "below floor"


Entry = Comparison | Absent


def timer(work: Work) -> Timer:
    """Times `work` in this process."""
    return lambda: time_calls(work, LEAST_S)


def spread(pool: Executor, works: list[Work]) -> Work:
    """One work as it is; several at once, a thread each."""

    def run() -> None:
        for running in [pool.submit(work) for work in works]:
            running.result()

    return works[0] if len(works) == 1 else run


def parts(count: int, threads: int) -> list[slice]:
    """Rows of each thread."""
    ends = [count * k // threads for k in range(threads + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(ends)]


def time_in_turn(comparison: Comparison, rounds: int, budget_s: float) -> Timed:
    """Time ours, the peer, ours, the peer; fewer rounds than `rounds` (5 at least) once `budget_s` is spent."""
    start = perf_counter()
    pairs = []
    while len(pairs) < rounds and (len(pairs) < _ROUNDS_MIN or perf_counter() - start < budget_s):
        pairs.append((comparison.ours(), comparison.theirs()))
    mine = [ours[0] for ours, _ in pairs]
    other = [theirs[0] * comparison.share for _, theirs in pairs]
    return Timed(
        comparison=comparison,
        ratios=tuple(there / here for here, there in zip(mine, other, strict=True)),
        ours_s=statistics.median(mine),
        theirs_s=statistics.median(other),
        cores=(
            statistics.median(ours[1] for ours, _ in pairs),
            statistics.median(theirs[1] for _, theirs in pairs),
        ),
    )


def relative_error(found: np.ndarray, truth: np.ndarray, least: np.ndarray | float) -> np.ndarray:
    """Distance relative to the larger of the truth and `least`."""
    return np.abs(found - truth) / np.maximum(np.abs(truth), least)


def column_error(found: np.ndarray, truth: np.ndarray) -> float:
    """Largest distance in any row of `found`, relative to the row's largest entry; a NaN is not lost."""
    return float(np.max(np.abs(found - truth) / np.abs(truth).max(axis=1, keepdims=True)))
