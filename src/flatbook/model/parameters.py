"""What the desk decided: underlyings, hedge instruments, limits, quoting rules, appetite for risk.

Currency amounts are in the desk's currency (USD). Volatilities are annual decimals; a vol point is 0.01.
"""

from enum import StrEnum
from itertools import pairwise

import msgspec

from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Instrument

_INFINITE = float("inf")


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything a desk file may say."""


class HaircutRange(StrEnum):
    """Which range of moves the scenario haircut covers (domain: 15c3-1a, 4210(g))."""

    SINGLE_NAME = "single_name"  # -15 % to +15 %
    BROAD_INDEX = "broad_index"  # -8 % to +6 %


class UnderlyingTerms(Parameters, frozen=True, kw_only=True):
    """How the desk treats one underlying."""

    symbol: str
    haircut: HaircutRange = HaircutRange.SINGLE_NAME
    beta: float = 1.0  # return of this underlying for a return of 1 of the desk's index
    rate: float | None = None  # continuous annual rate, where neither a curve nor parity gives one
    capital_minimum_usd: float = (
        0.25  # least haircut per option contract, times its multiplier; 0.375 for customer PM
    )
    calendar: str = ""  # exchange whose sessions its variance follows, as XNYS; empty: calendar time
    stickiness_days: tuple[float, ...] = (30.0,)  # calendar days to expiry, ascending
    stickiness: tuple[float, ...] = (1.0,)  # skew stickiness ratio at each of them; 1 is sticky strike
    spot_vol_beta: float = 0.0  # change of at-the-money vol per log return of 1, where no smile tells a skew
    spot_vol_reference_days: float = 30.0  # the time to expiry that the beta is told of
    spot_vol_tenor_exponent: float = 0.5  # at-the-money moves fall with time to expiry to this power

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        _demand(
            -20.0 <= self.beta <= 20.0,
            f"underlying {self.symbol}: beta must be between -20 and 20, was {self.beta}",
        )
        _demand(
            self.rate is None or -0.2 <= self.rate <= 1.0,
            f"underlying {self.symbol}: rate is an annual decimal between -0.2 and 1, was {self.rate}",
        )
        _demand(
            0.0 <= self.capital_minimum_usd < _INFINITE,
            f"underlying {self.symbol}: capital_minimum_usd must be 0 or above, was {self.capital_minimum_usd}",
        )
        self._check_dynamics()

    def _check_dynamics(self) -> None:
        name, days, ratios = f"underlying {self.symbol}", self.stickiness_days, self.stickiness
        ascending = all(later > earlier for earlier, later in pairwise((0.0, *days)))
        _demand(
            len(days) > 0 and ascending and days[-1] < _INFINITE,
            f"{name}: stickiness_days must be days above 0 in ascending order, was {list(days)}",
        )
        _demand(
            len(ratios) == len(days) and all(-2.0 <= ratio <= 5.0 for ratio in ratios),
            f"{name}: stickiness must have one number from -2 to 5 for each of the {len(days)} stickiness_days, "
            f"was {list(ratios)}",
        )
        _demand(
            -20.0 <= self.spot_vol_beta <= 20.0,
            f"{name}: spot_vol_beta must be between -20 and 20, was {self.spot_vol_beta}",
        )
        _demand(
            0.0 < self.spot_vol_reference_days <= 3650.0,
            f"{name}: spot_vol_reference_days must be above 0 and at most 3650, was {self.spot_vol_reference_days}",
        )
        _demand(
            0.0 <= self.spot_vol_tenor_exponent <= 2.0,
            f"{name}: spot_vol_tenor_exponent must be between 0 and 2, was {self.spot_vol_tenor_exponent}",
        )


class HedgeTerms(Parameters, frozen=True, kw_only=True):
    """One way to trade the direction of an underlying: itself, or a future, ETF or index product related to it.

    `spread` and `fee` are in currency per price unit and per contract; `correlation` is that of its returns with the
    underlying's and decides the basis risk that a hedge leaves.
    """

    instrument: Instrument
    lot: int = 1  # contracts; orders are whole multiples
    spread: float  # full bid-ask spread in price units
    fee_per_contract: float = 0.0
    correlation: float = 1.0

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        name = f"hedge {self.instrument.symbol}"
        _demand(self.lot >= 1, f"{name}: lot must be a whole number of contracts from 1, was {self.lot}")
        _demand(0.0 <= self.spread < _INFINITE, f"{name}: spread must be 0 or above, was {self.spread}")
        _demand(
            0.0 <= self.fee_per_contract < _INFINITE,
            f"{name}: fee_per_contract must be 0 or above, was {self.fee_per_contract}",
        )
        _demand(
            0.0 < self.correlation <= 1.0,
            f"{name}: correlation must be above 0 and at most 1, was {self.correlation}",
        )


class LimitMeasure(StrEnum):
    """What a limit bounds. The unit ends the name; magnitudes are compared, whatever the sign."""

    SERIES_CONTRACTS = "series_contracts"  # largest net position in one series
    CLASS_CONTRACTS = "class_contracts"  # net contracts of one option class
    DELTA_USD = "delta_usd"  # currency of a 100 % move
    GAMMA_USD_PER_PCT = "gamma_usd_per_pct"
    VEGA_USD_PER_POINT = "vega_usd_per_point"
    CONCENTRATION_PCT = "concentration_pct"  # largest expiry's share of gross vega
    GAP_LOSS_USD = "gap_loss_usd"  # worst of the gap moves
    CAPITAL_USD = "capital_usd"
    UNUSABLE_QUOTES_PCT = "unusable_quotes_pct"  # of the live series of a class, the worst of those in scope


class Limit(Parameters, frozen=True, kw_only=True):
    """A bound on one measure of one scope.

    Utilisation is exposure over `limit_hard`; the steps of the ladder (domain reference 8.1) are shares of it.
    """

    measure: LimitMeasure
    underlying: str = ""  # empty: the desk
    option_class: str = ""  # for measures of classes
    bucket: str = ""  # for VEGA_USD_PER_POINT: one expiry bucket
    limit_hard: float
    floor_usd_per_point: float = 0.0  # for CONCENTRATION_PCT: gross vega below which no book is concentrated
    owner: str = "risk"

    def __post_init__(self) -> None:
        """Refuse a limit that is no bound."""
        _demand(
            0.0 < self.limit_hard < _INFINITE,
            f"limit {self.name}: limit_hard must be above 0 and finite, was {self.limit_hard}",
        )
        _demand(
            0.0 <= self.floor_usd_per_point < _INFINITE,
            f"limit {self.name}: floor_usd_per_point must be 0 or above, was {self.floor_usd_per_point}",
        )

    @property
    def name(self) -> str:
        """How the limit is called on screens and in the audit trail."""
        scope = "/".join(part for part in (self.underlying or "desk", self.option_class, self.bucket) if part)
        return f"{scope}/{self.measure.value}"


class RiskAppetite(Parameters, frozen=True, kw_only=True):
    """What the desk pays to be rid of risk."""

    aversion_per_usd: float  # absolute risk aversion (CARA), per currency unit
    holding_days: float = 1.0  # calendar days a position is expected to be held
    vol_of_vol: float = 0.8  # annual lognormal volatility of implied volatility at 30 days
    index: str = ""  # the underlying in whose units beta-weighted delta is told

    def __post_init__(self) -> None:
        """Refuse an appetite that cannot be meant."""
        _demand(
            0.0 < self.aversion_per_usd < 1.0,
            f"risk aversion must be above 0 and below 1 per USD, was {self.aversion_per_usd}",
        )
        _demand(
            0.0 < self.holding_days <= 365.0,
            f"holding_days must be above 0 and at most 365, was {self.holding_days}",
        )
        _demand(
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

    def __post_init__(self) -> None:
        """Refuse rules that cannot be meant."""
        for name in ("half_spread_vol_points", "half_spread_min", "half_spread_pct", "lean_max_half_spreads"):
            value = getattr(self, name)
            _demand(0.0 <= value < _INFINITE, f"quoting {name} must be 0 or above, was {value}")
        _demand(
            1.0 <= self.half_spreads_without_confidence < _INFINITE,
            f"quoting half_spreads_without_confidence must be 1 or above, was {self.half_spreads_without_confidence}",
        )
        _demand(0.0 < self.width_max < _INFINITE, f"quoting width_max must be above 0, was {self.width_max}")
        _demand(
            1 <= self.size_min <= self.size,
            f"quoting needs 1 <= size_min <= size, was {self.size_min} and {self.size}",
        )
        _demand(
            self.inventory_full_contracts >= 1,
            f"quoting inventory_full_contracts must be 1 or more, was {self.inventory_full_contracts}",
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
            _demand(0.0 <= value <= most, f"clock {name} must be between 0 and {most:g}, was {value}")


class EventTerms(Parameters, frozen=True, kw_only=True):
    """A known event that will move an underlying."""

    underlying: str
    name: str
    at_ns: int  # UTC nanoseconds; it has passed at this very instant
    trading_days: float | None = None  # extra variance; None: what the quotes imply

    def __post_init__(self) -> None:
        """Refuse a variance that is none."""
        days = self.trading_days
        _demand(
            days is None or 0.0 <= days <= 1000.0,
            f"event {self.name}: trading_days must be between 0 and 1000, was {days}",
        )


class Desk(Parameters, frozen=True, kw_only=True):
    """Everything the desk decided, but for its limits."""

    name: str = "desk"
    underlyings: tuple[UnderlyingTerms, ...] = ()
    hedges: tuple[HedgeTerms, ...] = ()
    quoting: QuotingRules
    appetite: RiskAppetite
    clock: ClockTerms = msgspec.field(default_factory=ClockTerms)
    events: tuple[EventTerms, ...] = ()

    def terms_of(self, underlying: str) -> UnderlyingTerms:
        """The terms of `underlying`; defaults where the desk said nothing."""
        found = (terms for terms in self.underlyings if terms.symbol == underlying)
        return next(found, UnderlyingTerms(symbol=underlying))


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidValueError(message)
