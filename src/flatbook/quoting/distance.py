"""Optimal distance of a quote from fair value: where expected profit after everything a fill costs is largest.

A fill costs the reservation shift (inventory, own curvature, limits, capital), what the market knows better (adverse selection), and
the hedge of its delta. The distance d* maximises L(d) (d - cost) for the intensity L of the series and side, and is never less than
the least edge after fees (domain reference 4.4, 4.5, A.12). Columns; two sides are two rows, or two calls.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.kernels.quote_distance import best_distance
from flatbook.model.table import Floats
from flatbook.riskprice.intensity import Intensity, fills_per_year


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Earned:
    """What a quote is expected to make."""

    fills_per_year: Floats
    profit_usd_per_year: Floats  # per contract of its size, after what fills cost


def optimal_distance(intensity: Intensity, cost_usd: Floats, distance_min_usd: Floats) -> Floats:
    """Distance from fair value in USD per contract, float64[n].

    Parameters
    ----------
    intensity : Intensity
        n rows.
    cost_usd : float64[n]
        Of a fill, per contract: `Reservation.shift_usd` has all of it. Infinite where the quote must go: so is its distance.
    distance_min_usd : float64[n]
        Least edge; minus infinity where there is none.
    """
    out = np.empty(cost_usd.size)
    best_distance(
        cost_usd, intensity.decay_per_usd, intensity.offset, intensity.logistic, distance_min_usd, out
    )
    return out


def earned(intensity: Intensity, cost_usd: Floats, distance_usd: Floats) -> Earned:
    """What quotes at a distance make; nothing at an infinite one."""
    fills = fills_per_year(intensity, distance_usd)
    margin = np.where(np.isinf(distance_usd), 0.0, distance_usd - np.where(np.isinf(cost_usd), 0.0, cost_usd))
    return Earned(fills_per_year=fills, profit_usd_per_year=fills * margin)
