"""Variance time: additive, monotone, zero at expiry, the calendar where all weights are one."""

from datetime import date
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.adapters.calendars import new_york_sessions, weekday_sessions
from flatbook.adapters.files.instants import parse_instant
from flatbook.market.clock import NS_PER_DAY, NS_PER_YEAR
from flatbook.market.clock import tau as calendar_tau
from flatbook.market.variance_clock import (
    DatedEvent,
    TimeKind,
    VarianceWeights,
    variance_clock,
    weights_of_day,
)
from flatbook.model.errors import InvalidValueError
from tests.market.spx import spx_view

_HOUR = 3_600 * 10**9
_FIRST, _LAST = date(2019, 1, 1), date(2021, 12, 31)
_BEGIN, _END = parse_instant("2018-06-01T00:00:00Z"), parse_instant("2022-06-01T00:00:00Z")
_ONES = VarianceWeights(session=1.0, overnight=1.0, weekend=1.0, holiday=1.0)
_instants = st.integers(_BEGIN, _END)
_weights = st.builds(
    VarianceWeights,
    session=st.floats(0.01, 10.0),
    overnight=st.floats(0.0, 3.0),
    weekend=st.floats(0.0, 1.0),
    holiday=st.floats(0.0, 1.0),
)


@cache
def _clock(weights=VarianceWeights(), events=()):  # noqa: B008 - frozen
    return variance_clock(*new_york_sessions(_FIRST, _LAST), weights, events)


def _tau(clock, now, then):
    return float(clock.tau(now, np.array([then]))[0])


def _at(text):
    return parse_instant(text)


@given(weights=_weights, instants=st.lists(_instants, min_size=3, max_size=3).map(sorted))
def test_time_adds_up(weights, instants):
    """From the first to the last by way of the middle; before, in and after the calendar."""
    first, middle, last = instants
    clock = variance_clock(
        *new_york_sessions(_FIRST, _LAST),
        weights,
        (DatedEvent(name="vote", start_ns=_at("2020-11-03T23:00:00Z"), stop_ns=_at("2020-11-04T06:00:00Z"), trading_days=4.0),
         DatedEvent(name="rates", start_ns=_at("2020-06-10T18:00:00Z"), stop_ns=_at("2020-06-10T18:00:00Z"), trading_days=1.0)),
    )  # fmt: skip

    assert _tau(clock, first, last) == pytest.approx(
        _tau(clock, first, middle) + _tau(clock, middle, last), rel=1e-14, abs=1e-18
    )


@given(weights=_weights, now=_instants, then=st.lists(_instants, min_size=2, max_size=20).map(sorted))
def test_later_is_never_nearer(weights, now, then):
    """Monotone to the last bit, never below zero, and many expiries are as one."""
    clock = variance_clock(*new_york_sessions(_FIRST, _LAST), weights)
    years = clock.tau(now, np.array(then))

    assert (np.diff(years) >= 0.0).all()
    assert (years >= 0.0).all()
    assert [_tau(clock, now, instant) for instant in then] == years.tolist()


@given(now=_instants, then=_instants)
def test_where_every_hour_weighs_one_it_is_the_calendar_clock(now, then):
    """Holidays and nights included."""
    assert _tau(_clock(_ONES), now, then) == pytest.approx(
        float(calendar_tau(now, np.array([then]))[0]), rel=1e-14, abs=0.0
    )


@given(instant=_instants, late=st.integers(0, NS_PER_YEAR))
def test_nothing_is_left_at_expiry_and_after(instant, late):
    """Zero, exactly."""
    assert _tau(_clock(), instant + late, instant) == 0.0


@given(
    weights=_weights,
    start=st.integers(_at("2020-05-04T13:30:00Z"), _at("2020-05-04T19:59:59Z")),
    length=st.integers(1, 10**9),
)
def test_the_last_second_of_a_session_is_exact_to_the_nanosecond(weights, start, length):
    """However far away the calendar begins: no difference of large numbers."""
    clock = variance_clock(*new_york_sessions(_FIRST, _LAST), weights)
    per_ns = clock.rates[TimeKind.SESSION] / NS_PER_YEAR

    assert _tau(clock, start, start + length) == pytest.approx(length * per_ns, rel=1e-15)


@given(weights=_weights)
def test_a_long_run_year_is_one(weights):
    """Three years of closes are three calendar years, whatever the weights."""
    opens, closes = new_york_sessions(_FIRST, _LAST)
    clock = variance_clock(opens, closes, weights)

    assert _tau(clock, int(closes[0]), int(closes[-1])) == pytest.approx(
        (closes[-1] - closes[0]) / NS_PER_YEAR, rel=1e-13
    )


