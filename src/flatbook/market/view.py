"""The market at one instant, as columns aligned with the instrument table.

Units: prices and strikes in the currency of the strike (`unit` converts a coin-settled quote), volatilities annual
decimals, times in act/365 years.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flatbook.market.quotes import Codes, QuoteStatus
from flatbook.model.table import Bools, Floats, InstrumentTable


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
class Smile:
    """One expiry's implied variance as a natural cubic smoothing spline, linear outside its knots.

    `x` is ln(K/F) / sqrt(w_atm), `y` is w / w_atm, with w = vol**2 years.
    """

    x: Floats
    y: Floats
    y2: Floats
    w_atm: float
    slope_left: float
    slope_right: float
    penalty: float
    share_inside: float  # of the fitted two-sided quotes, whose volatility lies inside bid and ask


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
    smiles: tuple[Smile | None, ...]
    dividend_years: tuple[Floats, ...]  # by underlying: cash dividends to come
    dividend_amount: tuple[Floats, ...]
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

    @property
    def usable_share(self) -> float:
        """Share of two-sided live series whose quote is used: a health figure."""
        two_sided = ~np.isnan(self.bid) & ~np.isnan(self.ask) & (self.years > 0.0)
        return (
            float((self.status[two_sided] == QuoteStatus.USABLE).mean()) if two_sided.any() else float("nan")
        )
