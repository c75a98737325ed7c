"""How often a quote is filled at a distance from fair value, and what quoting is worth at its best.

Distances are decided in vol points (clients compare volatilities, not prices), so a decay is per vol point of the series and becomes
one per USD through the contract's USD per vol point. Fills per year at the distance d, in USD per contract:

- exponential: a exp(-k d), a the fills at fair value (Avellaneda and Stoikov 2008);
- logistic: a / (1 + exp(b + k d)), a the requests (Baldacci, Bergault and Gueant 2021; domain reference 4.4).

The Hamiltonian H(c) = sup L(d) (d - c) and its derivatives at the cost c of a fill are closed: with w the Wright omega function of
-(1 + b + k c), and 0 where exponential, L(d*) = a w / (1 + w), H = L (1 + w) / k, H' = -L, H'' = k L / (1 + w)^2 (domain
reference 4.4, 4.5).
"""

from dataclasses import dataclass

import numpy as np

from flatbook.kernels.quote_distance import omega_at
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intensity:
    """Columns, one row for each quote."""

    arrivals_per_year: Floats  # logistic: requests; exponential: fills at fair value
    offset: Floats  # b: at fair value a request trades with 1 / (1 + exp(b)); 0 where exponential
    decay_per_usd: Floats  # k, for USD per contract; NaN where the contract has no USD per vol point
    logistic: Bools

    def take(self, rows: slice | Ints) -> "Intensity":
        """Some of the rows."""
        return Intensity(
            arrivals_per_year=self.arrivals_per_year[rows],
            offset=self.offset[rows],
            decay_per_usd=self.decay_per_usd[rows],
            logistic=self.logistic[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hamiltonian:
    """What a quote at its best distance earns in a year, per contract of its size, and how that changes with the cost of a fill."""

    profit_usd_per_year: Floats  # H
    slope_per_year: Floats  # H': minus the fills per year
    curvature_per_usd_year: Floats  # H'', above 0


def exponential(fills_per_year: Floats, decay_per_point: Floats, usd_per_point: Floats) -> Intensity:
    """Fills that fade exponentially with the distance.

    Parameters
    ----------
    fills_per_year : float64[n]
        At fair value.
    decay_per_point : float64[n]
        Per vol point.
    usd_per_point : float64[n]
        Of one contract for one vol point.
    """
    n = len(fills_per_year)
    return _intensity(
        fills_per_year, np.zeros(n), decay_per_point, usd_per_point, np.zeros(n, dtype=np.bool_)
    )


def logistic(
    requests_per_year: Floats, offset: Floats, decay_per_point: Floats, usd_per_point: Floats
) -> Intensity:
    """Requests that trade with probability 1 / (1 + exp(offset + decay x distance)).

    Parameters
    ----------
    requests_per_year, offset : float64[n]
    decay_per_point : float64[n]
        Per vol point.
    usd_per_point : float64[n]
        Of one contract for one vol point.
    """
    n = len(requests_per_year)
    return _intensity(requests_per_year, offset, decay_per_point, usd_per_point, np.ones(n, dtype=np.bool_))


def fills_per_year(intensity: Intensity, distance_usd: Floats) -> Floats:
    """Expected fills at a distance, float64[n]."""
    x = intensity.decay_per_usd * distance_usd
    with np.errstate(over="ignore"):
        odds = np.exp(x + intensity.offset)
    return np.asarray(intensity.arrivals_per_year / np.where(intensity.logistic, 1.0 + odds, odds))


def hamiltonian(intensity: Intensity, cost_usd: Floats) -> Hamiltonian:
    """What quoting at the best distance is worth; NaN where the intensity is unknown.

    Parameters
    ----------
    intensity : Intensity
    cost_usd : float64[n]
        Of a fill, per contract.
    """
    k, a = intensity.decay_per_usd, intensity.arrivals_per_year
    w = np.empty(k.size)
    omega_at(cost_usd, k, intensity.offset, intensity.logistic, w)
    with np.errstate(over="ignore", invalid="ignore"):
        fills = np.where(intensity.logistic, a * w / (1.0 + w), a * np.exp(-1.0 - k * cost_usd))
        return Hamiltonian(
            profit_usd_per_year=fills * (1.0 + w) / k,
            slope_per_year=-fills,
            curvature_per_usd_year=k * fills / (1.0 + w) ** 2,
        )


def _intensity(
    arrivals: Floats, offset: Floats, decay: Floats, usd_per_point: Floats, kind: Bools
) -> Intensity:
    if (arrivals < 0.0).any() or (decay <= 0.0).any():
        msg = (
            "intensity: arrivals must not be below 0 and a decay must be above 0 per vol point, "
            f"least were {np.min(arrivals)} and {np.min(decay)}"
        )
        raise InvalidValueError(msg)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        per_usd = np.where(usd_per_point > 0.0, decay / usd_per_point, np.nan)
    return Intensity(
        arrivals_per_year=np.asarray(arrivals, dtype=np.float64),
        offset=np.asarray(offset, dtype=np.float64),
        decay_per_usd=per_usd,
        logistic=kind,
    )
