"""Sections 2 and 3: what the book risks, by underlying, expiry bucket and for the desk, and its slides."""

import math

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.exposure.slides import Ladder
from flatbook.exposure.slides import Slides as Ladders
from flatbook.model.measures import BUCKET_NAMES
from flatbook.model.table import Floats
from flatbook.reports.columns import NOTHING_VALUED, Columns, iso
from flatbook.reports.missing import Missing
from flatbook.reports.schema import (
    BucketExposure,
    DeskExposure,
    Exposures,
    SlideGrid,
    SlideLadder,
    Slides,
    UnderlyingExposure,
)
from flatbook.reports.schema_parts import Capital, GapPnl

_NO_BOUND = "an option without a value has no largest value of this measure, or its underlying has no price"
_ANY_BOUND = "exposure.by_underlying[*].worst_case"
_NO_SUM = "does not add across underlyings"
_NO_DELTA = "the delta of an underlying is not known"
_NO_SCENARIO = "a scenario could not be revalued: a held series has neither value nor bound"


def exposures_of(cycle: Cycle, columns: Columns, missing: Missing) -> Exposures:
    """What the book risks; the underlying that takes most capital first, an unknown one before it."""
    names = cycle.table.underlyings
    underlyings = [_underlying(cycle, columns, missing, u) for u in range(len(names))]
    return Exposures(
        desk=_desk(cycle, columns, missing),
        by_underlying=tuple(sorted(underlyings, key=_capital_first)),
    )


def _capital_first(one: UnderlyingExposure) -> tuple[float, str]:
    required = one.capital.required_usd
    return (-math.inf if required is None else -required, one.underlying)


def slides_of(cycle: Cycle, missing: Missing) -> Slides:
    """The ladders, the desk's first."""
    return Slides(
        moves=tuple(cycle.slides.moves.tolist()),
        shifts_points=tuple(cycle.slides.shifts_points.tolist()),
        grids=_grids(cycle, cycle.slides, "slides.grids", missing),
        after_hedges=_grids(cycle, cycle.residual.slides, "slides.after_hedges", missing),
        ladders=tuple(_ladder(cycle, one, missing) for one in cycle.ladders),
    )


def _ladder(cycle: Cycle, one: Ladder, missing: Missing) -> SlideLadder:
    path = f"slides.ladders[{one.terms.name}]"
    grids = [("desk", one.desk), *zip(cycle.table.underlyings, one.by_underlying, strict=True)]
    return SlideLadder(
        name=one.terms.name,
        at=iso(one.at_ns) if one.at_ns else "",
        shift=one.terms.shift.value,
        moves_in="standard deviations" if one.terms.moves_deviations else "relative",
        moves=tuple(one.moves.tolist()),
        shifts_points=tuple(one.shifts_points.tolist()),
        grids=tuple(
            SlideGrid(
                scope=scope,
                pnl_usd=tuple(
                    tuple(missing.numbers(row, f"{path}.grids[{scope}]", one.reason or _NO_SCENARIO))
                    for row in grid
                ),
            )
            for scope, grid in grids
        ),
        reason=one.reason,
    )


def _grids(cycle: Cycle, ladders: Ladders, path: str, missing: Missing) -> tuple[SlideGrid, ...]:
    grids = [("desk", ladders.desk), *zip(cycle.table.underlyings, ladders.by_underlying, strict=True)]
    return tuple(
        SlideGrid(scope=scope, pnl_usd=grid_of(grid, f"{path}[{scope}].pnl_usd", missing))
        for scope, grid in grids
    )


def grid_of(grid: Floats, path: str, missing: Missing) -> tuple[tuple[float | None, ...], ...]:
    """A grid of P&L, float64[m, v], as rows."""
    return tuple(tuple(missing.numbers(row, path, _NO_SCENARIO)) for row in grid)


