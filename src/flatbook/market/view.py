"""The market at one instant, as columns aligned with the instrument table.

Units: prices and strikes in the currency of the strike (`unit` converts a coin-settled quote), volatilities annual
decimals, times in act/365 years.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from flatbook.market.quote_health import ClassHealth, no_health
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TermStructure:
    """What expiries tell beside their prices, by slice."""

    forward_error: Floats  # standard error; NaN where the forward is not from parity
    borrow: Floats  # continuous annual, with all that listed dividends and the rate do not explain; NaN with a reason
    borrow_error: Floats
    borrow_reason: Ints  # `market.borrow.BorrowReason`
    variance_years: Floats  # variance time to expiry; calendar years where the underlying has no calendar
    variance_vol: Floats  # at the money, in variance time
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
        variance_vol=none,
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
    slice_yield: Floats  # continuous dividend and borrow yield left after cash dividends
    slice_spot: (
        Floats  # price an American tree stands on: the underlying's, or what the forward implies it is
    )
    slice_atm_vol: Floats
    slice_reason: tuple[str, ...]  # why an expiry cannot be valued; empty where it can
    slice_warning: tuple[str, ...]  # what a trader should know of an expiry that is valued; mostly empty
    slice_confidence: Floats  # 0 to 1: how far its smile can be trusted
    slice_in_surface: Ints  # which slice of its underlying's surface an expiry is, -1 where it is in none
    surfaces: tuple[Surface | None, ...]  # by underlying
    dividend_years: tuple[Floats, ...]  # by underlying: cash dividends to come
    dividend_amount: tuple[Floats, ...]
    health: ClassHealth = field(default_factory=no_health)  # by class; empty in a view made by hand
    term: TermStructure = field(default_factory=no_term)  # by slice; empty in a view made by hand
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
    def usable_share(self) -> float:
        """Share of two-sided live series whose quote is used: a health figure."""
        two_sided = ~np.isnan(self.bid) & ~np.isnan(self.ask) & (self.years > 0.0)
        return (
            float((self.status[two_sided] == QuoteStatus.USABLE).mean()) if two_sided.any() else float("nan")
        )
