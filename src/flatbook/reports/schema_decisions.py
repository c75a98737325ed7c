"""What was decided, as the plan report keeps it: limits, hedges, quotes, and what is left."""

from flatbook.reports.schema_parts import Number, Part
from flatbook.reports.schema_price import PriceParameter, QuoteShift
from flatbook.reports.schema_quoting import QuoteConditions


class LimitOverride(Part, frozen=True, kw_only=True):
    """Another hard limit that stands in place of one for a time."""

    limit_hard: float
    owner: str
    reason: str
    until: str  # ISO 8601, UTC


class LimitRow(Part, frozen=True, kw_only=True):
    """Section 4: one limit. Utilisation is (|value| + unvalued_worst_case) / limit_hard; 1 is the limit."""

    name: str
    measure: str
    scope: str
    unit: str
    value: Number
    unvalued_worst_case: Number
    limit_hard: float  # in force: overridden and tightened
    limit_hard_set: float  # as the desk set it
    tightened: tuple[str, ...]  # why it is tighter now
    override: tuple[LimitOverride, ...]  # in force: none or one
    utilisation: Number  # null is a breach
    step: str  # NORMAL, NOTIFY, ALERT, ESCALATE, HARD
    action: str
    cool_down_until: str  # ISO 8601, UTC: the step is held until then though utilisation has left it; empty: it is not held
    where: str  # the series, expiry or move that decides, where there is one
    owner: str
    reason: str  # why the value is null


class ResponseRow(Part, frozen=True, kw_only=True):
    """What the ladder asks of one side of one option class: the highest step among the limits that it would worsen."""

    option_class: str
    side: str  # buy, sell: ours
    step: str
    action: str
    limit: str  # that decides; empty at NORMAL
    series: int  # live series at this step
    live: int  # live series of the class


class Trade(Part, frozen=True, kw_only=True):
    """One way to hedge, in whole lots."""

    side: str  # buy, sell; none: no whole lot helps
    contracts: int  # always positive or 0
    symbol: str
    price: Number  # price units
    cost_usd: Number
    basis_deviation_usd: Number  # standard deviation over the holding time
    delta_after_usd: Number
    score_usd: Number  # cost plus the price of the risk that is left; least wins
    delta_usd: Number  # that it brings
    carry_usd: Number  # over the holding time, borrow in it; minus: it earns
    effectiveness: Number  # share of the variance that it removes of what it hedges
    effectiveness_stress: Number  # the same in stress
    followed: str  # beta and correlation with their errors, or that nobody has verified them
    why: str  # it lost; empty for one that is traded


class WorkingRow(Part, frozen=True, kw_only=True):
    """How one leg is traded: crossed now, or worked."""

    symbol: str
    minutes: Number  # 0: now
    contracts: tuple[int, ...]  # at equal steps of the minutes, plus buys
    rate_per_minute: Number  # share of what is left to the target of the moment; null: at once
    expected_cost_usd: Number
    deviation_usd: Number  # of the cost, for the path that is open meanwhile
    reason: str


class PolicyRow(Part, frozen=True, kw_only=True):
    """What one policy would do now, in an instrument that follows the underlying wholly."""

    policy: str
    in_force: bool
    band_usd: Number  # half-width; null: it is not the time, or not known
    trade_usd: Number  # of delta, plus buys
    cost_usd: Number


class HedgeRow(Part, frozen=True, kw_only=True):
    """What to do about one underlying's delta; `chosen` is null where nothing is to be done, and `reason` says why."""

    underlying: str
    delta_before_usd: Number
    band_usd: Number  # half-width of the no-trade band
    target_usd: Number
    chosen: Trade | None  # the largest leg
    legs: tuple[Trade, ...]  # that are traded, the largest first
    alternatives: tuple[Trade, ...]  # that lost, best first, each by itself
    delta_after_usd: Number
    deviation_before_usd: (
        Number  # of delta and the bases held, over the holding time; null where nothing is traded
    )
    deviation_after_usd: Number
    cost_usd: Number  # of all legs as they are scheduled
    schedule: tuple[WorkingRow, ...]  # of each leg
    policies: tuple[PolicyRow, ...]  # beside each other
    reason: str
    sentence: str


