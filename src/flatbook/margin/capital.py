"""The desk's capital: what its book must be backed with under risk-based haircuts, by underlying and after offsets.

Source: 17 CFR 240.15c3-1a and FINRA Rule 4210(g), as `tims_groups` and `desk_capital`; domain reference 3.1, 3.2, 3.8 and A.9. Ten
equidistant moves, five up and five down, zero excluded, each series at its own volatility. Product groups of the desk file
with a `capital_offset` let gains of one underlying reduce losses of another that settles in the same currency, at the same point.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.margin.desk_capital import (
    PointPnl,
    PointTerms,
    marginals_of_book,
    point_pnl,
    point_terms,
    requirement_of_book,
)
from flatbook.margin.tims_groups import NO_GROUP, TimsResult, reliefs
from flatbook.market.view import MarketView
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, Ints
from flatbook.valuation.revalue import revalue, valued
from flatbook.valuation.values import Values, at_fixed_vol

_NO_SHIFT = np.zeros(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capital:
    """Requirement in USD; NaN where a held series has neither value nor bound."""

    by_underlying: Floats  # [n_underlyings] each on its own, no offset between them
    minimum_by_underlying: Floats  # [n_underlyings] the floor per contract
    moves: Floats  # [n_underlyings, 10]
    pnl: Floats  # [n_underlyings, 10]
    worst_move: Floats  # [n_underlyings] relative; NaN where the minimum or nothing binds
    desk: float  # of all, after offsets
    result: TimsResult
    contract_pnl: Floats  # [n_rows, 10] of one contract bought; NaN where it has no value

    @property
    def offsets(self) -> float:
        """What offsets between underlyings are worth."""
        return float(self.by_underlying.sum()) - self.desk

    @property
    def relief_by_underlying(self) -> Floats:
        """float64[n_underlyings]: what the desk would need beside the underlying alone, less what both need together."""
        return reliefs(self.result)[1]

    def parts_of(self, underlyings: Ints) -> list["Part"]:
        """What these underlyings, int64[k], would need together, as parts that nothing offsets: their charges add up."""
        tree, n = self.result.tree, self.moves.shape[0]
        inside = np.zeros(len(tree.names), dtype=np.bool_)
        inside[underlyings] = True
        for group in range(n, inside.size):
            members = tree.parent == group
            inside[group] = bool(members.any()) and bool(inside[members].all())
        held = np.append(inside, False)[tree.parent]
        return [self._part(node) for node in np.flatnonzero(inside & ~held).tolist()]

    def _part(self, node: int) -> "Part":
        tree, pnl, n = self.result.tree, self.result.pnl, self.moves.shape[0]
        worst = int(np.argmin(pnl[node]))
        classes, counted, least = [], [], []
        for one in range(n) if node >= n else (node,):
            at, now, always = one, 1.0, 1.0
            while at not in (node, NO_GROUP):
                now *= tree.offset[at] if pnl[at, worst] > 0.0 else 1.0
                always *= tree.offset[at]
                at = int(tree.parent[at])
            if at == node:
                classes.append(one)
                counted.append(now)
                least.append(always)
        return Part(
            underlyings=np.array(classes, dtype=np.int64),
            charge=float(self.result.charge[node]),
            minimum=float(self.result.minimum[node]),
            pnl=pnl[node],
            worst=worst,
            counted=np.array(counted),
            gain_counted=np.array(least),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Underlyings that offset each other, or one alone."""

    underlyings: Ints  # int64[k]
    charge: float  # USD
    minimum: float  # USD
    pnl: Floats  # [10] after the offsets between them
    worst: int  # the point that loses most
    counted: Floats  # [k] share of a little more P&L of each that counts there
    gain_counted: Floats  # [k] share of a gain of each that counts at least, anywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginal:
    """Change of the desk's requirement by one contract more of each row, in USD.

    A series without a value that is held, or that the points were made for, adds the most that it can lose; others are NaN.
    """

    bought: Floats  # [n_rows]
    sold: Floats  # [n_rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The requirement of the same book once the market has moved, volatilities unchanged."""

    moves: Floats  # [m] relative, all underlyings alike
    required: Floats  # [m] USD of the desk
    pnl: Floats  # [m] USD of the book on the way there


