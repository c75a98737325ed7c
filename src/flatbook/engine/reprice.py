"""The faster of two speeds: a cycle on the surfaces, factors, covariance, capital points and value function of the last one that fitted them.

What is kept is what does not depend on the book or moves slowly; exposures, limits, hedges and quotes are of the moment. Underlyings of
which neither a quote nor a price nor a fill came since the last cycle keep the values of their series (`MarketView.valued_ns` says
since when). Holds: nothing here looks at anything but the state, so a journal of either speed replays alike.

A cycle that was asked to reprice fits all the same where what is kept is of another world: none is kept; the table, desk, limits, overrides, rates,
dividends, sessions, histories or a call of a fast market changed; an expiry, ex-date, event, open or close has passed, or time ran
backwards; a price came where the fit had none, or went; a market became fast by its signs, or calm.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.kept import Kept
from flatbook.engine.measure import Basis
from flatbook.engine.reported import NOTHING_REPORTED
from flatbook.engine.state import State
from flatbook.exposure.factors import with_values
from flatbook.exposure.minimum_variance import coefficients_of, with_minimum_variance
from flatbook.exposure.slide_cells import Cells
from flatbook.exposure.slides import main_cells
from flatbook.limits.drawdown import Day
from flatbook.limits.measured import Activity
from flatbook.margin.capital import points_of
from flatbook.market.reprice import futures_of, moved_underlyings, repriced_view, spots_of
from flatbook.market.view import MarketView
from flatbook.model.table import Bools, Floats, Ints
from flatbook.quoting.conditions import Conditions
from flatbook.valuation.spot_vol import Dynamics, vol_moves
from flatbook.valuation.values import Values, merged, value

_NEVER_NS = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moved:
    """A market repriced, and whose rows are new."""

    market: MarketView
    values: Values
    rows: Bools  # bool[n_rows]: of underlyings that moved


def keep(state: State, cycle: Cycle) -> Kept:
    """What the next cycle may build on, once `cycle` is decided."""
    before = state.kept
    if not cycle.refit and before is not None:
        return replace(before, last=cycle, quoted_ns=state.market.quoted_ns.copy())
    return Kept(
        fitted=cycle,
        last=cycle,
        quoted_ns=state.market.quoted_ns.copy(),
        told=_told(state),
        until_ns=min(_instants(state, cycle), default=_NEVER_NS),
    )


def usable(state: State, now_ns: int) -> Kept | None:
    """What is kept, where a cycle at `now_ns` can build on it."""
    kept = state.kept
    if kept is None or not kept.last.now_ns <= now_ns < kept.until_ns or kept.fitted.table is not state.table:
        return None
    if not all(now is then or now == then for now, then in zip(_told(state), kept.told, strict=True)):
        return None
    fitted = kept.fitted.market
    same = np.isfinite(spots_of(state.market, state.table)) == np.isfinite(fitted.spot)
    futures = np.isfinite(futures_of(state.market, state.table)) == np.isfinite(fitted.slice_future)
    return kept if same.all() and futures.all() else None


def moved_market(state: State, kept: Kept, now_ns: int, quantity: Ints) -> Moved:
    """The market and the values of all series, of underlyings that moved anew.

    Parameters
    ----------
    state : State
    kept : Kept
        As `usable` tells.
    now_ns : int
    quantity : int64[n_rows]
        The book: an underlying in which it changed is valued anew.
    """
    before, table = kept.last, kept.last.table
    moved = moved_underlyings(state.market, before.market, kept.quoted_ns)
    moved[table.underlying_of[quantity != before.held.quantity]] = True
    dynamics = kept.fitted.values.dynamics
    vol = _vols(kept, dynamics, spots_of(state.market, table), moved)
    market = repriced_view(state.market, kept.fitted.market, before.market, now_ns, moved, vol)
    rows = moved[table.underlying_of]
    fresh = value(market, dynamics, rows)
    fresh = with_minimum_variance(fresh, market, coefficients_of(kept.fitted.desk, table.underlyings))
    return Moved(market=market, values=merged(before.values, fresh, rows), rows=rows)


def still_as_fast(kept: Kept, conditions: Conditions) -> bool:
    """Whether the same markets are fast as in the last cycle."""
    return _fast(kept.last.conditions) == _fast(conditions)


def repriced_basis(
    kept: Kept,
    moved: Moved,
    rows: Ints,
    *,
    activity: Mapping[str, Activity],
    day: Day,
    fast_market: Mapping[str, str],
) -> Basis:
    """What any book of `rows`, int64[k], is measured on; other parameters as for `engine.measure.basis_of`."""
    before, values, market = kept.last.basis, moved.values, moved.market
    points = before.capital_points
    if not _among(points.rows, values.price.size)[rows].all():
        points = points_of(rows, values, market, before.capital_terms)
    return replace(
        before,
        values=values,
        market=market,
        cells=_cells(before.cells, rows, moved),
        factors=with_values(kept.fitted.basis.factors, values, market.table),
        capital_points=points,
        reported=NOTHING_REPORTED,
        activity=activity,
        day=day,
        fast_market=fast_market,
    )


def _cells(before: Cells, rows: Ints, moved: Moved) -> Cells:
    """The cells of `rows`: anew of underlyings that moved and of rows that had none."""
    known = _among(before.rows, moved.rows.size)[rows] & ~moved.rows[rows]
    if not known.any():
        return main_cells(rows, moved.values, moved.market)
    fresh = main_cells(rows[~known], moved.values, moved.market)
    pnl = np.empty((rows.size, *before.pnl.shape[1:]))
    at = before.at(rows[known])
    pnl[known], pnl[~known] = before.pnl[at], fresh.pnl
    places = dict(zip(at.tolist(), np.flatnonzero(known).tolist(), strict=True))
    others = np.flatnonzero(~known).tolist()
    worst = {places[place]: lost for place, lost in before.worst.items() if place in places}
    worst |= {others[place]: lost for place, lost in fresh.worst.items()}
    return replace(before, rows=rows, pnl=pnl, worst=worst)


def _among(rows: Ints, size: int) -> Bools:
    """Which rows of a table of that size are among some, bool[size]."""
    out = np.zeros(size, dtype=np.bool_)
    out[rows] = True
    return out


def _vols(kept: Kept, dynamics: Dynamics, spot: Floats, moved: Bools) -> Floats:
    """Volatility of every row: that of the fit, moved as the surface does when spot moves; of others as in the last cycle."""
    fitted, table = kept.fitted.market, kept.last.table
    out = kept.last.market.vol.copy()
    with np.errstate(invalid="ignore"):
        moves = spot / fitted.spot - 1.0
    for u in np.flatnonzero(moved).tolist():
        rows = np.flatnonzero((table.underlying_of == u) & table.is_option)
        followed = vol_moves(fitted, dynamics, rows, moves[u : u + 1])[:, 0]
        out[rows] = fitted.vol[rows] + followed
    return out


def _told(state: State) -> tuple[Any, ...]:
    """What the fit reads beside quotes, prices and the book."""
    limits, market, quoting = state.limits, state.market, state.quoting
    return (
        state.desk,
        limits.limits,
        dict(limits.overrides),
        dict(limits.fast_market),
        dict(quoting.by_hand),
        dict(quoting.told),
        dict(market.rates),
        dict(market.dividends),
        dict(market.sessions),
        dict(market.history),
    )


def _instants(state: State, cycle: Cycle) -> Iterator[int]:
    """Instants after the cycle at which its fit is of another world."""
    now_ns, market = cycle.now_ns, state.market
    yield from (key.expiry_ns for key in cycle.table.slices if key.expiry_ns > now_ns)
    for paid in market.dividends.values():
        yield from (ex_ns for ex_ns in paid.ex_ns if ex_ns > now_ns)
    yield from (move.at_ns for move in cycle.market.term.events if move.at_ns > now_ns)
    yield from (at_ns for _, _, at_ns in market.event_days if at_ns > now_ns)
    for sessions in {id(told): told for told in market.sessions.values()}.values():
        for edges in (sessions.open_ns, sessions.close_ns):
            yield from edges[bisect_right(edges, now_ns) :][:1]


def _fast(conditions: Conditions) -> frozenset[str]:
    return frozenset() if conditions.fast is None else frozenset(conditions.fast.why())
