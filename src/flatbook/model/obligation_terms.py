"""What a duty to quote is told: how much of the time, how many series, how wide at most, how large at least, what is exempt.

Source: domain reference 2.1. Venues differ in nothing else, so that a venue's duty is a line of data and never a branch.
"""

from enum import StrEnum

from flatbook.model.errors import InvalidValueError
from flatbook.model.terms import Parameters

_INFINITE = float("inf")


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidValueError(message)


class Measured(StrEnum):
    """What the required share of time is a share of."""

    SERIES_SECONDS = "series_seconds"  # of the seconds that the series of the pool are open, all added up
    BREADTH_SECONDS = (
        "breadth_seconds"  # of the seconds of the session, those in which enough series were quoted
    )


class Pooled(StrEnum):
    """Which series are measured together."""

    ALL = "all"  # all assigned series of the member
    CLASS = "class"  # each option class by itself


class Period(StrEnum):
    """Over what the share is measured; the accumulators begin again with it."""

    DAY = "day"
    MONTH = "month"


class Precedence(StrEnum):
    """Which goes first where a duty binds and a hard limit would pull a side. The kill limit goes before both."""

    LEGAL_MINIMUM = "legal_minimum"  # widest legal quote of the least size; counted and escalated
    LIMIT_FIRST = "limit_first"  # the side goes, the duty is broken; counted and escalated


class WidthBand(Parameters, frozen=True, kw_only=True):
    """The widest quote from a bid on: the least of what is told, in price units."""

    from_bid: float = 0.0
    width: float | None = None
    bid_pct: float | None = None  # percent of the bid
    stock_spreads: float | None = None  # times the bid-ask spread of the underlying
    from_days: float = 0.0  # to expiry; the last band that holds in both decides

    def __post_init__(self) -> None:
        """Refuse a width that is none."""
        told = [each for each in (self.width, self.bid_pct, self.stock_spreads) if each is not None]
        _demand(
            bool(told) and all(0.0 < each < _INFINITE for each in told),
            f"width band from {self.from_bid}: tell width, bid_pct or stock_spreads, above 0, was {told}",
        )
        _demand(
            0.0 <= self.from_bid < _INFINITE and 0.0 <= self.from_days < _INFINITE,
            f"width band: from_bid and from_days must be 0 or above, was {self.from_bid} and {self.from_days}",
        )


class Breadth(Parameters, frozen=True, kw_only=True):
    """How many series of a pool must be quoted at once: the least of what is told."""

    share: float = 1.0  # of the series in duty, rounded up
    all_but: int | None = None  # all less so many: 2 for one call-put pair
    series: int | None = None  # so many

    def __post_init__(self) -> None:
        """Refuse a breadth that is none."""
        _demand(0.0 < self.share <= 1.0, f"breadth: share must be above 0 and at most 1, was {self.share}")
        for name in ("all_but", "series"):
            value = getattr(self, name)
            _demand(value is None or value >= 0, f"breadth: {name} must be 0 or above, was {value}")


class Exemptions(Parameters, frozen=True, kw_only=True):
    """Series that no duty covers, and times in which there is none."""

    expiry_months: int | None = None  # calendar months from which a series is too far off
    expiry_months_index: int | None = None  # the same for index options; None: as for all
    delta_below: float | None = None  # of absolute delta: too far out of the money
    delta_above: float | None = None  # too far in the money
    quarterly: bool = False
    adjusted: bool = False
    listed_today: bool = False
    fast_market: bool = False  # exceptional circumstances: the clock stands still

    def __post_init__(self) -> None:
        """Refuse bounds that are none."""
        for name in ("expiry_months", "expiry_months_index"):
            value = getattr(self, name)
            _demand(
                value is None or 1 <= value <= 120, f"exemptions: {name} must be from 1 to 120, was {value}"
            )
        for name in ("delta_below", "delta_above"):
            value = getattr(self, name)
            _demand(
                value is None or 0.0 <= value <= 1.0, f"exemptions: {name} must be from 0 to 1, was {value}"
            )


class ObligationRule(Parameters, frozen=True, kw_only=True):
    """One duty of one role at one venue."""

    time_share: float  # of time, a multiple of one millionth
    measured: Measured = Measured.SERIES_SECONDS
    pooled: Pooled = Pooled.ALL
    period: Period = Period.DAY
    breadth: Breadth = Breadth()
    widths: tuple[WidthBand, ...]
    fast_width_factor: float = 1.0  # on the widest quote while the market is fast
    in_the_money_as_underlying: bool = (
        False  # in the money as wide as the underlying's own market, where that is wider
    )
    size_min: int = 1  # contracts a side
    size_ratio_min: float = 0.0  # of the smaller side to the larger
    exempt: Exemptions = Exemptions()
    reserve_share: float = 0.02  # the desk's own: headroom never spent on purpose, of the period
    precedence: Precedence = Precedence.LEGAL_MINIMUM

    def __post_init__(self) -> None:
        """Refuse a duty that cannot be meant."""
        millionths = self.time_share * 1e6
        _demand(
            0.0 < self.time_share <= 1.0 and abs(millionths - round(millionths)) < 1e-6,
            f"time_share must be above 0, at most 1, in whole millionths, was {self.time_share}",
        )
        _demand(bool(self.widths), "a duty needs a width band; the widest width may be large")
        _demand(
            self.widths[0].from_bid == 0.0 == self.widths[0].from_days, "the first width band must begin at 0"
        )
        _demand(
            self.fast_width_factor >= 1.0,
            f"fast_width_factor must be 1 or above, was {self.fast_width_factor}",
        )
        _demand(self.size_min >= 1, f"size_min must be 1 or above, was {self.size_min}")
        for name in ("size_ratio_min", "reserve_share"):
            value = getattr(self, name)
            _demand(0.0 <= value <= 1.0, f"{name} must be from 0 to 1, was {value}")
