"""The delta that a desk's policy leaves alone, of one underlying's book.

`VALUE` is the wider of the Whalley-Wilmott band, which comes from the book's gamma, and the delta whose next unit of risk is worth what
trading it away costs (domain reference 4.8 and 4.9); the other policies are those of `hedging.policies`.
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.hedging.band import half_width_shares
from flatbook.hedging.policies import FixedBand, FixedInterval, HedgeView, Policy, WhalleyWilmott, Zakamouline
from flatbook.model.hedge_terms import HedgePolicy, HedgingTerms
from flatbook.model.table import Floats

_NS_PER_MINUTE = 60 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """One underlying's book, as policies see it."""

    delta_usd: float
    gamma_usd_per_pct: float
    vanna_usd_per_point: float
    spot: float
    vol: float  # annual
    cost_rate: float  # USD to trade a USD of delta with the cheapest instrument
    unit_variance: float  # of a USD of delta over the holding time, USD^2; NaN where it is not known
    aversion: float
    at_ns: int
    last_ns: int | None  # when it was last hedged; None: never


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Deltas from `centre_usd - half_width_usd` to `centre_usd + half_width_usd` are left alone."""

    centre_usd: float
    half_width_usd: float  # infinite: it is not the time


def band_of(policy: HedgePolicy, book: Direction, hedging: HedgingTerms, *, urgent: bool) -> Band:
    """What `policy` leaves alone now."""
    if policy is HedgePolicy.VALUE:
        return Band(centre_usd=0.0, half_width_usd=max(whalley_wilmott_usd(book), worthless_usd(book)))
    named, spot = _named(policy, book, hedging), book.spot
    found = named.band(_view(book, hedging, urgent=urgent))
    return Band(
        centre_usd=(book.delta_usd / spot + float(found.centre[0])) * spot + 0.0,
        half_width_usd=float(found.half_width[0]) * spot,
    )


def whalley_wilmott_usd(book: Direction) -> float:
    """Half-width of the band from gamma and cost."""
    shares = half_width_shares(
        cost_rate=book.cost_rate,
        spot=book.spot,
        gamma=book.gamma_usd_per_pct * 100.0 / book.spot**2,
        aversion_per_usd=book.aversion,
    )
    return shares * book.spot


def worthless_usd(book: Direction) -> float:
    """The delta whose next unit of risk is worth what trading it away costs: |D| <= psi / 2A."""
    per_unit = book.aversion * book.unit_variance
    return book.cost_rate / per_unit if per_unit > 0.0 else 0.0


def _named(policy: HedgePolicy, book: Direction, hedging: HedgingTerms) -> Policy:
    match policy:
        case HedgePolicy.WHALLEY_WILMOTT:
            return WhalleyWilmott(aversion_per_usd=book.aversion)
        case HedgePolicy.ZAKAMOULINE:
            return Zakamouline(aversion_per_usd=book.aversion)
        case HedgePolicy.FIXED_BAND:
            return FixedBand(half_width_shares=hedging.band_usd / book.spot)
        case _:
            return FixedInterval(interval_ns=round(hedging.interval_minutes * _NS_PER_MINUTE))


def _view(book: Direction, hedging: HedgingTerms, *, urgent: bool) -> HedgeView:
    spot, vol = book.spot, book.vol

    def delta_at(other: Floats) -> Floats:
        """Shares at another volatility, by vanna: the centre is what the book would be hedged with."""
        usd = book.delta_usd + book.vanna_usd_per_point * 100.0 * (other - vol)
        return np.asarray(usd / spot)

    never = book.last_ns is None
    return HedgeView(
        at_ns=book.at_ns,
        last_ns=book.at_ns - 2**62 if book.last_ns is None else book.last_ns,
        spot=np.array([spot]),
        vol=np.array([vol]),
        years=np.array([hedging.years]),
        discount=np.ones(1),
        gamma=np.array([book.gamma_usd_per_pct * 100.0 / spot**2]),
        cost_rate=np.array([book.cost_rate]),
        delta_at=delta_at,
        urgent=np.array([urgent or never]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTrade:
    """What one policy would trade now, with an instrument that follows the underlying wholly."""

    policy: HedgePolicy
    band: Band
    trade_usd: float  # of delta, plus buys


def policies_now(book: Direction, hedging: HedgingTerms, *, urgent: bool = False) -> tuple[PolicyTrade, ...]:
    """Every policy beside each other, in the order of their names."""
    out = []
    for policy in HedgePolicy:
        band = band_of(policy, book, hedging, urgent=urgent)
        gap = book.delta_usd - band.centre_usd
        stop = 0.0 if urgent or policy is HedgePolicy.FIXED_INTERVAL else band.half_width_usd
        outside = math.isfinite(gap) and abs(gap) > band.half_width_usd
        trade = -gap + math.copysign(stop, gap) if outside else 0.0
        out.append(PolicyTrade(policy=policy, band=band, trade_usd=trade))
    return tuple(out)
