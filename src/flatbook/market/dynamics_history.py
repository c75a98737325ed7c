"""What the surfaces that are published tell of spot-vol dynamics: one observation each, no more than one in an interval.

A surface is published when volatility has moved by more than the noise of its quotes. Returns add up until then, so that the
times at which it happens, though they are not chance, leave the slope of volatility on return as it is: of a martingale the
mean at such times is its mean at the start (J. L. Doob, "Stochastic Processes" (1953), ch. VII, optional sampling).
"""

from dataclasses import replace

import numpy as np

from flatbook.market.clock import NS_PER_YEAR
from flatbook.market.dynamics import dynamics_of_terms
from flatbook.market.dynamics_estimate import DynamicsEstimate, FitSeen, Prior, begin
from flatbook.market.quotes import QuoteStatus
from flatbook.market.surface import NO_KEY, SmileKind
from flatbook.market.view import MarketView
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.parameters import UnderlyingTerms
from flatbook.model.table import Floats, Ints

_NEAR_DEVIATIONS = 0.5  # of log spot to expiry: around the money
_MINUTES_PER_YEAR = CALENDAR_DAYS * 24.0 * 60.0
_MOMENT_YEARS = 1e-9  # a thirtieth of a second: what floats lose of an interval since 1970


def after_publication(
    known: DynamicsEstimate | None, terms: UnderlyingTerms, market: MarketView, underlying: int
) -> DynamicsEstimate:
    """The estimate once a surface of `underlying` was published in `market`; within the interval nothing is learned.

    Parameters
    ----------
    known : DynamicsEstimate or None
        Before; None at first.
    terms : UnderlyingTerms
        For the prior, the interval and how fast the past fades.
    market : MarketView
    underlying : int
        Its number in the table of `market`.
    """
    estimate = under_terms(known, terms)
    interval = terms.spot_vol_interval_minutes / _MINUTES_PER_YEAR - _MOMENT_YEARS
    at_years = market.now_ns / NS_PER_YEAR
    if estimate.last is not None and at_years - estimate.last.at_years < interval:
        return estimate
    return estimate.after(fit_of(market, underlying))


def under_terms(known: DynamicsEstimate | None, terms: UnderlyingTerms) -> DynamicsEstimate:
    """What was learned, drawn to the prior that `terms` give now; nothing is left of it where these follow other tenors."""
    prior = Prior(dynamics=dynamics_of_terms(terms))
    half_life = terms.spot_vol_half_life_days / CALENDAR_DAYS
    if known is None or known.prior.dynamics.tenor_years != prior.dynamics.tenor_years:
        return begin(prior, half_life)
    return replace(
        known,
        prior=prior,
        on_skew=replace(known.on_skew, half_life_years=half_life),
        on_return=replace(known.on_return, half_life_years=half_life),
    )


def fit_of(market: MarketView, underlying: int) -> FitSeen:
    """At-the-money vol and skew of the expiries of an underlying that have a smile of their own.

    A fit is drawn to the one before inside bid and offer and so lags behind a move; the level is that of the quotes around
    the money, which do not.
    """
    surface, table = market.surfaces[underlying], market.table
    mine = np.flatnonzero((table.underlying_of_slice == underlying) & (market.slice_in_surface != NO_KEY))
    mine = mine[np.argsort(market.slice_years[mine], kind="stable")]
    shape = np.full((mine.size, 2), np.nan)
    for row, at in enumerate(market.slice_in_surface[mine].tolist()):
        if surface is not None and surface.slices[at].kind is not SmileKind.REFUSED:
            shape[row] = surface.slices[at].level, surface.slices[at].skew
    return FitSeen(
        at_years=market.now_ns / NS_PER_YEAR,
        spot=float(market.spot[underlying]),
        years=market.slice_years[mine],
        atm_vol=shape[:, 0] + _of_quotes(market, mine, shape[:, 0]),
        skew=shape[:, 1],
    )


def _of_quotes(market: MarketView, slices: Ints, atm_vol: Floats) -> Floats:
    """How far the usable quotes around the money of each slice stand from its smile, in the mean, float64[s]; 0 without any."""
    table = market.table
    number = np.full(len(table.slices) + 1, NO_KEY)  # the last entry is that of rows without a slice
    number[slices] = np.arange(slices.size)
    of = number[table.slice_of]
    apart = market.vol_mid - market.vol
    with np.errstate(divide="ignore", invalid="ignore"):
        deviations = np.abs(np.log(table.strike / market.forward))
    near = _NEAR_DEVIATIONS * atm_vol * np.sqrt(market.slice_years[slices])
    rows = (of >= 0) & (market.status == QuoteStatus.USABLE) & np.isfinite(apart)
    rows &= deviations <= np.append(near, np.nan)[of]
    count = np.bincount(of[rows], minlength=slices.size)
    return np.bincount(of[rows], weights=apart[rows], minlength=slices.size) / np.maximum(count, 1)