def points_of(rows: Ints, values: Values, market: MarketView, terms: PointTerms) -> PointPnl:
    """The points of `rows`, int64[n], and of every other series that has a value: what any book or next trade is made of."""
    told = np.flatnonzero(valued(values, np.arange(len(market.table.instruments))))
    return point_pnl(np.union1d(rows, told), values, market, terms.moves)


def requirement(quantity: Ints, values: Values, market: MarketView, desk: Desk) -> Capital:
    """The requirement of one book, int64[n_rows], in one call."""
    terms = point_terms(desk, market.table)
    return capital_of(quantity, points_of(np.flatnonzero(quantity), values, market, terms), terms)


def capital_of(quantity: Ints, points: PointPnl, terms: PointTerms) -> Capital:
    """The requirement of a book.

    Parameters
    ----------
    quantity : int64[n_rows]
        Holds nothing beside the rows of `points`.
    points : PointPnl
    terms : PointTerms
    """
    result, n = requirement_of_book(quantity, points, terms), terms.moves.shape[0]
    pnl, charge, minimum = result.pnl[:n], result.charge[:n], result.minimum[:n]
    worst = terms.moves[np.arange(n), np.argmin(pnl, axis=1)] if n else np.empty(0)
    return Capital(
        by_underlying=charge,
        minimum_by_underlying=minimum,
        moves=terms.moves,
        pnl=pnl,
        worst_move=np.where(-pnl.min(axis=1, initial=0.0) > minimum, worst, np.nan),
        desk=result.requirement,
        result=result,
        contract_pnl=_by_row(points, quantity.size),
    )


def marginal_of(capital: Capital, quantity: Ints, points: PointPnl, terms: PointTerms) -> Marginal:
    """What one contract more of every series would change; parameters as for `capital_of`."""
    bought, sold = np.full((2, quantity.size), np.nan)
    bought[points.rows], sold[points.rows] = marginals_of_book(capital.result, quantity, points, terms)
    return Marginal(bought=bought, sold=sold)


def _by_row(points: PointPnl, n_rows: int) -> Floats:
    out = np.full((n_rows, points.pnl.shape[1]), np.nan)
    out[points.rows] = points.pnl
    return out


def forecast(
    quantity: Ints, values: Values, market: MarketView, terms: PointTerms, moves: Floats
) -> Forecast:
    """What the book would need after each move of all underlyings.

    Parameters
    ----------
    quantity : int64[n_rows]
    values, market
        The base.
    terms : PointTerms
    moves : float64[m]
        Relative.

    Returns
    -------
    Forecast
        NaN where a series without a value is held.
    """
    held = np.flatnonzero(quantity)
    class_of, n = market.table.underlying_of[held], terms.moves.shape[1]
    ranges, of = np.unique(terms.moves, axis=0, return_inverse=True)
    range_of = of.reshape(-1)[class_of]
    way, pnl = np.empty((held.size, moves.size)), np.empty((held.size, moves.size, n))
    fixed = at_fixed_vol(values, market)
    for number, points in enumerate(ranges):
        mine = np.flatnonzero(range_of == number)
        if not mine.size:
            continue
        after = ((1.0 + moves)[:, None] * (1.0 + points) - 1.0).reshape(-1)
        cells = revalue(market, fixed, held[mine], np.concatenate((moves, after)), _NO_SHIFT)[:, :, 0]
        way[mine] = cells[:, : moves.size]
        pnl[mine] = cells[:, moves.size :].reshape(mine.size, moves.size, n) - way[mine, :, None]
    required = np.empty(moves.size)
    for m in range(moves.size):
        there = PointPnl(
            rows=held,
            class_of=class_of,
            pnl=np.ascontiguousarray(pnl[:, m]),
            worst=np.zeros((held.size, n)),
            unvalued=np.empty(0, dtype=np.int64),
        )
        required[m] = requirement_of_book(quantity, there, terms).requirement
    return Forecast(moves=moves, required=required, pnl=quantity[held].astype(np.float64) @ way)
