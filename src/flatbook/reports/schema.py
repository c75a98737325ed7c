"""The plan report, as the file keeps it: the schema `flatbook.plan/2`.

Currency is the desk's (USD) where a name says so; prices are in the currency of the series. Volatilities, rates, moves
and utilisations are decimals: 0.2 is 20 %. Long is plus. null is a number that does not exist: `reasons` says why.
"""

import inspect
from typing import Any, Literal

import msgspec

from flatbook.reports.schema_capital import DeskCapital
from flatbook.reports.schema_decisions import Hedges, LimitRow, QuoteRow, Quotes, Residual, ResponseRow
from flatbook.reports.schema_market import MarketHealth
from flatbook.reports.schema_offset import OffsetSection
from flatbook.reports.schema_parts import Capital, GapPnl, Measures, Number, Part, UnitOf
from flatbook.reports.schema_quoting import OrdersOf
from flatbook.reports.schema_risk import Deltas, FactorRisk, Groups
from flatbook.reports.schema_sheets import Sheets
from flatbook.reports.schema_what_if import WhatIfRow

SCHEMA: Literal["flatbook.plan/2"] = "flatbook.plan/2"

__all__ = [
    "SCHEMA",
    "BookFacts",
    "BucketExposure",
    "ClassInventory",
    "DeskExposure",
    "ExpiryInventory",
    "Exposures",
    "Flow",
    "Header",
    "Inventory",
    "PlanReport",
    "QuoteRow",
    "Reason",
    "SeriesInventory",
    "SlideGrid",
    "SlideLadder",
    "Slides",
    "Sources",
    "UnderlyingExposure",
]


class Sources(Part, frozen=True, kw_only=True):
    """Where the inputs came from, as the front door knows it."""

    book: str = ""  # file name
    market: str = ""
    format: str = ""
    notes: tuple[str, ...] = ()
    journal_head: str = ""  # hash of the journal's last entry; empty: no journal was kept
    synthetic: bool = False  # True: no real market data in it


class Header(Part, frozen=True, kw_only=True):
    """Whose plan, of when, from what, and its story in sentences."""

    desk: str
    valued_at: str  # ISO 8601, UTC
    cycle: int  # sequence of the CycleDue
    sources: Sources
    headline: str
    sentences: tuple[str, ...]


class SeriesInventory(Part, frozen=True, kw_only=True):
    """One contract held; the measures are those of the whole position."""

    symbol: str
    underlying: str
    option_class: str
    kind: str  # option, future, share
    expiry: str  # ISO 8601, UTC; empty: never expires
    strike: Number
    right: str  # call, put; empty: no option
    position: int  # contracts, net
    theo: Number  # price units
    market_bid: Number
    market_ask: Number
    vol: Number  # of the smile
    measures: Measures
    marginal_capital_bought_usd: (
        Number  # change of what the desk needs by one contract bought; minus: it frees
    )
    marginal_capital_sold_usd: Number
    reason: str  # why it has no value; empty: it has one


class ClassInventory(Part, frozen=True, kw_only=True):
    """Options held of one class."""

    option_class: str
    underlying: str
    series: int  # held
    unvalued: int  # of them without a value: not in the measures
    net: int  # contracts
    long: int
    short: int
    measures: Measures


class ExpiryInventory(Part, frozen=True, kw_only=True):
    """Options held of one expiry of one class."""

    option_class: str
    expiry: str
    days: float  # calendar days to expiry
    series: int
    unvalued: int
    net: int
    long: int
    short: int
    measures: Measures


class Flow(Part, frozen=True, kw_only=True):
    """Option contracts that customers bought from us and sold to us.

    An imbalance is (bought - sold) / (bought + sold) in percent: +100 is buyers only.
    """

    scope: str  # an underlying, or "desk"
    bought: int
    sold: int
    imbalance_pct: Number
    calls_bought: int
    calls_sold: int
    calls_imbalance_pct: Number
    puts_bought: int
    puts_sold: int
    puts_imbalance_pct: Number
    sentence: str


class BookFacts(Part, frozen=True, kw_only=True):
    """What the inventory was counted from."""

    fills: int  # live
    fees_usd: Number
    pending: tuple[str, ...]  # corrections and busts that wait for an unknown fill
    conflicts: int  # ids that came with two contents; the first holds
    capacity_known: bool  # False: no fill says who traded, and all count as customers'


class Inventory(Part, frozen=True, kw_only=True):
    """Section 1: what we hold, and which way customers went."""

    book: BookFacts
    flow: tuple[Flow, ...]  # the desk first
    by_class: tuple[ClassInventory, ...]
    by_expiry: tuple[ExpiryInventory, ...]
    series: tuple[SeriesInventory, ...]  # largest vega first; what has no value leads


