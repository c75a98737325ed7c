"""What each limit measure reads of the book: its value, and what one contract bought adds to it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from flatbook.exposure.aggregate import reach, worst_case
from flatbook.limits.measured import Measured
from flatbook.limits.reading import Levels, Reading, nothing, signed_reading, sums, unknown
from flatbook.limits.readings_losses import (
    read_capital,
    read_class_share,
    read_gap,
    read_slide,
    read_underlying_share,
)
from flatbook.limits.readings_supplied import read_amount, read_margin, read_rate, read_skew
from flatbook.limits.scope import Scope, narrows, scope_of
from flatbook.model.instruments import Right
from flatbook.model.measures import BUCKET_NAMES, Measure
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.table import Floats, Ints

Reader = Callable[[Measured, Limit, Scope], Reading]

GREEKS: dict[LimitMeasure, Measure] = {
    LimitMeasure.DELTA_USD: Measure.DELTA_USD,
    LimitMeasure.GAMMA_USD_PER_PCT: Measure.GAMMA_USD_PER_PCT,
    LimitMeasure.VEGA_USD_PER_POINT: Measure.VEGA_USD_PER_POINT,
    LimitMeasure.VEGA_WEIGHTED_USD_PER_POINT: Measure.VEGA_WEIGHTED_USD_PER_POINT,
    LimitMeasure.THETA_USD_PER_DAY: Measure.THETA_USD_PER_DAY,
}
BY_ROW = frozenset(GREEKS) | {
    LimitMeasure.SERIES_CONTRACTS,
    LimitMeasure.CLASS_CONTRACTS,
    LimitMeasure.NET_CONTRACTS,
    LimitMeasure.GROSS_CONTRACTS,
    LimitMeasure.SAME_SIDE_CONTRACTS,
    LimitMeasure.CONCENTRATION_PCT,
    LimitMeasure.UNUSABLE_QUOTES_PCT,
}  # measures of less than whole underlyings, too
WITHOUT_PRICE = frozenset(
    {
        LimitMeasure.SERIES_CONTRACTS,
        LimitMeasure.CLASS_CONTRACTS,
        LimitMeasure.NET_CONTRACTS,
        LimitMeasure.GROSS_CONTRACTS,
        LimitMeasure.SAME_SIDE_CONTRACTS,
        LimitMeasure.UNUSABLE_QUOTES_PCT,
        LimitMeasure.ORDERS_PER_S,
        LimitMeasure.ORDERS_PER_MIN,
        LimitMeasure.FILLS_PER_S,
        LimitMeasure.FILLS_PER_MIN,
    }
)  # what no stale price can falsify


def read(measured: Measured, limit: Limit, scope: Scope | None = None) -> Reading:
    """What `limit` reads; `scope` where it is known already."""
    if scope is None:
        scope = scope_of(measured, limit)
    n_rows = scope.inside.size
    if scope.reason:
        return unknown(n_rows, scope.reason)
    if narrows(limit) and limit.measure not in BY_ROW:
        return unknown(n_rows, f"{limit.measure.value} is measured of whole underlyings alone")
    if not scope.underlyings.size:
        return nothing(n_rows)
    old = _old(measured, limit)
    if old:
        return unknown(n_rows, old)
    if not measured.supplied.stale_underlyings or limit.measure in WITHOUT_PRICE:
        return READERS[limit.measure](measured, limit, scope)
    return _with_stale_prices(measured, limit, scope)


def _old(measured: Measured, limit: Limit) -> str:
    """Why a measure from before this cycle is too old; empty where it is not."""
    at_ns = measured.supplied.measured_ns.get(limit.measure)
    age_s = 0.0 if at_ns is None else (measured.market.now_ns - at_ns) / 1e9
    if 0.0 <= age_s <= limit.stale_after_s:
        return ""
    return f"measured {age_s:,.0f} s ago, stale after {limit.stale_after_s:,.0f} s"


def _with_stale_prices(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    """What is held at a stale price is not measured; what is not held adds nobody knows how much."""
    table, stale = measured.market.table, measured.supplied.stale_underlyings
    for u in scope.underlyings.tolist():
        why = stale.get(table.underlyings[u])
        if why is not None and measured.exposure.quantity[table.underlying_of == u].any():
            return unknown(scope.inside.size, why)
    reading = READERS[limit.measure](measured, limit, scope)
    number = [u for u, name in enumerate(table.underlyings) if name in stale]
    one = np.where(scope.inside & np.isin(table.underlying_of, number), np.nan, reading.per_contract)
    return replace(reading, per_contract=one)


def _options_held(measured: Measured, scope: Scope) -> Floats:
    inside = scope.inside & measured.market.table.is_option
    return np.where(inside, measured.exposure.quantity, 0).astype(np.float64)


def _options(measured: Measured, scope: Scope) -> Floats:
    return (scope.inside & measured.market.table.is_option).astype(np.float64)


def _series(measured: Measured, _: Limit, scope: Scope) -> Reading:
    held = _options_held(measured, scope)
    worst = int(np.argmax(np.abs(held)))
    return Reading(
        value=float(held[worst]),
        per_contract=_options(measured, scope),
        signed=True,
        where=measured.market.table.instruments[worst].symbol if held[worst] else "",
        by_row=held,
    )


def _net(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    table = measured.market.table
    by_underlying = sums(table.underlying_of, _options_held(measured, scope), len(table.underlyings))
    return signed_reading(
        table,
        scope.underlyings,
        by_underlying[scope.underlyings],
        _options(measured, scope),
        where=limit.option_class,
    )


def _gross(measured: Measured, _: Limit, scope: Scope) -> Reading:
    held = _options_held(measured, scope)
    gross = float(np.abs(held).sum())
    opens = np.where(_options(measured, scope) > 0.0, 0, -1)
    return Reading(
        value=gross,
        per_contract=np.where(held < 0.0, -1.0, _options(measured, scope)),
        signed=False,
        levels=Levels(level=np.array([gross]), bought=opens, sold=opens),
    )


def _same_side(measured: Measured, _: Limit, scope: Scope) -> Reading:
    """The fuller side of the worst class: long calls and short puts, or long puts and short calls.

    Source: FINRA Rule 2360(b)(3); domain reference 2.4. Each series counts net.
    """
    table = measured.market.table
    rows = scope.rows[table.is_option[scope.rows]]
    n_rows, n_levels = scope.inside.size, 2 * len(table.classes)
    if not rows.size:
        return nothing(n_rows)
    bought, sold = np.full(n_rows, -1), np.full(n_rows, -1)
    bear = (table.sign[rows] == Right.PUT).astype(np.int64)  # what a contract bought opens
    of_class = table.class_of[rows]
    buys, sells = 2 * of_class + bear, 2 * of_class + 1 - bear
    bought[rows], sold[rows] = buys, sells
    held = measured.exposure.quantity[rows]
    level = sums(np.where(held >= 0, buys, sells), np.abs(held).astype(np.float64), n_levels)
    worst = int(np.argmax(level))
    by_row = np.zeros(n_rows)
    by_row[rows] = level.reshape(-1, 2).max(axis=1)[of_class]
    side = ("long calls and short puts", "long puts and short calls")[worst % 2]
    return Reading(
        value=float(level[worst]),
        per_contract=np.zeros(n_rows),
        signed=False,
        where=f"{table.classes[worst // 2]}, {side}" if level[worst] else "",
        by_row=by_row,
        levels=Levels(level=level, bought=bought, sold=sold),
    )


def _greek(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    measure, exposure, table = GREEKS[limit.measure], measured.exposure, measured.market.table
    chosen = scope.underlyings
    if limit.option_class or limit.series:
        totals, unvalued = _of_rows(measured, scope, measure)
    elif limit.bucket:
        b = BUCKET_NAMES.index(limit.bucket)
        totals, unvalued = exposure.by_bucket[chosen, b, measure], exposure.bound[chosen, b, measure].sum()
    else:
        totals = exposure.by_bucket[chosen, :, measure].sum(axis=1)
        unvalued = exposure.bound[chosen, :, measure].sum()
    one = np.zeros(scope.inside.size)
    one[scope.rows] = measured.values.greeks[scope.rows, measure]
    return signed_reading(table, chosen, totals, one, unvalued=float(unvalued))


def _of_rows(measured: Measured, scope: Scope, measure: Measure) -> tuple[Floats, float]:
    """Sums by underlying in scope, and the worst case of rows without a value."""
    exposure, values, table = measured.exposure, measured.values, measured.market.table
    rows, bound = scope.rows, 0.0
    held = exposure.by_row[rows, measure].copy()
    for where in np.flatnonzero(np.isin(rows, _unvalued(measured))).tolist():
        row = int(rows[where])
        held[where] = 0.0
        units = abs(int(exposure.quantity[row])) * reach(measured.market, values, row)
        bound += float(
            worst_case(units, float(values.spot[row]), float(measured.market.variance_years[row]))[measure]
        )
    totals = sums(table.underlying_of[rows], held, len(table.underlyings))
    return totals[scope.underlyings], bound


def _unvalued(measured: Measured) -> Ints:
    return np.fromiter(measured.exposure.unvalued, dtype=np.int64, count=len(measured.exposure.unvalued))


def _concentration(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    """Share of gross vega in the largest expiry, in percent; a flat book is not concentrated."""
    table, exposure = measured.market.table, measured.exposure
    rows = scope.rows[table.is_option[scope.rows]]
    n_rows = scope.inside.size
    none = np.zeros(n_rows)
    if np.isin(_unvalued(measured), rows).any():
        return Reading(value=float("nan"), per_contract=none, signed=False, linear=False, blind=True)
    by_slice = np.zeros(len(table.slices))
    if limit.bucket or limit.series:
        vega = exposure.by_row[rows, Measure.VEGA_USD_PER_POINT]
        by_slice = sums(table.slice_of[rows], vega, by_slice.size)
    else:
        mine = np.unique(table.slice_of[rows])
        by_slice[mine] = exposure.by_slice[mine, Measure.VEGA_USD_PER_POINT]
    size = np.abs(by_slice)
    total = float(size.sum())
    if total <= limit.floor_usd_per_point:
        return Reading(value=0.0, per_contract=none, signed=False, linear=False)
    top = int(np.argmax(size))
    share = float(size.max()) / total
    of_row = table.slice_of[rows]
    vega = measured.values.greeks[rows, Measure.VEGA_USD_PER_POINT] * np.sign(by_slice)[of_row]
    slope = np.zeros(n_rows)
    slope[rows] = 100.0 / total * np.where(of_row == top, 1.0 - share, -share) * vega
    key = table.slices[top]
    day = np.datetime64(key.expiry_ns, "ns").astype("datetime64[D]")
    return Reading(
        value=100.0 * share,
        per_contract=slope,
        signed=False,
        linear=False,
        where=f"{key.option_class} expiry {day}",
    )


def _unusable(measured: Measured, _: Limit, scope: Scope) -> Reading:
    """Percent of live series without a usable quote, in the worst class in scope; a class without live series has none."""
    table, health = measured.market.table, measured.market.health
    inside = scope.inside & table.is_option
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


READERS: dict[LimitMeasure, Reader] = {
    **dict.fromkeys(GREEKS, _greek),
    LimitMeasure.SERIES_CONTRACTS: _series,
    LimitMeasure.CLASS_CONTRACTS: _net,
    LimitMeasure.NET_CONTRACTS: _net,
    LimitMeasure.GROSS_CONTRACTS: _gross,
    LimitMeasure.SAME_SIDE_CONTRACTS: _same_side,
    LimitMeasure.CONCENTRATION_PCT: _concentration,
    LimitMeasure.UNUSABLE_QUOTES_PCT: _unusable,
    LimitMeasure.CLASS_SHARE_PCT: read_class_share,
    LimitMeasure.UNDERLYING_SHARE_PCT: read_underlying_share,
    LimitMeasure.GAP_LOSS_USD: read_gap,
    LimitMeasure.SLIDE_LOSS_USD: read_slide,
    LimitMeasure.CAPITAL_USD: read_capital,
    LimitMeasure.SKEW_USD_PER_POINT: read_skew,
    LimitMeasure.VAR_USD: read_amount,
    LimitMeasure.ES_USD: read_amount,
    LimitMeasure.DRAWDOWN_USD: read_amount,
    LimitMeasure.BASIS_DEVIATION_USD: read_amount,
    LimitMeasure.CAPITAL_DIFFERENCE_USD: read_amount,
    LimitMeasure.MARGIN_PCT: read_margin,
    LimitMeasure.ORDERS_PER_S: read_rate,
    LimitMeasure.ORDERS_PER_MIN: read_rate,
    LimitMeasure.FILLS_PER_S: read_rate,
    LimitMeasure.FILLS_PER_MIN: read_rate,
}
