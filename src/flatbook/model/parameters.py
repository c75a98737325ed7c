"""What the desk decided: underlyings, hedge instruments, limits, quoting rules, appetite for risk.

Currency amounts are in the desk's currency (USD). Volatilities are annual decimals; a vol point is 0.01.
"""

from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

import msgspec

from flatbook.model.factor_terms import FactorTerms
from flatbook.model.flow_terms import AlphaTerms, FlowTerms
from flatbook.model.hedge_terms import HedgeTerms, HedgingTerms
from flatbook.model.offset_terms import OffsetTerms
from flatbook.model.order_terms import OrderTerms
from flatbook.model.quoting_terms import DutyTerms, FastMarketTerms, ProtectionTerms
from flatbook.model.terms import Parameters, demand

_INFINITE = float("inf")


class HaircutRange(StrEnum):
    """Which range of moves the scenario haircut covers (domain: 15c3-1a, 4210(g))."""

    SINGLE_NAME = "single_name"  # -15 % to +15 %
    BROAD_INDEX = "broad_index"  # -8 % to +6 %: high-capitalisation, diversified
    OTHER_INDEX = "other_index"  # -10 % to +10 %: not of high capitalisation


class UnderlyingTerms(Parameters, frozen=True, kw_only=True):
    """How the desk treats one underlying."""

    symbol: str
    haircut: HaircutRange = HaircutRange.SINGLE_NAME
    leverage: float = 1.0  # of a leveraged fund, as 2 or -3: its moves are so many times those of the range
    beta: float = 1.0  # return of this underlying for a return of 1 of the desk's index
    rate: float | None = None  # continuous annual rate, where neither a curve nor parity gives one
    capital_minimum_usd: float = (
        0.25  # least haircut per option contract, times its multiplier; 0.375 for customer PM
    )
    calendar: str = ""  # exchange whose sessions its variance follows, as XNYS; empty: calendar time
    cash_dividends_years: float = 2.0  # dividends further off are a share of the price, not cash
    stickiness_days: tuple[float, ...] = (30.0,)  # calendar days to expiry, ascending
    stickiness: tuple[float, ...] = (1.0,)  # skew stickiness ratio at each of them; 1 is sticky strike
    spot_vol_beta: float = 0.0  # change of at-the-money vol per log return of 1, where no smile tells a skew
    spot_vol_reference_days: float = 30.0  # the time to expiry that the beta is told of
    spot_vol_tenor_exponent: float = 0.5  # at-the-money moves fall with time to expiry to this power
    spot_vol_estimate: bool = False  # use what published surfaces told of the above, drawn to it
    spot_vol_half_life_days: float = 60.0  # calendar days in which what they told fades by half
    spot_vol_interval_minutes: float = 60.0  # least time between two that are learned from

    minimum_variance: tuple[float, ...] = ()  # Hull and White's a, b, c; empty: the smile delta

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        demand(
            len(self.minimum_variance) in (0, 3)
            and all(-20.0 <= each <= 20.0 for each in self.minimum_variance),
            f"underlying {self.symbol}: minimum_variance must be three numbers from -20 to 20, or none, "
            f"was {list(self.minimum_variance)}",
        )
        demand(
            -20.0 <= self.beta <= 20.0,
            f"underlying {self.symbol}: beta must be between -20 and 20, was {self.beta}",
        )
        demand(
            0.0 < abs(self.leverage) <= 5.0,
            f"underlying {self.symbol}: leverage must be within -5 and 5 and not 0, was {self.leverage}",
        )
        demand(
            self.rate is None or -0.2 <= self.rate <= 1.0,
            f"underlying {self.symbol}: rate is an annual decimal between -0.2 and 1, was {self.rate}",
        )
        demand(
            0.0 <= self.capital_minimum_usd < _INFINITE,
            f"underlying {self.symbol}: capital_minimum_usd must be 0 or above, was {self.capital_minimum_usd}",
        )
        self._check_dynamics()

    def _check_dynamics(self) -> None:
        name, days, ratios = f"underlying {self.symbol}", self.stickiness_days, self.stickiness
        ascending = all(later > earlier for earlier, later in pairwise((0.0, *days)))
        demand(
            len(days) > 0 and ascending and days[-1] < _INFINITE,
            f"{name}: stickiness_days must be days above 0 in ascending order, was {list(days)}",
        )
        demand(
            len(ratios) == len(days) and all(-2.0 <= ratio <= 5.0 for ratio in ratios),
            f"{name}: stickiness must have one number from -2 to 5 for each of the {len(days)} stickiness_days, "
            f"was {list(ratios)}",
        )
        demand(
            -20.0 <= self.spot_vol_beta <= 20.0,
            f"{name}: spot_vol_beta must be between -20 and 20, was {self.spot_vol_beta}",
        )
        demand(
            0.0 < self.spot_vol_reference_days <= 3650.0,
            f"{name}: spot_vol_reference_days must be above 0 and at most 3650, was {self.spot_vol_reference_days}",
        )
        demand(
            0.0 <= self.cash_dividends_years <= 100.0,
            f"{name}: cash_dividends_years must be between 0 and 100, was {self.cash_dividends_years}",
        )
        demand(
            0.0 <= self.spot_vol_tenor_exponent <= 2.0,
            f"{name}: spot_vol_tenor_exponent must be between 0 and 2, was {self.spot_vol_tenor_exponent}",
        )
        demand(
            0.0 < self.spot_vol_half_life_days <= 36_500.0,
            f"{name}: spot_vol_half_life_days must be above 0 and at most 36500, was {self.spot_vol_half_life_days}",
        )
        demand(
            0.0 <= self.spot_vol_interval_minutes <= 525_600.0,
            f"{name}: spot_vol_interval_minutes must be between 0 and 525600, was {self.spot_vol_interval_minutes}",
        )


