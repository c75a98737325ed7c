"""Time to expiry in years: the only place where instants become years.

Carry and dividends go by the calendar, volatility by the clock of its underlying (`Clock`): the calendar, or variance time
(`market.variance_clock`). A volatility is annual in the years of its clock, so that vol^2 times them is total variance.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Floats, Ints

NS_PER_DAY = 86_400 * 1_000_000_000
NS_PER_YEAR = CALENDAR_DAYS * NS_PER_DAY


def tau(now_ns: int, then_ns: Ints) -> Floats:
    """Calendar years (act/365) from `now_ns` to each instant; never below 0.

    Parameters
    ----------
    now_ns : int
        UTC nanoseconds.
    then_ns : int64[n]
        UTC nanoseconds.

    Returns
    -------
    float64[n]
    """
    return np.maximum(then_ns - now_ns, 0) / NS_PER_YEAR


class Clock(Protocol):
    """What tells how much time volatility has left."""

    def tau(self, now_ns: int, then_ns: Ints) -> Floats:
        """Years from `now_ns` to each instant, float64[n]; 0 for instants that have passed."""


class CalendarClock:
    """The clock of an underlying whose variance falls evenly, day and night."""

    def tau(self, now_ns: int, then_ns: Ints) -> Floats:
        """Calendar years, as `tau` of this module has them."""
        return tau(now_ns, then_ns)


CALENDAR = CalendarClock()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VarianceTime:
    """How much time the volatility of m expiries has left at an instant, each by the clock of its underlying."""

    now_ns: int
    expiry_ns: Ints
    clock_of: Ints  # int64[m]: into `clocks`
    clocks: tuple[Clock, ...]

    @property
    def years(self) -> Floats:
        """float64[m]."""
        out = np.empty(self.expiry_ns.size)
        for number, clock in enumerate(self.clocks):
            mine = self.clock_of == number
            out[mine] = clock.tau(self.now_ns, self.expiry_ns[mine])
        return out

    def at(self, now_ns: int) -> "VarianceTime":
        """The same expiries at another instant."""
        return replace(self, now_ns=now_ns)

    def later(self, years: float) -> "VarianceTime":
        """The same expiries some calendar years later."""
        return self.at(self.now_ns + round(years * NS_PER_YEAR))
