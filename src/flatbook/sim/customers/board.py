"""The options of one underlying as customers see them at a moment: what is alive, how far from the money, and how much each is wanted.

How far from the money a series lies is read from its vega, which falls as exp(-d^2 / 2) with d standard deviations from the peak of its expiry
(Black's vega is F phi(d1) sqrt(T)); so nobody need know its volatility.
"""

import numpy as np

from flatbook.market.clock import NS_PER_DAY
from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Right
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.model.world_flow_terms import SeriesTerms
from flatbook.sim.moment import Moment

_VEGA_LEAST = 1e-9  # price units per vol point: less is no vega


class Board:
    """Rows of the table that are options of one underlying, sorted by expiry."""

    def __init__(self, table: InstrumentTable, underlying: str) -> None:
        if underlying not in table.underlyings:
            msg = f"customers of {underlying}: the market lists no such underlying, only {', '.join(table.underlyings)}"
            raise InvalidValueError(msg)
        self.table = table
        self.underlying = table.underlyings.index(underlying)
        mine = np.flatnonzero(table.is_option & (table.underlying_of == self.underlying))
        self.rows: Ints = mine[np.argsort(table.slice_of[mine], kind="stable")]
        self._slice, self._first = np.unique(table.slice_of[self.rows], return_index=True)
        self._slice_at = np.searchsorted(self._slice, table.slice_of[self.rows])
        self._sign = table.sign[self.rows]
        self._strike = table.strike[self.rows]
        self._expiry_ns = table.expiry_ns[self.rows]

    def alive(self, moment: Moment, until_ns: int) -> Bools:
        """bool[n]: has a worth and a vega, and is still there at `until_ns`; none is where trading has stopped."""
        if moment.halted[self.underlying]:
            return np.zeros(self.rows.size, dtype=np.bool_)
        vega, fair = moment.vega[self.rows], moment.fair[self.rows]
        return np.asarray(np.isfinite(fair) & (vega > _VEGA_LEAST) & (self._expiry_ns > until_ns))

    def wanted(self, terms: SeriesTerms, moment: Moment, alive: Bools) -> Floats:
        """float64[n] weights, 0 of what is not alive."""
        weight = np.zeros(self.rows.size)
        if not alive.any():
            return weight
        vega = np.where(alive, moment.vega[self.rows], 0.0)
        weight[alive] = vega[alive] ** terms.vega_power
        if terms.money_deviations is not None:
            away = self._money(vega, float(moment.spot[self.underlying]))[alive]
            weight[alive] *= np.exp(
                -0.5 * ((away - terms.money_deviations) / terms.money_width_deviations) ** 2
            )
        if terms.expiry_days_mean is not None:
            days = (self._expiry_ns[alive] - moment.at_ns) / NS_PER_DAY
            weight[alive] *= np.exp(-days / terms.expiry_days_mean)
        return weight

    def calls(self) -> Bools:
        """bool[n]."""
        return np.asarray(self._sign == float(Right.CALL))

    def _money(self, vega: Floats, spot: float) -> Floats:
        """Standard deviations out of the money, minus for in the money; NaN without vega."""
        peak = np.maximum.reduceat(vega, self._first)[self._slice_at]
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.sqrt(2.0 * np.log(peak / vega))
        return np.asarray(away * np.sign(self._strike - spot) * self._sign)