def _desk(cycle: Cycle, columns: Columns, missing: Missing) -> DeskExposure:
    exposure, gaps, path = cycle.exposure, cycle.gaps, "exposure.desk"
    index = cycle.desk.appetite.index
    no_index = "the desk has no index, or its index has no price" if index else "the desk has no index"
    return DeskExposure(
        measures=missing.measures(exposure.desk, f"{path}.measures", _NO_SUM),
        unvalued=columns.held_unvalued.size,
        worst_case=missing.measures(_desk_bound(cycle), f"{path}.worst_case", _NO_BOUND),
        index=index,
        beta_delta_usd=missing.number(
            float(exposure.beta_delta_usd.sum()), f"{path}.beta_delta_usd", _NO_DELTA
        ),
        beta_delta_shares=missing.number(exposure.beta_delta_shares, f"{path}.beta_delta_shares", no_index),
        gaps=_gaps(gaps.moves, gaps.desk, f"{path}.gaps", missing),
        gap_loss_usd=missing.number(gaps.worst_desk, f"{path}.gap_loss_usd", _NO_SCENARIO),
        capital_usd=missing.number(cycle.capital.desk, f"{path}.capital_usd", _NO_SCENARIO),
    )


def _desk_bound(cycle: Cycle) -> Floats:
    return np.asarray(cycle.exposure.bound.sum(axis=(0, 1)))


def _underlying(cycle: Cycle, columns: Columns, missing: Missing, u: int) -> UnderlyingExposure:
    exposure, gaps, name = cycle.exposure, cycle.gaps, cycle.table.underlyings[u]
    mine = columns.held[cycle.table.underlying_of[columns.held] == u]
    path = f"exposure.by_underlying[{name}]"
    return UnderlyingExposure(
        underlying=name,
        spot=missing.number(float(cycle.market.spot[u]), f"{path}.spot", "nobody quotes it"),
        measures=missing.measures(
            columns.known(exposure.by_underlying[u], mine), f"{path}.measures", NOTHING_VALUED
        ),
        unvalued=int((cycle.table.underlying_of[columns.held_unvalued] == u).sum()),
        worst_case=missing.measures(exposure.bound_of(u), _ANY_BOUND, _NO_BOUND),
        beta_delta_usd=missing.number(
            float(columns.known(exposure.beta_delta_usd[[u]], mine)[0]),
            f"{path}.beta_delta_usd",
            NOTHING_VALUED,
        ),
        buckets=_buckets(cycle, columns, missing, u, path),
        gaps=_gaps(gaps.moves, gaps.by_underlying[u], f"{path}.gaps", missing),
        gap_loss_usd=missing.number(float(gaps.worst_by_underlying[u]), f"{path}.gap_loss_usd", _NO_SCENARIO),
        capital=_capital(cycle, u, f"{path}.capital", missing),
    )


def _buckets(
    cycle: Cycle, columns: Columns, missing: Missing, u: int, path: str
) -> tuple[BucketExposure, ...]:
    """The buckets of one underlying in which something is held."""
    mine = columns.held[cycle.table.underlying_of[columns.held] == u]
    exposure = cycle.exposure
    return tuple(
        BucketExposure(
            bucket=BUCKET_NAMES[b],
            measures=missing.measures(
                columns.known(exposure.by_bucket[u, b], mine[exposure.row_bucket[mine] == b]),
                f"{path}.buckets[{BUCKET_NAMES[b]}].measures",
                NOTHING_VALUED,
            ),
            worst_case=missing.measures(
                exposure.bound[u, b], "exposure.by_underlying[*].buckets[*].worst_case", _NO_BOUND
            ),
        )
        for b in np.unique(exposure.row_bucket[mine]).tolist()
    )


def _gaps(moves: Floats, pnl: Floats, path: str, missing: Missing) -> tuple[GapPnl, ...]:
    return tuple(
        GapPnl(move=move, pnl_usd=value)
        for move, value in zip(moves.tolist(), missing.numbers(pnl, path, _NO_SCENARIO), strict=True)
    )


def _capital(cycle: Cycle, u: int, path: str, missing: Missing) -> Capital:
    capital = cycle.capital
    return Capital(
        required_usd=missing.number(float(capital.by_underlying[u]), f"{path}.required_usd", _NO_SCENARIO),
        minimum_usd=float(capital.minimum_by_underlying[u]),
        worst_move=missing.number(
            float(capital.worst_move[u]),
            f"{path}.worst_move",
            "no move decides: the minimum per contract does, or nothing is held, or a scenario is unknown",
        ),
        scenarios=_gaps(capital.moves[u], capital.pnl[u], f"{path}.scenarios", missing),
    )
