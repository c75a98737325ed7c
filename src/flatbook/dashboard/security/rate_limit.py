"""How often somebody may ask: a bucket of requests for each speaker, and a wait after wrong passwords.

Kills have buckets of their own, so that nobody who floods the rest can hold one up. All tables are bounded: the entry that was not used
for longest is forgotten first.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from flatbook.dashboard.security.sessions import Clock
from flatbook.dashboard.security.settings import SecuritySettings

KEYS_MAX = 10_000
_S = 1_000_000_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at_ns: int


class Buckets:
    """A token bucket for each key: `rate` a second, at most `burst` at once."""

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._by_key: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, cost: float = 1.0) -> float:
        """Take `cost` for `key`: 0 where it is there, else the seconds until it will be."""
        now_ns = self._clock()
        with self._lock:
            bucket = self._by_key.pop(key, None) or _Bucket(self._burst, now_ns)
            self._by_key[key] = bucket
            while len(self._by_key) > KEYS_MAX:
                self._by_key.popitem(last=False)
            gained = max(0, now_ns - bucket.at_ns) / _S * self._rate
            bucket.left, bucket.at_ns = min(self._burst, bucket.left + gained), now_ns
            if bucket.left >= cost:
                bucket.left -= cost
                return 0.0
            return (cost - bucket.left) / self._rate


@dataclass(slots=True)
class _Failures:
    count: int = 0
    until_ns: int = 0
    last_ns: int = 0


class Logins:
    """Waits after wrong passwords, for a name from an address, and for an address whatever the name.

    After the free ones each doubles the wait, from a second to a quarter of an hour. A name is never locked from other addresses: nobody
    shuts a risk officer out by guessing.
    """

    _ADDRESS_FREE_TIMES = 4  # an address may have several users

    def __init__(self, settings: SecuritySettings, clock: Clock) -> None:
        self._free, self._longest_ns, self._clock = settings.logins_free, settings.login_wait_max_ns, clock
        self._by_key: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, name: str, source: str) -> float:
        """Seconds until a login may be tried; 0: now."""
        now_ns = self._clock()
        with self._lock:
            found = (self._by_key.get(key) for key in _login_keys(name, source))
            return max((max(0, one.until_ns - now_ns) / _S for one in found if one is not None), default=0.0)

    def failed(self, name: str, source: str) -> None:
        """A password was wrong."""
        now_ns = self._clock()
        with self._lock:
            for key, free in zip(
                _login_keys(name, source), (self._free, self._free * self._ADDRESS_FREE_TIMES), strict=True
            ):
                one = self._by_key.pop(key, None) or _Failures()
                if now_ns - one.last_ns > 2 * self._longest_ns:
                    one = _Failures()
                one.count, one.last_ns = one.count + 1, now_ns
                if one.count >= free:
                    one.until_ns = now_ns + min(self._longest_ns, _S << min(40, one.count - free))
                self._by_key[key] = one
            while len(self._by_key) > KEYS_MAX:
                self._by_key.popitem(last=False)

    def succeeded(self, name: str, source: str) -> None:
        """A password was right: what was counted for this name from here is forgotten."""
        with self._lock:
            self._by_key.pop(_login_keys(name, source)[0], None)


def _login_keys(name: str, source: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (name, source), ("", source)
