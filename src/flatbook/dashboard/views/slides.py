"""The Slides page: the book's P&L or a Greek over moves of spot and shifts of volatility, now or later, by full revaluation.

Volatilities follow spot by the dynamics of the underlying and are shifted in points, all alike; a series without a value counts at the most that it can
lose. Greeks are differences of that P&L, so the volatility that comes with spot is in them: of delta over a tenth of a percent of spot to either side, of
gamma over a quarter, of vega over half a point, of theta over a calendar day. In the cell of now they are the book's.
"""

import math
import time as clock
from enum import StrEnum

import numpy as np

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import number
from flatbook.dashboard.views.head import Row
from flatbook.engine.cycle import Cycle
from flatbook.exposure.slide_cells import cells_of, pnl_of_underlyings
from flatbook.exposure.slides import GAP_MOVES, MOVES, SHIFTS_POINTS, slide_instant
from flatbook.hedging.propose import trades
from flatbook.limits.check import LimitStanding
from flatbook.live.snapshot import Snapshot
from flatbook.market.clock import NS_PER_DAY, tau
from flatbook.model.parameters import LimitMeasure, SlideTime
from flatbook.model.table import Floats, Ints

DESK = "desk"
_DELTA_MOVE, _GAMMA_MOVE = 0.001, 0.0025
_HALF_POINT = 0.5
_PROFILE = np.round(np.linspace(-0.30, 0.30, 121), 6)
_FLAT = np.zeros(1)
_LOSSES = frozenset({LimitMeasure.SLIDE_LOSS_USD, LimitMeasure.GAP_LOSS_USD})
_UNKNOWN = "an underlying has no price, or a series neither value nor bound"


class Show(StrEnum):
    """What the map shows."""

    PNL = "pnl"
    DELTA = "delta"
    GAMMA = "gamma"
    VEGA = "vega"
    THETA = "theta"


class Book(StrEnum):
    """Whose map it is."""

    HELD = "held"
    HEDGED = "hedged"  # once the hedges and the offset of the cycle are done


UNITS: dict[Show, str] = {
    Show.PNL: "USD",
    Show.DELTA: "USD of a 100 % move",
    Show.GAMMA: "USD of delta per 1 %",
    Show.VEGA: "USD per vol point",
    Show.THETA: "USD per calendar day",
}
_TIMES: dict[SlideTime, str] = {
    SlideTime.NOW: "now",
    SlideTime.CLOSE: "close",
    SlideTime.NEXT_DAY: "next day",
    SlideTime.EXPIRY: "first expiry",
}


class Instant(Row):
    """A stop of the time slider."""

    time: str
    label: str
    at_ns: str  # empty: nobody knows when
    reason: str  # why


class LossLimit(Row):
    """A limit on losses of this scope."""

    name: str
    limit_hard: float
    utilisation: float | None


class GapRow(Row):
    """P&L of a jump in spot, now."""

    move: float
    pnl_usd: float | None
    hedged_usd: float | None  # once the hedges of the cycle are done
    share: float | None  # of the loss, of the tightest limit; null: it gains, or there is no limit


class Slides(Row):
    """The page."""

    scope: str
    scopes: tuple[str, ...]
    time: str
    times: tuple[Instant, ...]
    show: str
    book: str
    unit: str
    moves: tuple[float, ...]  # of spot, relative
    shifts_points: tuple[float, ...]
    values: tuple[tuple[float | None, ...], ...]  # one row a move, one column a shift
    profile_moves: tuple[float, ...]
    profile_now: tuple[float | None, ...]  # of what is shown, at no shift of volatility
    profile: tuple[float | None, ...]  # at the chosen time
    loss_limits: tuple[LossLimit, ...]  # the tightest first
    beyond: int  # cells that lose more than the tightest; of P&L alone
    gaps: tuple[GapRow, ...]
    series: int  # held
    unvalued: int  # of them without a value: at the most that they can lose
    hedges: bool  # the cycle proposes something, so that both books differ
    cycle: int
    at_ns: str
    took_ms: float
    reason: str  # why numbers are null


def slides(
    snapshot: Snapshot,
    scope: str = DESK,
    time: SlideTime = SlideTime.NOW,
    show: Show = Show.PNL,
    book: Book = Book.HELD,
) -> Slides:
    """The map of one scope: an underlying, or "desk", on which all move alike; UnknownTopicError where it is not there."""
    began, cycle = clock.perf_counter(), snapshot.cycle
    held, hedged = (_scoped(cycle, each, scope) for each in (cycle.held.quantity, _hedged(cycle)))
    quantity = held if book is Book.HELD else hedged
    instants = {each: slide_instant(np.flatnonzero(held), cycle.market, each) for each in SlideTime}
    at_ns, why = instants[time]
    grid = _shown(cycle, quantity, MOVES, SHIFTS_POINTS, show, at_ns)
    profile_now, profile = (
        _shown(cycle, quantity, _PROFILE, _FLAT, show, each)[:, 0] for each in (cycle.market.now_ns, at_ns)
    )
    loss_limits = _loss_limits(cycle, scope)
    tightest = loss_limits[0].limit_hard if loss_limits else math.inf
    return Slides(
        scope=scope,
        scopes=(DESK, *cycle.table.underlyings),
        time=time,
        times=tuple(_stop(each, *found) for each, found in instants.items()),
        show=show,
        book=book,
        unit=UNITS[show],
        moves=tuple(MOVES.tolist()),
        shifts_points=tuple(SHIFTS_POINTS.tolist()),
        values=tuple(_numbers(row) for row in grid),
        profile_moves=tuple(_PROFILE.tolist()),
        profile_now=_numbers(profile_now),
        profile=_numbers(profile),
        loss_limits=loss_limits,
        beyond=int((grid < -tightest).sum()) if show is Show.PNL else 0,
        gaps=_gaps(cycle, held, hedged, tightest),
        series=int(np.count_nonzero(held)),
        unvalued=sum(bool(held[row]) for row in cycle.exposure.unvalued),
        hedges=bool((held != hedged).any()),
        cycle=cycle.sequence,
        at_ns=str(snapshot.at_ns),
        took_ms=1e3 * (clock.perf_counter() - began),
        reason=why or ("" if np.isfinite(grid).all() else _UNKNOWN),
    )


