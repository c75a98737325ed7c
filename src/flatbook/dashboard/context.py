"""What every page is given: the newest snapshots, the operator's door, who may come in, and what the desk file says of the dashboard."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

import msgspec
from fastapi import HTTPException

from flatbook.dashboard.security.users import Users
from flatbook.live.operator import OperatorPort
from flatbook.live.publisher import Publisher
from flatbook.live.snapshot import Snapshot
from flatbook.model.errors import InvalidValueError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class DashboardSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[dashboard]` of a desk file."""

    host: str = "127.0.0.1"
    port: int = 8000  # 0: any that is free
    allowed_hosts: tuple[str, ...] = ()  # names under which browsers find us, beside loopback
    behind_proxy: bool = False  # TLS ends before us
    tls_certificate: str = ""  # file
    tls_key: str = ""  # file
    four_eyes: bool = False  # raising a limit or releasing a kill waits for a second person
    replay: bool = (
        True  # take the journal again beside the desk, so that any moment of it can be shown at once
    )
    local_role: str = "risk_officer"  # of whoever sits at the machine while no user is configured

    def __post_init__(self) -> None:
        """Refuse a port that is none, and half of a certificate."""
        if not 0 <= self.port <= 65_535:
            msg = f"[dashboard] port must be from 0 to 65535, was {self.port}"
            raise InvalidValueError(msg)
        if bool(self.tls_certificate) != bool(self.tls_key):
            msg = "[dashboard] tls_certificate and tls_key belong together: give both, or neither"
            raise InvalidValueError(msg)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in _LOOPBACK


class Archive(Protocol):
    """What was: the desk at any moment of its journal. A sequence that is not there raises UnknownTopicError.

    `dashboard.past.asked.Library` is one that answers for itself, in a process of its own.
    """

    def span(self) -> tuple[int, int]:
        """The first and the last sequence that can be shown."""
        ...

    def snapshot_at(self, sequence: int) -> Awaitable[Snapshot]:
        """The desk with the last decision up to this sequence; its mode is REPLAY."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Given to every router."""

    publisher: Publisher
    operator: OperatorPort
    users: Users
    settings: DashboardSettings
    archive: Archive | None = None  # None: nothing is kept

    def snapshot(self) -> Snapshot:
        """The newest snapshot.

        Raises
        ------
        HTTPException
            503: the desk has not shown anything yet.
        """
        latest = self.publisher.latest
        if latest is None:
            raise HTTPException(503, "the desk is starting: it has not published anything yet")
        return latest
