"""The security that the `[dashboard]` table of a desk file asks for."""

from flatbook.dashboard.context import DashboardSettings
from flatbook.dashboard.security.permissions import Role
from flatbook.dashboard.security.settings import SecuritySettings
from flatbook.model.errors import InvalidValueError


def security_settings(told: DashboardSettings) -> SecuritySettings:
    """What `install` and `check_binding` take.

    Raises
    ------
    InvalidValueError
        A role that nobody has.
    """
    if told.local_role not in set(Role):
        msg = f"[dashboard] local_role: need one of {', '.join(Role)}, was {told.local_role!r}"
        raise InvalidValueError(msg)
    origins = tuple(name for name in told.allowed_hosts if "://" in name)
    return SecuritySettings(
        host=told.host,
        tls=bool(told.tls_certificate),
        behind_proxy=told.behind_proxy,
        host_names=tuple(name for name in told.allowed_hosts if "://" not in name),
        origins=origins,
        local_role=Role(told.local_role),
        four_eyes=told.four_eyes,
    )
