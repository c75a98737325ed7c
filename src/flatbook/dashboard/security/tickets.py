"""Tickets for WebSockets: whoever is signed in asks for one, and it opens one connection within 30 seconds."""

import hashlib
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from flatbook.dashboard.security.permissions import Principal
from flatbook.dashboard.security.sessions import Clock
from flatbook.dashboard.security.settings import SecuritySettings

TICKETS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Ticket:
    principal: Principal
    until_ns: int


class Tickets:
    """Those that nobody used yet; beyond ten thousand the oldest is forgotten."""

    def __init__(self, settings: SecuritySettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._by_key: OrderedDict[bytes, _Ticket] = OrderedDict()
        self._lock = threading.Lock()

    def make(self, principal: Principal) -> str:
        """A ticket for one connection of `principal`."""
        written = secrets.token_urlsafe(32)
        with self._lock:
            self._by_key[_key(written)] = _Ticket(principal, self._clock() + self._settings.ticket_ns)
            while len(self._by_key) > TICKETS_MAX:
                self._by_key.popitem(last=False)
        return written

    def use(self, written: str) -> Principal | None:
        """Whose ticket it is, once; None where it was used, is too old, or never was."""
        with self._lock:
            found = self._by_key.pop(_key(written), None)
        return found.principal if found is not None and self._clock() < found.until_ns else None


def _key(written: str) -> bytes:
    return hashlib.blake2b(written.encode("utf-8", "replace"), digest_size=32).digest()
