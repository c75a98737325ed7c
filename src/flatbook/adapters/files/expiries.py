"""Expiry instants: the moment whose price settles a contract, in UTC nanoseconds.

Sources: Cboe and OCC contract specifications (SPX settles on the special opening quotation, SPXW and equity options on
the close), CME (E-mini quarterly options and futures: special opening quotation on the third Friday), Deribit (08:00
UTC). An expiry dated on a day without trading, as monthly options before February 2015 (Saturdays), settles on the last
trading day before it.
"""

from datetime import date, time
from functools import lru_cache

from flatbook.adapters.files.instants import NEW_YORK, local_instant
from flatbook.adapters.files.trading_days import closes_early, last_trading_day, third_friday
from flatbook.model.instruments import Settlement

OPEN = time(9, 30)
CLOSE = time(16, 0)
EARLY_CLOSE = time(13, 0)
DERIBIT_EXPIRY = time(8, 0)


def close_ns(day: date) -> int:
    """The close in New York on `day`: 16:00, or 13:00 where the exchange closes early."""
    return local_instant(day, EARLY_CLOSE if closes_early(day) else CLOSE, NEW_YORK)


@lru_cache(maxsize=4096)
def us_expiry_ns(day: date, settlement: Settlement) -> int:
    """Settlement instant of a US listed option dated `day`: its last open (AM) or its last close (PM)."""
    last = last_trading_day(day)
    return local_instant(last, OPEN, NEW_YORK) if settlement is Settlement.AM else close_ns(last)


def us_future_expiry_ns(year: int, month: int) -> int:
    """Settlement instant of a quarterly index future: the open in New York on the third Friday."""
    return us_expiry_ns(third_friday(year, month), Settlement.AM)


def deribit_expiry_ns(day: date) -> int:
    """Settlement instant at Deribit: 08:00 UTC."""
    return local_instant(day, DERIBIT_EXPIRY, "UTC")
