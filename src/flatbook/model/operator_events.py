"""What persons said at the dashboard and who came in: answers to hedges that wait, and the audit trail, in the same chain as what it led to."""

import math
from enum import StrEnum

from flatbook.model.errors import InvalidValueError
from flatbook.model.events import Event
from flatbook.model.instruments import Side


class Outcome(StrEnum):
    """What became of what a person asked for."""

    ASKED = "asked"  # it is about to be done, or waits for a second person
    DONE = "done"
    REFUSED = "refused"
    APPROVED = "approved"  # by a second person
    DENIED = "denied"  # by a second person
    EXPIRED = "expired"  # nobody answered in time


class OperatorActed(Event, frozen=True, kw_only=True):
    """A person did something, or tried to: it changes nothing by itself. It holds no secret."""

    action: str  # as "kill", "limit override", "login"
    who: str  # name of the user; "unknown" for a login under a name that nobody has
    role: str = ""
    outcome: Outcome
    target: str = ""  # what it was done to, as "underlying SPX"
    why: str = ""
    request: str = ""  # idempotency key, or id of the request that a second person answered
    source: str = ""  # network address

    def __post_init__(self) -> None:
        """Refuse what nobody answers for."""
        if not (self.action.strip() and self.who.strip()):
            msg = f"operator acted: it needs an action and a person, was {self.action!r} by {self.who!r}"
            raise InvalidValueError(msg)


class HedgeDecided(Event, frozen=True, kw_only=True):
    """A person let hedges of an underlying leave up to a size, or held them back; the next answer takes the place of this one."""

    underlying: str
    approve: bool
    side: Side  # of delta that is traded
    most_delta_usd: float  # that may be traded in all, by amount; 0 for a rejection
    until_ns: int  # from then on nothing is answered
    owner: str
    reason: str

    def __post_init__(self) -> None:
        """Refuse an answer to nothing, and one that nobody answers for."""
        about = f"hedge of {self.underlying!r} decided"
        if not self.underlying or not (self.owner.strip() and self.reason.strip()):
            msg = f"{about}: it needs an underlying, an owner and a reason, was {self.owner!r} and {self.reason!r}"
            raise InvalidValueError(msg)
        if not (math.isfinite(self.most_delta_usd) and self.most_delta_usd >= 0.0):
            msg = f"{about}: most_delta_usd must be 0 or above and finite, was {self.most_delta_usd}"
            raise InvalidValueError(msg)
        if self.approve != (self.most_delta_usd > 0.0):
            msg = f"{about}: an approval is of more than 0 USD of delta and a rejection of none, was {self.most_delta_usd}"
            raise InvalidValueError(msg)
