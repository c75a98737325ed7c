"""Hold the book against its limits: utilisation, step, and what one more contract of each series would do to it.

Utilisation is |exposure| plus the worst case of what could not be valued, over `limit_hard`. Any NaN is a breach.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.exposure.aggregate import Exposure
from flatbook.exposure.slides import Gaps
from flatbook.limits.ladder import Step, step_of, steps_of
from flatbook.margin.haircut import Capital
from flatbook.market.view import MarketView
from flatbook.model.measures import BUCKET_NAMES, Measure
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.valuation.revalue import revalue
from flatbook.valuation.values import Values

_GREEK = {
    LimitMeasure.DELTA_USD: Measure.DELTA_USD,
    LimitMeasure.GAMMA_USD_PER_PCT: Measure.GAMMA_USD_PER_PCT,
    LimitMeasure.VEGA_USD_PER_POINT: Measure.VEGA_USD_PER_POINT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitStanding:
    """One limit: what it bounds, how much of it is used, and what follows."""

    limit: Limit
    value: float  # signed where the measure has a sign
    unvalued: float  # worst case of series without a value, added to the magnitude
    utilisation: float
    step: Step
    where: str  # the series, expiry or move that decides, where there is one
    reason: str = ""  # why the value is NaN


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All limits, and what one more contract of each row would do to them."""

    limits: tuple[LimitStanding, ...]
    gradient: Floats  # [n_limits, n_rows] change of utilisation for one contract bought; 0 outside the limit's scope
    utilisation: Floats  # [n_limits, n_rows] the limit's; for series limits each row's own; inf where unknown
    step: Ints  # [n_limits, n_rows]
    unknown: Bools  # [n_limits, n_rows] in scope of a limit whose value could not be computed

    @property
    def worst(self) -> Step:
        """The highest step of all."""
        return max((standing.step for standing in self.limits), default=Step.NORMAL)

    def worst_of(self, underlying: str, measures: frozenset[LimitMeasure]) -> Step:
        """The highest step among limits of these measures that bound `underlying` or the desk."""
        steps = (
            standing.step
            for standing in self.limits
            if standing.limit.measure in measures and standing.limit.underlying in ("", underlying)
        )
        return max(steps, default=Step.NORMAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that limits read."""

    exposure: Exposure
    gaps: Gaps
    capital: Capital
    values: Values
    market: MarketView


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A limit's value before it is held against the limit."""

    value: float
    slope: Floats  # [n_rows] change of the magnitude for one contract bought
    unvalued: float = 0.0
    where: str = ""
    by_row: Floats | None = None  # magnitude by row, where each row has its own


def check(measured: Measured, limits: tuple[Limit, ...], before: dict[str, Step]) -> Standing:
    """Hold the measured book against `limits`.

    Parameters
    ----------
    measured : Measured
    limits : tuple of Limit
    before : dict
        The step each limit stood on, by name.
    """
    shape = (len(limits), measured.exposure.quantity.size)
    standings = []
    gradient, used, steps = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.int64)
    for number, limit in enumerate(limits):
        reading = _read(measured, limit)
        standing = _standing(limit, reading, before.get(limit.name, Step.NORMAL))
        standings.append(standing)
        inside = _scope(measured.market.table, limit)
        by_row = None if reading.by_row is None else reading.by_row / limit.limit_hard
        gradient[number] = np.where(inside, np.nan_to_num(reading.slope), 0.0) / limit.limit_hard
        used[number] = np.where(inside, standing.utilisation if by_row is None else by_row, 0.0)
        steps[number] = np.where(inside, standing.step if by_row is None else steps_of(by_row), 0)
    unknown = np.isnan(used)
    return Standing(
        limits=tuple(standings),
        gradient=gradient,
        utilisation=np.where(unknown, np.inf, used),
        step=steps,
        unknown=unknown,
    )


def _standing(limit: Limit, reading: _Reading, before: Step) -> LimitStanding:
    utilisation = (abs(reading.value) + reading.unvalued) / limit.limit_hard
    reason = "" if np.isfinite(utilisation) else "the measure could not be computed, which counts as a breach"
    return LimitStanding(
        limit=limit,
        value=reading.value,
        unvalued=reading.unvalued,
        utilisation=float(utilisation),
        step=step_of(float(utilisation), before),
        where=reading.where,
        reason=reason,
    )


def _scope(table: InstrumentTable, limit: Limit) -> Bools:
    """Rows that a limit bounds."""
    inside = np.ones(len(table.instruments), dtype=np.bool_)
    if limit.underlying:
        inside &= table.underlying_of == _underlying(table, limit)
    if limit.option_class:
        inside &= np.array(
            [item.option_class == limit.option_class for item in table.instruments], dtype=np.bool_
        )
    return inside


def _underlying(table: InstrumentTable, limit: Limit) -> int:
    return table.underlyings.index(limit.underlying) if limit.underlying in table.underlyings else -1


