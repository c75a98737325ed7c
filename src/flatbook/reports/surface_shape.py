"""A smile's shape as traders compare it across expiries: vol points for one standard deviation of ln(strike/forward)."""

import math

from flatbook.model.measures import CALENDAR_DAYS
from flatbook.reports.schema_parts import Number
from flatbook.reports.surface_schema import ExpiryFit


def deviation_of(one: ExpiryFit) -> float:
    """One standard deviation of ln(price at expiry / forward) at the volatility at the money; 0 where there is none."""
    return (one.atm_vol or 0.0) * math.sqrt(one.days / CALENDAR_DAYS)


def skew_points(one: ExpiryFit) -> Number:
    """Slope of volatility at the money, in vol points per standard deviation."""
    return None if one.skew is None else 100.0 * one.skew * deviation_of(one)


def curvature_points(one: ExpiryFit) -> Number:
    """Second derivative of volatility at the money, in vol points per standard deviation squared."""
    return None if one.curvature is None else 100.0 * one.curvature * deviation_of(one) ** 2
