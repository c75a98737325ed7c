"""What the last gate before a venue lets through, and when a quote is moved: a desk's own numbers.

Source: SEC rule 15c3-5 and RTS 6 article 15 name the checks (price collars, size, value, messages, duplicates); they name no
numbers. Every default is unverified: set it for your products.
"""

from enum import StrEnum

from flatbook.model.terms import Parameters, demand

_SHARES = ("collar_theo_pct", "collar_nbbo_pct", "collar_half_spreads", "requote_centre_half_spreads")
_ABOVE_ZERO = ("vol_distance_points", "notional_order_max_usd", "notional_working_max_usd")
_COUNTS = (
    "size_max_contracts",
    "hedge_size_max_contracts",
    "messages_per_s",
    "message_burst",
    "cancel_retry_ms",
    "reject_backoff_ms",
    "hedge_rejects_most",
    "rejects_most",
    "reject_window_s",
)
_INFINITE = float("inf")


class SelfTrade(StrEnum):
    """Who keeps an order from trading with another of ours."""

    REFUSE = "refuse"  # the gate, at every venue
    BY_VENUE = "by_venue"  # within one venue the venue itself; across venues the gate


class OrderTerms(Parameters, frozen=True, kw_only=True):
    """The gate's numbers. A collar counts on the side that gives value away: a bid far below fair value harms nobody."""

    send: bool = False  # orders leave; otherwise the desk only proposes
    venue: str = ""  # where they go, as kill switches name it; needed to send
    collar_half_spreads: float = 10.0  # beyond fair value, in neutral half-spreads, or
    collar_theo_pct: float = 20.0  # in percent of fair value; the wider of the two
    collar_nbbo_ticks: int = 20  # beyond the other side of the market, or
    collar_nbbo_pct: float = 5.0  # in percent of it; the wider of the two
    vol_distance_points: float = 10.0  # beyond fair value in vol points, at the vega of fair value
    size_max_contracts: int = 500  # an order in an option
    hedge_size_max_contracts: int = 100_000  # an order in anything else
    notional_order_max_usd: float = 10e6
    notional_working_max_usd: float = 1e9  # of all orders at work
    messages_per_s: int = 500  # to one venue
    message_burst: int = 2_000  # messages that may leave at once after a pause
    cancel_reserve: int = 200  # of the burst, that only cancels may use
    duplicate_window_ms: int = 100
    self_trade: SelfTrade = SelfTrade.REFUSE
    requote_ticks: int = 1  # least move of a quote
    requote_edge_usd: float = 1.0  # least gain of a move: its size in money
    requote_centre_half_spreads: float = 0.25  # the centre stays anchored until it has moved so far
    refill_share: float = 0.5  # of its size, at which a quote that was filled is made whole
    cancel_retry_ms: int = 250  # a cancel that nobody confirmed is sent again
    reject_backoff_ms: int = (
        1_000  # a hedge waits that its venue rejected; doubled each time for the same reason
    )
    reject_backoff_most_ms: int = 60_000  # it waits no longer
    hedge_rejects_most: int = 5  # rejections of a hedge within the window before its underlying is killed
    rejects_most: int = 1_000  # rejections of any orders within the window before their venue is killed
    reject_window_s: int = 60
    burst_quotes: int = 0  # watched quotes of an underlying that fill before the rest is gone; 0: all count
    kill_share: float = 1.25  # of a hard limit: beyond it everything stops
    kill_measures: tuple[str, ...] = (
        "delta_usd", "gamma_usd_per_pct", "vega_usd_per_point", "vega_weighted_usd_per_point", "gap_loss_usd",
        "slide_loss_usd", "capital_usd", "margin_pct", "drawdown_usd", "net_contracts", "gross_contracts",
        "series_contracts", "class_contracts", "same_side_contracts",
    )  # fmt: skip
    kill_allows_hedges: bool = True  # a hedge that only reduces goes through a kill of rows, never of a venue

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        demand(
            not self.send or bool(self.venue.strip()),
            f"orders send needs the name of a venue, was {self.venue!r}: a kill switch stops a venue by its name",
        )
        for name in _SHARES:
            value = getattr(self, name)
            demand(0.0 <= value < _INFINITE, f"orders {name} must be 0 or above, was {value}")
        for name in _ABOVE_ZERO:
            value = getattr(self, name)
            demand(0.0 < value < _INFINITE, f"orders {name} must be above 0 and finite, was {value}")
        for name in _COUNTS:
            value = getattr(self, name)
            demand(value >= 1, f"orders {name} must be a whole number from 1, was {value}")
        demand(
            self.messages_per_s <= 1_000_000_000,
            f"orders messages_per_s must be at most 1000000000, was {self.messages_per_s}",
        )
        demand(
            self.reject_backoff_most_ms >= self.reject_backoff_ms,
            f"orders reject_backoff_most_ms must be reject_backoff_ms ({self.reject_backoff_ms}) or above, "
            f"was {self.reject_backoff_most_ms}",
        )
        demand(
            0 <= self.cancel_reserve < self.message_burst,
            f"orders need 0 <= cancel_reserve < message_burst, was {self.cancel_reserve} and {self.message_burst}",
        )
        for name, least in (
            ("collar_nbbo_ticks", 0),
            ("duplicate_window_ms", 0),
            ("requote_ticks", 1),
            ("burst_quotes", 0),
        ):
            value = getattr(self, name)
            demand(value >= least, f"orders {name} must be a whole number from {least}, was {value}")
        demand(
            0.0 <= self.requote_edge_usd < _INFINITE,
            f"orders requote_edge_usd must be 0 or above, was {self.requote_edge_usd}",
        )
        demand(
            0.0 <= self.refill_share <= 1.0,
            f"orders refill_share must be between 0 and 1, was {self.refill_share}",
        )
        demand(
            1.0 <= self.kill_share < _INFINITE,
            f"orders kill_share must be 1 or above, was {self.kill_share}: a kill limit lies beyond the hard limit",
        )
