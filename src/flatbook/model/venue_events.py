"""When trading is held back: halts, gaps of a feed, sessions that are lost, a new start, and what a venue says that we hold."""

from flatbook.model.errors import InvalidValueError
from flatbook.model.events import Event


class TradingHalted(Event, frozen=True, kw_only=True):
    """Trading of an underlying and of all on it stopped, or goes on."""

    underlying: str = ""  # empty: of all of them; that one being over leaves those that were told by name
    on: bool
    reason: str


class FeedSuspect(Event, frozen=True, kw_only=True):
    """A feed has a gap: quotes of these underlyings are not to be trusted until it is filled."""

    underlyings: tuple[str, ...]
    on: bool
    reason: str


class VenueSession(Event, frozen=True, kw_only=True):
    """The session with a venue was lost, or stands again."""

    venue: str
    up: bool
    orders_cancelled: bool = False  # the venue says that it cancelled what was open: told, never believed
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse a venue without a name."""
        if not self.venue.strip():
            msg = "venue session: it needs the name of a venue"
            raise InvalidValueError(msg)


class Restarted(Event, frozen=True, kw_only=True):
    """The process starts anew from its journal: nobody knows what became of orders and trades meanwhile."""

    reason: str = ""


class PositionsTold(Event, frozen=True, kw_only=True):
    """All positions of ours that one venue counts, as columns; what is not named is 0 there."""

    venue: str
    asked_ns: int  # as of which the venue counted: trades after it are not in it
    executions: int = 0  # executions of ours that the venue has counted by then; 0: it does not say
    symbols: tuple[str, ...]
    quantities: tuple[int, ...]  # contracts, net

    def __post_init__(self) -> None:
        """Refuse columns that do not belong together, and what cannot be counted."""
        if len(self.symbols) != len(self.quantities) or len(set(self.symbols)) != len(self.symbols):
            msg = f"positions at {self.venue!r}: {len(self.symbols)} symbols, each once, need as many quantities, found {len(self.quantities)}"
            raise InvalidValueError(msg)
        if self.executions < 0:
            msg = f"positions at {self.venue!r}: executions must be 0 or above, was {self.executions}"
            raise InvalidValueError(msg)


VenueNews = TradingHalted | FeedSuspect | VenueSession | Restarted | PositionsTold
