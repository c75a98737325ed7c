"""Fast markets: each sign by hand, levels that rise at once and end one by one, and what quotes do at each."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from flatbook.exposure.reference_vol import reference_vols
from flatbook.market.quotes import QuoteStatus
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import FastMarketSet, UnderlyingQuoted
from flatbook.model.quoting_terms import FastMarketTerms
from flatbook.quoting.fast_market import Level, after, within
from flatbook.quoting.propose import QuoteReason
from flatbook.quoting.state import QuotingState, conditions_at, remember, see_venue, up_to
from flatbook.quoting.ticks import NO_PRICE
from flatbook.riskprice.reservation import BID
from tests.quoting.worlds import RULES, WIDE, flat_cycle, priced, quote
from tests.worlds import NOW_NS

_S = 1_000_000_000
_QUIET = {"stale_share": 0.0, "confidence_min": 0.0, "feed_gap_s": 0.0}


def state_of(cycle, **terms):
    """A state that watches."""
    desk = changed(
        cycle.desk, quoting=RULES, fast_market=FastMarketTerms(**({"watch": True} | _QUIET | terms))
    )
    state = QuotingState()
    up_to(state, desk, cycle.table, NOW_NS)
    return state


def spot_at(state, price, seconds):
    see_venue(
        state, UnderlyingQuoted(received_ns=NOW_NS + round(seconds * _S), underlying="IDX", price=price)
    )


def at(cycle, seconds, **market):
    return replace(cycle.market, now_ns=NOW_NS + round(seconds * _S), **market)


@pytest.mark.parametrize(("z", "level"), [(3.9, 0), (4.1, 1), (8.1, 2), (12.1, 3), (40.0, 3), (-4.1, 1)])
def test_a_move_of_spot_counts_in_multiples_of_its_threshold(z, level):
    """z implied standard deviations of 60 s, by the calendar: ln S1/S0 = z vol sqrt(60 s in years)."""
    cycle = flat_cycle()
    state = state_of(cycle)
    vol = float(reference_vols(cycle.market)[0])
    now = 5000.0 * np.exp(z * vol * np.sqrt(60.0 / (365.0 * 86_400.0)))
    spot_at(state, 4000.0, -100.0)  # long before the window, and not the last before it
    spot_at(state, 5000.0, -70.0)
    spot_at(state, float(now), 0.0)
    fast = conditions_at(state, at(cycle, 0.0, spot=np.array([now]))).fast

    assert fast.level.tolist() == [level]
    assert bool(fast.reasons[0]) == (level > 0)


def test_a_move_that_is_over_is_no_sign():
    """Far, but all of it before the window: nothing has come since."""
    cycle = flat_cycle()
    state = state_of(cycle)
    for second, price in ((-100.0, 4000.0), (-95.0, 4500.0), (-90.0, 5000.0)):
        spot_at(state, price, second)

    assert conditions_at(state, at(cycle, -80.0)).fast.level.tolist() == [3]
    assert conditions_at(state, at(cycle, 0.0)).fast.level.tolist() == [0]


def test_only_the_window_is_looked_at():
    path = ((0, 1.0), (10, 2.0), (20, 3.0), (30, 4.0))

    assert within(path, 35, 20) == ((10, 2.0), (20, 3.0), (30, 4.0))
    assert within(path, 100, 20) == ((30, 4.0),)
    assert within((), 100, 20) == ()


def test_stale_quotes_doubtful_smiles_and_a_silent_feed_are_signs():
    cycle = flat_cycle()
    options = np.flatnonzero(cycle.table.is_option)
    status = cycle.market.status.copy()
    status[options[: options.size // 2]] = QuoteStatus.STALE
    doubt = np.full(cycle.market.slice_confidence.size, 0.2)
    spot_ns = np.array([NOW_NS - 11 * _S])

    def level(market, **terms):
        return conditions_at(state_of(cycle, **terms), replace(market, now_ns=NOW_NS)).fast.level[0]

    assert level(replace(cycle.market, status=status), stale_share=0.5) == 1
    assert level(replace(cycle.market, status=status), stale_share=0.51) == 0
    assert level(replace(cycle.market, slice_confidence=doubt), confidence_min=0.3) == 1
    assert level(cycle.market, confidence_min=0.3) == 0
    assert level(replace(cycle.market, spot_ns=spot_ns), feed_gap_s=10.0) == 1
    assert level(replace(cycle.market, spot_ns=spot_ns), feed_gap_s=12.0) == 0
    assert level(replace(cycle.market, spot_ns=np.array([0])), feed_gap_s=12.0) == 1  # no price ever
    every = replace(cycle.market, status=status, slice_confidence=doubt, spot_ns=spot_ns)
    assert level(every, stale_share=0.5, confidence_min=0.3, feed_gap_s=10.0) == 3


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=40))
def test_levels_rise_at_once_and_end_one_by_one(steps):
    """Against the law itself: never below what signs ask for, never down by more than one, never down before its time."""
    level, now, asked = Level(), 0, 0
    for wanted, seconds in steps:
        now += seconds * _S
        new = after(level, wanted, now, 30.0)
        assert new.level >= min(wanted, 3)
        assert new.level >= level.level - 1
        if new.level < level.level:
            assert now - asked >= 30 * _S
            asked = now
        elif min(wanted, 3) >= level.level:
            assert new.level == min(wanted, 3)
            asked = now
        level = new


def test_a_market_resumes_stepwise_cycle_by_cycle():
    """Called fast, then three signs, then none: level 3 for 30 s, then 2, 1, 0 each after 30 s more."""
    cycle = flat_cycle()
    state = state_of(cycle, feed_gap_s=10.0, stale_share=0.5, confidence_min=0.3)
    status = np.where(cycle.table.is_option, QuoteStatus.STALE, QuoteStatus.USABLE).astype(np.int8)
    bad = {
        "status": status,
        "slice_confidence": np.zeros(cycle.market.slice_confidence.size),
        "spot_ns": np.array([NOW_NS - 60 * _S]),
    }
    sizes = np.zeros((2, len(cycle.table.instruments)), np.int64)
    seen = []
    for second in range(0, 131, 10):
        good = {"spot_ns": np.array([NOW_NS + second * _S])}
        market = at(cycle, second, **(bad if second == 0 else good))
        conditions = conditions_at(state, market)
        remember(state, conditions, cycle.values, market, sizes)
        seen.append(int(conditions.fast.level[0]))

    assert seen == [3, 3, 3, 2, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0]
    assert dict(state.fast) == {}


def test_somebody_calls_a_market_fast_and_calm_again():
    cycle = flat_cycle()
    state = state_of(cycle, watch=False)
    assert conditions_at(state, cycle.market).fast.why() == {}
    see_venue(state, FastMarketSet(received_ns=NOW_NS, underlying="", on=True, reason="news"))
    fast = conditions_at(state, cycle.market).fast
    assert fast.why() == {"IDX": "level 1: by hand: news"}
    assert fast.urgent.tolist() == [True]
    see_venue(state, FastMarketSet(received_ns=NOW_NS, underlying="", on=False, reason="over"))
    assert conditions_at(state, cycle.market).fast.level.tolist() == [0]  # no cycle has seen it


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_quotes_widen_shrink_and_lose_their_wings_by_level(level):
    """Factors of the desk on the neutral distance and the size; wings are off from level 2."""
    cycle = flat_cycle()
    state = state_of(cycle, wing_delta_below=0.3, wing_delta_above=0.7)
    state.fast = {"IDX": Level(level=level, since_ns=NOW_NS)}
    conditions = conditions_at(state, cycle.market)
    calm, fast = (quote(cycle, priced(cycle), WIDE), quote(cycle, priced(cycle), WIDE, conditions))
    delta = np.abs(cycle.values.greeks[:, 1]) / cycle.table.multiplier
    live = cycle.table.is_option & np.isfinite(cycle.values.price)
    wing = live & ((delta < 0.3) | (delta > 0.7))
    kept = live & ~wing if level >= 2 else live
    factor, share = (1.0, 1.5, 2.5, 4.0)[level], (1.0, 0.5, 0.25, 0.1)[level]

    assert 10 < wing.sum() < live.sum()
    np.testing.assert_allclose(
        fast.parts.distance[BID][live], factor * calm.parts.distance[BID][live], rtol=1e-12
    )
    assert np.all(fast.bid_size[kept & (fast.bid != NO_PRICE)] == 20 * share)
    assert np.all((fast.bid[wing] == NO_PRICE) == (level >= 2))
    if level:
        assert np.all(fast.reason[kept & (fast.bid != NO_PRICE)] == QuoteReason.FAST)


@pytest.mark.parametrize(
    "terms",
    [
        {"z_score": 0.0},
        {"widen_factor": (2.0, 1.5, 4.0)},
        {"widen_factor": (2.0, 4.0)},
        {"size_share": (0.5, 0.6, 0.1)},
        {"wing_delta_below": 0.9, "wing_delta_above": 0.1},
        {"burst_branching": 1.0},
        {"wings_from_level": 4},
    ],
)
def test_terms_that_cannot_be_meant_are_refused(terms):
    with pytest.raises(InvalidValueError, match="fast_market"):
        FastMarketTerms(**terms)