class LimitMeasure(StrEnum):
    """What a limit bounds. The unit ends the name; magnitudes are compared, whatever the sign."""

    SERIES_CONTRACTS = "series_contracts"  # largest net position in one series
    CLASS_CONTRACTS = "class_contracts"  # net contracts of one option class
    NET_CONTRACTS = "net_contracts"  # net option contracts of the scope
    GROSS_CONTRACTS = "gross_contracts"  # option contracts long and short, each series net
    SAME_SIDE_CONTRACTS = (
        "same_side_contracts"  # on one side of the market, as exchange position limits count them
    )
    DELTA_USD = "delta_usd"  # currency of a 100 % move
    GAMMA_USD_PER_PCT = "gamma_usd_per_pct"
    VEGA_USD_PER_POINT = "vega_usd_per_point"
    VEGA_WEIGHTED_USD_PER_POINT = "vega_weighted_usd_per_point"  # in 30-day vol points
    SKEW_USD_PER_POINT = "skew_usd_per_point"
    THETA_USD_PER_DAY = "theta_usd_per_day"
    CONCENTRATION_PCT = "concentration_pct"  # largest expiry's share of gross vega
    CLASS_SHARE_PCT = "class_share_pct"  # largest class's share of the gap losses of all, each by itself
    UNDERLYING_SHARE_PCT = "underlying_share_pct"  # largest underlying's share of them
    GAP_LOSS_USD = "gap_loss_usd"  # worst of the gap moves
    SLIDE_LOSS_USD = "slide_loss_usd"  # worst cell of the slides
    VAR_USD = "var_usd"
    ES_USD = "es_usd"  # expected shortfall
    CAPITAL_USD = "capital_usd"
    CAPITAL_DIFFERENCE_USD = "capital_difference_usd"  # of what a venue or clearing firm asks for and our own
    MARGIN_PCT = "margin_pct"  # margin required, of what is there for it
    DRAWDOWN_USD = "drawdown_usd"  # P&L lost since the peak of the day
    BASIS_DEVIATION_USD = (
        "basis_deviation_usd"  # standard deviation of what hedges with related products leave
    )
    ORDERS_PER_S = "orders_per_s"
    ORDERS_PER_MIN = "orders_per_min"
    FILLS_PER_S = "fills_per_s"
    FILLS_PER_MIN = "fills_per_min"
    UNUSABLE_QUOTES_PCT = "unusable_quotes_pct"  # of the live series of a class, the worst of those in scope