def _stop(time: SlideTime, at_ns: int, reason: str) -> Instant:
    return Instant(time=time, label=_TIMES[time], at_ns=str(at_ns) if at_ns else "", reason=reason)


def _scoped(cycle: Cycle, quantity: Ints, scope: str) -> Ints:
    """What an underlying holds of a book, or all of it."""
    names = cycle.table.underlyings
    if scope == DESK:
        return quantity
    if scope not in names:
        msg = f"no underlying {scope!r}; there are {DESK}, {', '.join(names)}"
        raise UnknownTopicError(msg)
    mine = cycle.table.underlying_of == names.index(scope)
    return np.where(mine, quantity, 0)


def _hedged(cycle: Cycle) -> Ints:
    done = cycle.held.quantity + trades(cycle.hedges, len(cycle.table.instruments))
    return done if cycle.offset_trades is None else done + cycle.offset_trades


def _pnl(cycle: Cycle, quantity: Ints, moves: Floats, shifts: Floats, at_ns: int) -> Floats:
    """P&L in USD from now, float64[m, v]; NaN where nobody knows the instant."""
    rows = np.flatnonzero(quantity)
    if not at_ns:
        return np.full((moves.size, shifts.size), math.nan)
    if not rows.size:
        return np.zeros((moves.size, shifts.size))
    later = float(tau(cycle.market.now_ns, np.array([at_ns]))[0])
    cells = cells_of(rows, cycle.values, cycle.market, moves, shifts, years_later=later)
    return np.asarray(pnl_of_underlyings(quantity, cells, cycle.market).sum(axis=0))


def _shown(cycle: Cycle, quantity: Ints, moves: Floats, shifts: Floats, show: Show, at_ns: int) -> Floats:
    """What is shown in every cell, float64[m, v]."""
    match show:
        case Show.PNL:
            return _pnl(cycle, quantity, moves, shifts, at_ns)
        case Show.DELTA | Show.GAMMA:
            half = _DELTA_MOVE if show is Show.DELTA else _GAMMA_MOVE
            there = (moves[:, None] + np.array([-half, 0.0, half])).reshape(-1)
            pnl = _pnl(cycle, quantity, there, shifts, at_ns).reshape(moves.size, 3, shifts.size)
            level = 1.0 + moves[:, None]
            if show is Show.DELTA:
                return np.asarray(level * (pnl[:, 2] - pnl[:, 0]) / (2.0 * half))
            bend = (pnl[:, 2] - 2.0 * pnl[:, 1] + pnl[:, 0]) / half**2
            return np.asarray(level**2 * bend / 100.0)
        case Show.VEGA:
            there = (shifts[:, None] + np.array([-_HALF_POINT, _HALF_POINT])).reshape(-1)
            pnl = _pnl(cycle, quantity, moves, there, at_ns).reshape(moves.size, shifts.size, 2)
            return np.asarray((pnl[:, :, 1] - pnl[:, :, 0]) / (2.0 * _HALF_POINT))
        case Show.THETA:
            tomorrow = at_ns + NS_PER_DAY if at_ns else 0
            return _pnl(cycle, quantity, moves, shifts, tomorrow) - _pnl(
                cycle, quantity, moves, shifts, at_ns
            )


def _loss_limits(cycle: Cycle, scope: str) -> tuple[LossLimit, ...]:
    found = [each for each in cycle.standing.limits if each.limit.measure in _LOSSES and _bounds(each, scope)]
    return tuple(
        LossLimit(name=each.limit.name, limit_hard=each.limit_hard, utilisation=number(each.utilisation))
        for each in sorted(found, key=lambda each: (each.limit_hard, each.limit.name))
    )


def _bounds(standing: LimitStanding, scope: str) -> bool:
    """Whether a limit bounds exactly this scope."""
    limit = standing.limit
    narrower = limit.group or limit.option_class or limit.bucket or limit.series
    return not narrower and (limit.underlying or DESK) == scope


def _gaps(cycle: Cycle, held: Ints, hedged: Ints, tightest: float) -> tuple[GapRow, ...]:
    now_ns = cycle.market.now_ns
    before = _pnl(cycle, held, GAP_MOVES, _FLAT, now_ns)[:, 0].tolist()
    after = _pnl(cycle, hedged, GAP_MOVES, _FLAT, now_ns)[:, 0].tolist()
    return tuple(
        GapRow(
            move=move,
            pnl_usd=number(pnl),
            hedged_usd=number(then),
            share=-pnl / tightest if pnl < 0.0 and math.isfinite(tightest) else None,
        )
        for move, pnl, then in zip(GAP_MOVES.tolist(), before, after, strict=True)
    )


def _numbers(values: Floats) -> tuple[float | None, ...]:
    return tuple(number(each) for each in values.tolist())
