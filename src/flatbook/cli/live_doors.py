"""What a desk at work is connected to: a venue's socket, or a recording with a venue on paper beside it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from math import inf, isinf
from pathlib import Path

import msgspec
import typer

from flatbook.adapters.recording import Recording
from flatbook.adapters.recordings import open_recording
from flatbook.live.ports import FeedPort, Opening, VenuePort
from flatbook.live.replay_feed import ReplayFeed, ReplayTerms, taken_by
from flatbook.live.replay_venue import ReplayVenue
from flatbook.live.service import Service
from flatbook.live.settings import LiveSettings
from flatbook.live.venue_client import Address, VenueFeed, VenueSession
from flatbook.model.errors import Fault, FaultsError

_DAY_S = 86_400.0  # of silence: a recording may have holes, and says itself where its line was down
_AT_ONCE_MS = 0.001  # between two cycles of a replay that waits for the desk alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Which recording, and how it is told."""

    path: Path
    speed: float = 1.0  # inf: as fast as the desk takes it
    day: date | None = None
    underlying: str | None = None
    from_time: str | None = None  # UTC: an instant, or a time of the recording's first day
    until_time: str | None = None


@dataclass(slots=True, kw_only=True)
class Doors:
    """Both doors, and what the feed learns of the desk behind them once there is one."""

    feed: FeedPort
    venue_of: Callable[[Opening], VenuePort]
    connect: Callable[[Service], None] = field(default=lambda _: None)
    end: str = "the market closed"


def socket_doors(address: Address, venue: str) -> Doors:
    """Of a venue that listens somewhere."""
    return Doors(
        feed=VenueFeed(address), venue_of=lambda opening: VenueSession(address, opening.table, venue)
    )


def replay_doors(replay: Replay, venue: str) -> Doors:
    """Of a recording.

    Raises
    ------
    FaultsError
        It is none, or none of that day, underlying or time.
    """
    recording = open_recording(
        replay.path, day=replay.day, underlying=replay.underlying, progress=lambda words: typer.echo(words, err=True)
    )  # fmt: skip
    for note in recording.notes:
        typer.echo(str(note), err=True)
    desk: list[Service] = []
    feed = ReplayFeed(recording, _terms(replay, recording, desk))
    feed.on_clock = lambda terms: desk[0].desk.core.clock.follow(terms) if desk else None
    typer.echo(f"RECORDED  {recording.source}, {_pace(replay.speed)}; orders trade on paper")
    return Doors(
        feed=feed,
        venue_of=lambda opening: ReplayVenue(feed, opening.table, venue),
        connect=desk.append,
        end="the recording ended",
    )


def replay_settings(settings: LiveSettings, replay: Replay) -> LiveSettings:
    """The service's, as a recording wants them: a hole in it is no silence, and at no limit on speed every moment has its cycle."""
    told = msgspec.structs.replace(settings, silence_s=_DAY_S)
    return (
        msgspec.structs.replace(told, cycle_min_ms=_AT_ONCE_MS, ticks=False) if isinf(replay.speed) else told
    )


def replay_faults(replay: Replay | None, others: Mapping[str, object]) -> list[Fault]:
    """What cannot be asked of a replay; `others` are options that are of other worlds, by name."""
    if replay is None:
        return []
    faults = [
        Fault(
            where=name,
            found=f"{value}",
            expected="nothing beside --replay",
            action="leave one of the two out",
        )
        for name, value in others.items()
        if value is not None
    ]
    if not replay.speed > 0.0:
        faults.append(
            Fault(
                where="--speed", found=f"{replay.speed}", expected="above 0, or inf: as fast as the desk takes it",
                action="correct it",
            )
        )  # fmt: skip
    return faults


def _terms(replay: Replay, recording: Recording, desk: list[Service]) -> ReplayTerms:
    began_ns, steady_ns = time.time_ns(), time.monotonic_ns()
    terms = ReplayTerms(
        speed=replay.speed,
        from_ns=_instant(replay.from_time, "--from", recording),
        until_ns=_instant(replay.until_time, "--until", recording),
        wall=lambda: began_ns + time.monotonic_ns() - steady_ns,  # a wall clock that jumps moves no recording
    )
    if replay.speed < inf:
        return terms
    return replace(terms, taken=taken_by(lambda: desk[0].desk.queues if desk else {}))


def _instant(told: str | None, where: str, recording: Recording) -> int | None:
    """UTC nanoseconds of an instant, or of a time of the day on which the recording begins."""
    if told is None:
        return None
    first = datetime.fromtimestamp(recording.begins_ns / 1e9, UTC)
    try:
        found = datetime.fromisoformat(told if "T" in told or "-" in told else f"{first.date()}T{told}")
    except ValueError as e:
        last = datetime.fromtimestamp(recording.ends_ns / 1e9, UTC)
        fault = Fault(
            where=where,
            found=repr(told),
            expected=f"UTC, as 15:30 or 2015-12-24T15:30:00, from {first:%Y-%m-%dT%H:%M:%S} to {last:%Y-%m-%dT%H:%M:%S}",
            action="correct it",
        )
        raise FaultsError([fault]) from e
    whole = found.replace(tzinfo=found.tzinfo or UTC)
    return round(whole.timestamp()) * 1_000_000_000 + whole.microsecond * 1_000


def _pace(speed: float) -> str:
    return "as fast as the desk takes it" if isinf(speed) else f"at {speed:g} times its speed"