class Limit(Parameters, frozen=True, kw_only=True):
    """A bound on one measure of one scope.

    Utilisation is exposure over the limit in force: `limit_hard`, or what overrides it for a time, times every factor of
    tightening that applies. The steps of the ladder (domain reference 8.1) are shares of it.
    """

    measure: LimitMeasure
    underlying: str = ""  # empty, and no group: the desk
    group: str = ""  # a product group of the desk, in place of an underlying
    option_class: str = ""
    bucket: str = ""  # one expiry bucket
    series: str = ""  # symbol of one series
    limit_hard: float
    soft_share: float = 0.5  # of the limit: where quotes on the adding side begin to taper (NOTIFY)
    critical_share: float = 0.9  # where only what an obligation demands is left of them (ESCALATE)
    cool_down_s: float = 0.0  # how long the response of ALERT and above stays once utilisation has left it
    stale_after_s: float = 60.0  # a measure older than this is a breach
    tighten_days: float = 0.0  # calendar days to expiry from which the limit falls; 0: never
    tighten_expiry_factor: float = 1.0  # of the limit, at expiry
    tighten_event_h: float = 0.0  # hours before a dated event in which the limit is tighter
    tighten_event_factor: float = 1.0
    tighten_fast_factor: float = 1.0  # while the market is fast
    floor_usd_per_point: float = 0.0  # for CONCENTRATION_PCT: gross vega below which no book is concentrated
    floor_usd: float = 0.0  # for the two shares of gap losses: their sum below which no book is concentrated
    owner: str = "risk"

    def __post_init__(self) -> None:
        """Refuse a limit that is no bound."""
        name = f"limit {self.name}"
        demand(
            0.0 < self.limit_hard < _INFINITE,
            f"{name}: limit_hard must be above 0 and finite, was {self.limit_hard}",
        )
        demand(
            not (self.group and self.underlying),
            f"{name}: bound underlying {self.underlying} or group {self.group}, not both",
        )
        demand(
            0.0 < self.soft_share <= self.critical_share <= 1.0,
            f"{name}: need 0 < soft_share <= critical_share <= 1, was {self.soft_share} and {self.critical_share}",
        )
        for each in ("cool_down_s", "tighten_days", "tighten_event_h", "floor_usd_per_point", "floor_usd"):
            value = getattr(self, each)
            demand(0.0 <= value < _INFINITE, f"{name}: {each} must be 0 or above, was {value}")
        demand(
            0.0 < self.stale_after_s < _INFINITE,
            f"{name}: stale_after_s must be above 0, was {self.stale_after_s}",
        )
        for each in ("tighten_expiry_factor", "tighten_event_factor", "tighten_fast_factor"):
            value = getattr(self, each)
            demand(0.0 < value <= 1.0, f"{name}: {each} must be above 0 and at most 1, was {value}")

    @property
    def name(self) -> str:
        """How the limit is called on screens and in the audit trail."""
        whose = f"{self.group} group" if self.group else self.underlying or "desk"
        scope = "/".join(part for part in (whose, self.option_class, self.bucket, self.series) if part)
        return f"{scope}/{self.measure.value}"


class ProductGroup(Parameters, frozen=True, kw_only=True):
    """Underlyings that limits bound together, and that may offset each other in capital."""

    name: str
    underlyings: tuple[str, ...]
    capital_offset: float = (
        0.0  # share of one's gain that counts against another's loss at the same point; 0: no offset
    )

    def __post_init__(self) -> None:
        """Refuse a group of nothing, and a share that is none."""
        demand(bool(self.underlyings), f"group {self.name}: it needs an underlying")
        demand(
            0.0 <= self.capital_offset <= 1.0,
            f"group {self.name}: capital_offset must be between 0 and 1, was {self.capital_offset}",
        )


