"""One price per factor and one shift per quote, from one value function v(E) = -E'AE - B'E of the book's factor exposures.

Source: Stoikov and Saglam (2009), theorem 4, generalised from one option to a book, and `riccati` for what expected flow takes
back (domain reference 4.3 and 4.5); without flow A is aversion / 2 times the covariance over the holding time. The delta that is
cheaper to trade away than to hold is not priced: the price is g = 2AE + B of the book E after it, the least of E'AE plus what its hedges
cost (Barzykin, Bergault and Gueant 2021: internalise only while that is cheaper; domain reference 4.8), so that spot is never priced
above the cost of a hedge; a proxy brings its basis along, so that the spot it is not correlated with stays priced. It is
exact, by the active set of `kernels.hedge_programme`, within what may be traded. Along one hedge, the least is Huber's function of the
position that the book amounts to (P. Huber, Annals of Mathematical Statistics 35 (1964) 73-101): quadratic within the band, the cost of
the hedge beyond, and quadratic again where no more of it may be traded. The next lot costs what no hedge takes from it, and the rise of that function above its slope, by the hedge that leaves least.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.exposure.factor_covariance import Covariance
from flatbook.exposure.factors import LEVELS, SPOT, FactorExposure, Factors
from flatbook.kernels.hedge_programme import least_cost
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats
from flatbook.riskprice.desk_flow import DeskFlow
from flatbook.riskprice.hedge_directions import HedgeDirections
from flatbook.riskprice.intensity import Intensity
from flatbook.riskprice.reservation import Charges, Reservation, no_charges, reservation
from flatbook.riskprice.riccati import (
    FactorStatus,
    SeriesFactors,
    Terms,
    ValueFunction,
    value_function,
    value_without_flow,
)

_ALIKE = 1e-9  # of its variance, which keeps two hedges that are one from being held against each other
_ROUNDS = 1  # distances on the published book of 20 options within 0.02 vol points of the exact ones; two: 0.01, for a third more time
_SIGN = np.array([[1.0], [-1.0]])  # bid, offer


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPrice:
    """Kinds of factor as in `exposure.factors`; NaN where an underlying has no volatility."""

    spot_vol: Floats  # [n_underlyings] annual, at 30 days
    deviation: (
        Floats  # [n_underlyings, kinds] standard deviation of each factor over the holding time, USD per unit
    )
    price: Floats  # [n_underlyings, kinds] USD per unit of exposure; plus: another unit costs us
    delta_usd: Floats  # [n_underlyings] that its book amounts to: hedged, it leaves least variance; NaN without a volatility
    hedge_cost: (
        Floats  # [n_underlyings] USD to trade a USD of delta with the cheapest hedge; inf: there is none
    )
    marginal_usd: Floats  # [n_rows] cost of owning one more contract
    own_usd: Floats  # [n_rows] half the curvature: what a contract adds to its own cost once it is hedged
    value: ValueFunction  # of the factors, flattened [n_underlyings x kinds]
    kept: Floats  # [F] exposure of the book once what is cheaper to hedge is hedged
    reservation: Reservation  # of the next lot of every series and side, and what it is made of
    intensity: tuple[Intensity, Intensity] | None  # that bids and offers are at their best distance for


def risk_price(
    book: FactorExposure,
    of: Factors,
    covariance: Covariance,
    desk: Desk,
    spot_vol: Floats,
    hedges: HedgeDirections,
    *,
    expected: DeskFlow | None = None,
    charges: Charges | None = None,
    value: ValueFunction | None = None,
) -> RiskPrice:
    """Price the factors of every underlying, and the next lot of every series and side.

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
    hedges : HedgeDirections
        What deltas can be traded with.
    expected : DeskFlow, optional
        What customers are expected to trade; nothing otherwise.
    charges : Charges, optional
        What a lot costs beside its factor risk; its `hedge` is found here. None: no other charge.
    value : ValueFunction, optional
        Found a moment ago for the same covariance and terms; found here without it.
    """
    n, kinds = book.known.shape
    e = np.where(np.isfinite(of.e) | ~np.isfinite(of.e[:, SPOT, None]), of.e, 0.0)
    series = SeriesFactors(e=e, block_of=of.underlying_of)
    value = value or _value(series, covariance, desk, hedges, expected, of)
    bend, exposure = 2.0 * value.curvature, book.known.reshape(-1)
    traded = cheap_hedges(exposure, bend, hedges)
    kept = exposure + _brought(hedges, traded, exposure.size)
    told = value.factor_status == FactorStatus.PRICED
    price = np.where(told, bend @ kept + value.slope, np.nan).reshape(n, kinds)
    contracts = np.ones((2, e.shape[0])) if expected is None else expected.contracts
    own, extra = _of_the_next_lot(series, bend, hedges, traded, kept, contracts)
    value = replace(value, own_usd=np.where(np.isfinite(e[:, SPOT]), own, np.nan))
    return RiskPrice(
        spot_vol=spot_vol,
        deviation=np.sqrt(np.diag(covariance.matrix)).reshape(n, kinds),
        price=price,
        delta_usd=_least_variance(exposure.reshape(n, kinds), bend),
        hedge_cost=_cheapest(hedges, n),
        marginal_usd=(price[of.underlying_of] * e).sum(axis=1),
        own_usd=value.own_usd,
        value=value,
        kept=kept,
        reservation=reservation(value, kept, series, contracts, _with_hedge(charges, extra)),
        intensity=None if expected is None else expected.quoted,
    )


def _with_hedge(charges: Charges | None, usd: Floats) -> Charges:
    return replace(charges or no_charges(usd.shape[1]), hedge=usd)


def cheap_hedges(exposure: Floats, bend: Floats, hedges: HedgeDirections) -> Floats:
    """The trades, float64[m] USD of delta, whose risk removed is worth more than they cost: least of X'CX / 2 + cost |t|, X = E + sum t f.

    Parameters
    ----------
    exposure : float64[F]
        E.
    bend : float64[F, F]
        C, as aversion times a covariance.
    hedges : HedgeDirections
        Of m hedges: f and their costs.
    """
    f = _wide(hedges, exposure.size)
    along = f @ bend
    square = along @ f.T
    diagonal = np.diag(square)
    some = np.flatnonzero(diagonal > 0.0)
    traded = np.zeros(diagonal.size)
    if some.size:
        square = square[np.ix_(some, some)] + np.diag(_ALIKE * diagonal[some])
        cost = hedges.cost[some]
        most = hedges.most_bought[some], hedges.most_sold[some]
        traded[some], _ = least_cost(square, (along @ exposure)[some], cost, cost, *most)
    return traded


def _least_variance(exposure: Floats, bend: Floats) -> Floats:
    """The spot exposure of each underlying with what its other factors move along with spot, float64[n_underlyings]."""
    n, kinds = exposure.shape
    out = np.full(n, np.nan)
    for u in range(n):
        spot = bend[u * kinds + SPOT, u * kinds : (u + 1) * kinds]
        if spot[SPOT] > 0.0:
            rest = np.delete(spot, SPOT) @ np.delete(exposure[u], SPOT)
            out[u] = exposure[u, SPOT] + rest / spot[SPOT]
    return out


def _wide(hedges: HedgeDirections, count: int) -> Floats:
    """Each hedge over all factors, [m, F]."""
    m, kinds = hedges.e.shape
    out = np.zeros((m, count))
    for j, u in enumerate(hedges.underlying.tolist()):
        out[j, u * kinds : (u + 1) * kinds] = hedges.e[j]
    return out


def _brought(hedges: HedgeDirections, traded: Floats, count: int) -> Floats:
    return np.asarray(traded @ _wide(hedges, count))


def _cheapest(hedges: HedgeDirections, n: int) -> Floats:
    out = np.full(n, np.inf)
    np.minimum.at(out, hedges.underlying, hedges.cost)
    return out


def _value(
    series: SeriesFactors,
    covariance: Covariance,
    desk: Desk,
    hedges: HedgeDirections,
    expected: DeskFlow | None,
    of: Factors,
) -> ValueFunction:
    """The value function, at the flat book; the delta of a fill is hedged with the cheapest hedge, where there is one."""
    years = desk.appetite.holding_days / CALENDAR_DAYS
    terms = Terms(
        aversion_per_usd=desk.appetite.aversion_per_usd,
        holding_years=years,
        drift_usd_per_year=_drift(desk, of.underlyings, covariance.matrix.shape[0]),
        rounds=_ROUNDS,
    )
    a_year = covariance.matrix / years
    if expected is None or expected.flow.series.size == 0:
        return value_without_flow(a_year, series, terms)
    kinds, e = series.e.shape[1], series.e.copy()
    cost = np.zeros(covariance.matrix.shape[0] // kinds)
    for j in _first_of_each(hedges):
        u, f = int(hedges.underlying[j]), hedges.e[j]
        block = slice(u * kinds, (u + 1) * kinds)
        along = np.nan_to_num(covariance.matrix[block, block]) @ f
        cost[u] = hedges.cost[j]
        if along @ f > 0.0:
            mine = np.flatnonzero(series.block_of == u)
            e[mine] = e[mine] @ (np.eye(kinds) - np.outer(along, f) / float(along @ f))
    flow = expected.flow
    always = flow.cost_usd + np.abs(series.e[flow.series, SPOT]) * cost[series.block_of[flow.series]]
    hedged = SeriesFactors(e=e, block_of=series.block_of)
    return value_function(a_year, hedged, replace(flow, cost_usd=always), terms)


def _first_of_each(hedges: HedgeDirections) -> list[int]:
    _, first = np.unique(hedges.underlying, return_index=True)
    return [int(each) for each in first]


def _drift(desk: Desk, underlyings: tuple[str, ...], count: int) -> Floats:
    """What the desk expects of the factors, USD a year for each unit of exposure; calendar days."""
    kinds = count // max(len(underlyings), 1)
    out = np.zeros((len(underlyings), kinds))
    for alpha in desk.alpha:
        if alpha.underlying in underlyings:
            u = underlyings.index(alpha.underlying)
            out[u, SPOT] = alpha.spot_pct_per_day / 100.0 * CALENDAR_DAYS
            out[u, LEVELS] = alpha.vol_points_per_day * CALENDAR_DAYS
    return out.reshape(-1)


def _of_the_next_lot(
    series: SeriesFactors,
    bend: Floats,
    hedges: HedgeDirections,
    traded: Floats,
    kept: Floats,
    contracts: Floats,
) -> tuple[Floats, Floats]:
    """What no hedge takes from a contract's own risk, [n], and what hedging the rest costs above its slope, [2, n], USD per contract.

    By the hedge of its underlying that leaves least of both, other hedges as they stand; without one, all of its risk and no cost.
    """
    n, kinds = series.e.shape
    own, charge = np.zeros(n), np.zeros((2, n))
    slopes = _wide(hedges, kept.size) @ (bend @ kept)
    for u in range(kept.size // kinds):
        mine, block = np.flatnonzero(series.block_of == u), slice(u * kinds, (u + 1) * kinds)
        e, c = series.e[mine], bend[block, block]
        whole = 0.5 * np.einsum("ij,ij->i", e @ c, e)
        along = hedges.e @ c
        k = np.where(hedges.underlying == u, np.einsum("ij,ij->i", along, hedges.e), 0.0)
        can = np.flatnonzero(k > 0.0)
        if not can.size:
            own[mine] = np.maximum(whole, 0.0)
            continue
        k, z = k[can], contracts[:, mine]
        position = along[can] @ e.T / k[:, None]  # [hedges, series]
        left = np.maximum(whole - 0.5 * k[:, None] * position**2, 0.0)
        at = slopes[can] / k - traded[can]
        most = hedges.most_bought[can], hedges.most_sold[can]
        risen = _rise(at, position, z, k, hedges.cost[can], slopes[can], most)
        best = np.argmin(z.mean(axis=0) * left + risen.mean(axis=1), axis=0)
        each = np.arange(mine.size)
        own[mine], charge[:, mine] = left[best, each], risen[best, :, each].T
    return own, charge


def _rise(
    at: Floats,
    position: Floats,
    contracts: Floats,
    bend: Floats,
    cost: Floats,
    slope: Floats,
    most: tuple[Floats, Floats],
) -> Floats:
    """How much the least of each hedge rises with a lot of each series and side, beyond its slope: [hedges, 2, k], per contract."""
    moved = _SIGN * contracts * position[:, None, :]
    start = _least(at, bend, cost, *most)[:, None, None]
    at, bend, cost, slope, bought, sold = (each[:, None, None] for each in (at, bend, cost, slope, *most))
    rise = _least(at + moved, bend, cost, bought, sold) - start - slope * moved
    return np.asarray(np.maximum(rise, 0.0) / contracts)


def _least(x: Floats, bend: Floats, cost: Floats, most_bought: Floats, most_sold: Floats) -> Floats:
    """Least of bend / 2 (x + t)^2 + cost |t| over the trades t that may be made."""
    wanted = -np.sign(x) * np.maximum(np.abs(x) - cost / bend, 0.0)
    traded = np.clip(wanted, -most_sold, most_bought)
    return np.asarray(0.5 * bend * (x + traded) ** 2 + cost * np.abs(traded))
