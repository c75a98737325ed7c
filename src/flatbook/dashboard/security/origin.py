"""Under which names a browser may reach the dashboard, and from which pages it may be asked.

A foreign page can send a browser here under any name that its owner's DNS tells (rebinding), so the Host must be ours; and every WebSocket
and every unsafe request that a page makes says from where it comes, so the Origin must be that Host. WebSockets know no same-origin policy.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.model.errors import InvalidValueError

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
_HOST = re.compile(
    r"(?:\[(?P<six>[0-9a-fA-F:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::(?P<port>\d{1,5}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """What is ours."""

    names: frozenset[str]  # of hosts, lower case
    origins: frozenset[str]  # whole ones
    schemes: frozenset[str]  # by which a page of ours is reached

    def host_is_ours(self, hosts: list[str]) -> bool:
        """Whether the one Host header names us."""
        found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        return found is not None and (found["six"] or found["name"]).lower() in self.names

    def origin_is_ours(self, origins: list[str], hosts: list[str]) -> bool:
        """Whether the request comes from a page of ours, or from no page at all: then it has no Origin."""
        if not origins:
            return True
        if len(origins) != 1 or not self.host_is_ours(hosts):
            return False
        if origins[0] in self.origins:
            return True
        scheme, separator, rest = origins[0].partition("://")
        if not separator or scheme not in self.schemes or not _HOST.fullmatch(rest):
            return False
        return _with_port(rest.lower(), scheme) == _with_port(hosts[0].lower(), scheme)


def origins_of(settings: SecuritySettings) -> Origins:
    """What is ours by the settings.

    Raises
    ------
    InvalidValueError
        An origin that a browser never sends.
    """
    for origin in settings.origins:
        parts = urlsplit(origin)
        if (
            parts.scheme not in _DEFAULT_PORTS
            or origin != f"{parts.scheme}://{parts.netloc}"
            or not parts.netloc
        ):
            msg = f"origin {origin!r}: need scheme://host or scheme://host:port without a path, as https://desk.example"
            raise InvalidValueError(msg)
    return Origins(
        names=frozenset(_names(settings)),
        origins=frozenset(settings.origins),
        schemes=frozenset({"https"} if settings.encrypted else {"http"}),
    )


def _names(settings: SecuritySettings) -> Iterable[str]:
    yield from (*_LOOPBACK_NAMES, *(name.lower() for name in settings.host_names))
    yield from (urlsplit(origin).hostname or "" for origin in settings.origins)
    if settings.host not in {"", "0.0.0.0", "::"}:  # noqa: S104 - what is not bound to
        yield settings.host.lower()


def _with_port(host: str, scheme: str) -> str:
    found = _HOST.fullmatch(host)
    assert found is not None, f"{host!r} was matched before"
    return f"{found['six'] or found['name']}:{found['port'] or _DEFAULT_PORTS[scheme]}"
