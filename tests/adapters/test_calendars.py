"""Exchange calendars as session instants: the rule against the library, and what they refuse."""

import sys
import warnings
from datetime import date

import numpy as np
import pytest

from flatbook.adapters.calendars import (
    exchange_sessions,
    new_york_sessions,
    sessions_around,
    sessions_of_desk,
    weekday_sessions,
)
from flatbook.adapters.files.instants import parse_instant
from flatbook.model.errors import InvalidValueError
from flatbook.model.parameters import Desk, QuotingRules, RiskAppetite, UnderlyingTerms


@pytest.fixture(autouse=True)
def _library_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, about its dependencies
        yield


def test_new_york_by_rule_is_new_york_by_library():
    """Every open and close from 2010 to 2027, to the nanosecond, early closes and summer time included."""
    by_rule = new_york_sessions(date(2010, 1, 1), date(2027, 12, 31))
    by_library = exchange_sessions("XNYS", date(2010, 1, 1), date(2027, 12, 31))

    assert by_rule[0].size > 4500
    np.testing.assert_array_equal(by_rule, by_library)


def test_a_half_day_ends_at_one():
    """The day after Thanksgiving 2019."""
    opens, closes = new_york_sessions(date(2019, 11, 28), date(2019, 11, 29))

    assert [parse_instant("2019-11-29T09:30:00-05:00")] == opens.tolist()
    assert [parse_instant("2019-11-29T13:00:00-05:00")] == closes.tolist()


def test_a_market_without_a_close_has_five_days():
    """From Thursday to Tuesday: four days, which meet where there is no weekend between."""
    opens, closes = weekday_sessions(date(2026, 2, 5), date(2026, 2, 10))

    assert opens[0] == parse_instant("2026-02-05T00:00:00Z")
    assert (opens[1:] - closes[:-1]).tolist() == [0, 2 * 86_400 * 10**9, 0]


def test_tokyo_has_its_own_holidays():
    """The library knows it: the first session of 2019 was 4 January."""
    opens, _ = exchange_sessions("XTKS", date(2019, 1, 1), date(2019, 1, 31))

    assert opens[0] == parse_instant("2019-01-04T09:00:00+09:00")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("NOPE", date(2019, 1, 1), date(2019, 2, 1)), ("XNYS", date(2019, 2, 1), date(2019, 1, 1))],
)
def test_what_the_library_cannot_give_is_refused_by_name(name, first, last):
    """An unknown exchange; dates that run backwards."""
    with pytest.raises(InvalidValueError, match=name):
        exchange_sessions(name, first, last)


def test_without_the_library_the_message_says_what_to_install(monkeypatch):
    """It is no dependency of the desk itself."""
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)

    with pytest.raises(InvalidValueError, match="not installed"):
        exchange_sessions("XNYS", date(2019, 1, 1), date(2019, 2, 1))


def _desk(**calendars):
    return Desk(
        underlyings=tuple(UnderlyingTerms(symbol=name, calendar=code) for name, code in calendars.items()),
        quoting=QuotingRules(),
        appetite=RiskAppetite(aversion_per_usd=1e-6),
    )


def test_the_sessions_of_a_desk_are_whole_years_about_its_expiries():
    """One fact a calendar, with every underlying that follows it; none for an underlying without one."""
    now, expiry = (parse_instant(text) for text in ("2019-05-03T20:00:00Z", "2021-12-17T14:30:00Z"))
    desk = _desk(SPX="XNYS", NDX="XNYS", DAX="XEUR", BTC="")
    new_york, frankfurt = sessions_of_desk(desk, ("SPX", "DAX", "NDX", "BTC"), now, expiry)

    assert (new_york.calendar, new_york.underlyings) == ("XNYS", ("SPX", "NDX"))
    assert (frankfurt.calendar, frankfurt.underlyings) == ("XEUR", ("DAX",))
    assert new_york.open_ns[0] == parse_instant("2017-01-03T09:30:00-05:00")
    assert new_york.close_ns[-1] == parse_instant("2021-12-31T16:00:00-05:00")
    assert new_york.received_ns == now


def test_the_sessions_of_a_desk_in_new_york_need_no_library(monkeypatch):
    """By rule: the plan starts as fast as without."""
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    now = parse_instant("2019-05-03T20:00:00Z")

    assert len(sessions_of_desk(_desk(SPX="XNYS"), ("SPX",), now, now)) == 1
    assert sessions_of_desk(_desk(SPX=""), ("SPX",), now, now) == ()
    with pytest.raises(InvalidValueError, match="not installed"):
        sessions_of_desk(_desk(DAX="XEUR"), ("DAX",), now, now)


def test_a_holiday_lies_between_the_sessions_around_it():
    """Memorial Day 2019 has none; the Friday before and the Tuesday after do."""
    seen = sessions_around(date(2019, 5, 27), received_ns=1, underlying="SPX")
    opens = [parse_instant(f"2019-05-{day}T09:30:00-04:00") for day in (24, 27, 28)]

    assert [each in seen.open_ns for each in opens] == [True, False, True]
