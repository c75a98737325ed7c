"""The market, the values and what hangs on them at some spots around the last cycle's: between them a tick reads.

Each spot is repriced as a cycle would that finds it (`engine.reprice`): forwards by the price they stand on, volatilities by the dynamics
of the surface that was fitted. The intervals are no wider than a quarter of the standard deviation that the nearest expiry has left, either way, so
that a polynomial of the fourth degree follows every option; all underlyings move alike, each within its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import Measurement
from flatbook.exposure.aggregate import Exposure, aggregate
from flatbook.exposure.factors import exposure_of, with_values
from flatbook.exposure.minimum_variance import coefficients_of, with_minimum_variance
from flatbook.kernels.spot_proxy import ENDS, FIVE, MIDDLE, POINTS
from flatbook.market.view import MarketView
from flatbook.model.table import Floats, Ints
from flatbook.quoting.distances import distances
from flatbook.quoting.strain import Strain
from flatbook.riskprice.desk_charges import charges_of
from flatbook.riskprice.desk_flow import desk_flow
from flatbook.riskprice.hedge_directions import directions_of
from flatbook.riskprice.price import RiskPrice, risk_price
from flatbook.valuation.spot_vol import vol_moves
from flatbook.valuation.values import Values, value

REACH_MAX = 0.005  # relative move of spot that is trusted at most
_REACH_DEVIATIONS = 0.25  # of what the nearest expiry has left


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """One spot of every underlying."""

    market: MarketView
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Priced:
    """What risk costs at one node, and where quotes should stand by it."""

    node: Node
    exposure: Exposure
    price: RiskPrice
    distance: Floats  # [2, n_rows] of each side from fair value


def reach_of(cycle: Cycle) -> Floats:
    """The relative move of each underlying that is trusted, float64[n_underlyings]; 0 where nothing is known of it."""
    market, table = cycle.market, cycle.market.table
    deviation = market.slice_atm_vol * np.sqrt(market.slice_variance_years)
    deviation = np.where(np.isfinite(deviation) & (market.slice_years > 0.0), deviation, np.inf)
    nearest = np.full(len(table.underlyings), np.inf)
    np.minimum.at(nearest, table.underlying_of_slice, deviation)
    reach = np.minimum(REACH_MAX, _REACH_DEVIATIONS * nearest)
    return np.where(np.isfinite(market.spot), reach, 0.0)


def nodes_of(cycle: Cycle, fitted: Cycle, reach: Floats) -> tuple[Node, ...]:
    """The five nodes; that in the middle is the cycle.

    Parameters
    ----------
    cycle, fitted : Cycle
        The last, and the last that fitted; of the same table.
    reach : float64[n_underlyings]
    """
    vols = _vols(cycle.market, fitted, reach)
    return tuple(
        Node(market=cycle.market, values=cycle.values)
        if k == MIDDLE
        else _node(cycle, fitted, reach * POINTS[k], vols[:, k])
        for k in range(FIVE)
    )


def ends_of(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Three of five: the ends and the middle."""
    return tuple(nodes[k] for k in ENDS)


def as_five(three: Floats) -> Floats:
    """What a parabola through three points says at all five, float64[FIVE, ...]; where one is not known, the middle at all.

    Parameters
    ----------
    three : float64[3, ...]
    """
    low, middle, high = three
    with np.errstate(invalid="ignore"):
        slope, bend = 0.5 * (high - low), 0.5 * (high + low) - middle
    told = np.isfinite(slope) & np.isfinite(bend)
    slope, bend = np.where(told, slope, 0.0), np.where(told, bend, 0.0)
    return np.stack([middle + slope * t + bend * t**2 for t in POINTS.tolist()])


def priced(node: Node, cycle: Cycle, fitted: Cycle, pull: Strain, width: Floats) -> Priced:
    """The risk price at a node, by the standing and the marginal capital of the cycle.

    Parameters
    ----------
    node : Node
    cycle, fitted : Cycle
    pull : Strain
        Of the limits as they stand.
    width : float64[n_rows]
        Widest quote of the desk, quote currency.
    """
    if node.values is cycle.values:
        return Priced(
            node=node, exposure=cycle.exposure, price=cycle.price, distance=cycle.quotes.parts.distance
        )
    desk, market, values, fast = cycle.desk, node.market, node.values, cycle.conditions.fast
    quantity, table = cycle.held.quantity, cycle.table
    of = with_values(fitted.basis.factors, values, table)
    expected = desk_flow(desk, market, values)
    price = risk_price(
        exposure_of(quantity, of),
        of,
        cycle.basis.covariance,
        desk,
        cycle.basis.spot_vol,
        directions_of(desk, table, values, of, quantity),
        expected=expected,
        charges=charges_of(cycle.standing, cycle.marginal, expected, desk),
        value=fitted.price.value,
    )
    live = table.is_option & np.isfinite(values.price) & (market.years > 0.0)
    made = distances(
        np.where(live, values.price, np.nan),
        values,
        price,
        market,
        desk.quoting,
        pull=pull,
        width=width,
        fast=np.ones(1) if fast is None else fast.widen_factor[table.underlying_of],
    )
    return Priced(
        node=node,
        exposure=aggregate(quantity, values, market, desk),
        price=price,
        distance=made.parts.distance,
    )


def held_options(held: Measurement, cycle: Cycle) -> Ints:
    """Contracts of options that have a value, int64[n_rows]; 0 for all others."""
    out = np.where(cycle.table.is_option, held.quantity, 0)
    out[list(held.exposure.unvalued)] = 0
    return out


def _node(cycle: Cycle, fitted: Cycle, moves: Floats, vol: Floats) -> Node:
    """The cycle with every underlying moved, each as `moves`, float64[n_underlyings], says."""
    last, fit, table = cycle.market, fitted.market, cycle.table
    of_slice = 1.0 + moves[table.underlying_of_slice]
    standing = last.slice_spot * of_slice
    carried = np.exp((fit.slice_rate - fit.slice_yield) * fit.slice_years)
    slice_forward = fit.slice_forward + (standing - fit.slice_spot) * carried
    forward = np.append(slice_forward, np.nan)[table.slice_of]
    market = replace(
        last,
        spot=last.spot * (1.0 + moves),
        slice_forward=slice_forward,
        slice_future=last.slice_future * of_slice,
        slice_spot=standing,
        forward=forward,
        unit=np.where(table.inverse & table.is_option, forward, 1.0),
        vol=vol,
    )
    values = value(market, fitted.values.dynamics)
    values = with_minimum_variance(values, market, coefficients_of(cycle.desk, table.underlyings))
    return Node(market=market, values=values)


def _vols(last: MarketView, fitted: Cycle, reach: Floats) -> Floats:
    """Volatility of every row at the five nodes, float64[n_rows, FIVE]: that of the fit, moved as the surface does."""
    fit, table = fitted.market, last.table
    out = np.repeat(fit.vol[:, None], FIVE, axis=1)
    with np.errstate(invalid="ignore"):
        moves = (last.spot[:, None] * (1.0 + reach[:, None] * POINTS)) / fit.spot[:, None] - 1.0
    for u in range(reach.size):
        rows = np.flatnonzero((table.underlying_of == u) & table.is_option)
        if rows.size and np.isfinite(moves[u]).all():
            out[rows] += vol_moves(fit, fitted.values.dynamics, rows, moves[u])
    return out
