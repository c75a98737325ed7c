"""Small markets with known laws, for customers to trade in."""

from functools import lru_cache

import numpy as np

from flatbook.kernels.black import VEGA, value_european
from flatbook.market.clock import NS_PER_DAY
from flatbook.model.instruments import Right
from flatbook.model.table import InstrumentTable
from flatbook.quoting.ticks import NO_PRICE
from flatbook.sim.chance import stream
from flatbook.sim.moment import Moment
from tests.worlds import NOW_NS, option, share

MINUTE_NS = 60_000_000_000
MINUTES = 390
SPOT = 100.0
STRIKES = tuple(range(80, 121, 2))
DAYS = (7.0, 30.0, 90.0)


def table_of(strikes=STRIKES, days=DAYS, **more):
    """Calls and puts on XYZ, and the share itself last."""
    options = [
        option(f"{day}-{strike}-{right.name}", float(strike), day, right, **more)
        for day in days
        for strike in strikes
        for right in (Right.CALL, Right.PUT)
    ]
    return InstrumentTable(version=1, instruments=(*options, share()))


class PathMarket:
    """Spot and volatility by moments, options by Black without rates; `fair`, float64[n, n_rows], replaces their worth."""

    def __init__(self, *, table, spot=None, vol=None, fair=None, halted=None, moments=MINUTES + 1):
        self.table = table
        self.at_ns = NOW_NS + np.arange(moments, dtype=np.int64) * MINUTE_NS * MINUTES // (moments - 1)
        self.spot = np.full(moments, SPOT) if spot is None else spot
        self.vol = np.full(moments, 0.2) if vol is None else vol
        self.fair = fair
        self.halted = np.zeros(moments, dtype=bool) if halted is None else halted
        self.moment = lru_cache(maxsize=None)(self._moment)

    def opening(self):
        return ()

    def _moment(self, k):
        n = len(self.table.instruments)
        years = np.maximum(self.table.expiry_ns - self.at_ns[k], 0) / (365.0 * NS_PER_DAY)
        fair, vega = np.full(n, self.spot[k]), np.zeros(n)
        rows = np.flatnonzero(self.table.is_option)
        spot, one = np.full(rows.size, float(self.spot[k])), np.ones(rows.size)
        vols = np.full(rows.size, float(self.vol[k]))
        worth = value_european(
            spot, spot, self.table.strike[rows], years[rows], vols, one, self.table.sign[rows], one < 0
        )
        fair[rows], vega[rows] = worth[:, 0], worth[:, VEGA] / 100.0
        fair[rows[years[rows] == 0.0]] = np.nan
        if self.fair is not None:
            fair = self.fair[k]
        none = np.full(n, NO_PRICE, dtype=np.int64)
        return Moment(
            at_ns=int(self.at_ns[k]),
            spot=np.array([self.spot[k]]),
            halted=np.array([self.halted[k]]),
            fair=fair,
            vega=vega,
            bid_ticks=none,
            ask_ticks=none,
            bid_size=np.zeros(n, dtype=np.int64),
            ask_size=np.zeros(n, dtype=np.int64),
        )


def brownian(seed, name, moments, columns, deviation_per_root_minute):
    """float64[moments, columns] from 0, a minute a step."""
    steps = stream(seed, name).normals((moments - 1) * columns).reshape(moments - 1, columns)
    return np.vstack([np.zeros(columns), np.cumsum(steps, axis=0)]) * deviation_per_root_minute


@lru_cache(maxsize=4)
def still():
    """Nothing moves."""
    return PathMarket(table=table_of())
