"""Historical scenarios against a plain loop, value at risk and shortfall against counted tails."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.exposure.historical import (
    LEVELS,
    by_scope,
    historical,
    rank_of,
    risk_of,
    scenario_pnl,
    tail_weights,
)
from flatbook.kernels.black import price_european
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.variance_clock import DatedEvent, even_clock
from flatbook.model.instruments import Payoff, Right, Style
from flatbook.valuation.revalue import revalue
from flatbook.valuation.values import value
from tests.worlds import NOW_NS, book_of_v17, index_desk, index_facts, option, share, view_by_hand

SEED = 20190503
pnls = st.lists(st.floats(-1e6, 1e6), min_size=100, max_size=300).map(np.array)


def days(count, n_underlyings=1, *, move=0.015, points=2.0):
    """Moves and changes of volatility, drawn."""
    random = np.random.default_rng(SEED)
    return (
        random.normal(0.0, move, (count, n_underlyings)),
        random.normal(0.0, points, (count, n_underlyings)),
    )


def naive(quantity, market, moves, points):
    """A loop over days and rows with the closed form; each row keeps its volatility but for the day's change."""
    table, out = market.table, np.zeros(moves.size)
    for d, (move, point) in enumerate(zip(moves, points, strict=True)):
        for row in np.flatnonzero(quantity):
            if not table.is_option[row]:
                out[d] += quantity[row] * market.spot[0] * move * table.multiplier[row]
                continue
            weight = (30.0 / (market.years[row] * 365.0)) ** 0.5
            prices = [
                price_european(
                    *(
                        np.array([x])
                        for x in (
                            market.forward[row] * (1.0 + m),
                            table.strike[row],
                            market.years[row],
                            max(market.vol[row] + p * weight / 100.0, 0.001),
                            market.discount[row],
                            table.sign[row],
                        )
                    )
                )[0]
                for m, p in ((move, point), (0.0, 0.0))
            ]
            out[d] += quantity[row] * table.multiplier[row] * (prices[0] - prices[1])
    return out


def test_a_history_is_the_loop_over_days_and_rows():
    """Every cell, to rounding; where nothing moves it is 0."""
    quantity, market = book_of_v17()
    moves, points = days(60)
    moves[7], points[7] = 0.0, 0.0

    found = scenario_pnl(quantity, value(market), market, moves, points)[:, 0]

    assert found == pytest.approx(naive(quantity, market, moves[:, 0], points[:, 0]), abs=1e-6)
    assert found[7] == 0.0


def test_without_a_change_of_volatility_it_is_the_slide():
    """Sticky strike: a history without volatilities is one column of the slides, bit for bit close."""
    quantity, market = book_of_v17()
    values = value(market)
    moves = np.array([-0.2, -0.01, 0.0, 0.03, 0.15])
    unknown = np.full((5, 1), np.nan)
    rows = np.flatnonzero(quantity)
    slides = revalue(market, values, rows, moves, np.zeros(1))[:, :, 0]

    found = scenario_pnl(quantity, values, market, moves[:, None], unknown)[:, 0]
    told = historical(quantity, values, market, moves[:, None], unknown)

    assert found == pytest.approx(quantity[rows] @ slides, abs=1e-7)
    assert told.by_dynamics == (True,)


def test_with_a_surface_the_smile_moves_along_and_shifts():
    """The volatility of a strike after the day is that of its new moneyness, and the day's change by tenor."""
    state = State()
    cycle = [step(state, fact) for fact in index_facts(the_desk=index_desk())][-1]
    market, values, table = cycle.market, cycle.values, cycle.table
    rows = np.flatnonzero(table.is_option & np.isfinite(market.vol))[::17]
    quantity = np.zeros(len(table.instruments), dtype=np.int64)
    quantity[rows] = np.arange(rows.size) - 5
    moves, points = np.array([-0.03, 0.0, 0.02]), np.array([3.0, -1.0, 0.0])

    found = scenario_pnl(quantity, values, market, moves[:, None], points[:, None])[:, 0]

    expected = np.zeros(3)
    for row, held in zip(rows, quantity[rows], strict=True):
        one = np.array([row])
        for d in range(3):
            forward = market.forward[row] * (1.0 + moves[d])
            k = np.log(table.strike[one] / market.forward[row])
            level = points[d] / 100.0 * np.sqrt(30.0 / (market.years[row] * 365.0))
            smile = market.surface_vol(one, np.log(table.strike[one] / forward)) - market.surface_vol(one, k)
            moved = market.vol[one] + smile + level
            terms = (table.strike[one], market.years[one])
            after, before = (
                price_european(np.array([f]), *terms, vol, market.discount[one], table.sign[one])[0]
                for f, vol in ((forward, moved), (market.forward[row], market.vol[one]))
            )
            expected[d] += held * 100.0 * (after - before)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-4)


