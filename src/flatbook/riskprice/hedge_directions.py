"""What trading a dollar of delta with each hedge instrument does to the factor exposures, and what it costs.

A share of the underlying moves spot alone; a proxy moves its basis too, and hedges only what it is correlated with.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.factors import SPOT, Factors
from flatbook.model.measures import Measure
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.riskprice.cost import cost_per_delta_usd, hedges_of, tradable_contracts
from flatbook.valuation.values import Values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HedgeDirections:
    """m hedges, by underlying and within one the cheapest first."""

    underlying: Ints  # [m]
    e: Floats  # [m, kinds] exposures that a USD of delta brings to its underlying's factors
    cost: Floats  # [m] USD to trade it
    most_bought: Floats  # [m] USD of delta, 0 or above; infinite: as much as it takes
    most_sold: Floats  # [m]


def directions_of(
    desk: Desk, table: InstrumentTable, values: Values, of: Factors, quantity: Ints
) -> HedgeDirections:
    """Every hedge instrument of the desk that has a price, with what may be traded of it by a book of `quantity`, int64[n_rows].

    What is not held can be sold short only where it was located, and nothing of it where short sales are restricted.
    """
    found: list[tuple[int, float, int]] = []
    most: dict[int, tuple[float, float]] = {}
    for u, name in enumerate(table.underlyings):
        for terms in hedges_of(desk, name):
            cost, row = cost_per_delta_usd(terms, table, values), table.row_of(terms.instrument.symbol)
            if np.isfinite(cost) and np.isfinite(of.e[row]).all():
                found.append((u, cost, row))
                most[row] = tradable_contracts(terms, int(quantity[row]), passive=False)
    found.sort()
    rows = np.array([row for _, _, row in found], dtype=np.int64)
    delta = np.abs(values.greeks[rows, Measure.DELTA_USD])
    contracts = np.array([most[row] for row in rows.tolist()]).reshape(-1, 2)
    return HedgeDirections(
        underlying=np.array([u for u, _, _ in found], dtype=np.int64),
        e=of.e[rows] / values.greeks[rows, Measure.DELTA_USD, None],
        cost=np.array([cost for _, cost, _ in found]),
        most_bought=contracts[:, 0] * delta,
        most_sold=contracts[:, 1] * delta,
    )


def in_the_underlying(cost: Floats, kinds: int) -> HedgeDirections:
    """Hedges in each underlying itself, at a cost in USD per USD of delta, float64[n_underlyings]; inf: it has none."""
    some = np.flatnonzero(np.isfinite(cost))
    e = np.zeros((some.size, kinds))
    e[:, SPOT] = 1.0
    free = np.full(some.size, np.inf)
    return HedgeDirections(underlying=some, e=e, cost=cost[some], most_bought=free, most_sold=free)
