"""Would these orders or quotes keep every limit, whichever of them fill? Prepared once a cycle, asked a batch at a time.

What is prepared are lines: exposures that a contract moves by a known amount. What an order would bring down is never
counted, because it may not fill; so each order is held against all orders before it of the batch as if they had filled.

How tight the bound is:

- contracts, Greeks, skew, gross and same-side contracts: exact, up to the Greeks staying what they are;
- gap and slide losses, capital, margin: exact for each scenario by full revaluation of one contract. Of the slides the worst
  `CELLS` are held one by one, all others together at the dearest of them: never less than the loss. What others report of capital
  is taken to grow as ours does, so that a report above the limit stops what adds to ours;
- concentration and shares of losses, and what was supplied with a slope: to first order at the book;
- what was supplied without a slope: nothing is stopped below the limit, everything at it;
- rates: each order counts once, as sent and as filled.

Where a limit is unknown, or a contract has no value, nothing is allowed in its scope, on either side.
"""

from dataclasses import dataclass, field
from itertools import product

import numpy as np

from flatbook.exposure.slides import GAP_MOVES
from flatbook.kernels.headroom import EVERY, OPENING, ORDER, by_key, fit_batch
from flatbook.limits.check import Bound, Standing
from flatbook.limits.measured import Measured
from flatbook.limits.reading import Levels, Reading, currency_of
from flatbook.limits.readings import WITHOUT_PRICE
from flatbook.limits.readings_losses import NO_SHIFT
from flatbook.limits.requirement import minimum_of_one
from flatbook.margin.capital import Part
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import Floats, Ints
from flatbook.valuation.revalue import revalue

