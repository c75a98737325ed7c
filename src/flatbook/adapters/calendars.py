"""Exchange calendars as plain arrays of session instants, for the variance clock.

The New York sessions come from the rule that also dates expiries. Every other exchange comes from the library
`exchange_calendars`, which takes half a second to import and is loaded only when its name is asked for.
"""

from datetime import date, timedelta
from importlib import import_module
from typing import Any

import numpy as np

from flatbook.adapters.files.expiries import OPEN, close_ns
from flatbook.adapters.files.instants import NEW_YORK, local_instant
from flatbook.adapters.files.trading_days import SATURDAY, is_trading_day
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Ints

_EPOCH = date(1970, 1, 1)


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


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
