"""Trading days by rule, held against the library that would be too slow to start with."""

import warnings
from datetime import date, timedelta

from flatbook.adapters.files.trading_days import closes_early, is_trading_day, last_trading_day, third_friday

FIRST, LAST = date(2010, 1, 1), date(2027, 12, 31)


def test_the_rule_is_the_exchanges_calendar_from_2010_to_2027() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, about its dependencies
        import exchange_calendars

        calendar = exchange_calendars.get_calendar("XNYS", start="2010-01-01", end="2027-12-31")
    sessions = {session.date() for session in calendar.sessions}
    early = {session.date() for session in calendar.early_closes}
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]

    assert sorted(sessions) == [day for day in days if is_trading_day(day)]
    assert sorted(early) == [day for day in days if closes_early(day)]


def test_the_last_trading_day_steps_over_good_friday() -> None:
    assert date(2014, 4, 17) == last_trading_day(date(2014, 4, 19))
    assert date(2014, 6, 20) == last_trading_day(date(2014, 6, 21))
    assert date(2014, 6, 20) == last_trading_day(date(2014, 6, 20))


def test_third_fridays() -> None:
    assert date(2020, 3, 20) == third_friday(2020, 3)
    assert date(2024, 3, 15) == third_friday(2024, 3)
