"""Quote health: each fault by itself, norms by class and price, copies told from quiet markets, the holiday file of SPX."""

import os
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.adapters.calendars import new_york_sessions
from flatbook.adapters.files.instants import parse_instant
from flatbook.adapters.files.market import read_market
from flatbook.market.quote_health import (
    FAULT_TEXT,
    REJECTS,
    HealthLimits,
    QuoteFault,
    Snapshot,
    class_health,
    copied_classes,
    find_faults,
    is_shut,
    is_usable,
    learn_norms,
    no_norms,
    text_of,
)
from flatbook.market.variance_clock import VarianceWeights, variance_clock
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import QuotesSeen

DATA = Path(os.environ.get("FLATBOOK_DATA", Path(__file__).parents[3] / "shared" / "data"))
_NAN = float("nan")
_LIMITS = HealthLimits()


def _faults(bid, ask, *, age=0.0, usual=0.1, outside=False, copied=False):
    found = find_faults(
        np.array([bid]), np.array([ask]), np.array([age]), np.array([usual]), np.array([outside]),
        np.array([copied]), _LIMITS,
    )  # fmt: skip
    return QuoteFault(int(found[0]))


@pytest.mark.parametrize(
    ("quote", "faults"),
    [
        ({"bid": 1.0, "ask": 1.1}, QuoteFault(0)),
        ({"bid": _NAN, "ask": 1.1}, QuoteFault.NO_BID),
        ({"bid": _NAN, "ask": _NAN}, QuoteFault.NO_BID | QuoteFault.NO_ASK),
        ({"bid": 1.2, "ask": 1.1}, QuoteFault.CROSSED),
        ({"bid": 1.1, "ask": 1.1}, QuoteFault.LOCKED),
        ({"bid": 1.0, "ask": 1.1, "age": 901.0}, QuoteFault.STALE),
        ({"bid": 1.0, "ask": 1.1, "age": -1.0}, QuoteFault.STALE),
        ({"bid": 1.0, "ask": 1.1, "age": _NAN}, QuoteFault.STALE),
        ({"bid": 1.0, "ask": 1.41}, QuoteFault.WIDE),
        ({"bid": 1.0, "ask": 1.39}, QuoteFault(0)),
        ({"bid": 1.0, "ask": 9.0, "usual": _NAN}, QuoteFault(0)),
        ({"bid": 1.0, "ask": 1.1, "copied": True}, QuoteFault.STALE_COPY),
        ({"bid": 1.0, "ask": 1.1, "outside": True}, QuoteFault.OUT_OF_BOUNDS),
        (
            {"bid": 1.0, "ask": 3.0, "age": 1e4, "copied": True},
            QuoteFault.STALE | QuoteFault.WIDE | QuoteFault.STALE_COPY,
        ),
    ],
)
def test_every_fault_of_a_quote_is_kept(quote, faults):
    """Alone and together."""
    assert faults == _faults(**quote)


def test_a_locked_quote_is_a_price_and_everything_else_is_refused():
    """As `market.quotes` has it; every fault has words."""
    bits = np.array([0, *QuoteFault], dtype=np.int16)

    assert is_usable(bits).tolist() == [bit in (0, QuoteFault.LOCKED) for bit in bits.tolist()]
    assert set(QuoteFault) == set(FAULT_TEXT)
    assert set(QuoteFault) - set(REJECTS) == {QuoteFault.LOCKED}
    assert text_of(int(QuoteFault.NO_BID | QuoteFault.STALE)).startswith("no bid; older")
    assert text_of(0) == "healthy"


@given(seed=st.integers(0, 2**31))
def test_norms_are_medians_by_class_and_doubling(seed):
    """Against a loop over quotes."""
    random = np.random.default_rng(seed)
    n = 200
    mid = np.exp(random.uniform(-3.0, 6.0, n))
    spread = random.uniform(-0.1, 1.0, n) * mid
    bid, ask = mid - spread / 2.0, mid + spread / 2.0
    bid[:5] = _NAN
    class_of = random.integers(-1, 3, n)
    usual = learn_norms(no_norms(3), bid, ask, class_of, weight=1.0).usual(mid, class_of)
    seen = {}
    for b, a, c in zip(bid, ask, class_of, strict=True):
        if a > b and c >= 0:
            seen.setdefault((int(c), int(np.floor(np.log2((a + b) / 2.0)))), []).append(a - b)
    medians = {key: np.median(found) for key, found in seen.items() if len(found) >= 5}
    for m, c, norm in zip(mid, class_of, usual, strict=True):
        of_class = {octave: value for (owner, octave), value in medians.items() if owner == c}
        if not of_class:
            assert np.isnan(norm)
            continue
        octave = int(np.floor(np.log2(m)))
        nearest = min(of_class, key=lambda at: (abs(at - octave), at))
        assert norm == pytest.approx(of_class[nearest], rel=1e-9)


def test_a_class_that_widens_all_at_once_is_told_by_its_habit():
    """Five times the usual spread: every quote is wide against yesterday, none against itself."""
    mid, of = np.full(50, 10.0), np.zeros(50, dtype=np.int64)
    norms = learn_norms(no_norms(1), mid - 0.1, mid + 0.1, of, weight=1.0)
    usual = norms.usual(mid, of)
    faded = learn_norms(norms, mid - 0.5, mid + 0.5, of, weight=0.5).usual(mid, of)
    nothing, ages = np.zeros(50, dtype=np.bool_), np.zeros(50)
    faults = find_faults(mid - 0.5, mid + 0.5, ages, usual, nothing, nothing, _LIMITS)
    health = class_health(faults, mid - 0.5, mid + 0.5, ages, usual, ~nothing, of, 1)

    assert usual == pytest.approx(np.full(50, 0.2), rel=1e-9)
    assert faded == pytest.approx(np.full(50, np.sqrt(0.2 * 1.0)), rel=1e-9)
    assert health.usable_share.tolist() == [0.0]
    assert health.spread_ratio == pytest.approx([5.0], rel=1e-9)
    with pytest.raises(InvalidValueError, match="weight"):
        learn_norms(norms, mid, mid, of, weight=0.0)


