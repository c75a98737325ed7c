"""How factors move together, told from their history with its standard errors, and what that makes of a book.

Weights fade by half over a half-life of days, and means are taken as 0 (RiskMetrics Technical Document, 4th ed., 1996, 5.2):
s_ij = sum w_t x_it x_jt / sum w_t over the days on which both are known.

Standard errors are those of a weighted mean of the products u_t = x_it x_jt - s_ij that need not be normal nor alike in size: Var
s_ij = sum_t w_t^2 u_t^2 / (sum w_t)^2, and with `lags` the products of neighbouring days with Bartlett weights (W. Newey, K. West,
Econometrica 55 (1987) 703-708), raised by n / (n - 1). They are asymptotic in the effective samples n = (sum w)^2 / sum w^2;
for normal moves they tend to sqrt((s_ii s_jj + s_ij^2) / n) (T. Anderson, "An Introduction to Multivariate Statistical Analysis",
3rd ed., 2003, 3.4).

Correlations are drawn linearly to a target, all by one share d = sum (Var r - Cov(r, f)) / sum (r - f)^2, between 0 and 1 (O.
Ledoit, M. Wolf, J. Portfolio Management 30 (2004) 4, 110-119; on correlations J. Schaefer, K. Strimmer, Statistical Applications in
Genetics and Molecular Biology 4 (2005) 32): the target f is the mean correlation of each kind of pair, or a prior that somebody
configured, for which the covariance is 0. Where days are missing, pairs see different days, and the nearest matrix without negative
eigenvalues with the same variances is taken.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats, Ints

_DAYS_MIN = 20  # for tenor weights
_CHUNK = 256  # days whose products are held at a time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Covariance:
    """Of F factors over one span of time; positive semidefinite in what is known."""

    matrix: Floats  # float64[F, F]; NaN in the rows and columns of factors that nothing is known of
    standard_error: Floats  # float64[F, F] of sampling, before correlations are drawn anywhere; NaN where a number is configured and not estimated
    effective_samples: Floats  # float64[F]: days of equal weight that would tell as much; 0 where configured
    source: str

    def times(self, factor: float) -> "Covariance":
        """The same over another span: variances grow by `factor`."""
        return Covariance(
            matrix=self.matrix * factor,
            standard_error=self.standard_error * factor,
            effective_samples=self.effective_samples,
            source=self.source,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BookRisk:
    """The standard deviation of a book's P&L, and what each factor adds to it."""

    deviation_usd: float  # NaN where an exposure or its covariance is unknown
    deviation_error_usd: (
        float  # sampling error of a normal sample of the fewest effective days; NaN where configured
    )
    by_factor_usd: Floats  # float64[F]: Euler shares; they add up to the deviation
    marginal_usd: Floats  # float64[F]: of the deviation for one more unit of each exposure


def fading_weights(days: int, half_life: float) -> Floats:
    """Weights that fade by half in `half_life` days, the last day's 1, float64[days]; an infinite half-life fades nothing."""
    if not half_life > 0.0:
        msg = f"covariance: half_life must be above 0 days, was {half_life}"
        raise InvalidValueError(msg)
    return np.asarray(0.5 ** (np.arange(days - 1, -1, -1) / half_life))


def estimate(
    x: Floats,
    *,
    half_life: float,
    lags: int = 0,
    kinds: Ints | None = None,
    prior: Floats | None = None,
    shrinkage: float | None = None,
) -> Covariance:
    """Covariance of one day's moves.

    Parameters
    ----------
    x : float64[d, F]
        Daily moves in order of time; NaN where not known.
    half_life : float
        Days.
    lags : int
        Neighbouring days whose products move together, for standard errors only.
    kinds : int64[F], optional
        Correlations are drawn to the mean of the pairs of the same two kinds; of all pairs otherwise.
    prior : float64[F, F], optional
        A covariance whose correlations are the target instead, and which stands where nothing is known.
    shrinkage : float, optional
        The share d by which correlations are drawn, 0 to 1; told by their noise otherwise.
    """
    days, count = x.shape
    weight = fading_weights(days, half_life)
    told = np.isfinite(x)
    known = np.where(told, x, 0.0)
    mass = told.T @ (weight[:, None] * told)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = known.T @ (weight[:, None] * known) / np.where(mass > 0.0, mass, np.nan)
        samples = mass**2 / (told.T @ (weight[:, None] ** 2 * told))
        raised = np.where(samples > 1.0, samples / (samples - 1.0), np.nan)
        error = np.sqrt(_sampling_variance(known, told, weight, s, lags) * raised) / mass
    deviation = np.sqrt(np.diag(s))
    if prior is not None:
        deviation = np.where(np.isfinite(deviation), deviation, np.sqrt(np.diag(prior)))
    seen = np.isfinite(deviation)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = s / np.outer(deviation, deviation)
        target = None if prior is None else _correlations(prior)
    kinds = np.zeros(count, dtype=np.int64) if kinds is None else kinds
    standard = known / np.where(deviation > 0.0, deviation, np.inf)
    products = _Products(z=standard, told=told, weight=weight, mass=mass)
    drawn, share = _drawn(products, r, kinds, target, shrinkage)
    full = np.full((count, count), np.nan)
    at = np.ix_(seen, seen)
    full[at] = _semidefinite(drawn[at]) * np.outer(deviation[seen], deviation[seen])
    effective = np.nan_to_num(np.diag(samples), nan=0.0)
    return Covariance(
        matrix=full,
        standard_error=error,
        effective_samples=effective,
        source=f"history of {days} days, half-life {half_life:g} days, {share:.0%} drawn to "
        + ("the configured correlations" if prior is not None else "the mean correlation"),
    )


