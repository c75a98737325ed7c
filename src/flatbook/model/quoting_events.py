"""What venues tell of our quotes: protections that tripped or were reset, and sessions in which a duty runs."""

from flatbook.model.errors import InvalidValueError
from flatbook.model.events import Event


class ProtectionTripped(Event, frozen=True, kw_only=True):
    """A venue has frozen quotes of ours; its word goes before our mirror's."""

    scope: str  # as venue/rule/key, the key being a class, an underlying, or empty
    until_ns: int = 0  # 0: until it is reset


class ProtectionReset(Event, frozen=True, kw_only=True):
    """A scope was armed again, by the venue or by us: what it counted is forgotten."""

    scope: str  # as shadow/class for our own


class DutySession(Event, frozen=True, kw_only=True):
    """A session of a duty, where no calendar tells of it; it may be told ahead, and its end anew."""

    duty: str  # as venue/role
    opens_ns: int
    closes_ns: int
    later_ns: int = 0  # time of later sessions of the duty's period
    new_period: bool = True  # the period begins with it: what was counted before is forgotten

    def __post_init__(self) -> None:
        """Refuse a session without time."""
        if not (0 < self.opens_ns < self.closes_ns and self.later_ns >= 0):
            msg = (
                f"session of duty {self.duty}: need 0 < opens_ns < closes_ns and later_ns from 0, "
                f"was {self.opens_ns}, {self.closes_ns} and {self.later_ns}"
            )
            raise InvalidValueError(msg)
