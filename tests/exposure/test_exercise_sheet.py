"""Early exercise against a naive tree and QuantLib's grid: the same options, at the same loss."""

import math
from dataclasses import replace

import numpy as np
import pytest

from flatbook.exposure.exercise_sheet import ExerciseRules, Why, exercise_sheet
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.variance_clock import VarianceWeights, variance_clock
from flatbook.model.instruments import Right, Style
from flatbook.valuation.values import value
from tests.kernels.test_dividend_grid import AMERICAN, quantlib_values
from tests.naive.dividend_grid import price_tree
from tests.worlds import NOW_NS, option, view_by_hand

SPOT, VOL, RATE, DIVIDEND = 100.0, 0.25, 0.04, 1.2
EX_DAYS = 2.0


def american(strike, right, days):
    return option(f"{right.name}{strike:g}-{days:g}", float(strike), days, right, style=Style.AMERICAN)


def paying_market(instruments, *, days=(EX_DAYS,), amounts=(DIVIDEND,), rate=RATE, vol=VOL, spot=SPOT):
    market = view_by_hand(instruments, spot=spot, vols=[vol] * len(instruments), rate=rate)
    years = np.array(days) / 365.0
    at = market.slice_years[:, None]
    due = (np.array(amounts) * np.exp(rate * np.maximum(at - years, 0.0)) * (years < at)).sum(axis=1)
    forward = spot * np.exp(rate * market.slice_years) - due
    return replace(
        market,
        dividend_years=(years,),
        dividend_amount=(np.array(amounts),),
        slice_forward=forward,
        forward=forward[market.table.slice_of],
    )


CALLS = [
    american(strike, Right.CALL, days) for days in (9, 45, 130) for strike in (80, 90, 95, 97, 98, 99, 99.5)
]


def held_until_after(call, *, later_days=(), later_amounts=()):
    """A naive tree of the call just after its ex-date, with what is still to come."""
    left = (call.expiry_ns - NOW_NS) / NS_PER_DAY - EX_DAYS
    steps = 1500
    paid = tuple(
        (round((day - EX_DAYS) / left * steps), amount)
        for day, amount in zip(later_days, later_amounts, strict=True)
        if day - EX_DAYS < left
    )
    return price_tree(SPOT - DIVIDEND, call.strike, left / 365.0, VOL, RATE, 0.0, 1.0, True, paid, steps)


def test_calls_to_exercise_before_their_ex_date_are_those_of_a_naive_tree():
    """Which of 21 calls, and what forgetting each costs, to 0.2 % of a dollar a share."""
    market = paying_market(CALLS)
    lines = {line.row: line for line in exercise_sheet(np.full(21, 7), value(market), market)}
    gains = [SPOT - call.strike - held_until_after(call) for call in CALLS]

    assert set(lines) == {row for row, gain in enumerate(gains) if gain > 1e-3}
    assert 5 < len(lines) < 21
    for row, line in lines.items():
        assert line.gain == pytest.approx(gains[row], abs=2e-3)
        assert line.loss_usd == pytest.approx(7 * 100.0 * line.gain)
        assert (line.why, line.dividend, line.quantity) == (Why.DIVIDEND, DIVIDEND, 7)
        assert line.ex_ns == NOW_NS + round(EX_DAYS * NS_PER_DAY)


def test_a_second_dividend_counts_in_what_waiting_is_worth():
    """QuantLib's grid with the dividend that is still to come, and the naive tree beside it."""
    days, amounts = (EX_DAYS, 60.0), (DIVIDEND, DIVIDEND)
    calls = [american(strike, Right.CALL, 130) for strike in (60, 70, 75, 80, 90)]
    market = paying_market(calls, days=days, amounts=amounts)
    lines = {line.row: line for line in exercise_sheet(np.full(5, 1), value(market), market)}
    for row, call in enumerate(calls):
        theirs = quantlib_values(
            SPOT - DIVIDEND, call.strike, 128.0 / 365.0, VOL, RATE, 0.0, 1.0, AMERICAN,
            ((58.0 / 365.0,), (DIVIDEND,)), 128, (400, 400),
        )[0]  # fmt: skip
        tree = held_until_after(call, later_days=(60.0,), later_amounts=(DIVIDEND,))
        assert tree == pytest.approx(theirs, abs=5e-3)
        if abs(SPOT - call.strike - theirs) > 3e-3:
            assert (row in lines) == (SPOT - call.strike > theirs)
        if row in lines:
            assert lines[row].hold_value == pytest.approx(theirs, abs=2e-3)
    assert 2 <= len(lines) < 5


