"""`flatbook run` until its desk is there: a signal is heard while the venue does not answer, and nothing has begun by then."""

import asyncio
import contextlib
import os
import signal
import threading

from flatbook.cli import live
from flatbook.cli.live_doors import Doors
from flatbook.live import service
from flatbook.live.log import LogWriter, silent
from flatbook.live.ports import PortLostError
from flatbook.live.recovery import begin
from flatbook.live.service import Terms
from flatbook.live.snapshot import Mode
from tests.live.fakes import QUICK, FakeVenue, opening, stage


class Nobody:
    """A feed at which nobody answers; the second call is followed by a signal."""

    name = "nobody"

    def __init__(self):
        self.calls = 0

    async def opening(self):
        self.calls += 1
        if self.calls == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        raise PortLostError("nobody answers")


@contextlib.asynccontextmanager
async def _nothing():
    yield


async def _at_once(*_):
    return True


def test_a_signal_is_heard_while_the_venue_does_not_answer(monkeypatch, tmp_path):
    monkeypatch.setattr(live, "compiled", _at_once)
    monkeypatch.setattr(live, "compiling_the_rest", _nothing)
    path, feed = tmp_path / "desk.journal", Nobody()
    terms = Terms(desk=stage().desk, limits=stage().limits, settings=QUICK, journal=path, mode=Mode.SIMULATED)

    async def start(writer):
        doors = Doors(feed=feed, venue_of=lambda _: FakeVenue())
        return await asyncio.wait_for(live._main(terms, lambda: doors, None, None, writer), 5.0)

    with LogWriter(tmp_path / "log", level="error") as writer:
        assert asyncio.run(start(writer)) == 0
    assert feed.calls == 2
    assert not path.exists()


class Somebody(Nobody):
    """A feed that answers at once."""

    async def opening(self):
        return opening()


def test_the_door_answers_while_the_journal_is_read(monkeypatch):
    """Reading a long one takes a minute; it is read beside the loop, which sets free what waits for it."""
    answered, seen = threading.Event(), []

    def read(*_):
        seen.append(answered.wait(5.0))
        return begin(None, {}, silent())

    monkeypatch.setattr(service, "begin", read)
    terms = Terms(desk=stage().desk, limits=stage().limits, settings=QUICK, journal=None, mode=Mode.SIMULATED)

    async def start():
        asyncio.get_running_loop().call_later(0.05, answered.set)
        return await service.service_of(terms, Somebody(), lambda _: FakeVenue(), silent())

    assert asyncio.run(start()).begun.again is False
    assert seen == [True]
