"""The market at one instant, as columns aligned with the instrument table.

Units: prices and strikes in the currency of the strike (`unit` converts a coin-settled quote), times in act/365 years.
Volatilities are annual decimals in the variance time of their underlying: calendar time where it has no clock.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from flatbook.market.clock import Clock, VarianceTime
from flatbook.market.history import History, no_history
from flatbook.market.quote_health import ClassHealth, no_health
from flatbook.market.quote_memory import Judged
from flatbook.market.quotes import Codes, QuoteStatus
from flatbook.market.surface import Surface
from flatbook.market.surfaces import surface_vol
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints


class ForwardSource(IntEnum):
    """Where the forward of an expiry comes from."""

    NONE = 0
    PARITY = 1  # put-call parity of the option quotes
    FUTURE = 2  # the future the expiry settles on
    CARRY = 3  # spot, rate and dividends alone


class RateSource(IntEnum):
    """Where the rate of an expiry comes from."""

    CURVE = 0
    PARITY = 1
    TERMS = 2  # the desk file
    ASSUMED_ZERO = 3
    NONE = 4  # coin-settled: the price carries no discount


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMove:
    """What the quotes say of a dated event: the standard deviation of its log move; NaN with a reason."""

    underlying: str
    name: str
    at_ns: int
    move_sd: float
    move_sd_error: float
    reason: str
    trading_days: float = float("nan")  # of variance, as the clock counts an event
    trading_days_error: float = float("nan")
    trading_day_years: float = float("nan")  # variance years of a trading day


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TermStructure:
    """What expiries tell beside their prices, by slice."""

    forward_error: Floats  # standard error; NaN where the forward is not from parity
    borrow: Floats  # continuous annual, with all that listed dividends and the rate do not explain; NaN with a reason
    borrow_error: Floats
    borrow_reason: Ints  # `market.borrow.BorrowReason`
    variance_years: Floats  # variance time to expiry; calendar years where the underlying has no clock
    calendar_vol: Floats  # at the money, with the same total variance over calendar years
    forward_vol: Floats  # in variance time, from the expiry before of the underlying
    events: tuple[EventMove, ...]


def no_term() -> TermStructure:
    """The term structure of no expiry at all."""
    none = np.empty(0)
    return TermStructure(
        forward_error=none,
        borrow=none,
        borrow_error=none,
        borrow_reason=np.empty(0, dtype=np.int64),
        variance_years=none,
        calendar_vol=none,
        forward_vol=none,
        events=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """Everything that valuation and decisions read of the market. Nobody changes it."""

    now_ns: int
    table: InstrumentTable
    # by underlying
    spot: Floats
    # by slice (one expiry of one class)
    slice_years: Floats
    slice_forward: Floats
    slice_forward_source: Codes
    slice_future: Floats  # price of the future it settles on, NaN where there is none
    slice_parity_residual: Floats  # median absolute parity residual, price units
    slice_discount: Floats
    slice_rate: Floats
    slice_rate_source: Codes
    slice_yield: Floats  # continuous dividend and borrow yield left after cash dividends, far dividends in it
    slice_spot: (
        Floats  # price an American tree stands on: the underlying's, or what the forward implies it is
    )
    slice_atm_vol: Floats
    slice_reason: tuple[str, ...]  # why an expiry cannot be valued; empty where it can
    slice_warning: tuple[str, ...]  # what a trader should know of an expiry that is valued; mostly empty
    slice_confidence: Floats  # 0 to 1: how far its smile can be trusted
    slice_in_surface: Ints  # which slice of its underlying's surface an expiry is, -1 where it is in none
    surfaces: tuple[Surface | None, ...]  # by underlying
    dividend_years: tuple[
        Floats, ...
    ]  # by underlying: cash dividends to come; what is a share is in `slice_yield`
    dividend_amount: tuple[Floats, ...]
    clocks: tuple[
        Clock, ...
    ] = ()  # by underlying: what its volatility goes by; empty where all go by the calendar
    spot_ns: Ints = field(
        default_factory=lambda: np.empty(0, dtype=np.int64)
    )  # by underlying: when its price came, 0: never; empty in a view made by hand
    valued_ns: Ints = field(
        default_factory=lambda: np.empty(0, dtype=np.int64)
    )  # by underlying: the instant that its forwards, times and volatilities are of; empty: `now_ns` of all
    health: ClassHealth = field(default_factory=no_health)  # by class; empty in a view made by hand
    judged: Judged | None = None  # what earlier quotes say of these; None in a view made by hand
    term: TermStructure = field(default_factory=no_term)  # by slice; empty in a view made by hand
    history: History = field(
        default_factory=no_history
    )  # by day and underlying; empty in a view made by hand
    # by row
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    age_s: Floats
    status: Codes
    years: Floats
    forward: Floats
    discount: Floats
    unit: Floats  # strike currency per unit of quote currency: the forward for coin-settled, 1 otherwise
    forward_fixed: Bools  # the future is the underlying: theta and rho hold it fixed
    vol_bid: Floats
    vol_mid: Floats
    vol_ask: Floats
    vol: Floats  # of the smile

    def surface_vol(self, rows: Ints, log_moneyness: Floats) -> Floats:
        """Volatility, float64[n], of the expiry of each row at ln(K/F); NaN where no surface speaks of it."""
        return surface_vol(self.table, self.surfaces, self.slice_in_surface, rows, log_moneyness)

    @property
    def spot_age_s(self) -> Floats:
        """Age of each underlying's price in seconds, float64[n_underlyings]; NaN where none came."""
        if not self.spot_ns.size:
            return np.full(self.spot.size, np.nan)
        return np.where(self.spot_ns > 0, (self.now_ns - self.spot_ns) / 1e9, np.nan)

    @property
    def variance_time(self) -> VarianceTime | None:
        """What the volatilities of all slices go by; None where all go by the calendar."""
        if not self.clocks:
            return None
        return VarianceTime(
            now_ns=self.now_ns,
            expiry_ns=np.array([key.expiry_ns for key in self.table.slices], dtype=np.int64),
            clock_of=self.table.underlying_of_slice,
            clocks=self.clocks,
        )

    @property
    def slice_variance_years(self) -> Floats:
        """Time to expiry that the volatilities of each slice are quoted in, float64[n_slices]."""
        time = self.variance_time
        return self.slice_years if time is None else time.years

    @property
    def variance_years(self) -> Floats:
        """The same by row, float64[n]; infinite where a row is no option."""
        if not self.clocks:
            return self.years
        return np.asarray(np.append(self.slice_variance_years, np.inf)[self.table.slice_of])

    @property
    def usable_share(self) -> float:
        """Share of two-sided live series whose quote is used: a health figure."""
        two_sided = ~np.isnan(self.bid) & ~np.isnan(self.ask) & (self.years > 0.0)
        return (
            float((self.status[two_sided] == QuoteStatus.USABLE).mean()) if two_sided.any() else float("nan")
        )
