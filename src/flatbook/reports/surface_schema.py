"""The report of a fitted surface, as the file keeps it: the schema `flatbook.surface/1`.

Volatilities, rates and shares are decimals: 0.2 is 20 %; a name that ends in `_vol_points` is in points of 0.01. k is
ln(strike / forward). null is a number that does not exist: `reasons` says why.
"""

from typing import Literal

from flatbook.reports.schema import Reason
from flatbook.reports.schema_parts import Number, Part

SCHEMA: Literal["flatbook.surface/1"] = "flatbook.surface/1"


class SurfaceSources(Part, frozen=True, kw_only=True):
    """Where the quotes came from."""

    market: str  # name of the file or folder
    format: str
    notes: tuple[str, ...] = ()  # of the reader
    synthetic: bool = False  # True: no real market data in it


class SurfaceHeader(Part, frozen=True, kw_only=True):
    """Of what, of when, and how it went."""

    valued_at: str  # ISO 8601, UTC
    sources: SurfaceSources
    headline: str
    sentences: tuple[str, ...]


class FittedQuote(Part, frozen=True, kw_only=True):
    """A quote that the fit was given: one of each strike."""

    symbol: str
    strike: float
    right: str  # call, put
    log_moneyness: float
    bid: Number
    ask: Number
    vol_bid: Number
    vol_mid: Number
    vol_ask: Number
    vol: Number  # of the surface
    inside: bool  # vol lies inside vol_bid and vol_ask; with one side missing, beyond the other


class SmileCurve(Part, frozen=True, kw_only=True):
    """A smile and its risk-neutral density on a grid that is dense at the money; columns of one length."""

    log_moneyness: tuple[float, ...]
    strike: tuple[float, ...]
    vol: tuple[Number, ...]
    density: tuple[Number, ...]  # of ln(price at expiry / forward), per unit of it


class WorstQuote(Part, frozen=True, kw_only=True):
    """The two-sided quote that the surface misses by most half-spreads."""

    symbol: str
    vol_bid: float
    vol_ask: float
    vol: float
    half_spreads: float  # from the middle


class ExpiryFit(Part, frozen=True, kw_only=True):
    """One expiry of one class."""

    option_class: str
    expiry: str  # ISO 8601, UTC
    days: float
    forward: Number
    forward_source: str  # parity, future, carry, none
    rate: Number  # continuous, annual
    rate_source: str  # curve, parity, terms, assumed_zero, none (coin-settled)
    series: int  # listed
    points: int  # quotes given to the fit, one of each strike
    two_sided: int  # of them with a bid and an offer: what the shares are of
    kind: str  # essvi, svi, convex, refused
    reason: str  # why it has no smile of its own; empty: it has one
    warning: str  # what to know of its market; mostly empty
    parameters: tuple[
        float, ...
    ]  # raw SVI a, b, rho, m, s, under the spline of a convex smile; empty: refused
    atm_vol: Number
    skew: Number  # d vol / dk at the money
    curvature: Number  # d2 vol / dk2 at the money
    risk_reversal_25: Number  # vol of the 25-delta call less that of the 25-delta put
    butterfly_25: Number  # mean vol of the two less the one at the money
    rmse_vol_points: Number  # to the middle
    share_inside: Number
    share_within_half_spread: Number  # or inside
    butterfly_min: Number  # the least g(k); below 0 prices are not convex in strike
    calendar_gap_min: Number  # the least relative rise of total variance over the expiry before
    confidence: float  # 0 to 1
    worst: WorstQuote | None
    quotes: tuple[FittedQuote, ...]  # by strike
    curve: SmileCurve | None


class QuoteUse(Part, frozen=True, kw_only=True):
    """What became of some of an underlying's series: fitted, or why not."""

    use: str  # fitted, other_side, or the quote's status
    text: str
    series: int


class SurfaceFit(Part, frozen=True, kw_only=True):
    """All expiries of one underlying."""

    underlying: str
    spot: Number
    points: int
    two_sided: int
    refused: int  # expiries without a smile of their own
    rmse_vol_points: Number  # the median over expiries
    share_inside: Number
    share_within_half_spread: Number
    butterfly_min: Number
    calendar_gap_min: Number
    confidence: float
    worst: WorstQuote | None
    uses: tuple[QuoteUse, ...]
    expiries: tuple[ExpiryFit, ...]  # by time


class SurfaceReport(Part, frozen=True, kw_only=True):
    """The surfaces of one snapshot."""

    schema: Literal["flatbook.surface/1"] = SCHEMA
    flatbook_version: str
    header: SurfaceHeader
    surfaces: tuple[SurfaceFit, ...]
    reasons: tuple[Reason, ...]
