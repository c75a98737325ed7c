"""The door of a dashboard: who may come in, and the socket at which it listens, before anything else starts."""

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from flatbook.dashboard.context import DashboardSettings
from flatbook.dashboard.security.binding import check_binding
from flatbook.dashboard.security.from_desk import security_settings
from flatbook.dashboard.security.places import users_path
from flatbook.dashboard.security.users import Users
from flatbook.live.settings import table_of
from flatbook.model.errors import Fault, FaultsError

_PORTS_TRIED = 20  # from the default one upwards, where nobody named one
_BACKLOG = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where a dashboard is to be, as the desk file and the command line say."""

    document: dict[str, Any]
    name: str
    host: str | None
    port: int | None
    on: bool
    behind_proxy: bool = False

    def settings(self) -> DashboardSettings:
        """Of both; raises FaultsError where the file is wrong."""
        told = table_of(self.document, "dashboard", DashboardSettings, self.name)
        named = {"host": self.host, "port": self.port, "behind_proxy": self.behind_proxy or None}
        changes = {key: value for key, value in named.items() if value is not None}
        return msgspec.structs.replace(told, **changes)

    @property
    def port_was_named(self) -> bool:
        """Whether somebody chose the port, who would look for the page there and nowhere else."""
        return self.port is not None or "port" in self.document.get("dashboard", {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Open: nobody is served yet."""

    settings: DashboardSettings
    users: Users
    listening: socket.socket

    @property
    def address(self) -> str:
        """For a browser."""
        scheme = "https" if self.settings.tls_certificate else "http"
        host = self.settings.host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.listening.getsockname()[1]}/"


@contextlib.contextmanager
def door_of(page: Page) -> Iterator[Door | None]:
    """The door, closed at the end; None where nobody wants a page.

    Raises
    ------
    FaultsError
        The settings are wrong, the port is taken, or who could reach it is not who may.
    """
    if not page.on:
        yield None
        return
    settings = page.settings()
    with contextlib.closing(Users.open(users_path(os.environ))) as users:
        check_binding(security_settings(settings), users)
        with contextlib.closing(_listening(settings, page)) as listening:
            yield Door(settings=settings, users=users, listening=listening)


def _listening(settings: DashboardSettings, page: Page) -> socket.socket:
    ports = [settings.port]
    if not page.port_was_named:
        ports += range(settings.port + 1, settings.port + _PORTS_TRIED)
    for port in ports:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        tried = socket.socket(family, socket.SOCK_STREAM)
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((settings.host, port))
            tried.listen(_BACKLOG)
        except OSError as error:
            tried.close()
            why = error.strerror or str(error)
        else:
            return tried
    fault = Fault(
        where=f"{page.name}: [dashboard] {settings.host}:{settings.port}",
        found=why.lower(),
        expected="an address at which nobody listens",
        action="name another with --port (0: any that is free), or stop what listens there",
    )
    raise FaultsError([fault])
