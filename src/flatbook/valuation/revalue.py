"""Full revaluation under moves of spot, shifts of volatility and time: P&L per contract, never a Taylor expansion.

The volatility of each series follows spot by the dynamics of its underlying (`spot_vol`; unchanged under sticky strike) and is
shifted in points; forwards move in proportion to spot and cash dividends stay in cash. A coin-settled P&L arises in coin and
counts at the moved index. Time passes at unchanged spot by the conventions of `chain_class`.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.kernels.grouped_sums import scale_gain
from flatbook.market.view import MarketView
from flatbook.model.instruments import Kind
from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.chain import Prepared, aged, prepare, refreshed, reprice_into
from flatbook.valuation.chain_class import VOL_FLOOR, Executor
from flatbook.valuation.chain_dividends import GridPart
from flatbook.valuation.market_class import classes_of
from flatbook.valuation.spot_vol import vol_moves
from flatbook.valuation.values import Values

_NOW = np.zeros(1)
_STILL = np.zeros(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Options with their engines chosen and their tables built, for many revaluations."""

    rows: Ints  # int64[k]: options of the table that have a value, ascending
    parts: tuple[tuple[Ints, Prepared], ...]  # which of `rows`, and their engines


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scenario:
    """What happens to n options."""

    moves: Floats
    shifts: Floats  # decimal
    followed: Floats  # [n, m]: what each volatility does by itself where spot moves
    weight: Floats  # [n]: the share of a shift that each volatility takes
    years_later: float

    def of(self, some: Ints) -> "_Scenario":
        """The same for some of them."""
        return replace(self, followed=self.followed[some], weight=self.weight[some])

    def vols(self, vol: Floats) -> Floats:
        """The volatility of each option in each cell, float64[n, m, v]."""
        at_move = _floored(np.repeat(vol, self.moves.size), self.followed.reshape(-1))
        shifts = self.weight[:, None, None] * self.shifts
        return np.asarray(_floored(at_move.reshape(vol.size, -1, 1), shifts))


def make_ready(market: MarketView, values: Values, rows: Ints, cells: int) -> Ready:
    """Choose engines for the valued options among `rows`, each to be priced `cells` times or more."""
    options = rows[valued(values, rows) & market.table.is_option[rows]]
    parts = tuple(
        (np.searchsorted(options, some), prepare(option_class, tolerance=tolerance, uses=float(cells)))
        for some, option_class, tolerance in classes_of(market, options)
    )
    return Ready(rows=options, parts=parts)


def renewed(ready: Ready, market: MarketView, values: Values) -> Ready:
    """The same options in another view of the same table; tables stay where rates, yields and times have stayed."""
    uses = int(ready.parts[0][1].demand.uses) if ready.parts else 0
    classes = list(classes_of(market, ready.rows)) if ready.rows.size else []
    places = [np.searchsorted(ready.rows, some) for some, _, _ in classes]
    same = len(places) == len(ready.parts) and all(
        np.array_equal(place, old) for place, (old, _) in zip(places, ready.parts, strict=True)
    )
    if not (same and valued(values, ready.rows).all()):
        return make_ready(market, values, ready.rows, uses)
    parts = (
        (at, refreshed(prepared, option_class))
        for (at, prepared), (_, option_class, _) in zip(ready.parts, classes, strict=True)
    )
    return Ready(rows=ready.rows, parts=tuple(parts))


