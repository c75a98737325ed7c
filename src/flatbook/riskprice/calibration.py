"""The numbers that the risk price, hedges and quotes stand on, each with its standard error or the words that it is nobody's estimate.

Source: domain reference 4.20 and 8.4: what is not estimated is a default and says so. Here: adverse selection from markouts, the cost of
a hedge with its square-root impact, and the risk aversion that a target risk implies. Intensities of fills, bursts and realised variance
have files of their own.
"""

from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from flatbook.exposure.factor_prior import UNVERIFIED
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats, Ints
from flatbook.model.terms import Parameters

_NS_PER_S = 1e9
_FILLS_MIN = 3
IMPACT_DEFAULT = 0.75  # of the square-root law: the middle of 0.5 to 1, domain reference 4.13


class Calibrated(Parameters, frozen=True, kw_only=True):
    """One parameter: its value, and how far it may be wrong where somebody estimated it."""

    value: float
    standard_error: float | None = None  # None: nobody estimated it
    source: str = UNVERIFIED  # what it was estimated from

    def __post_init__(self) -> None:
        """Refuse an error that is none, and an estimate that does not say from what."""
        error = self.standard_error
        if error is not None and not 0.0 <= error < float("inf"):
            msg = f"calibrated parameter: standard_error must be 0 or above and finite, was {error}; none is none"
            raise InvalidValueError(msg)
        if (error is None) != (self.source == UNVERIFIED):
            msg = f"calibrated parameter: an estimate has a standard error and a source, was {error} from {self.source!r}"
            raise InvalidValueError(msg)

    @property
    def verified(self) -> bool:
        """Whether somebody estimated it."""
        return self.standard_error is not None


def estimated_or(default: float, value: float, standard_error: float, source: str) -> Calibrated:
    """The estimate where there is one with an error, the default and its flag otherwise."""
    if np.isfinite(value) and np.isfinite(standard_error):
        return Calibrated(value=float(value), standard_error=float(standard_error), source=source)
    return Calibrated(value=default)


def adverse_selection(
    adverse_usd: Floats,
    contracts: Floats,
    traded_ns: Ints,
    horizon_s: float,
    default_usd: float,
) -> Calibrated:
    """What fills of one side cost per contract after they are done, in USD; above 0 is against us.

    The mean over contracts of minus the adverse markout. Markouts of one series d seconds apart share 1 - d / horizon of their moves, so each
    pair of fills adds that share of one fill's variance per contract to the variance of the sum; raised by m / (m - 1), m = (sum w)^2 over the
    sum of shares times contracts, the fills that would tell as much without overlap.

    Parameters
    ----------
    adverse_usd : float64[n]
        Of each fill, below 0 against us (`reports.markouts`); NaN is left out. Fills of one series, or of one underlying, in order of time.
    contracts : float64[n]
        Above 0.
    traded_ns : int64[n]
        Ascending.
    horizon_s : float
        Of the markout, above 0.
    default_usd : float
        With fewer than three fills, or where all of them share one move.
    """
    told = np.isfinite(adverse_usd) & (contracts > 0.0)
    n = int(told.sum())
    if n < _FILLS_MIN:
        return Calibrated(value=default_usd)
    w, at = contracts[told], (traded_ns[told] - traded_ns[told][0]) / _NS_PER_S
    total = float(w.sum())
    mean = float(-adverse_usd[told].sum() / total)
    left = -adverse_usd[told] - mean * w
    own, shared = float(left @ left), 2.0 * float(w @ _shared_with_earlier(w, at, horizon_s))
    squares = float(w @ w)
    apart = total**2 / (squares + shared)
    if not apart > 1.0:
        return Calibrated(value=default_usd)
    variance = own * (1.0 + shared / squares) * apart / (apart - 1.0)
    return Calibrated(
        value=mean,
        standard_error=sqrt(variance) / total,
        source=f"markouts of {n} fills at {horizon_s:g} s",
    )


def _shared_with_earlier(x: Floats, at: Floats, horizon: float) -> Floats:
    """Sum over earlier j within the horizon of (1 - (t_i - t_j) / horizon) x_j, by running sums."""
    first = np.searchsorted(at, at - horizon, side="right")
    sums = np.concatenate([[0.0], np.cumsum(x)])
    timed = np.concatenate([[0.0], np.cumsum(x * at)])
    here = np.arange(x.size)
    plain = sums[here] - sums[first]
    return np.asarray(plain - (at * plain - (timed[here] - timed[first])) / horizon)


class HedgeCost(Parameters, frozen=True, kw_only=True):
    """What trading Q of a product costs, as a share of its value: half-spread + fee + impact sqrt(Q / daily volume) times daily volatility."""

    half_spread: Calibrated  # share of the price
    fee: float  # share of the price: known, not estimated
    impact: Calibrated  # Y of the square-root law
    daily_vol: float  # decimal
    daily_volume: float  # units

    def share(self, units: float) -> float:
        """Cost of trading `units` at once, per unit of value."""
        return self.half_spread.value + self.fee + self.impact.value * self._scale(units)

    def standard_error(self, units: float) -> float | None:
        """Of that; None where a part of it is nobody's estimate."""
        spread, impact = self.half_spread.standard_error, self.impact.standard_error
        return None if spread is None or impact is None else hypot(spread, impact * self._scale(units))

    def _scale(self, units: float) -> float:
        return self.daily_vol * sqrt(abs(units) / self.daily_volume)


