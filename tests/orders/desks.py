"""Desks side by side in one table: each has an underlying, a share of it, four options and limits of its own."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

from flatbook.exposure.aggregate import aggregate
from flatbook.kernels.headroom import by_key
from flatbook.limits.check import check
from flatbook.limits.measured import Measured
from flatbook.limits.pretrade import PreTrade, prepare_pretrade
from flatbook.model.instruments import Right
from flatbook.model.measures import Measure
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.orders.gate import prepare_gate
from flatbook.orders.kill import latch_kill_limits, stopped_by
from flatbook.valuation.values import value
from tests.worlds import desk, option, share, view_by_hand

STOPS = ("delta_usd", "vega_usd_per_point", "net_contracts")
TERMS = OrderTerms(
    kill_share=1.5,
    kill_measures=STOPS,
    duplicate_window_ms=0,
    vol_distance_points=1e6,
    collar_theo_pct=1e6,
    message_burst=100_000,
)
PER_DESK = 5


@dataclass
class Desks:
    """`n` of them; row 5 u is the share of desk u, rows 5 u + 1 to 5 u + 4 its options."""

    n: int
    market: object
    values: object
    the_desk: object

    @property
    def rows(self):
        """How many."""
        return PER_DESK * self.n


def desks(n, *, bid_ask=None):
    """Calls and puts near the money, one and sixty days."""
    listed = []
    for u in range(n):
        name = f"U{u:03d}"
        listed.append(share(f"{name}S", underlying=name))
        listed += [
            option(f"{name}{right.name[0]}{days}", strike, days, right, underlying=name, option_class=name)
            for days, strike in ((20, 102.0), (60, 97.0))
            for right in Right
        ]
    vols = [np.nan if row % PER_DESK == 0 else 0.2 + 0.01 * (row % 7) for row in range(len(listed))]
    market = view_by_hand(listed, spot=100.0, vols=vols)
    values = value(market)
    if bid_ask is not None:
        market = replace(market, bid=values.price - bid_ask, ask=values.price + bid_ask)
    return Desks(n, market, values, desk())


def book(the, quantity):
    """Measured but for what these limits do not read: gaps and capital."""
    return Measured(
        exposure=aggregate(quantity, the.values, the.market, the.the_desk),
        gaps=None, capital=None, values=the.values, market=the.market, desk=the.the_desk,
    )  # fmt: skip


def stand(the, quantity, limits, working, kills, *, terms=TERMS, now_ns=None, half_spread=0.05, watched=None):
    """Everything up to a prepared gate: the gate, and what is stopped."""
    market = the.market if now_ns is None else replace(the.market, now_ns=now_ns)
    measured = replace(book(the, quantity), market=market)
    standing = check(measured, limits, {})
    latch_kill_limits(kills, standing, terms, market.now_ns)
    stopped = stopped_by(kills, market.table, ("X", "Y"))
    half = np.full(the.rows, half_spread)
    ready = prepare_gate(
        the.values, market, measured.exposure, half, standing, prepare_pretrade(standing, measured), working, stopped, terms,
        watched,
    )  # fmt: skip
    return ready, stopped, standing


def stand_quickly(the, quantity, limits, working, kills, *, now_ns, terms=TERMS, watched=None):
    """The same for limits of `limit` alone, all at once: `check` and `prepare_pretrade` take each limit by itself."""
    measures = np.array([one.measure.value for one in limits])
    desk_of = np.array([-1 if not one.underlying else int(one.underlying[1:]) for one in limits])
    hard = np.array([one.limit_hard for one in limits])
    market = replace(the.market, now_ns=now_ns)
    option = market.table.is_option.astype(float)
    exposure = aggregate(quantity, the.values, market, the.the_desk)
    lines = _Lines(the, quantity, hard)
    for measure, column in {name: np.array(each) for name, each in greeks(the).items()}.items():
        at = np.flatnonzero(measures == measure)
        lines.signed(at, desk_of[at], column)
    lines.gross(np.flatnonzero(measures == "gross_contracts"), desk_of, option)
    lines.series(np.flatnonzero(measures == "series_contracts"), option)
    standing = lines.standing(limits)
    latch_kill_limits(kills, standing, terms, now_ns)
    stopped = stopped_by(kills, market.table, ("X", "Y"))
    half = np.full(the.rows, 0.05)
    ready = prepare_gate(
        the.values, market, exposure, half, standing, lines.pretrade(), working, stopped, terms, watched
    )
    return ready, stopped, standing


class _Lines:
    """Lines and slopes of limits of desks side by side."""

    def __init__(self, the, quantity, hard):
        self.n, self.quantity, self.hard = the.rows, quantity, hard
        self.desk_of_row = np.arange(the.rows) // PER_DESK
        self.used = np.zeros((hard.size, the.rows))
        self.buy, self.sell = np.zeros_like(self.used), np.zeros_like(self.used)
        self.value, self.top = np.zeros(hard.size), np.zeros(hard.size)
        self.level, self.shape, self.key, self.line, self.cost = [], [], [], [], []
        self.count = 0

    def signed(self, at, desk_of, column):
        """Sums with a sign: a line toward plus and one toward minus."""
        sums = np.bincount(self.desk_of_row, weights=self.quantity * column)[desk_of]
        self._value(at, sums)
        for sign in (1.0, -1.0):
            self._lines(at, sign * sums, 0)
            for side in (1.0, -1.0):
                self._entries(at, desk_of, np.maximum(sign * side * column, 0.0), side)
        rows = self.desk_of_row[None, :] == desk_of[:, None]
        slope = np.where(sums[:, None] == 0.0, np.abs(column), np.sign(sums)[:, None] * column) * rows
        back = np.where(sums[:, None] == 0.0, np.abs(column), -np.sign(sums)[:, None] * column) * rows
        self.buy[at], self.sell[at] = slope, back
        self.used[at] = np.abs(sums / self.hard[at])[:, None] * rows

    def gross(self, at, desk_of, option):
        """Contracts opened, on either side."""
        desk_of = desk_of[at]
        total = np.bincount(self.desk_of_row, weights=np.abs(self.quantity) * option)[desk_of]
        self._value(at, total)
        self._lines(at, total, 1)
        for side in (1.0, -1.0):
            self._entries(at, desk_of, option, side)
        rows = (self.desk_of_row[None, :] == desk_of[:, None]) * option
        self.buy[at] = np.where(self.quantity < 0, -1.0, 1.0) * rows
        self.sell[at] = np.where(self.quantity > 0, -1.0, 1.0) * rows
        scope = self.desk_of_row[None, :] == desk_of[:, None]
        self.used[at] = (total / self.hard[at])[:, None] * scope

    def series(self, at, option):
        """Each row by itself under one limit."""
        rows = np.flatnonzero(option)
        for number in at.tolist():
            net = self.quantity * option
            self.value[number] = self.top[number] = np.abs(net).max()
            self.used[number] = np.abs(net) / self.hard[number]
            sign = np.sign(net)
            self.buy[number] = np.where(sign == 0.0, 1.0, sign) * option
            self.sell[number] = np.where(sign == 0.0, 1.0, -sign) * option
            for side in (1.0, -1.0):
                self._lines(np.full(rows.size, number), side * net[rows], 0)
                self.key.append(2 * rows + (side < 0))
                self.line.append(self.count - rows.size + np.arange(rows.size))
                self.cost.append(np.ones(rows.size))

    def standing(self, limits):
        """What the gate reads of one."""
        step = np.where(self.used >= 1.0, 4, 0)
        utilisation = self.value / self.hard
        return SimpleNamespace(
            limits=tuple(
                SimpleNamespace(limit=one, utilisation=float(used), underlyings=(one.underlying,))
                for one, used in zip(limits, np.abs(utilisation), strict=True)
            ),
            buy_slope=self.buy, sell_slope=self.sell, utilisation=self.used, step=step, unknown=np.zeros_like(step, dtype=bool),
            bounds=tuple(SimpleNamespace(limit=one, hard=np.array([one.limit_hard])) for one in limits),
        )  # fmt: skip

    def pretrade(self):
        """One group a limit."""
        shape, line = np.concatenate(self.shape), np.concatenate(self.line)
        by_limit = np.argsort(shape[line, 2], kind="stable")
        key, cost = np.concatenate(self.key)[by_limit], np.concatenate(self.cost)[by_limit]
        first, line, cost = by_key(key, line[by_limit], cost, 2 * self.n)
        free = np.empty(2 * self.n, dtype=np.int64)
        free[0::2], free[1::2] = np.maximum(-self.quantity, 0), np.maximum(self.quantity, 0)
        return PreTrade(
            first=first, lines=line, costs=cost, shape=shape, level=np.concatenate(self.level),
            top=self.top, room=self.hard - self.top, shared=np.zeros(self.hard.size, dtype=np.int64), free=free,
        )  # fmt: skip

    def _value(self, at, amounts):
        self.value[at], self.top[at] = amounts, np.abs(amounts)

    def _lines(self, at, level, counts):
        self.shape.append(np.column_stack([np.full(at.size, counts), at, at]))
        self.level.append(level)
        self.count += at.size

    def _entries(self, at, desk_of, cost, side):
        """For each limit its own desk's rows; the limits' lines were added last."""
        rows = PER_DESK * desk_of[:, None] + np.arange(PER_DESK)
        line = np.broadcast_to((self.count - at.size + np.arange(at.size))[:, None], rows.shape)
        some = cost[rows] > 0.0
        self.key.append(2 * rows[some] + (side < 0))
        self.line.append(line[some])
        self.cost.append(cost[rows[some]])


def greeks(the):
    """By row, for the naive twin."""
    option_rows = the.market.table.is_option
    return {
        "delta_usd": the.values.greeks[:, Measure.DELTA_USD].tolist(),
        "vega_usd_per_point": np.where(
            option_rows, the.values.greeks[:, Measure.VEGA_USD_PER_POINT], 0.0
        ).tolist(),
        "net_contracts": option_rows.astype(float).tolist(),
    }


def limit(measure, hard, u=None):
    """Of one desk, or of all where no desk is named."""
    name = {} if u is None else {"underlying": f"U{u:03d}"}
    return Limit(measure=LimitMeasure(measure), limit_hard=hard, **name)
