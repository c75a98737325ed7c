"""The spot-vol dynamics of one underlying from the history of its fits, updated one fit at a time.

Source: domain reference 4.15 and A.14: R of a tenor is the slope, through the origin, of the change of at-the-money vol on
skew times log return; beta is that of the change on the log return alone. Products fade by half in `half_life_years`.

Standard errors allow for moves that are not alike in size (H. White, Econometrica 48 (1980) 817-838, with fading weights) and
count as observations only the moves that carry the slope: with shares h_i of the weighted squared moves that is
n = 1 / sum h_i^2, however many quiet days lie between. The variance of a slope is raised by n / (n - 1) for the slope that
was fitted, and by (n - 1) / (n - 3) for the tails of Student's t; with n of 3 or less a slope tells nothing. Errors of
different tenors, which see the same days, are kept with their covariances. Where the data say little, the slope is drawn to
the desk's prior by precision: a normal prior times a normal likelihood.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from flatbook.market.dynamics import SpotVolDynamics
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats

_COUNT_MIN = 3.0
_ERROR_MIN = 1e-9
_BETA_TOLD = 2.0  # standard errors from 0 that a beta needs before its size tells of tenors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FadingSlopes:
    """Slopes through the origin of m regressions that see the same days: what must be kept of them.

    With products p = x y and squares q = x^2, both zero where a tenor is missing on a day.
    """

    half_life_years: float
    square: Floats  # float64[m]: sum of w q
    product: Floats  # float64[m]: sum of w p
    product_product: Floats  # float64[m, m]: sum of w^2 p_i p_j
    product_square: Floats  # float64[m, m]: sum of w^2 p_i q_j
    square_square: Floats  # float64[m, m]: sum of w^2 q_i q_j

    def after(self, x: Floats, y: Floats, elapsed_years: float) -> "FadingSlopes":
        """The sums once one more day is seen.

        Parameters
        ----------
        x, y : float64[m]
            NaN where a tenor is not known.
        elapsed_years : float
            Since the last day, 0 or above.
        """
        fade = 0.5 ** (elapsed_years / self.half_life_years)
        told = np.isfinite(x) & np.isfinite(y)
        p, q = np.where(told, x * y, 0.0), np.where(told, x * x, 0.0)
        return replace(
            self,
            square=fade * self.square + q,
            product=fade * self.product + p,
            product_product=fade**2 * self.product_product + np.outer(p, p),
            product_square=fade**2 * self.product_square + np.outer(p, q),
            square_square=fade**2 * self.square_square + np.outer(q, q),
        )

    @property
    def slope(self) -> Floats:
        """float64[m]; NaN where nothing moved."""
        return np.asarray(self.product / np.where(self.square > 0.0, self.square, np.nan))

    @property
    def count(self) -> Floats:
        """How many moves of equal size would tell as much, float64[m]; 0 where nothing moved."""
        fourth = np.diag(self.square_square)
        return np.asarray(self.square**2 / np.where(fourth > 0.0, fourth, np.inf))

    @property
    def covariance(self) -> Floats:
        """Of the slopes, float64[m, m]; NaN in the rows and columns of slopes that tell nothing."""
        b = np.nan_to_num(self.slope)
        cross = self.product_square * b
        meat = self.product_product - cross - cross.T + np.outer(b, b) * self.square_square
        n = self.count
        told = n > _COUNT_MIN
        widen = np.sqrt(np.where(told, n, np.nan) / np.where(told, n - _COUNT_MIN, 1.0))
        by = widen / np.where(told, self.square, np.nan)
        return np.asarray(meat * np.outer(by, by))

    @property
    def error(self) -> Floats:
        """Standard error of each slope, float64[m]; NaN where it tells nothing."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0.0)))