class RiskAppetite(Parameters, frozen=True, kw_only=True):
    """What the desk pays to be rid of risk."""

    aversion_per_usd: float  # absolute risk aversion (CARA), per currency unit
    holding_days: float = 1.0  # calendar days a position is expected to be held
    vol_of_vol: float = 0.8  # annual lognormal volatility of implied volatility at 30 days
    hurdle_per_year: float = 0.1  # what the capital behind a position must earn
    barrier_halfway_usd: float = (
        10_000.0  # price of a whole limit's worth of risk, half-way between its soft and its hard level
    )
    index: str = ""  # the underlying in whose units beta-weighted delta is told

    def __post_init__(self) -> None:
        """Refuse an appetite that cannot be meant."""
        demand(
            0.0 < self.aversion_per_usd < 1.0,
            f"risk aversion must be above 0 and below 1 per USD, was {self.aversion_per_usd}",
        )
        demand(
            0.0 < self.holding_days <= 365.0,
            f"holding_days must be above 0 and at most 365, was {self.holding_days}",
        )
        demand(
            0.0 <= self.hurdle_per_year <= 10.0,
            f"hurdle_per_year is an annual decimal from 0 to 10, was {self.hurdle_per_year}",
        )
        demand(
            0.0 <= self.barrier_halfway_usd < _INFINITE,
            f"barrier_halfway_usd must be 0 or above, was {self.barrier_halfway_usd}",
        )
        demand(
            0.0 <= self.vol_of_vol <= 5.0,
            f"vol_of_vol is an annual decimal from 0 to 5, was {self.vol_of_vol}",
        )


class QuotingRules(Parameters, frozen=True, kw_only=True):
    """How the desk quotes before inventory leans on it, and what the exchange obliges it to."""

    half_spread_vol_points: float = 0.5  # neutral half-spread, times vega
    half_spread_min: float = 0.01  # price units; coin-settled: in the strike's currency
    half_spread_pct: float = 0.5  # percent of the theoretical value, at least
    half_spreads_without_confidence: float = 2.0  # factor on it where the surface cannot be trusted at all
    size: int = 10  # contracts a side at no utilisation
    size_min: int = 1  # obligation
    width_max: float = 5.0  # widest legal bid-ask in price units; coin-settled: in the strike's currency
    lean_max_half_spreads: float = 1.0  # how far inventory may shift a quote; never past fair value
    inventory_full_contracts: int = 100  # position in one series at which the adding side shrinks to size_min
    fee_per_contract: float = 0.0  # USD that a fill of ours costs
    edge_min_usd: float = 0.0  # least distance of a quote from fair value, USD per contract, above the fee
    duty_horizon_s: float = (
        60.0  # longest time until the next cycle: for so long headroom must carry what goes off
    )
    shadow_share: float = 0.8  # our own protection trips at this share of the least venue limit
    shadow_frozen_s: float = 30.0  # for how long it keeps quotes away; 0: until it is reset
    hedge_latency_s: float = 1.0  # from a fill until its quotes are gone and it is hedged
    burst_loss_usd: float = 0.0  # what one burst of fills may cost; 0: no threshold is proposed
    burst_probability: float = 0.01  # of a burst that costs more

    def __post_init__(self) -> None:
        """Refuse rules that cannot be meant."""
        for name in ("half_spread_vol_points", "half_spread_min", "half_spread_pct", "lean_max_half_spreads"):
            value = getattr(self, name)
            demand(0.0 <= value < _INFINITE, f"quoting {name} must be 0 or above, was {value}")
        demand(
            1.0 <= self.half_spreads_without_confidence < _INFINITE,
            f"quoting half_spreads_without_confidence must be 1 or above, was {self.half_spreads_without_confidence}",
        )
        demand(0.0 < self.width_max < _INFINITE, f"quoting width_max must be above 0, was {self.width_max}")
        demand(
            1 <= self.size_min <= self.size,
            f"quoting needs 1 <= size_min <= size, was {self.size_min} and {self.size}",
        )
        demand(
            self.inventory_full_contracts >= 1,
            f"quoting inventory_full_contracts must be 1 or more, was {self.inventory_full_contracts}",
        )
        for name in (
            "fee_per_contract",
            "edge_min_usd",
            "shadow_frozen_s",
            "hedge_latency_s",
            "burst_loss_usd",
        ):
            value = getattr(self, name)
            demand(0.0 <= value < _INFINITE, f"quoting {name} must be 0 or above, was {value}")
        demand(
            0.0 < self.duty_horizon_s < _INFINITE,
            f"quoting duty_horizon_s must be above 0, was {self.duty_horizon_s}",
        )
        demand(
            0.0 < self.shadow_share <= 1.0,
            f"quoting shadow_share must be above 0 and at most 1, was {self.shadow_share}",
        )
        demand(
            0.0 < self.burst_probability < 1.0,
            f"quoting burst_probability must be above 0 and below 1, was {self.burst_probability}",
        )


