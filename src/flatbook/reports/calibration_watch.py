"""Where our quotes stood and what traded with them, cycle after cycle.

A quote stands from its cycle until the next, at most so long as the desk says, and only while its exchange is open where the journal tells sessions.
Its distance is from the theoretical value of its cycle, in vol points of the series' own vega. A trade is one with a quote of ours if that
side of its series stood quoted and the price was no worse for the other side than our quote: what we did at worse prices was our own doing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.market.view import MarketView
from flatbook.model.events import Fill, SessionsSeen
from flatbook.model.instruments import Side
from flatbook.model.measures import Measure
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.quoting.ticks import NO_PRICE
from flatbook.riskprice.flow_estimates import QuoteTimes, shares_of_vega
from flatbook.valuation.values import usd_per_quote

_NS = 1e9
_FINE = 10  # cells of the neutral half-spread
_NEAR = 100  # cells of that width either side of fair value; beyond, each is 5 % further out
_FAR = 150
_GROWTH = 1.05
_CELLS = 2 * (_NEAR + _FAR)
_WIDTH_MIN = 0.005  # vol points
_SIDES = (1, -1)  # our bid, our offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A trade with a quote of ours."""

    fill: Fill
    underlying: str
    distance: float  # vol points
    vega_usd_per_point: float  # of one contract, at the cycle before it
    watched_s: float  # seconds in which quotes of its underlying had stood until then


