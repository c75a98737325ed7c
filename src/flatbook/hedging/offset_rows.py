"""The limits of a standing as rows of an option offset: numbers that one contract moves by a fixed amount, and their levels.

A limit on a signed sum is one row, a limit on losses a row for each cell, a limit on capital a row for each choice of one scan point of every
part that nothing offsets (domain reference 4.12: margin is linear in scenario P&L): their charges add up, so the limit holds where the sum
of the P&L does at the worst point of each. All rows of a limit are one breach, the largest. What cannot be said in such rows is named, and
where the limit stands broken or unknown besides, so that no plan is said to keep every limit.
"""

from dataclasses import dataclass, field

import numpy as np

from flatbook.exposure.slide_cells import Cells
from flatbook.exposure.slides import GAP_MOVES, Slides
from flatbook.hedging.offset_problem import OffsetRows
from flatbook.limits.check import Bound, Standing
from flatbook.limits.reading import currency_of
from flatbook.margin.capital import Capital, Part
from flatbook.market.view import MarketView
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import Floats, Ints

_LOSSES = frozenset({LimitMeasure.GAP_LOSS_USD, LimitMeasure.SLIDE_LOSS_USD})
_UNKNOWN = "its value is not known"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CapitalSum:
    """A limit on capital over K parts whose charges add up: the P&L of each at P points, the last its minimum as it is."""

    limit: str
    number: int  # of the limit
    whose: tuple[str, ...]  # K
    pnl: Floats  # float64[K, P] of the book
    slope: Floats  # float64[n, K, P] of one contract of each candidate
    low: float  # of the sum
    scale: float

    def worst(self, contracts: Ints) -> Ints:
        """The point of each part, int64[K], at which the book with these trades loses most."""
        after = self.pnl + np.tensordot(contracts.astype(np.float64), self.slope, axes=1)
        return np.asarray(np.argmin(after, axis=1), dtype=np.int64)

    def rows(self, points: Ints) -> OffsetRows:
        """The rows of some choices of one point of each part, int64[c, K]."""
        parts, last = np.arange(len(self.whose)), self.pnl.shape[1] - 1
        names = [
            f"{self.limit} of "
            + " and ".join(
                f"{who} at its minimum" if p == last else f"{who} at point {p + 1}"
                for who, p in zip(self.whose, one, strict=True)
            )
            for one in points.tolist()
        ]
        count = len(names)
        return OffsetRows(
            names=tuple(names),
            value=self.pnl[parts, points].sum(axis=1),
            per_contract=self.slope[:, parts, points].sum(axis=2),
            low=np.full(count, self.low),
            high=np.full(count, np.inf),
            scale=np.full(count, self.scale),
            weight=np.ones(count),
            limit=np.full(count, self.number),
        )

    def first(self) -> Ints:
        """Choices to begin with, int64[c, K]: every point of each part, the others at their worst."""
        worst = np.argmin(self.pnl, axis=1)
        count = self.pnl.shape[1]
        out = np.repeat(worst[None, :], worst.size * count, axis=0)
        out[np.arange(out.shape[0]), np.repeat(np.arange(worst.size), count)] = np.tile(
            np.arange(count), worst.size
        )
        return np.unique(out, axis=0)