def book_risk(exposure: Floats, covariance: Covariance) -> BookRisk:
    """Standard deviation sqrt(E' S E) of the exposures E, float64[F] (any shape, flattened), and its decomposition.

    A factor without exposure needs no covariance.
    """
    e = np.ravel(exposure)
    touched: Bools = np.asarray(e != 0.0)  # NaN too
    slope = np.where(touched, covariance.matrix, 0.0) @ np.where(touched, e, 0.0)
    variance = float(np.where(touched, e * slope, 0.0).sum())
    deviation = float(np.sqrt(max(variance, 0.0))) if np.isfinite(variance) else float("nan")
    per = 1.0 / deviation if deviation > 0.0 else 0.0 if deviation == 0.0 else float("nan")
    estimated = covariance.effective_samples[np.flatnonzero(np.where(touched, e * slope, 0.0))]
    fewest = float(estimated.min(initial=np.inf))
    error = deviation / np.sqrt(2.0 * fewest) if fewest > 0.0 else float("nan")
    return BookRisk(
        deviation_usd=deviation,
        deviation_error_usd=float(error),
        by_factor_usd=np.where(touched, e * slope, 0.0) * per,
        marginal_usd=slope * per,
    )


def _sampling_variance(known: Floats, told: Bools, weight: Floats, s: Floats, lags: int) -> Floats:
    """Of the weighted sums of products, float64[F, F]: one factor at a time, against all."""
    out = np.empty_like(s)
    for i in range(s.shape[0]):
        both = told & told[:, i : i + 1]
        u = np.where(both, weight[:, None] * (known * known[:, i : i + 1] - s[i]), 0.0)
        out[i] = (u**2).sum(axis=0)
        for lag in range(1, min(lags, u.shape[0] - 1) + 1):
            out[i] += 2.0 * (1.0 - lag / (lags + 1.0)) * (u[lag:] * u[:-lag]).sum(axis=0)
    return np.maximum(out, 0.0)


def _correlations(covariance: Floats) -> Floats:
    deviation = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(deviation, deviation))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Products:
    """Days in units of each factor's deviation, from which products are made."""

    z: Floats  # float64[d, F]; 0 where not known
    told: Bools
    weight: Floats  # float64[d]
    mass: Floats  # float64[F, F]: of the days on which both are known


def _drawn(
    of: _Products, r: Floats, kinds: Ints, target: Floats | None, shrinkage: float | None
) -> tuple[Floats, float]:
    """Correlations drawn to their target, float64[F, F], and by which share."""
    first, second = np.triu_indices(r.shape[0], 1)
    pair = np.isfinite(r[first, second])
    out = np.where(np.isfinite(r), np.clip(r, -1.0, 1.0), 0.0)
    np.fill_diagonal(out, 1.0)
    found = out[first, second]
    group = _pair_groups(kinds, first, second)
    sizes = np.bincount(group, weights=pair)
    means = np.bincount(group, weights=np.where(pair, found, 0.0)) / np.maximum(sizes, 1.0)
    to = means[group] if target is None else np.nan_to_num(target[first, second])
    apart = float(((found - to)[pair] ** 2).sum())
    share = 0.0 if shrinkage is None else shrinkage
    if shrinkage is None and apart > 0.0:
        average = np.zeros((first.size, sizes.size))
        average[np.flatnonzero(pair), group[pair]] = 1.0 / sizes[group[pair]]
        noise = _noise(of, out, pair, average if target is None else None)
        share = float(np.clip(noise / apart, 0.0, 1.0))
    out[first, second] = out[second, first] = np.where(pair, (1.0 - share) * found + share * to, to)
    return out, share


