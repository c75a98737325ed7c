"""What every contract of the made-up world is truly worth: rates, dividends, a smooth smile, and the kernels.

SYNTHETIC: all numbers are invented. The smile is the SSVI of J. Gatheral and A. Jacquier, "Arbitrage-free SVI
volatility surfaces", Quantitative Finance 14 (2014) 59-71, with phi = wings / sqrt(theta (1 + theta)): by their
section 4 it is free of butterfly arbitrage while wings (1 + |tilt|) <= 2, and of calendar arbitrage while theta rises.
"""

from dataclasses import dataclass
from datetime import date, time

import numpy as np

from flatbook.kernels import european
from flatbook.kernels.dividend_grid import ACCURATE, price_cash_dividends
from flatbook.kernels.european import value_european
from flatbook.market.clock import tau
from flatbook.market.rates import curve_rates
from flatbook.model.events import DividendsSeen, RatesSeen
from flatbook.model.instruments import Instrument, Style
from flatbook.model.table import Floats
from flatbook.sim.listing import INDEX, SHARE, TODAY, instant_ns

AT_NS = instant_ns(TODAY, time(15, 0))
OPEN_NS = instant_ns(TODAY, time(9, 30))
_SIXTEEN = time(16, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Smile:
    """Volatilities by strike and expiry."""

    vol_near: float  # at the money, today
    vol_far: float  # at the money, towards which it goes with time to expiry
    pull_years: float  # how fast
    tilt: float  # correlation of spot and volatility
    wings: float

    def vol(self, log_moneyness: Floats, years: Floats) -> Floats:
        """Annual volatility at ln(K/F); `years` above 0."""
        gone = self.pull_years * -np.expm1(-years / self.pull_years)
        theta = self.vol_far**2 * years + (self.vol_near**2 - self.vol_far**2) * gone
        phi = self.wings / np.sqrt(theta * (1.0 + theta))
        x = phi * log_moneyness
        variance = 0.5 * theta * (1.0 + self.tilt * x + np.sqrt((x + self.tilt) ** 2 + 1.0 - self.tilt**2))
        return np.sqrt(variance / years)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """One made-up underlying."""

    name: str
    spot_open: float
    spot: float  # at the time of the snapshot
    vol_today: float  # of the path of the day, annual
    dividend_yield: float  # continuous
    smile: Smile
    half_spread_vol_points: float  # of the market's quotes
    half_spread_of_intrinsic: float


ISSUERS: dict[str, Issuer] = {
    INDEX: Issuer(
        name=INDEX,
        spot_open=4972.5,
        spot=5000.0,
        vol_today=0.10,
        dividend_yield=0.013,
        smile=Smile(vol_near=0.125, vol_far=0.175, pull_years=0.35, tilt=-0.62, wings=0.95),
        half_spread_vol_points=0.10,
        half_spread_of_intrinsic=0.001,
    ),
    SHARE: Issuer(
        name=SHARE,
        spot_open=118.90,
        spot=120.0,
        vol_today=0.22,
        dividend_yield=0.0,
        smile=Smile(vol_near=0.27, vol_far=0.31, pull_years=0.4, tilt=-0.35, wings=0.8),
        half_spread_vol_points=0.20,
        half_spread_of_intrinsic=0.0015,
    ),
}

RATES = RatesSeen(
    received_ns=AT_NS,
    currency="USD",
    maturity_ns=tuple(
        instant_ns(day, _SIXTEEN)
        for day in (date(2027, 2, 5), date(2027, 4, 6), date(2027, 7, 6), date(2028, 1, 6))
    ),
    rate=(0.0380, 0.0375, 0.0368, 0.0355),
)
DIVIDENDS = DividendsSeen(
    received_ns=AT_NS,
    underlying=SHARE,
    ex_ns=tuple(instant_ns(day, time(9, 30)) for day in (date(2027, 2, 5), date(2027, 5, 7))),
    amount=(0.60, 0.60),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fair:
    """True worth of each contract, price units; `half_spread` is what the made-up market charges around it."""

    price: Floats
    half_spread: Floats
    forward: Floats
    discount: Floats
    deviation: Floats  # standard deviation of ln(spot) until expiry


def fair(items: tuple[Instrument, ...], now_ns: int, spot: float) -> Fair:
    """What options of one underlying are worth.

    Parameters
    ----------
    items : tuple of Instrument
        Live options of one underlying.
    now_ns : int
        UTC nanoseconds.
    spot : float
        Of the underlying.

    Returns
    -------
    Fair
        float64[n] each, in the order of `items`.
    """
    issuer = ISSUERS[items[0].underlying]
    strike = np.array([item.strike for item in items])
    sign = np.array([float(item.right or 0) for item in items])
    years = tau(now_ns, np.array([item.expiry_ns for item in items], dtype=np.int64))
    rate = curve_rates(RATES, now_ns, years)
    discount = np.exp(-rate * years)
    due = dividends_ahead(issuer.name, now_ns)
    forward = _forwards(issuer, spot, years, rate, due)
    vol = issuer.smile.vol(np.log(strike / forward), years)
    spots, carry = np.full(strike.size, spot), np.full(strike.size, issuer.dividend_yield)
    fixed = np.zeros(strike.size, dtype=np.bool_)
    raw = value_european(spots, forward, strike, years, vol, discount, sign, fixed)
    price = raw[european.PRICE]
    if items[0].style is Style.AMERICAN:
        meets = np.tile(np.array([0, due[0].size], dtype=np.int64), (strike.size, 1))
        style = np.ones(strike.size)
        price = price_cash_dividends(
            spots, strike, years, vol, rate, carry, sign, style, *due, meets, *ACCURATE
        )[:, 0]
    intrinsic = np.maximum(sign * (forward - strike), 0.0)
    by_vol = issuer.half_spread_vol_points * raw[european.VEGA] / 100.0
    return Fair(
        price=price,
        half_spread=by_vol + issuer.half_spread_of_intrinsic * intrinsic,
        forward=forward,
        discount=discount,
        deviation=vol * np.sqrt(years),
    )


def dividends_ahead(name: str, now_ns: int) -> tuple[Floats, Floats]:
    """Years until each cash dividend of an underlying, and its amount."""
    if name != DIVIDENDS.underlying:
        return np.empty(0), np.empty(0)
    return tau(now_ns, np.array(DIVIDENDS.ex_ns, dtype=np.int64)), np.array(DIVIDENDS.amount)


def _forwards(issuer: Issuer, spot: float, years: Floats, rate: Floats, due: tuple[Floats, Floats]) -> Floats:
    """Spot carried to each expiry, less the dividends that fall from it on the way."""
    carry = rate - issuer.dividend_yield
    forward = spot * np.exp(carry * years)
    for ex_years, amount in zip(*due, strict=True):
        forward -= np.where(ex_years < years, amount * np.exp(carry * (years - ex_years)), 0.0)
    return np.asarray(forward)
