"""Markouts: hedged, grouped, with honest errors; informed flow gives up what theory says."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as struct_replace

from flatbook.exposure.marks import mark
from flatbook.model.events import Capacity, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Instrument, Kind, Payoff, Right, Side, TickBand
from flatbook.model.measures import Measure
from flatbook.model.table import InstrumentTable
from flatbook.reports.markouts import (
    KEYS,
    Track,
    by,
    instants_for,
    markouts,
    track_of_marks,
    track_of_quotes,
)
from tests.worlds import NOW_NS, fill, option, share, view_by_hand

_S = 1_000_000_000
_TABLE = InstrumentTable(version=1, instruments=(option("C", 100.0, 30, Right.CALL), share()))
_ROWS = np.array([0])


def _track(values, spots, *, seconds, delta=0.0, rows=_ROWS):
    """Each value told at its instant."""
    values, spots = (np.array(each, dtype=np.float64)[:, None] for each in (values, spots))
    at_ns = NOW_NS + np.array(seconds, dtype=np.int64) * _S
    return Track(
        at_ns=at_ns, rows=rows, value=values, told_ns=at_ns[:, None], spot=spots, delta=np.full(values.shape, delta),
    )  # fmt: skip


def _fill(number, side, price, *, quantity=1, at_s=0, **more):
    return struct_replace(fill(number, "C", side, quantity, price, **more), traded_ns=NOW_NS + at_s * _S)


def test_edge_and_what_came_after_by_hand():
    """Sold 2 at 5.30, worth 5.00: edge 60. A second later 5.10 at spot +0.30 and delta 0.5: 0.10 less 0.15 hedged is +10."""
    track = _track([5.0, 5.1, 5.4], [100.0, 100.3, 100.3], seconds=[0, 1, 10], delta=0.5)
    found = markouts([_fill(1, "sell", 5.3, quantity=2)], _TABLE, track, (1.0, 10.0))

    assert found.edge_usd == pytest.approx([60.0])
    assert found.adverse_usd[0] == pytest.approx([10.0, -50.0])
    one, ten = by(found, "all")
    assert one.realised_usd == pytest.approx(70.0)
    assert (one.give_back, ten.give_back) == (pytest.approx(-10.0 / 60.0), pytest.approx(50.0 / 60.0))


def test_a_value_that_is_missing_or_too_late_is_counted_and_in_no_mean():
    """Of 60 s the value at 95 s is that of another horizon; of 300 s there is none."""
    track = _track([5.0, 5.1, 5.2], [100.0] * 3, seconds=[0, 1, 95])
    found = markouts([_fill(1, "buy", 4.9), _fill(2, "buy", 4.9, at_s=1)], _TABLE, track, (1.0, 60.0, 300.0))

    assert np.isnan(found.adverse_usd).tolist() == [[False, True, True], [True, True, True]]
    groups = by(found, "all")
    assert [(each.fills, each.fills_without) for each in groups] == [(1, 1), (0, 2), (0, 2)]
    assert np.isnan(groups[1].adverse_usd_per_contract)


def test_a_fill_before_any_value_has_no_edge():
    track = _track([5.0, 5.1], [100.0] * 2, seconds=[5, 6])
    found = markouts([_fill(1, "buy", 4.9)], _TABLE, track, (6.0,))

    assert np.isnan(found.edge_usd[0])
    assert by(found, "all")[0].fills_without == 1


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("counterparty", ["A", "B", "unknown"]),
        ("venue", ["V", "unknown"]),
        ("series", ["C"]),
        ("capacity", ["customer", "unknown"]),
        ("all", ["all"]),
    ],
)
def test_groups_are_named_and_add_up(key, names):
    track = _track([5.0, 5.1], [100.0] * 2, seconds=[0, 1])
    fills = [
        _fill(1, "buy", 4.9, counterparty="A", venue="V", capacity=Capacity.CUSTOMER),
        _fill(2, "sell", 5.2, counterparty="B", venue="V", quantity=3),
        _fill(3, "sell", 5.3),
    ]
    found = markouts(fills, _TABLE, track, (1.0,))
    groups = by(found, key)

    assert set(KEYS) == {"all", "counterparty", "venue", "series", "capacity"}
    assert [each.name for each in groups] == names
    assert sum(each.adverse_usd for each in groups) == pytest.approx(found.adverse_usd.sum())
    assert sum(each.contracts for each in groups) == 5


def test_informed_flow_takes_what_theory_says():
    """V41: who is right with probability p takes (2p - 1) s sqrt(h) sqrt(2 / pi) of us; seed 5, within four standard errors."""
    random = np.random.default_rng(5)
    n, right, deviation, horizon_s = 40_000, 0.6, 0.02, 60.0
    moves = random.normal(size=n) * deviation * np.sqrt(horizon_s)
    informed = np.where(random.uniform(size=n) < right, 1.0, -1.0) * np.sign(moves)  # +1: they buy
    gap_s = 1_000
    seconds = np.ravel(np.column_stack((np.arange(n) * gap_s, np.arange(n) * gap_s + int(horizon_s))))
    values = np.ravel(np.column_stack((np.full(n, 50.0), 50.0 + moves)))
    fills = [
        _fill(k, "sell" if side > 0 else "buy", 50.0 + 0.05 * side, at_s=k * gap_s)
        for k, side in enumerate(informed.tolist())
    ]
    track = _track(values, np.full(values.size, 100.0), seconds=seconds)
    (group,) = by(markouts(fills, _TABLE, track, (horizon_s,)), "all")
    theory = -(2.0 * right - 1.0) * deviation * np.sqrt(horizon_s) * np.sqrt(2.0 / np.pi) * 100.0
    sampled = deviation * np.sqrt(horizon_s) * 100.0 * np.sqrt((1.0 - (0.2**2) * 2.0 / np.pi) / n)

    assert group.standard_error == pytest.approx(sampled, rel=0.02)
    assert abs(group.adverse_usd_per_contract - theory) < 4.0 * group.standard_error
    assert group.give_back == pytest.approx(-theory / 5.0, abs=4.0 * group.standard_error / 5.0)


def test_standard_errors_cover_what_they_should():
    """2,000 groups of 30 fills of unequal size around a true mean of 0, seed 9: within two errors in 92 to 97 %."""
    random = np.random.default_rng(9)
    covered, trials, n = 0, 2000, 30
    for _ in range(trials):
        later = 5.0 + random.normal(size=n)
        fills = [
            _fill(k, "buy", 5.0, quantity=int(q), at_s=10 * k) for k, q in enumerate(random.integers(1, 5, n))
        ]
        values = np.ravel(np.column_stack((np.full(n, 5.0), later)))
        seconds = np.ravel(np.column_stack((np.arange(n) * 10, np.arange(n) * 10 + 1)))
        (group,) = by(
            markouts(fills, _TABLE, _track(values, np.full(2 * n, 1.0), seconds=seconds), (1.0,)), "all"
        )
        covered += abs(group.adverse_usd_per_contract) <= 2.0 * group.standard_error

    assert 0.92 < covered / trials < 0.97


def test_a_track_of_marks_hedges_a_small_move_away():
    """Spot alone moves by 0.05 %: the call is worth more, hedged of delta nothing but gamma is left."""
    market = view_by_hand(_TABLE.instruments, spot=100.0, vols=[0.2, np.nan])
    up = replace(
        market, now_ns=NOW_NS + _S, spot=market.spot * 1.0005, slice_forward=market.slice_forward * 1.0005,
        forward=market.forward * 1.0005, slice_spot=market.slice_spot * 1.0005,
    )  # fmt: skip
    marks = [mark(each) for each in (market, up)]
    track = track_of_marks(marks, np.array([0, 1]))
    found = markouts([_fill(1, "sell", 3.0, quantity=10)], _TABLE, track, (1.0,))
    gamma = 0.5 * marks[0].values.greeks[0, Measure.GAMMA_USD_PER_PCT] * 100.0 * 0.0005**2

    assert found.adverse_usd[0, 0] == pytest.approx(-10.0 * gamma, rel=0.01)


def test_a_track_of_quotes_follows_both_sides_and_the_underlying():
    """A missing side is no value; facts of one instant are one point, in whichever order; a middle keeps its own time and spot."""
    other = InstrumentTable(version=1, instruments=(*_TABLE.instruments, option("P", 90.0, 30, Right.PUT)))
    facts = [
        QuotesSeen(received_ns=NOW_NS, symbols=("C", "P"), bid_ticks=(490, 10), ask_ticks=(510, 20)),
        UnderlyingQuoted(received_ns=NOW_NS, underlying="XYZ", price=100.0),
        QuotesSeen(received_ns=NOW_NS + _S, symbols=("P",), bid_ticks=(12,), ask_ticks=(20,)),
        QuotesSeen(received_ns=NOW_NS + 2 * _S, symbols=("C",), bid_ticks=(None,), ask_ticks=(530,)),
        UnderlyingQuoted(received_ns=NOW_NS + 3 * _S, underlying="XYZ", price=101.0),
    ]
    track = track_of_quotes(facts, other, _ROWS, np.array([0.5]))

    assert ((track.at_ns - NOW_NS) // _S).tolist() == [0, 1, 2, 3]
    assert track.value[:, 0] == pytest.approx([5.0, 5.0, np.nan, np.nan], nan_ok=True)
    assert ((track.told_ns[:, 0] - NOW_NS) // _S).tolist() == [0, 0, 2, 2]
    assert track.spot[:, 0].tolist() == [100.0, 100.0, 100.0, 100.0]
    assert (track.delta == 0.5).all()


def _spot(second, price):
    return UnderlyingQuoted(received_ns=NOW_NS + second * _S, underlying="XYZ", price=price)


def _middle(second, ticks):
    return QuotesSeen(
        received_ns=NOW_NS + second * _S, symbols=("C",), bid_ticks=(ticks - 10,), ask_ticks=(ticks + 10,)
    )


def test_a_middle_that_stands_while_spot_moves_is_hedged_by_spot_of_its_own_time():
    """Quoted at 5.00 with spot 100, spot moves to 102 before the trade: 6.00 a minute later at 102 is the delta alone."""
    facts = [_spot(0, 100.0), _middle(0, 500), _spot(5, 102.0), _middle(70, 600)]
    track = track_of_quotes(facts, _TABLE, _ROWS, np.array([0.5]))
    found = markouts([_fill(1, "sell", 5.5, at_s=10)], _TABLE, track, (60.0,))

    assert found.adverse_usd[0] == pytest.approx([0.0], abs=1e-9)
    assert found.age_s == pytest.approx([10.0])


def test_a_middle_from_before_the_trade_or_long_before_the_horizon_is_no_later_value():
    """Sold at 10 s of a middle of 9 s, spot up by 2 at 11 s, requoted at 13, 61 and 71 s: 1 s and 300 s have no value."""
    facts = [_spot(0, 100.0), _middle(9, 500), _spot(11, 102.0), _middle(13, 590), _spot(20, 102.0)]
    facts += [_middle(61, 600), _spot(70, 102.0), _middle(71, 640), _spot(311, 102.0)]
    track = track_of_quotes(facts, _TABLE, _ROWS, np.array([0.5]))
    found = markouts([_fill(1, "sell", 5.5, at_s=10)], _TABLE, track, (1.0, 10.0, 60.0, 300.0))

    # at 20 s the middle of 13 s is 7 s old, and 5 are allowed; at 70 s that of 61 s stands
    assert found.adverse_usd[0] == pytest.approx([np.nan, np.nan, 0.0, np.nan], abs=1e-9, nan_ok=True)


def test_the_first_middle_after_the_horizon_counts_where_the_one_that_stands_does_not():
    """The first instant after it is of the underlying; the series is requoted two seconds later. What is read is what is kept."""
    facts = [_spot(0, 100.0), _middle(9, 500), _spot(20, 102.0), _middle(22, 630), _spot(23, 103.0)]
    fills = [_fill(1, "sell", 5.5, at_s=10)]
    at_ns = np.array([fact.received_ns for fact in facts])
    own = {"C": np.array([NOW_NS + second * _S for second in (9, 22)])}
    kept = instants_for(fills, at_ns, own, (10.0,))
    whole, thin = (
        track_of_quotes(facts, _TABLE, _ROWS, np.array([0.5]), instants) for instants in (None, kept)
    )

    assert ((kept - NOW_NS) // _S).tolist() == [9, 20, 22]
    for track in (whole, thin):
        found = markouts(fills, _TABLE, track, (10.0,))
        assert found.adverse_usd[0] == pytest.approx([-100.0 * (1.30 - 0.5 * 2.0)])


def test_coins_are_counted_at_the_index():
    """100 perpetuals of 10 USD bought at 39,900, value 40,000: 1000 USD of coin at both; hedged, a rise leaves a trifle."""
    perpetual = Instrument(
        symbol="C", underlying="BTC", kind=Kind.FUTURE, multiplier=10.0, currency="BTC", ticks_per_unit=100,
        tick_table=(TickBand(0, 5),), payoff=Payoff.INVERSE,
    )  # fmt: skip
    table = InstrumentTable(version=1, instruments=(perpetual,))
    track = _track([40_000.0, 40_400.0], [40_000.0, 40_400.0], seconds=[0, 1], delta=1.0 / 40_000.0)
    bare = replace(track, delta=np.zeros((2, 1)))
    one = [_fill(1, "buy", 39_900.0, quantity=100)]
    hedged, open_ = markouts(one, table, track, (1.0,)), markouts(one, table, bare, (1.0,))

    assert one[0].side is Side.BUY
    assert hedged.edge_usd[0] == pytest.approx(1000.0 * 40_000.0 * (1.0 / 39_900.0 - 1.0 / 40_000.0))
    assert open_.adverse_usd[0, 0] == pytest.approx(1000.0 * (1.0 - 40_000.0 / 40_400.0))
    assert abs(hedged.adverse_usd[0, 0]) < 0.02 * open_.adverse_usd[0, 0]
