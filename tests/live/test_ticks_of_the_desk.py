"""A live desk whose prices move: ticks between its cycles, and all of it in the journal as it was decided."""

import asyncio
from dataclasses import replace

from msgspec.structs import replace as with_terms

from flatbook.engine.ticking import TickRecord, decode_decision
from flatbook.journal.redecide import redecide
from flatbook.journal.replay import Decision, read_records
from flatbook.model.order_events import KillScope, KillSet
from flatbook.sim.messages import NewOrder
from tests.live.fakes import QUICK, FakeFeed, FakeVenue, Running, desk_of, market, until

CALM = with_terms(QUICK, cycle_max_ms=400.0, reprice_ms=200.0, refit_s=30.0)


def _counted(desk, kind):
    return int(desk.watch.metrics.cycles.labels(kind)._value.get())


def _price(feed, move):
    """The underlying trades; no quote moves."""
    at = replace(market().moment(0), spot=market().moment(0).spot * (1.0 + move))
    for _, message in feed.feed.publish(at):
        feed.queue.put_nowait(message)


async def _stands(desk, venue):
    """Quotes work, and the last cycle is made ready."""
    await until(lambda: len(venue.open) > 10)
    await until(lambda: desk.core.is_calm and desk.core.is_ready)


def test_prices_alone_are_ticks_whose_quotes_leave_and_are_decided_again_alike(tmp_path):
    path = tmp_path / "desk.journal"

    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        desk = desk_of(path, feed, venue, CALM)
        async with Running(desk) as running:
            await _stands(desk, venue)
            sent = len(venue.sent)
            for number in range(30):
                _price(feed, 2e-4 * ((number % 5) - 2))
                await asyncio.sleep(0.01)
            assert _counted(desk, "tick") > 5
            moved = [each for each in venue.sent[sent:] if isinstance(each, NewOrder) and each.replaces]
            assert moved
            assert desk.watch.publisher.latest.tick_to_decision_p50_us > 0.0
            assert await running.end() == 0
        assert venue.open == {}

    asyncio.run(day())
    found = redecide(path)
    ticks = [decode_decision(record.payload) for record in read_records(path) if isinstance(record, Decision)]
    assert (found.different, found.undecided) == ((), ())
    assert any(isinstance(each, TickRecord) and each.orders for each in ticks)


def test_a_desk_that_is_told_so_has_no_ticks(tmp_path):
    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", feed, venue, with_terms(CALM, ticks=False))
        async with Running(desk):
            await until(lambda: len(venue.open) > 10)
            cycles = _counted(desk, "reprice")
            for number in range(5):
                _price(feed, 1e-4 * number)
                await asyncio.sleep(0.02)
            await until(lambda: _counted(desk, "reprice") > cycles)
            assert _counted(desk, "tick") == 0

    asyncio.run(day())


def test_a_kill_between_ticks_is_a_cycle_that_cancels(tmp_path):
    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", feed, venue, with_terms(CALM, reprice_ms=400.0))
        async with Running(desk):
            await _stands(desk, venue)
            _price(feed, 2e-4)
            await desk.say(KillSet(received_ns=0, scope=KillScope.DESK, on=True, owner="ann", reason="test"))
            await until(lambda: not venue.open)

    asyncio.run(day())


def test_columns_that_cannot_be_made_leave_the_desk_at_cycles(tmp_path):
    """Whatever is wrong with them, quotes go on."""

    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", feed, venue, CALM)

        def broken():
            raise ArithmeticError("no columns")

        desk.core.preparation = lambda: broken
        async with Running(desk):
            await until(lambda: len(venue.open) > 10)
            await until(lambda: not desk.settings.ticks)
            cycles = _counted(desk, "reprice")
            _price(feed, 2e-4)
            await until(lambda: _counted(desk, "reprice") > cycles)

    asyncio.run(day())
