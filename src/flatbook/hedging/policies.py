"""Hedge policies by name, with one signature: when to trade the underlying, and how far.

A policy turns a view of n books into a band of holdings, n columns at once; a holding inside is left alone, one outside is brought to the
nearest edge or to the centre. Domain reference 4.9:

- `WhalleyWilmott`: Delta +- ((3/2) e^{-rT} c S Gamma^2 / aversion)^(1/3) (A. Whalley, P. Wilmott, Math. Finance 7 (1997) 307-324);
- `Zakamouline`: Delta at the volatility s_m +- (H1 + H0), H0 = c / (aversion S s^2 T), H1 = 1.12 c^0.31 T^0.05 (e^{-rT} / s)^0.25
  (|Gamma| / aversion)^0.5, s_m^2 = s^2 (1 - K), K = 5.76 c^0.78 T^-0.02 (e^{-rT} / s)^0.25 (aversion S^2 |Gamma|)^0.15 with the sign of
  Gamma: a short option is hedged at a higher volatility (V. Zakamouline, "Efficient analytic approximation of the optimal hedging strategy
  for a European call option with transaction costs", Quantitative Finance 6 (2006) 435-445);
- `FixedBand` and `FixedInterval`: the same width always, or to the centre at equal times (L. Martellini, P. Priaulet, J. Derivatives 9
  (2002) 3, 26-38);
- `Leland`: at equal times to the delta at his volatility (H. Leland, J. Finance 40 (1985) 1283-1301).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats

_NS_PER_YEAR = 365.0 * 86_400e9


class Stop(StrEnum):
    """Where a hedge outside its band goes to."""

    EDGE = "edge"
    CENTRE = "centre"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HedgeView:
    """What a policy sees of n books, each of options on one underlying, at one instant."""

    at_ns: int
    last_ns: int  # when the hedge was last decided on; for policies by the clock
    spot: Floats  # float64[n]
    vol: Floats  # float64[n] annual, at which deltas are told
    years: Floats  # float64[n] to expiry, above 0; of a book, to the expiry that carries its gamma
    discount: Floats  # float64[n] to expiry
    gamma: Floats  # float64[n] shares per currency unit of spot, of the options
    cost_rate: Floats  # float64[n] of the value traded
    delta_at: Callable[[Floats], Floats]  # shares that the options are worth at volatilities float64[n]
    urgent: Bools  # bool[n] fast market or strained: to the centre, whatever the policy's stop


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HoldingBand:
    """Holdings of the underlying, in shares, that are left alone."""

    centre: Floats  # float64[n]
    half_width: Floats  # float64[n]; infinite: it is not the time


class Policy(Protocol):
    """A named rule for the band."""

    @property
    def name(self) -> str:
        """As reports and comparisons call it."""

    @property
    def stop(self) -> Stop:
        """Where a holding outside goes to."""

    def band(self, view: HedgeView) -> HoldingBand:
        """The holdings that are left alone now."""


def trades(policy: Policy, view: HedgeView, held_shares: Floats) -> Floats:
    """Shares to buy, float64[n]; 0 inside the band. A NaN in the band trades nothing: what to do then is for limits to say."""
    band = policy.band(view)
    gap = band.centre - held_shares
    outside = np.abs(gap) > band.half_width
    kept = np.where(outside & ~view.urgent, band.half_width, 0.0) if policy.stop is Stop.EDGE else 0.0
    return np.asarray(np.where(outside, gap - np.sign(gap) * kept, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class WhalleyWilmott:
    """The asymptotic band for small costs, around the delta."""

    aversion_per_usd: float
    stop: Stop = Stop.EDGE
    name: str = "Whalley-Wilmott"

    def __post_init__(self) -> None:
        """Refuse an aversion that is none."""
        _above_zero(self.name, "aversion_per_usd", self.aversion_per_usd)

    def band(self, view: HedgeView) -> HoldingBand:
        """Holdings within the band."""
        per_aversion = view.discount * view.cost_rate * view.spot * view.gamma**2 / self.aversion_per_usd
        return HoldingBand(centre=-view.delta_at(view.vol), half_width=np.cbrt(1.5 * per_aversion))


@dataclass(frozen=True, slots=True, kw_only=True)
class Zakamouline:
    """The band fitted to the exact solution, around the delta at another volatility; a book without gamma still has one."""

    aversion_per_usd: float
    stop: Stop = Stop.EDGE
    name: str = "Zakamouline"

    def __post_init__(self) -> None:
        """Refuse an aversion that is none."""
        _above_zero(self.name, "aversion_per_usd", self.aversion_per_usd)

    def band(self, view: HedgeView) -> HoldingBand:
        """Holdings within the band."""
        terms = zakamouline_terms(view, self.aversion_per_usd)
        return HoldingBand(centre=-view.delta_at(terms.vol), half_width=terms.h0 + terms.h1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedBand:
    """The same width at all times."""

    half_width_shares: float
    stop: Stop = Stop.EDGE
    name: str = "fixed band"

    def __post_init__(self) -> None:
        """Refuse a width that is none."""
        _above_zero(self.name, "half_width_shares", self.half_width_shares)

    def band(self, view: HedgeView) -> HoldingBand:
        """Holdings within the band."""
        centre = -view.delta_at(view.vol)
        return HoldingBand(centre=centre, half_width=np.full(centre.shape, self.half_width_shares))


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedInterval:
    """To the delta whenever so much time has passed."""

    interval_ns: int
    name: str = "fixed interval"

    def __post_init__(self) -> None:
        """Refuse an interval that is none."""
        _above_zero(self.name, "interval_ns", self.interval_ns)

    @property
    def stop(self) -> Stop:
        """The centre: there is no edge."""
        return Stop.CENTRE

    def band(self, view: HedgeView) -> HoldingBand:
        """Nothing but the delta when it is time; anything before."""
        return _when_due(self.interval_ns, view, view.vol)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leland:
    """To the delta at Leland's volatility whenever so much time has passed."""

    interval_ns: int
    name: str = "Leland"

    def __post_init__(self) -> None:
        """Refuse an interval that is none."""
        _above_zero(self.name, "interval_ns", self.interval_ns)

    @property
    def stop(self) -> Stop:
        """The centre: there is no edge."""
        return Stop.CENTRE

    def band(self, view: HedgeView) -> HoldingBand:
        """Nothing but that delta when it is time; anything before."""
        vol = leland_vol(view.vol, 2.0 * view.cost_rate, self.interval_ns / _NS_PER_YEAR, np.sign(view.gamma))
        return _when_due(self.interval_ns, view, vol)


