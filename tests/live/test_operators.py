"""What a person says is refused before it is recorded, or recorded with name and reason; a preview changes nothing."""

import asyncio
import threading
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from flatbook.journal.replay import read_records
from flatbook.journal.state_file import dump_state
from flatbook.live.operators import LiveOperator
from flatbook.model.errors import FlatbookError
from flatbook.model.events import DeskSet, LimitOverridden, LimitsSet
from flatbook.model.order_events import KillScope, KillSet
from tests.live.fakes import FakeFeed, FakeVenue, Running, desk_of, stage, until


def _kill(scope=KillScope.DESK, name="", on=True):
    return KillSet(received_ns=0, scope=scope, name=name, on=on, owner="x", reason="x")


def _with_desk(path, work):
    async def day():
        venue = FakeVenue()
        desk = desk_of(path, FakeFeed(), venue)
        async with Running(desk):
            await until(lambda: len(venue.open) > 10)
            return await work(desk, LiveOperator(desk), venue)

    return asyncio.run(day())


def test_who_and_why_are_recorded(tmp_path):
    path = tmp_path / "desk.journal"

    async def work(_, operator, venue):
        name = stage().limits[0].name
        override = LimitOverridden(
            received_ns=0, limit=name, limit_hard=1e6, owner="?", reason="?", until_ns=2**62
        )
        first = await operator.submit(override, who="ann", why="a big client")
        second = await operator.submit(_kill(), who="bob", why="enough")
        await until(lambda: not venue.open)
        return first, second

    first, second = _with_desk(path, work)
    facts = {record.sequence: record for record in read_records(path) if hasattr(record, "received_ns")}
    assert (facts[first].owner, facts[first].reason) == ("ann", "a big client")
    assert (facts[second].owner, facts[second].reason) == ("bob", "enough")
    assert facts[first].received_ns > 0


def test_what_names_nothing_is_refused_and_not_recorded(tmp_path):
    path = tmp_path / "desk.journal"

    async def work(_, operator, __):
        bad = [
            _kill(KillScope.UNDERLYING, "NOSUCH"),
            _kill(KillScope.CLASS, "NOSUCH"),
            LimitOverridden(received_ns=0, limit="nosuch", limit_hard=1.0, owner="x", reason="x", until_ns=1),
            DeskSet(received_ns=0, desk=replace(stage().desk, hedges=()), by="x"),
        ]
        for fact in bad[:3]:
            with pytest.raises(FlatbookError, match="name one of"):
                await operator.submit(fact, who="ann", why="test")
        for who, why in (("", "why"), ("ann", " ")):
            with pytest.raises(FlatbookError, match="needs who"):
                await operator.submit(_kill(), who=who, why=why)
        with pytest.raises(FlatbookError, match="does not wait"):
            await operator.decide_hedge("IDX:7", True, who="ann", why="test")
        with pytest.raises(FlatbookError, match="does not stand"):
            await operator.acknowledge("nosuch", who="ann")

    _with_desk(path, work)
    assert not [record for record in read_records(path) if isinstance(record, KillSet | LimitOverridden)]


def test_a_preview_tells_what_would_change_and_changes_nothing(tmp_path):
    async def work(desk, operator, venue):
        found = await operator.preview(_kill())
        tight = tuple(replace(limit, limit_hard=limit.limit_hard / 2) for limit in stage().limits)
        limits = await operator.preview(LimitsSet(received_ns=0, limits=tight, by="x"))
        assert venue.open
        assert desk.core.last_cycle.limits.limits == stage().limits
        by_name = {change.name: change for change in found.changes}
        assert by_name["quotes shown"].before > 0 == by_name["quotes shown"].after
        assert by_name["cancels that leave now"].after == desk.core.orders.n_alive
        assert "Killed is not flat" in found.warnings[0]
        halved = [change for change in limits.changes if change.name.startswith("hard limit of")]
        assert len(halved) == len(tight)
        assert all(change.after == change.before / 2 for change in halved)

    path = tmp_path / "desk.journal"
    _with_desk(path, work)
    assert not [
        each for each in read_records(path) if isinstance(each, KillSet) or getattr(each, "by", "") == "x"
    ]


def test_previews_of_many_at_once_copy_the_state_where_nobody_changes_it(tmp_path):
    """In a thread of its own a copy would meet a state that grows: it is made by the loop, one preview after the other."""
    threads = []

    def noted(state):
        threads.append(threading.current_thread())
        return dump_state(state)

    async def work(desk, operator, _):
        with patch("flatbook.live.operators.dump_state", noted):
            found = await asyncio.gather(*(operator.preview(_kill()) for _ in range(4)))
        assert len({each.text for each in found}) == 1

    _with_desk(tmp_path / "desk.journal", work)
    assert threads == [threading.main_thread()] * 4


def test_a_preview_says_that_a_limit_would_kill(tmp_path):
    """A limit that what is held exceeds by more than the kill share: nobody should learn that from the banner."""

    async def work(desk, operator, venue):
        name = "desk/vega_usd_per_point"
        venue.tell(venue.trade(next(iter(venue.open))))
        await until(lambda: _used(desk, name))
        override = LimitOverridden(
            received_ns=0, limit=name, limit_hard=1e-6, owner="x", reason="x", until_ns=2**62
        )
        assert (await operator.preview(override)).warnings[0].startswith(f"It kills desk at once: {name} at ")
        wide = replace(override, limit_hard=1e9)
        assert not any("kills" in each for each in (await operator.preview(wide)).warnings)

    _with_desk(tmp_path / "desk.journal", work)


def _used(desk, name):
    standing = desk.core.last_cycle.standing
    return next(one.utilisation for one in standing.limits if one.limit.name == name) > 0.0
