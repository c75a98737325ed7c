"""When things go wrong in a day: every fault that has an instant is drawn before the open, each kind from a stream of its own.

Faults of single messages, which have shares and no instants, are drawn by the wire and the feed as the messages go.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TypeVar

from flatbook.model.errors import InvalidValueError
from flatbook.model.world_fault_terms import FaultTerms
from flatbook.sim.chance import Chance, stream
from flatbook.sim.channel import NEVER_NS

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Something is wrong from one instant until just before another."""

    from_ns: int
    to_ns: int
    pick: float = 0.0  # between 0 and 1: which of those that it could hit

    def of(self, count: int) -> int:
        """Which of `count` it hits."""
        return min(int(self.pick * count), count - 1)

    def holds(self, at_ns: int) -> bool:
        """Whether it is on at an instant."""
        return self.from_ns <= at_ns < self.to_ns


_Lasting = TypeVar("_Lasting", bound=Window)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedGap(Window):
    """Messages of a feed are lost."""

    every: bool = False  # of all underlyings


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect(Window):
    """The session with the venue is lost."""

    cancels: bool = False  # the venue cancels what is open


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockError(Window):
    """The desk's clock is wrong."""

    ahead_ns: int = 0  # minus: behind


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFault:
    """The process ends, or the disk is full, at the journal's `writes`-th write after an instant."""

    at_ns: int
    writes: int  # from 1
    torn: bool = False  # half of that write is on the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondThought:
    """The venue undoes or corrects a trade of the desk's: one that is drawn from those that there are by then."""

    at_ns: int
    pick: float  # between 0 and 1: which of them
    ticks: int = 0  # by which a correction moves the price; a bust has none

    def of(self, count: int) -> int:
        """Which of `count` it hits."""
        return min(int(self.pick * count), count - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Every fault of a day that has an instant; each kind in order of time."""

    feed_gaps: tuple[FeedGap, ...] = ()
    stale_feeds: tuple[Window, ...] = ()
    stale_series: tuple[Window, ...] = ()
    frozen_prices: tuple[Window, ...] = ()
    disconnects: tuple[Disconnect, ...] = ()  # none begins before the one before it is over
    hedge_closed: tuple[Window, ...] = ()  # one or none
    clock_errors: tuple[ClockError, ...] = ()  # none begins before the one before it is over
    kills: tuple[StorageFault, ...] = ()
    full_disks: tuple[StorageFault, ...] = ()
    busts: tuple[SecondThought, ...] = ()
    corrections: tuple[SecondThought, ...] = ()
    calm_from_ns: int = NEVER_NS  # from which on nothing goes wrong, messages included

    def is_down(self, from_ns: int, to_ns: int) -> bool:
        """Whether the session with the venue is lost at any time from one instant to another, both counted."""
        last = bisect_right(self.disconnects, to_ns, key=lambda each: each.from_ns) - 1
        return last >= 0 and self.disconnects[last].to_ns > from_ns

    def clock_ns(self, at_ns: int) -> int:
        """What the desk's clock shows."""
        last = bisect_right(self.clock_errors, at_ns, key=lambda each: each.from_ns) - 1
        wrong = last >= 0 and self.clock_errors[last].holds(at_ns)
        return at_ns + (self.clock_errors[last].ahead_ns if wrong else 0)


NO_FAULTS = FaultPlan()


def fault_plan(terms: FaultTerms, open_ns: int, close_ns: int, seed: int) -> FaultPlan:
    """Draw the faults of a day.

    Parameters
    ----------
    terms : FaultTerms
    open_ns, close_ns : int
        UTC nanoseconds; `per_day` is between the two.
    seed : int
        The same seed gives the same faults; one kind more or less moves no other.

    Raises
    ------
    InvalidValueError
        The day ends before it begins.
    """
    if not open_ns < close_ns:
        msg = f"faults: the day must end after its open, was {open_ns} to {close_ns}"
        raise InvalidValueError(msg)
    day = _Day(open_ns, close_ns, seed)
    plan = FaultPlan(
        feed_gaps=tuple(
            FeedGap(from_ns=at, to_ns=at + _length(draw, terms.feed_gap_s), pick=draw.share(),
                    every=draw.share() < terms.feed_gap_all_share)
            for at, draw in day.instants("feed_gaps", terms.feed_gaps_per_day)
        ),
        stale_feeds=day.windows("stale_feeds", terms.stale_feeds_per_day, terms.stale_feed_s),
        stale_series=day.windows("stale_series", terms.stale_series_per_day, terms.stale_series_s),
        frozen_prices=day.windows("frozen_prices", terms.frozen_prices_per_day, terms.frozen_price_s),
        disconnects=_disconnects(terms, day),
        hedge_closed=_hedge_closed(terms, open_ns, close_ns),
        clock_errors=_clock_errors(terms, day),
        kills=tuple(
            StorageFault(at_ns=at, writes=_writes(terms, draw), torn=draw.share() < terms.torn_records_share)
            for at, draw in day.instants("kills", terms.kills_per_day)
        ),
        full_disks=tuple(
            StorageFault(at_ns=at, writes=_writes(terms, draw))
            for at, draw in day.instants("full_disks", terms.full_disks_per_day)
        ),
        busts=tuple(
            SecondThought(at_ns=at, pick=draw.share())
            for at, draw in day.instants("busts", terms.busts_per_day)
        ),
        corrections=tuple(
            SecondThought(at_ns=at, pick=draw.share(), ticks=_ticks(terms, draw))
            for at, draw in day.instants("corrections", terms.corrections_per_day)
        ),
    )  # fmt: skip
    calm_ns = close_ns - round(terms.calm_last_minutes * MINUTE_NS)
    return _calmed(plan, calm_ns) if terms.calm_last_minutes else plan


def _calmed(plan: FaultPlan, calm_ns: int) -> FaultPlan:
    """The same faults up to an instant, at which those that last end."""
    return replace(
        plan,
        feed_gaps=_until(plan.feed_gaps, calm_ns),
        stale_feeds=_until(plan.stale_feeds, calm_ns),
        stale_series=_until(plan.stale_series, calm_ns),
        frozen_prices=_until(plan.frozen_prices, calm_ns),
        disconnects=_until(plan.disconnects, calm_ns),
        hedge_closed=_until(plan.hedge_closed, calm_ns),
        clock_errors=_until(plan.clock_errors, calm_ns),
        kills=tuple(each for each in plan.kills if each.at_ns < calm_ns),
        full_disks=tuple(each for each in plan.full_disks if each.at_ns < calm_ns),
        busts=tuple(each for each in plan.busts if each.at_ns < calm_ns),
        corrections=tuple(each for each in plan.corrections if each.at_ns < calm_ns),
        calm_from_ns=calm_ns,
    )


def _until(windows: tuple[_Lasting, ...], calm_ns: int) -> tuple[_Lasting, ...]:
    return tuple(replace(each, to_ns=min(each.to_ns, calm_ns)) for each in windows if each.from_ns < calm_ns)


@dataclass(frozen=True, slots=True)
class _Day:
    """From the open to the close, and whose draws."""

    open_ns: int
    close_ns: int
    seed: int

    def instants(self, kind: str, per_day: float) -> list[tuple[int, Chance]]:
        """A Poisson process of one kind, each instant with a stream for whatever else it needs."""
        when = stream(self.seed, f"faults/{kind}")
        out: list[tuple[int, Chance]] = []
        at = float(self.open_ns)
        while per_day > 0.0:
            at += when.wait((self.close_ns - self.open_ns) / per_day)
            if at >= self.close_ns:
                break
            out.append((int(at), stream(self.seed, f"faults/{kind}/{len(out)}")))
        return out

    def windows(self, kind: str, per_day: float, mean_s: float) -> tuple[Window, ...]:
        """Windows of one kind with lengths of this mean."""
        return tuple(
            Window(from_ns=at, to_ns=at + _length(draw, mean_s), pick=draw.share())
            for at, draw in self.instants(kind, per_day)
        )


def _disconnects(terms: FaultTerms, day: _Day) -> tuple[Disconnect, ...]:
    out: list[Disconnect] = []
    for at, draw in day.instants("disconnects", terms.disconnects_per_day):
        if out and at < out[-1].to_ns:
            continue  # it is lost already
        length = _length(draw, terms.disconnect_s)
        cancels = draw.share() < terms.cancel_on_disconnect_share
        out.append(Disconnect(from_ns=at, to_ns=at + length, cancels=cancels))
    return tuple(out)


def _clock_errors(terms: FaultTerms, day: _Day) -> tuple[ClockError, ...]:
    out: list[ClockError] = []
    for at, draw in day.instants("clock_jumps", terms.clock_jumps_per_day):
        if out and at < out[-1].to_ns:
            continue
        length = _length(draw, terms.clock_wrong_s)
        ahead = round(draw.between(-terms.clock_jump_s, terms.clock_jump_s) * SECOND_NS)
        out.append(ClockError(from_ns=at, to_ns=at + length, ahead_ns=ahead))
    return tuple(out)


def _hedge_closed(terms: FaultTerms, open_ns: int, close_ns: int) -> tuple[Window, ...]:
    if terms.hedge_closed_from_minute is None:
        return ()
    begins = open_ns + round(terms.hedge_closed_from_minute * MINUTE_NS)
    until = terms.hedge_closed_to_minute
    ends = close_ns if until is None else min(open_ns + round(until * MINUTE_NS), close_ns)
    return (Window(from_ns=begins, to_ns=ends),) if begins < ends else ()


def _length(draw: Chance, mean_s: float) -> int:
    return max(int(draw.wait(mean_s * SECOND_NS)), 1)


def _writes(terms: FaultTerms, draw: Chance) -> int:
    return 1 + int(draw.share() * terms.kill_writes)


def _ticks(terms: FaultTerms, draw: Chance) -> int:
    size = 1 + int(draw.share() * terms.correction_ticks)
    return size if draw.share() < 0.5 else -size
