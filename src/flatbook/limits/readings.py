"""What each limit measure reads of the book: its value, and what one contract bought adds to it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flatbook.exposure.aggregate import Exposure
from flatbook.exposure.slides import Gaps
from flatbook.margin.haircut import Capital
from flatbook.market.view import MarketView
from flatbook.model.measures import BUCKET_NAMES, Measure
from flatbook.model.parameters import Desk, Limit, LimitMeasure
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.valuation.revalue import revalue
from flatbook.valuation.values import Values, at_fixed_vol

_GREEK = {
    LimitMeasure.DELTA_USD: Measure.DELTA_USD,
    LimitMeasure.GAMMA_USD_PER_PCT: Measure.GAMMA_USD_PER_PCT,
    LimitMeasure.VEGA_USD_PER_POINT: Measure.VEGA_USD_PER_POINT,
}
_NO_SHIFT = np.zeros(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that limits read."""

    exposure: Exposure
    gaps: Gaps
    capital: Capital
    values: Values
    market: MarketView
    desk: Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A limit's value before it is held against the limit.

    Where `signed`, the limit bounds |value| and both directions can breach; otherwise the value is a loss or a share that
    only grows upward.
    """

    value: float
    per_contract: Floats  # [n_rows] change of the value for one contract bought
    signed: bool
    linear: bool = True  # more contracts change it in proportion, so that headroom is a number of contracts
    unvalued: float = 0.0  # worst case of held series without a value, added to the magnitude
    both_sides: bool = False  # no trade changes it: it strains whatever we would do in its scope
    blind: bool = False  # held series without a value are in it, in a direction nobody knows
    where: str = ""
    by_row: Floats | None = None  # [n_rows] signed, where each row has a value of its own


def read(measured: Measured, limit: Limit) -> Reading:
    """What `limit` reads."""
    table = measured.market.table
    if limit.underlying and limit.underlying not in table.underlyings:
        return Reading(value=0.0, per_contract=np.zeros(len(table.instruments)), signed=False)
    return _READERS.get(limit.measure, _greek)(measured, limit)


def scope(table: InstrumentTable, limit: Limit) -> Bools:
    """Rows that a limit bounds, bool[n_rows]."""
    inside = np.ones(len(table.instruments), dtype=np.bool_)
    if limit.underlying:
        names = table.underlyings
        inside &= table.underlying_of == (names.index(limit.underlying) if limit.underlying in names else -1)
    if limit.option_class:
        inside &= np.array(
            [item.option_class == limit.option_class for item in table.instruments], dtype=np.bool_
        )
    return inside


def _underlyings(table: InstrumentTable, limit: Limit) -> Ints:
    """Indices of the underlyings in scope."""
    if limit.underlying:
        return np.array([table.underlyings.index(limit.underlying)])
    return np.arange(len(table.underlyings))


def _blind(measured: Measured, inside: Bools) -> bool:
    return any(inside[row] for row in measured.exposure.unvalued)


def _series(measured: Measured, limit: Limit) -> Reading:
    table = measured.market.table
    inside = scope(table, limit) & table.is_option
    held = np.where(inside, measured.exposure.quantity, 0).astype(np.float64)
    worst = int(np.argmax(np.abs(held))) if held.size else -1
    return Reading(
        value=float(held[worst]) if worst >= 0 else 0.0,
        per_contract=inside.astype(np.float64),
        signed=True,
        where=table.instruments[worst].symbol if worst >= 0 and held[worst] else "",
        by_row=held,
    )


def _class(measured: Measured, limit: Limit) -> Reading:
    inside = scope(measured.market.table, limit) & measured.market.table.is_option
    net = float(measured.exposure.quantity[inside].sum())
    return Reading(value=net, per_contract=inside.astype(np.float64), signed=True, where=limit.option_class)


def _greek(measured: Measured, limit: Limit) -> Reading:
    measure, exposure, table = _GREEK[limit.measure], measured.exposure, measured.market.table
    chosen = _underlyings(table, limit)
    totals, bounds = exposure.by_bucket[chosen][:, :, measure], exposure.bound[chosen][:, :, measure]
    inside = scope(table, limit)
    if limit.bucket:
        b = BUCKET_NAMES.index(limit.bucket)
        totals, bounds = totals[:, b], bounds[:, b]
        inside &= exposure.row_bucket == b
    return Reading(
        value=float(totals.sum()),
        per_contract=np.where(inside, np.nan_to_num(measured.values.greeks[:, measure]), 0.0),
        signed=True,
        unvalued=float(bounds.sum()),
        blind=bool(bounds.sum() > 0.0),
    )


def _concentration(measured: Measured, limit: Limit) -> Reading:
    """Share of gross vega in the largest expiry, in percent; a flat book is not concentrated."""
    table, exposure = measured.market.table, measured.exposure
    inside = scope(table, limit) & table.is_option
    nothing = np.zeros(inside.size)
    if _blind(measured, inside):
        return Reading(value=float("nan"), per_contract=nothing, signed=False, linear=False, blind=True)
    slices = np.unique(table.slice_of[inside])
    by_slice = exposure.by_slice[slices, Measure.VEGA_USD_PER_POINT]
    total = float(np.abs(by_slice).sum())
    if not total > limit.floor_usd_per_point:
        return Reading(value=0.0, per_contract=nothing, signed=False, linear=False)
    top = int(slices[np.argmax(np.abs(by_slice))])
    share = float(np.abs(by_slice).max()) / total
    direction = np.zeros(len(table.slices))
    direction[slices] = np.sign(by_slice)
    vega = np.nan_to_num(measured.values.greeks[:, Measure.VEGA_USD_PER_POINT]) * direction[table.slice_of]
    slope = 100.0 / total * np.where(table.slice_of == top, 1.0 - share, -share) * vega
    key = table.slices[top]
    return Reading(
        value=100.0 * share,
        per_contract=np.where(inside, slope, 0.0),
        signed=False,
        linear=False,
        where=f"{key.option_class} expiry {np.datetime64(key.expiry_ns, 'ns').astype('datetime64[D]')}",
    )


def _gap(measured: Measured, limit: Limit) -> Reading:
    table, gaps = measured.market.table, measured.gaps
    pnl = gaps.by_underlying[_underlyings(table, limit)].sum(axis=0)
    loss = float(np.maximum(-pnl, 0.0).max())
    move = float(gaps.moves[int(np.argmin(pnl))])
    inside = scope(table, limit)
    return Reading(
        value=loss,
        per_contract=_loss_of_one(measured, measured.values, inside, move)
        if loss > 0.0
        else np.zeros(inside.size),
        signed=False,
        blind=_blind(measured, inside),
        where=f"{move:+.0%}" if loss > 0.0 else "",
    )


def _capital(measured: Measured, limit: Limit) -> Reading:
    """The sum of each underlying's own worst; where the minimum binds, a contract more or less is one minimum."""
    table, capital = measured.market.table, measured.capital
    chosen = _underlyings(table, limit)
    inside = scope(table, limit)
    slope = np.zeros(inside.size)
    for u in chosen:
        mine = inside & (table.underlying_of == u)
        if np.isfinite(capital.worst_move[u]):
            slope += _loss_of_one(
                measured, at_fixed_vol(measured.values, measured.market), mine, float(capital.worst_move[u])
            )
        else:
            rate = measured.desk.terms_of(table.underlyings[u]).capital_minimum_usd
            slope += np.where(
                mine & table.is_option, np.sign(measured.exposure.quantity) * table.multiplier * rate, 0.0
            )
    moves = capital.worst_move[chosen]
    return Reading(
        value=float(capital.by_underlying[chosen].sum()),
        per_contract=slope,
        signed=False,
        blind=_blind(measured, inside),
        where=f"{moves[0]:+.1%}" if moves.size == 1 and np.isfinite(moves[0]) else "",
    )