def test_the_rule_of_thumb_stands_beside_it():
    """D - put - K (1 - exp(-r T)) is the gain to what early exercise of the put is worth."""
    market = paying_market(CALLS)
    for line in exercise_sheet(np.ones(21, dtype=np.int64), value(market), market):
        rule = line.dividend - line.put_value - line.carry
        assert rule <= line.gain + 2.0 * line.error  # an American put is worth more than a European
        assert rule == pytest.approx(line.gain, abs=0.02)


def test_short_calls_are_assigned_by_as_many_as_exercise():
    """The loss is the same, times the probability that holders do what pays."""
    market = paying_market(CALLS)
    values = value(market)
    ours = exercise_sheet(np.full(21, 4), values, market)
    theirs = exercise_sheet(np.full(21, -4), values, market)
    half = exercise_sheet(np.full(21, -4), values, market, rules=ExerciseRules(holders_exercise=0.5))

    assert [line.row for line in ours] == [line.row for line in theirs]
    assert [line.loss_usd for line in ours] == [line.loss_usd for line in theirs]
    assert [line.loss_usd for line in half] == pytest.approx([0.5 * line.loss_usd for line in theirs])
    assert all(line.quantity == -4 for line in theirs)
    assert [line.loss_usd for line in ours] == sorted((line.loss_usd for line in ours), reverse=True)


