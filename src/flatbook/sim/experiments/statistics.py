"""What many days say together: means, deviations, tails, and how sure one may be of each.

Intervals are of 95 %. Of a mean, and of the mean of paired differences: Student's t. Of everything else the bootstrap over days, bias
corrected and accelerated: B. Efron, "Better bootstrap confidence intervals", JASA 82 (1987) 171-185, equations 2.3 and 6.6, its
acceleration by the jackknife. The bootstrap draws days, so that whatever hangs together within a day stays together; all
policies meet the same draws, so that differences are paired.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, isfinite, nan, sqrt
from statistics import NormalDist

import numpy as np

from flatbook.model.table import Floats
from flatbook.sim.chance import stream
from flatbook.sim.experiments.student import quantile_of_t

CONFIDENCE = 0.95
RESAMPLES = 2000
_SEED = 0  # of the resamples: the same runs give the same intervals
_NORMAL = NormalDist()

Statistic = Callable[[Floats], Floats]
"""From float64[b, n], how often each day counts, to float64[b]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure and the interval that it lies in with 95 % confidence; NaN where there is none."""

    value: float
    low: float = nan
    high: float = nan

    @property
    def sure(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0.0 or self.high < 0.0


UNKNOWN = Estimate(value=nan)


def resamples(days: int) -> Floats:
    """float64[RESAMPLES, days]: how often each day is drawn, with replacement, as many draws as days."""
    shares = stream(_SEED, f"resamples of {days} days").shares(RESAMPLES * days)
    drawn = np.floor(shares * days).astype(np.int64).reshape(RESAMPLES, days)
    place = drawn + days * np.arange(RESAMPLES)[:, None]
    counts = np.bincount(place.ravel(), minlength=RESAMPLES * days)
    return np.asarray(counts.reshape(RESAMPLES, days), dtype=np.float64)


def mean_of(values: Floats) -> Estimate:
    """The mean, with the interval of Student's t.

    Parameters
    ----------
    values : float64[n]
        One a day; differences of two policies on the same day for a paired comparison. One NaN makes the mean unknown.
    """
    n = values.size
    if n == 0 or not np.isfinite(values).all():
        return UNKNOWN
    mean = float(values.mean())
    if n == 1:
        return Estimate(value=mean)
    error = float(values.std(ddof=1)) / sqrt(n) * quantile_of_t(0.5 + 0.5 * CONFIDENCE, n - 1)
    return Estimate(value=mean, low=mean - error, high=mean + error)


def bootstrapped(statistic: Statistic, draws: Floats) -> Estimate:
    """A statistic of the days with its interval.

    Parameters
    ----------
    statistic : callable
        Of counts float64[b, n] of the days to float64[b].
    draws : float64[RESAMPLES, n]
        From `resamples`.
    """
    n = draws.shape[1]
    value = float(statistic(np.ones((1, n)))[0]) if n else nan
    if n < 3 or not isfinite(value):
        return Estimate(value=value)
    drawn = np.sort(statistic(draws))
    if not np.isfinite(drawn).all():
        return Estimate(value=value)
    if drawn[0] == drawn[-1]:
        return Estimate(value=value, low=float(drawn[0]), high=float(drawn[-1]))
    below = (np.count_nonzero(drawn < value) + 0.5 * np.count_nonzero(drawn == value)) / drawn.size
    bias = _NORMAL.inv_cdf(min(max(below, 0.5 / drawn.size), 1.0 - 0.5 / drawn.size))
    acceleration = _acceleration(statistic, n)
    low, high = (_at(drawn, bias, acceleration, 0.5 + side * 0.5 * CONFIDENCE) for side in (-1.0, 1.0))
    return Estimate(value=value, low=low, high=high)


def _acceleration(statistic: Statistic, n: int) -> float:
    """From leaving out one day after the other."""
    without = statistic(np.ones((n, n)) - np.eye(n))
    away = without.mean() - without
    spread = float((away**2).sum())
    if not isfinite(spread) or spread <= 0.0:
        return 0.0
    return float((away**3).sum()) / (6.0 * spread * sqrt(spread))


def _at(drawn: Floats, bias: float, acceleration: float, share: float) -> float:
    step = bias + _NORMAL.inv_cdf(share)
    corrected = _NORMAL.cdf(bias + step / max(1.0 - acceleration * step, 1e-3))
    return float(np.quantile(drawn, corrected))


def deviation(values: Floats) -> Statistic:
    """Standard deviation over days, its square unbiased; `values` float64[n]."""

    def of(counts: Floats) -> Floats:
        return np.sqrt(_variance(counts, values))

    return of


def variance_ratio(values: Floats, others: Floats) -> Statistic:
    """Logarithm of the variance of `values` over that of `others`, day by day paired; see `ratio_of`."""

    def of(counts: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(_variance(counts, values)) - np.log(_variance(counts, others)))

    return of


def ratio_of(estimate: Estimate) -> Estimate:
    """A ratio from its logarithm."""
    return Estimate(value=exp(estimate.value), low=exp(estimate.low), high=exp(estimate.high))


def expected_shortfall(values: Floats, level: float) -> Statistic:
    """Mean loss in the worst 1 - `level` of days, plus where money is lost; `values` float64[n] is P&L.

    Source: C. Acerbi and D. Tasche, "On the coherence of expected shortfall", J. Banking and Finance 26 (2002) 1487-1503,
    definition 2.6: the day that the tail ends in counts in part.
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]

    def of(counts: Floats) -> Floats:
        sorted_counts = counts[:, order]
        tail = (1.0 - level) * sorted_counts.sum(axis=1, keepdims=True)
        before = np.cumsum(sorted_counts, axis=1) - sorted_counts
        taken = np.clip(tail - before, 0.0, sorted_counts)
        return np.asarray(-(taken @ ascending) / tail[:, 0])

    return of


