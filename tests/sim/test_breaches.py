"""Why a limit was exceeded: each cause from a book and a market that can have no other."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.model.events import CycleDue, LimitsSet, QuotesSeen, UnderlyingQuoted
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.sim.breaches import causes
from tests.worlds import NOW_NS, fill, index_facts

_CALL = "IDXW030C5000"
_CONTRACTS = Limit(measure=LimitMeasure.NET_CONTRACTS, limit_hard=15.0)


def _used(cycle):
    (one,) = cycle.standing.limits
    return one.utilisation


class _Desk:
    """Two cycles of one desk on two small expiries, with 10 calls sold before the first."""

    def __init__(self, *limits, fills=None):
        self.state = State()
        self.before = None
        first = [fill(1, _CALL, "sell", 10, 50.0)] if fills is None else fills
        for fact in index_facts(fills=first, limits=limits, days=(30,), width=0.05):
            self.before = step(self.state, fact) or self.before

    def now(self, *facts):
        for fact in facts:
            assert step(self.state, fact) is None
        return step(self.state, CycleDue(received_ns=NOW_NS, reason="test"))

    @staticmethod
    def market_at(spot):
        """A price, and quotes around it of the strikes that are listed; the others have none."""
        listed = [item.symbol for item in index_facts(days=(30,), width=0.05)[0].instruments]
        *_, price, quotes, _ = index_facts(spot=spot, days=(30,), width=0.1)
        bid = dict(zip(quotes.symbols, quotes.bid_ticks, strict=True))
        ask = dict(zip(quotes.symbols, quotes.ask_ticks, strict=True))
        return [
            price,
            replace(
                quotes,
                symbols=tuple(listed),
                bid_ticks=tuple(bid[symbol] for symbol in listed),
                ask_ticks=tuple(ask[symbol] for symbol in listed),
            ),
        ]


def _delta_limit(share_of_used):
    """A limit on delta that the book of `_Desk` uses to a share at the first spot."""
    probe = _Desk(Limit(measure=LimitMeasure.DELTA_USD, limit_hard=1e9, stale_after_s=3_600.0))
    value = abs(probe.before.standing.limits[0].value)
    return Limit(measure=LimitMeasure.DELTA_USD, limit_hard=value / share_of_used, stale_after_s=3_600.0)


def _sold(number, contracts):
    return fill(number, _CALL, "sell", contracts, 50.0)


def test_a_market_that_moved_is_a_gap():
    """The book is the same: short calls whose delta grows."""
    desk = _Desk(_delta_limit(0.95))
    assert _used(desk.before) == pytest.approx(0.95, rel=1e-9)
    now = desk.now(*_Desk.market_at(5060.0))
    assert _used(now) > 1.0
    assert list(causes(desk.before, now, {}).values()) == ["gap"]


def test_fills_that_were_within_before_the_market_moved_are_a_gap_with_fills():
    """Neither the book of before on the market of now nor that of now on the market of before is beyond."""
    desk = _Desk(_delta_limit(0.75))
    now = desk.now(_sold(2, 3), *_Desk.market_at(5060.0))  # 0.975 on the market of before
    assert _used(now) > 1.0
    assert list(causes(desk.before, now, {}).values()) == ["gap with fills"]


def test_a_gap_is_one_whatever_filled_within_the_limit():
    """The book of before is beyond on the market of now already."""
    within = _Desk(_delta_limit(0.9))
    now = within.now(_sold(2, 1), *_Desk.market_at(5100.0))
    assert list(causes(within.before, now, {}).values()) == ["gap"]


def test_fills_beyond_the_limit_on_the_market_of_before_are_unaccounted():
    """A desk that obeys its limits has not quoted so much; a market that moved besides excuses nothing."""
    for facts in ((), _Desk.market_at(5060.0)):
        desk = _Desk(_CONTRACTS)
        now = desk.now(_sold(2, 10), *facts)
        assert causes(desk.before, now, {}) == {_name(now): "unaccounted"}


def test_a_market_that_would_have_done_it_too_excuses_no_fills():
    """The book of before is beyond on the market of now, and that of now was beyond before anything moved."""
    desk = _Desk(_delta_limit(0.95))
    now = desk.now(_sold(2, 2), *_Desk.market_at(5060.0))
    assert list(causes(desk.before, now, {}).values()) == ["unaccounted"]


def test_what_filled_on_its_way_out_is_a_late_fill_if_the_rest_is_within():
    """By row and side: late purchases do not excuse sales."""
    desk = _Desk(_CONTRACTS)
    now = desk.now(_sold(2, 10))
    row = now.table.row_of(_CALL)
    told = {
        "late fill": ({row: -10}, {row: -5}),
        "unaccounted": ({row: -4}, {row: 10}),
    }
    for cause, lates in told.items():
        for late in lates:
            before = dict(late)
            assert list(causes(desk.before, now, late).values()) == [cause], late
            assert late == before


def test_what_the_desk_could_not_know_and_did_not_trade_have_their_own_names():
    """Both together where neither is enough; a fill that is late in both ways is taken off once."""
    desk = _Desk(_CONTRACTS)
    now = desk.now(_sold(2, 10))
    row = now.table.row_of(_CALL)
    for cause, late, told_late, not_traded in (
        ("told late", {}, {row: -5}, {}),
        ("told late", {row: -4}, {row: -5}, {}),
        ("not traded", {}, {}, {row: -5}),
        ("not traded", {row: -2}, {}, {row: -3}),
        ("unaccounted", {row: -4}, {row: -4}, {}),
        ("unaccounted", {row: -2}, {}, {row: -2}),
    ):
        assert list(causes(desk.before, now, late, told_late, not_traded).values()) == [cause]


def test_fills_in_what_had_expired_by_a_clock_that_was_ahead():
    """The desk that thought them dead had no room to spare for them; once it has gone back they count."""
    desk = _Desk(_CONTRACTS)
    later = _cycle_at(desk.state, NOW_NS + 40 * 86_400_000_000_000)
    assert later.table.expiry_ns[later.table.row_of(_CALL)] <= later.now_ns
    now = desk.now(_sold(2, 10))
    assert _used(now) > 1.0
    assert list(causes(later, now, {}).values()) == ["clock ahead"]


def _cycle_at(state, at_ns):
    """A cycle by a clock that is ahead."""
    return step(state, CycleDue(received_ns=at_ns, reason="ahead"))


def test_the_book_is_not_changed_by_the_question():
    desk = _Desk(_CONTRACTS)
    now = desk.now(_sold(2, 10))
    held = now.held.quantity.copy()
    causes(desk.before, now, {now.table.row_of(_CALL): -10})
    assert np.array_equal(now.held.quantity, held)


def test_only_what_was_within_before_is_told():
    """One that was beyond is not told again, one that is within not at all."""
    desk = _Desk(_CONTRACTS, fills=[_sold(1, 20)])
    assert _used(desk.before) > 1.0
    assert causes(desk.before, desk.now(_sold(2, 5)), {}) == {}
    within = _Desk(_CONTRACTS)
    now = within.now(_sold(2, 5))
    assert _used(now) == 1.0
    assert causes(within.before, now, {}) == {}


def test_a_limit_that_was_tightened_blames_no_fill():
    """The book was within what held then."""
    desk = _Desk(_CONTRACTS, fills=[_sold(1, 12)])
    tight = Limit(measure=LimitMeasure.NET_CONTRACTS, limit_hard=6.0)
    now = desk.now(LimitsSet(received_ns=NOW_NS, limits=(tight,), by="test"))
    assert causes(desk.before, now, {}) == {_name(now): "gap"}


def _unmeasured():
    """A limit on what nobody can compute: the delta of an underlying without a price."""
    limit = Limit(measure=LimitMeasure.DELTA_USD, limit_hard=1e9, stale_after_s=3_600.0)
    state, cycle = State(), None
    facts = index_facts(fills=[_sold(1, 10)], limits=(limit,), days=(30,), width=0.05)
    blind = [fact for fact in facts if not isinstance(fact, UnderlyingQuoted | QuotesSeen)]
    for fact in blind:
        cycle = step(state, fact) or cycle
    return limit, state, cycle


def test_nothing_to_compute_is_unknown_and_may_turn_into_a_breach():
    """NaN before counts as within: what is seen to be beyond later is fresh."""
    limit, state, blind = _unmeasured()
    assert np.isnan(_used(blind))
    sighted = _Desk(limit)
    assert causes(sighted.before, blind, {}) == {limit.name: "unknown measure"}
    for fact in index_facts(days=(30,), width=0.05):
        if isinstance(fact, UnderlyingQuoted | QuotesSeen):
            step(state, fact)
    tight = Limit(measure=LimitMeasure.DELTA_USD, limit_hard=1.0, stale_after_s=3_600.0)
    step(state, LimitsSet(received_ns=NOW_NS, limits=(tight,), by="test"))
    now = step(state, CycleDue(received_ns=NOW_NS, reason="test"))
    assert _used(now) > 1.0
    assert set(causes(blind, now, {})) == {tight.name}


def test_rates_are_not_of_the_book():
    """However many of them filled."""
    limit = Limit(measure=LimitMeasure.FILLS_PER_MIN, limit_hard=1.0)
    desk = _Desk(limit)
    now = desk.now(_sold(2, 10), _sold(3, 1), _sold(4, 1))
    assert _used(now) > 1.0
    assert causes(desk.before, now, {}) == {limit.name: "not of the book"}


def _name(cycle):
    (one,) = cycle.standing.limits
    return one.limit.name
