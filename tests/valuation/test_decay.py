"""Volatility by a clock: the same prices as by the calendar, Greeks in its vols, and theta that is what a day takes."""

from dataclasses import replace

import numpy as np
import pytest

from flatbook.kernels.european_tile import (
    CHARM,
    COLUMNS,
    DELTA,
    DIVIDEND_RHO,
    GAMMA,
    PRICE,
    RHO,
    THETA,
    VANNA,
    VEGA,
    VOLGA,
)
from flatbook.market.clock import NS_PER_DAY, NS_PER_YEAR, VarianceTime
from flatbook.market.variance_clock import DatedEvent, VarianceWeights, even_clock, variance_clock
from flatbook.model.instruments import Right, Style
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.valuation.chain import aged, prepare, reprice_into, value_into
from flatbook.valuation.decay import decay_until
from flatbook.valuation.values import value
from tests.valuation.option_classes import YEARS, moved, on_futures, option_class
from tests.worlds import NOW_NS, option, view_by_hand

HOUR = NS_PER_DAY // 24
_MONDAY = (NOW_NS // NS_PER_DAY - ((NOW_NS // NS_PER_DAY + 3) % 7)) * NS_PER_DAY
FRIDAY_NOON = _MONDAY + 4 * NS_PER_DAY + 12 * HOUR
_FIRST = _MONDAY - 364 * NS_PER_DAY
_OPENS = np.array([_FIRST + d * NS_PER_DAY + 9 * HOUR for d in range(1500) if d % 7 < 5], dtype=np.int64)
_CLOSES = _OPENS + 7 * HOUR
KINDS = {
    "black": lambda: option_class(60, american=0.0),
    "futures": lambda: on_futures(40, american=0.5),
    "boundary": lambda: option_class(40, american=1.0),
    "grid": lambda: option_class(24, american=1.0, dividends=True),
    "escrowed": lambda: option_class(12, american=1.0, dividends=True, spot_model=False),
    "lattice": lambda: option_class(12, american=1.0, rate=-0.02, dividend_yield=np.full(YEARS.size, -0.04)),
}


def sessions_clock(*events, **weights):
    """Weekday sessions of seven hours."""
    weights = VarianceWeights(**weights) if weights else VarianceWeights()
    return variance_clock(_OPENS, _CLOSES, weights, events)


def by(clock, whole, now_ns=FRIDAY_NOON):
    """The class with its volatilities by a clock at the same total variance, and the one in calendar time."""
    expiry_ns = now_ns + np.round(whole.years * NS_PER_YEAR).astype(np.int64)
    time = VarianceTime(
        now_ns=now_ns, expiry_ns=expiry_ns, clock_of=np.zeros(expiry_ns.size, dtype=np.int64), clocks=(clock,)
    )
    ratio = whole.of_series(np.sqrt(whole.years / time.years))
    return replace(whole, vol=whole.vol * ratio, variance_time=time), ratio


def valued(whole, tolerance=1e-3, uses=1.0):
    """Every column of every series."""
    out = np.empty((COLUMNS, whole.strike.size))
    value_into(prepare(whole, tolerance=tolerance, uses=uses), out)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_a_clock_changes_no_price_and_counts_risk_in_its_own_vols(kind):
    """Against calendar volatilities of the same total variance: chain rule for what moves vol, calendar years for the rest.

    The engines work in units of deviations, so that a change of units is rounding only, but for Greeks that they bump.
    """
    plain = KINDS[kind]()
    at = FRIDAY_NOON + 2 * NS_PER_DAY
    event = DatedEvent(name="report", start_ns=at, stop_ns=at, trading_days=3.0)
    whole, ratio = by(sessions_clock(event), plain)
    expected, found = valued(plain), valued(whole)
    bumped = 1e-9 if kind in ("black", "futures") else 2e-3

    def near(column, factor=1.0, rel=1e-9):
        scale = np.nanmax(np.abs(expected[column] * factor))
        assert found[column] == pytest.approx(
            expected[column] * factor, rel=rel, abs=rel * scale, nan_ok=True
        )

    assert np.ptp(ratio) > 0.1
    for column in (PRICE, DELTA, GAMMA):
        near(column)
    for column in (THETA, RHO, DIVIDEND_RHO, CHARM):
        near(column, rel=bumped)
    near(VEGA, 1.0 / ratio, bumped)
    near(VANNA, 1.0 / ratio, bumped)
    near(VOLGA, 1.0 / ratio**2, bumped)


@pytest.mark.parametrize("kind", KINDS)
def test_slides_shift_the_vols_of_the_clock_and_age_by_it(kind):
    """Each cell is the price of a class in calendar volatilities whose total variance is what the clock leaves."""
    event = DatedEvent(name="report", start_ns=FRIDAY_NOON + 4 * NS_PER_DAY, stop_ns=FRIDAY_NOON + 4 * NS_PER_DAY,
                       trading_days=4.0)  # fmt: skip
    whole, _ = by(sessions_clock(event), KINDS[kind]())
    moves, shifts, times = np.array([-0.05, 0.04]), np.array([0.0, 0.02]), np.array([0.0, 3.0, 6.0]) / 365.0
    cells = np.empty((whole.strike.size, 2, 2, 3))
    reprice_into(prepare(whole, tolerance=1e-3, uses=12.0), moves, shifts, times, cells)
    worst = 0.0
    for t, years in enumerate(times):
        later = aged(whole, float(years))
        ratio = whole.of_series(
            np.sqrt(later.variance_time.years / np.where(later.years > 0.0, later.years, 1.0))
        )
        for m, move in enumerate(moves):
            for v, shift in enumerate(shifts):
                there = moved(replace(later, variance_time=None, vol=(later.vol + shift) * ratio), move)
                price = valued(there, uses=12.0)[PRICE]
                known = np.isfinite(price)
                assert known.any()
                scale = np.maximum(price, 1.0)[known]
                worst = max(worst, np.abs((cells[:, m, v, t] - price)[known] / scale).max())
    assert worst < (
        1e-9 if kind in ("black", "futures", "lattice", "escrowed") else 2e-3
    )  # the tolerance asked for


def test_where_the_clock_stands_still_an_option_is_its_carry():
    """A weekend without variance, and an expiry on Sunday: the payoff of the forward, whatever the volatility."""
    still = sessions_clock(weekend=0.0, holiday=0.0, session=4.0, overnight=0.0)
    whole = option_class(20, american=0.0, years=np.full(5, 1.0 / 365.0), discount=np.full(5, 0.999))
    saturday = FRIDAY_NOON + 14 * HOUR
    expiry_ns = np.full(5, saturday + NS_PER_DAY)
    time = VarianceTime(
        now_ns=saturday, expiry_ns=expiry_ns, clock_of=np.zeros(5, dtype=np.int64), clocks=(still,)
    )
    found = valued(replace(whole, variance_time=time))[PRICE]
    forward = whole.of_series(whole.forward)

    assert (time.years == 0.0).all()
    assert found == pytest.approx(0.999 * np.maximum(whole.sign * (forward - whole.strike), 0.0), abs=1e-9)


def view_at(now_ns, clock, days, *, style=Style.EUROPEAN, rate=0.03, dividend_yield=0.01):
    """Calls and puts by strike and expiry, `days` after NOW_NS, seen at another time, every volatility the same."""
    listed = tuple(
        option(f"{right.name}{strike}-{day}", float(strike), day, right, style=style)
        for day in days for strike in (80, 95, 100, 105, 125) for right in Right
    )  # fmt: skip
    plain = view_by_hand(
        listed, spot=100.0, vols=[0.3] * len(listed), rate=rate, dividend_yield=dividend_yield
    )
    gone = (now_ns - NOW_NS) / NS_PER_YEAR
    years = np.maximum(plain.slice_years - gone, 0.0)
    forward, discount = 100.0 * np.exp((rate - dividend_yield) * years), np.exp(-rate * years)
    of = plain.table.slice_of
    return replace(
        plain, now_ns=now_ns, slice_years=years, years=years[of], slice_forward=forward, forward=forward[of],
        slice_discount=discount, discount=discount[of], clocks=(clock,),
    )  # fmt: skip


def theta_and_day(now_ns, clock, days, hours=24, **more):
    """USD by row: what is told of a time, and what full revaluation at its end says."""
    before, after = (view_at(at, clock, days, **more) for at in (now_ns, now_ns + hours * HOUR))
    told, then = value(before), value(after)
    rows = np.arange(len(before.table.instruments))
    theta, vega = (
        told.greeks[:, Measure.THETA_USD_PER_DAY],
        told.greeks[:, Measure.VEGA_USD_PER_POINT] * 100.0,
    )
    decay = decay_until(before, rows, theta, vega, now_ns + hours * HOUR)
    return theta, decay, then.greeks[:, Measure.VALUE_USD] - told.greeks[:, Measure.VALUE_USD]


_TO_FRIDAY = (FRIDAY_NOON - NOW_NS) / NS_PER_DAY


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("start", [-96, -24, 0, 24, 48])
def test_theta_is_what_the_next_day_takes(style, start):
    """On a Monday, Thursday, Friday, Saturday and Sunday, an option of a few days and of months: full revaluation a day on.

    Carry is to first order, and of an American the rise of the premium too: cents of a contract of 10,000 USD.
    """
    days = [_TO_FRIDAY + 4.2, _TO_FRIDAY + 30.0, _TO_FRIDAY + 120.0]
    theta, decay, taken = theta_and_day(FRIDAY_NOON + start * HOUR, sessions_clock(), days, style=style)

    assert decay == pytest.approx(theta, rel=1e-9)
    assert np.abs(taken).max() > 2.0
    assert theta == pytest.approx(taken, abs=0.02 if style is Style.EUROPEAN else 0.6)


def test_a_weekend_takes_little_and_a_monday_much():
    """By the weights: a Saturday 0.15 of a trading day; seven calendar days of theta are the week's decay."""
    days = [_TO_FRIDAY + 60.0]
    of_day = [
        -theta_and_day(FRIDAY_NOON + d * NS_PER_DAY, sessions_clock(), days)[0][4] for d in range(-4, 3)
    ]
    flat = [
        -theta_and_day(FRIDAY_NOON + d * NS_PER_DAY, sessions_clock(), days, rate=0.0, dividend_yield=0.0)[0][
            4
        ]
        for d in (-4, 1)
    ]

    assert of_day[5] < 0.3 * min(of_day[:4])
    assert of_day[5] < of_day[6] < min(of_day[:4])  # Sunday noon to Monday noon has half a session
    assert flat[1] / flat[0] == pytest.approx(
        0.15, abs=0.02
    )  # and what the longer life of Monday's option changes


@pytest.mark.parametrize("style", list(Style))
def test_the_variance_of_an_event_falls_at_its_instant(style):
    """The day that holds it takes all of it, the days around it none; also where it is most of what is left."""
    at = FRIDAY_NOON + 2 * HOUR
    event = DatedEvent(name="report", start_ns=at, stop_ns=at, trading_days=9.0)
    days = [_TO_FRIDAY + 7.0, _TO_FRIDAY + 40.0]
    with_it, plain = sessions_clock(event), sessions_clock()
    theta, _, taken = theta_and_day(FRIDAY_NOON, with_it, days, style=style)
    before, _, _ = theta_and_day(FRIDAY_NOON - NS_PER_DAY, with_it, days, style=style)
    after, _, _ = theta_and_day(at, with_it, days, style=style)
    usual, _, _ = theta_and_day(at, plain, days, style=style)
    crush = theta_and_day(at - HOUR, with_it, days, hours=1, style=style)[2]

    assert theta == pytest.approx(taken, rel=2e-3, abs=0.02 if style is Style.EUROPEAN else 0.6)
    assert theta[4] < -100.0  # at the money, seven days
    assert abs(before[4]) < 0.35 * abs(theta[4])
    assert after.tolist() == usual.tolist()
    assert crush[4] < 0.8 * theta[4]


def test_the_last_hours_lose_what_they_have_to_the_second():
    """Half an hour before a close theta is the whole time value, and each second takes its share of the variance."""
    close = FRIDAY_NOON + 4 * HOUR
    now = close - HOUR // 2
    days = [(close - NOW_NS) / NS_PER_DAY]
    market = view_at(now, sessions_clock(), days)
    theta = value(market).greeks[:, Measure.THETA_USD_PER_DAY]
    second = view_at(now + 10**9, sessions_clock(), days)
    worth, later = value(market).price, value(second).price
    at_the_money = 4
    lost = worth[at_the_money] - later[at_the_money]

    assert theta[at_the_money] == pytest.approx(-100.0 * worth[at_the_money], rel=1e-3)
    assert lost == pytest.approx(0.5 * worth[at_the_money] / 1800.0, rel=5e-3)  # a root in time; and carry


def test_without_events_and_sessions_a_clock_is_the_calendar():
    """Prices and Greeks to rounding; theta takes the day whole."""
    days = [_TO_FRIDAY + 40.0, _TO_FRIDAY + 120.0]
    market = view_at(FRIDAY_NOON, even_clock(()), days)
    found, plain = value(market), value(replace(market, clocks=()))
    rest = [m for m in Measure if m is not Measure.THETA_USD_PER_DAY]

    assert found.price == pytest.approx(plain.price, rel=1e-12)
    assert found.greeks[:, rest] == pytest.approx(plain.greeks[:, rest], rel=1e-9, abs=1e-9)
    theta, whole = (one.greeks[:, Measure.THETA_USD_PER_DAY] for one in (plain, found))
    assert whole == pytest.approx(theta, rel=2.0 / (40.0 * 4.0), abs=0.02)
    assert CALENDAR_DAYS * market.slice_variance_years == pytest.approx([40.0, 120.0])
