"""One scenario: the market, its customers, the exchange, what lies between them and the desk, and how often the desk decides."""

from flatbook.model.terms import Parameters, demand
from flatbook.model.world_exchange_terms import ExchangeTerms
from flatbook.model.world_fault_terms import FaultTerms, WireTerms
from flatbook.model.world_flow_terms import FlowOfDay
from flatbook.model.world_price_terms import PriceTerms
from flatbook.model.world_recorded_terms import RecordedTerms

_INFINITE = float("inf")


class Scenario(Parameters, frozen=True, kw_only=True):
    """A world to run a desk in."""

    name: str
    title: str
    what: str = ""  # what happens in it, in a few sentences
    base: str = ""  # file beside it whose tables this one is laid over; its lists are replaced as a whole
    desk: str = "desk.toml"  # the desk file, beside the scenario's own
    prices: PriceTerms | None = None  # a market that is made up
    recorded: RecordedTerms | None = None  # in its place, and in that of customers: one that was
    flow: FlowOfDay = FlowOfDay()
    exchange: ExchangeTerms = ExchangeTerms()
    wire: WireTerms = WireTerms()
    faults: FaultTerms = FaultTerms()
    cycle_s: float = (
        300.0  # longest time between two decisions of the desk; it decides after every move of the market too
    )
    react_s: float = (
        60.0  # it decides after fills of its quotes too, but so long after its last decision at the earliest
    )
    crowd_delay_ms: float = 50.0  # from a move of the market until others trade with quotes of the desk that stand where they were
    crowd_delay_sigma: float = 0.5  # of its logarithm: others are now quicker, now slower
    release_kills_minutes: float = (
        15.0  # after which a person lets a kill go, once no limit is beyond its hard level
    )
    refit_every: int = 1  # moves of the market of which one refits surfaces, factors and the risk price; after fills it only reprices
    markout_s: float = 300.0  # after which what a trade was worth is told
    desk_knows_flow: bool = (
        True  # the desk believes in the customers as they are, where its own file tells of none
    )
    desk_knows_events: bool = True  # it knows when news comes, and what quotes hold of it
    adverse_points_per_root_hour: float = (
        0.0  # what it believes that informed customers know: vol points of a series in an hour
    )
    watch: str = ""  # symbol of the series whose quotes are drawn; empty: the option nearest to the money

    def __post_init__(self) -> None:
        """Refuse a scenario that cannot be meant."""
        demand(bool(self.name.strip()) and bool(self.title.strip()), "scenario: needs a name and a title")
        demand(
            (self.prices is None) != (self.recorded is None),
            "scenario: needs [prices], a market that is made up, or [recorded], one that was; not both",
        )
        self._refuse_recorded()
        for each in ("cycle_s", "react_s", "markout_s"):
            value = getattr(self, each)
            demand(0.0 < value < _INFINITE, f"scenario {each} must be above 0 and finite, was {value}")
        demand(
            0.0 <= self.crowd_delay_ms <= 1e6,
            f"scenario crowd_delay_ms must be from 0 to 1e6, was {self.crowd_delay_ms}",
        )
        demand(
            0.0 <= self.crowd_delay_sigma <= 3.0,
            f"scenario crowd_delay_sigma must be from 0 to 3, was {self.crowd_delay_sigma}",
        )
        demand(
            0.0 < self.release_kills_minutes < _INFINITE,
            f"scenario release_kills_minutes must be above 0, was {self.release_kills_minutes}",
        )
        demand(self.refit_every >= 1, f"scenario refit_every must be 1 or above, was {self.refit_every}")

    def _refuse_recorded(self) -> None:
        if self.recorded is None:
            return
        demand(
            self.flow == FlowOfDay(),
            "scenario: [flow] beside [recorded]: its customers are those who traded then",
        )
        demand(
            self.wire.silence_s > self.recorded.spacing_s,
            f"scenario: wire silence_s must be above recorded spacing_s, {self.recorded.spacing_s:g}, or every feed counts as "
            f"dead between two moments; was {self.wire.silence_s:g}",
        )
