"""What the desk quotes under: its duties at venues, the protections that watch its fills there, and when a market is fast.

Rules of venues come with the terms (the desk file names them, its reader resolves the name), so that the journal holds what was
in force. Every number of `FastMarketTerms` is a default that nobody verified.
"""

from flatbook.model.obligation_terms import ObligationRule
from flatbook.model.protection_terms import ProtectionRule
from flatbook.model.terms import Parameters, demand

LEVELS = 3  # of a fast market, beside calm
_RANGES: dict[str, tuple[float, float]] = {  # both ends belong to it
    "z_score": (0.5, 100.0),
    "window_s": (1.0, 3600.0),
    "stale_share": (0.0, 1.0),
    "confidence_min": (0.0, 1.0),
    "feed_gap_s": (0.0, 86_400.0),
    "burst_times": (1.0, 1e6),
    "burst_base_per_s": (1e-9, 1e6),
    "burst_branching": (0.0, 0.99),
    "burst_decay_per_s": (1e-6, 1e6),
    "dwell_s": (0.0, 86_400.0),
    "wing_delta_below": (0.0, 1.0),
    "wing_delta_above": (0.0, 1.0),
    "wings_from_level": (1, LEVELS),
    "urgent_from_level": (1, LEVELS),
}


class DutyTerms(Parameters, frozen=True, kw_only=True):
    """One duty of the desk to quote, at one venue."""

    venue: str
    role: str  # name of the venue's rule
    underlyings: tuple[
        str, ...
    ] = ()  # whose options are assigned to us; these and the classes; none at all: all options
    option_classes: tuple[str, ...] = ()
    calendar: str = (
        ""  # whose sessions are its own; empty: it is told of them (DutySession), until then it always binds
    )
    rule: ObligationRule

    @property
    def name(self) -> str:
        """How it is called on screens."""
        return f"{self.venue}/{self.role}"


class ProtectionTerms(Parameters, frozen=True, kw_only=True):
    """One protection of one venue, over some of the desk's options."""

    venue: str
    name: str  # of the venue's rule
    underlyings: tuple[str, ...] = ()  # these and the classes; none at all: all options
    option_classes: tuple[str, ...] = ()
    parent: str = ""  # name of the protection of the same venue that counts the trips of this one
    rule: ProtectionRule

    @property
    def key(self) -> str:
        """How it is called on screens."""
        return f"{self.venue}/{self.name}"


class FastMarketTerms(Parameters, frozen=True, kw_only=True):
    """When an underlying's market is fast, and what follows, by level: 1 to 3, the more signs the higher."""

    watch: bool = False  # look for signs; otherwise a market is fast only where somebody says so
    z_score: float = (
        4.0  # move of spot within the window, in implied standard deviations; each multiple is a sign
    )
    window_s: float = 60.0
    stale_share: float = 0.5  # of quoted series whose quote is stale, at least; 0: no sign
    confidence_min: float = 0.3  # median confidence of the underlying's smiles, below; 0: no sign
    feed_gap_s: float = 10.0  # age of the underlying's price, above; 0: no sign
    burst_times: float = 5.0  # intensity of fills, in settled ones, above
    burst_base_per_s: float = 0.01  # of fills that no other brought about, an underlying
    burst_branching: float = 0.5  # fills that one fill brings about
    burst_decay_per_s: float = 0.5  # how fast they come
    dwell_s: float = 30.0  # without a sign of its level, before a level ends; they end one by one
    widen_factor: tuple[float, ...] = (1.5, 2.5, 4.0)  # on the neutral distance, by level
    size_share: tuple[float, ...] = (0.5, 0.25, 0.1)  # of the size, by level
    wing_delta_below: float = 0.1  # of absolute delta per unit: wings, which go
    wing_delta_above: float = 0.9
    wings_from_level: int = 2
    urgent_from_level: int = 1  # deltas are hedged before anything else

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            demand(
                low <= value <= high, f"fast_market {name} must be between {low:g} and {high:g}, was {value}"
            )
        demand(
            self.wing_delta_below < self.wing_delta_above,
            f"fast_market needs wing_delta_below under wing_delta_above, was {self.wing_delta_below} and {self.wing_delta_above}",
        )
        for name, (low, high), rising in (
            ("widen_factor", (1.0, 100.0), 1.0),
            ("size_share", (0.0, 1.0), -1.0),
        ):
            told = getattr(self, name)
            steps = [rising * each for each in told]
            demand(
                len(told) == LEVELS and all(low <= each <= high for each in told) and steps == sorted(steps),
                f"fast_market {name} must be {LEVELS} numbers from {low:g} to {high:g}, "
                f"{'rising' if rising > 0.0 else 'falling'}, was {list(told)}",
            )
