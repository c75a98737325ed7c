"""Markouts while they happen: each trade of options against what it is worth 1 s to 5 min later, hedged of direction.

Source: `reports.markouts`, whose definition and whose tables these are: edge = s (V - p), adverse(h) = s (V' - V - D (S' - S)). V, S and D are of the
last cycle before the trade, V' and S' of the first published cycle at or after the horizon; one that comes half a horizon late, at least a second,
is none. Hedges are not marked out.
"""

import heapq
from collections import deque
from dataclasses import dataclass
from itertools import count, takewhile

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.exposure.marks import worth
from flatbook.live.snapshot import FillRow, Snapshot
from flatbook.model.events import Capacity, Fill
from flatbook.model.instruments import Side
from flatbook.model.table import Floats, InstrumentTable
from flatbook.reports.markouts import HORIZONS_S, Markouts

_NS = 1_000_000_000
_LATE_SHARE, _LATE_LEAST_S = 0.5, 1.0
TRADES_MOST = 20_000


@dataclass(slots=True, kw_only=True, eq=False)
class _Trade:
    fill: Fill
    row: int
    usd: float  # of a unit of the contract, signed by what we did
    value: float
    spot: float
    delta: float
    edge_usd: float
    adverse_usd: Floats  # [horizons]


class MarkoutTape:
    """Trades and their markouts, the oldest forgotten first. `see` belongs to one task; `found` may be asked from any thread."""

    def __init__(self, horizons_s: tuple[float, ...] = HORIZONS_S) -> None:
        self.horizons_s = horizons_s
        self._trades: deque[_Trade] = deque(maxlen=TRADES_MOST)
        self._due: list[tuple[int, int, int, _Trade]] = []
        self._number = count()
        self._seen = 0  # sequence of the last fill
        self._now_ns = 0

    @property
    def open(self) -> int:
        """Horizons that have not come yet."""
        return len(self._due)

    def see(self, snapshot: Snapshot) -> None:
        """Take new trades, and mark out those whose time has come; where time went back all is forgotten."""
        cycle = snapshot.cycle
        if cycle.now_ns < self._now_ns:
            self._trades.clear()
            self._due, self._seen = [], 0
        self._now_ns = cycle.now_ns
        fresh = list(takewhile(lambda each: each.sequence > self._seen, snapshot.fills))
        for each in reversed(fresh):
            self._take(each, cycle.table)
        if fresh:
            self._seen = fresh[0].sequence
        while self._due and self._due[0][0] <= cycle.now_ns:
            wanted_ns, _, horizon, trade = heapq.heappop(self._due)
            trade.adverse_usd[horizon] = self._adverse(trade, wanted_ns, self.horizons_s[horizon], cycle)

    def found(self) -> Markouts:
        """All of them, as the reports have them."""
        trades = tuple(self._trades)
        adverse = np.array([each.adverse_usd for each in trades]).reshape(len(trades), len(self.horizons_s))
        return Markouts(
            fills=tuple(each.fill for each in trades),
            horizons_s=self.horizons_s,
            contracts=np.array([each.fill.quantity for each in trades], dtype=np.int64),
            age_s=np.full(len(trades), np.nan),
            edge_usd=np.array([each.edge_usd for each in trades]),
            adverse_usd=adverse,
        )

    def _take(self, fill: FillRow, table: InstrumentTable) -> None:
        row = table.rows.get(fill.symbol)
        if row is None or fill.is_hedge:
            return
        coin = bool(table.inverse[row])
        per_unit = float(table.multiplier[row]) * (fill.spot if coin else 1.0)
        trade = _Trade(
            fill=_fact(fill, table, row),
            row=row,
            usd=fill.side * fill.quantity * per_unit,
            value=_worth(table, row, fill.theo),
            spot=fill.spot,
            delta=fill.delta,
            edge_usd=fill.edge_usd,
            adverse_usd=np.full(len(self.horizons_s), np.nan),
        )
        self._trades.append(trade)
        for horizon, seconds in enumerate(self.horizons_s):
            heapq.heappush(self._due, (fill.at_ns + round(seconds * _NS), next(self._number), horizon, trade))

    @staticmethod
    def _adverse(trade: _Trade, wanted_ns: int, horizon_s: float, cycle: Cycle) -> float:
        if cycle.now_ns > wanted_ns + round(max(_LATE_SHARE * horizon_s, _LATE_LEAST_S) * _NS):
            return float("nan")
        table, row = cycle.table, trade.row
        later = _worth(table, row, float(cycle.values.price[row]))
        moved = float(cycle.market.spot[table.underlying_of[row]]) - trade.spot
        if table.inverse[row]:
            moved /= trade.spot
        return trade.usd * (later - trade.value - trade.delta * moved)


def _worth(table: InstrumentTable, row: int, price: float) -> float:
    return float(worth(table, np.array([price]), np.array([row]))[0])


def _fact(fill: FillRow, table: InstrumentTable, row: int) -> Fill:
    return Fill(
        sequence=fill.sequence,
        received_ns=fill.at_ns,
        fill_id=fill.fill_id,
        instrument=fill.symbol,
        side=Side(fill.side),
        quantity=fill.quantity,
        price_ticks=round(fill.price * table.instruments[row].ticks_per_unit),
        traded_ns=fill.at_ns,
        capacity=Capacity(fill.capacity) if fill.capacity else Capacity.UNKNOWN,
        venue=fill.venue,
        counterparty=fill.counterparty,
    )
