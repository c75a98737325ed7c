"""The book along its axes and its deltas side by side: from the rooms' columns to rows of the report."""

from dataclasses import replace
from math import inf

import numpy as np

from flatbook.book.view import Holdings
from flatbook.engine.cycle import Cycle
from flatbook.engine.measure import reaching
from flatbook.exposure.beta_weighted import BetaWeighted, beta_weighted
from flatbook.exposure.coin import CoinExposure, CoinMeasure, coin_exposure
from flatbook.exposure.grouping import Axis, Totals, bounds, grouping, total
from flatbook.exposure.reference_vol import reference_vols
from flatbook.exposure.slide_cells import Cells, pnl_by_groups
from flatbook.exposure.slides import GAP_MOVES
from flatbook.model.measures import MEANINGS, Measure
from flatbook.model.table import Floats
from flatbook.reports.columns import NOTHING_VALUED, Columns
from flatbook.reports.missing import Missing
from flatbook.reports.schema_parts import Number
from flatbook.reports.schema_risk import (
    CoinRow,
    DeltaRow,
    Deltas,
    GroupAxis,
    GroupBound,
    GroupMeasures,
    GroupRow,
    Groups,
)

GAP_DOWN_MOVE, GAP_UP_MOVE = -0.10, 0.10
HULL_WHITE = "Hull and White, configured"
SMILE_DELTA = "the smile delta: no coefficients are configured"
THE_INDEX = "it is the index"
UNNAMED = "(none)"

_AXES = (
    Axis.CLASS, Axis.UNDERLYING, Axis.BUCKET, Axis.EXPIRY, Axis.DELTA, Axis.DEVIATIONS, Axis.STRATEGY, Axis.ACCOUNT,
)  # fmt: skip
_IN_ORDER = frozenset({Axis.BUCKET, Axis.EXPIRY, Axis.DELTA, Axis.DEVIATIONS})
_MEASURES = (
    Measure.VALUE_USD,
    Measure.DELTA_USD,
    Measure.GAMMA_USD_PER_PCT,
    Measure.VEGA_USD_PER_POINT,
    Measure.VEGA_WEIGHTED_USD_PER_POINT,
    Measure.THETA_USD_PER_DAY,
)
_BOUNDED = (
    Measure.DELTA_USD,
    Measure.GAMMA_USD_PER_PCT,
    Measure.VEGA_USD_PER_POINT,
    Measure.VEGA_WEIGHTED_USD_PER_POINT,
)
_NO_BOUND = "its underlying has no price"
_NO_SCENARIO = "a scenario could not be revalued: a held series has neither value nor bound"


def groups_of(cycle: Cycle, missing: Missing) -> Groups:
    """The book along every axis; strategies and accounts only where a fill names one."""
    holdings = cycle.book.holdings
    named = {Axis.STRATEGY: any(holdings.strategies), Axis.ACCOUNT: any(holdings.accounts)}
    cells = _gap_cells(reaching(cycle.basis, np.unique(holdings.row)).cells)
    return Groups(
        gap_down=GAP_DOWN_MOVE,
        gap_up=GAP_UP_MOVE,
        axes=tuple(_axis(cycle, cells, axis, missing) for axis in _AXES if named.get(axis, True)),
    )


def _gap_cells(cells: Cells) -> Cells:
    """The cells of the gap moves without a shift of volatility."""
    moves = np.searchsorted(cells.moves, GAP_MOVES)
    assert np.array_equal(cells.moves[moves], GAP_MOVES), "the slides hold every gap move"
    of = np.ix_(moves, np.flatnonzero(cells.shifts_points == 0.0))
    return replace(
        cells,
        moves=GAP_MOVES,
        shifts_points=np.zeros(1),
        pnl=np.ascontiguousarray(cells.pnl[:, of[0], of[1]]),
        worst={place: loss[of] for place, loss in cells.worst.items()},
    )


def _lines(axis: Axis, holdings: Holdings) -> Holdings:
    """Netted over whatever the axis does not tell apart, so that worst cases are those of net positions."""
    nothing = np.zeros_like(holdings.row)
    account = holdings.account if axis is Axis.ACCOUNT else nothing
    strategy = holdings.strategy if axis is Axis.STRATEGY else nothing
    keys, inverse = np.unique(np.column_stack((holdings.row, account, strategy)), axis=0, return_inverse=True)
    quantity = np.zeros(keys.shape[0], dtype=np.int64)
    np.add.at(quantity, inverse.ravel(), holdings.quantity)
    keys, quantity = keys[quantity != 0], quantity[quantity != 0]
    return replace(holdings, row=keys[:, 0], account=keys[:, 1], strategy=keys[:, 2], quantity=quantity)


