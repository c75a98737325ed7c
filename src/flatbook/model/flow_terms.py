"""What customers trade with the desk and what its fills cost it: calibrated by estimators, or defaults that nobody has verified.

`riskprice.desk_flow` reads them. A number without its standard error is one that nobody verified, and reports say so.
"""

from enum import StrEnum

from flatbook.model.terms import Parameters, demand


class FlowShape(StrEnum):
    """How fills fade with the distance of a quote from fair value, in vol points."""

    EXPONENTIAL = "exponential"  # requests_per_day exp(-decay_per_point x distance): requests are the fills at fair value
    LOGISTIC = "logistic"  # requests_per_day / (1 + exp(offset + decay_per_point x distance))


class FlowTerms(Parameters, frozen=True, kw_only=True):
    """One tier of clients in the series of one underlying, or of all."""

    underlying: str = ""  # empty: each of those without terms of their own for this tier
    tier: str = ""  # who trades, as told on screens
    shape: FlowShape = FlowShape.EXPONENTIAL
    requests_per_day: float = 0.0  # trading day, both sides, all series of the underlying together
    requests_error: float | None = None  # standard errors; None: nobody verified the number
    customers_buy_share: float = 0.5  # of requests: asymmetric flow is leaned against before it comes
    decay_per_point: float | None = (
        None  # of a vol point; None: one over the neutral half-spread in vol points
    )
    decay_error: float | None = None
    offset: float = 0.0  # logistic: at fair value a request trades with 1 / (1 + exp(offset))
    contracts: float = 1.0  # of a typical trade
    adverse_selection_points: float = 0.0  # vol points that the market moves against a fill, as markouts tell
    adverse_selection_error: float | None = None

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        name = f"flow of {self.tier or 'all clients'} in {self.underlying or 'every underlying'}"
        demand(
            0.0 <= self.requests_per_day <= 1e9,
            f"{name}: requests_per_day must be 0 or above and at most 1e9, was {self.requests_per_day}",
        )
        demand(
            0.0 <= self.customers_buy_share <= 1.0,
            f"{name}: customers_buy_share must be between 0 and 1, was {self.customers_buy_share}",
        )
        demand(
            self.decay_per_point is None or 0.0 < self.decay_per_point <= 1e6,
            f"{name}: decay_per_point must be above 0 and at most 1e6, was {self.decay_per_point}",
        )
        demand(-50.0 <= self.offset <= 50.0, f"{name}: offset must be between -50 and 50, was {self.offset}")
        demand(
            0.0 < self.contracts <= 1e6,
            f"{name}: contracts must be above 0 and at most 1e6, was {self.contracts}",
        )
        demand(
            -100.0 <= self.adverse_selection_points <= 100.0,
            f"{name}: adverse_selection_points must be between -100 and 100, was {self.adverse_selection_points}",
        )
        for each in ("requests_error", "decay_error", "adverse_selection_error"):
            error = getattr(self, each)
            demand(
                error is None or 0.0 <= error < float("inf"),
                f"{name}: {each} must be 0 or above, was {error}",
            )


class AlphaTerms(Parameters, frozen=True, kw_only=True):
    """What the desk expects of one underlying; it leans quotes, and moves no hedge."""

    underlying: str
    spot_pct_per_day: float = 0.0  # expected move of spot, percent of it a calendar day
    vol_points_per_day: float = (
        0.0  # of volatilities at the reference tenors, a week to two years; others follow as risk does
    )

    def __post_init__(self) -> None:
        """Refuse what nobody expects."""
        for each in ("spot_pct_per_day", "vol_points_per_day"):
            value = getattr(self, each)
            demand(
                -100.0 < value < 100.0,
                f"alpha of {self.underlying}: {each} must be above -100 and below 100, was {value}",
            )
