"""The kernels of a tick against the rooms that they stand in for, row by row on random columns, and against polynomials."""

import numpy as np
import pytest
from msgspec.structs import replace
from tests.worlds import NICKEL, PENNY, option, view_by_hand

from flatbook.kernels import spot_proxy, tick_book, tick_quotes
from flatbook.limits.ladder import Memory, respond, thresholds_of
from flatbook.model.table import InstrumentTable
from flatbook.quoting.fences import TwoSides, fences, inside, legal_width
from flatbook.quoting.prices import squeezed
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks, step_ticks


@pytest.mark.parametrize("degree", range(5))
def test_five_points_follow_a_polynomial_of_the_fourth_degree(degree):
    """Exactly, up to rounding, within the interval."""
    weights = np.empty(spot_proxy.FIVE)
    for t in (-1.0, -0.37, 0.0, 0.002, 0.81, 1.0):
        spot_proxy.weights_at(t, weights)

        assert weights @ spot_proxy.POINTS**degree == pytest.approx(t**degree, abs=1e-15)


def test_in_the_middle_the_weights_are_exact():
    """Whatever was known there comes back to the bit."""
    weights = np.empty(spot_proxy.FIVE)
    spot_proxy.weights_at(0.0, weights)

    assert weights.tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]


def test_the_last_coefficient_is_that_of_chebyshev():
    """Against numpy's interpolant, and 0 for what is of the third degree."""
    chance = np.random.default_rng(1)
    columns, found = chance.standard_normal((5, 7)), np.empty(7)
    columns[:, 0] = 2.0 - spot_proxy.POINTS + 3.0 * spot_proxy.POINTS**3
    spot_proxy.last_coefficients(columns, found)
    expected = np.abs(np.polynomial.chebyshev.chebfit(spot_proxy.POINTS, columns, 4)[4])

    assert found == pytest.approx(expected, abs=1e-14)
    assert found[0] == pytest.approx(0.0, abs=1e-15)


_N = 400


def _columns(seed):
    """Random series: values, distances and markets that meet every branch, and a market view that holds them."""
    chance = np.random.default_rng(seed)
    bands = [PENNY if number % 3 else NICKEL for number in range(_N)]
    rows = tuple(
        replace(option(f"S{number}", 90.0 + number, 30, 1, tick_table=band), underlying="XYZ")
        for number, band in enumerate(bands)
    )
    market = view_by_hand(rows, spot=100.0, vols=[0.2] * _N)
    theo = np.where(chance.random(_N) < 0.1, 0.004, np.round(chance.gamma(1.0, 4.0, _N), 3))
    theo[chance.random(_N) < 0.03] = np.nan
    distance = chance.gamma(1.0, 0.3, (2, _N))
    distance[chance.random((2, _N)) < 0.05] = np.inf
    distance[chance.random((2, _N)) < 0.05] = np.nan
    half = chance.gamma(1.0, 0.3, _N)
    shift = chance.normal(0.0, 0.4, _N)
    bid, ask = np.round(theo + shift - half, 2), np.round(theo + shift + half, 2)
    bid[chance.random(_N) < 0.1], ask[chance.random(_N) < 0.1] = np.nan, np.nan
    crossed = chance.random(_N) < 0.05
    bid, ask = np.where(crossed, ask, bid), np.where(crossed, bid, ask)
    most = chance.integers(5, 120, _N)
    flags = chance.integers(0, 64, _N) | np.where(chance.random(_N) < 0.9, tick_quotes.LIVE, 0)
    return market, theo, distance, bid, ask, most, flags


def _by_rooms(market, theo, distance, bid, ask, most, flags):
    """What `quoting` makes of the same columns, whole columns at a time: `prices.prices_of` from its parts."""
    table: InstrumentTable = market.table
    seen = _with_quotes(market, bid, ask)
    theo = np.where((flags & tick_quotes.LIVE) != 0, theo, np.nan)
    wide = np.full(_N, 2.0)
    apart = np.where(distance == np.inf, wide, distance)
    apart = np.where(np.isnan(apart), 0.0, apart)
    ticks = ((np.nan_to_num(theo) + wide) * table.ticks_per_unit).astype(np.int64)
    step = step_ticks(ticks, table) / table.ticks_per_unit
    apart = squeezed(apart, np.maximum(most / table.ticks_per_unit - 2.0 * step, 0.0))
    fence = fences(theo, seen)
    wanted = inside(TwoSides(bid_ticks(theo - apart[0], table), ask_ticks(theo + apart[1], table)), fence)
    bid_widest, ask_widest = (
        (flags & flag) != 0 for flag in (tick_quotes.BID_WIDEST, tick_quotes.ASK_WIDEST)
    )
    far_is_bid = np.where(bid_widest != ask_widest, bid_widest, apart[0] > apart[1])
    quote = legal_width(wanted, fence, most, far_is_bid, bid_widest | ask_widest, table)
    both = (quote.bid != NO_PRICE) & (quote.ask != NO_PRICE)
    gone = both & (quote.ask - quote.bid > most) & ((flags & tick_quotes.IN_DUTY) != 0)
    middle = 50.0 * (np.where(np.isnan(bid), ask, bid) + np.where(np.isnan(ask), bid, ask))
    bid_is_far = middle - quote.bid > quote.ask - middle
    off = (gone & bid_is_far) | ((flags & tick_quotes.BID_OFF) != 0)
    ask_off = (gone & ~bid_is_far) | ((flags & tick_quotes.ASK_OFF) != 0)
    return np.where(off, NO_PRICE, quote.bid), np.where(ask_off, NO_PRICE, quote.ask)