def _axis(cycle: Cycle, cells: Cells, axis: Axis, missing: Missing) -> GroupAxis:
    lines = _lines(axis, cycle.book.holdings)
    groups = grouping(axis, lines, cycle.market)
    n, quantity = len(groups.labels), lines.quantity
    series = np.bincount(groups.of, minlength=n)
    per_row = cycle.values.greeks[:, _MEASURES]
    totals = total(groups, lines, per_row)
    valued = np.bincount(groups.of, np.isfinite(per_row[lines.row]).all(axis=1), n)
    known = np.where(valued[:, None] > 0, totals.known, np.nan)
    worst = bounds(groups, lines, cycle.values, cycle.market)[:, _BOUNDED]
    long = np.bincount(groups.of, np.maximum(quantity, 0), n).astype(np.int64)
    short = np.bincount(groups.of, np.maximum(-quantity, 0), n).astype(np.int64)
    (gaps,) = pnl_by_groups(groups.of[None], (n,), lines.row, quantity, cells)
    rows = [
        _group(
            groups.labels[g] or UNNAMED,
            f"groups.axes[{axis.value}].rows",
            (int(series[g]), int(long[g]), int(short[g])),
            Totals(known=known[g], unvalued=totals.unvalued[g]),
            worst[g],
            gaps[g, :, 0],
            missing,
        )
        for g in np.flatnonzero(series).tolist()
    ]
    ordered = (
        rows if axis in _IN_ORDER else sorted(rows, key=lambda row: first_largest(row.gap_loss_usd, row.name))
    )
    return GroupAxis(name=axis.value, rows=tuple(ordered))


def first_largest(size: Number, name: str) -> tuple[float, str]:
    """Sorts what is not known first, then the largest."""
    return (-inf if size is None else -abs(size), name)


def _group(
    name: str,
    path: str,
    contracts: tuple[int, int, int],
    totals: Totals,
    worst: Floats,
    gaps: Floats,
    missing: Missing,
) -> GroupRow:
    path = f"{path}[{name}]"
    series, long, short = contracts
    if np.isnan(totals.known).all():
        missing.note(f"{path}.measures", NOTHING_VALUED)
    told = [None if np.isnan(value) else value + 0.0 for value in totals.known.tolist()]

    def pnl(value: float, what: str) -> Number:
        """P&L of a gap."""
        return missing.number(float(value), f"{path}.{what}", _NO_SCENARIO)

    return GroupRow(
        name=name,
        series=series,
        net=long - short,
        long=long,
        short=short,
        measures=GroupMeasures(
            **{MEANINGS[measure].name: value for measure, value in zip(_MEASURES, told, strict=True)}
        ),
        gap_down_usd=pnl(gaps[GAP_MOVES == GAP_DOWN_MOVE][0], "gap_down_usd"),
        gap_up_usd=pnl(gaps[GAP_MOVES == GAP_UP_MOVE][0], "gap_up_usd"),
        gap_loss_usd=pnl(np.maximum(-gaps, 0.0).max(), "gap_loss_usd"),
        unvalued_contracts=int(totals.unvalued),
        worst_case=(_bound(worst, f"{path}.worst_case", missing),) if totals.unvalued else (),
    )


def _bound(worst: Floats, path: str, missing: Missing) -> GroupBound:
    return GroupBound(
        **{
            MEANINGS[measure].name: missing.number(value, path, _NO_BOUND)
            for measure, value in zip(_BOUNDED, worst.tolist(), strict=True)
        }
    )


def deltas_of(cycle: Cycle, columns: Columns, missing: Missing) -> Deltas:
    """Every delta of the desk and of each underlying that is held, and coin-settled contracts in their coin."""
    exposure, market = cycle.exposure, cycle.market
    told = beta_weighted(
        exposure.by_underlying[:, Measure.DELTA_USD], market, cycle.desk, reference_vols(market)
    )
    held = np.unique(cycle.table.underlying_of[columns.held]).tolist()
    rows = [_delta(cycle, columns, told, u, missing) for u in held]
    coin = coin_exposure(exposure.quantity, cycle.values, market)
    return Deltas(
        index=cycle.desk.appetite.index,
        over_days=cycle.desk.appetite.holding_days,
        rows=(
            _desk_delta(cycle, columns, told, missing),
            *sorted(rows, key=lambda row: first_largest(row.delta_usd, row.scope)),
        ),
        coin=tuple(_coin(cycle, coin, u, missing) for u in held if coin.coin[u]),
    )


