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
from flatbook.reports.markouts import KEYS, Track, by, markouts, track_of_marks, track_of_quotes
from tests.worlds import NOW_NS, fill, option, share, view_by_hand

_S = 1_000_000_000
_TABLE = InstrumentTable(version=1, instruments=(option("C", 100.0, 30, Right.CALL), share()))
_ROWS = np.array([0])


def _track(values, spots, *, seconds, delta=0.0, rows=_ROWS):
    values, spots = (np.array(each, dtype=np.float64)[:, None] for each in (values, spots))
    return Track(
        at_ns=NOW_NS + np.array(seconds, dtype=np.int64) * _S, rows=rows, value=values, spot=spots,
        delta=np.full(values.shape, delta),
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
    """A missing side is no value; facts of one instant are one point."""
    other = InstrumentTable(version=1, instruments=(*_TABLE.instruments, option("P", 90.0, 30, Right.PUT)))
    facts = [
        UnderlyingQuoted(received_ns=NOW_NS, underlying="XYZ", price=100.0),
        QuotesSeen(received_ns=NOW_NS, symbols=("C", "P"), bid_ticks=(490, 10), ask_ticks=(510, 20)),
        QuotesSeen(received_ns=NOW_NS + _S, symbols=("P",), bid_ticks=(12,), ask_ticks=(20,)),
        QuotesSeen(received_ns=NOW_NS + 2 * _S, symbols=("C",), bid_ticks=(None,), ask_ticks=(530,)),
        UnderlyingQuoted(received_ns=NOW_NS + 3 * _S, underlying="XYZ", price=101.0),
    ]
    track = track_of_quotes(facts, other, _ROWS, np.array([0.5]))

    assert ((track.at_ns - NOW_NS) // _S).tolist() == [0, 1, 2, 3]
    assert track.value[:, 0] == pytest.approx([5.0, 5.0, np.nan, np.nan], nan_ok=True)
    assert track.spot[:, 0].tolist() == [100.0, 100.0, 100.0, 101.0]
    assert (track.delta == 0.5).all()


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
