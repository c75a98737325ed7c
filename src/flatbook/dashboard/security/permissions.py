"""Who may do what: four roles, one table, and nothing that is not in it.

A viewer reads. A trader also answers hedges, pulls quotes and stops trading. A risk officer also sets limits, releases what was
stopped, and is the second pair of eyes. An admin keeps users and touches no risk. Separation of duties: reliability notes, S3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What a user is to the desk."""

    VIEWER = "viewer"
    TRADER = "trader"
    RISK_OFFICER = "risk_officer"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a route or a verb of a WebSocket asks for."""

    PUBLIC = "public"  # anybody, signed in or not
    OWN_SESSION = "own_session"  # whoever is signed in, for themselves
    TOKENS = "tokens"  # make API tokens of their own
    READ = "read"
    KILL = "kill"  # stop trading in any scope; never waits behind a rate limit
    PULL = "pull"  # take the quotes of one class away
    HEDGE = "hedge"  # approve or reject what the desk proposes
    RESET = "reset"  # arm a protection again
    ACKNOWLEDGE = "acknowledge"
    LIMITS = "limits"
    RELEASE = "release"  # let go on what was stopped
    SECOND = "second"  # answer what waits for a second person
    USERS = "users"


_EVERYBODY = frozenset({Permission.PUBLIC, Permission.OWN_SESSION, Permission.TOKENS, Permission.READ})
_TRADER = _EVERYBODY | {
    Permission.KILL,
    Permission.PULL,
    Permission.HEDGE,
    Permission.RESET,
    Permission.ACKNOWLEDGE,
}
PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.VIEWER: _EVERYBODY,
        Role.TRADER: _TRADER,
        Role.RISK_OFFICER: _TRADER | {Permission.LIMITS, Permission.RELEASE, Permission.SECOND},
        Role.ADMIN: _EVERYBODY | {Permission.USERS},
    }
)
STEP_UP = frozenset(
    {Permission.TOKENS, Permission.LIMITS, Permission.RELEASE, Permission.SECOND, Permission.USERS}
)
"""Permissions that ask a person to have given the password lately; an API token never has them."""

VERBS: Mapping[str, Permission] = MappingProxyType({"subscribe": Permission.READ})
"""What a client may send over the stream, and what it needs for that."""

LOCAL = "local"  # name of whoever sits at the machine while no user is configured


class How(StrEnum):
    """By what a person was known."""

    PASSWORD = "password"  # noqa: S105 - a word, no secret
    TOKEN = "token"  # noqa: S105 - a word, no secret
    LOCAL = "local"  # sits at this machine, and no user is configured


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who speaks."""

    name: str
    role: Role
    how: How
    session: str = ""  # public id of the session; empty where there is none
    source: str = ""  # network address

    def may(self, permission: Permission) -> bool:
        """Whether the role allows it."""
        return permission in PERMISSIONS[self.role]
