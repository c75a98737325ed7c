"""What a desk decides about the security of its dashboard."""

from dataclasses import dataclass

from flatbook.dashboard.security.permissions import Role

_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    """Defaults are those of a desk on its own machine. Durations end in ns, rates are per second."""

    host: str = "127.0.0.1"  # to which the server binds
    tls: bool = False  # the server itself speaks TLS
    behind_proxy: bool = False  # somebody in front of it does
    host_names: tuple[str, ...] = ()  # names under which browsers know it, beside those of loopback
    origins: tuple[str, ...] = ()  # whole origins, as https://desk.example:8443, beside its own
    local_role: Role = Role.RISK_OFFICER  # of who sits at the machine while no user is configured
    four_eyes: bool = False  # raising a limit and releasing a kill wait for a second person
    four_eyes_above_pct: float = 0.0  # raising a limit by no more than this needs one person
    request_expires_ns: int = 900 * _S  # that waits for a second person
    session_idle_ns: int = 1_800 * _S
    session_ends_ns: int = 43_200 * _S
    step_up_ns: int = 900 * _S  # since the password was given
    ticket_ns: int = 30 * _S
    arm_ns: int = 10 * _S  # between arming a kill and confirming it
    token_days_max: int = 365
    requests_per_s: float = 50.0  # of one user, or of an address that is nobody
    requests_burst: float = 200.0
    kills_per_s: float = 20.0
    kills_burst: float = 100.0
    logins_free: int = 5  # wrong passwords before waiting begins
    login_wait_max_ns: int = 900 * _S
    body_bytes_max: int = 65_536

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach it by https."""
        return self.tls or self.behind_proxy
