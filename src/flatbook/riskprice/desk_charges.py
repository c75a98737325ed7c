"""What the next lot costs beside its factor risk: the limits it strains, the capital it takes, and what the market knows better.

A limit that already stands at its hard level is the ladder's: its side is pulled there, and no price is put on it. Below, the price
grows without bound toward it (`riskprice.barrier`).
"""

import numpy as np

from flatbook.limits.check import Standing
from flatbook.margin.capital import Marginal
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats
from flatbook.riskprice.barrier import Barriers, barrier_usd
from flatbook.riskprice.desk_flow import DeskFlow
from flatbook.riskprice.reservation import Charges, capital_usd

_SOFT_MOST = 0.999  # a soft level at the hard one would be a wall without a slope


def charges_of(standing: Standing, marginal: Marginal, expected: DeskFlow, desk: Desk) -> Charges:
    """Of every series and side; `hedge` is left to the risk price.

    Parameters
    ----------
    standing : Standing
        Of the book.
    marginal : Marginal
        Change of the requirement by one contract.
    expected : DeskFlow
    desk : Desk
    """
    n = expected.contracts.shape[1]
    requirement = np.stack((marginal.bought, marginal.sold))
    years, hurdle = desk.appetite.holding_days / CALENDAR_DAYS, desk.appetite.hurdle_per_year
    return Charges(
        barrier=np.stack(
            [
                _barrier(standing, slope, desk, np.full(n, float(desk.quoting.size_min)))
                for slope in (standing.buy_slope, standing.sell_slope)
            ]
        ),
        capital=capital_usd(requirement, hurdle, years) if hurdle else np.zeros((2, n)),
        adverse_selection=expected.adverse_usd,
        hedge=np.zeros((2, n)),
    )


def _barrier(standing: Standing, slope: Floats, desk: Desk, contracts: Floats) -> Floats:
    """Of one side; only limits that a trade would bring above their soft level are looked at."""
    soft = np.array([min(one.limit.soft_share, _SOFT_MOST) for one in standing.limits])
    if not soft.size or not desk.appetite.barrier_halfway_usd:
        return np.zeros(contracts.size)
    below = standing.utilisation < 1.0
    strained = below & (slope > 0.0) & (standing.utilisation + slope * contracts > soft[:, None])
    some = np.flatnonzero(strained.any(axis=1))
    if not some.size:
        return np.zeros(contracts.size)
    return barrier_usd(
        Barriers(
            utilisation=standing.utilisation[some],
            soft=soft[some],
            halfway_usd=np.full(some.size, desk.appetite.barrier_halfway_usd),
        ),
        np.where(below[some], slope[some], 0.0),
        contracts,
    )
