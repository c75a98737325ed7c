"""Risk as the plan report keeps it: the book along its axes, its deltas side by side, and its deviation by factor."""

from flatbook.reports.schema_parts import Number, Part


class GroupMeasures(Part, frozen=True, kw_only=True):
    """The measures of a group, of what has a value in it."""

    value_usd: Number
    delta_usd: Number
    gamma_usd_per_pct: Number
    vega_usd_per_point: Number
    vega_weighted_usd_per_point: Number
    theta_usd_per_day: Number


class GroupBound(Part, frozen=True, kw_only=True):
    """The largest magnitude that what has no value in a group can have."""

    delta_usd: Number
    gamma_usd_per_pct: Number
    vega_usd_per_point: Number
    vega_weighted_usd_per_point: Number


class GroupRow(Part, frozen=True, kw_only=True):
    """One group of an axis. Gaps count what has no value at the most it can lose."""

    name: str
    series: int  # held
    net: int  # contracts
    long: int
    short: int
    measures: GroupMeasures
    gap_down_usd: Number  # P&L
    gap_up_usd: Number
    gap_loss_usd: Number  # of the worst gap of all; 0: none loses
    unvalued_contracts: int  # long plus short, in no measure
    worst_case: tuple[GroupBound, ...]  # of these: one, or none where there are none


class GroupAxis(Part, frozen=True, kw_only=True):
    """The whole book along one axis."""

    name: str  # class, underlying, bucket, expiry, delta, deviations, strategy, account
    rows: tuple[
        GroupRow, ...
    ]  # with a position; of time and strike in their order, others the largest gap loss first


class Groups(Part, frozen=True, kw_only=True):
    """The book cut along its axes; each of them adds up to the desk."""

    gap_down: float  # the moves of `gap_down_usd` and `gap_up_usd`, relative
    gap_up: float
    axes: tuple[GroupAxis, ...]


class DeltaRow(Part, frozen=True, kw_only=True):
    """The deltas of one scope side by side, of what has a value."""

    scope: str  # an underlying, or "desk"
    unvalued: int  # series held
    delta_shares: Number  # Black's, at fixed volatilities of fixed strikes
    delta_smile_shares: Number
    delta_min_variance_shares: Number
    delta_usd: Number
    delta_smile_usd: Number
    delta_min_variance_usd: Number
    min_variance_source: str  # what tells the delta of least variance
    beta: Number
    beta_delta_usd: Number  # in USD of the desk's index
    beta_delta_shares: Number  # in units of it
    idiosyncratic_usd: Number  # deviation over the holding time of what the index does not explain
    idiosyncratic_source: str  # history, volatilities; empty where it is not known


class CoinRow(Part, frozen=True, kw_only=True):
    """The coin-settled contracts of one underlying, in coin and the same contracts in USD."""

    underlying: str
    coin: str
    usd_per_coin: Number
    unvalued_contracts: int
    value_coin: Number
    delta_coin: Number  # net of the premium
    delta_gross_coin: Number  # before the premium
    gamma_coin_per_pct: Number
    vega_coin_per_point: Number
    theta_coin_per_day: Number
    value_usd: Number
    delta_usd: Number
    gamma_usd_per_pct: Number
    vega_usd_per_point: Number
    theta_usd_per_day: Number


class Deltas(Part, frozen=True, kw_only=True):
    """Direction, told in every way in which a desk tells it."""

    index: str  # of beta-weighted delta; empty: the desk has none
    over_days: float  # of the idiosyncratic deviation
    rows: tuple[DeltaRow, ...]  # the desk first, then what is held, the largest delta first
    coin: tuple[CoinRow, ...]


class FactorRow(Part, frozen=True, kw_only=True):
    """One factor of one underlying; a factor to which neither book is exposed has no row."""

    factor: str
    unit: str  # of the exposure
    exposure: Number
    exposure_after: Number
    unvalued_contracts: int  # whose exposure to it is not known, before the hedges
    factor_deviation: Number  # of the factor over the holding time, in what the exposure is per
    factor_deviation_error: Number  # of sampling
    effective_samples: float  # days of equal weight that told it; 0: configured
    contribution_usd: Number  # to the deviation of the book
    contribution_after_usd: Number
    share: Number  # of that deviation
    share_after: Number


class SmileVega(Part, frozen=True, kw_only=True):
    """P&L of one vol point of level, of the 25-delta risk reversal and of the 25-delta butterfly."""

    level_usd_per_point: Number
    skew_usd_per_point: Number
    curvature_usd_per_point: Number


class SmileRow(Part, frozen=True, kw_only=True):
    """One expiry of one class, in points of its own smile."""

    option_class: str
    expiry: str  # ISO 8601, UTC
    days: float  # calendar days to it
    vega: SmileVega
    unvalued_contracts: int  # of which one of the three is not known


class UnderlyingFactors(Part, frozen=True, kw_only=True):
    """One underlying's part in the deviation of the book."""

    underlying: str
    contribution_usd: Number
    contribution_after_usd: Number
    share: Number
    share_after: Number
    rows: tuple[FactorRow, ...]
    weighted: SmileVega  # of all tenors, in points of 30 days
    smile: tuple[SmileRow, ...]  # by class and expiry


class KindRow(Part, frozen=True, kw_only=True):
    """The factors of one kind, of all underlyings and tenors."""

    factor: str
    contribution_usd: Number
    contribution_after_usd: Number
    share: Number
    share_after: Number


class FactorRisk(Part, frozen=True, kw_only=True):
    """The standard deviation of the book's P&L over the holding time, and what makes it. Contributions and shares are those
    of `deviation_valued_usd`, and add up to it.
    """

    over_days: float
    covariance_source: str
    unverified: bool  # some of the covariance is a default that nobody has verified
    deviation_usd: Number  # null where something held has no exposure to a factor
    deviation_error_usd: Number  # of sampling
    deviation_valued_usd: Number  # of what has a value
    deviation_after_usd: Number  # once the proposed hedges are done
    deviation_after_error_usd: Number
    deviation_valued_after_usd: Number
    by_kind: tuple[KindRow, ...]  # the largest first
    by_underlying: tuple[UnderlyingFactors, ...]  # the largest first
