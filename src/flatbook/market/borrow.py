"""What the forwards of a chain say of discounting, dividends and borrow.

Source: domain reference 4.18. C - P = D (F - K) is a line in K: slope -D, intercept D F. Borrow b is what is left once rates
and dividends are known,

    F(T) = S G(T) e^{-bT} prod(1 - s_j) - sum_j c_j G(T)/G(t_j) e^{-b(T - t_j)} prod_{i>j}(1 - s_i),    t_j < T

with G(t) = exp(r(t) t). A dividend is cash c_j while it is near, since companies hold to what they announced, and a share
s_j of the price where it is far, since it will rise and fall with the company; between the two horizons it is part of each.
At no borrow and today's spot the blend gives the same forwards as cash alone.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from flatbook.market.forwards import parity_forward
from flatbook.market.rates import ParityPairs
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats

RATE_ERROR_MAX = 0.0025  # per year; a slope less sure than this tells no discount
BORROW_ERROR_MAX = 0.02  # per year; what an expiry must tell to be called told
_DISCOUNT_OFF_MAX = 1.1  # a discount that the quotes tell is no further above the given one
_HUBER = 1.5
_LINE_ROUNDS = 30
_LINE_SETTLED = 1e-12
_NEWTON_ROUNDS = 50
_NEWTON_SETTLED = 1e-13


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityLine:
    """Discount and forward of one European expiry, each with its standard error, in strike currency."""

    forward: float
    forward_error: float
    discount: float
    discount_error: float
    resolved: bool  # both come from the quotes; otherwise the discount is the one that was given
    n_pairs: int


def regress_parity(pairs: ParityPairs) -> ParityLine | None:
    """Both from the quotes, by weighted least squares robust to wild pairs (Huber 1964).

    Errors are those of the stated variances, widened where the pairs scatter by more, never narrowed.

    Returns
    -------
    ParityLine or None
        None for fewer than three pairs, pairs of one strike, or a slope that is no discount.
    """
    if pairs.strike.size < 3:
        return None
    centre = float(np.average(pairs.strike, weights=1.0 / pairs.variance))
    x = pairs.strike - centre
    trust = np.ones_like(x)
    level = slope = np.inf
    for _ in range(_LINE_ROUNDS):
        before = level
        weight = trust / pairs.variance
        level, slope, spread = _line(x, pairs.call_less_put, weight)
        if not spread > 0.0:
            return None
        miss = np.abs(pairs.call_less_put - level - slope * x) / np.sqrt(pairs.variance)
        scale = max(1.4826 * float(np.median(miss)), 1e-9)
        trust = np.minimum(1.0, _HUBER * scale / np.maximum(miss, 1e-300))
        if abs(level - before) <= _LINE_SETTLED * centre:
            break
    if not slope < 0.0:
        return None
    return _line_told(x, centre, level, slope, trust, miss, pairs)


def _line(x: Floats, y: Floats, weight: Floats) -> tuple[float, float, float]:
    """Level at x = 0, slope, and the weighted square of x about its mean."""
    mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
    spread = float((weight * (x - mean_x) ** 2).sum())
    if not spread > 0.0:
        return np.nan, np.nan, 0.0
    slope = float((weight * (x - mean_x) * (y - mean_y)).sum()) / spread
    return float(mean_y - slope * mean_x), slope, spread


def _line_told(
    x: Floats, centre: float, level: float, slope: float, trust: Floats, miss: Floats, pairs: ParityPairs
) -> ParityLine:
    """The line with its errors; F = centre + level / D, to first order in both."""
    design = np.column_stack((np.ones_like(x), x)) * np.sqrt(trust / pairs.variance)[:, None]
    excess = float((trust * miss**2).sum()) / (x.size - 2)
    covariance = np.linalg.inv(design.T @ design) * max(excess, 1.0)
    discount = -slope
    along = np.array([1.0 / discount, level / discount**2])  # of F, in level and slope
    return ParityLine(
        forward=centre + level / discount,
        forward_error=float(np.sqrt(along @ covariance @ along)),
        discount=discount,
        discount_error=float(np.sqrt(covariance[1, 1])),
        resolved=True,
        n_pairs=x.size,
    )


def parity_line(
    pairs: ParityPairs, years: float, rate: float, rate_error_max: float = RATE_ERROR_MAX
) -> ParityLine | None:
    """Discount and forward from the quotes where they resolve the discount, else the forward at the given rate.

    Parameters
    ----------
    pairs : ParityPairs
    years : float
        To expiry.
    rate : float
        Continuous annual rate that holds where the quotes cannot tell one.
    rate_error_max : float
        Largest standard error, as a rate per year, at which the quotes are believed.

    Returns
    -------
    ParityLine or None
        None without a pair.
    """
    discount = float(np.exp(-rate * years))
    hopeless = _least_error(pairs) > rate_error_max * years * _DISCOUNT_OFF_MAX * discount
    joint = None if hopeless else regress_parity(pairs)
    if joint is not None and joint.discount_error <= rate_error_max * years * joint.discount:
        return joint
    found = parity_forward(pairs, discount)
    if found is None:
        return None
    return ParityLine(
        forward=found.forward,
        forward_error=found.error,
        discount=discount,
        discount_error=float("nan"),
        resolved=False,
        n_pairs=found.n_pairs,
    )


def _least_error(pairs: ParityPairs) -> float:
    """Standard error of the slope if every pair were trusted; the regression's is never smaller. Spares it where it cannot tell."""
    if not pairs.strike.size:
        return float("inf")
    weight = 1.0 / pairs.variance
    apart = pairs.strike - (weight * pairs.strike).sum() / weight.sum()
    spread = float((weight * apart**2).sum())
    return spread**-0.5 if spread > 0.0 else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlendedDividends:
    """m dividends to come, ascending in time: part cash, part a share of the price before each."""

    years: Floats  # to the ex-dividend instant
    cash: Floats
    share: Floats
    growth: Floats  # G at each

    def forward(
        self, spot: float, borrow: Floats, years: Floats, rate: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Forwards at a borrow, and how they change.

        Parameters
        ----------
        spot : float
        borrow, years, rate : float64[n]
            By expiry; continuous annual.

        Returns
        -------
        float64[n], float64[n], float64[n]
            The forward, and its derivatives in borrow and in spot.
        """
        paid = self.years < years[:, None]
        kept = np.where(paid, 1.0 - self.share, 1.0)
        kept_after = np.cumprod(kept[:, ::-1], axis=1)[:, ::-1]  # of this dividend and all later ones
        grown = np.exp(rate * years)
        left = years[:, None] - self.years
        due = np.where(paid, self.cash * (kept_after / kept) * np.exp(-borrow[:, None] * left), 0.0)
        due *= grown[:, None] / self.growth
        per_spot = grown * np.exp(-borrow * years) * kept.prod(axis=1)
        slope = (due * left).sum(axis=1) - years * spot * per_spot
        return spot * per_spot - due.sum(axis=1), slope, per_spot


def blend_dividends(
    years: Floats,
    amount: Floats,
    rate: Floats,
    spot: float,
    *,
    cash_until_years: float = 1.0,
    share_from_years: float = 2.0,
) -> BlendedDividends:
    """Cash until the first horizon, a share of the price from the second, in proportion between.

    Parameters
    ----------
    years, amount, rate : float64[m]
        Ex-dividend times, ascending and above 0; amounts; the continuous zero rate to each.
    spot : float
    cash_until_years, share_from_years : float

    Raises
    ------
    InvalidValueError
        Horizons in the wrong order, times out of order, or dividends that are more than the price.
    """
    in_order = 0.0 <= cash_until_years <= share_from_years
    if not (in_order and (years > 0.0).all() and (np.diff(years) >= 0.0).all()):
        msg = (
            f"dividends: need ascending ex-dividend times above 0 and 0 <= cash_until_years <= share_from_years, "
            f"found times {years.tolist()} and horizons {cash_until_years} and {share_from_years}"
        )
        raise InvalidValueError(msg)
    growth = np.exp(rate * years)
    before = spot * growth - growth * (np.cumsum(amount / growth) - amount / growth)
    if not (before > amount).all():
        msg = f"dividends: {amount.tolist()} at {years.tolist()} years are more than the price of {spot} carries"
        raise InvalidValueError(msg)
    span = share_from_years - cash_until_years
    part = (years - cash_until_years) / span if span > 0.0 else (years >= share_from_years).astype(np.float64)
    part = np.clip(part, 0.0, 1.0)
    return BlendedDividends(
        years=years, cash=(1.0 - part) * amount, share=part * amount / before, growth=growth
    )


class BorrowReason(IntEnum):
    """Whether an expiry tells its borrow, and why not."""

    TOLD = 0
    NOT_RESOLVED = 1  # a number with an error too large to trade on
    MISSING = 2  # forward, spot or rate is not known, or the expiry has passed
    NO_ROOT = 3  # no borrow meets the forward


BORROW_TEXT: dict[BorrowReason, str] = {
    BorrowReason.TOLD: "told",
    BorrowReason.NOT_RESOLVED: "the quotes are too wide, or the expiry too near, to tell borrow",
    BorrowReason.MISSING: "no forward, no price of the underlying or no rate",
    BorrowReason.NO_ROOT: "no borrow meets this forward after the dividends",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BorrowRates:
    """Continuous annual borrow of n expiries, with standard errors; NaN where there is none.

    The error comes from three sides: each expiry's own forward, and spot and rate, which are wrong for all at once.
    """

    borrow: Floats
    error_of_forward: Floats
    error_of_spot: Floats
    error_of_rate: Floats
    reason: NDArray[np.int8]  # `BorrowReason`

    @property
    def error(self) -> Floats:
        """Of each expiry, float64[n]."""
        return np.asarray(np.sqrt(self.error_of_forward**2 + self.error_of_spot**2 + self.error_of_rate**2))

    @property
    def level(self) -> tuple[float, float]:
        """One borrow for all expiries by precision, and its error; NaN where none has one."""
        error = self.error
        used = error > 0.0
        if not used.any():
            return float("nan"), float("nan")
        weight = 1.0 / error[used] ** 2
        weight = weight / weight.sum()
        own = np.sqrt(((weight * self.error_of_forward[used]) ** 2).sum())
        shared = (weight @ side[used] for side in (self.error_of_spot, self.error_of_rate))
        return float(weight @ self.borrow[used]), float(np.sqrt(own**2 + sum(part**2 for part in shared)))


def borrow_rates(
    forward: Floats,
    forward_error: Floats,
    years: Floats,
    rate: Floats,
    rate_error: Floats,
    spot: float,
    spot_error: float,
    dividends: BlendedDividends,
    *,
    error_max: float = BORROW_ERROR_MAX,
) -> BorrowRates:
    """The borrow that makes each forward meet spot, rates and dividends, by Newton's method.

    Parameters
    ----------
    forward, forward_error, years, rate, rate_error : float64[n]
        By expiry, with standard errors.
    spot, spot_error : float
    dividends : BlendedDividends
    error_max : float
        A larger standard error is `NOT_RESOLVED`.
    """
    known = np.isfinite(forward * forward_error * rate * rate_error) & (forward > 0.0) & (years > 0.0)
    known &= np.isfinite(spot * spot_error) and spot > 0.0
    target, t, r = (np.where(known, column, 1.0) for column in (forward, years, rate))
    price = spot if known.any() else 1.0
    borrow = np.zeros(t.size)
    for _ in range(_NEWTON_ROUNDS):
        at, slope, _ = dividends.forward(price, borrow, t, r)
        step = np.clip((target - at) / np.where(slope < 0.0, slope, np.nan), -1.0 / t, 1.0 / t)
        borrow = borrow + step
        if not (np.abs(step) * t > _NEWTON_SETTLED).any():
            break
    at, slope, per_spot = dividends.forward(price, borrow, t, r)
    met = np.abs(at - target) <= 1e-9 * target
    told = known & met
    of_forward, of_spot = forward_error / np.abs(slope), per_spot * spot_error / np.abs(slope)
    error = np.where(told, np.sqrt(of_forward**2 + of_spot**2 + rate_error**2), np.nan)
    reason = np.select(
        [~known, ~met, ~(error <= error_max)],
        [BorrowReason.MISSING, BorrowReason.NO_ROOT, BorrowReason.NOT_RESOLVED],
        BorrowReason.TOLD,
    )
    return BorrowRates(
        borrow=np.where(told, borrow, np.nan),
        error_of_forward=np.where(told, of_forward, np.nan),
        error_of_spot=np.where(told, of_spot, np.nan),
        error_of_rate=np.where(told, rate_error, np.nan),
        reason=reason.astype(np.int8),
    )
