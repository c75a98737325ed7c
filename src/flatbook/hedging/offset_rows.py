"""The limits of a standing as rows of an option offset: numbers that one contract moves by a fixed amount, and their levels.

A limit on a signed sum is one row, a limit on losses a row for each cell, a limit on capital a row for each point of each part that nothing
offsets (domain reference 4.12: margin is linear in scenario P&L). What cannot be said in such rows is named, not left out in silence.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.slide_cells import Cells
from flatbook.exposure.slides import GAP_MOVES, Slides
from flatbook.hedging.offset_problem import OffsetRows
from flatbook.limits.check import Bound, Standing
from flatbook.limits.reading import currency_of
from flatbook.margin.capital import Capital
from flatbook.market.view import MarketView
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import Floats, Ints

_LOSSES = frozenset({LimitMeasure.GAP_LOSS_USD, LimitMeasure.SLIDE_LOSS_USD})


@dataclass(slots=True)
class RowsOfLimits:
    """Rows as they are gathered, and what was left out."""

    market: MarketView
    slides: Slides
    capital: Capital
    rows: Ints  # int64[n]: candidates
    cells: Cells  # of them, as the slides
    share: float  # of every hard limit
    names: list[str]
    value: list[Floats]
    slope: list[Floats]  # each float64[n, rows of the limit]
    low: list[Floats]
    high: list[Floats]
    most: Ints  # int64[2, n]: contracts that may be bought and sold
    left_out: list[str]

    def add(self, bound: Bound, quantity: Ints) -> None:
        """The rows of one limit, if a candidate moves it."""
        limit, reading = bound.limit, bound.reading
        if not np.isin(self.rows, bound.scope.rows).any():
            return
        if limit.measure in _LOSSES:
            self._losses(bound)
        elif limit.measure is LimitMeasure.CAPITAL_USD:
            self._capital(bound)
        elif not np.isfinite(reading.value):
            self.left_out.append(f"{limit.name}: its value is not known")
        elif limit.measure is LimitMeasure.SERIES_CONTRACTS and reading.by_row is not None:
            self._series(bound, quantity)
        elif reading.levels is not None or reading.parts is not None or not reading.linear:
            if np.any(reading.per_contract[self.rows]) or reading.levels is not None:
                self.left_out.append(f"{limit.name}: trades do not move it in proportion")
        else:
            slope = np.where(np.isin(self.rows, bound.scope.rows), reading.per_contract[self.rows], 0.0)
            if np.any(slope):
                room = self.share * float(bound.hard[0]) - reading.unvalued
                low = -room if reading.signed else -np.inf
                self._row(limit.name, reading.value, slope, low, room)

    def _row(self, name: str, value: float, slope: Floats, low: float, high: float) -> None:
        self._rows(
            [name], np.array([value]), slope[:, None], np.array([min(low, high)]), np.array([max(low, high)])
        )

    def _rows(self, names: list[str], value: Floats, slope: Floats, low: Floats, high: Floats) -> None:
        self.names.extend(names)
        self.value.append(value)
        self.slope.append(slope)
        self.low.append(low)
        self.high.append(high)

    def _losses(self, bound: Bound) -> None:
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
        inside = np.isin(self.rows, bound.scope.rows)
        slope = self.cells.pnl[:, at[0], at[1]] * inside[:, None]
        loss = self.share * float(bound.hard[0])
        names = [
            f"{limit.name} at spot {slides.moves[m]:+.0%}, vol {slides.shifts_points[v]:+g}"
            for m, v in wanted
        ]
        self._rows(names, value, slope, np.full(value.size, -loss), np.full(value.size, np.inf))

    def _capital(self, bound: Bound) -> None:
        table, parts = self.market.table, self.capital.parts_of(bound.scope.underlyings)
        room = self.share * float(bound.hard[0]) - sum(part.charge for part in parts)
        for part in parts:
            counted = np.zeros(len(table.underlyings))
            counted[part.underlyings] = part.gain_counted
            one = self.capital.contract_pnl[self.rows]
            mine = np.isin(table.underlying_of[self.rows], part.underlyings)
            slope = np.where(mine[:, None], one * counted[table.underlying_of[self.rows], None], 0.0)
            loss = part.charge + room
            if not (np.any(slope) and np.isfinite(part.pnl).all() and np.isfinite(loss)):
                continue
            whose = "+".join(table.underlyings[u] for u in part.underlyings.tolist())
            names = [f"{bound.limit.name} of {whose} at point {p + 1}" for p in range(part.pnl.size)]
            low = np.full(part.pnl.size, -max(loss, 0.0))
            self._rows(names, part.pnl, slope, low, np.full(part.pnl.size, np.inf))
        if any((part.gain_counted < 1.0).any() for part in parts):
            self.left_out.append(f"{bound.limit.name}: losses of a trade count as its gains do after offsets")

    def _series(self, bound: Bound, quantity: Ints) -> None:
        """A limit that each series has for itself narrows what may be traded of it; reducing is always allowed."""
        inside = np.isin(self.rows, bound.scope.rows) & self.market.table.is_option[self.rows]
        hard = bound.hard[self.rows] if bound.hard.size > 1 else np.full(self.rows.size, bound.hard[0])
        held, hard = quantity[self.rows], np.floor(hard).astype(np.int64)
        bought, sold = np.maximum(hard - held, 0), np.maximum(hard + held, 0)
        self.most = np.where(inside, np.minimum(self.most, np.array([bought, sold])), self.most)

    def done(self) -> OffsetRows:
        """All rows; a breach is a share of the limit."""
        n = self.rows.size
        low, high = np.concatenate([np.empty(0), *self.low]), np.concatenate([np.empty(0), *self.high])
        scale = np.where(np.isfinite(high), np.abs(high), np.abs(low))
        return OffsetRows(
            names=tuple(self.names),
            value=np.concatenate([np.empty(0), *self.value]),
            per_contract=np.concatenate([np.empty((n, 0)), *self.slope], axis=1),
            low=low,
            high=high,
            scale=np.maximum(scale, 1e-9),
            weight=np.ones(low.size),
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
    out = RowsOfLimits(
        market, slides, capital, cells.rows, cells, share, [], [], [], [], [], most, []
    )  # fmt: skip
    for bound in standing.bounds:
        out.add(bound, quantity)
    return out
