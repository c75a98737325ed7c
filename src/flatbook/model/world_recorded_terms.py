"""Which recorded day is played again as the market of a scenario, and how much of it."""

from datetime import date

from flatbook.model.terms import Parameters, demand

_INFINITE = float("inf")
_MOST_SERIES = 10_000


class RecordedTerms(Parameters, frozen=True, kw_only=True):
    """A day of one chain, in LEAN's layout of files."""

    path: str  # folder of the recording, or one of its zips; from the folder of the scenario
    day: date  # of the exchange; in UTC for options on futures
    underlying: str = ""  # root of its options; empty: the folder holds one alone
    series: int = 60  # the most options that are played: those that traded most
    rate: float = 0.0  # continuous and annual: discounting, and carry where no future tells it
    spacing_s: float = 60.0  # of the moments at which the market moves; a whole number of bars
    hedge_depth: int = 10_000  # contracts or shares a side, of what the desk hedges with

    def __post_init__(self) -> None:
        """Refuse what cannot be played."""
        demand(bool(self.path.strip()), "recorded: needs the path of a recording")
        demand(
            1 <= self.series <= _MOST_SERIES,
            f"recorded series must be from 1 to {_MOST_SERIES}, was {self.series}",
        )
        demand(-1.0 < self.rate < 1.0, f"recorded rate must be from -1 to 1, was {self.rate}")
        demand(
            0.0 < self.spacing_s < _INFINITE,
            f"recorded spacing_s must be above 0 and finite, was {self.spacing_s}",
        )
        demand(self.hedge_depth >= 1, f"recorded hedge_depth must be 1 or above, was {self.hedge_depth}")
