"""Limits that fall toward expiry, before an announcement and in a fast market.

Source: domain reference 8.1. Each factor that applies multiplies the limit; none ever widens it.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.limits.measured import Measured
from flatbook.limits.overrides import InForce
from flatbook.limits.scope import Scope
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.table import Floats

HOUR_NS = 3_600 * 10**9
NOT_TIGHTER = np.ones(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tightening:
    """The share of a limit that is left, and why."""

    factor: Floats  # [1], or [n_rows] where each series has its own
    reasons: tuple[str, ...]


NO_TIGHTENING = Tightening(factor=NOT_TIGHTER, reasons=())


def tightening_of(measured: Measured, limit: Limit, scope: Scope, in_force: InForce) -> Tightening:
    """What is left of `limit` now.

    Toward expiry it falls in proportion to the days that the nearest listed expiry in scope still has, whether or not it is
    held, so that no trade moves the limit; limits on each series go by the expiry of each.
    """
    if limit.tighten_expiry_factor == limit.tighten_event_factor == limit.tighten_fast_factor == 1.0:
        return NO_TIGHTENING
    names = scope.names
    factor, reasons = _toward_expiry(measured, limit, scope)
    event = _event_ahead(measured, limit, names)
    if event:
        factor, reasons = factor * limit.tighten_event_factor, (*reasons, event)
    fast = next((in_force.fast_market[name] for name in ("", *names) if name in in_force.fast_market), None)
    if fast is not None and limit.tighten_fast_factor < 1.0:
        factor, reasons = factor * limit.tighten_fast_factor, (*reasons, f"fast market: {fast}")
    return Tightening(factor=factor, reasons=reasons)


def _toward_expiry(measured: Measured, limit: Limit, scope: Scope) -> tuple[Floats, tuple[str, ...]]:
    if limit.tighten_expiry_factor == 1.0 or limit.tighten_days == 0.0:
        return NOT_TIGHTER, ()
    days = measured.market.years * CALENDAR_DAYS
    live = scope.inside & measured.market.table.is_option & (days > 0.0)
    lost = 1.0 - limit.tighten_expiry_factor
    factor = np.where(live, 1.0 - lost * (1.0 - np.minimum(days / limit.tighten_days, 1.0)), 1.0)
    least = float(factor.min(initial=1.0))
    if least == 1.0:
        return NOT_TIGHTER, ()
    nearest = float(days[live].min())
    each = limit.measure is LimitMeasure.SERIES_CONTRACTS
    return (factor if each else np.array([least])), (f"{nearest:.1f} days to the nearest expiry",)


def _event_ahead(measured: Measured, limit: Limit, names: tuple[str, ...]) -> str:
    if limit.tighten_event_factor == 1.0:
        return ""
    now_ns = measured.market.now_ns
    ahead = [
        event
        for event in measured.desk.events
        if event.underlying in names and 0 < event.at_ns - now_ns <= limit.tighten_event_h * HOUR_NS
    ]
    if not ahead:
        return ""
    first = min(ahead, key=lambda event: event.at_ns)
    return f"{first.name} of {first.underlying} in {(first.at_ns - now_ns) / HOUR_NS:.1f} hours"
