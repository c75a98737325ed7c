"""How the smile of each expiry changed: the change of every series' volatility as level, skew and curvature.

Each expiry's changes are fitted, by least squares weighted by vega, by what a point of level, of skew and of curvature does to the
volatility of each strike: the very shapes that factor exposures are told in (`smile_factors`, decision 013), so that a term of the
explain is a factor's exposure times its move. Where no surface tells them the shapes are 1, x and x^2 with x = 2 N(z) - 1, z = ln(K/F) /
(vol sqrt(years)) and N the normal distribution: x lies between -1 and 1, and is -1/2 and +1/2 at the strikes of a quarter delta.
Level and skew are their shapes times their moves, curvature is all that is left of a series' change: the three add up to it exactly.
Source of the factors: domain reference 4.16 and A.13.
"""

import math
from typing import NamedTuple

import numpy as np

from flatbook.exposure.smile_factors import smile_shapes
from flatbook.market.view import MarketView
from flatbook.model.table import Floats, Ints

_FITTED_WITHIN = 3.0  # standard deviations: quotes further out say little and vega there is nothing


class SmileChange(NamedTuple):
    """The three parts of a change of volatility, float64[n] each, annual decimals."""

    level: Floats
    skew: Floats
    curvature: Floats


def smile_change(market: MarketView, rows: Ints, change: Floats) -> SmileChange:
    """Split the changes of the volatilities of some series, expiry by expiry.

    Parameters
    ----------
    market : MarketView
        Before the change: it tells how far each strike lies from its forward.
    rows : int64[n]
        Options; the more of an expiry, the better its shape is told. One strike tells a level alone, two a level and a skew.
    change : float64[n]
        Annual decimal; NaN where it is not known.

    Returns
    -------
    SmileChange
        NaN where the change is.
    """
    table = market.table
    shapes, weight = _shapes(market, rows)
    level, skew = np.full(rows.size, np.nan), np.zeros(rows.size)
    of = table.slice_of[rows]
    for s in np.unique(of).tolist():
        mine = np.flatnonzero((of == s) & np.isfinite(change))
        if not mine.size:
            continue
        level[mine], skew[mine] = _fitted(shapes[mine], weight[mine], change[mine])
    return SmileChange(level=level, skew=skew, curvature=change - level - skew)


def _shapes(market: MarketView, rows: Ints) -> tuple[Floats, Floats]:
    """What the three do to each series, float64[n, 3], and its weight: the square root of vega relative to that at the money."""
    table = market.table
    atm = market.slice_atm_vol[table.slice_of[rows]]
    vol = np.where(np.isfinite(atm), atm, market.vol[rows])
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.log(table.strike[rows] / market.forward[rows]) / (vol * np.sqrt(market.variance_years[rows]))
    z = np.where(np.isfinite(z), z, 0.0)
    x = np.array([math.erf(each / math.sqrt(2.0)) for each in z.tolist()])
    shapes = smile_shapes(market, rows).shape
    known = np.all(np.isfinite(shapes), axis=1, keepdims=True)
    plain = np.column_stack((np.ones(x.size), x, x**2))
    return np.where(known, shapes, plain), np.where(np.abs(z) <= _FITTED_WITHIN, np.exp(-0.25 * z**2), 0.0)


def _fitted(shapes: Floats, weight: Floats, change: Floats) -> tuple[Floats, Floats]:
    """Level and skew of each series of one expiry."""
    near = weight > 0.0
    if not near.any():
        return change, np.zeros(change.size)
    count = min(shapes.shape[1], np.unique(shapes[near, 1]).size)
    basis = shapes[near, :count] * weight[near, None]
    found = np.linalg.lstsq(basis, change[near] * weight[near], rcond=None)[0]
    return found[0] * shapes[:, 0], found[1] * shapes[:, 1] if count > 1 else np.zeros(change.size)
