"""The table of measures: one Greek, one meaning, one unit, the same from kernel to screen.

Per contract and per position alike; long is plus; currency is the desk's (USD). Source of the conventions:
domain reference, section 0. A coin-settled contract counts in USD of the index: its delta is net of its own premium.
"""

from enum import IntEnum
from typing import NamedTuple

CALENDAR_DAYS = 365.0
BUSINESS_DAYS = 252.0
VEGA_REFERENCE_DAYS = 30.0  # time-weighted vega counts in points of a 30-day volatility


class Measure(IntEnum):
    """Columns of every array of exposures, in this order."""

    VALUE_USD = 0
    DELTA_SHARES = 1
    DELTA_USD = 2
    GAMMA_USD_PER_PCT = 3
    VEGA_USD_PER_POINT = 4
    VEGA_WEIGHTED_USD_PER_POINT = 5
    THETA_USD_PER_DAY = 6
    RHO_USD_PER_BP = 7
    VANNA_USD_PER_POINT = 8
    VOLGA_USD_PER_POINT2 = 9
    DELTA_SMILE_SHARES = 10
    DELTA_SMILE_USD = 11
    DELTA_MIN_VARIANCE_SHARES = 12
    DELTA_MIN_VARIANCE_USD = 13
    GAMMA_SHARES_PER_USD = 14
    CHARM_SHARES_PER_DAY = 15
    DIVIDEND_RHO_USD_PER_BP = 16
    THETA_USD_PER_BUSINESS_DAY = 17


N_MEASURES = len(Measure)


class Meaning(NamedTuple):
    """How a measure is called, counted and read."""

    name: str
    label: str
    unit: str
    text: str
    adds_across_underlyings: bool


MEANINGS: dict[Measure, Meaning] = {
    Measure.VALUE_USD: Meaning("value_usd", "Value", "USD", "theoretical value", True),
    Measure.DELTA_SHARES: Meaning(
        "delta_shares", "Delta", "shares", "units of the underlying that move alike", False
    ),
    Measure.DELTA_USD: Meaning("delta_usd", "Delta", "USD", "P&L of a 100 % move at today's slope", True),
    Measure.GAMMA_USD_PER_PCT: Meaning(
        "gamma_usd_per_pct", "Gamma", "USD per 1 %", "change of delta_usd for +1 %", True
    ),
    Measure.VEGA_USD_PER_POINT: Meaning(
        "vega_usd_per_point", "Vega", "USD per vol point", "P&L of +1 vol point", True
    ),
    Measure.VEGA_WEIGHTED_USD_PER_POINT: Meaning(
        "vega_weighted_usd_per_point",
        "Weighted vega",
        "USD per 30-day vol point",
        "vega times sqrt(30 days / time to expiry)",
        True,
    ),
    Measure.THETA_USD_PER_DAY: Meaning(
        "theta_usd_per_day",
        "Theta",
        "USD per calendar day",
        "P&L of one day passing, at most the time value",
        True,
    ),
    Measure.RHO_USD_PER_BP: Meaning(
        "rho_usd_per_bp", "Rho", "USD per basis point", "P&L of +0.01 % in the rate", True
    ),
    Measure.VANNA_USD_PER_POINT: Meaning(
        "vanna_usd_per_point", "Vanna", "USD per vol point", "change of delta_usd for +1 vol point", True
    ),
    Measure.VOLGA_USD_PER_POINT2: Meaning(
        "volga_usd_per_point2", "Volga", "USD per vol point squared", "change of vega for +1 vol point", True
    ),
    Measure.DELTA_SMILE_SHARES: Meaning(
        "delta_smile_shares", "Smile delta", "shares", "delta with the volatility that follows spot", False
    ),
    Measure.DELTA_SMILE_USD: Meaning(
        "delta_smile_usd",
        "Smile delta",
        "USD",
        "P&L of a 100 % move at today's slope, volatility following spot",
        True,
    ),
    Measure.DELTA_MIN_VARIANCE_SHARES: Meaning(
        "delta_min_variance_shares",
        "Minimum-variance delta",
        "shares",
        "delta that leaves the least variance, by Hull and White",
        False,
    ),
    Measure.DELTA_MIN_VARIANCE_USD: Meaning(
        "delta_min_variance_usd", "Minimum-variance delta", "USD", "the same, as P&L of a 100 % move", True
    ),
    Measure.GAMMA_SHARES_PER_USD: Meaning(
        "gamma_shares_per_usd", "Gamma", "shares per USD", "change of delta_shares for +1 USD of spot", False
    ),
    Measure.CHARM_SHARES_PER_DAY: Meaning(
        "charm_shares_per_day",
        "Charm",
        "shares per calendar day",
        "change of delta_shares as a day passes",
        False,
    ),
    Measure.DIVIDEND_RHO_USD_PER_BP: Meaning(
        "dividend_rho_usd_per_bp",
        "Dividend rho",
        "USD per basis point",
        "P&L of +0.01 % in the dividend yield",
        True,
    ),
    Measure.THETA_USD_PER_BUSINESS_DAY: Meaning(
        "theta_usd_per_business_day",
        "Theta",
        "USD per business day",
        "annual theta over 252, at most the time value",
        True,
    ),
}

BUCKETS: tuple[tuple[str, float], ...] = (  # label and the last calendar day it holds
    ("0DTE", 0.7),  # this session's close; tomorrow's is at least 0.7 days away once today's has passed
    ("1w", 7.0),
    ("2w", 14.0),
    ("1m", 31.0),
    ("2m", 61.0),
    ("3m", 92.0),
    ("6m", 183.0),
    ("1y", 366.0),
    ("LEAPS", float("inf")),
)
LINEAR_BUCKET = "linear"  # futures and shares: direction without expiry
BUCKET_NAMES: tuple[str, ...] = (*(name for name, _ in BUCKETS), LINEAR_BUCKET)