def test_early_exercise_and_dividends_are_those_of_a_full_revaluation():
    """Against each day solved by itself, by the same engines: what interpolation of the premium adds, stated."""
    instruments = [
        option(f"{r.name}{strike:g} {life}", float(strike), life, r, style=Style.AMERICAN)
        for life in (20, 120, 400)
        for strike in (80, 95, 100, 105, 130)
        for r in Right
    ]
    market = view_by_hand(instruments, spot=100.0, vols=[0.25] * 30, rate=0.05, dividend_yield=0.01)
    paying = replace(
        market, dividend_years=(np.array([0.04, 0.29]),), dividend_amount=(np.array([0.8, 0.8]),)
    )
    moves, points = days(40, move=0.03, points=3.0)
    worst = []
    for world in (market, paying):
        values = value(world)
        for row in range(30):
            quantity = np.zeros(30, dtype=np.int64)
            quantity[row] = 1
            found = scenario_pnl(quantity, values, world, moves, points)[:, 0]
            weight = np.sqrt(30.0 / (world.years[row] * 365.0))
            shifts = np.maximum(points[:, 0] * weight, -24.9)
            direct = np.array(
                [
                    revalue(world, values, np.array([row]), moves[d], shifts[d : d + 1])[0, 0, 0]
                    for d in range(40)
                ]
            )
            worst.append(np.abs(found - direct).max() / (100.0 * 100.0))
    assert max(worst[:30]) < 2e-5  # of the price of the underlying; the largest found is 4e-6
    assert max(worst[30:]) < 2e-5


def test_coins_and_linear_contracts_count_as_in_the_slides():
    """A coin premium moves with the coin."""
    coin = option("BTC", 100.0, 30, Right.CALL, payoff=Payoff.INVERSE, multiplier=1.0)
    market = view_by_hand([coin, share()], spot=100.0, vols=[0.6, np.nan])
    market = replace(market, unit=np.array([100.0, 1.0]))
    values = value(market)
    quantity, moves = np.array([7, -3]), np.array([-0.3, 0.1])
    slides = revalue(market, values, np.arange(2), moves, np.zeros(1))[:, :, 0]

    found = scenario_pnl(quantity, values, market, moves[:, None], np.zeros((2, 1)))[:, 0]

    assert found == pytest.approx(quantity @ slides, abs=1e-9)


def test_volatility_goes_by_the_clock_of_its_underlying():
    """With an event in the clock a day is still what the slide of that day says, Europeans and Americans alike."""
    instruments = [
        option(f"{style.name}{right.name}", 104.0, 40, right, style=style)
        for style in Style
        for right in Right
    ]
    market = view_by_hand(instruments, spot=100.0, vols=[0.3] * 4, rate=0.05)
    at = NOW_NS + 10 * NS_PER_DAY
    event = DatedEvent(name="results", start_ns=at, stop_ns=at, trading_days=6.0)
    dated = replace(market, clocks=(even_clock((event,)),))
    values, moves = value(dated), np.array([-0.05, 0.0, 0.04])
    for row in range(4):
        quantity = np.where(np.arange(4) == row, 1, 0)
        slides = revalue(dated, values, np.array([row]), moves, np.zeros(1))[0, :, 0]
        found = scenario_pnl(quantity, values, dated, moves[:, None], np.zeros((3, 1)))[:, 0]
        assert found == pytest.approx(slides, abs=0.05)  # USD; engines err by up to 1e-4 of a price


def test_days_that_are_not_known_are_left_out_and_counted():
    """A move or one volatility that is missing; never a day of no loss."""
    quantity, market = book_of_v17()
    moves, points = days(130)
    moves[3], points[9] = np.nan, np.nan

    told = historical(quantity, value(market), market, moves, points)

    assert np.isnan(told.pnl_desk[[3, 9]]).all()
    assert (told.desk.days, told.desk.days_left_out) == (128, 2)
    assert np.isfinite(told.desk.shortfall).all()
    assert set(told.desk.worst_days.tolist()).isdisjoint({3, 9})


def test_a_series_without_a_value_counts_at_the_most_it_can_lose():
    """Never better than what it would have made with a volatility, on any day, and said."""
    quantity, market = book_of_v17()
    blind = market.vol.copy()
    blind[0] = np.nan
    moves, points = days(50)
    unknown = replace(market, vol=blind)

    worst = historical(quantity, value(unknown), unknown, moves, points)
    real = scenario_pnl(quantity, value(market), market, moves, points)

    assert (worst.pnl <= real + 1e-9).all()
    assert worst.worst_case == (True,)


def test_small_samples_by_hand():
    """n = 20 at 95 %: the tail is one day. n = 40: two. n = 30: one and a half."""
    losses = np.arange(1.0, 41.0)
    twenty, forty, thirty = (risk_of(-losses[:n]) for n in (20, 40, 30))

    assert (twenty.value_at_risk[0], twenty.shortfall[0]) == (19.0, 20.0)
    assert (forty.value_at_risk[0], forty.shortfall[0]) == (38.0, 39.5)
    assert (thirty.value_at_risk[0], thirty.shortfall[0]) == (29.0, pytest.approx((30.0 + 0.5 * 29.0) / 1.5))
    assert np.isnan(forty.value_at_risk[1])
    assert "99% needs 100" in forty.reason
    assert forty.worst_pnl.tolist() == [-40.0, -39.0, -38.0, -37.0, -36.0]
    assert forty.worst_days.tolist() == [39, 38, 37, 36, 35]


