"""Event scenarios against prices written out, and jumps against Merton's own series."""

import math
from dataclasses import replace

import numpy as np
import pytest

from flatbook.exposure.jumps import (
    event_pnl,
    event_scenarios,
    hedged_jump_pnl,
    jump_cost_per_year,
    three_points,
    two_points,
)
from flatbook.kernels.black import price_european
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.event_variance import TermVols, solve_events
from flatbook.market.variance_clock import DatedEvent, even_clock
from flatbook.market.view import EventMove, no_term
from flatbook.model.instruments import Right
from flatbook.model.measures import Measure
from flatbook.valuation.values import value
from tests.worlds import NOW_NS, book_of_v17, option, share, view_by_hand

BASE, MOVE = 0.370405, 0.052048  # domain reference V16, from 62 % at 4 days and 41 % at 32 days


def event(*, days=1.0, move_sd=MOVE, reason="", underlying="XYZ"):
    return EventMove(
        underlying=underlying,
        name="earnings",
        at_ns=NOW_NS + round(days * NS_PER_DAY),
        move_sd=move_sd,
        move_sd_error=0.001,
        reason=reason,
    )


def earnings_book():
    """A straddle of 4 days at 62 %, a straddle of 32 days at 41 %, and what expires before the event."""
    instruments = [
        option(f"{right.name}{days:g}", 100.0, days, right) for days in (0.5, 4, 32) for right in Right
    ]
    vols = [0.5, 0.5, 0.62, 0.62, 0.41, 0.41]
    market = view_by_hand([*instruments, share()], spot=100.0, vols=[*vols, np.nan])
    return replace(market, slice_atm_vol=np.array([0.5, 0.62, 0.41]))


def straddle(forward, years, vol):
    columns = (np.full(2, one) for one in (forward, 100.0, years, vol, 1.0))
    return price_european(*columns, np.array([1.0, -1.0])).sum()


def test_the_event_is_that_of_the_published_case():
    """V16: base 37.0405 %, deviation 5.2048 %."""
    days = np.array([4.0, 32.0])
    term = TermVols(
        expiry_ns=NOW_NS + (days * NS_PER_DAY).astype(np.int64),
        years=days / 365.0,
        clock_years=days / 365.0,
        vol=np.array([0.62, 0.41]),
        vol_error=np.full(2, 1e-3),
    )
    told = solve_events(NOW_NS, term, np.array([NOW_NS + NS_PER_DAY]), 0.0)

    assert math.sqrt(told.base_long[0]) == pytest.approx(BASE, abs=1e-6)
    assert told.move_sd[0] == pytest.approx(MOVE, abs=1e-6)


@pytest.mark.parametrize("log_move", [-MOVE, 0.0, MOVE, 2.5 * MOVE])
def test_after_the_event_every_expiry_stands_at_the_base_volatility(log_move):
    """V16: both expiries fall to 37.04 %; the P&L is that of Black prices written out; what expired before has none."""
    market = earnings_book()
    quantity = np.array([100, 100, -10, -10, 20, 20, 300])
    forward = 100.0 * math.exp(log_move)
    expected = 300.0 * (forward - 100.0)
    for held, days, vol in ((-10, 4, 0.62), (20, 32, 0.41)):
        after = straddle(forward, days / 365.0, BASE)
        expected += held * 100.0 * (after - straddle(100.0, days / 365.0, vol))

    found = event_pnl(quantity, value(market), market, event(), np.array([log_move]))

    assert found[0] == pytest.approx(expected, abs=0.2)  # the base is published to 1e-6 of volatility


def test_a_short_straddle_gains_if_nothing_happens_and_loses_on_the_tail():
    """Expected P&L, deviation and worst are those of the three points; the tail is on the side that hurts more."""
    market = replace(earnings_book(), term=replace(no_term(), events=(event(),)))
    quantity = np.array([0, 0, -10, -10, 0, 0, 0])
    told = event_scenarios(quantity, value(market), market)[0]
    chance = told.density.probability

    assert told.calm_usd > 0.0 > told.worst_usd
    assert told.worst_usd == told.pnl_usd[2] == told.pnl_usd.min()
    assert chance.tolist() == pytest.approx([0.475, 0.475, 0.05])
    assert told.expected_usd == pytest.approx(chance @ told.pnl_usd)
    assert told.deviation_usd**2 == pytest.approx(chance @ told.pnl_usd**2 - told.expected_usd**2)
    both = event_pnl(quantity, value(market), market, event(), 2.5 * MOVE * np.array([-1.0, 1.0]))
    assert told.worst_usd == both.min()


def test_two_points_have_the_variance_of_the_event_and_three_points_state_theirs():
    """E^2, and (1 + 5.25 p) E^2 about zero."""
    two, three = two_points(MOVE), three_points(MOVE, tail_probability=0.04)

    assert two.probability @ two.log_moves**2 == pytest.approx(MOVE**2)
    assert three.probability @ three.log_moves**2 == pytest.approx((1.0 + 5.25 * 0.04) * MOVE**2)
    assert three.probability.sum() == pytest.approx(1.0)
    assert three.log_moves[2] == -2.5 * MOVE