def no_slopes(count: int, half_life_years: float) -> FadingSlopes:
    """The sums before the first day.

    Raises
    ------
    InvalidValueError
        A half-life that is not above 0.
    """
    if not half_life_years > 0.0:
        msg = f"spot-vol estimate: half_life_years must be above 0, was {half_life_years}"
        raise InvalidValueError(msg)
    line, square = np.zeros(count), np.zeros((count, count))
    return FadingSlopes(
        half_life_years=half_life_years,
        square=line,
        product=line,
        product_product=square,
        product_square=square,
        square_square=square,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitSeen:
    """What one fit says of an underlying, by expiry; NaN where it says nothing."""

    at_years: float  # time of the fit, by the clock of `years`
    spot: float
    years: Floats  # float64[n]: to expiry, ascending
    atm_vol: Floats  # float64[n]
    skew: Floats  # float64[n]: slope in ln(K/F) at the money

    @property
    def tells(self) -> bool:
        """Whether it says anything of volatility at all."""
        return bool((np.isfinite(self.atm_vol) & np.isfinite(self.skew)).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What the desk believes before it sees data: the dynamics, and how sure it is of them (standard deviations)."""

    dynamics: SpotVolDynamics
    stickiness_sd: float = 0.4
    beta_sd: float = 0.5
    tenor_exponent_sd: float = 0.15

    def __post_init__(self) -> None:
        """Refuse certainty and its opposite."""
        for name in ("stickiness_sd", "beta_sd", "tenor_exponent_sd"):
            if not 0.0 < getattr(self, name) < np.inf:
                msg = f"spot-vol prior: {name} must be above 0 and finite, was {getattr(self, name)}"
                raise InvalidValueError(msg)


class TenorLine(NamedTuple):
    """Moves of volatility with spot over tenors, and their standard errors."""

    level: float  # vol per log return at the reference tenor
    level_error: float
    exponent: float
    exponent_error: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DynamicsEstimate:
    """Everything that is remembered of the history, and the dynamics that follow from it."""

    prior: Prior
    last: FitSeen | None
    on_skew: FadingSlopes
    on_return: FadingSlopes

    def after(self, fit: FitSeen) -> "DynamicsEstimate":
        """The estimate once one more fit is seen.

        Fits in order of time; one that is not later than the last, has no spot or says nothing is not used.
        """
        if not (np.isfinite(fit.spot) and fit.spot > 0.0 and fit.tells):
            return self
        if self.last is None:
            return replace(self, last=fit)
        elapsed = fit.at_years - self.last.at_years
        if not elapsed > 0.0:
            return self
        tenors = np.array(self.prior.dynamics.tenor_years)
        log_return = np.full(tenors.size, np.log(fit.spot / self.last.spot))
        skew = _at_tenors(self.last.years, self.last.skew, tenors)
        change = _at_tenors(fit.years, fit.atm_vol - _rolled_vol(self.last, fit.years, elapsed), tenors)
        return replace(
            self,
            last=fit,
            on_skew=self.on_skew.after(skew * log_return, change, elapsed),
            on_return=self.on_return.after(log_return, change, elapsed),
        )

    @property
    def stickiness(self) -> tuple[Floats, Floats]:
        """R of each tenor and its standard error, drawn to the prior, float64[m] each."""
        before = self.prior.dynamics.stickiness_at(np.array(self.prior.dynamics.tenor_years))
        return _drawn(self.on_skew.slope, self.on_skew.error, before, self.prior.stickiness_sd)

    @property
    def beta(self) -> tuple[float, float]:
        """Vol of the reference tenor per log return and its standard error, drawn to the prior."""
        line, before = self.tenor_line, np.array([self.prior.dynamics.beta])
        value, sd = _drawn(np.array([line.level]), np.array([line.level_error]), before, self.prior.beta_sd)
        return float(value[0]), float(sd[0])

    @property
    def tenor_exponent(self) -> tuple[float, float]:
        """How fast moves fall with tenor and its standard error, drawn to the prior."""
        line, before = self.tenor_line, np.array([self.prior.dynamics.tenor_exponent])
        value, sd = _drawn(
            np.array([line.exponent]), np.array([line.exponent_error]), before, self.prior.tenor_exponent_sd
        )
        return float(value[0]), float(sd[0])

    @property
    def dynamics(self) -> SpotVolDynamics:
        """What deltas, slides and explain should use now."""
        ratios, _ = self.stickiness
        return replace(
            self.prior.dynamics,
            stickiness=tuple(float(ratio) for ratio in ratios),
            beta=self.beta[0],
            tenor_exponent=self.tenor_exponent[0],
        )

    @property
    def tenor_line(self) -> TenorLine:
        """Beta and exponent from the data alone; NaN where they are not told.

        Generalised least squares of ln|beta(T)| on ln(T_ref / T) over the tenors whose beta stands clear of 0 on the side
        of most.
        """
        slope, error = self.on_return.slope, self.on_return.error
        clear = np.abs(slope) > _BETA_TOLD * error
        side = np.sign(np.nansum(np.where(clear, np.sign(slope), 0.0)))
        used = np.flatnonzero(clear & (np.sign(slope) == side))
        if not used.size:
            return TenorLine(np.nan, np.nan, np.nan, np.nan)
        covariance = self.on_return.covariance[np.ix_(used, used)] / np.outer(slope[used], slope[used])
        covariance = covariance + np.eye(used.size) * 1e-9 * np.trace(covariance)
        tenors = np.array(self.prior.dynamics.tenor_years)[used]
        steps = np.log(self.prior.dynamics.reference_years / tenors)
        if used.size == 1:
            level = float(slope[used][0] * np.exp(-self.prior.dynamics.tenor_exponent * steps[0]))
            return TenorLine(level, float(error[used][0] * abs(level / slope[used][0])), np.nan, np.nan)
        design = np.column_stack((np.ones(used.size), steps))
        precision = np.linalg.inv(covariance)
        spread = np.linalg.inv(design.T @ precision @ design)
        level, exponent = spread @ design.T @ precision @ np.log(np.abs(slope[used]))
        size = float(np.exp(level))
        return TenorLine(
            float(side) * size,
            size * float(np.sqrt(spread[0, 0])),
            float(exponent),
            float(np.sqrt(spread[1, 1])),
        )


def begin(prior: Prior, half_life_years: float) -> DynamicsEstimate:
    """The estimate before the first fit: the prior."""
    count = len(prior.dynamics.tenor_years)
    return DynamicsEstimate(
        prior=prior,
        last=None,
        on_skew=no_slopes(count, half_life_years),
        on_return=no_slopes(count, half_life_years),
    )


def _at_tenors(years: Floats, column: Floats, tenor_years: Floats) -> Floats:
    """A column of expiries at constant tenors: its product with the root of time is linear in time, NaN outside.

    Skews, and the moves of volatility that come with them, nearly are in index chains; so a ratio of the two that all expiries
    share is that of every tenor.
    """
    told = np.isfinite(column) & (years > 0.0)
    if not told.any():
        return np.full(tenor_years.size, np.nan)
    t = years[told]
    scaled = np.interp(tenor_years, t, column[told] * np.sqrt(t), left=np.nan, right=np.nan)
    return np.asarray(scaled / np.sqrt(tenor_years))


def _rolled_vol(last: FitSeen, years: Floats, elapsed: float) -> Floats:
    """Vol at the money of the last fit where the expiries stand now, so that a change is not that of an expiry drawing near.

    Total variance is linear in time between expiries; before the first, as far as that has come, its vol stays.
    """
    told = np.isfinite(last.atm_vol) & (last.years > 0.0)
    if not told.any():
        return np.full(years.size, np.nan)
    t, vol = last.years[told], last.atm_vol[told]
    within = (years + elapsed * (1.0 + 1e-6) >= t[0]) & (years <= t[-1])
    at = np.maximum(years, t[0])
    return np.where(within, np.sqrt(np.interp(at, t, vol**2 * t) / at), np.nan)


def _drawn(found: Floats, error: Floats, before: Floats, before_sd: float) -> tuple[Floats, Floats]:
    """Estimate and prior weighted by precision; the prior alone where there is no estimate."""
    told = np.isfinite(found) & np.isfinite(error)
    precision = np.where(told, 1.0 / np.maximum(error, _ERROR_MIN) ** 2, 0.0)
    prior_precision = 1.0 / before_sd**2
    total = precision + prior_precision
    value = (precision * np.nan_to_num(found) + prior_precision * before) / total
    return value, 1.0 / np.sqrt(total)