def _unusable(measured: Measured, limit: Limit) -> Reading:
    """Percent of live series without a usable quote, in the worst class in scope; a class without live series has none."""
    table, health = measured.market.table, measured.market.health
    inside = scope(table, limit) & table.is_option
    unusable = np.where(health.n_live > 0, 100.0 * (1.0 - health.usable_share), 0.0)
    by_row = np.where(inside, np.append(unusable, 0.0)[table.class_of], 0.0)
    worst = int(np.argmax(by_row)) if inside.any() else -1
    return Reading(
        value=float(by_row[worst]) if worst >= 0 else 0.0,
        per_contract=np.zeros(inside.size),
        signed=False,
        linear=False,
        both_sides=True,
        where=table.instruments[worst].option_class if worst >= 0 else "",
        by_row=by_row,
    )


def _loss_of_one(measured: Measured, values: Values, inside: Bools, move: float) -> Floats:
    """Loss at `move` of one contract bought, by row; 0 outside."""
    rows = np.flatnonzero(inside)
    pnl = revalue(measured.market, values, rows, np.array([move]), _NO_SHIFT)[:, 0, 0]
    out = np.zeros(inside.size)
    out[rows] = -np.nan_to_num(pnl)
    return out


_READERS: dict[LimitMeasure, Callable[[Measured, Limit], Reading]] = {
    LimitMeasure.SERIES_CONTRACTS: _series,
    LimitMeasure.CLASS_CONTRACTS: _class,
    LimitMeasure.CONCENTRATION_PCT: _concentration,
    LimitMeasure.GAP_LOSS_USD: _gap,
    LimitMeasure.CAPITAL_USD: _capital,
    LimitMeasure.UNUSABLE_QUOTES_PCT: _unusable,
}
