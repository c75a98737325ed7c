"""The feed: only what changed, by numbered messages; a desk that trusts what it sees sees what was said."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.model.events import QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Right
from flatbook.model.table import InstrumentTable
from flatbook.model.venue_events import FeedSuspect, TradingHalted
from flatbook.model.world_fault_terms import FaultTerms, WireTerms
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.faults import NO_FAULTS, FaultPlan, FeedGap, Window, fault_plan
from flatbook.sim.feed import Feed
from flatbook.sim.feed_reader import FeedReader
from flatbook.sim.moment import Moment
from flatbook.sim.trust import Trust
from tests.worlds import NOW_NS, option

_S = 10**9
_NAMES = ("XYZ", "ABC", "DEF")
_PER_NAME = 6
_TABLE = InstrumentTable(
    version=1,
    instruments=tuple(
        option(f"{name}{k}", 100.0 + k, 30, Right.CALL, underlying=name, option_class=name)
        for k in range(_PER_NAME)
        for name in _NAMES
    ),
)
_N = len(_TABLE.instruments)


def _moment(step, *, bid=None, spot=(50.0, 60.0, 70.0), halted=(False, False, False)):
    bid = np.full(_N, 100) if bid is None else np.asarray(bid)
    here = bid != NO_PRICE
    return Moment(
        at_ns=NOW_NS + step * _S,
        spot=np.array(spot),
        halted=np.array(halted),
        fair=bid / 100.0,
        vega=np.ones(_N),
        bid_ticks=bid,
        ask_ticks=np.where(here, bid + 5, NO_PRICE),
        bid_size=np.where(here, 10, 0),
        ask_size=np.where(here, 20, 0),
    )


def _moments(steps, seed):
    """Some series and some prices move at each step."""
    random = np.random.default_rng(seed)
    bid, spot = random.integers(50, 150, _N), np.array([50.0, 60.0, 70.0])
    out = []
    for step in range(steps):
        moved = random.random(_N) < 0.3
        bid = np.where(moved, random.integers(50, 150, _N), bid)
        bid = np.where(moved & (random.random(_N) < 0.1), NO_PRICE, bid)
        spot = np.where(random.random(3) < 0.5, spot + 0.01, spot)
        out.append(_moment(step, bid=bid, spot=spot, halted=random.random(3) < 0.05))
    return out


def _feed(faults=None, plan=NO_FAULTS, seed=5, **terms):
    return Feed(_TABLE, WireTerms(**terms), faults or FaultTerms(), plan, seed)


def _reader(trust=None, **terms):
    return FeedReader(_TABLE, WireTerms(**terms), trust or Trust(), NOW_NS)


def _read(reader, sent):
    return [fact for at, message in sent for fact in reader.read(message, at_ns=at, received_ns=at)]


def _quotes(facts):
    return {
        name: quote
        for fact in facts
        if isinstance(fact, QuotesSeen)
        for name, *quote in zip(
            fact.symbols, fact.bid_ticks, fact.ask_ticks, fact.bid_sizes, fact.ask_sizes, strict=True
        )
    }


def test_the_first_moment_is_told_in_full_and_the_next_only_where_it_moved():
    feed, reader = _feed(), _reader()
    bid = np.full(_N, 100)
    bid[4] = NO_PRICE
    first = _read(reader, feed.publish(_moment(0, bid=bid)))
    bid = bid.copy()
    bid[[0, 4]] = 101
    second = _read(reader, feed.publish(_moment(1, bid=bid, spot=(50.0, 61.0, 70.0))))
    third = _read(reader, feed.publish(_moment(2, bid=bid, spot=(50.0, 61.0, 70.0))))

    assert len(_quotes(first)) == _N
    assert _quotes(first)["ABC1"] == [None] * 4
    assert {fact.underlying: fact.price for fact in first if isinstance(fact, UnderlyingQuoted)} == {
        "XYZ": 50.0, "ABC": 60.0, "DEF": 70.0,
    }  # fmt: skip
    assert _quotes(second) == {"XYZ0": [101, 106, 10, 20], "ABC1": [101, 106, 10, 20]}
    assert [fact.price for fact in second if isinstance(fact, UnderlyingQuoted)] == [61.0]
    assert third == []
    assert {fact.source_ns for fact in second if isinstance(fact, QuotesSeen)} == {NOW_NS + _S}


def test_what_stands_still_is_told_again_in_time():
    feed, reader = _feed(price_retold_s=60.0, quotes_retold_s=300.0), _reader()
    told = {step: _read(reader, feed.publish(_moment(step))) for step in (0, 59, 60, 120, 300)}

    assert [sum(isinstance(fact, UnderlyingQuoted) for fact in facts) for facts in told.values()] == [
        3,
        0,
        3,
        3,
        3,
    ]
    assert [len(_quotes(facts)) for facts in told.values()] == [_N, 0, 0, 0, _N]


def test_halts_are_told_once_and_so_is_their_end():
    feed, reader = _feed(), _reader()
    halted = [(False, False, False), (False, True, False), (False, True, False), (False, False, False)]
    told = [
        [(fact.underlying, fact.on) for fact in _read(reader, feed.publish(_moment(k, halted=each))) if isinstance(fact, TradingHalted)]
        for k, each in enumerate(halted)
    ]  # fmt: skip

    assert told == [[], [("ABC", True)], [], [("ABC", False)]]


def test_a_lost_message_is_seen_at_the_next_and_doubted_until_a_snapshot_came():
    """The gap hits ABC alone, at the second of four moments."""
    gap = FeedGap(from_ns=NOW_NS + 1, to_ns=NOW_NS + _S + 1, pick=0.5)
    feed, reader = _feed(plan=FaultPlan(feed_gaps=(gap,))), _reader(resend_after_ms=500.0)
    moved = [np.full(_N, 100 + k) for k in range(4)]
    lost_halt = (False, True, False)
    facts = [
        _read(reader, feed.publish(_moment(k, bid=moved[k], halted=lost_halt if k else (False,) * 3)))
        for k in range(3)
    ]
    doubts = [[(f.underlyings, f.on) for f in each if isinstance(f, FeedSuspect)] for each in facts]
    wanted = [
        reader.wanted(NOW_NS + 2 * _S),
        reader.wanted(NOW_NS + 2 * _S + _S // 4),
        reader.wanted(NOW_NS + 3 * _S),
    ]
    whole = _read(reader, feed.snapshot(NOW_NS + 3 * _S, 1))

    assert doubts == [[], [], [(("ABC",), True)]]
    assert isinstance(facts[2][[isinstance(f, FeedSuspect) for f in facts[2]].index(True)], FeedSuspect)
    assert wanted == [(1,), (), (1,)]
    assert [(f.underlying, f.on) for f in whole if isinstance(f, TradingHalted)] == [("ABC", True)]
    assert {name: quote[0] for name, quote in _quotes(whole).items()} == {
        f"ABC{k}": 102 for k in range(_PER_NAME)
    }
    assert (whole[-1].underlyings, whole[-1].on) == (("ABC",), False)
    assert reader.wanted(NOW_NS + 9 * _S) == ()


def test_a_gap_of_everything_leaves_no_source_out_and_answers_nobody():
    gap = FeedGap(from_ns=NOW_NS, to_ns=NOW_NS + 5 * _S, pick=0.9, every=True)
    feed = _feed(plan=FaultPlan(feed_gaps=(gap,)))

    assert [feed.publish(_moment(k)) for k in range(5)] == [[]] * 5
    assert feed.snapshot(NOW_NS + 4 * _S, 0) == []
    assert len(feed.publish(_moment(5))) == 3


def test_a_stale_feed_says_nothing_loses_nothing_and_is_doubted_for_its_silence():
    stale = Window(from_ns=NOW_NS + _S, to_ns=NOW_NS + 10 * _S, pick=0.0)
    feed, reader = _feed(plan=FaultPlan(stale_feeds=(stale,))), _reader(silence_s=4.0)
    news = {}
    for k in range(12):
        news[k] = _read(reader, feed.publish(_moment(k, bid=np.full(_N, 100 + k))))
        news[k] += reader.listen(at_ns=NOW_NS + k * _S + 10**8, received_ns=NOW_NS)
    doubts = {
        k: (f.underlyings, f.on) for k, each in news.items() for f in each if isinstance(f, FeedSuspect)
    }

    assert doubts == {4: (("XYZ",), True), 10: (("XYZ",), False)}
    assert not any(name.startswith("XYZ") for k in range(1, 10) for name in _quotes(news[k]))
    assert _quotes(news[10])["XYZ3"][0] == 110
    assert reader.wanted(NOW_NS + 20 * _S) == ()


def test_a_stale_series_stands_still_alone():
    row = 7
    stale = Window(from_ns=NOW_NS + _S, to_ns=NOW_NS + 3 * _S, pick=(row + 0.5) / _N)
    feed, reader = _feed(plan=FaultPlan(stale_series=(stale,))), _reader()
    told = [set(_quotes(_read(reader, feed.publish(_moment(k, bid=np.full(_N, 100 + k)))))) for k in range(4)]
    symbols = {item.symbol for item in _TABLE.instruments}

    assert told == [
        symbols,
        symbols - {_TABLE.instruments[row].symbol},
        symbols - {_TABLE.instruments[row].symbol},
        symbols,
    ]


def test_a_frozen_price_is_told_again_and_again_while_quotes_move():
    frozen = Window(from_ns=NOW_NS + _S, to_ns=NOW_NS + 3 * _S, pick=0.0)
    feed, reader = _feed(plan=FaultPlan(frozen_prices=(frozen,))), _reader()
    told = [
        _read(reader, feed.publish(_moment(k, bid=np.full(_N, 100 + k), spot=(50.0 + k, 60.0 + k, 70.0))))
        for k in range(4)
    ]
    prices = [
        [f.price for f in each if isinstance(f, UnderlyingQuoted) and f.underlying == "XYZ"] for each in told
    ]

    assert prices == [[50.0], [50.0], [50.0], [53.0]]
    assert all(_quotes(each)["XYZ0"][0] == 100 + k for k, each in enumerate(told))
    assert [[f.price for f in each if isinstance(f, UnderlyingQuoted) and f.underlying == "ABC"] for each in told] == [
        [60.0], [61.0], [62.0], [63.0],
    ]  # fmt: skip


def test_silence_and_a_gap_are_one_doubt():
    """A gap so long that the silence told first: the doubt ends with the snapshot and not with the first message."""
    gap = FeedGap(from_ns=NOW_NS + 1, to_ns=NOW_NS + 10 * _S, pick=0.0)
    feed, reader = _feed(plan=FaultPlan(feed_gaps=(gap,))), _reader(silence_s=4.0)
    doubts = []
    for k in range(12):
        facts = _read(reader, feed.publish(_moment(k)))
        facts += reader.listen(at_ns=NOW_NS + k * _S + 10**8, received_ns=NOW_NS)
        for source in reader.wanted(NOW_NS + k * _S + 2 * 10**8) if k == 11 else ():
            facts += _read(reader, feed.snapshot(NOW_NS + k * _S + 2 * 10**8, source))
        doubts += [(k, f.on) for f in facts if isinstance(f, FeedSuspect)]

    assert doubts == [(4, True), (11, False)]


def test_a_snapshot_that_a_later_message_overtook_ends_no_doubt():
    gap = FeedGap(from_ns=NOW_NS + 1, to_ns=NOW_NS + _S + 1, pick=0.0)
    feed, reader = _feed(plan=FaultPlan(feed_gaps=(gap,))), _reader()
    for k in range(3):
        _read(reader, feed.publish(_moment(k, bid=np.full(_N, 100 + k))))
    old = feed.snapshot(NOW_NS + 3 * _S - 1, 0)
    _read(reader, feed.publish(_moment(3, bid=np.full(_N, 103))))

    assert _read(reader, old) == []
    assert reader.wanted(NOW_NS + 4 * _S) == (0,)
    assert [f.on for f in _read(reader, feed.snapshot(NOW_NS + 4 * _S, 0)) if isinstance(f, FeedSuspect)] == [
        False
    ]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_not_in_doubt_is_what_was_said(seed):
    """Messages lost, repeated and late, gaps and silences: after each message the desk's view of every source that it does not doubt is
    the view of a desk that got every message up to that one.
    """
    faults = replace(
        FaultTerms(), feed_lost_share=0.1, feed_repeated_share=0.2, feed_reordered_share=0.3, reorder_ms=2500.0,
        feed_gaps_per_day=6.0, feed_gap_s=10.0, stale_feeds_per_day=4.0, stale_feed_s=8.0, stale_series_per_day=4.0,
        frozen_prices_per_day=3.0,
    )  # fmt: skip
    steps = 200
    plan = fault_plan(faults, NOW_NS, NOW_NS + steps * _S, seed)
    feed, reader = (
        Feed(_TABLE, WireTerms(), faults, plan, seed),
        _reader(silence_s=5.0, resend_after_ms=900.0),
    )
    perfect, truth = Feed(_TABLE, WireTerms(), FaultTerms(), _without_gaps(plan), seed), {}
    view, state, doubted, due, checked, seen = {}, {name: {} for name in _NAMES}, set(), [], 0, [0, 0, 0]
    for moment in _moments(steps, seed):
        for _, message in perfect.publish(moment):
            _apply(state, message)
            truth[message.source, message.number] = dict(state[_NAMES[message.source]])
        due += feed.publish(moment)
        for source in reader.wanted(moment.at_ns):
            due += feed.snapshot(moment.at_ns, source)
        due.sort(key=lambda pair: pair[0])
        while due and due[0][0] < moment.at_ns + _S:
            at, message = due.pop(0)
            facts = reader.read(message, at_ns=at, received_ns=at)
            seen[message.source] = max(seen[message.source], message.number)
            _fold(view, doubted, facts)
            name = _NAMES[message.source]
            if name not in doubted:
                checked += 1
                mine = {k: v for k, v in view.items() if k.startswith(name)}
                assert mine == truth[message.source, seen[message.source]], f"seed {seed}"
        _fold(view, doubted, reader.listen(at_ns=moment.at_ns + _S - 1, received_ns=moment.at_ns))

    assert checked > 100


def _without_gaps(plan):
    """The same plan without gaps: what was said, whether or not it arrived."""
    return FaultPlan(
        stale_feeds=plan.stale_feeds, stale_series=plan.stale_series, frozen_prices=plan.frozen_prices
    )


def _apply(state, message):
    name = _NAMES[message.source]
    if message.price is not None:
        state[name][name] = message.price
    if message.halted is not None:
        state[name][f"{name} halted"] = message.halted
    for row, *quote in zip(message.rows.tolist(), *message.quotes.tolist(), strict=True):
        told = [None if quote[k % 2] == NO_PRICE else quote[k] for k in range(4)]
        state[name][_TABLE.instruments[row].symbol] = told


def _fold(view, doubted, facts):
    for fact in facts:
        match fact:
            case FeedSuspect():
                (doubted.update if fact.on else doubted.difference_update)(fact.underlyings)
            case TradingHalted():
                view[f"{fact.underlying} halted"] = fact.on
            case UnderlyingQuoted():
                view[fact.underlying] = fact.price
            case QuotesSeen():
                view.update(_quotes([fact]))


def test_the_same_seed_says_the_same():
    faults = replace(FaultTerms.all_on(), feed_lost_share=0.2, feed_reordered_share=0.3)
    runs = []
    for seed in (3, 3, 4):
        plan = fault_plan(faults, NOW_NS, NOW_NS + 100 * _S, seed)
        feed, reader = Feed(_TABLE, WireTerms(), faults, plan, seed), _reader()
        runs.append([fact for moment in _moments(100, 1) for fact in _read(reader, feed.publish(moment))])

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
