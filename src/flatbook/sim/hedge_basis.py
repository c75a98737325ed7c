"""What hedges made beyond their underlying, and the variance of it that the world foretells.

Between two moves of the market n contracts of a hedge at the price P are held. If its underlying goes from S to S', beta times that
would make P ((S' / S)^beta - 1) of each; what its price P' makes beyond it is basis. Its variance, given what was held, is
(n P)^2 times that of the log basis from one moment to the next, and moves of one day do not hang together. Source: domain reference 4.11; the
law of the basis is that of `sim.prices.hedges`. Carry is left in: a millionth of the price in twenty minutes.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.sim.experiments.record import Trades
from flatbook.sim.moment import DayMarket
from flatbook.sim.prices.market import SimulatedMarket


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """By move of the market, float64[m]; empty where the world does not know its own law, as a recorded one."""

    pnl_usd: Floats
    variance_usd2: Floats


def basis_of(market: DayMarket, table: InstrumentTable, opening: Ints, trades: Trades) -> Basis:
    """Basis of the hedges that were held.

    Parameters
    ----------
    market : DayMarket
    table : InstrumentTable
    opening : int64[n_rows]
        Contracts held before the first move.
    trades : Trades
        What changed them; a trade at the instant of a move comes after it.
    """
    if not isinstance(market, SimulatedMarket):
        return Basis(pnl_usd=np.empty(0), variance_usd2=np.empty(0))
    variances = market.step_basis_variances()
    pnl, variance = np.zeros(market.at_ns.size - 1), np.zeros(market.at_ns.size - 1)
    for number, hedge in enumerate(market.terms.hedges):
        row = table.row_of(hedge.symbol)
        mine = trades.row == row
        held = np.concatenate([[0], np.cumsum((trades.side * trades.quantity)[mine])]) + opening[row]
        before = held[np.searchsorted(trades.at_ns[mine], market.at_ns[1:], side="left")]
        price, spot = market.hedges.price[:, number], market.path.spot[:, int(table.underlying_of[row])]
        worth = before * float(table.multiplier[row]) * price[:-1]
        pnl += worth * (price[1:] / price[:-1] - (spot[1:] / spot[:-1]) ** hedge.beta)
        variance += worth**2 * variances[:, number]
    return Basis(pnl_usd=pnl, variance_usd2=variance)