CELLS = 12
_CURRENCIES = 4  # whose signs are told apart; further ones count by magnitude
_RATES = frozenset(
    {
        LimitMeasure.ORDERS_PER_S,
        LimitMeasure.ORDERS_PER_MIN,
        LimitMeasure.FILLS_PER_S,
        LimitMeasure.FILLS_PER_MIN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreTrade:
    """Lines and rooms as `kernels.headroom.fit_batch` takes them."""

    first: Ints
    lines: Ints
    costs: Floats
    shape: Ints
    level: Floats
    top: Floats
    room: Floats
    shared: Ints
    free: Ints


def prepare_pretrade(standing: Standing, measured: Measured) -> PreTrade:
    """Everything a batch is held against, for one cycle.

    Parameters
    ----------
    standing : Standing
    measured : Measured
        What it was made of. P&L of one contract by scenario that is not supplied is revalued here.
    """
    build = _Build(measured=measured)
    for number, bound in enumerate(standing.bounds):
        build.limit(number, bound)
    return build.done(len(standing.bounds))


def check_batch(pretrade: PreTrade, row: Ints, side: Ints, quantity: Ints) -> tuple[Ints, Ints]:
    """How many contracts of each order every limit allows, were all orders before it to fill.

    Parameters
    ----------
    pretrade : PreTrade
    row : int64[k]
        Row of the instrument table.
    side : int8[k]
        +1 buys, -1 sells.
    quantity : int64[k]
        Contracts, 0 or above.

    Returns
    -------
    allowed : int64[k]
    binding : int64[k]
        Number of the limit in the standing that allowed no more; -1 where the whole order fits.
    """
    assert (quantity >= 0).all(), "a quantity is a number of contracts; direction belongs in `side`"
    assert (np.abs(side) == 1).all(), "a side is +1 or -1"
    orders = np.empty((row.size, 3), dtype=np.int64)
    orders[:, 0], orders[:, 1], orders[:, 2] = row, side, quantity
    allowed, binding = fit_batch(
        pretrade.first,
        pretrade.lines,
        pretrade.costs,
        pretrade.shape,
        pretrade.level,
        pretrade.top,
        pretrade.room,
        pretrade.shared,
        pretrade.free,
        orders,
    )
    return allowed, binding


@dataclass(slots=True, kw_only=True)
class _Build:
    """Lines as they are gathered."""

    measured: Measured
    keys: list[Ints] = field(default_factory=list)
    lines: list[Ints] = field(default_factory=list)
    costs: list[Floats] = field(default_factory=list)
    shape: list[Ints] = field(default_factory=list)
    level: list[Floats] = field(default_factory=list)
    top: list[float] = field(default_factory=list)
    room: dict[int, float] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)
    n_lines: int = 0
    gap_pnl: Floats | None = None
    slide_pnl: Floats | None = None
    least: Floats | None = None

    def limit(self, number: int, bound: Bound) -> None:
        """The lines of one limit."""
        reading, rows = bound.reading, bound.scope.rows
        stale = self.measured.supplied.stale_underlyings
        if stale and bound.limit.measure not in WITHOUT_PRICE:
            table = self.measured.market.table
            old = [u for u, name in enumerate(table.underlyings) if name in stale]
            self.block(number, rows[np.isin(table.underlying_of[rows], old)])
        if not np.isfinite(reading.value + reading.unvalued):
            self.block(number, rows)
        elif bound.limit.measure in _RATES:
            one = np.ones(rows.size)
            self.group(number, reading.value, float(bound.hard[0]) - reading.value)
            self.line(number, rows, one, one, reading.value, ORDER)
        elif (
            bound.limit.measure is LimitMeasure.MARGIN_PCT and self.measured.desk.net_capital_usd is not None
        ):
            self.margin(number, bound, self.measured.desk.net_capital_usd)
        elif reading.both_sides:
            level = np.full(rows.size, reading.value) if reading.by_row is None else reading.by_row[rows]
            self.block(number, rows[~(level < bound.hard)])
        elif reading.levels is not None:
            self.opening(number, bound, reading.levels)
        elif reading.by_row is not None:
            self.each_row(number, bound, reading.by_row[rows])
        elif bound.limit.measure in (LimitMeasure.GAP_LOSS_USD, LimitMeasure.SLIDE_LOSS_USD):
            self.losses(number, bound)
        elif bound.limit.measure is LimitMeasure.CAPITAL_USD:
            self.capital(number, bound)
        elif reading.signed:
            self.signed(number, bound)
        else:
            one = reading.per_contract[rows]
            self.group(number, reading.value, float(bound.hard[0]) - reading.value)
            self.line(number, rows, _up(one), _up(-one), reading.value)

    def signed(self, number: int, bound: Bound) -> None:
        """A sum of magnitudes over currencies: the largest of its values under every choice of signs."""
        reading, rows = bound.reading, bound.scope.rows
        parts, of = _parts(reading, rows)
        one, tail = reading.per_contract[rows], of >= _CURRENCIES
        total = float(np.abs(parts).sum())
        self.group(number, total, float(bound.hard[0]) - reading.unvalued - total)
        told = parts[:_CURRENCIES]
        beside = float(np.abs(parts[_CURRENCIES:]).sum())
        for chosen in product((1.0, -1.0), repeat=told.size):
            sign = np.array(chosen)
            moved = np.append(sign, 0.0)[np.minimum(of, told.size)] * one
            buy = np.where(tail, np.abs(one), _up(moved))
            sell = np.where(tail, np.abs(one), _up(-moved))
            self.line(number, rows, buy, sell, float(sign @ told) + beside)

    def each_row(self, number: int, bound: Bound, net: Floats) -> None:
        """A limit that each row has for itself."""
        rows, hard = bound.scope.rows, bound.hard
        widest = float(hard.max())
        scale = widest / (hard[rows] if hard.size > 1 else np.full(rows.size, widest))
        option = bound.reading.per_contract[rows] != 0.0
        top = float((np.abs(net) * scale).max(initial=0.0))
        self.group(number, top, widest - top)
        for side, sign in enumerate((1.0, -1.0)):
            self.add_lines(number, sign * net[option] * scale[option], EVERY)
            line = self.n_lines - int(option.sum()) + np.arange(int(option.sum()))
            self.entries(2 * rows[option] + side, line, scale[option])

    def opening(self, number: int, bound: Bound, levels: Levels) -> None:
        """Counts of contracts opened."""
        rows, top = bound.scope.rows, float(levels.level.max(initial=0.0))
        self.group(number, top, float(bound.hard[0]) - top)
        base = self.n_lines
        self.add_lines(number, levels.level, OPENING)
        for side, opens in enumerate((levels.bought[rows], levels.sold[rows])):
            some = opens >= 0
            self.entries(2 * rows[some] + side, base + opens[some], np.ones(int(some.sum())))

    def losses(self, number: int, bound: Bound) -> None:
        """The worst of scenarios in which every underlying moves alike."""
        us, rows = bound.scope.underlyings, bound.scope.rows
        if bound.limit.measure is LimitMeasure.GAP_LOSS_USD:
            pnl, one = self.measured.gaps.by_underlying[us], self._gap_pnl()[rows]
        else:
            slides = self.measured.supplied.slides
            assert slides is not None, "a slide limit without slides has no finite value"
            pnl, one = slides.by_underlying[us].reshape(us.size, -1), self._slide_pnl()[rows]
        currency = currency_of(self.measured.market.table, us)
        net = np.zeros((int(currency.max()) + 1, pnl.shape[1]))
        np.add.at(net, currency, pnl)
        level = -net[0] if net.shape[0] == 1 else np.maximum(-net, 0.0).sum(axis=0)
        top = max(float(level.max()), 0.0)
        self.group(number, top, float(bound.hard[0]) - top)
        self.cells(number, rows, one, level)

    def capital(self, number: int, bound: Bound) -> None:
        """What the scope must be backed with; where others ask for more, what they ask for moves as ours does."""
        parts = self.measured.capital.parts_of(bound.scope.underlyings)
        self.backed(number, bound, parts, float(bound.hard[0]), bound.reading.value)

    def margin(self, number: int, bound: Bound, equity: float) -> None:
        """The requirement that a share of the equity may reach; of a group each member's by itself."""
        used, of = self.measured.supplied.margin_utilisation, self.measured.capital.parts_of
        hard = float(bound.hard[0]) / 100.0 * equity
        if not bound.limit.group:
            needed = used[bound.limit.underlying] * equity
            self.backed(number, bound, of(bound.scope.underlyings), hard, needed)
            return
        members = [of(bound.scope.underlyings[m : m + 1])[0] for m in range(len(bound.scope.names))]
        each = [
            max(part.charge, used[name] * equity)
            for part, name in zip(members, bound.scope.names, strict=True)
        ]
        top = max(each)
        self.shared.add(number)
        self.group(number, top, hard - top)
        for part, needed in zip(members, each, strict=True):
            # in breach no member grows beyond what it needs, or beyond the limit where that is more
            most = needed if top <= hard else needed + top - max(needed, hard)
            self.part(number, bound, part, most - part.charge)

    def backed(self, number: int, bound: Bound, parts: list[Part], hard: float, needed: float) -> None:
        """A sum over parts that nothing offsets; `needed` where that is more than their charges.

        What is needed beyond the charges grows with them alone: a part may move below its charge whatever others ask for.
        """
        own = sum(part.charge for part in parts)
        if len(parts) > 1 or needed > own:
            self.shared.add(number)
        for part in parts:
            self.group(number, part.charge, hard - max(own, needed))
            self.part(number, bound, part, 0.0)

    def part(self, number: int, bound: Bound, part: Part, above: float) -> None:
        """The worst of ten moves and of the minimum, each `above` what is ours; losses count in full."""
        table, rows = self.measured.market.table, bound.scope.rows
        share = np.ones(len(table.underlyings))
        share[part.underlyings] = part.gain_counted
        rows = rows[np.isin(table.underlying_of[rows], part.underlyings)]
        counted = share[table.underlying_of[rows], None]
        one, least = self.measured.capital.contract_pnl[rows], self._least()[rows]
        self.cells(
            number, rows, np.minimum(one, counted * one), above - part.pnl, np.maximum(one, counted * one)
        )
        self.line(number, rows, least, least, above + part.minimum, OPENING)

    def cells(
        self, number: int, rows: Ints, bought: Floats, level: Floats, sold: Floats | None = None
    ) -> None:
        """One line a scenario; beyond the worst `CELLS` one for all others, at the dearest of them.

        `bought` is the P&L of a contract bought, `sold` that of one sold with its sign turned, the same where it is not given.
        """
        one = bought if sold is None else sold
        order = np.argsort(-level, kind="stable")
        worst, rest = order[:CELLS], order[CELLS:]
        base = self.n_lines
        self.add_lines(number, level[worst], EVERY)
        for side, cost in enumerate((-bought[:, worst], one[:, worst])):
            row, line = np.nonzero(~(cost <= 0.0))
            self.entries(2 * rows[row] + side, base + line, cost[row, line])
        if rest.size:
            buy, sell = _up(-bought[:, rest].min(axis=1)), _up(one[:, rest].max(axis=1))
            self.line(number, rows, buy, sell, float(level[rest].max()))

    def block(self, number: int, rows: Ints) -> None:
        """Nothing goes in these rows."""
        if rows.size:
            self.group(number, 0.0, self.room.get(number, 0.0))
            never = np.full(rows.size, np.inf)
            self.line(number, rows, never, never, 0.0)

    def group(self, number: int, top: float, room: float) -> None:
        """Further lines count together."""
        self.top.append(top)
        self.room[number] = room

    def line(
        self, number: int, rows: Ints, buy: Floats, sell: Floats, level: float, counts: int = EVERY
    ) -> None:
        """One exposure, with what a contract bought or sold of each row adds to it."""
        self.add_lines(number, np.array([level]), counts)
        for side, cost in enumerate((buy, sell)):
            some = np.flatnonzero(~(cost <= 0.0))
            self.entries(2 * rows[some] + side, np.full(some.size, self.n_lines - 1), cost[some])

    def add_lines(self, number: int, level: Floats, counts: int) -> None:
        """Lines of the last group."""
        shape = np.empty((level.size, 3), dtype=np.int64)
        shape[:, 0], shape[:, 1], shape[:, 2] = counts, len(self.top) - 1, number
        self.shape.append(shape)
        self.level.append(level)
        self.n_lines += level.size

    def entries(self, key: Ints, line: Ints, cost: Floats) -> None:
        """What contracts move; without a number they move it beyond any room."""
        self.keys.append(key)
        self.lines.append(line)
        self.costs.append(np.where(np.isnan(cost), np.inf, cost))

    def done(self, n_limits: int) -> PreTrade:
        """All of it, sorted by what is traded."""
        quantity = self.measured.exposure.quantity
        free = np.empty(2 * quantity.size, dtype=np.int64)
        free[0::2], free[1::2] = np.maximum(-quantity, 0), np.maximum(quantity, 0)
        none = np.empty(0, dtype=np.int64)
        first, lines, costs = by_key(
            np.concatenate([none, *self.keys]),
            np.concatenate([none, *self.lines]),
            np.concatenate([np.empty(0), *self.costs]),
            free.size,
        )
        return PreTrade(
            first=first,
            lines=lines,
            costs=costs,
            shape=np.concatenate([np.empty((0, 3), dtype=np.int64), *self.shape]),
            level=np.concatenate([np.empty(0), *self.level]),
            top=np.array(self.top),
            room=np.array([self.room.get(number, np.inf) for number in range(n_limits)]),
            shared=np.array([int(number in self.shared) for number in range(n_limits)], dtype=np.int64),
            free=free,
        )

    def _least(self) -> Floats:
        """The least capital of one contract, [n_rows]."""
        if self.least is None:
            self.least = minimum_of_one(self.measured, np.arange(self.measured.exposure.quantity.size))
        return self.least

    def _gap_pnl(self) -> Floats:
        """P&L of one contract at the gap moves, [n_rows, m]."""
        if self.gap_pnl is None:
            slides = self.measured.supplied.slides
            if self.measured.supplied.contract_pnl is not None and slides is not None:
                columns = [int(np.flatnonzero(slides.moves == move)[0]) for move in GAP_MOVES]
                flat = int(np.flatnonzero(slides.shifts_points == 0.0)[0])
                self.gap_pnl = self.measured.supplied.contract_pnl[:, columns, flat]
            else:
                self.gap_pnl = self._revalued(GAP_MOVES, NO_SHIFT)
        return self.gap_pnl

    def _slide_pnl(self) -> Floats:
        """P&L of one contract in every cell of the slides, [n_rows, m v]."""
        if self.slide_pnl is None:
            slides = self.measured.supplied.slides
            assert slides is not None, "a slide limit without slides has no finite value"
            self.slide_pnl = (
                self._revalued(slides.moves, slides.shifts_points)
                if self.measured.supplied.contract_pnl is None
                else self.measured.supplied.contract_pnl.reshape(
                    self.measured.supplied.contract_pnl.shape[0], -1
                )
            )
        return self.slide_pnl

    def _revalued(self, moves: Floats, shifts: Floats) -> Floats:
        measured = self.measured
        rows = np.arange(measured.exposure.quantity.size)
        return revalue(measured.market, measured.values, rows, moves, shifts).reshape(rows.size, -1)


def _up(cost: Floats) -> Floats:
    """What adds; NaN stays."""
    return np.asarray(np.maximum(cost, 0.0))


def _parts(reading: Reading, rows: Ints) -> tuple[Floats, Ints]:
    """Signed sums by currency, the largest first, and which of them each row moves."""
    if reading.parts is None or reading.part_of is None:
        return np.array([reading.value]), np.zeros(rows.size, dtype=np.int64)
    order = np.argsort(-np.abs(reading.parts), kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return reading.parts[order], place[reading.part_of[rows]]
