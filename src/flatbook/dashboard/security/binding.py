"""Where the dashboard may listen: on loopback; elsewhere only encrypted, and only if somebody has to log in."""

import ipaddress

from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.dashboard.security.users import Users
from flatbook.model.errors import InvalidValueError


def is_loopback(host: str) -> bool:
    """Whether nobody outside the machine reaches it; a name other than localhost is not believed."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def check_binding(settings: SecuritySettings, users: Users) -> None:
    """Refuse to listen where a stranger could act.

    Raises
    ------
    InvalidValueError
        The address is open to others without TLS or a proxy that speaks it, or without a password.
    """
    faults = []
    if not is_loopback(settings.host) and not settings.encrypted:
        faults.append(
            "give a certificate and key for TLS, or --behind-proxy if something in front speaks TLS, or bind to 127.0.0.1"
        )
    if (not is_loopback(settings.host) or settings.behind_proxy) and not users.with_password:
        faults.append("no user has a password: flatbook users add NAME --role admin")
    if faults:
        where = f"{settings.host or 'every address'}{' behind a proxy' if settings.behind_proxy else ''}"
        msg = f"the dashboard does not listen on {where}: {'; '.join(faults)}"
        raise InvalidValueError(msg)
