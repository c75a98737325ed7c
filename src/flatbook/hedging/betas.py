"""Betas of related products with their standard errors: EWMA, least squares, Kalman, and from prices that never tick together.

A beta is the return of the exposure for a return of 1 of the product. Four ways to tell it (domain reference 4.11, A.14):

- fading sums, b = C_xy / C_xx with C <- l C + (1 - l) x y, standard errors as in `market.dynamics_estimate` (White);
- least squares with an intercept on one or more products at once, standard errors robust to unequal size and to serial correlation
  (W. Newey, K. West, Econometrica 55 (1987) 703-708, Bartlett weights; lags by their rule of thumb 4 (n / 100)^(2/9), Review of Economic
  Studies 61 (1994) 631-653, raised by n / (n - k));
- a random walk filtered by Kalman (R. Kalman, J. Basic Engineering 82 (1960) 35-45): predict P + Q; gain K = P h / (h P h + R);
  beta + K (x - beta h); P (1 - K h). Q and R by the likelihood of the one-step forecasts (A. Harvey, "Forecasting, Structural
  Time Series Models and the Kalman Filter", 1989, 3.4);
- asynchronous prices (T. Hayashi, N. Yoshida, Bernoulli 11 (2005) 359-379): the sum of products of all pairs of returns whose spans
  overlap. A price that stands still because nobody traded makes returns of ordinary grids look unrelated (T. Epps, J. American
  Statistical Association 74 (1979) 291-298); this sum has no such bias.
"""

from dataclasses import dataclass, replace
from math import inf, isfinite, log

import numpy as np

from flatbook.market.dynamics_estimate import FadingSlopes, no_slopes
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats, Ints

_SPANS_MIN = 4  # of time, without which clustered errors say nothing
_LOG_DRIFT = (-14.0, 2.0)  # bounds of ln(Q / R * mean h^2)
_DRIFTS = 33  # between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Beta:
    """One beta and how far it may be wrong."""

    value: float
    standard_error: float  # NaN where the data do not tell it
    residual_deviation: float  # of the returns that are left, per observation
    observations: float  # returns of equal weight that would tell as much

    @property
    def told(self) -> bool:
        """Whether there is a beta with a standard error."""
        return bool(np.isfinite(self.value) and np.isfinite(self.standard_error))