def test_a_straddle_bought_at_the_implied_move_breaks_even_on_average():
    """Over a normal move of the implied deviation the event is fair: the book loses nothing and gains nothing."""
    market = earnings_book()
    quantity = np.array([0, 0, 50, 50, 0, 0, 0])
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    pnl = event_pnl(quantity, value(market), market, event(), MOVE * nodes - 0.5 * MOVE**2)
    paid = 50 * 100.0 * straddle(100.0, 4 / 365.0, 0.62)

    assert (pnl @ weights) / weights.sum() == pytest.approx(0.0, abs=2e-5 * paid)


def test_an_event_that_nobody_can_size_is_unknown_with_its_reason():
    """NaN everywhere, never 0; nothing held in it is 0 all the same."""
    unknown = event(move_sd=math.nan, reason="no usable expiry after it")
    market = replace(earnings_book(), term=replace(no_term(), events=(unknown,)))
    told = event_scenarios(np.array([0, 0, 1, 0, 0, 0, 0]), value(market), market)[0]

    assert told.reason == "no usable expiry after it"
    assert np.isnan([told.expected_usd, told.deviation_usd, told.worst_usd, *told.pnl_usd]).all()
    nothing = event_scenarios(np.zeros(7, dtype=np.int64), value(market), market)[0]
    assert (nothing.worst_usd, nothing.reason) == (0.0, told.reason)


def test_an_event_whose_variance_the_clock_holds_is_sized_by_it():
    """Three days of variance at the volatility of the first expiry after it."""
    dated = event(move_sd=math.nan, reason="the desk gives it 3 trading days of variance")
    clock = even_clock(
        (DatedEvent(name="earnings", start_ns=dated.at_ns, stop_ns=dated.at_ns, trading_days=3.0),)
    )
    market = replace(earnings_book(), clocks=(clock,), term=replace(no_term(), events=(dated,)))
    told = event_scenarios(np.array([0, 0, 1, 0, 0, 0, 0]), value(market), market)[0]

    assert told.move_deviation == pytest.approx(0.62 * math.sqrt(3.0 / 365.0))
    assert told.reason == ""


def test_events_behind_us_and_of_others_are_not_listed():
    """An event at this very instant has passed."""
    gone, foreign = event(days=0.0), event(underlying="ABC")
    market = replace(earnings_book(), term=replace(no_term(), events=(gone, foreign)))

    assert event_scenarios(np.zeros(7, dtype=np.int64), value(market), market) == ()


def test_a_series_without_a_value_never_helps():
    """It loses at least what it would have lost with a value."""
    market = earnings_book()
    blind = market.vol.copy()
    blind[2] = np.nan
    unknown = replace(market, vol=blind)
    for held in (-10, 10):
        quantity = np.array([0, 0, held, 0, 0, 0, 0])
        moves = np.array([-0.1, 0.0, 0.1])
        real = event_pnl(quantity, value(market), market, event(), moves)
        worst = event_pnl(quantity, value(unknown), unknown, event(), moves)
        assert (worst <= real + 1e-9).all()


def test_a_hedged_book_makes_the_curvature_of_a_jump():
    """V(S e^J) - V(S) - Delta S (e^J - 1); to second order half gamma, and 0 where nothing jumps."""
    quantity, market = book_of_v17()
    values = value(market)
    gamma = float(quantity @ values.greeks[:, Measure.GAMMA_USD_PER_PCT]) * 100.0
    small = np.array([-1e-3, 0.0, 1e-3])
    found = hedged_jump_pnl(quantity, values, market, small)[0]

    assert found[1] == 0.0
    assert found[[0, 2]] == pytest.approx(0.5 * gamma * np.expm1(small[[0, 2]]) ** 2, rel=0.01)


def test_the_cost_of_jumps_is_the_first_term_of_mertons_series():
    """Merton (1976): a call after one normal log jump is Black on S (1 + k) with the jump's variance added."""
    years, vol, mean, deviation = 0.5, 0.25, -0.04, 0.12
    market = view_by_hand([option("C", 105.0, years * 365.0, Right.CALL)], spot=100.0, vols=[vol])
    k = math.expm1(mean + 0.5 * deviation**2)
    after, before = (
        price_european(*(np.array([one]) for one in (spot, 105.0, years, sigma, 1.0, 1.0)))[0]
        for spot, sigma in ((100.0 * (1.0 + k), math.sqrt(vol**2 + deviation**2 / years)), (100.0, vol))
    )
    d1 = math.log(100.0 / 105.0) / (vol * math.sqrt(years)) + 0.5 * vol * math.sqrt(years)
    delta = 0.5 * math.erfc(-d1 / math.sqrt(2.0))
    found = jump_cost_per_year(
        np.array([-10]), value(market), market, jumps_per_year=2.0, log_mean=mean, log_deviation=deviation
    )

    assert found[0] == pytest.approx(-10 * 100.0 * 2.0 * (after - before - delta * 100.0 * k), rel=1e-5)
