"""Sentences a trader understands: steady states are silent, what happens is told once, and alerts stand as long as their cause."""

import asyncio

from flatbook.live.snapshot import Severity, StoryKind
from flatbook.live.story_of_facts import line_of
from flatbook.model.order_events import KillScope, KillSet, OpenOrdersTold
from flatbook.model.venue_events import TradingHalted, VenueSession
from tests.live.fakes import FakeFeed, FakeVenue, Running, desk_of, market, until


def test_facts_that_matter_are_sentences():
    kill = KillSet(
        received_ns=5, sequence=9, scope=KillScope.CLASS, name="SPX", on=True, owner="ann", reason="news"
    )
    line = line_of(kill)
    assert (line.text, line.kind, line.severity) == (
        "KILLED class SPX by ann: news",
        StoryKind.KILL,
        Severity.RED,
    )
    assert (line.sequence, line.at_ns) == (9, 5)
    assert "lost: cable" in line_of(VenueSession(received_ns=1, venue="cboe", up=False, reason="cable")).text
    assert line_of(TradingHalted(received_ns=1, underlying="X", on=True, reason="news")).underlying == "X"
    assert line_of(OpenOrdersTold(received_ns=1, venue="v", asked_ns=0, client_ids=(), quantities=())) is None


def test_a_day_of_selling_calls_is_told_as_fills_leans_and_alerts(tmp_path):
    async def day():
        feed, venue = FakeFeed(), FakeVenue()
        desk = desk_of(tmp_path / "desk.journal", feed, venue)
        picture = desk.watch.picture
        async with Running(desk):
            await until(lambda: len(venue.open) > 10)
            table = market().table
            for _ in range(40):
                offers = [
                    name for name, row in venue.rows.items()
                    if name in venue.open and venue.sides[name] < 0 and table.is_option[row]
                ]  # fmt: skip
                if not offers:
                    break
                venue.tell(venue.trade(max(offers), venue.open[max(offers)]))
                await asyncio.sleep(0.02)
            await until(lambda: picture.fills == len(venue.executions))
            await asyncio.sleep(0.1)
            latest = desk.watch.publisher.latest
        return latest, venue

    latest, venue = asyncio.run(day())
    told = {line.kind for line in latest.story}
    assert {StoryKind.FILL, StoryKind.LEAN, StoryKind.VENUE} <= told
    fills = [row for row in latest.fills if row.side < 0]
    assert len(fills) == len(venue.executions)
    assert len({row.fill_id for row in fills}) == len(fills)
    assert all("sold" in line.text for line in latest.story if line.kind is StoryKind.FILL)
    cycle = latest.cycle
    over = [one.limit.name for one in cycle.standing.limits if one.step >= 2]
    assert {alert.scope for alert in latest.alerts if alert.id.startswith("limit/")} == set(over)
    history = latest.history
    assert history.at_ns.size >= 1
    assert history.utilisation.shape == (len(history.limit_names), history.at_ns.size)
    assert history.utilisation[:, -1].max() > 0.0
    assert {row.client_id for row in latest.working} <= set(venue.rows)