class BucketExposure(Part, frozen=True, kw_only=True):
    """One expiry bucket; `worst_case` is the bound of its held series without a value."""

    bucket: str
    measures: Measures
    worst_case: Measures


class UnderlyingExposure(Part, frozen=True, kw_only=True):
    """One underlying."""

    underlying: str
    spot: Number
    measures: Measures
    unvalued: int  # held series without a value: not in `measures`
    worst_case: Measures  # the largest magnitude those can have; 0 where there are none
    beta_delta_usd: Number  # in USD of the desk's index
    buckets: tuple[BucketExposure, ...]  # with something in them
    gaps: tuple[GapPnl, ...]
    gap_loss_usd: Number  # the worst of them; 0: none loses
    capital: Capital


class DeskExposure(Part, frozen=True, kw_only=True):
    """All underlyings together."""

    measures: Measures
    unvalued: int
    worst_case: Measures
    index: str  # in whose units beta-weighted delta is told
    beta_delta_usd: Number
    beta_delta_shares: Number
    gaps: tuple[GapPnl, ...]
    gap_loss_usd: Number
    capital_usd: Number


class Exposures(Part, frozen=True, kw_only=True):
    """Section 2: what the book risks."""

    desk: DeskExposure
    by_underlying: tuple[UnderlyingExposure, ...]


class SlideGrid(Part, frozen=True, kw_only=True):
    """P&L in USD by full revaluation: one row a move of spot, one column a shift of volatility."""

    scope: str  # an underlying, or "desk"
    pnl_usd: tuple[tuple[Number, ...], ...]


class SlideLadder(Part, frozen=True, kw_only=True):
    """A slide that the desk set: another time, other moves, or another way in which volatility shifts."""

    name: str
    at: str  # ISO 8601, UTC; empty where nobody knows
    shift: str  # parallel, tenor, spot_correlated
    moves_in: str  # relative, or standard deviations
    moves: tuple[float, ...]
    shifts_points: tuple[float, ...]
    grids: tuple[SlideGrid, ...]  # the desk first
    reason: str  # why numbers are null; empty: none is


class Slides(Part, frozen=True, kw_only=True):
    """Section 3: ladders. Volatilities follow spot by the dynamics of the underlying (unchanged under sticky strike) and are
    shifted; a series without a value counts at the most it can lose.
    """

    moves: tuple[float, ...]  # of spot, relative
    shifts_points: tuple[float, ...]  # of volatility, in points of 0.01
    grids: tuple[SlideGrid, ...]  # the desk first
    after_hedges: tuple[SlideGrid, ...]  # the same once the proposed hedges are done
    ladders: tuple[SlideLadder, ...]  # that the desk set


class Reason(Part, frozen=True, kw_only=True):
    """Why the numbers at `path`, and beneath it, are null. `[*]` stands for every row."""

    path: str
    reason: str


class PlanReport(Part, frozen=True, kw_only=True):
    """The plan of one cycle."""

    schema: Literal["flatbook.plan/2"] = SCHEMA
    flatbook_version: str
    header: Header
    units: tuple[UnitOf, ...]  # of the measures
    inventory: Inventory
    exposure: Exposures
    capital: DeskCapital
    groups: Groups  # the book along every axis
    deltas: Deltas
    factors: FactorRisk
    slides: Slides
    limits: tuple[LimitRow, ...]  # section 4, worst first
    responses: tuple[ResponseRow, ...]  # what they ask of each side of each class
    hedges: Hedges
    offset: OffsetSection
    quotes: Quotes
    orders: OrdersOf | None  # null: the desk only proposes
    residual: Residual
    what_if: tuple[
        WhatIfRow, ...
    ]  # the book with orders at work filled, or after trades that somebody asked about
    sheets: Sheets
    market_health: MarketHealth
    reasons: tuple[Reason, ...]


def json_schema() -> dict[str, object]:
    """The JSON schema (draft 2020-12) of `PlanReport`."""
    schema: dict[str, object] = _cleaned(msgspec.json.schema(PlanReport))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _cleaned(part: object) -> Any:
    """Descriptions without the indentation of docstrings, which Python keeps up to 3.12 and strips from 3.13 on."""
    if isinstance(part, dict):
        return {
            key: inspect.cleandoc(value)
            if key == "description" and isinstance(value, str)
            else _cleaned(value)
            for key, value in part.items()
        }
    return [_cleaned(item) for item in part] if isinstance(part, list) else part
