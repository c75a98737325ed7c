"""The part of the plan that tells what options, underlying and proxies together would do about the book that is held."""

from flatbook.reports.schema_parts import Number, Part
from flatbook.reports.schema_what_if import WhatIfRow


class OffsetTrade(Part, frozen=True, kw_only=True):
    """Contracts of one instrument."""

    symbol: str
    side: str  # buy, sell
    contracts: int  # always positive


class OffsetLegRow(Part, frozen=True, kw_only=True):
    """One instrument of the plan."""

    symbol: str
    underlying: str
    side: str  # buy, sell
    contracts: int
    cost_usd: Number  # half-spread, fee and impact


class OffsetPackage(Part, frozen=True, kw_only=True):
    """One structure among the legs; every contract of the plan is in exactly one."""

    kind: str
    legs: tuple[OffsetTrade, ...]
    reason: str


class OffsetBoundRow(Part, frozen=True, kw_only=True):
    """One limit, or a cell or margin point of one, that is outside its levels before the plan or after it."""

    name: str
    before: Number  # in the unit of the limit
    after: Number
    low: Number  # `limit_share` of the hard limit; null: no level on this side
    high: Number
    outside_before: Number  # by how much; 0: within
    outside_after: Number


class OffsetMenuRow(Part, frozen=True, kw_only=True):
    """One candidate by itself, at the quantity that is worth most."""

    symbol: str
    side: str
    contracts: int
    cost_usd: Number
    risk_removed_usd: Number  # aversion / 2 times the variance that goes; below 0 where it adds
    breach_removed: Number  # shares of the limits by which they are outside their levels
    removed_per_usd: Number  # risk and the price of breaches, per USD of cost; null: it costs nothing
    bounds_mended: int  # outside before and not after


class OffsetAlternativeRow(Part, frozen=True, kw_only=True):
    """Another plan that was considered."""

    name: str
    legs: tuple[OffsetTrade, ...]
    cost_usd: Number
    risk_usd: Number  # that it leaves
    bounds_outside: int
    worse_by_usd: Number  # than the plan, in cost, risk and the price of breaches
    reason: str  # why it lost


class OffsetPressing(Part, frozen=True, kw_only=True):
    """How pressing the offset of one underlying is: the worst step among its limits that a trade can move."""

    underlying: str
    step: str
    limit: str  # that decides; empty at NORMAL
    response: str  # what the ladder asks of option offsets at this step
    utilisation: Number  # of that limit; null at NORMAL, and where it is not known
    utilisation_after: Number  # once the plan is done
    relief: tuple[OffsetTrade, ...]  # the best of the menu among what brings that limit down, three at most


class OffsetPlanOf(Part, frozen=True, kw_only=True):
    """What to trade in place of the hedges, what it costs and what it leaves."""

    status: str
    legs: tuple[OffsetLegRow, ...]  # the dearest first
    packages: tuple[OffsetPackage, ...]
    cost_usd: Number
    risk_before_usd: Number  # aversion / 2 times the variance of the factor model
    risk_after_usd: Number
    deviation_before_usd: Number
    deviation_after_usd: Number
    over_days: float
    limit_share: float  # of every hard limit: where the plan keeps the book
    bounds: tuple[OffsetBoundRow, ...]  # outside before or after, the largest share after first
    all_kept: bool  # every bound that is known is within its levels
    proven_infeasible: bool  # no plan, even in fractions of lots, keeps them all
    worth_usd: Number  # cost, risk and the price of breaches: what the plan makes least
    bound_usd: Number  # no plan is worth less
    gap_usd: Number  # the most that a better plan could save
    gap_share: Number  # of `worth_usd`
    alternatives: tuple[OffsetAlternativeRow, ...]  # the best first
    menu: tuple[OffsetMenuRow, ...]  # what is worth its cost, the most removed per USD first
    candidates: int
    notes: tuple[str, ...]  # what could not be said in the programme


class OffsetSection(Part, frozen=True, kw_only=True):
    """The option offset of the book that is held; a proposal in place of the hedges, not beside them."""

    underlyings: tuple[str, ...]  # whose instruments it may trade
    pressing: tuple[OffsetPressing, ...]
    plan: OffsetPlanOf | None  # null: it was not computed, and `reason` says why
    after: WhatIfRow | None  # the book once the plan is done; null: it trades nothing
    reason: str
    sentence: str
