"""When a simulated day has its moments, and how much of its variance and volume lies between them.

Variance runs by calendar years, but the session's own share of it falls as the seasonality says, and may weigh more than other hours.
So options lose within the session what spot moves in it, at any minute of the day: fair values stay fair.

Source of the U: R. Wood, T. McInish, J. Ord, "An investigation of transactions data for NYSE stocks", J. Finance 40 (1985) 723-739.
Here a parabola: at the open and the close the variance of a minute is three times that of noon.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flatbook.market.clock import NS_PER_YEAR, tau
from flatbook.model.table import Floats, Ints
from flatbook.model.world_price_terms import PriceTerms

MINUTE_NS = 60_000_000_000
_RISE = 2.0  # of the parabola from the middle of the day to its ends, over its lowest value


@dataclass(frozen=True)
class Session:
    """A day from its open to its close."""

    terms: PriceTerms

    @cached_property
    def open_ns(self) -> int:
        """UTC nanoseconds."""
        return round(self.terms.opens.timestamp()) * 1_000_000_000

    @cached_property
    def close_ns(self) -> int:
        """UTC nanoseconds."""
        return self.instant(self.terms.session_minutes)

    @cached_property
    def at_ns(self) -> Ints:
        """The moments, int64[n]: evenly spaced from the open, and the close."""
        spacing = round(self.terms.spacing_seconds * 1e9)
        return np.append(np.arange(self.open_ns, self.close_ns, spacing, dtype=np.int64), self.close_ns)

    @cached_property
    def minute(self) -> Floats:
        """Minutes after the open, float64[n]."""
        return np.asarray((self.at_ns - self.open_ns) / MINUTE_NS)

    @cached_property
    def passed(self) -> Floats:
        """Share of the session's variance that lies before each moment, float64[n]."""
        return self.share_passed(self.at_ns)

    @cached_property
    def calendar_years(self) -> Floats:
        """From the open to each moment, float64[n]."""
        return tau(self.open_ns, self.at_ns)

    @cached_property
    def volume(self) -> Floats:
        """Volume of a minute at each moment over that of an average one, float64[n]."""
        if not self.terms.seasonality:
            return np.ones(self.at_ns.size)
        return np.asarray((1.0 + _RISE * (2.0 * self.minute / self.terms.session_minutes - 1.0) ** 2) / _AREA)

    @cached_property
    def variance_years(self) -> float:
        """Of the whole session."""
        return self.terms.session_weight * (self.close_ns - self.open_ns) / NS_PER_YEAR

    def instant(self, minute: float) -> int:
        """UTC nanoseconds of a minute after the open."""
        return self.open_ns + round(minute * MINUTE_NS)

    def index_at(self, instant_ns: int) -> int:
        """The first moment at or after an instant; the number of moments where there is none."""
        return int(np.searchsorted(self.at_ns, instant_ns))

    def share_passed(self, instant_ns: Ints) -> Floats:
        """Share of the session's variance before each instant, float64[m]."""
        gone = np.clip((instant_ns - self.open_ns) / (self.close_ns - self.open_ns), 0.0, 1.0)
        if not self.terms.seasonality:
            return np.asarray(gone)
        x = 2.0 * gone - 1.0
        return np.asarray((gone + _RISE * (x**3 + 1.0) / 6.0) / _AREA, dtype=np.float64)

    def variance_ahead(self, index: int, expiry_ns: Ints) -> Floats:
        """Variance years from a moment to each expiry, float64[m]; 0 where it has passed."""
        inside = self.share_passed(expiry_ns) - self.passed[index]
        return np.asarray(np.maximum(self.variance_years * inside, 0.0) + tau(self.close_ns, expiry_ns))


_AREA = 1.0 + _RISE / 3.0  # of the parabola over the day
