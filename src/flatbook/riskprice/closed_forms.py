"""Market making in closed form: published models of one asset, of which the risk price is the case of many factors.

Fills a exp(-k d) at the distance d, price an arithmetic Brownian motion, constant absolute risk aversion. Units are the caller's: a price
unit, a time unit, and aversion per price unit and unit of inventory. Sources:

- M. Avellaneda and S. Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8 (2008) 217-224;
- O. Gueant, C.-A. Lehalle and J. Fernandez-Tapia, "Dealing with the inventory risk", Mathematics and Financial Economics 7 (2013) 477-507;
- S. Stoikov and M. Saglam, "Option market making under inventory risk", Review of Derivatives Research 12 (2009) 55-79, theorem 4.

Domain reference 4.1, 4.2, 4.3.
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats

_STEP = 40.0  # exponent of the uniformised chain between two rescalings
_TERMS = 200  # of exp(_STEP), far beyond the last digit


@dataclass(frozen=True, slots=True, kw_only=True)
class OneAsset:
    """The market and the market maker of one asset."""

    deviation: float  # of the price, per square root of a time unit
    fills_at_mid: float  # a, per time unit
    decay: float  # k, per price unit
    aversion: float

    def __post_init__(self) -> None:
        """Refuse what has no solution."""
        if not min(self.deviation, self.fills_at_mid, self.decay, self.aversion) > 0.0:
            msg = f"market making of one asset: every number must be above 0, was {self}"
            raise InvalidValueError(msg)

    @property
    def margin(self) -> float:
        """Distance of a quote whose fill changes nothing else: ln(1 + aversion / k) / aversion."""
        return math.log1p(self.aversion / self.decay) / self.aversion


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distances:
    """Of the quotes from the price, price units; infinite where there is none."""

    bid: Floats
    offer: Floats


def avellaneda_stoikov(of: OneAsset, inventory: Floats, remaining: float) -> Distances:
    """Equations (29) and (30) of Avellaneda and Stoikov: the spread around the reservation price.

    Parameters
    ----------
    of : OneAsset
    inventory : float64[n]
    remaining : float
        Time to the horizon.
    """
    risk = of.aversion * of.deviation**2 * remaining
    half = 0.5 * risk + of.margin
    return Distances(bid=half + inventory * risk, offer=half - inventory * risk)


def finite_horizon(of: OneAsset, bound: int, remaining: float) -> Distances:
    """Optimal quotes at inventories -bound to bound, float64[2 bound + 1] (Gueant, Lehalle, Fernandez-Tapia, theorem 1).

    The solution exp(-M remaining) 1 is summed as a chain of terms above zero (uniformisation), so that even an inventory whose
    value is 1e-41 of the flat book's keeps all its digits.

    Parameters
    ----------
    of : OneAsset
    bound : int
        Largest inventory either way.
    remaining : float
        Time to the horizon.
    """
    q = np.arange(-bound, bound + 1, dtype=np.float64)
    ratio = of.aversion / of.decay
    cost = 0.5 * of.decay * of.aversion * of.deviation**2 * q * q
    eta = of.fills_at_mid * math.exp(-(1.0 + 1.0 / ratio) * math.log1p(ratio))
    rate = float(cost.max()) + 2.0 * eta
    steps = max(math.ceil(rate * remaining / _STEP), 1)
    v = np.ones(q.size)
    for _ in range(steps):
        v = _exponential_of(v, rate - cost, eta, remaining / steps)
    bid, offer = np.full(q.size, np.inf), np.full(q.size, np.inf)
    bid[:-1] = np.log(v[:-1] / v[1:]) / of.decay + of.margin
    offer[1:] = np.log(v[1:] / v[:-1]) / of.decay + of.margin
    return Distances(bid=bid, offer=offer)


def long_horizon(of: OneAsset, inventory: Floats) -> Distances:
    """Their limit far from the horizon and the bounds (the same, section 4)."""
    ratio = of.aversion / of.decay
    grown = math.exp((1.0 + 1.0 / ratio) * math.log1p(ratio))
    skew = math.sqrt(of.deviation**2 * of.aversion / (2.0 * of.decay * of.fills_at_mid) * grown)
    return Distances(
        bid=of.margin + (inventory + 0.5) * skew,
        offer=of.margin - (inventory - 0.5) * skew,
    )


def option_residual_variance(
    gamma: float, vega: float, price_deviation: float, vol_deviation: float, holding: float
) -> float:
    """Variance that a delta hedge leaves of one option over `holding` (Stoikov and Saglam, theorem 4), price units squared.

    Parameters
    ----------
    gamma, vega : float
        Per price unit squared, and per unit of volatility.
    price_deviation : float
        Of the underlying in price units per square root of a time unit: S sigma.
    vol_deviation : float
        Of the volatility per square root of a time unit.
    holding : float
        Until the next hedge.
    """
    return 0.5 * (gamma * price_deviation**2 * holding) ** 2 + vol_deviation**2 * holding * vega**2


def linear_premiums(
    intercept: float, slope: float, aversion: float, residual_variance: float, inventory: Floats
) -> Distances:
    """Premiums for fills intercept - slope x distance (Stoikov and Saglam, theorem 4), kept where fills are not negative.

    Parameters
    ----------
    intercept, slope : float
    aversion : float
    residual_variance : float
        `option_residual_variance`.
    inventory : float64[n]
    """
    neutral, most = 0.5 * intercept / slope, intercept / slope
    lean = aversion * residual_variance
    return Distances(
        bid=np.clip(neutral + lean * (inventory + 0.5), 0.0, most),
        offer=np.clip(neutral - lean * (inventory - 0.5), 0.0, most),
    )


def _exponential_of(v: Floats, diagonal: Floats, off: float, time: float) -> Floats:
    """The sum of (P time)^n v / n! over its largest entry, P tridiagonal and nowhere below 0."""
    total, term = v.copy(), v
    for n in range(1, _TERMS):
        moved = diagonal * term
        moved[1:] += off * term[:-1]
        moved[:-1] += off * term[1:]
        term = moved * (time / n)
        total += term
    return np.asarray(total / total.max())
