"""What lies between a desk and its made-up exchange, and what goes wrong there in a day. Every number is invented.

Faults are those of a day from the open to the close. Shares are of messages, each by itself; a kind that happens `per_day` comes as a
Poisson process. Everything is off unless it is told.
"""

from flatbook.model.terms import Parameters, demand

_INFINITE = float("inf")
_DAY_S = 86_400.0
_MOST_PER_DAY = 1_000.0


class WireTerms(Parameters, frozen=True, kw_only=True):
    """How long everything takes. A latency is lognormal about its median, and what is sent later arrives no earlier."""

    to_venue_ms: float = 1.0  # median
    to_desk_ms: float = 1.0
    feed_ms: float = 2.0  # from a move of the market until the desk is told
    latency_sigma: float = 0.3  # of the logarithm of each latency
    decision_ms: float = 5.0  # from a cycle's facts until its commands leave
    price_retold_s: float = 60.0  # a price that stands still is told again after so long, as a heartbeat
    quotes_retold_s: float = 300.0  # so is a quote
    resend_after_ms: float = 500.0  # without an answer the desk asks again for what it misses
    silence_s: float = 150.0  # a feed that said nothing for so long is not trusted
    ask_again_s: float = 0.0  # without a cause the desk asks for its open orders again; 0: never

    def __post_init__(self) -> None:
        """Refuse times that cannot be meant."""
        for name in ("to_venue_ms", "to_desk_ms", "feed_ms", "decision_ms"):
            value = getattr(self, name)
            demand(0.0 <= value <= 1e6, f"wire {name} must be from 0 to 1e6, was {value}")
        for name in ("price_retold_s", "quotes_retold_s", "resend_after_ms", "silence_s"):
            value = getattr(self, name)
            demand(0.0 < value < _INFINITE, f"wire {name} must be above 0 and finite, was {value}")
        demand(
            0.0 <= self.ask_again_s < _INFINITE,
            f"wire ask_again_s must be 0 or above, was {self.ask_again_s}",
        )
        demand(
            0.0 <= self.latency_sigma <= 3.0,
            f"wire latency_sigma must be from 0 to 3, was {self.latency_sigma}",
        )


