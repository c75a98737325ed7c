"""What a desk says of its hedge instruments, and of when and how far it hedges direction.

`hedging.propose` reads them. A beta or correlation without an error is one that nobody has verified.
"""

from enum import StrEnum

from flatbook.model.instruments import Instrument, Kind
from flatbook.model.terms import Parameters, demand

_INFINITE = float("inf")
_NOT_NEGATIVE = ("spread", "fee_per_contract", "impact_temporary", "impact_permanent")
_IF_TOLD = (
    "most_bought",
    "most_sold",
    "locate_contracts",
    "beta_error",
    "correlation_error",
    "basis_stress_ratio",
)


class HedgePolicy(StrEnum):
    """When direction is hedged (domain reference 4.8 and 4.9)."""

    VALUE = "value"  # the wider of Whalley-Wilmott and the delta whose risk is worth less than its hedge
    WHALLEY_WILMOTT = "whalley_wilmott"
    ZAKAMOULINE = "zakamouline"
    FIXED_BAND = "fixed_band"
    FIXED_INTERVAL = "fixed_interval"


class HedgeTerms(Parameters, frozen=True, kw_only=True):
    """One way to trade the direction of an underlying: itself, or a future, ETF or index product related to it.

    `spread` and `fee_per_contract` are in currency per price unit and per contract; `correlation` is that of its returns with the
    underlying's and decides the basis risk that a hedge leaves.
    """

    instrument: Instrument
    lot: int = 1  # contracts; orders are whole multiples
    spread: float  # full bid-ask spread in price units
    fee_per_contract: float = 0.0
    correlation: float = 1.0
    correlation_error: float | None = None  # standard error; None: nobody has verified it
    beta_error: float | None = None  # of the instrument's beta
    basis_stress_ratio: float | None = None  # variance of the basis in stress over that in calm
    history: str = ""  # the underlying whose daily closes stand for this instrument's
    estimate: bool = False  # tell beta and correlation from history, where there is enough
    impact_temporary: float = 0.0  # USD a contract, for each contract traded within the same minute
    impact_permanent: float = 0.0  # USD a contract, for each contract traded at all
    most_bought: int | None = None  # contracts that one hedge may buy; None: as many as it takes
    most_sold: int | None = None
    carry_rate: float = (
        0.0  # annual, of the value held long, above the desk's own financing; below 0 it earns
    )
    borrow_rate: float = 0.0  # annual, of the value sold short
    locate_contracts: int | None = None  # that can be borrowed beside what is held; None: it needs no locate
    short_sale_restricted: bool = False  # may be sold short only passively, above the national best bid

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        name = f"hedge {self.instrument.symbol}"
        demand(self.lot >= 1, f"{name}: lot must be a whole number of contracts from 1, was {self.lot}")
        for each in _NOT_NEGATIVE:
            value = getattr(self, each)
            demand(0.0 <= value < _INFINITE, f"{name}: {each} must be 0 or above, was {value}")
        for each in _IF_TOLD:
            told = getattr(self, each)
            demand(told is None or 0.0 <= told < _INFINITE, f"{name}: {each} must be 0 or above, was {told}")
        demand(
            0.0 < self.correlation <= 1.0,
            f"{name}: correlation must be above 0 and at most 1, was {self.correlation}",
        )
        for each, low in (("carry_rate", -1.0), ("borrow_rate", 0.0)):
            rate = getattr(self, each)
            demand(low <= rate <= 10.0, f"{name}: {each} is an annual decimal from {low:g} to 10, was {rate}")
        demand(
            not self.estimate or bool(self.history),
            f"{name}: estimate needs history, the underlying whose closes stand for it",
        )
        share = self.instrument.kind is Kind.SHARE
        demand(
            share or not (self.short_sale_restricted or self.locate_contracts is not None),
            f"{name}: locate_contracts and short_sale_restricted are of shares alone",
        )


class HedgingTerms(Parameters, frozen=True, kw_only=True):
    """When and how far direction is hedged, and how fast."""

    policy: HedgePolicy = HedgePolicy.VALUE
    band_usd: float = 100_000.0  # half-width of FIXED_BAND, delta
    interval_minutes: float = 60.0  # of FIXED_INTERVAL
    years: float = 0.25  # to expiry of the options that carry the book's gamma, for ZAKAMOULINE
    ridge: float = 1e-6  # share of each product's variance that is added to it
    horizon_minutes: float = 30.0  # within which a hedge that is worked is done
    steps: int = 10  # trades into which it is cut
    day_minutes: float = 390.0  # of trading in a day, over which its variance falls; 1440 for a coin
    days_per_year: float = 252.0  # trading days; 365 for a coin
    informed: tuple[
        str, ...
    ] = ()  # counterparties, or capacities as firm, whose trades' delta is hedged at once
    approve_above_usd: float | None = (
        None  # of delta that one hedge trades: beyond it a person is asked; None: nobody is
    )

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        for name in (
            "band_usd",
            "interval_minutes",
            "years",
            "horizon_minutes",
            "day_minutes",
            "days_per_year",
        ):
            value = getattr(self, name)
            demand(0.0 < value < _INFINITE, f"hedging {name} must be above 0, was {value}")
        demand(0.0 < self.ridge <= 1.0, f"hedging ridge must be above 0 and at most 1, was {self.ridge}")
        demand(1 <= self.steps <= 1000, f"hedging steps must be from 1 to 1000, was {self.steps}")
        above = self.approve_above_usd
        demand(
            above is None or 0.0 <= above < _INFINITE,
            f"hedging approve_above_usd must be 0 or above, was {above}",
        )