def _snapshot(spot, bid, ask):
    return Snapshot(bid=np.array(bid), ask=np.array(ask), spot_of_class=np.array(spot))


def test_a_copy_is_a_whole_class_that_repeats_while_its_underlying_moved():
    """One class repeats and its underlying moved; one repeats in a quiet market; one has a single new quote."""
    class_of = np.repeat([0, 1, 2], 20)
    bid = np.linspace(1.0, 7.0, 60)
    bid[3] = _NAN
    ask = bid + 0.1
    fresh = bid.copy()
    fresh[59] += 0.01
    found = copied_classes(
        _snapshot([100.0, 50.0, 20.0], bid, ask),
        _snapshot([101.0, 50.0, 21.0], fresh, ask),
        class_of,
        _LIMITS,
    )

    assert found.tolist() == [True, False, False]


def test_a_handful_of_quotes_may_repeat_by_chance():
    """Nine series are no evidence; series listed since are not compared; no quotes are no copy."""
    bid = np.linspace(1.0, 2.0, 9)
    before = _snapshot([100.0], bid, bid + 0.1)
    class_of = np.zeros(12, dtype=np.int64)
    later = _snapshot([105.0], np.append(bid, [9.0, 9.1, 9.2]), np.append(bid + 0.1, [9.5, 9.5, 9.5]))
    empty = np.full(12, _NAN)

    assert copied_classes(before, later, class_of, _LIMITS).tolist() == [False]
    assert copied_classes(before, later, class_of, HealthLimits(copy_count_min=9)).tolist() == [True]
    assert copied_classes(
        _snapshot([100.0], empty, empty),
        _snapshot([105.0], empty, empty),
        class_of,
        HealthLimits(copy_count_min=0),
    ).tolist() == [False]


def test_a_class_knows_its_share_and_its_faults():
    """Four series live of five: two usable, one without a bid, one old."""
    bid, ask = np.array([1.0, 2.0, _NAN, 1.0, 1.0]), np.array([1.1, 2.1, 0.1, 1.1, 1.1])
    age = np.array([5.0, 9.0, 1.0, 5_000.0, 1.0])
    usual, nothing = np.full(5, 0.1), np.zeros(5, dtype=np.bool_)
    faults = find_faults(bid, ask, age, usual, nothing, nothing, _LIMITS)
    live = np.array([True, True, True, True, False])
    health = class_health(faults, bid, ask, age, usual, live, np.zeros(5, dtype=np.int64), 2)
    faults_in_order = list(QuoteFault)

    assert health.n_live.tolist() == [4, 0]
    assert health.usable_share[0] == 0.5
    assert np.isnan([health.usable_share[1], health.oldest_s[1], health.spread_ratio[1]]).all()
    assert health.by_fault[0, faults_in_order.index(QuoteFault.NO_BID)] == 1
    assert health.by_fault[0, faults_in_order.index(QuoteFault.STALE)] == 1
    assert health.by_fault[0].sum() == 2
    assert health.oldest_s[0] == 9.0


@cache
def _clock():
    return variance_clock(*new_york_sessions(date(2018, 1, 1), date(2020, 12, 31)), VarianceWeights())


def test_a_holiday_is_shut_and_a_night_is_not():
    """Memorial Day and a Sunday; an evening after the close is of the day."""
    instants = [
        parse_instant(text)
        for text in (
            "2019-05-27T16:00:00-04:00", "2019-05-26T16:00:00-04:00", "2019-05-24T16:00:00-04:00",
            "2019-05-24T18:00:00-04:00", "2019-05-28T09:30:00-04:00",
        )
    ]  # fmt: skip

    assert is_shut(_clock(), np.array(instants)).tolist() == [True, True, False, False, False]


@pytest.mark.market_data
def test_the_holiday_file_of_spx_is_known_for_a_copy_and_its_neighbours_are_not():
    """2019-05-27 under its own date; the day before and after it in the folder stay mostly usable."""
    limits, found = HealthLimits(), {}
    for day in ("14", "27", "31"):
        path = DATA / "spx-cboe-eod-2019" / f"SPX_201905{day}.csv"
        if not path.exists():
            pytest.skip(f"no real market data: {path.name} is not in the data folder (set FLATBOOK_DATA)")
        market = read_market(path)
        (quotes,) = (event for event in market.events if isinstance(event, QuotesSeen))
        bid, ask = (
            np.array([_NAN if ticks is None else ticks / 100.0 for ticks in column])
            for column in (quotes.bid_ticks, quotes.ask_ticks)
        )
        class_of = np.array([int(symbol.startswith("SPXW")) for symbol in quotes.symbols])
        usual = learn_norms(no_norms(2), bid, ask, class_of, weight=1.0).usual(0.5 * (bid + ask), class_of)
        shut = np.repeat(is_shut(_clock(), np.array([market.at_ns])), bid.size)
        nothing = np.zeros(bid.size, dtype=np.bool_)
        faults = find_faults(bid, ask, np.zeros(bid.size), usual, nothing, shut, limits)
        health = class_health(faults, bid, ask, np.zeros(bid.size), usual, ~nothing, class_of, 2)
        found[day] = health.usable_share
        print(day, health.usable_share, health.by_fault.tolist())  # noqa: T201 - shown when the test fails

    assert found["27"].tolist() == [0.0, 0.0]
    assert (np.array([found["14"], found["31"]]) > 0.85).all()