_UNTOLD = Beta(value=np.nan, standard_error=np.nan, residual_deviation=np.nan, observations=0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FadingBetas:
    """Betas of one exposure on each of m products, each by itself, updated one return at a time."""

    slopes: FadingSlopes
    exposure_square: Floats  # float64[m]: sum of w y^2
    mass: Floats  # float64[m]: sum of w

    def after(self, product_returns: Floats, exposure_return: float, elapsed_years: float) -> "FadingBetas":
        """The sums once one more return of each is seen; a NaN, as of a stale price, tells nothing.

        Parameters
        ----------
        product_returns : float64[m]
        exposure_return : float
        elapsed_years : float
            Since the last one, 0 or above.
        """
        y = np.full(product_returns.size, exposure_return)
        told = np.isfinite(product_returns) & np.isfinite(y)
        fade = 0.5 ** (elapsed_years / self.slopes.half_life_years)
        return replace(
            self,
            slopes=self.slopes.after(product_returns, y, elapsed_years),
            exposure_square=fade * self.exposure_square + np.where(told, y * y, 0.0),
            mass=fade * self.mass + told,
        )

    @property
    def betas(self) -> tuple[Beta, ...]:
        """One for each product."""
        slope, error, count = self.slopes.slope, self.slopes.error, self.slopes.count
        left = np.maximum(self.exposure_square - np.nan_to_num(slope) * self.slopes.product, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            deviation = np.sqrt(left / self.mass)
        return tuple(
            Beta(value=float(b), standard_error=float(e), residual_deviation=float(d), observations=float(n))
            for b, e, d, n in zip(slope, error, deviation, count, strict=True)
        )


def no_betas(products: int, half_life_years: float) -> FadingBetas:
    """The sums before the first return."""
    return FadingBetas(
        slopes=no_slopes(products, half_life_years),
        exposure_square=np.zeros(products),
        mass=np.zeros(products),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeastSquares:
    """An exposure's returns on those of m products together, with an intercept."""

    beta: Floats  # float64[m]
    covariance: Floats  # float64[m, m] of the betas; NaN where there is not one observation to spare
    intercept: float
    residual_deviation: float
    effectiveness: float  # share of variance removed in the sample, R squared
    observations: int
    lags: int

    @property
    def standard_error(self) -> Floats:
        """float64[m]."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def least_squares(exposure: Floats, products: Floats, lags: int | None = None) -> LeastSquares:
    """Betas of least squares, their errors by Newey and West.

    Parameters
    ----------
    exposure : float64[n]
        Returns in order of time; rows with a NaN on either side are left out.
    products : float64[n, m]
    lags : int, optional
        Neighbouring residuals that may be correlated; by the rule of thumb otherwise, 0 allows for unequal size alone.
    """
    told = np.isfinite(exposure) & np.isfinite(products).all(axis=1)
    y, x = exposure[told], np.column_stack([np.ones(int(told.sum())), products[told]])
    n, k = x.shape
    lags = newey_west_lags(n) if lags is None else lags
    if n == 0:
        y, x = np.full(1, np.nan), np.full((1, k), np.nan)
        coefficients = np.full(k, np.nan)
    else:
        coefficients = np.linalg.lstsq(x, y, rcond=None)[0]
    residual = y - x @ coefficients
    centred = y - y.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        effectiveness = 1.0 - float(residual @ residual) / np.float64(centred @ centred)
        deviation = np.sqrt(np.float64(residual @ residual) / max(n - k, 0))
    singular = n <= k or np.linalg.matrix_rank(x) < k
    covariance = np.full((k, k), np.nan) if singular else _newey_west(x, residual, lags) * n / (n - k)
    return LeastSquares(
        beta=coefficients[1:],
        covariance=covariance[1:, 1:],
        intercept=float(coefficients[0]),
        residual_deviation=float(deviation),
        effectiveness=float(effectiveness),
        observations=n,
        lags=lags,
    )


def newey_west_lags(observations: int) -> int:
    """Lags by the rule of thumb, whole part of 4 (n / 100)^(2/9)."""
    return int(4.0 * (observations / 100.0) ** (2.0 / 9.0))


def _newey_west(x: Floats, residual: Floats, lags: int) -> Floats:
    bread = np.linalg.inv(x.T @ x)
    score = x * residual[:, None]
    meat = score.T @ score
    for lag in range(1, min(lags, len(score) - 1) + 1):
        cross = score[lag:].T @ score[:-lag]
        meat += (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    return np.asarray(bread @ meat @ bread)


@dataclass(frozen=True, slots=True, kw_only=True)
class KalmanBeta:
    """A beta that walks at random, and the noise around it."""

    value: float
    variance: float  # P, of the beta; infinite before the first return
    drift_variance: float  # Q, by which the beta walks per observation
    noise_variance: float  # R, of a return that the beta does not explain

    def after(self, product_return: float, exposure_return: float, observations: float = 1.0) -> "KalmanBeta":
        """The beta once one more pair of returns is seen.

        Parameters
        ----------
        product_return, exposure_return : float
            A NaN tells nothing: the beta stays, its variance grows.
        observations : float
            Elapsed since the last pair, in the unit of `drift_variance`.
        """
        before = self.variance + observations * self.drift_variance
        h = product_return
        if not (np.isfinite(h) and np.isfinite(exposure_return)) or h == 0.0:
            return replace(self, variance=before)
        if np.isinf(before):
            return replace(self, value=exposure_return / h, variance=self.noise_variance / h**2)
        gain = before * h / (h * before * h + self.noise_variance)
        return replace(
            self,
            value=self.value + gain * (exposure_return - self.value * h),
            variance=(1.0 - gain * h) * before,
        )

    @property
    def beta(self) -> Beta:
        """What is known now; observations are those of a fixed beta that would be known as well, with products that move by one residual."""
        error = float(np.sqrt(self.variance)) if np.isfinite(self.variance) else np.nan
        return Beta(
            value=self.value if np.isfinite(self.variance) else np.nan,
            standard_error=error,
            residual_deviation=float(np.sqrt(self.noise_variance)),
            observations=1.0 / self.variance if self.variance > 0.0 else float("inf"),
        )


def unknown_beta(*, drift_variance: float, noise_variance: float) -> KalmanBeta:
    """Before the first return: any beta is as likely."""
    if not (drift_variance >= 0.0 and noise_variance > 0.0):
        msg = f"Kalman beta: need drift_variance >= 0 < noise_variance, was {drift_variance} and {noise_variance}"
        raise InvalidValueError(msg)
    return KalmanBeta(
        value=0.0, variance=float("inf"), drift_variance=drift_variance, noise_variance=noise_variance
    )


def fitted_kalman(exposure: Floats, product: Floats) -> KalmanBeta:
    """The filter at the end of a history, with Q and R told by the likelihood of its forecasts.

    R follows from the forecasts once Q / R is given. The beta, Q and R are means over a grid of Q / R weighted by likelihood, evenly on its
    logarithm, and the beta's variance is the mean P plus the variance of betas over the grid, for what is not known of Q (J. Hamilton,
    J. Econometrics 33 (1986) 387-397). Over 300 simulated walks of 400 returns the last beta scattered by 1.09 of its stated errors, and by
    1.14 with the best Q alone: take the errors as a tenth too small.

    Parameters
    ----------
    exposure, product : float64[n]
        Returns in order of time; NaN tells nothing.

    Raises
    ------
    InvalidValueError
        Fewer than three pairs of returns that move.
    """
    told = np.isfinite(exposure) & np.isfinite(product) & (product != 0.0)
    if told.sum() < 3 or not np.var(exposure[told]) > 0.0:
        msg = f"Kalman beta: need 3 pairs of returns that move, found {int(told.sum())}"
        raise InvalidValueError(msg)
    ratios = np.exp(np.linspace(*_LOG_DRIFT, _DRIFTS)) / float(np.mean(product[told] ** 2))
    y, h = exposure.tolist(), product.tolist()
    runs = np.array([_forecast(ratio, y, h) for ratio in ratios.tolist()])
    likelihood, noise, value, variance = runs.T
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    mean = float(weight @ value)
    return KalmanBeta(
        value=mean,
        variance=float(weight @ (noise * variance + (value - mean) ** 2)),
        drift_variance=float(weight @ (ratios * noise)),
        noise_variance=float(weight @ noise),
    )


def _forecast(ratio: float, exposure: list[float], product: list[float]) -> tuple[float, float, float, float]:
    """Log likelihood but for a constant, R, the last beta, and its variance in units of R."""
    value, variance, count, squares, logs = 0.0, inf, 0, 0.0, 0.0
    for y, h in zip(exposure, product, strict=True):
        variance += ratio
        if not (isfinite(y) and isfinite(h)) or h == 0.0:
            continue
        if variance == inf:
            value, variance = y / h, 1.0 / h**2
            continue
        forecast = h * variance * h + 1.0
        error = y - value * h
        squares += error * error / forecast
        logs += log(forecast)
        count += 1
        gain = variance * h / forecast
        value += gain * error
        variance *= 1.0 - gain * h
    noise = squares / count
    return -0.5 * (count * log(noise) + logs), noise, value, variance


def returns_on_grid(times_ns: Ints, price: Floats, grid_ns: Ints, stale_after_ns: int) -> Floats:
    """Log returns between the instants of a grid, NaN where either price is unknown or too old.

    Parameters
    ----------
    times_ns : int64[n]
        Ascending; of two at one instant the later counts.
    price : float64[n]
        Above zero; NaN where there was none.
    grid_ns : int64[g]
        Ascending.
    stale_after_ns : int
        A price that is older at an instant of the grid is none.

    Returns
    -------
    float64[g - 1]
    """
    told = np.isfinite(price) & (price > 0.0)
    times, log_price = times_ns[told], np.log(price[told])
    at = np.searchsorted(times, grid_ns, side="right") - 1
    if times.size == 0:
        return np.full(max(grid_ns.size - 1, 0), np.nan)
    fresh = (at >= 0) & (grid_ns - times[np.maximum(at, 0)] <= stale_after_ns)
    return np.asarray(np.diff(np.where(fresh, log_price[np.maximum(at, 0)], np.nan)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asynchronous:
    """How two prices that never tick together move together, over all of their span."""

    covariance: float  # sum of the products of overlapping log returns
    variance_exposure: float  # sums of squared log returns
    variance_product: float
    beta: Beta

    @property
    def correlation(self) -> float:
        """Covariance over the root of both variances; beyond 1 where noise of the sums makes it so."""
        return float(self.covariance / np.sqrt(self.variance_exposure * self.variance_product))


def asynchronous_beta(
    exposure_times_ns: Ints,
    exposure_price: Floats,
    product_times_ns: Ints,
    product_price: Floats,
    spans: int = 50,
) -> Asynchronous:
    """Hayashi and Yoshida's covariance over the product's realised variance.

    Each return x_i of the product meets the return Y_i of the exposure over all ticks that overlap it, so the beta is the slope of Y on x
    through the origin. Neighbouring Y share ticks: the error sums residual products within each of `spans` equal spans of the product's
    time, which are taken as independent (K. Liang, S. Zeger, Biometrika 73 (1986) 13-22), raised by spans / (spans - 1).

    Parameters
    ----------
    exposure_times_ns, product_times_ns : int64[n], int64[m]
        Ascending, without repeats.
    exposure_price, product_price : float64[n], float64[m]
        Above zero; NaN where there was none. Middles of quotes, or trades at their own times; repeats of a standing price are harmless.
    spans : int
        Long against the time between ticks of either.
    """
    y_times, y = _log_prices(exposure_times_ns, exposure_price)
    x_times, x = _log_prices(product_times_ns, product_price)
    if y.size < 2 or x.size < 2:
        return Asynchronous(
            covariance=np.nan, variance_exposure=np.nan, variance_product=np.nan, beta=_UNTOLD
        )
    first = np.searchsorted(y_times, x_times[:-1], side="right") - 1
    last = np.searchsorted(y_times, x_times[1:], side="left")
    moved = y[np.clip(last, 0, y.size - 1)] - y[np.clip(first, 0, y.size - 1)]
    step = np.diff(x)
    covariance, variance = float(step @ moved), float(step @ step)
    slope = covariance / variance if variance > 0.0 else np.nan
    score = step * (moved - slope * step)
    length = max((int(x_times[-1]) - int(x_times[0])) / spans, 1.0)
    span = np.minimum(((x_times[1:] - x_times[0] - 1) / length).astype(np.int64), spans - 1)
    sums = np.bincount(span, weights=score, minlength=spans)[np.bincount(span, minlength=spans) > 0]
    told = sums.size >= _SPANS_MIN and variance > 0.0
    error = np.sqrt(sums @ sums * sums.size / (sums.size - 1)) / variance if told else np.nan
    left = float(np.diff(y) @ np.diff(y)) - slope * covariance
    return Asynchronous(
        covariance=covariance,
        variance_exposure=float(np.diff(y) @ np.diff(y)),
        variance_product=variance,
        beta=Beta(
            value=slope,
            standard_error=float(error),
            residual_deviation=float(np.sqrt(left / step.size)) if left >= 0.0 else float("nan"),
            observations=float(step.size),
        ),
    )


def _log_prices(times_ns: Ints, price: Floats) -> tuple[Ints, Floats]:
    if times_ns.size > 1 and not bool((np.diff(times_ns) > 0).all()):
        msg = "asynchronous beta: times must ascend without repeats; keep the last price of an instant"
        raise InvalidValueError(msg)
    told = np.isfinite(price) & (price > 0.0)
    return times_ns[told], np.log(price[told])


def blended(intraday: Beta, long: Beta) -> Beta:
    """Two betas of the same thing, weighted by precision; the one that is told where the other is not.

    The errors are taken as independent. Domain reference 4.11: w times the intraday beta and 1 - w times that of a long history.
    """
    if not intraday.told or not long.told:
        return intraday if intraday.told else long
    weights = np.array([1.0, 1.0]) / np.maximum([intraday.standard_error, long.standard_error], 1e-12) ** 2
    share = weights / weights.sum()
    return Beta(
        value=float(share @ [intraday.value, long.value]),
        standard_error=float(1.0 / np.sqrt(weights.sum())),
        residual_deviation=long.residual_deviation,
        observations=intraday.observations + long.observations,
    )