def _delta(cycle: Cycle, columns: Columns, told: BetaWeighted, u: int, missing: Missing) -> DeltaRow:
    name, of = cycle.table.underlyings[u], cycle.table.underlying_of
    path, terms = f"deltas.rows[{name}]", cycle.desk.terms_of(name)
    mine = columns.held[of[columns.held] == u]
    index = cycle.desk.appetite.index
    at = cycle.table.underlyings.index(index) if index in cycle.table.underlyings else -1
    price = float(cycle.market.spot[at]) if at >= 0 else np.nan
    pair = columns.known(np.array([told.delta_usd[u], told.delta_usd[u] / price]), mine)
    unvalued = np.isnan(columns.known(np.zeros(1), mine)).any()
    alone = np.nan if unvalued else float(told.idiosyncratic_usd[u])
    why = NOTHING_VALUED if unvalued else told.reason[u] or "no volatility of it or of the index"
    return DeltaRow(
        scope=name,
        unvalued=int((of[columns.held_unvalued] == u).sum()),
        **_plain_deltas(columns.known(cycle.exposure.by_underlying[u], mine), path, NOTHING_VALUED, missing),
        min_variance_source=HULL_WHITE if terms.minimum_variance else SMILE_DELTA,
        beta=terms.beta,
        beta_delta_usd=missing.number(float(pair[0]), f"{path}.beta_delta_usd", NOTHING_VALUED),
        beta_delta_shares=missing.number(
            float(pair[1]), f"{path}.beta_delta_shares", _no_index(cycle) if at < 0 else NOTHING_VALUED
        ),
        idiosyncratic_usd=missing.number(alone, f"{path}.idiosyncratic_usd", why),
        idiosyncratic_source=THE_INDEX if u == at else told.source[u],
    )


def _desk_delta(cycle: Cycle, columns: Columns, told: BetaWeighted, missing: Missing) -> DeltaRow:
    path = "deltas.rows[desk]"
    missing.note(f"{path}.beta", "each underlying has its own")
    unknown = sorted({reason for reason in told.reason if reason}) or ["no underlying is listed"]
    return DeltaRow(
        scope="desk",
        unvalued=columns.held_unvalued.size,
        **_plain_deltas(cycle.exposure.desk, path, "does not add across underlyings", missing),
        min_variance_source="",
        beta=None,
        beta_delta_usd=missing.number(
            float(told.delta_usd.sum()), f"{path}.beta_delta_usd", "a delta is not known"
        ),
        beta_delta_shares=missing.number(told.index_shares, f"{path}.beta_delta_shares", _no_index(cycle)),
        idiosyncratic_usd=missing.number(
            told.idiosyncratic_desk_usd, f"{path}.idiosyncratic_usd", "; ".join(unknown)
        ),
        idiosyncratic_source="",
    )


def _no_index(cycle: Cycle) -> str:
    named = cycle.desk.appetite.index
    return "the desk has no index, or its index has no price" if named else "the desk has no index"


def _plain_deltas(values: Floats, path: str, reason: str, missing: Missing) -> dict[str, Number]:
    """The deltas of the table of measures."""
    wanted = (
        Measure.DELTA_SHARES, Measure.DELTA_SMILE_SHARES, Measure.DELTA_MIN_VARIANCE_SHARES,
        Measure.DELTA_USD, Measure.DELTA_SMILE_USD, Measure.DELTA_MIN_VARIANCE_USD,
    )  # fmt: skip
    names = ((measure, MEANINGS[measure].name) for measure in wanted)
    return {name: missing.number(float(values[measure]), f"{path}.{name}", reason) for measure, name in names}


def _coin(cycle: Cycle, told: CoinExposure, u: int, missing: Missing) -> CoinRow:
    table, quantity = cycle.table, cycle.exposure.quantity
    name = table.underlyings[u]
    mine = np.flatnonzero((quantity != 0) & table.inverse & (table.underlying_of == u))
    usd = cycle.exposure.by_row[mine]
    valued = np.isfinite(usd[:, Measure.DELTA_USD])
    nothing = mine.size > 0 and not valued.any()
    in_coin = np.full(len(CoinMeasure), np.nan) if nothing else told.known[u]
    in_usd = np.full(usd.shape[1], np.nan) if nothing else usd[valued].sum(axis=0)
    path = f"deltas.coin[{name}]"
    if nothing:
        missing.note(path, NOTHING_VALUED)
    numbers = {
        measure.name.lower(): missing.number(float(in_coin[measure]), path, NOTHING_VALUED)
        for measure in CoinMeasure
    }
    wanted = (m for m in _MEASURES if m is not Measure.VEGA_WEIGHTED_USD_PER_POINT)
    numbers |= {
        MEANINGS[measure].name: missing.number(float(in_usd[measure]), path, NOTHING_VALUED)
        for measure in wanted
    }
    return CoinRow(
        underlying=name,
        coin=told.coin[u],
        usd_per_coin=missing.number(
            float(told.usd_per_coin[u]), f"{path}.usd_per_coin", "nobody quotes the index"
        ),
        unvalued_contracts=int(told.unvalued[u]),
        **numbers,
    )
