"""Exchange calendars as plain arrays of session instants, for the variance clock.

The New York sessions come from the rule that also dates expiries. Every other exchange comes from the library
`exchange_calendars`, which takes half a second to import and is loaded only when its name is asked for.
"""

from collections.abc import Collection
from datetime import date, timedelta
from importlib import import_module
from typing import Any

import numpy as np

from flatbook.adapters.files.expiries import OPEN, close_ns
from flatbook.adapters.files.instants import NEW_YORK, local_instant
from flatbook.adapters.files.trading_days import SATURDAY, is_trading_day
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import SessionsSeen
from flatbook.model.parameters import Desk
from flatbook.model.table import Ints

NEW_YORK_EXCHANGE = "XNYS"
_EPOCH = date(1970, 1, 1)
_AROUND = timedelta(days=10)
_YEARS_BACK = 2  # whole years, so that the scale of the clock is that of a long run


def new_york_sessions(first: date, last: date) -> tuple[Ints, Ints]:
    """Opens and closes of the New York Stock Exchange, early closes included, by rule.

    Parameters
    ----------
    first, last : date
        Both included.

    Returns
    -------
    open_ns, close_ns : int64[n]
        UTC nanoseconds, ascending.
    """
    days = [day for day in _days(first, last) if is_trading_day(day)]
    opens = [local_instant(day, OPEN, NEW_YORK) for day in days]
    return np.array(opens, dtype=np.int64), np.array([close_ns(day) for day in days], dtype=np.int64)


def sessions_around(day: date, *, received_ns: int, underlying: str) -> SessionsSeen:
    """The New York sessions of the ten days before and after `day`: whether its exchange was open."""
    opens, closes = new_york_sessions(day - _AROUND, day + _AROUND)
    return SessionsSeen(
        received_ns=received_ns,
        calendar=NEW_YORK_EXCHANGE,
        underlyings=(underlying,),
        open_ns=tuple(opens.tolist()),
        close_ns=tuple(closes.tolist()),
    )


def sessions_of_desk(
    desk: Desk, underlyings: Collection[str], received_ns: int, last_expiry_ns: int
) -> tuple[SessionsSeen, ...]:
    """The sessions of each calendar that the desk names, from two whole years back to the end of the last expiry's year.

    Raises
    ------
    InvalidValueError
        A calendar that nobody knows.
    """
    names: dict[str, list[str]] = {}
    for underlying in underlyings:
        calendar = desk.terms_of(underlying).calendar
        if calendar:
            names.setdefault(calendar, []).append(underlying)
    first, last = (_day_of(instant) for instant in (received_ns, max(received_ns, last_expiry_ns)))
    first, last = date(first.year - _YEARS_BACK, 1, 1), date(last.year, 12, 31)
    out = []
    for calendar, of in names.items():
        by_rule = calendar == NEW_YORK_EXCHANGE
        opens, closes = (
            new_york_sessions(first, last) if by_rule else exchange_sessions(calendar, first, last)
        )
        out.append(
            SessionsSeen(
                received_ns=received_ns,
                calendar=calendar,
                underlyings=tuple(of),
                open_ns=tuple(opens.tolist()),
                close_ns=tuple(closes.tolist()),
            )
        )
    return tuple(out)


def weekday_sessions(first: date, last: date) -> tuple[Ints, Ints]:
    """Mondays to Fridays, midnight to midnight UTC: a market without a close whose weekends are quiet."""
    days = [(day - _EPOCH).days for day in _days(first, last) if day.weekday() < SATURDAY]
    opens = np.array(days, dtype=np.int64) * NS_PER_DAY
    return opens, opens + NS_PER_DAY


def exchange_sessions(name: str, first: date, last: date) -> tuple[Ints, Ints]:
    """Opens and closes of an exchange that the library `exchange_calendars` knows.

    Parameters
    ----------
    name : str
        Its code there, such as XNYS, XEUR, CMES.
    first, last : date
        Both included.

    Returns
    -------
    open_ns, close_ns : int64[n]
        UTC nanoseconds, ascending.

    Raises
    ------
    InvalidValueError
        The library is not installed, does not know the exchange, or cannot give these dates.
    """
    library: Any
    try:
        library = import_module("exchange_calendars")
    except ImportError as error:
        msg = f"calendar {name!r}: needs the package exchange_calendars, which is not installed; install it"
        raise InvalidValueError(msg) from error
    try:
        calendar = library.get_calendar(name, start=first.isoformat(), end=last.isoformat())
    except (library.errors.CalendarError, ValueError) as error:
        msg = f"calendar {name!r} from {first} to {last}: {error}"
        raise InvalidValueError(msg) from error
    return _ns(calendar.opens), _ns(calendar.closes)


def _ns(instants: Any) -> Ints:
    """A pandas series of UTC instants, whatever its resolution, as nanoseconds."""
    return np.asarray(instants.values, dtype="datetime64[ns]").astype(np.int64)


def _day_of(instant_ns: int) -> date:
    return _EPOCH + timedelta(days=instant_ns // NS_PER_DAY)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
