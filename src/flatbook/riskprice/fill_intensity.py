"""How often quotes are filled at each distance from fair, from fills and the time that quotes stood there, by greatest likelihood.

Source: domain reference 4.20, 4.1 and 4.4. Counts of fills are Poisson with mean seconds times intensity,

    exponential lambda(d) = A exp(-k d)    (M. Avellaneda, S. Stoikov, Quantitative Finance 8 (2008) 217-224),
    logistic lambda(d) = L / (1 + exp(alpha + beta d))    (B. Baldacci, P. Bergault, O. Gueant, "Algorithmic market making for options", 2020),

d in vol points or whatever unit clients decide in. The greatest likelihood is found by scoring, and standard errors are those of the
expected information (P. McCullagh, J. Nelder, "Generalized Linear Models", 2nd ed., 1989, 2.5 and 6.2), times the root of the dispersion
where fills come in crowds: Pearson's X^2 / (n - p), not below 1. Far from fair the logistic curve is an exponential, and A exp(-k d) is all
that can be told of it: without quotes on both sides of its bend L and alpha have wide errors, which say so.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flatbook.model.table import Floats
from flatbook.riskprice.calibration import Calibrated

_ROUNDS = 200
_SETTLED = 1e-10
_HALVINGS = 40
_FILLS_MIN = 3.0
_ERROR_MAX = 5.0  # of a logarithm: beyond a factor of e^5 nothing is told
_STEP_MAX = 2.0  # of a parameter in one round


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FillIntensity:
    """An intensity, fitted or not."""

    names: tuple[str, ...]
    parameters: tuple[Calibrated, ...]
    covariance: Floats  # float64[p, p] of the estimates with A or L as logarithms; NaN where there is none
    log_likelihood: float  # but for what no parameter changes; NaN where nothing was fitted
    dispersion: float  # of the counts; 1 for Poisson
    per_second: Callable[[Floats], Floats]  # the intensity at distances, with the values above

    def __getitem__(self, name: str) -> Calibrated:
        """One parameter by its name."""
        return self.parameters[self.names.index(name)]


def exponential_intensity(
    distance: Floats, seconds: Floats, fills: Floats, *, default_per_second: float, default_decay: float
) -> FillIntensity:
    """A per second and k per unit of distance.

    Parameters
    ----------
    distance : float64[n]
        From fair, plus is away; the mean of each cell where distances are binned.
    seconds : float64[n]
        For which a quote stood there.
    fills : float64[n]
        Counted in that time, 0 or above. A fill of many contracts is one.
    default_per_second, default_decay : float
        Where the data tell nothing: fewer than three fills, one distance alone, or a likelihood that has no maximum.
    """
    fit = _fitted(_exponential, np.array([0.0, 0.0]), distance, seconds, fills)
    defaults = (default_per_second, default_decay)
    return _told(fit, ("A", "k"), defaults, _exponential_rate)


def logistic_intensity(
    distance: Floats,
    seconds: Floats,
    fills: Floats,
    *,
    default_per_second: float,
    default_alpha: float,
    default_beta: float,
) -> FillIntensity:
    """L per second, alpha, and beta per unit of distance; arguments as in `exponential_intensity`."""
    fit = _fitted(_logistic, np.array([0.0, 0.0, 0.0]), distance, seconds, fills)
    defaults = (default_per_second, default_alpha, default_beta)
    return _told(fit, ("L", "alpha", "beta"), defaults, _logistic_rate)


def _exponential(theta: Floats, d: Floats) -> tuple[Floats, Floats]:
    """Log intensity and its slopes in ln A and k."""
    return theta[0] - theta[1] * d, np.column_stack([np.ones(d.size), -d])


def _logistic(theta: Floats, d: Floats) -> tuple[Floats, Floats]:
    """Log intensity and its slopes in ln L, alpha and beta."""
    x = theta[1] + theta[2] * d
    missed = 1.0 / (1.0 + np.exp(-np.clip(x, -700.0, 700.0)))
    return theta[0] - np.logaddexp(0.0, x), np.column_stack([np.ones(d.size), -missed, -missed * d])


def _exponential_rate(values: tuple[float, ...]) -> Callable[[Floats], Floats]:
    return lambda d: np.asarray(values[0] * np.exp(-values[1] * d))


def _logistic_rate(values: tuple[float, ...]) -> Callable[[Floats], Floats]:
    return lambda d: np.asarray(values[0] * np.exp(-np.logaddexp(0.0, values[1] + values[2] * d)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    theta: Floats
    covariance: Floats
    log_likelihood: float
    dispersion: float
    fills: int


def _fitted(
    curve: Callable[[Floats, Floats], tuple[Floats, Floats]],
    start: Floats,
    distance: Floats,
    seconds: Floats,
    fills: Floats,
) -> _Fit | None:
    told = (seconds > 0.0) & np.isfinite(distance) & (fills >= 0.0)
    d, t, count = distance[told], seconds[told], fills[told]
    if count.sum() < _FILLS_MIN or np.unique(d).size < start.size:
        return None
    # Distances in units of their spread, so that one step limit suits every desk.
    middle, spread = float(d.mean()), float(d.std())
    unit = (d - middle) / spread
    theta = start.copy()
    theta[0] = np.log(count.sum() / t.sum())
    theta[-1] = 1.0
    theta = _scored(curve, theta, unit, t, count)
    log_rate, slopes = curve(theta, unit)
    mean = t * np.exp(log_rate)
    information = slopes.T @ (mean[:, None] * slopes)
    if not np.isfinite(information).all() or np.linalg.cond(information) > 1e14:
        return None
    spare = count.size - theta.size
    dispersion = float(((count - mean) ** 2 / mean).sum() / spare) if spare > 0 else 1.0
    covariance = np.linalg.inv(information) * max(dispersion, 1.0)
    back = _unscaled(theta.size, middle, spread)
    return _Fit(
        theta=back @ theta,
        covariance=back @ covariance @ back.T,
        log_likelihood=float(count @ (np.log(t) + log_rate) - mean.sum()),
        dispersion=dispersion,
        fills=int(count.sum()),
    )


def _unscaled(size: int, middle: float, spread: float) -> Floats:
    """Parameters of d from those of (d - middle) / spread: slopes divide, and the constant beside the slope moves."""
    back = np.eye(size)
    back[-1, -1] = 1.0 / spread
    back[-2, -1] = middle / spread if size == 2 else -middle / spread
    return back


def _scored(
    curve: Callable[[Floats, Floats], tuple[Floats, Floats]],
    theta: Floats,
    d: Floats,
    t: Floats,
    count: Floats,
) -> Floats:
    """The greatest likelihood by scoring with a damped information, each step limited and halved until it gains."""
    damping = 1e-6

    def likelihood(at: Floats) -> float:
        log_rate = curve(at, d)[0]
        return float(count @ log_rate - t @ np.exp(log_rate))

    now = likelihood(theta)
    for _ in range(_ROUNDS):
        log_rate, slopes = curve(theta, d)
        mean = t * np.exp(log_rate)
        score = slopes.T @ (count - mean)
        information = slopes.T @ (mean[:, None] * slopes)
        diagonal = np.diag(np.maximum(np.diag(information), 1e-12))
        step = np.linalg.solve(information + damping * diagonal, score)
        step *= min(1.0, _STEP_MAX / float(np.abs(step).max(initial=1e-300)))
        for _ in range(_HALVINGS):
            then = likelihood(theta + step)
            if then >= now:
                break
            step = 0.5 * step
            damping *= 4.0
        else:
            return theta
        theta, now = theta + step, then
        damping = max(damping / 16.0, 1e-12)
        if float(np.abs(step).max()) < _SETTLED:
            return theta
    return theta


def _told(
    fit: _Fit | None,
    names: tuple[str, ...],
    defaults: tuple[float, ...],
    rate: Callable[[tuple[float, ...]], Callable[[Floats], Floats]],
) -> FillIntensity:
    """The fit with its first parameter out of its logarithm; the defaults where an error says that nothing is told."""
    size = len(names)
    if fit is None or not bool((np.sqrt(np.diag(fit.covariance))[0] < _ERROR_MAX) and fit.theta[-1] > 0.0):
        unknown = np.full((size, size), np.nan)
        return FillIntensity(
            names=names,
            parameters=tuple(Calibrated(value=value) for value in defaults),
            covariance=unknown,
            log_likelihood=float("nan"),
            dispersion=float("nan"),
            per_second=rate(defaults),
        )
    values = (float(np.exp(fit.theta[0])), *(float(each) for each in fit.theta[1:]))
    errors = np.sqrt(np.diag(fit.covariance))
    errors[0] *= values[0]
    source = f"{fit.fills} fills"
    return FillIntensity(
        names=names,
        parameters=tuple(
            Calibrated(value=value, standard_error=float(error), source=source)
            for value, error in zip(values, errors, strict=True)
        ),
        covariance=fit.covariance,
        log_likelihood=fit.log_likelihood,
        dispersion=fit.dispersion,
        per_second=rate(values),
    )
