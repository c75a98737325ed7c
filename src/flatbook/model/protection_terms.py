"""What a market-maker protection is told: its window, what it counts, its limits, and how a freeze ends.

Source: domain reference 2.2. Venues differ in nothing else, so that a venue's protection is a line of data and never a branch.
"""

from enum import StrEnum

from flatbook.model.errors import InvalidValueError
from flatbook.model.terms import Parameters


class Tally(StrEnum):
    """What is counted. The order is that of the columns of the kernel."""

    EXECUTIONS = "executions"  # fills, whatever their size
    TRIPS = "trips"  # of the scopes below this one
    QUANTITY = "quantity"  # contracts, or units of the base currency where the venue counts so
    FILLED_PCT = "filled_pct"  # filled of displayed, in percent, summed over quotes
    NOTIONAL = "notional"  # currency
    DELTA = "delta"  # in the venue's own convention, as of the fill
    VEGA = "vega"  # currency per vol point, as of the fill


TALLIES = tuple(Tally)


class WindowKind(StrEnum):
    """When a tally begins again."""

    FIXED = "fixed"  # at the first fill after the running interval has ended; the interval begins with its first fill
    SLIDING = "sliding"  # each fill is forgotten an interval after it
    TUMBLING = "tumbling"  # at whole multiples of the interval
    CUMULATIVE = "cumulative"  # only at a reset


class Netting(StrEnum):
    """How opposite fills count."""

    GROSS = "gross"  # added to each other
    NET = "net"  # against each other
    SIDE = "side"  # each side by itself, the greater decides


class ScopeKind(StrEnum):
    """Whose fills are counted together, and whose quotes go."""

    SERIES = "series"
    CLASS = "class"
    UNDERLYING = "underlying"
    GROUP = "group"  # that the firm named: of series, products or sessions
    ACCOUNT = "account"
    FIRM = "firm"


class Counted(StrEnum):
    """Which fills count."""

    QUOTES = "quotes"  # mass quotes, no orders
    FLAGGED = "flagged"  # orders and quotes that carry the protection's flag
    FLAGGED_MAKER = "flagged_maker"  # of these, those that rested
    ORDERS = "orders"  # orders, no quotes
    ALL = "all"


class Threshold(Parameters, frozen=True, kw_only=True):
    """A limit on one tally."""

    tally: Tally
    netting: Netting = Netting.GROSS
    limit: float  # in the tally's unit; a default or an example of the venue that the desk's own replaces
    at_limit: bool = True  # trips where the tally reaches the limit, otherwise only beyond it

    def __post_init__(self) -> None:
        """Refuse a limit that is none."""
        _demand(
            0.0 < self.limit <= 1e9, f"limit of {self.tally} must be above 0, at most 1e9, was {self.limit}"
        )


class ProtectionRule(Parameters, frozen=True, kw_only=True):
    """One protection of one venue, or our own."""

    scope: ScopeKind
    counted: Counted
    window: WindowKind
    interval_ms: int = 0  # unread for a cumulative window
    frozen_ms: int = 0  # how long quotes are refused after a trip; 0: until a reset
    reset_after_ms: int = 0  # a reset is refused before this much of a freeze has passed
    rearm_clears: bool = True  # the end of a freeze forgets what was counted
    thresholds: tuple[Threshold, ...]

    def __post_init__(self) -> None:
        """Refuse a protection that cannot trip, and times that are none."""
        windowed = self.window is not WindowKind.CUMULATIVE
        _demand(
            1 <= self.interval_ms <= 86_400_000 or not windowed,
            f"interval_ms must be from 1 to 86400000, was {self.interval_ms}",
        )
        for name in ("frozen_ms", "reset_after_ms"):
            value = getattr(self, name)
            _demand(0 <= value <= 86_400_000, f"{name} must be from 0 to 86400000, was {value}")
        counted = [one.tally for one in self.thresholds]
        _demand(bool(counted), "a protection needs a threshold")
        twice = [one for one in counted if counted.count(one) > 1]
        _demand(not twice, f"each tally has one threshold, {twice[:1]} has more")


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidValueError(message)
