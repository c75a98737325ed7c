"""The attribution of a book's P&L, as the file keeps it: the schema `flatbook.attribution/1`.

Money is in USD, gains are plus; shares and relative moves are decimals: 0.2 is 20 %. null is a number that does not exist: `reasons`
says why.
"""

from typing import Literal

from flatbook.reports.schema import Reason
from flatbook.reports.schema_parts import Number, Part

SCHEMA: Literal["flatbook.attribution/1"] = "flatbook.attribution/1"


class AttributionSources(Part, frozen=True, kw_only=True):
    """Where the chains and the fills came from."""

    chains: tuple[str, ...]  # names of the files or folders, in order of time
    format: str
    fills: str  # name of the file; empty without one
    notes: tuple[str, ...] = ()  # of the readers
    synthetic: bool = False  # True: no real market data in it


class AttributionHeader(Part, frozen=True, kw_only=True):
    """Of whom, of when, and how it came out."""

    desk: str
    start: str  # ISO 8601, UTC
    end: str
    sources: AttributionSources
    headline: str
    sentences: tuple[str, ...]


class IdentityOf(Part, frozen=True, kw_only=True):
    """edge + inventory + hedge + fees + corrections = realised."""

    edge_usd: Number  # of trades: theoretical value less price
    inventory_usd: Number  # what positions made, from the mark or from the trade on
    hedge_usd: Number  # hedge instruments: slippage and what they made
    fees_usd: Number  # below 0: paid
    corrections_usd: Number  # of corrected and busted fills
    realised_usd: Number  # told from cash and value
    rounding_usd: Number  # realised less the sum of the parts: nothing but rounding


class ExplainOf(Part, frozen=True, kw_only=True):
    """The same realised P&L by what moved."""

    delta_usd: Number
    gamma_usd: Number
    theta_usd: Number
    vega_level_usd: Number
    vega_skew_usd: Number
    vega_curvature_usd: Number
    spot_vol_usd: Number
    vanna_usd: Number
    volga_usd: Number
    rates_usd: Number
    dividends_usd: Number
    basis_usd: Number
    new_trades_usd: Number
    hedging_slippage_usd: Number
    fees_usd: Number
    corrections_usd: Number
    unexplained_usd: Number
    realised_usd: Number
    gross_usd: Number  # all terms but the unexplained, without signs
    unexplained_share: Number  # of gross; 0 where nothing happened


class BlocksOf(Part, frozen=True, kw_only=True):
    """What each block of the market made of the positions held through a step."""

    time_usd: Number
    spot_usd: Number
    vol_level_usd: Number
    vol_shape_usd: Number
    carry_usd: Number
    total_usd: Number


class WaterfallOf(Part, frozen=True, kw_only=True):
    """Full revaluation, two ways to share what blocks make together."""

    ordered: BlocksOf  # each block after those before it
    symmetric: BlocksOf  # the mean over all orders


class ScopeAttribution(Part, frozen=True, kw_only=True):
    """The desk, or one underlying."""

    scope: str
    identity: IdentityOf
    explain: ExplainOf
    waterfall: WaterfallOf


class UnderlyingMove(Part, frozen=True, kw_only=True):
    """What an underlying did over a step."""

    underlying: str
    spot_before: Number
    spot_after: Number
    vol_before: Number  # at the money at 30 days
    vol_after: Number


class SeriesResidual(Part, frozen=True, kw_only=True):
    """A position whose P&L the Greeks explain worst."""

    symbol: str
    contracts: int
    pnl_usd: float
    unexplained_usd: float


class SeriesLeftOut(Part, frozen=True, kw_only=True):
    """A position in no sum of a step."""

    symbol: str
    contracts: int  # at the start of the step
    reason: str


class StepAttribution(Part, frozen=True, kw_only=True):
    """From one chain to the next."""

    name: str  # its end
    start: str  # ISO 8601, UTC
    end: str
    days: float
    trades: int  # corrections are none
    moves: tuple[UnderlyingMove, ...]
    scopes: tuple[ScopeAttribution, ...]  # the desk first
    worst: tuple[SeriesResidual, ...]
    left_out: tuple[SeriesLeftOut, ...]


class ChainLeftOut(Part, frozen=True, kw_only=True):
    """A chain that is no mark."""

    market: str
    at: str
    reason: str


class AttributionReport(Part, frozen=True, kw_only=True):
    """A book through several chains."""

    schema: Literal["flatbook.attribution/1"] = SCHEMA
    flatbook_version: str
    header: AttributionHeader
    steps: tuple[StepAttribution, ...]
    total: tuple[ScopeAttribution, ...]  # all steps together
    chains_left_out: tuple[ChainLeftOut, ...]
    reasons: tuple[Reason, ...]
