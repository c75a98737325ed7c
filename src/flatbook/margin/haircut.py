"""Scenario haircut: the worst of ten equidistant moves by full revaluation, floored by a minimum per contract.

Source: SEC Rule 15c3-1a (theoretical pricing charges) and FINRA 4210(g); domain reference 3.1, 3.2 and A.9. Ten points,
five up and five down, zero excluded; +-15 % for single names, +6 % / -8 % for broad indexes; volatility unchanged.
Offsets between underlyings are not granted here.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.slides import pnl_by_underlying
from flatbook.market.view import MarketView
from flatbook.model.parameters import Desk, HaircutRange
from flatbook.model.table import Floats, Ints
from flatbook.valuation.values import Values, at_fixed_vol

RANGES: dict[HaircutRange, tuple[float, float]] = {
    HaircutRange.SINGLE_NAME: (-0.15, 0.15),
    HaircutRange.BROAD_INDEX: (-0.08, 0.06),
}
_POINTS_A_SIDE = 5
_NO_SHIFT = np.zeros(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capital:
    """Requirement in USD."""

    by_underlying: Floats  # [n_underlyings]
    minimum_by_underlying: Floats  # [n_underlyings] the floor per contract
    moves: Floats  # [n_underlyings, 10]
    pnl: Floats  # [n_underlyings, 10]
    worst_move: Floats  # [n_underlyings] relative; NaN where the minimum or nothing binds

    @property
    def desk(self) -> float:
        """Sum over underlyings."""
        return float(self.by_underlying.sum())


def valuation_points(down: float, up: float) -> Floats:
    """Ten moves from `down` to `up`, five a side, ascending, without zero."""
    steps = np.arange(1, _POINTS_A_SIDE + 1) / _POINTS_A_SIDE
    return np.concatenate((down * steps[::-1], up * steps))


def minimum_charge(quantity: Ints, market: MarketView, rate_per_unit: Floats) -> Floats:
    """The floor of each underlying: `rate_per_unit` times multiplier for every option contract, long or short."""
    table = market.table
    contracts = np.where(table.is_option, np.abs(quantity), 0) * table.multiplier
    return (
        np.bincount(table.underlying_of, weights=contracts, minlength=len(table.underlyings)) * rate_per_unit
    )


def requirement(quantity: Ints, values: Values, market: MarketView, desk: Desk) -> Capital:
    """The scenario haircut of the book.

    Parameters
    ----------
    quantity : int64[n_rows]
    values, market
        The base.
    desk : Desk
        Which range and minimum each underlying has.
    """
    names = market.table.underlyings
    terms = [desk.terms_of(name) for name in names]
    moves = np.array([valuation_points(*RANGES[term.haircut]) for term in terms]).reshape(
        len(names), 2 * _POINTS_A_SIDE
    )
    pnl = np.zeros_like(moves)
    values = at_fixed_vol(values, market)
    for scenario_range in HaircutRange:
        mine = [u for u, term in enumerate(terms) if term.haircut is scenario_range]
        if mine:
            rows_of_mine = np.isin(market.table.underlying_of, mine)
            points = valuation_points(*RANGES[scenario_range])
            found = pnl_by_underlying(np.where(rows_of_mine, quantity, 0), values, market, points, _NO_SHIFT)
            pnl[mine] = found[mine, :, 0]
    minimum = minimum_charge(quantity, market, np.array([term.capital_minimum_usd for term in terms]))
    loss = -pnl.min(axis=1, initial=0.0)
    worst = np.array([row_moves[np.argmin(row)] for row_moves, row in zip(moves, pnl, strict=True)])
    return Capital(
        by_underlying=np.maximum(loss, minimum),
        minimum_by_underlying=minimum,
        moves=moves,
        pnl=pnl,
        worst_move=np.where(loss > minimum, worst, np.nan),
    )
