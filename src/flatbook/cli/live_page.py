"""The dashboard of a desk at work, in its process and on its event loop."""

import asyncio
import contextlib
from collections.abc import Iterator

import typer
import uvicorn
from fastapi import FastAPI
from starlette.routing import Route

from flatbook.cli.live_door import Door
from flatbook.dashboard.app import OPEN_PATHS, create_app
from flatbook.dashboard.security.gate import Guarded, check_declared
from flatbook.dashboard.security.permissions import Permission
from flatbook.live.health import METRICS, PATHS, PUBLIC, Health
from flatbook.live.log import Logger
from flatbook.live.service import Service, Terms

_STOPS_S = 2
_ASKED_BYTES_MOST = 4_096  # what a page may say in one message: it says which topics it wants


class _Server(uvicorn.Server):
    """One that leaves signals to the desk."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the desk stops first."""
        yield


async def page_beside(service: Service, door: Door | None, terms: Terms, log: Logger) -> None:
    """Serve until cancelled; at once done where nobody wants a page."""
    if door is None:
        return
    settings = door.settings
    app = create_app(service.publisher, service.operator, door.users, settings, archive=None)
    _watched(app, Health(service.publisher, service.metrics))
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, proxy_headers=settings.behind_proxy,
        ws="websockets-sansio", ws_per_message_deflate=False, ws_max_size=_ASKED_BYTES_MOST,
        ssl_certfile=settings.tls_certificate or None, ssl_keyfile=settings.tls_key or None,
        timeout_graceful_shutdown=_STOPS_S,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[door.listening]))
    try:
        await _told(server, serving, door, terms, log)
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)


def _watched(app: FastAPI, health: Health) -> None:
    """Health for anybody, metrics for those who may read, before what catches all; nothing else without a permission."""
    metrics = Route(METRICS, Guarded(health.metrics_app, Permission.READ), methods=["GET"])
    app.router.routes[:0] = [*health.routes(), metrics]
    check_declared(app, public=(*OPEN_PATHS, *PUBLIC))


async def _told(server: _Server, serving: asyncio.Task[None], door: Door, terms: Terms, log: Logger) -> None:
    """Say where it is, once it listens."""
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if serving.done():
        return
    typer.echo(f"dashboard {door.address}    {terms.mode}; Ctrl+C stops in order")
    log.info("dashboard listens", address=door.address, health=PATHS)
