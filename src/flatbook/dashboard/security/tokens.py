"""API tokens: for programs. They have an owner, a role that never exceeds the owner's, and an end.

A token reads `fbk_<id>_<secret>`: the id finds it, the secret of 256 random bits is kept as an Argon2id hash only.
"""

import re
import secrets

from flatbook.dashboard.security.passwords import Passwords, cheap
from flatbook.dashboard.security.permissions import PERMISSIONS, How, Principal, Role
from flatbook.dashboard.security.secrets import Secret
from flatbook.dashboard.security.sessions import Clock
from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.dashboard.security.users import StoredToken, User, UserError, Users, new_id
from flatbook.model.errors import InvalidValueError

TOKENS_OF_USER = 50
_DAY_NS = 86_400 * 1_000_000_000
_WRITTEN = re.compile(r"fbk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class Tokens:
    """Makes and knows tokens."""

    def __init__(self, users: Users, settings: SecuritySettings, clock: Clock) -> None:
        self._users, self._settings, self._clock = users, settings, clock
        self._secrets = Passwords(cheap())

    def make(self, owner: User, label: str, role: Role, days: int) -> tuple[Secret, StoredToken]:
        """A new token; it is told once.

        Raises
        ------
        InvalidValueError
            The role exceeds the owner's, or it would end too late or not at all.
        UserError
            The owner has too many, or is no longer there.
        """
        if not PERMISSIONS[role] <= PERMISSIONS[owner.role]:
            msg = f"token of {owner.name}: role {role} allows what {owner.role} does not"
            raise InvalidValueError(msg)
        if not 1 <= days <= self._settings.token_days_max:
            msg = f"token of {owner.name}: days must be from 1 to {self._settings.token_days_max}, was {days}"
            raise InvalidValueError(msg)
        if len(self._users.tokens(owner.name)) >= TOKENS_OF_USER:
            msg = f"token of {owner.name}: there are {TOKENS_OF_USER} already; revoke one"
            raise UserError(msg)
        now_ns = self._clock()
        token = StoredToken(
            id=new_id(),
            name=owner.name,
            label=label,
            role=role,
            created_ns=now_ns,
            expires_ns=now_ns + days * _DAY_NS,
        )
        secret = secrets.token_urlsafe(32)
        self._users.keep_token(token, self._secrets.hash(secret))
        return Secret(f"fbk_{token.id}_{secret}"), token

    def find(self, written: str, source: str) -> Principal | None:
        """Who speaks by a token; None where it is none, has ended, or was revoked."""
        found = _WRITTEN.fullmatch(written)
        kept = self._users.token(found[1]) if found else None
        if found is None or kept is None:
            return None
        token, hashed = kept
        if not self._secrets.matches(hashed, found[2]):
            return None
        return self._principal(token, source)

    def holds(self, token_id: str) -> bool:
        """Whether a token has not ended."""
        kept = self._users.token(token_id)
        return kept is not None and self._principal(kept[0], "") is not None

    def _principal(self, token: StoredToken, source: str) -> Principal | None:
        owner = self._users.find(token.name)
        if owner is None or self._clock() >= token.expires_ns:
            return None
        role = token.role if PERMISSIONS[token.role] <= PERMISSIONS[owner.role] else owner.role
        return Principal(name=owner.name, role=role, how=How.TOKEN, session=token.id, source=source)