def _by_the_hour(now, then, weights):
    """Variance hours from `now` to `then`, the slow and obvious way: ask of every minute what the exchange does."""
    opens, closes = new_york_sessions(_FIRST, _LAST)
    days = {int(o // NS_PER_DAY) for o in opens}
    minute, total = 60 * 10**9, 0.0
    for instant in range(now, then, minute):
        middle = instant + minute // 2
        if ((opens <= middle) & (middle < closes)).any():
            total += weights.session
            continue
        before, after = int(closes[closes <= middle][-1]), int(opens[opens > middle][0])
        shut = [d for d in range(before // NS_PER_DAY + 1, after // NS_PER_DAY) if d not in days]
        into = middle - before - (after - before - len(shut) * NS_PER_DAY) // 2
        if shut and 0 <= into < len(shut) * NS_PER_DAY:
            weekday = date.fromordinal(date(1970, 1, 1).toordinal() + shut[into // NS_PER_DAY]).weekday()
            total += weights.weekend if weekday >= 5 else weights.holiday
        else:
            total += weights.overnight
    return total / 60.0


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2019-07-02T12:00:00-04:00", "2019-07-05T12:00:00-04:00"),  # half-day, holiday
        ("2019-04-17T15:00:00-04:00", "2019-04-23T10:00:00-04:00"),  # Good Friday
        ("2020-02-13T15:00:00-05:00", "2020-02-18T10:00:00-05:00"),  # Presidents' Day: weekend and holiday
        ("2020-03-06T15:00:00-05:00", "2020-03-09T10:00:00-04:00"),  # summer time begins
        ("2019-11-27T10:00:00-05:00", "2019-12-02T10:00:00-05:00"),  # Thanksgiving and its half-day
        ("2019-05-03T23:30:00-04:00", "2019-05-04T02:00:00-04:00"),  # where the night becomes Saturday
        ("2019-05-27T12:00:00-04:00", "2019-05-28T06:00:00-04:00"),  # and where a holiday becomes the night
    ],
)
def test_half_days_holidays_and_weekends_weigh_what_they_should(now, then):
    """Against a clock that asks of every minute what it is."""
    weights = VarianceWeights(session=2.0, overnight=0.5, weekend=0.15, holiday=0.05)
    clock, now, then = _clock(weights), _at(now), _at(then)
    scale = clock.rates[TimeKind.SESSION] / weights.session

    assert _tau(clock, now, then) == pytest.approx(
        _by_the_hour(now, then, weights) * scale * _HOUR / NS_PER_YEAR, rel=1e-9
    )


def test_a_weekend_day_is_the_share_of_a_trading_day_that_its_weight_says():
    """Friday's close to Monday's less Thursday's close to Friday's, by two."""
    clock = _clock()
    friday, monday = _at("2020-05-08T16:00:00-04:00"), _at("2020-05-11T16:00:00-04:00")
    thursday = _at("2020-05-07T16:00:00-04:00")
    day = _tau(clock, thursday, friday)

    assert day == pytest.approx(clock.trading_day_years, rel=1e-12)
    assert (_tau(clock, friday, monday) - day) / 2.0 / day == pytest.approx(0.15, rel=1e-9)


def test_the_defaults_hold_the_share_of_the_night_that_was_measured():
    """They are `weights_of_day` of a 6.5-hour session."""
    made = weights_of_day(session_hours=6.5, overnight_share=0.38, weekend=0.15, holiday=0.10)

    assert [made.session, made.overnight] == pytest.approx(
        [VarianceWeights().session, VarianceWeights().overnight], rel=1e-15
    )


def test_each_instant_knows_its_kind():
    """Memorial Day 2019 is a holiday, the Sunday before it weekend."""
    found = _clock().kind_at(
        np.array(
            [
                _at("2019-05-27T16:00:00-04:00"),
                _at("2019-05-26T12:00:00-04:00"),
                _at("2019-05-28T09:30:00-04:00"),
                _at("2019-05-28T16:00:00-04:00"),
                _at("2030-05-28T16:00:00-04:00"),
            ]
        )
    )

    assert found.tolist() == [
        TimeKind.HOLIDAY, TimeKind.WEEKEND, TimeKind.SESSION, TimeKind.OVERNIGHT, TimeKind.BEYOND,
    ]  # fmt: skip


def test_a_market_without_a_close_has_no_nights():
    """Coins: five days of session, then a weekend at its weight."""
    weights = VarianceWeights(session=1.0, overnight=5.0, weekend=0.5, holiday=5.0)
    clock = variance_clock(*weekday_sessions(date(2025, 1, 6), date(2026, 1, 5)), weights)
    saturday = _at("2025-06-07T00:00:00Z")

    assert set(clock.kinds[1:-1].tolist()) == {TimeKind.SESSION, TimeKind.OVERNIGHT, TimeKind.WEEKEND}
    assert _tau(clock, saturday, saturday + NS_PER_DAY) == pytest.approx(
        0.5 * _tau(clock, saturday - NS_PER_DAY, saturday), rel=1e-12
    )
    assert _tau(clock, saturday - 5 * NS_PER_DAY, saturday + 2 * NS_PER_DAY) == pytest.approx(
        7.0 / 365.0, rel=1e-3
    )


def test_an_event_counts_until_its_instant_and_changes_nothing_elsewhere():
    """It is there a nanosecond before, gone at the instant; a window is used up evenly."""
    at = _at("2020-06-10T18:00:00Z")
    jump = DatedEvent(name="rates", start_ns=at, stop_ns=at, trading_days=2.0)
    window = DatedEvent(name="vote", start_ns=at, stop_ns=at + 4 * _HOUR, trading_days=2.0)
    plain, expiry = _clock(), at + 10 * NS_PER_DAY
    for event, now, share in (
        (jump, at - 1, 1.0), (jump, at, 0.0), (window, at - 1, 1.0), (window, at + _HOUR, 0.75),
        (window, at + 4 * _HOUR, 0.0),
    ):  # fmt: skip
        clock = _clock(VarianceWeights(), (event,))
        extra = _tau(clock, now, expiry) - _tau(plain, now, expiry)

        assert extra == pytest.approx(share * 2.0 * plain.trading_day_years, rel=1e-12, abs=1e-16)
        assert _tau(clock, now - NS_PER_DAY, at - 1) == _tau(plain, now - NS_PER_DAY, at - 1)


@pytest.mark.parametrize(
    ("opens", "closes"),
    [([0], [1]), ([0, 5], [6, 9]), ([0, 5], [0, 9]), ([5, 0], [6, 1]), ([0, 5, 9], [1, 6])],
)
def test_sessions_that_cannot_be_are_refused(opens, closes):
    """Too few, overlapping, empty, out of order, without a close."""
    with pytest.raises(InvalidValueError, match="sessions"):
        variance_clock(np.array(opens), np.array(closes), VarianceWeights())


def test_weights_that_cannot_be_are_refused():
    """Negative, not a number, nothing at all; shares beyond one; events that take away."""
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InvalidValueError, match="weekend"):
            VarianceWeights(weekend=bad)
    with pytest.raises(InvalidValueError, match="no variance"):
        variance_clock(
            *new_york_sessions(_FIRST, _LAST),
            VarianceWeights(session=0.0, overnight=0.0, weekend=0.0, holiday=0.0),
        )
    with pytest.raises(InvalidValueError, match="overnight_share"):
        weights_of_day(session_hours=6.5, overnight_share=1.2, weekend=0.1, holiday=0.1)
    with pytest.raises(InvalidValueError, match="trading_days"):
        DatedEvent(name="x", start_ns=0, stop_ns=0, trading_days=float("nan"))


def _roughness(variance, years):
    """Mean step of log forward vol from one expiry to the next."""
    forward = np.diff(np.append(0.0, variance)) / np.diff(np.append(0.0, years))
    return float(np.abs(np.diff(0.5 * np.log(np.maximum(forward, 1e-8)))).mean())


@pytest.mark.market_data
def test_in_variance_time_the_forward_vols_of_spx_weeklies_are_smooth():
    """3 May 2019: expiries over weekends carry no more variance than the others once their days weigh less.

    Measured over eight days: steps of 0.34 by the calendar, 0.07, 0.08 and 0.13 with weekends of 0, 0.15 and 0.3.
    """
    seen = spx_view("03")
    keys = seen.table.slices
    near = (
        (seen.slice_years > 0.5 / 365.0) & (seen.slice_years < 35.0 / 365.0) & np.isfinite(seen.slice_atm_vol)
    )
    rows = [s for s in np.flatnonzero(near) if keys[s].option_class == "SPXW"]
    variance = (seen.slice_atm_vol**2 * seen.slice_years)[rows]
    expiry = np.array([keys[s].expiry_ns for s in rows])

    assert len(rows) > 10
    assert _roughness(variance, seen.slice_years[rows]) > 0.25
    assert _roughness(variance, _clock().tau(seen.now_ns, expiry)) < 0.12
