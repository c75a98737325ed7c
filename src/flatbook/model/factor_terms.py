"""How far risk factors move and how they move together, where no quote tells: what a desk may say of it.

Every default is unverified: estimate it, or configure it. `exposure.factor_prior`, `exposure.factors` and `exposure.jumps` read them.
"""

from flatbook.model.terms import Parameters, demand

_RANGES: dict[str, tuple[float, float]] = {  # both ends belong to it
    "correlation": (0.0, 1.0),
    "tenor_decay": (1e-4, 10.0),
    "level_rest_min": (0.0, 1.0),
    "skew_share": (0.0, 10.0),
    "curvature_share": (0.0, 10.0),
    "jumps_per_year": (0.0, 365.0),
    "rate_bp_per_year": (0.0, 10_000.0),
    "dividend_yield_bp_per_year": (0.0, 10_000.0),
    "lags": (0, 250),
    "event_tail_deviations": (1.0, 20.0),
    "event_tail_probability": (0.0, 0.5),
}


class FactorTerms(Parameters, frozen=True, kw_only=True):
    """What no quote tells of the risk factors; defaults are unverified."""

    correlation: float = (
        0.5  # of two underlyings, in spot where no index is named, and in all else that moves volatility
    )
    tenor_decay: float = 0.13  # levels of tenors a factor e apart are correlated by exp(-this)
    level_rest_min: float = 0.1  # share of a level's variance that spot at most leaves unexplained
    skew_share: float = 0.3  # standard deviation of skew for one of the level, point for point
    curvature_share: float = 0.15
    jumps_per_year: float = 0.1  # of either gap; SPY, 2000 to 2023, moved 10 % in a day 0.08 times a year down, 0.13 up; AAPL 0.5 each
    rate_bp_per_year: float = 100.0  # standard deviation
    dividend_yield_bp_per_year: float = 50.0
    half_life_days: float = 60.0  # of history
    lags: int = 5  # of neighbouring days, for standard errors
    shrinkage: float | None = None  # of correlations of history; None: told by their noise
    gap_down_pct: float = -10.0  # of spot
    gap_up_pct: float = 10.0
    event_tail_deviations: float = 2.5  # the fat tail of a dated event
    event_tail_probability: float = 0.05  # 0: up and down by one deviation, no more

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            demand(low <= value <= high, f"factors {name} must be between {low:g} and {high:g}, was {value}")
        demand(
            0.0 < self.half_life_days <= 36_500.0,
            f"factors half_life_days must be above 0 and at most 36500, was {self.half_life_days}",
        )
        demand(
            self.shrinkage is None or 0.0 <= self.shrinkage <= 1.0,
            f"factors shrinkage must be between 0 and 1, was {self.shrinkage}",
        )
        demand(
            -100.0 < self.gap_down_pct < 0.0,
            f"factors gap_down_pct must be above -100 and below 0, was {self.gap_down_pct}",
        )
        demand(
            0.0 < self.gap_up_pct <= 1000.0,
            f"factors gap_up_pct must be above 0 and at most 1000, was {self.gap_up_pct}",
        )
