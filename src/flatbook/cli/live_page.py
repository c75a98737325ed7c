"""The dashboard of a desk at work, in its process and on its event loop."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import typer
import uvicorn
from fastapi import FastAPI
from starlette.routing import Mount

from flatbook.dashboard.app import OPEN_PATHS, create_app
from flatbook.dashboard.context import DashboardSettings
from flatbook.dashboard.security.binding import check_binding
from flatbook.dashboard.security.from_desk import security_settings
from flatbook.dashboard.security.gate import Guarded, check_declared
from flatbook.dashboard.security.permissions import Permission
from flatbook.dashboard.security.places import users_path
from flatbook.dashboard.security.users import Users
from flatbook.live.health import METRICS, PATHS, PUBLIC, Health
from flatbook.live.log import Logger
from flatbook.live.service import Service, Terms
from flatbook.live.settings import table_of

_STOPS_S = 2
_ASKED_BYTES_MOST = 4_096  # what a page may say in one message: it says which topics it wants


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where it is to be, as the desk file and the command line say."""

    document: dict[str, Any]
    name: str
    host: str | None
    port: int | None
    on: bool

    def settings(self) -> DashboardSettings:
        """Of both; raises FaultsError where the file is wrong."""
        told = table_of(self.document, "dashboard", DashboardSettings, self.name)
        changes = {
            key: value for key, value in (("host", self.host), ("port", self.port)) if value is not None
        }
        return msgspec.structs.replace(told, **changes)


class _Server(uvicorn.Server):
    """One that leaves signals to the desk."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the desk stops first."""
        yield


async def page_beside(service: Service, page: Page, terms: Terms, log: Logger) -> None:
    """Serve until cancelled; at once done where nobody wants a page."""
    if not page.on:
        return
    settings = page.settings()
    users = Users.open(users_path(os.environ))
    try:
        check_binding(security_settings(settings), users)
        app = create_app(service.publisher, service.operator, users, settings, archive=None)
        _watched(app, Health(service.publisher, service.metrics))
        config = uvicorn.Config(
            app, host=settings.host, port=settings.port, log_config=None, access_log=False, server_header=False,
            proxy_headers=settings.behind_proxy,
            ws="websockets-sansio", ws_per_message_deflate=False, ws_max_size=_ASKED_BYTES_MOST,
            ssl_certfile=settings.tls_certificate or None, ssl_keyfile=settings.tls_key or None,
            timeout_graceful_shutdown=_STOPS_S,
        )  # fmt: skip
        server = _Server(config)
        serving = asyncio.create_task(server.serve())
        try:
            await _told(server, serving, settings, terms, log)
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)
    finally:
        users.close()


def _watched(app: FastAPI, health: Health) -> None:
    """Health for anybody, metrics for those who may read, before what catches all; nothing else without a permission."""
    metrics = Mount(METRICS, Guarded(health.metrics_app(), Permission.READ))
    app.router.routes[:0] = [*health.routes(), metrics]
    check_declared(app, public=(*OPEN_PATHS, *PUBLIC))


async def _told(
    server: _Server, serving: asyncio.Task[None], settings: DashboardSettings, terms: Terms, log: Logger
) -> None:
    """Say where it is, once it listens."""
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if serving.done():
        return
    port = server.servers[0].sockets[0].getsockname()[1]
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    typer.echo(f"dashboard {scheme}://{host}:{port}/    {terms.mode}; Ctrl+C stops in order")
    log.info("dashboard listens", host=settings.host, port=port, health=PATHS)
