"""Faults of a day that are over before its end: what lasts is cut, messages pass, and a crossed quote is put right."""

import numpy as np
from msgspec.structs import replace

from flatbook.model.world_fault_terms import FaultTerms, WireTerms
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.channel import Channel, Line
from flatbook.sim.checks.days import draw_day
from flatbook.sim.faults import MINUTE_NS, FaultPlan, fault_plan
from flatbook.sim.feed import Feed

_HOUR_NS = 60 * MINUTE_NS


def test_nothing_lasts_into_the_calm():
    """And what comes before it is the same with and without."""
    terms = replace(FaultTerms.all_on(), feed_gaps_per_day=20.0, clock_jumps_per_day=20.0, kills_per_day=20.0)
    calm = replace(terms, calm_last_minutes=20.0)
    calm_ns = _HOUR_NS - 20 * MINUTE_NS
    cut = 0
    for seed in range(20):
        whole, ending = fault_plan(terms, 0, _HOUR_NS, seed), fault_plan(calm, 0, _HOUR_NS, seed)
        assert ending.calm_from_ns == calm_ns
        for name in ("feed_gaps", "clock_errors", "disconnects", "stale_feeds"):
            before, after = getattr(whole, name), getattr(ending, name)
            assert [each.from_ns for each in after] == [
                each.from_ns for each in before if each.from_ns < calm_ns
            ]
            assert all(each.to_ns <= calm_ns for each in after)
            cut += sum(each.to_ns > calm_ns for each in before)
        assert ending.kills == tuple(each for each in whole.kills if each.at_ns < calm_ns)
    assert cut > 20


def test_messages_come_to_grief_until_the_calm():
    """Then all arrive, once and in order."""
    line = Line(
        name="line",
        median_ms=1.0,
        sigma=0.3,
        lost_share=0.5,
        repeated_share=0.5,
        reordered_share=0.5,
        reorder_ms=50.0,
        calm_from_ns=1_000_000_000,
    )
    channel = Channel(line, seed=7)
    wild = channel.send(0, range(200))
    assert {each for _, each in wild} != set(range(200))
    assert min(channel.lost, channel.repeated, channel.reordered) > 20
    assert [each for _, each in channel.send(1_000_000_000, range(200))] == list(range(200))


def test_a_crossed_quote_is_told_right_the_next_time():
    """Bid and offer change places in one series of a message."""
    market = draw_day(1).market
    terms = FaultTerms(feed_crossed_share=1.0, calm_last_minutes=10.0)
    plan = FaultPlan(calm_from_ns=int(market.at_ns[3]))
    feed = Feed(market.table, WireTerms(), terms, plan, seed=1)
    crossed, last = [], {}
    for index in range(6):
        for _, message in feed.publish(market.moment(index)):
            bid, ask = message.quotes[:2]
            wrong = message.rows[(bid != NO_PRICE) & (ask != NO_PRICE) & (bid > ask)]
            crossed.append(wrong.size)
            assert np.isin(last.get(message.source, wrong[:0]), message.rows).all()
            last[message.source] = wrong
    assert sum(crossed[: 3 * len(market.table.underlyings)]) > 0
    assert not any(crossed[3 * len(market.table.underlyings) :])
