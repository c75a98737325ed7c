"""Settlement instants."""

from datetime import date

import pytest

from flatbook.adapters.files.expiries import deribit_expiry_ns, us_expiry_ns, us_future_expiry_ns
from flatbook.adapters.files.instants import parse_instant
from flatbook.model.instruments import Settlement


@pytest.mark.parametrize(
    ("day", "settlement", "instant"),
    [
        (date(2019, 5, 17), Settlement.AM, "2019-05-17T09:30:00-04:00"),
        (date(2019, 5, 17), Settlement.PM, "2019-05-17T16:00:00-04:00"),
        (date(2020, 1, 17), Settlement.PM, "2020-01-17T16:00:00-05:00"),
        (date(2015, 12, 24), Settlement.PM, "2015-12-24T13:00:00-05:00"),  # early close
        (date(2015, 12, 24), Settlement.AM, "2015-12-24T09:30:00-05:00"),
        (date(2014, 6, 21), Settlement.PM, "2014-06-20T16:00:00-04:00"),  # a Saturday
        (date(2014, 4, 19), Settlement.PM, "2014-04-17T16:00:00-04:00"),  # after Good Friday
    ],
)
def test_us_options_settle_on_the_last_open_or_close(day: date, settlement: Settlement, instant: str) -> None:
    assert parse_instant(instant) == us_expiry_ns(day, settlement)


def test_am_and_pm_of_one_date_are_two_instants() -> None:
    day = date(2019, 5, 17)

    assert us_expiry_ns(day, Settlement.AM) < us_expiry_ns(day, Settlement.PM)


def test_index_futures_settle_on_the_third_friday_open() -> None:
    assert parse_instant("2020-03-20T09:30:00-04:00") == us_future_expiry_ns(2020, 3)


def test_deribit_settles_at_eight_utc() -> None:
    assert parse_instant("2026-03-27T08:00:00Z") == deribit_expiry_ns(date(2026, 3, 27))
