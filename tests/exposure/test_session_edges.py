"""The close before and the open after, with a calendar and without."""

from datetime import date

import numpy as np
import pytest

from flatbook.adapters.calendars import new_york_sessions
from flatbook.adapters.files.expiries import OPEN, close_ns
from flatbook.adapters.files.instants import NEW_YORK, local_instant
from flatbook.exposure.session_edges import last_close_ns, next_open_ns
from flatbook.market.variance_clock import VarianceWeights, variance_clock
from flatbook.model.instruments import Right
from tests.worlds import option, view_by_hand

HOURS = 3_600 * 1_000_000_000


def a_market(*, calendar):
    market = view_by_hand([option("C", 100.0, 30, Right.CALL)], spot=100.0, vols=[0.2])
    if not calendar:
        return market
    clock = variance_clock(*new_york_sessions(date(2019, 1, 1), date(2019, 12, 31)), VarianceWeights())
    return type(market)(**{name: getattr(market, name) for name in market.__slots__} | {"clocks": (clock,)})


def opening(day):
    return local_instant(day, OPEN, NEW_YORK)


@pytest.mark.parametrize("calendar", [False, True])
@pytest.mark.parametrize(
    ("day", "before"),
    [(date(2019, 5, 17), date(2019, 5, 16)), (date(2019, 5, 20), date(2019, 5, 17))],
)
def test_what_opens_closed_the_session_before(calendar, day, before):
    """Friday after Thursday, Monday after Friday, by calendar or by weekday."""
    market = a_market(calendar=calendar)

    assert last_close_ns(market, 0, opening(day)) == close_ns(before)
    assert next_open_ns(market, 0, close_ns(before)) == opening(day)


def test_a_calendar_knows_holidays_and_early_closes():
    """Memorial Day 2019-05-27; 13:00 on the day after Thanksgiving."""
    market = a_market(calendar=True)

    assert last_close_ns(market, 0, opening(date(2019, 5, 28))) == close_ns(date(2019, 5, 24))
    assert next_open_ns(market, 0, close_ns(date(2019, 5, 24))) == opening(date(2019, 5, 28))
    assert last_close_ns(market, 0, opening(date(2019, 12, 2))) == opening(date(2019, 11, 29)) + round(
        3.5 * HOURS
    )


def test_outside_the_calendar_weekdays_count():
    """An ex-date years after the last session known."""
    market = a_market(calendar=True)
    far = opening(date(2022, 6, 15))

    assert last_close_ns(market, 0, far) == far - round(17.5 * HOURS)
    assert next_open_ns(market, 0, far) == far + round(17.5 * HOURS)
    assert np.diff([last_close_ns(market, 0, far), far])[0] > 0
