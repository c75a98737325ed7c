"""The comparison of levers as the file keeps it: the schema `flatbook.reduce/1`.

Money is in USD, plus is ours; a cost, a risk, a loss is told without a sign. Shares are decimals: 0.9 is 90 %. null is a number that does not
exist: `reasons` says why.
"""

from typing import Literal

from flatbook.reports.schema import Reason, SlideGrid
from flatbook.reports.schema_parts import Number, Part

SCHEMA: Literal["flatbook.reduce/1"] = "flatbook.reduce/1"


class LeversHeader(Part, frozen=True, kw_only=True):
    """Which desk and book, what the levers are measured by, and how it came out."""

    desk: str
    valued_at: str  # ISO 8601, UTC
    market: str  # name of the file or folder
    format: str
    book: str  # name of the file, or the crowd that made it
    synthetic: bool  # the market never traded
    underlyings: tuple[str, ...]  # in which the book holds something
    series_held: int
    contracts_held: int  # long and short
    aversion_per_usd: float
    holding_days: float
    flow_expected: bool  # the desk expects customers, so that quotes work
    joint_wins: bool  # every limit kept, at less cost and risk than every other lever
    headline: str
    sentences: tuple[str, ...]
    notes: tuple[str, ...]  # of the inputs


class LeverRow(Part, frozen=True, kw_only=True):
    """One lever, and the book once it is done."""

    name: str
    cost_usd: Number  # of trading
    risk_usd: Number  # price of what is left
    total_usd: Number
    deviation_usd: Number  # one standard deviation of what is left, over the holding time, before quotes work
    risk_without_quotes_usd: Number  # price of that deviation: what is left if no customer comes
    limits_broken: int  # at or beyond hard
    worst_utilisation: Number
    worst_limit: str  # its name
    gap_loss_usd: Number  # of the desk, in the worst of the gaps
    slide_loss_usd: Number  # of the desk, in the worst cell of the slides
    legs: int  # instruments traded at once
    option_legs: int  # of them
    option_contracts: int  # traded at once
    expected_contracts: float  # that quotes bring, each series net, over the holding time
    note: str


class LimitUse(Part, frozen=True, kw_only=True):
    """One limit under every lever."""

    name: str
    measure: str
    unit: str
    limit_hard: float
    value: tuple[Number, ...]  # in the order of the levers
    utilisation: tuple[Number, ...]


class PlanLeg(Part, frozen=True, kw_only=True):
    """One instrument of the joint plan."""

    symbol: str
    kind: str  # call, put, share, future
    underlying: str
    contracts: int  # plus bought
    held_before: int
    cost_usd: float
    delta_usd: Number  # of all its contracts
    gamma_usd_per_pct: Number
    vega_usd_per_point: Number


class PackageLeg(Part, frozen=True, kw_only=True):
    """One instrument of a package."""

    symbol: str
    contracts: int  # plus bought


class PlanPackage(Part, frozen=True, kw_only=True):
    """One structure of the joint plan; every contract is in exactly one."""

    kind: str
    legs: tuple[PackageLeg, ...]
    cost_usd: float
    delta_usd: Number
    vega_usd_per_point: Number
    reason: str


class ExpectedSeries(Part, frozen=True, kw_only=True):
    """One series at the quotes of the joint plan."""

    symbol: str
    contracts: float  # net over the holding time, plus bought
    held: int  # once the plan is done
    vega_usd_per_point: Number  # that those contracts bring


class ExpectedFlow(Part, frozen=True, kw_only=True):
    """What the quotes of the joint plan are expected to bring over the holding time, if nothing moves."""

    over_days: float
    bought: float  # contracts, each series net
    sold: float
    delta_usd: Number
    gamma_usd_per_pct: Number
    vega_usd_per_point: Number
    series: tuple[ExpectedSeries, ...]  # the most contracts first


class MenuRow(Part, frozen=True, kw_only=True):
    """One candidate alone, at its best whole quantity."""

    name: str
    contracts: int  # plus bought
    cost_usd: float
    risk_removed_usd: float  # below 0 where it adds
    rows_mended: int  # limits, cells and scenarios outside their levels before and not after
    removed_per_usd: Number  # risk and the price of breaches, per USD of cost


class AlternativeRow(Part, frozen=True, kw_only=True):
    """Another plan that was considered, in the terms of the programme."""

    name: str
    legs: tuple[PackageLeg, ...]
    cost_usd: float
    risk_usd: float
    rows_broken: int
    worse_by_usd: float  # in cost, risk and the price of breaches
    reason: str  # why it lost


class JointPlan(Part, frozen=True, kw_only=True):
    """What to trade, why, and what was considered beside it."""

    status: str
    candidates: int
    rows: int  # limits, cells and scenarios that it was held to
    rows_broken_before: int
    rows_broken_after: int
    gap_usd: float  # the most that a better plan could save
    legs: tuple[PlanLeg, ...]  # the dearest first
    packages: tuple[PlanPackage, ...]
    expected: ExpectedFlow
    menu: tuple[MenuRow, ...]  # the most removed per USD first
    menu_total: int
    alternatives: tuple[AlternativeRow, ...]  # the best first
    notes: tuple[str, ...]  # what could not be said as rows


class BookSlides(Part, frozen=True, kw_only=True):
    """P&L by full revaluation: the desk first, then the underlyings held, before the joint plan and after its trades."""

    moves: tuple[float, ...]  # of spot, relative
    shifts_points: tuple[float, ...]  # of volatility
    before: tuple[SlideGrid, ...]
    after: tuple[SlideGrid, ...]


class LeversReport(Part, frozen=True, kw_only=True):
    """A book, and what each lever does about it."""

    schema: Literal["flatbook.reduce/1"] = SCHEMA
    flatbook_version: str
    header: LeversHeader
    levers: tuple[LeverRow, ...]  # nothing first, the joint plan last
    limits: tuple[LimitUse, ...]  # the worst before first
    plan: JointPlan
    slides: BookSlides
    reasons: tuple[Reason, ...]