def mean_variance(values: Floats, aversion_per_usd: float) -> Statistic:
    """Mean less half the aversion times the variance, USD; `values` float64[n]."""

    def of(counts: Floats) -> Floats:
        mean = counts @ values / counts.sum(axis=1)
        return np.asarray(mean - 0.5 * aversion_per_usd * _variance(counts, values))

    return of


def less(one: Statistic, other: Statistic) -> Statistic:
    """The difference of two statistics on the same draws."""

    def of(counts: Floats) -> Floats:
        return np.asarray(one(counts) - other(counts))

    return of


def pooled_deviation(mean: Floats, mean_square: Floats) -> Statistic:
    """Standard deviation of a quantity over all samples of all days, each day alike.

    Parameters
    ----------
    mean, mean_square : float64[n]
        Of each day, over its time.
    """

    def of(counts: Floats) -> Floats:
        days = counts.sum(axis=1)
        first = counts @ mean / days
        return np.asarray(np.sqrt(np.maximum(counts @ mean_square / days - first**2, 0.0)))

    return of


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSums:
    """Sums over neighbouring samples x, y of each day, float64[n] each."""

    pairs: Floats
    x: Floats
    y: Floats
    xx: Floats
    xy: Floats


def reversion(sums: PairSums) -> Statistic:
    """Share of its distance from the mean that a quantity is expected to have lost by the next sample: 1 - b of y = m + b (x - m) + noise.

    A quantity that returns at the speed a, dx = -a (x - m) dt + noise, has b = exp(-a step). Least squares with one mean for all
    days, which leaves next to none of the bias of a short series. Source: M. Kendall, "Note on bias in the estimation of
    autocorrelation", Biometrika 41 (1954) 403-404.
    """

    def of(counts: Floats) -> Floats:
        n = counts @ sums.pairs
        with np.errstate(divide="ignore", invalid="ignore"):
            above = counts @ sums.xy - (counts @ sums.x) * (counts @ sums.y) / n
            below = counts @ sums.xx - (counts @ sums.x) ** 2 / n
            return np.asarray(1.0 - above / below)

    return of


def _variance(counts: Floats, values: Floats) -> Floats:
    """float64[b]: of the days as often as they count, over their number less one."""
    days = counts.sum(axis=1)
    centred = values - values.mean()  # digits are lost less
    first = counts @ centred / days
    second = counts @ centred**2 / days
    return np.asarray(np.maximum(second - first**2, 0.0) * days / (days - 1.0))
