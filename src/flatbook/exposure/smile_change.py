"""How the smile of each expiry changed: the change of every series' volatility as level, skew and curvature.

Each expiry's changes are fitted by least squares in x = 2 N(z) - 1, where z = ln(K/F) / (vol sqrt(years)) counts standard
deviations and N is the normal distribution: x lies between -1 and 1 and is -1/2 and +1/2 at the strikes of a quarter forward delta,
so that no far strike bends the fit. With a + b x + c x^2 the fit, weighted by vega,

    level a (at the money), skew b x (b is the change of the risk reversal), curvature all that is left of the series' change

and the three add up to the change of every series exactly. Source of the factors: domain reference 4.16 and A.13.
"""

import math
from typing import NamedTuple

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.table import Floats, Ints

_FITTED_WITHIN = 3.0  # standard deviations: quotes further out say little and vega there is nothing
_SHAPES = 3


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
    x, weight = _coordinates(market, rows)
    level, skew = np.full(rows.size, np.nan), np.zeros(rows.size)
    of = table.slice_of[rows]
    for s in np.unique(of).tolist():
        mine = np.flatnonzero((of == s) & np.isfinite(change))
        if not mine.size:
            continue
        level[mine], skew[mine] = _fitted(x[mine], weight[mine], change[mine])
    return SmileChange(level=level, skew=skew, curvature=change - level - skew)


def _coordinates(market: MarketView, rows: Ints) -> tuple[Floats, Floats]:
    """x of each series, and its weight: the square root of vega relative to that at the money."""
    table = market.table
    atm = market.slice_atm_vol[table.slice_of[rows]]
    vol = np.where(np.isfinite(atm), atm, market.vol[rows])
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.log(table.strike[rows] / market.forward[rows]) / (vol * np.sqrt(market.variance_years[rows]))
    z = np.where(np.isfinite(z), z, 0.0)
    x = np.array([math.erf(each / math.sqrt(2.0)) for each in z.tolist()])
    return x, np.where(np.abs(z) <= _FITTED_WITHIN, np.exp(-0.25 * z**2), 0.0)


def _fitted(x: Floats, weight: Floats, change: Floats) -> tuple[Floats | float, Floats | float]:
    """Level and skew of one expiry."""
    near = weight > 0.0
    if not near.any():
        return change, 0.0
    shapes = min(_SHAPES, np.unique(x[near]).size)
    basis = x[near, None] ** np.arange(shapes) * weight[near, None]
    found = np.linalg.lstsq(basis, change[near] * weight[near], rcond=None)[0]
    return float(found[0]), float(found[1]) * x if shapes > 1 else 0.0
