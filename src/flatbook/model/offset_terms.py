"""How options may be used to offset the book: how many, at what size and cost, and which limits their plan keeps."""

from flatbook.model.terms import Parameters, demand


class OffsetTerms(Parameters, frozen=True, kw_only=True):
    """What a desk says of its option offsets; defaults are unverified."""

    candidates_max: int = 60  # options and hedge instruments together
    rows_max: int = 200  # limits, cells and margin points held together
    legs_max: int = 20
    size_share: float = 1.0  # of the displayed size that a plan takes at most
    size_unknown: int = 10  # contracts a side where nobody tells a size
    impact_half_spreads: float = 0.25  # that a trade moves the market against itself
    limit_share: float = 0.9  # of every hard limit: where a plan keeps the book
    cell_share: float = 0.25  # of a limit on losses: cells that lose less are no rows at first
    breach_usd: float = 1e7  # for a limit exceeded by all of itself; far above what any plan costs
    send: bool = False  # whether plans leave as orders, where the desk sends any
    every_s: float = 60.0  # between two plans; a limit that has come nearer to its hard level does not wait
    cost_most_usd: float = 1e5  # a dearer plan is not sent

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        for name, least in (("candidates_max", 1), ("rows_max", 1), ("legs_max", 0), ("size_unknown", 0)):
            value = getattr(self, name)
            demand(value >= least, f"offsets {name} must be {least} or more, was {value}")
        for name in ("size_share", "limit_share"):
            value = getattr(self, name)
            demand(0.0 < value <= 1.0, f"offsets {name} must be above 0 and at most 1, was {value}")
        demand(
            0.0 < self.every_s < float("inf"),
            f"offsets every_s must be above 0 and finite, was {self.every_s}",
        )
        demand(
            self.cost_most_usd >= 0.0, f"offsets cost_most_usd must be 0 or above, was {self.cost_most_usd}"
        )
        for name in ("impact_half_spreads", "cell_share"):
            value = getattr(self, name)
            demand(0.0 <= value < 100.0, f"offsets {name} must be 0 or above, was {value}")
        demand(
            0.0 < self.breach_usd < float("inf"), f"offsets breach_usd must be above 0, was {self.breach_usd}"
        )