@dataclass(slots=True, kw_only=True)
class RowsOfLimits:
    """Rows as they are gathered, and what was left out."""

    market: MarketView
    slides: Slides
    capital: Capital
    cells: Cells  # of the candidates, as the slides
    share: float  # of every hard limit
    most: Ints  # int64[2, n]: contracts that may be bought and sold
    rows: list[OffsetRows] = field(default_factory=list)
    sums: list[CapitalSum] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    unkept: list[str] = field(default_factory=list)  # limits broken or unknown that no row says

    @property
    def candidates(self) -> Ints:
        """int64[n]: rows of the table."""
        return self.cells.rows

    def add(self, number: int, bound: Bound, quantity: Ints, utilisation: float) -> None:
        """The rows of one limit, if a candidate moves it."""
        before = len(self.rows)
        if np.isin(self.candidates, bound.scope.rows).any():
            self._add(number, bound, quantity)
        if len(self.rows) == before and not utilisation < 1.0:
            known = np.isfinite(utilisation)
            self.unkept.append(f"{bound.limit.name} ({f'{utilisation:.0%} of it' if known else 'not known'})")

    def _add(self, number: int, bound: Bound, quantity: Ints) -> None:
        limit, reading, rows = bound.limit, bound.reading, self.candidates
        if limit.measure is LimitMeasure.SERIES_CONTRACTS and reading.by_row is not None:
            self._series(bound, quantity)
        elif not (np.isfinite(reading.value) and np.isfinite(reading.unvalued)):
            self.left_out.append(f"{limit.name}: {_UNKNOWN}")
        elif not np.isfinite(bound.hard[0]):
            self.left_out.append(f"{limit.name}: its level is not known")
        elif limit.measure in _LOSSES:
            self._losses(number, bound)
        elif limit.measure is LimitMeasure.CAPITAL_USD:
            self._capital(number, bound)
        elif reading.levels is not None or reading.parts is not None or not reading.linear:
            if np.any(reading.per_contract[rows]) or reading.levels is not None:
                self.left_out.append(f"{limit.name}: trades do not move it in proportion")
        else:
            slope = np.where(np.isin(rows, bound.scope.rows), reading.per_contract[rows], 0.0)
            if np.any(slope):
                self._sum(number, bound, slope)

    def _room(self, bound: Bound) -> float:
        """Where the rows keep a limit: a share of its hard level, less what no one can value; below 0 no trade is enough."""
        room = self.share * float(bound.hard[0]) - bound.reading.unvalued
        if room < 0.0:
            self.left_out.append(f"{bound.limit.name}: series held without a value use more than all of it")
        return room

    def _sum(self, number: int, bound: Bound, slope: Floats) -> None:
        """A limit on |value|, or on a value that only grows upward."""
        name, value, room = bound.limit.name, np.array([bound.reading.value]), self._room(bound)
        if not bound.reading.signed or room >= 0.0:
            low = np.array([-room if bound.reading.signed else -np.inf])
            self._rows(number, bound, [name], value, slope[:, None], low, np.array([room]))
            return
        self._rows(
            number, bound, [f"{name} at most", f"{name} at least"], np.repeat(value, 2),
            np.repeat(slope[:, None], 2, axis=1), np.array([-np.inf, -room]), np.array([room, np.inf]),
        )  # fmt: skip

    def _rows(
        self,
        number: int,
        bound: Bound,
        names: list[str],
        value: Floats,
        slope: Floats,
        low: Floats,
        high: Floats,
    ) -> None:
        if not (np.isfinite(value).all() and np.isfinite(slope).all()):
            self.left_out.append(f"{bound.limit.name}: what a candidate adds to it is not known")
            return
        self.rows.append(
            OffsetRows(
                names=tuple(names),
                value=value,
                per_contract=slope,
                low=low,
                high=high,
                scale=np.full(value.size, _scale(bound)),
                weight=np.ones(value.size),
                limit=np.full(value.size, number),
            )
        )

    def _losses(self, number: int, bound: Bound) -> None:
        us, limit = bound.scope.underlyings, bound.limit
        if int(currency_of(self.market.table, us).max(initial=0)) > 0:
            self.left_out.append(f"{limit.name}: several currencies, whose gains pay no losses of each other")
            return
        slides, flat = self.slides, int(np.flatnonzero(self.slides.shifts_points == 0.0)[0])
        gap = limit.measure is LimitMeasure.GAP_LOSS_USD
        wanted = [
            (m, v)
            for m, move in enumerate(slides.moves)
            for v, shift in enumerate(slides.shifts_points)
            if (move in GAP_MOVES and v == flat if gap else (move, shift) != (0.0, 0.0))
        ]
        at = tuple(np.array(wanted).T)
        value = slides.by_underlying[us].sum(axis=0)[at]
        if not np.isfinite(value).all():
            self.left_out.append(f"{limit.name}: a cell of the slides is not known")
            return
        inside = np.isin(self.candidates, bound.scope.rows)
        slope = self.cells.pnl[:, at[0], at[1]] * inside[:, None]
        loss = self._room(bound)
        names = [
            f"{limit.name} at spot {slides.moves[m]:+.0%}, vol {slides.shifts_points[v]:+g}"
            for m, v in wanted
        ]
        if loss < 0.0:  # a gain in every cell makes up for nothing
            names.append(f"{limit.name} at no loss")
            value, slope = np.append(value, 0.0), np.pad(slope, ((0, 0), (0, 1)))
        n = value.size
        self._rows(number, bound, names, value, slope, np.full(n, -loss), np.full(n, np.inf))

    def _capital(self, number: int, bound: Bound) -> None:
        parts = self.capital.parts_of(bound.scope.underlyings)
        slopes = [self._slope_of(part) for part in parts]
        moved = [at for at, slope in enumerate(slopes) if np.any(slope)]
        if not moved:
            return
        known = all(np.isfinite(slopes[at]).all() and np.isfinite(parts[at].pnl).all() for at in moved)
        room = self._room(bound) - sum(part.charge for at, part in enumerate(parts) if at not in moved)
        if not (known and np.isfinite(room)):
            self.left_out.append(f"{bound.limit.name}: {_UNKNOWN}")
            return
        names = self.market.table.underlyings
        one = CapitalSum(
            limit=bound.limit.name,
            number=number,
            whose=tuple("+".join(names[u] for u in parts[at].underlyings.tolist()) for at in moved),
            pnl=np.array([np.append(parts[at].pnl, -parts[at].minimum) for at in moved]),
            slope=np.stack([np.pad(slopes[at], ((0, 0), (0, 1))) for at in moved], axis=1),
            low=-room,
            scale=_scale(bound),
        )
        self.rows.append(one.rows(one.first()))
        if len(moved) > 1:
            self.sums.append(one)
        if any((part.gain_counted < 1.0).any() for part in parts):
            self.left_out.append(f"{bound.limit.name}: losses of a trade count as its gains do after offsets")

    def _slope_of(self, part: Part) -> Floats:
        """P&L of one contract of each candidate at every point of a part, float64[n, 10]."""
        table, rows = self.market.table, self.candidates
        counted = np.zeros(len(table.underlyings))
        counted[part.underlyings] = part.gain_counted
        mine = np.isin(table.underlying_of[rows], part.underlyings)
        of = counted[table.underlying_of[rows], None]
        return np.where(mine[:, None], self.capital.contract_pnl[rows] * of, 0.0)

    def _series(self, bound: Bound, quantity: Ints) -> None:
        """A limit that each series has for itself narrows what may be traded of it; reducing is always allowed."""
        rows = self.candidates
        inside = np.isin(rows, bound.scope.rows) & self.market.table.is_option[rows]
        hard = bound.hard[rows] if bound.hard.size > 1 else np.full(rows.size, bound.hard[0])
        held, hard = quantity[rows], np.floor(hard).astype(np.int64)
        bought, sold = np.maximum(hard - held, 0), np.maximum(hard + held, 0)
        self.most = np.where(inside, np.minimum(self.most, np.array([bought, sold])), self.most)

    def done(self) -> OffsetRows:
        """All rows; a breach is a share of the limit's hard level."""
        n = self.candidates.size
        none = OffsetRows(
            names=(),
            value=np.empty(0),
            per_contract=np.empty((n, 0)),
            low=np.empty(0),
            high=np.empty(0),
            scale=np.empty(0),
            weight=np.empty(0),
            limit=np.empty(0, dtype=np.int64),
        )
        return joined((none, *self.rows))