class ClockTerms(Parameters, frozen=True, kw_only=True):
    """How variance falls over a week, where an underlying has a calendar; `market.variance_clock` has the evidence."""

    overnight: float = 0.38  # share of a trading day's variance between close and open
    weekend: float = 0.15  # variance of a weekend day as a share of a trading day's
    holiday: float = 0.10  # of a holiday

    def __post_init__(self) -> None:
        """Refuse shares that cannot be meant."""
        for name, most in (("overnight", 1.0), ("weekend", 10.0), ("holiday", 10.0)):
            value = getattr(self, name)
            demand(0.0 <= value <= most, f"clock {name} must be between 0 and {most:g}, was {value}")


class EventTerms(Parameters, frozen=True, kw_only=True):
    """A known event that will move an underlying."""

    underlying: str
    name: str
    at_ns: int  # UTC nanoseconds; it has passed at this very instant
    trading_days: float | None = None  # extra variance; None: what the quotes imply

    def __post_init__(self) -> None:
        """Refuse a variance that is none."""
        days = self.trading_days
        demand(
            days is None or 0.0 <= days <= 1000.0,
            f"event {self.name}: trading_days must be between 0 and 1000, was {days}",
        )


class SlideTime(StrEnum):
    """When a slide happens."""

    NOW = "now"
    CLOSE = "close"  # the next of an exchange whose calendar the desk file names
    NEXT_DAY = "next_day"  # a calendar day later
    EXPIRY = "expiry"  # the first of what is held


class VolShift(StrEnum):
    """How a shift of volatility falls on expiries."""

    PARALLEL = "parallel"  # alike
    TENOR = "tenor"  # (30 days / time to expiry) to the power of the dynamics
    SPOT_CORRELATED = (
        "spot_correlated"  # alike, on volatilities that follow spot by beta and tenor, whatever the smile
    )


class SlideTerms(Parameters, frozen=True, kw_only=True):
    """One slide beside the first: which moves, which shifts, when."""

    name: str
    moves_pct: tuple[float, ...] = ()  # of spot; or
    moves_deviations: tuple[
        float, ...
    ] = ()  # standard deviations of `deviation_days`, at the 30-day volatility
    deviation_days: float = 1.0  # trading days
    shifts_points: tuple[float, ...] = (-5.0, -2.0, 0.0, 2.0, 5.0)
    shift: VolShift = VolShift.PARALLEL
    time: SlideTime = SlideTime.NOW

    def __post_init__(self) -> None:
        """Refuse a slide that moves nothing, or below zero."""
        moves = self.moves_pct or self.moves_deviations
        demand(
            bool(moves) and not (self.moves_pct and self.moves_deviations),
            f"slide {self.name}: give either moves_pct or moves_deviations",
        )
        demand(
            all(-99.0 <= move <= 1000.0 for move in self.moves_pct),
            f"slide {self.name}: moves_pct must be between -99 and 1000, was {list(self.moves_pct)}",
        )
        demand(
            all(-20.0 <= move <= 20.0 for move in self.moves_deviations),
            f"slide {self.name}: moves_deviations must be between -20 and 20, was {list(self.moves_deviations)}",
        )
        demand(
            0.0 < self.deviation_days <= 252.0,
            f"slide {self.name}: deviation_days must be above 0 and at most 252, was {self.deviation_days}",
        )
        demand(
            bool(self.shifts_points) and all(-200.0 <= shift <= 500.0 for shift in self.shifts_points),
            f"slide {self.name}: shifts_points must be between -200 and 500, was {list(self.shifts_points)}",
        )


