"""What a limit adds to the price of a trade: nothing below its soft level, without bound at its hard one, and only where the trade adds.

With u the utilisation (1 is the hard limit), x = (u - soft) / (1 - soft) and k the price half-way between the two levels, the barrier is
F(u) = k (1 - soft) (-ln(1 - x) - x) for x > 0: its slope k x / (1 - x) starts at 0 without a jump, is k at x = 1/2, and has no bound. A
trade pays F after less F before, per contract: more for each further contract, and infinite for one that would stand at or beyond the
hard limit. A trade that brings utilisation down pays nothing and is paid nothing.

Source: logarithmic barriers (A. Fiacco and G. McCormick, "Nonlinear Programming: Sequential Unconstrained Minimization Techniques",
1968, chapter 3); domain reference 4.5 (hard limits), 8.1 (ladder).
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Barriers:
    """Limits, one row for each, of which the price is bent; columns are series as in `limits.check.Standing`."""

    utilisation: Floats  # [n_limits, n] 1 at the hard limit; inf or NaN where unknown
    soft: Floats  # [n_limits] utilisation from which on a trade that adds pays, in [0, 1)
    halfway_usd: Floats  # [n_limits] price of 1.00 of utilisation half-way between soft and hard, USD

    def __post_init__(self) -> None:
        """Refuse a soft level beyond the hard one, and a barrier that pays for adding risk."""
        fine = ((self.soft >= 0.0) & (self.soft < 1.0)).all() and (self.halfway_usd >= 0.0).all()
        if not fine:
            msg = f"barriers: need 0 <= soft < 1 and halfway_usd >= 0, was {self.soft} and {self.halfway_usd}"
            raise InvalidValueError(msg)


def barrier_usd(barriers: Barriers, slope: Floats, contracts: Floats) -> Floats:
    """What the limits add to one side of each series, float64[n], USD per contract; infinite where the trade would reach a hard limit.

    Parameters
    ----------
    barriers : Barriers
    slope : float64[n_limits, n]
        Change of utilisation for one contract on this side; NaN where unknown counts as adding.
    contracts : float64[n]
        Of one trade.
    """
    before, used = barriers.utilisation, slope * contracts
    after = before + used
    soft = barriers.soft[:, None]
    inside = after < 1.0  # NaN and inf are outside
    with np.errstate(divide="ignore", invalid="ignore"):
        paid = _height(np.where(inside, after, soft), soft) - _height(np.where(inside, before, soft), soft)
    charge = np.where(inside, barriers.halfway_usd[:, None] * paid, np.inf)
    adds = ~(used <= 0.0)  # NaN adds
    return np.asarray(np.where(adds, charge, 0.0).sum(axis=0) / contracts)


def _height(utilisation: Floats, soft: Floats) -> Floats:
    """The barrier over its price; 0 below the soft level."""
    x = np.maximum((utilisation - soft) / (1.0 - soft), 0.0)
    return np.asarray((1.0 - soft) * (-np.log1p(-x) - x))