def _noise(of: _Products, r: Floats, pair: Bools, average: Floats | None) -> float:
    """Sum over pairs of Var r - Cov(r, f), f the averages of groups of pairs (float64[pairs, groups]) or known (None).

    By the influence of each day on a correlation, z_i z_j - r (z_i^2 + z_j^2) / 2.
    """
    first, second = np.triu_indices(r.shape[0], 1)
    per = np.where(pair, 1.0 / np.maximum(of.mass[first, second], 1e-300), 0.0)
    out = 0.0
    for start in range(0, of.z.shape[0], _CHUNK):
        days = slice(start, start + _CHUNK)
        a, b = of.z[days][:, first], of.z[days][:, second]
        both = of.told[days][:, first] & of.told[days][:, second]
        v = np.where(both, a * b - 0.5 * r[first, second] * (a**2 + b**2), 0.0) * of.weight[days, None] * per
        out += float((v**2).sum())
        if average is not None:
            out -= float(((v @ average) ** 2 * (average > 0.0).sum(axis=0)).sum())
    return out


def _pair_groups(kinds: Ints, first: Ints, second: Ints) -> Ints:
    """The number of the group of each pair, int64[pairs]: unordered kinds alike."""
    low, high = np.minimum(kinds[first], kinds[second]), np.maximum(kinds[first], kinds[second])
    _, of = np.unique(np.column_stack((low, high)), axis=0, return_inverse=True)
    return np.asarray(of.ravel(), dtype=np.int64)


def _semidefinite(correlation: Floats) -> Floats:
    """Without negative eigenvalues, the diagonal 1 again."""
    value, vector = np.linalg.eigh(correlation)
    if value.size == 0 or value[0] >= 0.0:
        return correlation
    clipped = (vector * np.maximum(value, 0.0)) @ vector.T
    size = np.sqrt(np.diag(clipped))
    out = clipped / np.outer(size, size)
    return np.asarray(0.5 * (out + out.T))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TenorWeights:
    """How much each tenor moves when the reference tenor moves by one, from the first principal component."""

    weight: Floats  # float64[m]
    weight_error: Floats
    exponent: float  # a of weight = (T_ref / T)^a
    exponent_error: float
    explained: float  # share of the variance of all tenors
    days: int
    reason: str  # why the weights are those of the fallback exponent; empty where they are told


def tenor_weights(
    changes: Floats, tenor_years: Floats, reference: int, fallback_exponent: float = 0.5
) -> TenorWeights:
    """Weights of tenors from their daily changes of at-the-money volatility.

    Source: domain reference A.13. Standard errors by the influence of each day on the first eigenvector, sum over the others of
    l_k (l_k'x)(l_1'x) / (lambda_1 - lambda_k) (F. Critchley, Biometrika 72 (1985) 627-636).

    Parameters
    ----------
    changes : float64[d, m]
        Days on which a tenor is NaN are left out. Means are taken as 0.
    tenor_years : float64[m]
    reference : int
        Which tenor the weights are relative to.
    fallback_exponent : float
        Where the changes tell nothing.
    """
    x = changes[np.isfinite(changes).all(axis=1)]
    steps = np.log(tenor_years[reference] / tenor_years)
    value, vector = np.linalg.eigh(x.T @ x / max(x.shape[0], 1))
    first = vector[:, -1] * np.sign(vector[reference, -1] or 1.0)
    weight = first / first[reference] if first[reference] > 0.0 else np.full(first.size, np.nan)
    if x.shape[0] < _DAYS_MIN or not (weight > 0.0).all() or not value[-1] > value[-2]:
        few = x.shape[0] < _DAYS_MIN
        why = (
            f"{x.shape[0]} days, fewer than {_DAYS_MIN}" if few else "the tenors do not move in one direction"
        )
        return TenorWeights(
            weight=np.exp(fallback_exponent * steps), weight_error=np.full(steps.size, np.nan),
            exponent=fallback_exponent, exponent_error=float("nan"), explained=float("nan"), days=x.shape[0], reason=why,
        )  # fmt: skip
    parts = x @ vector
    influence = (parts[:, :-1] * (x @ first)[:, None] / (value[-1] - value[:-1])) @ vector[:, :-1].T
    on_weight = (influence - weight * influence[:, [reference]]) / first[reference]
    on_exponent = (on_weight / weight) @ steps / (steps @ steps)
    return TenorWeights(
        weight=weight,
        weight_error=np.sqrt((on_weight**2).sum(axis=0)) / x.shape[0],
        exponent=float(np.log(weight) @ steps / (steps @ steps)),
        exponent_error=float(np.sqrt((on_exponent**2).sum()) / x.shape[0]),
        explained=float(value[-1] / value.sum()),
        days=x.shape[0],
        reason="",
    )
