"""What a hedge with a related product leaves: effectiveness, the basis as a mean-reverting process, and both in stress.

Source: domain reference 4.10 and 4.11; L. Ederington, J. Finance 34 (1979) 157-170, for effectiveness e = 1 - Var(hedged) / Var(unhedged).
The basis b = S_x - h S_h follows db = kappa (m - b) dt + s dW (G. Uhlenbeck, L. Ornstein, Physical Review 36 (1930) 823-841), observed at
equal steps an autoregression b' = a + phi b + e with kappa = -ln(phi) / dt and s^2 = Var(e) 2 kappa / (1 - phi^2); over a holding time tau
it moves by a variance s^2 (1 - e^{-2 kappa tau}) / (2 kappa). Errors by the delta method from Var(phi) = (1 - phi^2) / n and
Var(Var(e)) = 2 Var(e)^2 / n (J. Hamilton, "Time Series Analysis", 1994, 5.2 and 8.2).
"""

from dataclasses import dataclass
from math import hypot

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats

_OBSERVATIONS_MIN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Effectiveness:
    """Share of variance that a hedge removed."""

    share: float  # 1 - Var(hedged) / Var(unhedged); below 0 where the hedge added risk
    standard_error: float
    basis_deviation: float  # of the hedged returns, per observation
    observations: int


