"""One price per factor from one value function v(E) = -E'AE of the book's factor exposures.

Source: Stoikov and Saglam (2009), theorem 4, generalised from one option to a book (domain reference 4.3 and 4.5): over the
holding time the residual variance of the exposures E is E'SE, with S the covariance of all factors (`exposure.factor_prior`).
A = aversion / 2 times S, and the price is g = 2AE. The delta that is cheaper to trade away than to hold is not priced: E is the
book after it, the least of aversion / 2 E'SE plus what its hedges cost (Barzykin, Bergault and Gueant 2021: internalise only
while that is cheaper; domain reference 4.8), so that spot is never priced above the cost of a hedge. It is found one spot
after another by soft thresholds (R. Tibshirani, J. Royal Statistical Society B 58 (1996) 267-288; P. Tseng, J. Optimization
Theory and Applications 109 (2001) 475-494, for convergence).
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.factor_covariance import Covariance
from flatbook.exposure.factors import SPOT, FactorExposure, Factors
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats

_SWEEPS = 100
_SETTLED = 1e-12  # of the largest trade


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPrice:
    """Kinds of factor as in `exposure.factors`; NaN where an underlying has no volatility."""

    spot_vol: Floats  # [n_underlyings] annual, at 30 days
    deviation: (
        Floats  # [n_underlyings, kinds] standard deviation of each factor over the holding time, USD per unit
    )
    price: Floats  # [n_underlyings, kinds] USD per unit of exposure; plus: another unit costs us
    hedge_cost: Floats  # [n_underlyings] USD to trade a USD of delta
    marginal_usd: Floats  # [n_rows] cost of owning one more contract
    own_usd: (
        Floats  # [n_rows] half the curvature: what a contract adds to its own cost once its delta is hedged
    )


def risk_price(
    book: FactorExposure,
    of: Factors,
    covariance: Covariance,
    desk: Desk,
    spot_vol: Floats,
    hedge_cost: Floats,
) -> RiskPrice:
    """Price the factors of every underlying.

    Parameters
    ----------
    book : FactorExposure
        Series whose exposure is not known are left out: limits add their worst case.
    of : Factors
        Of one contract of each series. Factors that nobody knows a series' exposure to (its skew where no surface speaks of
        its expiry) are not in its price; a series without a value has none.
    covariance : Covariance
        Of the factors over the holding time, in the order of a flattened [n_underlyings, kinds].
    desk : Desk
    spot_vol : float64[n_underlyings]
        Annual, at 30 days.
    hedge_cost : float64[n_underlyings]
        Cost of the cheapest hedge in USD per USD of delta; inf where there is none.
    """
    n, kinds = book.known.shape
    aversion, matrix = desk.appetite.aversion_per_usd, covariance.matrix
    told = np.isfinite(np.diag(matrix))
    known = np.where(told[:, None] & told, matrix, 0.0)
    spots = np.arange(n) * kinds + SPOT
    kept = after_cheap_hedges(book.known.reshape(-1), known, spots, hedge_cost / aversion)
    price = np.where(told, aversion * (known @ kept), np.nan).reshape(n, kinds)
    underlying = of.underlying_of
    e = np.where(np.isfinite(of.e) | ~np.isfinite(of.e[:, SPOT, None]), of.e, 0.0)
    own = np.empty(underlying.size)
    for u in range(n):
        mine, block = underlying == u, slice(u * kinds, (u + 1) * kinds)
        own[mine] = _own_variance(e[mine], matrix[block, block], np.isfinite(hedge_cost[u]))
    return RiskPrice(
        spot_vol=spot_vol,
        deviation=np.sqrt(np.diag(matrix)).reshape(n, kinds),
        price=price,
        hedge_cost=hedge_cost,
        marginal_usd=(price[underlying] * e).sum(axis=1),
        own_usd=0.5 * aversion * own,
    )


def after_cheap_hedges(exposure: Floats, covariance: Floats, spots: Floats, threshold: Floats) -> Floats:
    """The exposure once every delta is traded whose risk is worth more than its hedge: least of E'SE / 2 + threshold |trade|.

    Parameters
    ----------
    exposure : float64[F]
    covariance : float64[F, F]
    spots : int64[U]
        Which factors can be traded.
    threshold : float64[U]
        Cost of trading a unit, over the aversion; inf where it cannot be traded.
    """
    kept, traded = exposure.copy(), np.zeros(spots.size)
    can = np.flatnonzero((np.diag(covariance)[spots] > 0.0) & np.isfinite(threshold))
    for _ in range(_SWEEPS):
        largest = 0.0
        for u in can.tolist():
            variance = covariance[spots[u], spots[u]]
            flat = traded[u] + float(covariance[spots[u]] @ kept) / variance
            wanted = np.sign(flat) * max(abs(flat) - threshold[u] / variance, 0.0)
            kept[spots[u]] -= wanted - traded[u]
            largest = max(largest, abs(wanted - traded[u]))
            traded[u] = wanted
        if largest <= _SETTLED * np.abs(traded).max(initial=0.0):
            break
    return kept


def _own_variance(e: Floats, covariance: Floats, hedged: bool) -> Floats:
    """Variance of one contract of each series, float64[n]; where its delta is hedged, of what spot does not explain."""
    spot = covariance[SPOT]
    if hedged and spot[SPOT] > 0.0:
        covariance = covariance - np.outer(spot, spot) / spot[SPOT]
    return np.asarray(np.maximum(((e @ covariance) * e).sum(axis=1), 0.0))