def revalue(
    market: MarketView,
    values: Values,
    rows: Ints,
    moves: Floats,
    shifts_points: Floats,
    *,
    years_later: float = 0.0,
    shift_weight: Floats | None = None,
    followed: Floats | None = None,
    ready: Ready | None = None,
    executor: Executor | None = None,
    out: Floats | None = None,
) -> Floats:
    """P&L of one contract of each row, in USD, from `market` and `values`.

    Parameters
    ----------
    rows : int64[n]
        Ascending, each once.
    moves : float64[m]
        Relative, of spot.
    shifts_points : float64[v]
        Added to each series' volatility where the move takes it, in points of 0.01.
    years_later : float
        Calendar years that pass beside; an option that expires on the way is worth its exercise.
    shift_weight : float64[n_rows], optional
        Of each row of the table: the share of a shift that its volatility takes. Otherwise 1 for all.
    followed : float64[n, m], optional
        What the volatility of each of `rows` does by itself at each move, decimal; as the dynamics say otherwise.
    ready : Ready, optional
        Of this market, and of exactly the options among `rows`.
    executor : Executor, optional
        Runs parts of the rows at once.
    out : float64[n, m, v], optional
        Written and returned where all rows are options of one class; a new array otherwise.

    Returns
    -------
    float64[n, m, v]
        Exactly 0 where nothing moves and no time passes; NaN where a row has no value.
    """
    known, is_option = valued(values, rows), market.table.is_option[rows]
    options = np.flatnonzero(known & is_option)
    some = rows[options]
    scenario = _Scenario(
        moves=moves,
        shifts=shifts_points / 100.0,
        followed=vol_moves(market, values.dynamics, some, moves) if followed is None else followed[options],
        weight=shift_weight[some] if shift_weight is not None else np.ones(some.size),
        years_later=years_later,
    )
    pnl = _options(market, values, some, ready, scenario, executor, out)
    if some.size == rows.size:
        return pnl
    whole = np.full((rows.size, moves.size, shifts_points.size), np.nan)
    whole[options] = pnl
    straight = np.flatnonzero(known & ~is_option)
    whole[straight] = _linear(market, values, rows[straight], moves)[:, :, None]
    return whole


def valued(values: Values, rows: Ints) -> Bools:
    """Which rows have a value."""
    if not values.reasons:
        return np.ones(rows.size, dtype=np.bool_)
    without = np.fromiter(values.reasons, dtype=np.int64, count=len(values.reasons))
    return ~np.isin(rows, without)


def _options(
    market: MarketView,
    values: Values,
    rows: Ints,
    ready: Ready | None,
    scenario: _Scenario,
    executor: Executor | None,
    out: Floats | None,
) -> Floats:
    """P&L of option rows: every cell against the cell where nothing moves, by one engine."""
    table, cells = market.table, (scenario.moves.size + 1) * (scenario.shifts.size + 1)
    if not rows.size:
        return np.empty((0, scenario.moves.size, scenario.shifts.size))
    ready = ready or make_ready(market, values, rows, cells)
    assert np.array_equal(ready.rows, rows), "made ready for other rows"
    if len(ready.parts) == 1:
        pnl, base = _at_time(ready.parts[0][1], scenario, executor, out)
    else:
        pnl, base = np.empty((rows.size, scenario.moves.size, scenario.shifts.size)), np.empty(rows.size)
        for at, prepared in ready.parts:
            pnl[at], base[at] = _at_time(prepared, scenario.of(at), executor)
    inverse = table.inverse[rows]
    if inverse.any():  # a coin premium moves with the coin
        pnl[inverse] -= base[inverse, None, None] * scenario.moves[:, None]
    scale = np.where(inverse, values.spot[rows] / market.unit[rows], 1.0) * table.multiplier[rows]
    scale_gain(pnl.reshape(rows.size, -1), base, scale)
    return pnl


def _at_time(
    prepared: Prepared, scenario: _Scenario, executor: Executor | None, out: Floats | None = None
) -> tuple[Floats, Floats]:
    """Prices of every cell, float64[n, m, v], and where nothing moves and no time passes, float64[n]."""
    if scenario.years_later == 0.0:
        return _cells(prepared, scenario, executor, out)
    later = prepare(
        aged(prepared.option_class, scenario.years_later),
        tolerance=prepared.demand.tolerance,
        uses=prepared.demand.uses,
    )
    still = replace(
        scenario, moves=_STILL, shifts=_STILL, followed=np.zeros((scenario.weight.size, 1)), years_later=0.0
    )
    return _cells(later, scenario, executor)[0], _cells(prepared, still, executor)[1]


