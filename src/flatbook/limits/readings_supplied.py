"""Limits on measures that not every cycle has: skew, value at risk, drawdown, basis, margin, and rates of orders and fills."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from flatbook.limits.measured import DESK, Measured
from flatbook.limits.reading import Reading, signed_reading, unknown
from flatbook.limits.requirement import slope_of
from flatbook.limits.scope import Scope
from flatbook.model.parameters import Limit, LimitMeasure


def read_skew(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    """P&L of a point of skew, as the factors of the exposure have it."""
    supplied = measured.supplied
    if supplied.skew_usd_per_point is None:
        return unknown(scope.inside.size, _missing(limit, scope.names))
    one = np.zeros(scope.inside.size)
    per_contract = supplied.contract_skew_usd_per_point
    if per_contract is not None:
        one[scope.rows] = per_contract[scope.rows]
    return signed_reading(
        measured.market.table, scope.underlyings, supplied.skew_usd_per_point[scope.underlyings], one
    )


def read_amount(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    """An amount that was supplied; of a group the sum of its members, as if they lost together."""
    of: dict[LimitMeasure, Mapping[str, float]] = {
        LimitMeasure.VAR_USD: measured.supplied.var_usd,
        LimitMeasure.ES_USD: measured.supplied.es_usd,
        LimitMeasure.DRAWDOWN_USD: measured.supplied.drawdown_usd,
        LimitMeasure.CAPITAL_DIFFERENCE_USD: measured.supplied.capital_difference_usd,
        LimitMeasure.BASIS_DEVIATION_USD: measured.supplied.basis_deviation_usd,
    }
    return _supplied(measured, limit, scope, of[limit.measure], 1.0)


def read_margin(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    """Percent of the margin that is there; of a group the fullest of its members.

    A contract adds what it adds to the requirement that decides: nothing beside the fullest member of a group. Where a minimum
    binds there, as for an underlying that is flat, either side of a series adds, which a slope cannot say.
    """
    used, equity, deciding = (
        measured.supplied.margin_utilisation,
        measured.desk.net_capital_usd,
        scope.underlyings,
    )
    reading = _supplied(measured, limit, scope, used, 100.0)
    if equity is None or not math.isfinite(reading.value):
        return reading
    if limit.group:
        fullest = int(np.argmax([used[name] for name in scope.names]))
        deciding = deciding[fullest : fullest + 1]
    if np.isnan(measured.capital.worst_move[deciding]).any():
        return reading
    rows = scope.rows[np.isin(measured.market.table.underlying_of[scope.rows], deciding)]
    slope = slope_of(measured, measured.capital.parts_of(deciding), rows)
    return replace(reading, per_contract=100.0 / equity * slope, both_sides=False)


def read_rate(measured: Measured, limit: Limit, scope: Scope) -> Reading:
    """Orders or fills in the last second or minute."""
    name = limit.measure.value
    counted = {where: float(getattr(each, name)) for where, each in measured.supplied.activity.items()}
    return _supplied(measured, limit, scope, counted, 1.0)


def _supplied(
    measured: Measured, limit: Limit, scope: Scope, amounts: Mapping[str, float], unit: float
) -> Reading:
    names = scope.names if limit.underlying or limit.group else (DESK,)
    missing = tuple(name for name in names if not math.isfinite(amounts.get(name, math.nan)))
    if missing:
        return unknown(scope.inside.size, _missing(limit, missing))
    each = [max(amounts[name], 0.0) * unit for name in names]
    worst = int(np.argmax(each))
    slope = measured.supplied.contract_slope.get(limit.measure) if names == (DESK,) else None
    one = np.zeros(scope.inside.size)
    if slope is not None:
        one[scope.rows] = slope[scope.rows] * unit
    return Reading(
        value=each[worst] if limit.measure is LimitMeasure.MARGIN_PCT else sum(each),
        per_contract=one,
        signed=False,
        linear=False,
        both_sides=slope is None,
        where=names[worst] if len(names) > 1 else "",
    )


def _missing(limit: Limit, names: tuple[str, ...]) -> str:
    few = ", ".join(name or "the desk" for name in names[:3])
    return f"{limit.measure.value} of {few} was not measured"