def _read(measured: Measured, limit: Limit) -> _Reading:
    match limit.measure:
        case LimitMeasure.SERIES_CONTRACTS:
            return _series(measured, limit)
        case LimitMeasure.CLASS_CONTRACTS:
            return _class(measured, limit)
        case LimitMeasure.CONCENTRATION_PCT:
            return _concentration(measured, limit)
        case LimitMeasure.GAP_LOSS_USD:
            return _gap(measured, limit)
        case LimitMeasure.CAPITAL_USD:
            return _capital(measured, limit)
        case _:
            return _greek(measured, limit)


def _series(measured: Measured, limit: Limit) -> _Reading:
    table = measured.market.table
    held = np.where(_scope(table, limit) & table.is_option, np.abs(measured.exposure.quantity), 0)
    if not held.any():
        return _Reading(value=0.0, slope=np.zeros(held.size))
    worst = int(np.argmax(held))
    return _Reading(
        value=float(measured.exposure.quantity[worst]),
        slope=np.sign(np.where(held > 0, measured.exposure.quantity, 0)).astype(np.float64),
        where=table.instruments[worst].symbol,
        by_row=held.astype(np.float64),
    )


def _class(measured: Measured, limit: Limit) -> _Reading:
    inside = _scope(measured.market.table, limit) & measured.market.table.is_option
    net = float(measured.exposure.quantity[inside].sum())
    return _Reading(value=net, slope=np.where(inside, np.sign(net), 0.0), where=limit.option_class)


def _greek(measured: Measured, limit: Limit) -> _Reading:
    measure, exposure, table = _GREEK[limit.measure], measured.exposure, measured.market.table
    totals, bounds = exposure.by_bucket[:, :, measure], exposure.bound[:, :, measure]
    per_contract = np.nan_to_num(measured.values.greeks[:, measure])
    inside = _scope(table, limit)
    if limit.bucket:
        b = BUCKET_NAMES.index(limit.bucket)
        totals, bounds = totals[:, b : b + 1], bounds[:, b : b + 1]
        inside &= exposure.row_bucket == b
    if limit.underlying:
        u = _underlying(table, limit)
        if u < 0:
            return _Reading(value=0.0, slope=np.zeros(inside.size))
        totals, bounds = totals[u : u + 1], bounds[u : u + 1]
    value = float(totals.sum())
    slope = np.where(inside, np.sign(value) * per_contract, 0.0)
    return _Reading(value=value, slope=slope, unvalued=float(bounds.sum()))


def _concentration(measured: Measured, limit: Limit) -> _Reading:
    """Share of gross vega in the largest expiry, in percent; a flat book is not concentrated."""
    table, exposure = measured.market.table, measured.exposure
    inside = _scope(table, limit) & table.is_option
    slices = np.unique(table.slice_of[inside])
    gross = np.abs(exposure.by_slice[slices, Measure.VEGA_USD_PER_POINT])
    total = float(gross.sum())
    if not total > 0.0:
        return _Reading(value=0.0 if total == 0.0 else float("nan"), slope=np.zeros(inside.size))
    top = int(slices[np.argmax(gross)])
    share = float(gross.max()) / total
    direction = np.sign(exposure.by_slice[top, Measure.VEGA_USD_PER_POINT])
    vega = measured.values.greeks[:, Measure.VEGA_USD_PER_POINT]
    key = table.slices[top]
    return _Reading(
        value=100.0 * share,
        slope=np.where(table.slice_of == top, 100.0 * (1.0 - share) / total * direction * vega, 0.0),
        where=f"{key.option_class} expiry {np.datetime64(key.expiry_ns, 'ns').astype('datetime64[D]')}",
    )


def _gap(measured: Measured, limit: Limit) -> _Reading:
    table, gaps = measured.market.table, measured.gaps
    if limit.underlying and _underlying(table, limit) < 0:
        return _Reading(value=0.0, slope=np.zeros(len(table.instruments)))
    pnl = gaps.by_underlying[_underlying(table, limit)] if limit.underlying else gaps.desk
    loss = float(np.maximum(-pnl, 0.0).max())
    move = float(gaps.moves[int(np.argmin(pnl))])
    slope = _loss_slope(measured, limit, move) if loss > 0.0 else np.zeros(len(table.instruments))
    return _Reading(value=loss, slope=slope, where=f"{move:+.0%}" if loss > 0.0 else "")


def _capital(measured: Measured, limit: Limit) -> _Reading:
    table, capital = measured.market.table, measured.capital
    u = _underlying(table, limit) if limit.underlying else int(np.argmax(capital.by_underlying))
    if u < 0:
        return _Reading(value=0.0, slope=np.zeros(len(table.instruments)))
    value = float(capital.by_underlying[u]) if limit.underlying else capital.desk
    move = float(capital.worst_move[u])
    if not np.isfinite(move):
        return _Reading(value=value, slope=np.zeros(len(table.instruments)))
    return _Reading(value=value, slope=_loss_slope(measured, limit, move), where=f"{move:+.1%}")


def _loss_slope(measured: Measured, limit: Limit, move: float) -> Floats:
    """What buying one contract adds to the loss at `move`."""
    table = measured.market.table
    rows = np.flatnonzero(_scope(table, limit))
    pnl = revalue(measured.market, measured.values, rows, np.array([move]), np.zeros(1))[:, 0, 0]
    out = np.zeros(len(table.instruments))
    out[rows] = -pnl
    return out