def mean_half_spread(half_spreads: Floats, seconds: Floats, default: float) -> Calibrated:
    """Half-spread in force on average over time, as a share of the price.

    The error is that of a mean weighted by time, sqrt(sum w^2 u^2) / sum w, with the products of neighbours by Newey and West's rule of
    thumb, because a wide market stays wide.

    Parameters
    ----------
    half_spreads : float64[n]
        In order of time; NaN, as of a one-sided market, is left out.
    seconds : float64[n]
        For how long each stood.
    default : float
        Where fewer than three are known.
    """
    told = np.isfinite(half_spreads) & (seconds > 0.0)
    n = int(told.sum())
    if n < _FILLS_MIN:
        return Calibrated(value=default)
    x, w = half_spreads[told], seconds[told]
    mean = float(x @ w / w.sum())
    left = w * (x - mean)
    lags = int(4.0 * (n / 100.0) ** (2.0 / 9.0))
    variance = float(left @ left)
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1.0)) * float(left[lag:] @ left[:-lag])
    error = sqrt(max(variance, 0.0) * n / (n - 1)) / float(w.sum())
    return Calibrated(value=mean, standard_error=error, source=f"{n} quotes, weighted by time")


def impact_coefficient(
    slippage: Floats, units: Floats, daily_vol: Floats, daily_volume: Floats
) -> Calibrated:
    """Y of the square-root law from our own hedges, through the origin.

    Source: J. Gatheral, "No-dynamic-arbitrage and market impact", Quantitative Finance 10 (2010) 749-759, for the law; errors by H. White,
    Econometrica 48 (1980) 817-838, raised by n / (n - 1).

    Parameters
    ----------
    slippage : float64[n]
        Mean price paid against the middle when the order was decided on, on its side, less the half-spread, as a share of the price.
    units, daily_vol, daily_volume : float64[n]
        Of each order, on its day.
    """
    x = daily_vol * np.sqrt(np.abs(units) / daily_volume)
    told = np.isfinite(slippage) & np.isfinite(x) & (x > 0.0)
    n = int(told.sum())
    if n < _FILLS_MIN:
        return Calibrated(value=IMPACT_DEFAULT)
    y, x = slippage[told], x[told]
    slope = float(x @ y / (x @ x))
    scores = x * (y - slope * x)
    error = sqrt(float(scores @ scores) * n / (n - 1)) / float(x @ x)
    return Calibrated(value=slope, standard_error=error, source=f"slippage of {n} hedges")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InventoryFlow:
    """What quotes do to a book of m factor exposures, at no inventory (domain reference 4.5)."""

    covariance: Floats  # float64[m, m] Sigma_f: of factors, per year
    curvature: Floats  # float64[m, m] D = sum z alpha_2 e e', per year: how quotes answer inventory
    arrival_variance: Floats  # float64[m, m] V = sum over both sides of intensity z^2 e e', per year


def steady_covariance(flow: InventoryFlow, aversion_per_usd: float) -> Floats:
    """Covariance of the exposures that quoting with this aversion settles at, float64[m, m].

    Linearised, fills pull exposures back by dE = -4 D A E dt and scatter them by V, so C solves M C + C M' = V with M = 4 D A and, for the
    stationary A of domain reference 4.5, M = sqrt(2 aversion) D^(1/2) N D^(-1/2), N = (D^(1/2) Sigma_f D^(1/2))^(1/2). Exposures that no flow
    reaches are not in it. For one factor: V / (2 M), domain reference 8.4.
    """
    value, vector = np.linalg.eigh(flow.curvature)
    reached = value > 1e-12 * value.max(initial=0.0)
    root = vector[:, reached] * np.sqrt(value[reached])  # D = root root'
    back = vector[:, reached] / np.sqrt(value[reached])
    spread, turn = np.linalg.eigh(root.T @ flow.covariance @ root)
    speed = np.sqrt(2.0 * aversion_per_usd * np.maximum(spread, 0.0))
    inner = turn.T @ (back.T @ flow.arrival_variance @ back) @ turn
    with np.errstate(divide="ignore", invalid="ignore"):
        settled = np.where(inner == 0.0, 0.0, inner / (speed[:, None] + speed))
    side = root @ turn
    return np.asarray(side @ settled @ side.T)


def aversion_for_target(
    flow: InventoryFlow,
    weights: Floats,
    target_deviation: float,
    *,
    intensity_error: float | None = None,
    decay_error: float | None = None,
    covariance_error: float | None = None,
) -> Calibrated:
    """The risk aversion with which weights'E, say vega in 30-day points, has this standard deviation, in the long run.

    The deviation falls as the fourth root of aversion, so one evaluation tells it. It goes with the intensity of flow and inversely with its
    decay and with the variance of factors; their relative errors, taken as independent, make its own.

    Parameters
    ----------
    flow : InventoryFlow
    weights : float64[m]
    target_deviation : float
        Say 0.3 to 0.5 of the soft limit on that measure (domain reference 8.4).
    intensity_error, decay_error, covariance_error : float, optional
        Relative standard errors of A and k of the intensities and of Sigma_f; with any of them None the aversion is not verified.

    Raises
    ------
    InvalidValueError
        A target that is not above 0, or flow that does not reach the measure or never leaves it.
    """
    at_one = float(weights @ steady_covariance(flow, 1.0) @ weights)
    if not (0.0 < target_deviation < float("inf") and 0.0 < at_one < float("inf")):
        msg = (
            f"risk aversion: need a target deviation above 0 and flow that reaches the measure and comes back, "
            f"was {target_deviation} with a variance of {at_one} at an aversion of 1"
        )
        raise InvalidValueError(msg)
    aversion = (at_one / target_deviation**2) ** 2
    if intensity_error is None or decay_error is None or covariance_error is None:
        return Calibrated(value=aversion)
    return Calibrated(
        value=aversion,
        standard_error=aversion * hypot(intensity_error, decay_error, covariance_error),
        source=f"a steady deviation of {target_deviation:g}",
    )