_DAY_MOVES_PCT = (-20.0, -10.0, -5.0, -3.0, -1.0, 0.0, 1.0, 3.0, 5.0, 10.0, 20.0)
USUAL_SLIDES = (
    SlideTerms(name="close", moves_pct=_DAY_MOVES_PCT, time=SlideTime.CLOSE),
    SlideTerms(name="next day", moves_pct=_DAY_MOVES_PCT, time=SlideTime.NEXT_DAY),
    SlideTerms(name="first expiry", moves_pct=_DAY_MOVES_PCT, time=SlideTime.EXPIRY),
    SlideTerms(
        name="standard deviations",
        moves_deviations=(-6.0, -4.0, -3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0),
        shift=VolShift.TENOR,
    ),
)


class Desk(Parameters, frozen=True, kw_only=True):
    """Everything the desk decided, but for its limits."""

    name: str = "desk"
    underlyings: tuple[UnderlyingTerms, ...] = ()
    hedges: tuple[HedgeTerms, ...] = ()
    hedging: HedgingTerms = msgspec.field(default_factory=HedgingTerms)
    quoting: QuotingRules
    duties: tuple[DutyTerms, ...] = ()
    protections: tuple[ProtectionTerms, ...] = ()
    fast_market: FastMarketTerms = msgspec.field(default_factory=FastMarketTerms)
    appetite: RiskAppetite
    clock: ClockTerms = msgspec.field(default_factory=ClockTerms)
    factors: FactorTerms = msgspec.field(default_factory=FactorTerms)
    events: tuple[EventTerms, ...] = ()
    groups: tuple[ProductGroup, ...] = ()
    slides: tuple[SlideTerms, ...] = USUAL_SLIDES
    flow: tuple[FlowTerms, ...] = ()  # nothing: no trade of customers is expected
    alpha: tuple[AlphaTerms, ...] = ()
    orders: OrderTerms = msgspec.field(default_factory=OrderTerms)
    offsets: OffsetTerms = msgspec.field(default_factory=OffsetTerms)
    price_stale_s: float = (
        0.0  # limits do not trust an underlying's price that is older; 0: however old it is
    )
    net_capital_usd: float | None = None  # equity that backs the book; None: nobody told it

    def __post_init__(self) -> None:
        """Refuse an age or an equity that is none, and an underlying that offsets in two groups."""
        holder: dict[str, str] = {}
        for group in self.groups:
            for name in group.underlyings if group.capital_offset else ():
                other = holder.setdefault(name, group.name)
                demand(
                    other == group.name,
                    f"{name} has a capital_offset in two groups: {other} and {group.name}",
                )
        demand(
            0.0 <= self.price_stale_s < _INFINITE,
            f"desk {self.name}: price_stale_s must be 0 or above, was {self.price_stale_s}",
        )
        demand(
            self.net_capital_usd is None or 0.0 < self.net_capital_usd < _INFINITE,
            f"desk {self.name}: net_capital_usd must be above 0 and finite, was {self.net_capital_usd}",
        )

    def terms_of(self, underlying: str) -> UnderlyingTerms:
        """The terms of `underlying`; defaults where the desk said nothing."""
        found = (terms for terms in self.underlyings if terms.symbol == underlying)
        return next(found, None) or _unsaid(underlying)


@lru_cache(maxsize=1024)
def _unsaid(underlying: str) -> UnderlyingTerms:
    """The terms of an underlying of which nothing was said."""
    return UnderlyingTerms(symbol=underlying)