class FaultTerms(Parameters, frozen=True, kw_only=True):
    """What goes wrong in a day."""

    # The feed. Each of these hits one underlying, or one series, that is drawn; a gap may hit all of them at once.
    feed_gaps_per_day: float = 0.0  # messages are lost
    feed_gap_s: float = 20.0  # mean length; so everywhere below
    feed_gap_all_share: float = 0.25  # of gaps: of every underlying
    stale_feeds_per_day: float = 0.0  # nothing is sent of an underlying, and nothing is lost
    stale_feed_s: float = 60.0
    stale_series_per_day: float = 0.0  # the quote of one series stands still while others move
    stale_series_s: float = 120.0
    frozen_prices_per_day: float = 0.0  # a price is told again and again while the market moves
    frozen_price_s: float = 60.0
    feed_lost_share: float = 0.0
    feed_repeated_share: float = 0.0
    feed_reordered_share: float = 0.0
    feed_crossed_share: float = (
        0.0  # of messages with quotes: one series is told with its bid above its offer
    )

    # Orders to the venue.
    commands_lost_share: float = 0.0
    commands_repeated_share: float = 0.0
    commands_reordered_share: float = 0.0
    late_cancels_share: float = 0.0  # of cancels: they arrive so much later that the order may fill meanwhile
    late_cancel_ms: float = 200.0  # mean
    rejects_share: float = 0.0  # of new orders; for the exchange, which draws it

    # Reports to the desk.
    reports_lost_share: float = 0.0  # of all of them
    answers_lost_share: float = 0.0  # of what is no execution, bust or correction
    reports_repeated_share: float = 0.0
    reports_reordered_share: float = 0.0
    reorder_ms: float = 50.0  # at most: how much later a message comes that is reordered or repeated

    # Sessions.
    disconnects_per_day: float = 0.0
    disconnect_s: float = 15.0
    cancel_on_disconnect_share: float = 1.0  # of disconnects: the venue cancels what is open
    hedge_closed_from_minute: float | None = None  # minutes after the open; nothing but options trades
    hedge_closed_to_minute: float | None = None  # None: until the close

    # The desk's machine.
    clock_jumps_per_day: float = 0.0
    clock_jump_s: float = 3_600.0  # at most, forward or back
    clock_wrong_s: float = 120.0  # mean time until the clock is right again
    slow_decisions_share: float = 0.0  # of cycles
    slow_decision_ms: float = 500.0  # mean, on top of the usual
    kills_per_day: float = 0.0  # of the process, at a journal write that is drawn
    kill_writes: int = 20  # at most: writes between the instant of a kill and the one that is its last
    torn_records_share: float = 0.0  # of kills: half of the last record is on the disk
    full_disks_per_day: float = 0.0  # the journal takes no more, at a write that is drawn as for kills

    # The venue's second thoughts.
    busts_per_day: float = 0.0
    corrections_per_day: float = 0.0
    correction_ticks: int = 2  # at most, either way

    calm_last_minutes: float = 0.0  # before the close: nothing goes wrong any more, and what is wrong ends

    def __post_init__(self) -> None:
        """Refuse faults that cannot be meant."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name.endswith("_share"):
                demand(0.0 <= value <= 1.0, f"faults {name} must be from 0 to 1, was {value}")
            elif name.endswith("_per_day"):
                demand(
                    0.0 <= value <= _MOST_PER_DAY,
                    f"faults {name} must be from 0 to {_MOST_PER_DAY:g}, was {value}",
                )
            elif name.endswith("_s"):
                demand(0.0 < value <= _DAY_S, f"faults {name} must be above 0, at most a day, was {value}")
            elif name.endswith("_ms"):
                demand(0.0 < value <= 1e6, f"faults {name} must be above 0, at most 1e6, was {value}")
        demand(self.kill_writes >= 1, f"faults kill_writes must be 1 or above, was {self.kill_writes}")
        demand(
            self.correction_ticks >= 1,
            f"faults correction_ticks must be 1 or above, was {self.correction_ticks}",
        )
        demand(
            0.0 <= self.calm_last_minutes < _INFINITE,
            f"faults calm_last_minutes must be 0 or above, was {self.calm_last_minutes}",
        )
        opens, closes = self.hedge_closed_from_minute, self.hedge_closed_to_minute
        demand(
            (opens is None and closes is None)
            or (opens is not None and 0.0 <= opens < (_INFINITE if closes is None else closes)),
            f"faults: the hedge venue closes at a minute from 0 and opens at a later one, was {opens} and {closes}",
        )

    @classmethod
    def all_on(cls) -> "FaultTerms":
        """Every fault, often enough that a day of some hours meets each of most kinds."""
        return cls(
            feed_gaps_per_day=3.0,
            stale_feeds_per_day=2.0,
            stale_series_per_day=4.0,
            frozen_prices_per_day=2.0,
            feed_lost_share=0.005,
            feed_repeated_share=0.01,
            feed_reordered_share=0.01,
            feed_crossed_share=0.01,
            commands_lost_share=0.005,
            commands_repeated_share=0.005,
            commands_reordered_share=0.01,
            late_cancels_share=0.05,
            rejects_share=0.01,
            reports_lost_share=0.01,
            answers_lost_share=0.01,
            reports_repeated_share=0.03,
            reports_reordered_share=0.03,
            disconnects_per_day=2.0,
            cancel_on_disconnect_share=0.5,
            hedge_closed_from_minute=180.0,
            hedge_closed_to_minute=195.0,
            clock_jumps_per_day=1.0,
            slow_decisions_share=0.02,
            kills_per_day=2.0,
            torn_records_share=0.5,
            full_disks_per_day=0.5,
            busts_per_day=2.0,
            corrections_per_day=2.0,
        )
