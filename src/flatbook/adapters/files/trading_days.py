"""Trading days and early closes of the New York Stock Exchange, by rule.

Source: NYSE Rule 7.2 (holidays) and the exchange's yearly trader updates (early closes, unscheduled closings). Why not
the library: building one calendar takes half a second of every start. A test holds this rule equal to
`exchange_calendars` (XNYS) on every day from 2010 to 2027.
"""

from datetime import date, timedelta
from functools import lru_cache

SATURDAY, SUNDAY = 5, 6
MONDAY, THURSDAY = 0, 3
UNSCHEDULED = frozenset(  # hurricane Sandy; days of mourning for presidents Bush and Carter
    {date(2012, 10, 29), date(2012, 10, 30), date(2018, 12, 5), date(2025, 1, 9)}
)


def is_trading_day(day: date) -> bool:
    """Whether the exchange opens on `day`."""
    return day.weekday() < SATURDAY and day not in UNSCHEDULED and day not in _holidays(day.year)


def closes_early(day: date) -> bool:
    """Whether `day` ends at 13:00: before Independence Day, after Thanksgiving, on Christmas Eve."""
    black_friday = _nth_weekday(day.year, 11, THURSDAY, 4) + timedelta(days=1)
    eves = (date(day.year, 7, 3), black_friday, date(day.year, 12, 24))
    return day in eves and is_trading_day(day)


def last_trading_day(day: date) -> date:
    """The last trading day on or before `day`."""
    while not is_trading_day(day):
        day -= timedelta(days=1)
    return day


def third_friday(year: int, month: int) -> date:
    """The third Friday of a month."""
    return _nth_weekday(year, month, 4, 3)


@lru_cache(maxsize=256)
def _holidays(year: int) -> frozenset[date]:
    new_year = date(year, 1, 1)
    fixed = [date(year, 7, 4), date(year, 12, 25)]
    if year >= 2022:
        fixed.append(date(year, 6, 19))
    return frozenset(
        {
            # A New Year's Day on a Saturday is not moved: the Friday before closes the books of the old year.
            new_year if new_year.weekday() == SATURDAY else _observed(new_year),
            _nth_weekday(year, 1, MONDAY, 3),
            _nth_weekday(year, 2, MONDAY, 3),
            _easter(year) - timedelta(days=2),
            _nth_weekday(year, 6, MONDAY, 1) - timedelta(days=7),
            _nth_weekday(year, 9, MONDAY, 1),
            _nth_weekday(year, 11, THURSDAY, 4),
            *map(_observed, fixed),
        }
    )


def _observed(day: date) -> date:
    shift = {SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0)
    return day + timedelta(days=shift)


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _easter(year: int) -> date:
    """Easter Sunday (the anonymous Gregorian computus, Meeus, "Astronomical Algorithms", ch. 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    lunar = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * lunar) // 451
    month, day = divmod(h + lunar - 7 * m + 114, 31)
    return date(year, month, day + 1)