@dataclass(slots=True)
class SpreadSeen:
    """Bid-ask spreads of a hedge instrument as the journal quoted them, price units, and the seconds that each stood."""

    spread: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Quotes from one cycle on."""

    now_ns: int
    table: InstrumentTable
    share: Floats
    vega: Floats
    ticks: Ints  # [2, n]
    points: Floats  # [2, n] distance; NaN where there is no quote
    spreads: dict[str, float]


class QuoteWatch:
    """Sees every cycle in order, then the end of the journal.

    Parameters
    ----------
    fills : sequence of Fill
        As corrected, in order of time.
    sessions : mapping of str to SessionsSeen
        By underlying; one that is not in it is open all the time.
    standing_s : float
        Longest time that a quote stands without a cycle.
    """

    def __init__(
        self, fills: Sequence[Fill], sessions: Mapping[str, SessionsSeen], standing_s: float
    ) -> None:
        self._fills, self._next = fills, 0
        self._sessions = {
            name: (np.array(seen.open_ns, dtype=np.int64), np.array(seen.close_ns, dtype=np.int64))
            for name, seen in sessions.items()
        }
        self._standing_ns = round(standing_s * _NS)
        self._at: _Standing | None = None
        self._width = 0.0
        self._cells: dict[str, Floats] = {}  # [2, cells, 3]: share x seconds, times distance, fills
        self.watched_s: dict[str, float] = {}
        self.met: list[Met] = []
        self.without_quote = 0  # trades in options that were not with a quote of ours
        self.cycles = 0
        self.spreads: dict[str, SpreadSeen] = {}

    def see(self, cycle: Cycle) -> None:
        """The quotes of one more cycle replace those that stood."""
        if self._at is not None:
            self._stand(self._at, cycle.now_ns)
        else:
            self._skip(cycle)
            self._width = max(cycle.desk.quoting.half_spread_vol_points / _FINE, _WIDTH_MIN)
        self._at = _standing(cycle)
        self.cycles += 1

    def end(self, at_ns: int) -> None:
        """The journal's last fact: quotes of the last cycle stood until then."""
        if self._at is not None:
            self._stand(self._at, at_ns + 1)
            self._at = None

    def times(self, underlying: str, day_s: float) -> QuoteTimes:
        """Cells of one underlying, with a trading day of so many seconds."""
        cells = self._cells.get(underlying, np.zeros((2, _CELLS, 3)))
        side, at = np.nonzero(cells[:, :, 0] > 0.0)
        time, moment, fills = cells[side, at].T
        return QuoteTimes(
            side=np.where(side == 0, 1, -1), distance=moment / time, days=time / day_s, fills=fills
        )

    def _skip(self, cycle: Cycle) -> None:
        while self._next < len(self._fills) and self._fills[self._next].traded_ns < cycle.now_ns:
            row = cycle.table.rows.get(self._fills[self._next].instrument, -1)
            self.without_quote += int(row >= 0 and bool(cycle.table.is_option[row]))
            self._next += 1

    def _stand(self, at: _Standing, until_ns: int) -> None:
        stop = min(until_ns, at.now_ns + self._standing_ns)
        names = at.table.underlyings
        seconds = np.array([self._open_s(name, at.now_ns, stop) for name in names])
        n, key = len(names), self._keys(at)
        told = np.isfinite(at.points) & (at.share > 0.0)
        quoted = np.bincount(at.table.underlying_of[told.any(axis=0)], minlength=n) > 0
        seconds = np.where(quoted, seconds, 0.0)
        time = (at.share * seconds[at.table.underlying_of])[None, :] * np.ones((2, 1))
        flat, weight = key[told], time[told]
        sums = [np.bincount(flat, weight * each, n * 2 * _CELLS) for each in (1.0, at.points[told])]
        for u, name in enumerate(names):
            mine = self._cells.setdefault(name, np.zeros((2, _CELLS, 3)))
            for column, each in enumerate(sums):
                mine[:, :, column] += each.reshape(n, 2, _CELLS)[u]
        while self._next < len(self._fills) and self._fills[self._next].traded_ns < until_ns:
            self._meet(self._fills[self._next], at, stop, key)
            self._next += 1
        for u, name in enumerate(names):
            self.watched_s[name] = self.watched_s.get(name, 0.0) + float(seconds[u])
        for symbol, spread in at.spreads.items():
            seen = self.spreads.setdefault(symbol, SpreadSeen())
            seen.spread.append(spread)
            seen.seconds.append((stop - at.now_ns) / _NS)

    def _meet(self, fill: Fill, at: _Standing, stop: int, key: Ints) -> None:
        row = at.table.rows.get(fill.instrument)
        if row is None or not at.table.is_option[row]:
            return
        side = 0 if fill.side is Side.BUY else 1
        name, ticks = at.table.underlyings[at.table.underlying_of[row]], int(at.ticks[side, row])
        ours = ticks != NO_PRICE and (fill.price_ticks - ticks) * _SIDES[side] <= 0
        before = self._open_s(name, at.now_ns, fill.traded_ns)
        inside = fill.traded_ns < stop and self._open_s(name, fill.traded_ns, fill.traded_ns + 1) > 0.0
        if not (ours and inside and np.isfinite(at.points[side, row]) and at.share[row] > 0.0):
            self.without_quote += 1
            return
        self._cells[name][side, int(key[side, row]) % _CELLS, 2] += 1.0
        self.met.append(
            Met(
                fill=fill,
                underlying=name,
                distance=float(at.points[side, row]),
                vega_usd_per_point=float(at.vega[row]),
                watched_s=self.watched_s.get(name, 0.0) + before,
            )
        )

    def _open_s(self, name: str, start: int, stop: int) -> float:
        if stop <= start:
            return 0.0
        found = self._sessions.get(name)
        if found is None:
            return (stop - start) / _NS
        within = np.minimum(found[1], stop) - np.maximum(found[0], start)
        return float(np.maximum(within, 0).sum()) / _NS

    def _keys(self, at: _Standing) -> Ints:
        """The cell of every quote among all underlyings' cells, int64[2, n]."""
        steps = np.where(np.isfinite(at.points), at.points, 0.0) / self._width
        beyond = np.log(np.maximum(np.abs(steps) / _NEAR, 1.0)) / np.log(_GROWTH)
        far = np.sign(steps) * (_NEAR + np.minimum(beyond, _FAR - 1.0))
        cell = np.floor(np.where(np.abs(steps) < _NEAR, steps, far)).astype(np.int64) + _NEAR + _FAR
        cell = np.clip(cell, 0, _CELLS - 1)
        return np.asarray((at.table.underlying_of * 2 + np.array([[0], [1]])) * _CELLS + cell)


def _standing(cycle: Cycle) -> _Standing:
    table, values = cycle.table, cycle.values
    vega = np.abs(values.greeks[:, Measure.VEGA_USD_PER_POINT])
    ticks = np.stack((cycle.quotes.bid, cycle.quotes.ask))
    away = np.array([[1.0], [-1.0]]) * (values.price - ticks / table.ticks_per_unit)
    with np.errstate(divide="ignore", invalid="ignore"):
        points = away * usd_per_quote(values, cycle.market) / vega
    return _Standing(
        now_ns=cycle.now_ns,
        table=table,
        share=shares_of_vega(vega, cycle.market.years, table),
        vega=vega,
        ticks=ticks,
        points=np.where((ticks != NO_PRICE) & np.isfinite(points), points, np.nan),
        spreads=_spreads(cycle, cycle.market),
    )


def _spreads(cycle: Cycle, market: MarketView) -> dict[str, float]:
    rows = {
        terms.instrument.symbol: cycle.table.row_of(terms.instrument.symbol) for terms in cycle.desk.hedges
    }
    found = {symbol: float(market.ask[row] - market.bid[row]) for symbol, row in rows.items()}
    return {symbol: spread for symbol, spread in found.items() if spread > 0.0}
