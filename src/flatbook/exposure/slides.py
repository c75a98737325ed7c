"""Slides: the book's P&L over spot moves, volatility shifts and time by full revaluation, and its gaps.

The zero cell is exactly 0. What has no value counts as `slide_cells` says. The first ladder moves spot in percent, shifts all
volatilities alike, now: limits read it. Others move spot in standard deviations of a trading day, shift volatilities by
tenor, (30 days / T) to the power of the dynamics (domain reference 1.2), let them follow spot by beta, or let time pass.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.reference_vol import reference_vols
from flatbook.exposure.session_edges import next_close_ns
from flatbook.exposure.slide_cells import Cells, cells_of, pnl_of_underlyings
from flatbook.market.clock import NS_PER_DAY, tau
from flatbook.market.view import MarketView
from flatbook.model.measures import BUSINESS_DAYS
from flatbook.model.parameters import SlideTerms, SlideTime, VolShift
from flatbook.model.table import Floats, Ints
from flatbook.valuation.revalue import Ready
from flatbook.valuation.spot_vol import atm_moves, tenor_weights
from flatbook.valuation.values import Values

MOVES = np.array([-30, -20, -15, -10, -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30]) / 100.0
SHIFTS_POINTS = np.array([-10.0, -5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0, 10.0])
GAP_MOVES = np.array([-20, -10, -5, 5, 10, 20]) / 100.0
_LOWEST_MOVE = -0.99  # of so many standard deviations; spot stays above 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slides:
    """P&L in USD over moves of spot and shifts of volatility, now."""

    moves: Floats  # [m] relative
    shifts_points: Floats  # [v]
    by_underlying: Floats  # [n_underlyings, m, v]; NaN where the underlying has no price
    desk: Floats  # [m, v]: every underlying moves alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """One more slide, as the desk set it."""

    terms: SlideTerms
    at_ns: int  # when; 0 where nobody knows
    moves: Floats  # [m] as set: relative, or in standard deviations
    shifts_points: Floats  # [v]
    relative_moves: Floats  # [n_underlyings, m]
    by_underlying: Floats  # [n_underlyings, m, v]
    desk: Floats  # [m, v]
    reason: str  # why it is NaN


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """P&L in USD of a jump in spot, volatility following by the dynamics of the underlying."""

    moves: Floats
    by_underlying: Floats  # [n_underlyings, m]
    desk: Floats  # [m]

    @property
    def worst_by_underlying(self) -> Floats:
        """float64[n_underlyings]: the largest loss, 0 where no move loses; NaN where one is unknown."""
        return np.asarray(np.maximum(-self.by_underlying, 0.0).max(axis=1))

    @property
    def worst_desk(self) -> float:
        """The largest loss of the whole desk."""
        return float(np.maximum(-self.desk, 0.0).max())


def slide(
    quantity: Ints,
    values: Values,
    market: MarketView,
    moves: Floats = MOVES,
    shifts_points: Floats = SHIFTS_POINTS,
) -> Slides:
    """Revalue the book over a ladder of spot moves and volatility shifts.

    Parameters
    ----------
    quantity : int64[n_rows]
    values, market
        The base.
    moves, shifts_points : float64[m], float64[v]
    """
    return slide_on(
        quantity, cells_of(np.flatnonzero(quantity), values, market, moves, shifts_points), market
    )


def slide_on(quantity: Ints, cells: Cells, market: MarketView) -> Slides:
    """The slides of a book whose cells are known.

    Parameters
    ----------
    quantity : int64[n_rows]
        Holds nothing beside the rows of `cells`.
    cells : Cells
    market : MarketView
    """
    by_underlying = pnl_of_underlyings(quantity, cells, market)
    return Slides(
        moves=cells.moves,
        shifts_points=cells.shifts_points,
        by_underlying=by_underlying,
        desk=by_underlying.sum(axis=0),
    )


def main_cells(rows: Ints, values: Values, market: MarketView, ready: Ready | None = None) -> Cells:
    """The cells of the first ladder."""
    return cells_of(rows, values, market, MOVES, SHIFTS_POINTS, ready=ready)


def gap(slides: Slides) -> Gaps:
    """The gap moves of a ladder that holds them, with no shift of volatility."""
    columns = [int(np.flatnonzero(slides.moves == move)[0]) for move in GAP_MOVES]
    flat = int(np.flatnonzero(slides.shifts_points == 0.0)[0])
    return Gaps(
        moves=GAP_MOVES, by_underlying=slides.by_underlying[:, columns, flat], desk=slides.desk[columns, flat]
    )


def pnl_by_underlying(
    quantity: Ints, values: Values, market: MarketView, moves: Floats, shifts_points: Floats
) -> Floats:
    """P&L of a book in every cell, [n_underlyings, m, v]."""
    return slide(quantity, values, market, moves, shifts_points).by_underlying


def ladder(quantity: Ints, values: Values, market: MarketView, terms: SlideTerms) -> Ladder:
    """A slide as the desk set it.

    Parameters
    ----------
    quantity : int64[n_rows]
    values, market
        The base.
    terms : SlideTerms
    """
    held = np.flatnonzero(quantity)
    at_ns, reason = slide_instant(held, market, terms.time)
    shifts = np.array(terms.shifts_points)
    relative = _relative_moves(market, terms)
    moves = np.array(terms.moves_deviations or terms.moves_pct)
    by_underlying = np.zeros((len(market.table.underlyings), moves.size, shifts.size))
    years_later = float(tau(market.now_ns, np.array([at_ns]))[0]) if at_ns else np.nan
    for rows in _alike(held, market, relative):
        u = int(market.table.underlying_of[rows[0]])
        mine = np.zeros_like(quantity)
        mine[rows] = quantity[rows]
        if reason or not np.isfinite(relative[u]).all():
            by_underlying[np.unique(market.table.underlying_of[rows])] = np.nan
            continue
        cells = cells_of(
            rows,
            values,
            market,
            relative[u],
            shifts,
            years_later=years_later,
            shift_weight=tenor_weights(market, values.dynamics) if terms.shift is VolShift.TENOR else None,
            followed=_followed(market, values, rows, relative[u], terms),
        )
        by_underlying += pnl_of_underlyings(mine, cells, market)
    return Ladder(
        terms=terms,
        at_ns=at_ns,
        moves=moves if terms.moves_deviations else moves / 100.0,
        shifts_points=shifts,
        relative_moves=relative,
        by_underlying=by_underlying,
        desk=by_underlying.sum(axis=0),
        reason=reason
        or (
            ""
            if np.isfinite(by_underlying).all()
            else "an underlying has no volatility to tell a standard deviation, or a series neither value nor bound"
        ),
    )


def _alike(held: Ints, market: MarketView, relative: Floats) -> list[Ints]:
    """Held rows in parts whose underlyings move alike."""
    if not held.size:
        return []
    if (relative == relative[0]).all():
        return [held]
    of = market.table.underlying_of[held]
    return [held[of == u] for u in np.unique(of).tolist()]


def _relative_moves(market: MarketView, terms: SlideTerms) -> Floats:
    """What the set moves are of each spot, float64[n_underlyings, m]."""
    n = len(market.table.underlyings)
    if not terms.moves_deviations:
        return np.tile(np.array(terms.moves_pct) / 100.0, (n, 1))
    deviation = reference_vols(market) * np.sqrt(terms.deviation_days / BUSINESS_DAYS)
    return np.asarray(np.maximum(deviation[:, None] * np.array(terms.moves_deviations), _LOWEST_MOVE))


def _followed(
    market: MarketView, values: Values, rows: Ints, moves: Floats, terms: SlideTerms
) -> Floats | None:
    if terms.shift is not VolShift.SPOT_CORRELATED:
        return None
    return atm_moves(market, values.dynamics, rows, moves)


def slide_instant(held: Ints, market: MarketView, time: SlideTime) -> tuple[int, str]:
    """When a slide happens, UTC nanoseconds, or 0 and why nobody knows."""
    match time:
        case SlideTime.NOW:
            return market.now_ns, ""
        case SlideTime.NEXT_DAY:
            return market.now_ns + NS_PER_DAY, ""
        case SlideTime.CLOSE:
            closes = [next_close_ns(market, u, market.now_ns) for u in range(len(market.table.underlyings))]
            known = [close for close in closes if close]
            return (
                (min(known), "") if known else (0, "no underlying has a calendar: name one in the desk file")
            )
        case SlideTime.EXPIRY:
            expiries = market.table.expiry_ns[held]
            ahead = expiries[expiries > market.now_ns]
            return (int(ahead.min()), "") if ahead.size else (0, "no option is held")
