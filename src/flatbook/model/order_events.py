"""What venues say of our orders, and who stops or releases trading."""

from enum import IntEnum, StrEnum

from flatbook.model.errors import InvalidValueError
from flatbook.model.events import Event


class OrderNews(IntEnum):
    """What became of an order, as its venue says or as its silence tells."""

    ACKNOWLEDGED = 1  # it works; a replacement also ends the order in whose place it stands
    REJECTED = 2  # it never worked; the order that it would have replaced works on
    CANCELLED = 3  # nothing of it remains
    CANCEL_REJECTED = 4  # it could not be cancelled: nobody knows what it is until asked
    UNKNOWN = 5  # no answer, a lost session: it counts as live until proven dead


class OrdersAnswered(Event, frozen=True, kw_only=True):
    """News of orders of ours, as columns, in the order in which the venue told them.

    Fills are no news of an order: they come as `Fill`.
    """

    client_ids: tuple[int, ...]
    news: tuple[OrderNews, ...]
    venue: str = ""
    reason: str = ""  # in the venue's words

    def __post_init__(self) -> None:
        """Refuse columns that do not belong together, and ids that none of our orders has."""
        if len(self.client_ids) != len(self.news):
            msg = f"orders answered: {len(self.client_ids)} client ids need as much news, found {len(self.news)}"
            raise InvalidValueError(msg)
        if any(client_id <= 0 for client_id in self.client_ids):
            msg = "orders answered: a client id is a whole number above 0"
            raise InvalidValueError(msg)


class OpenOrdersTold(Event, frozen=True, kw_only=True):
    """All orders of ours that one venue holds open, asked after a break: what is not among them is dead there."""

    venue: str
    asked_ns: int  # orders sent to the venue from then on, up to `received_ns`, are not judged by the answer
    client_ids: tuple[int, ...]
    quantities: tuple[int, ...]  # contracts still open, positive

    def __post_init__(self) -> None:
        """Refuse columns that do not belong together."""
        if len(self.client_ids) != len(self.quantities) or any(each <= 0 for each in self.quantities):
            msg = f"open orders at {self.venue!r}: {len(self.client_ids)} client ids need as many positive quantities"
            raise InvalidValueError(msg)


class KillScope(StrEnum):
    """What a kill switch stops."""

    DESK = "desk"
    VENUE = "venue"
    UNDERLYING = "underlying"
    CLASS = "class"


class KillSet(Event, frozen=True, kw_only=True):
    """Somebody stopped trading in a scope, or released it. A kill holds until it is released by name."""

    scope: KillScope
    name: str = ""  # of the venue, underlying or class; empty for the desk
    on: bool
    owner: str
    reason: str

    def __post_init__(self) -> None:
        """Refuse a kill of nothing, and one that nobody answers for."""
        if (self.scope is KillScope.DESK) != (not self.name):
            msg = f"kill of {self.scope.value} {self.name!r}: a desk has no name, every other scope needs one"
            raise InvalidValueError(msg)
        if not (self.owner.strip() and self.reason.strip()):
            msg = f"kill of {self.scope.value} {self.name!r}: it needs an owner and a reason, was {self.owner!r} and {self.reason!r}"
            raise InvalidValueError(msg)