def _cells(
    prepared: Prepared, scenario: _Scenario, executor: Executor | None, out: Floats | None = None
) -> tuple[Floats, Floats]:
    """`_at_time` of options that do not age."""
    moves, shifts, followed = scenario.moves, scenario.shifts, scenario.followed
    plain, follows = bool((scenario.weight == 1.0).all()), bool(followed.any())
    grids = [part for part in prepared.parts if isinstance(part, GridPart)]
    if len(grids) == len(prepared.parts) and (follows or not plain):
        return _grid_cells(grids, scenario)
    vol = prepared.option_class.vol
    if out is None or out.shape != (vol.size, moves.size, shifts.size):
        out = np.empty((vol.size, moves.size, shifts.size))
    unmoved = np.flatnonzero(moves == 0.0)[:1], np.flatnonzero(shifts == 0.0)[:1]
    if plain and unmoved[0].size and unmoved[1].size and not follows:
        reprice_into(prepared, moves, shifts, _NOW, out[:, :, :, None], executor)
        return out, out[:, unmoved[0][0], unmoved[1][0]].copy()
    still = np.flatnonzero((followed == 0.0).all(axis=0)) if plain else np.empty(0, dtype=np.int64)
    grid = (
        np.append(moves[still], 0.0),
        np.append(shifts if plain else _STILL, 0.0),
    )  # for all of them: the still cell is exactly 0
    cells = np.empty((vol.size, grid[0].size, grid[1].size, 1))
    reprice_into(prepared, *grid, _NOW, cells, executor)
    out[:, still] = cells[:, :-1, :-1, 0]
    base = cells[:, -1, -1, 0]
    if plain:
        for m in np.setdiff1d(np.arange(moves.size), still).tolist():
            out[:, m] = _one_vol(prepared, _floored(vol, followed[:, m]), moves[m : m + 1], shifts)[:, 0]
        return out, base
    vols, by_move = scenario.vols(vol), follows
    for v in range(shifts.size):
        for m in range(moves.size) if by_move else (slice(None),):
            which = slice(m, m + 1) if isinstance(m, int) else m
            out[:, which, v] = _one_vol(prepared, vols[:, which, v][:, 0], moves[which], _STILL)[:, :, 0]
    return out, base


def _one_vol(prepared: Prepared, vol: Floats, moves: Floats, shifts: Floats) -> Floats:
    """Prices with another volatility for each option, float64[n, m, v]."""
    one = refreshed(prepared, replace(prepared.option_class, vol=vol))
    cells = np.empty((vol.size, moves.size, shifts.size, 1))
    reprice_into(one, moves, shifts, _NOW, cells)
    return np.asarray(cells[:, :, :, 0])


def _grid_cells(grids: list[GridPart], scenario: _Scenario) -> tuple[Floats, Floats]:
    """`_cells` of options with cash dividends: the still cell comes from the same grids as the others."""
    n = scenario.weight.size
    whole = replace(
        scenario,
        moves=np.append(scenario.moves, 0.0),
        shifts=np.append(scenario.shifts, 0.0),
        followed=np.column_stack((scenario.followed, np.zeros(n))),
    )
    cells = np.empty((n, whole.moves.size, whole.shifts.size))
    for part in grids:
        at = part.rows.at
        cells[at] = part.reprice_following(whole.moves, whole.of(at).vols(part.rows.vol))
    return cells[:, :-1, :-1], cells[:, -1, -1]


def _floored(vol: Floats, change: Floats) -> Floats:
    """A volatility after a change, no lower than the floor, or than itself where it was lower."""
    return np.asarray(np.maximum(vol + change, np.minimum(vol, VOL_FLOOR)))


def _linear(market: MarketView, values: Values, rows: Ints, moves: Floats) -> Floats:
    """Futures and shares move by beta, float64[k, m]; a coin-settled future is linear in USD at the moved index."""
    out = np.empty((rows.size, moves.size))
    for at, row in enumerate(rows.tolist()):
        item = market.table.instruments[row]
        assert item.kind is not Kind.OPTION, f"{item.symbol} is an option"
        notional = item.multiplier * (
            values.spot[row] / values.price[row] if market.table.inverse[row] else values.price[row]
        )
        out[at] = notional * item.beta * moves
    return out
