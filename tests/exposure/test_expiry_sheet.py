"""Expiry sheet against simulated settlements of the same distribution, and against cases counted by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.exposure.expiry_sheet import ExpiryRules, expiry_sheet, settles_above
from flatbook.kernels.black import price_european
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.instruments import Delivery, Right, Settlement, Style
from flatbook.model.measures import Measure
from flatbook.valuation.values import value
from tests.worlds import NOW_NS, index_facts, option, share, view_by_hand

SEED = 17
VOL, DAYS, SPOT = 0.30, 1.0, 100.0
DEVIATION = VOL * math.sqrt(DAYS / 365.0)


def american(strike, right, *, days=DAYS, **more):
    return option(f"{right.name}{strike:g}-{days:g}", strike, days, right, style=Style.AMERICAN, **more)


def pinned_book(**more):
    """Three strikes of one American expiry of shares, and the share."""
    instruments = [american(strike, right, **more) for strike in (98.0, 100.0, 102.0) for right in Right]
    market = view_by_hand([*instruments, share()], spot=SPOT, vols=[VOL] * 6 + [np.nan])
    return np.array([5, -3, -20, -8, 0, 12, 100]), market


def settlements(count=400_000):
    random = np.random.default_rng(SEED)
    print(f"seed {SEED}")  # noqa: T201 - shown when the test fails
    return SPOT * np.exp(DEVIATION * random.normal(size=count) - 0.5 * DEVIATION**2)


def shares_of(quantity, market, prices, threshold=0.01):
    """Shares after settlement at each price, contract by contract."""
    out = np.zeros(prices.size)
    for row in np.flatnonzero(quantity[: len(market.table.instruments)]):
        item = market.table.instruments[row]
        if item.right is Right.CALL:
            out += quantity[row] * item.multiplier * (prices >= item.strike + threshold)
        elif item.right is Right.PUT:
            out -= quantity[row] * item.multiplier * (prices <= item.strike - threshold)
    return out


def test_shares_after_expiry_are_those_of_simulated_settlements():
    """Mean, deviation, exercised and assigned contracts to four standard errors; the worst position exactly."""
    quantity, market = pinned_book()
    line = expiry_sheet(quantity, value(market), market)[0]
    prices = settlements()
    shares = shares_of(quantity, market, prices)
    likely = np.abs(np.log(prices / SPOT) + 0.5 * DEVIATION**2) <= 2.0 * DEVIATION

    assert line.delivers
    assert line.expected_shares == pytest.approx(
        shares.mean(), abs=4.0 * shares.std() / math.sqrt(prices.size)
    )
    assert line.deviation_shares == pytest.approx(shares.std(), rel=4.0 / math.sqrt(prices.size))
    assert abs(line.worst_shares) == np.abs(shares[likely]).max()
    assert shares_of(quantity, market, np.array([line.worst_price + 1e-9]))[0] == line.worst_shares
    assigned = 3 * (prices <= 97.99) + 20 * (prices >= 100.01) + 8 * (prices <= 99.99)
    exercised = 5 * (prices >= 98.01) + 12 * (prices <= 101.99)
    assert line.assigned == pytest.approx(assigned.mean(), abs=4.0 * assigned.std() / math.sqrt(prices.size))
    assert line.exercised == pytest.approx(
        exercised.mean(), abs=4.0 * exercised.std() / math.sqrt(prices.size)
    )


def test_each_strike_tells_its_jump_its_distance_and_its_pin():
    """A strike jumps by all its contracts, calls and puts alike."""
    quantity, market = pinned_book()
    values = value(market)
    at_98, at_100, at_102 = expiry_sheet(quantity, values, market)[0].strikes

    assert (at_100.calls, at_100.puts, at_100.jump_shares) == (-20, -8, -2800.0)
    assert (at_98.jump_shares, at_102.jump_shares) == (200.0, 1200.0)
    assert at_98.distance_deviations == pytest.approx(math.log(0.98) / DEVIATION)
    gamma = float(quantity[2:4] @ values.greeks[2:4, Measure.GAMMA_USD_PER_PCT])
    assert at_100.gamma_usd_per_pct == pytest.approx(gamma)
    assert at_100.gamma_shares_per_tick == pytest.approx(gamma / (SPOT * SPOT / 100.0) * 0.01)
    prices = settlements()
    for line, strike in ((at_98, 98.0), (at_100, 100.0)):
        pinned = (np.abs(prices - strike) <= 0.0025 * strike).mean()
        assert line.within_pin == pytest.approx(pinned, abs=4.0 * math.sqrt(pinned / prices.size))
    peak = 2.0 * 0.01 / (SPOT * DEVIATION * math.sqrt(2.0 * math.pi))  # density times two ticks
    assert at_100.within_tick == pytest.approx(peak, rel=1e-3)


def test_what_holders_decide_after_the_close_is_half_of_what_differs():
    """One short strike, certain to pin: half the shares apart from their mean; times the night's move."""
    quantity, market = pinned_book(days=0.001)
    alone = np.where(np.arange(7) == 2, quantity, 0)
    rules = ExpiryRules(pin_share=0.5)
    line = expiry_sheet(alone, value(market), market, rules=rules)[0]
    expiry = market.table.slices[0].expiry_ns
    night = 17.5 / 24.0 / 365.0 + (2.0 / 365.0 if (expiry // NS_PER_DAY + 3) % 7 == 4 else 0.0)

    assert line.assignment_deviation_shares == pytest.approx(1000.0)
    assert line.assignment_deviation_usd == pytest.approx(1000.0 * SPOT * VOL * math.sqrt(night))
    straddle = np.where((np.arange(7) == 2) | (np.arange(7) == 3), -10, 0)
    both = expiry_sheet(straddle, value(market), market, rules=rules)[0]
    assert both.assignment_deviation_shares == pytest.approx(1000.0)  # +1000 or -1000


def test_our_own_long_options_are_no_doubt():
    """We decide ourselves: nothing is unknown after the close."""
    quantity, market = pinned_book()
    line = expiry_sheet(np.maximum(quantity, 0), value(market), market)[0]

    assert line.assignment_deviation_shares == 0.0 == line.assignment_deviation_usd
    assert line.assigned == 0.0 < line.exercised


def test_cash_takes_the_delta_away_and_brings_no_shares():
    """European: the same step function, no assignment risk; physical where the contract says so."""
    row = [option("C", 100.0, 1.0, Right.CALL)]
    market = view_by_hand(row, spot=SPOT, vols=[VOL])
    values = value(market)
    line = expiry_sheet(np.array([-10]), values, market)[0]
    assert not line.delivers
    assert line.assignment_deviation_shares == 0.0
    assert line.delta_shares == pytest.approx(-10 * values.greeks[0, Measure.DELTA_SHARES])
    assert line.deviation_shares == pytest.approx(500.0, rel=0.01)

    told = view_by_hand(
        [option("C", 100.0, 1.0, Right.CALL, delivery=Delivery.PHYSICAL)], spot=SPOT, vols=[VOL]
    )
    assert expiry_sheet(np.array([-10]), value(told), told)[0].delivers


def test_an_opening_settlement_stops_trading_the_session_before_and_gaps():
    """Hedged: a straddle's gap is what no delta takes away; a forward's (call less put) is all delta."""
    pair = [option(right.name, 100.0, 2.0, right, settlement=Settlement.AM) for right in Right]
    market = view_by_hand(pair, spot=SPOT, vols=[VOL, VOL])
    values = value(market)
    straddle, forward = (expiry_sheet(np.array(held), values, market)[0] for held in ([10, 10], [10, -10]))
    weekend = 2 * NS_PER_DAY if (straddle.expiry_ns // NS_PER_DAY + 3) % 7 == 0 else 0

    night_ns = round(17.5 / 24.0 * NS_PER_DAY) + weekend
    assert straddle.last_trade_ns == straddle.expiry_ns - night_ns
    night = VOL * math.sqrt(min(night_ns, straddle.expiry_ns - NOW_NS) / NS_PER_DAY / 365.0)
    assert forward.opening_deviation_usd == pytest.approx(0.0, abs=1e-6)
    fair = math.sqrt(1.0 - 2.0 / math.pi) * 1000.0 * SPOT * night  # deviation of |z|, whose hedge is nothing
    assert straddle.opening_deviation_usd == pytest.approx(fair, rel=2e-3)


def test_probabilities_are_the_slope_of_call_prices_on_the_smile():
    """P(S >= K) = -dC/dK on the published surface, skew and all, at every seventh series."""
    state = State()
    cycle = [step(state, fact) for fact in index_facts()][-1]
    market, table = cycle.market, cycle.table
    rows = np.flatnonzero(table.is_option & np.isfinite(market.vol))[::7]
    found = settles_above(market, rows, table.strike[rows])

    def call(strike):
        vol = market.surface_vol(rows, np.log(strike / market.forward[rows]))
        return price_european(
            market.forward[rows], strike, market.years[rows], vol, np.ones(rows.size), np.ones(rows.size)
        )

    step_size = 0.05
    slope = (call(table.strike[rows] - step_size) - call(table.strike[rows] + step_size)) / (2.0 * step_size)
    assert found == pytest.approx(slope, abs=2e-6)


def test_only_what_expires_within_the_horizon_is_listed_the_first_first():
    """Two days by default, or as far as asked."""
    instruments = [american(100.0, Right.CALL, days=days) for days in (5.0, 1.9, 0.2, 2.1)]
    market = view_by_hand(instruments, spot=SPOT, vols=[VOL] * 4)
    values, quantity = value(market), np.ones(4, dtype=np.int64)

    near = [line.expiry_ns for line in expiry_sheet(quantity, values, market)]
    assert near == [NOW_NS + round(days * NS_PER_DAY) for days in (0.2, 1.9)]
    assert len(expiry_sheet(quantity, values, market, horizon_days=10.0)) == 4
    assert expiry_sheet(0 * quantity, values, market) == ()


def test_what_has_expired_and_is_still_held_is_listed_at_its_worst():
    """No probability, a reason, and the largest position any settlement could have left."""
    quantity, market = pinned_book(days=-0.1)
    late = replace(
        market,
        years=np.maximum(market.years, 0.0),
        slice_years=np.zeros(1),
        slice_forward=np.array([np.nan]),
        forward=np.full(7, np.nan),
        vol=np.full(7, np.nan),
        slice_atm_vol=np.array([np.nan]),
        slice_reason=("expired at or before the time of valuation",),
    )
    line = expiry_sheet(quantity, value(late), late)[0]

    assert "book its exercise" in line.reason
    assert math.isnan(line.expected_shares)
    assert line.worst_shares == min(
        shares_of(quantity, market, np.array([90.0, 99.0, 101.0, 110.0])), key=lambda held: -abs(held)
    )
    assert math.isfinite(line.worst_price)


def test_a_series_without_a_value_is_nan_with_a_reason_and_the_rest_is_known():
    """Its gamma is unknown; where it settles is told by its neighbours."""
    quantity, market = pinned_book()
    blind = market.vol.copy()
    blind[2] = np.nan
    unknown = replace(market, vol=blind)
    line = expiry_sheet(quantity, value(unknown), unknown)[0]
    at_100 = line.strikes[1]

    assert math.isnan(at_100.gamma_usd_per_pct)
    assert at_100.reason
    assert line.expected_shares == pytest.approx(
        expiry_sheet(quantity, value(market), market)[0].expected_shares
    )


def test_an_expiry_without_any_volatility_counts_every_outcome():
    """NaN, with a reason; the worst of all prices."""
    quantity, market = pinned_book()
    unknown = replace(
        market, vol=np.full(7, np.nan), slice_atm_vol=np.array([np.nan]), slice_reason=("no usable quote",)
    )
    line = expiry_sheet(quantity, value(unknown), unknown)[0]

    assert line.reason == "no usable quote"
    assert math.isnan(line.expected_shares)
    assert math.isfinite(line.worst_shares)