def test_the_last_moment_is_the_cut_off_of_the_session_before():
    """An hour and a half after the last close before the ex-date, by calendar where one is known."""
    market = paying_market(CALLS)
    line = exercise_sheet(np.ones(21, dtype=np.int64), value(market), market)[0]
    over_weekend = 2 * 24 if (line.ex_ns // NS_PER_DAY + 3) % 7 == 0 else 0
    assert line.ex_ns - line.act_by_ns == (16 + over_weekend) * NS_PER_DAY // 24

    opens = line.ex_ns + np.arange(-5, 5) * NS_PER_DAY - NS_PER_DAY // 4
    clock = variance_clock(opens, opens + NS_PER_DAY // 8, VarianceWeights())
    known = replace(market, clocks=(clock,))
    line = exercise_sheet(np.ones(21, dtype=np.int64), value(known), known)[0]
    assert line.act_by_ns == line.ex_ns - NS_PER_DAY // 8 + NS_PER_DAY // 16


def test_far_ex_dates_europeans_and_what_is_out_of_the_money_are_not_listed():
    """Nor an option that ends before the ex-date."""
    instruments = [
        option("E", 80.0, 45, Right.CALL),
        american(101, Right.CALL, 45),
        american(80, Right.CALL, 1.5),
        american(90, Right.CALL, 45),
    ]
    market = paying_market(instruments)
    held = np.ones(4, dtype=np.int64)
    assert [line.row for line in exercise_sheet(held, value(market), market)] == [3]
    rules = ExerciseRules(horizon_days=1.0)
    assert exercise_sheet(held, value(market), market, rules=rules) == ()
    assert exercise_sheet(0 * held, value(market), market) == ()


def test_a_call_without_a_value_is_judged_by_its_quoted_put_and_else_unknown():
    """The fallback rule, then NaN with a reason; never silence."""
    instruments = [american(90, Right.CALL, 45), american(90, Right.PUT, 45)]
    market = paying_market(instruments)
    blind = replace(market, vol=np.array([np.nan, np.nan]))
    quoted = replace(blind, bid=np.array([np.nan, 0.30]), ask=np.array([np.nan, 0.40]))
    held = np.array([10, 0])

    by_rule = exercise_sheet(held, value(quoted), quoted)[0]
    carry = 90.0 * -math.expm1(-RATE * 43.0 / 365.0)
    assert by_rule.by_rule
    assert by_rule.gain == pytest.approx(DIVIDEND - 0.35 - carry)
    assert by_rule.loss_usd == pytest.approx(1000.0 * by_rule.gain)
    unknown = exercise_sheet(held, value(blind), blind)[0]
    assert math.isnan(unknown.loss_usd)
    assert "no two-sided quote" in unknown.reason


def tree_without_the_first_day(strike, years, rate, dividend_yield, sign, steps=3000):
    """A Cox-Ross-Rubinstein tree of an option that cannot be exercised before a day has passed."""
    dt = years / steps
    up, closed = math.exp(VOL * math.sqrt(dt)), 1.0 / 365.0
    rise = (math.exp((rate - dividend_yield) * dt) - 1.0 / up) / (up - 1.0 / up)
    at = SPOT * up ** np.arange(-steps, steps + 1.0)
    worth = np.maximum(sign * (at[::2] - strike), 0.0)
    for k in range(steps - 1, -1, -1):
        worth = math.exp(-rate * dt) * (rise * worth[1:] + (1.0 - rise) * worth[:-1])
        if k * dt >= closed - 1e-12:
            worth = np.maximum(worth, sign * (at[steps - k : steps + k + 1 : 2] - strike))
    return float(worth[0])


@pytest.mark.parametrize("strike", [104, 110, 120, 140])
def test_puts_with_high_carry_lose_what_the_tree_says_by_waiting_a_day(strike):
    """Interest on the strike for a day, less what a day of choice is worth; 0 where waiting pays."""
    put = american(strike, Right.PUT, 100)
    market = view_by_hand([put], spot=SPOT, vols=[VOL], rate=0.08)
    lines = exercise_sheet(np.array([-6]), value(market), market)
    gain = strike - SPOT - tree_without_the_first_day(float(strike), 100 / 365.0, 0.08, 0.0, -1.0)

    assert bool(lines) == (gain > 1e-3)
    if lines:
        assert lines[0].why is Why.CARRY
        assert lines[0].gain == pytest.approx(gain, abs=2e-4)
        assert lines[0].loss_usd == pytest.approx(600.0 * lines[0].gain)
        assert lines[0].gain < strike * 0.08 / 365.0


def test_a_call_on_what_is_dear_to_borrow_is_exercised_for_its_yield():
    """The mirror of a put: the yield of the share against interest on the strike."""
    call = american(70, Right.CALL, 100)
    market = view_by_hand([call], spot=SPOT, vols=[VOL], rate=0.01, dividend_yield=0.15)
    line = exercise_sheet(np.array([5]), value(market), market)[0]
    gain = SPOT - 70.0 - tree_without_the_first_day(70.0, 100 / 365.0, 0.01, 0.15, 1.0)

    assert line.gain == pytest.approx(gain, abs=2e-4)


def test_a_put_waits_for_a_dividend_that_falls_tomorrow():
    """The share falls for its holder: no line, where the same put without the dividend has one."""
    put = [american(140, Right.PUT, 100)]
    plain = view_by_hand(put, spot=SPOT, vols=[VOL], rate=0.08)
    paying = paying_market(put, days=(0.5,), rate=0.08)
    held = np.array([1])

    assert exercise_sheet(held, value(plain), plain)
    assert exercise_sheet(held, value(paying), paying) == ()


def test_a_put_without_a_value_is_unknown_and_leads_the_sheet():
    """It may be worth exercising: nobody can say."""
    puts = [american(120, Right.PUT, 100), american(140, Right.PUT, 100), american(90, Right.PUT, 100)]
    market = view_by_hand(puts, spot=SPOT, vols=[VOL, np.nan, np.nan], rate=0.08)
    first, second = exercise_sheet(np.array([1, 1, 1]), value(market), market)

    assert (first.row, second.row) == (1, 0)
    assert math.isnan(first.loss_usd)
    assert first.reason == "it has no volatility"
