"""A hedge that waits for a person is alerted, told and answered at the operator's door, and the answer is in the journal."""

import asyncio
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from flatbook.hedging.approval import Waiting, WaitingHedge
from flatbook.journal.redecide import redecide
from flatbook.journal.replay import read_records
from flatbook.live.operators import LiveOperator
from flatbook.live.settings import LiveSettings
from flatbook.live.snapshot import Severity, StoryKind
from flatbook.live.story_of_facts import line_of
from flatbook.live.story_of_hedges import asked_of
from flatbook.model.errors import FlatbookError
from flatbook.model.events import DeskSet
from flatbook.model.instruments import Side
from flatbook.model.operator_events import HedgeDecided
from tests.live.fakes import FakeFeed, FakeVenue, Running, desk_of, market, stage, until


def _waiting(desk):
    cycle = desk.core.last_cycle
    return cycle.waiting[0] if cycle is not None and cycle.waiting else None


def _is(desk, state):
    one = _waiting(desk)
    return one is not None and one.state is state


async def _sell_calls(desk, venue):
    """Customers buy a call of ours now and then, until a hedge waits."""
    table = market().table
    for _ in range(100):
        if _is(desk, Waiting.WAITS):
            return
        offers = [
            name for name, row in venue.rows.items()
            if name in venue.open and venue.sides[name] < 0 and table.is_option[row] and table.sign[row] > 0
        ]  # fmt: skip
        if offers:
            venue.tell(venue.trade(max(offers), venue.open[max(offers)]))
        await asyncio.sleep(0.02)
    pytest.fail("no hedge was ever large enough")


async def _day(path, work):
    venue = FakeVenue()
    desk = desk_of(path, FakeFeed(), venue)
    operator = LiveOperator(desk)
    async with Running(desk):
        await until(lambda: len(venue.open) > 10)
        hedging = replace(stage().desk.hedging, approve_above_usd=1.0)
        asking = DeskSet(received_ns=0, desk=replace(stage().desk, hedging=hedging), by="x")
        await operator.submit(asking, who="ann", why="ask me")
        await _sell_calls(desk, venue)
        return await work(desk, operator, venue)


def _hedges_sent(venue):
    return [each for each in venue.sent if getattr(each, "is_quote", True) is False]


def test_a_hedge_waits_is_rejected_and_approved(tmp_path):
    path = tmp_path / "desk.journal"

    async def work(desk, operator, venue):
        one = _waiting(desk)
        await until(lambda: any(each.id == f"hedge/{one.id}" for each in desk.watch.publisher.latest.alerts))
        snapshot = desk.watch.publisher.latest
        alert = next(each for each in snapshot.alerts if each.id == f"hedge/{one.id}")
        assert alert.severity is Severity.AMBER
        told = [line for line in snapshot.story if "waits for approval" in line.text]
        assert told[0].kind is StoryKind.HEDGE
        assert told[0].severity is Severity.AMBER
        assert one.legs[0][0] in told[0].text
        assert len(told) <= 2  # once, not with each cycle
        assert _hedges_sent(venue) == []

        for bad in ("IDX:7", "NOSUCH:buy"):
            with pytest.raises(FlatbookError, match=f"does not wait; those that do: {one.id}"):
                await operator.decide_hedge(bad, approve=True, who="ann", why="test")
        with pytest.raises(FlatbookError, match="needs who"):
            await operator.decide_hedge(one.id, approve=True, who="ann", why=" ")
        with pytest.raises(FlatbookError, match="look again"):
            await operator.decide_hedge(one.id, approve=True, who="ann", why="test", shown_usd=1.0)

        rejected = await operator.decide_hedge(one.id, approve=False, who="bob", why="wait for the auction")
        await until(lambda: _is(desk, Waiting.REJECTED))
        assert _hedges_sent(venue) == []
        approved = await operator.decide_hedge(one.id, approve=True, who="ann", why="go", shown_usd=1e300)
        await until(lambda: _hedges_sent(venue))
        await until(lambda: any(line.kind is StoryKind.ANSWER for line in desk.watch.publisher.latest.story))
        return one, rejected, approved

    one, rejected, approved = asyncio.run(_day(path, work))
    facts = {each.sequence: each for each in read_records(path) if isinstance(each, HedgeDecided)}
    assert set(facts) == {rejected, approved}
    assert facts[approved].most_delta_usd < 1e12  # what waits and a little more, whatever was said to be seen
    no, yes = facts[rejected], facts[approved]
    assert (no.owner, no.reason, no.approve, no.most_delta_usd) == ("bob", "wait for the auction", False, 0.0)
    assert (yes.owner, yes.underlying, yes.side, yes.approve) == ("ann", "IDX", one.side, True)
    assert 59.0 < (yes.until_ns - yes.received_ns) / 1e9 <= 60.0
    assert "ann approves hedges that buy delta of IDX" in line_of(yes).text
    assert "bob holds back" in line_of(no).text
    found = redecide(path)
    assert found.different == ()


def test_a_desk_that_asks_nobody_says_so(tmp_path):
    async def day():
        desk = desk_of(tmp_path / "desk.journal", FakeFeed(), FakeVenue())
        async with Running(desk):
            await until(lambda: desk.core.last_cycle is not None)
            with pytest.raises(FlatbookError, match="this desk asks nobody"):
                await LiveOperator(desk).decide_hedge("IDX:buy", approve=True, who="ann", why="test")

    asyncio.run(day())


def test_an_answer_is_a_sentence():
    answer = HedgeDecided(
        received_ns=0, underlying="SPX", approve=True, side=Side.SELL, most_delta_usd=1.25e6,
        until_ns=30 * 10**9, owner="ann", reason="before the close",
    )  # fmt: skip
    text = "ann approves hedges that sell delta of SPX, up to 1,250,000 $ for 30 s: before the close"
    assert (line_of(answer).text, line_of(answer).underlying) == (text, "SPX")


def test_what_a_limit_wants_at_once_is_not_answered():
    one = WaitingHedge(
        underlying="IDX", side=Side.BUY, delta_before_usd=-2.0, delta_usd=2.0, legs=(("IDXH27", 1),), cost_usd=1.0,
        since_ns=1, state=Waiting.UNASKED, until_ns=0, owner="", why="a limit on direction stands at HARD: nothing waits",
    )  # fmt: skip
    core = SimpleNamespace(last_cycle=SimpleNamespace(waiting=(one,)))
    operator = LiveOperator(SimpleNamespace(core=core, settings=LiveSettings()))
    with pytest.raises(FlatbookError, match="nothing waits"):
        asyncio.run(operator.decide_hedge(one.id, approve=False, who="ann", why="not now"))
    assert asked_of(one).startswith("hedge of IDX leaves unasked, a limit on direction stands at HARD")
    assert "buy 1 IDXH27, removes 100% of Δ, costs 1 $" in asked_of(one)
