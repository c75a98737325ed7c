"""Sessions of browsers: who is signed in, since when, and until when.

A session ends 30 minutes after it was last used and 12 hours after it began, by logout, by revocation, and as soon as its user has another
role or password. The cookie holds 256 random bits; only their hash is kept, in memory: a new start signs everybody out.
"""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from flatbook.dashboard.security.permissions import LOCAL, How, Principal, Role
from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.dashboard.security.users import User, Users, new_id

SESSIONS_OF_USER = 10
SESSIONS_MAX = 10_000
Clock = Callable[[], int]
_LOCAL_EPOCH = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser of one user."""

    id: str  # public: for lists and for ending it
    name: str
    epoch: int  # of its user when it began
    csrf: str  # what unsafe requests repeat in a header
    source: str
    began_ns: int
    used_ns: int
    password_ns: int  # when the password was given last


class Sessions:
    """All sessions. Any thread may ask."""

    def __init__(self, users: Users, settings: SecuritySettings, clock: Clock) -> None:
        self._users, self._settings, self._clock = users, settings, clock
        self._by_key: dict[bytes, Session] = {}
        self._lock = threading.Lock()

    def begin(self, user: User, source: str) -> tuple[str, Session]:
        """A new session of a user; its cookie is told once. The oldest of too many ends."""
        return self._begin(user.name, user.epoch, source)

    def begin_local(self, source: str) -> tuple[str, Session]:
        """A session of whoever sits at the machine."""
        return self._begin(LOCAL, _LOCAL_EPOCH, source)

    def find(self, cookie: str, source: str) -> tuple[Session, Principal] | None:
        """The session of a cookie, used now; None where it has ended or never was."""
        now_ns = self._clock()
        with self._lock:
            key = _key(cookie)
            session = self._by_key.get(key)
            if session is None:
                return None
            role = self._role_of(session, now_ns)
            if role is None:
                del self._by_key[key]
                return None
            session = replace(session, used_ns=now_ns)
            self._by_key[key] = session
        how = How.LOCAL if session.name == LOCAL else How.PASSWORD
        who = Principal(name=session.name, role=role, how=how, session=session.id, source=source)
        return session, who

    def holds(self, session_id: str) -> bool:
        """Whether the session of this public id has not ended; asking does not use it."""
        now_ns = self._clock()
        with self._lock:
            found = next((one for one in self._by_key.values() if one.id == session_id), None)
            return found is not None and self._role_of(found, now_ns) is not None

    def password_given(self, session_id: str) -> None:
        """The user of a session gave the password again."""
        with self._lock:
            for key, session in self._by_key.items():
                if session.id == session_id:
                    self._by_key[key] = replace(session, password_ns=self._clock())

    def end(self, session_id: str, name: str | None = None) -> bool:
        """End a session: of one user, or of whomever. Whether there was one."""
        with self._lock:
            keys = [
                key
                for key, one in self._by_key.items()
                if one.id == session_id and (name is None or one.name == name)
            ]
            for key in keys:
                del self._by_key[key]
            return bool(keys)

    def all(self, name: str | None = None) -> tuple[Session, ...]:
        """Those that have not ended: of one user, or of all."""
        now_ns = self._clock()
        with self._lock:
            self._forget(now_ns)
            return tuple(one for one in self._by_key.values() if name is None or one.name == name)

    def _begin(self, name: str, epoch: int, source: str) -> tuple[str, Session]:
        cookie, now_ns = secrets.token_urlsafe(32), self._clock()
        session = Session(
            id=new_id(),
            name=name,
            epoch=epoch,
            csrf=secrets.token_urlsafe(32),
            source=source,
            began_ns=now_ns,
            used_ns=now_ns,
            password_ns=now_ns,
        )
        with self._lock:
            own = [key for key, one in self._by_key.items() if one.name == name]
            if len(own) >= SESSIONS_OF_USER or len(self._by_key) >= SESSIONS_MAX:
                self._forget(now_ns)
                own = [key for key in own if key in self._by_key]
                for key in own[: max(0, len(own) - SESSIONS_OF_USER + 1)]:
                    del self._by_key[key]
            while len(self._by_key) >= SESSIONS_MAX:
                del self._by_key[next(iter(self._by_key))]
            self._by_key[_key(cookie)] = session
        return cookie, session

    def _role_of(self, session: Session, now_ns: int) -> Role | None:
        """What its user may now; None where the session has ended."""
        settings = self._settings
        fresh = (
            now_ns - session.used_ns < settings.session_idle_ns
            and now_ns - session.began_ns < settings.session_ends_ns
        )
        if not fresh:
            return None
        if session.name == LOCAL:
            return None if self._users.anybody else settings.local_role
        user = self._users.find(session.name)
        return user.role if user is not None and user.epoch == session.epoch else None

    def _forget(self, now_ns: int) -> None:
        for key in [key for key, one in self._by_key.items() if self._role_of(one, now_ns) is None]:
            del self._by_key[key]


def same_csrf(session: Session, told: str) -> bool:
    """Whether a header repeats the session's own token."""
    return hmac.compare_digest(session.csrf.encode(), told.encode("utf-8", "replace"))


def _key(cookie: str) -> bytes:
    return hashlib.blake2b(cookie.encode("utf-8", "replace"), digest_size=32).digest()