def _when_due(interval_ns: int, view: HedgeView, vol: Floats) -> HoldingBand:
    centre = -view.delta_at(vol)
    due = view.at_ns - view.last_ns >= interval_ns
    return HoldingBand(centre=centre, half_width=np.where(due | view.urgent, 0.0, np.inf))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZakamoulineTerms:
    """The parts of the band, by book."""

    h0: Floats  # float64[n] shares, without gamma
    h1: Floats  # float64[n] shares, from gamma
    k: Floats  # float64[n] share of variance that the volatility of the delta is lowered by; below 0 where gamma is short
    vol: Floats  # float64[n] at which the delta is told; not below a tenth of the view's


def zakamouline_terms(view: HedgeView, aversion_per_usd: float) -> ZakamoulineTerms:
    """H0, H1, K and the volatility of the centre.

    The fit of K was made for costs of at most some percent; where it would leave less than a hundredth of the variance of a long book, it
    is held there.
    """
    c, t, s, gamma = view.cost_rate, view.years, view.vol, np.abs(view.gamma)
    discounted = (view.discount / s) ** 0.25
    h0 = c / (aversion_per_usd * view.spot * s**2 * t)
    h1 = 1.12 * c**0.31 * t**0.05 * discounted * np.sqrt(gamma / aversion_per_usd)
    size = 5.76 * c**0.78 * t**-0.02 * discounted * (aversion_per_usd * view.spot**2 * gamma) ** 0.15
    k = np.sign(view.gamma) * size
    return ZakamoulineTerms(h0=h0, h1=h1, k=k, vol=s * np.sqrt(np.maximum(1.0 - k, 0.01)))


def leland_vol(vol: Floats, round_trip: Floats, interval_years: float, side: Floats) -> Floats:
    """s sqrt(1 - side sqrt(2 / pi) k / (s sqrt(dt))), k the cost of buying and selling; NaN where a long book has no variance left.

    Parameters
    ----------
    vol : float64[n]
    round_trip : float64[n]
        Of the value traded.
    interval_years : float
        Between rehedges.
    side : float64[n]
        +1 long gamma, -1 short, 0 none.
    """
    number = np.sqrt(2.0 / np.pi) * round_trip / (vol * np.sqrt(interval_years))
    left = 1.0 - side * number
    return np.asarray(vol * np.sqrt(np.where(left > 0.0, left, np.nan)))


def discrete_hedge_deviation(*, vega: float, vol: float, hedges: int) -> float:
    """Standard deviation of the P&L of `hedges` evenly spaced hedges at the volatility that comes true.

    Source: E. Derman, M. Kamal, "When you cannot hedge continuously", Goldman Sachs Quantitative Strategies Research Notes, 1999:
    sqrt(pi / 4) vega s / sqrt(N), vega per 1.00 of volatility.
    """
    return float(np.sqrt(np.pi / 4.0) * vega * vol / np.sqrt(hedges))


def _above_zero(policy: str, name: str, value: float) -> None:
    if not 0.0 < value < float("inf"):
        msg = f"hedge policy {policy}: {name} must be above 0 and finite, was {value}"
        raise InvalidValueError(msg)
