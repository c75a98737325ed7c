"""What persons did at the dashboard, and who came in: the audit trail, in the same chain as what it led to."""

from enum import StrEnum

from flatbook.model.errors import InvalidValueError
from flatbook.model.events import Event


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
