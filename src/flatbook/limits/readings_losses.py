"""Limits on losses by scenario: gaps, slides, capital, and who holds the largest share of them."""

import numpy as np

from flatbook.exposure.slides import GAP_MOVES
from flatbook.limits.measured import Measured
from flatbook.limits.reading import Reading, loss_reading, unknown
from flatbook.limits.requirement import reported_usd, slope_of
from flatbook.limits.scope import Scope
from flatbook.model.parameters import Limit
from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.revalue import revalue
from flatbook.valuation.values import Values

NO_SHIFT = np.zeros(1)


def read_gap(measured: Measured, _: Limit, scope: Scope) -> Reading:
    """The worst of the gap moves, every underlying of the scope moving alike."""
    gaps, table = measured.gaps, measured.market.table
    loss, cell, counts = loss_reading(table, scope.underlyings, gaps.by_underlying[scope.underlyings])
    move = float(gaps.moves[cell])
    return _loss(measured, scope, loss, counts, (move, 0.0), f"{move:+.0%}")


def read_slide(measured: Measured, _: Limit, scope: Scope) -> Reading:
    """The worst cell of the slides, every underlying of the scope moving alike."""
    slides = measured.supplied.slides
    if slides is None:
        return unknown(scope.inside.size, "no slides were measured")
    pnl = slides.by_underlying[scope.underlyings].reshape(scope.underlyings.size, -1)
    loss, cell, counts = loss_reading(measured.market.table, scope.underlyings, pnl)
    move, shift = np.unravel_index(cell, (slides.moves.size, slides.shifts_points.size))
    at = float(slides.moves[move]), float(slides.shifts_points[shift])
    return _loss(measured, scope, loss, counts, at, f"{at[0]:+.0%}, {at[1]:+.0f} vol points")


def _loss(
    measured: Measured, scope: Scope, loss: float, counts: Floats, at: tuple[float, float], where: str
) -> Reading:
    table = measured.market.table
    slope = np.zeros(scope.inside.size)
    if loss > 0.0:
        of_underlying = np.zeros(len(table.underlyings))
        of_underlying[scope.underlyings] = counts
        rows = scope.rows[of_underlying[table.underlying_of[scope.rows]] > 0.0]
        slope[rows] = _loss_at(measured, rows, *at)
    return Reading(
        value=loss,
        per_contract=slope,
        signed=False,
        blind=blind(measured, scope.inside),
        where=where if loss > 0.0 else "",
    )


def _loss_at(measured: Measured, rows: Ints, move: float, shift_points: float) -> Floats:
    """Loss of one contract bought, from the cells that somebody has already where they hold this one."""
    slides, pnl = measured.supplied.slides, measured.supplied.contract_pnl
    if slides is not None and pnl is not None:
        m = np.flatnonzero(slides.moves == move)
        v = np.flatnonzero(slides.shifts_points == shift_points)
        if m.size and v.size:
            return np.asarray(-pnl[rows, m[0], v[0]])
    return loss_of_one(measured, measured.values, rows, move, shift_points)


def read_capital(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    """What the scope must be backed with, after the offsets within it, or what others ask for it where that is more."""
    capital = measured.capital
    parts = capital.parts_of(scope.underlyings)
    moves = capital.worst_move[scope.underlyings]
    own = float(sum(part.charge for part in parts))
    told = f"{moves[0]:+.1%}" if moves.size == 1 and np.isfinite(moves[0]) else ""
    asked = None if limit.group else limit.underlying
    reported = reported_usd(measured.supplied.capital_reported_usd, asked, scope.names)
    return Reading(
        value=max(own, reported) if np.isfinite(own) else own,
        per_contract=slope_of(measured, parts, scope.rows),
        signed=False,
        blind=blind(measured, scope.inside),
        where="as reported" if reported > own else told,
    )


def read_underlying_share(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    """The largest underlying's share of the gap losses of all in scope, each by itself, in percent."""
    table = measured.market.table
    return _share(measured, limit, scope, measured.gaps.by_underlying, table.underlying_of, table.underlyings)


def read_class_share(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    """The largest class's share of the gap losses of all in scope, each class by itself, in percent."""
    table, exposure = measured.market.table, measured.exposure
    rows = np.flatnonzero(scope.inside & table.is_option & (exposure.quantity != 0))
    pnl = revalue(measured.market, measured.values, rows, GAP_MOVES, NO_SHIFT)[:, :, 0]
    net = np.zeros((len(table.classes), GAP_MOVES.size))
    np.add.at(net, table.class_of[rows], pnl * exposure.quantity[rows, None])
    return _share(measured, limit, scope, net, table.class_of, table.classes)


def _share(
    measured: Measured, limit: Limit, scope: Scope, pnl: Floats, of_row: Ints, names: tuple[str, ...]
) -> Reading:
    """From the P&L of each candidate at the gap moves; trades elsewhere are taken to leave the rest as it is."""
    slope = np.zeros(scope.inside.size)
    if blind(measured, scope.inside):
        return Reading(value=float("nan"), per_contract=slope, signed=False, linear=False, blind=True)
    inside = np.zeros(len(names), dtype=np.bool_)
    inside[of_row[scope.rows]] = True
    losses = np.where(inside, np.maximum(-pnl, 0.0).max(axis=1, initial=0.0), 0.0)
    total = float(losses.sum())
    if total <= limit.floor_usd:
        return Reading(value=0.0, per_contract=slope, signed=False, linear=False)
    largest = int(np.argmax(losses))
    share = float(losses[largest]) / total
    rows = scope.rows[of_row[scope.rows] == largest]
    move = float(GAP_MOVES[int(np.argmin(pnl[largest]))])
    slope[rows] = 100.0 / total * (1.0 - share) * _loss_at(measured, rows, move, 0.0)
    return Reading(value=100.0 * share, per_contract=slope, signed=False, linear=False, where=names[largest])


def blind(measured: Measured, inside: Bools) -> bool:
    """Whether a series without a value is held in a scope."""
    return any(inside[row] for row in measured.exposure.unvalued)


def loss_of_one(measured: Measured, values: Values, rows: Ints, move: float, shift_points: float) -> Floats:
    """Loss of one contract bought of each row, at a move of spot and a shift of volatility; NaN where it has no value."""
    pnl = revalue(measured.market, values, rows, np.array([move]), np.array([shift_points]))
    return np.asarray(-pnl[:, 0, 0])
