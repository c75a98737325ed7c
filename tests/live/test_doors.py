"""`flatbook run --replay`: what may be asked of a recording, and a day of one from the command line's doors to the journal."""

import asyncio
from datetime import UTC, datetime
from math import inf

import pytest

from flatbook.cli import live_doors
from flatbook.cli.live_doors import Replay, replay_doors, replay_faults, replay_settings
from flatbook.journal.replay import read_facts, verify
from flatbook.live.log import silent
from flatbook.live.service import Terms, run, service_of
from flatbook.live.settings import LiveSettings
from flatbook.live.snapshot import Mode
from flatbook.model.errors import FaultsError, InvalidValueError
from flatbook.model.events import CycleDue, UnderlyingQuoted
from tests.adapters.recordings import ITEMS, START, S, price, quote, recording
from tests.live.fakes import QUICK, stage

_CALM = 40  # seconds between two moments


def _market():
    """Prices of an underlying and quotes of one series, moment by moment."""

    def at(second):
        return (
            second,
            lambda at_ns: price(at_ns, 100.0 + second / 100.0),
            lambda at_ns: quote(at_ns, ITEMS[0].symbol, 200 + second // _CALM, 210 + second // _CALM),
        )

    return recording(*(at(second) for second in range(0, 20 * _CALM, _CALM)))


@pytest.fixture
def recorded(monkeypatch, tmp_path):
    """In the place of a file."""
    monkeypatch.setattr(live_doors, "open_recording", lambda *_, **__: _market())
    return tmp_path / "recorded"


def _run(doors, settings, path):
    """Until the recording ends; its exit code and the service."""

    async def day():
        terms = Terms(
            desk=stage().desk, limits=stage().limits, settings=settings, journal=path, mode=Mode.REPLAY
        )
        service = await service_of(terms, doors.feed, doors.venue_of, silent())
        doors.connect(service)
        stop = asyncio.Event()

        async def ends():
            await service.desk.feed_ended.wait()
            stop.set()

        return await asyncio.wait_for(run(service, stop, ends), 300.0), service

    return asyncio.run(day())


@pytest.mark.parametrize("speed", [inf, 400.0])
def test_a_recording_is_run_to_its_end_on_its_own_clock(recorded, tmp_path, speed):
    replay = Replay(path=recorded, speed=speed)
    doors = replay_doors(replay, "VENUE")
    path = tmp_path / "desk.journal"
    code, service = _run(doors, replay_settings(QUICK, replay), path)
    assert code == 0
    assert verify(path).sealed
    prices = [fact for fact in read_facts(path) if isinstance(fact, UnderlyingQuoted)]
    assert prices[-1].price == pytest.approx(100.0 + 19 * _CALM / 100.0)
    last_ns = START + 19 * _CALM * S
    received = [fact.received_ns for fact in prices]
    assert START <= received[0]
    assert received == sorted(received)
    if speed == inf:  # every moment is taken by itself, at its own instant
        assert received == [START + second * S for second in range(0, 20 * _CALM, _CALM)]
        at = {fact.received_ns for fact in read_facts(path) if isinstance(fact, CycleDue)}
        assert set(received) <= at
    assert service.desk.core.clock.now_ns() >= last_ns


def test_a_part_of_a_recording_is_told_from_and_until(recorded, tmp_path):
    begins = datetime.fromtimestamp(START / 1e9, UTC)
    clock = [f"{datetime.fromtimestamp(START / 1e9 + second, UTC):%H:%M:%S}" for second in (200, 400)]
    replay = Replay(path=recorded, speed=inf, from_time=clock[0], until_time=f"{begins:%Y-%m-%d}T{clock[1]}")
    path = tmp_path / "desk.journal"
    assert _run(replay_doors(replay, "VENUE"), replay_settings(QUICK, replay), path)[0] == 0
    told = {fact.received_ns for fact in read_facts(path) if isinstance(fact, UnderlyingQuoted)}
    assert min(told) == START + 200 * S
    assert max(told) == START + 400 * S


def test_a_time_that_is_none_is_told_with_those_that_are(recorded):
    with pytest.raises(FaultsError) as caught:
        replay_doors(Replay(path=recorded, from_time="noon"), "VENUE")
    (fault,) = caught.value.faults
    assert (fault.where, fault.found) == ("--from", "'noon'")
    assert f"{datetime.fromtimestamp(START / 1e9, UTC):%Y-%m-%dT%H:%M:%S}" in fault.expected


def test_a_time_outside_the_recording_is_refused(recorded):
    with pytest.raises(InvalidValueError, match="within the recording"):
        replay_doors(Replay(path=recorded, from_time="1999-01-01T00:00:00"), "VENUE")


def test_what_belongs_to_other_worlds_is_refused(recorded):
    others = {"--venue": "h:1", "--scenario": None, "--seed": 3}
    faults = replay_faults(Replay(path=recorded, speed=0.0), others)
    assert [fault.where for fault in faults] == ["--venue", "--seed", "--speed"]
    assert replay_faults(None, others) == []


def test_a_hole_in_a_recording_is_no_silence_and_no_limit_on_speed_holds_no_cycle_back(recorded):
    told = replay_settings(LiveSettings(), Replay(path=recorded, speed=inf))
    assert (told.silence_s, told.cycle_min_ms, told.ticks) == (86_400.0, 0.001, False)
    paced = replay_settings(LiveSettings(), Replay(path=recorded, speed=50.0))
    assert paced.cycle_min_ms == LiveSettings().cycle_min_ms