@settings(max_examples=60, deadline=None)
@given(pnls)
def test_value_at_risk_is_the_inverse_of_the_empirical_distribution(pnl):
    """numpy's own estimator of that name."""
    found = risk_of(pnl)
    for number, level in enumerate(LEVELS):
        assert found.value_at_risk[number] == np.quantile(-pnl, level, method="inverted_cdf")


@settings(max_examples=60, deadline=None)
@given(pnls, pnls, st.floats(0.1, 10.0), st.floats(-1e5, 1e5))
def test_expected_shortfall_is_coherent(one, other, scale, cash):
    """Never below value at risk; not more together than apart; scales with size, falls by cash."""
    n = min(one.size, other.size)
    one, other = one[:n], other[:n]
    first, second, both = risk_of(one), risk_of(other), risk_of(one + other)
    gross = 1e-12 * (np.abs(one).max() + np.abs(other).max() + 1.0)

    assert (first.shortfall >= first.value_at_risk).all()
    assert (both.shortfall <= first.shortfall + second.shortfall + n * gross).all()
    assert risk_of(scale * one).shortfall == pytest.approx(scale * first.shortfall, rel=1e-9, abs=1e-6)
    assert risk_of(one + cash).shortfall == pytest.approx(first.shortfall - cash, rel=1e-9, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(100, 400), st.sampled_from(LEVELS))
def test_tail_weights_are_a_mean_of_the_days_up_to_value_at_risk(n, level):
    """They add up to 1 and reach as far as its rank."""
    weights = tail_weights(n, level)

    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.flatnonzero(weights > 1e-9).max() <= rank_of(n, level)


def test_errors_cover_the_truth_as_often_as_they_say():
    """Of 600 histories of 500 normal days; the intervals of value at risk hold it at least 95 %, less three standard errors."""
    random, level = np.random.default_rng(SEED), 0.95
    print(f"seed {SEED}")  # noqa: T201 - shown when the test fails
    truth, shortfall = 1.6448536269514722, 2.0627128075074256  # quantile and tail mean of a standard normal
    inside, errors, stated = 0, [], []
    for _ in range(600):
        found = risk_of(random.normal(size=500), (level,))
        inside += bool(found.value_at_risk_low[0] <= truth <= found.value_at_risk_high[0])
        errors.append(found.shortfall[0] - shortfall)
        stated.append(found.shortfall_error[0])

    assert inside / 600 > 0.95 - 3.0 * np.sqrt(0.95 * 0.05 / 600)
    assert np.mean(stated) == pytest.approx(
        np.std(errors), rel=0.12
    )  # 600 deviations tell one to 3 %, and bias


def test_parts_add_up_to_the_desk():
    """Components exactly; without an underlying the desk's risk is that of the others."""
    instruments = [option("A", 100.0, 40, Right.PUT), option("B", 100.0, 60, Right.CALL, underlying="ABC")]
    market = view_by_hand(instruments, spot=100.0, vols=[0.3, 0.25])
    market = replace(market, surfaces=(None, None))
    moves, points = days(250, 2)
    quantity = np.array([-40, 25])
    told = historical(quantity, value(market), market, moves, points)

    shortfall = sum(part.component_shortfall for part in told.parts)
    at_risk = sum(part.component_value_at_risk for part in told.parts)
    assert shortfall == pytest.approx(told.desk.shortfall, rel=1e-12)
    assert at_risk == pytest.approx(told.desk.value_at_risk, rel=1e-12)
    alone = risk_of(told.pnl[:, 1]).value_at_risk
    assert told.parts[0].incremental_value_at_risk == pytest.approx(told.desk.value_at_risk - alone)
    at_risk, short = by_scope(told, ("XYZ", "ABC"), 0.99)
    assert at_risk == {
        "": told.desk.value_at_risk[1],
        "XYZ": told.by_underlying[0].value_at_risk[1],
        "ABC": alone[1],
    }
    assert short["ABC"] == told.by_underlying[1].shortfall[1]
    assert (told.desk.shortfall <= sum(one.shortfall for one in told.by_underlying)).all()


def test_a_thousand_days_of_five_hundred_europeans_take_well_under_a_second():
    """Half a million prices; the limit is generous for a busy machine."""
    instruments = [
        option(f"{right.name}{strike}-{life}", float(strike), life, right)
        for life in (7, 30, 60, 90, 180)
        for strike in range(75, 125)
        for right in Right
    ]
    market = view_by_hand(instruments, spot=100.0, vols=[0.2] * 500)
    values = value(market)
    quantity = np.ones(500, dtype=np.int64)
    moves, points = days(1000)
    scenario_pnl(quantity, values, market, moves[:2], points[:2])
    started = time.perf_counter()
    scenario_pnl(quantity, values, market, moves, points)
    took = time.perf_counter() - started
    print(f"{took:.3f} s")  # noqa: T201 - shown when the test fails

    assert took < 1.0
    assert market.now_ns == NOW_NS
