"""The sheets of the plan report: expiry, early exercise, dated events, and historical risk."""

from flatbook.reports.schema_parts import Number, Part


class StrikeSheet(Part, frozen=True, kw_only=True):
    """One strike of an expiry held; contracts are net, long is plus."""

    strike: float
    calls: int
    puts: int
    jump_shares: float  # more shares above the strike than below
    distance_deviations: (
        Number  # of the strike from the forward, in standard deviations of the settlement price
    )
    gamma_usd_per_pct: Number
    gamma_shares_per_tick: Number  # change of delta as the underlying moves one tick
    within_tick: Number  # probability of settling within a tick of the strike
    within_pin: Number  # probability of settling so close that holders may decide either way
    exercised: Number  # contracts of ours that are exercised, expected
    assigned: Number  # contracts that we are assigned, expected
    reason: str


class ExpirySheet(Part, frozen=True, kw_only=True):
    """One expiry at hand. Shares are those after settlement; where it is in cash, the delta that vanishes."""

    option_class: str
    underlying: str
    expiry: str  # ISO 8601, UTC
    settlement: str  # am, pm, fixing
    delivers: bool  # shares change hands
    last_trade: str  # ISO 8601, UTC: the session before, where the opening settles
    forward: Number
    move_sd: Number  # of the log settlement price
    delta_shares: Number  # now
    expected_shares: Number
    deviation_shares: Number
    worst_shares: float  # largest within two standard deviations
    worst_price: Number  # where that begins
    exercised: Number
    assigned: Number
    assignment_deviation_shares: Number  # of what holders decide after the close
    assignment_deviation_usd: Number  # of that, unhedged until the next open
    opening_deviation_usd: Number  # gap of the last night before an opening settles, delta hedged
    strikes: tuple[StrikeSheet, ...]
    reason: str


class ExerciseRow(Part, frozen=True, kw_only=True):
    """One held option for which early exercise pays, or might."""

    symbol: str
    underlying: str
    position: int
    action: str  # exercise, expect assignment
    why: str  # dividend, carry
    ex_date: str  # ISO 8601, UTC; empty: no dividend decides
    dividend: Number
    act_by: str  # ISO 8601, UTC: last moment for instructions; empty: the next cut-off
    exercise_value: Number  # per unit
    hold_value: Number  # per unit: what it is worth where it is not exercised
    put_value: Number  # of the same strike
    carry: Number  # interest on the strike to expiry
    by_rule: bool  # judged by put and carry alone
    gain: Number  # per unit
    gain_error: Number
    loss_usd: Number  # expected, where forgotten or assigned
    reason: str
    sentence: str


class JumpPnl(Part, frozen=True, kw_only=True):
    """One point of the density of an event."""

    move: Number  # relative
    probability: float
    pnl_usd: Number


class EventSheet(Part, frozen=True, kw_only=True):
    """What a dated event does to the book, volatility without its variance afterwards."""

    underlying: str
    name: str
    at: str  # ISO 8601, UTC
    move_sd: Number
    jumps: tuple[JumpPnl, ...]
    expected_usd: Number
    deviation_usd: Number
    worst_usd: Number
    calm_usd: Number  # P&L if nothing moves
    reason: str


class RiskLevel(Part, frozen=True, kw_only=True):
    """Value at risk and expected shortfall at one level; losses are above 0."""

    level: float
    value_at_risk_usd: Number
    value_at_risk_low_usd: Number  # the quantile is between here and
    value_at_risk_high_usd: Number  # here with 95 % probability
    value_at_risk_error_usd: Number
    shortfall_usd: Number
    shortfall_error_usd: Number
    component_value_at_risk_usd: Number  # adds up to the desk's
    component_shortfall_usd: Number  # adds up to the desk's
    incremental_value_at_risk_usd: Number  # the desk's less that of a desk without it


class WorstDay(Part, frozen=True, kw_only=True):
    """A day of the history on today's book."""

    day: str  # ISO 8601 date
    pnl_usd: float


class HistoricalRisk(Part, frozen=True, kw_only=True):
    """What the days of a history say of one scope."""

    scope: str  # an underlying, or "desk"
    days: int
    days_left_out: int
    levels: tuple[RiskLevel, ...]
    worst_days: tuple[WorstDay, ...]
    worst_case: bool  # something held has no value and counts at the most it can lose
    by_dynamics: bool  # the history tells no volatility: it follows spot
    reason: str


class HistorySheet(Part, frozen=True, kw_only=True):
    """Historical scenarios: each day's moves on today's book."""

    first_day: str  # ISO 8601 date
    last_day: str
    estimator: str
    scopes: tuple[HistoricalRisk, ...]  # the desk first; then what is held, the largest shortfall first


class Sheets(Part, frozen=True, kw_only=True):
    """What is held against expiries, ex-dates, events and the past."""

    expiries: tuple[ExpirySheet, ...]
    exercises: tuple[ExerciseRow, ...]
    events: tuple[EventSheet, ...]
    history: HistorySheet | None  # null: the desk has no history