def hedge_effectiveness(exposure: Floats, products: Floats, ratios: Floats) -> Effectiveness:
    """What a hedge decided beforehand did to the returns it was held over.

    The standard error is that of a ratio of two means of squares, r = m(e^2) / m(x^2): sd(e^2 - r x^2) / (m(x^2) sqrt(n)).

    Parameters
    ----------
    exposure : float64[n]
        Returns, P&L, or changes of price; rows with a NaN are left out.
    products : float64[n, m]
    ratios : float64[m] or float64[n, m]
        Units of each product sold against a unit of exposure.
    """
    hedged = exposure - (products * ratios).sum(axis=1)
    told = np.isfinite(hedged) & np.isfinite(exposure)
    n = int(told.sum())
    if n < 3:
        return Effectiveness(share=np.nan, standard_error=np.nan, basis_deviation=np.nan, observations=n)
    left = (hedged[told] - hedged[told].mean()) ** 2
    whole = (exposure[told] - exposure[told].mean()) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = left.mean() / whole.mean()
        error = np.std(left - ratio * whole, ddof=2) / (whole.mean() * np.sqrt(n))
    return Effectiveness(
        share=float(1.0 - ratio),
        standard_error=float(error),
        basis_deviation=float(np.sqrt(left.sum() / (n - 1))),
        observations=n,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StressedBasis:
    """A hedge in calm and in stress. Correlations rise when moves are large, whatever the basis does, so the basis is told by itself."""

    calm: Effectiveness
    stress: Effectiveness
    variance_ratio: float  # of the basis: stress over calm
    log_ratio_error: float  # standard error of its logarithm


def stressed_basis(exposure: Floats, products: Floats, ratios: Floats, stress: Bools) -> StressedBasis:
    """Effectiveness and basis variance apart, in stress and out of it.

    The error of ln(variance) is sqrt((kurtosis - 1) / n) of each part (K. Mood, F. Graybill, D. Boes, "Introduction to the Theory of
    Statistics", 3rd ed., 1974, VI.2.3); those of the two parts add in squares.

    Parameters
    ----------
    exposure, products, ratios
        As in `hedge_effectiveness`.
    stress : bool[n]
        As `large_moves` tells it, or by date.
    """
    calm = hedge_effectiveness(exposure[~stress], products[~stress], _rows(ratios, ~stress))
    tight = hedge_effectiveness(exposure[stress], products[stress], _rows(ratios, stress))
    hedged = exposure - (products * ratios).sum(axis=1)
    told = np.isfinite(hedged)
    error = hypot(_log_variance_error(hedged[stress & told]), _log_variance_error(hedged[~stress & told]))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.float64(tight.basis_deviation) ** 2 / calm.basis_deviation**2
    return StressedBasis(calm=calm, stress=tight, variance_ratio=float(ratio), log_ratio_error=error)


def _rows(ratios: Floats, part: Bools) -> Floats:
    return ratios[part] if ratios.ndim == 2 else ratios


def _log_variance_error(x: Floats) -> float:
    if x.size < 3 or not np.var(x) > 0.0:
        return float("nan")
    centred = x - x.mean()
    kurtosis = float(np.mean(centred**4) / np.mean(centred**2) ** 2)
    return float(np.sqrt(max(kurtosis - 1.0, 0.0) / x.size))


def large_moves(returns: Floats, *, deviations: float, half_life: float, after: int) -> Bools:
    """Where a return went beyond so many deviations of those before it, and the `after` observations that follow it.

    Parameters
    ----------
    returns : float64[n]
        In order of time; NaN moves nothing.
    deviations : float
        Of the exponentially fading volatility known before the return; none are known before ten returns.
    half_life : float
        Of that volatility, in observations.
    after : int
        For how long stress lasts.
    """
    fade = 0.5 ** (1.0 / half_life)
    square, mass, seen, left = 0.0, 0.0, 0, 0
    out = np.zeros(returns.size, dtype=np.bool_)
    for i, move in enumerate(returns.tolist()):
        told = bool(np.isfinite(move))
        if told and seen >= _OBSERVATIONS_MIN and move * move > deviations**2 * square / mass:
            left = after + 1
        out[i] = left > 0
        left = max(left - 1, 0)
        if told:
            square, mass, seen = fade * square + move * move, fade * mass + 1.0, seen + 1
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisProcess:
    """A basis that reverts to its mean, in the units of the basis and years."""

    reversion_per_year: float  # kappa; 0: a random walk
    reversion_error: float
    mean: float
    diffusion: float  # s, per square root of a year
    diffusion_error: float
    observations: int

    def deviation(self, years: float) -> float:
        """Standard deviation of the basis's move over a holding time."""
        return float(np.sqrt(_held_variance(self.reversion_per_year, self.diffusion, years)))

    def deviation_error(self, years: float) -> float:
        """Standard error of it, from those of reversion and diffusion taken as independent."""
        kappa, s = self.reversion_per_year, self.diffusion
        bump = max(1e-4 * kappa, 1e-6)
        by_kappa = (
            np.sqrt(_held_variance(kappa + bump, s, years)) - np.sqrt(_held_variance(kappa, s, years))
        ) / bump
        by_s = self.deviation(years) / s if s > 0.0 else 0.0
        return float(np.hypot(by_kappa * self.reversion_error, by_s * self.diffusion_error))


def _held_variance(kappa: float, diffusion: float, years: float) -> float:
    effective = -np.expm1(-2.0 * kappa * years) / (2.0 * kappa) if kappa > 0.0 else years
    return float(diffusion**2 * effective)


def fitted_basis(basis: Floats, step_years: float) -> BasisProcess:
    """The process of greatest likelihood, given the first observation.

    Parameters
    ----------
    basis : float64[n]
        S_x - h S_h at equal steps of time; pairs with a NaN are left out.
    step_years : float

    Raises
    ------
    InvalidValueError
        Fewer than ten steps, or a basis that never moves.
    """
    before, after = basis[:-1], basis[1:]
    told = np.isfinite(before) & np.isfinite(after)
    b, c = before[told], after[told]
    if b.size < _OBSERVATIONS_MIN or not np.var(b) > 0.0:
        msg = f"basis: need {_OBSERVATIONS_MIN} steps of a basis that moves, found {b.size}"
        raise InvalidValueError(msg)
    n = int(b.size)
    phi = float(((b - b.mean()) * (c - c.mean())).sum() / ((b - b.mean()) ** 2).sum())
    phi = min(max(phi, 1e-6), 1.0)
    level = float(c.mean() - phi * b.mean())
    variance = float(np.mean((c - level - phi * b) ** 2)) * n / (n - 2)
    walks = phi == 1.0
    kappa = 0.0 if walks else -np.log(phi) / step_years
    per_step = step_years if walks else (1.0 - phi**2) / (2.0 * kappa)
    diffusion = float(np.sqrt(variance / per_step))
    return BasisProcess(
        reversion_per_year=float(kappa),
        reversion_error=float(np.sqrt(max(1.0 - phi**2, 1.0 / n) / n) / (phi * step_years)),
        mean=float(c.mean() if walks else level / (1.0 - phi)),
        diffusion=diffusion,
        diffusion_error=float(diffusion * np.sqrt(0.5 / n)),
        observations=n,
    )