def _with_quotes(market, bid, ask):
    return market.__class__(
        **{name: getattr(market, name) for name in market.__slots__} | {"bid": bid, "ask": ask}
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_row_is_quoted_as_the_quoting_room_quotes_it(seed):
    """Every flag, band, crossed and one-sided market, at random; both sides off by nothing."""
    market, theo, distance, bid, ask, most, flags = _columns(seed)
    table = market.table
    bands = np.array([[[0, 2**60], [1, 1]], [[0, 300], [5, 10]]], dtype=np.int64)
    whole = np.stack(
        (
            np.arange(_N),
            [int(number % 3 == 0) for number in range(_N)],
            most,
            np.full(_N, 7),
            np.full(_N, 9),
            flags,
        )
    )
    values, quotes = np.empty((2, _N)), np.empty((4, _N), dtype=np.int64)
    changed, before = np.empty(_N + 1, dtype=np.int64), np.full((4, _N), -5, dtype=np.int64)
    weights = np.array([[0.0, 0.0, 1.0, 0.0, 0.0]])

    count = tick_quotes.quote_series(
        np.array([0, _N]), np.zeros(1), weights, np.zeros(1), np.repeat(theo[None, None], 5, axis=1).repeat(2, axis=0),
        np.repeat(distance[:, None], 3, axis=1), np.stack((table.ticks_per_unit, np.full(_N, 2.0), np.zeros(_N))),
        np.ascontiguousarray(whole), bands, bid, ask, before, values, quotes, changed,
    )  # fmt: skip

    wanted = _by_rooms(market, theo, distance, bid, ask, most, flags)
    assert quotes[tick_quotes.BID].tolist() == wanted[0].tolist()
    assert quotes[tick_quotes.ASK].tolist() == wanted[1].tolist()
    assert (quotes[tick_quotes.SIZE_BID] == np.where(wanted[0] == NO_PRICE, 0, 7)).all()
    assert (quotes[tick_quotes.SIZE_ASK] == np.where(wanted[1] == NO_PRICE, 0, 9)).all()
    assert changed[:count].tolist() == list(range(_N))
    assert 20 < (wanted[0] == NO_PRICE).sum() < _N - 50


def test_a_step_is_that_of_the_ladder():
    """Hysteresis, cool-downs and breaches at random, against `limits.ladder.respond`; a NaN is a breach."""
    chance = np.random.default_rng(3)
    n, now_ns = 2000, 10**18
    reached = chance.integers(0, 5, n)
    until = np.where(chance.random((n, 3)) < 0.2, now_ns + chance.integers(-5, 5, (n, 3)), 0)
    cool = np.where(chance.random(n) < 0.5, 10**9, 0)
    thresholds = np.stack(
        [thresholds_of(soft, critical) for soft, critical in ((0.5, 0.9), (0.3, 0.6))] * (n // 2)
    )
    near = thresholds[np.arange(n), chance.integers(0, 4, n)] * chance.choice(
        [0.94, 0.95, 0.96, 1.0, 1.01], n
    )
    used = np.where(chance.random(n) < 0.02, np.nan, near)
    wanted, _ = respond(Memory(reached=reached, until_ns=until), used, thresholds, cool, now_ns)
    limits = np.column_stack((np.zeros(n), np.ones(n), used, thresholds))
    ladder = np.column_stack((reached, until, cool, np.zeros(n, dtype=np.int64)))
    step, none = np.empty(n, dtype=np.int64), np.zeros(n, dtype=np.int64)

    changed = spot_proxy.use_limits(
        np.zeros((1, 5)), np.zeros((n, 1, 1, 5)), np.zeros((n, 1, 0)), np.zeros(0), none[:0], np.zeros((n, 1), dtype=np.int64),
        none, limits, ladder, now_ns, np.empty(n), np.empty(n), step,
    )  # fmt: skip

    assert step.tolist() == wanted.tolist()
    assert changed == (wanted != 0).sum()


def _used(parts, currency, cells):
    """What a limit reads of parts by cell and underlying, int64[c, u]."""
    value, used, step = np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.int64)
    nodes = np.zeros((1, parts.shape[0], parts.shape[1], 5))
    nodes[0, :, :, 2] = parts
    weights = np.zeros((parts.shape[1], 5))
    weights[:, 2] = 1.0
    spot_proxy.use_limits(
        weights, nodes, np.ones((1, parts.shape[0], 1)), np.array([3.0]), np.array([0]), np.array([currency]),
        np.array([cells]), np.array([[2.0, 100.0, 0.0, 0.5, 0.75, 0.9, 1.0]]), np.zeros((1, 6), dtype=np.int64), 1,
        value, used, step,
    )  # fmt: skip
    return value[0], used[0]


def test_amounts_of_different_currencies_never_meet():
    """One currency nets; of two the magnitudes add, under the sign of the larger; what it does not bound is not in it."""
    assert _used(np.array([[10.0, -30.0]]), [0, 0], 1) == (-17.0, pytest.approx(0.19))
    assert _used(np.array([[10.0, -30.0]]), [0, 1], 1) == (-43.0, pytest.approx(0.45))
    assert _used(np.array([[10.0, -30.0]]), [0, -1], 1) == (13.0, pytest.approx(0.15))


def test_a_loss_is_the_worst_of_its_cells():
    """Gains in one currency pay no loss in another; a gain everywhere is no loss, what is unknown is a breach."""
    assert _used(np.array([[10.0, -30.0], [-10.0, 5.0]]), [0, 0], 2)[0] == 17.0
    assert _used(np.array([[10.0, -30.0], [-10.0, 5.0]]), [0, 1], 2)[0] == 30.0
    assert _used(np.array([[10.0, 30.0], [10.0, 5.0]]), [0, 0], 2)[0] == 0.0
    value, used = _used(np.array([[10.0, 30.0], [np.nan, 5.0]]), [0, 0], 2)
    assert np.isnan([value, used]).all()


def test_a_future_that_leaves_its_underlying_is_found():
    """An expiry on a future goes by the future, as long as both move alike."""
    weights, where = np.empty((2, 5)), np.zeros(1, dtype=np.int64)
    moves, days = np.empty(2), np.empty(2)

    def placed(spot, future):
        return tick_book.place_expiries(
            np.array([spot]), np.array([100.0]), np.array([0.01]), np.array([0, 0]), np.array([future, np.nan]),
            np.array([200.0, np.nan]), 2e-4, np.array([0]), 86_400 * 10**9, moves, weights, days, where,
        )  # fmt: skip

    assert placed(100.0, 200.0) == tick_book.FOUND
    assert (moves.tolist(), days.tolist()) == ([0.0, 0.0], [0.0, 0.0])
    assert placed(100.5, 201.02) == tick_book.FOUND
    assert moves == pytest.approx([0.51, 0.5])
    assert days.tolist() == [1.0, 1.0]
    assert placed(100.5, 201.1) == tick_book.APART
    assert placed(100.5, np.nan) == tick_book.APART
    assert placed(101.1, 202.2) == tick_book.OUT_OF_REACH


def test_bands_are_held_by_what_was_decided():
    """Inside, outside with a hedge, outside without one, and where nothing is decided."""
    weights = np.zeros((4, 5))
    weights[:, 2] = 1.0
    flat, told, band = np.zeros((4, 5)), np.empty(4), np.empty(4)
    stands = np.array([tick_book.NO_HEDGE, tick_book.INSIDE, tick_book.HEDGED, tick_book.DEAR])
    half_width = np.full((4, 5), 100.0)

    def anew(*delta):
        return tick_book.hold_bands(
            weights, np.array(delta), flat, flat, half_width, np.full(4, 5.0), stands,
            np.array([0.0, 0.0, 200.0, 300.0]), told, band,
        )  # fmt: skip

    assert anew(1e9, 99.0, 204.0, 309.0) == -1
    assert anew(0.0, -101.0, 204.0, 309.0) == 1
    assert anew(0.0, 0.0, 206.0, 309.0) == 2
    assert anew(0.0, 0.0, 200.0, 311.0) == 3
    assert anew(0.0, np.nan, 200.0, 300.0) == -1


def test_distances_go_by_their_parabola_and_values_by_the_days():
    """A bid at 10 less its distance at the move, an offer that is as far everywhere; a day takes 0.25 from the value."""
    t = 0.5
    bid_apart = [1.0 + 0.4 * at + 0.8 * at**2 for at in (-1.0, 0.0, 1.0)]
    values, quotes = np.empty((2, 1)), np.empty((4, 1), dtype=np.int64)
    weights = np.empty((1, 5))
    spot_proxy.weights_at(t, weights[0])
    prices = 10.25 + 2.0 * spot_proxy.POINTS**4
    count = tick_quotes.quote_series(
        np.array([0, 1]), np.array([t]), weights, np.ones(1), np.stack((prices, spot_proxy.POINTS))[:, :, None],
        np.array([bid_apart, [np.inf, 1.5, 1.5]])[:, :, None], np.array([[100.0], [9.0], [-0.25]]),
        np.array([[0], [0], [900], [1], [1], [tick_quotes.LIVE]]), np.array([[[0], [1]]]), np.full(1, np.nan),
        np.full(1, np.nan), np.zeros((4, 1), dtype=np.int64), values, quotes, np.empty(2, dtype=np.int64),
    )  # fmt: skip

    assert count == 1
    assert values[:, 0] == pytest.approx([10.125, 0.5])
    assert quotes[:, 0].tolist() == [1012 - 140, 1163, 1, 1]
