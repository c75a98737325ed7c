"""How far from fair value each side should stand, and what that distance is made of.

Source: domain reference A.12, 4.4, 4.5 (best distance for an intensity and the cost of a fill), 8.1 (convex widening of the side that
adds). The neutral half-spread is the best distance of a fill that costs nothing, at least what the desk asks for, wider where the
surface is less to be trusted. The cost of a fill (reservation price) moves each side from there. The inventory lean stays within
`lean_max_half_spreads` (leaning further is run over, 4.20); what limits, capital and adverse selection add has no such bound.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.limits.ladder import THRESHOLDS, Step
from flatbook.market.view import MarketView
from flatbook.model.measures import Measure
from flatbook.model.parameters import QuotingRules
from flatbook.model.table import Floats, Ints
from flatbook.quoting.distance import optimal_distance
from flatbook.quoting.strain import Strain
from flatbook.quoting.ticks import step_ticks
from flatbook.riskprice.intensity import Intensity
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values, usd_per_quote

CONVEXITY = 4.0  # extra width of the adding side: 1 + CONVEXITY (u - 0.5)^2
ALERT_HALF_SPREADS = 2.0
_SOFT, _HARD = THRESHOLDS[Step.NOTIFY], THRESHOLDS[Step.HARD]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuoteParts:
    """Distance of each side from fair value and its parts, which add up to it: all [2, n], rows BID and OFFER, quote currency.

    Plus is further from fair value. An infinite distance: the side must go; NaN: not known.
    """

    distance: Floats
    inventory: Floats  # what we hold already, as far as it may lean a quote
    flow: Floats  # flow that comes from one side, and alpha
    own: Floats  # what the lot itself adds
    barrier: Floats  # limits
    capital: Floats
    adverse_selection: Floats
    hedge: Floats
    edge: Floats  # earned at the best distance, above what a fill costs
    floor: Floats  # up to the least half-spread, more where the surface is not to be trusted, less where the legal width is narrow
    limits: Floats  # convex widening of the side that adds to a strained limit
    fast: Floats  # widening of a fast market
    least: Floats  # up to the least edge after fees


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distances:
    """What a quote is made from."""

    parts: QuoteParts
    half: Floats  # [2, n] neutral distance of each side, quote currency
    step: Floats  # [n] of the grid at the far side of the widest quote, quote currency


def distances(
    theo: Floats,
    values: Values,
    price: RiskPrice,
    market: MarketView,
    rules: QuotingRules,
    *,
    pull: Strain,
    width: Floats,
    fast: Floats,
) -> Distances:
    """The distance of both sides of every series.

    Parameters
    ----------
    theo : float64[n]
        Quote currency; NaN where there is no quote.
    values, price, market, rules
    pull : Strain
        Of the limits.
    width : float64[n]
        Widest quote of the desk, quote currency.
    fast : float64[n] or float64[1]
        Factor on the neutral distance; 1 in a calm market.
    """
    usd = usd_per_quote(values, market)
    quote = 1.0 / usd
    intensities = price.intensity or (_usual(values, rules),) * 2
    edge_neutral = np.vstack([_edge(each, np.zeros(theo.size)) for each in intensities]) * quote
    step = _step(theo, width, market)
    half = _neutral(edge_neutral, theo, market, rules, width, step)
    told, charges = price.reservation, price.reservation.charges
    most = rules.lean_max_half_spreads * half * usd
    inventory = np.clip(told.inventory_usd, -most, most)
    cost = told.shift_usd - told.inventory_usd + inventory
    edge = edge_neutral
    if any(each.logistic.any() for each in intensities):
        edge = np.vstack([_edge(each, side) for each, side in zip(intensities, cost, strict=True)]) * quote
    limits = half * (_ladder(pull) - 1.0)
    hurry = (half + limits) * (fast - 1.0)
    wanted = cost * quote + (edge - edge_neutral + half + limits + hurry)
    distance = np.maximum(wanted, (rules.edge_min_usd + rules.fee_per_contract) * quote)
    with np.errstate(invalid="ignore"):
        least = distance - wanted
    parts = QuoteParts(
        distance=distance,
        inventory=inventory * quote,
        flow=told.flow_usd * quote,
        own=told.own_usd * quote,
        barrier=charges.barrier * quote,
        capital=charges.capital * quote,
        adverse_selection=charges.adverse_selection * quote,
        hedge=charges.hedge * quote,
        edge=edge,
        floor=half - edge_neutral,
        limits=limits,
        fast=hurry,
        least=least,
    )
    return Distances(parts=parts, half=half, step=step)


def widening(utilisation: Floats, step: Ints) -> Floats:
    """Factor on the half-spread of one side: convex from half the limit on, at least double from ALERT on."""
    if not step.any():
        return np.ones(step.size)
    over = np.clip(utilisation, _SOFT, _HARD) - _SOFT
    widened = np.where(step >= Step.NOTIFY, 1.0 + CONVEXITY * over**2, 1.0)
    return np.maximum(widened, np.where(step >= Step.ALERT, ALERT_HALF_SPREADS, 1.0))


def _ladder(pull: Strain) -> Floats:
    """Factor on the half-spread of each side, float64[2, n]."""
    return np.vstack(
        (widening(pull.bid_utilisation, pull.bid_step), widening(pull.ask_utilisation, pull.ask_step))
    )


def _usual(values: Values, rules: QuotingRules) -> Intensity:
    """Where nobody knows of any flow: fills that fade so that the neutral distance is the desk's half-spread in vol points."""
    usd = rules.half_spread_vol_points * np.abs(values.greeks[:, Measure.VEGA_USD_PER_POINT])
    with np.errstate(divide="ignore"):
        decay = np.where(usd > 0.0, 1.0 / usd, np.nan)
    none = np.zeros(usd.size)
    return Intensity(arrivals_per_year=none, offset=none, decay_per_usd=decay, logistic=none > 0.0)


def _edge(intensity: Intensity, cost_usd: Floats) -> Floats:
    """The best distance above the cost of a fill, USD per contract; 0 where nothing is known of the intensity."""
    known = np.isfinite(intensity.decay_per_usd) & np.isfinite(cost_usd)
    anywhere = np.full(cost_usd.size, -np.inf)
    cost = np.where(known, cost_usd, 0.0)
    return np.where(known, optimal_distance(intensity, cost, anywhere) - cost, 0.0)


def _neutral(
    edge: Floats, theo: Floats, market: MarketView, rules: QuotingRules, width: Floats, step: Floats
) -> Floats:
    """The neutral half-spread of each side: at least a minimum and a share of the value, and within the desk's widest quote.

    Wider where the expiry's smile is less to be trusted. Half the width less one step a side, so that rounding outward stays legal.
    """
    half = np.maximum(
        np.maximum(edge, rules.half_spread_min / market.unit), rules.half_spread_pct / 100.0 * theo
    )
    confidence = np.append(market.slice_confidence, 1.0)[market.table.slice_of]
    half = half * (1.0 + (rules.half_spreads_without_confidence - 1.0) * (1.0 - confidence))
    return np.minimum(half, np.maximum(0.5 * width - step, 0.0))


def _step(theo: Floats, width: Floats, market: MarketView) -> Floats:
    ticks = (np.where(np.isfinite(theo), theo, 0.0) + width) * market.table.ticks_per_unit
    return step_ticks(ticks.astype(np.int64), market.table) / market.table.ticks_per_unit
