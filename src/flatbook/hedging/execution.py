"""How fast to trade a hedge: the schedule of least cost plus aversion times variance, and the risk of the path that is not hedged yet.

Source: R. Almgren and N. Chriss, "Optimal execution of portfolio transactions", J. Risk 3 (2000) 5-39, sections 2 and 3; domain
reference 4.13. A rate of v units a day moves the price by permanent v for good and costs temporary v on each unit traded, and every
unit traded costs the half-spread. With the times t_j = j tau,

    x_j = X sinh(kappa (T - t_j)) / sinh(kappa T),    2 (cosh(kappa tau) - 1) / tau^2 = aversion s^2 / (temporary - permanent tau / 2)

    cost = permanent X^2 / 2 + half_spread sum |n_j| + (temporary - permanent tau / 2) / tau sum n_j^2,    variance = s^2 tau sum x_j^2.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What trading does to the price, in USD per unit."""

    half_spread: float  # with fees, USD a unit
    permanent: float  # USD per unit, for each unit traded
    temporary: float  # USD per unit, for a rate of one unit a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When to trade how much, and what it is expected to cost."""

    days: Floats  # [n + 1] from 0
    left: Floats  # [n + 1] units still to be traded
    trades: Floats  # [n] units, plus in the direction of the whole
    kappa_per_day: float  # urgency; 0 trades evenly
    expected_cost_usd: float
    deviation_usd: float  # of the cost

    @property
    def half_life_days(self) -> float:
        """Time in which what is left shrinks by e; infinite for an even schedule."""
        return 1.0 / self.kappa_per_day if self.kappa_per_day else float("inf")


def schedule(
    *, units: float, days: float, steps: int, deviation: float, impact: Impact, aversion_per_usd: float
) -> Schedule:
    """The best schedule for `units` over `days`.

    Parameters
    ----------
    units : float
        To trade; a sale as much as a purchase.
    days : float
        Trading days, above 0.
    steps : int
        Trades, from 1.
    deviation : float
        Of the price, USD per unit for the square root of a day.
    impact : Impact
    aversion_per_usd : float
        Weight of variance in USD^2 against cost in USD, 0 or above.

    Raises
    ------
    InvalidValueError
        No time, no step, or steps so long that permanent impact outweighs the temporary.
    """
    if not (days > 0.0 and steps >= 1):
        msg = f"execution schedule: need days above 0 and one step or more, was {days} days and {steps} steps"
        raise InvalidValueError(msg)
    tau = days / steps
    temporary = impact.temporary - 0.5 * impact.permanent * tau
    if not temporary > 0.0:
        msg = (
            f"execution schedule: steps of {tau:g} days need temporary impact above permanent * {0.5 * tau:g}, were "
            f"{impact.temporary:g} and {impact.permanent:g}; take more steps"
        )
        raise InvalidValueError(msg)
    urgency = aversion_per_usd * deviation**2 / temporary
    kappa = float(np.arccosh(1.0 + 0.5 * urgency * tau**2)) / tau
    times = np.linspace(0.0, days, steps + 1)
    left = units * _share_left(kappa, times, days)
    trades = -np.diff(left)
    cost = (
        0.5 * impact.permanent * units**2
        + impact.half_spread * float(np.abs(trades).sum())
        + temporary / tau * float((trades**2).sum())
    )
    return Schedule(
        days=times,
        left=left,
        trades=trades,
        kappa_per_day=kappa,
        expected_cost_usd=cost,
        deviation_usd=deviation * float(np.sqrt(tau * (left[1:] ** 2).sum())),
    )


def _share_left(kappa: float, times: Floats, days: float) -> Floats:
    """sinh(kappa (T - t)) / sinh(kappa T), without overflow and with its limit at kappa 0."""
    if kappa == 0.0:
        return 1.0 - times / days
    decay = np.exp(-kappa * times)
    return np.asarray(decay * np.expm1(-2.0 * kappa * (days - times)) / np.expm1(-2.0 * kappa * days))


def even_path_deviation_usd(*, traded_usd: float, vol: float, years: float) -> float:
    """Standard deviation, in USD, of a hedge of `traded_usd` that is traded evenly over `years`: the mean of x^2 is X^2 / 3."""
    return abs(traded_usd) * vol * float(np.sqrt(years / 3.0))