class Hedges(Part, frozen=True, kw_only=True):
    """Section 5: what to trade."""

    rows: tuple[HedgeRow, ...]


class QuoteRow(Part, frozen=True, kw_only=True):
    """One option series; all prices are in units of its quote currency, sizes in contracts."""

    symbol: str
    underlying: str
    option_class: str
    expiry: str
    strike: float
    right: str
    position: int
    theo: Number
    vol: Number
    vol_bid: Number
    vol_ask: Number
    market_bid: Number
    market_ask: Number
    market_status: str  # why the market's quote is, or is not, used
    neutral_bid: Number
    neutral_ask: Number
    bid: Number
    ask: Number
    bid_size: int
    ask_size: int
    lean: Number  # shift of the reservation price; minus is keener to sell
    half_spread: Number
    reason: str


class QuoteCount(Part, frozen=True, kw_only=True):
    """How many series are quoted for one reason."""

    reason: str
    series: int


class Quotes(Part, frozen=True, kw_only=True):
    """Section 6: what to show."""

    counts: tuple[QuoteCount, ...]
    series: tuple[QuoteRow, ...]  # by class, expiry, strike; call before put
    shifts: tuple[QuoteShift, ...]  # of what is held, then of what the risk price moves most
    conditions: QuoteConditions


class Change(Part, frozen=True, kw_only=True):
    """One figure before and after the proposed hedges."""

    name: str
    unit: str
    before: Number
    after: Number


class ResidualOf(Part, frozen=True, kw_only=True):
    """What remains of one scope."""

    scope: str  # an underlying, or "desk"
    changes: tuple[Change, ...]


class BasisRisk(Part, frozen=True, kw_only=True):
    """What a hedge with a related product leaves open."""

    underlying: str
    symbol: str
    deviation_usd: Number
    over_days: float
    deviation_stress_usd: Number  # the same in stress
    effectiveness: float  # share of the variance that it removes of what it hedges
    effectiveness_stress: Number  # the same in stress
    followed: str  # beta and correlation with their errors, or that nobody has verified them


class FactorPrice(Part, frozen=True, kw_only=True):
    """What one more unit of one risk costs us; plus: another unit costs, minus: it relieves."""

    factor: str
    unit: str  # of the exposure
    exposure: Number
    deviation_per_unit_usd: Number  # standard deviation over the holding time
    price_usd_per_unit: Number


class RiskPriceOf(Part, frozen=True, kw_only=True):
    """The risk price of one underlying."""

    underlying: str
    spot_vol: Number  # annual, at 30 days
    hedge_cost_usd_per_usd: Number  # to trade a USD of delta
    factors: tuple[FactorPrice, ...]


class LedgerRow(Part, frozen=True, kw_only=True):
    """One risk that is left."""

    name: str  # underlying, kind and source
    kind: str  # basis, volatility, execution, event, direction
    underlying: str
    source: str
    owner: str
    deviation_usd: Number
    variance_usd2: Number
    share_of_variance: Number
    expected_cost_usd: Number
    horizon_days: float


class LedgerTotals(Part, frozen=True, kw_only=True):
    """The ledger held against the factor model of the book that is left, as standard deviations and variances."""

    deviation_usd: Number
    expected_cost_usd: Number
    variance_usd2: Number
    model_usd2: Number
    in_both_usd2: Number
    not_in_ledger_usd2: Number
    not_in_model_usd2: Number


class ResidualLedger(Part, frozen=True, kw_only=True):
    """What the hedges leave behind, entry by entry, held against the factor model of the same book."""

    entries: tuple[LedgerRow, ...]  # the largest first
    totals: LedgerTotals
    stated: tuple[str, ...]  # what was assumed


class Residual(Part, frozen=True, kw_only=True):
    """Section 7: what is left, and what it costs."""

    scopes: tuple[ResidualOf, ...]  # the desk first
    basis: tuple[BasisRisk, ...]
    risk_price: tuple[RiskPriceOf, ...]
    price_parameters: tuple[PriceParameter, ...]
    ledger: ResidualLedger