def _scale(bound: Bound) -> float:
    """The hard level in force; what was set where nothing of it is left."""
    hard = float(bound.hard[0])
    return hard if hard > 0.0 else bound.limit.limit_hard


def joined(rows: tuple[OffsetRows, ...]) -> OffsetRows:
    """All of them, one after the other."""
    return OffsetRows(
        names=tuple(name for one in rows for name in one.names),
        value=np.concatenate([one.value for one in rows]),
        per_contract=np.concatenate([one.per_contract for one in rows], axis=1),
        low=np.concatenate([one.low for one in rows]),
        high=np.concatenate([one.high for one in rows]),
        scale=np.concatenate([one.scale for one in rows]),
        weight=np.concatenate([one.weight for one in rows]),
        limit=np.concatenate([one.limits for one in rows]),
    )


def rows_of_limits(
    standing: Standing,
    slides: Slides,
    capital: Capital,
    market: MarketView,
    quantity: Ints,
    cells: Cells,
    most: Ints,
    share: float,
) -> RowsOfLimits:
    """Every limit of the standing that a candidate moves.

    Parameters
    ----------
    standing, slides, capital, market
        Of the book.
    quantity : int64[n_rows]
        The book.
    cells : Cells
        Of the candidates, on the slides' moves and shifts.
    most : int64[2, n]
        Contracts of each candidate that may be bought, and sold; narrowed by limits of single series.
    share : float
        Of every hard limit: where the rows keep the book.
    """
    out = RowsOfLimits(market=market, slides=slides, capital=capital, cells=cells, share=share, most=most)
    for number, (bound, one) in enumerate(zip(standing.bounds, standing.limits, strict=True)):
        out.add(number, bound, quantity, one.utilisation)
    return out
