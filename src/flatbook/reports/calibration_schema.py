"""Calibration as the file keeps it: the schema `flatbook.calibration/1`.

A number without `standard_error` is nobody's estimate: `verified` is false and `source` says so. Shares are decimals: 0.6 is 60 %. null is a number that
does not exist: `reasons` says why.
"""

from typing import Literal

from flatbook.reports.schema import Reason
from flatbook.reports.schema_parts import Number, Part

SCHEMA: Literal["flatbook.calibration/1"] = "flatbook.calibration/1"


class CalibrationHeader(Part, frozen=True, kw_only=True):
    """Which journal, what was in it, and how it came out."""

    journal: str  # name of the file
    start: str  # of the first cycle, ISO 8601, UTC
    end: str  # of the last fact
    cycles: int
    fills: int  # with quotes of ours
    fills_without_quote: int  # trades in options that were not
    horizon_s: float  # of the markouts
    standing_s: float  # longest time that a quote was taken to stand without a cycle
    target_deviation_usd: Number  # asked for
    headline: str
    sentences: tuple[str, ...]


class CalibrationParameter(Part, frozen=True, kw_only=True):
    """One number of a desk."""

    underlying: str  # empty: of the desk
    name: str
    unit: str
    value: Number
    standard_error: Number
    verified: bool
    source: str  # what it was estimated from, or that nobody did
    desk_value: Number  # what the desk file says now
    key: str  # of the desk file; empty where it has none


class ShapeLine(Part, frozen=True, kw_only=True):
    """One shape of the intensity, fitted."""

    shape: str
    told: bool
    requests_per_day: Number
    decay_per_point: Number
    offset: Number
    customers_buy_share: Number
    log_likelihood: Number
    akaike: Number  # lower fits better
    dispersion: Number  # of the counts; 1: fills come one by one


class RateLine(Part, frozen=True, kw_only=True):
    """Fills at one distance, as if all series of the underlying were quoted there, on both sides."""

    side: str  # both, bid or offer
    distance_points: float  # vol points from fair value, the mean of the cell
    days: float  # trading days times the share of vega
    fills: int
    fills_per_day: float
    low: float  # the interval that 95 of 100 such hold the truth in
    high: float


class FlowLine(Part, frozen=True, kw_only=True):
    """What was seen of one underlying's flow, and which shape it speaks for."""

    underlying: str
    shape: str  # empty: none is told
    bend_told: bool
    tiers: int  # of clients in the desk file, here all together
    fills: int
    fills_valued: int  # with a markout
    watched_days: float  # trading days in which cycles told our quotes
    day_hours: float  # of trading
    shapes: tuple[ShapeLine, ...]
    rates: tuple[RateLine, ...]


class CalibrationReport(Part, frozen=True, kw_only=True):
    """The numbers of a desk, estimated from a journal."""

    schema: Literal["flatbook.calibration/1"] = SCHEMA
    flatbook_version: str
    header: CalibrationHeader
    parameters: tuple[CalibrationParameter, ...]
    flows: tuple[FlowLine, ...]
    toml: str  # for the desk file
    reasons: tuple[Reason, ...]
